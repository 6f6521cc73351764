"""Each detector against hand arithmetic and against the library that it takes trees from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import MinCovDet
from sklearn.ensemble import IsolationForest

from training.detectors import (
    DetectorError,
    HistogramDetector,
    IsolationForestDetector,
    NeighbourDistanceDetector,
    PeerResidualDetector,
    RankEnsemble,
    RobustDistanceDetector,
)
from training.detectors.ensemble import freeze_places
from training.detectors.isolation_forest import mean_depth
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


# --- isolation forest -------------------------------------------------------------------------


def test_mean_depth_is_that_of_the_paper():
    # c(3) = 2 (ln 2 + 0.5772156649) - 4/3 and c(256) = 2 (ln 255 + 0.5772156649) - 510/256.
    assert [mean_depth(n) for n in (0, 1, 2)] == [0.0, 0.0, 1.0]
    assert mean_depth(3) == pytest.approx(1.2073923576)
    assert mean_depth(256) == pytest.approx(10.2447709201)


def test_two_equal_rows_and_a_third():
    # Any cut parts 10 from the two 0: depth 1 for 10, 1 + c(2) = 2 for a 0. c(3) = 1.2073923576.
    score = IsolationForestDetector(trees=7).fit([[0.0], [10.0], [0.0]])
    got = score.anomaly_score([[10.0], [0.0], [1e9]])
    assert got == pytest.approx([2 ** (-1 / 1.2073923576), 2 ** (-2 / 1.2073923576), got[0]])


@pytest.mark.parametrize("sample", [8, 256, 700])
def test_scores_are_those_of_scikit_learn(sample):
    rng = np.random.default_rng(5)
    table = rng.lognormal(size=(700, 6)) * [1.0, 1e6, 1e-6, 3.0, 1.0, 1.0]
    table[:, 4] = rng.random(700) < 0.05
    table[rng.random(table.shape) < 0.1] = np.nan
    detector = IsolationForestDetector(trees=40, sample=sample, seed=9).fit(table)
    ordered = table[np.lexsort(table.T[::-1])]
    filled = detector.scale_.filled(ordered).astype(np.float32)
    reference = IsolationForest(n_estimators=40, max_samples=sample, random_state=9).fit(filled)
    assert detector.anomaly_score(ordered) == pytest.approx(
        -reference.score_samples(filled), abs=1e-12
    )


def test_a_stored_tree_by_hand():
    # One cut at 0.5, up to it left. A leaf of one row lies at depth 1, one of 3 at 1 + c(3).
    record = IsolationForestDetector(trees=1, sample=4).fit([[0.0], [1.0]]).to_dict()
    tree = {"feature": [0, 0, 0], "threshold": [0.5, 0.0, 0.0], "left": [1, -1, -1]}
    tree |= {"right": [2, -1, -1], "size": [4, 1, 3]}
    record["state"] = {"centre": [0.0], "scale": [1.0], "rows": 4, "trees": [tree]}
    score = IsolationForestDetector.from_dict(record).anomaly_score([[0.5], [0.75]])
    assert score == pytest.approx(2 ** -(np.array([1, 1 + 1.2073923576]) / mean_depth(4)))
    tree["right"] = [1, -1, -1]
    with pytest.raises(DetectorError, match="a tree is not a tree"):
        IsolationForestDetector.from_dict(record)


def test_values_are_met_in_single_precision_as_they_were_at_fit():
    rng = np.random.default_rng(20)
    record = IsolationForestDetector(trees=20).fit(rng.normal(size=(300, 1))).to_dict()
    record["state"] |= {"centre": [0.0], "scale": [1.0]}
    detector = IsolationForestDetector.from_dict(record)
    cuts = np.concatenate([tree.threshold for tree in detector.trees_])
    for side in (-np.inf, np.inf):
        beside = np.nextafter(cuts[np.abs(cuts) < 3], side)[:, None]
        single = beside.astype(np.float32).astype(np.float64)
        assert detector.anomaly_score(beside).tolist() == detector.anomaly_score(single).tolist()


# --- histogram --------------------------------------------------------------------------------


def test_static_bins_by_hand():
    # 0 0 0 0 1 2 2 3 4 has quartiles 0 and 2 and no value beyond 3 sigmas; sqrt(9) = 3 bins of
    # width 4/3: [0, 4/3) 5 rows, [4/3, 8/3) 2, [8/3, 4] 2. Beyond the edges half a row.
    column = np.array([0.0, 0, 0, 0, 1, 2, 2, 3, 4])[:, None]
    detector = HistogramDetector(bins="static").fit(column)
    got = detector.anomaly_score([[0.0], [1.0], [2.0], [4.0], [4.2], [-0.2], [np.nan]])
    ratios = [1, 1, 5 / 2, 5 / 2, 10, 10, 1]
    assert got == pytest.approx(np.log(ratios))


def test_an_empty_bin_has_half_a_row():
    # Nine values in three bins of equal width: six, none (counted as half a one) and three.
    column = np.r_[np.zeros(6), np.ones(3)][:, None]
    detector = HistogramDetector(bins="static").fit(column)
    assert detector.anomaly_score([[0.0], [0.5], [1.0]]) == pytest.approx(np.log([1, 12, 2]))


def test_dynamic_bins_by_hand():
    # 0 1 2 3 4 5 6 7 16: sigma 4 / SIGMA, so 16 - 4 lies 4.05 sigmas out and is compressed to
    # 3 (2 * 4.0469 / 6 - 1 + 1) = 4.0469: straight up to 6. Three bins of three rows, edges half-
    # way: -0.5, 2.5, 5.5 and 16 + 4.5. Widths 3, 3, 15: the third bar is a fifth of the others.
    column = np.r_[np.arange(8.0), 16.0][:, None]
    detector = HistogramDetector().fit(column)
    got = detector.anomaly_score([[0.0], [2.4], [2.6], [6.0], [20.0], [21.0], [-0.6]])
    assert got == pytest.approx(np.log([1, 1, 1, 5, 5, 30, 30]))


def test_terms_of_the_columns_add_up():
    rng = np.random.default_rng(6)
    table = rng.lognormal(size=(300, 4))
    detector = HistogramDetector().fit(table)
    terms = detector.contributions(table)
    assert (terms >= 0).all()
    assert np.abs(terms.sum(axis=1) - detector.anomaly_score(table)).max() <= 1e-9
    alone = HistogramDetector().fit(table[:, [2]]).anomaly_score(table[:, [2]])
    assert terms[:, 2].tolist() == alone.tolist()


def test_many_equal_values_do_not_drown_the_tail():
    rng = np.random.default_rng(7)
    zeros = np.where(rng.random(2000) < 0.5, 0.0, rng.lognormal(size=2000))
    zeros[0] = 1e-12  # the nearest edge is a trillionth away
    score = HistogramDetector().fit(zeros[:, None]).anomaly_score([[0.0], [1.0], [1e4]])
    assert score[0] < score[1] < score[2] - 2
    assert score[1] - score[0] < 5


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


# --- peer residual ----------------------------------------------------------------------------


def by_group(seed: int, count: int = 1500) -> np.ndarray:
    """Return amounts of three peer groups, exponential with mean 100, 1,000 and 10,000."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, count)
    return np.column_stack([rng.exponential(size=count) * 10.0 ** (group + 2), group])


