"""What the SQL of a mapping's ``prepare`` may do: one SELECT over ``raw``, and nothing else.

In: the text as the mapping gives it. Out: why it is refused, or nothing. A mapping may come from
outside the house, and the engine's SQL can read any file, call any URL and write anywhere. So the
text is read by the engine's own parser, which is the one that will run it, and every table and
every function in it must be on a list; what is not on the list is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import sqlglot

from claims.engine import open_engine, run
from claims.mapping_faults import Phrase
from claims.mapping_model import TableMapping
from claims.origins import origins
from claims.reading import ADDED
from claims.templates import expand_counts

#: Functions that compute from their arguments and nothing else, the same on every run.
_PURE = """
    abs any_value arg_max arg_min ceil concat concat_ws contains count count_star datediff
    date_diff dense_rank ends_with first_value floor greatest instr lag last_value lcase lead least
    left length list_value lower lpad ltrim max max_by min min_by nullif position prefix rank
    regexp_extract regexp_full_match regexp_matches regexp_replace replace reverse right round
    row_number rpad
    rtrim split_part starts_with strftime string_agg strlen strpos strptime substr substring
    suffix row sum trim try_strptime ucase unnest upper
"""
FUNCTIONS = frozenset(_PURE.split())
_SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY"})


def prepare_refusal(text: str) -> Phrase | None:
    """Return why the text may not run, or None; nothing of it is run to find out."""
    plain = expand_counts(text, [], [])
    con = open_engine()
    try:
        (answer,) = run(con, "SELECT json_serialize_sql(?)", [plain])[0]
    finally:
        con.close()
    tree = json.loads(answer)
    if tree["error"] or len(tree["statements"]) != 1:
        return Phrase("prepare_not_select")
    try:
        sqlglot.parse_one(plain, "duckdb")
    except sqlglot.errors.SqlglotError:
        return Phrase("prepare_not_select")
    return next((p for node in _nodes(tree["statements"][0]) if (p := _refused(node))), None)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for part in tree.values():
            yield from _nodes(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _refused(node: dict[str, Any]) -> Phrase | None:
    """Return why one node of the engine's syntax tree is refused, or None."""
    kind = str(node.get("type", ""))
    if node.get("cte_map", {}).get("map"):
        return Phrase("prepare_construct", {"name": "WITH"})
    if kind.endswith("_NODE") and "cte_map" in node and kind != "SELECT_NODE":
        return Phrase("prepare_construct", {"name": "UNION"})
    if kind.startswith("LIMIT") or node.get("sample"):
        return Phrase("prepare_construct", {"name": "LIMIT"})
    if "class" in node and "function_name" in node:
        called = str(node["function_name"]).casefold()
        elsewhere = node.get("schema") or node.get("catalog")
        if not node.get("is_operator") and (called not in FUNCTIONS or elsewhere):
            return Phrase("prepare_function", {"name": called})
    if "sample" in node and "class" not in node and "cte_map" not in node:
        return _refused_source(node, kind)
    return None


def _refused_source(node: dict[str, Any], kind: str) -> Phrase | None:
    if kind not in _SOURCES:
        function = node.get("function") or {}
        return Phrase("prepare_other_table", {"name": str(function.get("function_name", kind))})
    if kind == "BASE_TABLE":
        path = [node.get("catalog_name", ""), node.get("schema_name", ""), node["table_name"]]
        named = ".".join(part for part in path if part)
        if named.casefold() != "raw":
            return Phrase("prepare_other_table", {"name": named})
    return None


def prepare_result(mapping: TableMapping) -> tuple[str, Phrase | str] | None:
    """Try a permitted text on a table without rows; return the fault's code and detail, or None."""
    import duckdb  # the service reads names of mappings, and must stay free of the engine

    origin = origins(mapping)
    blank: dict[str, pa.Array] = {c: pa.array([], pa.string()) for c in sorted(origin.read)}
    blank |= {"row_number": pa.array([], pa.int64()), "source_file": pa.array([], pa.string())}
    con = open_engine()
    try:
        con.register("raw", pa.table(blank))
        made = {
            str(name).casefold(): str(kind)
            for name, kind, *_ in run(con, f"DESCRIBE {expand_counts(mapping.prepare, [], [])}")
        }
    except duckdb.Error as error:
        return "prepare_fails", str(error).split("\n")[0]
    finally:
        con.close()
    needed = {*ADDED, *(s for c in mapping.columns.values() for s in c.sources)}
    for name in sorted(needed):
        if name.casefold() not in made:
            return "prepare_lacks", name
        if name not in ADDED and made[name.casefold()] != "VARCHAR":
            return "prepare_not_text", name
    return None
