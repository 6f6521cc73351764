"""Read a returned list, CSV or XLSX, as if a stranger had made it.

In: a path. Out: the headers' machine names and the rows as values with their row numbers.

An XLSX file is an archive of XML. Before anything is inflated its directory is held to `LIMITS`;
then every XML part is read through defusedxml, which refuses document types and entities; then
openpyxl reads values only (no formulas, no links). openpyxl itself has no such limits.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

import defusedxml
import openpyxl
from defusedxml.sax import parse

from claims.contracts import table
from sampling.columns import of_contract
from sampling.faults import Fault, SamplingError
from sampling.lists import CASE, VERDICT_COLUMNS

UNIT_ID = of_contract(table("draws").columns["unit_id"])
"""Column that a returned list should still carry: it shows whether a row kept its case."""


@dataclass(frozen=True)
class Limits:
    """What a returned file may be at most."""

    file_bytes: int = 8 * 2**20
    entries: int = 128
    total_bytes: int = 24 * 2**20
    ratio: int = 100
    ratio_from: int = 2**20
    rows: int = 10_000
    columns: int = 256


LIMITS = Limits()
"""Ratio applies to parts above one mebibyte: small parts compress well and do no harm. The total
keeps the worst file that passes near 250 MB of memory (measured with shared strings only)."""

FORMULA = object()
"""Stands for a cell that holds a formula instead of a value."""

Value = str | int | float | date | datetime | None | object


class SheetError(SamplingError):
    """A returned file cannot be read."""


@dataclass(frozen=True)
class SheetRow:
    """One row: its number in the file, counted from 1 with the header, and its values."""

    number: int
    values: Mapping[str, Value]


def read_sheet(path: Path) -> list[SheetRow]:
    """Return the rows of a returned list; wholly empty rows are left out.

    Only the case, the verdict columns and, where the file has it, ``unit_id`` are kept. Headers
    may be machine names or labels in either language.

    Raises:
        SheetError: if the file is no CSV or XLSX, exceeds the limits, or lacks columns.
    """
    size = path.stat().st_size
    if size > LIMITS.file_bytes:
        raise SheetError([_limit("bytes", size, LIMITS.file_bytes)])
    kind = path.suffix.lower()
    if kind == ".xlsx":
        return _named(_xlsx_rows(path))
    if kind == ".csv":
        return _named(_csv_rows(path.read_bytes()))
    raise SheetError([Fault(
        "SHEET_KIND", f"The file {path.name} is neither .csv nor .xlsx; save it as one of them.",
        f"文件{path.name}不是.csv或.xlsx，请另存为其中之一。",
    )])  # fmt: skip


def _csv_rows(raw: bytes) -> Iterator[Sequence[Value]]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Spreadsheet programs on a Chinese Windows save CSV in the system's code page.
        text = _decoded_gb18030(raw)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise SheetError([_unreadable(str(error))]) from None


def _decoded_gb18030(raw: bytes) -> str:
    try:
        return raw.decode("gb18030")
    except UnicodeDecodeError:
        raise SheetError([_unreadable("it is neither UTF-8 nor GB 18030")]) from None


def _xlsx_rows(path: Path) -> Iterator[Sequence[Value]]:
    check_archive(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
    except Exception as error:
        raise SheetError([_unreadable(type(error).__name__)]) from None
    try:
        page = next((p for p in book.worksheets if _has_case(p)), book.worksheets[0])
        for cells in page.iter_rows():
            yield [FORMULA if c.data_type == "f" else c.value for c in cells]
    except (ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise SheetError([_unreadable(type(error).__name__)]) from None
    finally:
        book.close()


def check_archive(path: Path) -> None:
    """Refuse an XLSX file that is more than a list needs to be, before inflating any of it.

    Raises:
        SheetError: with every limit exceeded, or if a part holds a document type or an entity.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            faults = _archive_faults(infos)
            if faults:
                raise SheetError(faults)
            for info in infos:
                if info.filename.lower().endswith((".xml", ".rels")):
                    _check_part(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise SheetError([_unreadable(type(error).__name__)]) from None


def _archive_faults(infos: Sequence[zipfile.ZipInfo]) -> list[Fault]:
    faults = []
    if len(infos) > LIMITS.entries:
        faults.append(_limit("parts", len(infos), LIMITS.entries))
    total = sum(i.file_size for i in infos)
    if total > LIMITS.total_bytes:
        faults.append(_limit("bytes when unpacked", total, LIMITS.total_bytes))
    for info in infos:
        ratio = info.file_size // max(1, info.compress_size)
        if info.file_size > LIMITS.ratio_from and ratio > LIMITS.ratio:
            faults.append(_limit(f"times smaller when packed ({info.filename[:60]})", ratio,
                                 LIMITS.ratio))  # fmt: skip
        if info.flag_bits & 1 or ".." in info.filename or info.filename.startswith("/"):
            faults.append(_unreadable("a part is encrypted or named outside the archive"))
    if len({i.filename for i in infos}) != len(infos):
        faults.append(_unreadable("two parts have one name"))
    return faults


def _check_part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Read a part once through defusedxml; zipfile never gives more than the declared size."""
    try:
        with archive.open(info) as part:
            parse(part, ContentHandler(), forbid_dtd=True)
    except (defusedxml.DefusedXmlException, SAXException, ValueError) as error:
        raise SheetError([_unreadable(f"{info.filename[:60]}: {type(error).__name__}")]) from None


def _has_case(page: Any) -> bool:
    page.reset_dimensions()
    first = next(page.iter_rows(max_row=1, values_only=True), ())
    return any(_machine_name(h) == "case" for h in first)


def _named(rows: Iterator[Sequence[Value]]) -> list[SheetRow]:
    header = [_machine_name(h) for h in next(rows, [])]
    wanted = ["case", *(c.name for c in VERDICT_COLUMNS)]
    faults = [_header(name, header.count(name)) for name in wanted if header.count(name) != 1]
    if header.count(UNIT_ID.name) > 1:
        faults.append(_header(UNIT_ID.name, header.count(UNIT_ID.name)))
    if len(header) > LIMITS.columns:
        faults.append(_limit("columns", len(header), LIMITS.columns))
    if faults:
        raise SheetError(faults)
    at = {name: header.index(name) for name in [*wanted, UNIT_ID.name] if name in header}
    kept = []
    for number, row in enumerate(rows, 2):
        if number > LIMITS.rows:
            raise SheetError([_limit("rows", number, LIMITS.rows)])
        if len(row) > LIMITS.columns:
            raise SheetError([_limit("columns", len(row), LIMITS.columns)])
        if any(not _blank(v) for v in row):
            values = {n: _tidy(row[i]) if i < len(row) else None for n, i in at.items()}
            kept.append(SheetRow(number, values))
    return kept


def _blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _tidy(value: Value) -> Value:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    return value


def _machine_name(heading: Value) -> str:
    """Return the machine name of a header that is one already or a label of the lists."""
    text = str(heading or "").strip()
    for column in (CASE, UNIT_ID, *VERDICT_COLUMNS):
        if text.casefold() in {column.name, column.en.casefold(), column.zh}:
            return column.name
        if text.endswith(f" ({column.name})"):
            return column.name
    return text


def disposition_code(text: str) -> str | None:
    """Return the code of a disposition written as code or as label in either language."""
    for code, value in table("outcomes").columns["disposition"].values.items():
        if text.casefold() in {code, value.en.casefold(), value.zh}:
            return code
    return None


def _limit(what: str, found: int, most: int) -> Fault:
    return Fault(
        "SHEET_LIMIT", f"The file has {found} {what}, at most {most} are read; return the list as "
        "it was issued, in parts if it is long.",
        f"文件超出限制（{what}：{found}，上限{most}）；请按原名单格式回传，过长可分次回传。",
    )  # fmt: skip


def _unreadable(detail: str) -> Fault:
    return Fault(
        "SHEET_READ", f"The file cannot be read ({detail}); open it in a spreadsheet program and "
        "save it again.", f"文件无法读取（{detail}）；请用表格软件打开后重新保存。",
    )  # fmt: skip


def _header(name: str, count: int) -> Fault:
    return Fault(
        "SHEET_HEADER", f"Column '{name}' occurs {count} times in the header; it must occur once.",
        f"表头中“{name}”列出现{count}次，应恰好一次。", column=name,
    )  # fmt: skip
