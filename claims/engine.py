"""The embedded engine (DuckDB), opened the same way everywhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import duckdb

Connection: TypeAlias = "duckdb.DuckDBPyConnection"


def open_engine(memory_limit: str | None = None, spill: Path | None = None) -> Connection:
    """Open an in-process engine: UTC, and no extension is ever fetched from a network.

    Args:
        memory_limit: what the engine may hold in memory, such as ``4GB``.
        spill: folder for what does not fit; without it the engine uses ``.tmp`` where it runs.
    """
    # Only here: the service reads the quarantine's checks and never needs the engine itself.
    import duckdb

    con = duckdb.connect()
    run(con, "SET TimeZone = 'UTC'")
    run(con, "SET autoinstall_known_extensions = false")
    with suppress(duckdb.Error):  # a notebook without widgets has no bar to switch off
        run(con, "SET enable_progress_bar = false")
    if memory_limit:
        run(con, f"SET memory_limit = '{memory_limit}'")
    if spill:
        run(con, "SET temp_directory = " + "'" + str(spill).replace("'", "''") + "'")
        run(con, "SET preserve_insertion_order = false")
    return con


def run(con: Connection, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run one statement to its end and return its rows."""
    return con.execute(sql, parameters).fetchall()


def count(con: Connection, relation: str) -> int:
    """Return the number of rows of a relation."""
    return int(run(con, f"SELECT count(*) FROM {relation}")[0][0])
