"""Array types and the few array operations that every part of the simulator needs.

In and out: NumPy arrays; money is int64 fen, time is int64 seconds since the first day's midnight,
local.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]

DAY = 86_400
HOUR = 3_600
MINUTE = 60


def ints(values: Sequence[int]) -> Ints:
    """A sequence as int64."""
    return np.asarray(values, dtype=np.int64)


def by_level(values: Mapping[int, float]) -> Floats:
    """A table from which a value is read by an institution's level."""
    table = np.zeros(10)
    for level, value in values.items():
        table[level] = value
    return table


class Choices:
    """Lists of integers, one per row, from which a whole column is drawn at once."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        """Store `rows`; an empty row answers -1."""
        self.counts = ints([len(row) for row in rows])
        width = max(1, int(self.counts.max(initial=0)))
        self.table = np.full((len(rows), width), -1, dtype=np.int64)
        for number, row in enumerate(rows):
            self.table[number, : len(row)] = row

    def draw(self, rng: np.random.Generator, rows: Ints) -> Ints:
        """One value of each of `rows`, all equally likely."""
        return self.at(rows, (rng.random(len(rows)) * self.counts[rows]).astype(np.int64))

    def at(self, rows: Ints, position: Ints) -> Ints:
        """The value at `position` (wrapped round) of each of `rows`."""
        return self.table[rows, position % np.maximum(self.counts[rows], 1)]


def weighted(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw `size` indices with the given weights, with replacement."""
    edges = np.cumsum(weights)
    found: Ints = np.searchsorted(edges, rng.random(size) * edges[-1], side="right")
    return found


def some(rng: np.random.Generator, pool: Ints, share: float) -> Ints:
    """A random `share` of `pool` in ascending order.

    At least one if the pool and the share are not empty.
    """
    if share <= 0 or len(pool) == 0:
        return pool[:0]
    wanted = min(len(pool), max(1, round(share * len(pool))))
    return np.sort(rng.choice(pool, size=wanted, replace=False))


class Noise:
    """Uniform numbers that belong to a row and a stream, whatever other rows there are.

    A number is a hash (SplitMix64, Steele et al. 2014) of the key, the stream and the row: what is
    planted beside an innocent claim cannot change the claim's own chances.
    """

    def __init__(self, seed: np.random.SeedSequence) -> None:
        """Take the key from a seed."""
        self.key = seed.generate_state(1, np.uint64)[0]

    def uniform(self, rows: Ints, stream: int) -> Floats:
        """Numbers between 0 and 1, neither of them included."""
        step = np.uint64(0x9E3779B97F4A7C15)
        with np.errstate(over="ignore"):
            start = _mixed(self.key + np.uint64(stream + 1) * step)
            mixed = _mixed(start + (rows.astype(np.uint64) + np.uint64(1)) * step)
        found: Floats = ((mixed >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52
        return found

    def normal(self, rows: Ints, stream: int) -> Floats:
        """Standard normal numbers from two streams (Box and Muller 1958)."""
        radius = np.sqrt(-2.0 * np.log(self.uniform(rows, stream)))
        found: Floats = radius * np.cos(2.0 * np.pi * self.uniform(rows, stream + 1000))
        return found


def _mixed(value: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    one, two = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
    first = (value ^ (value >> np.uint64(30))) * one
    second = (first ^ (first >> np.uint64(27))) * two
    return np.asarray(second ^ (second >> np.uint64(31)), dtype=np.uint64)


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """For counts (2, 0, 3): the owner (0, 0, 2, 2, 2) and the position in it (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner), dtype=np.int64) - first[owner]
