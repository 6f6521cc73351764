"""Metrics against hand arithmetic and scikit-learn, weighted and tied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from training.config import EvaluationSettings
from training.evaluate import EvaluationError, Judged, evaluate
from training.metrics import (
    amount_at,
    average_precision,
    bootstrap_intervals,
    precision_at,
    put_in_order,
    roc_auc,
)

IDS = np.array(["a", "b", "c", "d", "e"])


def order(labels, score, weights=None, amounts=None):
    """Return judged units in order; ids are numbered."""
    ids = np.array([f"u{i:04d}" for i in range(len(labels))])
    as_floats = [None if x is None else np.asarray(x, dtype=float) for x in (weights, amounts)]
    return put_in_order(np.asarray(labels), np.asarray(score), ids, 1, *as_floats)


def test_average_precision_by_hand():
    # Order 1 0 1 1 0: precision at the hits 1, 2/3, 3/4; mean 29/36.
    judged = order([1, 0, 1, 1, 0], [5, 4, 3, 2, 1])
    assert average_precision(judged) == pytest.approx(29 / 36)
    # Of six pairs the hits win 2 + 1 + 1 = 4.
    assert roc_auc(judged) == pytest.approx(4 / 6)
    assert precision_at(judged, 2) == 0.5
    assert precision_at(judged, 99) == pytest.approx(3 / 5)


def test_equal_scores_are_one_threshold():
    judged = order([1, 0, 1, 0], [2, 1, 1, 1])
    # Thresholds: (1 of 1), then (2 of 4): .5 * 1 + .5 * .5.
    assert average_precision(judged) == pytest.approx(0.75)
    assert roc_auc(judged) == pytest.approx(3 / 4)


def test_precision_at_counts_units_of_the_frame():
    # Weights 2, 3, 5 in order of score: the first 4 are unit one (2) and two of the second's three.
    judged = order([1, 0, 1], [3, 2, 1], [2, 3, 5], [100, np.nan, 10])
    assert precision_at(judged, 4) == pytest.approx(2 / 4)
    assert precision_at(judged, 7) == pytest.approx(4 / 7)
    assert amount_at(judged, 7) == pytest.approx(2 * 100 + 2 * 10)


def test_an_unknown_confirmed_amount_leaves_no_amount():
    assert amount_at(order([1, 1], [2, 1], None, [5, np.nan]), 1) is None
    assert amount_at(order([1, 0], [2, 1], None, [5, np.nan]), 2) == 5


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 5)), min_size=2, max_size=60
    ).filter(lambda rows: 0 < sum(row[0] for row in rows) < len(rows))
)
def test_agrees_with_scikit_learn(rows):
    labels, score, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    judged = order(labels, score, weights)
    assert average_precision(judged) == pytest.approx(
        average_precision_score(labels, score, sample_weight=weights)
    )
    assert roc_auc(judged) == pytest.approx(roc_auc_score(labels, score, sample_weight=weights))


def test_weights_estimate_the_whole_from_an_unequal_sample():
    rng = np.random.default_rng(1)
    score = rng.random(40_000)
    labels = rng.random(40_000) < score**3
    chance = np.where(score > 0.8, 1.0, 0.1)
    drawn = rng.random(40_000) < chance
    everything = order(labels, score)
    sample = order(labels[drawn], score[drawn], 1 / chance[drawn])
    for k in (1000, 20_000):
        assert precision_at(sample, k) == pytest.approx(precision_at(everything, k), abs=0.02)
    whole = average_precision(everything)
    assert average_precision(sample) == pytest.approx(whole, abs=0.02)
    assert average_precision(order(labels[drawn], score[drawn])) > whole + 0.05


def test_intervals_cover_the_estimate_and_resample_groups():
    rng = np.random.default_rng(2)
    labels, score = rng.random(400) < 0.3, rng.random(400)
    judged = order(labels, score)
    single = bootstrap_intervals(judged, np.arange(400).astype(str), [roc_auc], 300, 5)[0]
    assert single[0] < roc_auc(judged) < single[1]
    # Standard error of an AUC near .5 is about sqrt((n1 + n0 + 1) / (12 n1 n0)) = .031.
    assert single[1] - single[0] == pytest.approx(4 * 0.031, rel=0.25)
    # Four verdicts that are one and the same carry the information of one: twice the width.
    four = order(np.repeat(labels, 4), np.repeat(score, 4))
    alone, same = np.arange(1600).astype(str), np.repeat(np.arange(400), 4).astype(str)
    narrow = bootstrap_intervals(four, alone, [roc_auc], 300, 5)[0]
    wide = bootstrap_intervals(four, same, [roc_auc], 300, 5)[0]
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(2, rel=0.25)
    assert bootstrap_intervals(judged, np.arange(400).astype(str), [roc_auc], 300, 5)[0] == single


def build(labels, weights=None) -> Judged:
    """Return judged units whose amount and rule hits are baselines to compare with."""
    n = len(labels)
    return Judged(
        "claim",
        np.array([f"u{i:04d}" for i in range(n)]),
        np.asarray(labels, dtype=float),
        np.ones(n) if weights is None else np.asarray(weights, dtype=float),
        np.array([f"g{i // 2}" for i in range(n)]),
        np.arange(n),
        np.arange(n) % 3,
        np.where(labels, 10.0, np.nan),
    )


def test_the_record_has_the_agreed_shape():
    labels = np.arange(60) % 4 == 0
    settings_ = EvaluationSettings(at=(5, 10), capacity=7, bootstrap=10)
    record = evaluate(build(labels), labels * 1.0, settings_)
    keys = {"average_precision", "roc_auc", "precision_at", "amount_at", "capacity", "intervals"}
    baselines = {"baseline_sort_by_amount", "baseline_rules"}
    assert set(record) == keys | baselines | {"unit", "n", "positives"}
    assert all(set(record[name]) == keys for name in baselines)
    assert (record["unit"], record["n"], record["positives"]) == ("claim", 60, 15)
    assert record["precision_at"] == {"5": 1.0, "10": 1.0}
    assert record["amount_at"] == {"5": 50.0, "10": 100.0}
    assert record["capacity"] == {"k": 7, "precision": 1.0, "amount": 70.0}
    assert record["intervals"]["roc_auc"] == [1.0, 1.0]
    # Units 59, 58, 57, 56, 55 by amount: only 56 is confirmed.
    assert record["baseline_sort_by_amount"]["precision_at"]["5"] == pytest.approx(0.2)


def test_units_without_weight_are_not_judged():
    labels = np.arange(40) % 2 == 0
    record = evaluate(build(labels, np.arange(40) < 20), np.arange(40.0), EvaluationSettings())
    assert (record["n"], record["positives"]) == (20, 10)


def test_row_order_changes_nothing():
    rng = np.random.default_rng(3)
    judged, score = build(rng.random(80) < 0.3, rng.random(80) + 0.5), rng.integers(0, 9, 80) * 1.0
    some = EvaluationSettings(at=(5,), bootstrap=0)
    one = evaluate(judged, score, some)
    order_ = rng.permutation(80)
    other = evaluate(judged.take(order_), score[order_], some)
    assert other["precision_at"] == pytest.approx(one["precision_at"])
    assert other["average_precision"] == pytest.approx(one["average_precision"])


def test_one_label_alone_is_refused():
    with pytest.raises(EvaluationError, match="confirmed and unconfirmed"):
        evaluate(build(np.ones(5, dtype=bool)), np.arange(5.0), EvaluationSettings())
