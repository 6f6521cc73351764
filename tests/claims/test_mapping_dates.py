"""Formats of dates in users' own mappings: read as written, refused where they would be guesses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.dates import DIRECTIVES, contradiction, format_fault, shape
from tests.claims.own_mappings import came_in, written


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2399, 12, 31)),
    st.sampled_from(
        [
            "%d/%m/%Y %H:%M",
            "%-m/%-d/%Y %-I:%M %p",
            "%d-%b-%Y",
            "%Y年%-m月%-d日 %H:%M",
            "%Y%m%d%H%M%S",
            "%Y-%m-%dT%H:%M:%S.%f",
            "%d.%m.%Y",
        ]
    ),
)
@settings(max_examples=20, deadline=None)
def test_what_strftime_writes_is_read_as_the_same_moment(moment: datetime, layout: str) -> None:
    from claims.engine import open_engine, run

    text = moment.strftime(layout)
    again = datetime.strptime(text, layout.replace("%-", "%"))
    con = open_engine()
    sql = "SELECT regexp_full_match(?, ?), try_strptime(?, ?)"
    years = "(1[89]|2[0-4])[0-9]{2}"
    assert run(con, sql, [text, shape(layout, years), text, layout]) == [(True, again)]
    con.close()


@pytest.mark.parametrize(
    "layout",
    [
        "%d/%m/%y",
        "%Y-%m",
        "%Y",
        "%Y-%m-%d %Q",
        "%Y-%m-%d %Z",
        "2024",
        "%Y-%m-%d %I:%M",
        "%Y%m%d%",
        "%Y-%m-%b-%d",
        "%Y-%m-%d %p",
        "?",
    ],
)
def test_formats_that_would_be_guesses_are_refused(layout: str) -> None:
    assert format_fault(layout) is not None


def test_formats_that_contradict_each_other() -> None:
    assert contradiction(["%d/%m/%Y", "%m/%d/%Y"])
    assert contradiction(["%-d/%-m/%Y", "%Y-%m-%d", "%m/%d/%Y"])
    assert contradiction(["%Y-%m-%d", "%Y-%d-%m"])
    assert not contradiction(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d", "%Y%m%d%H%M%S"])
    assert not contradiction(["%Y/%m/%d", "%Y/%-m/%-d", "%d/%m/%Y"])
    assert "%y" not in DIRECTIVES


def test_a_time_with_z_is_utc_and_others_are_local(tmp_path: Path) -> None:
    both = '{ from = "day", formats = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"] }'
    loaded = came_in(
        tmp_path,
        written(tmp_path, service_at=both),
        {"day": "2024-03-05T20:30:00Z"},
        {"day": "2024-03-05 20:30:00"},
    )
    got = sorted((c["service_at"], c["service_date"]) for c in loaded.claims)
    assert got == [
        (datetime(2024, 3, 5, 12, 30, tzinfo=UTC), date(2024, 3, 5)),
        (datetime(2024, 3, 5, 20, 30, tzinfo=UTC), date(2024, 3, 6)),  # 04:30 in Shanghai
    ]
