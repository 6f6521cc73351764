"""A village with random rows in every raw table: for the comparison of engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np

from claims.contracts import tables
from tests.features.engines import RULES

BEGAN = datetime(2024, 1, 31, 16, tzinfo=UTC)
POOLS = {
    "insured": [f"p{n}" for n in range(5)], "institutions": [f"o{n}" for n in range(3)],
    "doctors": ["d1", "d2"], "employers": ["e1", "e2"], "items": ["X1", "X2", "X3"],
}  # fmt: skip
CODES = {
    "diagnosis": ["J06.9", "J06", "I10", "N18.0", "Z51.1", "i10"], "item_code": POOLS["items"],
    "procedure": ["38.95", "38", "54.98"], "insured_id": POOLS["insured"],
    "institution_id": POOLS["institutions"], "doctor_id": POOLS["doctors"],
    "employer_id": POOLS["employers"], "anaesthetist_id": POOLS["doctors"],
    "level": ["2", "all"], "rule_id": list(RULES), "code": ["X1", "J06.9", "38.95", "I10"],
}  # fmt: skip


class Rows:
    """Random rows of any contract, whose ids, codes and days meet each other."""

    def __init__(self, seed: int, claims: list[str]) -> None:
        self.rng = np.random.default_rng(seed)
        self.claims = claims
        self.number = count(1)

    def pick(self, values):
        return values[int(self.rng.integers(0, len(values)))]

    def moment(self) -> datetime:
        minutes = int(self.rng.integers(0, 110 * 24)) * 60 + self.pick([0, 0, 480, 481])
        return BEGAN + timedelta(minutes=minutes)

    def value(self, table, column):
        if column.name == "valid_to":
            return self.pick([None, None, date(2024, 4, 1), date(2024, 9, 1)])
        if not column.required and self.rng.random() < 0.25:
            return None
        if column.values:
            return self.pick(list(column.values))
        return self.typed(table, column)

    def typed(self, table, column):
        if column.type == "timestamp":
            return self.moment()
        if column.type == "date":
            early = column.name.startswith(("valid", "joined", "birth"))
            day = self.moment().date()
            return day - timedelta(days=400) if early and self.rng.random() < 0.8 else day
        if column.type == "boolean":
            return bool(self.rng.integers(0, 2))
        if column.type in ("integer", "money", "number"):
            low = max(column.minimum or 0, 0)
            return low + int(self.pick([0, 1, 2, 5, 30, 480, 900, 1_000, 2_000]))
        return self.text(table, column)

    def text(self, table, column):
        if column.name == "claim_id":
            return self.pick(self.claims)
        if column.refers_to in POOLS:
            return self.pick(POOLS[column.refers_to])
        for part, values in CODES.items():
            if part in column.name:
                return self.pick(values)
        if table.key == (column.name,) or column.name in ("line_id", "trace_code"):
            return f"{column.name[0]}{next(self.number)}"
        return self.pick(["a", "b"])


def make_village(new_town, random_town, seed=1, claims=120):
    """Return a town whose every raw table has rows, and whose claims lack no column."""
    town = random_town(new_town, seed, claims)
    made = Rows(seed, [row["claim_id"] for row in town.rows["claims"]])
    for name, contract in tables().items():
        if contract.stage == "produced":
            continue
        rows = town.rows.setdefault(name, [])
        if name in ("claims", "claim_lines"):
            for row in rows:
                row.update({c.name: made.value(contract, c) for c in contract.columns.values()
                            if c.name not in row and not c.name.startswith("revers")})  # fmt: skip
            continue
        for _ in range(60 if name in ("trace_codes", "claim_diagnoses", "inventory") else 25):
            row = {c.name: made.value(contract, c) for c in contract.columns.values()}
            rows.append(row)
        keys = {tuple(row.get(k) for k in contract.key): row for row in reversed(rows)}
        town.rows[name] = list(keys.values())
    return town
