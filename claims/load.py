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
from claims.contracts import table
from claims.engine import Connection, count, open_engine, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.parsing import expand_counts, name, quote
from claims.pseudonyms import pads, pseudonym_sql
from claims.reading import RawTable, RowFault, find_files, read_files
from claims.vault import keep_identities, pseudonym_key

Progress = Callable[[str, float], None]

#: Settlement lag assumed where a source names no time at which the fund knew a claim.
ASSUMED_LAG_DAYS = 30


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
    made = {alias.alias for alias in tree.find_all(exp.Alias)}
    read = {column.name for column in tree.find_all(exp.Column)}
    return read | {s for c in mapping.columns.values() for s in c.sources if s not in made}


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
                and target not in _DERIVED]  # fmt: skip
    _keep_reading_faults(con, mapping.table, found, fatal=found.rows is None or bool(blocking))
    if found.rows is None or blocking:
        if mapping.required:
            raise LoadError(_unusable(mapping, source, folder, blocking))
        report.absent_tables.append(mapping.table)
        return False
    for target in lost:
        if target in _DERIVED:
            mapping = _dropped(mapping, target)
    quarantine.parse(con, mapping, source)
    joined = found.rows.num_rows - count(con, "parsed")
    report.counts.append(quarantine.judge(con, mapping, found.records - joined))
    return True


#: Columns that the loader fills in itself where the source does not have them.
_DERIVED = {"known_at", "service_end_at"}


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


def _keep_reading_faults(
    con: Connection, table_name: str, found: RawTable, *, fatal: bool
) -> None:
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


def _claims_select(mapping: TableMapping, source: SourceMapping) -> str:
    """Return the SELECT that completes accepted claims with the derived columns."""
    have = mapping.columns
    end = "coalesce(a.service_end_at, a.service_at)" if "service_end_at" in have else "a.service_at"
    assumed = f"({end} + INTERVAL {ASSUMED_LAG_DAYS} DAY)"
    known = f"coalesce(a.known_at, {assumed})" if "known_at" in have else assumed
    assumed_flag = "a.known_at IS NULL" if "known_at" in have else "true"
    zone = quote(source.time_zone)
    made = {
        "service_end_at": end,
        "service_date": f"CAST(timezone({zone}, a.service_at) AS DATE)",
        "service_end_date": f"CAST(timezone({zone}, {end}) AS DATE)",
        "known_at": known,
        "known_at_assumed": assumed_flag,
        "currency": quote(source.currency),
        "reversed_at": "r.reversed_at",
    }
    reversals = "SELECT NULL AS reverses_claim_id, CAST(NULL AS TIMESTAMPTZ) AS reversed_at WHERE false"
    if "reverses_claim_id" in have:
        reversals = f"""SELECT a.reverses_claim_id, min({known}) AS reversed_at
            FROM accepted_claims a WHERE a.reverses_claim_id IS NOT NULL GROUP BY 1"""
    columns = [made.get(c) or (f"a.{c}" if c in have else _null(c)) for c in table("claims").columns]
    named = ", ".join(f"{e} AS {c}" for e, c in zip(columns, table("claims").columns, strict=True))
    return (
        f"SELECT {named} FROM accepted_claims a "
        f"LEFT JOIN ({reversals}) r ON r.reverses_claim_id = a.claim_id"
    )


def _null(column: str) -> str:
    kind = table("claims").columns[column].type
    return f"CAST(NULL AS {_SQL_TYPES[kind]})"


_SQL_TYPES = {
    "text": "TEXT", "integer": "BIGINT", "money": "BIGINT", "number": "DOUBLE",
    "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMPTZ",
}  # fmt: skip


def _other_select(mapping: TableMapping, source: SourceMapping) -> str:
    made = {}
    if mapping.table == "claim_lines":
        made["line_date"] = f"CAST(timezone({quote(source.time_zone)}, line_at) AS DATE)"
    parts = []
    for column, contract in table(mapping.table).columns.items():
        absent = f"CAST(NULL AS {_SQL_TYPES[contract.type]})"
        value = made.get(column) or (name(column) if column in mapping.columns else absent)
        parts.append(f"{value} AS {column}")
    return f"SELECT {', '.join(parts)} FROM accepted_{mapping.table}"


def _pseudonymous(
    con: Connection, mapping: TableMapping, source: SourceMapping, key: bytes
) -> None:
    """Make relation ``final_<table>``: the contract's columns, identities replaced, in key order."""
    contract = table(mapping.table)
    whole = _claims_select if mapping.table == "claims" else _other_select
    run(con, f"CREATE OR REPLACE TEMP TABLE whole AS {whole(mapping, source)}")
    inner, outer = pads(key)
    shown = []
    for column in contract.columns.values():
        value = name(column.name)
        if column.identity:
            value = pseudonym_sql(column.identity, value)
        shown.append(f"{value} AS {name(column.name)}")
    uses_key = any(c.identity for c in contract.columns.values())
    run(con, f"CREATE OR REPLACE TEMP TABLE final_{contract.name} AS "
        f"SELECT {', '.join(shown)} FROM whole ORDER BY {', '.join(contract.key)}",
        {"inner": inner, "outer": outer} if uses_key else None,
    )
    for column in contract.columns.values():
        if column.identity and column.identity != "line" and column.name in contract.key:
            _remember(con, column.identity, column.name, inner, outer)
        elif column.identity in ("insured", "institution", "doctor", "employer"):
            _remember(con, column.identity, column.name, inner, outer)


def _remember(
    con: Connection, kind: str, column: str, inner: bytes, outer: bytes
) -> None:
    run(con, f"INSERT INTO known_identities SELECT {quote(kind)}, {pseudonym_sql(kind, 'id')}, id "
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
            kept = {t: c for t, c in mapping.columns.items() if t not in lost or t not in _DERIVED}
            loaded.append(
                TableMapping(mapping.table, mapping.files, kept, mapping.required, mapping.prepare)
            )
    have = {mapping.table for mapping in loaded}
    for mapping in loaded:
        quarantine.check_references(con, mapping, have)
        _pseudonymous(con, mapping, source, key)
    if not count(con, "final_claims"):
        raise LoadError(f"No claim of source '{source.name}' is usable; see the quarantine's reasons.")
    run(con, "CREATE TEMP TABLE final_quarantine AS SELECT * FROM faults "
        "ORDER BY source_file, row_number, column_name, code, table_name"
    )
    written = store.write_version(
        con, home, sorted(have | {"quarantine"}), _meta(report, source)
    )
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
