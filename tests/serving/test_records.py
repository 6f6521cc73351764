"""Records: they add up, they speak both languages, and a wrong one is refused."""

from __future__ import annotations

import copy
import json
import math
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.rules import rules
from serving.distributions import Distributions
from serving.records import (
    Hit,
    RecordError,
    Scored,
    Share,
    Terms,
    check_adds_up,
    explain,
    make_record,
)

TYPICAL = Distributions(
    "claim",
    "CNY",
    {
        "peer_amount": {"all": {"p05": -1.0, "p50": 0.1, "p95": 2.0}},
        "claim_total_amount": {
            "all": {"p05": math.log1p(1_000), "p50": math.log1p(23_000), "p95": math.log1p(90_000)},
            "public_hospital|inpatient": {
                "p05": math.log1p(100_000), "p50": math.log1p(500_000), "p95": math.log1p(900_000),
            },
        },
    },
)  # fmt: skip


def a_record(
    contributions, *, base=0.5, calibration=0.1, values=None, hits=(), facts=None, risk=None
):
    """Return a record of the features peer_amount, claim_total_amount, rule_overpriced_item."""
    names = ("peer_amount", "claim_total_amount", "rule_overpriced_item")
    log_odds = base + sum(contributions) + calibration
    probability = 1 / (1 + math.exp(-log_odds)) if risk is None else risk
    scored = Scored(
        "claim", "clm_00000000000000000000", date(2025, 1, 1), 3.0, probability,
        round(probability * 250_000), 1,
        "model", "rules", "catalogue",
    )  # fmt: skip
    terms = Terms(
        "logit_risk_score", base, names,
        np.array(values or [9.8, math.log1p(1_234_500), 3.0]), np.array(contributions), calibration,
    )  # fmt: skip
    return make_record(scored, terms, hits, facts or {}, TYPICAL, Share(1_000_000, 0.25, 0.25, {}))


def test_a_record_by_hand() -> None:
    # 0.5 + 1.25 - 0.5 + 0.25 + 0.1 = 1.6, and 1 / (1 + exp(-1.6)) = 0.8320183851339245
    record = a_record([1.25, -0.5, 0.25])
    assert record["risk_score"] == pytest.approx(0.8320183851339245, abs=1e-15)
    assert record["score"] == pytest.approx(1.6, abs=1e-12)
    assert [(r["reason_code"], r["contribution"]) for r in record["reasons"]] == [
        ("amount", 0.75), ("rules", 0.25),
    ]  # fmt: skip
    first = record["reasons"][0]["features"][0]
    assert first["text_en"] == "robust z 9.8, typical 0.1"
    assert first["text_zh"] == "稳健z值9.8，通常0.1"
    assert first["typical"] == {"p05": -1.0, "p50": 0.1, "p95": 2.0}


def test_values_are_shown_in_the_readers_units_and_against_the_peers() -> None:
    facts = {"institution_class": "public_hospital", "claim_type": "inpatient"}
    record = a_record([0.1, 1.0, 0.0], facts=facts)
    feature = record["reasons"][0]["features"][0]
    assert feature["name"] == "claim_total_amount"
    assert feature["text_en"] == "¥12,345.00, typical ¥5,000.00"
    assert feature["text_zh"] == "12,345.00 元，通常5,000.00 元"
    assert feature["range_en"] == "¥1,000.00 – ¥9,000.00"
    wide = a_record([0.1, 1.0, 0.0])["reasons"][0]["features"][0]
    assert wide["text_en"] == "¥12,345.00, typical ¥230.00"


def test_zero_contributions_are_left_out_and_unknown_values_are_null() -> None:
    record = a_record([0.3, 0.0, 0.0], values=[math.nan, 1.0, 0.0])
    assert [(c["feature"], c["value"]) for c in record["contributions"]] == [("peer_amount", None)]
    assert record["reasons"][0]["features"][0]["text_zh"].startswith("未知")


def test_a_reason_says_no_more_than_its_values() -> None:
    high = a_record([1.0, 0.0, 0.0])["reasons"][0]
    assert high["sentence_en"] == "The amount is high for this kind of case"
    below = a_record([1.0, 0.0, 0.0], values=[-3.0, 1.0, 0.0])["reasons"][0]
    assert below["sentence_en"] == "Raises the score: the amount"
    lowering = a_record([-1.0, 0.0, 0.0])["reasons"][0]
    assert lowering["sentence_zh"] == "降低评分：费用金额"


@pytest.mark.parametrize("kind", ["cold", "risk", "institutions"])
def test_every_published_record_adds_up(world, kind) -> None:
    scoring = getattr(world, kind)
    assert scoring.records
    for record in scoring.records:
        total = math.fsum(
            [record["base_value"], record["calibration"]]
            + [c["contribution"] for c in record["contributions"]]
        )
        if kind == "risk":
            p = record["risk_score"]
            assert record["score_name"] == "logit_risk_score"
            assert abs(math.log(p / (1 - p)) - total) <= 1e-9
        else:
            assert record["score_name"] == "anomaly_score"
            assert abs(record["anomaly_score"] - total) <= 1e-9
        reasons = [r["contribution"] for r in record["reasons"]]
        assert reasons == sorted(reasons, reverse=True)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=60, deadline=None)
