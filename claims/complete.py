"""Columns that the loader fills in itself: local dates and assumed known times.

In: the mapping of a table whose typed rows are in relation ``sound``. Out: the SELECT of the whole
contract; what the source lacks is null. When a claim was reversed is filled in where all claims
are seen (claims.judging).
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


def select(mapping: TableMapping, source: SourceMapping) -> dict[str, str]:
    """Return the SQL of every column of the contract, over the typed rows of relation ``sound``."""
    made = _claims(mapping, source) if mapping.table == "claims" else {}
    if mapping.table == "claim_lines":
        made = {"line_date": _local_day("line_at", source)}
    return {
        column: made.get(column)
        or (name(column) if column in mapping.columns else absent_value(contract.type))
        for column, contract in table(mapping.table).columns.items()
    }


def _claims(mapping: TableMapping, source: SourceMapping) -> dict[str, str]:
    have = mapping.columns
    end = "coalesce(service_end_at, service_at)" if "service_end_at" in have else "service_at"
    assumed = f"({end} + INTERVAL {ASSUMED_LAG_DAYS} DAY)"
    return {
        "service_end_at": end,
        "service_date": _local_day("service_at", source),
        "service_end_date": _local_day(end, source),
        "known_at": f"coalesce(known_at, {assumed})" if "known_at" in have else assumed,
        "known_at_assumed": "known_at IS NULL" if "known_at" in have else "true",
        "currency": quote(source.currency),
    }


def _local_day(moment: str, source: SourceMapping) -> str:
    return f"CAST(timezone({quote(source.time_zone)}, {moment}) AS DATE)"


def absent_value(kind: str) -> str:
    """Return the SQL of a null of a contract's type."""
    return f"CAST(NULL AS {_SQL_TYPES[kind]})"
