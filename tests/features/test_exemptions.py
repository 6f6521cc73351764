"""Lawful reasons: whom each kind leaves out, from when, and that it frees from nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from features.exemptions import exemptions
from features.rules import rules
from tests.features.planted_days import DAY


def listed(town, reason: str, **given) -> None:
    town.add("whitelists", whitelist_id=f"w{len(town.rows.get('whitelists', []))}", reason=reason,
             **{"insured_id": "p1", "valid_from": date(2024, 1, 1),
                "known_at": datetime(2024, 1, 1, tzinfo=UTC), **given})  # fmt: skip


def kinds(town) -> dict[str, set[str]]:
    """Return the kinds that explain each claim."""
    made = town.rules("2025-12-01", "whitelists")
    found: dict[str, set[str]] = {}
    for claim_id, kind in made.con.execute("FROM exempt").fetchall():
        found.setdefault(claim_id, set()).add(kind)
    return found


@pytest.mark.parametrize(("code", "kind"), [
    ("N18.5", "dialysis"), ("Z49.1", "dialysis"), ("Z99.2", "dialysis"), ("Z51.1", "chemotherapy"),
    ("Z50.1", "rehabilitation"), ("Z38.0", "newborn"), ("N17.9", None), ("C34.9", None),
    ("Z99.1", None), (None, None),
])  # fmt: skip
def test_reasons_by_diagnosis(town, code, kind):
    claim = town.claim("2024-03-01", main_diagnosis=code)
    assert kinds(town).get(claim, set()) == ({kind} if kind else set())


@pytest.mark.parametrize(("reason", "code", "kind"), [
    ("dialysis", "N04.9", "dialysis"), ("dialysis", None, "dialysis"), ("dialysis", "J18.9", None),
    ("chemotherapy", "C34.9", "chemotherapy"), ("radiotherapy", "D05.9", "chemotherapy"),
    ("chemotherapy", "J18.9", None), ("rehabilitation", "I69.3", "rehabilitation"),
    ("care_home", "I10", "care_home"), ("long_prescription", "I10", "long_prescription"),
    ("transfer", "I10", "transfer"), ("other", "J18.9", "listed"), ("assistance", "I10", None),
])  # fmt: skip
def test_reasons_by_whitelist(town, reason, code, kind):
    listed(town, reason)
    claim = town.claim("2024-03-01", main_diagnosis=code)
    town.claim("2024-03-01", main_diagnosis=code, insured_id="p2")
    found = kinds(town)
    assert found == ({claim: {kind}} if kind else {})


@pytest.mark.parametrize(("change", "seen"), [
    ({}, True), ({"valid_from": DAY}, True), ({"valid_from": DAY + timedelta(days=1)}, False),
    ({"valid_to": DAY}, False), ({"valid_to": DAY + timedelta(days=1)}, True),
    ({"known_at": datetime(2024, 6, 1, tzinfo=UTC)}, False), ({"institution_id": "o1"}, True),
    ({"institution_id": "o2"}, False), ({"insured_id": None}, False),
    ({"insured_id": None, "institution_id": "o1"}, True),
])  # fmt: skip
def test_an_entry_holds_on_its_days_for_whom_it_names(town, change, seen):
    listed(town, "other", **change)
    claim = town.claim("2024-03-01 10:00")
    assert (claim in kinds(town)) is seen


def test_an_entry_of_one_rule_frees_from_this_rule_alone(town):
    listed(town, "other", rule_id="DUPLICATE_CLAIM")
    for n in range(4):
        town.claim("2024-03-01 10:00", known=f"2024-03-0{n + 2}")
    hits = town.rules("2025-12-01", "whitelists").con.execute("FROM rule_hits").fetchall()
    assert {row[0] for row in hits} == {"FREQUENT_OUTPATIENT"}
    town.rows["whitelists"][0]["rule_id"] = None
    assert not town.rules("2025-12-01", "whitelists").con.execute("FROM rule_hits").fetchall()


@pytest.mark.parametrize(("age", "seen"), [(-1, False), (0, True), (28, True), (29, False)])
def test_a_newborn_is_28_days_old_at_most(town, age, seen):
    town.rows["insured"][0]["birth_date"] = DAY - timedelta(days=age)
    claim = town.claim("2024-03-01 10:00")
    assert (kinds(town).get(claim) == {"newborn"}) is seen


@pytest.mark.parametrize(("sex", "born", "code", "seen"), [
    ("F", 1990, "O80.0", True), ("F", None, "O82.0", True), ("M", 1990, "O80.0", False),
    ("F", 1960, "O80.0", False), ("F", 2013, "O80.0", False), ("F", 1990, "O03.9", False),
])  # fmt: skip
def test_a_delivery_is_a_womans(town, sex, born, code, seen):
    town.rows["insured"][0].update(sex=sex, birth_date=born and date(born, 1, 1))
    claim = town.stay("2024-03-01", "2024-03-03", main_diagnosis=code)
    assert (kinds(town).get(claim) == {"delivery"}) is seen


@pytest.mark.parametrize(("gap", "place", "way", "seen"), [
    (0, "o2", "transferred", True), (1, "o2", "primary_care", True),
    (2, "o2", "transferred", False), (0, "o1", "transferred", False), (0, "o2", "advised", False),
])  # fmt: skip
def test_a_transfer_frees_the_stay_that_follows_elsewhere(town, gap, place, way, seen):
    first = town.stay("2024-02-25", "2024-03-01", discharge_way=way)
    later = town.stay(str(DAY + timedelta(days=gap)), "2024-03-09", institution_id=place)
    found = kinds(town)
    assert (found.get(later) == {"transfer"}) is seen
    assert (first in found) is (way != "advised")


@pytest.mark.parametrize(("neighbours", "change", "seen"), [
    (4, {}, False), (5, {}, True), (5, {"village_id": "v2"}, False),
    (5, {"institution_id": "o1"}, False),
])  # fmt: skip
def test_a_village_morning_is_neighbours_at_a_small_place(town, neighbours, change, seen):
    town.institution("clinic", "primary_care", "none")
    for n in range(neighbours + 1):
        village = change.get("village_id", "v1") if n < neighbours else "v1"
        town.add("insured", insured_id=f"q{n}", village_id=village)
        last = town.claim(f"2024-03-01 08:{10 + 5 * n}", known=f"2024-03-01 09:{10 + n}",
                          insured_id=f"q{n}",
                          institution_id=change.get("institution_id", "clinic"))  # fmt: skip
    assert (kinds(town).get(last) == {"village_morning"}) is seen


@pytest.mark.parametrize("one", exemptions().values(), ids=list(exemptions()))
def test_every_kind_speaks_both_languages(one):
    assert one.label("en").strip()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in one.label("zh"))


def test_no_violation_is_excused_by_a_course_of_treatment():
    """Whoever has dialysis may still not be charged twice: hard limits know few reasons."""
    hard = {rule.id: set(rule.exempt) for rule in rules() if rule.level == "violation"}
    for rule_id in ("CHARGE_OUTSIDE_STAY", "DUPLICATE_CHARGE", "OVERPRICED_ITEM",
                    "QTY_OVER_DAILY_MAX", "SERVICE_AFTER_DEATH", "TRACE_CODE_REUSE",
                    "UNBUNDLED_CHARGE"):  # fmt: skip
        assert not hard[rule_id]
