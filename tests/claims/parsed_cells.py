"""What becomes of texts in one column: a typed value, a fault or a warning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from claims.contracts import Column
from claims.engine import open_engine, run
from claims.mapping import ColumnMapping
from claims.parsing import parsed_sql


def column(kind: str, **more: Any) -> ColumnMapping:
    target = {k: more.pop(k) for k in ("values", "required", "identity", "private") if k in more}
    if "sum" not in more:
        more["source"] = "s"
    return ColumnMapping(Column("t", kind, "t", "t", **target), **more)


def parsed(
    mapped: ColumnMapping,
    *texts: str | None,
    zone: str = "Asia/Shanghai",
    nulls: Sequence[str] = (),
    **others: str,
) -> list[Any]:
    """Return the value of each text, or its fault code with an exclamation mark."""
    con = open_engine()
    raw = {"s": pa.array(texts, pa.string())}
    raw |= {k: pa.array([v] * len(texts)) for k, v in others.items()}
    raw["row_number"] = pa.array(range(len(texts)), pa.int64())
    raw["source_file"] = pa.array(["f"] * len(texts))
    con.register("raw", pa.table(raw))
    sql = parsed_sql({"t": mapped}, nulls, zone, "CNY")
    made = con.sql(f'SELECT t, "fault:t" FROM ({sql}) ORDER BY row_number').to_arrow_table()
    rows = list(zip(*(c.to_pylist() for c in made.columns), strict=True))
    assert all(value is None or fault is None for value, fault in rows)
    return [f"{fault}!" if fault else value for value, fault in rows]


def warned(mapped: ColumnMapping, *texts: str, currency: str = "CNY") -> list[Any]:
    """Return value, fault and warning of each text."""
    con = open_engine()
    con.register("raw", pa.table({"s": pa.array(texts, pa.string())}))
    sql = parsed_sql({"t": mapped}, [], "Asia/Shanghai", currency, kept=())
    return [tuple(row) for row in run(con, sql)]
