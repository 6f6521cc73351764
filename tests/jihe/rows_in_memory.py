"""Rows of a store held in memory, found by the values of a column."""

from __future__ import annotations

from typing import Any


def rows_where(store: Any, name: str, column: str, values: Any) -> list[dict[str, Any]]:
    wanted = set(values)
    rows = store.read(name).to_pylist() if store.has(name) else []
    return [row for row in rows if row[column] in wanted]
