"""XLSX workbooks as a stream of blocks: the text that a person sees, in full precision.

In: an XLSX file. Out: one sheet's rows as strings with the sheet's own row numbers. Texts stay
texts; whole numbers have no decimals; dates are ISO; a formula counts with the value that was saved
beside it. A row is refused, never guessed at, where cells are merged, where a formula has no value,
and where a cell holds an error.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.archives import LIMITS, Limits, open_zip
from claims.raw_files import RawFile, RowFault, UnreadableError, column_names, oversized
from claims.workbook_numbers import Style, number_text
from claims.workbook_parts import Markup, Parts, Sheet, find_sheet, unescaped

_MOST_ROWS, _MOST_MERGED = 1_048_576, 65_536
_READ = 1 << 18
_ROWS, _CELLS = 8_192, 1 << 20
_LARGEST_TEXT = 1 << 16
_OLD = b"\xd0\xcf\x11\xe0"
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')

#: A cell's text, or the number of a shared text.
Cell = str | int


def read_workbook(path: Path, wanted: str = "", limits: Limits = LIMITS) -> RawFile:
    """Return one sheet of a workbook; raises what the file is damaged by."""
    with path.open("rb") as file:
        if file.read(4) == _OLD:
            raise UnreadableError("old_workbook")
    archive = open_zip(path, limits.workbook_bytes, limits)
    with archive:
        parts = Parts(archive, limits)
        sheet = find_sheet(parts, wanted)
        merged = _merged_rows(parts, sheet.part)
        header = next((row for row in _rows(parts, sheet) if row.filled(sheet)), None)
        if header is None:
            raise UnreadableError("empty_file")
        texts = header.texts(sheet)
        while not texts[-1].strip():
            texts.pop()
        names = column_names(texts)
    raw = RawFile(path.name, names)
    if sheet.others:
        raw.faults.append(RowFault(path.name, 0, "other_sheets", "", str(sheet.others), "warning"))
    if header.faults:
        raise UnreadableError("unreadable_file", "header")

    def source(raw: RawFile) -> Iterator[pa.Table]:
        with zipfile.ZipFile(path) as archive:
            parts = Parts(archive, limits)
            yield from _Blocks(raw, sheet, merged, header.number).tables(_rows(parts, sheet))

    raw.source = source
    return raw


def _merged_rows(parts: Parts, part: str) -> npt.NDArray[np.bool_]:
    """Look through a sheet to its end; mark the rows in which cells are merged."""
    change = np.zeros(_MOST_ROWS + 2, np.int32)
    stream, rest, found = parts.open(part), b"", 0
    try:
        while piece := stream.read(_READ):
            data = rest + piece
            for match in _MERGED.finditer(data):
                first, last = (min(int(row), _MOST_ROWS) for row in (match[2], match[4]))
                change[first] += 1
                change[max(first, last) + 1] -= 1
                found += 1
            if found > _MOST_MERGED:
                raise UnreadableError("unreadable_file", "mergeCell")
            # A mark may be cut by the end of the piece; one seen twice does no harm.
            rest = data[-200:]
    finally:
        stream.close()
    return np.cumsum(change) > 0


@dataclass
class _Row:
    """One row of a sheet: cells by place, and what is wrong with any of them."""

    number: int
    cells: dict[int, Cell] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)

    def filled(self, sheet: Sheet) -> bool:
        """Tell whether any cell holds more than blanks."""
        return any(text.strip() for text in self.texts(sheet))

    def texts(self, sheet: Sheet) -> list[str]:
        """Return the texts from the first column to the last cell."""
        width = max(self.cells, default=-1) + 1
        cells = (self.cells.get(place, "") for place in range(width))
        return [sheet.shared[c].as_py() if isinstance(c, int) else c for c in cells]


def _rows(parts: Parts, sheet: Sheet) -> Iterator[_Row]:
    """Give the rows of a sheet that have cells, in order."""
    reader = _SheetReader(sheet)
    markup = Markup(reader.start, reader.end, reader.text)
    stream = parts.open(sheet.part)
    try:
        while data := stream.read(_READ):
            markup.feed(data)
            yield from reader.done
            reader.done.clear()
        markup.feed(b"", final=True)
        yield from reader.done
    finally:
        stream.close()


class _SheetReader:
    """Makes rows of the elements of a sheet; ``done`` holds those that are complete."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.done: list[_Row] = []
        self._row: _Row | None = None
        self._number = 0
        self._place = -1
        self._places: dict[str, int] = {}
        self._kind, self._style = "n", Style()
        self._pieces: list[str] = []
        self._length = self._silent = 0
        self._reading = self._formula = False

    def start(self, local: str, a: Mapping[str, str]) -> None:
        if local == "c":
            self._open_cell(a)
        elif local in ("v", "t"):
            self._reading = not self._silent
        elif local == "row":
            number = int(a.get("r", self._number + 1))
            if not self._number < number <= _MOST_ROWS:
                raise UnreadableError("unreadable_file", "row")
            self._row, self._number, self._place = _Row(number), number, -1
        elif local == "f":
            self._formula = True
        elif local == "rPh":
            self._silent += 1

    def _open_cell(self, a: Mapping[str, str]) -> None:
        place = self._place + 1
        if reference := a.get("r"):
            letters = reference.rstrip("0123456789")
            if (known := self._places.get(letters)) is None:
                known = self._places[letters] = _place_of(letters)
            if known < place:
                raise UnreadableError("unreadable_file", "cell")
            place = known
        self._place = place
        self._kind = a.get("t", "n")
        style = int(a.get("s", "0"))
        self._style = self._sheet.styles[style] if style < len(self._sheet.styles) else Style()
        self._formula, self._length = False, 0
        self._pieces.clear()

    def text(self, piece: str) -> None:
        # What is longer than any cell is dropped here; the row is refused for its length.
        if self._reading and self._length < _LARGEST_TEXT:
            self._pieces.append(piece)
            self._length += len(piece)

    def end(self, local: str) -> None:
        if local in ("v", "t"):
            self._reading = False
        elif local == "c":
            self._close_cell()
        elif local == "row" and self._row is not None:
            if self._row.cells or self._row.faults:
                self.done.append(self._row)
            self._row = None
        elif local == "rPh":
            self._silent -= 1

    def _close_cell(self) -> None:
        if self._row is None:
            raise UnreadableError("unreadable_file", "cell")
        value = "".join(self._pieces)
        uncounted = self._kind != "str" and not value
        if self._formula and (uncounted or self._sheet.recalculated):
            self._row.faults[self._place] = "formula_without_value"
        elif self._kind == "e":
            self._row.faults[self._place] = "error_cell"
        elif value:
            self._row.cells[self._place] = self._cell(value)

    def _cell(self, value: str) -> Cell:
        if self._kind == "s":
            index = int(value)
            if not 0 <= index < len(self._sheet.shared):
                raise UnreadableError("unreadable_file", "cell")
            return index
        if self._kind in ("str", "inlineStr"):
            return unescaped(value)
        if self._kind == "d":
            return value.replace("T", " ")
        if self._kind == "b":
            return value
        return number_text(value, self._style, from_1904=self._sheet.from_1904)


