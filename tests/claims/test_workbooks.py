"""Workbooks and Parquet files as the text that the CSV of the same table would have."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from claims.reading import RawFile, open_file

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
BARE = {
    "_rels/.rels": f'<Relationships xmlns="x"><Relationship Id="r" Type="{RELATION}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} {LINKS}><sheets><sheet name="A" sheetId="1" r:id="r1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="x">'
    f'<Relationship Id="r1" Type="{RELATION}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{RELATION}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    "</Relationships>",
}  # fmt: skip


def sheet(cells: str, after: str = "") -> str:
    return f"<worksheet {MAIN}><sheetData>{cells}</sheetData>{after}</worksheet>"


def bare(path: Path, rows: str, after: str = "", **parts: str) -> Path:
    """Write a workbook by hand; ``parts`` replace or add XML parts by their short names."""
    names = {"shared": "xl/sharedStrings.xml", "book": "xl/workbook.xml", "one": "xl/styles.xml"}
    made = BARE | {"xl/worksheets/sheet1.xml": sheet(rows, after)}
    made |= {names[k]: v for k, v in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in made.items():
            archive.writestr(name, text)
    return path


def rows(raw: RawFile) -> list[tuple[Any, ...]]:
    """Return row number and texts of every row."""
    found = [row for block in raw.blocks() for row in block.to_pylist()]
    return [(row["row_number"], *(row[c] for c in raw.columns)) for row in found]


def faults(raw: RawFile) -> list[tuple[int, str, str]]:
    return sorted((f.row_number, f.code, f.column_name) for f in raw.faults)


def test_cells_are_told_as_they_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    page = book.add_worksheet()
    formats = {layout: book.add_format({"num_format": layout}) for layout in (
        "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "h:mm", "000000", "#,##0.00", '0"元"', "[h]:mm",
        "yyyy年m月d日", "[$-804]yyyy/m/d;@", "mmm")}  # fmt: skip
    cells: list[tuple[Any, str, str]] = [
        ("文本 ", "", "文本 "), (7, "", "7"), (7.0, "", "7"), (100.5, "", "100.5"),
        (0.1 + 0.2, "", "0.3"), (1e-7, "", "0.0000001"), (123456789012345, "", "123456789012345"),
        (440106199408010000, "", "440106199408010000.0"), (-3, "", "-3"), (True, "", "1"),
        (45352, "yyyy-mm-dd", "2024-03-01"), (45352.5, "yyyy-mm-dd", "2024-03-01 12:00:00"),
        (45352, "yyyy-mm-dd hh:mm:ss", "2024-03-01 00:00:00"),
        (45352.395833333336, "yyyy-mm-dd hh:mm:ss", "2024-03-01 09:30:00"),
        (0.5, "h:mm", "12:00:00"), (42, "000000", "000042"), (1234.5, "#,##0.00", "1234.5"),
        (5, '0"元"', "5"), (1.5, "[h]:mm", "1.5"), (59, "yyyy年m月d日", "1900-02-28"),
        (60, "yyyy-mm-dd", "1900-02-29"), (61, "[$-804]yyyy/m/d;@", "1900-03-01"),
        (45352, "mmm", "2024-03-01"), (0, "yyyy-mm-dd", "1900-01-00"), (-1, "yyyy-mm-dd", "-1"),
    ]  # fmt: skip
    for place, (value, layout, _) in enumerate(cells):
        page.write(0, place, f"c{place}")
        page.write(1, place, value, formats.get(layout))
    book.close()
    raw = open_file(path)
    assert rows(raw) == [(2, *(text for *_, text in cells))]
    assert (raw.records, raw.faults) == (1, [])


def test_rows_keep_the_sheets_numbers_and_empty_ones_are_no_records(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page["B2"], page["C2"], page["E2"] = "a", " b ", "d"
    page["B4"], page["E4"] = "x", "w"
    page["C6"] = date(2024, 1, 2)
    page["B8"] = ""
    page["B9"], page["F9"] = "y", "beyond"
    page["D10"] = datetime(2024, 1, 2, 3, 4, 5)
    book.save(tmp_path / "a.xlsx")
    raw = open_file(tmp_path / "a.xlsx")
    assert raw.columns == ("(1)", "a", "b", "(4)", "d")
    assert rows(raw) == [
        (4, "", "x", "", "", "w"), (6, "", "", "2024-01-02", "", ""),
        (10, "", "", "", "2024-01-02 03:04:05", ""),
    ]  # fmt: skip
    assert faults(raw) == [(9, "wrong_field_count", "")]
    assert raw.records == 4


def test_what_cannot_be_told_is_refused_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    text = '<c t="inlineStr"><is><t>{}</t></is></c>'
    bare(
        path,
        f"<row>{text.format('a')}{text.format('b')}</row>"
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><f>A2+1</f></c></row>'
        '<row r="3"><c r="A3"><v>1</v></c><c r="B3"><f>A2+1</f><v>2</v></c></row>'
        '<row r="4"><c r="A4" t="e"><v>#N/A</v></c></row>'
        '<row r="5"><c r="A5"><v>5</v></c></row><row r="6"><c r="A6"><v>6</v></c></row>'
        '<row r="7"><c r="A7" t="str"><f>""</f><v></v></c><c r="B7" t="b"><v>0</v></c></row>'
        f'<row r="8"><c r="A8" t="inlineStr"><is><t>{"x" * 32_768}</t></is></c></row>'
        f'<row r="9"><c r="A9" t="inlineStr"><is><t>{"x" * 32_767}</t></is></c></row>',
        '<mergeCells><mergeCell ref="B5:B6"/></mergeCells>',
    )
    raw = open_file(path)
    assert rows(raw) == [(3, "1", "2"), (7, "", "0"), (9, "x" * 32_767, "")]
    assert faults(raw) == [
        (2, "formula_without_value", "b"), (4, "error_cell", "a"), (5, "merged_cells", ""),
        (6, "merged_cells", ""), (8, "oversized_cell", "a"),
    ]  # fmt: skip
    assert raw.records == 8


def test_formulas_that_were_never_calculated_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(["a"])
    page.append(["=1+1"])
    page.append([3])
    book.save(tmp_path / "a.xlsx")
    raw = open_file(tmp_path / "a.xlsx")
    assert rows(raw) == [(3, "3")]
    assert faults(raw) == [(2, "formula_without_value", "a")]


def test_formulas_to_be_calculated_on_opening_have_no_value_yet(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    page = book.add_worksheet()
    page.write_column(0, 0, ["a", 1])
    page.write_formula(2, 0, "=A2+1")  # with nought beside it, which is not its value
    book.close()
    raw = open_file(tmp_path / "a.xlsx")
    assert rows(raw) == [(2, "1")]
    assert faults(raw) == [(3, "formula_without_value", "a")]


def test_shared_texts_rich_texts_and_escapes(tmp_path: Path) -> None:
    path = bare(
        tmp_path / "a.xlsx",
        '<row><c t="s"><v>0</v></c></row><row><c t="s"><v>1</v></c></row>'
        '<row><c t="s"><v>2</v></c></row><row><c t="s"><v>3</v></c></row>'
        '<row><c t="s"><v>4</v></c></row>',
        shared=f"<sst {MAIN}><si><t>名</t><rPh><t>ming</t></rPh></si>"
        "<si><r><t>甲</t></r><r><t>&lt;乙</t></r></si><si><t/></si>"
        f"<si><t>a_x000D_b</t></si><si><t>{'长' * 40_000}</t></si></sst>",
    )
    raw = open_file(path)
    assert raw.columns == ("名",)
    assert rows(raw) == [(2, "甲<乙"), (4, "a\rb")]
    assert faults(raw) == [(5, "oversized_cell", "名")]


def test_days_of_the_other_calendar(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    page = book.active
    assert page is not None
    page.append(["a"])
    page.append([datetime(2024, 3, 1, 9, 30)])
    page.append([time(9, 30)])
    book.save(tmp_path / "a.xlsx")
    assert rows(open_file(tmp_path / "a.xlsx"))[0] == (2, "2024-03-01 09:30:00")


def test_first_visible_sheet_or_the_named_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    for name, hidden in (("cover", True), ("one", False), ("two", False), ("empty", False)):
        page = book.add_worksheet(name)
        if name != "empty":
            page.write_column(0, 0, [name, f"{name} row"])
        if hidden:
            page.hide()
        elif name == "one":
            page.activate()
            page.set_first_sheet()
    book.close()
    raw = open_file(path)
    assert rows(raw) == [(2, "one row")]
    assert [(f.code, f.detail, f.severity) for f in raw.faults] == [
        ("other_sheets", "1", "warning")
    ]
    assert not raw.refused
    named = open_file(path, sheet="two")
    assert (rows(named), named.faults) == ([(2, "two row")], [])
    assert faults(open_file(path, sheet="three")) == [(0, "no_such_sheet", "")]
    assert faults(open_file(path, sheet="empty")) == [(0, "empty_file", "")]


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="2"/><row r="1"/>', '<row r="1048577"><c><v>1</v></c></row>',
        '<row><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>',
        '<row><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>',
        '<row><c r="1"><v>1</v></c></row>',
        '<row><c t="s"><v>0</v></c></row>', '<row><c t="s"><v>-1</v></c></row>',
        '<row><c><v>x</v></c></row>', "<c><v>1</v></c>", "<row><c><v>1</c></row>", "<row>",
        "<a>" * 100 + "</a>" * 100, "".join(f"<n{i}/>" for i in range(2_000)),
    ],
)  # fmt: skip
def test_sheets_that_contradict_themselves_are_refused_whole(tmp_path: Path, cells: str) -> None:
    head = '<row><c t="inlineStr"><is><t>a</t></is></c></row>'
    for text in (cells, head + cells.replace('r="1"', 'r="1"')):
        raw = open_file(bare(tmp_path / "a.xlsx", text))
        list(raw.blocks())
        assert [f.code for f in raw.faults] in (["unreadable_file"], ["empty_file"])
        assert raw.refused
        assert raw.records == 0


def test_damage_behind_the_first_rows_takes_them_back(tmp_path: Path) -> None:
    good = "".join(f'<row><c t="inlineStr"><is><t>{i}</t></is></c></row>' for i in range(20_000))
    raw = open_file(bare(tmp_path / "a.xlsx", good + "<row><c><v>x</v></c></row>"))
    given = sum(block.num_rows for block in raw.blocks())
    assert given > 0
    assert (raw.refused, raw.records, faults(raw)) == (True, 0, [(0, "unreadable_file", "")])


def test_files_that_are_not_what_their_name_says(tmp_path: Path) -> None:
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    for name, data, code in (
        ("a.csv", book.getvalue(), "wrong_suffix"), ("b.xlsx", b"a,b\n1,2\n", "unreadable_file"),
        ("c.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old_workbook"),
        ("d.csv", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "wrong_suffix"),
        ("e.parquet", b"a,b\n", "unreadable_file"), ("f.csv", b"PAR1....PAR1", "wrong_suffix"),
        ("g.xlsx", book.getvalue(), "empty_file"),
        ("h.parquet", b"PAR1....PAR1", "unreadable_file"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        assert faults(open_file(tmp_path / name)) == [(0, code, "")], name


def parquet(path: Path, columns: dict[str, Any], **more: Any) -> RawFile:
    pq.write_table(pa.table(columns), path, **more)
    return open_file(path)


def test_parquet_columns_become_the_text_of_a_csv(tmp_path: Path) -> None:
    expected = {
        "text": (pa.array(["007", None, " x"]), ["007", "", " x"]),
        "coded": (pa.array(["a", None, "b"]).dictionary_encode(), ["a", "", "b"]),
        "raw": (pa.array([b"a", None, "中".encode()]), ["a", "", "中"]),
        "whole": (pa.array([1, None, -7], pa.int64()), ["1", "", "-7"]),
        "big": (pa.array([2**64 - 1, None, 0], pa.uint64()), [str(2**64 - 1), "", "0"]),
        "float": (pa.array([100.0, None, 0.1]), ["100", "", "0.1"]),
        "floats": (pa.array([1e15, float("nan"), 1e-7]), ["1000000000000000.0", "", "0.0000001"]),
        "small": (pa.array([0.1, 16777216, 2.5], pa.float32()), ["0.1", "16777216", "2.5"]),
        "money": (pa.array([Decimal("1.10"), None, Decimal("-20.00")]), ["1.10", "", "-20.00"]),
        "tiny": (pa.array([Decimal("0E-10"), None, Decimal("1.0000000001")]),
                 ["0.0000000000", "", "1.0000000001"]),
        "day": (pa.array([date(2024, 2, 29), None, date(1, 1, 1)]),
                ["2024-02-29", "", "0001-01-01"]),
        "moment": (pa.array([datetime(2024, 1, 2), None, datetime(2024, 1, 2, 3, 4, 5)]),
                   ["2024-01-02 00:00:00", "", "2024-01-02 03:04:05"]),
        "fine": (pa.array([datetime(2024, 1, 2, 3, 4, 5, 600_000), None, None]),
                 ["2024-01-02 03:04:05.600000", "", ""]),
        "flag": (pa.array([True, None, False]), ["1", "", "0"]),
        "none": (pa.nulls(3), ["", "", ""]),
    }  # fmt: skip
    raw = parquet(tmp_path / "a.parquet", {k: v for k, (v, _) in expected.items()})
    assert raw.columns == tuple(expected)
    texts = zip(*(t for _, t in expected.values()), strict=True)
    assert rows(raw) == [(i, *row) for i, row in enumerate(texts, start=2)]
    assert raw.records == 3


def test_parquet_row_numbers_empty_rows_and_long_cells(tmp_path: Path) -> None:
    cells = [str(i) for i in range(150_000)]
    cells[3], cells[70_000], cells[140_000] = "", "x" * 40_000, "y" * 32_767
    raw = parquet(tmp_path / "a.parquet", {"a": cells}, row_group_size=40_000)
    found = rows(raw)
    assert len(found) == 149_998
    assert dict(found)[2 + 149_999] == "149999"
    assert dict(found)[2 + 140_000] == "y" * 32_767
    assert faults(raw) == [(70_002, "oversized_cell", "a")]
    assert raw.records == 149_999


def test_parquet_blocks_stay_small_where_a_text_is_repeated(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 30_000])
    raw = parquet(tmp_path / "a.parquet", {"a": texts})
    sizes = [(block.num_rows, block.nbytes) for block in raw.blocks()]
    assert sum(count for count, _ in sizes) == raw.records == 20_000
    assert max(size for _, size in sizes) < 80 << 20


def test_parquet_times_with_a_zone_need_the_sources(tmp_path: Path) -> None:
    moments = pa.array([datetime(2024, 1, 1, 16, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    raw = parquet(tmp_path / "a.parquet", {"t": moments})
    assert faults(raw) == [(0, "zoned_time", "t")]
    told = open_file(tmp_path / "a.parquet", zone="Asia/Shanghai")
    assert rows(told) == [(2, "2024-01-02 00:00:00")]


@pytest.mark.parametrize("column", [pa.array([[1]]), pa.array([{"a": 1}])])
def test_parquet_columns_without_text_are_refused(tmp_path: Path, column: pa.Array) -> None:
    assert faults(parquet(tmp_path / "a.parquet", {"x": column})) == [(0, "nested_column", "x")]


def test_parquet_bytes_of_another_encoding_and_cut_files(tmp_path: Path) -> None:
    raw = parquet(tmp_path / "a.parquet", {"x": pa.array(["中".encode("gb18030")])})
    assert rows(raw) == []
    assert faults(raw) == [(0, "wrong_encoding", "")]
    parquet(tmp_path / "b.parquet", {"x": [str(i) for i in range(9_999)]})
    data = (tmp_path / "b.parquet").read_bytes()
    for damaged in (data[:-20], data[:4] + bytes(500) + data[504:]):
        (tmp_path / "c.parquet").write_bytes(damaged)
        raw = open_file(tmp_path / "c.parquet")
        assert rows(raw) == []
        assert [f.row_number for f in raw.faults] == [0]


def test_parquet_header_rules_are_those_of_csv(tmp_path: Path) -> None:
    table = pa.table([["1"], ["2"], ["3"]], names=["row_number", "", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    assert open_file(tmp_path / "a.parquet").columns == ("row_number (file)", "(2)", "a")
    pq.write_table(pa.table([["1"], ["2"]], names=["a", "A"]), tmp_path / "b.parquet")
    assert faults(open_file(tmp_path / "b.parquet")) == [(0, "repeated_column", "")]
    empty = parquet(tmp_path / "c.parquet", {"a": pa.array([], pa.string())})
    assert (rows(empty), faults(empty)) == ([], [(0, "no_rows", "")])
