"""The claim store: versions of Parquet tables, each with a manifest, visible all at once.

``home/store/<version>/`` holds the tables (claims and lines in folders by month, the others as one
file) and ``manifest.json``; ``home/store/CURRENT`` names the version in use, ``versions.jsonl``
tells which was in use when. A version's name is the hash of its manifest, which holds the hash of
every file: the same files give the same version. The fingerprint covers what was accepted and not
the quarantine, whose row numbers follow the order of arrival: the same rows in another order or
split over other files give the same fingerprint.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from claims.contracts import table, tables
from claims.engine import Connection, run
from claims.files import digest
from claims.months import MONTH, dated_by, month_path, month_sql
from claims.parsing import name, quote
from claims.versions import current, history, in_force_on, switch

#: What tells how the rows arrived and not what was accepted; it leaves the fingerprint alone.
_ARRIVAL = frozenset({"quarantine", "counts", "parts", "files"})
_ROW_GROUP = 122_880


class StoreError(RuntimeError):
    """The store is missing, damaged or of another program version."""


@dataclass(frozen=True)
class StoreVersion:
    """One readable version of the store."""

    folder: Path
    version: str
    fingerprint: str
    meta: Mapping[str, Any]

    @property
    def tables(self) -> list[str]:
        """Names of the tables that this version holds."""
        return sorted(self.meta["tables"])

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether the source delivered a table and all the named columns of it."""
        absent = self.meta["absent_columns"].get(table, ())
        return table in self.meta["tables"] and not set(columns) & set(absent)

    def files(self, table: str) -> list[Path]:
        """Return the files of a table, in the order of their months."""
        return [self.folder / name for name in sorted(self.meta["tables"][table]["files"])]

    def read(self, name: str) -> pa.Table:
        """Return all rows of a table."""
        schema = table(name).schema
        parts = [pq.ParquetFile(path).read().cast(schema) for path in self.files(name)]
        return pa.concat_tables([schema.empty_table(), *parts])

    def attach(self, con: Connection) -> None:
        """Make every contract table of the raw side a view; absent ones are empty tables."""
        for table_name, contract in tables().items():
            if contract.stage == "produced":
                continue
            if table_name in self.meta["tables"] and self.meta["tables"][table_name]["files"]:
                files = ", ".join(quote(str(path)) for path in self.files(table_name))
                relation = f"read_parquet([{files}], hive_partitioning = false)"
            else:
                relation = f"empty_{table_name}"
                con.register(relation, contract.schema.empty_table())
            run(con, f"CREATE OR REPLACE TEMP VIEW {table_name} AS FROM {relation}")


def write_version(
    con: Connection,
    home: Path,
    names: Sequence[str],
    meta: Mapping[str, object],
    before_visible: Callable[[StoreVersion], Mapping[str, Any]] | None = None,
) -> StoreVersion:
    """Write relations ``final_<name>`` as a new version and make it the current one.

    The version becomes visible by one rename and one replaced file; a run that stops before
    leaves the previous version as it was. ``before_visible`` is called with the version when all
    is written and nothing is visible yet; what it returns goes into the history.
    """
    root = home / "store"
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    try:
        manifest = _write_tables(con, partial, names, meta)
        _share_files(partial, manifest, root / (current(root) or partial.name))
        version = digest(partial / "manifest.json")[:16]
        written = StoreVersion(partial, version, manifest["fingerprint"], manifest)
        told = before_visible(written) if before_visible else {}
        _place(partial, root / version)
        switch(root, version, told)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return StoreVersion(root / version, version, manifest["fingerprint"], manifest)


def _write_tables(
    con: Connection, folder: Path, names: Sequence[str], meta: Mapping[str, object]
) -> dict[str, Any]:
    """Write the tables and their manifest into a folder; return the manifest."""
    zone = str(meta["time_zone"])
    written = {name: _write_table(con, folder, name, zone) for name in names}
    manifest = {**meta, "tables": written, "fingerprint": _fingerprint(written, meta)}
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


