"""Source mappings: which file and column becomes which column of which contract.

A mapping is a TOML file (``claims/sources/*.toml``). This module reads and checks it; nothing here
touches data. Keys that the program does not know are refused with their names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claims.contracts import Column, table

_SOURCES = Path(__file__).parent / "sources"


class MappingError(ValueError):
    """A mapping file cannot be used as it stands."""


@dataclass(frozen=True)
class ColumnMapping:
    """How one contract column is made from a row of the source.

    Exactly one of ``source`` (one column) and ``sum`` (amounts that add up, absent ones count as
    nothing) says where the value comes from. ``codes`` translates coded values, ``default`` stands
    in for an empty one, ``scale`` makes a decimal an integer, ``plus_days`` shifts a time.
    """

    target: Column
    source: str = ""
    sum: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    default: str = ""
    scale: int = 1
    plus_days: int = 0

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that this column reads."""
        return self.sum or (self.source,)


@dataclass(frozen=True)
class TableMapping:
    """Files and columns of one contract table."""

    table: str
    files: tuple[str, ...]
    columns: Mapping[str, ColumnMapping]
    required: bool = False
    prepare: str = ""


@dataclass(frozen=True)
class SourceMapping:
    """A whole source: its currency, time zone, default unit and tables."""

    name: str
    currency: str
    time_zone: str
    unit: str
    nulls: tuple[str, ...]
    tables: Mapping[str, TableMapping]


def _only(where: str, raw: Mapping[str, Any], allowed: set[str]) -> None:
    if unknown := sorted(set(raw) - allowed):
        raise MappingError(f"{where}: unknown keys {unknown}; allowed are {sorted(allowed)}.")


def _column(where: str, target: Column, raw: Mapping[str, Any]) -> ColumnMapping:
    allowed = {"from", "sum", "codes", "formats", "default", "scale", "plus_days"}
    _only(where, raw, allowed)
    if ("from" in raw) == ("sum" in raw):
        raise MappingError(f"{where}: give either 'from' or 'sum'.")
    return ColumnMapping(
        target=target,
        source=raw.get("from", ""),
        sum=tuple(raw.get("sum", ())),
        codes=raw.get("codes", {}),
        formats=tuple(raw.get("formats", ("%Y-%m-%d",))),
        default=raw.get("default", ""),
        scale=raw.get("scale", 1),
        plus_days=raw.get("plus_days", 0),
    )


def _table(source: str, name: str, raw: Mapping[str, Any]) -> TableMapping:
    where = f"Mapping '{source}', table '{name}'"
    _only(where, raw, {"files", "columns", "required", "prepare"})
    contract = table(name)
    _only(f"{where}, columns", raw["columns"], set(contract.columns))
    columns = {
        column: _column(f"{where}, column '{column}'", contract.columns[column], body)
        for column, body in raw["columns"].items()
    }
    return TableMapping(
        name, tuple(raw["files"]), columns, raw.get("required", False), raw.get("prepare", "")
    )


def read_mapping(path: Path) -> SourceMapping:
    """Read and check a mapping file; raises MappingError naming the table, column and key."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    _only(f"Mapping {path.name}", raw, {"name", "currency", "time_zone", "unit", "nulls", "tables"})
    return SourceMapping(
        name=raw["name"],
        currency=raw["currency"],
        time_zone=raw["time_zone"],
        unit=raw["unit"],
        nulls=tuple(raw["nulls"]),
        tables={name: _table(raw["name"], name, body) for name, body in raw["tables"].items()},
    )


def source_names() -> list[str]:
    """Return the names of the sources that come with the program."""
    return sorted(path.stem for path in _SOURCES.glob("*.toml"))


def source_mapping(name: str) -> SourceMapping:
    """Return the mapping of a source that comes with the program, by name."""
    if name not in source_names():
        raise MappingError(f"There is no source '{name}'; choose one of {source_names()}.")
    return read_mapping(_SOURCES / f"{name}.toml")
