"""Schemes that add or alter single lines against a list of the fund.

Swapped items, items included in others, second operations at full price, two drugs of a class,
drugs without their indication, too much taken home.

In and out: the ledger. What is overpaid is the added line, or the part above what is owed.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Bools, Ints
from claims.simulator.basket import make_lines
from claims.simulator.diagnoses import GROUPS
from claims.simulator.ledger import CHRONIC, INPATIENT, OUTPATIENT, PHARMACY
from claims.simulator.limits import (
    EXCLUSIVE_PAIRS,
    INDICATIONS,
    SECOND_OPERATION,
    SECOND_PERMILLE,
    SWAPS,
)
from claims.simulator.schemes.plot import Plot

TAKEN_HOME = 28


def _lines_with(plot: Plot, items: Ints) -> Bools:
    """Lines of these items after the onset, on claims of institutions without anything planted."""
    lines, claims = plot.ledger.lines, plot.ledger.claims
    free = plot.begun() & plot.clean() & (claims.kind != PHARMACY)
    found: Bools = free[lines.claim] & np.isin(lines.item, items)
    return found


def _without(plot: Plot, cases: Ints, item: Ints) -> Ints:
    """The rows of `cases` (lines) whose claims do not have the item yet, one of each claim."""
    lines, wide = plot.ledger.lines, len(plot.world.items.codes)
    owner, line = plot.ledger.lines_of(lines.claim[cases])
    key = lines.claim[cases[owner]] * wide + lines.item[line]
    fresh = np.flatnonzero(~np.isin(lines.claim[cases] * wide + item, key))
    return fresh[np.unique(lines.claim[cases[fresh]], return_index=True)[1]]


def _institutions(plot: Plot) -> Bools:
    return ~plot.world.places.is_pharmacy


def item_substitution(plot: Plot) -> None:
    """Give the cheap item and bill a dearer one; the adaptive ones leave out what costs most."""
    world, ledger = plot.world, plot.ledger
    given, billed = (world.items.numbers(*[pair[side] for pair in SWAPS]) for side in (0, 1))
    eligible = np.flatnonzero(_lines_with(plot, given)).astype(np.int64)
    lines = ledger.lines
    place = ledger.claims.place[lines.claim[eligible]]
    cases = plot.cases(eligible, place, world.places.private & _institutions(plot))
    position = np.argsort(given)[np.searchsorted(np.sort(given), lines.item[cases])]
    item = billed[position]
    day = lines.time[cases] // DAY
    gap = world.items.base[item] - lines.price[cases]
    modest = ~(plot.adapts(day) & (gap > 40_00))
    rows = np.intersect1d(_without(plot, cases, item), np.flatnonzero(modest & (gap > 0)))
    cases, item, day = cases[rows], item[rows], day[rows]
    price = world.price(item, ledger.claims.place[lines.claim[cases]], day)
    dearer = price > lines.price[cases]
    cases, item, price = cases[dearer], item[dearer], price[dearer]
    ledger.notes.delivered.append((cases, lines.item[cases]))
    most = world.items.maximum[item]
    count = np.where(most > 0, np.minimum(lines.count[cases], most), lines.count[cases])
    owed = lines.count[cases] * lines.price[cases]
    lines.item[cases], lines.price[cases], lines.count[cases] = item, price, count
    ledger.mark(cases, plot.number, np.maximum(price * count - owed, 1))


def duplicate_charge(plot: Plot) -> None:
    """Bill what is included in another item of the day beside it."""
    world, ledger = plot.world, plot.ledger
    whole, part = (
        world.items.numbers(*[pair[side] for pair in EXCLUSIVE_PAIRS]) for side in (0, 1)
    )
    eligible = np.flatnonzero(_lines_with(plot, whole)).astype(np.int64)
    place = ledger.claims.place[ledger.lines.claim[eligible]]
    cases = plot.cases(eligible, place, _institutions(plot))
    item = part[np.argmax(ledger.lines.item[cases][:, None] == whole[None, :], axis=1)]
    rows = _without(plot, cases, item)
    cases, item = cases[rows], item[rows]
    claims, owner = ledger.claims, ledger.lines.claim[cases]
    lines = make_lines(world, claims, owner, item, np.ones_like(item), ledger.lines.time[cases])
    plot.ledger.mark_whole(ledger.add_lines(lines), plot.number)


def surgery_discount(plot: Plot) -> None:
    """Bill the second operation of a session at the full price, performed or not."""
    world, ledger = plot.world, plot.ledger
    claims, diagnoses = ledger.claims, world.diagnoses
    codes = np.asarray([diagnoses.number(code) for code in SECOND_OPERATION])
    second = world.items.numbers(*SECOND_OPERATION.values())
    operated = world.items.of_kind("treatment") & (world.items.base >= 1000_00)
    line = np.flatnonzero(_lines_with(plot, np.flatnonzero(operated))).astype(np.int64)
    line = line[np.isin(claims.diagnosis[ledger.lines.claim[line]], codes)]
    cases = plot.cases(line, claims.place[ledger.lines.claim[line]], world.places.has_beds)
    diagnosis = claims.diagnosis[ledger.lines.claim[cases]]
    item = second[np.argmax(diagnosis[:, None] == codes[None, :], axis=1)]
    rows = _without(plot, cases, item)
    cases, item = cases[rows], item[rows]
    owner, time = ledger.lines.claim[cases], ledger.lines.time[cases]
    new = ledger.add_lines(make_lines(world, claims, owner, item, np.ones_like(item), time))
    price = ledger.lines.price[new]
    ledger.mark(new, plot.number, price - price * SECOND_PERMILLE // 1000)


def therapeutic_duplication(plot: Plot) -> None:
    """Prescribe a second drug of the class of the standing one, for as long."""
    world, ledger = plot.world, plot.ledger
    twin = _twins(plot)
    eligible = np.flatnonzero(_lines_with(plot, np.flatnonzero(twin >= 0))).astype(np.int64)
    eligible = eligible[ledger.claims.kind[ledger.lines.claim[eligible]] == CHRONIC]
    eligible = eligible[ledger.lines.days[eligible] >= 14]
    place = ledger.claims.place[ledger.lines.claim[eligible]]
    cases = plot.cases(eligible, place, _institutions(plot))
    cases = cases[_without(plot, cases, twin[ledger.lines.item[cases]])]
    item = twin[ledger.lines.item[cases]]
    supply = ledger.lines.days[cases]
    # The adaptive ones hold the second drug to a week.
    supply = np.where(plot.adapts(ledger.lines.time[cases] // DAY), 7, supply)
    count = np.maximum(1, supply // np.maximum(world.items.days[item], 1))
    owner, time = ledger.lines.claim[cases], ledger.lines.time[cases]
    new = ledger.add_lines(make_lines(world, ledger.claims, owner, item, count, time))
    ledger.mark_whole(new, plot.number)


def _twins(plot: Plot) -> Ints:
    """For each standing drug another one of its class and groups, -1 if there is none."""
    items = plot.world.items
    twin = np.full(len(items.codes), -1, dtype=np.int64)
    standing = np.flatnonzero(items.chronic & (items.days >= 7) & (items.sex == 0)).tolist()
    for one in standing:
        for other in standing:
            alike = items.drug_class[one] == items.drug_class[other]
            if alike and one != other and items.groups[one] & items.groups[other]:
                twin[one] = other
    return twin


def restricted_payment(plot: Plot) -> None:
    """Let the fund pay for a drug that the patient has no indication for."""
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    claims, own = ledger.claims, world.people.chronic
    usable = plot.begun() & plot.clean() & np.isin(claims.kind, (OUTPATIENT, CHRONIC, INPATIENT))
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], _institutions(plot))
    names = [name for name in INDICATIONS if world.items.sex[world.items.number(name)] == 0]
    item = world.items.numbers(*names)[rng.integers(0, len(names), len(cases))]
    paid = np.zeros((len(world.items.codes), len(GROUPS) + 1), dtype=bool)
    for name in names:
        paid[world.items.number(name), [GROUPS.index(one) for one in INDICATIONS[name]]] = True
    ill = own[claims.person[cases]]
    second = np.where(ill >= 0, world.diagnoses.group[ill], len(GROUPS))
    wrong = ~paid[item, world.diagnoses.group[claims.diagnosis[cases]]] & ~paid[item, second]
    cases, item = cases[wrong], item[wrong]
    day = claims.begin[cases] // DAY
    count = np.where(plot.adapts(day), 1, rng.integers(1, 4, len(cases)))
    # The first round of the second day in bed; a visit's lines all have the same time.
    round_ = np.clip((day + 1) * DAY + 9 * HOUR, claims.begin[cases], claims.end[cases] - 1)
    visit = claims.begin[cases]
    visit = visit + np.minimum(5 * MINUTE, claims.end[cases] - visit)
    time = np.where(claims.kind[cases] == INPATIENT, round_, visit)
    lines = make_lines(world, claims, cases, item, count, time)
    lines.days = np.where(claims.kind[cases] == INPATIENT, -1, lines.days)
    ledger.mark_whole(ledger.add_lines(lines), plot.number)


def discharge_supply(plot: Plot) -> None:
    """Send patients home with two or three months of drugs on the bill of the stay."""
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    lines, claims = ledger.lines, ledger.claims
    free = plot.begun() & plot.clean() & (claims.kind == INPATIENT)
    eligible = np.flatnonzero(free[lines.claim] & (lines.days > 0)).astype(np.int64)
    cases = plot.cases(eligible, claims.place[lines.claim[eligible]], world.places.has_beds)
    n = len(cases)
    adaptive = plot.adapts(lines.time[cases] // DAY)
    wish = np.where(adaptive, rng.integers(31, 36, n), rng.integers(56, 91, n))
    pack = np.maximum(world.items.days[lines.item[cases]], 1)
    allowed = np.maximum(TAKEN_HOME // pack, 1)
    count = np.maximum(wish // pack, allowed + 1)
    lines.count[cases], lines.days[cases] = count, count * pack
    ledger.mark(cases, plot.number, (count - allowed) * lines.price[cases])
