"""Every fault of a mapping file at once, before any data is read.

In: the TOML as it was read. Out: faults with table, column, key and remedy. Shipped mappings and
users' own pass the same checks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from claims.contracts import Column, tables
from claims.currencies import OTHER_DECIMALS, TWO_DECIMALS
from claims.dates import contradiction, format_fault
from claims.engine import open_engine, run
from claims.mapping_faults import MappingFault, Phrase
from claims.mapping_model import MADE, column_of, core, mappable, table_of, units_of
from claims.parsing import typed_constant
from claims.preparing import prepare_refusal, prepare_result

Faults = Iterator[MappingFault]
Raw = Mapping[str, Any]

_UNITS = ("claim", "insured", "institution")
_MOMENTS = frozenset({"date", "timestamp"})
_NUMBERS = frozenset({"money", "integer"})


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(v) for v in value)


def _is_pairs(value: object) -> bool:
    return (
        isinstance(value, dict) and bool(value) and all(isinstance(v, str) for v in value.values())
    )


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": _is_text,
    "texts": _is_texts,
    "text_or_texts": lambda v: _is_text(v) or (_is_texts(v) and len(v) > 1),
    "pairs": _is_pairs,
    "whole": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "power": lambda v: isinstance(v, int) and v in (1, 10, 100, 1000, 10_000, 100_000),
    "truth": lambda v: isinstance(v, bool),
    "table": lambda v: isinstance(v, dict) and bool(v),
    "mark": lambda v: v in (".", ","),
    "name": lambda v: isinstance(v, str) and bool(re.fullmatch(r"[\w-]{1,40}", v)),
}
_SOURCE_KEYS = {
    "name": "name", "currency": "text", "time_zone": "text", "unit": "text", "tables": "table",
}  # fmt: skip
_TABLE_KEYS = {"files": "texts", "columns": "table", "required": "truth", "prepare": "text"}
_COLUMN_KEYS = {
    "from": "text_or_texts", "sum": "texts", "constant": "text", "codes": "pairs",
    "formats": "texts", "default": "text", "unit": "text", "scale": "power", "plus_days": "whole",
    "remove": "texts", "thousands": "text", "decimal": "mark",
}  # fmt: skip
#: Keys that say something for these types of column only.
_ONLY_FOR = {
    "formats": _MOMENTS, "plus_days": _MOMENTS, "sum": frozenset({"money"}), "unit": _NUMBERS,
    "scale": frozenset({"integer"}), "remove": _NUMBERS, "thousands": _NUMBERS,
    "decimal": _NUMBERS,
}  # fmt: skip


def mapping_faults(raw: Raw) -> list[MappingFault]:
    """Return every fault of a mapping, in the order of the file's levels."""
    faults = [
        *_keys("", "", raw, {**_SOURCE_KEYS, "nulls": "list"}, ("currency", "time_zone", "tables"))
    ]
    faults += _head(raw)
    named = raw.get("tables")
    if isinstance(named, dict) and named:
        if "claims" not in named:
            faults.append(MappingFault("no_claims"))
        for name, body in named.items():
            faults += _table(name, body)
    return faults


def _keys(
    table: str, column: str, raw: Raw, allowed: Mapping[str, str], needed: tuple[str, ...]
) -> Faults:
    """Find unknown and missing keys, and values of a wrong kind."""
    if unknown := sorted(set(raw) - set(allowed)):
        yield MappingFault("unknown_keys", table, column, "",
                           {"keys": str(unknown), "allowed": str(sorted(allowed))})  # fmt: skip
    for key in needed:
        if key not in raw:
            hint = (
                ""
                if key in ("columns", "tables")
                else f'{key} = ["..."]'
                if key == "files"
                else f'{key} = "..."'
            )
            yield MappingFault("missing_key", table, column, key, {"hint": hint})
    for key, kind in allowed.items():
        if key in raw and not _fits(kind, raw[key]):
            shown = "texts" if kind == "list" else kind
            yield MappingFault("wrong_kind", table, column, key, {"kind": Phrase(f"kind_{shown}")})


def _fits(kind: str, value: Any) -> bool:
    return value == [] or _is_texts(value) if kind == "list" else _KINDS[kind](value)


def _head(raw: Raw) -> Faults:
    currency, zone, unit = (raw.get(k) for k in ("currency", "time_zone", "unit"))
    if isinstance(currency, str) and currency not in TWO_DECIMALS:
        code = "not_two_decimals" if currency in OTHER_DECIMALS else "bad_currency"
        yield MappingFault(code, key="currency", values={"value": currency})
    if isinstance(zone, str) and not _known_zone(zone):
        yield MappingFault("bad_zone", key="time_zone", values={"value": zone})
    if isinstance(unit, str) and unit not in _UNITS:
        values = {"value": unit, "allowed": ", ".join(_UNITS)}
        yield MappingFault("bad_choice", key="unit", values=values)


def _known_zone(zone: str) -> bool:
    """Tell whether the engine, which will use it, knows an area's zone; CST may be five zones."""
    con = open_engine()
    try:
        known = run(con, "SELECT count(*) FROM pg_timezone_names() WHERE name = ?", [zone])
    finally:
        con.close()
    return bool(known[0][0]) and ("/" in zone or zone == "UTC")


