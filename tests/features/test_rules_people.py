"""Rules about what the insured collect: admissions, purchases, doctors; amounts by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.features.planted_days import day
from tests.features.planted_people import purchases, stays, supplies


@pytest.mark.parametrize(("third", "hit"), [(88, True), (89, True), (90, False)])
def test_three_admissions_in_a_quarter(town, third, hit):
    planted = stays(town, 0, 40, third, fund_amount=900)
    found = town.judged("FREQUENT_ADMISSION")
    assert found.hits == ({planted[2]: (2, 900)} if hit else {})
    assert found.evidence == ({planted[2]: set(planted[:2])} if hit else {})


@pytest.mark.parametrize(("last", "hit"), [(364, True), (365, False)])
def test_six_admissions_in_a_year(town, last, hit):
    planted = stays(town, 0, 70, 140, 210, 270, last)
    assert town.judged("FREQUENT_ADMISSION").hits == ({planted[5]: (5, 7_000)} if hit else {})


@pytest.mark.parametrize(
    "change",
    [
        {"main_diagnosis": "Z51.1"},
        {"main_diagnosis": "F20.9"},
        {"main_diagnosis": "O80.0"},
        {"main_diagnosis": "D66"},
        {"discharge_way": "transferred"},
        {"stay_id": "s40"},
        {"insured_id": "p2"},
        {"claim_type": "outpatient"},
    ],
    ids=lambda change: "-".join(change.values()),
)
def test_what_is_no_frequent_admission(town, change):
    """A second of three stays that does not count leaves two."""
    stays(town, 0, 20, 40)
    town.rows["claims"][1].update(change)
    assert not town.judged("FREQUENT_ADMISSION").hits


@pytest.mark.parametrize(("last", "hit"), [(28, True), (29, True), (30, False)])
def test_a_drug_five_times_in_a_month(town, last, hit):
    planted = purchases(town, 0, 7, 14, 21, last)
    found = town.judged("FREQUENT_DRUG_PURCHASE")
    assert found.hits == ({planted[4]: (4, 1_000)} if hit else {})
    assert found.evidence == ({planted[4]: set(planted[:4])} if hit else {})


def test_four_times_or_bills_of_one_counter_are_not_frequent(town):
    purchases(town, 0, 7, 14, 21)
    for minute in range(3):
        claim = town.claim(f"{day(21)} 15:0{minute}", institution_id="shop3",
                           claim_type="pharmacy", total_amount=7 + minute)  # fmt: skip
        town.line(claim, item_code="X1")
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


@pytest.mark.parametrize("diagnosis", ["N18.5", "Z51.1", "Z49.1"])
def test_dialysis_and_cycles_need_their_drugs(town, diagnosis):
    purchases(town, *range(0, 20, 2), main_diagnosis=diagnosis)
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


@pytest.mark.parametrize(("number", "hit"), [(9, False), (10, True), (11, True)])
def test_ten_purchases_of_any_drug(town, number, hit):
    planted = []
    for n in range(number):
        planted += purchases(town, 2 * n, item=f"Y{n}", institution_id=f"i{n}")
    found = town.judged("FREQUENT_DRUG_PURCHASE").hits
    assert found == {planted[n]: (n, 1_000) for n in range(9, number)}
    assert bool(found) is hit


def test_a_second_bill_of_the_day_is_no_tenth_purchase(town):
    for n in range(9):
        purchases(town, 2 * n, item=f"Y{n}", institution_id=f"i{n}")
    purchases(town, 16, item="Y9", institution_id="i8", known_at=datetime(2024, 3, 18, tzinfo=UTC))
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


@pytest.mark.parametrize(("last", "hit"), [(89, False), (90, False), (91, True)])
def test_three_places_and_far_too_much(town, last, hit):
    """150 % of 180 days are 270: three supplies of 90 reach it, one day more passes it."""
    planted = supplies(town, ("a", "d1", 90), ("b", "d1", 90), ("c", None, last))
    found = town.judged("DOCTOR_SHOPPING")
    assert found.hits == ({planted[2]: (3, 500)} if hit else {})
    assert found.evidence == ({planted[2]: set(planted[:2])} if hit else {})


@pytest.mark.parametrize(("last", "hit"), [(89, False), (90, False), (91, True)])
def test_four_doctors_at_four_places(town, last, hit):
    """125 % of 180 days, 225, are enough with four doctors: 3 x 45 and more than 90."""
    planted = supplies(town, *((f"o{n}", f"d{n}", 45) for n in range(3)), ("o3", "d3", last))
    assert town.judged("DOCTOR_SHOPPING").hits == ({planted[3]: (4, 500)} if hit else {})


@pytest.mark.parametrize(
    ("place", "doctor"), [("o0", "d3"), ("o3", "d0"), ("o3", None)], ids=["places", "doctors", "no"]
)
def test_three_doctors_or_places_are_not_four(town, place, doctor):
    supplies(town, *((f"o{n}", f"d{n}", 45) for n in range(3)), (place, doctor, 99))
    assert not town.judged("DOCTOR_SHOPPING").hits


def test_two_places_or_two_drugs_are_no_shopping(town):
    planted = supplies(town, ("a", "d1", 180), ("b", "d2", 180), ("c", "d3", 180))
    town.rows["claims"][2]["institution_id"] = "a"
    assert not town.judged("DOCTOR_SHOPPING").hits
    town.rows["claims"][2]["institution_id"] = "c"
    line = next(row for row in town.rows["claim_lines"] if row["claim_id"] == planted[2])
    line["item_code"] = "X2"
    assert not town.judged("DOCTOR_SHOPPING").hits
