"""Rules of drugs handed out: boxes sold twice, two of one class, prescriptions that are split.

Amounts are worked out from the planted rows; parameters and limits are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.features.planted_days import LISTS, day


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
