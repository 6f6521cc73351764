"""Weighted figures of a ranking together with their derivatives by the weights.

In: scores (higher is inspected first), what each unit yields, final weights. Out: the figure and,
for every unit, its influence: the derivative of the figure by the unit's weight, from which
training.gate takes the variance. Equal scores are one threshold; where capacity ends among them
each is taken in part, so no order of ties decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Fewest units around the end of capacity over which what one unit more yields is averaged.
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Linear:
    """A figure and its derivative by each unit's weight, in the order of the input rows."""

    value: float
    influence: Floats


@dataclass(frozen=True)
class _Runs:
    """Rows in order of inspection, and the run of equal scores that each belongs to."""

    order: npt.NDArray[np.intp]
    run: npt.NDArray[np.intp]

    def sums(self, values: Floats) -> Floats:
        """Return the sum of ``values`` (in order) over each run."""
        return np.asarray(np.bincount(self.run, values), dtype=np.float64)

    def back(self, values: Floats) -> Floats:
        """Return ``values`` (in order) in the order of the input rows."""
        rows = np.empty_like(values)
        rows[self.order] = values
        return rows


def _runs(score: Floats) -> _Runs:
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    run = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    return _Runs(order, run.astype(np.intp))


def average_precision(score: Floats, labels: Floats, weights: Floats) -> Linear:
    """Return sum over thresholds of (recall gained) x precision, as training.metrics defines it.

    With P the weight of the confirmed, F and T the confirmed and the whole weight down to a
    threshold, and p = F / T: d/dw_k = [y_k (p_k - AP) + sum of w y (y_k - p) / T over all that
    rank with or below k] / P. Labels must hold a 1, weights be above 0.
    """
    runs = _runs(score)
    y, w = labels[runs.order], weights[runs.order]
    confirmed = runs.sums(w * y)
    taken = np.cumsum(runs.sums(w))
    precision = np.cumsum(confirmed) / taken
    whole = confirmed.sum()
    value = float(confirmed @ precision / whole)
    gain = _from_below(confirmed / taken)[runs.run]
    loss = _from_below(confirmed * precision / taken)[runs.run]
    influence = (y * (precision[runs.run] - value) + y * gain - loss) / whole
    return Linear(value, runs.back(influence))


def at_capacity(score: Floats, gains: Floats, weights: Floats, share: float) -> Linear:
    """Return what a unit yields on average among the first ``share`` of the whole weight.

    A unit's weight adds its own yield where it is taken, pushes out what stands at the end of
    capacity, and widens capacity by ``share`` of itself. What stands at the end is averaged over
    the units around it: one unit's yield would be noise (Kovacevic and Binder, Variance estimation
    for measures of income inequality, Journal of Official Statistics 13 (1997), 41-58).
    """
    runs = _runs(score)
    x, w = gains[runs.order], weights[runs.order]
    capacity = share * w.sum()
    sums = runs.sums(w)
    before = np.cumsum(sums) - sums
    part = (np.clip(capacity - before, 0.0, sums) / sums)[runs.run]
    value = float(w * part @ x / capacity)
    end = _at_the_end(x, w, part)
    influence = (part * x + end * (share - part) - share * value) / capacity
    return Linear(value, runs.back(influence))


def _at_the_end(x: Floats, w: Floats, part: Floats) -> float:
    place = int(np.count_nonzero(part >= 1.0))
    reach = max(_NEIGHBOURS, round(len(x) ** 0.5)) // 2
    around = slice(max(0, place - reach), place + reach + 1)
    return float(w[around] @ x[around] / w[around].sum())


def _from_below(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]
