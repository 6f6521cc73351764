"""The bootstrap: every resample of a small sample written down; the same numbers again."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.estimation.auxiliary import auxiliary_totals
from sampling.estimation.ratio_estimate import combined_ratio_total
from sampling.estimation.regression_estimate import expansion_total, greg_total
from sampling.estimation.replication import (
    bootstrap,
    replicate_weights,
    replicated_variance,
    rescaled,
)
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import StratifiedSample, stratified_sample

SEED = b"resampling, not drawing"


def _every(n: int, m: int) -> np.ndarray:
    return np.array(list(product(range(n), repeat=m)), dtype=np.int64)


@pytest.mark.parametrize(("values", "N"), [
    ([0, 7], 9), ([0, 0, 5], 4), ([0, 3, 0, 11], 50), ([1.5, -2, 0, 0, 8], 6),
])  # fmt: skip
def test_all_resamples_have_the_variance_of_the_formula(values: list[float], N: int) -> None:
    """Rao and Wu's condition, exact: errors average 0, their squares and own variances V."""
    v, n = np.array(values, dtype=float), len(values)
    error, own = rescaled(v, _every(n, max(2, n - 1)), N)
    V = N * (N - n) * v.var(ddof=1) / n
    assert error.mean() == pytest.approx(0, abs=1e-12)
    assert (error**2).mean() == pytest.approx(V, rel=1e-12)
    assert own.mean() == pytest.approx(V, rel=1e-12)


def test_all_resamples_catch_the_naive_bootstrap() -> None:
    """n values out of n, unscaled, have the variance N^2 (n - 1)/n s^2 / n, uncorrected."""
    v, N = np.array([0, 3, 0, 11.0]), 50
    naive = N * (v[_every(4, 4)].mean(axis=1) - v.mean())
    assert not math.isclose((naive**2).mean(), N * 46 * v.var(ddof=1) / 4, rel_tol=0.05)


def _sample(reverse: bool = False) -> StratifiedSample:
    rows = [(f"a{i}", "a", float(v)) for i, v in enumerate([0, 0, 0, 9, 0, 4, 0, 0, 31, 0])]
    rows += [(f"b{i}", "b", float(v)) for i, v in enumerate([5, 0, 8, 0, 2, 0])]
    rows += [(f"t{i}", "top", float(v)) for i, v in enumerate([100, 40])]
    ids, strata, y = zip(*(rows[::-1] if reverse else rows), strict=True)
    return stratified_sample({"a": 200, "b": 10, "top": 2}, ids, strata, y)


def test_same_seed_same_numbers_whatever_the_order_of_rows() -> None:
    sample, turned = _sample(), _sample(reverse=True)
    one = bootstrap(sample, expansion_total(sample), SEED, replicates=399)
    assert bootstrap(turned, expansion_total(turned), SEED, replicates=399) == one
    assert bootstrap(sample, expansion_total(sample), b"other", replicates=399) != one
    weights = replicate_weights(sample, SEED, replicates=50)
    assert (replicate_weights(turned, SEED, replicates=50) == weights).all()


def test_the_stream_of_numbers_stays_what_it_is() -> None:
    """Frozen so that a report can be repeated years later: units of stratum b in two resamples."""
    sample = _sample()
    factor = replicate_weights(sample, SEED, replicates=39)[:2, 10:16] * 6 / 10
    pull = math.sqrt(0.4)
    times = ((factor - 1 + pull) / (pull * 6 / 5)).round(9) + 0.0
    assert times.sum(axis=1).tolist() == [5, 5]
    assert times.tolist() == [[2, 0, 1, 2, 0, 0], [0, 1, 0, 2, 1, 1]]


def test_the_intervals_stay_what_they_are() -> None:
    """Frozen like the stream: a change of the resampling must be a decision, not an accident."""
    sample = _sample()
    boot = bootstrap(sample, expansion_total(sample), SEED, replicates=399)
    assert boot.standard_error == pytest.approx(567.162913, abs=1e-6)
    assert boot.percentile_95 == pytest.approx((199, 2385.803738), abs=1e-6)
    assert boot.studentised_95 == pytest.approx((211.004440, 54130.882202), abs=1e-6)
    assert boot.percentile_lower_90 == pytest.approx(375.260974, abs=1e-6)
    assert boot.studentised_lower_90 == pytest.approx(504.503283, abs=1e-6)


def test_another_stratum_does_not_change_a_stratums_resamples() -> None:
    sample = _sample()
    alone = stratified_sample({"b": 10}, [f"b{i}" for i in range(6)], ["b"] * 6, [5, 0, 8, 0, 2, 0])
    together = replicate_weights(sample, SEED, replicates=60)[:, 10:16]
    assert (together == replicate_weights(alone, SEED, replicates=60)).all()


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=8))
def test_weights_of_resamples_add_up_and_are_never_negative(seed: bytes) -> None:
    sample = _sample()
    weights = replicate_weights(sample, seed, replicates=40)
    assert (weights >= 0).all()
    for row in weights:
        assert sample.sums(row) == pytest.approx(sample.N)
    assert (weights[:, -2:] == 1).all()


