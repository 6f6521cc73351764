"""Files as they arrive, read as text: nothing is interpreted here.

In: CSV files, plain or gzip, UTF-8 (with or without byte-order mark) or GB18030. Out: one Arrow
table of strings per contract table, with the file's name and the record's number beside each row
(the header is row 1), and the faults of whole files and of rows with a wrong number of fields.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv


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


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files in ``folder`` that match any pattern, by name, each once."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _encoding(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data.decode("gb18030")
        return "gb18030"
    return "utf-8"


def read_file(path: Path) -> RawTable:
    """Read one CSV file as text; a file that cannot be read becomes a fault, never an exception."""
    skipped: list[RowFault] = []

    def skip(row: pv.InvalidRow) -> str:
        detail = f"{row.actual_columns} fields instead of {row.expected_columns}"
        skipped.append(RowFault(path.name, row.number or 0, "wrong_field_count", "", detail))
        return "skip"

    try:
        data = _content(path)
        reader = pv.read_csv(
            pa.BufferReader(data),
            read_options=pv.ReadOptions(use_threads=False, encoding=_encoding(data)),
            parse_options=pv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=_as_text(data),
        )
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, pa.ArrowInvalid) as error:
        # The library's message may quote a cell, and a cell may be a name: only its kind is kept.
        fault = RowFault(path.name, 0, "unreadable_file", "", type(error).__name__)
        return RawTable(faults=[fault])
    total = reader.num_rows + len(skipped)
    numbers = np.setdiff1d(np.arange(2, total + 2), [fault.row_number for fault in skipped])
    rows = reader.append_column("row_number", pa.array(numbers[: reader.num_rows], pa.int64()))
    names = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(reader.num_rows, np.int32)), pa.array([path.name])
    )
    return RawTable(rows.append_column("source_file", names.cast(pa.string())), total, skipped)


def _as_text(data: bytes) -> pv.ConvertOptions:
    header = data.split(b"\n", 1)[0].decode("gb18030", "replace").lstrip("\ufeff").strip("\r")
    names = [name.strip().strip('"') for name in header.split(",")]
    types = dict.fromkeys(names, pa.string())
    return pv.ConvertOptions(column_types=types, strings_can_be_null=False)


def read_files(paths: Sequence[Path]) -> RawTable:
    """Read several files of one table; columns that one file lacks are empty in its rows."""
    parts = [read_file(path) for path in paths]
    tables = [part.rows for part in parts if part.rows is not None]
    return RawTable(
        rows=pa.concat_tables(tables, promote_options="default") if tables else None,
        records=sum(part.records for part in parts),
        faults=[fault for part in parts for fault in part.faults],
    )