def test_quantiles_are_those_of_the_peer_group():
    # Exponential with mean m: median m ln 2, 0.9 quantile m ln 10.
    detector = PeerResidualDetector().fit(by_group(12, 6000))
    means = np.array([100.0, 1000.0, 10000.0])
    expected = detector.expected(np.column_stack([np.zeros(3), np.arange(3)]))
    assert expected[:, 0] == pytest.approx(means * math.log(2), rel=0.1)
    assert expected[:, 1] == pytest.approx(means * math.log(10), rel=0.1)
    rows = np.column_stack([3 * means, np.arange(3)])
    assert detector.anomaly_score(rows) == pytest.approx(3 * means - expected[:, 1], rel=1e-12)


def test_dear_for_its_peers_comes_before_dear():
    table = by_group(13)
    table[:10] = [1500.0, 0.0]  # 15 times the mean of its own group, ordinary in the next
    for unit in ("target", "robust"):
        detector = PeerResidualDetector(unit=unit).fit(table)
        odd, usual = detector.anomaly_score([[1500.0, 0.0], [1500.0, 2.0]])
        assert odd > 0 > usual


def test_columns_are_chosen_and_gaps_are_peers_of_their_own():
    table = by_group(14)
    noise = np.random.default_rng(15).normal(size=len(table))
    moved = np.column_stack([noise, table[:, 1], table[:, 0]])
    one = PeerResidualDetector(case_mix=[1]).fit(table)
    other = PeerResidualDetector(target=-1, case_mix=[1]).fit(moved)
    assert other.anomaly_score(moved) == pytest.approx(one.anomaly_score(table), rel=1e-9)
    table[table[:, 1] == 2, 1] = np.nan
    gap = PeerResidualDetector().fit(table).expected([[0.0, np.nan]])
    assert gap[0, 0] == pytest.approx(10_000 * math.log(2), rel=0.25)


def test_an_unknown_amount_is_the_median_of_its_peers():
    detector = PeerResidualDetector().fit(by_group(16))
    rows = np.column_stack([np.full(3, np.nan), np.arange(3)])
    expected = detector.expected(rows)
    assert detector.anomaly_score(rows).tolist() == (expected[:, 0] - expected[:, 1]).tolist()


