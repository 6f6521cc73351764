"""Files as they arrive, read as text: nothing is interpreted here.

In: CSV files, plain or gzip, UTF-8 (with or without byte-order mark) or GB18030. Out: one Arrow
table of strings per contract table, with the file's name and the record's number beside each row
(the header is row 1; an empty line has a number but is no record), and the faults of whole files
and of rows that cannot be told apart into fields.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

#: Names of the two columns that reading adds; a file's own column of that name is set apart.
ADDED = ("row_number", "source_file")
#: A record appended to every file. Where it does not arrive, a quotation mark was never closed.
_SEAL = "\x1e"
_LARGEST_BLOCK = 1 << 30


@dataclass(frozen=True)
class RowFault:
    """A fault found while reading; row 0 means the whole file."""

    source_file: str
    row_number: int
    code: str
    column_name: str = ""
    detail: str = ""


@dataclass
class RawTable:
    """The rows of all files of one table, as text, and what could not be read."""

    rows: pa.Table | None = None
    records: int = 0
    faults: list[RowFault] = field(default_factory=list)


class _UnreadableError(ValueError):
    """The file as a whole cannot be read; the arguments are a fault code and a detail."""


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files in ``folder`` that match any pattern, by name, each once."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _encoding(data: bytes) -> str:
    """Return UTF-8 or GB18030; a file that says it is UTF-8 is not taken for anything else."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if data.startswith(codecs.BOM_UTF8):
            raise
        data.decode("gb18030")
        return "gb18030"
    return "utf-8"


def _header(data: bytes, encoding: str) -> tuple[list[str], int]:
    """Return the column names and the number of lines before the first data row."""
    text = io.TextIOWrapper(
        io.BytesIO(data), "utf-8-sig" if encoding == "utf-8" else encoding, newline=""
    )
    for place, cells in enumerate(csv.reader(text), start=1):
        if any(cell.strip() for cell in cells):
            named = [cell.strip() or f"({i})" for i, cell in enumerate(cells, start=1)]
            seen = Counter(name.casefold() for name in named)
            if twice := [i for i, n in enumerate(named, start=1) if seen[n.casefold()] > 1]:
                # A file without a header shows data here, so the places are named, not the cells.
                raise _UnreadableError("repeated_column", " = ".join(map(str, twice)))
            return [f"{n} (file)" if n.casefold() in ADDED else n for n in named], place
    raise _UnreadableError("empty_file")


def _parse(data: bytes, path: Path) -> RawTable:
    encoding = _encoding(data)
    names, before = _header(data, encoding)
    sealed = data + b"\n" + ",".join([_SEAL] * len(names)).encode() + b"\n"
    skipped: list[RowFault] = []

    def skip(row: pv.InvalidRow) -> str:
        detail = f"{row.actual_columns} ≠ {row.expected_columns}"
        skipped.append(RowFault(path.name, row.number or 0, "wrong_field_count", "", detail))
        return "skip"

    rows = pv.read_csv(
        pa.BufferReader(sealed),
        read_options=pv.ReadOptions(
            use_threads=False, encoding=encoding, column_names=names, skip_rows_after_names=before,
            block_size=min(len(sealed) + 1, _LARGEST_BLOCK),
        ),
        parse_options=pv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=skip, ignore_empty_lines=False
        ),
        convert_options=pv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )  # fmt: skip
    total = rows.num_rows + len(skipped)
    faulty = [fault.row_number for fault in skipped]
    numbers = np.setdiff1d(np.arange(before + 1, before + 1 + total), faulty)
    kept = ~_empty(rows)
    if rows.num_rows and all(c[-1].as_py() == _SEAL for c in rows.columns):
        kept[-1] = False
    else:
        # Whatever followed the open quotation mark is inside the last record.
        last = before + total
        skipped = [fault for fault in skipped if fault.row_number != last]
        skipped.append(RowFault(path.name, last, "unclosed_quote"))
        kept &= numbers != last
    rows = rows.append_column("row_number", pa.array(numbers, pa.int64())).filter(pa.array(kept))
    source = pa.array([path.name]).take(pa.array(np.zeros(rows.num_rows, np.int32)))
    return RawTable(
        rows.append_column("source_file", source), rows.num_rows + len(skipped), skipped
    )


def _empty(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell which rows hold nothing in any field: empty lines are not records."""
    empty = np.ones(rows.num_rows, dtype=np.bool_)
    for column in rows.columns:
        if not empty.any():
            break
        empty &= pc.equal(column, "").to_numpy()
    return empty


def read_file(path: Path) -> RawTable:
    """Read one CSV file as text; a file that cannot be read becomes a fault, never an exception."""
    try:
        return _parse(_content(path), path)
    except _UnreadableError as error:
        code, *detail = error.args
        return RawTable(faults=[RowFault(path.name, 0, code, "", *detail)])
    except UnicodeDecodeError:
        return RawTable(faults=[RowFault(path.name, 0, "wrong_encoding")])
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowInvalid) as error:
        # The library's message may quote a cell, and a cell may be a name: only its kind is kept.
        return RawTable(
            faults=[RowFault(path.name, 0, "unreadable_file", "", type(error).__name__)]
        )


def read_files(paths: Sequence[Path]) -> RawTable:
    """Read several files of one table; columns that one file lacks are empty in its rows."""
    parts = [read_file(path) for path in paths]
    tables = [part.rows for part in parts if part.rows is not None]
    return RawTable(
        rows=pa.concat_tables(tables, promote_options="default") if tables else None,
        records=sum(part.records for part in parts),
        faults=[fault for part in parts for fault in part.faults],
    )
