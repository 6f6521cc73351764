"""Verdicts stay with their case: whole rows may be sorted, a single column may not."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.pseudonyms import pseudonym
from sampling.sheets import SheetError, read_sheet
from sampling.verdicts import (
    VerdictError,
    Verdicts,
    check_verdicts,
    import_verdicts,
    read_verdicts,
)

NOW = datetime(2026, 3, 20, 3, tzinfo=UTC)
KEY = bytes(32)
ORIGINALS = [f"S-{n}" for n in range(8)]
UNITS = [pseudonym("claim", original, KEY) for original in ORIGINALS]
CASES = [f"P0001-{n:04d}" for n in range(1, 9)]
VERDICT = {"disposition": "dismissed", "inspected_on": "2026-03-05", "inspectors": "I1;I2"}
COLUMNS = ["case", "unit_id", "disposition", "overpaid_amount", "reason", "inspected_on",
           "inspectors"]  # fmt: skip
PLAN: Any = SimpleNamespace(
    plan_id="P0001", cases=CASES, drawn_on=date(2026, 3, 1),
    draws=pa.table({"unit": ["claim"] * 8, "unit_id": UNITS, "tag": ["risk"] * 8,
                    "size_minor": [10_000 * n for n in range(1, 9)]}),
)  # fmt: skip


def _rows(units: Sequence[str], cases: Sequence[str] = CASES) -> list[dict[str, str]]:
    """Return a filled list: each case has a finding of its own, the last two are not inspected."""
    rows = [{"case": c, "unit_id": u} for c, u in zip(cases, units, strict=True)]
    for n, row in enumerate(rows[:6]):
        row.update(VERDICT, disposition="recovery", overpaid_amount=str(n), reason=f"reason {n}")
    return rows


def _checked(rows: Sequence[Mapping[str, str]], key: bytes | None = None) -> Verdicts:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "back.csv"
        path.write_bytes(text.getvalue().encode("utf-8-sig"))
        return check_verdicts(read_verdicts(path), PLAN, NOW, key)


def _by_case(verdicts: Verdicts) -> list[Any]:
    return sorted(verdicts.outcomes, key=lambda outcome: outcome.case)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(8)), identified=st.booleans())
def test_whole_rows_may_come_in_any_order(order: list[int], identified: bool) -> None:
    rows = _rows(ORIGINALS if identified else UNITS)
    sorted_rows, moved = _checked(rows, KEY), _checked([rows[n] for n in order], KEY)
    assert (sorted_rows.faults, moved.faults) == ((), ())
    assert len(moved.outcomes) == 6
    assert _by_case(moved) == _by_case(sorted_rows)
    assert moved.not_inspected == sorted_rows.not_inspected == 2


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(8)), identified=st.booleans())
def test_one_column_may_not_be_sorted_alone(order: list[int], identified: bool) -> None:
    cases = [CASES[n] for n in order]
    verdicts = _checked(_rows(ORIGINALS if identified else UNITS, cases), KEY)
    wrong = [at + 2 for at, n in enumerate(order) if at != n]
    assert [(f.row, f.column, f.code) for f in verdicts.faults] == [
        (row, "unit_id", "VERDICT_UNIT") for row in wrong
    ]


def test_a_row_says_what_to_do_in_both_languages_and_quotes_nobody() -> None:
    (fault, _) = _checked(_rows([UNITS[1], UNITS[0], *UNITS[2:]])).faults
    assert fault.text("en").startswith("Row 2, column 'unit_id': The unit in this row")
    assert "sort whole rows" in fault.text("en")
    assert fault.text("zh").startswith("第2行“unit_id”列：本行的对象")
    assert not any(unit in fault.text(lang) for unit in UNITS for lang in ("en", "zh"))


def test_a_pseudonym_of_no_unit_of_the_plan_is_refused_too() -> None:
    stranger = pseudonym("claim", "another", KEY)
    verdicts = _checked(_rows([stranger, *UNITS[1:]]))
    assert [f.row for f in verdicts.faults] == [2]


def test_originals_without_the_key_cannot_be_compared_and_pass() -> None:
    """As in a list written by another installation: only pseudonyms say for certain."""
    assert _checked(_rows(ORIGINALS[::-1])).faults == ()
    assert _checked(_rows(ORIGINALS[::-1]), b"another key").faults == ()


def test_an_empty_cell_says_nothing_and_the_case_decides() -> None:
    blank = _checked(_rows(["", *UNITS[1:]]))
    assert blank.faults == ()
    assert _by_case(blank) == _by_case(_checked(_rows(UNITS)))


def test_a_second_column_of_units_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "back.csv"
    path.write_text(",".join([*COLUMNS, "Unit id"]) + "\n", "utf-8")
    with pytest.raises(SheetError, match="'unit_id' occurs 2 times"):
        read_sheet(path)


@pytest.mark.parametrize(("name", "case", "inspectors"), [
    ("list.xlsx", "Case", "Inspectors"), ("inspectors.xlsx", "案件编号", "检查人员"),
])  # fmt: skip
def test_a_spreadsheet_sorted_by_its_case_column_alone_is_not_imported(
    sealed: SimpleNamespace, tmp_path: Path, name: str, case: str, inspectors: str
) -> None:
    book = openpyxl.load_workbook(sealed.folder / name)
    page: Any = book.worksheets[0]
    header = [cell.value for cell in page[1]]
    column = header.index(case) + 1
    cases = [page.cell(row, column).value for row in range(2, page.max_row + 1)]
    for row, moved in enumerate(reversed(cases), 2):
        page.cell(row, column).value = moved
    page.cell(2, header.index(inspectors) + 1).value = "I1;I2"
    path = tmp_path / "back.xlsx"
    book.save(path)
    book.close()
    before = (sealed.ledger.outcomes().num_rows, sealed.ledger.head())
    with pytest.raises(VerdictError) as caught:
        import_verdicts(sealed.ledger, path, "P0001", actor="planner-1", now=NOW)
    moved_rows = {f.row for f in caught.value.faults if f.code == "VERDICT_UNIT"}
    assert moved_rows == set(range(2, len(cases) + 2))
    assert (sealed.ledger.outcomes().num_rows, sealed.ledger.head()) == before
