"""The model card: both languages, nothing that the records do not hold."""

from __future__ import annotations

import re

import numpy as np

from training.card_texts import texts
from training.config import EvaluationSettings
from training.model_card import render
from training.subgroups import subgroups


def test_states_the_measured_numbers_in_both_languages(world):
    trained = world.supervised
    low, high = trained.metrics["intervals"]["average_precision"]
    cell = f"{trained.metrics['average_precision']:.3f} ({low:.3f}–{high:.3f})"
    for lang in ("en", "zh"):
        card = render(trained.about, trained.metrics, lang)
        assert cell in card
        assert f"{trained.metrics['baseline_rules']['roc_auc']:.3f}" in card
        assert trained.about["config_hash"][:16] in card
        assert "500" in card
        assert "{" not in card


def test_a_cold_start_model_claims_no_quality(world):
    card = render(world.cold.about, {}, "en")
    assert "Not measured: there were no verdicts" in card
    assert "probability" in card
    assert "average precision" not in card
    assert "没有检查结论" in render(world.cold.about, {}, "zh")


def test_both_languages_hold_the_same_facts():
    for text in texts().values():
        english, chinese = text["en"], text["zh"]
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))
        assert "fraud" not in english.lower()
        assert "欺诈" not in chinese


def test_the_chinese_card_is_chinese(world):
    card = render(world.supervised.about, world.supervised.metrics, "zh")
    assert card.startswith("# 模型卡")
    assert "Intended use" not in card


def test_calibration_gain_and_leakage_stand_on_the_card_with_their_intervals(world):
    metrics = world.supervised.metrics
    slope = metrics["calibration"]["slope"]
    low, high = metrics["calibration"]["intervals"]["slope"]
    gain = metrics["difference"]["baseline_sort_by_amount"]["average_precision"]["value"]
    for lang, heading in (("en", "## Are the probabilities true?"), ("zh", "## 概率是否准确")):
        card = render(world.supervised.about, metrics, lang)
        assert heading in card
        assert f"{slope:.3f} ({low:.3f}–{high:.3f})" in card
        assert f"{gain:+.3f} (" in card
        assert f"{metrics['money_share_at']['1%']:.3f}" in card
        assert "HX004" in card  # not applicable: the verdicts lie within two months
        assert "HX001, HX002, HX003, HX005" in card
    assert "泄漏检查" in render(world.supervised.about, metrics, "zh")
    assert "Leakage" not in render(world.cold.about, {}, "en")


def test_the_burden_by_group_and_what_is_not_told(world):
    judged, score = world.supervised.judged, world.supervised.log_odds
    sex = np.where(np.arange(len(score)) < 4, "", np.where(np.arange(len(score)) % 2, "F", "M"))
    told = subgroups(judged, score, {"sex": sex}, 50, EvaluationSettings(bootstrap=5))
    metrics = {**world.supervised.metrics, "subgroups": told}
    card = render(world.supervised.about, metrics, "en")
    female = told["sex"]["groups"][0]
    low, high = female["intervals"]["burden"]
    assert f"| female | {female['n']} |" in card
    assert f"{female['burden']:.2f} ({low:.2f}–{high:.2f})" in card
    assert "| (merged) | 4 | – | – | – | – |" in card
    assert "1 groups with fewer than 10 judged units were merged: unknown." in card
    assert "| 女 |" in render(world.supervised.about, metrics, "zh")
