"""Schemes that alter or add lines of real claims.

Wrong sex, price, quantity, date, and inflated packages.

In and out: the ledger. What is overpaid is the added line, or the part of a line above the limit.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Bools, Ints, spread
from claims.simulator.basket import make_lines
from claims.simulator.ledger import INPATIENT, PHARMACY
from claims.simulator.schemes.plot import Plot

DEAREST_SWAP = 200 * 100
FAVOURITES = 6


def _institutions(plot: Plot) -> Bools:
    return ~plot.world.places.is_pharmacy


def _eligible_claims(plot: Plot, extra: Bools) -> Ints:
    claims = plot.ledger.claims
    return np.flatnonzero(plot.begun() & (claims.kind != PHARMACY) & extra).astype(np.int64)


def _early(plot: Plot, cases: Ints) -> Ints:
    """When honest lines of a visit are dated, or three hours after admission."""
    claims = plot.ledger.claims
    length = claims.end[cases] - claims.begin[cases]
    step = np.where(claims.kind[cases] == INPATIENT, 3 * HOUR, 5 * MINUTE)
    found: Ints = claims.begin[cases] + np.minimum(step, length)
    return found


def sex_conflict(plot: Plot) -> None:
    """Bill an item limited to one sex for a person of the other.

    Something else was done, or nothing.
    """
    world, claims = plot.world, plot.ledger.claims
    cases = plot.cases(
        *_with_place(plot, _eligible_claims(plot, plot.clean())), _institutions(plot)
    )
    items = np.arange(len(world.items.codes), dtype=np.int64)
    cheap = (world.items.base < DEAREST_SWAP) & world.items.of_kind("lab", "exam", "treatment")
    item = np.zeros(len(cases), dtype=np.int64)
    for sex in (1, 2):
        pool = items[cheap & (world.items.sex == 3 - sex)]
        rows = np.flatnonzero(world.people.sex[claims.person[cases]] == sex)
        # Each place has its three favourites, so that the pattern repeats at an actor.
        favourite = (claims.place[cases[rows]] * 7 + plot.rng.integers(0, 3, len(rows))) % len(pool)
        item[rows] = pool[favourite]
    ones = np.ones(len(cases), dtype=np.int64)
    new = plot.ledger.add_lines(make_lines(world, claims, cases, item, ones, _early(plot, cases)))
    plot.ledger.mark_whole(new, plot.number)


def _with_place(plot: Plot, cases: Ints) -> tuple[Ints, Ints]:
    return cases, plot.ledger.claims.place[cases]


def _free_lines(plot: Plot) -> Bools:
    """Lines after the onset that nothing has been planted on, neither on their claims."""
    lines = plot.ledger.lines
    return (plot.begun() & plot.clean())[lines.claim]


def overpriced(plot: Plot) -> None:
    """Charge more than the cap for a few favourite items of a place.

    The adaptive ones only a little more.
    """
    world, ledger = plot.world, plot.ledger
    places, lines = world.places, ledger.lines
    place = ledger.claims.place[lines.claim]
    free = _free_lines(plot) & (lines.price >= 500)
    shape = (len(places.codes), len(world.items.codes))
    cell = place[free] * shape[1] + lines.item[free]
    billed = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    common = np.zeros(shape, dtype=bool)
    top = np.argsort(-billed, axis=1, kind="stable")[:, :FAVOURITES]
    np.put_along_axis(common, top, True, axis=1)
    favourite = free & common[place, lines.item]
    eligible = np.flatnonzero(favourite).astype(np.int64)
    cases = plot.cases(eligible, place[eligible], places.private & _institutions(plot))
    day = lines.time[cases] // DAY
    cap = world.cap(lines.item[cases], place[cases], day)
    dearer = np.where(
        plot.adapts(day),
        plot.rng.uniform(1.01, 1.04, len(cases)),
        plot.rng.uniform(1.08, 1.6, len(cases)),
    )
    lines.price[cases] = np.maximum(np.rint(cap * dearer), cap + 1).astype(np.int64)
    ledger.mark(cases, plot.number, (lines.price[cases] - cap) * lines.count[cases])


def quantity_over_maximum(plot: Plot) -> None:
    """Bill more units on one day than the daily maximum; the adaptive ones a single unit more."""
    world, lines = plot.world, plot.ledger.lines
    maximum = world.items.maximum[lines.item]
    countable = world.items.of_kind("lab", "exam", "treatment", "consumable")[lines.item]
    dear = lines.price > 2000
    eligible = np.flatnonzero(
        _free_lines(plot) & (maximum > 0) & (maximum < 24) & countable & ~dear
    )
    place = plot.ledger.claims.place[lines.claim[eligible]]
    cases = plot.cases(eligible.astype(np.int64), place, _institutions(plot))
    over = np.where(plot.adapts(lines.time[cases] // DAY), 1, plot.rng.integers(1, 5, len(cases)))
    lines.count[cases] = maximum[cases] + over
    plot.ledger.mark(cases, plot.number, over * lines.price[cases])


def charge_after_discharge(plot: Plot) -> None:
    """Go on charging for one to three days after the patient has left."""
    world, claims = plot.world, plot.ledger.claims
    free = plot.clean() & (plot.nights() >= 2)
    free &= claims.end < (world.calendar.days - 4) * DAY
    cases = plot.cases(*_with_place(plot, _eligible_claims(plot, free)), world.places.has_beds)
    owner, position = spread(plot.rng.integers(2, 6, len(cases)))
    names = ("静脉输液", "普通病房床位费", "电解质", "头孢曲松钠注射液", "尿常规")
    pool = np.asarray([world.items.number(name) for name in names])
    first = plot.rng.integers(0, len(pool), len(cases))
    item = pool[(first[owner] + position) % len(pool)]
    later = plot.rng.integers(1, 4, len(owner)) * DAY
    time = claims.end[cases][owner] // DAY * DAY + later + 9 * HOUR
    lines = make_lines(world, claims, cases[owner], item, np.ones_like(item), time)
    lines.days[:] = -1
    plot.ledger.mark_whole(plot.ledger.add_lines(lines), plot.number)


def inflated_examinations(plot: Plot) -> None:
    """Add the house's package of tests whatever the diagnosis; the adaptive ones add two of it."""
    world, claims = plot.world, plot.ledger.claims
    places = world.places
    eligible = _eligible_claims(plot, plot.clean())
    cases = plot.cases(*_with_place(plot, eligible), places.private & places.is_hospital)
    neutral = (world.items.sex == 0) & world.items.of_kind("lab", "exam")
    neutral &= (world.items.base >= 4000) & (world.items.base <= 20000)
    pool = np.flatnonzero(neutral).astype(np.int64)
    size = np.where(plot.adapts(claims.begin[cases] // DAY), 2, plot.rng.integers(4, 7, len(cases)))
    owner, position = spread(size)
    item = pool[(claims.place[cases][owner] * 11 + position * 5) % len(pool)]
    owner, item = _not_billed_yet(plot, cases, owner, item)
    time = _early(plot, cases)[owner]
    new = plot.ledger.add_lines(
        make_lines(world, claims, cases[owner], item, np.ones_like(item), time)
    )
    plot.ledger.mark_whole(new, plot.number)


def _not_billed_yet(plot: Plot, cases: Ints, owner: Ints, item: Ints) -> tuple[Ints, Ints]:
    """Leave out the items that the claim has already, to pass no daily maximum by the way."""
    wide = len(plot.world.items.codes)
    which, line = plot.ledger.lines_of(cases)
    present = which * wide + plot.ledger.lines.item[line]
    key, first = np.unique(owner * wide + item, return_index=True)
    kept = np.sort(first[~np.isin(key, present)])
    return owner[kept], item[kept]
