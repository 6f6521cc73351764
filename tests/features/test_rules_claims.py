"""Rules of claims that lists and registers decide: planted cases by hand, clean ones beside them.

Amounts are worked out from the planted rows; parameters and limits are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

DAY = date(2024, 3, 1)
LISTS = {"valid_from": date(2023, 1, 1)}


def day(number: int) -> str:
    """Return the day ``number`` days after 1 March 2024."""
    return str(DAY + timedelta(days=number))


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


def box(town, claim_id: str, moved: str, code="T1", movement="sale", **given) -> None:
    moment = datetime.fromisoformat(moved).replace(tzinfo=UTC)
    town.add("trace_codes", trace_code=code, institution_id="o1", item_code="X1",
             movement=movement, moved_at=moment, claim_id=claim_id,
             **{"known_at": moment, **given})  # fmt: skip


def sales(town, number: int) -> list[str]:
    found = []
    for n in range(number):
        claim = town.claim(day(n) + " 10:00", claim_type="pharmacy", insured_id=f"q{n}")
        town.line(claim, unit_price=650, quantity_milli=2_000, amount=1_300)
        box(town, claim, day(n) + " 02:30")
        found.append(claim)
    return found


def test_a_trace_code_is_sold_once(town):
    first, second, third = sales(town, 3)
    found = town.judged("TRACE_CODE_REUSE")
    assert found.hits == {second: (1, 650), third: (1, 650)}
    assert first in found.evidence[second]
    assert {first, second} <= found.evidence[third]


def test_a_box_that_came_back_may_be_sold_again(town):
    first, _ = sales(town, 2)
    box(town, first, day(0) + " 20:00", movement="return")
    assert not town.judged("TRACE_CODE_REUSE").hits


def test_a_box_of_a_cancelled_bill_may_be_sold_again(town):
    first, second = sales(town, 2)
    town.reverse(first, day(5))  # known only after the second sale
    assert set(town.judged("TRACE_CODE_REUSE").hits) == {second}
    town.reverse(first, day(0) + " 20:00")
    assert not town.judged("TRACE_CODE_REUSE").hits


def test_several_boxes_cost_no_more_than_the_claim(town):
    first, second = sales(town, 2)
    for n in range(30):
        box(town, first, day(0) + " 02:30", code=f"U{n}")
        box(town, second, day(1) + " 02:30", code=f"U{n}")
    assert town.judged("TRACE_CODE_REUSE").hits == {second: (31, 10_000)}


def doctor(town, **given) -> None:
    town.add("doctors", doctor_id="d1", institution_id="o1", insured_id="own")
    town.add("doctor_practices", doctor_id="d1", known_at=datetime(2023, 1, 1, tzinfo=UTC),
             **{**LISTS, "institution_id": "o1", **given})  # fmt: skip


@pytest.mark.parametrize(("number", "hit"), [(-1, False), (0, True), (4, True), (5, False)])
def test_a_doctor_on_leave_gives_no_service(town, number, hit):
    doctor(town)
    town.add("doctor_absences", doctor_id="d1", absence="leave", valid_from=DAY,
             valid_to=DAY + timedelta(days=5),
             known_at=datetime(2024, 2, 1, tzinfo=UTC))  # fmt: skip
    claim = town.claim(day(number) + " 10:00", doctor_id="d1")
    found = town.judged("DOCTOR_UNAVAILABLE")
    assert found.hits == ({claim: (1, 10_000)} if hit else {})
    assert found.evidence == ({claim: {claim}} if hit else {})


@pytest.mark.parametrize(("change", "hit"), [
    ({}, False), ({"valid_to": DAY}, True), ({"valid_to": DAY + timedelta(days=1)}, False),
    ({"institution_id": "o2"}, True), ({"valid_from": DAY + timedelta(days=1)}, True),
])  # fmt: skip
def test_a_doctor_works_where_the_register_says(town, change, hit):
    doctor(town, **change)
    town.claim("2024-03-01 10:00", doctor_id="d1")
    town.claim("2024-03-01 10:00", doctor_id="unknown")
    assert bool(town.judged("DOCTOR_UNAVAILABLE").hits) is hit


@pytest.mark.parametrize(("number", "hit"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_doctor_in_hospital_gives_no_service(town, number, hit):
    doctor(town)
    town.stay(day(0), day(5), known=day(6), insured_id="own", institution_id="o2")
    stay = town.stay(day(0), day(5), known=day(9), doctor_id="d1")
    lines = [town.line(stay, day(n), doctor_id="d1", amount=100) for n in (0, number)]
    town.line(stay, day(3), doctor_id="d2")
    found = town.judged("DOCTOR_UNAVAILABLE")
    assert found.hits == ({stay: (1, 100)} if hit else {})
    assert found.evidence == ({stay: {lines[1]}} if hit else {})


def test_what_the_register_learns_later_says_nothing_about_earlier_claims(town):
    doctor(town)
    known = datetime(2024, 6, 1, tzinfo=UTC)
    town.add("doctor_absences", doctor_id="d1", absence="left", valid_from=DAY, known_at=known)
    town.add("deaths", insured_id="own", death_date=DAY - timedelta(days=9), known_at=known)
    town.claim("2024-03-01 10:00", doctor_id="d1")
    later = town.claim("2024-06-01 10:00", doctor_id="d1")
    assert town.judged("DOCTOR_UNAVAILABLE").hits == {later: (1, 10_000)}


def drugs(town, began: str, *codes: str, days=28, **given) -> str:
    claim = town.claim(began, **given)
    for code in codes:
        town.line(claim, item_code=code, days_supply=days, amount=700)
    return claim


def classes(town) -> None:
    for code, name, chronic in (("A", "C08", True), ("B", "C08", True), ("C", "C09", True),
                                ("D", "J01", False), ("E", "J01", False)):  # fmt: skip
        town.add("drug_classes", item_code=code, drug_class=name, chronic=chronic, **LISTS)


@pytest.mark.parametrize(("codes", "days", "hit"), [
    (("A", "B"), 7, True), (("A", "B"), 6, False), (("A", "C"), 28, False),
    (("D", "E"), 28, False), (("B", "B"), 28, False),
])  # fmt: skip
def test_a_second_drug_of_the_class(town, codes, days, hit):
    classes(town)
    for standing in ("A", "D"):
        drugs(town, "2024-02-01", standing)
    later = drugs(town, "2024-03-01", *codes, days=days)
    found = town.judged("DUPLICATE_RX")
    assert found.hits == ({later: (1, 700)} if hit else {})
    if hit:
        added = {r["line_id"] for r in town.rows["claim_lines"] if r["item_code"] == "B"}
        assert found.evidence[later] == added


@pytest.mark.parametrize(("gap", "hit"), [(20, True), (21, True), (22, False)])
def test_a_second_drug_of_the_class_elsewhere(town, gap, hit):
    """28 days' supply: after 21 days a week of it is left, after 22 less."""
    classes(town)
    drugs(town, "2024-01-01", "A")
    standing = drugs(town, "2024-02-01", "A")
    later = drugs(town, str(date(2024, 2, 1) + timedelta(days=gap)), "B", institution_id="o2")
    found = town.judged("DUPLICATE_RX")
    assert found.hits == ({later: (1, 700)} if hit else {})
    if hit:
        assert standing in found.evidence[later]


