"""Rules about institutions: planted cases found with hits, amount and evidence; clean ones not.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date

import pytest
from scipy.stats import poisson

from features.rules import rules

RULES = {rule.id: rule for rule in rules()}


# More people than beds


def crowd(town, persons: int, nights: int, *, first: int = 0, house: str = "o1") -> list[str]:
    """Plant stays of different people that all begin on one day; the fund paid 70.00 for each."""
    return [
        town.stay(town.day(first), town.day(first + nights), insured_id=f"b{first}-{n}",
                  institution_id=house)
        for n in range(persons)
    ]  # fmt: skip


def beds(town, number: int, **given) -> None:
    row = {"institution_id": "o1", "department": "all", "licensed_beds": number,
           "valid_from": date(2023, 1, 1), "known_at": town.moment("2023-01-01")}  # fmt: skip
    town.add("beds", **{**row, **given})


def test_more_inpatients_than_beds(town, profile_hits):
    beds(town, 10)
    lying = crowd(town, 12, 7)
    found = profile_hits(town, "BED_OVER_CAPACITY")
    # Seven nights of 12 in 10 beds; 7,000 // 7 a night and person, two twelfths of it too much.
    assert found.last == {"o1": (7, 7 * (12 * 1_000 * 2 // 12))}
    assert found.evidence == {"o1": set(lying)}


@pytest.mark.parametrize(("persons", "nights", "hit"), [
    (11, 7, False), (12, 4, False), (12, 5, True), (12, 6, True), (15, 1, False), (16, 1, True),
])  # fmt: skip
def test_thresholds_of_a_full_house(town, profile_hits, persons, nights, hit):
    """Above 110 % on five days, or above 150 % on one; an old licence for one bed is no measure."""
    beds(town, 10)
    town.rows["institutions"][0]["licensed_beds"] = 1
    crowd(town, persons, nights)
    assert bool(profile_hits(town, "BED_OVER_CAPACITY").last) is hit


def test_the_day_of_discharge_takes_no_bed(town, profile_hits):
    beds(town, 10)
    for week in range(3):
        crowd(town, 10, 3, first=3 * week)  # ten leave on the day on which ten others come
    assert not profile_hits(town, "BED_OVER_CAPACITY").last


def test_settlements_of_one_stay_are_one_person(town, profile_hits):
    beds(town, 1)
    for _ in range(3):
        town.stay(town.day(0), town.day(9), stay_id="s1")
    assert not profile_hits(town, "BED_OVER_CAPACITY").last


def test_two_settlements_do_not_stand_in_for_a_cancelled_stay(town, profile_hits):
    """Twelve people, one cancelled and another with two settlements: eleven, in ten beds."""
    beds(town, 10)
    lying = crowd(town, 12, 7)
    town.reverse(lying[0], "2024-03-20")
    town.stay(town.day(0), town.day(7), insured_id="b0-1")
    assert not profile_hits(town, "BED_OVER_CAPACITY").last


def test_the_beds_of_the_day_count(town, profile_hits):
    beds(town, 10, valid_to=date(2024, 3, 3))
    beds(town, 20, valid_from=date(2024, 3, 3))
    crowd(town, 16, 7)
    # Two days of 16 in 10 beds, then there are 20: 16 x 1,000 x 6 // 16 a day.
    assert profile_hits(town, "BED_OVER_CAPACITY").last == {"o1": (2, 12_000)}


def test_wards_add_up_and_a_second_row_of_a_ward_does_not(town, profile_hits):
    for department in ("medicine", "surgery", "medicine"):
        beds(town, 6, department=department, valid_from=date(2023, 1, len(department)))
    beds(town, 5, department="medicine", valid_from=date(2023, 2, 1))
    crowd(town, 13, 5)  # 12 beds: 108 %
    assert not profile_hits(town, "BED_OVER_CAPACITY").last
    crowd(town, 1, 5, first=0, house="o1")
    town.rows["claims"][-1]["insured_id"] = "another"  # 14 of 12: 117 %
    assert profile_hits(town, "BED_OVER_CAPACITY").last["o1"][0] == 5


def test_without_a_register_of_beds_the_licence_counts(town, profile_hits):
    town.institution("o2", beds=3)
    town.institution("o3", beds=None)
    crowd(town, 5, 1, house="o2")
    crowd(town, 5, 9, first=20, house="o3")
    assert set(profile_hits(town, "BED_OVER_CAPACITY").last) == {"o2"}


def test_newborns_and_cancelled_stays_take_no_bed(town, profile_hits):
    beds(town, 10)
    lying = crowd(town, 12, 7)
    town.add("insured", insured_id="b0-0", sex="M", birth_date=date(2024, 2, 28))
    assert profile_hits(town, "BED_OVER_CAPACITY").last == {}
    town.rows["insured"].pop()
    town.reverse(lying[0], "2024-06-15")
    found = profile_hits(town, "BED_OVER_CAPACITY")
    assert found.last == {}
    assert found.days == [date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)]


@pytest.mark.parametrize(("as_of", "hits"), [
    ("2024-03-09", 7), ("2025-03-01", 7), ("2025-03-02", 6), ("2025-03-03", 5), ("2025-03-04", 0),
])  # fmt: skip
def test_a_crowd_is_seen_for_a_year(town, profile_hits, as_of, hits):
    """Known on 8 March; of the seven nights five are left a year after the third, then four."""
    beds(town, 10)
    crowd(town, 12, 7)
    found = profile_hits(town, "BED_OVER_CAPACITY", as_of=as_of)
    assert found.last.get("o1", (0, 0))[0] == hits


# Neighbours admitted together


def neighbours(town, number: int, *, village: str = "v1", first: int = 0, step: int = 0, **given):
    """Plant stays of different people of one village."""
    claims = []
    for n in range(number):
        person = f"{village}-{first}-{n}"
        town.add("insured", insured_id=person, sex="F", birth_date=date(1950, 1, 1),
                 village_id=village)  # fmt: skip
        day = first + step * n
        claims.append(town.stay(town.day(day), town.day(day + 4), insured_id=person, **given))
    return claims


def test_neighbours_admitted_together(town, profile_hits):
    bus = [*neighbours(town, 4), *neighbours(town, 2, first=1)]
    neighbours(town, 4, village="v2")
    neighbours(town, 9, village="v3", step=4)
    found = profile_hits(town, "GROUP_ADMISSION")
    assert found.last == {"o1": (6, 6 * 7_000)}
    assert found.evidence == {"o1": set(bus)}


@pytest.mark.parametrize(("persons", "day", "hit"), [
    (4, 0, False), (5, 0, True), (6, 0, True), (4, 2, True), (4, 3, False),
])  # fmt: skip
def test_thresholds_of_a_bus(town, profile_hits, persons, day, hit):
    """Five within three days; ``day`` is that of one more person where there are only four."""
    neighbours(town, persons)
    if day:
        neighbours(town, 1, first=day)
    assert bool(profile_hits(town, "GROUP_ADMISSION").last) is hit


@pytest.mark.parametrize(("before", "hit"), [(26, True), (27, False)])
def test_a_village_that_always_comes_in_numbers(town, profile_hits, before, hit):
    """26 in the half year before: 0.433 expected in three days, 0.444 is the limit for five."""
    for n in range(before):
        neighbours(town, 1, first=6 * n)
    neighbours(town, 5, first=170)
    assert bool(profile_hits(town, "GROUP_ADMISSION").last) is hit


def test_the_limits_are_those_of_the_poisson_distribution():
    """Poisson tail by SciPy: at the limit below 1 in 10,000, a thousandth further on above."""
    text = RULES["GROUP_ADMISSION"].sql.replace("\n", " ")
    for number, limit in {4: 231, 5: 444, 6: 713, 7: 1030, 8: 1386, 9: 1777, 10: 2197, 11: 2643,
                          12: 3111}.items():  # fmt: skip
        sign = ">=" if number == 12 else "="
        assert f"WHEN c.persons {sign} {number} THEN {limit} " in text + " "
        assert poisson.sf(number - 1, limit / 1_000) < 1e-4 < poisson.sf(
            number - 1, (limit + 1) / 1_000)  # fmt: skip


@pytest.mark.parametrize("given", [
    {"main_diagnosis": "O80.0"}, {"main_diagnosis": "Z51.1"}, {"discharge_way": "transferred"},
    {"claim_type": "outpatient"},
])  # fmt: skip
def test_lawful_groups_are_no_bus(town, profile_hits, given):
    for n in range(6):
        town.add("insured", insured_id=f"g{n}", sex="F", birth_date=date(1990, 1, 1),
                 village_id="v1")  # fmt: skip
        town.claim(town.day(0), town.day(4), insured_id=f"g{n}",
                   **{"claim_type": "inpatient", **given})  # fmt: skip
    assert not profile_hits(town, "GROUP_ADMISSION").last


def test_one_person_and_two_houses_are_no_bus(town, profile_hits):
    bus = neighbours(town, 4)
    for row in town.rows["claims"]:
        if row["claim_id"] in bus:
            town.stay(str(row["service_date"]), str(row["service_end_date"]),
                      insured_id=row["insured_id"])  # fmt: skip
    neighbours(town, 4, first=0, village="v1x", institution_id="o2")
    assert not profile_hits(town, "GROUP_ADMISSION").last


def test_a_cancelled_stay_leaves_the_bus(town, profile_hits):
    bus = neighbours(town, 5)
    town.reverse(bus[0], "2024-05-20")
    found = profile_hits(town, "GROUP_ADMISSION")
    assert (found.last, found.days) == ({}, [date(2024, 4, 1), date(2024, 5, 1)])


@pytest.mark.parametrize(("day", "hit"), [(2, True), (3, False)])
def test_a_late_comer_does_not_stand_in_for_a_cancelled_stay(town, profile_hits, day, hit):
    """Five on a day, one of them cancelled; another on the third day counts, on the fourth not."""
    bus = neighbours(town, 5)
    town.reverse(bus[0], "2024-03-10")
    neighbours(town, 1, first=day)
    assert bool(profile_hits(town, "GROUP_ADMISSION").last) is hit