def _write_table(con: Connection, folder: Path, table_name: str, zone: str) -> dict[str, Any]:
    """Write one table, each month into its own file, in key order; return what was written."""
    contract = table(table_name)
    relation = f"final_{table_name}"
    months: list[int | None] = [None]
    month = month_sql(table_name, zone)
    if dated_by(table_name):
        if MONTH in {c for c, *_ in run(con, f"DESCRIBE {relation}")}:
            month = MONTH
        months = [m for (m,) in run(con, f"SELECT DISTINCT {month} FROM {relation} ORDER BY 1")]
    files: dict[str, dict[str, Any]] = {}
    for number in months:
        place = month_path(table_name, number or 0)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        where = "" if number is None else f"WHERE {month} = {number}"
        ((rows,),) = run(
            con,
            f"""COPY (SELECT {", ".join(name(c) for c in contract.columns)} FROM {relation} {where}
            ORDER BY {", ".join(_order(table_name))}) TO {quote(str(folder / place))}
            (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {_ROW_GROUP})""",
        )
        files[place] = {"rows": int(rows), "sha256": digest(folder / place)}
    return {"rows": sum(f["rows"] for f in files.values()), "files": files}


def _share_files(folder: Path, manifest: Mapping[str, Any], earlier: Path) -> None:
    """Let files that are as they were in an earlier version lie on disk once for both."""
    for body in manifest["tables"].values():
        for place, about in body["files"].items():
            there, spare = earlier / place, folder / f"{place}.same"
            # Not every file system can do it, and a damaged file is not worth sharing.
            with contextlib.suppress(OSError):
                if there != folder / place and digest(there) == about["sha256"]:
                    os.link(there, spare)
                    spare.replace(folder / place)


def _order(table_name: str) -> Sequence[str]:
    """Return the columns by which a table is sorted: its key, and for the quarantine all of it."""
    contract = table(table_name)
    rest = contract.columns if table_name == "quarantine" else ()
    return [name(c) for c in dict.fromkeys([*contract.key, *rest])]


def _fingerprint(written: Mapping[str, object], meta: Mapping[str, object]) -> str:
    """Return the hash of what was accepted; the order in which rows arrived leaves it as it is."""
    tables = {name: body for name, body in written.items() if name not in _ARRIVAL}
    about = {name: body for name, body in meta.items() if name not in _ARRIVAL}
    text = json.dumps({**about, "tables": tables}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _place(partial: Path, target: Path) -> None:
    """Move a complete folder to its final name, unless the same version is there undamaged."""
    if target.exists():
        try:
            _opened(target)
        except StoreError:
            shutil.rmtree(target)
        else:
            return
    partial.rename(target)


def _opened(folder: Path) -> StoreVersion:
    """Read a version's folder; raises StoreError naming all that is not as it was written."""
    try:
        meta = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        version = StoreVersion(folder, folder.name, meta["fingerprint"], meta)
        bodies = [body["files"] for body in meta["tables"].values()]
        written = {name: f["sha256"] for files in bodies for name, f in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        wrong = ["manifest.json"]
    else:
        wrong = [
            name
            for name, sha in written.items()
            if not (folder / name).is_file() or digest(folder / name) != sha
        ]
    if wrong:
        raise StoreError(
            f"Store version {folder.name} is damaged ({', '.join(wrong)}); load the files again."
        )
    return version


def open_store(
    home: Path, version: str | None = None, as_known_on: date | None = None
) -> StoreVersion:
    """Open the version in force, a named one, or the one in force at the end of a local day.

    Every file is compared with the hash under which it was written. Raises StoreError with what
    to do.
    """
    root = home / "store"
    chosen = version or (_chosen_on(home, as_known_on) if as_known_on else current(root))
    if not chosen or not (root / chosen / "manifest.json").exists():
        named = f"version {version} of the" if version else "loaded"
        raise StoreError(
            f"There are no {named} claims in {home.name}/; run 'jihe load' or 'jihe run' first."
        )
    return _opened(root / chosen)


def _chosen_on(home: Path, day: date) -> str:
    """Return the version in force at the end of a day in the source's time zone."""
    entries = history(home / "store")
    if not entries:
        return ""
    zone = open_store(home).meta["time_zone"]
    if chosen := in_force_on(entries, day, zone):
        return chosen
    raise StoreError(
        f"No claims were loaded into {home.name}/ by {day.isoformat()}; the first version is of "
        f"{entries[0].loaded_at.date().isoformat()} (UTC)."
    )
