"""A Spark session in which the catalogue's texts mean what they mean on the other engines.

PySpark is an extra (``jihe[spark]``) and is imported only here and by whom a session is given to.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Session: TypeAlias = "SparkSession"

#: What the texts rely on: clocks in UTC, an error instead of a silent null or a wrapped sum, names
#: as they are written, text compared by its bytes.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.collation.default": "UTF8_BINARY",
    "spark.sql.legacy.percentileDiscCalculation": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}


class SparkMissingError(RuntimeError):
    """PySpark or Java is not installed."""


def absent() -> str:
    """Return what Spark lacks on this machine, as a sentence with the remedy; else nothing."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "PySpark is not installed; install it with: pip install 'jihe[spark]'"
    home = os.environ.get("JAVA_HOME", "")
    if not (shutil.which("java") or (home and shutil.which("java", path=f"{home}/bin"))):
        return "Spark needs Java 17 or 21; on Debian: apt-get install openjdk-17-jre-headless"
    return ""


def open_session(master: str | None = None, **settings: str) -> Session:
    """Open a session, or join the one of ``spark-submit``.

    Args:
        master: such as ``local[2]``; without it what spark-submit or the installation says.
        settings: further Spark settings, with ``__`` for dots.

    Raises:
        SparkMissingError: PySpark or Java is absent.
    """
    if missing := absent():
        raise SparkMissingError(missing)
    from pyspark.sql import SparkSession

    builder = SparkSession.Builder().appName("jihe features")
    if master:
        builder = builder.master(master)
        if master.startswith("local"):
            # The workers are this machine's: the same interpreter with the same packages.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    plain = {key.replace("__", "."): value for key, value in settings.items()}
    for key, value in {"spark.ui.showConsoleProgress": "false", **plain}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def own_session(session: Session) -> Session:
    """Return a session with names and settings of its own on the same cluster."""
    own = session.newSession()
    for key, value in MEANING.items():
        own.conf.set(key, value)
    return own
