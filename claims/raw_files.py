"""One arrived file as text: what every kind of file gives to the loader.

In: nothing; the readers of each kind fill it. Out: names of columns, blocks of rows as strings with
their row numbers, and faults. A damaged file becomes a fault, never an exception.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from xml.parsers.expat import ExpatError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Names of the two columns that reading adds; a file's own column of that name is set apart.
ADDED = ("row_number", "source_file")
#: Characters of one cell; spreadsheet programs keep no more, and no code, name or note is longer.
LARGEST_CELL = 32_767
#: Columns of one file; far more than any table of claims has.
MOST_COLUMNS = 2_048
#: Faults of rows that are kept at once; a file with more is not what it should be.
MOST_FAULTS = 500_000
#: Bytes of text that one block holds, about; what is read of a file at once.
BLOCK_BYTES = 64 << 20

#: What the libraries raise when the bytes of a file are not what they should be.
DAMAGE = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, csv.Error, pa.ArrowException, ExpatError,
    NotImplementedError, RuntimeError, KeyError, ValueError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowFault:
    """A fault found while reading; row 0 means the whole file."""

    source_file: str
    row_number: int
    code: str
    column_name: str = ""
    detail: str = ""
    severity: str = "error"


class UnreadableError(ValueError):
    """The file as a whole cannot be read; it carries a fault's code, detail and column."""

    def __init__(self, code: str, detail: str = "", column: str = "") -> None:
        super().__init__(code, detail, column)
        self.code, self.detail, self.column = code, detail, column


@dataclass
class RawFile:
    """One arrived file, opened: its columns, its rows in blocks, and what is wrong with it.

    ``faults`` holds faults of the whole file at once; faults of rows are added while blocks are
    read, each before the block after it is given, and the caller may take them out at any time.
    A file that turns out damaged only while its blocks are read gets a fault of row 0 at the end:
    then ``refused`` is true, nothing of the file counts (``records`` is 0), and the caller drops
    the blocks and the faults of rows that it was given.
    """

    name: str
    columns: tuple[str, ...] = ()
    faults: list[RowFault] = field(default_factory=list)
    records: int = 0
    source: Callable[[RawFile], Iterator[pa.Table]] | None = None
    refused: bool = False

    def blocks(self) -> Iterator[pa.Table]:
        """Give the rows, all columns as strings and ``row_number``; may be asked for once more."""
        if self.source is None or self.refused:
            return
        self.records = 0
        self.faults[:] = [f for f in self.faults if f.row_number == 0 and f.code != "no_rows"]
        try:
            for block in self.source(self):
                self.records += block.num_rows
                if block.num_rows:
                    yield block
            if not self.records:
                self.faults.append(RowFault(self.name, 0, "no_rows", severity="warning"))
        except (UnicodeDecodeError, UnreadableError, *DAMAGE) as error:
            self.refuse(error)

    def refuse(self, error: BaseException) -> None:
        """Make of an exception a fault of the whole file, in whose place nothing else counts."""
        self.records, self.refused = 0, True
        self.faults[:] = [f for f in self.faults if f.row_number == 0]
        self.faults.append(whole_file_fault(self.name, error))

    def add(self, row: int, code: str, column: str = "", detail: str = "") -> None:
        """Add the fault of one record that is not among the rows."""
        if len(self.faults) >= MOST_FAULTS:
            raise UnreadableError("too_many_faults", f"> {MOST_FAULTS:,}")
        self.faults.append(RowFault(self.name, row, code, column, detail))
        self.records += 1


def whole_file_fault(name: str, error: BaseException) -> RowFault:
    """Return the fault that stands for an exception."""
    if isinstance(error, UnreadableError):
        return RowFault(name, 0, error.code, error.column, error.detail)
    if isinstance(error, UnicodeDecodeError):
        return RowFault(name, 0, "wrong_encoding")
    # The library's message may quote a cell, and a cell may be a name: only its kind is kept.
    return RowFault(name, 0, "unreadable_file", "", type(error).__name__)


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns from the cells of the header.

    Raises:
        UnreadableError: two columns have one name, or there are more than any table has.
    """
    if len(cells) > MOST_COLUMNS:
        raise UnreadableError("too_many_columns", f"{len(cells)} > {MOST_COLUMNS}")
    named = [cell.strip() or f"({i})" for i, cell in enumerate(cells, start=1)]
    seen = Counter(name.casefold() for name in named)
    if twice := [i for i, n in enumerate(named, start=1) if seen[n.casefold()] > 1]:
        # A file without a header shows data here, so the places are named, not the cells.
        raise UnreadableError("repeated_column", " = ".join(map(str, twice[:20])))
    return tuple(f"{name} (file)" if name.casefold() in ADDED else name for name in named)


def empty_rows(rows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell which rows hold nothing in any field: empty lines are not records."""
    empty = np.ones(rows.num_rows, dtype=np.bool_)
    for column in rows.columns:
        if not empty.any():
            break
        empty &= pc.equal(column, "").to_numpy(zero_copy_only=False)
    return empty


def oversized(rows: pa.RecordBatch) -> dict[int, str]:
    """Return the places of rows with a cell that is too long, and the column of the first one."""
    found: dict[int, str] = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        # Bytes are no fewer than characters, and cheap to count.
        if (pc.max(pc.binary_length(column)).as_py() or 0) > LARGEST_CELL:
            long = pc.greater(pc.utf8_length(column), LARGEST_CELL)
            for place in np.flatnonzero(long.to_numpy(zero_copy_only=False)):
                found.setdefault(int(place), name)
    return dict(sorted(found.items()))
