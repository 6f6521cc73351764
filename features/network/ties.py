"""Ties: pairs of persons who meet at a place on three days or more, and how unlikely that is.

In: visits and meetings. Out: ``Ties`` of one cut date, with what chance alone would give.

Two expectations, of which the larger counts:

*crowding*: if each person's visits were drawn at random from all of the place's, two of them would
meet with the share ``close / pairs`` with which any two visits of different persons do. So many
people on few mornings, or in few hours, are no tie.
*habit*: how often the two would meet if the calendar of one were moved by whole weeks, the shift
predictor of Perkel, Gerstein and Moore, Biophysical Journal 7 (1967), 419-440. So a dialysis shift,
which fills the same hours of every week, is no tie either.

``lift`` is the number of days over the larger expectation. A tie is *strong* with a lift of ten or
more, if all the place's pairs of frequent visitors together would give one like it with a chance of
a twentieth at most: P(X >= n) <= e^n / n! for a Poisson number X of mean e, times the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from features.network.claims_seen import WINDOW_DAYS, Bools, Ints
from features.network.meetings import BLOCK, LEAST_DAYS, NEAR, Meetings, near_ends
from features.network.visits import MINUTE, Visits, runs, spread

Floats = npt.NDArray[np.float64]

LEAST_LIFT = 10.0
CHANCE = 0.05
_DAY = 24 * 60 * MINUTE


@dataclass(frozen=True)
class Crowding:
    """One cut date: visit days by spot, and by place how many visits there are and how many meet.

    Attributes:
        days: visit days of each spot.
        close: for each place the pairs of visits of different persons that are meetings.
        pairs: for each place all pairs of visits of different persons, each counted twice.
        frequent: for each place the persons with three visit days or more.
        weeks: weeks that the visits span.
    """

    days: Ints
    close: Ints
    pairs: Ints
    frequent: Ints
    weeks: float


@dataclass(frozen=True)
class Ties:
    """Pairs with three shared days or more at a cut date, in the order of their numbers.

    Attributes:
        pair: number of the pair in the meetings.
        days: shared days.
        crowding, habit: expected shared days.
        lift: days over the larger expectation.
        strong: whether it is more than crowding, habit and chance.
    """

    pair: Ints
    days: Ints
    crowding: Floats
    habit: Floats
    lift: Floats
    strong: Bools


def make_crowding(visits: Visits, cut_day: int) -> Crowding:
    """Return how crowded each place was.

    Args:
        visits: those that count at the cut date, frequent or not, in their order.
        cut_day: day number of the cut date.
    """
    places = int(visits.spot_place.max()) + 1 if len(visits.spot_place) else 0
    days = np.bincount(visits.spot, minlength=len(visits.spot_place))
    place = visits.place
    near = near_ends(place, visits.day, visits.us) - np.arange(len(place)) - 1
    close = np.bincount(place, weights=near, minlength=places).astype(np.int64)
    often = visits.spot_place[days >= LEAST_DAYS]
    visit_days = np.bincount(place, minlength=places)
    same = np.bincount(visits.spot_place, weights=days * days, minlength=places).astype(np.int64)
    span = cut_day - int(visits.day.min()) if len(visits.day) else WINDOW_DAYS
    return Crowding(
        days, close, visit_days * visit_days - same, np.bincount(often, minlength=places), span / 7,
    )  # fmt: skip


def make_ties(visits: Visits, meetings: Meetings, crowding: Crowding, cut: int) -> Ties:
    """Return the ties of a cut date.

    Args:
        visits: the frequent ones to which the meetings' rows belong.
    """
    rows = meetings.at(cut)
    number = np.bincount(meetings.pair[rows], minlength=len(meetings.pair_first))
    pair = np.flatnonzero(number >= LEAST_DAYS)
    days = number[pair]
    first, second = meetings.pair_first[pair], meetings.pair_second[pair]
    place = visits.spot_place[first]
    own = crowding.days[first] * crowding.days[second]
    expected = own * (2 * crowding.close[place]) / crowding.pairs[place]
    habit = _habit(visits.take(visits.at(cut)), first, second) / max(crowding.weeks - 1, 1.0)
    larger = np.maximum(expected, habit)
    others = crowding.frequent[place] * (crowding.frequent[place] - 1) / 2
    log_chance = np.log(others) + days * np.log(larger) - gammaln(days + 1.0)
    strong = (days >= LEAST_LIFT * larger) & (log_chance <= np.log(CHANCE))
    return Ties(pair, days, expected, habit, days / larger, strong)


def _habit(visits: Visits, first: Ints, second: Ints) -> Ints:
    """Return for pairs of spots their visits that meet but for a difference of whole weeks.

    Service moments are compared in UTC: where clocks change within the window, a habit on both
    sides of the change counts for less.
    """
    spots, pair = np.unique(np.concatenate([first, second]), return_inverse=True)
    number = np.full(len(visits.spot_place), -1, dtype=np.int64)
    number[spots] = np.arange(len(spots))
    rows = np.flatnonzero(number[visits.spot] >= 0)
    cell = number[visits.spot[rows]] * 7 + visits.day[rows] % 7
    rows = rows[np.argsort(cell, kind="stable")]
    day, clock = visits.day[rows], visits.us[rows] - visits.day[rows] * _DAY
    sizes = np.bincount(cell, minlength=7 * len(spots))
    start = np.cumsum(sizes) - sizes
    found: Ints = np.zeros(len(first), dtype=np.int64)
    for weekday in range(7):
        one, other = pair[: len(first)] * 7 + weekday, pair[len(first) :] * 7 + weekday
        products = sizes[one] * sizes[other]
        for a, b in pairwise(runs(np.append(0, np.cumsum(products))[:-1] // BLOCK).tolist()):
            tie, position = spread(np.where(products[a:b] > 0, sizes[one[a:b]], 0))
            left = start[one[a:b]][tie] + position
            owner, position = spread(sizes[other[a:b]][tie])
            right = start[other[a:b]][tie][owner] + position
            near = np.abs(clock[left][owner] - clock[right]) <= NEAR
            near &= day[left][owner] != day[right]
            found[a:b] += np.bincount(tie[owner[near]], minlength=b - a)
    return found
