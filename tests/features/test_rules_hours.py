"""Billing while closed: opening hours, holidays and working weekends, minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

RULE = "OFFHOURS_BILLING"
FRIDAY, SATURDAY, SUNDAY, MONDAY = "2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04"


def hours(town, weekdays=range(1, 9), opens: int = 480, closes: int = 1080, **given) -> None:
    """Open from 8:00 to 18:00, with half an hour of grace on either side."""
    for weekday in weekdays:
        row = {"emergency": False, "valid_from": date(2024, 1, 1),
               "known_at": datetime(2024, 1, 1, tzinfo=UTC), **given}  # fmt: skip
        town.add("opening_hours", institution_id="o1", weekday=weekday, opens_minute=opens,
                 closes_minute=closes, **row)  # fmt: skip


def shut(town, when: str, **given) -> bool:
    """Tell whether a visit is found to be outside the hours."""
    claim = town.claim(when, **given)
    hits = town.judged(RULE).hits
    assert hits in ({}, {claim: (1, 8_000)})  # fund 7,000 and account 1,000
    return bool(hits)


@pytest.mark.parametrize(("clock", "found"), [
    ("07:29", True), ("07:30", False), ("07:31", False), ("12:00", False), ("18:29", False),
    ("18:30", True), ("18:31", True), ("03:00", True), ("23:30", True),
])  # fmt: skip
def test_opening_hours_with_half_an_hour_of_grace(town, clock, found):
    hours(town)
    assert shut(town, f"{FRIDAY} {clock}") is found


@pytest.mark.parametrize(("clock", "found"), [
    ("19:29", True), ("19:30", False), ("23:59", False), ("00:01", False), ("02:29", False),
    ("02:30", True), ("12:00", True),
])  # fmt: skip
def test_hours_past_midnight(town, clock, found):
    """From 20:00 to 2:00 of the next day."""
    hours(town, opens=1200, closes=120)
    assert shut(town, f"{FRIDAY} {clock}") is found


def test_all_day_is_never_shut(town):
    hours(town, opens=0, closes=1440)
    for clock in ("00:01", "12:00", "23:59"):
        assert not shut(town, f"{FRIDAY} {clock}")


def test_a_day_without_hours_is_closed(town):
    hours(town, range(1, 7))
    assert not shut(town, f"{SATURDAY} 10:00")
    assert shut(town, f"{SUNDAY} 10:00")


@pytest.mark.parametrize(("kind", "weekdays", "when", "found"), [
    ("holiday", (1, 2, 3, 4, 5, 8), FRIDAY, False),
    ("holiday", (1, 2, 3, 4, 5), FRIDAY, False),  # no hours of holidays: those of the weekday
    ("holiday", (1, 2, 3, 4, 5), SATURDAY, True),
    ("working", (1, 2, 3, 4, 5), SATURDAY, False),  # a Saturday that is worked like a Monday
    (None, (1, 2, 3, 4, 5), SATURDAY, True),
    (None, (8,), SATURDAY, True),
])  # fmt: skip
def test_holidays_and_working_weekends(town, kind, weekdays, when, found):
    hours(town, weekdays)
    if kind:
        for start in (date(2024, 3, 1), date(2024, 2, 29)):  # two rows of a list count once
            town.add("holidays", day_kind=kind, valid_from=start, valid_to=date(2024, 3, 3))
    assert shut(town, f"{when} 10:00") is found


def test_hours_of_a_holiday_go_before_those_of_the_weekday(town):
    hours(town, range(1, 8))
    hours(town, (8,), opens=480, closes=720)
    town.add("holidays", day_kind="holiday", valid_from=date(2024, 3, 1), valid_to=date(2024, 3, 4))
    assert shut(town, f"{FRIDAY} 13:00")
    town.rows["claims"].clear()
    assert not shut(town, f"{MONDAY} 13:00")


@pytest.mark.parametrize("given", [
    {"emergency": True}, {"valid_to": date(2024, 3, 1)}, {"valid_from": date(2024, 3, 2)},
    {"known_at": datetime(2024, 3, 2, tzinfo=UTC)},
], ids=["emergency", "no longer", "not yet", "not known"])  # fmt: skip
def test_hours_that_do_not_judge(town, given):
    hours(town, **given)
    assert not shut(town, f"{FRIDAY} 23:00")


def test_stays_and_claims_without_a_time_are_not_judged(town):
    hours(town)
    town.stay(f"{FRIDAY} 23:00", f"{MONDAY} 23:00")
    assert not shut(town, FRIDAY)


def test_the_order_of_rows_is_irrelevant(town):
    hours(town, range(1, 7))
    hours(town, range(1, 7))  # the same register twice
    claim = town.claim(f"{SUNDAY} 10:00")
    before = town.judged(RULE)
    for name, rows in town.rows.items():
        town.rows[name] = rows[::-1]
    assert town.judged(RULE) == before
    assert set(before.hits) == {claim}
