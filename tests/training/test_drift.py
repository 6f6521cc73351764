"""How far values moved: by hand, by scipy, and with what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from training.drift import DriftError, compare, largest_gap, population_stability


def test_psi_by_hand():
    """Ten values below and above the median; later thirty of forty above. Half a case more each."""
    before = np.repeat([1.0, 2.0], 10)
    after = np.repeat([1.0, 2.0], [10, 30])
    p = np.array([10.5, 10.5, 0.5]) / 21.5  # up to 1, above, not known
    q = np.array([10.5, 30.5, 0.5]) / 41.5
    expected = ((q - p) * np.log(q / p)).sum()
    assert population_stability(before, after, bins=2) == pytest.approx(expected, abs=1e-12)


def test_what_is_not_known_is_a_bin_of_its_own():
    before, after = np.arange(100.0), np.arange(100.0)
    after[:40] = np.nan
    lost = population_stability(before, after)
    assert lost > 0.25
    assert population_stability(after, before) > 0.25
    assert population_stability(np.full(5, np.nan), np.full(5, np.nan)) == 0.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9_999), shift=st.floats(0, 3))
def test_psi_is_no_less_than_nothing_and_the_same_in_any_order(seed, shift):
    rng = np.random.default_rng(seed)
    before, after = rng.normal(size=80), rng.normal(shift, size=70)
    psi = population_stability(before, after)
    assert psi >= 0
    assert psi == population_stability(before[::-1], rng.permutation(after))
    assert population_stability(before, before) == 0.0


def test_by_chance_alone_psi_is_about_what_the_module_says():
    rng = np.random.default_rng(4)
    found = [population_stability(*rng.normal(size=(2, 500))) for _ in range(200)]
    assert np.mean(found) == pytest.approx(9 * 2 / 500, rel=0.15)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9_999))
def test_the_largest_gap_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    before, after = rng.integers(0, 9, 40).astype(float), rng.normal(4, 3, 60)
    gap = ks_2samp(before, after).statistic
    assert largest_gap(np.append(before, np.nan), after) == pytest.approx(gap, abs=1e-12)


def test_a_gap_to_nothing_is_not_known():
    assert np.isnan(largest_gap(np.array([np.nan]), np.array([1.0])))


def test_features_come_with_the_largest_change_first(matrix_of):
    before, after = matrix_of(seed=1), matrix_of(seed=2)
    after.values[:, 3] *= 5
    after.values[:250, 4] = np.nan
    found = compare(before, after)
    assert {found[0].feature, found[1].feature} == {"feature_3", "feature_4"}
    assert [d.psi for d in found] == sorted((d.psi for d in found), reverse=True)
    moved = next(d for d in found if d.feature == "feature_3")
    assert moved.median_after == np.nanmedian(after.values[:, 3])
    assert moved.unknown_before == np.isnan(before.values[:, 3]).mean()
    assert moved.ks == largest_gap(before.values[:, 3], after.values[:, 3])


def test_what_cannot_be_compared_is_refused(matrix_of):
    matrix = matrix_of()
    with pytest.raises(DriftError, match="one catalogue"):
        compare(matrix, replace(matrix, unit="insured"))
    with pytest.raises(DriftError, match="500 earlier and 0 later"):
        compare(matrix, matrix.take(np.arange(0)))
