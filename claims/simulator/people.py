"""The insured: age, sex, home, employer, chronic disease, death, and where they usually go.

In: parameters, places, a generator. Out: `People`. Identities are synthetic and cannot be
anybody's: the area code of the identity numbers is not assigned, and neither is the telephone
prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import Bools, Choices, Floats, Ints, some, weighted
from claims.simulator.calendar import Calendar
from claims.simulator.diagnoses import GROUPS, Diagnoses
from claims.simulator.items import Items
from claims.simulator.parameters import PeopleParameters
from claims.simulator.places import DISTRICTS, Places

NEVER = 10**6
YEAR = 365.25
# Share of the insured per ten years of age, of the order of a rural county of the census.
AGE_WEIGHT = (0.11, 0.12, 0.10, 0.13, 0.13, 0.16, 0.13, 0.08, 0.035, 0.005)
VISIT_BY_AGE = (1.5, 0.7, 0.6, 0.75, 0.95, 1.1, 1.3, 1.35, 1.2, 1.0)
STAY_BY_AGE = (0.75, 0.3, 0.45, 0.55, 0.7, 1.0, 1.8, 2.5, 2.8, 2.6)
CHRONIC_BY_AGE = (0.0, 0.02, 0.08, 0.2, 0.6, 1.3, 2.3, 2.9, 2.9, 2.5)
DEATH_BY_AGE = (0.1, 0.05, 0.1, 0.15, 0.3, 0.8, 2.0, 5.5, 15.0, 40.0)


@dataclass(frozen=True)
class People:
    """One row per insured.

    Days count from the start, `death` is NEVER for the living, `chronic` is -1 for none. `poor` are
    those under medical assistance; `wage` is monthly, in fen, 0 for residents.
    """

    sex: Ints
    birth: Ints
    employee: Bools
    civil_servant: Bools
    village: Ints
    district: Ints
    employer: Ints
    chronic: Ints
    chronic_items: Ints
    death: Ints
    dialysis: Bools
    chemotherapy: Bools
    care_home: Bools
    poor: Bools
    wage: Ints
    usual: Ints
    frailty: Floats

    def age(self, person: Ints, day: Ints) -> Ints:
        """Age in whole years on a day (negative before birth)."""
        return np.floor((day - self.birth[person]) / YEAR).astype(np.int64)

    def alive(self, person: Ints, day: Ints) -> Bools:
        """Born, and not yet dead, on a day."""
        return (day >= self.birth[person]) & (day < self.death[person])

    def band(self) -> Ints:
        """Ten-year age band at the start (the newborn are in the first)."""
        return np.clip((-self.birth / (10 * YEAR)).astype(np.int64), 0, 9)


def make_people(
    rng: np.random.Generator,
    number: int,
    wanted: PeopleParameters,
    places: Places,
    items: Items,
    diagnoses: Diagnoses,
    calendar: Calendar,
) -> People:
    """Draw the insured."""
    birth = _births(rng, number, wanted, calendar)
    band = np.clip((-birth / (10 * YEAR)).astype(np.int64), 0, 9)
    sex = np.where(rng.random(number) < wanted.female_share, 2, 1).astype(np.int64)
    old = np.flatnonzero(band >= 6).astype(np.int64)
    care_home = np.zeros(number, dtype=bool)
    care_home[some(rng, old, min(1.0, wanted.care_home_share * number / max(len(old), 1)))] = True
    village = rng.integers(0, wanted.villages, number)
    village[care_home] = wanted.villages
    home_district = rng.permutation(np.arange(wanted.villages + 1) % len(DISTRICTS))
    home_district[wanted.villages] = places.district[places.care_home]
    district = home_district[village].astype(np.int64)
    working = (band >= 2) & (band <= 7) & ~care_home
    employee = working & (rng.random(number) < wanted.employee_share / max(working.mean(), 0.01))
    chronic = _chronic(rng, band, sex, wanted, diagnoses, care_home)
    return People(
        sex=sex,
        birth=birth,
        employee=employee,
        civil_servant=employee & (rng.random(number) < wanted.civil_servant_share),
        village=village.astype(np.int64),
        district=district,
        employer=_employers(rng, employee, wanted.insured_per_employer),
        chronic=chronic,
        chronic_items=_chronic_items(rng, chronic, items, diagnoses),
        death=_deaths(rng, birth, band, wanted, calendar),
        dialysis=_marked(rng, (band >= 3) & ~care_home, wanted.dialysis_share),
        chemotherapy=_marked(rng, (band >= 4) & ~care_home, wanted.chemotherapy_share),
        care_home=care_home,
        usual=_usual(rng, district, places),
        frailty=rng.gamma(1.6, 1 / 1.6, number),
        poor=~employee & (rng.random(number) < wanted.poor_share),
        wage=np.where(employee, 100 * np.rint(4600 * rng.lognormal(0, 0.38, number)), 0).astype(
            np.int64
        ),
    )


def _births(
    rng: np.random.Generator, number: int, wanted: PeopleParameters, calendar: Calendar
) -> Ints:
    """Birthdays; some are born during the simulation."""
    decade = weighted(rng, np.asarray(AGE_WEIGHT), number)
    birth = -((decade + rng.random(number)) * 10 * YEAR).astype(np.int64) - 1
    share = wanted.births_per_year * calendar.days / YEAR
    newborn = some(rng, np.arange(number, dtype=np.int64), share)
    birth[newborn] = rng.integers(0, calendar.days, len(newborn))
    return birth


def _chronic(
    rng: np.random.Generator,
    band: Ints,
    sex: Ints,
    wanted: PeopleParameters,
    diagnoses: Diagnoses,
    care_home: Bools,
) -> Ints:
    """The chronic diagnosis of each insured, -1 for none."""
    chance = np.asarray(CHRONIC_BY_AGE)[band]
    chance = np.where(care_home, 0.85, chance * wanted.chronic_share / max(chance.mean(), 1e-9))
    ill = np.flatnonzero(rng.random(len(band)) < np.minimum(chance, 0.9))
    chronic = np.full(len(band), -1, dtype=np.int64)
    ages = np.maximum(band[ill] * 10 + 5, 40)
    chronic[ill] = diagnoses.draw(rng, diagnoses.chronic_weight, sex[ill], ages)
    return chronic


def _chronic_items(
    rng: np.random.Generator, chronic: Ints, items: Items, diagnoses: Diagnoses
) -> Ints:
    """Two standing drugs per chronic patient (the second may be -1), each of a usual price."""
    rows = [
        [
            i
            for i, groups in enumerate(items.groups)
            if items.kind[i] == "drug"
            and group in groups
            and items.days[i] >= 7
            and items.sex[i] == 0
        ]
        for group in GROUPS
    ]
    usual = Choices(rows)
    drugs = np.full((len(chronic), 2), -1, dtype=np.int64)
    ill = np.flatnonzero(chronic >= 0)
    group = diagnoses.group[chronic[ill]]
    first = (rng.random(len(ill)) * usual.counts[group]).astype(np.int64)
    drugs[ill, 0] = usual.at(group, first)
    wanted = rng.random(len(ill)) < 0.45
    _, kind = np.unique(np.asarray(items.drug_class), return_inverse=True)
    # The second drug is of another class; two of one class would be a duplicate.
    for step in range(1, 8):
        other = usual.at(group, first + step)
        free = wanted & (drugs[ill, 1] < 0) & (kind[other] != kind[drugs[ill, 0]])
        drugs[ill[free], 1] = other[free]
    return drugs


def _deaths(
    rng: np.random.Generator, birth: Ints, band: Ints, wanted: PeopleParameters, calendar: Calendar
) -> Ints:
    """The day of death; at least two die, and early enough to be misused afterwards."""
    death = np.full(len(birth), NEVER, dtype=np.int64)
    if wanted.deaths_per_year <= 0:
        return death
    chance = np.asarray(DEATH_BY_AGE)[band]
    number = max(2, round(wanted.deaths_per_year * len(birth) * calendar.days / YEAR))
    adult = np.flatnonzero(birth < -18 * YEAR)
    weight = chance[adult] / chance[adult].sum()
    dying = rng.choice(adult, size=min(number, len(adult)), replace=False, p=weight)
    death[dying] = rng.integers(1, calendar.days, len(dying))
    death[dying[:2]] = rng.integers(calendar.days // 4, calendar.days // 2 + 1, len(dying[:2]))
    return death


def _marked(rng: np.random.Generator, eligible: Bools, share: float) -> Bools:
    """A share of all insured, drawn from the eligible."""
    marked = np.zeros(len(eligible), dtype=bool)
    pool = np.flatnonzero(eligible).astype(np.int64)
    if len(pool):
        marked[some(rng, pool, min(1.0, share * len(eligible) / len(pool)))] = True
    return marked


def _employers(rng: np.random.Generator, employee: Bools, size: int) -> Ints:
    """Employers of very unequal size; -1 for residents."""
    employer = np.full(len(employee), -1, dtype=np.int64)
    firms = max(1, int(employee.sum()) // size)
    weights = np.arange(1.0, firms + 1.0) ** -0.7
    employer[employee] = weighted(rng, weights, int(employee.sum()))
    return employer


def _usual(rng: np.random.Generator, district: Ints, places: Places) -> Ints:
    """The usual place of each insured per category (a pharmacy last), mostly in the district."""
    usual = np.zeros((len(district), 5), dtype=np.int64)
    pools = [places.of(category) for category in range(4)]
    pools.append(np.flatnonzero(places.is_pharmacy).astype(np.int64))
    fallback = places.of(0, 1, 2, 3)
    for column, pool in enumerate(pools):
        pool = pool if len(pool) else fallback
        for one in range(len(DISTRICTS)):
            here = np.flatnonzero(district == one)
            near = np.where(places.district[pool] == one, 6.0, 1.0)
            usual[here, column] = pool[weighted(rng, near * places.weight[pool], len(here))]
    return usual
