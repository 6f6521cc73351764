"""The feature build by itself: a store in, Parquet out, by either batch engine.

PySpark is imported only where Spark is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from features.build import Progress


class EngineError(ValueError):
    """The engine does not do what is asked."""


@dataclass(frozen=True)
class Built:
    """How many features and rules ran, and how many did not for want of columns."""

    features: int
    rules: int
    not_run: int


def build_features(
    engine: str, store: str, as_of: date, out: str, master: str | None, progress: Progress
) -> Built:
    """Build every feature and rule of a store and write them to a new place.

    Args:
        engine: ``duckdb`` or ``spark``.
        store: the folder of a home; with Spark also its address on a shared file system.
        master: Spark's master, where spark-submit does not name it.
    """
    if engine == "spark":
        return _on_spark(store, as_of, out, master, progress)
    for place in (store, out):
        if "://" in place:
            raise EngineError(
                f"The engine duckdb reads and writes folders, not {place}; use --engine spark."
            )
    from claims.store import open_store
    from features.build import build
    from features.parameters import read_book
    from features.written import check_new, write_build
    from jihe.home import Home

    check_new(Path(out))
    book = read_book(Home(Path(store)).parameters)
    made = build(open_store(Path(store)), as_of, progress, book)
    write_build(made, Path(out))
    return Built(len(made.features), len(made.rules), len(made.not_run))


def _on_spark(store: str, as_of: date, out: str, master: str | None, progress: Progress) -> Built:
    from features.spark import build_on_spark
    from features.spark_session import open_session
    from features.spark_store import book_at

    session = open_session(master)
    try:
        made = build_on_spark(store, as_of, out, session, progress, book_at(session, store))
    finally:
        session.stop()
    return Built(len(made.features), len(made.rules), len(made.not_run))
