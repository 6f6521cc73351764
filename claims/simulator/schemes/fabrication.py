"""Schemes with claims out of nothing: batch swiping, hoarding, visits at equal intervals.

In and out: the ledger. Of a hoarder's purchases only those beyond a stock of two weeks are wrong;
the rest is need.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Ints, spread
from claims.simulator.basket import make_lines
from claims.simulator.ledger import CHRONIC, OUTPATIENT, PHARMACY, Claims, make_claims
from claims.simulator.people import YEAR
from claims.simulator.places import PRIMARY
from claims.simulator.schemes.plot import Plot
from claims.simulator.visits import REPEAT_MINUTES, counter_time, spend_time

# The drug a hoarder resells, with the sex it is limited to (0 none).
HOARDED = (
    ("他克莫司胶囊", 0),
    ("安罗替尼胶囊", 0),
    ("恩扎卢胺软胶囊", 1),
    ("甘精胰岛素注射液", 0),
    ("沙美特罗替卡松粉吸入剂", 0),
    ("氯吡格雷片", 0),
    ("阿托伐他汀钙片", 0),
)
# The diagnosis under which a drug of a group is prescribed.
PRETEXT = {
    "renal": "N03.9",
    "onc": "C34.9",
    "dm": "E11.9",
    "copd": "J44.1",
    "chd": "I25.1",
    "cvd": "I69.3",
}
TOLERATED_STOCK = 14
USUAL_RUN = 9


def _activity(plot: Plot) -> Ints:
    return np.bincount(plot.ledger.claims.place, minlength=len(plot.world.places.codes))


def batch_swiping(plot: Plot) -> None:
    """A pharmacy swipes the cards it keeps, one within a minute of the other, equal baskets."""
    world, rng = plot.world, plot.rng
    for actor in plot.actors(world.places.is_pharmacy, _activity(plot) * world.places.is_pharmacy):
        adults = np.flatnonzero(
            (world.people.birth < -20 * YEAR) & (world.people.death > world.calendar.days)
        )
        cards = rng.choice(adults, size=min(len(adults), int(rng.integers(16, 34))), replace=False)
        swipes = int(((plot.ledger.claims.place == actor) & plot.begun()).sum())
        runs = max(1, round(plot.spec.share * swipes / USUAL_RUN))
        days = np.sort(rng.integers(plot.onset, world.calendar.days - 1, runs))
        person, begin, run = _runs(plot, cards, days)
        free = plot.available(person, begin, begin + HOUR)
        free[:1] |= not free.any()
        _plant_run(plot, int(actor), person[free], begin[free], run[free])


def _runs(plot: Plot, cards: Ints, days: Ints) -> tuple[Ints, Ints, Ints]:
    """Card, second and number of the run of each swipe; the adaptive runs are short and slow."""
    rng = plot.rng
    adaptive = plot.adapts(days)
    length = np.where(adaptive, 4, rng.integers(6, 15, len(days)))
    run, position = spread(np.minimum(length, len(cards)))
    person = cards[(rng.integers(0, len(cards), len(days))[run] + position) % len(cards)]
    gap = np.where(adaptive[run], rng.integers(62, 96, len(run)), rng.integers(14, 52, len(run)))
    total = np.cumsum(gap)
    since = total - total[np.searchsorted(run, np.arange(len(days)))][run]
    opening = (
        np.where(rng.random(len(days)) < 0.6, 12.6 * HOUR, 20.6 * HOUR)
        + rng.random(len(days)) * HOUR
    )
    return person, days[run] * DAY + opening[run].astype(np.int64) + since, run


def _plant_run(plot: Plot, place: int, person: Ints, begin: Ints, run: Ints) -> None:
    """Three baskets of the house, one for a whole run."""
    world, rng = plot.world, plot.rng
    pool = np.flatnonzero(world.items.is_drug & (world.items.sex == 0) & (world.items.base <= 6000))
    baskets = pool[rng.integers(0, len(pool), (3, 3))]
    n = len(person)
    none = np.full(n, -1, dtype=np.int64)
    # Swiped in a row, but closed like any purchase: the delay must not tell them.
    end = counter_time(plot.aside(), begin)
    claims = make_claims(person, none * 0 + place, PHARMACY, begin, end, none, none)
    owner, position = spread(np.full(n, 3, dtype=np.int64))
    item = baskets[run[owner] % 3, position]
    first = np.unique(owner * 10_000 + item, return_index=True)[1]
    owner, item = owner[first], item[first]
    count = 1 + (item + run[owner]) % 3
    plot.plant_whole(claims, make_lines(world, claims, owner, item, count))


def excess_supply(plot: Plot) -> None:
    """Insured who buy one dear drug again and again from several places and resell it."""
    world, rng = plot.world, plot.rng
    people = world.people
    adults = np.flatnonzero(
        (people.birth < -30 * YEAR) & (people.death > world.calendar.days) & ~people.care_home
    )
    number = min(len(adults), max(1, round(plot.spec.actors * len(people.sex) / 10_000)))
    sellers = _sellers(plot)
    if plot.spec.actors == 0 or plot.spec.share <= 0 or len(sellers) == 0:
        return
    for person in rng.choice(adults, size=number, replace=False):
        _hoard(plot, int(person), sellers)


def _sellers(plot: Plot) -> Ints:
    """Places that sell drugs to walk-in patients."""
    active = _activity(plot) > 0
    pool = np.flatnonzero(active).astype(np.int64)
    return pool[pool != plot.world.places.dialysis] if len(pool) > 1 else pool


def _hoard(plot: Plot, person: int, sellers: Ints) -> None:
    """One person's purchases; the adaptive one spreads them over more places, in smaller packs."""
    world, rng = plot.world, plot.rng
    names = [name for name, sex in HOARDED if sex in (0, world.people.sex[person])]
    item = world.items.number(names[int(rng.integers(0, len(names)))])
    adaptive = bool(rng.random() < plot.spec.adaptive_share)
    places = rng.choice(sellers, size=min(len(sellers), 9 if adaptive else 5), replace=False)
    weeks = np.arange(plot.onset, world.calendar.days - 2, 4 if adaptive else 7, dtype=np.int64)
    bought = weeks[rng.random(len(weeks)) < max(plot.spec.share, 2.1 / max(len(weeks), 1))]
    day = bought + rng.integers(0, 3, len(bought))
    begin = day * DAY + 9 * HOUR + rng.integers(0, 9 * HOUR, len(day))
    who = np.full(len(day), person, dtype=np.int64)
    keep = plot.available(who, begin, begin + HOUR)
    begin, who = begin[keep], who[keep]
    place = places[rng.integers(0, len(places), len(begin))]
    shop = world.places.is_pharmacy[place]
    group = next((one for one in PRETEXT if one in world.items.groups[item]), "chd")
    diagnosis = np.where(shop, -1, world.diagnoses.number(PRETEXT[group]))
    doctor = np.where(shop, -1, world.doctor(rng, place, np.maximum(diagnosis, 0)))
    kind = np.where(shop, PHARMACY, CHRONIC)
    closed = counter_time(plot.aside(), begin)
    end = np.where(shop, closed, spend_time(rng, begin, REPEAT_MINUTES))
    claims = make_claims(who, place, kind, begin, end, diagnosis, doctor)
    _plant_hoard(plot, claims, item, adaptive)


