"""Institutions, pharmacies and doctors of the county.

In: counts and a generator. Out: `Places` (institutions first, then pharmacies) and `Doctors`. Every
place has a temptation, heavy-tailed: the schemes find their actors by it, so that a few places
carry several of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import Bools, Choices, Floats, Ints, ints
from claims.simulator.diagnoses import GROUPS, SPECIALTY

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


@dataclass(frozen=True)
class Places:
    """One row per institution and pharmacy; `category` is -1 for a pharmacy."""

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


@dataclass(frozen=True)
class Doctors:
    """One row per doctor, and whom a patient of a diagnosis group sees at a place."""

    codes: list[str]
    place: Ints
    specialty: list[str]
    seen: Choices

    def draw(self, rng: np.random.Generator, place: Ints, group: Ints) -> Ints:
        """A doctor for each claim; -1 at a pharmacy."""
        return self.seen.draw(rng, place * len(GROUPS) + group)


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
        institutions=institutions,
        care_home=first_of.get("颐养护理院", 1 if institutions > 1 else 0),
        dialysis=first_of.get("血液透析中心", 0),
    )
    return places, ints([row[6] for row in rows])


def make_doctors(rng: np.random.Generator, places: Places, numbers: Ints) -> Doctors:
    """Doctors with their specialties, and the lists from which a claim's doctor is drawn.

    Large hospitals have a doctor or more of every specialty; elsewhere everybody is a general
    practitioner or has a random specialty, and a group without a specialist is seen by anyone.
    """
    wards = sorted(set(SPECIALTY.values()))
    place_of: list[int] = []
    specialty: list[str] = []
    for place, number in enumerate(numbers):
        general = places.level[place] == 9 or places.medins_type[place] == "primary_care"
        order = rng.permutation(len(wards))
        for position in range(int(number)):
            place_of.append(place)
            specialty.append("全科" if general else wards[order[position % len(wards)]])
    rows = []
    for place in range(len(numbers)):
        here = [i for i, home in enumerate(place_of) if home == place]
        for group in GROUPS:
            fit = [i for i in here if specialty[i] == SPECIALTY[group]]
            rows.append(fit or here)
    codes = [f"D{i:06d}" for i in range(1, len(place_of) + 1)]
    return Doctors(codes, ints(place_of), specialty, Choices(rows))
