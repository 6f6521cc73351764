"""From the files of a source to a version of the claim store.

In: a folder and the name of a source. Out: a store version with pseudonymous tables, the
quarantine, and a report. What each file contributed is kept as a part (claims.parts), so that a
load reads only what is new; nothing is visible in the store until everything is written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from claims.absences import absent_columns, file_faults, unusable_tables
from claims.arrivals import Arrival, Arriving, LoadError, Progress, arrive, usable
from claims.changes import changed_rows
from claims.engine import Connection, count, open_engine, run
from claims.judging import judge, make_quarantine
from claims.mapping import SourceMapping
from claims.parsing import quote
from claims.report import LoadReport, TableChange, TableCounts
from claims.spill import locked, spill_folder
from claims.store import StoreError, StoreVersion, open_store, write_version
from claims.vault import keep_members, pseudonym_key, refuse_inside, vault_folder
from claims.versions import Entry, current, history, in_force, switch

__all__ = ["LoadError", "LoadReport", "load"]

#: Raised whenever the same parts would make other tables than before.
FORMAT = 2


def load(
    source: SourceMapping,
    folder: Path,
    home: Path,
    progress: Progress | None = None,
    *,
    forget_missing: bool = False,
) -> LoadReport:
    """Load a folder of files into the store under ``home`` and put the version in force.

    A file whose bytes were loaded before adds nothing; one with the name of an earlier file
    replaces it; files of earlier loads that are not in the folder stay in force.

    Args:
        source: which files and columns to expect.
        folder: where the files are.
        home: output folder; the store lives in ``home/store``.
        progress: called with the table's name and the share done.
        forget_missing: drop what earlier loads read from files that are not in the folder.

    Returns:
        The report; ``version`` names the store version (the same files give the same version).

    Raises:
        LoadError: the files cannot be used, or do not fit what the store holds.
        VaultError: the vault cannot be used safely, or lies inside ``home``.
    """
    refuse_inside(home)
    key = pseudonym_key()
    root = home / "store"
    with spill_folder(vault_folder()) as spill, _only_load(root), _engine(spill) as con:
        entry = in_force(root)
        before = _opened(home, entry)
        if before:
            _refuse_other_source(before, source, home)
            entry = _told_by(before, root)
        arriving = Arriving(source, folder, root / "parts", key, entry, forget_missing)
        arrival = arrive(con, arriving, progress)
        if before and _same(before, arrival):
            _mend_history(root, before, arrival)
            return _report(source, before, arrival, [])
        written, changes = _version(con, source, home, arrival, before)
        return _report(source, written, arrival, changes)


@contextmanager
def _engine(spill: Path) -> Iterator[Connection]:
    con = open_engine(os.environ.get("JIHE_MEMORY_LIMIT", "4GB"))
    # What does not fit in memory is still original identities: it stays inside the vault.
    run(con, f"SET temp_directory = {quote(str(spill))}")
    try:
        yield con
    finally:
        con.close()


@contextmanager
def _only_load(root: Path) -> Iterator[None]:
    """Let one load at a time into a store, and clear away what a killed one left."""
    made = [folder for folder in (root, root.parent) if not folder.exists()]
    root.mkdir(parents=True, exist_ok=True)
    with locked(root) as free:
        if not free:
            raise LoadError(
                f"Another load into {root.parent.name}/ is running; wait until it has ended."
            )
        for left in [*root.glob(".partial-*"), *(root / "parts").glob(".partial-*")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield
        finally:
            # A load that fails before it wrote anything leaves no trace.
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()


def _opened(home: Path, before: Entry | None) -> StoreVersion | None:
    """Return the version in force, or None where there is none or it is damaged."""
    for version in (None, before.version if before else None):
        with suppress(StoreError):
            return open_store(home, version)
    return None


def _told_by(before: StoreVersion, root: Path) -> Entry:
    """Return what a version's own manifest says of its parts; the history may lack its line."""
    about = {"parts": before.meta["parts"], "files": before.meta["files"]}
    if all(entry.version != before.version for entry in history(root)):
        switch(root, before.version, about)
    return Entry(before.version, datetime.now(UTC), about)