def _plant_hoard(plot: Plot, claims: Claims, item: int, adaptive: bool) -> None:
    world = plot.world
    pack = int(world.items.days[item])
    units = max(1, (14 if adaptive else 28) // pack)
    owner = np.arange(len(claims), dtype=np.int64)
    items = np.full(len(owner), item, dtype=np.int64)
    lines = make_lines(world, claims, owner, items, np.full(len(owner), units, dtype=np.int64))
    lines.days[:] = units * pack
    _, new = plot.ledger.add(claims, lines)
    plot.ledger.mark_whole(new[_beyond_need(claims.begin // DAY, units * pack)], plot.number)


def _beyond_need(days: Ints, supply: int) -> Ints:
    """Which purchases (in order of time) were made with more than a fortnight's stock at home."""
    excess: list[int] = []
    covered_until = -1
    for position, day in enumerate(days.tolist()):
        if covered_until - day > TOLERATED_STOCK:
            excess.append(position)
        else:
            covered_until = max(covered_until, day) + supply
    return np.asarray(excess, dtype=np.int64)


def fabricated_visits(plot: Plot) -> None:
    """A clinic writes visits of the elderly that did not happen.

    The same basket every seven days.
    """
    world, rng = plot.world, plot.rng
    activity = _activity(plot)
    suitable = world.places.category == PRIMARY
    actors = plot.actors(suitable, activity * ~world.places.is_pharmacy)
    old = np.flatnonzero(
        (world.people.birth < -50 * YEAR) & (world.people.death > world.calendar.days)
    )
    for actor in actors:
        wanted = max(3, round(plot.spec.share * activity[actor]))
        length = int(min(20, max(3, (world.calendar.days - plot.onset) // 7 - 2)))
        number = min(len(old), max(1, wanted // length))
        person = rng.choice(old, size=number, replace=False).astype(np.int64)
        latest = max(plot.onset + 1, world.calendar.days - 7 * length)
        first = rng.integers(plot.onset, latest, number)
        owner, week = spread(np.full(number, length, dtype=np.int64))
        day = first[owner] + 7 * week
        day = day + np.where(plot.adapts(day), rng.integers(-2, 3, len(day)), 0)
        begin = (
            day * DAY + (15 * HOUR + 4 * MINUTE * owner) + rng.integers(0, 2 * MINUTE, len(owner))
        )
        places = np.full(number, actor, dtype=np.int64)
        basket = plot.templates(places, world.people.sex[person], (OUTPATIENT, CHRONIC))
        free = plot.available(person[owner], begin, begin + HOUR)
        templates = np.where(free, basket[owner], -1)
        plot.replay(templates, person[owner], places[owner], begin)
