"""Probabilities that are true, and ones that are not: by hand, by definition, by simulation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from training.calibration_check import (
    bin_places,
    brier_of_base_rate,
    brier_score,
    calibration_line,
    describe_calibration,
    log_loss,
    reliability_curve,
    venn_abers,
    venn_abers_band,
)

ALONE = np.array([f"g{i:04d}" for i in range(4_000)])


def drawn(n: int, slope: float = 1.0, shift: float = 0.0, seed: int = 1):
    """Return labels whose true log-odds are shift + slope * x, and x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.0, 1.5, n)
    return (rng.random(n) < expit(shift + slope * x)).astype(float), x


def test_brier_and_log_loss_by_hand():
    labels, chances = np.array([1.0, 0.0, 1.0]), np.array([0.8, 0.3, 0.4])
    weights = np.array([1.0, 2.0, 1.0])
    # (.2^2 + 2 * .3^2 + .6^2) / 4 = (.04 + .18 + .36) / 4
    assert brier_score(labels, logit(chances), weights) == pytest.approx(0.145)
    by_hand = -(math.log(0.8) + 2 * math.log(0.7) + math.log(0.4)) / 4
    assert log_loss(labels, logit(chances), weights) == pytest.approx(by_hand)
    # Base rate 1/2: every term is .25.
    assert brier_of_base_rate(labels, weights) == pytest.approx(0.25)
    assert math.isnan(brier_score(labels, logit(chances), np.zeros(3)))


def test_two_levels_fix_the_line():
    """Predicted .2 and .8, confirmed .4 and .6: slope ln 1.5 / ln 4; by symmetry no intercept."""
    log_odds = logit(np.repeat([0.2, 0.8], 5))
    labels = np.array([1, 1, 0, 0, 0, 1, 1, 1, 0, 0], dtype=float)
    slope, intercept = calibration_line(labels, log_odds, np.ones(10))
    assert slope == pytest.approx(math.log(1.5) / math.log(4))
    assert intercept == pytest.approx(0.0, abs=1e-12)
    # Everybody at one half, 8 of 10 confirmed: the level is ln 4, a slope cannot be told.
    slope, intercept = calibration_line(
        np.repeat([1.0, 0.0], [8, 2]), np.zeros(10), np.ones(10)
    )  # fmt: skip
    assert math.isnan(slope)
    assert intercept == pytest.approx(math.log(4))


def test_the_line_agrees_with_scikit_learn_and_weights_are_repetitions():
    labels, x = drawn(300, slope=0.6, shift=0.5)
    times = np.random.default_rng(4).integers(1, 4, 300)
    slope, intercept = calibration_line(labels, x, times.astype(float))
    again = calibration_line(*(np.repeat(c, times) for c in (labels, x)), np.ones(times.sum()))
    assert (slope, intercept) == pytest.approx(again)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], labels, sample_weight=times)
    assert slope == pytest.approx(theirs.coef_[0, 0], abs=1e-5)


def test_true_probabilities_have_slope_one_and_overconfident_ones_less():
    labels, x = drawn(4_000)
    record = describe_calibration(labels, x, np.ones(4_000), ALONE, 60, 3)
    # Standard errors: slope .04, intercept .05.
    assert record["slope"] == pytest.approx(1.0, abs=0.12)
    assert record["intercept"] == pytest.approx(0.0, abs=0.15)
    low, high = record["intervals"]["slope"]
    assert low < 1.0 < high
    assert calibration_line(labels, 2 * x, np.ones(4_000))[0] == pytest.approx(record["slope"] / 2)
    assert record["brier"] < record["brier_of_base_rate"]
    assert record["venn_abers"]["mean_gap"] < 0.03
    over = describe_calibration(labels, 2 * x, np.ones(4_000), ALONE, 0, 3)
    assert over["venn_abers"]["mean_gap"] > 0.04
    assert "intervals" not in over


