"""Schemes of pharmacies and of the cards that are used there.

Accounts turned into cash at the end of a year, goods that never were on the shelf, boxes sold
twice, drugs of a stay bought outside, resale, cards lent to others.

In and out: the ledger. The added claims or lines should not have been billed at all.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, Ints, spread
from claims.simulator.basket import make_lines
from claims.simulator.diagnoses import GROUPS
from claims.simulator.ledger import (
    CHRONIC,
    OUTPATIENT,
    PHARMACY,
    join,
    make_claims,
    separate,
)
from claims.simulator.limits import INDICATIONS, RESOLD
from claims.simulator.people import YEAR
from claims.simulator.places import LEVEL_2
from claims.simulator.schemes.plot import Plot
from claims.simulator.visits import (
    REPEAT_MINUTES,
    VISIT_MINUTES,
    counter_time,
    fee_lines,
    spend_time,
)

CASHED = (200_00, 300_00, 500_00, 1000_00)
PER_UNIT = 20_00
PRETEXT = {
    "renal": "N03.9", "onc": "C34.9", "dm": "E11.9", "copd": "J44.1", "liver": "B18.1",
    "psy": "F32.9", "thy": "E05.9", "chd": "I25.1", "cvd": "I69.3",
}  # fmt: skip


def _shop_actors(plot: Plot) -> list[int]:
    shops = plot.world.places.is_pharmacy
    found: list[int] = plot.actors(shops, plot.activity((PHARMACY,)) * shops).tolist()
    return found


def account_drain(plot: Plot) -> None:
    """In December employees turn their accounts into cash: round sums of a nameless remedy."""
    world, rng = plot.world, plot.rng
    swipes = plot.activity((PHARMACY,))
    days = np.arange(plot.onset, world.calendar.days - 1, dtype=np.int64)
    december = days[world.calendar.month[days] == 12]
    days = december if len(december) else days[-30:]
    holders = np.flatnonzero(
        world.people.employee & (world.people.death > world.calendar.days)
    ).astype(np.int64)
    for actor in _shop_actors(plot):
        number = min(len(holders), plot.number_of(actor, swipes))
        person = rng.choice(holders, size=number, replace=False)
        begin = rng.choice(days, number) * DAY + 9 * HOUR + rng.integers(0, 10 * HOUR, number)
        free = plot.available(person, begin, begin + HOUR)
        place, none = np.full(number, actor, dtype=np.int64), np.full(number, -1, dtype=np.int64)
        claims = make_claims(person, place, PHARMACY, begin, counter_time(rng, begin), none, none)
        claims = separate(claims, free)
        total = np.asarray(CASHED)[rng.integers(0, len(CASHED), len(claims))]
        owner = np.arange(len(claims), dtype=np.int64)
        item = np.full(len(claims), world.items.number("中药饮片处方"), dtype=np.int64)
        lines = make_lines(world, claims, owner, item, total // PER_UNIT)
        # The adaptive ones avoid the round sum by a few yuan.
        odd = rng.integers(1, 30, len(claims))
        lines.price = PER_UNIT - np.where(plot.adapts(claims.begin // DAY), odd, 0)
        plot.never_bought(plot.plant_whole(claims, lines))


def inventory_mismatch(plot: Plot) -> None:
    """Bill a dear drug beside the real purchase and hand out goods; the shelf never had it."""
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    items, claims = world.items, ledger.claims
    usable = plot.begun() & plot.clean() & (claims.kind == PHARMACY)
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], world.places.is_pharmacy)
    dear = (items.base >= 2000) & (items.base <= 8000) & items.is_drug & (items.sex == 0)
    pool = np.flatnonzero(dear & ~items.of_kind("consumable")).astype(np.int64)
    # Each shop has three such drugs.
    item = pool[(claims.place[cases] * 5 + rng.integers(0, 3, len(cases))) % len(pool)]
    count = np.where(plot.adapts(claims.begin[cases] // DAY), 1, rng.integers(2, 5, len(cases)))
    lines = make_lines(world, claims, cases, item, count)
    new = ledger.add_lines(lines)
    ledger.mark_whole(new, plot.number)
    plot.never_bought(new)


def trace_code_reuse(plot: Plot) -> None:
    """Settle boxes once more that were settled before, on other cards, days or weeks later."""
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    claims = ledger.claims
    scanned = max(plot.onset, world.calendar.day_of(world.parameters.policy.trace_month))
    usable = plot.clean() & (claims.kind == PHARMACY) & (claims.begin >= scanned * DAY)
    usable &= claims.begin < (world.calendar.days - 3) * DAY
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], world.places.is_pharmacy)
    cards = plot.adults(25)
    if len(cases) == 0 or len(cards) == 0:
        return
    person = cards[rng.integers(0, len(cards), len(cases))]
    # The adaptive ones let some months pass.
    adaptive = plot.adapts(claims.begin[cases] // DAY)
    later = np.where(adaptive, rng.integers(60, 150, len(cases)), rng.integers(1, 25, len(cases)))
    begin = claims.begin[cases] + later * DAY
    keep = plot.available(person, begin, begin + HOUR)
    keep &= world.people.sex[person] == world.people.sex[claims.person[cases]]
    cases, person, begin = cases[keep], person[keep], begin[keep]
    block, lines = ledger.copy(cases, begin)
    block.person = person
    _, source = ledger.lines_of(cases)
    new = plot.plant_whole(block, lines)
    ledger.notes.reused.append((new, source))
    plot.never_bought(new)


def cost_shifting(plot: Plot) -> None:
    """Send patients of a paid group to buy the drugs of their stay at the pharmacy outside."""
    world, rng = plot.world, plot.rng
    claims = plot.ledger.claims
    by_group = claims.begin >= world.calendar.day_of(world.parameters.policy.drg_month) * DAY
    usable = plot.begun() & plot.clean() & by_group & (plot.nights() >= 3)
    usable &= claims.end < (world.calendar.days - 3) * DAY
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], world.places.has_beds)
    person = claims.person[cases]
    # The adaptive ones wait until after the discharge.
    adaptive = plot.adapts(claims.begin[cases] // DAY)
    day = claims.end[cases] // DAY + np.where(adaptive, 1, -1)
    begin = day * DAY + 10 * HOUR + rng.integers(0, 7 * HOUR, len(cases))
    place, none = world.people.usual[person, 4], np.full(len(cases), -1, dtype=np.int64)
    block = make_claims(person, place, PHARMACY, begin, counter_time(rng, begin), none, none)
    alive = world.people.alive(person, day) & world.places.is_pharmacy[place]
    block = separate(block, alive)
    ward = np.asarray(["w" in groups for groups in world.items.groups])
    pool = np.flatnonzero(ward & world.items.is_drug & (world.items.base >= 3000))
    owner, position = spread(rng.integers(1, 3, len(block)))
    start = rng.integers(0, len(pool), len(block))
    item = pool[(start[owner] + position * 3) % len(pool)]
    lines = make_lines(world, block, owner, item, rng.integers(1, 4, len(item)))
    plot.plant_whole(block, lines)


def drug_resale(plot: Plot) -> None:
    """Professional buyers: dear drugs of no use to them, the longest supply, many places."""
    world, rng = plot.world, plot.rng
    people, places = world.people, world.places
    adults = plot.adults(30)
    number = min(len(adults), max(1, round(plot.spec.actors * len(people.sex) / 10_000)))
    pool = np.flatnonzero(plot.activity((OUTPATIENT, PHARMACY)) > 0)
    if plot.spec.actors == 0 or plot.spec.share <= 0 or len(pool) == 0:
        return
    buyer = rng.choice(adults, size=number, replace=False)
    weeks = np.arange(plot.onset, world.calendar.days - 3, 14, dtype=np.int64)
    row, column = np.nonzero(rng.random((number, len(weeks))) < plot.spec.share)
    # Two places in one afternoon.
    row, column, turn = np.repeat(row, 2), np.repeat(column, 2), np.tile([0, 1], len(row))
    day = weeks[column] + np.repeat(rng.integers(0, 3, len(row) // 2), 2)
    begin = day * DAY + 13 * HOUR + turn * 2 * HOUR + rng.integers(0, HOUR, len(row))
    place = pool[rng.integers(0, len(pool), len(row))]
    names = [name for name in RESOLD if world.items.sex[world.items.number(name)] == 0]
    item = world.items.numbers(*names)[(row * 2 + rng.integers(0, 3, len(row))) % len(names)]
    reason = _pretext(plot, item)
    shop = places.is_pharmacy[place]
    doctor = np.where(shop, -1, world.doctor(rng, place, reason))
    person = buyer[row]
    kind = np.where(shop, PHARMACY, CHRONIC)
    end = np.where(shop, counter_time(rng, begin), spend_time(rng, begin, REPEAT_MINUTES))
    claims = make_claims(person, place, kind, begin, end, np.where(shop, -1, reason), doctor)
    free = plot.available(person, begin, begin + HOUR)
    claims, item = separate(claims, free), item[free]
    # The adaptive ones ask for two weeks' supply, which nobody questions.
    supply = np.where(plot.adapts(claims.begin // DAY), 14, 84)
    count = np.maximum(1, supply // np.maximum(world.items.days[item], 1))
    owner = np.arange(len(claims), dtype=np.int64)
    lines = make_lines(world, claims, owner, item, count)
    lines.days = count * np.maximum(world.items.days[item], 1)
    plot.plant_whole(claims, lines)


def _pretext(plot: Plot, item: Ints) -> Ints:
    """The diagnosis under which a drug is prescribed to somebody who does not need it."""
    world = plot.world
    table = np.full(len(world.items.codes), world.diagnoses.number("I10"), dtype=np.int64)
    for name in RESOLD:
        row = world.items.number(name)
        allowed = INDICATIONS.get(name, tuple(g for g in GROUPS if g in world.items.groups[row]))
        table[row] = world.diagnoses.number(PRETEXT[allowed[0]])
    return table[item]


def identity_misuse(plot: Plot) -> None:
    """A grandmother's card for a pregnancy, a grandfather's for a newborn."""
    world, rng = plot.world, plot.rng
    people = world.people
    number = max(1, round(plot.spec.actors * len(people.sex) / 10_000))
    if plot.spec.actors == 0 or plot.spec.share <= 0:
        return
    old = plot.adults(57)
    holder = rng.choice(old, size=min(number, len(old)), replace=False)
    # The adaptive ones lend the card of a woman whose age the list just allows.
    near = np.flatnonzero(
        (people.sex == 2) & (people.birth < -44 * YEAR) & (people.birth > -50 * YEAR)
        & (people.death > world.calendar.days)
    ).astype(np.int64)  # fmt: skip
    first = plot.days(len(holder), spare=200)
    just = plot.adapts(first)
    if len(near):
        holder = np.where(just, rng.choice(near, size=len(holder)), holder)
    which, turn = spread(1 + rng.binomial(5, plot.spec.share, len(holder)))
    person = holder[which]
    day = first[which] + turn * rng.integers(21, 32, len(which))
    begin = day * DAY + 9 * HOUR + rng.integers(0, 6 * HOUR, len(which))
    woman = people.sex[person] == 2
    reasons = [world.diagnoses.number(code) for code in ("Z34.9", "P59.9")]
    reason = np.where(woman, *reasons)
    place = people.usual[person, LEVEL_2]
    claims = make_claims(
        person,
        place,
        OUTPATIENT,
        begin,
        spend_time(rng, begin, VISIT_MINUTES),
        reason,
        world.doctor(rng, place, reason),
    )
    claims = separate(claims, plot.available(person, begin, begin + HOUR))
    woman = people.sex[claims.person] == 2
    scan, heart, child = world.items.numbers("产科彩超", "产前胎心监护", "新生儿胆红素测定")
    owner = np.arange(len(claims), dtype=np.int64)
    mothers = owner[woman]
    lines = [
        fee_lines(rng, world, claims),
        make_lines(world, claims, owner, np.where(woman, scan, child), np.ones_like(owner)),
        make_lines(world, claims, mothers, np.full_like(mothers, heart), np.ones_like(mothers)),
    ]
    plot.plant_whole(claims, join(lines))
