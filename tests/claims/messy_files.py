"""Files of every kind, written as they come: quotes, gaps, cut ends, typed cells.

In go columns, rows of cells and the form; out come the records that a reader must find in the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Cells = list[str]
Records = list[tuple[int, Cells | None]]
NUMBER = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,4})?")
KINDS = ("csv", "csv.gz", "zip", "xlsx", "parquet")


@dataclass(frozen=True)
class Form:
    """How one file is written; most of it matters for text only."""

    kind: str = "csv"
    encoding: str = "utf-8"
    end: str = "\n"
    quoted: bool = False
    last_end: bool = True
    open_quote: bool = False
    cut: bool = False
    gaps: frozenset[int] = frozenset()
    typed: bool = False


def write(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    """Write one file and return what is in it."""
    if form.kind == "xlsx":
        return _workbook(path, columns, rows, form)
    if form.kind == "parquet":
        return _parquet(path, columns, rows, form)
    data, records = _text(columns, rows, form)
    if form.kind == "csv.gz":
        data = gzip.compress(data, 1)
    if form.kind == "zip":
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem + ".csv", data)
        data = made.getvalue()
    if form.cut and form.kind != "csv":
        data, records = data[:-9], []
    path.write_bytes(data)
    return records


def _text(columns: Sequence[str], rows: Sequence[Cells], form: Form) -> tuple[bytes, Records]:
    text = io.StringIO(newline="")
    # Between carriage returns the writer would leave a cell's own line feed without quotes.
    quoting = csv.QUOTE_ALL if form.quoted or form.end == "\r" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, lineterminator=form.end, quoting=quoting)
    writer.writerow(columns)
    number, records = 1, Records()
    for place, cells in enumerate(rows):
        if place in form.gaps:
            text.write(form.end)
            number += 1
        writer.writerow(cells)
        number += 1
        records.append((number, cells if len(cells) == len(columns) else None))
    if form.open_quote:
        text.write(f'S0,"never{form.end}closed{form.end}')
        records.append((number + 1, None))
    whole = text.getvalue()
    if not form.last_end:
        whole = whole.removesuffix(form.end)
    return whole.encode(form.encoding), records


def _workbook(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    book = xlsxwriter.Workbook(path)
    page = book.add_worksheet()
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    page.write_row(0, 0, columns)
    number, records = 0, Records()
    for place, cells in enumerate(rows):
        number += 2 if place in form.gaps else 1
        read = []
        for at, cell in enumerate(cells):
            told = cell
            if form.typed and _is_amount(columns, at) and NUMBER.fullmatch(cell):
                page.write_number(number, at, float(cell))
                told = _shortest(cell)
            elif form.typed and (when := _typed_moment(columns, at, cell)):
                page.write_datetime(number, at, when, moment)
                told = str(when)
            else:
                # The format itself has no longer cells.
                told = cell[:32_767]
                page.write_string(number, at, told)
            read.append(told)
        long = len(cells) > len(columns) and cells[len(columns)] != ""
        padded = [*read, *[""] * len(columns)][: len(columns)]
        records.append((number + 1, None if long else padded))
    book.close()
    return records


def _parquet(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    table = [[*cells, *[""] * len(columns)][: len(columns)] for cells in rows]
    arrays, read = [], []
    for at in range(len(columns)):
        cells = [row[at] for row in table]
        told: list[str] = cells
        array = pa.array([cell or None for cell in cells], pa.string())
        filled = [cell for cell in cells if cell]
        if form.typed and _is_amount(columns, at) and all(NUMBER.fullmatch(c) for c in filled):
            array = pa.array([Decimal(c) if c else None for c in cells], pa.decimal128(18, 4))
            told = [f"{Decimal(c) + 0:.4f}" if c else "" for c in cells]
            if at % 2:
                array = pa.array([float(c) if c else None for c in cells], pa.float64())
                told = [_shortest(c) if c else "" for c in cells]
        elif form.typed and filled and all(_typed_moment(columns, at, c) for c in filled):
            moments = [_typed_moment(columns, at, cell) for cell in cells]
            array = pa.array(moments, pa.timestamp("us"))
            told = [str(when) if when else "" for when in moments]
        arrays.append(array)
        read.append(told)
    pq.write_table(pa.table(arrays, names=list(columns)), path)
    records: Records = []
    for place in range(len(rows)):
        records.append((place + 2, [column[place] for column in read]))
    return records


def _is_amount(columns: Sequence[str], at: int) -> bool:
    return at < len(columns) and columns[at].endswith(("amt", "_pay"))


def _typed_moment(columns: Sequence[str], at: int, cell: str) -> datetime | None:
    if at >= len(columns) or not columns[at].endswith("time"):
        return None
    return local_moment(cell)


def local_moment(text: str) -> datetime | None:
    """Return the local moment of a text in one of the two forms of the interface."""
    shape = {10: "%Y-%m-%d", 19: "%Y-%m-%d %H:%M:%S"}.get(len(text))
    try:
        return datetime.strptime(text, shape or "?")
    except ValueError:
        return None


def _shortest(text: str) -> str:
    """Return the digits of a number without what a float does not keep."""
    plain = format(Decimal(text).normalize(), "f")
    return "0" if plain == "-0" else plain
