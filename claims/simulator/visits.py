"""Innocent visits and purchases.

Ordinary visits, repeat prescriptions of the chronically ill, swipes at pharmacies.

In: the world, the innocent stays (nobody is in two places) and a generator. Out: blocks of claims
with their lines.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Bools, Floats, Ints, by_level, weighted
from claims.simulator.basket import distinct, in_hours, make_lines, modest_count, rows_for
from claims.simulator.calendar import clinic_clock, draw_days, shop_clock
from claims.simulator.ledger import (
    CHRONIC,
    OUTPATIENT,
    PHARMACY,
    Claims,
    Lines,
    join,
    make_claims,
    pick,
    take,
)
from claims.simulator.people import VISIT_BY_AGE, YEAR
from claims.simulator.places import LEVEL_2, LEVEL_3, PRIMARY
from claims.simulator.stays import StayIndex
from claims.simulator.world import World

CATEGORY_SHARE = (0.54, 0.12, 0.20, 0.14)
DEAREST_DRUG = 150
LAB_CHANCE = {1: 0.09, 2: 0.16, 3: 0.20, 9: 0.03}
EXAM_CHANCE = {1: 0.04, 2: 0.08, 3: 0.10, 9: 0.0}
TREATMENT_CHANCE = 0.08
VISIT_MINUTES, REPEAT_MINUTES = 38, 30
DRUGS_PER_VISIT = (0.15, 0.50, 0.27, 0.08)
LONG_SHARE = 0.1
USUAL_SUPPLY = 28 + LONG_SHARE * (84 - 28)
Block = tuple[Claims, Lines]


def make_visits(rng: np.random.Generator, world: World, stays: StayIndex) -> list[Block]:
    """All innocent claims outside hospital beds but the cycles."""
    ordinary = _ordinary(rng, world)
    return [
        present(rng, world, stays, *ordinary),
        present(rng, world, stays, *_referrals(rng, world, ordinary[0])),
        present(rng, world, stays, *_repeat_prescriptions(rng, world)),
        present(rng, world, stays, *_swipes(rng, world)),
    ]


def present(
    rng: np.random.Generator, world: World, stays: StayIndex, claims: Claims, lines: Lines
) -> Block:
    """A block without the claims of the dead, the unborn and (nearly all) those in hospital."""
    keep = world.people.alive(claims.person, claims.begin // DAY)
    keep &= claims.begin // DAY < world.calendar.days
    relative = rng.random(len(claims)) < world.parameters.care.relative_share
    keep &= relative | ~stays.inside(claims.person, claims.begin)
    claims, lines = pick(claims, lines, keep)
    in_hours(world, claims, lines)
    return claims, lines


def outpatient_place(rng: np.random.Generator, world: World, person: Ints, day: Ints) -> Ints:
    """Where each visit goes: mostly the usual place of a category, at times another one of it.

    After the policy that favours them, village and community places have more of all visits.
    """
    before, after = np.asarray(CATEGORY_SHARE), np.asarray(CATEGORY_SHARE)
    after[PRIMARY] *= 1 + world.parameters.policy.community_growth
    favoured = day >= world.calendar.day_of(world.parameters.policy.community_month)
    part = rng.random(len(person))
    category = np.where(
        favoured,
        np.searchsorted(np.cumsum(after) / after.sum(), part, side="right"),
        np.searchsorted(np.cumsum(before) / before.sum(), part, side="right"),
    )
    category = np.minimum(category, len(before) - 1).astype(np.int64)
    place = world.people.usual[person, category]
    stray = rng.random(len(person)) < 0.13
    for one in range(4):
        pool = world.places.of(one)
        rows = np.flatnonzero(stray & (category == one))
        if len(pool):
            place[rows] = pool[weighted(rng, world.places.weight[pool], len(rows))]
    return place


def spend_time(rng: np.random.Generator, begin: Ints, minutes: float | Ints) -> Ints:
    """The end of visits that last about so many minutes."""
    last = rng.gamma(3.0, minutes / 3.0, len(begin)) + 3
    return begin + (last * MINUTE).astype(np.int64)


def counter_time(rng: np.random.Generator, begin: Ints) -> Ints:
    """The end of purchases at a pharmacy."""
    return begin + rng.integers(2 * MINUTE, 9 * MINUTE, len(begin))


def draw_people(
    rng: np.random.Generator, world: World, per_year: float, weight: Ints | None = None
) -> Ints:
    """A person for each claim of a kind that happens `per_year` times per insured."""
    people = world.people
    rate = people.frailty * np.asarray(VISIT_BY_AGE)[people.band()]
    if weight is not None:
        rate = rate * weight
    rate *= per_year * world.calendar.days / YEAR / max(rate.mean(), 1e-9)
    return np.repeat(np.arange(len(rate), dtype=np.int64), rng.poisson(rate))


def ordinary_rate(world: World) -> float:
    """Ordinary visits per insured and year: what is left of all contacts."""
    care, people = world.parameters.care, world.people
    at_home = (people.chronic >= 0) & ~people.care_home
    regular = at_home.mean() * (care.chronic_visits_per_year + 0.5 * care.village_rounds_per_year)
    regular += 150 * people.dialysis.mean() + 15 * people.care_home.mean()
    left = care.visits_per_year - care.swipes_per_year - regular
    return max(0.0, float(left)) / (1 + 0.66 * care.referral_share)


def _growing(world: World) -> Floats:
    """Day weights of visits: more of them once village and community places are favoured."""
    policy = world.parameters.policy
    favoured = np.arange(world.calendar.days) >= world.calendar.day_of(policy.community_month)
    return world.calendar.clinic * (
        1 + favoured * policy.community_growth * CATEGORY_SHARE[PRIMARY]
    )


def _ordinary(rng: np.random.Generator, world: World) -> Block:
    people = world.people
    person = draw_people(rng, world, ordinary_rate(world))
    day = draw_days(rng, _growing(world), len(person))
    age = np.maximum(people.age(person, day), 0)
    diagnosis = world.diagnoses.draw(rng, world.diagnoses.outpatient, people.sex[person], age)
    place = outpatient_place(rng, world, person, day)
    begin = day * DAY + clinic_clock(rng, len(person))
    doctor = world.doctor(rng, place, diagnosis)
    end = spend_time(rng, begin, VISIT_MINUTES)
    claims = make_claims(person, place, OUTPATIENT, begin, end, diagnosis, doctor)
    return claims, visit_lines(rng, world, claims)


def _referrals(rng: np.random.Generator, world: World, visits: Claims) -> Block:
    """Some patients of small places are sent on and seen at their higher hospital within days."""
    low = world.places.level[visits.place] % 9 < 2
    sent = low & (rng.random(len(visits)) < world.parameters.care.referral_share)
    first = take(visits, sent)
    column = np.where(rng.random(len(first)) < 0.6, LEVEL_2, LEVEL_3)
    place = world.people.usual[first.person, column]
    day = first.begin // DAY + rng.integers(1, 6, len(first))
    begin = day * DAY + clinic_clock(rng, len(first))
    doctor = world.doctor(rng, place, first.diagnosis)
    end = spend_time(rng, begin, 45)
    claims = make_claims(first.person, place, OUTPATIENT, begin, end, first.diagnosis, doctor)
    return claims, visit_lines(rng, world, claims)


def visit_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """The fee, drugs, and sometimes a test or a treatment."""
    n = len(claims)
    level = world.places.level[claims.place]
    drugs = weighted(rng, np.asarray(DRUGS_PER_VISIT), n)
    labs = (rng.random(n) < by_level(LAB_CHANCE)[level]) * rng.integers(1, 3, n)
    exams = (rng.random(n) < by_level(EXAM_CHANCE)[level]) * 1
    treated = (rng.random(n) < TREATMENT_CHANCE) * 1
    parts = [fee_lines(rng, world, claims)]
    for kind, counts in (("drug", drugs), ("lab", labs), ("exam", exams), ("treatment", treated)):
        dearest = DEAREST_DRUG if kind == "drug" else 300
        lists = world.items.by_group(kind, ward=False, dearest=dearest)
        owner, item = distinct(rng, lists, rows_for(world, claims, claims.diagnosis), counts)
        count = modest_count(rng, world, item)
        count += (world.items.is_drug[item]) & (rng.random(len(item)) < 0.12)
        parts.append(make_lines(world, claims, owner, item, count))
    return join(parts)


def fee_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """The consultation fee that fits the place and the hour."""
    number = world.items.number
    n = len(claims)
    hour = claims.begin % DAY // HOUR
    level = world.places.level[claims.place]
    expert = (level == 3) & (rng.random(n) < 0.3)
    item = np.where(expert, number("专家门诊诊查费"), number("普通门诊诊查费"))
    item = np.where((hour < 7) | (hour >= 20), number("急诊诊查费"), item)
    item = np.where(world.places.category[claims.place] == 0, number("一般诊疗费"), item)
    owner = np.arange(n, dtype=np.int64)
    return make_lines(world, claims, owner, item, np.ones(n, dtype=np.int64))


def _repeat_prescriptions(rng: np.random.Generator, world: World) -> Block:
    """The chronically ill come back when the last supply is used up, or later.

    Some get twelve weeks at once.
    """
    people, care = world.people, world.parameters.care
    patient = np.flatnonzero((people.chronic >= 0) & ~people.care_home).astype(np.int64)
    most = int(world.calendar.days // 26) + 2
    long = rng.random((len(patient), most)) < LONG_SHARE
    supply = np.where(long, 84, 28)
    slack = max(365 / max(care.chronic_visits_per_year, 0.1) - USUAL_SUPPLY, 1.0)
    gap = supply + rng.exponential(slack, supply.shape) - 2 * rng.random(supply.shape)
    first = rng.random((len(patient), 1)) * 60
    days = (first + np.cumsum(gap, axis=1) - gap[:, :1]).astype(np.int64)
    wanted = (days < world.calendar.days) & (care.chronic_visits_per_year > 0)
    row, column = np.nonzero(wanted)
    person, day = patient[row], _to_working_day(world, days[row, column])
    place = outpatient_place(rng, world, person, day)
    begin = day * DAY + clinic_clock(rng, len(person))
    diagnosis = people.chronic[person]
    doctor = world.doctor(rng, place, diagnosis)
    claims = make_claims(
        person, place, CHRONIC, begin, spend_time(rng, begin, REPEAT_MINUTES), diagnosis, doctor
    )
    return claims, _repeat_lines(rng, world, claims, np.where(long[row, column], 84, 28))


def _to_working_day(world: World, day: Ints) -> Ints:
    """Most repeat prescriptions due at a weekend are collected on the Monday."""
    weekday = world.calendar.weekday[np.minimum(day, world.calendar.days - 1)]
    return np.where((weekday >= 5) & (day % 3 > 0), day + 7 - weekday, day)


def _repeat_lines(rng: np.random.Generator, world: World, claims: Claims, days: Ints) -> Lines:
    """The fee and the standing drugs for so many days, now and then a test."""
    parts = [fee_lines(rng, world, claims)]
    for column in (0, 1):
        parts.append(standing_lines(world, claims, column, days))
    tested = (rng.random(len(claims)) < 0.08) * 1
    lists = world.items.by_group("lab", ward=False, dearest=120)
    owner, item = distinct(rng, lists, rows_for(world, claims, claims.diagnosis), tested)
    parts.append(make_lines(world, claims, owner, item, np.ones_like(item)))
    return join(parts)


def standing_lines(world: World, claims: Claims, column: int, days: Ints) -> Lines:
    """The first or second standing drug of each patient for so many days."""
    item = world.people.chronic_items[claims.person, column]
    owner = np.flatnonzero(item >= 0).astype(np.int64)
    item = item[owner]
    count = np.maximum(1, days[owner] // np.maximum(world.items.days[item], 1))
    return make_lines(world, claims, owner, item, count)


def _swipes(rng: np.random.Generator, world: World) -> Block:
    """Purchases at pharmacies: mostly employees, who have an account to pay from."""
    people = world.people
    buyer = np.where(people.employee, 5, 1)
    person = draw_people(rng, world, world.parameters.care.swipes_per_year, buyer)
    day = draw_days(rng, world.calendar.shop, len(person))
    pool = np.flatnonzero(world.places.is_pharmacy)
    stray = pool[weighted(rng, world.places.weight[pool], len(person))] if len(pool) else person
    usual = people.usual[person, 4]
    place = np.where(rng.random(len(person)) < 0.75, usual, stray).astype(np.int64)
    begin = day * DAY + shop_clock(rng, len(person))
    end = counter_time(rng, begin)
    none = np.full(len(person), -1, dtype=np.int64)
    claims = make_claims(person, place, PHARMACY, begin, end, none, none)
    return claims, shop_lines(rng, world, claims)


def shop_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """A few drugs over the counter; a third of the chronically ill also buy a standing drug."""
    people = world.people
    age = np.maximum(people.age(claims.person, claims.begin // DAY), 0)
    complaint = world.diagnoses.draw(
        rng, world.diagnoses.outpatient, people.sex[claims.person], age
    )
    lists = world.items.by_group("drug", ward=False, dearest=DEAREST_DRUG)
    owner, item = distinct(
        rng, lists, rows_for(world, claims, complaint), 1 + rng.poisson(1.95, len(claims))
    )
    count = np.minimum(1 + rng.poisson(2.3, len(item)), 6)
    standing = standing_lines(world, claims, 0, np.full(len(claims), 28, dtype=np.int64))
    chosen: Bools = rng.random(len(claims)) < 0.33
    keep = chosen[standing.claim]
    free = make_lines(world, claims, owner, item, count)
    # Whoever buys the standing drug does not find it in the free basket a second time.
    twice = chosen[owner] & (people.chronic_items[claims.person[owner], 0] == item)
    return join([take(free, ~twice), take(standing, keep)])
