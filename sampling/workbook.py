"""One list as an XLSX file: header, cells, a drop-down for the disposition, dates checked.

In: columns and rows of cells. Out: a file that is the same byte for byte for the same input; the
creation time inside it is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from claims.contracts import Lang, table
from sampling.columns import Cell, ListColumn

_CREATED = datetime(2000, 1, 1)
_CHOICES = {"en": "choices", "zh": "选项"}
_ABOUT = {"en": "about", "zh": "说明"}
_WIDTHS = {"text": 22, "money": 16, "date": 13}


@dataclass(frozen=True)
class Sheet:
    """What a list's file shows: its title, columns, rows and the notes on the second sheet."""

    title: str
    columns: Sequence[ListColumn]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str]
    first_day: date


def write_workbook(sheet: Sheet, path: Path, lang: Lang) -> None:
    """Write the list; machine names give way to labels in ``lang``."""
    book = xlsxwriter.Workbook(str(path), {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False, "default_date_format": "yyyy-mm-dd",
    })  # fmt: skip
    book.set_properties({"title": sheet.title, "created": _CREATED})
    page = book.add_worksheet(sheet.title[:31])
    _write_header(book, page, sheet, lang)
    _write_rows(book, page, sheet)
    _write_choices(book, lang)
    _add_checks(page, sheet, lang)
    about = book.add_worksheet(_ABOUT[lang])
    about.set_column(0, 0, 100)
    for at, note in enumerate(sheet.notes):
        about.write_string(at, 0, note)
    book.close()


def headings(columns: Sequence[ListColumn], lang: Lang) -> list[str]:
    """Return the labels; where two are alike, the machine name is added."""
    labels = [c.label(lang) for c in columns]
    return [
        f"{label} ({c.name})" if labels.count(label) > 1 else label
        for label, c in zip(labels, columns, strict=True)
    ]


def _write_header(book: Any, page: Any, sheet: Sheet, lang: Lang) -> None:
    bold = book.add_format({"bold": True, "bg_color": "#E8EEF4", "text_wrap": True, "border": 1})
    for at, (label, column) in enumerate(
        zip(headings(sheet.columns, lang), sheet.columns, strict=True)
    ):
        page.write_string(0, at, label, bold)
        page.set_column(at, at, _WIDTHS.get(column.kind, 12))
    page.freeze_panes(1, 1)
    page.autofilter(0, 0, max(1, len(sheet.rows)), len(sheet.columns) - 1)


def _write_rows(book: Any, page: Any, sheet: Sheet) -> None:
    formats = {
        "money": book.add_format({"num_format": "#,##0.00"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    for row, cells in enumerate(sheet.rows, 1):
        for at, (cell, column) in enumerate(zip(cells, sheet.columns, strict=True)):
            style = formats.get(column.kind)
            if cell is None:
                page.write_blank(row, at, None, style)
            elif isinstance(cell, str):
                page.write_string(row, at, cell)
            elif isinstance(cell, date):
                page.write_datetime(row, at, cell, formats["date"])
            else:
                page.write_number(
                    row, at, float(cell) if isinstance(cell, Decimal) else cell, style
                )


def _write_choices(book: Any, lang: Lang) -> None:
    choices = book.add_worksheet(_CHOICES[lang])
    choices.set_column(0, 0, 50)
    for at, value in enumerate(table("outcomes").columns["disposition"].values.values()):
        choices.write_string(at, 0, value.text(lang))


def _add_checks(page: Any, sheet: Sheet, lang: Lang) -> None:
    count = len(table("outcomes").columns["disposition"].values)
    checks = {
        "disposition": {"validate": "list", "source": f"={_CHOICES[lang]}!$A$1:$A${count}"},
        "overpaid_amount": {"validate": "decimal", "criteria": ">=", "value": 0},
        "inspected_on": {"validate": "date", "criteria": ">=", "value": sheet.first_day},
    }
    for at, column in enumerate(sheet.columns):
        if column.name in checks and sheet.rows:
            page.data_validation(1, at, len(sheet.rows), at, checks[column.name])
