"""Meetings: two persons at one place within half an hour on one day.

In: visits. Out: ``Meetings`` of pairs that may reach three days, found once for the whole span by a
sweep over each place's sorted moments, not once per cut date. Nothing that could count is lost by
the two filters: a pair with three meetings in a window has two persons with three visit days in it,
and has three rows of meetings in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from features.network.claims_seen import WINDOW_DAYS, Bools, Ints
from features.network.visits import MINUTE, Visits, runs, spread

Rows = npt.NDArray[np.int32]
Cuts16 = npt.NDArray[np.int16]

#: Two visits within this time of each other are a meeting.
NEAR = 30 * MINUTE
#: Meetings below this number are no tie.
LEAST_DAYS = 3
#: Pairs of visits held in memory at once.
BLOCK = 4_000_000
_DAY_STRIDE = (
    26 * 60 * MINUTE
)  # a local day, turned back clocks included, and half an hour to spare


@dataclass(frozen=True)
class Meetings:
    """Meetings of pairs of spots of one place, in runs of pairs; narrow types, for they are many.

    Attributes:
        pair: number of the pair of each meeting.
        first, second: rows of the visits; the first's spot is the smaller.
        since, until: half-open interval of cut dates at which both visits count.
        pair_first, pair_second: the spots of each pair.
    """

    pair: Rows
    first: Rows
    second: Rows
    since: Cuts16
    until: Cuts16
    pair_first: Ints
    pair_second: Ints

    def at(self, cut: int) -> Bools:
        """Tell which meetings count at a cut date."""
        return (self.since <= cut) & (cut < self.until)


def near_ends(place: Ints, day: Ints, us: Ints) -> Ints:
    """Return for each sorted row the end of the rows that follow it within half an hour.

    Rows are sorted by place, day and moment; another place or day is never near.
    """
    bounds = runs(place, day)
    sizes = np.diff(bounds)
    group = np.repeat(np.arange(len(sizes)), sizes)
    since_first = np.minimum(us - np.repeat(us[bounds[:-1]], sizes), _DAY_STRIDE - NEAR - 1)
    key = group * _DAY_STRIDE + since_first
    return np.searchsorted(key, key + NEAR, side="right").astype(np.int64)


def frequent(visits: Visits) -> Bools:
    """Tell which visits lie among three days of their spot within one window's length."""
    order = np.lexsort((visits.day, visits.spot))
    days = runs(visits.spot[order], visits.day[order])
    spot, day = visits.spot[order][days[:-1]], visits.day[order][days[:-1]]
    together = np.zeros(len(day), dtype=np.bool_)
    reach = LEAST_DAYS - 1
    begins = np.flatnonzero(
        (spot[reach:] == spot[:-reach]) & (day[reach:] - day[:-reach] < WINDOW_DAYS)
    )
    for step in range(LEAST_DAYS):
        together[begins + step] = True
    found = np.zeros(len(visits.spot), dtype=np.bool_)
    found[order] = np.repeat(together, np.diff(days))
    return found


def make_meetings(visits: Visits) -> Meetings:
    """Return the meetings of all pairs that have at least three of them in the whole span.

    Args:
        visits: the frequent ones, in their order.
    """
    ends = near_ends(visits.place, visits.day, visits.us)
    blocks = [_no_block(), *_blocks(visits, ends)]
    keys, sizes, first, second = (np.concatenate(part) for part in zip(*blocks, strict=True))
    since, until = visits.since.astype(np.int16), visits.until.astype(np.int16)
    number = len(visits.spot_place)
    return Meetings(
        pair=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes), first=first, second=second,
        since=np.maximum(since[first], since[second]),
        until=np.minimum(until[first], until[second]),
        pair_first=keys // max(number, 1), pair_second=keys % max(number, 1),
    )  # fmt: skip


_Block = tuple[Ints, Ints, Rows, Rows]


def _no_block() -> _Block:
    none: Ints = np.empty(0, dtype=np.int64)
    return none, none, none.astype(np.int32), none.astype(np.int32)


def _blocks(visits: Visits, ends: Ints) -> Iterator[_Block]:
    """Yield the pairs and their meetings place by place, many small places at a time.

    A place with more pairs of visits than a block holds is swept several times, each time for
    another part of its pairs.
    """
    following = ends - np.arange(len(ends)) - 1
    bounds = runs(visits.place)
    total = np.append(0, np.cumsum(following))[bounds]
    place = 0
    while place < len(bounds) - 1:
        last = int(np.searchsorted(total, total[place] + BLOCK, side="right")) - 1
        last = max(last, place + 1)
        rows = np.arange(bounds[place], bounds[last])
        parts = int(-(-(total[last] - total[place]) // BLOCK)) or 1
        for part in range(parts):
            swept = [
                _pairs(visits, rows[a:b], following, part, parts)
                for a, b in _cuts_of(following[rows])
            ]
            yield _kept(*(np.concatenate(column) for column in zip(*swept, strict=True)))
        place = last


def _cuts_of(following: Ints) -> list[tuple[int, int]]:
    """Cut rows so that their pairs fill about one block each."""
    block = np.append(0, np.cumsum(following))[:-1] // BLOCK
    bounds = runs(block).tolist()
    return list(pairwise(bounds))


def _pairs(
    visits: Visits, rows: Ints, following: Ints, part: int, parts: int
) -> tuple[Ints, Ints, Ints]:
    """Return key and rows of one part of the meetings that begin at some rows."""
    owner, position = spread(following[rows])
    first = rows[owner]
    second = first + 1 + position
    swap = visits.spot[first] > visits.spot[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    low, high = visits.spot[first], visits.spot[second]
    both = np.maximum(visits.since[first], visits.since[second]) < np.minimum(
        visits.until[first], visits.until[second]
    )
    kept = both & (low != high)
    if parts > 1:
        kept &= (low + high) % parts == part
    return low[kept] * len(visits.spot_place) + high[kept], first[kept], second[kept]


def _kept(key: Ints, first: Ints, second: Ints) -> _Block:
    """Return pairs with three rows or more: key, number of rows, and the rows pair by pair."""
    order = np.lexsort((second, first, key))
    bounds = runs(key[order])
    sizes = np.diff(bounds)
    kept = sizes >= LEAST_DAYS
    rows = order[np.repeat(kept, sizes)]
    return (
        key[order[bounds[:-1][kept]]], sizes[kept], first[rows].astype(np.int32),
        second[rows].astype(np.int32),
    )  # fmt: skip
