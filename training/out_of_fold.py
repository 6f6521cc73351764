"""Margins of verdicts that the model had not seen, and their calibration.

In: labelled rows and splits. Out: per tested row the hybrid's margin from a prior and trees fitted
without its group (and without its future), and cross-fitted log-odds for evaluation: each fold's
calibration comes from the other folds, so the reported metrics have not seen the row's label.

The detector sees no labels; it is fitted once, on the whole frame that it will also score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.boosters import Boosters, fit_boosters
from training.calibration import CalibrationError, Platt, fit_platt
from training.config import HybridSettings, TreeSettings
from training.prior import Prior, credibility, fit_prior
from training.splits import Splits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdicts:
    """Judged rows as they are learnt from.

    Attributes:
        values: shape (n, p).
        labels: shape (n,), 0 or 1.
        weights: shape (n,), training weights; rows without are tested, never trained on.
        detector: shape (n,), standardised detector scores.
        channels: shape (n,), "" where a design chose the row.
    """

    values: Floats
    labels: Floats
    weights: Floats
    detector: Floats
    channels: npt.NDArray[np.str_]

    def take(self, rows: npt.NDArray[np.generic]) -> Verdicts:
        """Return the given rows."""
        return Verdicts(
            self.values[rows],
            self.labels[rows],
            self.weights[rows],
            self.detector[rows],
            self.channels[rows],
        )


@dataclass(frozen=True)
class Learnt:
    """Prior, trees fitted to what it leaves, and how much of them to believe."""

    prior: Prior
    boosters: Boosters
    believed: float

    def margin(self, values: Floats, detector: Floats) -> Floats:
        """Return the hybrid's margin in log-odds, before calibration."""
        return self.prior.log_odds(detector) + self.believed * self.boosters.margin(values)


@dataclass(frozen=True)
class OutOfFold:
    """Tested rows: row number, fold, and margin without the row's group."""

    rows: npt.NDArray[np.intp]
    folds: npt.NDArray[np.int64]
    margins: Floats

    def take(self, keep: npt.NDArray[np.bool_]) -> OutOfFold:
        """Return the tested rows where ``keep``."""
        return OutOfFold(self.rows[keep], self.folds[keep], self.margins[keep])


def learn(
    verdicts: Verdicts, trees: TreeSettings, hybrid: HybridSettings, constraints: Sequence[int]
) -> Learnt:
    """Fit prior and trees on the verdicts that carry a weight."""
    known = verdicts.take(np.flatnonzero(verdicts.weights > 0))
    if len(np.unique(known.labels)) < 2:
        raise CalibrationError(
            "All confirmed (or all unconfirmed) cases belong to one fold of groups; training "
            "needs verdicts of both kinds on more entities."
        )
    prior = fit_prior(known.detector, known.labels, known.weights, known.channels, hybrid)
    start = prior.start(known.detector, known.channels)
    boosters = fit_boosters(known.values, known.labels, known.weights, trees, constraints, start)
    return Learnt(prior, boosters, credibility(known.labels, known.weights, hybrid))


def score_out_of_fold(
    verdicts: Verdicts,
    splits: Splits,
    trees: TreeSettings,
    hybrid: HybridSettings,
    constraints: Sequence[int],
) -> OutOfFold:
    """Learn once per split and score its test rows; ``constraints`` are +1, -1 or 0 per feature."""
    rows, folds, margins = [], [], []
    for fold, (train, test) in enumerate(splits.pairs):
        learnt = learn(verdicts.take(train), trees, hybrid, constraints)
        rows.append(test)
        folds.append(np.full(len(test), fold))
        margins.append(learnt.margin(verdicts.values[test], verdicts.detector[test]))
    tested = np.concatenate(rows)
    order = np.argsort(tested)
    return OutOfFold(tested[order], np.concatenate(folds)[order], np.concatenate(margins)[order])


def calibrate(tested: OutOfFold, labels: Floats, weights: Floats) -> Platt:
    """Return the calibration of the tested rows that carry a final weight."""
    tested = tested.take(weights[tested.rows] > 0)
    return fit_platt(tested.margins, labels[tested.rows], weights[tested.rows])


def cross_fitted(tested: OutOfFold, labels: Floats, weights: Floats) -> Floats:
    """Return log-odds of the tested rows, each fold by the calibration of the other folds.

    Where these lack one kind of verdict, as the first few may, the fold uses all.
    """
    log_odds = np.empty(len(tested.rows))
    for fold in np.unique(tested.folds):
        here = tested.folds == fold
        others = tested.take(~here)
        seen = np.unique(labels[others.rows][weights[others.rows] > 0])
        chosen = calibrate(others if len(seen) > 1 else tested, labels, weights)
        log_odds[here] = chosen.log_odds(tested.margins[here])
    return log_odds
