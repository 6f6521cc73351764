"""Innocent care at fixed intervals, which looks like misuse and is not.

Dialysis, the care home's round, mornings in the villages.

In: the world, the innocent stays and a generator. Out: blocks of claims with their lines.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Ints, spread
from claims.simulator.basket import make_lines
from claims.simulator.ledger import CHRONIC, Claims, Lines, join, make_claims
from claims.simulator.people import YEAR
from claims.simulator.places import LEVEL_3, PRIMARY
from claims.simulator.stays import StayIndex
from claims.simulator.visits import Block, fee_lines, present, standing_lines
from claims.simulator.world import World

MOST_A_MORNING = 30


def make_cycles(rng: np.random.Generator, world: World, stays: StayIndex) -> list[Block]:
    """All innocent claims at fixed intervals."""
    return [
        present(rng, world, stays, *_dialysis(rng, world)),
        present(rng, world, stays, *_care_home(rng, world)),
        present(rng, world, stays, *_village_rounds(rng, world)),
    ]


def _dialysis(rng: np.random.Generator, world: World) -> Block:
    """Three sessions a week on fixed weekdays, all year, always at the same place."""
    patient = np.flatnonzero(world.people.dialysis).astype(np.int64)
    length = world.calendar.days
    begun = np.where(rng.random(len(patient)) < 0.7, 0, rng.integers(0, length, len(patient)))
    even = rng.random(len(patient)) < 0.5
    owner, day = spread(np.full(len(patient), length, dtype=np.int64))
    weekday = world.calendar.weekday[day]
    on = np.where(even[owner], np.isin(weekday, (0, 2, 4)), np.isin(weekday, (1, 3, 5)))
    on &= (day >= begun[owner]) & (rng.random(len(owner)) < 0.97)
    owner, day = owner[on], day[on]
    own = np.where(
        rng.random(len(patient)) < 0.65, world.places.dialysis, world.people.usual[patient, LEVEL_3]
    )
    shift = rng.choice([7, 12, 17], size=len(patient)) * HOUR
    begin = day * DAY + shift[owner] + rng.integers(0, 30 * MINUTE, len(owner))
    diagnosis = np.full(len(owner), world.diagnoses.number("N18.5"), dtype=np.int64)
    place = own[owner].astype(np.int64)
    doctor = world.doctor(rng, place, diagnosis)
    end = begin + 4 * HOUR + rng.integers(0, 20 * MINUTE, len(owner))
    claims = make_claims(patient[owner], place, CHRONIC, begin, end, diagnosis, doctor)
    return claims, _session_lines(rng, world, claims)


def _session_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    parts = []
    chances = (
        ("血液透析", 1.0),
        ("透析器", 1.0),
        ("透析管路", 1.0),
        ("重组人促红素注射液", 0.4),
        ("血液灌流", 0.02),
    )
    for name, chance in chances:
        owner = np.flatnonzero(rng.random(len(claims)) < chance).astype(np.int64)
        item = np.full(len(owner), world.items.number(name), dtype=np.int64)
        parts.append(make_lines(world, claims, owner, item, np.ones_like(item)))
    return join(parts)


def _care_home(rng: np.random.Generator, world: World) -> Block:
    """Every second Wednesday the doctor sees most residents within one morning."""
    resident = np.flatnonzero(world.people.care_home).astype(np.int64)
    rounds = np.flatnonzero(
        (world.calendar.weekday == 2) & (np.arange(world.calendar.days) // 7 % 2 == 0)
    )
    attends = rng.random((len(rounds), len(resident))) < 0.6
    row, column = np.nonzero(attends)
    person, day = resident[column], rounds[row]
    turn = np.cumsum(attends, axis=1)[row, column]
    begin = day * DAY + 8 * HOUR + turn * 3 * MINUTE + rng.integers(0, MINUTE, len(person))
    place = np.full(len(person), world.places.care_home, dtype=np.int64)
    return _seen_in_turn(rng, world, person, place, begin)


def _seen_in_turn(
    rng: np.random.Generator, world: World, person: Ints, place: Ints, begin: Ints
) -> Block:
    """Short visits of the chronically ill: a fortnight's drugs, for some a glucose test."""
    complaint = world.diagnoses.number("I10")
    diagnosis = np.where(world.people.chronic[person] >= 0, world.people.chronic[person], complaint)
    doctor = world.doctor(rng, place, diagnosis)
    end = begin + rng.integers(4 * MINUTE, 12 * MINUTE, len(person))
    claims = make_claims(person, place, CHRONIC, begin, end, diagnosis, doctor)
    fortnight: Ints = np.full(len(claims), 14, dtype=np.int64)
    glucose = np.flatnonzero(rng.random(len(claims)) < 0.3).astype(np.int64)
    item = np.full(len(glucose), world.items.number("血糖"), dtype=np.int64)
    lines = [fee_lines(rng, world, claims), standing_lines(world, claims, 0, fortnight)]
    lines.append(make_lines(world, claims, glucose, item, np.ones_like(item)))
    return claims, join(lines)


def _village_rounds(rng: np.random.Generator, world: World) -> Block:
    """A doctor spends a morning in each village and sees half of its chronically ill.

    At most thirty a morning; the others come on the next days.
    """
    people, calendar = world.people, world.calendar
    number = world.parameters.people.villages
    rounds = rng.poisson(
        world.parameters.care.village_rounds_per_year * calendar.days / YEAR, number
    )
    village, _ = spread(rounds.astype(np.int64))
    workday = np.flatnonzero(calendar.weekday < 5)
    day = workday[rng.integers(0, len(workday), len(village))] if len(village) else village
    pool = world.places.of(PRIMARY)
    pool = pool if len(pool) else world.places.of(0, 1, 2, 3)
    place = pool[rng.integers(0, len(pool), len(village))]
    ill = np.flatnonzero((people.chronic >= 0) & ~people.care_home).astype(np.int64)
    home = ill[np.argsort(people.village[ill], kind="stable")]
    first = np.searchsorted(people.village[home], village)
    last = np.searchsorted(people.village[home], village, side="right")
    which, position = spread((last - first).astype(np.int64))
    person = home[first[which] + position]
    comes = rng.random(len(person)) < 0.5
    which, person = which[comes], person[comes]
    turn = np.arange(len(which)) - np.searchsorted(which, which)
    begin = (day[which] + turn // MOST_A_MORNING) * DAY + 8 * HOUR + 30 * MINUTE
    begin = begin + turn % MOST_A_MORNING * 5 * MINUTE + rng.integers(0, MINUTE, len(which))
    return _seen_in_turn(rng, world, person, place[which], begin)
