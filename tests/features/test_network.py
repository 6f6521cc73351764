"""Who is seen together: planted companions, crowds that are none, and what changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from claims.engine import run
from features.network.tables import make_network

NETWORK = ("insured", "institution", "doctor", "groups")


def network(town, as_of: str = "2024-07-01", **given):
    """Return the tables as of a date, rows by their key columns."""
    made = town.build(as_of)
    make_network(made.con, **given)
    return made.con


def rows(con, table: str, as_of: str = "2024-07-01"):
    """Return the rows of the last as-of date as dictionaries."""
    found = con.sql(f"SELECT * FROM network_{table} ORDER BY ALL").to_arrow_table().to_pylist()
    last = max((row["as_of_day"] for row in found), default=0)
    return [row for row in found if row["as_of_day"] == last]


def person(con, insured_id: str):
    return next(row for row in rows(con, "insured") if row["insured_id"] == insured_id)


def quiet_clinic(town, days: int = 120) -> None:
    """Give the clinic one visitor a day at noon, each another person, from 3 January on."""
    for number in range(days):
        day = np.datetime64("2024-01-03") + number
        town.claim(f"{day} 12:00", insured_id=f"w{number:03d}")


TRIO_DAYS = ("2024-02-06 09:10", "2024-03-14 16:40", "2024-04-19 11:05", "2024-05-27 14:20")


def trio(town, days=TRIO_DAYS, people=("a", "b", "c"), apart: int = 9) -> None:
    """Let people come together, each some minutes after the last."""
    for day in days:
        began = np.datetime64(day.replace(" ", "T"))
        for number, who in enumerate(people):
            moment = str(began + np.timedelta64(apart * number, "m")).replace("T", " ")
            town.claim(moment, insured_id=who)


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
    from datetime import UTC, date, datetime

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


def everything(con):
    return {
        name: con.sql(f"SELECT * FROM network_{name} ORDER BY ALL").fetchall() for name in NETWORK
    }


def crowd(new_town, seed: int, claims: int = 260):
    """Return a town small enough that people meet often, with reversals and late arrivals."""
    rng = np.random.default_rng(seed)
    town = new_town()
    for number, kind in enumerate(("public_hospital", "private_hospital", "pharmacy")):
        town.institution(f"o{number}", kind)
    for number in range(8):
        town.add("insured", insured_id=f"p{number}", sex="M", village_id=f"v{number % 2}")
    for _ in range(claims):
        place = int(rng.integers(0, 3))
        day = np.datetime64("2024-01-05") + int(rng.integers(0, 150))
        late = int(rng.integers(0, 3)) * 20
        clock = f"{rng.integers(8, 10):02d}:{rng.integers(0, 60):02d}"
        claim = town.claim(
            f"{day} {clock}", known=f"{day + 1 + late} 00:00", insured_id=f"p{rng.integers(0, 8)}",
            institution_id=f"o{place}", claim_type="pharmacy" if place == 2 else "outpatient",
            doctor_id=None if place == 2 else f"d{rng.integers(0, 3)}",
        )  # fmt: skip
        if rng.random() < 0.15:
            town.reverse(claim, f"{day + 30 + late} 00:00")
    return town


@pytest.mark.parametrize("seed", range(3))
def test_row_order_and_threads_change_nothing(new_town, seed):
    town = crowd(new_town, seed)
    before = everything(network(town))
    assert before["groups"] or before["insured"]
    rng = np.random.default_rng(seed)
    for name, found in town.rows.items():
        town.rows[name] = [found[n] for n in rng.permutation(len(found))]
    made = town.build("2024-07-01")
    run(made.con, "SET threads = 1")
    make_network(made.con)
    assert everything(made.con) == before


@pytest.mark.parametrize("seed", range(4))
def test_the_future_changes_nothing(new_town, seed):
    """What a later as-of date says of 1 April is what was said on 1 April."""
    town = crowd(new_town, seed)
    then = everything(network(town, "2024-04-01"))
    later = everything(network(town, "2024-07-01"))
    day = (np.datetime64("2024-04-01") - np.datetime64("1970-01-01")).astype(int)
    for name in NETWORK:
        assert then[name] == [row for row in later[name] if row[0] <= day]
        assert name == "groups" or any(row[0] == day for row in then[name])
