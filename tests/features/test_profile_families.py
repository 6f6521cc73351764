"""Families of profile features against hand arithmetic: groups, stays in a row, beds, meetings."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from features.clock import cut, day_number

NAN = math.nan
AS_OF = "2024-07-01"


def of(build, unit: str, unit_id: str):
    """Return the features of a unit by name."""
    m = build.matrix(unit)
    return dict(zip(m.names, m.values[list(m.unit_ids).index(unit_id)].tolist(), strict=True))


def person(town, insured_id: str, **given) -> str:
    town.add("insured", **{"insured_id": insured_id, "sex": "F", "birth_date": date(1980, 1, 1),
                           **given})  # fmt: skip
    return insured_id


def test_on_whom_an_institutions_claims_fall(town):
    """Three claims of p1 and one of q2; two doctors; villages v1 (3) and v2 (1)."""
    town.rows["insured"][0]["village_id"] = "v1"
    person(town, "q2", village_id="v2", employer_id="e1")
    for day, amount, who, doctor in (
        ("2024-01-10 10:00", 10_000, "p1", "d1"), ("2024-05-03 10:05", 10_000, "p1", "d1"),
        ("2024-06-20 10:00", 10_000, "p1", "d2"), ("2024-06-20 10:09", 5_550, "q2", None),
    ):  # fmt: skip
        town.claim(day, total_amount=amount, insured_id=who, doctor_id=doctor)
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_patient_hhi_365"] == (3 * 3 + 1) / 16
    assert found["org_patient_top_share_365"] == 0.75
    assert found["org_patient_amount_share_365"] == pytest.approx(30_000 / 35_550)
    assert found["org_doctor_hhi_365"] == pytest.approx(5 / 9)
    assert found["org_doctor_top_share_365"] == pytest.approx(2 / 3)
    assert found["org_village_hhi_365"] == 10 / 16
    assert found["org_village_top_share_365"] == 0.75
    assert found["org_employer_top_share_365"] == 1.0
    assert found["org_employer_day_peak_365"] == pytest.approx(math.log1p(1))
    # 10:00 and 10:09 lie in the same ten minutes of the clock.
    assert found["org_ten_minute_peak_365"] == pytest.approx(math.log1p(2))
    assert found["org_crowded_share_365"] == 0.0
    assert found["org_amount_top_share_365"] == 0.75
    assert found["org_repeated_amount_share_365"] == 0.75
    # Of two patients since 2 April, q2 was not there before.
    assert found["org_new_patient_share"] == 0.5
    assert found["org_frequent_share_365"] == 0.0
    assert found["org_weekly_share_365"] == 0.0
    assert np.isnan(found["org_benford_365"])


def test_first_digits(town):
    """Of 300 amounts 200 begin with 1 and 100 with 9, whatever their length."""
    for number in range(300):
        amount = (
            (1, 17, 1_999, 100_000)[number % 4] if number % 3 else (9, 97, 9_000)[number // 3 % 3]
        )
        town.claim("2024-03-01 10:00", total_amount=amount)
    found = of(town.build(AS_OF), "institution", "o1")
    shares = [200 / 300, 0, 0, 0, 0, 0, 0, 0, 100 / 300]
    law = [math.log10(1 + 1 / d) for d in range(1, 10)]
    away = sum(abs(s - p) for s, p in zip(shares, law, strict=True)) / 9
    assert found["org_benford_365"] == pytest.approx(away - 0.0135589054817)


def test_baskets_that_are_alike(town):
    """Three visits of 100.00, two lines and J06.9 among four; two cloned stays of two people."""
    for day, diagnosis in (("03", "J06.9"), ("04", "J06.9"), ("05", "J06.9"), ("06", "I10")):
        claim = town.claim(f"2024-06-{day} 10:00", main_diagnosis=diagnosis)
        for _ in range(2):
            town.line(claim)
    for who, days in (("p1", 4), ("q2", 4), ("q3", 5)):
        claim = town.stay("2024-06-01 10:00", f"2024-06-0{1 + days} 10:00", insured_id=who,
                          main_diagnosis="K35.8", total_amount=77_700)  # fmt: skip
        town.line(claim)
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_basket_share_365"] == 0.75
    assert found["org_stay_basket_share_365"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("second", "share"), [("q2", 1.0), ("p1", 0.0)])
def test_stays_are_cloned_across_months_where_they_are_several_persons(town, second, share):
    """Equal stays of March and May: seen from different dates on, so counted in different cells."""
    for who, month in (("p1", 3), (second, 5)):
        claim = town.stay(f"2024-0{month}-01 10:00", f"2024-0{month}-05 10:00", insured_id=who,
                          main_diagnosis="K35.8", total_amount=77_700)  # fmt: skip
        town.line(claim)
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_stay_basket_share_365"] == share


def test_groups_of_one_size_each_count(town):
    """Three claims of 100.00 and five of other amounts, three of them in one month."""
    for number, day in enumerate(("03-01", "03-02", "03-03", "04-10", "05-10")):
        town.claim(f"2024-{day} 10:00", total_amount=20_001 + number)
    for day in ("03-01", "04-01", "05-01"):
        town.claim(f"2024-{day} 15:00")
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_repeated_amount_share_365"] == 3 / 8
    assert found["org_amount_top_share_365"] == 3 / 8


def test_returns_after_exactly_a_week(town):
    for day in (1, 8, 15, 23):
        town.claim(f"2024-05-{day:02} 10:00")
    town.claim("2024-05-08 11:00", institution_id="o2")
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_weekly_share_365"] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_groups_agree_with_counting_by_hand_at_every_date(new_town, random_town, seed):
    """Whatever is reversed or late: the sizes of groups are those of the claims known then."""
    town = random_town(new_town, seed, claims=120)
    made = town.build("2024-06-15")
    names = ["org_patient_hhi_365", "org_amount_top_share_365", "org_ten_minute_peak_365",
             "org_repeated_amount_share_365", "org_patient_top_share_365"]  # fmt: skip
    rows = made.con.sql(f"SELECT as_of_day, institution_id, {', '.join(names)} "
                        "FROM profile_institution ORDER BY ALL").fetchall()  # fmt: skip
    assert len(rows) > 9
    cuts = {day_number(day): cut(day, made.zone) for day in made.profile_dates}
    facts = made.con.sql(
        "SELECT institution_id, insured_id, total_amount, service_us // 600000000, service_day, "
        "known_us, reversed_us FROM facts"
    ).fetchall()
    timed = {
        row[0]
        for row in made.con.sql(
            "SELECT service_us // 600000000 FROM facts WHERE service_hour IS NOT NULL"
        ).fetchall()
    }
    for day, place, hhi, top, peak, repeated, patient_top in rows:
        inside = [f for f in facts if f[0] == place and f[5] < cuts[day] and f[4] < day
                  and f[4] >= day - 365 and (f[6] is None or f[6] >= cuts[day])]  # fmt: skip
        people, amounts, moments = (Counter(f[column] for f in inside) for column in (1, 2, 3))
        n = len(inside)
        if n > 1:
            assert hhi == pytest.approx(sum(c * c for c in people.values()) / n**2)
        assert top == pytest.approx(max(amounts.values()) / n)
        assert repeated == pytest.approx(sum(c for c in amounts.values() if c >= 3) / n)
        assert patient_top == pytest.approx(max(people.values()) / n)
        crowds = [c for moment, c in moments.items() if moment in timed]
        assert (np.isnan(peak) and not crowds) or peak == pytest.approx(math.log1p(max(crowds)))


def stays(town, *spans: tuple[str, str], **given) -> list[str]:
    return [town.stay(f"2024-{a} 10:00", f"2024-{b} 10:00", **given) for a, b in spans]


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


def test_what_a_persons_claims_repeat(town):
    """Days 1, 8, 15 and 18 of May: gaps of 7, 7 and 3; a week from the 8th holds three claims."""
    town.add("drug_classes", item_code="X1", drug_class="statin", chronic=True,
             valid_from=date(2024, 1, 1))  # fmt: skip
    for day, place, code in ((1, "o1", "X1"), (8, "o1", "X1"), (8, "o2", "X1"), (15, "o3", "X2"),
                             (18, "o1", "X9")):  # fmt: skip
        claim = town.claim(f"2024-05-{day:02} 10:00", institution_id=place)
        town.line(claim, item_code=code, days_supply=60, amount=3_000)
    found = of(town.build("2024-07-30"), "insured", "p1")
    assert found["insured_place_top_share_365"] == 0.6
    assert found["insured_place_hhi_365"] == pytest.approx((9 + 1 + 1) / 25)
    assert found["insured_item_repeats_365"] == pytest.approx(math.log1p(3))
    assert found["insured_item_places_365"] == 2
    assert found["insured_item_top_amount_365"] == pytest.approx(math.log1p(9_000))
    assert found["insured_drugs_365"] == 3
    assert found["insured_week_peak_365"] == pytest.approx(math.log1p(2))
    # 30 July less 1 May is 90 days; 3 x 60 days' supply of the class.
    assert found["insured_class_supply_365"] == 2.0
    assert found["insured_class_excess_365"] == 90
    assert found["insured_gap_variety_365"] == pytest.approx(2 / 3)
    assert found["insured_gap_share_365"] == 0.0  # seven days occur twice, not three times
    town.claim("2024-05-25 10:00")
    found = of(town.build("2024-07-30"), "insured", "p1")
    assert found["insured_gap_share_365"] == 0.75  # 7, 7, 3, 7


@pytest.mark.parametrize(("days", "held"), [(100, 0.6), (90, 60 / 90), (30, 60 / 90)])
def test_a_supply_is_held_against_ninety_days_at_least(town, days, held):
    town.add("drug_classes", item_code="X1", drug_class="statin", chronic=True,
             valid_from=date(2024, 1, 1))  # fmt: skip
    claim = town.claim("2024-03-01 10:00")
    town.line(claim, days_supply=60)
    as_of = date(2024, 3, 1) + timedelta(days=days)
    found = of(town.build(as_of.isoformat()), "insured", "p1")
    assert found["insured_class_supply_365"] == math.floor(1_000 * held) / 1_000
    assert found["insured_class_excess_365"] == 60 - days


def test_two_places_on_one_day(town):
    """9:00 at o1 and 9:20 at o2, 30 km and 40 minutes away, known from the other direction."""
    town.add("distances", institution_id="o2", other_institution_id="o1", distance_m=30_000,
             travel_minutes=40)  # fmt: skip
    town.claim("2024-05-01 09:00")
    town.claim("2024-05-01 09:20", institution_id="o2")
    town.claim("2024-05-02 09:00")
    town.claim("2024-05-02 09:40", institution_id="o2")  # forty minutes are enough
    town.claim("2024-05-03 09:00")
    town.claim("2024-05-03 09:00", institution_id="o3")  # no distance is known
    found = of(town.build(AS_OF), "insured", "p1")
    assert found["insured_trips_365"] == 3
    assert found["insured_farthest_trip_365"] == 30_000
    assert found["insured_impossible_trips_365"] == 1


def test_stays_that_overlap_and_visits_inside(town):
    """Leaving and arriving on one day is no overlap; first and last day are not inside."""
    stays(town, ("05-01", "05-05"), ("05-05", "05-09"), ("05-08", "05-12"))
    for day in (1, 3, 12, 20):
        town.claim(f"2024-05-{day:02} 15:00", institution_id="o2")
    found = of(town.build(AS_OF), "insured", "p1")
    assert found["insured_overlaps_365"] == 1
    assert found["insured_inside_stays_365"] == 1


def test_nobody_met_nobody(town):
    """A person without pairs has none: zero where it counts, unknown where it measures."""
    town.claim("2024-05-01 09:00")
    found = of(town.build(AS_OF, "distances", "drug_classes", "claim_lines"), "insured", "p1")
    for name in ("insured_trips_365", "insured_impossible_trips_365", "insured_overlaps_365",
                 "insured_inside_stays_365", "insured_returns_365"):  # fmt: skip
        assert found[name] == 0
    for name in ("insured_farthest_trip_365", "insured_shortest_return_365",
                 "insured_class_supply_365", "insured_gap_share_365", "insured_item_places_365",
                 "insured_place_hhi_365"):  # fmt: skip
        assert np.isnan(found[name])
    assert found["insured_place_top_share_365"] == 1.0


def test_a_visit_and_its_prescriptions(town):
    """Drugs of 80.00 are no large prescription, of 80.01 are."""
    for day, amount in ((1, 8_000), (2, 8_001), (3, 500)):
        claim = town.claim(f"2024-06-{day:02} 10:00")
        town.line(claim, amount=amount, prescription_id="r1")
        town.line(claim, amount=0, prescription_id="r2")
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_large_prescription_share_90"] == pytest.approx(1 / 3)
    assert found["org_prescriptions_per_visit_365"] == 2
    assert found["org_lines_per_claim_365"] == 2
    assert found["org_lines_per_item_365"] == 2


def test_change_of_the_month_against_the_year(town):
    """100.00 a visit in January, 300.00 in June: the year's mean is 200.00."""
    town.claim("2024-01-10 10:00", total_amount=10_000, account_amount=0)
    town.claim("2024-06-10 10:00", total_amount=30_000, account_amount=30_000)
    found = of(town.build(AS_OF), "institution", "o1")
    assert found["org_visit_cost_change"] == pytest.approx(math.log(30_001 / 20_001))
    assert found["org_account_share_change"] == 0.25
    assert found["org_year_growth"] == pytest.approx(math.log(140_000 / 100_000))
    assert np.isnan(found["org_stay_cost_change"])


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


