"""Expansion, ratio, regression and difference totals: hand arithmetic and what must always hold."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.estimation.auxiliary import Auxiliary, auxiliary, auxiliary_totals
from sampling.estimation.intervals import quantity, satterthwaite
from sampling.estimation.ratio_estimate import (
    combined_ratio_total,
    domain_mean,
    separate_ratio_total,
)
from sampling.estimation.regression_estimate import (
    difference_total,
    expansion_total,
    greg_slopes,
    greg_total,
    greg_weights,
    separate_regression_total,
)
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import stratified_sample
from tests.sampling.every_sample import SIZES, TRUTH, Y, every_sample, known_sizes, unit_name


def test_combined_ratio_by_hand() -> None:
    """N 10 and 4; a: y 0 2 4, x 1 2 3, X 25; b: y 10 30, x 10 14, X 50. R = (20 + 80) / (20 + 48).

    Total 75 R = 110.294. Residuals y - R x, raised by 75/68, in the stratified formula.
    """
    sample = stratified_sample({"a": 10, "b": 4}, list("vwxyz"), list("aaabb"), [0, 2, 4, 10, 30])
    sizes = dict(zip("vwxyz", [1, 2, 3, 10, 14], strict=True))
    aux = auxiliary_totals(sample, sizes, {"a": 25, "b": 50})
    got = combined_ratio_total(sample, aux)
    R = 100 / 68
    assert got.estimate == pytest.approx(75 * R)
    # s^2 of (0, 2, 4) - R (1, 2, 3) is (2 - R)^2; of (10, 30) - R (10, 14) is (20 - 4 R)^2 / 2.
    by_hand = (75 / 68) ** 2 * (10 * 7 * (2 - R) ** 2 / 3 + 4 * 2 * (20 - 4 * R) ** 2 / 4)
    assert got.variance == pytest.approx(by_hand)
    separate = separate_ratio_total(sample, aux)
    assert separate.estimate == pytest.approx(25 * 1 + 50 * 20 / 12)


def test_domain_mean_by_hand() -> None:
    """One stratum of 10, verdicts 4 6 and 9; the first two are members: mean 5, N_D 20/3.

    u = (4-5, 6-5, 0) / (20/3); s^2 of (-1, 1, 0) is 1; variance 10 x 7 / 3 / (20/3)^2.
    """
    sample = stratified_sample({"a": 10}, ["p", "q", "r"], ["a"] * 3, [4, 6, 9])
    got = domain_mean(sample, {"p", "q"})
    assert got.estimate == pytest.approx(5)
    assert got.variance == pytest.approx(70 / 3 / (20 / 3) ** 2)
    with pytest.raises(SampleError, match="No unit of the domain"):
        domain_mean(sample, set())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_regression_weights_reproduce_what_is_known(seed: int, p: int) -> None:
    """Calibration: w g adds up to N_h in every stratum and to X; the total is sum w g y."""
    rng = np.random.default_rng(seed)
    sizes = {"a": 30, "b": 20, "top": 3}
    draws = {"a": 6, "b": 5, "top": 3}
    frame = [(f"{s}{i}", s) for s, n in sizes.items() for i in range(n)]
    x = rng.gamma(1, 10, (len(frame), p))
    picked = [f"{s}{i}" for s in sizes for i in rng.choice(sizes[s], draws[s], replace=False)]
    strata = [u.rstrip("0123456789") for u in picked]
    sample = stratified_sample(sizes, picked, strata, rng.gamma(1, 100, len(picked)))
    aux = auxiliary(sample, [u for u, _ in frame], [s for _, s in frame], x)
    for slope in ("weighted", "optimal"):
        weights = greg_weights(sample, aux, slope=slope)
        assert sample.sums(weights) == pytest.approx(sample.N)
        assert weights @ aux.x == pytest.approx(x.sum(axis=0))
        got = greg_total(sample, aux, slope=slope)
        assert got.estimate == pytest.approx(weights @ sample.y)
        # A shifted or rescaled score is the same score.
        moved = Auxiliary(3 * aux.x + 7, 3 * aux.X + 7 * sample.N[:, None])
        again = greg_total(sample, moved, slope=slope)
        assert (again.estimate, again.variance) == pytest.approx((got.estimate, got.variance))
        assert greg_slopes(sample, moved, slope=slope) == pytest.approx(
            greg_slopes(sample, aux, slope=slope) / 3
        )


@settings(max_examples=20, deadline=None)
@given(st.permutations(list(range(9))))
def test_order_of_rows_is_irrelevant(order: list[int]) -> None:
    ids = [f"u{i}" for i in range(9)]
    strata, y = list("aaaabbbbb"), [0.1, 7.3, 0.2, 9.9, 0, 0.7, 0, 5.31, 1e9]
    frame_x = dict(zip(ids, [0.1, 0.2, 0.3, 0.7, 1.1, 1.3, 1.7, 1.9, 2.3], strict=True))

    def all_of(rows: Sequence[int]) -> list[float]:
        sample = stratified_sample(
            {"a": 9, "b": 11},
            [ids[i] for i in rows],
            [strata[i] for i in rows],
            [y[i] for i in rows],
        )
        rest = [f"a-{i}" for i in range(5)] + [f"b-{i}" for i in range(6)]
        frame = [ids[i] for i in rows] + rest
        names = [strata[i] for i in rows] + [r[0] for r in rest]
        x = [frame_x[ids[i]] for i in rows] + [0.37 * (i + 1) for i in range(11)]
        if rows[0] % 2:
            frame, names, x = frame[::-1], names[::-1], x[::-1]
        aux = auxiliary(sample, frame, names, x)
        results = [
            expansion_total(sample), greg_total(sample, aux), combined_ratio_total(sample, aux),
            separate_ratio_total(sample, aux), difference_total(sample, aux),
        ]  # fmt: skip
        return [v for r in results for v in (r.estimate, r.variance)]

    assert all_of(order) == all_of(range(9))


def test_a_constant_score_is_left_out() -> None:
    sample = next(every_sample())
    aux = known_sizes(sample, {s: [4.0] * n for s, n in SIZES.items()})
    got, plain = greg_total(sample, aux), expansion_total(sample)
    assert (got.estimate, got.variance) == (plain.estimate, plain.variance)
    assert [n.code for n in got.notes] == ["AUXILIARY_CONSTANT"]


def test_the_difference_estimator_always_warns_and_says_when_it_is_wider() -> None:
    sample = list(every_sample())[-1]
    useful = difference_total(sample, known_sizes(sample))
    useless = difference_total(sample, known_sizes(sample), slope=-5)
    assert [n.code for n in useful.notes + useless.notes] == ["DIFFERENCE_SLOPE"] * 2
    assert "wider than the estimate without" not in useful.notes[0].en
    assert "wider than the estimate without" in useless.notes[0].en
    assert "更宽" in useless.notes[0].zh


def test_a_census_is_exact() -> None:
    rows = [(unit_name(s, i), s, v) for s, values in Y.items() for i, v in enumerate(values)]
    ids, strata, y = zip(*rows, strict=True)
    sample = stratified_sample(SIZES, ids, strata, y)
    aux = known_sizes(sample)
    for got in (
        expansion_total(sample), greg_total(sample, aux), combined_ratio_total(sample, aux),
        separate_ratio_total(sample, aux), separate_regression_total(sample, aux),
    ):  # fmt: skip
        assert got.estimate == TRUTH
        assert got.quantity.interval_95_t == (TRUTH, TRUTH)
        assert got.quantity.standard_error == 0


def test_intervals_by_hand() -> None:
    """Student's t, 10 degrees of freedom: 1.372184 at 90 %, 2.228139 at 97.5 %; normal 1.959964."""
    got = quantity(100, 400, 10)
    assert got.standard_error == 20
    assert got.interval_95 == pytest.approx((60.80072, 139.19928), abs=1e-5)
    assert got.interval_95_t == pytest.approx((55.43722, 144.56278), abs=1e-5)
    assert got.lower_90 == pytest.approx(72.55633, abs=1e-5)
    assert quantity(100, 400, 10, least=90, most=120).interval_95_t == (90, 120)


