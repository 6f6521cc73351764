"""Innocent stays in hospital: ordinary admissions, transfers, births, chemotherapy cycles.

In: the world and a generator. Out: a block of claims (no two stays of a person overlap; a transfer
begins the day the first stay ends). Means by level follow county figures of about 3,700 to 8,000
yuan a stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from claims.simulator.arrays import DAY, HOUR, Bools, Ints, spread, weighted
from claims.simulator.calendar import clinic_clock, draw_days
from claims.simulator.ledger import INPATIENT, Claims, Ledger, make_claims, separate
from claims.simulator.people import NEVER, STAY_BY_AGE, YEAR
from claims.simulator.places import LEVEL_2, LEVEL_3
from claims.simulator.world import World

CATEGORY_SHARE = (0.22, 0.20, 0.33, 0.25)
CHRONIC_ADMISSION = 0.3
DIE_IN_HOSPITAL = 0.4


@dataclass
class Admissions:
    """Who is admitted where, when, for how many nights and why; `begin` and `end` in seconds."""

    person: Ints
    place: Ints
    begin: Ints
    end: Ints
    diagnosis: Ints


def make_admissions(rng: np.random.Generator, world: World) -> Claims:
    """All innocent stays, as claims without lines, in order of person and time."""
    parts = [_ordinary(rng, world)]
    parts.append(_transfers(rng, world, parts[0]))
    parts.append(_chemotherapy(rng, world))
    parts.append(_last_stays(rng, world))
    parts += _births(rng, world)
    joined = Admissions(
        *[
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("person", "place", "begin", "end", "diagnosis")
        ]
    )
    claims = admit(rng, world, joined)
    return separate(claims, _without_overlap(claims))


def admit(rng: np.random.Generator, world: World, admissions: Admissions) -> Claims:
    """Claims for admissions of the living within the period; a death ends the stay."""
    death = world.people.death[admissions.person] * DAY + 6 * HOUR
    end = np.minimum(admissions.end, death)
    born = admissions.begin // DAY >= world.people.birth[admissions.person]
    fits = born & (end - admissions.begin > 12 * HOUR) & (end < world.calendar.days * DAY)
    doctor = world.doctor(rng, admissions.place, admissions.diagnosis)
    claims = make_claims(
        admissions.person,
        admissions.place,
        INPATIENT,
        admissions.begin,
        end,
        admissions.diagnosis,
        doctor,
    )
    return separate(claims, fits)


def bedded_place(rng: np.random.Generator, world: World, person: Ints) -> Ints:
    """The hospital a person is admitted to: mostly the usual one of a category, if it has beds."""
    category = weighted(rng, np.asarray(CATEGORY_SHARE), len(person))
    usual = world.people.usual[person, category]
    pool = np.flatnonzero(world.places.has_beds)
    pool = pool[pool != world.places.dialysis] if len(pool) > 1 else pool
    other = pool[weighted(rng, world.places.weight[pool] * world.places.beds[pool], len(person))]
    stays = world.places.has_beds[usual] & (rng.random(len(person)) < 0.88)
    return np.where(stays, usual, other).astype(np.int64)


def nights(rng: np.random.Generator, world: World, diagnosis: Ints) -> Ints:
    """Nights in hospital for each diagnosis."""
    usual = world.diagnoses.stay_days[diagnosis]
    return np.maximum(1, np.rint(usual * rng.lognormal(-0.08, 0.4, len(diagnosis)))).astype(
        np.int64
    )


def leave(rng: np.random.Generator, begin: Ints, stayed: Ints) -> Ints:
    """The second of discharge, late in the morning or in the afternoon of the last day."""
    clock = (9 + 7 * rng.random(len(begin))) * HOUR
    return (begin // DAY + stayed) * DAY + clock.astype(np.int64)


def _ordinary(rng: np.random.Generator, world: World) -> Admissions:
    people = world.people
    rate = people.frailty**0.6 * np.asarray(STAY_BY_AGE)[people.band()]
    rate = rate * np.where(people.chronic >= 0, 1.5, 1.0)
    years = world.calendar.days / YEAR
    rate *= world.parameters.care.stays_per_year * years / rate.mean()
    person = np.repeat(np.arange(len(rate), dtype=np.int64), rng.poisson(rate))
    day = draw_days(rng, world.calendar.clinic, len(person))
    age = people.age(person, day)
    drawn = world.diagnoses.draw(
        rng, world.diagnoses.inpatient, people.sex[person], np.maximum(age, 0)
    )
    chronic = people.chronic[person]
    own = (chronic >= 0) & (rng.random(len(person)) < CHRONIC_ADMISSION)
    diagnosis = np.where(own, chronic, drawn)
    place = bedded_place(rng, world, person)
    # When the year's quota is spent, what can wait is put off to January.
    december = world.calendar.month[day] == 12
    put_off = december & (rng.random(len(day)) < world.parameters.policy.quota_share)
    day = np.where(put_off & (world.places.level[place] >= 2), day + 31, day)
    begin = day * DAY + clinic_clock(rng, len(person))
    end = leave(rng, begin, nights(rng, world, diagnosis))
    return Admissions(person, place, begin, end, diagnosis)


def _transfers(rng: np.random.Generator, world: World, stays: Admissions) -> Admissions:
    """Some of the stays below level 3 go on at a higher hospital the same day."""
    level = world.places.level[stays.place]
    moved = (level < 3) & (rng.random(len(level)) < world.parameters.care.transfer_share)
    person, diagnosis = stays.person[moved], stays.diagnosis[moved]
    higher = np.where(level[moved] < 2, LEVEL_2, LEVEL_3)
    place = world.people.usual[person, higher]
    begin = stays.end[moved] + (HOUR * (1 + 2 * rng.random(len(person)))).astype(np.int64)
    elsewhere = place != stays.place[moved]
    end = leave(rng, begin, nights(rng, world, diagnosis))
    return Admissions(
        person[elsewhere], place[elsewhere], begin[elsewhere], end[elsewhere], diagnosis[elsewhere]
    )


def _chemotherapy(rng: np.random.Generator, world: World) -> Admissions:
    """Four to eight short stays, two or three weeks apart, always at the same hospital."""
    patients = np.flatnonzero(world.people.chemotherapy).astype(np.int64)
    owner, cycle = spread(rng.integers(4, 9, len(patients)))
    gap = rng.choice([14, 21, 21], size=len(patients))
    first = rng.integers(0, max(1, world.calendar.days - 60), len(patients))
    day = first[owner] + cycle * gap[owner] + rng.integers(0, 2, len(owner))
    column = np.where(rng.random(len(patients)) < 0.7, LEVEL_3, LEVEL_2)
    place = world.people.usual[patients, column]
    begin = day * DAY + 9 * HOUR + rng.integers(0, 2 * HOUR, len(owner))
    end = leave(rng, begin, rng.integers(1, 4, len(owner)))
    reason = np.full(len(owner), world.diagnoses.number("Z51.1"), dtype=np.int64)
    return Admissions(patients[owner], place[owner], begin, end, reason)


def _last_stays(rng: np.random.Generator, world: World) -> Admissions:
    """Two in five of those who die do so in a hospital, after some days."""
    people, number = world.people, world.diagnoses.number
    dying = np.flatnonzero((people.death < NEVER) & (people.death > 14)).astype(np.int64)
    dying = dying[rng.random(len(dying)) < DIE_IN_HOSPITAL]
    day = people.death[dying] - rng.integers(2, 14, len(dying))
    begin = day * DAY + clinic_clock(rng, len(dying))
    grave = np.asarray([number(code) for code in ("I63.9", "I50.9", "J44.1", "J18.9")])
    reason = grave[rng.integers(0, len(grave), len(dying))]
    end = (people.death[dying] + 1) * DAY
    return Admissions(dying, bedded_place(rng, world, dying), begin, end, reason)


def _births(rng: np.random.Generator, world: World) -> list[Admissions]:
    """A delivery for each child born in the period, and for many a stay of the child as well."""
    people = world.people
    child = np.flatnonzero((people.birth >= 2) & (people.birth < world.calendar.days - 8)).astype(
        np.int64
    )
    age = -people.birth / YEAR
    women = np.flatnonzero((people.sex == 2) & (age > 20) & (age < 40) & ~people.care_home).astype(
        np.int64
    )
    child = child[: len(women)]
    mother = rng.permutation(women)[: len(child)]
    place = people.usual[mother, np.where(rng.random(len(mother)) < 0.6, LEVEL_2, LEVEL_3)]
    caesarean = rng.random(len(mother)) < 0.4
    number = world.diagnoses.number
    delivery = np.where(caesarean, number("O82.0"), number("O80.0"))
    begin = people.birth[child] * DAY + rng.integers(0, 8 * HOUR, len(child))
    stayed = 3 + rng.integers(0, 3, len(child)) + caesarean
    mothers = Admissions(mother, place, begin, leave(rng, begin, stayed), delivery)
    ill = rng.random(len(child)) < 0.45
    reason = np.where(rng.random(len(child)) < 0.6, number("P59.9"), number("Z38.0"))
    childs_begin = begin + 6 * HOUR
    end = leave(rng, childs_begin, stayed + rng.integers(0, 3, len(child)))
    children = Admissions(child[ill], place[ill], childs_begin[ill], end[ill], reason[ill])
    return [mothers, children]


def _without_overlap(claims: Claims) -> Ints:
    """The stays, by person and time, that begin after all kept ones of the person ended."""
    order = np.lexsort((claims.begin, claims.person))
    kept: list[int] = []
    last_person, last_end = -1, 0
    for position in order.tolist():
        person = int(claims.person[position])
        if person != last_person or claims.begin[position] >= last_end:
            kept.append(position)
            last_person, last_end = person, int(claims.end[position])
    return np.asarray(kept, dtype=np.int64)


def license_beds(world: World, ledger: Ledger) -> World:
    """The county with as many licensed beds at each place as its innocent patients need.

    A seventh more than on the busiest day; the county's other patients lie elsewhere.
    """
    claims, places = ledger.claims, world.places
    stay = np.flatnonzero(claims.kind == INPATIENT)
    width = world.calendar.days + 2
    change = np.zeros(len(places.codes) * width, dtype=np.int64)
    np.add.at(change, claims.place[stay] * width + claims.begin[stay] // DAY, 1)
    np.add.at(change, claims.place[stay] * width + claims.end[stay] // DAY + 1, -1)
    busiest = np.cumsum(change.reshape(-1, width), axis=1).max(axis=1)
    needed = np.maximum(5, busiest + busiest // 7 + 1)
    return replace(world, places=replace(places, beds=np.where(places.has_beds, needed, 0)))


class StayIndex:
    """Answers whether a moment lies inside a stay of a person. The stays must not overlap."""

    def __init__(self, claims: Claims) -> None:
        """Index the stays among `claims`."""
        stay = np.flatnonzero(claims.kind == INPATIENT)
        order = stay[np.lexsort((claims.begin[stay], claims.person[stay]))]
        self.span = int(max(claims.end.max(initial=0), 1)) + DAY * 400
        self.key = claims.person[order] * self.span + claims.begin[order]
        self.person = claims.person[order]
        self.begin = claims.begin[order]
        self.end = claims.end[order]

    def inside(self, person: Ints, time: Ints) -> Bools:
        """Whether each moment lies between admission and discharge."""
        if len(self.key) == 0:
            return np.zeros(len(person), dtype=bool)
        at = np.searchsorted(self.key, person * self.span + time, side="right") - 1
        found = np.maximum(at, 0)
        lies: Bools = (at >= 0) & (self.person[found] == person) & (time < self.end[found])
        return lies

    def free_until(self, person: Ints, time: Ints) -> Ints:
        """When the next stay of each person begins after a moment (very late if none)."""
        late = np.full(len(person), 2**60, dtype=np.int64)
        if len(self.key) == 0:
            return late
        at = np.searchsorted(self.key, person * self.span + time, side="right")
        found = np.minimum(at, len(self.key) - 1)
        ahead = (at < len(self.key)) & (self.person[found] == person)
        return np.where(ahead, self.begin[found], late)
