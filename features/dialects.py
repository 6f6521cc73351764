"""One SQL text in the words of each engine.

In: a text as DuckDB reads it, of the vocabulary that features.queries describes. Out: the same text
for DuckDB, SQLite or Spark. sqlglot writes the grammar; what it would leave as it stands, or turn
into something that is only nearly the same, is settled here for Spark:

- moments and local clocks (``epoch_us``, ``timezone``) get Spark's names; the session runs in UTC;
- a discrete median stays exact (sqlglot's own choice is an approximate percentile);
- dividing by zero is unknown, as on the other engines, where Spark would stop;
- a bound parameter is a 64-bit integer, whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import sqlglot
from sqlglot import exp

#: A node of a parsed text; the class of all of them has another name in each release of sqlglot.
Node: TypeAlias = Any


class DialectError(ValueError):
    """A text uses what an engine does not have."""


@cache
def dialect(sql: str, engine: str) -> str:
    """Return the text in the dialect of ``engine``: duckdb, sqlite or spark.

    Raises:
        DialectError: the text uses something that the engine would compute otherwise.
    """
    if engine != "spark":
        return sqlglot.transpile(sql, read="duckdb", write=engine)[0]
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in reversed(list(tree.walk())):  # what lies inside comes before what it lies in
        rewrite = _REWRITES.get(type(node))
        if rewrite and (written := rewrite(node)) is not node:
            node.replace(written)
    text = tree.sql(dialect="spark")
    if "APPROX" in text.upper():
        raise DialectError(
            "A text asks for a percentile that Spark would only approximate; write "
            f"quantile_disc(x, 0.5): {sql.strip()[:200]}"
        )
    return text


def _function(node: Node) -> Node:
    """Return a function that sqlglot does not know, under Spark's name."""
    name, arguments = str(node.this).upper(), list(node.expressions)
    if name == "EPOCH_US":
        return exp.Anonymous(this="UNIX_MICROS", expressions=arguments)
    if name == "TIMEZONE":
        return exp.Anonymous(this="FROM_UTC_TIMESTAMP", expressions=arguments[::-1])
    return node


def _discrete(node: Node) -> Node:
    """Return an exact discrete percentile; Spark gives a double, which is cast back."""
    if node.expression is None:  # written WITHIN GROUP; refused above
        return node
    ordered = exp.Order(expressions=[exp.Ordered(this=node.this.copy())])
    percentile = exp.Anonymous(this="PERCENTILE_DISC", expressions=[node.expression.copy()])
    return _big(exp.WithinGroup(this=percentile, expression=ordered))


def _divided(node: Node) -> Node:
    """Return a division or remainder that is unknown where the divisor is zero."""
    divisor = node.expression
    if isinstance(divisor, exp.Nullif) or (
        isinstance(divisor, exp.Literal) and divisor.name != "0"
    ):
        return node
    node.set("expression", exp.Nullif(this=divisor.copy(), expression=exp.Literal.number(0)))
    return node


def _parameter(node: Node) -> Node:
    if isinstance(node.parent, exp.Cast):
        return node
    return _big(node.copy())


def _big(node: Node) -> Node:
    return exp.Cast(this=node, to=exp.DataType.build("BIGINT"))


_REWRITES: Mapping[type[Node], Callable[[Node], Node]] = {
    exp.Anonymous: _function,
    exp.PercentileDisc: _discrete,
    exp.IntDiv: _divided,
    exp.Mod: _divided,
    exp.Parameter: _parameter,
    exp.Placeholder: _parameter,
}
