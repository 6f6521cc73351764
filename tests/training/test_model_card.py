"""The model card: both languages, nothing that the records do not hold."""

from __future__ import annotations

import re

from training.model_card import _TEXT, render


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
    for english, chinese in _TEXT.values():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))
        assert "fraud" not in english.lower()
        assert "欺诈" not in chinese


def test_the_chinese_card_is_chinese(world):
    card = render(world.supervised.about, world.supervised.metrics, "zh")
    assert card.startswith("# 模型卡")
    assert "Intended use" not in card