def _refuse_other_source(before: StoreVersion, source: SourceMapping, home: Path) -> None:
    had = (before.meta["source"], before.meta["currency"])
    if had != (source.name, source.currency):
        raise LoadError(
            f"{home.name}/ holds claims of source '{had[0]}' in {had[1]}; "
            f"'{source.name}' in {source.currency} needs an output folder of its own."
        )


def _same(before: StoreVersion, arrival: Arrival) -> bool:
    """Tell whether the version in force is made of just these parts."""
    parts = arrival.in_force()
    named = {i for files in parts.values() for i in files.values()}
    return (
        before.meta.get("parts") == parts
        and before.meta.get("format") == FORMAT
        and not arrival.made & named
    )


def _mend_history(root: Path, before: StoreVersion, arrival: Arrival) -> None:
    """Mend what a run left that stopped between CURRENT and the history, or what was spoilt."""
    entries = history(root)
    if current(root) != before.version or not entries or entries[-1].version != before.version:
        switch(root, before.version, _entry(arrival, []))


def _version(
    con: Connection,
    source: SourceMapping,
    home: Path,
    arrival: Arrival,
    before: StoreVersion | None,
) -> tuple[StoreVersion, list[TableChange]]:
    """Judge all parts together and write the version that they make."""
    tables = {n: p for n, p in arrival.parts.items() if any(usable(part) for part in p)}
    counts = judge(con, source, tables)
    refused = {name: parts for name, parts in arrival.parts.items() if name not in tables}
    make_quarantine(con, file_faults(source, arrival.parts), refused)
    if not count(con, "accepted_claims"):
        raise LoadError(_nothing_usable(con, source))
    changes: list[TableChange] = []

    def keep(written: StoreVersion) -> Mapping[str, Any]:
        changes.extend(changed_rows(con, before, written))
        members = [part.id for parts in arrival.parts.values() for part in parts]
        keep_members(_dataset(written.fingerprint), members)
        return _entry(arrival, changes)

    meta = _meta(source, arrival, counts)
    written = write_version(con, home, sorted({*tables, "quarantine"}), meta, keep)
    return written, changes


def _nothing_usable(con: Connection, source: SourceMapping) -> str:
    """Say what is wrong with the claims, most frequent first, each with an example row."""
    reasons = run(
        con,
        """SELECT reason_en, count(*), min(source_file), min(row_number) FROM final_quarantine
        WHERE table_name = 'claims' AND code <> 'absent_file'
        GROUP BY ALL ORDER BY 2 DESC, 1""",
    )
    told = [
        f"{file}{f' row {row}' if row else ''} ({number}×): {reason}"
        for reason, number, file, row in reasons
    ]
    return " ".join([f"No claim of source '{source.name}' is usable.", *told])


def _dataset(fingerprint: str) -> str:
    """Return the name under which the vault keeps the identities of a dataset."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16]


def _entry(arrival: Arrival, changes: list[TableChange]) -> dict[str, Any]:
    """Return what the history tells of a load beside its version and time."""
    return {
        "parts": arrival.in_force(),
        "files": arrival.hashes(),
        "changed_files": asdict(arrival.files),
        "changed_rows": [asdict(change) for change in changes],
    }


def _meta(source: SourceMapping, arrival: Arrival, counts: list[TableCounts]) -> dict[str, Any]:
    return {
        "source": source.name,
        "currency": source.currency,
        "time_zone": source.time_zone,
        "unit": source.unit,
        "format": FORMAT,
        "absent_tables": unusable_tables(source, arrival.parts),
        "absent_columns": absent_columns(source, arrival.parts),
        "counts": [asdict(c) for c in counts],
        "parts": arrival.in_force(),
        "files": arrival.hashes(),
    }


def _report(
    source: SourceMapping, version: StoreVersion, arrival: Arrival, changes: list[TableChange]
) -> LoadReport:
    meta = version.meta
    return LoadReport(
        source.name,
        source.currency,
        source.unit,
        counts=[TableCounts(**c) for c in meta["counts"]],
        absent_tables=list(meta["absent_tables"]),
        absent_columns=dict(meta["absent_columns"]),
        version=version.version,
        fingerprint=version.fingerprint,
        changes=changes,
        files=arrival.files,
    )
