"""A stratified equal-probability sample with what was found of each unit, checked and in one order.

In: N_h by stratum; unit ids, strata and values of the verdicts received. Out: a
`StratifiedSample` whose rows are sorted by the bytes of stratum and unit id, so that no sum
depends on the order in which rows arrived, and a `Linearised` estimate with its uncertainty.

Names are those of Cochran, Sampling Techniques, 3rd ed. (1977), chapter 5: N_h units, n_h
verdicts, f_h = n_h / N_h. A stratum with n_h = N_h is take-all: it adds its sum and no variance.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sampling.estimation.intervals import Estimated, quantity, satterthwaite
from sampling.estimation.sample_faults import SampleError, row_faults, size_faults, unknown_units
from sampling.faults import Fault, checked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StratifiedSample:
    """Verdicts of a stratified simple random sample; arrays per stratum (N, n) and per unit."""

    strata: tuple[str, ...]
    N: Ints
    n: Ints
    codes: Ints
    unit_ids: tuple[str, ...]
    y: Floats

    @property
    def uncertain(self) -> npt.NDArray[np.bool_]:
        """Per stratum, whether units are left that were not inspected."""
        return self.n < self.N

    @property
    def starts(self) -> Ints:
        """Per stratum, its first row."""
        return np.cumsum(self.n) - self.n

    @property
    def weights(self) -> Floats:
        """Per unit, N_h / n_h."""
        return (self.N / self.n)[self.codes]

    def sums(self, z: Floats) -> Floats:
        """Return the sum of ``z`` (one row per unit) by stratum."""
        total: Floats = np.add.reduceat(z, self.starts, axis=0)
        return total

    def means(self, z: Floats) -> Floats:
        """Return the mean of ``z`` by stratum."""
        return self.sums(z) / self.n.reshape((-1,) + (1,) * (z.ndim - 1))

    def centred(self, z: Floats) -> Floats:
        """Return ``z`` less the mean of its stratum."""
        return z - self.means(z)[self.codes]

    def total(self, z: Floats) -> float:
        """Return the Horvitz-Thompson total of ``z``, sum N_h zbar_h."""
        return float(np.sum(self.N * self.means(z)))

    def variances(self, z: Floats) -> Floats:
        """Return N_h^2 (1 - f_h) s_h^2 / n_h by stratum, zero where the stratum is take-all."""
        squares = self.sums(self.centred(z) ** 2)
        freedom = np.maximum(self.n - 1, 1)
        expanded = self.N.astype(np.float64) * (self.N - self.n)
        return np.where(self.uncertain, expanded * squares / (freedom * self.n), 0.0)

    def with_values(self, y: Floats) -> StratifiedSample:
        """Return the same sample with other values, in the order of its rows."""
        return replace(self, y=np.asarray(y, dtype=np.float64))

    def stratum(self, h: int) -> tuple[StratifiedSample, slice]:
        """Return one stratum as a sample of its own, and which rows it has."""
        rows = slice(int(self.starts[h]), int(self.starts[h] + self.n[h]))
        part = StratifiedSample(
            (self.strata[h],), self.N[h : h + 1], self.n[h : h + 1],
            np.zeros(int(self.n[h]), dtype=np.int64), self.unit_ids[rows], self.y[rows],
        )  # fmt: skip
        return part, rows


@dataclass(frozen=True, eq=False)
class Linearised(Estimated):
    """An estimated total or mean; its variance is that of the expanded total of ``u``.

    ``u`` has a value per row of the sample (residual times g-weight), ``inflation`` makes up for
    slopes that were fitted, ``least`` is what the quantity cannot be less than.
    """

    u: Floats
    inflation: float
    least: float


def stratified_sample(
    sizes: Mapping[str, int], unit_ids: Sequence[str], strata: Sequence[str],
    y: Sequence[float] | Floats, *, weights: Sequence[float] | None = None,
) -> StratifiedSample:  # fmt: skip
    """Return the sample, sorted and checked.

    Args:
        sizes: N_h of every stratum of the frame.
        unit_ids: units with a final verdict; ``strata`` and ``y`` are theirs.
        weights: final weights, if they are to be checked against N_h / n_h.

    Raises:
        SampleError: naming every stratum that is empty, has a bad size, fewer units than
            verdicts, or one verdict of several units; and every unit that is repeated, in no
            stratum of the frame, without a finite value, or whose weight does not fit.
    """
    faults = row_faults(sizes, unit_ids, strata, y, weights)
    checked(faults or size_faults(sizes, strata), SampleError)
    names = sorted(sizes, key=str.encode)
    place = {name: h for h, name in enumerate(names)}
    order = sorted(range(len(unit_ids)), key=lambda i: (place[strata[i]], unit_ids[i].encode()))
    codes = np.array([place[strata[i]] for i in order], dtype=np.int64)
    return StratifiedSample(
        tuple(names), np.array([sizes[name] for name in names], dtype=np.int64),
        np.bincount(codes, minlength=len(names)).astype(np.int64), codes,
        tuple(unit_ids[i] for i in order), np.asarray(y, dtype=np.float64)[order],
    )  # fmt: skip


def in_domain(sample: StratifiedSample, members: Collection[str]) -> StratifiedSample:
    """Return the sample with zero for units outside the domain: any estimator then holds for it.

    Saerndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), chapter 10.
    """
    return sample.with_values(np.where(membership(sample, members), sample.y, 0.0))


def membership(sample: StratifiedSample, members: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return which rows are members; refuse members that were not inspected."""
    chosen = frozenset(members)
    checked(unknown_units(sorted(chosen - set(sample.unit_ids))), SampleError)
    return np.array([unit in chosen for unit in sample.unit_ids], dtype=np.bool_)


def linearise(
    sample: StratifiedSample, method: str, estimate: float, u: Floats, *, slopes: int = 0,
    own_slopes: int = 0, least: float = -math.inf, notes: Sequence[Fault] = (),
) -> Linearised:  # fmt: skip
    """Return the estimate with the variance of the expanded total of ``u``.

    ``slopes`` coefficients common to all strata cost as many degrees of freedom: the variance is
    raised by (n - H) / (n - H - slopes), which for one stratum and one slope is Cochran's divisor
    n - 2 (section 7.4); n and H count strata that are not take-all. Degrees of freedom are
    Satterthwaite's, lowered in the same proportion. ``own_slopes`` is what each stratum fitted for
    itself, for which ``u`` already makes up.
    """
    freedom = np.where(sample.uncertain, sample.n - 1 - own_slopes, 0)
    left = int(freedom.sum()) - slopes
    complete = not bool(sample.uncertain.any())
    inflation = 1.0 if complete else (left + slopes) / left
    parts = sample.variances(u) * inflation
    df = satterthwaite(parts, freedom) / inflation
    variance = float(parts.sum())
    got = quantity(estimate, variance, df, complete=complete, least=least)
    return Linearised(method, estimate, variance, got, tuple(notes), u, inflation, least)


def found_so_far(sample: StratifiedSample) -> float:
    """Return what the total cannot be less than: the sum found, where no value is negative."""
    return float(sample.y.sum()) if bool((sample.y >= 0).all()) else -math.inf
