"""The demo's fieldwork: simulated inspectors fill in the blinded list as people would, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl

from claims.contracts import Lang, table
from claims.simulator.inspectors import Verdict


def fill_list(empty: Path, returned: Path, verdicts: Mapping[str, Verdict], lang: Lang) -> None:
    """Write ``returned``: the blinded list with a verdict in the row of each case.

    Args:
        empty: inspectors.xlsx as it was handed out.
        verdicts: by case.
        lang: language of the list's headings and dispositions.
    """
    book = openpyxl.load_workbook(empty)
    page: Any = book.worksheets[0]
    headings = {c.label(lang): name for name, c in table("outcomes").columns.items()}
    head = next(row for row in page.iter_rows() if any(cell.value == _case(lang) for cell in row))
    place = {headings[c.value]: c.column for c in head if c.value in headings}
    dispositions = table("outcomes").columns["disposition"].values
    for row in page.iter_rows(min_row=head[0].row + 1):
        verdict = verdicts.get(row[place["case"] - 1].value)
        if verdict is None:
            continue
        amount = verdict.overpaid_amount
        filled = {
            "disposition": dispositions[verdict.disposition].text(lang),
            "overpaid_amount": None if amount is None else amount / 100,
            "reason": verdict.reason,
            "inspected_on": verdict.inspected_on,
            "inspectors": verdict.inspectors,
        }
        for name, value in filled.items():
            row[place[name] - 1].value = value
    book.save(returned)


def _case(lang: Lang) -> str:
    return table("outcomes").columns["case"].label(lang)
