"""Out-of-fold margins: a row's own label, and a row without weight, decide nothing about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from training.calibration import CalibrationError
from training.config import HybridSettings, TreeSettings
from training.out_of_fold import OutOfFold, Verdicts, calibrate, cross_fitted, score_out_of_fold
from training.splits import Splits

TREES = TreeSettings(rounds=10, seeds=(1,))
HYBRID = HybridSettings()


def margins_of(n: int = 600, seed: int = 1) -> tuple[OutOfFold, np.ndarray]:
    """Return margins of n rows in three folds, and labels whose log-odds are the margin less 1."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=n) * 1.5
    labels = (rng.random(n) < expit(margins - 1)).astype(float)
    return OutOfFold(np.arange(n), np.arange(n) % 3, margins), labels


def test_a_margin_in_log_odds_is_left_nearly_as_it_is():
    found, labels = margins_of(3000)
    platt = calibrate(found, labels, np.ones(3000))
    assert (platt.slope, platt.intercept) == pytest.approx((1.0, -1.0), abs=0.15)


def test_a_fold_is_judged_by_what_the_others_chose():
    found, labels = margins_of()
    log_odds = cross_fitted(found, labels, np.ones(600))
    flipped = np.where(found.folds == 0, 1 - labels, labels)
    same = log_odds == cross_fitted(found, flipped, np.ones(600))
    assert same[found.folds == 0].all()
    assert not same[found.folds != 0].any()


def test_calibration_ignores_rows_without_final_weight():
    found, labels = margins_of()
    weights = (np.arange(600) < 400).astype(float)
    flipped = np.where(weights > 0, labels, 1 - labels)
    assert calibrate(found, labels, weights) == calibrate(found, flipped, weights)


def test_where_the_others_have_one_kind_of_verdict_all_are_used():
    found, _ = margins_of(30)
    labels = (np.arange(30) % 3 == 0).astype(float)
    everything = calibrate(found, labels, np.ones(30)).log_odds(found.margins)
    log_odds = cross_fitted(found, labels, np.ones(30))
    assert (log_odds == everything)[found.folds == 0].all()


def splits_of(n: int) -> Splits:
    """Return three plain folds."""
    fold = np.arange(n) % 3
    return Splits(
        "grouped", tuple((np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(3))
    )


def verdicts_of(n: int, labels: np.ndarray, weights: np.ndarray) -> Verdicts:
    """Return n random rows of a design."""
    rng = np.random.default_rng(2)
    return Verdicts(
        rng.normal(size=(n, 3)), labels, weights, rng.normal(size=n), np.full(n, "", dtype="<U9")
    )


def test_rows_without_training_weight_teach_nothing():
    labels = (np.random.default_rng(3).random(300) < 0.4).astype(float)
    weights = (np.arange(300) < 240).astype(float)
    verdicts = verdicts_of(300, labels, weights)
    changed = replace(
        verdicts,
        values=np.where(weights[:, None] > 0, verdicts.values, 99.0),
        labels=np.where(weights > 0, labels, 1.0),
    )
    rest = [splits_of(300), TREES, HYBRID, [0, 0, 0]]
    one, other = score_out_of_fold(verdicts, *rest), score_out_of_fold(changed, *rest)
    assert one.rows.tolist() == list(range(300))
    assert one.margins[:240].tobytes() == other.margins[:240].tobytes()


def test_confirmed_cases_of_one_fold_alone_are_refused():
    labels = (np.arange(90) % 3 == 0).astype(float)
    verdicts = verdicts_of(90, labels, np.ones(90))
    with pytest.raises(CalibrationError, match="verdicts of both kinds on more entities"):
        score_out_of_fold(verdicts, splits_of(90), TREES, HYBRID, [0, 0, 0])
