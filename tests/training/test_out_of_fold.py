"""Out-of-fold scores: a row's own label, and a row without weight, decide nothing about it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from training.calibration import CalibrationError
from training.config import TreeSettings
from training.out_of_fold import OutOfFold, choose, cross_fitted, score_out_of_fold
from training.splits import Splits

CANDIDATES = (0.0, 0.5, 1.0)
TREES = TreeSettings(rounds=10, seeds=(1,))


def margins_of(n: int = 600, seed: int = 1) -> tuple[OutOfFold, np.ndarray]:
    """Return margins of n rows in three folds, and labels that follow trees plus detector."""
    rng = np.random.default_rng(seed)
    trees, detector = rng.normal(size=(2, n))
    labels = (rng.random(n) < expit(trees + detector - 1)).astype(float)
    return OutOfFold(np.arange(n), np.arange(n) % 3, trees, detector), labels


def test_the_detector_gets_the_weight_that_it_earns():
    found, labels = margins_of()
    ones = np.ones(600)
    choice = choose(found, labels, ones, CANDIDATES)
    assert choice.detector_weight == 1.0
    assert choice.calibration.slope == pytest.approx(1.0, abs=0.25)
    noise = OutOfFold(found.rows, found.folds, found.trees + found.detector, -found.detector)
    assert choose(noise, labels, ones, CANDIDATES).detector_weight == 0.0


def test_a_fold_is_judged_by_what_the_others_chose():
    found, labels = margins_of()
    log_odds = cross_fitted(found, labels, np.ones(600), CANDIDATES)
    flipped = np.where(found.folds == 0, 1 - labels, labels)
    again = cross_fitted(found, flipped, np.ones(600), CANDIDATES)
    same = log_odds == again
    assert same[found.folds == 0].all()
    assert not same[found.folds != 0].any()


def test_choices_ignore_rows_without_final_weight():
    found, labels = margins_of()
    weights = (np.arange(600) < 400).astype(float)
    flipped = np.where(weights > 0, labels, 1 - labels)
    assert choose(found, labels, weights, CANDIDATES) == choose(found, flipped, weights, CANDIDATES)


def splits_of(n: int) -> Splits:
    """Return three plain folds."""
    fold = np.arange(n) % 3
    return Splits(
        "grouped", tuple((np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(3))
    )


def test_rows_without_training_weight_teach_nothing():
    rng = np.random.default_rng(2)
    values, labels = rng.normal(size=(300, 3)), (rng.random(300) < 0.4).astype(float)
    weights = (np.arange(300) < 240).astype(float)
    rest = [weights, np.zeros(300), splits_of(300), TREES, [0, 0, 0]]
    one = score_out_of_fold(values, labels, *rest)
    other = score_out_of_fold(
        np.where(weights[:, None] > 0, values, 99.0), np.where(weights > 0, labels, 1.0), *rest
    )
    assert one.rows.tolist() == list(range(300))
    assert one.trees[:240].tobytes() == other.trees[:240].tobytes()


def test_confirmed_cases_of_one_fold_alone_are_refused():
    labels = (np.arange(90) % 3 == 0).astype(float)
    with pytest.raises(CalibrationError, match="verdicts of both kinds on more entities"):
        score_out_of_fold(
            np.zeros((90, 1)), labels, np.ones(90), np.zeros(90), splits_of(90), TREES, [0]
        )
