"""Text becomes typed values, in SQL, or a fault code; nothing is guessed.

Each contract type has one pair of expressions: the value (null where the text is not of the type)
and the fault code (null where there is none). The engine evaluates them over a whole table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from claims.mapping import ColumnMapping


def quote(text: str) -> str:
    """Return ``text`` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return ``identifier`` quoted as an SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def cleaned(column: str, nulls: Sequence[str]) -> str:
    """Return the trimmed text of a column, null where it is empty or one of ``nulls``."""
    text = f"nullif(trim({name(column)}), '')"
    for null in nulls:
        text = f"nullif({text}, {quote(null)})"
    return text


def _moment(text: str, formats: Sequence[str]) -> str:
    # Writing the parsed time again must give the text: '2024-02-30' or '2024-1-1' is no date.
    attempts = [
        f"CASE WHEN strftime(try_strptime({text}, {quote(f)}), {quote(f)}) = {text} "
        f"THEN try_strptime({text}, {quote(f)}) END"
        for f in formats
    ]
    return f"coalesce({', '.join(attempts)})"


def _decimal(text: str, places: int) -> str:
    fraction = f"(\\.[0-9]{{1,{places}}}0*)?" if places else "(\\.0+)?"
    value = f"CAST(CAST({text} AS DECIMAL(18, {places})) * {10**places} AS BIGINT)"
    return f"CASE WHEN regexp_full_match({text}, '-?[0-9]{{1,12}}{fraction}') THEN {value} END"


def _typed(text: str, column: ColumnMapping, zone: str) -> tuple[str, str]:
    kind = column.target.type
    if kind == "date":
        moment = f"({_moment(text, column.formats)} + INTERVAL {column.plus_days} DAY)"
        return f"CAST({moment} AS DATE)", "bad_date"
    if kind == "timestamp":
        moment = f"({_moment(text, column.formats)} + INTERVAL {column.plus_days} DAY)"
        return f"timezone({quote(zone)}, {moment})", "bad_date"
    if kind in ("money", "integer"):
        places = 2 if kind == "money" else len(str(column.scale)) - 1
        return _decimal(text, places), "bad_number"
    if kind == "boolean":
        return f"CASE {text} WHEN '1' THEN true WHEN '0' THEN false END", "not_permitted"
    if column.target.values:
        permitted = ", ".join(quote(code) for code in column.target.values)
        return f"CASE WHEN {text} IN ({permitted}) THEN {text} END", "not_permitted"
    return text, "not_permitted"


def _source_text(source: str, column: ColumnMapping, nulls: Sequence[str]) -> tuple[str, str]:
    """Return the text to interpret and the text that arrived."""
    arrived = cleaned(source, nulls)
    text = arrived
    if column.codes:
        cases = " ".join(f"WHEN {quote(k)} THEN {quote(v)}" for k, v in column.codes.items())
        text = f"CASE {arrived} {cases} END"
    if column.default:
        text = f"CASE WHEN {arrived} IS NULL THEN {quote(column.default)} ELSE {text} END"
    return text, arrived


def expressions(column: ColumnMapping, nulls: Sequence[str], zone: str) -> tuple[str, str]:
    """Return the SQL of a column's value and of its fault code.

    Args:
        column: the mapping of the column.
        nulls: texts that mean "no value" in this source.
        zone: IANA name of the source's time zone; local times become UTC.
    """
    values, bad = [], []
    code = "not_permitted"
    for source in column.sources:
        text, arrived = _source_text(source, column, nulls)
        value, code = _typed(text, column, zone)
        values.append(value)
        bad.append(f"({arrived} IS NOT NULL AND {value} IS NULL)")
    value = values[0]
    if column.sum:
        # An absent part counts as nothing, but where every part is absent there is no amount.
        total = " + ".join(f"coalesce({v}, 0)" for v in values)
        value = f"CASE WHEN coalesce({', '.join(values)}) IS NOT NULL THEN {total} END"
    fault = f"CASE WHEN {' OR '.join(bad)} THEN {quote(code)}"
    if column.target.required:
        fault += f" WHEN ({value}) IS NULL THEN 'missing_value'"
    return value, fault + " END"


_COUNT = re.compile(r"\{count:([A-Za-z0-9_]+)\*\}")


def expand_counts(sql: str, columns: Sequence[str], nulls: Sequence[str]) -> str:
    """Replace ``{count:PREFIX*}`` by the number of filled columns whose name has the prefix."""

    def counted(match: re.Match[str]) -> str:
        named = [c for c in columns if c.startswith(match.group(1))]
        filled = [f"CAST(any_value({cleaned(c, nulls)}) IS NOT NULL AS INTEGER)"
                  if "GROUP BY" in sql else f"CAST({cleaned(c, nulls)} IS NOT NULL AS INTEGER)"
                  for c in named]  # fmt: skip
        return f"CAST({' + '.join(filled) or '0'} AS TEXT)"

    return _COUNT.sub(counted, sql)
