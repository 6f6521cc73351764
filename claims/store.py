"""The claim store: versions of Parquet tables, each with a manifest, visible all at once.

``home/store/<version>/<table>.parquet`` and ``manifest.json``; ``home/store/CURRENT`` names the
version in use. A version's name is its content: the same rows give the same version.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.contracts import tables
from claims.engine import Connection, count, run


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
                file = str(self.folder / f"{table}.parquet").replace("'", "''")
                run(con, f"CREATE OR REPLACE TEMP VIEW {table} AS FROM read_parquet('{file}')")
            else:
                con.register(f"empty_{table}", contract.schema.empty_table())
                run(con, f"CREATE OR REPLACE TEMP VIEW {table} AS FROM empty_{table}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_version(
    con: Connection, home: Path, names: Sequence[str], meta: Mapping[str, object]
) -> StoreVersion:
    """Write relations ``final_<name>`` as a new version and make it the current one.

    The version becomes visible by one rename and one replaced file; a run that stops before
    leaves the previous version as it was.
    """
    root = home / "store"
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    written: dict[str, dict[str, object]] = {}
    for table in names:
        path = partial / f"{table}.parquet"
        run(
            con,
            f"COPY (SELECT * FROM final_{table}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)",
        )
        written[table] = {"rows": count(con, f"final_{table}"), "sha256": _digest(path)}
    # The fingerprint is of what was accepted; row numbers of faults depend on the files' order.
    fingerprint = _digest_of({t: w for t, w in written.items() if t != "quarantine"})
    version = _digest_of(written)[:16]
    manifest = {**meta, "tables": written, "fingerprint": fingerprint}
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    (partial / "manifest.json").write_text(text, encoding="utf-8")
    target = root / version
    if target.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(target)
    current = root / ".CURRENT"
    current.write_text(version, encoding="utf-8")
    os.replace(current, root / "CURRENT")
    return StoreVersion(target, version, fingerprint, manifest)


def open_store(home: Path, version: str | None = None) -> StoreVersion:
    """Open the current (or a named) version; raises StoreError with what to do."""
    root = home / "store"
    try:
        chosen = version or (root / "CURRENT").read_text(encoding="utf-8")
        meta = json.loads((root / chosen / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(
            f"There are no loaded claims in {home.name}/; run 'jihe load' or 'jihe run' first."
        ) from None
    return StoreVersion(root / chosen, chosen, meta["fingerprint"], meta)
