"""The burden by group: hand arithmetic, small groups untold, weights and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from training.config import EvaluationSettings
from training.evaluate import Judged
from training.subgroups import FEWEST, MERGED, split_groups, statement, subgroups

QUIET = EvaluationSettings(bootstrap=0)


def judged_of(labels, weights, overpaid) -> Judged:
    n = len(labels)
    return Judged(
        "claim",
        np.array([f"u{i:03d}" for i in range(n)]),
        np.asarray(labels, dtype=float),
        np.asarray(weights, dtype=float),
        np.array([f"g{i:03d}" for i in range(n)]),
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        np.asarray(overpaid, dtype=float),
    )


def forty():
    """Twenty of class a above twenty of class b; of weight 1 and 3.

    Of a the first 5 are confirmed at 100 each, of b the first 2 at 1000 each.
    """
    labels = np.r_[np.ones(5), np.zeros(15), np.ones(2), np.zeros(18)]
    overpaid = np.where(labels > 0, np.repeat([100.0, 1000.0], 20), np.nan)
    judged = judged_of(labels, np.repeat([1.0, 3.0], 20), overpaid)
    log_odds = logit(np.r_[np.full(20, 0.3), np.full(20, 0.2)]) - np.arange(40) * 1e-9
    return judged, log_odds, np.repeat(["a", "b"], 20)


def test_every_figure_by_hand():
    judged, log_odds, classes = forty()
    # The frame has 20 + 60 units; of 26 inspected 20 are of a, 6 (two judged, both confirmed) of b.
    record = subgroups(judged, log_odds, {"class": classes}, 26, QUIET)["class"]
    a, b = record["groups"]
    assert (a["group"], a["n"], a["positives"]) == ("a", 20, 5)
    assert (b["group"], b["n"], b["positives"]) == ("b", 20, 2)
    assert (a["share_of_frame"], b["share_of_frame"]) == (0.25, 0.75)
    assert (a["confirmed_share"], b["confirmed_share"]) == (0.25, 0.1)
    assert (a["selection_rate"], b["selection_rate"]) == pytest.approx((1.0, 0.1))
    assert a["burden"] == pytest.approx(20 / 26 / 0.25)
    assert b["burden"] == pytest.approx(6 / 26 / 0.75)
    assert (a["precision"], b["precision"]) == pytest.approx((0.25, 1.0))
    assert (a["false_alarm_share"], b["false_alarm_share"]) == pytest.approx((0.75, 0.0))
    assert (a["false_alarm_rate"], b["false_alarm_rate"]) == pytest.approx((1.0, 0.0))
    assert (a["money_per_inspected"], b["money_per_inspected"]) == pytest.approx((25.0, 1000.0))
    assert a["observed_expected"] == pytest.approx(0.25 / 0.3, rel=1e-6)
    assert b["observed_expected"] == pytest.approx(0.5, rel=1e-6)
    assert a["mean_probability"] == pytest.approx(0.3, rel=1e-6)
    assert "intervals" not in a


def test_a_group_that_nobody_inspects_has_no_precision():
    judged, log_odds, classes = forty()
    _, b = subgroups(judged, log_odds, {"class": classes}, 10, QUIET)["class"]["groups"]
    assert b["selection_rate"] == b["burden"] == 0.0
    assert b["precision"] is None
    assert b["money_per_inspected"] is None


def test_small_groups_are_merged_and_said_so():
    values = np.array(["big"] * 12 + ["small"] * 6 + [""] * 5)
    split = split_groups(values)
    assert split.names == ("big", MERGED)
    assert split.merged == ("small", "unknown")
    assert np.bincount(split.place).tolist() == [12, 11]
    judged = judged_of(np.arange(23) % 2, np.ones(23), np.ones(23))
    record = subgroups(judged, np.zeros(23), {"level": values}, 5, QUIET)["level"]
    assert [g["n"] for g in record["groups"]] == [12, 11]
    assert "precision" in record["groups"][1]
    assert statement(record, "en") == (
        "2 groups with fewer than 10 judged units were merged: small, unknown."
    )
    assert statement(record, "zh", {"small": "小"}) == (
        "有2个组的已检查对象少于10个，已合并：小, unknown。"
    )


def test_what_stays_too_small_is_not_told():
    values = np.array(["big"] * FEWEST + ["small"] * (FEWEST - 1))
    judged = judged_of(np.arange(19) % 2, np.ones(19), np.ones(19))
    settings = EvaluationSettings(bootstrap=5)
    record = subgroups(judged, np.zeros(19), {"level": values}, 5, settings)["level"]
    assert record["groups"][1] == {"group": MERGED, "n": 9}
    assert record["suppressed"] is True
    assert "no figures are told" in statement(record, "en")
    assert "不列出指标" in statement(record, "zh")
    assert set(record["groups"][0]["intervals"]) >= {"selection_rate", "observed_expected"}


def test_rows_without_weight_and_row_order_change_nothing():
    judged, log_odds, classes = forty()
    more = judged_of(
        np.r_[judged.labels, np.ones(9)], np.r_[judged.weights, np.zeros(9)],
        np.r_[judged.overpaid, np.full(9, 5.0)],
    )  # fmt: skip
    settings = EvaluationSettings(bootstrap=8)
    one = subgroups(judged, log_odds, {"class": classes}, 26, settings)
    score, names = np.r_[log_odds, np.full(9, 9.0)], np.r_[classes, np.repeat("c", 9)]
    assert subgroups(more, score, {"class": names}, 26, settings) == one
    rows = np.random.default_rng(2).permutation(40)
    again = subgroups(judged.take(rows), log_odds[rows], {"class": classes[rows]}, 26, settings)
    first, second = one["class"]["groups"][0], again["class"]["groups"][0]
    assert second["intervals"]["burden"] == pytest.approx(first["intervals"]["burden"])
    assert second["observed_expected"] == pytest.approx(first["observed_expected"])


def test_intervals_cover_an_even_burden_where_the_score_is_blind_to_the_group():
    rng = np.random.default_rng(9)
    n = 600
    judged = judged_of(rng.random(n) < 0.3, np.ones(n), np.ones(n))
    sex = rng.choice(["female", "male"], n)
    settings = EvaluationSettings(bootstrap=100)
    blind = subgroups(judged, rng.normal(size=n), {"sex": sex}, 60, settings)["sex"]["groups"]
    biased = subgroups(judged, 3.0 * (sex == "male"), {"sex": sex}, 60, settings)["sex"]["groups"]
    for group in blind:
        low, high = group["intervals"]["burden"]
        assert low < 1.0 < high
    assert biased[0]["intervals"]["burden"][1] < 0.5
    assert biased[1]["intervals"]["burden"][0] > 1.5


def test_an_anomaly_score_is_no_probability():
    judged, log_odds, classes = forty()
    a, _ = subgroups(judged, log_odds, {"class": classes}, 26, QUIET, calibrated=False)["class"][
        "groups"
    ]
    assert a["mean_probability"] is a["observed_expected"] is None
    assert a["selection_rate"] == 1.0
