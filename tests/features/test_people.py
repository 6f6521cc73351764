"""Doctors, employers and the drugs of a claim: numbers worked out by hand from planted rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from features.clock import day_number

AS_OF = "2025-01-01"


def at(text: str) -> datetime:
    """Return the local midnight of a date, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def profile(made, table: str, unit_id: str, name: str, day: str = AS_OF) -> float:
    """Return one cell of a profile."""
    key = f"{table}_id"
    ((value,),) = made.con.execute(
        f'SELECT "{name}" FROM profile_{table} WHERE {key} = ? AND as_of_day = ?',
        [unit_id, day_number(date.fromisoformat(day))],
    ).fetchall()
    return value


def of_claim(made, claim_id: str, name: str) -> float:
    """Return one cell of the claim matrix."""
    m = made.matrix("claim")
    return m.values[list(m.unit_ids).index(claim_id), m.names.index(name)]


def test_a_doctor_and_the_days(town):
    town.add("doctors", doctor_id="d1", specialty="bones", valid_from=date(2020, 1, 1))
    town.add("service_minutes", item_code="X1", minutes=30, valid_from=date(2020, 1, 1))
    for n in range(3):  # three patients on one day: 30, 60 and 90 minutes
        claim = town.claim(
            f"2024-12-02 1{n}:00", insured_id=f"p{n}", doctor_id="d1",
            department="bones" if n else "skin", total_amount=10_000 * (n + 1),
        )  # fmt: skip
        town.line(claim, quantity_milli=1_000 * (n + 1), item_class="drug", amount=2_000)
    town.claim("2024-12-03 10:00", insured_id="p0", doctor_id="d1", department="bones")
    made = town.build(AS_OF)
    assert profile(made, "doctor", "d1", "doc_insured_90") == pytest.approx(np.log1p(3))
    assert profile(made, "doctor", "d1", "doc_other_department_share_365") == 0.25
    assert profile(made, "doctor", "d1", "doc_drug_share_90") == 6_000 / 60_000
    assert profile(made, "doctor", "d1", "doc_busiest_day") == pytest.approx(np.log1p(3))
    assert profile(made, "doctor", "d1", "doc_patients_per_day") == 2.0
    # 30 + 60 + 90 minutes on the first day, nothing known of the second.
    assert profile(made, "doctor", "d1", "doc_longest_day") == 3.0
    assert profile(made, "doctor", "d1", "doc_minutes_per_day") == 180.0
    assert profile(made, "doctor", "d1", "doc_overlong_days") == 0.0


@pytest.mark.parametrize(("hours", "days"), [(12, 0), (13, 1)])
def test_an_overlong_day_begins_above_twelve_hours(town, hours, days):
    town.add("service_minutes", item_code="X1", minutes=60, valid_from=date(2020, 1, 1))
    claim = town.claim("2024-12-02 10:00", doctor_id="d1")
    town.line(claim, quantity_milli=hours * 1_000)
    assert profile(town.build(AS_OF), "doctor", "d1", "doc_overlong_days") == days


def employer(town) -> None:
    """Plant an employer of two with contributions at the floor, above it, late and owed."""
    for n, person in enumerate(("e1", "e2")):
        town.add("insured", insured_id=person, employer_id="f1", sex="M",
                 birth_date=date(1980, 1, 1))  # fmt: skip
        for month in (10, 11):
            first = date(2024, month, 1)
            town.add("contributions", employer_id="f1", insured_id=person, insurance_type="310",
                     month=first, base=300_000 + 100_000 * n, wage=500_000,
                     paid_on=None if (n, month) == (1, 11) else first + timedelta(days=60 + n),
                     known_at=at(str(first + timedelta(days=20))))  # fmt: skip
    town.add("policy_limits", insurance_type="310", limit_kind="base_floor", level="all",
             limit_amount=300_000, valid_from=date(2020, 1, 1))  # fmt: skip


