"""Schemes with whole stays that were not needed.

Hanging beds, check-up admissions, split hospitalisation.

In and out: the ledger. All lines of a planted stay should not have been billed.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, Bools, Ints, spread, weighted
from claims.simulator.basket import make_lines
from claims.simulator.ledger import (
    INPATIENT,
    Claims,
    Lines,
    join,
    make_claims,
    pick,
    separate,
    take,
)
from claims.simulator.people import YEAR
from claims.simulator.schemes.plot import Plot
from claims.simulator.stays import leave
from claims.simulator.ward import daily_lines, days_in, tests_of, within

HANGING_DIAGNOSES = ("M54.5", "I67.8", "M47.8", "K29.5", "I69.3", "M17.9", "I10", "H81.1")
NEVER_SPLIT = ("Z51.1", "N18.5", "O80.0", "O82.0", "P59.9", "Z38.0", "Z34.9")


def _stays_at(plot: Plot) -> Ints:
    """Number of stays at each place."""
    claims = plot.ledger.claims
    here = claims.place[claims.kind == INPATIENT]
    return np.bincount(here, minlength=len(plot.world.places.codes))


def _wanted(plot: Plot, suitable: Bools) -> Ints:
    """The place of each stay to plant.

    A share of what the actors admit after the onset, at least one.
    """
    calendar = plot.world.calendar
    left = 1 - plot.onset / calendar.days
    admitted = _stays_at(plot)
    places: list[int] = []
    for actor in plot.actors(suitable, plot.world.places.beds):
        places += [int(actor)] * max(2, round(plot.spec.share * left * int(admitted[actor])))
    return np.asarray(places, dtype=np.int64)


def _one_stay_each(person: Ints) -> Ints:
    """The rows of the first occurrence of each person."""
    return np.sort(np.unique(person, return_index=True)[1]).astype(np.int64)


def bed_hanging(plot: Plot) -> None:
    """Elderly people lie in the books for one to three weeks.

    Bed and nursing, next to nothing else.
    """
    world, rng = plot.world, plot.rng
    place = _wanted(plot, world.places.private | (world.places.category == 0))
    adults = np.flatnonzero((world.people.birth < -45 * YEAR) & ~world.people.care_home)
    person = rng.choice(adults, size=min(len(place), len(adults)), replace=False).astype(np.int64)
    place = place[: len(person)]
    day = rng.integers(plot.onset, max(plot.onset + 1, world.calendar.days - 22), len(person))
    begin = day * DAY + 9 * HOUR + rng.integers(0, 6 * HOUR, len(person))
    adaptive = plot.adapts(day)
    stayed = np.where(adaptive, rng.integers(6, 10, len(person)), rng.integers(9, 21, len(person)))
    end = leave(rng, begin, stayed)
    free = plot.available(person, begin, end)
    pool = np.asarray([world.diagnoses.number(code) for code in HANGING_DIAGNOSES])
    diagnosis = pool[rng.integers(0, len(pool), len(person))]
    doctor = world.doctor(rng, place, diagnosis)
    claims = make_claims(person, place, INPATIENT, begin, end, diagnosis, doctor)
    claims = separate(claims, free)
    plot.plant_whole(claims, _hanging_lines(plot, claims, adaptive[free]))


def _hanging_lines(plot: Plot, claims: Claims, adaptive: Bools) -> Lines:
    """Bed and nursing daily, tests and a drug on the first day.

    The adaptive ones add a token every third day.
    """
    world, rng = plot.world, plot.rng
    ones = np.ones(len(claims), dtype=np.int64)
    tests = tests_of(rng, world, claims, "lab", rng.integers(1, 4, len(claims)), early=1.0)
    drugs = tests_of(rng, world, claims, "drug", ones, early=1.0)
    drugs.days[:] = -1
    owner, day = spread(np.where(adaptive, days_in(claims), 0))
    owner, day = owner[day % 3 == 1], day[day % 3 == 1]
    item = np.full(len(owner), world.items.number("红外线治疗"), dtype=np.int64)
    clock = np.full(len(owner), 15 * HOUR, dtype=np.int64)
    token = make_lines(
        world, claims, owner, item, np.ones_like(item), within(claims, owner, day, clock)
    )
    return join([daily_lines(rng, world, claims), tests, drugs, token])


def low_standard_admission(plot: Plot) -> None:
    """A bus fetches villagers.

    Each is admitted for two or three days with a mild diagnosis and tested throughout.
    """
    world, rng = plot.world, plot.rng
    actor = _wanted(plot, world.places.private & world.places.is_hospital)
    lone = _lone_places(plot, actor)
    place = np.concatenate([actor, lone])
    person, day = _bus_loads(plot, len(actor))
    extra = rng.choice(np.flatnonzero(world.people.birth < -18 * YEAR), size=len(lone))
    person = np.concatenate([person, extra]).astype(np.int64)
    day = np.concatenate(
        [day, rng.integers(plot.onset, max(plot.onset + 1, world.calendar.days - 9), len(lone))]
    )
    begin = day * DAY + 8 * HOUR + rng.integers(0, 4 * HOUR, len(day))
    adaptive = plot.adapts(day)
    end = leave(rng, begin, np.where(adaptive, 4, rng.integers(2, 4, len(day))))
    keep = np.flatnonzero(plot.available(person, begin, end))
    keep = keep[_one_stay_each(person[keep])]
    diagnosis = _mild(plot, person, day)
    doctor = world.doctor(rng, place, diagnosis)
    claims = separate(make_claims(person, place, INPATIENT, begin, end, diagnosis, doctor), keep)
    plot.plant_whole(claims, _check_up_lines(plot, claims, adaptive[keep]))


def _lone_places(plot: Plot, actors: Ints) -> Ints:
    """Places of the scattered cases, by how many stays they have."""
    admitted = _stays_at(plot)
    admitted[np.unique(actors)] = 0
    number = int(plot.rng.binomial(int(admitted.sum()), plot.spec.scattered))
    return weighted(plot.rng, admitted.astype(np.float64), number) if number else admitted[:0]


def _bus_loads(plot: Plot, number: int) -> tuple[Ints, Ints]:
    """Adults of one village at a time, four to nine on a day or the next."""
    people, rng = plot.world.people, plot.rng
    adult = np.flatnonzero((people.birth < -40 * YEAR) & ~people.care_home).astype(np.int64)
    person: list[int] = []
    day: list[int] = []
    while len(person) < number and len(adult):
        village = people.village[rng.choice(adult)]
        pool = adult[people.village[adult] == village]
        load = rng.choice(
            pool, size=min(len(pool), int(rng.integers(4, 10)), number - len(person)), replace=False
        )
        first = int(rng.integers(plot.onset, max(plot.onset + 1, plot.world.calendar.days - 9)))
        person += load.tolist()
        day += (first + rng.integers(0, 2, len(load))).tolist()
    return np.asarray(person, dtype=np.int64), np.asarray(day, dtype=np.int64)


def _mild(plot: Plot, person: Ints, day: Ints) -> Ints:
    """A mild diagnosis that fits sex and age."""
    diagnoses, people = plot.world.diagnoses, plot.world.people
    weight = np.where(diagnoses.mild, diagnoses.outpatient + 5, 0.0)
    age = np.maximum(people.age(person, day), 0)
    return diagnoses.draw(plot.rng, weight, people.sex[person], age)


def _check_up_lines(plot: Plot, claims: Claims, adaptive: Bools) -> Lines:
    """Many tests and an oral drug; the adaptive ones do fewer tests."""
    world, rng, n = plot.world, plot.rng, len(claims)
    labs = np.where(adaptive, 4, rng.integers(6, 10, n))
    exams = np.where(adaptive, 2, rng.integers(3, 6, n))
    drugs = tests_of(rng, world, claims, "drug", np.where(adaptive, 4, 1), early=0.5)
    drugs.days[:] = -1
    return join(
        [
            daily_lines(rng, world, claims),
            tests_of(rng, world, claims, "lab", labs, early=0.8),
            tests_of(rng, world, claims, "exam", exams, early=0.6),
            drugs,
        ]
    )


def split_hospitalisation(plot: Plot) -> None:
    """Discharge and admit again one to fourteen days later.

    The adaptive ones wait until the fifteenth is over.
    """
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    nights = plot.nights()
    eligible = _splittable(plot, nights)
    cases = plot.cases(eligible, ledger.claims.place[eligible], world.places.has_beds)
    begin, end = _second_stay(plot, cases, nights[cases])
    fits = plot.available(ledger.claims.person[cases], begin, end)
    if not fits.any() and plot.spec.actors > 0 and plot.spec.share > 0:
        # A small county: take any stay whose patient is free afterwards.
        begin, end = _second_stay(plot, eligible, nights[eligible])
        able = np.flatnonzero(plot.available(ledger.claims.person[eligible], begin, end))
        chosen = rng.permutation(able)[:1]
        cases, begin, end = eligible[chosen], begin[chosen], end[chosen]
        fits = np.ones(len(cases), dtype=bool)
    claims, lines = ledger.copy(cases[fits], begin[fits])
    claims.end = end[fits]
    lines = take(lines, _repeatable(plot, claims, lines))
    claims, lines = pick(claims, lines, np.ones(len(claims), dtype=bool))
    plot.plant_whole(claims, lines)


def _splittable(plot: Plot, nights: Ints) -> Ints:
    """Innocent stays of a few nights for an illness that may come back.

    In a small county also before the onset.
    """
    claims = plot.ledger.claims
    whole = np.asarray([plot.world.diagnoses.number(code) for code in NEVER_SPLIT])
    able = (nights >= 2) & ~np.isin(claims.diagnosis, whole)
    best = able & (nights >= 3) & plot.clean() & plot.begun()
    for wanted in (best, able & plot.clean(), able):
        if wanted.any():
            return np.flatnonzero(wanted).astype(np.int64)
    return np.zeros(0, dtype=np.int64)


def _second_stay(plot: Plot, cases: Ints, nights: Ints) -> tuple[Ints, Ints]:
    """Beginning and end of the second stay: never longer than the first, which it copies."""
    rng, claims = plot.rng, plot.ledger.claims
    last = claims.end[cases] // DAY
    gap = np.where(
        plot.adapts(last), rng.integers(16, 20, len(cases)), rng.integers(1, 15, len(cases))
    )
    begin = (last + gap) * DAY + 9 * HOUR + rng.integers(0, 5 * HOUR, len(cases))
    return begin, leave(rng, begin, np.minimum(nights, rng.integers(3, 9, len(cases))))


def _repeatable(plot: Plot, claims: Claims, lines: Lines) -> Bools:
    """Lines that fall into the second stay; an operation is not done twice."""
    surgical = plot.world.items.base[lines.item] >= 40_000
    surgical &= plot.world.items.of_kind("treatment", "consumable")[lines.item]
    keep: Bools = (
        (lines.time < claims.end[lines.claim])
        & (lines.time >= claims.begin[lines.claim])
        & ~surgical
    )
    return keep
