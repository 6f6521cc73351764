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