def test_an_employer_and_the_contributions(town):
    employer(town)
    town.stay("2024-12-01", "2024-12-05", insured_id="e1")
    town.claim("2024-12-01 09:00", insured_id="e2")
    made = town.build(AS_OF)
    assert profile(made, "employer", "f1", "emp_floor_share_365") == 0.5
    assert profile(made, "employer", "f1", "emp_mean_base_365") == pytest.approx(np.log1p(350_000))
    assert profile(made, "employer", "f1", "emp_base_against_wage_365") == 0.7
    # Of four: e1 paid on day 60 after the month's first, e2 once on day 61 and once not at all.
    assert profile(made, "employer", "f1", "emp_late_share_365") == 0.5
    assert profile(made, "employer", "f1", "emp_users_share_90") == 1.0
    assert profile(made, "employer", "f1", "emp_visit_days_share_90") == 0.5
    assert profile(made, "employer", "f1", "emp_joiner_benefit_share_365") == 1.0


def test_a_contribution_known_later_does_not_move_the_first_month_before(town):
    def paid(month: date, known: date) -> None:
        town.add("contributions", employer_id="f1", insured_id="e1", insurance_type="310",
                 month=month, base=1, paid_on=known,
                 known_at=at(str(known)))  # fmt: skip

    town.add("insured", insured_id="e1", employer_id="f1", sex="M", birth_date=date(1980, 1, 1))
    paid(date(2024, 9, 1), date(2024, 9, 10))
    paid(date(2023, 9, 1), date(2024, 12, 10))  # a year of arrears, known in December
    town.stay("2024-10-01", "2024-10-05", insured_id="e1", known="2024-10-06")
    made = town.build(AS_OF)
    name = "emp_joiner_benefit_share_365"
    assert profile(made, "employer", "f1", name, "2024-12-01") == 1.0
    assert profile(made, "employer", "f1", name) == 0.0


def test_the_drugs_of_a_claim(town):
    for day, place in (("2024-10-01", "o1"), ("2024-11-20", "o1"), ("2024-11-25", "o2")):
        earlier = town.claim(f"{day} 10:00", institution_id=place)
        town.line(earlier, item_code="D1", days_supply=30)
    claim = town.claim("2024-12-01 10:00")
    town.line(claim, item_code="D1", days_supply=28)
    town.line(claim, item_code="D2", days_supply=7)
    made = town.build(AS_OF, "claim_lines")
    assert of_claim(made, claim, "item_purchases_30") == 2.0
    assert of_claim(made, claim, "item_places_90") == 2.0
    assert of_claim(made, claim, "item_repeats_share") == 0.5
    # 90 days supplied since 1 October, 61 days ago.
    assert of_claim(made, claim, "item_stock_days") == pytest.approx(np.log1p(29))
    assert of_claim(made, claim, "item_supply_max") == 14.0


def test_what_the_person_did_before(town):
    for day in ("2024-11-03", "2024-11-10", "2024-11-12"):
        town.claim(f"{day} 10:00", doctor_id="d1", total_amount=20_000)
    town.claim("2024-11-17 09:00", institution_id="o2", known="2024-11-17 09:30")
    claim = town.claim("2024-11-17 10:00", doctor_id="d1", total_amount=60_000)
    made = town.build(AS_OF)
    assert of_claim(made, claim, "history_weekly_share_90") == pytest.approx(2 / 3)
    assert of_claim(made, claim, "history_other_places_same_day") == 1.0
    assert of_claim(made, claim, "history_same_doctor_claims_30") == pytest.approx(np.log1p(3))
    assert of_claim(made, claim, "history_days_since_claim") == 0.0
    # Four earlier claims of 20,000, 20,000, 20,000 and 10,000: a mean of 17,500.
    assert of_claim(made, claim, "history_amount_jump_365") == pytest.approx(
        np.log1p(60_000) - np.log1p(17_500)
    )
