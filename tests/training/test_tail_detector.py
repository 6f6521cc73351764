"""The cold-start detector: polarity, additivity, missing values, ties, bytes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone

from training.detectors import DetectorError, TailDetector

finite = st.floats(-1e6, 1e6, allow_nan=False)
any_value = st.one_of(finite, st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308]))


def matrices(rows: st.SearchStrategy[int] | int, width: int = 3) -> st.SearchStrategy[np.ndarray]:
    """Return float matrices with every kind of odd value."""
    count = st.integers(1, 40) if rows == 0 else st.just(rows)
    return count.flatmap(lambda n: arrays(np.float64, (n, width), elements=any_value))


def test_terms_are_the_hand_computed_tail_logarithms():
    # Values 1, 2, 2, 4: P(X >= 1, 2, 4) = 1, 3/4, 1/4; P(X <= 1, 2, 4) = 1/4, 3/4, 1.
    column = np.array([[1.0], [2.0], [2.0], [4.0]])
    high = TailDetector([1], floor=1.0).fit(column).contributions(column)[:, 0]
    low = TailDetector([-1], floor=1.0).fit(column).contributions(column)[:, 0]
    both = TailDetector([0], floor=1.0).fit(column).contributions(column)[:, 0]
    assert high == pytest.approx([0, math.log(4 / 3), math.log(4 / 3), math.log(4)])
    assert low == pytest.approx([math.log(4), math.log(4 / 3), math.log(4 / 3), 0])
    assert both == pytest.approx([math.log(2), 0, 0, math.log(2)])


def test_interpolates_between_knots_and_clips_beyond_them():
    detector = TailDetector([1], floor=1.0).fit([[0.0], [10.0]])
    got = detector.anomaly_score([[-5.0], [0.0], [5.0], [10.0], [1e9], [np.inf], [-np.inf]])
    assert got == pytest.approx(math.log(2) * np.array([0, 0, 0.5, 1, 1, 1, 0]))


def test_floor_is_subtracted_from_every_term():
    # One in 50: -log(1/50) - -log(1/10) = log 5.
    column = np.r_[np.zeros(49), 1.0][:, None]
    score = TailDetector([1], floor=0.1).fit(column).anomaly_score(column)
    assert score[-1] == pytest.approx(math.log(5))
    assert not score[:-1].any()


@pytest.mark.parametrize("direction", [1, 0])
def test_rare_hit_is_high_and_no_hit_is_nothing(direction: int):
    hits = np.zeros((1000, 1))
    hits[:10] = 1
    score = TailDetector([direction]).fit(hits).anomaly_score([[1.0], [0.0], [np.nan]])
    assert score[0] > 2.0
    assert score[1:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("direction", "ordered"), [(1, True), (-1, False)])
def test_polarity_higher_is_more_unusual(direction: int, ordered: bool):
    rng = np.random.default_rng(1)
    detector = TailDetector([direction]).fit(rng.normal(size=(3000, 1)))
    score = detector.anomaly_score(np.linspace(-4, 4, 50)[:, None])
    steps = np.diff(score if ordered else score[::-1])
    assert (steps >= 0).all()
    assert steps.sum() > 3


def test_planted_outliers_come_first():
    rng = np.random.default_rng(2)
    values = rng.lognormal(size=(2000, 10))
    values[:20, :4] *= 30
    score = TailDetector([1] * 10).fit(values).anomaly_score(values)
    assert len(set(np.argsort(-score)[:20]) & set(range(20))) >= 17


def test_missing_and_constant_columns_contribute_nothing():
    values = np.column_stack([np.full(50, 3.0), np.full(50, np.nan), np.arange(50.0)])
    detector = TailDetector().fit(values)
    terms = detector.contributions([[99.0, 99.0, 49.0], [3.0, np.nan, np.nan]])
    assert terms[0, 2] > 0
    assert not terms[:, :2].any()
    assert not terms[1].any()


def test_copies_of_a_feature_share_its_weight():
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=(2, 4000))
    weights = TailDetector().fit(np.column_stack([one, one, one, other])).weights_
    assert weights[:3] == pytest.approx(1 / 3, rel=0.02)
    assert weights[3] == pytest.approx(1.0, rel=0.02)
    assert TailDetector(damp=False).fit(np.column_stack([one, one])).weights_.tolist() == [1, 1]


def test_few_knots_stay_close_to_all():
    rng = np.random.default_rng(4)
    values = rng.lognormal(size=(20_000, 2))
    exact = TailDetector([1, 0], knots=20_000, damp=False).fit(values)
    table = TailDetector([1, 0], knots=256, damp=False).fit(values)
    assert max(len(at) for at, _ in table.tables_) <= 256
    gap = np.abs(exact.contributions(values) - table.contributions(values)).max(axis=0)
    assert gap.max() < 0.05


@settings(max_examples=60, deadline=None)
@given(matrices(0), matrices(5))
def test_contributions_add_up_and_stay_finite(fitted_on: np.ndarray, rows: np.ndarray):
    detector = TailDetector([1, 0, -1]).fit(fitted_on)
    terms, score = detector.contributions(rows), detector.anomaly_score(rows)
    assert np.isfinite(terms).all()
    assert (terms >= 0).all()
    assert np.abs(terms.sum(axis=1) + detector.base_value_ - score).max() <= 1e-9


@settings(max_examples=40, deadline=None)
@given(matrices(0), matrices(6), st.randoms(use_true_random=False))
def test_row_order_batch_and_json_leave_every_bit(fitted_on, rows, random):
    detector = TailDetector([1, 0, -1]).fit(fitted_on)
    shuffled = list(range(len(fitted_on)))
    random.shuffle(shuffled)
    text = json.dumps(detector.to_dict())
    assert json.dumps(TailDetector([1, 0, -1]).fit(fitted_on[shuffled]).to_dict()) == text
    score = detector.anomaly_score(rows)
    alone = np.concatenate([detector.anomaly_score(rows[i : i + 1]) for i in range(len(rows))])
    read = TailDetector.from_dict(json.loads(text)).anomaly_score(rows)
    assert score.tobytes() == alone.tobytes() == read.tobytes()


def test_weights_do_not_depend_on_row_order_in_a_large_frame():
    rng = np.random.default_rng(5)
    values = rng.lognormal(size=(70_000, 4)) @ rng.random((4, 4))
    one = TailDetector().fit(values).weights_
    assert TailDetector().fit(values[rng.permutation(70_000)]).weights_.tobytes() == one.tobytes()


def test_scikit_learn_can_clone_it():
    detector = TailDetector([1], floor=0.5, knots=10, damp=False)
    assert clone(detector).get_params() == detector.get_params()


def test_every_wrong_parameter_is_named_at_once():
    with pytest.raises(DetectorError, match=r"no rows.*floor.*knots.*2 directions.*-1, 0 or 1"):
        TailDetector([1, 5], floor=0.0, knots=1).fit(np.empty((0, 3)))
    with pytest.raises(DetectorError, match="fitted on 1 columns and got 2"):
        TailDetector().fit([[1.0], [2.0]]).anomaly_score([[1.0, 2.0]])


def test_a_damaged_table_is_refused():
    record = TailDetector().fit([[1.0], [2.0], [3.0]]).to_dict()
    record["features"][0]["at"] = [1.0, 1.0, 3.0]
    with pytest.raises(DetectorError, match="table of feature 0"):
        TailDetector.from_dict(record)
    with pytest.raises(DetectorError, match="Unknown detector method"):
        TailDetector.from_dict({"method": "forest"})
