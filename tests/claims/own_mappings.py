"""A user's own mapping of claims, written by changes to one that is good, and what it brings in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claims.load import load
from claims.mapping import MappingError, read_mapping
from claims.store import open_store

HEAD = 'currency = "CNY"\ntime_zone = "Asia/Shanghai"\n'
#: The required core of claims, one line a column.
CORE = {
    "claim_id": '{ from = "id" }',
    "insured_id": '{ from = "who" }',
    "institution_id": '{ from = "where" }',
    "claim_type": '{ constant = "outpatient" }',
    "service_at": '{ from = "day" }',
    "total_amount": '{ from = "all" }',
    "fund_amount": '{ from = "fund" }',
}
ROW = {"id": "1", "who": "p", "where": "h", "day": "2024-03-05", "all": "10.00", "fund": "7.50"}


def written(
    folder: Path, head: str = HEAD, more: str = "", prepare: str = "", **lines: str
) -> Path:
    """Write a mapping with the core of claims; ``lines`` replace or add columns."""
    columns = "\n".join(f"{c} = {body}" for c, body in {**CORE, **lines}.items() if body)
    path = folder / "own.toml"
    path.write_text(
        f'{head}[tables.claims]\nfiles = ["*.csv"]\n{prepare}\n'
        f"[tables.claims.columns]\n{columns}\n{more}",
        "utf-8",
    )
    return path


def came_in(tmp_path: Path, mapping: Path, *rows: dict[str, str]) -> SimpleNamespace:
    """Load rows (changes to one good row) by a mapping; return claims in file order, and faults."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    whole = [{**ROW, "id": str(i), **row} for i, row in enumerate(rows)]
    names = list(dict.fromkeys(c for row in whole for c in row))
    text = "\n".join(",".join(r.get(n, "") for n in names) for r in [{n: n for n in names}, *whole])
    (folder / "a.csv").write_text(text + "\n", "utf-8")
    report = load(read_mapping(mapping), folder, tmp_path / "home")
    version = open_store(tmp_path / "home")

    def read(table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = version.read(table).to_pylist()
        return found

    return SimpleNamespace(report=report, claims=read("claims"), faults=read("quarantine"))


def told(path: Path) -> str:
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    assert caught.value.text("zh") != str(caught.value)
    return str(caught.value)
