"""Detectors that measure in robust sigmas: the scale, the robust distance and the neighbours'."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import MinCovDet

from training.detectors import NeighbourDistanceDetector, RobustDistanceDetector
from training.detectors.scaling import RobustScale, compress, expand
from training.detectors.subspace import fit_subspace

SIGMA = 1.3489795003921634  # the interquartile range of a standard normal: 2 * 0.674489750196
LINE = [[-2.0], [-1.0], [0.0], [1.0], [2.0]]  # quartiles -1 and 1: a robust sigma is 2 / SIGMA


# --- the robust scale -------------------------------------------------------------------------


def test_tails_grow_by_one_knee_per_doubling():
    # Beyond 3: 3 (1 + log2(|z| / 3)) at powers of two, straight between: at 4.5 half-way to 6.
    z = np.array([-3.0, 0.5, 3.0, 4.5, 6.0, 12.0, 24.0, -24.0])
    assert compress(z).tolist() == [-3.0, 0.5, 3.0, 4.5, 6.0, 9.0, 12.0, -12.0]
    assert compress(np.array([1e9, 1e300, np.inf])).tolist() == [compress(np.array([1e9]))[0]] * 3
    assert compress(np.array([1e9]))[0] < 88.0


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20))
@settings(deadline=None, max_examples=50)
def test_compression_keeps_order_and_is_inverted(values):
    z = np.sort(np.array(values))
    squeezed = compress(z)
    assert (np.diff(squeezed) >= 0).all()
    assert expand(squeezed) == pytest.approx(z, rel=1e-12, abs=1e-12)


def test_scale_goes_by_quartiles_then_wider_ranges_then_deviation():
    # 0 to 8: quartiles 2 and 6. Of 41 values 31 zeros in the middle: quartiles 0 and 0; the deciles
    # are the 5th value from either end, -2 and 2; a normal's deciles lie 2.5631 sigmas apart.
    wide = np.r_[[-6.0, -5, -4, -3], -2.0, np.zeros(31), 2.0, [3.0, 4, 5, 6]]
    assert RobustScale.of(np.arange(9.0)[:, None]).scale[0] == pytest.approx(4 / SIGMA)
    assert RobustScale.of(wide[:, None]).scale[0] == pytest.approx(4 / 2.5631031310892007)
    # One 10 among 99 zeros: the root mean square deviation is sqrt(100 / 100) = 1.
    rare = RobustScale.of(np.r_[np.zeros(99), 10.0][:, None])
    assert (rare.centre[0], rare.scale[0]) == (0.0, pytest.approx(1.0))


# --- robust distance --------------------------------------------------------------------------


def test_distances_from_a_line_by_hand():
    # Five points on y = x, both columns with sigma s = 2 / SIGMA; the axis is (1, 1) / sqrt(2), its
    # variance 2 * mean(x^2) / s^2 = 4 / s^2. (1, -1) lies sqrt(2) / s off the line and at 0 on it.
    table = np.repeat(LINE, 2, axis=1)
    detector = RobustDistanceDetector(core=1.0).fit(table)
    along, off = detector.distances([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0]])
    s = 2 / SIGMA
    assert along == pytest.approx([math.sqrt(2) / 2, 0, math.sqrt(2) / 2], abs=1e-12)
    assert off == pytest.approx([0, math.sqrt(2) / s, math.sqrt(2) / s], abs=1e-12)
    # Nobody at fit is off the line: its limit is the least, 0.01; the other is that of (2, 2).
    assert detector.limits_ == pytest.approx([math.sqrt(2), 0.01])
    score = detector.anomaly_score([[1.0, 1.0], [1.0, -1.0]])
    assert score == pytest.approx([0.5, 100 * math.sqrt(2) / s])


def test_full_share_is_the_mahalanobis_distance():
    rng = np.random.default_rng(8)
    table = rng.normal(size=(800, 3)) @ np.array([[1.0, 0.5, 0], [0, 1, 0.3], [0, 0, 1]])
    detector = RobustDistanceDetector(core=1.0, share=1.0).fit(table)
    along, off = detector.distances(table)
    z = detector.scale_.filled(table)
    away = z - z.mean(axis=0)
    expected = np.sqrt(np.sum(away @ np.linalg.inv(np.cov(z.T, bias=True)) * away, axis=1))
    assert along == pytest.approx(expected)
    assert off.max() < 1e-9


def test_a_fifth_of_odd_rows_does_not_turn_the_axes():
    rng = np.random.default_rng(9)
    along = rng.normal(size=1000) * 2
    z = np.column_stack([along, along + rng.normal(size=1000) * 0.1])
    z[:200] = rng.normal(size=(200, 2)) * 0.3 + [8, -8]
    robust = fit_subspace(z, core=0.75, share=0.5, most=1)
    plain = fit_subspace(z, core=1.0, share=0.5, most=1)
    diagonal = np.ones(2) / math.sqrt(2)
    assert abs(robust.axes[:, 0] @ diagonal) > 0.999
    assert abs(plain.axes[:, 0] @ diagonal) < 0.9
    assert np.abs(robust.centre).max() < 0.5


@pytest.mark.parametrize("distance", [1.0, 3.0])
def test_a_narrow_pattern_is_found_beside_a_dense_group(distance):
    # The group is nearer to the middle than most rows of the pattern, but off its axis.
    rng = np.random.default_rng(22)
    z = rng.normal(size=(1000, 2)) * [10.0, 0.1]
    z[:200] = rng.normal(size=(200, 2)) * 0.1 + [0.0, distance]
    found = fit_subspace(z, core=0.75, share=1.0, most=2)
    assert found.variance[1] < 0.015
    assert abs(found.centre[1]) < 0.02


def test_scatter_is_as_tight_as_that_of_the_fast_mcd():
    rng = np.random.default_rng(19)
    z = rng.normal(size=(600, 3)) @ np.array([[1.0, 0.8, 0], [0, 1, 0.6], [0, 0, 1]])
    z[:120] = rng.normal(loc=[3, -3, 3], size=(120, 3))
    ours = fit_subspace(z, core=0.75, share=1.0, most=3)
    reference = MinCovDet(support_fraction=0.75, random_state=0).fit(z)
    best = np.linalg.det(np.cov(z[reference.raw_support_].T, bias=True))
    assert math.prod(ours.variance) <= 1.005 * best


def test_more_columns_than_rows():
    table = np.random.default_rng(10).normal(size=(6, 12))
    score = RobustDistanceDetector().fit(table).anomaly_score(np.r_[table, 9 * table[:1]])
    assert np.isfinite(score).all()
    assert score.argmax() == 6


# --- neighbour distance -----------------------------------------------------------------------


def test_mean_distance_to_the_nearest_by_hand():
    # In sigmas s = 2 / SIGMA: from 0.25 the three nearest are 0, 1 and -1 at .25, .75 and 1.25;
    # from 4, which is 2.698 sigmas out and not compressed: 2, 1 and 0 at 2, 3 and 4.
    detector = NeighbourDistanceDetector(neighbours=3).fit(LINE)
    got = detector.anomaly_score([[0.25], [4.0], [np.nan]])
    assert got == pytest.approx(np.array([2.25, 9.0, 2.0]) / 3 * SIGMA / 2)


def test_leaving_the_plane_is_seen():
    rng = np.random.default_rng(11)
    along = rng.normal(size=500)
    table = np.column_stack([along, along + 0.01 * rng.normal(size=500)])
    detector = NeighbourDistanceDetector(most_axes=1).fit(table)
    assert detector.subspace_.axes.shape == (2, 1)
    score = detector.anomaly_score([[0.7, 0.7], [0.7, -0.7]])
    assert score[1] > 5 * score[0]