def test_a_claims_own_make_up(town):
    claim = town.stay("2024-03-01 10:00", "2024-03-04 10:00", total_amount=20_000)
    town.line(claim, amount=6_000, prescription_id="r1", pay_class="a", covered_amount=6_000,
              discharge_drug=True, days_supply=30)  # fmt: skip
    town.line(claim, amount=2_000, prescription_id="r2", pay_class="self", covered_amount=0,
              discharge_drug=False)  # fmt: skip
    town.line(claim, amount=12_000, item_code="E1", item_class="exam", covered_amount=9_000)
    found = of(town.build(AS_OF), "claim", claim)
    assert found["claim_item_repeats"] == 1.5
    assert found["claim_drug_items"] == 1
    assert found["claim_prescriptions"] == 2
    assert found["claim_covered_share"] == 0.75
    assert found["claim_uncovered_share"] == 0.1
    assert found["claim_taken_home_share"] == 0.75
    assert found["claim_drug_amount"] == pytest.approx(math.log1p(8_000))
    assert found["claim_exam_amount"] == pytest.approx(math.log1p(12_000))
    assert found["claim_amount_per_line"] == pytest.approx(math.log1p(20_000 / 3))
    assert found["claim_supply_cost"] == pytest.approx(math.log1p(8_000 / 30))


