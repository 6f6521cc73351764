"""Verdicts: all faults at once, all rows or none, hostile files refused."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from sampling.ledger import LedgerError
from sampling.sheets import SheetError, read_sheet
from sampling.verdicts import VerdictError, check_verdicts, import_verdicts, read_verdicts

NOW = datetime(2026, 3, 20, 3, tzinfo=UTC)
GOOD = {
    "disposition": "recovery",
    "overpaid_amount": "12.30",
    "reason": "charged twice",
    "inspected_on": "2026-03-05",
    "inspectors": "I1;I2",
}
DISMISSED = {"disposition": "dismissed", "inspected_on": "2026-03-05", "inspectors": "I1;I2"}
COLUMNS = ["case", *GOOD]


def _write(path: Path, rows: Sequence[Mapping[str, Any]], header: Sequence[str] = COLUMNS) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in COLUMNS] for row in rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return path


def _import(sealed: SimpleNamespace, path: Path, now: datetime = NOW):
    return import_verdicts(sealed.ledger, path, "P0001", actor="planner-1", now=now)


def _faults(sealed: SimpleNamespace, rows: Sequence[Mapping[str, Any]], tmp_path: Path):
    before = (sealed.ledger.outcomes().num_rows, sealed.ledger.head())
    with pytest.raises(VerdictError) as caught:
        _import(sealed, _write(tmp_path / "back.csv", rows))
    assert (sealed.ledger.outcomes().num_rows, sealed.ledger.head()) == before
    assert all(f.text("zh") != f.text("en") for f in caught.value.faults)
    return {(f.row, f.column, f.code) for f in caught.value.faults}


def test_good_rows_arrive_and_empty_ones_are_counted(
    sealed: SimpleNamespace, tmp_path: Path
) -> None:
    first, second, third, *others = sealed.plan.cases
    rows = [
        {"case": first, **GOOD},
        {"case": second, **DISMISSED},
        {"case": third, **DISMISSED, "disposition": "documents_not_received"},
        *({"case": case} for case in others),
    ]
    done = _import(sealed, _write(tmp_path / "back.csv", rows))
    assert done.appended.new == 3
    assert done.not_inspected == 87
    got = {r["case"]: r for r in sealed.ledger.outcomes().to_pylist()}
    assert got[first]["overpaid_amount"] == 1230
    assert got[first]["inspected_on"] == date(2026, 3, 5)
    assert got[first]["inspectors"] == "I1;I2"
    assert got[first]["known_at"] == NOW
    drawn = dict(zip(sealed.plan.cases, sealed.plan.draws.to_pylist(), strict=True))
    for case, row in got.items():
        assert row["unit_id"] == drawn[case]["unit_id"]
        assert row["channel"] == drawn[case]["tag"]
        assert row["inclusion_prob"] == drawn[case]["inclusion_prob"]
    assert got[third]["final_weight"] is None
    assert got[first]["final_weight"] is not None


def test_every_fault_of_every_row_comes_at_once(sealed: SimpleNamespace, tmp_path: Path) -> None:
    c = sealed.plan.cases
    rows = [
        {"case": "P0001-9999", **GOOD},  # 2
        {"case": c[0], **GOOD, "disposition": "guilty"},  # 3
        {"case": c[1], **GOOD, "overpaid_amount": ""},  # 4
        {"case": c[2], **GOOD, "overpaid_amount": "-1"},  # 5
        {"case": c[3], **GOOD, "overpaid_amount": "1.234", "reason": ""},  # 6
        {"case": c[4], **GOOD, "inspected_on": "2026-02-30"},  # 7
        {"case": c[5], **GOOD, "inspected_on": "2026-02-28"},  # 8: before the draw
        {"case": c[6], **GOOD, "inspected_on": "2026-03-21"},  # 9: in the future
        {"case": c[7], **GOOD, "inspectors": "I1; I1"},  # 10
        {"case": c[8], **GOOD},  # 11
        {"case": c[8], **GOOD},  # 12
        {"case": c[9], **DISMISSED, "overpaid_amount": "5"},  # 13
        {"case": c[10], "reason": "only a reason"},  # 14
        {"case": "", **GOOD},  # 15
        {"case": c[11], **GOOD, "overpaid_amount": "1e3"},  # 16
        {"case": c[12], **GOOD},  # 17: good, but not written either
        {"case": "P0002-0001"},  # 18: another plan's list
        {"case": c[13], **GOOD, "overpaid_amount": "1,2"},  # 19: 1.2 or 12?
        {"case": c[14], **GOOD, "reason": "x" * 4001},  # 20
    ]
    assert _faults(sealed, rows, tmp_path) == {
        (2, "case", "VERDICT_CASE"),
        (3, "disposition", "VERDICT_DISPOSITION"),
        (4, "overpaid_amount", "VERDICT_AMOUNT_MISSING"),
        (5, "overpaid_amount", "VERDICT_AMOUNT"),
        (6, "overpaid_amount", "VERDICT_AMOUNT"),
        (6, "reason", "VERDICT_REASON"),
        (7, "inspected_on", "VERDICT_DAY"),
        (8, "inspected_on", "VERDICT_DAY_RANGE"),
        (9, "inspected_on", "VERDICT_DAY_RANGE"),
        (10, "inspectors", "VERDICT_INSPECTORS"),
        (12, "case", "VERDICT_TWICE"),
        (13, "overpaid_amount", "VERDICT_AMOUNT_DENIED"),
        (14, "disposition", "VERDICT_DISPOSITION"),
        (14, "inspected_on", "VERDICT_DAY"),
        (14, "inspectors", "VERDICT_INSPECTORS"),
        (15, "case", "VERDICT_CASE"),
        (16, "overpaid_amount", "VERDICT_AMOUNT"),
        (18, "case", "VERDICT_CASE"),
        (19, "overpaid_amount", "VERDICT_AMOUNT"),
        (20, "reason", "VERDICT_REASON_LONG"),
    }


@pytest.mark.parametrize(
    ("text", "minor"),
    [("0", 0), ("12", 1200), ("12.3", 1230), ("12.30", 1230), ("1,234.50", 123450),
     ("0.29", 29), ("1000000", 100_000_000)],
)  # fmt: skip
def test_amounts_are_exact(sealed: SimpleNamespace, tmp_path: Path, text: str, minor: int) -> None:
    row = {"case": sealed.plan.cases[0], **GOOD, "overpaid_amount": text}
    _import(sealed, _write(tmp_path / "back.csv", [row]))
    assert sealed.ledger.outcomes()["overpaid_amount"].to_pylist() == [minor]


def test_local_days_bound_the_inspection(sealed: SimpleNamespace, tmp_path: Path) -> None:
    """Drawn at 09:00 UTC on 1 March; 17:00 UTC on the 20th is already the 21st in Shanghai."""
    first, second, *_ = sealed.plan.cases
    rows = [{"case": first, **GOOD, "inspected_on": "2026/3/1"},
            {"case": second, **GOOD, "inspected_on": "2026年3月21日"}]  # fmt: skip
    late = datetime(2026, 3, 20, 17, tzinfo=UTC)
    assert _import(sealed, _write(tmp_path / "back.csv", rows), late).appended.new == 2


def test_an_amount_above_the_size_is_a_warning(sealed: SimpleNamespace, tmp_path: Path) -> None:
    row = {"case": sealed.plan.cases[0], **GOOD, "overpaid_amount": "99999999.00"}
    done = _import(sealed, _write(tmp_path / "back.csv", [row]))
    assert done.appended.new == 1
    assert [(w.code, w.row) for w in done.warnings] == [("VERDICT_ABOVE_SIZE", 2)]


def test_the_same_file_again_changes_nothing(sealed: SimpleNamespace, tmp_path: Path) -> None:
    first, second, *_ = sealed.plan.cases
    path = _write(tmp_path / "a.csv", [{"case": first, **GOOD}, {"case": second, **DISMISSED}])
    assert _import(sealed, path).appended.new == 2
    once = (sealed.ledger.outcomes(history=True), sealed.ledger.head())
    again = _import(sealed, path, datetime(2026, 3, 21, tzinfo=UTC)).appended
    assert (again.new, again.superseding, again.unchanged) == (0, 0, 2)
    assert (sealed.ledger.outcomes(history=True), sealed.ledger.head()) == once
    assert _import(sealed, path).appended.unchanged == 2


def test_a_changed_verdict_supersedes_and_an_old_file_does_not(
    sealed: SimpleNamespace, tmp_path: Path
) -> None:
    case = sealed.plan.cases[0]
    old = _write(tmp_path / "old.csv", [{"case": case, **GOOD}])
    new = _write(
        tmp_path / "new.csv",
        [{"case": case, **DISMISSED, "disposition": "overturned", "reason": "appeal granted"}],
    )
    _import(sealed, old)
    with pytest.raises(LedgerError, match="later time"):
        _import(sealed, new)
    assert _import(sealed, new, datetime(2026, 3, 25, tzinfo=UTC)).appended.superseding == 1
    assert _import(sealed, old, datetime(2026, 3, 26, tzinfo=UTC)).appended.stale == 1
    (row,) = sealed.ledger.outcomes().to_pylist()
    assert (row["disposition"], row["supersedes"]) == ("overturned", case)
    assert row["overpaid_amount"] is None
    both = sealed.ledger.outcomes(history=True).to_pylist()
    assert [r["disposition"] for r in both] == ["recovery", "overturned"]
    assert both[0]["final_weight"] is None
    (before,) = sealed.ledger.outcomes(date(2026, 3, 25)).to_pylist()
    assert before["disposition"] == "recovery"


def _fill(sealed: SimpleNamespace, name: str, tmp_path: Path, values: Mapping[str, Any]) -> Path:
    """Fill in the first case of a list as a person would, in the columns' labels."""
    book = openpyxl.load_workbook(sealed.folder / name)
    page = book.worksheets[0]
    header = [c.value for c in page[1]]
    for label, value in values.items():
        page.cell(2, header.index(label) + 1).value = value
    path = tmp_path / "back.xlsx"
    book.save(path)
    book.close()
    return path


