"""Contracts of every table that one stage hands to the next.

A contract is a TOML file in ``claims/tables``: columns with type, unit, null rule, meaning in
English and Chinese and, where there is one, the field name of the national interface. This module
turns them into objects; adapters, quarantine, glossary, exports and the API all read these objects,
so a column means the same everywhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

_TABLES = Path(__file__).parent / "tables"
_CODE_SYSTEMS = Path(__file__).parent / "code_systems.toml"
_ARROW: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "money": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_COLUMN_KEYS = {
    "type", "unit", "required", "identity", "private", "values", "minimum", "refers_to", "nhsa",
    "code_system", "signed", "en", "zh", "meaning_en", "meaning_zh",
}  # fmt: skip
_TABLE_KEYS = {"name", "stage", "key", "en", "zh", "meaning_en", "meaning_zh", "columns"}


class ContractError(ValueError):
    """A table or a contract file does not say what its contract demands."""


@dataclass(frozen=True)
class CodeSystem:
    """A code list that somebody else keeps, by its name in both languages."""

    en: str
    zh: str


@dataclass(frozen=True)
class Value:
    """One permitted value of a coded column, with what a person reads.

    ``label`` is set for dispositions only: 1 confirms a finding, 0 denies it, None carries no
    label for training.
    """

    code: str
    en: str
    zh: str
    label: int | None = None

    def text(self, lang: Lang) -> str:
        """Return the sentence of this value in ``lang``."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Column:
    """One column: type, unit, null rule and meaning in both languages.

    Amounts are not below zero unless they belong to a reversal; ``signed`` ones may always be.
    """

    name: str
    type: str
    en: str
    zh: str
    meaning_en: str = ""
    meaning_zh: str = ""
    unit: str = ""
    required: bool = False
    identity: str = ""
    private: bool = False
    minimum: int | None = None
    refers_to: str = ""
    nhsa: str = ""
    code_system: str = ""
    signed: bool = False
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which the column is stored."""
        return _ARROW[self.type]

    def label(self, lang: Lang) -> str:
        """Return the column's short name for a person."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Table:
    """One table: its columns in order and the key that identifies a row."""

    name: str
    stage: str
    key: tuple[str, ...]
    en: str
    zh: str
    meaning_en: str
    meaning_zh: str
    columns: Mapping[str, Column]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the whole table."""
        return pa.schema([(c.name, c.arrow) for c in self.columns.values()])

    def label(self, lang: Lang) -> str:
        """Return the table's short name for a person."""
        return self.zh if lang == "zh" else self.en

    def conform(self, rows: pa.Table) -> pa.Table:
        """Return ``rows`` with the contract's columns, order and types.

        Optional columns that are absent become null. Raises ContractError with every fault at
        once: unknown or missing columns, wrong types, nulls where a value is required.
        """
        faults = [f"column '{c}' is not in the contract" for c in rows.column_names
                  if c not in self.columns]  # fmt: skip
        arrays = []
        for column in self.columns.values():
            if column.name not in rows.column_names:
                if column.required:
                    faults.append(f"required column '{column.name}' is missing")
                arrays.append(pa.nulls(rows.num_rows, column.arrow))
                continue
            array = rows.column(column.name)
            try:
                array = array.cast(column.arrow)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                # The library's message quotes a cell, and a cell may be an identity.
                faults.append(f"column '{column.name}' is {array.type}, not {column.type}")
            if column.required and array.null_count:
                first = array.is_null().index(True).as_py() + 1
                faults.append(
                    f"column '{column.name}' has {array.null_count} nulls, the first in row {first}"
                )
            arrays.append(array)
        if faults:
            raise ContractError(f"Table '{self.name}': " + "; ".join(faults) + ".")
        return pa.table(arrays, schema=self.schema)


def _column(table: str, name: str, raw: dict[str, Any]) -> Column:
    unknown = set(raw) - _COLUMN_KEYS
    if unknown or raw.get("type") not in _ARROW:
        raise ContractError(
            f"Contract '{table}', column '{name}': unknown keys {sorted(unknown)} or type "
            f"{raw.get('type')!r}; allowed types are {sorted(_ARROW)}."
        )
    if raw.get("code_system", "") not in {"", *code_systems()}:
        raise ContractError(
            f"Contract '{table}', column '{name}': there is no code system "
            f"{raw['code_system']!r}; add it to {_CODE_SYSTEMS.name} or choose one of "
            f"{sorted(code_systems())}."
        )
    values = {
        code: Value(code, text["en"], text["zh"], text.get("label"))
        for code, text in raw.pop("values", {}).items()
    }
    return Column(name=name, values=values, **raw)


def _read(path: Path) -> Table:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = set(raw) - _TABLE_KEYS
    if unknown or raw.get("name") != path.stem:
        raise ContractError(f"Contract file {path.name}: unknown keys {sorted(unknown)} or name.")
    columns = {name: _column(path.stem, name, body) for name, body in raw["columns"].items()}
    return Table(
        name=raw["name"], stage=raw["stage"], key=tuple(raw["key"]), en=raw["en"], zh=raw["zh"],
        meaning_en=raw["meaning_en"], meaning_zh=raw["meaning_zh"], columns=columns,
    )  # fmt: skip


@cache
def code_systems() -> Mapping[str, CodeSystem]:
    """Return every code system that a column may name."""
    raw = tomllib.loads(_CODE_SYSTEMS.read_text(encoding="utf-8"))
    return {name: CodeSystem(**texts) for name, texts in raw.items()}


@cache
def tables() -> Mapping[str, Table]:
    """Return every contract by table name, in alphabetical order."""
    return {path.stem: _read(path) for path in sorted(_TABLES.glob("*.toml"))}


def table(name: str) -> Table:
    """Return the contract of one table; raises ContractError for a name that has none."""
    try:
        return tables()[name]
    except KeyError:
        raise ContractError(
            f"There is no table '{name}'; the contracts know {', '.join(tables())}."
        ) from None
