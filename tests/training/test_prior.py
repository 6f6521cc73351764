"""The hybrid by evidence: shrunk slope, channels' own intercepts, credibility of the trees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from training.config import HybridSettings
from training.prior import Prior, credibility, fit_prior

SETTINGS = HybridSettings(slope=0.8, trust=10.0, least=0.2, credibility=30.0)


def judged(n: int, slope: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return detector scores and labels of log-odds slope x score - 2."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    return score, (rng.random(n) < expit(slope * score - 2)).astype(float)


def fitted(n: int, slope: float, settings: HybridSettings = SETTINGS) -> float:
    """Return the slope fitted to n verdicts."""
    score, labels = judged(n, slope)
    return fit_prior(score, labels, np.ones(n), np.full(n, ""), settings).slope


def test_many_verdicts_move_the_slope_few_do_not():
    assert fitted(50_000, 2.0) == pytest.approx(2.0, abs=0.05)
    assert abs(fitted(30, 2.0) - 0.8) < abs(fitted(2000, 2.0) - 0.8)
    firm = HybridSettings(slope=0.8, trust=1e9)
    assert fitted(2000, 2.0, firm) == pytest.approx(0.8, abs=1e-4)


def test_the_slope_never_falls_below_its_least():
    assert fitted(20_000, -1.0) == 0.2


def test_whoever_tips_off_shifts_the_intercept_and_nothing_else():
    """A channel in which the odds of a finding are e^2 times as high has an intercept 2 higher."""
    rng = np.random.default_rng(4)
    score = rng.normal(size=40_000)
    told = np.arange(40_000) % 2 == 0
    labels = (rng.random(40_000) < expit(1.2 * score - 2 + 2 * told)).astype(float)
    channels = np.where(told, "tip_off", "")
    prior = fit_prior(score, labels, np.ones(40_000), channels, SETTINGS)
    assert prior.shifts["tip_off"] == pytest.approx(2.0, abs=0.1)
    assert (prior.intercept, prior.slope) == pytest.approx((-2.0, 1.2), abs=0.1)
    assert prior.log_odds(np.zeros(1))[0] == prior.intercept
    start = prior.start(np.zeros(2), np.array(["", "tip_off"]))
    assert start[1] - start[0] == pytest.approx(prior.shifts["tip_off"])


def test_credibility_by_hand():
    labels = np.array([1.0] * 30 + [0.0] * 70)
    assert credibility(labels, np.ones(100), SETTINGS) == pytest.approx(0.5)
    # Weights 3 and 1: Kish's effective number is (3 + 1)^2 / (9 + 1) = 1.6; 1.6 / 31.6.
    unequal = credibility(np.ones(2), np.array([3.0, 1.0]), SETTINGS)
    assert unequal == pytest.approx(1.6 / 31.6)
    assert credibility(np.zeros(5), np.ones(5), SETTINGS) == 0.0


def test_log_odds_by_hand():
    prior = Prior(-1.0, {"tip_off": 0.5}, 2.0)
    score, channels = np.array([0.0, 1.0, -1.0]), np.array(["", "tip_off", "unheard of"])
    assert prior.log_odds(score).tolist() == [-1.0, 1.0, -3.0]
    assert prior.start(score, channels).tolist() == [-1.0, 1.5, -3.0]


def test_a_few_cases_of_a_channel_satisfy_the_equations_of_the_penalised_likelihood():
    """Ten drawn units, two confirmed; four tips, each weighing 2, three of them confirmed.

    The detector says nothing (all 0), so b and s solve 10 f(b) - 2 + 8 f(b + s) - 6 = 0 and
    8 f(b + s) - 6 + 0.05 s = 0 with f the logistic function: a free intercept, a shift held softly.
    """
    labels = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 3 + [0.0])
    weights = np.array([1.0] * 10 + [2.0] * 4)
    channels = np.array([""] * 10 + ["tip_off"] * 4)
    prior = fit_prior(np.zeros(14), labels, weights, channels, SETTINGS)
    b, s = prior.intercept, prior.shifts["tip_off"]
    assert 8 * expit(b + s) - 6 + 0.05 * s == pytest.approx(0.0, abs=1e-4)
    assert 10 * expit(b) - 2 - 0.05 * s == pytest.approx(0.0, abs=1e-4)
    assert prior.slope == pytest.approx(0.8, abs=1e-6)
    twice = np.repeat(np.arange(14), weights.astype(int))
    again = fit_prior(np.zeros(18), labels[twice], np.ones(18), channels[twice], SETTINGS)
    assert (again.intercept, again.shifts["tip_off"]) == pytest.approx((b, s), abs=1e-4)