def test_two_drugs_that_were_never_taken_before_are_a_first_treatment(town):
    classes(town)
    drugs(town, "2024-03-01", "A", "B")
    drugs(town, "2024-03-01", "A", "B", claim_type="pharmacy", insured_id="p2")
    assert not town.judged("DUPLICATE_RX").hits


def prescriptions(town, *bills: tuple[tuple[str, ...], int], **given) -> list[str]:
    """Plant bills of one doctor on a day: the drugs of each, and the amount of each drug."""
    made = []
    for number, (codes, amount) in enumerate(bills):
        claim = town.claim(
            f"2024-03-01 1{number}:00", doctor_id="d1", insurance_type="310", **given
        )
        for code in codes:
            town.line(claim, item_code=code, amount=amount)
        made.append(claim)
    return made


@pytest.mark.parametrize(("bills", "hit"), [
    (((("A",), 100), (("B",), 100)), False),
    (((("A",), 100), (("B",), 100), (("C",), 100)), True),
    (((("A", "B", "C"), 100), (("D", "E", "F"), 100)), True),  # six drugs
    (((("A", "B", "C"), 100), (("D", "E", "C"), 100)), False),  # five
    (((("A", "B", "C", "D", "E", "F"), 100), (("G",), 100)), False),  # not within the limit
    (((("A",), 5_000), (("B",), 5_001)), True), (((("A",), 5_000), (("B",), 5_000)), False),
    (((("A",), 10_001), (("B",), 100)), False),
])  # fmt: skip
def test_split_prescription(town, bills, hit):
    """No more than five drugs or 100 yuan on a prescription."""
    town.add("policy_limits", insurance_type="310", limit_kind="prescription_cap", level="all",
             limit_amount=10_000, **LISTS)  # fmt: skip
    made = prescriptions(town, *bills)
    found = town.judged("SPLIT_PRESCRIPTION")
    codes, amount = bills[-1]
    assert found.hits == ({made[-1]: (len(made) - 1, amount * len(codes))} if hit else {})
    assert found.evidence == ({made[-1]: set(made[:-1])} if hit else {})


