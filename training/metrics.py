"""Ranking metrics, weighted, with intervals.

In: labels, scores and weights 1/pi of judged units. Out: average precision, area under the ROC
curve, precision, recall, amount and share of all money among the first k, and bootstrap intervals.

Average precision and ROC area treat equal scores as one threshold, as scikit-learn does.
Precision among the first k takes units in the order of inspection (equal scores by the tie seed)
until their weights fill k, the last one in part: with weights 1/pi that estimates the precision of
inspecting the first k of the whole frame; with weights 1 it is the usual one. Where fewer than k
are judged, all of them are taken. The weights above 0 are what an estimate rests on: Kish's
effective number (1965, section 11.7) says how many equal ones they are worth. Intervals are
percentiles over resamples of whole groups
(Efron & Tibshirani 1993, ch. 13; groups because verdicts of one entity are not independent).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.ranking import rank

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ordered:
    """Judged units in the order of inspection.

    Attributes:
        labels: shape (n,), 0 or 1.
        weights: shape (n,), at least 0.
        amounts: shape (n,), confirmed amount; NaN where unknown.
        ends: last position of every run of equal scores.
        order: which input row stands at each position.
    """

    labels: Floats
    weights: Floats
    amounts: Floats
    ends: npt.NDArray[np.intp]
    order: npt.NDArray[np.intp]

    def reweighted(self, weights: Floats) -> Ordered:
        """Return the same order with other weights, given by position."""
        return Ordered(self.labels, weights, self.amounts, self.ends, self.order)


def put_in_order(
    labels: npt.NDArray[np.generic],
    score: npt.NDArray[np.generic],
    unit_ids: npt.NDArray[np.str_],
    tie_seed: int,
    weights: Floats | None = None,
    amounts: Floats | None = None,
) -> Ordered:
    """Sort judged units by score, the highest first, equal ones by the tie seed."""
    n = len(labels)
    order = np.argsort(rank(score, unit_ids, tie_seed))
    scores = np.asarray(score)[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), n - 1)
    return Ordered(
        np.asarray(labels, dtype=np.float64)[order],
        np.ones(n) if weights is None else weights[order],
        np.full(n, np.nan) if amounts is None else amounts[order],
        ends,
        order,
    )


def average_precision(judged: Ordered) -> float:
    """Return sum over thresholds of (recall gained) x precision; NaN without a positive."""
    found, taken = _at_thresholds(judged)
    if not found[-1] > 0:
        return float("nan")
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return float(np.diff(found, prepend=0.0) @ precision / found[-1])


def roc_auc(judged: Ordered) -> float:
    """Return the area under the ROC curve; NaN without both labels."""
    found, taken = _at_thresholds(judged)
    missed = taken - found
    if not (found[-1] > 0 and missed[-1] > 0):
        return float("nan")
    step = np.diff(missed, prepend=0.0)
    middle = found - np.diff(found, prepend=0.0) / 2
    return float(step @ middle / (found[-1] * missed[-1]))


def precision_at(judged: Ordered, k: int) -> float:
    """Return the share confirmed among the first k units of the frame."""
    taken = taken_at(judged, k)
    return float(taken @ judged.labels / taken.sum()) if taken.sum() > 0 else float("nan")


def recall_at(judged: Ordered, k: int) -> float:
    """Return the share of everything confirmed that is among the first k units of the frame."""
    confirmed = float(judged.weights @ judged.labels)
    return float(taken_at(judged, k) @ judged.labels) / confirmed if confirmed > 0 else float("nan")


def money_share_at(judged: Ordered, k: int) -> float:
    """Return the share of all confirmed money that is among the first k; NaN where unknown."""
    amounts = _confirmed_amounts(judged)
    total = float(judged.weights @ amounts)
    return float(taken_at(judged, k) @ amounts) / total if total > 0 else float("nan")


def one_percent(judged: Ordered) -> int:
    """Return the number of units of the frame, as the weights estimate it, in 1 % of it."""
    # A sum of many 1/pi that should be 14,000 can come out a hair above it.
    return max(1, math.ceil(round(0.01 * float(judged.weights.sum()), 6)))


def effective_number(weights: Floats) -> float:
    """Return Kish's effective number of units, (sum of w)^2 / sum of w^2."""
    return float(weights.sum() ** 2 / (weights @ weights)) if (weights > 0).any() else 0.0


def amount_at(judged: Ordered, k: int) -> float | None:
    """Return the amount confirmed among the first k; None where a confirmed amount is unknown."""
    amounts = _confirmed_amounts(judged)
    if np.isnan(amounts).any() or not (judged.labels > 0).any():
        return None
    return float(taken_at(judged, k) @ amounts)


def bootstrap_intervals(
    judged: Ordered,
    groups: npt.NDArray[np.str_],
    statistics: Sequence[Callable[[Ordered], float]],
    replicates: int,
    seed: int,
    level: float = 0.95,
) -> list[list[float] | None]:
    """Return a percentile interval for each statistic; None where it was never defined.

    ``groups`` is in the order of the input rows, as passed to ``put_in_order``.
    """
    values = bootstrap_values(judged, groups, statistics, replicates, seed)
    return [percentile_interval(column, level) for column in values.T]


def bootstrap_values(
    judged: Ordered,
    groups: npt.NDArray[np.str_],
    statistics: Sequence[Callable[[Ordered], float]],
    replicates: int,
    seed: int,
) -> Floats:
    """Return each statistic in each resample, shape (replicates, statistics).

    Which groups a resample holds depends on ``groups`` and ``seed`` alone: the values of two
    rankings of the same units are pairs.
    """
    values = np.full((replicates, len(statistics)), np.nan)
    for b, times in enumerate(resampled_groups(groups, replicates, seed)):
        resample = judged.reweighted(judged.weights * times[judged.order])
        if resample.weights.sum() > 0:
            values[b] = [statistic(resample) for statistic in statistics]
    return values


def resampled_groups(
    groups: npt.NDArray[np.str_], replicates: int, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield, for each resample of whole groups, how often each row is in it."""
    names, member = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(replicates):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        yield np.asarray(times[member], dtype=np.int64)


def percentile_interval(values: Floats, level: float = 0.95) -> list[float] | None:
    """Return the central interval of the defined values; None where there is none."""
    tail = (1.0 - level) / 2
    defined = values[~np.isnan(values)]
    return np.quantile(defined, [tail, 1.0 - tail]).tolist() if defined.size else None


def _confirmed_amounts(judged: Ordered) -> Floats:
    return np.where(judged.labels > 0, judged.amounts, 0.0)


def _at_thresholds(judged: Ordered) -> tuple[Floats, Floats]:
    found = np.cumsum(judged.weights * judged.labels)[judged.ends]
    return found, np.cumsum(judged.weights)[judged.ends]


def taken_at(judged: Ordered, k: float) -> Floats:
    """Return how much of each unit's weight is among the first k units of the frame."""
    before = np.cumsum(judged.weights) - judged.weights
    return np.clip(k - before, 0.0, judged.weights)
