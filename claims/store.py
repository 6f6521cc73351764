"""The claim store: versions of Parquet tables, each with a manifest, visible all at once.

``home/store/<version>/<table>.parquet`` and ``manifest.json``; ``home/store/CURRENT`` names the
version in use. A version's name is the hash of its manifest, which holds the hash of every table:
the same files give the same version. The fingerprint covers what was accepted and not the
quarantine, whose row numbers follow the order of arrival: the same rows in another order give the
same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.contracts import tables
from claims.engine import Connection, count, run
from claims.parsing import quote

#: What tells how the rows arrived and not what was accepted; it leaves the fingerprint alone.
_ARRIVAL = frozenset({"quarantine", "counts"})


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

    def attach(self, con: Connection) -> None:
        """Make every contract table of the raw side a view; absent ones are empty tables."""
        for table, contract in tables().items():
            if contract.stage == "produced":
                continue
            if table in self.meta["tables"]:
                file = quote(str(self.folder / f"{table}.parquet"))
                run(con, f"CREATE OR REPLACE TEMP VIEW {table} AS FROM read_parquet({file})")
            else:
                con.register(f"empty_{table}", contract.schema.empty_table())
                run(con, f"CREATE OR REPLACE TEMP VIEW {table} AS FROM empty_{table}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_version(
    con: Connection,
    home: Path,
    names: Sequence[str],
    meta: Mapping[str, object],
    before_visible: Callable[[str], object] | None = None,
) -> StoreVersion:
    """Write relations ``final_<name>`` as a new version and make it the current one.

    The version becomes visible by one rename and one replaced file; a run that stops before
    leaves the previous version as it was. ``before_visible`` is called with the fingerprint when
    all is written and nothing is visible yet.
    """
    root = home / "store"
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    try:
        manifest = _write_tables(con, partial, names, meta)
        if before_visible:
            before_visible(manifest["fingerprint"])
        version = hashlib.sha256((partial / "manifest.json").read_bytes()).hexdigest()[:16]
        _place(partial, root / version)
        named = partial.with_name(f"{partial.name}.current")
        try:
            named.write_text(version, encoding="utf-8")
            os.replace(named, root / "CURRENT")
        finally:
            named.unlink(missing_ok=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return StoreVersion(root / version, version, manifest["fingerprint"], manifest)


def _write_tables(
    con: Connection, folder: Path, names: Sequence[str], meta: Mapping[str, object]
) -> dict[str, Any]:
    """Write the tables and their manifest into a folder; return the manifest."""
    written: dict[str, dict[str, object]] = {}
    for table in names:
        path = folder / f"{table}.parquet"
        run(
            con,
            f"COPY (SELECT * FROM final_{table}) TO {quote(str(path))} "
            "(FORMAT parquet, COMPRESSION zstd)",
        )
        written[table] = {"rows": count(con, f"final_{table}"), "sha256": _digest(path)}
    manifest = {**meta, "tables": written, "fingerprint": _fingerprint(written, meta)}
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


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
        written = {f"{name}.parquet": body["sha256"] for name, body in meta["tables"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        wrong = ["manifest.json"]
    else:
        wrong = [
            name
            for name, digest in written.items()
            if not (folder / name).is_file() or _digest(folder / name) != digest
        ]
    if wrong:
        raise StoreError(
            f"Store version {folder.name} is damaged ({', '.join(wrong)}); load the files again."
        )
    return version


def open_store(home: Path, version: str | None = None) -> StoreVersion:
    """Open the current (or a named) version; raises StoreError with what to do.

    Every table is compared with the hash under which it was written.
    """
    root = home / "store"
    try:
        chosen = version or (root / "CURRENT").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        chosen = ""
    if not chosen or not (root / chosen / "manifest.json").exists():
        named = f"version {version} of the" if version else "loaded"
        raise StoreError(
            f"There are no {named} claims in {home.name}/; run 'jihe load' or 'jihe run' first."
        )
    return _opened(root / chosen)
