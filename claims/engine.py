"""The embedded engine (DuckDB), opened the same way everywhere."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import duckdb

Connection: TypeAlias = "duckdb.DuckDBPyConnection"


def open_engine(memory_limit: str | None = None) -> Connection:
    """Open an in-process engine: UTC, and no extension is ever fetched from a network."""
    # Only here: the service reads the quarantine's checks and never needs the engine itself.
    import duckdb

    con = duckdb.connect()
    run(con, "SET TimeZone = 'UTC'")
    run(con, "SET autoinstall_known_extensions = false")
    with suppress(duckdb.Error):  # a notebook without widgets has no bar to switch off
        run(con, "SET enable_progress_bar = false")
    if memory_limit:
        run(con, f"SET memory_limit = '{memory_limit}'")
    return con


def run(con: Connection, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run one statement to its end and return its rows."""
    return con.execute(sql, parameters).fetchall()


def count(con: Connection, relation: str) -> int:
    """Return the number of rows of a relation."""
    return int(run(con, f"SELECT count(*) FROM {relation}")[0][0])
