"""Detectors that cut and count, by hand and against the library: isolation forest, histogram."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from training.detectors import DetectorError, HistogramDetector, IsolationForestDetector
from training.detectors.isolation_forest import mean_depth

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
