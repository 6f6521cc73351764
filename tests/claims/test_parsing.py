"""Text becomes a typed value or a fault; nothing in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from claims.contracts import Column
from claims.engine import open_engine, run
from claims.local_times import settled_from
from claims.mapping import ColumnMapping
from claims.parsing import parsed_sql, presentable
from claims.templates import expand_counts


def column(kind: str, **more: Any) -> ColumnMapping:
    target = {k: more.pop(k) for k in ("values", "required", "identity", "private") if k in more}
    if "sum" not in more:
        more["source"] = "s"
    return ColumnMapping(Column("t", kind, "t", "t", **target), **more)


def parsed(
    mapped: ColumnMapping,
    *texts: str | None,
    zone: str = "Asia/Shanghai",
    nulls: Sequence[str] = (),
    **others: str,
) -> list[Any]:
    """Return the value of each text, or its fault code with an exclamation mark."""
    con = open_engine()
    raw = {"s": pa.array(texts, pa.string())}
    raw |= {k: pa.array([v] * len(texts)) for k, v in others.items()}
    raw["row_number"] = pa.array(range(len(texts)), pa.int64())
    raw["source_file"] = pa.array(["f"] * len(texts))
    con.register("raw", pa.table(raw))
    sql = parsed_sql({"t": mapped}, nulls, zone, "CNY")
    made = con.sql(f'SELECT t, "fault:t" FROM ({sql}) ORDER BY row_number').to_arrow_table()
    rows = list(zip(*(c.to_pylist() for c in made.columns), strict=True))
    assert all(value is None or fault is None for value, fault in rows)
    return [f"{fault}!" if fault else value for value, fault in rows]


def warned(mapped: ColumnMapping, *texts: str, currency: str = "CNY") -> list[Any]:
    """Return value, fault and warning of each text."""
    con = open_engine()
    con.register("raw", pa.table({"s": pa.array(texts, pa.string())}))
    sql = parsed_sql({"t": mapped}, [], "Asia/Shanghai", currency, kept=())
    return [tuple(row) for row in run(con, sql)]


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


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0", 0), ("-0.00", 0), ("1", 100), ("1.2", 120), ("1.23", 123), ("1.2300", 123),
     ("-12.05", -1205), ("007.10", 710), ("9999999999.99", 999999999999),
     ("1.10" + "0" * 40, 110), ("0.29", 29), ("1.15", 115)],
)  # fmt: skip
def test_money_is_exact(text: str, fen: int) -> None:
    assert parsed(column("money"), text) == [fen]


@pytest.mark.parametrize(
    "text",
    ["1.234", "1.005", "1e5", "1E2", "$5", "€5", "¥¥5", "5¥", "元5", "¥-", "¥", "+5", ".5",
     "5.", "--5", "- 5",
     "1 000", "NaN", "inf", "0x10", "一二", "1.2.3", "19912345678", "1.0" + "0" * 30 + "1", "(5)",
     "5-", "TRUE"],
)  # fmt: skip
def test_money_is_never_guessed(text: str) -> None:
    assert parsed(column("money"), text) == ["bad_number!"]


def test_scaled_and_whole_numbers() -> None:
    milli = column("integer", scale=1000)
    assert parsed(milli, "2", "0.5", "1.234", "1.2345", "-3.5") == [
        2000, 500, 1234, "bad_number!", -3500,
    ]  # fmt: skip
    assert parsed(column("integer"), "28", "28.0", "28.5", "x") == [
        28, 28, "bad_number!", "bad_number!",
    ]  # fmt: skip


def test_codes_defaults_and_permitted_values() -> None:
    permitted = {"M": None, "F": None}
    coded = column("text", codes={"1": "M", "2": "F"}, values=permitted)
    assert parsed(coded, "1", "2", "M", "9", "01", "") == [
        "M", "F", "not_permitted!", "not_permitted!", "not_permitted!", None,
    ]  # fmt: skip
    kept = column("text", codes={"1": "M"}, values=permitted, default="F")
    assert parsed(kept, "1", "", None, "3") == ["M", "F", "F", "not_permitted!"]
    assert parsed(column("text", codes={"it's": "M"}, values=permitted), "it's") == ["M"]
    assert parsed(column("boolean"), "1", "0", "", "true", "2") == [
        True, False, None, "not_permitted!", "not_permitted!",
    ]  # fmt: skip


def test_text_stays_as_it_is_but_for_blanks_around_it() -> None:
    kept = ["欧阳 娜", "o'Neill", 'a"b', "007", "NA", "💊"]
    assert parsed(column("text"), *kept, "  x ") == [*kept, "x"]
    assert parsed(column("text"), "NA", " NA", "na", nulls=["NA"]) == [None, None, "na"]
    assert parsed(column("text"), "a\nb", "a\rb") == ["line_break!", "line_break!"]


def test_required_value_is_missed() -> None:
    for kind in ("text", "date", "money", "boolean"):
        assert parsed(column(kind, required=True), "", None, "NA", nulls=["NA"]) == [
            "missing_value!", "missing_value!", "missing_value!",
        ]  # fmt: skip
    assert parsed(column("money", required=True), "x") == ["bad_number!"]


def test_parts_of_a_sum() -> None:
    added = column("money", sum=("s", "other"), required=True)
    assert parsed(added, "1.10", "", "x", other="2.05") == [315, 205, "bad_number!"]
    assert parsed(added, "1.10", "", other="") == [110, "missing_value!"]
    assert parsed(added, "1.10", other="1e1") == ["bad_number!"]


def test_filled_columns_are_counted() -> None:
    con = open_engine()
    con.register("raw", pa.table({"Dx_1": ["a", "b"], "dx_2": ["", "NA"], "Dx_3": ["c", ""]}))
    sql = expand_counts("SELECT {count:Dx_*} AS n FROM raw", ["Dx_1", "dx_2", "Dx_3", "y"], ["NA"])
    assert run(con, sql) == [("2",), ("1",)]
    assert run(con, expand_counts("SELECT {count:Px_*} AS n FROM raw", ["Dx_1"], [])) == [
        ("0",), ("0",),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("date", "2024-02-30", True), ("date", "20240230", True),
        ("timestamp", "2024-1-1 9:5", True),
        ("money", "1e5", True), ("money", "¥1,234.567", True), ("money", "-12.345", True),
        ("boolean", "yes", True), ("integer", "2.5", True),
        ("money", "10000581305", False), ("date", "990103199408010015", False),
        ("date", "1000-0581-305", False), ("money", "N000000001", False),
        ("money", "陈文霞", False),
        ("boolean", "陈文霞", False), ("boolean", "10000581305", False), ("text", "V0044", False),
    ],
)  # fmt: skip
def test_only_what_cannot_be_an_identity_is_shown(kind: str, text: str, shown: bool) -> None:
    con = open_engine()
    con.register("raw", pa.table({"s": [text]}))
    sql = f"SELECT {presentable(column(kind))} FROM raw"
    assert run(con, sql) == [(text if shown else None,)]
    for hidden in (column(kind, identity="insured"), column(kind, private=True)):
        assert run(con, f"SELECT {presentable(hidden)} FROM raw") == [(None,)]


@pytest.mark.parametrize(
    ("text", "fen", "code"),
    [
        ("1,234.56", 123456, "formatted_number"), ("-1,234,567", -123456700, "formatted_number"),
        ("9,999,999,999.99", 999999999999, "formatted_number"),
        ("¥5", 500, "formatted_number"), ("￥1,000.5", 100050, "formatted_number"),
        ("5.10元", 510, "formatted_number"), ("-¥5", -500, "formatted_number"),
        ("¥-5", -500, "formatted_number"), ("１２．５", 1250, "full_width"),
        ("１，２３４", 123400, "formatted_number"), ("－７", -700, "full_width"),
        ("\u00a07\t", 700, "hidden_characters"), ("\ufeff7", 700, "hidden_characters"),
        ("\u3000", None, "hidden_characters"), (" 7 ", 700, None),
    ],
)  # fmt: skip
def test_numbers_written_for_people_keep_their_value_and_are_told(
    text: str, fen: int | None, code: str | None
) -> None:
    assert warned(column("money"), text) == [(fen, None, code)]


@pytest.mark.parametrize(
    "text",
    ["1,23", "1.234,56", "12,34", "1,2345", "1,234,56", "0,123", "01,234", ",123", "1,234,",
     "1,,234",
     "1，23", "99,999,999,999", "1,234.567"],
)  # fmt: skip
def test_commas_that_may_be_decimal_are_refused(text: str) -> None:
    [(value, fault, _)] = warned(column("money"), text)
    assert (value, fault) == (None, "ambiguous_number")


def test_one_group_is_not_enough_where_three_decimals_are_kept() -> None:
    milli = column("integer", scale=1000)
    assert warned(milli, "1,234", "1,234.5", "1,234,567", "1.234") == [
        (None, "ambiguous_number", "formatted_number"), (1234500, None, "formatted_number"),
        (1234567000, None, "formatted_number"), (1234, None, None),
    ]  # fmt: skip
    assert warned(column("integer"), "1,234", "¥1") == [
        (1234, None, "formatted_number"), (None, "bad_number", "formatted_number"),
    ]  # fmt: skip


def test_only_the_sign_of_the_own_currency_is_taken_off() -> None:
    money = column("money")
    assert warned(money, "$1,000", currency="USD") == [(100000, None, "formatted_number")]
    assert warned(money, "¥1", "1元", currency="USD")[0][:2] == (None, "bad_number")
    assert warned(money, "$1", "€1")[1][:2] == (None, "bad_number")
    assert warned(money, "¥1", currency="XXX")[0][:2] == (None, "bad_number")


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


def test_identifiers_that_lost_digits_are_refused() -> None:
    code = column("text", identity="insured")
    texts = ["4.40106E+17", "1e+16", "440106199408010000.0", "4.4E17", "E11.9", "1.0", "+8610"]
    assert parsed(code, *texts, "440106199408010000") == [
        "scientific_id!", "scientific_id!", "rounded_id!", "4.4E17", "E11.9", "1.0", "+8610",
        "440106199408010000",
    ]  # fmt: skip
    # A name may look like anything.
    assert parsed(column("text"), "4.40106E+17") == ["4.40106E+17"]


def test_invisible_characters_around_a_code_are_taken_off_and_inside_refused() -> None:
    code = column("text", identity="insured")
    assert warned(code, "\tN1", "N1\u200b \u00a0", "\ufeff N1 ", "Ｎ１", " N1 ") == [
        ("N1", None, "hidden_characters"), ("N1", None, "hidden_characters"),
        ("N1", None, "hidden_characters"), ("N1", None, "full_width"), ("N1", None, None),
    ]  # fmt: skip
    inside = ["N\u200b1", "N\u00a01", "N\t1", "N\x001", "N\u202e1", "N\n1", "N　1"]
    assert parsed(code, *inside) == [*["hidden_inside!"] * 5, "line_break!", "hidden_inside!"]


def test_text_that_people_read_keeps_its_width() -> None:
    assert warned(column("text"), "ＣＴ室", "心内科\u3000", "心\u00a0内", "，") == [
        ("ＣＴ室", None, None), ("心内科", None, "hidden_characters"), ("心\u00a0内", None, None),
        ("，", None, None),
    ]  # fmt: skip


def test_coded_values_in_full_width() -> None:
    coded = column("text", codes={"1": "M", "2": "F"}, values={"M": None, "F": None})
    assert warned(coded, "１", "３") == [
        ("M", None, "full_width"),
        (None, "not_permitted", "full_width"),
    ]


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