def test_quantiles_that_cross_are_set_right():
    detector = PeerResidualDetector().fit(by_group(21))
    record = detector.to_dict()
    record["state"]["models"].reverse()
    rows = np.column_stack([np.zeros(3), np.arange(3)])
    crossed = PeerResidualDetector.from_dict(record).expected(rows)
    assert (
        crossed[:, 0].tolist() == crossed[:, 1].tolist() == detector.expected(rows)[:, 1].tolist()
    )


# --- rank ensemble ----------------------------------------------------------------------------


def test_places_by_hand():
    # 1 2 2 5: below 1 none, and half of one equal: 1/8; 2: 1 below, half of two equal: 4/8; 5: 7/8.
    # Half-way in between; beyond the ends 1/8 of room, half of it used up one range (4) further.
    places = freeze_places(np.array([5.0, 2.0, 1.0, 2.0]), 10, tail=False)
    got = places.of(np.array([1.0, 2.0, 3.5, 5.0, 9.0, 1e300, -3.0]))
    assert got == pytest.approx([1 / 8, 1 / 2, 11 / 16, 7 / 8, 15 / 16, 1, 1 / 16])


def test_the_tail_goes_straight_on_from_the_last_decile():
    # 1 to 20: the median is 10, nine tenths are 18 or less; places of 10 and 18: 9.5 and 17.5 / 20.
    # From 18 on 8 / log 5 is worth 1, up to the knee of 3; 6 units count as 6 too, 12 as 9.
    places = freeze_places(np.arange(1.0, 21.0), 20, tail=True)
    unit, edge = 8 / math.log(5), math.log(8)
    got = places.of(np.array([10.0, 14.5, 18.0, 20.0, 18 + 3 * unit, 18 + 12 * unit, -1e300]))
    assert got == pytest.approx(
        [
            -math.log(10.5 / 20),
            -(math.log(6.5 / 20) + math.log(5.5 / 20)) / 2,
            edge,
            edge + 2 / unit,
            edge + 3,
            edge + 9,
            0.0,
        ]
    )


def test_scores_that_are_mostly_one_value_have_a_tail_too():
    # 19 zeros and a 4: all places up to the edge are that of 0, 9.5 / 20; the mean excess is 4.
    places = freeze_places(np.r_[np.zeros(19), 4.0], 20, tail=True)
    usual = -math.log(1 - 9.5 / 20)
    assert places.of(np.array([0.0, 4.0, 8.0])) == pytest.approx([usual, usual + 1, usual + 2])
    assert freeze_places(np.zeros(5), 20, tail=True).of(np.zeros(1)) == pytest.approx(math.log(2))


def test_few_knots_stay_close_to_all_and_keep_the_top():
    scores = np.random.default_rng(17).lognormal(size=5000)
    exact = freeze_places(scores, 5000, tail=False)
    table = freeze_places(scores, 128, tail=False)
    assert len(table.at) <= 128
    assert np.abs(exact.of(scores) - table.of(scores)).max() < 0.01
    top = np.sort(scores)[-10:]
    assert table.of(top).tolist() == exact.of(top).tolist()


@pytest.mark.parametrize(
    ("combine", "expected"),
    [("mean", (3 * 0.7 + 1 * 0.9) / 4), ("max", 2.1), ("tail", None)],
)
def test_members_are_weighted_and_joined(combine, expected):
    # Ten rows 1 to 10 for both members; each scores one column by its upper tail, without ties.
    table = np.column_stack([np.arange(1.0, 11.0), np.arange(1.0, 11.0)[::-1]])
    members = [
        ("first", PeerResidualDetector(target=0, case_mix=[])),
        ("second", PeerResidualDetector(target=1, case_mix=[])),
    ]
    ensemble = RankEnsemble(members, weights=[3, 1], combine=combine).fit(table)
    # 7.5 lies half-way between places 6.5 / 10 and 7.5 / 10, 9.5 between 8.5 / 10 and 9.5 / 10.
    if expected is None:
        # The median is 5 and the last decile 9, place 8.5 / 10; (9 - 5) / log 5 is worth 1 beyond.
        first = -(math.log(0.35) + math.log(0.25)) / 2
        second = -math.log(0.15) + 0.5 * math.log(5) / 4
        expected = (3 * first + second) / 4
    assert ensemble.anomaly_score([[7.5, 9.5]]) == pytest.approx([expected])


def test_usual_members_all_have_a_say():
    rng = np.random.default_rng(18)
    table = rng.normal(size=(200, 3))
    ensemble = RankEnsemble().fit(table)
    values = ensemble.member_values(table)
    assert list(values) == [
        "isolation_forest", "histogram", "robust_distance", "neighbour_distance",
    ]  # fmt: skip
    assert all(value.std() > 0.5 and value.max() > 3 for value in values.values())
    mean = sum(values.values()) / 4
    assert ensemble.anomaly_score(table) == pytest.approx(mean)
