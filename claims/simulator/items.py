"""The item catalogue as arrays, and what an item may cost, how often it may be billed and to whom.

In: the rows of `catalogue.py`. Out: `Items`. A price cap depends on the item, the level and the
day: those of laboratory tests fall by five per cent at the first turn of a year, as after a price
reform, those of some standing drugs by a third or so after a joint tender. Honest prices follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from claims.simulator.arrays import Bools, Choices, Floats, Ints, by_level, ints
from claims.simulator.catalogue import ITEMS
from claims.simulator.diagnoses import CHRONIC_GROUPS, GROUPS

NATIONAL_CLASS = {
    "bed": "01",
    "consultation": "02",
    "exam": "03",
    "lab": "04",
    "treatment": "05",
    "surgery": "06",
    "nursing": "07",
    "consumable": "08",
    "drug": "09",
    "other": "14",
}
LEVEL_FACTOR = {1: 0.82, 2: 1.0, 3: 1.28, 9: 0.72}
LEVELS = (1, 2, 3, 9)
REFORM = 0.95
SURGERY_FROM = 900_00
TENDERED = frozenset({"C09", "C10", "A02"})


@dataclass(frozen=True)
class Items:
    """One row per item; money in fen, `sex` and `maximum` are 0 where there is no limit."""

    codes: list[str]
    names: list[str]
    kind: list[str]
    base: Ints
    sex: Ints
    maximum: Ints
    drug_class: list[str]
    chronic: Bools
    days: Ints
    groups: list[frozenset[str]]
    is_drug: Bools
    is_lab: Bools
    is_tendered: Bools
    reform_day: int
    tender_day: int
    tender_cut: float
    lists: dict[tuple[str, bool, int], Choices] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """The row of the item called `name`."""
        return self.names.index(name)

    def national_classes(self) -> list[str]:
        """The national class of each item.

        Consultations and operations have classes of their own where the interface knows them.
        """
        other = NATIONAL_CLASS["treatment"]
        asked = [
            "consultation" if "诊查费" in name or "诊疗费" in name
            else "surgery" if kind == "treatment" and base >= SURGERY_FROM
            else kind
            for name, kind, base in zip(self.names, self.kind, self.base.tolist(), strict=True)
        ]  # fmt: skip
        return [NATIONAL_CLASS.get(kind, other) for kind in asked]

    def numbers(self, *names: str) -> Ints:
        """The rows of several items."""
        return ints([self.names.index(name) for name in names])

    def of_kind(self, *kinds: str) -> Bools:
        """Which items are of one of `kinds`."""
        return np.asarray([kind in kinds for kind in self.kind])

    def cap(self, item: Ints, level: Ints, day: Ints) -> Ints:
        """The permitted maximum price of each item at a level on a day."""
        factor = np.where(self.is_drug[item], 1.0, by_level(LEVEL_FACTOR)[level])
        reformed = self.is_lab[item] & (day >= self.reform_day)
        tendered = self.is_tendered[item] & (day >= self.tender_day)
        factor = factor * np.where(tendered, 1 - self.tender_cut, 1.0)
        exact = self.base[item] * factor * np.where(reformed, REFORM, 1.0)
        whole: Ints = np.floor(exact + 1e-9).astype(np.int64)
        return whole

    def price(self, item: Ints, level: Ints, day: Ints, factor: Floats) -> Ints:
        """An honest price: the cap times the institution's factor (at most 1)."""
        asked = np.floor(self.cap(item, level, day) * np.minimum(factor, 1.0)).astype(np.int64)
        return np.maximum(asked, 1)

    def by_group(self, kind: str, *, ward: bool, dearest: int) -> Choices:
        """Lists of the items of a class below a price in yuan, for each diagnosis group and sex.

        Row 2 × group holds what a man of that group may get, the next row what a woman may. `ward`
        adds what inpatients of any group get.
        """
        asked = (kind, ward, dearest)
        if asked not in self.lists:
            self.lists[asked] = Choices(self._rows(kind, ward=ward, dearest=dearest))
        return self.lists[asked]

    def _rows(self, kind: str, *, ward: bool, dearest: int) -> list[list[int]]:
        rows = []
        for group in GROUPS:
            wanted = {group, "w", "*"} if ward else {group, "*"}
            for other in (2, 1):
                rows.append(
                    [
                        i
                        for i, groups in enumerate(self.groups)
                        if self.kind[i] == kind
                        and groups & wanted
                        and self.sex[i] != other
                        and self.base[i] < dearest * 100
                    ]
                )
        return rows


def load_items(reform_day: int, tender_day: int, tender_cut: float) -> Items:
    """Parse the catalogue; from the two days laboratory caps and tendered drugs cost less."""
    rows = [line.split("|") for line in ITEMS.strip().splitlines()]
    groups = [frozenset(row[3].split(",")) for row in rows]
    kind = [row[1] for row in rows]
    return Items(
        codes=[f"{NATIONAL_CLASS[row[1]]}{i:06d}" for i, row in enumerate(rows, start=1)],
        names=[row[0] for row in rows],
        kind=kind,
        base=ints([int(row[2]) * 100 for row in rows]),
        sex=ints([int(row[4] or 0) for row in rows]),
        maximum=ints([int(row[5] or 0) for row in rows]),
        drug_class=[row[6] for row in rows],
        chronic=np.asarray(
            [k == "drug" and bool(g & CHRONIC_GROUPS) for k, g in zip(kind, groups, strict=True)]
        ),
        days=ints([int(row[7] or 0) for row in rows]),
        groups=groups,
        is_drug=np.asarray([k == "drug" for k in kind]),
        is_lab=np.asarray([k == "lab" for k in kind]),
        is_tendered=np.asarray([row[6] in TENDERED and "w" not in row[3] for row in rows]),
        reform_day=reform_day,
        tender_day=tender_day,
        tender_cut=tender_cut,
    )
