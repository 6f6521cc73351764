"""Rules that judge an institution or a person itself, in the record with sentence and evidence."""

from __future__ import annotations

import re

import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from features.as_of import default_as_of
from features.build import build_rules
from features.findings import profile_findings
from features.rules import PROFILE_OF, rules
from serving.material import unit_hits
from serving.records import EVIDENCE, Hit, _rule_hit

RULE = next(rule for rule in rules() if rule.id == "BED_OVER_CAPACITY")


@pytest.fixture(scope="module")
def build(county, tmp_path_factory):
    """Return the rule hits of the small county; nothing is scored."""
    home = tmp_path_factory.mktemp("findings")
    load(source_mapping("nhsa"), county, home)
    store = open_store(home)
    return build_rules(store, default_as_of(store).day)


@pytest.fixture(scope="module")
def judged(build):
    """Return the build with hits of a rule planted for its largest institution."""
    con = build.con
    house, claims = con.execute(
        "SELECT institution_id, count(*) FROM facts WHERE inpatient = 1 GROUP BY ALL "
        "ORDER BY count(*) DESC, institution_id LIMIT 1"
    ).fetchone()
    day = con.execute("SELECT max(as_of_day) FROM cut_dates").fetchone()[0]
    con.execute("DELETE FROM profile_hits")
    rows = [(day, house, 6, 9_999), (day - 1, house, 5, 8_888), (day, "org_unknown", 7, 1)]
    for as_of_day, unit_id, hits, amount in rows:
        con.execute("INSERT INTO profile_hits VALUES (?, ?, ?, ?, ?)",
                    [RULE.id, as_of_day, unit_id, hits, amount])  # fmt: skip
    return build, house, claims


def test_an_institution_carries_what_its_rule_found(judged):
    made, house, _ = judged
    own = [hit for hit in unit_hits(made, "institution", [house])[house] if hit.rule_id == RULE.id]
    assert [(hit.hits, hit.amount) for hit in own] == [(6, 9_999)]  # of the last day alone
    assert set(unit_hits(made, "institution", [house])) == {house}


def test_persons_and_claims_do_not_carry_it(judged):
    made, house, _ = judged
    for unit in ("insured", "claim"):
        hits = unit_hits(made, unit, [house])
        assert not hits
    assert not profile_findings(made, ["insured"])
    assert PROFILE_OF[RULE.entity] == "institution"


def test_evidence_is_the_dearest_claims_of_the_unit(judged, monkeypatch):
    made, house, _ = judged
    text = """SELECT d.as_of_day, h.institution_id AS unit_id, h.claim_id AS evidence_id
    FROM cut_dates d JOIN history h ON h.known_us < d.as_of_us AND h.inpatient = 1"""
    monkeypatch.setitem(RULE.__dict__, "evidence", text)
    found = profile_findings(made, ["institution"], 3)
    proofs = {finding.unit_id: finding.evidence for finding in found}
    expected = made.con.execute(
        "SELECT claim_id FROM facts WHERE inpatient = 1 AND institution_id = ? "
        "ORDER BY fund_amount DESC, claim_id LIMIT 3", [house]
    ).fetchall()  # fmt: skip
    assert proofs == {house: tuple(claim for (claim,) in expected), "org_unknown": ()}
    assert len(profile_findings(made, ["institution"], EVIDENCE)[0].evidence) <= EVIDENCE


@pytest.mark.parametrize("unit", ["institution", "insured"])
def test_its_sentence_is_its_own(unit):
    said = _rule_hit(Hit(RULE.id, 6, 9_999, ("clm_1",)), unit)
    assert said["sentence_en"] == RULE.sentence("en", 6)
    assert said["sentence_zh"] == RULE.sentence("zh", 6)
    assert (said["basis_en"], said["caveat_zh"]) == (RULE.basis_en, RULE.caveat_zh)
    assert (said["hits"], said["evidence"]) == (6, ["clm_1"])


def test_a_claim_rule_still_counts_claims():
    said = _rule_hit(Hit("HANGING_BED", 4, 10), "institution")
    assert re.search(r"claims hit 4", said["sentence_en"])
