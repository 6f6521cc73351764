"""Rules about stays: charges outside, idle beds, visits meanwhile, overlaps and splits.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date

import pytest

from tests.features.planted_days import day


@pytest.mark.parametrize(("first", "last", "hits"), [(0, 4, 0), (-1, 4, 1), (0, 5, 1), (-1, 5, 2)])
def test_charge_outside_stay(town, first, last, hits):
    stay = town.stay(day(0), day(4))
    lines = [town.line(stay, day(first), amount=100), town.line(stay, day(last), amount=30)]
    town.line(stay, day(2), amount=7)
    found = town.judged("CHARGE_OUTSIDE_STAY")
    wrong = [(amount, line) for amount, line, out in
             ((100, lines[0], first < 0), (30, lines[1], last > 4)) if out]  # fmt: skip
    assert found.hits == ({stay: (hits, sum(a for a, _ in wrong))} if hits else {})
    assert found.evidence.get(stay, set()) == {line for _, line in wrong}


def test_charges_of_a_visit_are_not_tied_to_its_days(town):
    visit = town.claim("2024-03-01 10:00")
    town.line(visit, day(9))
    assert not town.judged("CHARGE_OUTSIDE_STAY").hits


def hanging(town, days=6, idle=4, bed=3_000, total=20_000):
    """Plant a stay with bed charges on every day and treatment on all but ``idle`` days."""
    stay = town.stay(day(0), day(days), total_amount=total)
    beds = [town.line(stay, day(n), item_class="bed", amount=bed) for n in range(days)]
    for n in range(days - idle):
        town.line(stay, day(n), item_class="treatment", amount=500)
    return stay, beds


@pytest.mark.parametrize("idle", [2, 3, 4])
def test_hanging_bed(town, idle):
    stay, beds = hanging(town, idle=idle)
    found = town.judged("HANGING_BED")
    assert found.hits == ({stay: (idle, 18_000)} if idle >= 3 else {})
    assert found.evidence == ({stay: set(beds[6 - idle :])} if idle >= 3 else {})


@pytest.mark.parametrize(("days", "hit"), [(4, False), (5, True), (6, True)])
def test_hanging_bed_needs_a_stay_of_days(town, days, hit):
    stay, _ = hanging(town, days=days, idle=3)
    assert (stay in town.judged("HANGING_BED").hits) is (hit)


@pytest.mark.parametrize(("total", "hit"), [(36_001, False), (36_000, False), (35_999, True)])
def test_hanging_bed_needs_half_of_the_amount(town, total, hit):
    stay, _ = hanging(town, total=total)  # beds 18,000
    assert (stay in town.judged("HANGING_BED").hits) is hit


def test_lines_posted_once_say_nothing_about_days(town):
    stay = town.stay(day(0), day(10))
    town.line(stay, day(10), item_class="bed", amount=9_000)
    town.line(stay, day(10), item_class="treatment", amount=1_000)
    assert not town.judged("HANGING_BED").hits


def low_standard(town, nights=3, exams=6_001, **given):
    town.add("mild_diagnoses", diagnosis_code="J06.9", valid_from=date(2024, 1, 1),
             valid_to=date(2024, 6, 1))  # fmt: skip
    stay = town.stay(given.pop("began", day(0)), given.pop("ended", day(nights)),
                     **{"main_diagnosis": "J06.9", **given})  # fmt: skip
    return stay, town.line(stay, item_class="lab", amount=exams)


def test_low_standard_admission(town):
    stay, line = low_standard(town)
    found = town.judged("LOW_STANDARD_ADMISSION")
    assert found.hits == {stay: (1, 7_000)}
    assert found.evidence == {stay: {line}}


@pytest.mark.parametrize(("change", "hit"), [
    ({"nights": 2}, True), ({"nights": 4}, False), ({"exams": 6_000}, False),
    ({"exams": 5_999}, False), ({"main_diagnosis": "I21.0"}, False),
    ({"main_diagnosis": None}, False), ({"procedure_count": 1}, False),
    ({"procedure_count": 0}, True), ({"began": "2024-05-31", "ended": "2024-06-02"}, True),
    ({"began": "2024-06-01", "ended": "2024-06-02"}, False),
    ({"began": "2023-12-31", "ended": "2024-01-02"}, False),
])  # fmt: skip
def test_low_standard_admission_thresholds(town, change, hit):
    stay, _ = low_standard(town, **change)
    assert (stay in town.judged("LOW_STANDARD_ADMISSION").hits) is hit


@pytest.mark.parametrize(("visit_day", "hit"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_visit_elsewhere_during_a_stay(town, visit_day, hit):
    visit = town.claim(day(visit_day) + " 10:00", institution_id="o2", total_amount=400)
    stay = town.stay(day(0), day(5))
    found = town.judged("OUTPATIENT_DURING_STAY")
    # The visit was known first: it is the stay that is flagged, and only the stay.
    assert found.hits == ({stay: (1, 400)} if hit else {})
    assert found.evidence == ({stay: {visit}} if hit else {})


def test_a_visit_that_becomes_known_after_the_stay_is_flagged_itself(town):
    stay = town.stay(day(0), day(5), known=day(6))
    visit = town.claim(day(2) + " 10:00", known=day(7), institution_id="o2", total_amount=400)
    found = town.judged("OUTPATIENT_DURING_STAY")
    assert found.hits == {visit: (1, 400)}
    assert found.evidence == {visit: {stay}}


@pytest.mark.parametrize(("purchases", "hit"), [(1, False), (2, True), (3, True)])
def test_purchases_during_a_stay(town, purchases, hit):
    for n in range(purchases):
        town.claim(day(n + 1) + " 10:00", claim_type="pharmacy", institution_id="o2",
                   total_amount=100)  # fmt: skip
    stay = town.stay(day(0), day(5))
    expected = {stay: (purchases, 100 * purchases)} if hit else {}
    assert town.judged("OUTPATIENT_DURING_STAY").hits == expected


def test_a_test_billed_by_the_same_hospital_is_no_visit_elsewhere(town):
    town.claim(day(2) + " 10:00")
    town.stay(day(0), day(5))
    assert not town.judged("OUTPATIENT_DURING_STAY").hits


@pytest.mark.parametrize(("began", "ended", "hit"), [
    (3, 8, True), (4, 8, True), (5, 8, False), (6, 8, False),  # a transfer on day 5 is none
    (-5, 0, False), (-5, 1, True), (2, 3, True), (-2, 9, True), (2, 2, False),
])  # fmt: skip
def test_overlapping_stays(town, began, ended, hit):
    first = town.stay(day(0), day(5), known=day(20))
    later = town.stay(day(began), day(ended), known=day(21), total_amount=900)
    found = town.judged("OVERLAPPING_STAYS")
    assert found.hits == ({later: (1, 900)} if hit else {})
    assert found.evidence == ({later: {first}} if hit else {})


@pytest.mark.parametrize(("gap", "hit"), [(0, True), (14, True), (15, True), (16, False)])
def test_split_hospitalisation(town, gap, hit):
    first = town.stay(day(0), day(5), main_diagnosis="J44.1", stay_id="s1")
    later = town.stay(day(5 + gap), day(9 + gap), main_diagnosis="J44.0", stay_id="s2",
                      fund_amount=800)  # fmt: skip
    found = town.judged("SPLIT_HOSPITALISATION")
    assert found.hits == ({later: (1, 800)} if hit else {})
    assert found.evidence == ({later: {first}} if hit else {})


@pytest.mark.parametrize(("code", "hit"), [
    ("Z51.1", False), ("Z49.1", False), ("Z50.1", False), ("N18.5", False), ("Z38.0", False),
    (None, False), ("Z54.0", True), ("N17.9", True),
])  # fmt: skip
def test_treatment_in_cycles_is_no_split(town, code, hit):
    town.stay(day(0), day(5), main_diagnosis=code)
    town.stay(day(8), day(9), main_diagnosis=code)
    assert bool(town.judged("SPLIT_HOSPITALISATION").hits) is hit


def test_another_hospital_or_diagnosis_is_no_split(town):
    town.stay(day(0), day(5), main_diagnosis="J44.1")
    town.stay(day(6), day(8), main_diagnosis="J44.1", institution_id="o2")
    town.stay(day(9), day(11), main_diagnosis="I21.1")
    assert not town.judged("SPLIT_HOSPITALISATION").hits
