"""The database of plans and outcomes: its tables, its connections, its refusal to forget.

In: a URL. Out: an engine whose every connection was checked for durability, and the tables. SQLite
must report journal_mode=WAL, synchronous=FULL and foreign_keys=ON; PostgreSQL must not run with
synchronous_commit off. All tables are append-only: triggers refuse updates and deletions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from sampling.faults import Fault, SamplingError
from sampling.trail import metadata

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_PRAGMAS = (
    ("journal_mode", "WAL", "wal"), ("synchronous", "FULL", 2), ("foreign_keys", "ON", 1),
    ("recursive_triggers", "ON", 1),
)  # fmt: skip
_BUSY_MS = 30_000
_LOCK = 7_411_909

plans = sa.Table(
    "plans", metadata,
    sa.Column("plan_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("plan_id", sa.Text, nullable=False, unique=True),
    sa.Column("seed_hash", sa.Text, nullable=False, unique=True),
    sa.Column("frame_hash", sa.Text, nullable=False),
    sa.Column("design_hash", sa.Text, nullable=False),
    sa.Column("sealed_at", sa.Text, nullable=False),
    sa.Column("certificate", sa.Text, nullable=False),
)  # fmt: skip
strata = sa.Table(
    "strata", metadata,
    sa.Column("plan_id", sa.Text, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("stratum", sa.Text, primary_key=True),
    sa.Column("stratum_size", sa.BigInteger, nullable=False),
    sa.Column("stratum_draws", sa.BigInteger, nullable=False),
    sa.Column("floor", sa.BigInteger, nullable=False),
    sa.Column("take_all", sa.Boolean, nullable=False),
)  # fmt: skip
draws = sa.Table(
    "draws", metadata,
    sa.Column("case", sa.Text, primary_key=True),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("unit_id", sa.Text, nullable=False),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("random_number", sa.Text, nullable=False),
    sa.Column("size_minor", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("plan_id", "unit", "unit_id"),
    sa.ForeignKeyConstraint(["plan_id", "stratum"], ["strata.plan_id", "strata.stratum"]),
)  # fmt: skip
chances = sa.Table(
    "chances", metadata,
    sa.Column("case", sa.Text, sa.ForeignKey("draws.case"), primary_key=True),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("chance_numerator", sa.Text, nullable=False),
    sa.Column("chance_denominator", sa.Text, nullable=False),
    sa.Column("psu_id", sa.Text),
    sa.Column("psu_size", sa.BigInteger),
    sa.Column("psu_draws", sa.BigInteger),
)  # fmt: skip
"""Of cases drawn by size or in two stages: exact chance, institution, its claims and draws."""

seals = sa.Table(
    "seals", metadata,
    sa.Column("plan_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("plan_id", sa.Text, nullable=False, unique=True),
    sa.Column("sealed_at", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)  # fmt: skip
commitments = sa.Table(
    "commitments", metadata,
    sa.Column("commitment", sa.Text, primary_key=True),
    sa.Column("plan_id", sa.Text, sa.ForeignKey("seals.plan_id"), nullable=False),
)  # fmt: skip
parts = sa.Table(
    "parts", metadata,
    sa.Column("plan_id", sa.Text, sa.ForeignKey("seals.plan_id"), primary_key=True),
    sa.Column("contributor", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("revealed_at", sa.Text, nullable=False),
)  # fmt: skip
voids = sa.Table(
    "voids", metadata,
    sa.Column("plan_id", sa.Text, sa.ForeignKey("seals.plan_id"), primary_key=True),
    sa.Column("voided_at", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("en", sa.Text, nullable=False),
    sa.Column("zh", sa.Text, nullable=False),
)  # fmt: skip
outcomes = sa.Table(
    "outcomes", metadata,
    sa.Column("entry", _KEY, primary_key=True, autoincrement=True),
    sa.Column("case", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("unit_id", sa.Text, nullable=False),
    sa.Column("plan_id", sa.Text, sa.ForeignKey("plans.plan_id")),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("disposition", sa.Text, nullable=False),
    sa.Column("overpaid_amount", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.Column("inspected_on", sa.Text, nullable=False),
    sa.Column("inspectors", sa.Text, nullable=False),
    sa.Column("known_at", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Text),
    sa.UniqueConstraint("case", "known_at"),
)  # fmt: skip


class StoreError(SamplingError):
    """The database cannot be used as it is."""


def open_store(url: str) -> sa.Engine:
    """Return an engine on ``url``; missing tables and triggers are made.

    Raises:
        StoreError: if a connection is less durable than it must be.
    """
    try:
        kind = sa.make_url(url).get_backend_name()
    except sa.exc.ArgumentError:
        kind = "no URL"
    if kind not in {"sqlite", "postgresql"}:
        raise StoreError([_dialect(kind)])
    engine = sa.create_engine(url)
    if kind == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        sa.event.listen(engine, "connect", _check_postgresql)
    with writing(engine) as connection:
        metadata.create_all(connection)
        for statement in _trigger_statements(engine.dialect.name):
            connection.exec_driver_sql(statement)
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection in one transaction that is the only one to write.

    SQLite takes its write lock at once, PostgreSQL an advisory lock, so that what is read first
    (the next plan number, the last verdict) still holds when the rows are written.
    """
    with engine.connect().execution_options(jihe_writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy then leaves BEGIN to _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    found = {}
    for name, value, _ in _PRAGMAS:
        cursor.execute(f"PRAGMA {name}={value}")
        found[name] = cursor.execute(f"PRAGMA {name}").fetchone()[0]
    cursor.close()
    wrong = [(n, found[n], want) for n, _, want in _PRAGMAS if found[n] != want]
    if wrong:
        raise StoreError([_pragma(*each) for each in wrong])


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("jihe_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _check_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        for name in ("synchronous_commit", "fsync"):
            found = cursor.execute(f"SHOW {name}").fetchone()[0]
            if found == "off":
                raise StoreError([_pragma(name, found, "on")])
    connection.rollback()


def _trigger_statements(dialect: str) -> Iterator[str]:
    names = sorted(metadata.tables)
    if dialect == "sqlite":
        for name in names:
            for verb in ("UPDATE", "DELETE"):
                yield (
                    f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON "
                    f"{name} BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
                )
        return
    yield (
        "CREATE OR REPLACE FUNCTION jihe_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'table is append-only'; END $$"
    )
    for name in names:
        yield (
            f"CREATE OR REPLACE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {name} FOR EACH STATEMENT EXECUTE FUNCTION jihe_append_only()"
        )


def _pragma(name: str, found: Any, want: Any) -> Fault:
    return Fault(
        "STORE_DURABLE", f"The database reports {name}={found}; it must be {want}. Use a file on a "
        "local disk, or mend the server's settings.",
        f"数据库的{name}为{found}，应为{want}；请使用本地磁盘上的文件或修正服务器设置。",
    )  # fmt: skip


def _dialect(name: str) -> Fault:
    return Fault(
        "STORE_DIALECT", f"The database is {name}; use sqlite:/// or postgresql+psycopg://.",
        f"数据库类型为{name}；请使用sqlite:///或postgresql+psycopg://。",
    )  # fmt: skip
