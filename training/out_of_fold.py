"""Scores of verdicts that the model had not seen, and what is chosen on them.

In: labelled rows and splits. Out: per tested row the trees' margin from models fitted without its
group (and without its future), the detector weight and calibration chosen on such margins, and
cross-fitted log-odds for evaluation: each fold's weight and calibration come from the other folds,
so the reported metrics have seen neither the row's label nor a choice that used it.

The detector sees no labels; it is fitted once, on the whole frame that it will also score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.boosters import fit_boosters
from training.calibration import CalibrationError, Platt, fit_platt, weighted_log_loss
from training.config import TreeSettings
from training.risk_model import Hybrid
from training.splits import Splits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OutOfFold:
    """Tested rows: row number, fold, margin of the trees, standardised detector score."""

    rows: npt.NDArray[np.intp]
    folds: npt.NDArray[np.int64]
    trees: Floats
    detector: Floats

    def take(self, keep: npt.NDArray[np.bool_]) -> OutOfFold:
        """Return the tested rows where ``keep``."""
        return OutOfFold(self.rows[keep], self.folds[keep], self.trees[keep], self.detector[keep])


@dataclass(frozen=True)
class Choice:
    """What is chosen on out-of-fold margins."""

    detector_weight: float
    calibration: Platt

    def log_odds(self, tested: OutOfFold) -> Floats:
        """Return the calibrated log-odds of tested rows."""
        return self.calibration.log_odds(tested.trees + self.detector_weight * tested.detector)


def score_out_of_fold(
    values: Floats,
    labels: Floats,
    weights: Floats,
    detector: Floats,
    splits: Splits,
    settings: TreeSettings,
    constraints: Sequence[int],
) -> OutOfFold:
    """Fit the trees once per split and score its test rows.

    Args:
        values: shape (n, p), the labelled rows.
        labels: shape (n,), 0 or 1.
        weights: shape (n,), training weights; rows without weight are tested, never trained on.
        detector: shape (n,), their standardised detector scores.
        splits: from training.splits.make_splits.
        settings: of the trees.
        constraints: +1, -1 or 0 per feature.
    """
    rows, folds, margins = [], [], []
    for fold, (train, test) in enumerate(splits.pairs):
        usable = train[weights[train] > 0]
        if len(np.unique(labels[usable])) < 2:
            raise CalibrationError(
                "All confirmed (or all unconfirmed) cases belong to one fold of groups; training "
                "needs verdicts of both kinds on more entities."
            )
        boosters = fit_boosters(
            values[usable], labels[usable], weights[usable], settings, constraints
        )
        rows.append(test)
        folds.append(np.full(len(test), fold))
        margins.append(boosters.margin(values[test]))
    tested = np.concatenate(rows)
    order = np.argsort(tested)
    return OutOfFold(
        tested[order],
        np.concatenate(folds)[order],
        np.concatenate(margins)[order],
        detector[tested[order]],
    )


def choose(
    tested: OutOfFold, labels: Floats, weights: Floats, candidates: Sequence[float]
) -> Choice:
    """Return the detector weight and calibration with the least weighted log loss.

    ``labels`` and final ``weights`` are those of all labelled rows; of equally good detector
    weights the smallest is taken.
    """
    tested = tested.take(weights[tested.rows] > 0)
    target, weight = labels[tested.rows], weights[tested.rows]
    choices = []
    for candidate in sorted(candidates):
        margin = tested.trees + candidate * tested.detector
        choice = Choice(candidate, fit_platt(margin, target, weight))
        choices.append((weighted_log_loss(choice.log_odds(tested), target, weight), choice))
    return min(choices, key=lambda scored: scored[0])[1]


def cross_fitted(
    tested: OutOfFold, labels: Floats, weights: Floats, candidates: Sequence[float]
) -> Floats:
    """Return log-odds of the tested rows, each fold by what the other folds chose."""
    log_odds = np.empty(len(tested.rows))
    for fold in np.unique(tested.folds):
        here = tested.folds == fold
        choice = choose(tested.take(~here), labels, weights, candidates)
        log_odds[here] = choice.log_odds(tested.take(here))
    return log_odds


def mix(choice: Choice, centre: float, spread: float) -> Hybrid:
    """Return the hybrid that ``choice`` stands for."""
    return Hybrid(1.0, choice.detector_weight, centre, spread)
