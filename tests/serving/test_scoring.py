"""A claim scored alone equals the batch, bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key
from serving.bundle import open_bundle
from serving.claim_faults import InputError
from serving.material import unit_facts
from serving.scoring import Scorer

SAMPLE = 240


@pytest.fixture(scope="module")
def scorer(risk_home):
    opened = Scorer(open_bundle(risk_home), pseudonym_key())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sample(world):
    """Rows of the matrix: every claim type, and the head of the ranking among them."""
    matrix = world.risk.matrix
    head = np.argsort(world.risk.table["risk_rank"].to_numpy())[:60]
    rest = np.random.default_rng(3).choice(len(matrix), SAMPLE - 60, replace=False)
    rows = np.unique(np.concatenate([head, rest]))
    assert len(rows) >= 200
    return rows


def bits(values) -> bytes:
    """Return the bytes of an array, with one spelling of NaN."""
    array = np.array(values, dtype=np.float64)
    return np.where(np.isnan(array), np.nan, array).tobytes()


def test_features_online_equal_the_batch(world, scorer, sample):
    matrix = world.risk.matrix
    claims = world.posted(matrix.unit_ids[sample].tolist())
    assert scorer.feature_names == matrix.names
    for row, claim in zip(sample, claims, strict=True):
        assert claim["claim_id"] == matrix.unit_ids[row]
        assert bits(scorer.features(claim).values) == bits(matrix.values[row])


@pytest.mark.parametrize("kind", ["cold", "risk"])
def test_scores_and_contributions_online_equal_the_batch(world, sample, kind, request):
    batch = getattr(world, kind)
    scorer = Scorer(open_bundle(request.getfixturevalue(f"{kind}_home")), pseudonym_key())
    claims = world.posted(batch.matrix.unit_ids[sample].tolist())
    records = [
        r for n in range(0, len(claims), 50) for r in scorer.score(claims[n : n + 50]).records
    ]
    rows = batch.table.take(sample).to_pylist()
    places = [batch.matrix.names.index(n) for n in batch.model.names]
    parts = batch.model.explain(batch.matrix.values[np.ix_(sample, places)])
    for n, (record, row) in enumerate(zip(records, rows, strict=True)):
        for name in ("unit_id", "anomaly_score", "risk_score", "expected_amount"):
            assert record[name] == row[name]
        given = {c["feature"]: c["contribution"] for c in record["contributions"]}
        assert bits([given.get(f, 0.0) for f in batch.model.names]) == bits(parts.contributions[n])
        assert record["base_value"] == parts.base_value
        assert record["calibration"] == parts.calibration[n]
    scorer.close()


def test_a_record_made_online_equals_the_published_one(world, scorer):
    published = world.risk.records[:40]
    claims = world.posted([r["unit_id"] for r in published])
    for made, batch in zip(scorer.score(claims).records, published, strict=True):
        assert made["reasons"] == batch["reasons"]
        assert {h["rule_id"]: h["hits"] for h in made["rule_hits"]} == {
            h["rule_id"]: h["hits"] for h in batch["rule_hits"]
        }
        facts = {k: v for k, v in batch["facts"].items() if k != "evidence_lines"}
        assert made["facts"] == facts
        assert made["risk_rank"] is None


def test_the_batch_facts_name_what_the_page_shows(world):
    unit_id = world.risk.records[0]["unit_id"]
    facts = unit_facts(world.made, "claim", [unit_id])[unit_id]
    assert facts["total_amount"] == world.posted([unit_id])[0]["total_amount"]


def test_one_claim_and_many_give_the_same(world, scorer):
    claims = world.posted(world.risk.matrix.unit_ids[:12].tolist())
    alone = [scorer.score([claim]).records[0] for claim in claims]
    assert scorer.score(claims).records == alone


def test_raw_ids_become_pseudonyms_and_local_times_the_same_moment(world, scorer):
    claim = world.posted([world.risk.matrix.unit_ids[0]])[0]
    local = copy.deepcopy(claim)
    for name in ("service_at", "service_end_at", "known_at"):
        moment = np.datetime64(claim[name].replace("+00:00", ""), "us") + np.timedelta64(8, "h")
        local[name] = str(moment)  # Shanghai has had UTC+8 without change since 1991
    local["claim_id"] = "S-raw-1"
    (record,) = scorer.score([local]).records
    assert record["unit_id"] == pseudonym("claim", "S-raw-1", pseudonym_key())
    assert record["score"] == scorer.score([claim]).records[0]["score"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "USD"}, "input_currency"),
        ({"service_at": "2024-13-45T00:00:00"}, "input_time"),
        ({"known_at": "0001-01-01T00:00:00+14:00"}, "input_time"),
        ({"service_end_at": "1999-01-01T00:00:00"}, "end_before_start"),
    ],
)
def test_every_fault_is_told_without_its_value(world, scorer, change, code):
    good = world.posted(world.risk.matrix.unit_ids[:3].tolist())
    bad = [good[0], good[1] | change, good[2] | change]
    with pytest.raises(InputError) as caught:
        scorer.score(bad)
    assert [(f.code, f.claim) for f in caught.value.faults] == [(code, 1), (code, 2)]
    for lang in ("en", "zh"):
        said = " ".join(f.text(lang) for f in caught.value.faults)
        assert not any(str(value) in said for value in change.values())
