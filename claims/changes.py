"""What a load changed: rows by key against the version that was in force before.

In: two versions. Out: per table how many rows are new, changed and gone. Files that both versions
share are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from claims.contracts import table
from claims.engine import Connection, run
from claims.parsing import name, quote
from claims.report import TableChange
from claims.store import StoreVersion


def changed_rows(
    con: Connection, before: StoreVersion | None, after: StoreVersion
) -> list[TableChange]:
    """Return how each table of either version changed; the quarantine is no table of rows."""
    names = {*after.tables, *(before.tables if before else ())} - {"quarantine"}
    return [_compared(con, name, before, after) for name in sorted(names)]


def _compared(
    con: Connection, table_name: str, before: StoreVersion | None, after: StoreVersion
) -> TableChange:
    old, new = _files(before, table_name), _files(after, table_name)
    shared = {place for place, sha in old.items() if new.get(place) == sha}
    if before is None or not old:
        return TableChange(table_name, _rows(after, table_name, set(new) - shared), 0, 0)
    if not new:
        return TableChange(table_name, 0, 0, _rows(before, table_name, set(old)))
    gone = [before.folder / place for place in sorted(set(old) - shared)]
    come = [after.folder / place for place in sorted(set(new) - shared)]
    if not gone or not come:
        return TableChange(
            table_name,
            _rows(after, table_name, set(new) - shared),
            0,
            _rows(before, table_name, set(old) - shared),
        )
    return _differences(con, table_name, gone, come)


def _files(version: StoreVersion | None, table_name: str) -> dict[str, str]:
    if version is None or table_name not in version.meta["tables"]:
        return {}
    files = version.meta["tables"][table_name]["files"]
    return {place: about["sha256"] for place, about in files.items()}


def _rows(version: StoreVersion, table_name: str, places: set[str]) -> int:
    files = version.meta["tables"].get(table_name, {"files": {}})["files"]
    return sum(files[place]["rows"] for place in places)


def _differences(
    con: Connection, table_name: str, gone: Sequence[Path], come: Sequence[Path]
) -> TableChange:
    contract = table(table_name)
    key = ", ".join(name(c) for c in contract.key)
    rest = ", ".join(name(c) for c in contract.columns)
    sides = [
        f"(SELECT {key}, hash({rest}) AS contents FROM "
        f"read_parquet([{', '.join(quote(str(p)) for p in paths)}], hive_partitioning = false))"
        for paths in (gone, come)
    ]
    same = " AND ".join(f"o.{name(c)} IS NOT DISTINCT FROM n.{name(c)}" for c in contract.key)
    ((new, changed, removed),) = run(
        con,
        f"""SELECT count(*) FILTER (o.contents IS NULL),
        count(*) FILTER (o.contents <> n.contents), count(*) FILTER (n.contents IS NULL)
        FROM {sides[0]} o FULL OUTER JOIN {sides[1]} n ON {same}""",
    )
    return TableChange(table_name, new, changed, removed)
