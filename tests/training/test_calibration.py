"""Platt calibration: strictly increasing, close to the truth, smoothed as published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from training.calibration import CalibrationError, Platt, fit_platt


def test_finds_the_sigmoid_that_made_the_labels():
    rng = np.random.default_rng(1)
    margins = rng.normal(scale=2, size=40_000)
    labels = (rng.random(40_000) < expit(0.7 * margins - 1.2)).astype(float)
    found = fit_platt(margins, labels)
    assert (found.slope, found.intercept) == pytest.approx((0.7, -1.2), abs=0.05)


def test_weights_undo_an_unequal_sample():
    rng = np.random.default_rng(2)
    margins = rng.normal(size=60_000)
    labels = (rng.random(60_000) < expit(margins - 2)).astype(float)
    # Drawn by the label itself: without weights the intercept would be off by log 5.
    chance = np.where(labels > 0, 1.0, 0.2)
    drawn = rng.random(60_000) < chance
    found = fit_platt(margins[drawn], labels[drawn], 1 / chance[drawn])
    assert (found.slope, found.intercept) == pytest.approx((1.0, -2.0), abs=0.08)
    scaled = fit_platt(margins[drawn], labels[drawn], 10 / chance[drawn])
    assert (scaled.slope, scaled.intercept) == pytest.approx(
        (found.slope, found.intercept), abs=1e-6
    )


def test_the_weighted_likelihood_has_no_slope_left():
    rng = np.random.default_rng(3)
    margins, weights = rng.normal(3, 5, size=500), rng.integers(1, 9, 500) * 1.0
    labels = (rng.random(500) < expit(0.2 * margins)).astype(float)
    found = fit_platt(margins, labels, weights)
    w = weights / weights.mean()
    ups, downs = w[labels > 0].sum(), w[labels == 0].sum()
    targets = np.where(labels > 0, (ups + 1) / (ups + 2), 1 / (downs + 2))
    excess = w * (expit(found.slope * margins + found.intercept) - targets)
    assert [excess.mean(), (excess * margins).mean()] == pytest.approx([0, 0], abs=1e-6)


def test_targets_are_smoothed_as_platt_says():
    # Margins that separate perfectly: with 3 and 3 labels the targets are 4/5 and 1/5, and two
    # parameters reach both exactly: slope log 4, intercept 0.
    found = fit_platt(np.repeat([1.0, -1.0], 3), np.repeat([1.0, 0.0], 3))
    assert (found.slope, found.intercept) == pytest.approx((math.log(4), 0.0), abs=1e-6)


def test_a_misleading_margin_keeps_its_order_and_says_the_prevalence():
    margins = np.linspace(-1, 1, 200)
    labels = (margins < -0.5).astype(float)
    found = fit_platt(margins, labels)
    assert found.slope == pytest.approx(1e-3)
    assert found.probability(margins) == pytest.approx(0.25, abs=0.01)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 20), st.floats(-20, 20), st.lists(st.floats(-50, 50), min_size=2))
def test_log_odds_rise_and_can_be_read_back(slope: float, intercept: float, margins: list[float]):
    platt = Platt(slope, intercept)
    ordered = np.unique(np.round(margins, 3))
    log_odds = platt.log_odds(ordered)
    assert (np.diff(log_odds) >= 0).all()
    assert np.abs(log_odds).max() <= 15
    straight = np.abs(slope * ordered + intercept) < 60
    assert (np.diff(log_odds[straight]) > 0).all()
    assert np.abs(logit(platt.probability(ordered)) - log_odds).max() <= 1e-9


def test_the_bend_is_smooth_where_it_begins():
    platt = Platt(1.0, 0.0)
    at = np.array([12 - 1e-6, 12.0, 12 + 1e-6])
    assert np.diff(platt.log_odds(at)) == pytest.approx([1e-6, 1e-6], rel=1e-5)
    assert platt.log_odds(-at) == pytest.approx(-platt.log_odds(at), abs=0)


def test_refuses_what_would_not_keep_the_order():
    for slope in (0.0, -1.0, float("nan")):
        with pytest.raises(CalibrationError, match="slope above 0"):
            Platt(slope, 0.0)
    with pytest.raises(CalibrationError, match="confirmed and unconfirmed"):
        fit_platt(np.arange(3.0), np.ones(3))
    with pytest.raises(CalibrationError, match="Unknown calibration"):
        Platt.from_dict({"method": "isotonic"})
    assert Platt.from_dict(Platt(0.1, 0.3).to_dict()) == Platt(0.1, 0.3)