def test_additivity_holds_for_any_parts(contributions, base, calibration) -> None:
    record = a_record(contributions, base=base, calibration=calibration)
    parts = [c["contribution"] for c in record["contributions"]]
    assert abs(record["score"] - math.fsum([base, calibration, *parts])) <= 1e-9


@pytest.mark.parametrize(
    "tamper",
    [
        lambda r: r.update(score=r["score"] + 2e-9),
        lambda r: r.update(base_value=r["base_value"] - 1e-6),
        lambda r: r.update(calibration=r["calibration"] + 1e-6),
        lambda r: r["contributions"].pop(),
        lambda r: r["contributions"][0].update(contribution=0.0),
        lambda r: r["reasons"].pop(0),
        lambda r: r["reasons"][0].update(contribution=99.0),
        lambda r: r.update(score=math.nan),
    ],
)
def test_a_tampered_record_is_refused(world, tamper) -> None:
    record = copy.deepcopy(world.risk.records[0])
    check_adds_up(record)
    tamper(record)
    with pytest.raises(RecordError, match="misses its score"):
        check_adds_up(record)


def test_an_expected_amount_that_is_not_the_product_is_refused(world) -> None:
    record = copy.deepcopy(world.risk.records[0])
    record["expected_amount"] += 2
    with pytest.raises(RecordError, match="probability x share x amount paid"):
        check_adds_up(record)


def test_a_score_that_is_not_the_models_is_refused() -> None:
    with pytest.raises(RecordError, match="misses its score"):
        a_record([1.0, 0.0, 0.0], risk=0.5)
    with pytest.raises(RecordError, match="between 0 and 1"):
        a_record([1.0, 0.0, 0.0], risk=1.0)


def test_ingredients_that_do_not_belong_together_are_named_at_once(world) -> None:
    part = world.cold.matrix.take(np.arange(3))
    rows = world.cold.table.take(pa.array([2, 1, 0]))
    with pytest.raises(RecordError) as caught:
        explain(world.risk.model, part, rows, {}, {}, world.institutions.distributions)
    for fault in ("different units", "same order", "scores of model"):
        assert fault in str(caught.value)


def test_records_are_plain_json_in_both_languages(world) -> None:
    for record in [*world.risk.records, *world.institutions.records]:
        text = json.dumps(record, allow_nan=False, ensure_ascii=False)
        assert json.loads(text) == record
        for reason in record["reasons"]:
            assert reason["sentence_en"]
            assert reason["sentence_zh"]
            for feature in reason["features"]:
                for lang in ("en", "zh"):
                    assert feature[f"label_{lang}"] != feature["name"]
                    assert feature[f"text_{lang}"]
        for hit in record["rule_hits"]:
            for lang in ("en", "zh"):
                assert hit[f"label_{lang}"]
                assert hit[f"sentence_{lang}"]
                assert hit[f"level_{lang}"]
                assert hit[f"caveat_{lang}"]
            assert len(hit["evidence"]) <= 20
        assert "fraud" not in text.lower()
        assert "欺诈" not in text


def test_evidence_names_what_the_rule_found(world) -> None:
    hits = [h for r in world.cold.records for h in r["rule_hits"]]
    by_rule = {rule.id: rule for rule in rules()}
    assert hits
    assert any(hit["evidence"] for hit in hits)
    for hit in hits:
        assert bool(hit["evidence"]) == bool(by_rule[hit["rule_id"]].evidence)
    # Rules of claims: what proves an institution's hit are its claims; others name their own proof.
    found = [h for r in world.institutions.records for h in r["rule_hits"]]
    places = [h for h in found if by_rule[h["rule_id"]].grain == "claim"]
    assert places
    assert len(found) > len(places)
    assert all(h["evidence"][0].startswith("clm_") for h in places)
    assert all(len(h["evidence"]) == min(20, h["hits"]) for h in places)


def test_lines_that_prove_a_hit_are_among_the_facts(world) -> None:
    proved = 0
    for record in world.cold.records:
        facts = record["facts"]
        shown = {line["line_id"] for line in facts["lines"] + facts.get("evidence_lines", [])}
        for hit in record["rule_hits"]:
            lines = {proof for proof in hit["evidence"] if proof.startswith("lin_")}
            assert lines <= shown
            proved += len(lines)
    assert proved


def test_the_largest_amount_at_stake_comes_first() -> None:
    hits = [Hit("OVERPRICED_ITEM", 3, 100), Hit("DUPLICATE_CLAIM", 1, 900)]
    record = a_record([0.1, 0.1, 0.1], hits=hits)
    assert [h["rule_id"] for h in record["rule_hits"]] == ["DUPLICATE_CLAIM", "OVERPRICED_ITEM"]
    assert record["rule_hits"][1]["sentence_zh"] == "3条明细单价超过最高限价"
