"""Schemes of stays, doctors and persons do what their names say, each against the innocents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claims.simulator.arrays import DAY, Bools, Ints, Noise
from claims.simulator.drg import comorbidity
from claims.simulator.ledger import INPATIENT, Ledger
from claims.simulator.limits import SERVICE_MINUTES
from tests.claims.planted_schemes import Planted


def test_cloned_stays(planted: Callable[[str], Planted]) -> None:
    case = planted("cloned_stays")
    claims = case.ledger.claims
    span = (claims.end - claims.begin)[case.claim]
    record = np.stack([claims.place[case.claim], claims.diagnosis[case.claim], span])
    _, size = np.unique(record, axis=1, return_counts=True)
    assert size.max() >= 3
    assert len(np.unique(claims.person[case.claim])) > 0.9 * len(case.claim)


def test_care_home_rotation(planted: Callable[[str], Planted]) -> None:
    case = planted("care_home_rotation")
    claims = case.ledger.claims
    assert case.world.people.care_home[claims.person[case.claim]].all()
    day = claims.begin[case.claim] // DAY
    assert np.unique(day, return_counts=True)[1].max() >= 2


def test_frequent_admission(planted: Callable[[str], Planted]) -> None:
    case = planted("frequent_admission")
    claims = case.ledger.claims
    per_person = np.unique(claims.person[case.claim], return_counts=True)[1]
    assert per_person.max() >= 5
    order = case.claim[np.lexsort((claims.begin[case.claim], claims.person[case.claim]))]
    same = claims.person[order][1:] == claims.person[order][:-1]
    gap = (claims.begin[order][1:] - claims.end[order][:-1])[same] / DAY
    # Not a split stay: more than a fortnight lies between.
    assert np.median(gap) > 15


def _census(ledger: Ledger, place: int, days: int) -> Ints:
    claims = ledger.claims
    stay = (claims.kind == INPATIENT) & (claims.place == place)
    change = np.zeros(days + 3, dtype=np.int64)
    np.add.at(change, claims.begin[stay] // DAY, 1)
    np.add.at(change, claims.end[stay] // DAY + 1, -1)
    return np.cumsum(change)


def test_bed_over_capacity(planted: Callable[[str], Planted]) -> None:
    case = planted("bed_over_capacity")
    world = case.world
    acting = np.unique(case.ledger.claims.place[case.claim])
    most = np.asarray([_census(case.ledger, i, world.calendar.days).max() for i in acting.tolist()])
    # Four to seven too many at first; a few of those asked are not free.
    assert (most >= world.places.beds[acting] + 2).any()
    assert (most <= world.places.beds[acting] + 12).all()
    for one in np.flatnonzero(world.places.has_beds).tolist():
        innocent = _census(case.innocent, one, world.calendar.days).max()
        assert innocent <= world.places.beds[one]


def test_drg_upcoding(planted: Callable[[str], Planted]) -> None:
    case = planted("drg_upcoding")
    noise = Noise(np.random.SeedSequence(1))
    severity = comorbidity(noise, case.world, case.ledger).severity
    honest = comorbidity(noise, case.world, case.innocent).severity
    assert (severity[case.claim] > honest[case.claim]).all()
    others = np.setdiff1d(np.arange(len(honest)), case.claim)
    assert (severity[others] == honest[others]).all()
    assert (case.ledger.truth.line == -1).all()


def test_impossible_day(planted: Callable[[str], Planted]) -> None:
    case = planted("impossible_day")
    lines = case.ledger.lines
    minutes = np.zeros(len(case.world.items.codes), dtype=np.int64)
    minutes[case.items(*SERVICE_MINUTES)] = list(SERVICE_MINUTES.values())

    def longest(ledger: Ledger) -> int:
        key = ledger.lines.doctor * 10_000 + ledger.lines.time // DAY
        worked = minutes[ledger.lines.item] * ledger.lines.count
        seen = ledger.lines.doctor >= 0
        _, row = np.unique(key[seen], return_inverse=True)
        return int(np.bincount(row, weights=worked[seen]).max())

    assert longest(case.ledger) > 24 * 60
    assert longest(case.innocent) < 16 * 60
    assert (lines.doctor[case.line] >= 0).all()


def test_departed_doctor(planted: Callable[[str], Planted]) -> None:
    case = planted("departed_doctor")
    doctors, claims = case.world.doctors, case.ledger.claims
    alias = claims.doctor[case.claim]
    assert (alias >= doctors.number).all()
    left = {doctors.codes[i]: int(doctors.left[i]) for i in range(doctors.number)}
    gone = np.asarray([left[doctors.codes[i]] for i in alias.tolist()])
    assert (claims.begin[case.claim] // DAY >= gone).all()
    assert (doctors.incumbent(alias, claims.begin[case.claim] // DAY) == alias).all()


def test_offhours_billing(planted: Callable[[str], Planted]) -> None:
    case = planted("offhours_billing")
    places = case.world.places

    def shut(ledger: Ledger, rows: Ints) -> Bools:
        clock, place = ledger.claims.begin[rows] % DAY, ledger.claims.place[rows]
        return (clock < places.opens[place]) | (clock >= places.closes[place])

    assert shut(case.ledger, case.claim).all()
    assert not shut(case.innocent, np.arange(len(case.innocent.claims))).any()


def test_employer_roster(planted: Callable[[str], Planted]) -> None:
    case = planted("employer_roster")
    firm = case.world.people.employer[case.ledger.claims.person[case.claim]]
    assert (firm >= 0).all()
    assert np.unique(firm, return_counts=True)[1].min() >= 3


def test_identity_misuse(planted: Callable[[str], Planted]) -> None:
    case = planted("identity_misuse")
    world, claims = case.world, case.ledger.claims
    age = world.people.age(claims.person[case.claim], claims.begin[case.claim] // DAY)
    codes = [world.diagnoses.codes[i] for i in claims.diagnosis[case.claim].tolist()]
    assert set(codes) <= {"Z34.9", "P59.9"}
    # All but the adaptive ones, who lend the card of a woman the list just allows.
    day = claims.begin[case.claim] // DAY
    assert (age > 55).any()
    assert (age[day < world.calendar.days // 2] > 55).all()
    assert age.min() >= 44