@pytest.mark.parametrize("labels", [[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
def test_labels_that_determine_no_line_have_none(labels):
    slope, _ = calibration_line(np.array(labels), np.array([-1.0, 0.0, 1.0]), np.ones(3))
    assert math.isnan(slope)
    record = describe_calibration(
        np.array([0.0, 0.0, 1.0]), np.array([-1.0, 0.0, 1.0]), np.ones(3), ALONE[:3], 5, 1
    )
    assert record["slope"] is None


def test_bins_have_equal_mass_and_equal_predictions_stay_together():
    assert bin_places(np.array([0.1, 0.2, 0.3, 0.4]), np.ones(4), 2).tolist() == [0, 0, 1, 1]
    # The weights 3, 1, 1, 1 put half of the mass on the first unit alone.
    weights = np.array([3.0, 1.0, 1.0, 1.0])
    assert bin_places(np.array([0.1, 0.2, 0.3, 0.4]), weights, 2).tolist() == [0, 1, 1, 1]
    assert len(set(bin_places(np.array([0.5, 0.5, 0.5, 0.5]), np.ones(4), 3))) == 1


def test_the_curve_by_hand():
    labels = np.array([0.0, 1.0, 1.0, 1.0])
    log_odds, weights = logit(np.array([0.1, 0.3, 0.6, 0.8])), np.array([3.0, 1.0, 2.0, 2.0])
    low, high = reliability_curve(labels, log_odds, weights, ALONE[:4], 40, 1, bins=2)
    assert (low.n, low.share_of_frame, low.confirmed) == (2, 0.5, 0.25)
    assert low.predicted == pytest.approx((3 * 0.1 + 0.3) / 4)
    assert (high.n, high.confirmed, high.interval) == (2, 1.0, [1.0, 1.0])
    assert high.predicted == pytest.approx(0.7)
    assert low.interval is not None
    assert low.interval[0] == 0.0
    assert low.interval[1] == 1.0


def test_intervals_of_the_curve_resample_groups():
    labels, x = drawn(400)
    same = np.repeat(ALONE[:100], 4)
    four = [np.repeat(column[:100], 4) for column in (labels, x)]
    wide = reliability_curve(*four, np.ones(400), same, 300, 2, bins=1)[0].interval
    narrow = reliability_curve(*four, np.ones(400), ALONE[:400], 300, 2, bins=1)[0].interval
    assert wide is not None
    assert narrow is not None
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(2, rel=0.3)


def test_venn_abers_by_hand():
    """Calibration (1, 0), (2, 1), (3, 0), (4, 1), a unit at 2.5.

    Unconfirmed: 0 1 0 0 1 pools to 0, 1/3 three times, 1. Confirmed: 0 1 1 0 1 pools to
    0, 2/3 three times, 1.
    """
    scores, labels = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 1.0])
    found = venn_abers(scores, labels, np.ones(4), np.array([2.5]))
    assert found == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    # Beyond every judged unit nothing contradicts the unit's own label.
    ends = venn_abers(scores, labels, np.ones(4), np.array([0.0, 9.0]))
    assert ends == pytest.approx(np.array([[0.0, 0.5], [0.5, 1.0]]))


def test_the_added_unit_carries_the_mean_weight():
    """All at one place: 3 of 4 confirmed, each of weight 7; the added fifth counts as one more."""
    found = venn_abers(np.zeros(4), np.array([1.0, 1.0, 1.0, 0.0]), np.full(4, 7.0), np.zeros(1))
    assert found == pytest.approx(np.array([[3 / 5, 4 / 5]]))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=25),
    st.integers(0, 8),
)
def test_venn_abers_is_its_definition(rows, point):
    scores, labels = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    low, high = venn_abers(scores, labels, np.ones(len(rows)), np.array([float(point)]))[0]
    for label, found in ((0.0, low), (1.0, high)):
        x, y = np.append(scores, point), np.append(labels, label)
        levels = np.unique(x)
        means = [y[x == level].mean() for level in levels]
        counts = [(x == level).sum() for level in levels]
        pooled = IsotonicRegression().fit(levels, means, sample_weight=counts)
        assert found == pytest.approx(pooled.predict([point])[0])
    assert 0.0 <= low <= high <= 1.0


def test_the_band_rises_and_encloses_the_merged_probability():
    labels, x = drawn(500)
    band = venn_abers_band(labels, x, np.ones(500), points=11)
    assert len(band) == 11
    assert all(p.lower <= p.merged <= p.upper for p in band)
    assert all(a.lower <= b.lower and a.upper <= b.upper for a, b in pairwise(band))
    assert [p.predicted for p in band] == sorted(p.predicted for p in band)


def test_row_order_changes_nothing():
    labels, x = drawn(200)
    weights, rows = np.ones(200), np.random.default_rng(8).permutation(200)
    one = describe_calibration(labels, x, weights, ALONE[:200], 10, 1)
    other = describe_calibration(labels[rows], x[rows], weights, ALONE[:200][rows], 10, 1)
    assert other["slope"] == pytest.approx(one["slope"])
    assert other["intervals"]["brier"] == pytest.approx(one["intervals"]["brier"])
    assert [b["n"] for b in other["reliability"]] == [b["n"] for b in one["reliability"]]
