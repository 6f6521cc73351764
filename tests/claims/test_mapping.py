"""Users' own mappings: what each key does to a value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from claims.contracts import LANGS
from claims.mapping import MappingError, read_mapping
from claims.mapping_model import ASSUMED, MADE, core
from tests.claims.own_mappings import CORE, came_in, written


def test_the_core_alone_can_be_loaded(tmp_path: Path) -> None:
    loaded = came_in(tmp_path, written(tmp_path), {})
    (claim,) = loaded.claims
    assert claim["service_at"] == datetime(2024, 3, 4, 16, tzinfo=UTC)  # midnight in Shanghai
    assert (claim["service_date"], claim["claim_type"]) == (date(2024, 3, 5), "outpatient")
    assert claim["known_at"] == datetime(2024, 4, 3, 16, tzinfo=UTC)  # 30 days later
    assert claim["known_at_assumed"]
    assert (claim["total_amount"], claim["fund_amount"], claim["currency"]) == (1000, 750, "CNY")
    assert loaded.report.source == "own"
    # Exactly what a mapping may leave out is what the loader makes or assumes.
    assert set(core("claims")) == set(CORE)
    assert not set(core("claims")) & (MADE["claims"] | ASSUMED["claims"])


@pytest.mark.parametrize(
    ("unit", "text", "fen"),
    [
        ("yuan", "1.23", 123),
        ("dollar", "1", 100),
        ("fen", "123", 123),
        ("cent", "123", 123),
        ("thousand_yuan", "1.23456", 123456),
        ("ten_thousand_yuan", "1234567.123456", 1234567123456),
        ("thousand", "9999999999", 999999999900000),
    ],
)
def test_units_of_amounts_are_exact(tmp_path: Path, unit: str, text: str, fen: int) -> None:
    path = written(tmp_path, total_amount=f'{{ from = "all", unit = "{unit}" }}')
    assert came_in(tmp_path, path, {"all": text}).claims[0]["total_amount"] == fen


@pytest.mark.parametrize(("unit", "text"), [("fen", "1.5"), ("thousand_yuan", "1.234567")])
def test_more_decimals_than_a_unit_holds_are_not_rounded(
    tmp_path: Path, unit: str, text: str
) -> None:
    path = written(tmp_path, total_amount=f'{{ from = "all", unit = "{unit}" }}')
    loaded = came_in(tmp_path, path, {"all": "5"}, {"all": text})
    assert [(f["row_number"], f["code"]) for f in loaded.faults if f["row_number"]] == [
        (3, "bad_number")
    ]


def test_codes_with_a_fallback_and_with_no_value(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        claim_type='{ from = "k", codes = { "门诊" = "outpatient", "*" = "inpatient" } }',
        department='{ from = "d", codes = { "1" = "heart", "9" = "" } }',
        insurance_type='{ from = "i", codes = { "1" = "staff", "*" = "" } }',
    )
    loaded = came_in(
        tmp_path,
        path,
        {"k": "门诊", "d": "1", "i": "1"},
        {"k": "x", "d": "9", "i": "7"},
        {"k": "y", "d": "2", "i": ""},
        {"k": "", "d": "1", "i": "1"},
    )
    got = {(c["claim_type"], c["department"], c["insurance_type"]) for c in loaded.claims}
    assert got == {("outpatient", "heart", "staff"), ("inpatient", None, None)}
    faults = {
        (f["row_number"], f["code"], f["column_name"]) for f in loaded.faults if f["row_number"]
    }
    assert faults == {(4, "not_permitted", "d"), (5, "missing_value", "k")}


def test_first_of_several_columns_that_is_filled(tmp_path: Path) -> None:
    path = written(tmp_path, service_at='{ from = ["day", "visit"] }')
    loaded = came_in(
        tmp_path,
        path,
        {"day": ""},
        {"day": "", "visit": "2024-05-01"},
        {"day": "2024-06-01", "visit": "2024-05-01"},
    )
    assert {c["service_date"] for c in loaded.claims} == {date(2024, 5, 1), date(2024, 6, 1)}
    (fault,) = [f for f in loaded.faults if f["row_number"]]
    assert (fault["code"], fault["column_name"]) == ("missing_value", "day + visit")
    loaded = came_in(tmp_path, path, {})  # a file without one of them is no fault of a row
    assert [c["service_date"] for c in loaded.claims] == [date(2024, 3, 5)]


def test_signs_and_thousands_are_taken_out_and_never_guessed(tmp_path: Path) -> None:
    path = written(
        tmp_path, total_amount='{ from = "all", remove = ["$", "元"], thousands = "\'" }'
    )
    good = {"$1'234.50": 123450, "-": None, "12元": 1200, "$ 7": 700, "1234": 123400}
    bad = ("1'23", "12'34.5", "1''234", "1'234'56", "€5")
    loaded = came_in(tmp_path, path, *({"all": t} for t in [*good, *bad]))
    assert sorted(c["total_amount"] for c in loaded.claims) == [700, 1200, 123400, 123450]
    rows = {f["row_number"]: f["code"] for f in loaded.faults if f["row_number"]}
    assert rows == dict.fromkeys([3, *range(7, 12)], "bad_number")


def test_a_decimal_comma_is_read_where_the_mapping_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, total_amount='{ from = "all", thousands = ".", decimal = "," }')
    good = {"4.037,12": 403712, "12,5": 1250, "1.234": 123400, "7": 700, "1.234.567,89": 123456789}
    bad = ("12.34,5", "12.34", "1,234,567", "1.23,4", "1234.567", "4,037.12")
    loaded = came_in(tmp_path, path, *({"all": f'"{t}"'} for t in [*good, *bad]))
    assert sorted(c["total_amount"] for c in loaded.claims) == sorted(good.values())
    rows = {f["row_number"] for f in loaded.faults if f["row_number"] and f["severity"] == "error"}
    assert rows == set(range(len(good) + 2, len(good) + 2 + len(bad)))
    assert not [f for f in loaded.faults if f["severity"] == "warning" and f["row_number"]]


@pytest.mark.parametrize(
    ("amount", "code", "key"),
    [
        ('{ from = "all", thousands = "." }', "same_marks", "thousands"),
        ('{ from = "all", thousands = ",", decimal = "," }', "same_marks", "thousands"),
        ('{ from = "all", remove = ["."] }', "removed_mark", "remove"),
        ('{ from = "all", decimal = ";" }', "wrong_kind", "decimal"),
    ],
)
def test_marks_that_would_shift_a_number_are_refused(
    tmp_path: Path, amount: str, code: str, key: str
) -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping(written(tmp_path, total_amount=amount))
    (fault,) = caught.value.faults
    assert (fault.code, fault.key) == (code, key)
    for lang in LANGS:
        assert "1.25" in fault.text(lang) or code != "removed_mark"


def test_the_files_name_says_what_its_rows_are(tmp_path: Path) -> None:
    path = written(
        tmp_path, claim_type='{ from = "source_file", codes = { "a.csv" = "inpatient" } }'
    )
    assert came_in(tmp_path, path, {}).claims[0]["claim_type"] == "inpatient"


def test_lines_before_claims_and_without_reversals(tmp_path: Path) -> None:
    lines = """
