"""Files as they arrive, read as text: nothing is interpreted here.

In: files of a source. Out: for each an opened file that gives its rows in blocks of strings with
the records' numbers (the header is row 1; an empty line has a number but is no record), and the
faults of whole files and of rows that cannot be told apart into fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from claims.archives import opener
from claims.csv_files import read_csv
from claims.parquet_files import read_parquet
from claims.raw_files import ADDED, DAMAGE, RawFile, RowFault, UnreadableError
from claims.workbooks import read_workbook

__all__ = [
    "ADDED", "RawFile", "RawTable", "RowFault", "find_files", "open_file", "read_file",
    "read_files",
]  # fmt: skip


@dataclass
class RawTable:
    """The rows of all files of one table, as text, and what could not be read."""

    rows: pa.Table | None = None
    records: int = 0
    faults: list[RowFault] = field(default_factory=list)


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files in ``folder`` that match any pattern, by name, each once.

    A folder of such a name is no file of the source: unpacking an archive leaves one like that.
    """
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in found if not path.is_dir())


def open_file(path: Path, *, sheet: str = "", zone: str = "") -> RawFile:
    """Open one file by its ending; one that cannot be read holds a fault, and gives no rows.

    Args:
        path: CSV (also .gz, or .zip with one file inside), .parquet, .xlsx or .xlsm.
        sheet: name of a workbook's sheet; the first one that is not hidden without it.
        zone: zone in which a Parquet file's times with a zone are told; refused without it.
    """
    try:
        kind = path.suffix.lower()
        if kind in (".xlsx", ".xlsm"):
            return read_workbook(path, sheet)
        if kind == ".parquet":
            return read_parquet(path, zone)
        return read_csv(path.name, opener(path))
    except (UnicodeDecodeError, UnreadableError, *DAMAGE) as error:
        raw = RawFile(path.name)
        raw.refuse(error)
        return raw


def read_file(path: Path) -> RawTable:
    """Read one file whole; a file that cannot be read becomes a fault, never an exception."""
    raw = open_file(path)
    blocks = list(raw.blocks())
    if raw.refused:
        return RawTable(faults=raw.faults)
    schema = pa.schema([*((c, pa.string()) for c in raw.columns), ("row_number", pa.int64())])
    rows = pa.concat_tables(blocks) if blocks else schema.empty_table()
    source = pa.array([raw.name]).take(pa.array(np.zeros(rows.num_rows, np.int32)))
    return RawTable(rows.append_column("source_file", source), raw.records, raw.faults)


def read_files(paths: Sequence[Path]) -> RawTable:
    """Read several files of one table; columns that one file lacks are empty in its rows."""
    parts = [read_file(path) for path in paths]
    tables = [part.rows for part in parts if part.rows is not None]
    return RawTable(
        rows=pa.concat_tables(tables, promote_options="default") if tables else None,
        records=sum(part.records for part in parts),
        faults=[fault for part in parts for fault in part.faults],
    )
