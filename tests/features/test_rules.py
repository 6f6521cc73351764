"""What holds of every rule: planted somewhere, and unmoved by the reversed, late or repeated."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from features.as_of import default_as_of
from features.build import build_rules
from features.rules import finding_kind, rules
from tests.features.planted_days import batch, day

TABLES = ("claim_lines", "deaths", "price_caps", "sex_limits", "daily_maxima", "mild_diagnoses",
          "sex_limited_codes", "claim_procedures")  # fmt: skip
RULES = {rule.id: rule for rule in rules()}


def plant_pairs(town) -> None:
    """Plant every rule that looks at an earlier claim, each with its own person."""
    batch(town, 5)
    for person in ("d", "s", "v", "f", "x", "o", "m"):
        town.add("insured", insured_id=person, sex="M", birth_date=None)
    town.claim(day(0), insured_id="d")
    town.claim(day(0), known=day(3), insured_id="d")
    for start, code in ((0, "J44"), (6, "J44")):
        town.stay(day(start), day(start + 2), insured_id="s", main_diagnosis=code)
    town.claim(day(2), insured_id="v", institution_id="o2")
    town.stay(day(0), day(5), insured_id="v")
    for n in range(4):
        town.claim(day(0), known=day(n + 1), insured_id="f", total_amount=n + 1)
    for n in range(2):
        town.line(town.claim(day(n), insured_id="x", total_amount=n + 5), days_supply=84)
        town.stay(day(n), day(7), known=day(10 + n), insured_id="o", total_amount=n + 5)
    for n in range(3):
        town.claim(day(0), known=day(n + 1), insured_id="m", institution_id=f"o{n}",
                   total_amount=n + 5)  # fmt: skip


PAIRS = {
    "BATCH_CARD_SWIPING", "DUPLICATE_CLAIM", "EXCESS_DAYS_SUPPLY", "FREQUENT_OUTPATIENT",
    "OUTPATIENT_DURING_STAY", "OVERLAPPING_STAYS", "SAME_DAY_MULTI_INSTITUTION",
    "SPLIT_HOSPITALISATION",
}  # fmt: skip


def test_reversed_claims_prove_nothing(town):
    plant_pairs(town)
    found = town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()
    assert {row[0] for row in found} == PAIRS
    hit = {row[1] for row in found}
    for row in town.rows["claims"]:
        if row["claim_id"] not in hit:
            row["reversed_at"] = row["known_at"]
    left = town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()
    assert left == []


def test_claims_known_at_the_same_moment_prove_nothing_about_each_other(town):
    plant_pairs(town)
    for row in town.rows["claims"]:
        row["known_at"] = datetime(2024, 4, 1, tzinfo=UTC)
    assert not town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()


def test_a_reversal_is_no_service(town):
    claim = town.claim("2024-03-01 10:00")
    town.claim("2024-03-01 10:00", known="2024-03-05", reverses_claim_id=claim,
               total_amount=10_000)  # fmt: skip
    town.reverse(claim, "2024-03-05")
    made = town.build()
    assert len(made.matrix("claim")) == 0
    assert not made.con.execute("FROM rule_hits").fetchall()


def test_the_gravest_rule_names_the_kind_of_finding():
    """A violation before a suspicion before a lead, among equals the first by id."""
    ids = ["DRG_UPCODING", "OUTPATIENT_DURING_STAY", "CLONED_STAYS", "SEX_CONFLICT"]
    assert [level_of(one) for one in ids] == ["lead", "suspicion", "suspicion", "violation"]
    kinds = [finding_kind("outpatient", ids[:count]) for count in range(5)]
    assert kinds == ["outpatient", ids[0], ids[1], ids[2], ids[3]]


def level_of(rule_id: str) -> str:
    return next(rule.level for rule in rules() if rule.id == rule_id)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_is_planted_somewhere(rule_id):
    """In a module of its own kind: that a rule is named here proves nothing."""
    planting = {*Path(__file__).parent.glob("test_rules*.py")} - {Path(__file__)}
    assert any(f'"{rule_id}"' in path.read_text(encoding="utf-8") for path in planting)


def test_an_exact_duplicate_upload_is_irrelevant(simulated_files, tmp_path):
    """The same rows sent twice, in another order, give the same hits."""
    found = []
    for name, repeat in (("once", lambda rows: rows), ("twice", lambda rows: rows[::-1] + rows)):
        folder = tmp_path / name
        folder.mkdir()
        for path in simulated_files.glob("*.csv"):
            head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / path.name).write_text("".join([head, *repeat(rows)]), encoding="utf-8")
        load(source_mapping("nhsa"), folder, tmp_path / f"home_{name}")
        store = open_store(tmp_path / f"home_{name}")
        made = build_rules(store, default_as_of(store).day)
        found.append(made.con.execute("FROM rule_hits ORDER BY ALL").fetchall())
    assert found[0] == found[1]
    assert len({row[0] for row in found[0]}) >= 8
