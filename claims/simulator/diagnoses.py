"""The diagnosis list as arrays, and which diagnosis a person of a sex and an age comes with.

In: the rows of `catalogue.py`. Out: `Diagnoses`. The weights are of the order of a county's
outpatient and inpatient mix: colds and gastritis outside, pneumonia, stroke and heart disease
inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import Bools, Floats, Ints, ints, weighted
from claims.simulator.catalogue import DIAGNOSES

_ROWS = [line.split("|") for line in DIAGNOSES.strip().splitlines()]
GROUPS = tuple(dict.fromkeys(row[2] for row in _ROWS))
CHRONIC_GROUPS = frozenset(
    {"hyp", "dm", "chd", "cvd", "copd", "thy", "liver", "psy", "renal", "onc"}
)
CHRONIC_WEIGHT = {
    "I10": 42.0,
    "E11.9": 22.0,
    "I25.1": 13.0,
    "I69.3": 8.0,
    "J44.1": 6.0,
    "E05.9": 2.0,
    "B18.1": 4.0,
    "F20.9": 2.0,
    "F32.9": 1.5,
}
# A county's specialties; each diagnosis group belongs to one.
SPECIALTY = {
    "resp": "呼吸内科",
    "gi": "消化内科",
    "hyp": "心血管内科",
    "dm": "内分泌科",
    "chd": "心血管内科",
    "cvd": "神经内科",
    "copd": "呼吸内科",
    "thy": "内分泌科",
    "liver": "消化内科",
    "psy": "精神科",
    "msk": "骨科",
    "uro": "泌尿外科",
    "gyn": "妇产科",
    "obs": "妇产科",
    "neo": "儿科",
    "renal": "肾内科",
    "onc": "肿瘤科",
    "skin": "皮肤科",
    "eye": "眼科",
    "ent": "耳鼻喉科",
    "dent": "口腔科",
    "inj": "骨科",
}
AGE_BANDS = ((0, 1), (1, 6), (6, 16), (16, 30), (30, 45), (45, 60), (60, 75), (75, 120))


@dataclass(frozen=True)
class Diagnoses:
    """One row per diagnosis.

    `sex` is 0 where there is no limit, `stay_days` the usual nights in hospital.
    """

    codes: list[str]
    names: list[str]
    group: Ints
    mild: Bools
    sex: Ints
    outpatient: Floats
    inpatient: Floats
    cost: Floats
    stay_days: Floats
    age_from: Ints
    age_to: Ints
    chronic_weight: Floats

    def number(self, code: str) -> int:
        """The row of a diagnosis code."""
        return self.codes.index(code)

    def draw(self, rng: np.random.Generator, weight: Floats, sex: Ints, age: Ints) -> Ints:
        """A diagnosis for each person of a sex and an age in years."""
        drawn = np.zeros(len(sex), dtype=np.int64)
        for one in (1, 2):
            for low, high in AGE_BANDS:
                cell = np.flatnonzero((sex == one) & (age >= low) & (age < high))
                fits = np.isin(self.sex, (0, one)) & (self.age_from < high) & (self.age_to >= low)
                drawn[cell] = weighted(rng, np.where(fits, weight, 0.0), len(cell))
        return drawn


def load_diagnoses() -> Diagnoses:
    """Parse the diagnosis list."""
    return Diagnoses(
        codes=[row[0] for row in _ROWS],
        names=[row[1] for row in _ROWS],
        group=ints([GROUPS.index(row[2]) for row in _ROWS]),
        mild=np.asarray([row[3] == "1" for row in _ROWS]),
        sex=ints([int(row[4] or 0) for row in _ROWS]),
        outpatient=np.asarray([float(row[5]) for row in _ROWS]),
        inpatient=np.asarray([float(row[6]) for row in _ROWS]),
        cost=np.asarray([float(row[7]) for row in _ROWS]),
        stay_days=np.asarray([float(row[8]) for row in _ROWS]),
        age_from=ints([int(row[9]) for row in _ROWS]),
        age_to=ints([int(row[10]) for row in _ROWS]),
        chronic_weight=np.asarray([CHRONIC_WEIGHT.get(row[0], 0.0) for row in _ROWS]),
    )
