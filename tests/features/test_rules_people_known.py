"""Rules about the insured see what was known and stood: order, reversals, late claims, lists."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.features.planted_people import (
    FULL,
    borrowed,
    purchases,
    resale,
    resold,
    round_payments,
    stays,
    supplies,
    visit,
)

PLANTED = {
    "FREQUENT_ADMISSION": lambda town: stays(town, 0, 30, 60),
    "FREQUENT_DRUG_PURCHASE": lambda town: purchases(town, 0, 7, 14, 21, 28),
    "DOCTOR_SHOPPING": lambda town: supplies(
        town, ("a", "d1", 90), ("b", "d1", 90), ("c", None, 91)
    ),
    "DRUG_RESALE_PATTERN": lambda town: (resold(town), resale(town, *FULL, cash=100))[1],
    "IDENTITY_MISUSE": lambda town: (
        borrowed(town), [visit(town, n, *one)[0] for n, one in ((0, ("Z34.9", "X1")),
                                                               (30, ("I10", "S1")))]
    )[1],
    "CAP_OR_ACCOUNT_DRAIN": lambda town: round_payments(town, 5),
}  # fmt: skip
LISTS = ("items", "indications", "age_limits", "sex_limits", "sex_limited_codes", "policy_limits")


@pytest.mark.parametrize("rule_id", PLANTED)
def test_order_and_repeated_rows_of_lists_are_irrelevant(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    assert set(before.hits) == {planted[-1]}
    for name, rows in town.rows.items():
        town.rows[name] = rows[::-1]
        if name in LISTS:
            town.rows[name] = rows[::-1] + [
                {**row, "valid_from": row["valid_from"] + timedelta(days=1)} for row in rows
            ]
    assert town.judged(rule_id) == before


@pytest.mark.parametrize("rule_id", PLANTED)
def test_reversed_claims_prove_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    for row in town.rows["claims"]:
        if row["claim_id"] != planted[-1]:
            row["reversed_at"] = row["known_at"]
    assert not town.judged(rule_id).hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_a_reversal_that_is_known_later_changes_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    known = max(row["known_at"] for row in town.rows["claims"])
    for row in town.rows["claims"]:
        if row["claim_id"] != planted[-1]:
            row["reversed_at"] = known
    assert town.judged(rule_id).hits == before.hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_claims_known_at_the_same_moment_prove_nothing(town, rule_id):
    PLANTED[rule_id](town)
    for row in town.rows["claims"]:
        row["known_at"] = datetime(2025, 1, 1, tzinfo=UTC)
    assert not town.judged(rule_id).hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_what_becomes_known_later_changes_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    last = max(row["known_at"] for row in town.rows["claims"])
    for row in copy.deepcopy(town.rows["claims"]):
        town.add("claims", **{**row, "claim_id": "late" + row["claim_id"],
                              "known_at": last + timedelta(days=1)})  # fmt: skip
    after = town.judged(rule_id)
    assert {c: h for c, h in after.hits.items() if not c.startswith("late")} == before.hits
    assert after.evidence[planted[-1]] == before.evidence[planted[-1]]


@pytest.mark.parametrize("rule_id", PLANTED)
def test_a_lawful_reason_explains_the_claim(town, rule_id):
    """The whitelist explains whatever its person does."""
    PLANTED[rule_id](town)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for person in {row["insured_id"] for row in town.rows["claims"]}:
        town.add("whitelists", whitelist_id=f"w{person}", reason="other", insured_id=person,
                 valid_from=date(2024, 1, 1), known_at=start)  # fmt: skip
    assert not town.judged(rule_id).hits
