"""Samples, weights and auxiliaries that do not fit are refused, and the place is named."""

from __future__ import annotations

import math

import pytest

from sampling.estimation.auxiliary import auxiliary, auxiliary_totals
from sampling.estimation.ratio_estimate import (
    combined_ratio_total,
    domain_total,
    separate_ratio_total,
    totals_by_class,
)
from sampling.estimation.regression_estimate import greg_total, separate_regression_total
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import stratified_sample

GOOD = ({"a": 9, "b": 5}, list("pqrs"), list("aabb"), [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({0: {"a": -9, "b": 5}}, "Stratum 'a' has size -9"),
        ({0: {"a": 9.5, "b": 5}}, "Stratum 'a' has size 9.5"),
        ({0: {"a": 9, "b": 5, "c": 3}}, "Stratum 'c' has 3 units and no verdict"),
        ({0: {"a": 9, "b": 1}}, "Stratum 'b' has 2 verdicts but only 1 units"),
        ({2: list("abbb")}, "Stratum 'a' has one verdict for 9 units"),
        ({2: list("aazb")}, "Unit 'r' is in stratum 'z'"),
        ({1: list("pqpq")}, "Unit 'p' appears more than once"),
        ({3: [1.0, math.nan, 3.0, 4.0]}, "Unit 'q' has no finite value"),
        ({3: [1.0, None, 3.0, 4.0]}, "Unit 'q' has no finite value"),
        ({3: [1.0, 2.0]}, "differ in length"),
        ({0: {}, 1: [], 2: [], 3: []}, "no stratum"),
    ],
)
def test_bad_samples_are_refused_with_their_place(change: dict[int, object], says: str) -> None:
    with pytest.raises(SampleError, match=says) as caught:
        stratified_sample(*(change.get(i, part) for i, part in enumerate(GOOD)))
    assert caught.value.text("zh") != caught.value.text("en")


def test_weights_that_do_not_fit_are_refused() -> None:
    assert stratified_sample(*GOOD, weights=[4.5, 4.5, 2.5, 2.5]).weights.tolist() == [
        4.5, 4.5, 2.5, 2.5,
    ]  # fmt: skip
    with pytest.raises(SampleError, match=r"Unit 'r' of stratum 'b' has weight 3\.0"):
        stratified_sample(*GOOD, weights=[4.5, 4.5, 3.0, 2.5])


def test_bad_auxiliaries_are_refused_with_their_place() -> None:
    sample = stratified_sample({"a": 3, "b": 2}, list("pqrs"), list("aabb"), [1, 2, 3, 4])
    frame, strata = list("pqxrs"), list("aaabb")
    with pytest.raises(SampleError, match="Unit 'x' has no finite auxiliary value"):
        auxiliary(sample, frame, strata, [1, 2, math.nan, 3, 4])
    with pytest.raises(SampleError, match="Stratum 'a' has 3 units but 2 auxiliary values"):
        auxiliary(sample, list("pqrs"), list("aabb"), [1, 2, 3, 4])
    with pytest.raises(SampleError, match="Unit 'q' has no finite auxiliary value"):
        auxiliary(sample, list("pyxrs"), strata, [1, 2, 3, 4, 5])
    with pytest.raises(SampleError, match="Unit 'q' is in stratum 'a' of the sample and in 'b'"):
        auxiliary(sample, list("pxrqs"), strata, [1, 2, 3, 4, 5])
    with pytest.raises(SampleError, match="Stratum 'b'"):
        auxiliary_totals(sample, dict.fromkeys("pqrs", 1), {"a": 3})
    good = auxiliary(sample, frame, strata, [1, -2, 5, 3, 4])
    with pytest.raises(SampleError, match="Unit 'q' has a negative auxiliary"):
        combined_ratio_total(sample, good)
    with pytest.raises(SampleError, match="sum to zero"):
        combined_ratio_total(sample, auxiliary(sample, frame, strata, [0, 0, 5, 0, 0]))
    two = auxiliary(sample, frame, strata, [[1, 2]] * 5)
    with pytest.raises(SampleError, match="one auxiliary, not 2"):
        separate_ratio_total(sample, two)
    with pytest.raises(SampleError, match="In 'a' 1 degrees of freedom"):
        separate_regression_total(sample, good)
    with pytest.raises(SampleError, match="1 degrees of freedom are too few to fit 1"):
        greg_total(sample, good)
    with pytest.raises(SampleError, match="Unit 'zz' is not in the sample"):
        domain_total(sample, {"zz"})
    with pytest.raises(SampleError, match="Unit 's' has no class"):
        totals_by_class(sample, {"p": "1", "q": "1", "r": "2"})
