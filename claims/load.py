"""From the files of a source to a version of the claim store.

In: a folder and the name of a source. Out: a store version with pseudonymous tables, the
quarantine, and a report. Nothing is visible in the store until everything is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import sqlglot
from sqlglot import exp

from claims import quarantine, store
from claims.complete import DERIVED, select
from claims.contracts import table
from claims.engine import Connection, count, open_engine, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.parsing import expand_counts, name, quote
from claims.pseudonyms import pads, pseudonym_sql
from claims.reading import RawTable, RowFault, find_files, read_files
from claims.vault import keep_identities, pseudonym_key

Progress = Callable[[str, float], None]


#: Kinds of identity that the vault leads back from a pseudonym.
_REMEMBERED = frozenset({"claim", "insured", "institution", "doctor", "employer"})


class LoadError(ValueError):
    """The source holds nothing that could be scored."""


@dataclass
class LoadReport:
    """What came in: counts per table, columns that are not there, faults, and the store version."""

    source: str
    currency: str
    unit: str
    counts: list[quarantine.TableCounts] = field(default_factory=list)
    absent_tables: list[str] = field(default_factory=list)
    absent_columns: dict[str, list[str]] = field(default_factory=dict)
    version: str = ""
    fingerprint: str = ""


def _named_columns(mapping: TableMapping) -> set[str]:
    """Return every source column that the mapping reads, also inside ``prepare``."""
    if not mapping.prepare:
        return {s for c in mapping.columns.values() for s in c.sources}
    tree = sqlglot.parse_one(mapping.prepare.replace("{count:", "'").replace("*}", "'"), "duckdb")
    read = {column.name for column in tree.find_all(exp.Column)}
    # A name that the text makes is not read, unless it is made from a column of the same name.
    made = {
        alias.alias
        for alias in tree.find_all(exp.Alias)
        if alias.alias not in {column.name for column in alias.this.find_all(exp.Column)}
    }
    return {s for c in mapping.columns.values() for s in c.sources if s not in made} | (read - made)


def _register_raw(
    con: Connection, raw: pa.Table, mapping: TableMapping, source: SourceMapping
) -> set[str]:
    """Make relation ``raw`` with every column that is named; return those that were absent."""
    absent = _named_columns(mapping) - set(raw.column_names)
    for column in sorted(absent):
        raw = raw.append_column(column, pa.nulls(raw.num_rows, pa.string()))
    con.register("arrived", raw)
    run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM arrived")
    if mapping.prepare:
        prepared = expand_counts(mapping.prepare, raw.column_names, source.nulls)
        run(con, f"CREATE OR REPLACE TEMP TABLE prepared AS {prepared}")
        run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM prepared")
    return absent


def _load_table(
    con: Connection,
    mapping: TableMapping,
    source: SourceMapping,
    folder: Path,
    report: LoadReport,
) -> bool:
    """Bring one table to ``accepted_<table>``; return whether it is there."""
    found = read_files(find_files(folder, mapping.files))
    if found.rows is None and not found.faults:
        found.faults.append(RowFault(mapping.files[0], 0, "absent_file"))
    absent: set[str] = set()
    if found.rows is not None:
        absent = _register_raw(con, found.rows, mapping, source)
        found.faults += [RowFault(mapping.files[0], 0, "missing_column", c) for c in sorted(absent)]
    lost = [
        target
        for target, column in mapping.columns.items()
        if set(column.sources) <= absent and not column.default
    ]
    report.absent_columns[mapping.table] = sorted(
        set(lost) | (set(table(mapping.table).columns) - set(mapping.columns))
    )
    blocking = [target for target in lost if table(mapping.table).columns[target].required
                and target not in DERIVED]  # fmt: skip
    _keep_reading_faults(con, mapping.table, found, fatal=found.rows is None or bool(blocking))
    if found.rows is None or blocking:
        if mapping.required:
            raise LoadError(_unusable(mapping, source, folder, blocking))
        report.absent_tables.append(mapping.table)
        return False
    for target in lost:
        if target in DERIVED:
            mapping = _dropped(mapping, target)
    quarantine.parse(con, mapping, source)
    joined = found.rows.num_rows - count(con, "parsed")
    report.counts.append(quarantine.judge(con, mapping, found.records - joined))
    return True


def _dropped(mapping: TableMapping, target: str) -> TableMapping:
    kept = {name: column for name, column in mapping.columns.items() if name != target}
    return TableMapping(mapping.table, mapping.files, kept, mapping.required, mapping.prepare)


def _unusable(
    mapping: TableMapping, source: SourceMapping, folder: Path, blocking: list[str]
) -> str:
    if blocking:
        named = [s for t in blocking for s in mapping.columns[t].sources]
        return (
            f"Source '{source.name}' cannot be loaded: its {mapping.table} lack the columns "
            f"{named}, which every claim needs. Add them to the files in {folder.name}/."
        )
    return (
        f"Source '{source.name}' cannot be loaded: {folder.name}/ holds no readable file that "
        f"matches {list(mapping.files)}. Check --input and --source."
    )


def _keep_reading_faults(con: Connection, table_name: str, found: RawTable, *, fatal: bool) -> None:
    for fault in found.faults:
        file_level = fault.row_number == 0 and fault.code != "unreadable_file"
        severity = "warning" if file_level and not fatal else "error"
        if fault.code == "absent_file":
            severity = "warning"
        texts = [sentence(fault.code, lang, column=fault.column_name, detail=fault.detail)
                 for lang in ("en", "zh")]  # fmt: skip
        run(con, "INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)",
            [fault.source_file, table_name, fault.row_number, severity, fault.code,
             fault.column_name, *texts],
        )  # fmt: skip


def _pseudonymous(
    con: Connection, mapping: TableMapping, source: SourceMapping, key: bytes
) -> None:
    """Make relation ``final_<table>``: the whole contract, identities replaced, in key order."""
    contract = table(mapping.table)
    run(con, f"CREATE OR REPLACE TEMP TABLE whole AS {select(mapping, source)}")
    inner, outer = pads(key)
    shown = []
    for column in contract.columns.values():
        value = name(column.name)
        if column.identity:
            value = pseudonym_sql(column.identity, value)
        shown.append(f"{value} AS {name(column.name)}")
    uses_key = any(c.identity for c in contract.columns.values())
    run(
        con,
        f"CREATE OR REPLACE TEMP TABLE final_{contract.name} AS "
        f"SELECT {', '.join(shown)} FROM whole ORDER BY {', '.join(contract.key)}",
        {"inner": inner, "outer": outer} if uses_key else None,
    )
    for column in contract.columns.values():
        own = contract.name == "claims" or column.identity != "claim"
        if column.identity in _REMEMBERED and own:
            _remember(con, column.identity, column.name, inner, outer)


def _remember(con: Connection, kind: str, column: str, inner: bytes, outer: bytes) -> None:
    run(
        con,
        f"INSERT INTO known_identities SELECT {quote(kind)}, {pseudonym_sql(kind, 'id')}, id "
        f"FROM (SELECT DISTINCT {name(column)} AS id FROM whole WHERE {name(column)} IS NOT NULL)",
        {"inner": inner, "outer": outer},
    )


def load(
    source: SourceMapping, folder: Path, home: Path, progress: Progress | None = None
) -> LoadReport:
    """Load a folder of files into a new version of the store under ``home``.

    Args:
        source: which files and columns to expect.
        folder: where the files are.
        home: output folder; the store lives in ``home/store``.
        progress: called with the table's name and the share done.

    Returns:
        The report; ``version`` names the store version (the same input gives the same version).

    Raises:
        LoadError: the required table is absent, unreadable or lacks a column all claims need.
        VaultError: the pseudonym key cannot be used safely.
    """
    key = pseudonym_key()
    report = LoadReport(source.name, source.currency, source.unit)
    con = open_engine()
    quarantine.start_faults(con)
    run(con, "CREATE TEMP TABLE known_identities (kind TEXT, pseudonym TEXT, original TEXT)")
    loaded: list[TableMapping] = []
    for place, mapping in enumerate(source.tables.values()):
        if progress:
            progress(mapping.table, place / len(source.tables))
        if _load_table(con, mapping, source, folder, report):
            lost = set(report.absent_columns[mapping.table])
            kept = {t: c for t, c in mapping.columns.items() if t not in lost or t not in DERIVED}
            loaded.append(
                TableMapping(mapping.table, mapping.files, kept, mapping.required, mapping.prepare)
            )
    have = {mapping.table for mapping in loaded}
    for mapping in loaded:
        quarantine.check_references(con, mapping, have)
        _pseudonymous(con, mapping, source, key)
    if not count(con, "final_claims"):
        raise LoadError(
            f"No claim of source '{source.name}' is usable; see the quarantine's reasons."
        )
    run(
        con,
        "CREATE TEMP TABLE final_quarantine AS SELECT * FROM faults "
        "ORDER BY source_file, row_number, column_name, code, table_name",
    )
    written = store.write_version(con, home, sorted(have | {"quarantine"}), _meta(report, source))
    report.version, report.fingerprint = written.version, written.fingerprint
    rows = con.sql("SELECT DISTINCT * FROM known_identities ORDER BY ALL").to_arrow_table()
    keep_identities(rows, hashlib.sha256(report.fingerprint.encode()).hexdigest()[:16])
    return report


def _meta(report: LoadReport, source: SourceMapping) -> dict[str, object]:
    return {
        "source": source.name,
        "currency": source.currency,
        "time_zone": source.time_zone,
        "unit": source.unit,
        "absent_tables": sorted(report.absent_tables),
        "absent_columns": report.absent_columns,
        "counts": [vars(c) for c in report.counts],
    }