def test_villagers_and_colleagues_at_one_desk(town):
    """Of three claims in the half hour before, one is of the village, two of the employer."""
    town.rows["insured"][0] |= {"village_id": "v1", "employer_id": "e1"}
    for who, village, employer in (("q2", "v1", "e1"), ("q3", "v2", "e1"), ("q4", None, None)):
        person(town, who, village_id=village, employer_id=employer)
    lone = person(town, "q5")
    for minute, who in ((31, "q2"), (40, "q3"), (50, "q4"), (55, "p1")):
        claim = town.claim(f"2024-03-01 09:{minute}", insured_id=who, known="2024-03-01 09:59")
        town.line(claim)
    later = town.claim("2024-03-01 10:00", known="2024-03-01 10:10")
    town.line(later)
    found = of(town.build(AS_OF), "claim", later)
    assert found["place_same_village_30min"] == pytest.approx(math.log1p(1))
    assert found["place_same_employer_30min"] == pytest.approx(math.log1p(2))
    assert found["place_same_basket_30min"] == 3
    alone = town.claim("2024-03-01 10:00", insured_id=lone, known="2024-03-01 10:10")
    assert np.isnan(of(town.build(AS_OF), "claim", alone)["place_same_village_30min"])


def test_claims_among_thirty_of_their_kind(town):
    """29 claims of 100.00 and one of 300.00 before: 200.00 lies between the top quantiles."""
    for n in range(30):
        town.claim(
            "2024-03-01 10:00", insured_id=f"q{n}", total_amount=30_000 if n == 0 else 10_000
        )
    later = town.claim("2024-04-02 10:00", total_amount=20_000)
    equal = town.claim("2024-04-02 10:00", total_amount=10_000)
    made = town.build("2024-06-01")
    # Quantiles: 0.95 -> 100.00 (29 of 30), 0.99 -> 300.00; half way between 0.95 and 0.99.
    assert of(made, "claim", later)["peer_amount_rank"] == pytest.approx(0.97)
    assert of(made, "claim", equal)["peer_amount_rank"] == pytest.approx((0.05 + 0.95) / 2)
    assert of(made, "claim", later)["peer_amount_ratio"] == pytest.approx(1.5)
    assert np.isnan(of(made, "claim", later)["peer_stay_days_rank"])


