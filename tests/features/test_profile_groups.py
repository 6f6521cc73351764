"""Profile features of groups against hand arithmetic: whom a place's claims fall on."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from features.clock import cut, day_number
from tests.features.profile_units import AS_OF, of, person


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
