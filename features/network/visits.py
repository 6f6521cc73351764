"""Visits: one row per person, place and day, at the moment of that day's first claim.

In: claims (``Seen``). Out: ``Visits`` in the order of place, day and moment. Where several claims
of a day became known or were reversed between cut dates, the visit has one row per stretch of cut
dates with the same first claim; the stretches do not overlap, so that counting rows at a cut date
counts days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.network.claims_seen import Bools, Ints, Seen

MINUTE = 60 * 1_000_000


@dataclass(frozen=True)
class Visits:
    """Visits with a known time of day, sorted by place, day, moment, spot and first cut date.

    Attributes:
        spot: number of the pair (place, person); ascending by place, then person.
        spot_place, spot_person: what each spot is.
        day, us: local day and moment.
        since, until: half-open interval of cut dates at which the row counts.
    """

    spot: Ints
    spot_place: Ints
    spot_person: Ints
    day: Ints
    us: Ints
    since: Ints
    until: Ints

    def at(self, cut: int) -> Bools:
        """Tell which rows count at a cut date."""
        return (self.since <= cut) & (cut < self.until)

    def take(self, rows: Ints | Bools) -> Visits:
        """Return some rows, in their order; spots keep their numbers."""
        return Visits(
            self.spot[rows], self.spot_place, self.spot_person, self.day[rows], self.us[rows],
            self.since[rows], self.until[rows],
        )  # fmt: skip

    @property
    def place(self) -> Ints:
        """The place of each row."""
        return self.spot_place[self.spot]


def runs(*keys: Ints) -> Ints:
    """Return where runs of equal rows begin in sorted keys, and the number of rows at the end."""
    if not len(keys[0]):
        return np.zeros(1, dtype=np.int64)
    new = np.zeros(len(keys[0]), dtype=np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.append(np.flatnonzero(new), len(new))


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """Return for each of sum(counts) rows its owner and its position within the owner."""
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return owner, np.arange(len(owner), dtype=np.int64) - before


def make_visits(seen: Seen) -> Visits:
    """Return the visits of all claims whose time of day is known."""
    rows = seen.timed
    people = max(len(seen.names["insured"]), 1)
    key = seen.institution[rows] * people + seen.insured[rows]
    spots, spot = np.unique(key, return_inverse=True)
    day, us, since, until = (a[rows] for a in (seen.day, seen.us, seen.since, seen.until))
    order = np.lexsort((us, day, spot))
    spot, day, us, since, until = (a[order] for a in (spot, day, us, since, until))
    bounds = runs(spot, day)
    single = np.repeat(np.diff(bounds) == 1, np.diff(bounds))
    parts = [[a[single] for a in (spot, day, us, since, until)]]
    parts.append(_stretches(*(a[~single] for a in (spot, day, us, since, until))))
    spot, day, us, since, until = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((since, spot, us, day, spots[spot] // people))
    return Visits(
        spot[order], spots // people, spots % people, day[order], us[order], since[order],
        until[order],
    )  # fmt: skip


def _stretches(spot: Ints, day: Ints, us: Ints, since: Ints, until: Ints) -> list[Ints]:
    """Split days of several claims into stretches of cut dates with the same first claim.

    Rows are sorted by spot, day and moment. The first claim stays first wherever it counts; each
    later one counts on the cut dates that no earlier one has taken.
    """
    if not len(spot):
        return [spot, day, us, since, until]
    bounds = runs(spot, day)
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    length, step = spread(until - since)
    cut = since[length] + step
    # One row per claim and cut date; the earliest claim of each (visit, cut date) is the visit.
    order = np.lexsort((length, cut, owner[length]))
    length, cut = length[order], cut[order]
    visit = owner[length]
    first = runs(visit, cut)[:-1]
    length, cut, visit = length[first], cut[first], visit[first]
    moment = us[length]
    # Neighbouring cut dates with the same moment are one stretch again.
    starts = runs(visit, moment, cut - np.arange(len(cut)))
    head, last = starts[:-1], starts[1:] - 1
    row = length[head]
    return [spot[row], day[row], moment[head], cut[head], cut[last] + 1]