@pytest.mark.parametrize(
    ("department", "typical"), [("A03", 10_000), ("A04", 40_000), (None, 25_000)]
)
def test_peers_of_the_department_come_first(town, department, typical):
    """Thirty claims each of two departments; who has none is compared with the whole group."""
    for n in range(30):
        town.claim("2024-03-01 10:00", insured_id=f"q{n}", total_amount=10_000, department="A03")
        town.claim("2024-03-01 10:00", insured_id=f"r{n}", total_amount=40_000, department="A04")
    town.claim("2024-03-01 10:00", insured_id="s1", total_amount=25_000, department="A05")
    later = town.claim("2024-04-02 10:00", total_amount=25_000, department=department)
    made = town.build("2024-06-01")
    n = 30 if department else 61
    expected = (n * 25_000 / typical + 30) / (n + 30)
    assert of(made, "claim", later)["peer_amount_ratio"] == pytest.approx(expected)


@pytest.mark.parametrize("days", [364, 365, 366])
def test_groups_reach_back_a_year(town, days):
    as_of = date(2024, 3, 1) + timedelta(days=days)
    town.claim("2024-03-01 10:00", insured_id="q2")
    town.claim("2024-12-01 10:00")
    town.claim("2024-12-02 10:00")
    found = of(town.build(as_of.isoformat()), "institution", "o1")
    assert found["org_patient_top_share_365"] == (1.0 if days > 365 else pytest.approx(2 / 3))