[tables.claim_lines]
files = ["a.csv"]
[tables.claim_lines.columns]
line_id = { from = "id" }
claim_id = { from = "id" }
line_at = { from = "day" }
item_code = { constant = "X" }
item_class = { constant = "drug" }
quantity_milli = { from = "n", unit = "piece" }
unit_price = { from = "all" }
amount = { from = "all" }
"""
    path = written(tmp_path, more=lines)
    text = path.read_text("utf-8")
    claims, rest = text.split("[tables.claim_lines]")
    head, claims = claims.split("[tables.claims]")
    path.write_text(f"{head}[tables.claim_lines]{rest}\n[tables.claims]{claims}", "utf-8")
    loaded = came_in(tmp_path, path, {"n": "1.5"}, {"n": "-1"})
    (lines_count,) = [c for c in loaded.report.counts if c.table == "claim_lines"]
    assert (lines_count.records, lines_count.accepted) == (2, 1)


def test_a_file_may_call_its_columns_as_the_program_does(tmp_path: Path) -> None:
    """Names that the contracts, the quarantine or its SQL use are a file's to use as well."""
    taken = [
        "claim_id",
        "insured_id",
        "code",
        "severity",
        "target",
        "column_name",
        "value",
        "digest",
    ]
    path = written(
        tmp_path, claim_id='{ from = "claim_id" }', department='{ from = "code" }',
        self_amount='{ from = "value" }',
    )  # fmt: skip
    rows = [{c: str(i) for c in taken} for i in range(3)]
    loaded = came_in(tmp_path, path, *rows, {**rows[0], "value": "x"}, {**rows[1], "code": "z"})
    faults = [(f["row_number"], f["code"]) for f in loaded.faults if f["row_number"]]
    assert faults == [(3, "conflicting_id"), (5, "bad_number"), (6, "conflicting_id")]
    assert {c["department"] for c in loaded.claims} == {"0", "2"}
