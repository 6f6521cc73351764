"""What a checked mapping says, as objects: sources, their tables and how each column is made.

In: the parts of a TOML file that ``claims.mapping_checks`` found in order. Out: objects that the
loader reads; nothing here touches data or looks for faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from claims.contracts import Column, tables

#: Unit of an amount in a file -> decimal places that lead from it to the minor unit.
MONEY_UNITS: Mapping[str, int] = {
    "yuan": 2, "dollar": 2, "major": 2,
    "fen": 0, "cent": 0, "minor": 0,
    "thousand_yuan": 5, "thousand": 5, "ten_thousand_yuan": 6,
}  # fmt: skip
#: Unit of a quantity in a file -> decimal places that lead from it to thousandths.
QUANTITY_UNITS: Mapping[str, int] = {"piece": 3, "thousandth": 0}
#: Columns that the loader makes from others; a mapping does not name them.
MADE: Mapping[str, frozenset[str]] = {
    "claims": frozenset(
        {"service_date", "service_end_date", "known_at_assumed", "currency", "reversed_at"}
    ),
    "claim_lines": frozenset({"line_date"}),
}
#: Required columns for which the loader has a stated assumption where a source lacks them.
ASSUMED: Mapping[str, frozenset[str]] = {"claims": frozenset({"service_end_at", "known_at"})}


def units_of(target: Column) -> Mapping[str, int]:
    """Return the units in which a file may give a column; empty where there is no choice."""
    if target.type == "money":
        return MONEY_UNITS
    return QUANTITY_UNITS if target.unit == "1/1000" else {}


def mappable(table: str) -> dict[str, Column]:
    """Return the columns of a table that a mapping may name."""
    made = MADE.get(table, frozenset())
    return {name: c for name, c in tables()[table].columns.items() if name not in made}


def core(table: str) -> list[str]:
    """Return the columns that a mapping of a table must name."""
    assumed = ASSUMED.get(table, frozenset())
    return [n for n, c in mappable(table).items() if c.required and n not in assumed]


@dataclass(frozen=True)
class ColumnMapping:
    """How one contract column is made from a row of the source.

    Exactly one of ``source`` (one column), ``first`` (several, the first that is filled), ``sum``
    (amounts that add up, absent ones count as nothing) and ``constant`` says where the value comes
    from. ``codes`` translates coded values (``*`` is any other, an empty text no value),
    ``default`` stands in for an empty one, ``unit`` and ``scale`` say what a number counts,
    ``plus_days`` shifts a time; ``remove`` and ``thousands`` are taken out of numbers, whose
    fraction follows the mark ``decimal``.
    """

    target: Column
    source: str = ""
    first: tuple[str, ...] = ()
    sum: tuple[str, ...] = ()
    constant: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    default: str = ""
    unit: str = ""
    scale: int = 1
    plus_days: int = 0
    remove: tuple[str, ...] = ()
    thousands: str = ""
    decimal: str = "."

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that this column reads; none where it is a constant."""
        return self.sum or self.first or ((self.source,) if self.source else ())

    @property
    def places(self) -> int:
        """Decimal places between the number in the file and the integer that is stored."""
        if self.unit:
            return units_of(self.target)[self.unit]
        return 2 if self.target.type == "money" else len(str(self.scale)) - 1


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


def column_of(target: Column, raw: Mapping[str, Any]) -> ColumnMapping:
    """Return the mapping of a column from its checked TOML."""
    named = raw.get("from", "")
    several = tuple(named) if isinstance(named, list) else ()
    return ColumnMapping(
        target=target,
        source="" if several else named,
        first=several,
        sum=tuple(raw.get("sum", ())),
        constant=raw.get("constant", ""),
        codes=raw.get("codes", {}),
        formats=tuple(raw.get("formats", ("%Y-%m-%d",))),
        default=raw.get("default", ""),
        unit=raw.get("unit", ""),
        scale=raw.get("scale", 1),
        plus_days=raw.get("plus_days", 0),
        remove=tuple(raw.get("remove", ())),
        thousands=raw.get("thousands", ""),
        decimal=raw.get("decimal", "."),
    )


def table_of(name: str, raw: Mapping[str, Any]) -> TableMapping:
    """Return the mapping of a table from its checked TOML; claims are required unless it says."""
    contract = tables()[name]
    columns = {c: column_of(contract.columns[c], body) for c, body in raw["columns"].items()}
    required = raw.get("required", name == "claims")
    return TableMapping(name, tuple(raw["files"]), columns, required, raw.get("prepare", ""))


def source_of(name: str, raw: Mapping[str, Any]) -> SourceMapping:
    """Return a source from its checked TOML; ``name`` stands in where it gives none.

    Claims come first, because other tables are checked against them.
    """
    ordered = sorted(raw["tables"], key=lambda table: table != "claims")
    return SourceMapping(
        name=raw.get("name", name),
        currency=raw["currency"],
        time_zone=raw["time_zone"],
        unit=raw.get("unit", "claim"),
        nulls=tuple(raw.get("nulls", ())),
        tables={table: table_of(table, raw["tables"][table]) for table in ordered},
    )
