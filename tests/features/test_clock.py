"""Time is cut in one place: local midnight, half-open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import cut, day_number, day_of, local, microseconds, month_starts

SHANGHAI = "Asia/Shanghai"


def test_the_cut_is_local_midnight():
    # Shanghai is eight hours ahead of UTC the whole year.
    assert cut(date(2024, 3, 1), SHANGHAI) == microseconds(datetime(2024, 2, 29, 16, tzinfo=UTC))
    assert cut(date(1970, 1, 1), "UTC") == 0


def test_the_cut_is_the_first_microsecond_of_the_day():
    moment = cut(date(2024, 3, 1), SHANGHAI)
    assert local(moment, SHANGHAI).date() == date(2024, 3, 1)
    assert local(moment - 1, SHANGHAI).date() == date(2024, 2, 29)


def test_days_of_a_zone_with_summer_time_are_not_all_24_hours():
    # Berlin set its clocks forward on 31 March 2024 and back on 27 October 2024.
    def hours(day: date) -> float:
        return (cut(day + timedelta(days=1), "Europe/Berlin") - cut(day, "Europe/Berlin")) / 3.6e9

    assert hours(date(2024, 3, 30)) == 24
    assert hours(date(2024, 3, 31)) == 23
    assert hours(date(2024, 10, 27)) == 25


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_day_numbers_lead_back(day):
    assert day_of(day_number(day)) == day


def test_microseconds_are_exact_far_from_1970():
    late = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert microseconds(late) == 7_258_118_399_999_999
    assert local(microseconds(late), "UTC") == late


def test_a_moment_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        microseconds(datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("first", "as_of", "expected"),
    [
        (date(2024, 1, 15), date(2024, 3, 10),
         [date(2024, 2, 1), date(2024, 3, 1), date(2024, 3, 10)]),
        # On the first of a month the date stands once.
        (date(2024, 1, 15), date(2024, 3, 1), [date(2024, 2, 1), date(2024, 3, 1)]),
        # Data younger than a month, and of a single day.
        (date(2024, 1, 15), date(2024, 1, 20), [date(2024, 1, 20)]),
        (date(2024, 1, 15), date(2024, 1, 16), [date(2024, 1, 16)]),
        (date(2024, 1, 31), date(2024, 2, 1), [date(2024, 2, 1)]),
        # Over the end of a year; a first day that is itself the first of a month.
        (date(2023, 12, 1), date(2024, 2, 1), [date(2024, 1, 1), date(2024, 2, 1)]),
    ],
)  # fmt: skip
def test_profile_dates(first, as_of, expected):
    assert month_starts(first, as_of) == expected


@given(st.dates(date(2020, 1, 1), date(2024, 1, 1)), st.integers(1, 900))
def test_profile_dates_rise_and_end_with_the_as_of_date(first, days):
    as_of = first + timedelta(days=days)
    found = month_starts(first, as_of)
    assert found == sorted(set(found))
    assert found[-1] == as_of
    assert all(day.day == 1 and first < day for day in found[:-1])
