"""Dates and local times: never guessed, and a fault where no clock ever showed them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from claims.local_times import settled_from
from tests.claims.parsed_cells import column, parsed, warned


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30", "2023-02-29", "2024-1-1", "20240101", "2024/01/01", "01-02-2024",
        "2024-13-01",
        "2024-00-10", "2024-01-01 10:00:00", "2024-01-01T10:00:00", "24-01-01", "2024年01月01日",
        "2024-01-01x", "0001-01-01", "0000-00-00", "-2024-01-01", "2024-01- 1",
        "２０２４-0１-32", "二〇二四-01-01", "today", "NaT", "1799-12-31", "452920", "4529",
    ],
)  # fmt: skip
def test_date_is_never_guessed(text: str) -> None:
    assert parsed(column("date"), text) == ["bad_date!"]


def test_possible_dates_and_empty_ones() -> None:
    texts = ["2024-02-29", " 2024-01-01 ", "9999-12-31", "1800-01-01", "", "  ", None]
    assert parsed(column("date"), *texts) == [
        date(2024, 2, 29), date(2024, 1, 1), date(9999, 12, 31), date(1800, 1, 1), None, None, None,
    ]  # fmt: skip


def test_only_the_formats_of_the_mapping_are_dates() -> None:
    compact = column("date", formats=("%Y%m%d",))
    assert parsed(compact, "20240229", "20230229", "2024-02-29", "202402", "2024022") == [
        date(2024, 2, 29), "bad_date!", "bad_date!", "bad_date!", "bad_date!",
    ]  # fmt: skip


def test_local_time_becomes_utc() -> None:
    moment = column("timestamp", formats=("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"))
    # Shanghai is UTC+8; it kept summer time (UTC+9) in 1990.
    texts = ["2024-01-01 07:59:59", "2024-01-01", "1990-07-01 12:00:00"]
    assert parsed(moment, *texts) == [
        datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2023, 12, 31, 16, tzinfo=UTC),
        datetime(1990, 7, 1, 3, tzinfo=UTC),
    ]
    # New York: UTC-5 in winter, UTC-4 in summer.
    assert parsed(moment, "2009-01-01", "2009-07-01", zone="America/New_York") == [
        datetime(2009, 1, 1, 5, tzinfo=UTC), datetime(2009, 7, 1, 4, tzinfo=UTC),
    ]  # fmt: skip
    for text in ("2024-01-01 24:00:00", "2024-01-01 10:60:00", "2024-01-01 9:00:00",
                 "2024-01-01  09:00:00", "2500-01-01", "9999-12-31 23:59:59"):  # fmt: skip
        assert parsed(moment, text) == ["bad_date!"], text


def test_plus_days_shifts_after_parsing() -> None:
    assert parsed(column("date", plus_days=30), "2024-01-31", "2024-02-30") == [
        date(2024, 3, 1), "bad_date!",
    ]  # fmt: skip
    # Thirty days over the end of summer time: the local hour stays, UTC moves.
    late = column("timestamp", plus_days=30)
    assert parsed(late, "2009-10-10", zone="America/New_York") == [
        datetime(2009, 11, 9, 5, tzinfo=UTC)
    ]


def test_full_width_dates_are_dates_and_told() -> None:
    assert warned(column("date"), "２０２４－０１－０２", "2024/01/02", "\t2024-01-02") == [
        (date(2024, 1, 2), None, "full_width"), (None, "bad_date", None),
        (date(2024, 1, 2), None, "hidden_characters"),
    ]  # fmt: skip


def test_day_numbers_are_refused_with_their_name_or_converted_where_the_mapping_says_so() -> None:
    for kind in ("date", "timestamp"):
        assert parsed(column(kind), "45352", "45352.5", "4535", "453520") == [
            "excel_serial_date!", "excel_serial_date!", "bad_date!", "bad_date!",
        ]  # fmt: skip
    # Known pairs: 1 and 59 are the first of January and the last of February 1900; 60 never was;
    # 25569 is the Unix epoch; 36526 the year 2000; 45351 a leap day (ECMA-376 part 1, 18.17.4).
    dates = column("date", formats=("%Y-%m-%d", "excel"))
    assert parsed(dates, "1", "59", "60", "61", "25569", "36526", "45351", "45352.0") == [
        date(1900, 1, 1), date(1900, 2, 28), "bad_date!", date(1900, 3, 1), date(1970, 1, 1),
        date(2000, 1, 1), date(2024, 2, 29), date(2024, 3, 1),
    ]  # fmt: skip
    assert parsed(dates, "2024-03-01", "45352.5", "0", "-1", "100000", "x") == [
        date(2024, 3, 1), "excel_serial_date!", "bad_date!", "bad_date!", "bad_date!", "bad_date!",
    ]  # fmt: skip
    moments = column("timestamp", formats=("%Y-%m-%d %H:%M:%S", "excel"))
    # 9:30 is 0.395833…; a spreadsheet writes sixteen digits of it.
    assert parsed(moments, "45352.395833333336", "45352.99998842593", "45352", zone="UTC") == [
        datetime(2024, 3, 1, 9, 30, tzinfo=UTC), datetime(2024, 3, 1, 23, 59, 59, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    ]  # fmt: skip


NOON = "2024-03-10 12:00:00"


@pytest.mark.parametrize(
    ("zone", "text", "moment"),
    [
        # New York put its clocks from 2:00 to 3:00 on 10 March 2024, and back on 3 November.
        ("America/New_York", "2024-03-10 01:59:59", datetime(2024, 3, 10, 6, 59, 59, tzinfo=UTC)),
        ("America/New_York", "2024-03-10 02:00:00", "skipped_time!"),
        ("America/New_York", "2024-03-10 02:59:59", "skipped_time!"),
        ("America/New_York", "2024-03-10 03:00:00", datetime(2024, 3, 10, 7, tzinfo=UTC)),
        # Shown twice: the later one, five hours behind UTC.
        ("America/New_York", "2024-11-03 01:30:00", datetime(2024, 11, 3, 6, 30, tzinfo=UTC)),
        # China put its clocks forward from 1986 to 1991, at 2:00 on 17 April 1988.
        ("Asia/Shanghai", "1988-04-17 02:30:00", "skipped_time!"),
        ("Asia/Shanghai", "1991-04-14 02:30:00", "skipped_time!"),
        ("Asia/Shanghai", "1992-04-12 02:30:00", datetime(1992, 4, 11, 18, 30, tzinfo=UTC)),
        # Havana skips the first hour of a day, which then begins at one o'clock.
        ("America/Havana", "2024-03-10 00:30:00", "skipped_time!"),
        ("America/Havana", "2024-03-10 00:00:00", datetime(2024, 3, 10, 5, tzinfo=UTC)),
        ("UTC", "2024-03-10 02:30:00", datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_local_time_that_never_was_is_a_fault(
    zone: str, text: str, moment: datetime | str
) -> None:
    mapped = column("timestamp", formats=("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"))
    noon, found, never = parsed(mapped, NOON, text, "2024-02-30 02:30:00", zone=zone)
    assert noon.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == datetime(2024, 3, 10, 12)
    assert (found, never) == (moment, "bad_date!")
    assert parsed(mapped, "2024-03-10T02:30:00Z", zone=zone) == [
        datetime(2024, 3, 10, 2, 30, tzinfo=UTC)
    ]


def test_days_that_are_added_never_lead_into_a_fault() -> None:
    """9 February + 30 days is 10 March 2024, 2:30, which New York skipped: that is not the file."""
    mapped = column("timestamp", formats=("%Y-%m-%d %H:%M:%S",), plus_days=30)
    texts = ("2024-02-09 02:30:00", "2024-03-10 02:30:00")
    assert parsed(mapped, *texts, zone="America/New_York") == [
        datetime(2024, 3, 10, 7, 30, tzinfo=UTC), "skipped_time!",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "year"), [("Asia/Shanghai", 1991), ("Europe/Berlin", 2499), ("Asia/Kolkata", 1942)]
)
def test_from_when_a_zones_clocks_are_put_forward_no_more(zone: str, year: int) -> None:
    """The last year in which they were, by the zone's own history; a year is left over."""
    assert year < settled_from(zone).year <= year + 3
    assert settled_from("UTC").year == 1800


@given(
    st.datetimes(datetime(1971, 1, 1, 0, 0, 1), datetime(2025, 1, 1)),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Sydney"]),
)
@settings(max_examples=60, deadline=None)
def test_local_times_agree_with_the_zones_own_history(local: datetime, zone: str) -> None:
    local = local.replace(microsecond=0)
    place = ZoneInfo(zone)
    assume(local.time() != time())
    later = local.replace(tzinfo=place, fold=1).astimezone(UTC)
    there = later.astimezone(place).replace(tzinfo=None) == local
    (found,) = parsed(column("timestamp", formats=("%Y-%m-%d %H:%M:%S",)), str(local), zone=zone)
    assert found == (later if there else "skipped_time!")
