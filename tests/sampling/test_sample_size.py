"""Sample sizes: textbook examples, exactness in whole numbers, and what the probe promises."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.planning.allocation import Knowledge, best_draws, fewest_draws, rule_weights
from sampling.planning.frontier import expected_variance
from sampling.planning.sample_size import (
    Probe,
    SampleSizeError,
    cox_size,
    least_capacity,
    simple_size,
    stein_size,
    stratified_size,
)

#: Cochran (1977), section 5.9: N_h and S_h of the enrolments of 196 teachers' colleges.
COLLEGES = {
    "1": (13, 325), "2": (18, 190), "3": (26, 189), "4": (42, 82), "5": (73, 86), "6": (24, 190),
}  # fmt: skip
SIZES = {h: n for h, (n, _) in COLLEGES.items()}
SPREADS = {h: float(s * s) for h, (_, s) in COLLEGES.items()}


def test_cochrans_seedlings() -> None:
    """Cochran, section 4.6: 430 bed-feet, S^2 = 85.6, mean 19, error 10 % with t = 2: n = 78.

    By hand: n_0 = 4 x 85.6 / 1.9^2 = 94.8, n = 94.8 / (1 + 94.8 / 430) = 77.7.
    """
    assert simple_size(430, 85.6, 0.1 * 19 * 430, z=2.0) == 78


def test_cochrans_colleges() -> None:
    """Section 5.9: total 56,472, CV 5 %: (sum N_h S_h)^2 / (V + sum N_h S_h^2) = 57.1, so n = 58.

    By hand: 26,841^2 / (2,823.6^2 + 4,640,387) = 720,439,281 / 12,613,104.
    """
    width = 0.05 * 56_472
    assert stratified_size(SIZES, SPREADS, width, z=1.0) == 58
    # Proportional: 196 x 4,640,387 / 12,613,104 = 72.1.
    assert stratified_size(SIZES, SPREADS, width, "proportional", z=1.0) == 73


def test_whole_numbers_reach_the_variance_and_one_less_does_not() -> None:
    width, share = 0.05 * 56_472, Decimal("0.05")
    needed = least_capacity(SIZES, SPREADS, width, share, z=1.0)
    weights = rule_weights("neyman", SIZES, Knowledge(SPREADS))
    found = []
    for capacity in (needed, needed - 1):
        draws = best_draws(weights, fewest_draws(SIZES, capacity, share), SIZES, capacity)
        parts = [(n, draws[h], SPREADS[h]) for h, n in SIZES.items()]
        found.append(expected_variance(*map(list, zip(*parts, strict=True))))
    assert found[0] <= width**2 < found[1]
    assert needed == 58


def test_bounds_cost_draws() -> None:
    """All of stratum 5 is 73 units; with them the others still need their own draws."""
    plain = least_capacity(SIZES, SPREADS, 3000.0, Decimal("0.1"))
    whole = least_capacity(SIZES, SPREADS, 3000.0, Decimal("0.1"), ["5"])
    assert whole > plain
    assert least_capacity(SIZES, SPREADS, 1e-6, Decimal("0.1")) == 196
    assert least_capacity(SIZES, SPREADS, 1e9, Decimal("0.1")) == 12


@given(st.integers(2, 10_000), st.floats(0, 1e6), st.floats(1, 1e6))
@settings(max_examples=60, deadline=None)
def test_the_size_found_is_enough(units: int, spread: float, width: float) -> None:
    n = simple_size(units, spread, width)
    assert 2 <= n <= units
    variance = expected_variance([units], [n], [spread])
    assert 1.959963984540054 * math.sqrt(variance) <= width * (1 + 1e-6)
    assert simple_size(units, spread, 2 * width) <= n


def test_cox_by_hand() -> None:
    """s_1^2 = 100, n_1 = 20: V = 2 needs 50 x 1.1 = 55.

    CV 0.1 with mean 10: 1 / 0.01 x (1 + 0.08 + 1 / 20 + 0.1) = 123.
    """
    probe = Probe(20, 10.0, 100.0)
    assert cox_size(10_000, probe, variance=2.0) == 55
    assert cox_size(10_000, probe, cv=0.1) == 123
    assert cox_size(10_000, probe, variance=50.0) == 20  # the probe is already enough
    assert cox_size(40, probe, variance=2.0) == 40


def test_stein_by_hand() -> None:
    """n_1 = 10, s_1^2 = 4, d = 1 per unit, t(9) = 2.262: 5.117 x 4 = 20.5, so n = 21."""
    assert stein_size(1_000, Probe(10, 3.0, 4.0), 1_000.0) == 21


def test_coxs_variance_is_what_was_wanted() -> None:
    """Normal values, S^2 = 25, V = 0.5, probe of 20: the final mean has variance 0.5 +- 4 %."""
    rng, wanted, means = np.random.default_rng(20), 0.5, []
    for _ in range(6_000):
        first = rng.normal(10, 5, 20)
        n = cox_size(
            10**6, Probe(20, float(first.mean()), float(first.var(ddof=1))), variance=wanted
        )
        means.append(float(np.concatenate([first, rng.normal(10, 5, n - 20)]).mean()))
    assert np.var(means) == pytest.approx(wanted, rel=0.06)


def test_steins_interval_covers() -> None:
    """Normal values: the half-width of 2 holds the mean in 95 % of 4,000 (sd 0.34 %)."""
    rng, hits = np.random.default_rng(21), 0
    for _ in range(4_000):
        first = rng.normal(0, 5, 10)
        n = stein_size(10**6, Probe(10, 0.0, float(first.var(ddof=1))), 2.0 * 10**6)
        rest = rng.normal(0, 5, n - 10)
        hits += abs(float(np.concatenate([first, rest]).mean())) <= 2.0
    assert 0.938 <= hits / 4_000 <= 0.972


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: simple_size(10, -1.0, 5.0), "'spread' is -1.0"),
        (lambda: simple_size(10, 1.0, 0.0), "'half_width' is 0.0"),
        (lambda: stratified_size({"a": 0}, {"a": 1.0}, 5.0), "units of stratum a"),
        (lambda: stratified_size({"a": 9}, {}, 5.0), "spread of stratum a"),
        (lambda: least_capacity({"a": 9}, {"a": 1.0}, -5.0, Decimal(1)), "'half_width' is -5.0"),
        (lambda: cox_size(10, Probe(1, 1.0, 1.0), variance=1.0), "probe has 1 units"),
        (lambda: cox_size(10, Probe(5, 1.0, 1.0)), "either the variance"),
        (lambda: cox_size(10, Probe(5, 1.0, 1.0), variance=1.0, cv=0.1), "either the variance"),
        (lambda: cox_size(10, Probe(5, 0.0, 0.0), cv=0.1), "probe found nothing"),
        (lambda: stein_size(10, Probe(5, 0.0, 0.0), 1.0, 1.5), "'confidence'"),
    ],
)
def test_what_makes_no_sense_is_refused(call, sentence: str) -> None:
    with pytest.raises(SampleSizeError, match=sentence) as caught:
        call()
    assert caught.value.text("zh") != caught.value.text("en")
