"""Lines of claims, drawn for a whole block of claims at once.

In: the claims of a block and, for each line wanted, the claim it belongs to. Out: `Lines`. An
honest line keeps the daily maximum, the price cap, the sex limits and the usual days of supply.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, MINUTE, Choices, Ints, spread
from claims.simulator.ledger import Claims, Lines, take
from claims.simulator.limits import EXCLUSIVE_PAIRS
from claims.simulator.world import World

ORDINARY_SUPPLY = 7


def rows_for(world: World, claims: Claims, diagnosis: Ints) -> Ints:
    """The row of the lists of `Items.by_group` for each claim."""
    woman = world.people.sex[claims.person] == 2
    row: Ints = 2 * world.diagnoses.group[diagnosis] + woman
    return row


def distinct(
    rng: np.random.Generator, lists: Choices, rows: Ints, counts: Ints
) -> tuple[Ints, Ints]:
    """Draw `counts` different items for each claim; returns the claim and the item of each line."""
    counts = np.minimum(counts, lists.counts[rows])
    owner, position = spread(counts)
    first = (rng.random(len(rows)) * lists.counts[rows]).astype(np.int64)
    return owner, lists.at(rows[owner], first[owner] + position)


def make_lines(
    world: World, claims: Claims, owner: Ints, item: Ints, count: Ints, time: Ints | None = None
) -> Lines:
    """Lines at honest prices; without a time they are dated a few minutes into the visit."""
    place = claims.place[owner]
    if time is None:
        time = claims.begin[owner] + np.minimum(5 * MINUTE, claims.end[owner] - claims.begin[owner])
    price = world.price(item, place, time // DAY)
    return Lines(owner, item, count, price, time, supply(world, item, count), claims.doctor[owner])


def in_hours(world: World, claims: Claims, lines: Lines) -> None:
    """Move what falls before opening or after closing into the day, lines with it."""
    opens, closes = world.places.opens[claims.place], world.places.closes[claims.place]
    clock = claims.begin % DAY
    shut = (clock < opens) | (clock >= closes - 15 * MINUTE)
    within = opens + clock % (closes - opens - 15 * MINUTE)
    shift = np.where(shut & (closes - opens < DAY), within - clock, 0)
    claims.begin, claims.end = claims.begin + shift, claims.end + shift
    lines.time = lines.time + shift[lines.claim]


def without_included(world: World, lines: Lines) -> Lines:
    """Leave out what is included in another item of the same claim and day."""
    wide = len(world.items.codes)
    key = (lines.claim * 4096 + lines.time // DAY % 4096) * wide
    drop = np.zeros(len(lines), dtype=bool)
    for whole, part in EXCLUSIVE_PAIRS:
        covering = lines.item == world.items.number(whole)
        included = np.flatnonzero(lines.item == world.items.number(part))
        drop[included] |= np.isin(key[included], key[covering])
    return take(lines, ~drop)


def supply(world: World, item: Ints, count: Ints) -> Ints:
    """Days of supply of a drug line (-1 of others); an ordinary prescription is held to a week."""
    days = world.items.days[item] * count
    days = np.where(world.items.chronic[item], days, np.minimum(days, ORDINARY_SUPPLY))
    return np.where(world.items.is_drug[item], days, -1)


def modest_count(rng: np.random.Generator, world: World, item: Ints) -> Ints:
    """One unit, or several hours of a service by the hour, never above the daily maximum."""
    maximum = np.maximum(world.items.maximum[item], 1)
    most = np.where(maximum >= 24, 10, 1)
    return np.minimum(1 + (rng.random(len(item)) * most).astype(np.int64), maximum)
