"""Institutions and pharmacies of the county.

In: counts and a generator. Out: `Places` (institutions first, then pharmacies). Every
place has a temptation, heavy-tailed: the schemes find their actors by it, so that a few places
carry several of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Bools, Floats, Ints, ints

DISTRICTS = ("990101", "990102", "990103", "990104", "990105")
DISTRICT_NAMES = ("城关", "东河", "西岭", "南湖", "北原")
PRIMARY, LEVEL_1, LEVEL_2, LEVEL_3 = range(4)
# (name, category, level, type, private, beds, doctors, share of care), in the order in which a
# small county gets them.
KINDS = (
    ("人民医院", LEVEL_3, 3, "hospital", False, 420, 34, 1.0),
    ("中心卫生院", PRIMARY, 1, "primary_care", False, 40, 7, 1.0),
    ("康宁医院", LEVEL_1, 1, "hospital", True, 60, 7, 1.0),
    ("村卫生室", PRIMARY, 9, "primary_care", False, 0, 2, 0.7),
    ("中医医院", LEVEL_2, 2, "hospital", False, 200, 18, 1.2),
    ("惠民医院", LEVEL_2, 2, "hospital", True, 110, 11, 0.8),
    ("颐养护理院", LEVEL_1, 1, "hospital", True, 90, 5, 0.6),
    ("血液透析中心", LEVEL_1, 1, "hospital", True, 20, 4, 0.03),
    ("社区卫生服务站", PRIMARY, 9, "primary_care", True, 0, 3, 0.8),
    ("妇幼保健院", LEVEL_2, 2, "hospital", False, 90, 10, 0.7),
)
REPEATED = (
    ("卫生院", PRIMARY, 1, "primary_care", False, 35, 6, 1.0),
    ("村卫生室", PRIMARY, 9, "primary_care", False, 0, 2, 0.6),
    ("诊所", PRIMARY, 9, "primary_care", True, 0, 2, 0.7),
    ("医院", LEVEL_1, 1, "hospital", True, 55, 7, 0.8),
    ("村卫生室", PRIMARY, 9, "primary_care", False, 0, 2, 0.6),
    ("卫生院", PRIMARY, 1, "primary_care", False, 30, 5, 1.0),
    ("医院", LEVEL_2, 2, "hospital", False, 150, 14, 0.9),
    ("社区卫生服务站", PRIMARY, 9, "primary_care", True, 0, 3, 0.7),
    ("专科医院", LEVEL_1, 1, "hospital", True, 45, 6, 0.7),
    ("村卫生室", PRIMARY, 9, "primary_care", False, 0, 2, 0.6),
)
NAME_PARTS = (
    "安",
    "和",
    "康",
    "仁",
    "济",
    "德",
    "福",
    "泰",
    "春",
    "明",
    "同",
    "益",
    "民",
    "华",
    "瑞",
)

Kind = tuple[str, int, int, str, bool, int, int, float]


@dataclass(frozen=True)
class Places:
    """One row per institution and pharmacy.

    `category` is -1 for a pharmacy; `opens` and `closes` are seconds of the day.
    """

    codes: list[str]
    names: list[str]
    category: Ints
    level: Ints
    medins_type: list[str]
    private: Bools
    district: Ints
    beds: Ints
    factor: Floats
    weight: Floats
    temptation: Floats
    opens: Ints
    closes: Ints
    institutions: int
    care_home: int
    dialysis: int

    @property
    def is_pharmacy(self) -> Bools:
        """Which places are pharmacies."""
        return self.category < 0

    @property
    def is_hospital(self) -> Bools:
        """Which places are hospitals, of any level."""
        return np.asarray([kind == "hospital" for kind in self.medins_type])

    @property
    def has_beds(self) -> Bools:
        """Which places take inpatients."""
        return self.beds > 0

    def of(self, *categories: int) -> Ints:
        """The places of these categories, but not the dialysis provider."""
        found = np.flatnonzero(np.isin(self.category, categories)).astype(np.int64)
        return found[found != self.dialysis] if self.dialysis != 0 else found


def make_places(
    rng: np.random.Generator, institutions: int, pharmacies: int
) -> tuple[Places, Ints]:
    """The county's places, and how many doctors each has."""
    rows = [
        KINDS[i] if i < len(KINDS) else REPEATED[(i - len(KINDS)) % len(REPEATED)]
        for i in range(institutions)
    ]
    rows += [("大药房", -1, 9, "pharmacy", True, 0, 0, 1.0)] * pharmacies
    total = institutions + pharmacies
    district = np.concatenate(
        [rng.permutation(np.arange(n) % len(DISTRICTS)) for n in (institutions, pharmacies)]
    )
    district[0] = 0
    pairs = [a + b for a in NAME_PARTS for b in NAME_PARTS if a != b]
    marks = rng.permutation(len(pairs))
    names = [
        f"{DISTRICT_NAMES[district[i]]}{pairs[marks[i % len(pairs)]]}{row[0]}"
        for i, row in enumerate(rows)
    ]
    first_of = {row[0]: i for i, row in reversed(list(enumerate(rows)))}
    opens, closes = _hours(rng, rows)
    places = Places(
        codes=[
            f"{'H' if i < institutions else 'P'}{DISTRICTS[district[i]]}{i + 1:04d}"
            for i in range(total)
        ],
        names=names,
        category=ints([row[1] for row in rows]),
        level=ints([row[2] for row in rows]),
        medins_type=[row[3] for row in rows],
        private=np.asarray([row[4] for row in rows]),
        district=district.astype(np.int64),
        beds=ints([row[5] for row in rows]),
        factor=np.clip(rng.normal(0.965, 0.018, total), 0.9, 1.0),
        weight=np.asarray([row[7] for row in rows]) * rng.lognormal(0.0, 0.25, total),
        temptation=rng.pareto(1.6, total) + 0.1,
        opens=opens,
        closes=closes,
        institutions=institutions,
        care_home=first_of.get("颐养护理院", 1 if institutions > 1 else 0),
        dialysis=first_of.get("血液透析中心", 0),
    )
    return places, ints([row[6] for row in rows])


def _hours(rng: np.random.Generator, rows: Sequence[Kind]) -> tuple[Ints, Ints]:
    """Whoever has beds is open day and night, and so is one pharmacy in eight, but not the first.

    Clinics close in the evening, the other pharmacies late.
    """
    shop = np.asarray([row[1] < 0 for row in rows])
    beds = np.asarray([row[5] > 0 for row in rows])
    first = np.cumsum(shop) == 1
    always = beds | (shop & ~first & (rng.random(len(rows)) < 0.125))
    early, late = rng.random(len(rows)), rng.random(len(rows))
    opens = np.where(early < 0.5, 7 * HOUR + 30 * MINUTE, 8 * HOUR)
    closes = np.where(shop, np.where(late < 0.6, 21, 22), np.where(late < 0.5, 18, 20)) * HOUR
    return np.where(always, 0, opens), np.where(always, DAY, closes)
