"""Words: every feature, reason and unit has them in both languages."""

from __future__ import annotations

import math
import re

import pytest

from features.catalogue import catalogue, reasons
from serving.facts import _SOURCES
from serving.money import money_text
from serving.sentences import LINE_LIMIT, one_line, record_text
from serving.texts import TextError, text, texts
from serving.wording import bare_text, topics, units, value_text, words


def test_every_unit_of_the_catalogue_can_be_shown() -> None:
    assert {f.unit for f in catalogue()} <= set(units())
    for feature in catalogue():
        for lang in ("en", "zh"):
            assert value_text(feature.name, 1.0, "CNY", lang)


def test_every_reason_has_a_topic_and_a_short_form() -> None:
    assert set(topics()) == set(reasons())
    for topic in topics().values():
        assert re.search(r"[一-鿿]", topic.short_zh)
        assert re.search(r"[一-鿿]", topic.topic_zh)
        assert topic.short_en.isascii()


@pytest.mark.parametrize(
    ("name", "value", "en", "zh"),
    [
        ("claim_total_amount", math.log1p(1_234_500), "¥12,345.00", "12,345.00 元"),
        ("claim_drug_share", 0.953, "95.3%", "95.3%"),
        ("claim_drug_share", 0.0004, "0.04%", "0.04%"),
        ("claim_stay_days", 1.0, "1 day", "1天"),
        ("claim_stay_days", 12.0, "12 days", "12天"),
        ("claim_age", 67.5, "67.5 years", "67.5岁"),
        ("claim_line_count", math.log1p(1234), "1,234 lines", "1,234条明细"),
        ("claim_largest_quantity", math.log1p(20_000), "20", "20"),
        ("claim_night", 1.0, "yes", "是"),
        ("peer_amount", 6.25, "robust z 6.2", "稳健z值6.2"),
        ("peer_amount", -0.04, "robust z 0.0", "稳健z值0.0"),
        ("org_growth", math.log(1.8), "1.80 times", "1.80倍"),
        ("history_institutions_30", 4.0, "4 institutions", "4家机构"),
        ("rule_overpriced_item", 3.0, "3 hits", "3次"),
        ("claim_stay_days", None, "not known", "未知"),
    ],
)
def test_values_read_as_a_person_says_them(name, value, en, zh) -> None:
    assert value_text(name, value, "CNY", "en") == en
    assert value_text(name, value, "CNY", "zh") == zh


def test_money_by_currency() -> None:
    assert money_text(1_234_500, "CNY", "en") == "¥12,345.00"
    assert money_text(-5, "CNY", "zh") == "-0.05 元"
    assert money_text(5, "JPY", "en") == "¥5"
    assert money_text(1_234, "XTS", "en") == "XTS 12.34"
    assert bare_text("claim_total_amount", math.log1p(250), "USD", "en") == "$2.50"


def test_a_column_without_an_entry_counts_among_the_rules() -> None:
    assert words("something_new").reason == "rules"
    assert words("rule_overpriced_item").zh == "超标准收费"


def test_one_line_fits_a_list_in_both_languages(world) -> None:
    for record in [*world.risk.records, *world.cold.records, *world.institutions.records]:
        for lang in ("en", "zh"):
            line = one_line(record, lang)
            assert 0 < len(line) <= LINE_LIMIT[lang]
            assert "\n" not in line
            assert "fraud" not in line.lower()
        assert re.search(r"[一-鿿]", one_line(record, "zh"))


def test_one_line_begins_with_what_weighs_most(world) -> None:
    record = next(r for r in world.cold.records if r["reasons"][0]["stands_out"])
    first = record["reasons"][0]
    begin = topics()[first["reason_code"]].short_zh
    assert one_line(record, "zh").startswith(begin)


def test_a_line_without_reasons_says_so() -> None:
    bare = {"reasons": [], "rule_hits": []}
    assert one_line(bare, "en") == "No single reason stands out"
    assert one_line(bare, "zh") == "没有突出的单项原因"


def test_a_records_text_ends_with_what_a_score_is_not(world) -> None:
    record = world.risk.records[0]
    assert record_text(record, "en").endswith("A score is a lead to verify, not a finding.")
    assert record_text(record, "zh").endswith("评分只是待核实的疑点，不是结论。")
    assert f"{100 * record['risk_score']:.1f}%" in record_text(record, "en")


def test_every_text_has_both_languages_and_the_same_gaps() -> None:
    for key, body in texts().items():
        gaps = [sorted(re.findall(r"{(\w+)}", body[lang])) for lang in ("en", "zh")]
        assert gaps[0] == gaps[1], key
    for name, source in _SOURCES.items():
        assert source or f"fact_{name}" in texts()


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(TextError):
        text("no_such_text", "en")
    with pytest.raises(TextError):
        text("page_of", "en", number=1)