def test_the_inspectors_list_comes_back(sealed: SimpleNamespace, tmp_path: Path) -> None:
    path = _fill(sealed, "inspectors.xlsx", tmp_path, {
        "处理结果": "追回", "多付金额": 1234.56, "理由": "重复收费",
        "检查日期": date(2026, 3, 6), "检查人员": "甲；乙",
    })  # fmt: skip
    done = _import(sealed, path)
    assert (done.appended.new, done.not_inspected) == (1, 89)
    (row,) = sealed.ledger.outcomes().to_pylist()
    assert row["case"] == "P0001-0001"
    assert (row["overpaid_amount"], row["inspectors"]) == (123456, "甲;乙")


def test_the_planners_list_comes_back_in_english(sealed: SimpleNamespace, tmp_path: Path) -> None:
    path = _fill(sealed, "list.xlsx", tmp_path, {
        "Disposition": "Dismissed: nothing wrong was found", "Inspected on": "2026-03-06",
        "Inspectors": "I1, I2",
    })  # fmt: skip
    assert _import(sealed, path).appended.new == 1
    assert sealed.ledger.outcomes()["disposition"].to_pylist() == ["dismissed"]


def test_a_formula_is_no_verdict(sealed: SimpleNamespace, tmp_path: Path) -> None:
    path = _fill(sealed, "inspectors.xlsx", tmp_path, {
        "处理结果": "追回", "多付金额": "=1+1", "理由": "x", "检查日期": date(2026, 3, 6),
        "检查人员": "I1;I2",
    })  # fmt: skip
    with pytest.raises(VerdictError, match="holds a formula"):
        _import(sealed, path)


