"""Columns of a list as a person reads them: label, kind, and how a value is written.

In: Arrow tables of planner columns or facts. Out: a `ListColumn` per column, and its values as
text for CSV or as cells for XLSX. Amounts leave their minor units here and nowhere else: two
decimals of the major unit. Text that a spreadsheet could take for a formula is neutralised
(OWASP ASVS 5.0, 1.2.10).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from claims.contracts import Column, Lang, Value, table, tables
from sampling.faults import Fault, SamplingError

_LABEL_ORDER = ("draws", "scores", "outcomes", "claims", "institutions", "insured", "doctors")
_FORMULA_STARTS = frozenset("=+-@\t\r\n\0")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_EXACT_DIGITS = 10**15
_LONGEST_CELL = 32_000

Cell = str | int | float | Decimal | date | None


class ListError(SamplingError):
    """A list cannot be written."""


@dataclass(frozen=True)
class ListColumn:
    """One column: machine name, kind (as in the contracts) and label in both languages."""

    name: str
    kind: str
    en: str
    zh: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def label(self, lang: Lang) -> str:
        """Return the column's short name for a person."""
        return self.zh if lang == "zh" else self.en


def of_contract(column: Column, name: str | None = None) -> ListColumn:
    """Return a contract's column as a list column, under another name if wanted."""
    return ListColumn(name or column.name, column.type, column.en, column.zh, column.values)


def describe(rows: pa.Table) -> list[ListColumn]:
    """Return a description of every column of ``rows``.

    A name that a contract knows takes the contract's label and kind; any other keeps its name as
    label and takes its kind from the Arrow type.

    Raises:
        ListError: if a column's type is not that of its contract, or cannot be written.
    """
    known = _known_columns()
    described, faults = [], []
    for item in rows.schema:
        column = known.get(item.name)
        unknown = column.type if column else "text"
        kind = unknown if pa.types.is_null(item.type) else _kind(item.type)
        if kind is None:
            faults.append(_bad_type(item.name, str(item.type)))
        elif column is None:
            described.append(ListColumn(item.name, kind, item.name, item.name))
        elif kind == column.type or (kind, column.type) in _COMPATIBLE:
            described.append(of_contract(column))
        else:
            faults.append(_bad_type(item.name, f"{item.type}, its contract says {column.type}"))
    if faults:
        raise ListError(faults)
    return described


def neutral(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it for a formula.

    Leading blanks and invisible characters are looked through, full-width forms are folded; if
    then = + - @ tab, line break or NUL comes first, an apostrophe is put in front. Characters that
    XML forbids become U+FFFD.
    """
    clean = _UNPRINTABLE.sub("\ufffd", text)
    for char in unicodedata.normalize("NFKC", text):
        if char in _FORMULA_STARTS:
            return "'" + clean
        if not char.isspace() and unicodedata.category(char)[0] not in "CZ":
            break
    return clean


def csv_text(value: Any, column: ListColumn) -> str:
    """Return a value as CSV holds it: machine codes, ISO dates, amounts with two decimals."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if column.kind == "money":
        return f"{major(value):.2f}"
    if column.kind == "boolean":
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return neutral(value) if isinstance(value, str) else repr(value)


def xlsx_cell(value: Any, column: ListColumn, lang: Lang) -> Cell:
    """Return a value as an XLSX cell: coded values in words, numbers as numbers."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if column.kind == "money":
        return major(value)
    if column.kind == "boolean":
        return {"en": ("no", "yes"), "zh": ("否", "是")}[lang][bool(value)]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and abs(value) >= _EXACT_DIGITS:
        return str(value)
    if isinstance(value, str):
        words = column.values[value].text(lang) if value in column.values else value
        return neutral(words)[:_LONGEST_CELL]
    return value if isinstance(value, int | float | date) else neutral(str(value))


def major(minor: int) -> Decimal:
    """Return an amount in minor units as an exact amount of the major unit."""
    return Decimal(minor).scaleb(-2)


_COMPATIBLE = {("integer", "money"), ("integer", "number"), ("text", "date")}


def _known_columns() -> dict[str, Column]:
    names = [n for n in _LABEL_ORDER if n in tables()] + [
        n for n in tables() if n not in _LABEL_ORDER
    ]
    known: dict[str, Column] = {}
    for name in names:
        for column in table(name).columns.values():
            known.setdefault(column.name, column)
    return known


def _kind(kind: pa.DataType) -> str | None:
    tests = {
        "text": pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "integer": pa.types.is_integer(kind),
        "number": pa.types.is_floating(kind),
        "boolean": pa.types.is_boolean(kind),
        "date": pa.types.is_date(kind),
        "timestamp": pa.types.is_timestamp(kind),
    }
    return next((name for name, hit in tests.items() if hit), None)


def _bad_type(name: str, detail: str) -> Fault:
    return Fault(
        "LIST_TYPE", f"Column '{name}' cannot be written to a list: it is {detail}.",
        f"“{name}”列无法写入名单：类型为{detail}。", column=name,
    )  # fmt: skip