def test_slices_and_controlled_drugs_have_prescriptions_of_their_own(town):
    for code, kind, controlled in (("A", "herbal", False), ("B", "drug", True)):
        town.add("items", item_code=code, list_kind=kind, controlled=controlled, **LISTS)
    prescriptions(town, (("A",), 100), (("B",), 100), (("C",), 100))
    assert not town.judged("SPLIT_PRESCRIPTION").hits
    prescriptions(town, (("C",), 100), (("D",), 100))
    assert len(town.judged("SPLIT_PRESCRIPTION").hits) == 1


@pytest.mark.parametrize("change", [
    {"insured_id": "p2"}, {"doctor_id": "d2"}, {"institution_id": "o2"}, {"claim_type": "pharmacy"},
    {"service_date": date(2024, 3, 2)},
])  # fmt: skip
def test_bills_of_another_doctor_place_or_day_are_no_split(town, change):
    made = prescriptions(town, (("A",), 100), (("B",), 100), (("C",), 100))
    next(row for row in town.rows["claims"] if row["claim_id"] == made[1]).update(change)
    assert not town.judged("SPLIT_PRESCRIPTION").hits


def plant_frequent(town) -> None:
    town.add("frequency_limits", item_code="X1", period="week", max_quantity_milli=1_000, **LISTS)
    for n in range(2):
        town.line(town.claim(day(n) + " 10:00"))


def plant_standing(town) -> None:
    classes(town)
    drugs(town, "2024-02-01", "A")
    drugs(town, "2024-03-01", "A", "B")


def plant_bills(town) -> None:
    prescriptions(town, (("A",), 100), (("B",), 100), (("C",), 100))


def plant_boxes(town) -> None:
    sales(town, 2)


EARLIER = {
    "FREQUENCY_EXCEEDED": plant_frequent, "DUPLICATE_RX": plant_standing,
    "SPLIT_PRESCRIPTION": plant_bills, "TRACE_CODE_REUSE": plant_boxes,
}  # fmt: skip


@pytest.mark.parametrize("rule_id", EARLIER)
def test_what_was_cancelled_or_not_yet_known_proves_nothing(town, rule_id):
    EARLIER[rule_id](town)
    (hit,) = town.judged(rule_id).hits
    before = [row for row in town.rows["claims"] if row["claim_id"] != hit]
    for row in before:
        row["reversed_at"] = row["known_at"]
    assert not town.judged(rule_id).hits
    for row in before:
        row["reversed_at"] = None
    for name in ("claims", "trace_codes"):
        for row in town.rows.get(name, []):
            row["known_at"] = datetime(2024, 6, 1, tzinfo=UTC)
    assert not town.judged(rule_id).hits


@pytest.mark.parametrize("rule_id", EARLIER)
def test_later_claims_and_the_order_of_rows_change_no_hit(town, rule_id):
    EARLIER[rule_id](town)
    before = town.judged(rule_id).hits
    for row in list(town.rows["claims"]):
        later = town.claim("2024-09-01 10:00", **{
            name: row[name] for name in ("insured_id", "claim_type", "doctor_id") if name in row
        })  # fmt: skip
        town.line(later, item_code="ZZ", days_supply=28)
    for name, rows in town.rows.items():
        town.rows[name] = rows[::-1]
    after = town.judged(rule_id).hits
    assert {claim: after[claim] for claim in before} == before


def test_a_claim_that_is_not_known_yet_is_not_judged(town):
    pair(town)
    town.claim("2024-02-01")
    claim = town.claim("2024-03-01", known="2026-01-01")
    for code in ("W", "P"):
        town.line(claim, item_code=code)
    assert not town.judged("DUPLICATE_CHARGE").hits
