"""A text's named parts as steps of their own, where Spark would compute them again and again.

In: a text of the catalogue. Out: the parts to write first, in order, and what is left of the text.
Spark puts a part (``WITH name AS``) into every place that names it, and the parts inside it
likewise, so that a text with a dozen of them reads its claims hundreds of times.
"""

from __future__ import annotations

from typing import Any

import sqlglot
from sqlglot import exp

#: Relations that a part must read, all parts inside it counted, to be worth writing.
READS = 4


def steps(text: str, prefix: str) -> tuple[list[tuple[str, str]], str]:
    """Return the parts to write, each with its new name, and the text that reads them.

    Args:
        prefix: what new names begin with; unique to the text.
    """
    tree: Any = sqlglot.parse_one(text, read="duckdb")
    parts: Any = tree.find(exp.With)
    if parts is None:
        return [], text
    written: list[tuple[str, str]] = []
    kept: list[Any] = []
    reads: dict[str, int] = {}
    for part in list(parts.expressions):
        reads[part.alias] = sum(reads.get(t.name, 1) for t in part.this.find_all(exp.Table))
        named = [t for t in tree.find_all(exp.Table) if t.name == part.alias]
        if len(named) < 2 or reads[part.alias] < READS:
            kept.append(part)
            continue
        written.append((f"{prefix}_{part.alias}", _whole(part, kept)))
        reads[part.alias] = 1
        for table in named:
            _rename(table, f"{prefix}_{part.alias}")
    parts.set("expressions", kept)
    if not kept:
        parts.pop()
    return written, tree.sql(dialect="duckdb")


def _whole(part: Any, kept: list[Any]) -> str:
    """Return the text of a part with the parts before it that stay in the text."""
    inside = ", ".join(one.sql(dialect="duckdb") for one in kept)
    body = part.this.sql(dialect="duckdb")
    return f"WITH {inside} SELECT * FROM ({body}) q" if inside else body


def _rename(table: Any, name: str) -> None:
    if not table.args.get("alias"):
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
    table.set("this", exp.to_identifier(name))
