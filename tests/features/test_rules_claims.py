"""Rules of claims that lists decide: planted cases by hand, clean ones beside them.

Amounts are worked out from the planted rows; parameters and limits are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.features.planted_days import DAY, LISTS, day


def age_limit(town, code="X1", kind="item", unit="year", low=None, high=None, **given) -> None:
    town.add("age_limits", code_kind=kind, code=code, age_unit=unit, min_age=low, max_age=high,
             **{**LISTS, **given})  # fmt: skip


def born(town, day_of_birth: str | None, sex: str = "M") -> None:
    town.rows["insured"] = []
    town.add("insured", insured_id="p1", sex=sex, birth_date=day_of_birth
             and date.fromisoformat(day_of_birth))  # fmt: skip


@pytest.mark.parametrize(("birth", "hit"), [
    ("2012-03-02", True),  # eleven on 1 March 2024
    ("2012-03-01", False), ("2012-02-29", False), ("1968-03-02", False),
    ("1968-03-01", True),  # fifty-six
    ("1968-01-01", False),  # perhaps born late in 1968
    ("1967-01-01", True), ("2013-01-01", True), (None, False), ("2024-03-02", False),
])  # fmt: skip
def test_age_in_completed_years(town, birth, hit):
    """From 12 to 55 on 1 March 2024."""
    age_limit(town, low=12, high=55)
    born(town, birth)
    claim = town.claim("2024-03-01 10:00")
    line = town.line(claim, amount=70)
    town.line(claim, item_code="X2", amount=9)
    found = town.judged("AGE_CONFLICT")
    assert found.hits == ({claim: (1, 70)} if hit else {})
    assert found.evidence == ({claim: {line}} if hit else {})


@pytest.mark.parametrize(("service", "hit"), [
    ("2023-02-28", True), ("2023-03-01", False), ("2024-02-28", False),
])  # fmt: skip
def test_whoever_was_born_on_the_leap_day_is_a_year_older_on_1_march(town, service, hit):
    age_limit(town, low=3)
    born(town, "2020-02-29")
    claim = town.claim(service)
    town.line(claim)
    assert bool(town.judged("AGE_CONFLICT").hits) is hit


@pytest.mark.parametrize(("days", "hit"), [(27, False), (28, False), (29, True)])
def test_age_in_days(town, days, hit):
    age_limit(town, unit="day", high=28)
    born(town, str(DAY - timedelta(days=days)))
    town.line(town.claim("2024-03-01"))
    assert bool(town.judged("AGE_CONFLICT").hits) is hit


def test_a_diagnosis_for_another_age_puts_the_whole_claim_in_question(town):
    age_limit(town, "P59.9", "diagnosis", high=1)
    age_limit(town, "P59.9", "item", high=99)
    claim = town.claim("2024-03-01", main_diagnosis="P59.9")
    town.line(claim, item_code="P59.9")
    assert town.judged("AGE_CONFLICT").hits == {claim: (1, 10_000)}


def test_the_newborn_on_the_mothers_bill_is_no_conflict(town):
    born(town, "1995-06-01", "F")
    age_limit(town, high=1)
    town.add("sex_limits", item_code="X1", sex="M", **LISTS)
    town.line(town.stay(day(0), day(3), main_diagnosis="O80.0"))
    assert not town.judged("AGE_CONFLICT").hits
    assert not town.judged("SEX_CONFLICT").hits
    other = town.stay(day(9), day(12), main_diagnosis="I10")
    town.line(other)
    assert set(town.judged("AGE_CONFLICT").hits) == {other}
    assert set(town.judged("SEX_CONFLICT").hits) == {other}


@pytest.mark.parametrize(("kind", "code", "hit"), [
    ("diagnosis", "O80.0", True), ("diagnosis", "O80", False), ("procedure", "74.1", True),
    ("procedure", "O80.0", False),
])  # fmt: skip
def test_sex_conflict_of_codes(town, kind, code, hit):
    for start in (date(2023, 1, 1), date(2023, 2, 1)):
        town.add("sex_limited_codes", code_kind=kind, code=code, sex="F", valid_from=start)
    claim = town.stay(day(0), day(2), main_diagnosis="O80.0")
    town.add("claim_procedures", claim_id=claim, place=1, procedure_code="74.1")
    found = town.judged("SEX_CONFLICT")
    assert found.hits == ({claim: (1, 10_000)} if hit else {})
    assert found.evidence == ({claim: {claim}} if hit else {})  # the claim carries the code


def pair(town, whole="W", part="P", within="day", **given) -> None:
    town.add("exclusive_pairs", item_code=whole, other_item_code=part, within=within,
             **{**LISTS, **given})  # fmt: skip


@pytest.mark.parametrize(("within", "gap", "hit"), [
    ("day", 0, True), ("day", 1, False), ("operation", 0, True), ("operation", 1, False),
    ("stay", 0, True), ("stay", 1, True),
])  # fmt: skip
def test_duplicate_charge(town, within, gap, hit):
    pair(town, within=within)
    stay = town.stay(day(0), day(3))
    whole = town.line(stay, item_code="W", amount=50)
    parts = {town.line(stay, day(gap), item_code="P", amount=a) for a in (30, 12)}
    town.line(stay, item_code="X", amount=5)
    found = town.judged("DUPLICATE_CHARGE")
    assert found.hits == ({stay: (1, 42)} if hit else {})
    assert found.evidence == ({stay: {whole, *parts}} if hit else {})


def test_what_a_cheaper_item_includes_is_owed_as_far_as_that_item(town):
    pair(town)
    claim = town.claim("2024-03-01")
    town.line(claim, item_code="W", amount=10)
    town.line(claim, item_code="P", amount=30)
    assert town.judged("DUPLICATE_CHARGE").hits == {claim: (1, 10)}


@pytest.mark.parametrize("change", [
    {"exception": True}, {"valid_from": date(2024, 3, 2)}, {"valid_to": date(2024, 3, 1)},
])  # fmt: skip
def test_a_pair_that_does_not_hold_is_no_duplicate_charge(town, change):
    pair(town, **change)
    claim = town.claim("2024-03-01")
    for code in ("W", "P"):
        town.line(claim, item_code=code)
    assert not town.judged("DUPLICATE_CHARGE").hits


def test_rows_of_the_pair_list_that_say_the_same_count_once(town):
    pair(town)
    pair(town, valid_from=date(2023, 5, 1))
    pair(town, within="stay")
    claim = town.claim("2024-03-01")
    for code in ("W", "P", "W"):
        town.line(claim, item_code=code, amount=20)
    assert town.judged("DUPLICATE_CHARGE").hits == {claim: (1, 20)}
    other = town.claim("2024-03-01")
    town.line(other, item_code="P")
    assert set(town.judged("DUPLICATE_CHARGE").hits) == {claim}


def limit(town, kind: str, value: str, item="X1", **given) -> None:
    town.add("payment_limits", item_code=item, limit_kind=kind, limit_value=value,
             **{**LISTS, **given})  # fmt: skip


@pytest.mark.parametrize(("kind", "fits", "wrong"), [
    ("insurance_type", "310", "390"), ("level", "2", "3"), ("department", "cardio", "skin"),
    ("claim_type", "outpatient", "inpatient"),
])  # fmt: skip
def test_limits_of_payment(town, kind, fits, wrong):
    limit(town, kind, wrong)
    claim = town.claim("2024-03-01", insurance_type="310", department="cardio")
    line = town.line(claim, amount=800, covered_amount=500)
    town.line(claim, item_code="X2")
    found = town.judged("RESTRICTED_PAYMENT_BREACH")
    assert found.hits == {claim: (1, 500)}
    assert found.evidence == {claim: {line}}
    limit(town, kind, fits)  # one row of a kind must fit
    assert not town.judged("RESTRICTED_PAYMENT_BREACH").hits


@pytest.mark.parametrize(("claim", "line"), [
    ({"fund_amount": 0}, {}), ({}, {"pay_class": "self"}), ({}, {"covered_amount": 0}),
    ({}, {"amount": -800}),
])  # fmt: skip
def test_what_the_fund_did_not_pay_is_no_breach(town, claim, line):
    limit(town, "claim_type", "inpatient")
    town.line(town.claim("2024-03-01", **claim), **line)
    assert not town.judged("RESTRICTED_PAYMENT_BREACH").hits


@pytest.mark.parametrize(("main", "other", "hit"), [
    ("C34.9", None, False), ("I10", "C34.1", False), ("I10", None, True), ("I10", "E11.9", True),
    (None, None, False), ("C3", None, True),
])  # fmt: skip
def test_the_indication_is_among_the_diagnoses_of_the_claim(town, main, other, hit):
    for prefix in ("C34", "C50"):
        town.add("indications", item_code="X1", diagnosis_prefix=prefix, **LISTS)
    claim = town.claim("2024-03-01", main_diagnosis=main)
    for place, code in enumerate((main, other), 1):
        if code:
            town.add("claim_diagnoses", claim_id=claim, place=place, diagnosis_code=code,
                     main=place == 1)  # fmt: skip
    town.line(claim, amount=800)
    assert town.judged("RESTRICTED_PAYMENT_BREACH").hits == ({claim: (1, 800)} if hit else {})


@pytest.mark.parametrize(("gap", "hit"), [(179, False), (180, False), (181, True)])
def test_the_first_line_drug_comes_first(town, gap, hit):
    limit(town, "first_line", "F1")
    first = town.claim("2024-01-01")
    town.line(first, item_code="F1")
    later = town.claim(str(date(2024, 1, 1) + timedelta(days=gap)))
    town.line(later)
    assert bool(town.judged("RESTRICTED_PAYMENT_BREACH").hits) is hit


def test_a_claim_that_is_not_known_yet_is_not_judged(town):
    pair(town)
    town.claim("2024-02-01")
    claim = town.claim("2024-03-01", known="2026-01-01")
    for code in ("W", "P"):
        town.line(claim, item_code=code)
    assert not town.judged("DUPLICATE_CHARGE").hits