def test_degrees_of_freedom_by_hand() -> None:
    """Variances 1, 2 and 0 on 4, 5 and 9: 9 / (1/4 + 4/5); one without variance has no say."""
    assert satterthwaite([1, 2, 0], [4, 5, 9]) == pytest.approx(9 / 1.05)
    assert satterthwaite([0, 0], [4, 5]) == 0


def test_expansion_is_the_estimate_of_the_plan() -> None:
    """The hand arithmetic of tests/sampling/test_estimate.py: one estimator, written twice."""
    sample = stratified_sample({"a": 10, "b": 4}, list("vwxyz"), list("aaabb"), [0, 2, 4, 10, 30])
    got = expansion_total(sample).quantity
    assert got.estimate == 100
    assert got.standard_error == pytest.approx(math.sqrt(2680 / 3), rel=1e-12)
    assert got.df == pytest.approx((2680 / 3) ** 2 / ((280 / 3) ** 2 / 2 + 800**2))
    assert got.interval_95 == pytest.approx((46, 100 + 1.959963984540054 * math.sqrt(2680 / 3)))


def test_a_take_all_stratum_does_not_bend_the_slope() -> None:
    """Verdicts follow 2 x outside the take-all stratum and -50 x in it: the slope is 2."""
    ids, strata = list("pqrstu"), list("aaattt")
    x = dict(zip(ids, [1.0, 2, 4, 1, 2, 3], strict=True))
    sample = stratified_sample({"a": 9, "t": 3}, ids, strata, [2, 4, 8, -50, -100, -150])
    aux = auxiliary_totals(sample, x, {"a": 30.0, "t": 6.0})
    for slope in ("weighted", "optimal"):
        assert greg_slopes(sample, aux, slope=slope) == pytest.approx([2])
        got = greg_total(sample, aux, slope=slope)
        assert got.estimate == pytest.approx(60 - 300)
        assert got.variance == pytest.approx(0, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_optimal_slope_has_the_least_estimated_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, strata = [f"u{i}" for i in range(12)], ["a"] * 5 + ["b"] * 7
    sample = stratified_sample({"a": 11, "b": 90}, ids, strata, rng.gamma(1, 9, 12))
    aux = auxiliary_totals(
        sample, dict(zip(ids, rng.gamma(1, 9, 12), strict=True)), {"a": 99.0, "b": 800.0}
    )
    best = greg_slopes(sample, aux, slope="optimal")
    least = difference_total(sample, aux, slope=best).variance
    for other in (best - 0.05, best + 0.05, greg_slopes(sample, aux)):
        assert least <= difference_total(sample, aux, slope=other).variance * (1 + 1e-12)


def test_the_record_is_plain() -> None:
    sample = next(every_sample())
    record = difference_total(sample, known_sizes(sample)).to_dict()
    assert json.loads(json.dumps(record))["method"] == "difference"
    assert record["notes"][0]["code"] == "DIFFERENCE_SLOPE"
    assert record["lower_90"] <= record["estimate"]


def test_bounds_never_fall_below_what_was_found() -> None:
    sample = stratified_sample({"a": 400}, ["p", "q", "r"], ["a"] * 3, [0, 0, 9])
    assert expansion_total(sample).quantity.interval_95_t[0] == 9
    assert expansion_total(sample).quantity.lower_90 == 9
    below = expansion_total(sample.with_values(np.array([0, -1, 9])))
    assert below.quantity.interval_95_t[0] < 0


def test_equal_verdicts_give_no_interval() -> None:
    sample = stratified_sample({"a": 400}, ["p", "q", "r"], ["a"] * 3, [0, 0, 0])
    assert expansion_total(sample).quantity.interval_95 is None
