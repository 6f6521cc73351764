"""Text becomes typed values, in SQL, or a fault code; nothing is guessed.

Each contract type has one pair of expressions: the value (null where the text is not of the type)
and the fault code (null where there is none). The engine evaluates them over a whole table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from claims.contracts import Column
from claims.damage import formatted, intact, mended, reason, serial_moment, warning
from claims.mapping import ColumnMapping

#: Possible years of a date and of a moment; '0001-01-01' is how programs write "none".
_YEARS = {"date": "(1[89]|[2-9][0-9])[0-9]{2}", "timestamp": "(1[89]|2[0-4])[0-9]{2}"}


#: The format of a date that arrives as a spreadsheet's day number.
EXCEL = "excel"

#: Digits before the point. A telephone or certificate number in the place of an amount has more.
_WHOLE_DIGITS = 10


def quote(text: str) -> str:
    """Return ``text`` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return ``identifier`` quoted as an SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def cleaned(column: str, nulls: Sequence[str], target: Column | None = None) -> str:
    """Return the trimmed text of a column, null where it is empty or one of ``nulls``.

    With the contract column that it is for, what files suffer on their way is mended.
    """
    text = mended(name(column), target) if target else f"trim({name(column)})"
    text = f"nullif({text}, '')"
    for null in nulls:
        text = f"nullif({text}, {quote(null)})"
    return text


def _moment(text: str, formats: Sequence[str], kind: str) -> str:
    # The engine's parser takes '2024-1-1' for a date: the shape is asked first, digit by digit.
    attempts = [
        f"WHEN regexp_full_match({text}, {quote(_shape(f, _YEARS[kind]))}) "
        f"THEN try_strptime({text}, {quote(f)})"
        for f in formats
        if f != EXCEL
    ]
    if EXCEL in formats:
        attempts.append(f"ELSE {_serial(text, kind)}")
    return f"CASE {' '.join(attempts)} END"


def _serial(text: str, kind: str) -> str:
    """Return the moment of a spreadsheet's day number; a date is a whole number of days."""
    whole = f"regexp_full_match({text}, '[0-9]+([.]0+)?')" if kind == "date" else "true"
    return f"CASE WHEN {whole} THEN {serial_moment(text)} END"


def _shape(layout: str, years: str) -> str:
    """Return the regular expression of what ``strftime`` writes for a layout of numbers."""
    pattern = re.sub(r"%[mdHMS]", "[0-9]{2}", re.escape(layout).replace(r"\-", "-"))
    return pattern.replace("%Y", years)


def _decimal(text: str, places: int, currency: str) -> str:
    fraction = f"(\\.[0-9]{{1,{places}}}0*)?" if places else "(\\.0+)?"
    pattern = f"-?[0-9]{{1,{_WHOLE_DIGITS}}}{fraction}"
    value = f"CAST(CAST({{}} AS DECIMAL(18, {places})) * {10**places} AS BIGINT)"
    for_people, bare = formatted(text, places, currency)
    return (
        f"CASE WHEN regexp_full_match({text}, {quote(pattern)}) THEN {value.format(text)} "
        f"WHEN regexp_full_match({text}, {for_people}) THEN {value.format(bare)} END"
    )


def _typed(text: str, column: ColumnMapping, zone: str, currency: str) -> tuple[str, str]:
    """Return the SQL of the typed value and the code of the fault where the text has none."""
    kind = column.target.type
    if kind == "date":
        moment = f"({_moment(text, column.formats, kind)} + INTERVAL {column.plus_days} DAY)"
        return f"CAST({moment} AS DATE)", "bad_date"
    if kind == "timestamp":
        moment = f"({_moment(text, column.formats, kind)} + INTERVAL {column.plus_days} DAY)"
        return f"timezone({quote(zone)}, {moment})", "bad_date"
    if kind in ("money", "integer"):
        places = 2 if kind == "money" else len(str(column.scale)) - 1
        return _decimal(text, places, currency if kind == "money" else ""), "bad_number"
    if kind == "boolean":
        return f"CASE {text} WHEN '1' THEN true WHEN '0' THEN false END", "not_permitted"
    if column.target.values:
        permitted = ", ".join(quote(code) for code in column.target.values)
        return f"CASE WHEN {text} IN ({permitted}) THEN {text} END", "not_permitted"
    # A line break inside a name or code is the trace of a quotation mark that swallowed rows.
    return f"CASE WHEN {intact(text, column.target)} THEN {text} END", "line_break"


def _interpreted(arrived: str, column: ColumnMapping) -> str:
    """Return the text to interpret: codes translated, the default where nothing arrived."""
    text = arrived
    if column.codes:
        cases = " ".join(f"WHEN {quote(k)} THEN {quote(v)}" for k, v in column.codes.items())
        text = f"CASE {arrived} {cases} END"
    if column.default:
        text = f"CASE WHEN {arrived} IS NULL THEN {quote(column.default)} ELSE {text} END"
    return text


