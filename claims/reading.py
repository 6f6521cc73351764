"""Files as they arrive, read as text: nothing is interpreted here.

In: files of a source. Out: for each an opened file that gives its rows in blocks of strings with
the records' numbers (the header is row 1; an empty line has a number but is no record), and the
faults of whole files and of rows that cannot be told apart into fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from claims.archives import opener
from claims.csv_files import read_csv
from claims.parquet_files import read_parquet
from claims.raw_files import ADDED, DAMAGE, RawFile, RowFault, UnreadableError
from claims.workbooks import read_workbook

__all__ = ["ADDED", "RawFile", "RowFault", "find_files", "open_file"]


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