def _table(name: str, raw: object) -> Faults:
    known = [t.name for t in tables().values() if t.stage != "produced"]
    if name not in known:
        yield MappingFault("unknown_table", values={"name": name, "known": ", ".join(known)})
        return
    if not isinstance(raw, dict):
        yield MappingFault("wrong_kind", name, values={"kind": Phrase("kind_table")})
        return
    yield from _keys(name, "", raw, _TABLE_KEYS, ("files", "columns"))
    yield from _files(name, raw.get("files"))
    columns = raw.get("columns")
    if not isinstance(columns, dict):
        return
    found = [*_names(name, columns)]
    for column, body in columns.items():
        if column in mappable(name):
            found += _column(name, column, mappable(name)[column], body)
    yield from found
    prepare = raw.get("prepare")
    if isinstance(prepare, str):
        yield from _prepare(name, raw, sound=not found)


def _files(table: str, files: object) -> Faults:
    for pattern in files if isinstance(files, list) else []:
        path = PurePath(str(pattern).replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "**" in path.parts:
            yield MappingFault("bad_files", table, key="files", values={"value": str(pattern)})


def _names(table: str, columns: Raw) -> Faults:
    """Find columns that the contract does not have, that the program makes, or that are missing."""
    made = MADE.get(table, frozenset())
    for column in columns:
        if column in made:
            yield MappingFault("made_column", table, column)
        elif column not in mappable(table):
            close = difflib.get_close_matches(column, mappable(table), 1)
            meant = Phrase("meant", {"name": close[0]}) if close else ""
            yield MappingFault("unknown_column", table, column, "",
                               {"keys": str([column]), "meant": meant})  # fmt: skip
    for column in core(table):
        if column not in columns:
            yield MappingFault("missing_column", table, column, "", {"column": column})


def _column(table: str, name: str, target: Column, raw: object) -> list[MappingFault]:
    if not isinstance(raw, dict):
        return [MappingFault("wrong_kind", table, name, "", {"kind": Phrase("kind_table")})]
    faults = [*_keys(table, name, raw, _COLUMN_KEYS, ())]
    if len({"from", "sum", "constant"} & set(raw)) != 1:
        faults.append(MappingFault("one_of", table, name))
    for key, types in _ONLY_FOR.items():
        if key in raw and target.type not in types:
            kind = Phrase(f"type_{target.type}")
            faults.append(MappingFault("not_with", table, name, key, {"kind": kind}))
    if "constant" in raw:
        faults += [
            MappingFault("not_with", table, name, key, {"kind": Phrase("type_constant")})
            for key in ("codes", "default", "plus_days") if key in raw
        ]  # fmt: skip
    faults += _unit(table, name, target, raw)
    faults += _formats(table, name, raw.get("formats"))
    faults += _marks(table, name, raw)
    return faults or [*_values(table, name, target, raw)]


def _unit(table: str, name: str, target: Column, raw: Raw) -> Faults:
    allowed = units_of(target)
    values = {"allowed": ", ".join(allowed)}
    if target.unit == "1/1000" and not {"unit", "scale", "constant"} & set(raw):
        yield MappingFault("unit_needed", table, name, "unit", values)
    if isinstance(raw.get("unit"), str) and raw["unit"] not in allowed:
        yield MappingFault("bad_choice", table, name, "unit", {"value": raw["unit"], **values})


def _marks(table: str, name: str, raw: Raw) -> Faults:
    """Find marks of numbers that contradict each other: a fraction would be read as thousands."""
    decimal = raw.get("decimal", ".")
    if raw.get("thousands") == decimal:
        yield MappingFault("same_marks", table, name, "thousands", {"value": str(decimal)})
    removed = raw.get("remove")
    for mark in removed if isinstance(removed, list) else []:
        if mark in (".", ","):
            yield MappingFault("removed_mark", table, name, "remove", {"value": mark})


def _formats(table: str, name: str, formats: object) -> Faults:
    if not _is_texts(formats) or not isinstance(formats, list):
        return
    faults = [(f, reason) for f in formats if (reason := format_fault(f))]
    for value, reason in faults:
        yield MappingFault("bad_format", table, name, "formats", {"value": value, "reason": reason})
    if not faults and (clash := contradiction(formats)):
        values = dict(zip(("first", "second", "example"), clash, strict=True))
        yield MappingFault("ambiguous_formats", table, name, "formats", values)


def _values(table: str, name: str, target: Column, raw: Raw) -> Faults:
    """Find constants, defaults and results of codes that the column cannot hold."""
    column = column_of(target, raw)
    written = [("constant", raw["constant"])] if "constant" in raw else []
    written += [("default", raw["default"])] if "default" in raw else []
    written += [("codes", value) for value in dict.fromkeys(raw.get("codes", {}).values()) if value]
    if not written:
        return
    con = open_engine()
    try:
        parts = ", ".join(typed_constant(value, column) for _, value in written)
        typed = run(con, f"SELECT {parts}")[0]
    finally:
        con.close()
    permitted = ", ".join(target.values) or Phrase(f"type_{target.type}")
    lowest = 0 if target.type == "money" or target.minimum == 0 else None
    for (key, value), result in zip(written, typed, strict=True):
        if result is None or (lowest is not None and result < lowest):
            yield MappingFault("not_permitted", table, name, key,
                               {"value": value, "permitted": permitted})  # fmt: skip


def _prepare(table: str, raw: Raw, *, sound: bool) -> Faults:
    if refused := prepare_refusal(raw["prepare"]):
        yield MappingFault("prepare_refused", table, key="prepare", values={"reason": refused})
    elif sound and (fault := prepare_result(table_of(table, {"files": [], **raw}))):
        code, detail = fault
        key = "reason" if code == "prepare_fails" else "name"
        yield MappingFault(code, table, key="prepare", values={key: detail})
