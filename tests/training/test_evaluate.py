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
    effective_number,
    money_share_at,
    one_percent,
    precision_at,
    put_in_order,
    recall_at,
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


def test_recall_and_money_by_hand():
    # Weights 2, 3, 5; the first 4 units of the frame are the first (2) and two of the second's 3.
    judged = order([1, 1, 1], [3, 2, 1], [2, 3, 5], [100, 10, 40])
    assert recall_at(judged, 4) == pytest.approx(4 / 10)
    # Money in the frame 2 * 100 + 3 * 10 + 5 * 40 = 430; among the first four 200 + 2 * 10.
    assert money_share_at(judged, 4) == pytest.approx(220 / 430)
    assert recall_at(judged, 99) == money_share_at(judged, 99) == 1.0
    assert np.isnan(recall_at(order([0, 0], [2, 1]), 1))
    assert np.isnan(money_share_at(order([1, 1], [2, 1], None, [5, np.nan]), 1))


def test_one_percent_is_of_the_frame_and_rounded_up():
    assert one_percent(order([1, 0], [2, 1], [150, 51])) == 3  # of 201 units
    assert one_percent(order([1, 0], [2, 1], [150, 50])) == 2
    assert one_percent(order([1, 0], [2, 1])) == 1
    tenths = order([1] * 1000, range(1000), [0.1] * 1000)
    assert float(tenths.weights.sum()) * 0.01 > 1  # by a hair
    assert one_percent(tenths) == 1


def test_effective_number_by_hand():
    # (1 + 3)^2 / (1 + 9)
    assert effective_number(np.array([1.0, 3.0])) == pytest.approx(1.6)
    assert effective_number(np.full(7, 4.0)) == pytest.approx(7)
    assert effective_number(np.zeros(3)) == 0.0


def test_differences_are_paired():
    """Two rankings that are one differ by nothing in every resample; a better one is above 0."""
    rng = np.random.default_rng(6)
    judged = build(rng.random(200) < 0.3)
    some = EvaluationSettings(at=(20,), bootstrap=60)
    same = evaluate(judged, judged.amounts.astype(float), some)["difference"]
    by_amount = same["baseline_sort_by_amount"]
    assert by_amount["average_precision"] == {"value": 0.0, "interval": [0.0, 0.0]}
    good = evaluate(judged, judged.labels + 0.5 * rng.random(200), some)
    gain = good["difference"]["baseline_rules"]["average_precision"]
    expected = good["average_precision"] - good["baseline_rules"]["average_precision"]
    assert gain["value"] == pytest.approx(expected)
    assert 0 < gain["interval"][0] < gain["value"] < gain["interval"][1]
    assert set(good["difference"]["baseline_rules"]["money_share_at"]) == {"20", "1%"}


def test_a_log_odds_is_judged_as_a_probability_too():
    labels = np.arange(60) % 4 == 0
    some = EvaluationSettings(at=(5,), bootstrap=10)
    record = evaluate(build(labels), np.where(labels, 2.0, -2.0), some, calibrated=True)
    # Every unit misses by 1 / (1 + e^2) = .1192.
    assert record["calibration"]["brier"] == pytest.approx(0.1192**2, rel=1e-3)
    assert record["calibration"]["slope"] is None  # nothing contradicts certainty
    assert "calibration" not in evaluate(build(labels), labels * 1.0, some)


def test_an_unknown_amount_leaves_money_out_and_is_counted():
    judged = build(np.arange(60) % 4 == 0)
    judged.overpaid[0] = np.nan
    record = evaluate(judged, judged.labels, EvaluationSettings(at=(5,), capacity=5, bootstrap=0))
    assert record["amounts_unknown"] == 1
    assert not {"amount_at", "money_share_at"} & set(record)
    assert record["capacity"] == {"k": 5, "precision": 1.0, "recall": 5 / 15, "amount": None}


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
    agreed = {"average_precision", "roc_auc", "precision_at"}
    keys = agreed | {
        "recall_at", "amount_at", "money_share_at", "capacity", "intervals"
    }  # fmt: skip
    baselines = {"baseline_sort_by_amount", "baseline_rules"}
    counts = {"unit", "n", "positives", "frame_units", "effective_positives", "amounts_unknown"}
    assert set(record) == keys | baselines | counts | {"difference"}
    assert all(set(record[name]) == keys for name in baselines)
    assert (record["unit"], record["n"], record["positives"]) == ("claim", 60, 15)
    assert record["precision_at"] == {"5": 1.0, "10": 1.0}
    assert record["amount_at"] == {"5": 50.0, "10": 100.0}
    assert record["capacity"] == {
        "k": 7, "precision": 1.0, "amount": 70.0, "recall": 7 / 15, "money_share": 7 / 15,
    }  # fmt: skip
    assert record["recall_at"] == {"5": 5 / 15, "10": 10 / 15}
    # 1 % of 60 units is one of fifteen equal amounts.
    assert record["money_share_at"] == {"5": 5 / 15, "10": 10 / 15, "1%": 1 / 15}
    assert record["intervals"]["roc_auc"] == [1.0, 1.0]
    # Units 59, 58, 57, 56, 55 by amount: only 56 is confirmed.
    assert record["baseline_sort_by_amount"]["precision_at"]["5"] == pytest.approx(0.2)


def test_units_without_weight_are_not_judged():
    labels = np.arange(40) % 2 == 0
    record = evaluate(build(labels, np.arange(40) < 20), np.arange(40.0), EvaluationSettings())
    assert (record["n"], record["positives"]) == (20, 10)


def test_the_record_says_what_its_weights_are_worth():
    labels = np.arange(40) < 2
    weights = np.where(np.arange(40) == 0, 3.0, 1.0)
    record = evaluate(build(labels, weights), labels * 1.0, EvaluationSettings(bootstrap=0))
    assert record["frame_units"] == 42.0
    # Two confirmed of weight 3 and 1: (3 + 1)^2 / (9 + 1).
    assert record["effective_positives"] == pytest.approx(1.6)


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
