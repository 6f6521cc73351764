"""Which columns of a file a mapping reads, also where a ``prepare`` text makes new ones of them.

In: the mapping of one table. Out: names as the source writes them, so that a fault names a column
that its reader can find in the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from claims.mapping_model import ColumnMapping, TableMapping
from claims.reading import ADDED
from claims.templates import TEMPLATE


@dataclass(frozen=True)
class Origins:
    """Columns of the file that are ``read``, and those that ``prepare`` has ``made``, from what.

    ``other`` are columns that only another kind of file has; a template names them.
    """

    read: frozenset[str]
    made: Mapping[str, tuple[str, ...]]
    other: frozenset[str] = frozenset()

    def of(self, column: ColumnMapping) -> tuple[str, ...]:
        """Return the file's columns from which a contract column is made."""
        return tuple(dict.fromkeys(o for s in column.sources for o in self.roots(s)))

    def roots(self, named: str, seen: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return the file's columns behind a name; a made column may be made of made ones."""
        parts = self.made.get(named)
        if not parts or named in seen:
            return (named,)
        return tuple(root for part in parts for root in self.roots(part, seen | {named}))

    def shown(self, column: ColumnMapping, there: Collection[str] = ()) -> str:
        """Return how a fault names the column to its reader.

        Where it is known which columns are ``there`` in the file, only those are named.
        """
        roots = self.of(column)
        roots = tuple(root for root in roots if _has(there, root)) or roots
        own = [root for root in roots if root not in self.other]
        other = [root for root in roots if root in self.other]
        if not own:
            return " + ".join(other) or column.target.name
        return " + ".join(own) + (f" ({', '.join(other)})" if other else "")


def _has(there: Collection[str], root: str) -> bool:
    """Tell whether a column, or one of a numbered family X#, is among those of a file."""
    stem = re.escape(root.removesuffix("#"))
    wanted = re.compile(f"{stem}[1-9][0-9]*" if root.endswith("#") else stem, re.IGNORECASE)
    return any(wanted.fullmatch(column) for column in there)


def origins(mapping: TableMapping) -> Origins:
    """Return where the columns of a table come from."""
    sources = {s for c in mapping.columns.values() for s in c.sources} - set(ADDED)
    if not mapping.prepare:
        return Origins(frozenset(sources), {})
    tree = sqlglot.parse_one(mapping.prepare.replace("{count:", "'").replace("*}", "'"), "duckdb")
    made = {alias.alias: _read_in(alias.this) for alias in tree.find_all(exp.Alias)}
    # A name that the text makes is not read, unless it is made from a column of the same name.
    new = {name for name, parts in made.items() if name not in parts}
    read = {column.name for column in tree.find_all(exp.Column)}
    read = ((read - new) | (sources - set(made))) - set(ADDED)
    other = {n for text in tree.find_all(exp.Literal) for n in _named(text)} - read
    return Origins(frozenset(read), made, frozenset(other))


def _read_in(expression: exp.Expression) -> tuple[str, ...]:
    """Return the columns whose values go into an expression, in the order of the text."""
    ordering = {
        column.name
        for least in expression.find_all(exp.ArgMin)
        for column in least.expression.find_all(exp.Column)
    }
    found = expression.find_all(exp.Column, exp.Literal, bfs=False)
    named = (n for part in found for n in _named(part))
    return tuple(dict.fromkeys(n for n in named if n not in ordering and n not in ADDED))


def _named(part: exp.Expression) -> tuple[str, ...]:
    """Return the column that a part of an expression, or a template in it, names."""
    if isinstance(part, exp.Column):
        return (part.name,)
    template = TEMPLATE.fullmatch(f"'{part.name}'")
    return (template.group(2),) if template else ()
