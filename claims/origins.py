"""Which columns of a file a mapping reads, also where a ``prepare`` text makes new ones of them.

In: the mapping of one table. Out: names as the source writes them, so that a fault names a column
that its reader can find in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from claims.mapping_model import ColumnMapping, TableMapping
from claims.reading import ADDED


@dataclass(frozen=True)
class Origins:
    """Columns of the file that are ``read``, and those that ``prepare`` has ``made``, from what."""

    read: frozenset[str]
    made: Mapping[str, tuple[str, ...]]

    def of(self, column: ColumnMapping) -> tuple[str, ...]:
        """Return the file's columns from which a contract column is made."""
        found = (o for source in column.sources for o in self.made.get(source) or (source,))
        return tuple(dict.fromkeys(found))

    def shown(self, column: ColumnMapping) -> str:
        """Return how a fault names the column to its reader."""
        return " + ".join(self.of(column)) or column.target.name


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
    return Origins(frozenset(((read - new) | (sources - set(made))) - set(ADDED)), made)


def _read_in(expression: exp.Expression) -> tuple[str, ...]:
    """Return the columns whose values go into an expression, in the order of the text."""
    ordering = {
        column.name
        for least in expression.find_all(exp.ArgMin)
        for column in least.expression.find_all(exp.Column)
    }
    named = (column.name for column in expression.find_all(exp.Column, bfs=False))
    return tuple(dict.fromkeys(n for n in named if n not in ordering and n not in ADDED))
