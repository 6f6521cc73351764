"""Profiles as of many dates from pre-aggregated cells instead of from every claim at every date.

In: an engine with ``facts``, ``cut_dates`` and the registers, and the features of one definition
file. Out: the atoms that ``queries.profile_sql`` gives, cell for cell. A *cell* holds the claims of
one entity that no cut date and no window can tell apart: they are first seen at the same date, last
seen at the same date, and lie between the same two window edges. Counts, sums, minima and maxima of
cells are combined at each date; distinct values are counted over (entity, value) pairs, exactly.
The rewriting reads the atoms, so a new feature needs nothing here; an atom that it cannot split
(an aggregate over something of the date itself) is computed the plain way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from claims.engine import Connection, run
from features import queries
from features.catalogue import Feature

_NEVER = 2**31
_COMBINED = {exp.Count: "SUM", exp.Sum: "SUM", exp.Min: "MIN", exp.Max: "MAX"}


class NotSplitError(ValueError):
    """An atom's aggregate depends on the date in a way that cells cannot follow."""


@dataclass
class Cells:
    """What one profile needs: measures of cells, distinct values, and atoms over both.

    Attributes:
        measures: text of an aggregate over claims -> its column in the cells.
        values: (text of a value, condition on the claim) -> conditions on date and day.
        atoms: name -> text over the cells ``c`` and the distinct counts ``u<n>``.
        edges: days before a date at which some window begins or ends.
    """

    measures: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    atoms: dict[str, str] = field(default_factory=dict)
    edges: set[int] = field(default_factory=lambda: {queries.PROFILE_DAYS})

    def add(self, name: str, atom: str) -> None:
        """Split one atom; raises NotSplitError."""
        tree = sqlglot.parse_one(f"SELECT {atom}", read="duckdb")
        for node in list(tree.find_all(exp.AggFunc)):
            whole = node.parent if isinstance(node.parent, exp.Filter) else node
            whole.replace(sqlglot.parse_one(self._combined(node, whole), read="duckdb"))
        self.atoms[name] = tree.expressions[0].sql(dialect="duckdb")

    def _combined(self, aggregate: exp.AggFunc, whole: exp.Expr) -> str:
        """Return the text over cells that gives the aggregate."""
        inner, outer = self._conditions(whole)
        argument = aggregate.this
        if type(aggregate) not in _COMBINED or _names(argument, "d"):
            raise NotSplitError(whole.sql())
        if isinstance(argument, exp.Distinct):
            (value,) = argument.expressions
            wanted = self.values.setdefault((_text(value), inner), [])
            if outer not in wanted:
                wanted.append(outer)
            place = list(self.values).index((_text(value), inner))
            return f"COALESCE(MAX(u{place}.n{wanted.index(outer)}), 0)"
        own = f"{_text(aggregate)} FILTER (WHERE {inner})"
        column = self.measures.setdefault(own, f"m{len(self.measures)}")
        combined = f"{_COMBINED[type(aggregate)]}(c.{column}) FILTER (WHERE {outer})"
        if isinstance(aggregate, exp.Count):
            return f"CAST(COALESCE({combined}, 0) AS BIGINT)"
        return combined

    def _conditions(self, whole: exp.Expr) -> tuple[str, str]:
        """Split a filter into what the claim alone decides and what the date decides."""
        if not isinstance(whole, exp.Filter):
            return "TRUE", "TRUE"
        condition = whole.expression.this
        parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
        inner = [_text(part) for part in parts if not _names(part, "d")]
        outer = [self._window(part) for part in parts if _names(part, "d")]
        return " AND ".join(f"({p})" for p in inner) or "TRUE", " AND ".join(outer) or "TRUE"

    def _window(self, part: exp.Expr) -> str:
        """Return ``h.service_day >= d.as_of_day - n`` (or ``<``) as a condition on cells."""
        if isinstance(part, exp.GTE | exp.LT) and _text(part.this) == "h.service_day":
            edge = part.expression
            days = edge.expression if isinstance(edge, exp.Sub) else exp.Literal.number(0)
            date = edge.this if isinstance(edge, exp.Sub) else edge
            if _text(date) == "d.as_of_day" and days.is_int:
                self.edges.add(int(days.this))
                sign = ">=" if isinstance(part, exp.GTE) else "<"
                return f"c.cell_day {sign} c.as_of_day - {int(days.this)}"
        raise NotSplitError(part.sql())