def test_csv_from_a_chinese_spreadsheet(sealed: SimpleNamespace, tmp_path: Path) -> None:
    case = sealed.plan.cases[0]
    header = "案件编号,处理结果,多付金额,理由,检查日期,检查人员"
    text = f"{header}\r\n{case},追回,5,重复收费,2026/3/6,甲、乙\r\n"
    path = tmp_path / "back.csv"
    path.write_bytes(text.encode("gb18030"))
    assert _import(sealed, path).appended.new == 1
    assert sealed.ledger.outcomes()["reason"].to_pylist() == ["重复收费"]


def test_checks_need_no_database(sealed: SimpleNamespace, tmp_path: Path) -> None:
    path = _write(tmp_path / "back.csv", [{"case": sealed.plan.cases[0], **GOOD}])
    verdicts = check_verdicts(read_verdicts(path), sealed.plan, NOW)
    assert [o.case for o in verdicts.outcomes] == [sealed.plan.cases[0]]
    assert sealed.ledger.outcomes().num_rows == 0


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("a.txt", b"x", "neither .csv nor .xlsx"),
        ("a.csv", b"", "'case' occurs 0 times"),
        ("a.csv", b"case,case,disposition\r\n", "'case' occurs 2 times"),
        ("a.csv", b"\xff\xff\xff\xff", "neither UTF-8 nor GB 18030"),
        ("a.csv", b'case,"a"b\r\n', "cannot be read"),
        ("a.xlsx", b"PK", "BadZipFile"),
        ("a.xlsx", b"", "BadZipFile"),
    ],
)
def test_files_that_are_no_list(tmp_path: Path, name: str, raw: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(SheetError, match=words):
        read_sheet(tmp_path / name)


def _repacked(source: Path, path: Path, changes: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, old.read(name)))
        for name, raw in changes.items():
            if name not in old.namelist():
                new.writestr(name, raw)
    return path


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;">]>'
    b"<worksheet>&b;</worksheet>"
)
XXE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><worksheet>&a;</worksheet>'


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({SHEET: b"<a>" + b" " * 20_000_000 + b"</a>"}, "times smaller when packed"),
        ({"xl/media/x.bin": b"\0" * 30_000_000}, "bytes when unpacked"),
        ({f"xl/p{i}.xml": b"<a/>" for i in range(200)}, "parts"),
        ({SHEET: LAUGHS}, "EntitiesForbidden|DTDForbidden"),
        ({SHEET: XXE}, "EntitiesForbidden|DTDForbidden"),
        ({SHEET: b"<worksheet><unclosed>"}, "SAXParseException"),
        ({"../outside.xml": b"<a/>"}, "named outside"),
    ],
)
def test_hostile_archives_are_refused(
    sealed: SimpleNamespace, tmp_path: Path, changes: dict[str, bytes], words: str
) -> None:
    path = _repacked(sealed.folder / "inspectors.xlsx", tmp_path / "bomb.xlsx", changes)
    with pytest.raises(SheetError, match=words):
        read_sheet(path)


def test_a_sheet_that_claims_a_million_columns_or_rows(
    sealed: SimpleNamespace, tmp_path: Path
) -> None:
    with zipfile.ZipFile(sealed.folder / "inspectors.xlsx") as archive:
        sheet = archive.read(SHEET)
    wide = sheet.replace(b'</row><row r="4"', b'<c r="XFD3"><v>1</v></c></row><row r="4"')
    assert wide != sheet
    source = sealed.folder / "inspectors.xlsx"
    with pytest.raises(SheetError, match="columns"):
        read_sheet(_repacked(source, tmp_path / "wide.xlsx", {SHEET: wide}))
    tall = sheet.replace(b'<row r="91"', b'<row r="9999999"')
    assert tall != sheet
    with pytest.raises(SheetError, match="rows"):
        read_sheet(_repacked(source, tmp_path / "tall.xlsx", {SHEET: tall}))


def test_a_large_file_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(9 * 2**20)
    with pytest.raises(SheetError, match="bytes"):
        read_sheet(path)