def parsed_sql(
    columns: Mapping[str, ColumnMapping],
    nulls: Sequence[str],
    zone: str,
    currency: str,
    kept: Sequence[str] = ("row_number", "source_file"),
) -> str:
    """Return the SELECT that makes typed rows of relation ``raw``.

    Beside each column ``x`` it has ``fault:x``, the code of why the text has no value, and
    ``warning:x``, the code of what was mended; both are null for most rows. Texts, values and
    codes are made one after the other, so that each text is cleaned once.

    Args:
        columns: contract column -> its mapping; the source columns that it names are in ``raw``.
        nulls: texts that mean "no value" in this source.
        zone: IANA name of the source's time zone; local times become UTC.
        currency: whose sign may stand beside an amount.
        kept: SQL over ``raw`` of further columns, each with its name behind AS.
    """
    carried = [sql.rpartition(" AS ")[2] for sql in kept]
    texts, values, made = list(kept), list(carried), list(carried)
    for target, column in columns.items():
        parts = []
        for place, source in enumerate(column.sources):
            text, typed = name(f"text:{target}:{place}"), name(f"typed:{target}:{place}")
            value, code = _typed(_interpreted(text, column), column, zone, currency)
            texts.append(f"{cleaned(source, nulls, column.target)} AS {text}")
            values += [text, f"{value} AS {typed}"]
            parts.append((text, typed))
        warn = name(f"warning:{target}")
        texts.append(f"{warned(column)} AS {warn}")
        values.append(warn)
        value, fault = _combined(parts, column, code)
        made += [f"{value} AS {name(target)}", f"{fault} AS {name('fault:' + target)}", warn]
    inner = f"SELECT {', '.join(texts)} FROM raw"
    return f"SELECT {', '.join(made)} FROM (SELECT {', '.join(values)} FROM ({inner}))"


def _combined(
    parts: Sequence[tuple[str, str]], column: ColumnMapping, code: str
) -> tuple[str, str]:
    """Return the SQL of a column's value and of its fault code from its parts' texts and values."""
    values = [value for _, value in parts]
    value = values[0]
    bad = " OR ".join(f"({arrived} IS NOT NULL AND {v} IS NULL)" for arrived, v in parts)
    if column.sum:
        # An absent part counts as nothing, but where every part is absent there is no amount.
        total = " + ".join(f"coalesce({v}, 0)" for v in values)
        some = f"coalesce({', '.join(values)}) IS NOT NULL"
        value = f"CASE WHEN {some} AND NOT ({bad}) THEN {total} END"
    why = [
        f"WHEN {arrived} IS NOT NULL AND {v} IS NULL THEN {reason(arrived, column.target, code)}"
        for arrived, v in parts
    ]
    fault = f"CASE {' '.join(why)}"
    if column.target.required:
        fault += f" WHEN ({value}) IS NULL THEN 'missing_value'"
    return value, fault + " END"


def warned(column: ColumnMapping) -> str:
    """Return the SQL of the code of what was mended in a column's texts, null for nothing."""
    codes = [warning(name(source), column.target) for source in column.sources]
    return f"coalesce({', '.join(codes)})" if len(codes) > 1 else codes[0]


#: What a value of each type must look like to be kept in the quarantine. Anything else may be an
#: identity that slipped into the wrong column, and is not shown.
_SHOWN = {
    "date": r"[0-9]{1,4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,4}([ T][0-9:.]{1,12})?",
    "money": r"[-+¥￥$]{0,2}([0-9]{1,8}|[0-9]{1,3}(,[0-9]{3}){1,3})([.][0-9]{0,6})?([eE][0-9])?",
    "code": r"[!-~]{1,4}",
}
_SHOWN |= {"timestamp": _SHOWN["date"], "integer": _SHOWN["money"], "number": _SHOWN["money"]}


def presentable(column: ColumnMapping) -> str:
    """Return the SQL of what a fault may show of a column's text; null where it may be private."""
    if column.target.identity or column.target.private:
        return "CAST(NULL AS TEXT)"
    pattern = quote(_SHOWN.get(column.target.type, _SHOWN["code"]))
    texts = (f"trim({name(source)})" for source in column.sources)
    kept = ", ".join(f"CASE WHEN regexp_full_match({t}, {pattern}) THEN {t} END" for t in texts)
    return f"nullif(concat_ws(' + ', {kept}), '')"


_COUNT = re.compile(r"\{count:([A-Za-z0-9_]+)\*\}")


def expand_counts(sql: str, columns: Sequence[str], nulls: Sequence[str]) -> str:
    """Replace ``{count:PREFIX*}`` by the number of filled columns whose name has the prefix."""

    def counted(match: re.Match[str]) -> str:
        prefix = match.group(1).casefold()
        named = [c for c in columns if c.casefold().startswith(prefix)]
        filled = [f"CAST(any_value({cleaned(c, nulls)}) IS NOT NULL AS INTEGER)"
                  if "GROUP BY" in sql else f"CAST({cleaned(c, nulls)} IS NOT NULL AS INTEGER)"
                  for c in named]  # fmt: skip
        return f"CAST({' + '.join(filled) or '0'} AS TEXT)"

    return _COUNT.sub(counted, sql)
