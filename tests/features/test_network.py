"""Who is seen together: planted companions, crowds that are none, and what is known when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from claims.engine import run
from features.clock import day_number
from tests.features.companions import TRIO_DAYS, network, person, quiet_clinic, rows, trio


def test_a_planted_trio_is_found(town):
    """By hand: 120 visits alone and 12 of the trio, 132 in all.

    Same-person pairs: 120 x 1 + 3 x 4^2 = 168, so ordered pairs of different persons are
    132^2 - 168 = 17,256. Meetings: 4 days x 3 pairs = 12; on 19 April the last two, 11:14 and
    11:23, and the first, 11:05, are more than 30 minutes from noon but 11:23 is 37 minutes away.
    Expected days of a pair: 4 x 4 x 2 x 12 / 17,256 = 0.022253; lift = 4 / that = 179.75.
    """
    quiet_clinic(town)
    trio(town)
    con = network(town)
    found = person(con, "b")
    assert found["insured_covisit_partners_180"] == 2
    assert found["insured_covisit_days_180"] == 4
    assert found["insured_covisit_lift_180"] == 4 / (16 * 24 / 17_256)
    assert found["insured_covisit_group_180"] == 3
    assert found["insured_covisit_share_180"] == 1
    assert found["insured_covisit_institutions_180"] == 1
    alone = person(con, "w005")
    assert alone["insured_covisit_partners_180"] == 0
    assert alone["insured_covisit_lift_180"] is None
    assert alone["insured_covisit_group_180"] == 1
    members = rows(con, "groups")
    assert [(row["group_id"], row["insured_id"], row["institution_id"]) for row in members] == [
        ("a", who, "o1") for who in "abc"
    ]
    assert {(row["shared_days"], row["partners"], row["group_size"]) for row in members} == {
        (4, 2, 3)
    }
    days = {(row["insured_id"], row["service_day"]) for row in rows(con, "days")}
    met = {day_number(date.fromisoformat(day[:10])) for day in TRIO_DAYS}
    assert days == {(who, day) for who in "abc" for day in met}


def test_three_days_make_a_tie_and_two_do_not(town):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:2])
    con = network(town)
    assert person(con, "a")["insured_covisit_partners_180"] == 0
    assert rows(con, "groups") == []
    trio(town, TRIO_DAYS[2:3])
    assert person(network(town), "a")["insured_covisit_partners_180"] == 2


@pytest.mark.parametrize(("apart", "partners"), [(30, 1), (31, 0)])
def test_half_an_hour_is_near(town, apart, partners):
    quiet_clinic(town)
    trio(town, people=("a", "b"), apart=apart)
    assert person(network(town), "a")["insured_covisit_partners_180"] == partners


def test_two_bills_of_one_visit_are_one_day(town):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:2], people=("a", "b"))
    trio(town, TRIO_DAYS[:2], people=("a", "b"), apart=3)
    assert person(network(town), "a")["insured_covisit_days_180"] == 0


def test_another_place_is_no_company(town):
    town.institution("o2")
    quiet_clinic(town)
    trio(town, people=("a",))
    for day in TRIO_DAYS:
        town.claim(day, insured_id="b", institution_id="o2")
    assert person(network(town), "a")["insured_covisit_partners_180"] == 0


def test_a_dialysis_shift_is_habit(town):
    """Ten people on Mondays, Wednesdays and Fridays at eight, for 20 weeks, in a busy hospital.

    By hand, of two of them (60 shared days): each visit of one meets all of the
    other's visits on that weekday but that day's: 60 x 19 = 1,140. The window from 3 January to
    1 July has 180 days: besides a week there are 180 / 7 - 1 others. Expected
    1,140 / (180 / 7 - 1) = 46.13; lift 60 / 46.13 = 1.30.
    """
    quiet_clinic(town)
    monday = np.datetime64("2024-01-08")
    for week in range(20):
        for weekday in (0, 2, 4):
            for number in range(10):
                day = monday + 7 * week + weekday
                town.claim(f"{day} 08:{number:02d}", insured_id=f"d{number}")
    con = network(town)
    found = person(con, "d3")
    assert found["insured_covisit_partners_180"] == 9
    assert found["insured_covisit_days_180"] == 60
    assert found["insured_covisit_lift_180"] == pytest.approx(60 / (1_140 / (180 / 7 - 1)))
    assert found["insured_covisit_group_180"] == 1
    assert rows(con, "groups") == []


def test_a_care_home_round_is_crowding(town):
    """Twelve residents on six mornings at their own clinic: lift by hand 6 / (36 x p).

    Meetings: within a morning residents come three minutes apart, all within 33 minutes: pairs at
    most ten places apart, 66 - 1 = 65; 6 x 65 = 390. Ordered pairs of different persons:
    72^2 - 12 x 36 = 4,752. Expected 36 x 780 / 4,752 = 5.909; lift 1.015.
    """
    for day in ("01-09", "02-14", "03-07", "04-19", "05-20", "06-11"):
        for number in range(12):
            town.claim(f"2024-{day} 08:{3 * number:02d}", insured_id=f"r{number:02d}")
    con = network(town)
    found = person(con, "r05")
    assert found["insured_covisit_partners_180"] == 11
    assert found["insured_covisit_lift_180"] == pytest.approx(6 / (36 * 780 / 4_752))
    assert found["insured_covisit_group_180"] == 1


def test_relatives_are_marked_by_village_employer_and_list(town):
    quiet_clinic(town)
    trio(town)
    for who in "abc":
        town.add("insured", insured_id=who, sex="F", village_id="v1" if who < "c" else "v2",
                 employer_id=None)  # fmt: skip
    town.add("whitelists", whitelist_id="1", reason="care_home", insured_id="a",
             valid_from=date(2024, 1, 1), known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="2", reason="other", insured_id="b",
             valid_from=date(2024, 1, 1), rule_id="BATCH_CARD_SWIPING",
             known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="3", reason="other", insured_id="c",
             valid_from=date(2024, 1, 1), known_at=datetime(2024, 8, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="4", reason="other", insured_id="c",
             valid_from=date(2024, 1, 1), valid_to=date(2024, 6, 30),
             known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    found = person(network(town), "c")
    assert found["insured_covisit_village_180"] == 2 / 3
    assert found["insured_covisit_employer_180"] == 0
    assert found["insured_covisit_listed_180"] == 1 / 3


def test_without_a_time_of_day_company_is_unknown(town):
    for day in ("02-06", "03-14", "04-19"):
        for who in "abc":
            town.claim(f"2024-{day}", insured_id=who)
    con = network(town)
    found = person(con, "a")
    assert {value for name, value in found.items() if "covisit" in name} == {None}
    place = rows(con, "institution")[0]
    assert place["org_covisit_patients_180"] is None
    assert place["org_patient_loyalty_180"] == 1


@pytest.mark.parametrize(("as_of", "days"), [("2024-08-04", 4), ("2024-08-05", 3)])
def test_the_window_is_180_days(town, as_of, days):
    """6 February 2024 is 180 days before 4 August."""
    quiet_clinic(town)
    trio(town)
    assert person(network(town, as_of), "a")["insured_covisit_days_180"] == days


@pytest.mark.parametrize(("microseconds", "days"), [(-1, 3), (0, 4)])
def test_a_reversal_counts_from_when_it_is_known(town, microseconds, days):
    """Seen from August: a meeting ends with the first as-of date after a reversal was known."""
    quiet_clinic(town)
    trio(town)
    midnight = datetime(2024, 6, 30, 16, tzinfo=UTC)
    town.rows["claims"][-1]["reversed_at"] = midnight + timedelta(microseconds=microseconds)
    con = network(town, "2024-08-01")
    july = "SELECT insured_covisit_days_180 FROM network_insured WHERE as_of_day = 19905"
    assert run(con, f"{july} AND insured_id = 'c'") == [(days,)]


@pytest.mark.parametrize(("microseconds", "days"), [(-1, 4), (0, 3)])
def test_a_visit_counts_once_known(town, microseconds, days):
    quiet_clinic(town)
    trio(town)
    midnight = datetime(2024, 6, 30, 16, tzinfo=UTC)
    town.rows["claims"][-1]["known_at"] = midnight + timedelta(microseconds=microseconds)
    town.claim("2024-06-01 08:00")
    assert person(network(town), "c")["insured_covisit_days_180"] == days


def test_a_later_bill_takes_over_when_the_first_is_reversed(town):
    """Two bills on one day: the first sets the moment, until it is known to be reversed."""
    quiet_clinic(town)
    trio(town, people=("a", "b"))
    first = town.claim("2024-02-06 07:00", insured_id="b")
    assert person(network(town, "2024-06-01"), "b")["insured_covisit_days_180"] == 3
    town.reverse(first, "2024-06-10 12:00")
    con = network(town)
    days = con.sql(
        "SELECT as_of_day, insured_covisit_days_180 FROM network_insured WHERE insured_id = 'b' "
        "AND as_of_day >= 19875 ORDER BY 1"
    ).fetchall()
    assert days == [(19_875, 3.0), (19_905, 4.0)]


@pytest.mark.parametrize(("each", "group"), [(1, 2), (3, 1)])
def test_chance_pairs_of_a_big_place_are_no_group(town, each, group):
    """A strong lift alone is not enough where many pairs might show it.

    Two people of 20 days each share three; the other 120 visits belong to 120 people, or to 40 who
    come three times each. By hand: 160^2 - (120 + 2 x 20^2) = 24,680 ordered pairs, three meetings,
    expected 400 x 6 / 24,680 = 0.0972 days, chance 0.0972^3 / 3! = 0.00015 a pair, and the one pair
    of frequent visitors is strong. With 42 frequent visitors 160^2 - (40 x 9 + 800) = 24,440,
    expected 0.0982, and 861 x 0.0982^3 / 3! = 0.136 such pairs are expected: more than a twentieth.
    """
    for number in range(120):
        day = np.datetime64("2024-01-03") + number
        town.claim(f"{day} 12:00", insured_id=f"w{number // each:03d}")
    trio(town, TRIO_DAYS[:3], people=("a", "b"))
    for number in range(17):
        day = np.datetime64("2024-01-08") + 8 * number
        town.claim(f"{day} 18:00", insured_id="a")
        town.claim(f"{day} 20:00", insured_id="b")
    found = person(network(town), "a")
    assert found["insured_covisit_days_180"] == 3
    assert found["insured_covisit_lift_180"] >= 30
    assert found["insured_covisit_group_180"] == group


def test_a_village_morning_is_no_group(town):
    """Thirty villagers on the clinic's one morning a month, and two visitors on other days."""
    for day in ("01-17", "02-22", "03-13", "04-18", "05-14", "06-20"):
        for number in range(30):
            town.claim(f"2024-{day} 08:{number:02d}", insured_id=f"v{number:02d}")
    for number in range(60):
        town.claim(f"{np.datetime64('2024-01-20') + 2 * number} 15:00", insured_id=f"w{number}")
    con = network(town)
    assert person(con, "v10")["insured_covisit_partners_180"] == 29
    assert person(con, "v10")["insured_covisit_lift_180"] < 2
    assert rows(con, "groups") == []


def test_a_small_lift_is_no_group_however_certain(town):
    """Eight of eight days shared in a nearly empty clinic: 64 x 2 x 8 / 538 expected, lift 4.2."""
    quiet_clinic(town, 10)
    days = ("02-06 09:10", "02-15 16:40", "03-04 10:05", "03-20 14:20", "04-05 08:15",
            "04-23 17:30", "05-12 13:25", "06-01 15:35")  # fmt: skip
    trio(town, tuple(f"2024-{day}" for day in days), people=("a", "b"))
    found = person(network(town), "a")
    assert found["insured_covisit_lift_180"] == 8 / (64 * 16 / 538)
    assert found["insured_covisit_group_180"] == 1
