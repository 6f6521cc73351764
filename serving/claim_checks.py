"""The quarantine's checks on posted claims: what a load would keep out, the service refuses.

In: claims and lines as the contract types them, moments as microseconds. Out: every fault with its
row. The conditions are the texts of ``claims.quarantine``, each one run as it stands by SQLite
instead of DuckDB; rows that share a key are judged by the same rule as in a load. What is below
zero is the mark of a reversal, and a reversal is nothing to score: here it is always refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from claims.contracts import table
from claims.quarantine import CHECKS, Check
from features.clock import microseconds
from serving.claim_input import ClaimIn, LineIn

#: What a posted row can say, in the contract's names.
_POSTED = {
    "claims": frozenset(ClaimIn.model_fields) & set(table("claims").columns),
    "claim_lines": (frozenset(LineIn.model_fields) | {"claim_id"})
    & set(table("claim_lines").columns),
}
_BELOW_ZERO = "negative_amount"
#: Has no minimum in its contract, because it is below zero in a reversal.
_REVERSED = ("quantity_milli",)
TypedRow = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A fault of one row: its place in the table, what is wrong, and whether that keeps it out."""

    row: int
    code: str
    column: str
    severity: str


class RowChecks:
    """Runs the checks on the rows of one request at a time; nothing of them is kept.

    Args:
        clock: returns the present moment, which nothing may lie after.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.create_function("now", 0, lambda: microseconds(clock()))
        self._checks = {name: _checks(name) for name in _POSTED}
        for name in _POSTED:
            columns = ", ".join(f'"{column}"' for column in table(name).columns)
            self._db.execute(f"CREATE TABLE posted_{name} (row_number INTEGER, {columns})")
        self.find([], [], set(), set())  # a condition that SQLite cannot run shows at the start

    def find(
        self, claims: Sequence[TypedRow], lines: Sequence[TypedRow], bad_claims: Collection[int],
        bad_lines: Collection[int],
    ) -> tuple[list[Finding], list[Finding]]:  # fmt: skip
        """Return the findings on claims and on lines.

        Args:
            claims: typed rows; what could not be typed is None.
            lines: the same for the lines of all claims.
            bad_claims: places of claims that are refused already, such as for an impossible date.
            bad_lines: the same for lines.
        """
        self._db.execute("BEGIN")
        try:
            return (
                self._judge("claims", claims, bad_claims),
                self._judge("claim_lines", lines, bad_lines),
            )
        finally:
            self._db.execute("ROLLBACK")

    def _judge(self, name: str, rows: Sequence[TypedRow], bad: Collection[int]) -> list[Finding]:
        columns = list(table(name).columns)
        marks = ", ".join("?" * (1 + len(columns)))
        self._db.executemany(
            f"INSERT INTO posted_{name} VALUES ({marks})",
            [(place, *(row.get(c) for c in columns)) for place, row in enumerate(rows)],
        )
        found = [finding for check in self._checks[name] for finding in self._run(check)]
        out = {f.row for f in found if f.severity == "error"} | set(bad)
        return sorted(found + _copies(name, rows, out), key=lambda f: f.row)

    def _run(self, check: Check) -> list[Finding]:
        sql = f"SELECT row_number FROM posted_{check.table} WHERE {check.condition}"
        return [
            Finding(row, check.code, check.column, check.severity)
            for (row,) in self._db.execute(sql)
        ]

    def close(self) -> None:
        """Close the database in memory."""
        self._db.close()


def _checks(name: str) -> list[Check]:
    """Return the checks of one table that posted rows have the columns for."""
    columns = [c for c in table(name).columns.values() if c.name in _POSTED[name]]
    checks = [
        Check(name, _BELOW_ZERO, c.name, "error", f'"{c.name}" < 0')
        for c in columns
        if c.type == "money" or c.minimum == 0 or c.name in _REVERSED
    ]
    absent = set(table(name).columns) - _POSTED[name]
    return checks + [
        check
        for check in CHECKS
        if check.table == name
        and check.code != _BELOW_ZERO
        and not absent & set(check.condition.split())
    ]


def _copies(name: str, rows: Sequence[TypedRow], out: Collection[int]) -> list[Finding]:
    """Return the sound rows that share a key: copies of the first, or all where they differ."""
    key = table(name).key
    shared: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        if place not in out:
            shared.setdefault(tuple(row[column] for column in key), []).append(place)
    shown, found = " + ".join(key), []
    for places in shared.values():
        if len({tuple(rows[n].get(c) for c in sorted(_POSTED[name])) for n in places}) > 1:
            found += [Finding(n, "conflicting_id", shown, "error") for n in places]
        else:
            found += [Finding(n, "duplicate_row", shown, "duplicate") for n in places[1:]]
    return found
