"""What a score predicts: hand-worked moments, and the identity that the guesses rest on."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.design import DesignError
from sampling.planning.predicted import (
    PredictionError,
    by_stratum,
    predicted,
    spread_guesses,
    variances_within,
)
from sampling.planning.rotation import last_inspected, since_last_inspection, years_before
from sampling.planning.value_bands import equal_aggregate_bands


def test_moments_by_hand() -> None:
    """p = 1/4, e = 100, so a = 400: p (1 - p) a^2 = 30,000 and p c^2 a^2 = 10,000 with c = 1/2."""
    got = predicted(["a", "b", "c"], [0.25, 0.0, 1.0], [100, 0, 60], found_cv=0.5)
    assert got.variance.tolist() == [40_000.0, 0.0, 900.0]
    assert (got.total, got.mean.tolist(), len(got)) == (160.0, [100.0, 0.0, 60.0], 3)
    assert predicted(["a"], [0.25], [100], found_cv=0.0).variance.tolist() == [30_000.0]


def test_the_model_is_the_mixture_that_it_says() -> None:
    """A finding of 400 +- 200 (half each) with chance 1/4: mean 100 and variance 40,000 exactly."""
    values, chances = np.array([0.0, 200.0, 600.0]), np.array([0.75, 0.125, 0.125])
    mean = float(values @ chances)
    assert (mean, float((values - mean) ** 2 @ chances)) == (100.0, 40_000.0)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 50)), min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_expected_spread_is_exact(units: list[tuple[int, int]]) -> None:
    """The mean of S^2 over all outcomes of independent findings is S_e^2 + mean Var y."""
    chances = np.array([p / 4 for p, _ in units])
    amounts = np.array([a / p * 4 for p, a in units])
    model = predicted([f"U{i}" for i in range(len(units))], chances, chances * amounts, found_cv=0)
    expected = 0.0
    for outcome in np.ndindex(*(2,) * len(units)):
        found = np.array(outcome)
        likely = float(np.prod(np.where(found, chances, 1 - chances)))
        expected += likely * float(np.var(found * amounts, ddof=1))
    codes = np.zeros(len(units), dtype=np.int64)
    assert spread_guesses(codes, 1, model)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_regression_leaves_the_noise() -> None:
    model = predicted(["a", "b", "c"], [0.5, 0.5, 0.5], [10, 20, 30], found_cv=0.0)
    codes = np.array([0, 0, 1])
    assert spread_guesses(codes, 2, model, "regression").tolist() == [250.0, 900.0]
    assert spread_guesses(codes, 2, model).tolist() == [250.0 + 50.0, 900.0]
    assert variances_within(codes, 3, model.mean).tolist() == [50.0, 0.0, 0.0]


@given(st.permutations(range(12)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_units_is_irrelevant_to_the_bit(order: list[int]) -> None:
    rng = np.random.default_rng(5)
    p, e, codes = rng.random(12), rng.integers(1, 10**9, 12), rng.integers(0, 3, 12)
    ids = np.array([f"U{i}" for i in range(12)])
    straight = spread_guesses(codes, 3, predicted(ids, p, e))
    shuffled = spread_guesses(codes[order], 3, predicted(ids[order], p[order], e[order]))
    assert straight.tolist() == shuffled.tolist()
    assert by_stratum(codes, 3, e.astype(float)).tolist() == [
        float(e[codes == h].sum()) for h in range(3)
    ]


@pytest.mark.parametrize(
    ("chance", "amount", "sentence"),
    [
        ([0.5, 1.1], [1, 1], "Unit 'U1' has no risk score between 0 and 1"),
        ([0.5, None], [1, 1], "Unit 'U1' has no risk score between 0 and 1"),
        ([0.5, 0.5], [-1, 1], "Unit 'U0' has no expected amount"),
        ([0.5, 0.5], [None, 1], "Unit 'U0' has no expected amount"),
        ([0.0, 0.5], [3, 1], "Unit 'U0' has an expected amount but a risk score of 0"),
        ([0.5], [1, 1], "2 units, 1 risk scores"),
    ],
)
def test_scores_that_predict_nothing_are_refused(
    chance: list[float | None], amount: list[int | None], sentence: str
) -> None:
    with pytest.raises(PredictionError, match=sentence) as caught:
        predicted(["U0", "U1"], pa.array(chance, pa.float64()), pa.array(amount, pa.int64()))
    assert caught.value.text("zh") != caught.value.text("en")


def test_many_bad_units_are_counted_and_a_bad_spread_is_named() -> None:
    with pytest.raises(PredictionError) as caught:
        predicted([f"U{i:02d}" for i in range(30)], [2.0] * 30, [1] * 30, found_cv=math.nan)
    assert [f.code for f in caught.value.faults].count("PREDICTED_CHANCE") == 21
    assert "10 more" in caught.value.faults[20].en
    assert caught.value.faults[-1].code == "PREDICTED_CV"


def test_bands_of_equal_sums_by_hand() -> None:
    """10 + 1 x 10 in three bands: 20 / 3 each, so the ten stands alone, then five ones twice."""
    ids = [f"U{i:02d}" for i in range(11)]
    got = equal_aggregate_bands(ids, [1] * 5 + [10] + [1] * 5, 3)
    assert got.tolist() == ["v2"] * 5 + ["v1"] + ["v3"] * 5


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(1, 6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_bands_follow_the_values_and_none_is_empty(values: list[int], bands: int, mixed) -> None:
    ids = [f"U{i:02d}" for i in range(len(values))]
    if bands > len(values):
        with pytest.raises(DesignError, match=f"choose 1 to {len(values)}"):
            equal_aggregate_bands(ids, values, bands)
        return
    got = dict(zip(ids, equal_aggregate_bands(ids, values, bands).tolist(), strict=True))
    assert set(got.values()) == {f"v{i + 1}" for i in range(bands)}
    ordered = sorted(ids, key=lambda u: (-values[ids.index(u)], u))
    assert [got[u] for u in ordered] == sorted(got.values())
    mixed.shuffle(ordered)
    again = equal_aggregate_bands(ordered, [values[ids.index(u)] for u in ordered], bands)
    assert dict(zip(ordered, again.tolist(), strict=True)) == got


def test_bands_refuse_what_is_no_amount() -> None:
    for wrong in ([-1.0, 2.0], [math.nan, 1.0], [1.0]):
        with pytest.raises(DesignError, match="one number of 0 or more"):
            equal_aggregate_bands(["a", "b"], wrong, 1)


def test_rotation_classes_at_the_border() -> None:
    """On 1 March 2026: 1 March 2024 is two years ago and still recent, a day earlier is not."""
    day = date(2026, 3, 1)
    history = {"A": date(2024, 3, 1), "B": date(2024, 2, 29), "C": date(2026, 3, 1), "D": day}
    got = since_last_inspection(
        ["A", "B", "C", None, "A", "E"], list(history), list(history.values()), day
    )
    assert got.to_pylist() == ["recent", "long_ago", "never", "never", "recent", "never"]
    twice = last_inspected(
        ["A", "A", None, "A"], [date(2020, 1, 1), date(2021, 1, 1), day, None], day
    )
    assert twice == {"A": date(2021, 1, 1)}
    assert years_before(date(2024, 2, 29), 1) == date(2023, 2, 28)
