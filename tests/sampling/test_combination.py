"""Several plans, and verdicts that are missing."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from sampling.estimation.combination import (
    added_totals,
    disagreement,
    pooled_total,
    precision_weighted_total,
)
from sampling.estimation.intervals import Estimated, quantity
from sampling.estimation.nonresponse import answered_sample, extreme_bounds
from sampling.estimation.regression_estimate import expansion_total
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import stratified_sample


def _plan(estimate: float, variance: float, df: float = 20) -> Estimated:
    return Estimated("t", estimate, variance, quantity(estimate, variance, df), ())


PLANS = {"P1": _plan(100, 400, 10), "P2": _plan(130, 100, 30)}


def test_pooled_by_hand() -> None:
    """Verdicts 60 and 40: 0.6 x 100 + 0.4 x 130 = 112; 0.36 x 400 + 0.16 x 100 = 160.

    Satterthwaite: 1 / (0.9^2 / 10 + 0.1^2 / 30).
    """
    got = pooled_total(PLANS, {"P1": 60, "P2": 40})
    assert (got.estimate, got.variance) == pytest.approx((112, 160))
    assert got.quantity.df == pytest.approx(1 / (0.081 + 0.01 / 30))
    assert got.notes == ()


def test_precision_weighted_by_hand() -> None:
    """Weights 1/400 and 1/100, so 1/5 and 4/5: 124; variance 1 / (1/400 + 1/100) = 80."""
    got = precision_weighted_total(PLANS)
    assert (got.estimate, got.variance) == pytest.approx((124, 80))
    assert [n.code for n in got.notes] == ["COMBINE_LEANING"]
    assert got.notes[0].zh


def test_plans_that_disagree_are_named() -> None:
    """Q = 30^2 / 500 = 1.8 with one degree of freedom: 2 (1 - Phi(1.3416)) = 0.1797."""
    assert disagreement(PLANS) == pytest.approx(0.17971, abs=1e-5)
    far = {"P1": _plan(100, 25), "P2": _plan(200, 25)}
    assert "COMBINE_DISAGREE" in {n.code for n in pooled_total(far, {"P1": 1, "P2": 1}).notes}
    assert "COMBINE_DISAGREE" in {n.code for n in precision_weighted_total(far).notes}


def test_quarters_add_up() -> None:
    census = Estimated("t", 50, 0, quantity(50, 0, 0, complete=True), ())
    got = added_totals({**PLANS, "P3": census})
    assert (got.estimate, got.variance) == (280, 500)
    both = added_totals({"a": census, "b": census})
    assert both.quantity.interval_95 == (100, 100)


def test_all_pairs_of_plans_pooling_is_unbiased_and_precision_weights_lean_downwards() -> None:
    """Two independent samples of 4 out of 7, mostly zero: every pair of samples written down.

    Equal verdicts fix the weights at one half, so mean and variance are exact. Weights from the
    variances favour the samples that missed the large amount; the note says so, and here is why.
    """
    y = [0.0, 1, 2, 0, 1, 30, 3]
    results = []
    for picks in combinations(range(7), 4):
        ids = [f"u{k}" for k in picks]
        sample = stratified_sample({"a": 7}, ids, ["a"] * 4, [y[k] for k in picks])
        results.append(expansion_total(sample))
    pooled, variances, weighted = [], [], []
    for one in results:
        for two in results:
            plans = {"P1": one, "P2": two}
            got = pooled_total(plans, {"P1": 4, "P2": 4})
            pooled.append(got.estimate)
            variances.append(got.variance)
            weighted.append(precision_weighted_total(plans).estimate)
    assert np.mean(pooled) == pytest.approx(37, rel=1e-12)
    assert np.mean(variances) == pytest.approx(np.var(pooled), rel=1e-12)
    assert np.mean(weighted) < 30


def test_the_order_of_plans_is_irrelevant() -> None:
    plans = {f"P{i}": _plan(10.1 * i, 0.7 + i / 3, 5 + i) for i in range(6)}
    verdicts = {name: 7 + 3 * i for i, name in enumerate(plans)}
    back = dict(reversed(plans.items()))
    assert pooled_total(plans, verdicts).quantity == pooled_total(back, verdicts).quantity
    assert precision_weighted_total(plans).quantity == precision_weighted_total(back).quantity


def test_plans_that_cannot_be_combined_are_named() -> None:
    nothing = Estimated("t", 0, 0, quantity(0, 0, 0), ())
    census = Estimated("t", 50, 0, quantity(50, 0, 0, complete=True), ())
    with pytest.raises(SampleError, match="There are 1 estimates"):
        precision_weighted_total({"P1": PLANS["P1"]})
    for bad in (nothing, census):
        with pytest.raises(SampleError, match="Plan 'P9' has no variance"):
            pooled_total({**PLANS, "P9": bad}, {"P1": 1, "P2": 1, "P9": 1})
    with pytest.raises(SampleError, match="Plan 'P9' has no variance"):
        added_totals({**PLANS, "P9": nothing})
    with pytest.raises(SampleError, match="Plan 'P2' has no verdicts"):
        pooled_total(PLANS, {"P1": 60})


DRAWN = (["u0", "u1", "u2", "u3", "v0", "v1"], list("aaaabb"), [0.0, None, 6.0, 3.0, 10.0, 30.0])
FRAME = {"a": 10, "b": 4}


def test_weights_rise_within_the_stratum() -> None:
    """Three of four answered in a: 10/3 each, mean 3, s^2 9.

    Variance 10 x 7 x 9 / 3 + 4 x 2 x 200 / 2 = 1010.
    """
    got = answered_sample(FRAME, *DRAWN)
    assert got.raised == {"a": pytest.approx(4 / 3), "b": 1}
    assert got.sample.weights == pytest.approx([10 / 3] * 3 + [2] * 2)
    total = expansion_total(got.sample)
    assert (total.estimate, total.variance) == pytest.approx((110, 1010))
    assert got.missing == 1
    assert [n.code for n in got.notes] == ["RESPONSE_ASSUMED"]
    full = answered_sample(FRAME, DRAWN[0], DRAWN[1], [0.0, 1.0, 6.0, 3.0, 10.0, 30.0])
    assert full.notes == ()


def test_all_samples_with_random_answers_are_exactly_unbiased() -> None:
    """4 of 6 drawn, 2 of the 4 answer at random: mean and variance over all of it are exact."""
    y = [0.0, 0, 9, 0, 4, 20]
    totals, variances = [], []
    for drawn in combinations(range(6), 4):
        for heard in combinations(drawn, 2):
            rows = [y[k] if k in heard else None for k in drawn]
            got = answered_sample({"a": 6}, [f"u{k}" for k in drawn], ["a"] * 4, rows)
            total = expansion_total(got.sample)
            totals.append(total.estimate)
            variances.append(total.variance)
    assert np.mean(totals) == pytest.approx(33)
    assert np.mean(variances) == pytest.approx(np.var(totals))


def test_extreme_bounds_hold_whatever_is_missing() -> None:
    """u1 zero: 10 x 9/4 + 80 = 102.5; u1 at most 50: 10 x 59/4 + 80 = 227.5."""
    got = extreme_bounds(FRAME, *DRAWN, most={"u1": 50.0})
    assert (got.lowest.estimate, got.highest.estimate) == (102.5, 227.5)
    assert got.interval_95[0] == got.lowest.quantity.interval_95_t[0]
    assert got.interval_95[1] == got.highest.quantity.interval_95_t[1]
    assert got.lower_90 == got.lowest.quantity.lower_90
    for truth in (0.0, 20.0, 50.0):
        filled = [truth if v is None else v for v in DRAWN[2]]
        total = expansion_total(stratified_sample(FRAME, DRAWN[0], DRAWN[1], filled)).estimate
        assert 102.5 <= total <= 227.5


def test_bad_answers_are_refused_with_their_place() -> None:
    ids, strata, y = DRAWN
    with pytest.raises(SampleError, match="Stratum 'b' has 4 units and no verdict"):
        answered_sample(FRAME, ids, strata, [*y[:4], None, None])
    with pytest.raises(SampleError, match="Stratum 'b' has one verdict for 4"):
        answered_sample(FRAME, ids, strata, [*y[:5], None])
    with pytest.raises(SampleError, match="Unit 'u0' appears more than once"):
        answered_sample(FRAME, ["u0", *ids[:5]], strata, y)
    with pytest.raises(SampleError, match="Unit 'u2' has no finite value"):
        answered_sample(FRAME, ids, strata, [0.0, None, math.nan, *y[3:]])
    for most in ({}, {"u1": -1.0}, {"u1": math.inf}, {"u1": math.nan}):
        with pytest.raises(SampleError, match="Unit 'u1' has no verdict and no finite amount"):
            extreme_bounds(FRAME, ids, strata, y, most)
