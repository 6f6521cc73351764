"""A scheme that no verdict tells of is still found: the detector's share sees to it.

A small invented world with two schemes, each with a rule-like flag of its own and an odd value.
Verdicts confirm the first; those of the second are taken out of the labels. What is measured is how
many of the second stand within one tenth of the list.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from training.apply import load
from training.config import ExperimentConfig
from training.ranking import rank
from training.spreading import spread
from training.train import train_supervised

CUT_DAY = date(2024, 6, 1)


def two_schemes(matrix_of, n: int = 1200):
    """Return a matrix, which rows are of the known scheme and which of the withheld one."""
    matrix = matrix_of(n, seed=31)
    rng = np.random.default_rng(32)
    values = rng.lognormal(size=matrix.values.shape)
    known = np.arange(n) % 25 == 0
    hidden = np.arange(n) % 100 == 12
    values[known, 0] *= 12
    values[hidden, 1] *= 60
    return replace(matrix, values=values), known, hidden


def config_with(config_of, **hybrid: float) -> ExperimentConfig:
    """Return a small config whose prior is as given."""
    return config_of(hybrid=hybrid, detector={"floor": 0.05})


def found(config, matrix, labels, hidden, folder) -> float:
    """Return the recall of the withheld scheme within the first tenth."""
    model = load(train_supervised(matrix, labels, config, folder, CUT_DAY).folder)
    margin = model.score(matrix.values).margin
    first = rank(margin, matrix.unit_ids, 1) <= len(matrix) // 10
    return float((first & hidden).sum() / hidden.sum())


def test_a_withheld_scheme_is_found_by_the_detectors_share(
    matrix_of, labels_of, config_of, tmp_path
):
    matrix, known, hidden = two_schemes(matrix_of)
    labels = labels_of(matrix, known).take(np.flatnonzero(~hidden))
    usual = found(config_with(config_of), matrix, labels, hidden, tmp_path)
    # Without the detector's share the trees have nothing to say about the withheld scheme.
    weak = {"slope": 1e-6, "least": 1e-6, "trust": 1e9}
    blind = found(config_with(config_of, **weak), matrix, labels, hidden, tmp_path)
    assert usual >= 0.5
    assert blind < 0.3


def test_a_list_spread_over_kinds_leaves_room_for_what_is_not_known():
    """300 sure units of a known kind fill a list of 200; ten of another kind do not get in."""
    log_odds = np.concatenate([np.linspace(3, 2, 300), np.full(10, 0.0), np.full(500, -4.0)])
    kinds = np.array(["known"] * 300 + ["new"] * 10 + ["none"] * 500)
    ids = np.array([f"u{i:04d}" for i in range(810)])
    new = kinds == "new"
    by_risk = rank(log_odds, ids, 1) <= 200
    by_kind = rank(spread(log_odds, kinds, ids, 1), ids, 1) <= 200
    assert (by_risk & new).sum() == 0
    assert (by_kind & new).sum() == 10
    assert (by_kind & (kinds == "known")).sum() == pytest.approx(190, abs=10)
