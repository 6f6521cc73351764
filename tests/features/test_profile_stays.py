"""Profile features of stays against hand arithmetic: readmissions, beds, overlaps, holidays."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.features.profile_units import AS_OF, of, stays


def test_readmissions_by_gap_place_and_disease(town):
    """p1: 1-5 March, back after 7 days, then after 15 elsewhere, then after 33 days."""
    stays(town, ("03-01", "03-05"), ("03-12", "03-14"), main_diagnosis="I63.9")
    stays(town, ("03-29", "04-02"), institution_id="o2", main_diagnosis="J18.9")
    stays(town, ("05-05", "05-08"), main_diagnosis="I63.9")
    made = town.build(AS_OF)
    found, other = of(made, "institution", "o1"), of(made, "institution", "o2")
    # o1: stays of 1 March (first), 12 March (7 days), 5 May (33 days after o2, 52 after its own).
    assert found["org_readmission_7days_365"] == pytest.approx(1 / 3)
    assert found["org_readmission_31days_365"] == pytest.approx(1 / 3)
    assert found["org_readmission_here_365"] == pytest.approx(1 / 3)
    assert found["org_readmission_same_365"] == pytest.approx(1 / 3)
    # The second stay within the year, begun 7 days after the first.
    assert found["org_second_stay_share_365"] == pytest.approx(1 / 3)
    assert other["org_readmission_15days_365"] == 1.0
    assert other["org_readmission_7days_365"] == 0.0
    assert other["org_readmission_here_365"] == 0.0
    assert other["org_readmission_same_365"] == 0.0
    assert other["org_second_stay_share_365"] == 0.0
    mine = of(made, "insured", "p1")
    assert mine["insured_returns_365"] == 2
    assert mine["insured_shortest_return_365"] == 7


def test_interim_settlements_are_no_readmission_and_no_overlap(town):
    stays(town, ("03-01", "03-11"), ("03-11", "03-20"), stay_id="s1")
    made = town.build(AS_OF)
    assert of(made, "institution", "o1")["org_readmission_31days_365"] == 0
    mine = of(made, "insured", "p1")
    assert mine["insured_returns_365"] == 0
    assert mine["insured_overlaps_365"] == 0


def test_a_stay_that_was_reversed_is_followed_by_none(town):
    first, _ = stays(town, ("03-01", "03-05"), ("03-08", "03-10"))
    town.reverse(first, "2024-03-20")
    made = town.build(AS_OF)
    assert of(made, "institution", "o1")["org_readmission_7days_365"] == 0
    rows = made.con.sql("SELECT as_of_day, org_readmission_7days_365 FROM profile_institution "
                        "ORDER BY 1").fetchall()  # fmt: skip
    assert [value for _, value in rows] == [0.0] * len(rows)


@pytest.mark.parametrize(("gap", "within"), [(6, (1, 1, 1)), (7, (1, 1, 1)), (8, (0, 1, 1)),
                                             (15, (0, 1, 1)), (16, (0, 0, 1)), (31, (0, 0, 1)),
                                             (32, (0, 0, 0))])  # fmt: skip
def test_the_days_of_a_readmission_are_those_of_its_name(town, gap, within):
    town.stay("2024-03-01 10:00", "2024-03-05 10:00", insured_id="q2", institution_id="o2")
    day = date(2024, 3, 5) + timedelta(days=gap)
    town.stay(f"{day} 10:00", f"{day + timedelta(days=2)} 10:00", insured_id="q2")
    found = of(town.build(AS_OF), "institution", "o1")
    assert tuple(found[f"org_readmission_{n}days_365"] for n in (7, 15, 31)) == within


def test_most_beds_in_use(town):
    """Two licensed beds: one patient on 3 May, two on 4, three on 5, two from 6 on."""
    town.rows["institutions"][0]["licensed_beds"] = 2
    for who, a, b in (("p1", "05-03", "05-06"), ("q2", "05-04", "05-09"), ("q3", "05-05", "05-09"),
                      ("q4", "05-09", "05-10")):  # fmt: skip
        stays(town, (a, b), insured_id=who)
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_peak_bed_use_90"] == 1.5
    # Days of admission: 3 (1 in bed), 4 (2), 5 (3), 9 (1: whoever leaves that day is out).
    assert found["org_full_days_90"] == 0.25
    assert found["org_bed_steadiness_90"] == pytest.approx(3 / (7 / 4))
    town.rows["institutions"][0]["licensed_beds"] = None
    assert np.isnan(of(town.build(AS_OF), "institution", "o1")["org_peak_bed_use_90"])


def test_stays_against_their_kind(town):
    """Thirty stays of 1,000.00 and 4 days; three of 3,000.00 and 8 days at another hospital."""
    town.institution("o2")
    for number in range(30):
        stays(town, ("03-01", "03-05"), insured_id=f"q{number}", total_amount=100_000)
    for number in range(3):
        stays(town, ("03-01", "03-09"), insured_id=f"r{number}", total_amount=300_000,
              institution_id="o2")  # fmt: skip
    found = of(town.build(AS_OF), "institution", "o2")
    # 3 stays weigh 3 / 33 against 30 prior ones: 3 / 11 + 10 / 11.
    assert found["org_stay_cost_expected_365"] == pytest.approx(3 / 11 + 10 / 11)
    assert found["org_stay_days_expected_365"] == pytest.approx(2 / 11 + 10 / 11)
    assert found["org_dear_stay_share_365"] == 1.0
    assert found["org_cheap_stay_share_365"] == 0.0


def test_stays_that_overlap_and_visits_inside(town):
    """Leaving and arriving on one day is no overlap; first and last day are not inside."""
    stays(town, ("05-01", "05-05"), ("05-05", "05-09"), ("05-08", "05-12"))
    for day in (1, 3, 12, 20):
        town.claim(f"2024-05-{day:02} 15:00", institution_id="o2")
    found = of(town.build(AS_OF), "insured", "p1")
    assert found["insured_overlaps_365"] == 1
    assert found["insured_inside_stays_365"] == 1


@pytest.mark.parametrize(("level", "weight"), [("2", 1.25), ("3", 0.5), ("none", 0.5)])
def test_a_payment_group_of_the_level_or_of_all(town, level, weight):
    town.rows["institutions"][0]["level"] = level
    for its, tenth, standard in (("all", 5_000, 100_000), ("2", 12_500, 200_000)):
        town.add("drg_groups", drg_code="ES25", level=its, weight_10000=tenth,
                 standard_amount=standard, valid_from=date(2024, 1, 1))  # fmt: skip
    claim = town.stay("2024-03-01 10:00", "2024-03-04 10:00", drg_code="ES25", total_amount=50_000)
    made = town.build(AS_OF)
    assert of(made, "claim", claim)["claim_group_weight"] == weight
    assert of(made, "claim", claim)["claim_group_cost"] == (0.25 if level == "2" else 0.5)
    assert of(made, "institution", "o1")["org_group_weight_365"] == weight
    before = town.stay("2023-12-31 10:00", "2024-01-02 10:00", drg_code="ES25")
    assert np.isnan(of(town.build(AS_OF), "claim", before)["claim_group_weight"])


def test_mild_stays_and_holidays(town):
    """A list in force from February to April; the holiday is 9 to 15 February, the last day out."""
    town.add("mild_diagnoses", diagnosis_code="J06.9", valid_from=date(2024, 2, 1),
             valid_to=date(2024, 4, 1))  # fmt: skip
    town.add(
        "holidays", day_kind="holiday", valid_from=date(2024, 2, 9), valid_to=date(2024, 2, 16)
    )
    town.add(
        "holidays", day_kind="working", valid_from=date(2024, 2, 18), valid_to=date(2024, 2, 19)
    )
    days = ("01-31", "02-09", "02-15", "02-16", "02-18", "04-01")
    ids = [
        town.stay(f"2024-{day} 10:00", f"2024-{day} 18:00", main_diagnosis="J06.9") for day in days
    ]
    other = town.stay("2024-03-01 10:00", "2024-03-02 10:00", main_diagnosis="I63.9")
    bare = town.stay("2024-03-01 10:00", "2024-03-02 10:00")
    visit = town.claim("2024-03-01 10:00", main_diagnosis="J06.9")
    made = town.build(AS_OF)
    rows = [of(made, "claim", claim) for claim in ids]
    assert [row["claim_mild_stay"] for row in rows] == [0, 1, 1, 1, 1, 0]
    assert [row["claim_holiday"] for row in rows] == [0, 1, 1, 0, 0, 0]
    assert of(made, "claim", other)["claim_mild_stay"] == 0
    assert np.isnan(of(made, "claim", bare)["claim_mild_stay"])
    assert np.isnan(of(made, "claim", visit)["claim_mild_stay"])
    found = of(made, "institution", "o1")
    assert found["org_mild_share_365"] == pytest.approx(4 / 7)
    assert found["org_holiday_share_365"] == pytest.approx(2 / 9)
    assert of(made, "insured", "p1")["insured_mild_stays_365"] == 4
