"""Columns that the loader fills in itself: local dates, assumed known times, reversals.

In: the mapping of a table whose accepted rows are in ``accepted_<table>``. Out: the SELECT of the
whole contract; what the source lacks is null.
"""

from __future__ import annotations

from claims.contracts import table
from claims.mapping import SourceMapping, TableMapping
from claims.parsing import name, quote

#: Settlement lag assumed where a source names no time at which the fund knew a claim.
ASSUMED_LAG_DAYS = 30
#: Required columns of claims that are derived where the source does not have them.
DERIVED = frozenset({"known_at", "service_end_at"})

_SQL_TYPES = {
    "text": "TEXT", "integer": "BIGINT", "money": "BIGINT", "number": "DOUBLE",
    "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMPTZ",
}  # fmt: skip


def select(mapping: TableMapping, source: SourceMapping) -> str:
    """Return the SELECT that completes the accepted rows of a table."""
    whole = claims_select if mapping.table == "claims" else other_select
    return whole(mapping, source)


def claims_select(mapping: TableMapping, source: SourceMapping) -> str:
    """Return the SELECT that completes accepted claims with the derived columns."""
    have = mapping.columns
    end = "coalesce(a.service_end_at, a.service_at)" if "service_end_at" in have else "a.service_at"
    assumed = f"({end} + INTERVAL {ASSUMED_LAG_DAYS} DAY)"
    known = f"coalesce(a.known_at, {assumed})" if "known_at" in have else assumed
    assumed_flag = "a.known_at IS NULL" if "known_at" in have else "true"
    zone = quote(source.time_zone)
    made = {
        "service_end_at": end,
        "service_date": f"CAST(timezone({zone}, a.service_at) AS DATE)",
        "service_end_date": f"CAST(timezone({zone}, {end}) AS DATE)",
        "known_at": known,
        "known_at_assumed": assumed_flag,
        "currency": quote(source.currency),
        "reversed_at": "r.reversed_at",
    }
    reversals = (
        "SELECT NULL AS reverses_claim_id, CAST(NULL AS TIMESTAMPTZ) AS reversed_at WHERE false"
    )
    if "reverses_claim_id" in have:
        reversals = f"""SELECT a.reverses_claim_id, min({known}) AS reversed_at
            FROM accepted_claims a WHERE a.reverses_claim_id IS NOT NULL GROUP BY 1"""
    columns = [
        made.get(c) or (f"a.{c}" if c in have else _null(c)) for c in table("claims").columns
    ]
    named = ", ".join(f"{e} AS {c}" for e, c in zip(columns, table("claims").columns, strict=True))
    return (
        f"SELECT {named} FROM accepted_claims a "
        f"LEFT JOIN ({reversals}) r ON r.reverses_claim_id = a.claim_id"
    )


def _null(column: str) -> str:
    kind = table("claims").columns[column].type
    return f"CAST(NULL AS {_SQL_TYPES[kind]})"


def other_select(mapping: TableMapping, source: SourceMapping) -> str:
    """Return the SELECT of a table other than claims."""
    made = {}
    if mapping.table == "claim_lines":
        made["line_date"] = f"CAST(timezone({quote(source.time_zone)}, line_at) AS DATE)"
    parts = []
    for column, contract in table(mapping.table).columns.items():
        absent = f"CAST(NULL AS {_SQL_TYPES[contract.type]})"
        value = made.get(column) or (name(column) if column in mapping.columns else absent)
        parts.append(f"{value} AS {column}")
    return f"SELECT {', '.join(parts)} FROM accepted_{mapping.table}"
