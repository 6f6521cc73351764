"""Text becomes a typed value or a fault; nothing in between."""

from __future__ import annotations

import pyarrow as pa
import pytest

from claims.engine import open_engine, run
from claims.parsing import presentable
from claims.templates import expand_counts
from tests.claims.parsed_cells import column, parsed, warned


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
