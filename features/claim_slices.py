"""Texts that give one row to a claim, run over a slice of the claims at a time.

In: an engine with ``facts`` and a text over ``target``, the claims to describe, and whatever else
it looks up. Out: what the text gives over all claims at once. Joins and distinct counts of a slice
fit into memory where those of ten million claims would not.
"""

from __future__ import annotations

from claims.engine import Connection, count, run

#: Claims in a slice: what the widest text holds of them stays below about four gigabytes.
SLICE_CLAIMS = 2_500_000


def make_by_slice(con: Connection, made: str, text: str) -> None:
    """Make the table ``made`` from a text, slice by slice; ``target`` is all claims again after."""
    claims = count(con, "facts")
    parts = max(1, -(-claims // SLICE_CLAIMS))
    begin = f"CREATE OR REPLACE TEMP TABLE {made} AS"
    try:
        for part in range(parts):
            low, high = claims * part // parts, claims * (part + 1) // parts
            _target(con, f"WHERE rowid >= {low} AND rowid < {high}")
            run(con, f"{begin} {text}")
            begin = f"INSERT INTO {made}"
    finally:
        _target(con)


def _target(con: Connection, where: str = "") -> None:
    run(con, f"CREATE OR REPLACE TEMP VIEW target AS SELECT * FROM facts {where}")
