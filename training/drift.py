"""How far values have moved between two periods: population stability index and largest gap.

In: the values of a feature or score in an earlier and a later period, NaN where not known. Out: two
numbers, and for a pair of matrices a table of them, the largest change first.

PSI = sum over bins of (q - p) log(q / p), with bins at the earlier period's deciles and one for
values that are not known (Lewis 1994, An Introduction to Credit Scoring; Yurdakul 2018, Western
Michigan University, on its distribution). Every bin gets half a case more, so that an empty one
gives a finite number. By habit below 0.1 is called stable and above 0.25 shifted; with B bins and n
and m cases, chance alone gives about (B - 1)(1/n + 1/m), so small periods look shifted.

KS = the largest gap between the two empirical distribution functions of the known values
(Kolmogorov 1933, Smirnov 1939).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.matrix import Matrix

Floats = npt.NDArray[np.float64]

STABLE, SHIFTED = 0.1, 0.25


class DriftError(ValueError):
    """The two periods cannot be compared."""


@dataclass(frozen=True)
class Drift:
    """How one feature moved; medians and shares of unknown values, earlier and later."""

    feature: str
    psi: float
    ks: float
    median_before: float
    median_after: float
    unknown_before: float
    unknown_after: float


def population_stability(before: Floats, after: Floats, bins: int = 10) -> float:
    """Return the PSI of ``after`` against ``before``; raises DriftError where a side is empty."""
    _need_both(before, after)
    known = before[~np.isnan(before)]
    shares = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    edges = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else known
    p, q = (_shares(values, edges) for values in (before, after))
    return float(np.sum((q - p) * np.log(q / p)))


def largest_gap(before: Floats, after: Floats) -> float:
    """Return the KS distance of the known values; NaN where a side has none."""
    left, right = (np.sort(values[~np.isnan(values)]) for values in (before, after))
    if not len(left) or not len(right):
        return float("nan")
    points = np.concatenate([left, right])
    below = [np.searchsorted(side, points, side="right") / len(side) for side in (left, right)]
    return float(np.abs(below[0] - below[1]).max())


def compare(before: Matrix, after: Matrix) -> list[Drift]:
    """Return the drift of every feature, the largest PSI first, equal ones by name.

    Raises DriftError where the matrices are not of the same unit and features, or have no rows.
    """
    if (before.unit, before.names) != (after.unit, after.names):
        raise DriftError("The matrices differ in unit or features; build both with one catalogue.")
    return sorted(_each(before, after), key=lambda drift: (-drift.psi, drift.feature))


def _each(before: Matrix, after: Matrix) -> Iterator[Drift]:
    for place, name in enumerate(before.names):
        left, right = before.values[:, place], after.values[:, place]
        yield Drift(
            name,
            population_stability(left, right),
            largest_gap(left, right),
            _median(left),
            _median(right),
            float(np.isnan(left).mean()),
            float(np.isnan(right).mean()),
        )


def _shares(values: Floats, edges: Floats) -> Floats:
    """Return the share of the values up to each edge, above the last, and not known."""
    place = np.searchsorted(edges, values, side="left")
    place[np.isnan(values)] = len(edges) + 1
    counts = np.bincount(place, minlength=len(edges) + 2) + 0.5
    shares: Floats = counts / counts.sum()
    return shares


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _need_both(before: Floats, after: Floats) -> None:
    if not len(before) or not len(after):
        raise DriftError(
            f"There are {len(before)} earlier and {len(after)} later values; both are needed."
        )
