"""From the files of a source to a version of the claim store.

In: a folder and the name of a source. Out: a store version with pseudonymous tables, the
quarantine, and a report. Nothing is visible in the store until everything is written.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from claims import quarantine, store
from claims.complete import DERIVED
from claims.concealing import conceal, start_known
from claims.contracts import LANGS, table
from claims.engine import Connection, count, open_engine, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.origins import Origins, origins
from claims.parsing import expand_counts, quote
from claims.reading import ADDED, RawTable, RowFault, find_files, read_files
from claims.vault import keep_identities, pseudonym_key, vault_folder

Progress = Callable[[str, float], None]


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


def _register_raw(
    con: Connection, raw: pa.Table, mapping: TableMapping, source: SourceMapping
) -> set[str]:
    """Make relation ``raw`` with every column that is read; return those that were absent."""
    origin = origins(mapping)
    raw = _renamed(raw, origin)
    absent = set(origin.read) - set(raw.column_names)
    for column in sorted(absent):
        raw = raw.append_column(column, pa.nulls(raw.num_rows, pa.string()))
    con.register("arrived", raw)
    run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM arrived")
    if mapping.prepare:
        prepared = expand_counts(mapping.prepare, raw.column_names, source.nulls)
        run(con, f"CREATE OR REPLACE TEMP TABLE prepared AS {prepared}")
        run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM prepared")
    return absent


def _renamed(raw: pa.Table, origin: Origins) -> pa.Table:
    """Spell column names as the mapping does; the engine takes 'ID' and 'id' for the same name."""
    spelt = {name.casefold(): name for name in origin.read}
    taken = {name.casefold() for name in origin.made} - set(spelt) - set(ADDED)
    return raw.rename_columns(
        [
            f"{c} (file)" if c.casefold() in taken else spelt.get(c.casefold(), c)
            for c in raw.column_names
        ]
    )


def _load_table(
    con: Connection,
    mapping: TableMapping,
    source: SourceMapping,
    folder: Path,
    report: LoadReport,
) -> TableMapping | None:
    """Bring one table to ``accepted_<table>``; return what of its mapping could be used."""
    found = read_files(find_files(folder, mapping.files))
    if found.rows is None and not found.faults:
        found.faults.append(RowFault(mapping.files[0], 0, "absent_file"))
    absent: set[str] = set()
    if found.rows is not None:
        absent = _register_raw(con, found.rows, mapping, source)
        found.faults += [RowFault(mapping.files[0], 0, "missing_column", c) for c in sorted(absent)]
    origin = origins(mapping)
    contract = table(mapping.table)
    lost = {
        target for target, column in mapping.columns.items()
        if set(origin.of(column)) <= absent and not column.default
    }  # fmt: skip
    unmapped = set(contract.columns) - set(mapping.columns)
    report.absent_columns[mapping.table] = sorted(lost | unmapped)
    blocking = [t for t in mapping.columns if t in lost - DERIVED and contract.columns[t].required]
    usable = found.rows is not None and not blocking
    _keep_reading_faults(con, mapping.table, found, fatal=not usable)
    if found.rows is None or blocking:
        if mapping.required:
            raise LoadError(_unusable(mapping, source, folder, found, blocking))
        report.absent_tables.append(mapping.table)
        return None
    kept = {t: column for t, column in mapping.columns.items() if t not in lost & DERIVED}
    mapping = replace(mapping, columns=kept)
    quarantine.parse(con, mapping, source)
    joined = found.rows.num_rows - count(con, "parsed")
    report.counts.append(quarantine.judge(con, mapping, found.records - joined))
    return mapping


def _unusable(
    mapping: TableMapping,
    source: SourceMapping,
    folder: Path,
    found: RawTable,
    blocking: list[str],
) -> str:
    head = f"Source '{source.name}' cannot be loaded: "
    if blocking:
        origin = origins(mapping)
        named = [origin.shown(mapping.columns[target]) for target in blocking]
        return (
            f"{head}its {mapping.table} lack the columns {named}, which every claim needs. "
            f"Add them to the files in {folder.name}/."
        )
    whole = [fault for fault in found.faults if fault.code != "absent_file"]
    reasons = " ".join(f"{f.source_file}: {sentence(f.code, 'en', detail=f.detail)}" for f in whole)
    return (
        f"{head}{folder.name}/ holds no readable file that matches {list(mapping.files)}. "
        f"{reasons or 'Check --input and --source.'}"
    )


def _keep_reading_faults(con: Connection, table_name: str, found: RawTable, *, fatal: bool) -> None:
    for fault in found.faults:
        passing = fault.severity == "warning" or fault.code == "absent_file"
        passing |= fault.code == "missing_column" and not fatal
        texts = [sentence(fault.code, lang, column=fault.column_name, detail=fault.detail)
                 for lang in LANGS]  # fmt: skip
        run(con, "INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)",
            [fault.source_file, table_name, fault.row_number, "warning" if passing else "error",
             fault.code, fault.column_name, *texts],
        )  # fmt: skip


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
    with tempfile.TemporaryDirectory(prefix=".spill-", dir=vault_folder()) as spill:
        con = open_engine()
        # What does not fit in memory is still original identities: it stays inside the vault.
        run(con, f"SET temp_directory = {quote(spill)}")
        try:
            have = _load_tables(con, source, folder, report, key, progress)
            _write(con, source, home, report, have)
        finally:
            con.close()
    return report


def _load_tables(
    con: Connection,
    source: SourceMapping,
    folder: Path,
    report: LoadReport,
    key: bytes,
    progress: Progress | None,
) -> set[str]:
    """Make relation ``final_<table>`` of every table that arrived; return their names."""
    quarantine.start_faults(con)
    start_known(con)
    loaded: list[TableMapping] = []
    for place, mapping in enumerate(source.tables.values()):
        if progress:
            progress(mapping.table, place / len(source.tables))
        if (used := _load_table(con, mapping, source, folder, report)) is not None:
            loaded.append(used)
    have = {mapping.table for mapping in loaded}
    for mapping in loaded:
        quarantine.check_references(con, mapping, have)
        conceal(con, mapping, source, key)
    if not count(con, "final_claims"):
        raise LoadError(_nothing_usable(con, source))
    run(
        con,
        "CREATE TEMP TABLE final_quarantine AS SELECT DISTINCT * FROM faults "
        "ORDER BY source_file, row_number, column_name, code, table_name, value",
    )
    return have


def _nothing_usable(con: Connection, source: SourceMapping) -> str:
    """Say what is wrong with the claims, most frequent first, each with an example row."""
    reasons = run(
        con,
        """SELECT reason_en, count(*), min(source_file), min(row_number) FROM faults
        WHERE table_name = 'claims' AND code <> 'absent_file'
        GROUP BY ALL ORDER BY 2 DESC, 1""",
    )
    told = [
        f"{file}{f' row {row}' if row else ''} ({number}×): {reason}"
        for reason, number, file, row in reasons
    ]
    return " ".join([f"No claim of source '{source.name}' is usable.", *told])


def _write(
    con: Connection, source: SourceMapping, home: Path, report: LoadReport, have: set[str]
) -> None:
    """Write the store version; the way back to the identities is kept before it is visible."""
    known = con.sql("SELECT DISTINCT * FROM known_identities ORDER BY ALL").to_arrow_table()
    written = store.write_version(
        con, home, sorted(have | {"quarantine"}), _meta(report, source),
        lambda fingerprint: keep_identities(known, _dataset(fingerprint)),
    )  # fmt: skip
    report.version, report.fingerprint = written.version, written.fingerprint


def _dataset(fingerprint: str) -> str:
    """Return the name under which the vault keeps the identities of a dataset."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16]


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