def test_standard_errors_of_formula_and_resampling_agree() -> None:
    """Errors of a standard error from B resamples: 1 / sqrt(2 B), some more for long tails."""
    sample = _sample()
    plain = expansion_total(sample)
    boot = bootstrap(sample, plain, SEED, replicates=19_999)
    assert boot.standard_error == pytest.approx(plain.quantity.standard_error, rel=0.03)


def test_resampled_weights_agree_with_linearisation_of_ratio_and_regression() -> None:
    rng = np.random.default_rng(5)
    ids = [f"u{i:03d}" for i in range(120)]
    size = rng.gamma(4, 25, 120)
    y = np.where(rng.random(120) < 0.6, size * rng.uniform(0.2, 0.8, 120), 0.0)
    sample = stratified_sample({"a": 400, "b": 90}, ids, ["a"] * 60 + ["b"] * 60, y)
    aux = auxiliary_totals(sample, dict(zip(ids, size, strict=True)), {"a": 41_000.0, "b": 8_800.0})
    weights = replicate_weights(sample, SEED, replicates=1_999)
    x = aux.x[:, 0]

    def by_ratio(w: np.ndarray) -> float:
        return 49_800 * float(w @ sample.y) / float(w @ x)

    sized = combined_ratio_total(sample, aux)
    assert by_ratio(sample.weights) == pytest.approx(sized.estimate)
    variance = replicated_variance(weights, by_ratio, sized.estimate)
    assert math.sqrt(variance) == pytest.approx(sized.quantity.standard_error, rel=0.06)
    line = greg_total(sample, aux)
    boot = bootstrap(sample, line, SEED)
    assert boot.standard_error == pytest.approx(line.quantity.standard_error, rel=0.05)


def test_the_studentised_interval_leans_where_the_amounts_do() -> None:
    """Amounts are skewed upwards: the upper arm is the longer one, unlike that of the normal."""
    sample = stratified_sample(
        {"a": 3_000}, [f"u{i:03d}" for i in range(120)], ["a"] * 120,
        [float(i**2) if i < 20 else 0.0 for i in range(120)],
    )  # fmt: skip
    result = expansion_total(sample)
    boot = bootstrap(sample, result, SEED)
    low, high = boot.studentised_95
    assert high - result.estimate > 1.2 * (result.estimate - low)
    assert boot.studentised_95[1] > result.quantity.interval_95_t[1]
    assert boot.percentile_95[0] < result.estimate < boot.percentile_95[1]
    assert low < boot.studentised_lower_90 < result.estimate
    assert boot.percentile_lower_90 < result.estimate
    assert boot.notes == ()


def test_two_findings_leave_the_upper_end_open_and_say_so() -> None:
    """With 2 of 100, one resample in 7 finds nothing (0.98^99 = 0.135): no 97.5 % bound exists."""
    y = [0.0] * 98 + [5.0, 9.0]
    sample = stratified_sample({"a": 900}, [f"u{i:03d}" for i in range(100)], ["a"] * 100, y)
    boot = bootstrap(sample, expansion_total(sample), SEED)
    assert boot.studentised_95[1] is None
    assert boot.studentised_95[0] >= 14
    assert boot.empty / 1999 == pytest.approx(0.98**99, abs=0.04)
    assert [n.code for n in boot.notes] == ["BOOTSTRAP_OPEN"]


def test_equal_verdicts_and_a_census() -> None:
    ids = ["p", "q", "r"]
    sample = stratified_sample({"a": 40}, ids, ["a"] * 3, [0, 0, 0])
    boot = bootstrap(sample, expansion_total(sample), SEED)
    assert boot.standard_error is None
    assert [n.code for n in boot.notes] == ["BOOTSTRAP_EQUAL"]
    whole = stratified_sample({"a": 3}, ids, ["a"] * 3, [1, 0, 7])
    boot = bootstrap(whole, expansion_total(whole), SEED)
    assert boot.studentised_95 == boot.percentile_95 == (8, 8)
    assert boot.standard_error == 0


def test_lower_ends_never_fall_below_what_was_found() -> None:
    sample = _sample()
    boot = bootstrap(sample, expansion_total(sample), SEED, replicates=399)
    assert min(boot.percentile_95[0], boot.percentile_lower_90, boot.studentised_lower_90) >= 199


def test_too_few_resamples_are_refused() -> None:
    sample = _sample()
    with pytest.raises(SampleError, match="20 resamples cannot show"):
        bootstrap(sample, expansion_total(sample), SEED, replicates=20)
    with pytest.raises(SampleError, match="20 resamples cannot show"):
        replicate_weights(sample, SEED, replicates=20)
