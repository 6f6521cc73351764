"""An empty database of either kind that plans and model records are kept in."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

KINDS = ("sqlite", "postgresql")


@contextmanager
def empty_database(kind: str, file: Path) -> Iterator[str]:
    """Yield the URL of a new database: a file, or a schema of its own on the tests' server."""
    if kind == "sqlite":
        yield f"sqlite:///{file}"
        return
    if "JIHE_TEST_POSTGRESQL" not in os.environ:
        pytest.skip("set JIHE_TEST_POSTGRESQL to a postgresql+psycopg:// URL of a database")
    url, schema = os.environ["JIHE_TEST_POSTGRESQL"], f"test_{secrets.token_hex(8)}"
    server = sa.create_engine(url)
    with server.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    yield f"{url}?options=-csearch_path%3D{schema}"
    with server.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    server.dispose()


def drop_guard(connection: sa.Connection, table: str) -> None:
    """Let rows of a table be changed, as the owner of the database could."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
    else:
        connection.exec_driver_sql(f"DROP TRIGGER {table}_append_only ON {table}")


def forgetting(dialect: str, table: str, column: str) -> list[str]:
    """Return the statements by which a table could forget."""
    found = [f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"]
    return found if dialect == "sqlite" else [*found, f"TRUNCATE {table} CASCADE"]