def _place_of(letters: str) -> int:
    if not re.fullmatch("[A-Z]{1,3}", letters):
        raise UnreadableError("unreadable_file", "cell")
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


@dataclass
class _Blocks:
    """Makes tables of rows, and faults of those that cannot be taken."""

    raw: RawFile
    sheet: Sheet
    merged: npt.NDArray[np.bool_]
    header: int

    def tables(self, rows: Iterator[_Row]) -> Iterator[pa.Table]:
        held: list[_Row] = []
        rows_at_once = min(_ROWS, max(1, _CELLS // len(self.raw.columns)))
        for row in rows:
            if row.number > self.header and self._sound(row):
                held.append(row)
            if len(held) >= rows_at_once:
                yield self._table(held)
                held.clear()
        if held:
            yield self._table(held)

    def _sound(self, row: _Row) -> bool:
        names = self.raw.columns
        # A text of nothing is as empty as no cell.
        last = next((p for p in reversed(row.cells) if not self._blank(row.cells[p])), -1)
        if last < 0 and not row.faults:
            return False
        width = max(last, *row.faults, -1) + 1
        if width > len(names):
            self.raw.add(row.number, "wrong_field_count", "", f"{width} ≠ {len(names)}")
        elif row.faults:
            place, code = min(row.faults.items())
            self.raw.add(row.number, code, names[place])
        elif self.merged[row.number]:
            self.raw.add(row.number, "merged_cells")
        else:
            return True
        return False

    def _blank(self, cell: Cell) -> bool:
        return cell == "" or (isinstance(cell, int) and self.sheet.shared[cell].as_py() == "")

    def _table(self, rows: list[_Row]) -> pa.Table:
        columns = [self._column([r.cells.get(p, "") for r in rows])
                   for p in range(len(self.raw.columns))]  # fmt: skip
        batch = pa.RecordBatch.from_arrays(columns, names=list(self.raw.columns))
        numbers = [row.number for row in rows]
        keep = [True] * len(rows)
        for place, column in oversized(batch).items():
            self.raw.add(numbers[place], "oversized_cell", column)
            keep[place] = False
        batch = batch.append_column("row_number", pa.array(numbers, pa.int64()))
        return pa.Table.from_batches([batch.filter(pa.array(keep))])

    def _column(self, cells: list[Cell]) -> pa.StringArray:
        texts = pa.array([None if isinstance(c, int) else c for c in cells], pa.string())
        if not texts.null_count:
            return texts
        places = pa.array([c if isinstance(c, int) else None for c in cells], pa.int32())
        return pc.coalesce(texts, self.sheet.shared.take(places))