def _text(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb")


def _names(node: exp.Expr, table: str) -> bool:
    return any(column.table == table for column in node.find_all(exp.Column))


def split(features: Sequence[Feature]) -> tuple[Cells, list[Feature]]:
    """Return the cells that the features need, and the features that cells cannot give."""
    cells, plain = Cells(), []
    for feature in features:
        tried = Cells(edges=set())
        try:
            for place, atom in enumerate(feature.atoms):
                tried.add(f"{feature.name}:{place}", _windowed(feature, atom))
        except NotSplitError:
            plain.append(feature)
            continue
        for place, atom in enumerate(feature.atoms):
            cells.add(f"{feature.name}:{place}", _windowed(feature, atom))
    return cells, plain


def _windowed(feature: Feature, atom: str) -> str:
    return atom.replace("{in}", f"h.service_day >= d.as_of_day - {feature.window}")


def make_atoms(con: Connection, features: Sequence[Feature], table: str) -> None:
    """Make ``profile_atoms_<table>``: the atoms of a profile at every cut date."""
    cells, plain = split(features)
    key = queries.PROFILE_KEYS[table]
    dates = run(con, "SELECT as_of_day, as_of_us FROM cut_dates ORDER BY as_of_day")
    _time_claims(con, dates, sorted(cells.edges))
    _make_cells(con, cells, key, queries.REGISTERS.get(table, ""))
    made = f"profile_atoms_{table}"
    for place, (day, _) in enumerate(dates):
        for number, wanted in enumerate(cells.values.values()):
            _count_distinct(con, number, wanted, day)
        begin = f"INSERT INTO {made}" if place else f"CREATE OR REPLACE TEMP TABLE {made} AS"
        run(con, f"{begin} {_date_sql(cells, key, day)}")
    for name in ("cell_keys", "cells", *(f"value_cells_{n}" for n in range(len(cells.values)))):
        run(con, f"DROP TABLE {name}")
    if plain:
        _add_plain(con, made, plain, table)


def _time_claims(con: Connection, dates: Sequence[tuple[int, int]], edges: Sequence[int]) -> None:
    """Make ``timed``: every claim with its cell's day and the dates between which it is seen.

    A claim is seen from the first date that lies after its service and after it became known, until
    the first date that lies after its reversal became known.
    """
    bounds = sorted({day - edge for day, _ in dates for edge in edges})
    con.execute("CREATE OR REPLACE TEMP TABLE window_edges AS SELECT unnest($1) AS edge", [bounds])
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE cell_days AS
        SELECT s.service_day,
          COALESCE((SELECT max(e.edge) FROM window_edges e WHERE e.edge <= s.service_day),
            -{_NEVER}) AS cell_day,
          COALESCE((SELECT min(d.as_of_day) FROM cut_dates d WHERE d.as_of_day > s.service_day),
            {_NEVER}) AS after_day
        FROM (SELECT DISTINCT service_day FROM facts) s""",
    )
    known = " ".join(f"WHEN f.known_us < {moment} THEN {day}" for day, moment in dates)
    reversed_ = " ".join(f"WHEN f.reversed_us < {moment} THEN {day}" for day, moment in dates)
    run(
        con,
        f"""CREATE OR REPLACE TEMP VIEW timed AS SELECT f.*, m.cell_day,
        greatest(m.after_day, CASE {known} ELSE {_NEVER} END) AS from_day,
        CASE {reversed_} ELSE {_NEVER} END AS until_day
        FROM facts f JOIN cell_days m ON m.service_day = f.service_day""",
    )


def _make_cells(con: Connection, cells: Cells, key: str, register: str) -> None:
    """Make ``cells`` and, for each distinct value, its cells; keys and values as numbers."""
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE cell_keys AS
        SELECT {key}, row_number() OVER (ORDER BY {key}) AS number
        FROM (SELECT DISTINCT {key} FROM facts WHERE {key} IS NOT NULL)""",
    )
    claims = f"FROM timed h JOIN cell_keys n ON n.{key} = h.{key} {register}"
    cell = "n.number, h.cell_day, h.from_day, h.until_day"
    measures = "".join(f", {text} AS {column}" for text, column in cells.measures.items())
    run(
        con,
        f"CREATE OR REPLACE TEMP TABLE cells AS SELECT {cell}{measures} {claims} "
        f"WHERE h.from_day < h.until_day GROUP BY {cell}",
    )
    for place, (value, condition) in enumerate(cells.values):
        run(
            con,
            f"""CREATE OR REPLACE TEMP TABLE value_cells_{place} AS
            WITH found AS (SELECT DISTINCT {cell}, {value} AS value {claims}
              WHERE h.from_day < h.until_day AND {condition}),
            numbers AS (SELECT value, row_number() OVER () AS place
              FROM (SELECT DISTINCT value FROM found WHERE value IS NOT NULL))
            SELECT f.* EXCLUDE (value), v.place AS value
            FROM found f JOIN numbers v ON v.value = f.value""",
        )


def _seen(cells: str, day: int) -> str:
    return f"""(SELECT *, CAST({day} AS BIGINT) AS as_of_day FROM {cells}
      WHERE from_day <= {day} AND {day} < until_day
        AND cell_day >= {day - queries.PROFILE_DAYS}) c"""


def _count_distinct(con: Connection, number: int, wanted: Sequence[str], day: int) -> None:
    """Make ``distinct_<number>``: how many values each entity has inside each window."""
    flags = ", ".join(f"bool_or({text}) AS f{place}" for place, text in enumerate(wanted))
    counts = ", ".join(f"count(*) FILTER (WHERE f{p}) AS n{p}" for p in range(len(wanted)))
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE distinct_{number} AS SELECT number, {counts} FROM (
          SELECT c.number, c.value, {flags} FROM {_seen(f"value_cells_{number}", day)}
          WHERE {" OR ".join(f"({text})" for text in wanted)} GROUP BY c.number, c.value)
        GROUP BY number""",
    )


def _date_sql(cells: Cells, key: str, day: int) -> str:
    """Return the text of all atoms as of one date."""
    atoms = "".join(f', {text} AS "{name}"' for name, text in cells.atoms.items())
    joins = " ".join(
        f"LEFT JOIN distinct_{n} u{n} ON u{n}.number = c.number" for n in range(len(cells.values))
    )
    return f"""SELECT a.* EXCLUDE (number), k.{key} FROM (
      SELECT CAST({day} AS BIGINT) AS as_of_day, c.number{atoms}
      FROM {_seen("cells", day)} {joins} GROUP BY c.number) a
    JOIN cell_keys k ON k.number = a.number"""


def _add_plain(con: Connection, made: str, plain: Sequence[Feature], table: str) -> None:
    """Add the atoms that cells cannot give, by the plain text."""
    key = queries.PROFILE_KEYS[table]
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE {made} AS SELECT a.*, p.* EXCLUDE (as_of_day, {key})
        FROM {made} a JOIN ({queries.profile_sql(plain, table)}) p
        ON p.as_of_day = a.as_of_day AND p.{key} = a.{key}""",
    )
