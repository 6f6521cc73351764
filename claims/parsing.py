"""Text becomes typed values, in SQL, or a fault code; nothing is guessed.

Each contract type has one pair of expressions: the value (null where the text is not of the type)
and the fault code (null where there is none). The engine evaluates them over a whole table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from claims.contracts import Column
from claims.damage import formatted, intact, mended, reason, serial_moment, warning
from claims.dates import EXCEL, shape
from claims.local_times import utc_moment
from claims.mapping_model import ColumnMapping

#: Possible years of a date and of a moment; '0001-01-01' is how programs write "none".
_YEARS = {"date": "(1[89]|[2-9][0-9])[0-9]{2}", "timestamp": "(1[89]|2[0-4])[0-9]{2}"}

#: Digits before the point. A telephone or certificate number in the place of an amount has more.
WHOLE_DIGITS = 10


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
        f"WHEN regexp_full_match({text}, {quote(shape(f, _YEARS[kind]))}) "
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


def _decimal(text: str, places: int, currency: str) -> str:
    fraction = f"(\\.[0-9]{{1,{places}}}0*)?" if places else "(\\.0+)?"
    pattern = f"-?[0-9]{{1,{WHOLE_DIGITS}}}{fraction}"
    # Wider than 18 digits is slower; only units of thousands and more need it.
    digits = 18 if places <= 3 else 38
    value = f"CAST(CAST({{}} AS DECIMAL({digits}, {places})) * {10**places} AS BIGINT)"
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
        return _utc(_clocks(text, column, zone), column), "bad_date"
    if kind in ("money", "integer"):
        return _decimal(text, column.places, currency if kind == "money" else ""), "bad_number"
    if kind == "boolean":
        return f"CASE {text} WHEN '1' THEN true WHEN '0' THEN false END", "not_permitted"
    if column.target.values:
        permitted = ", ".join(quote(code) for code in column.target.values)
        return f"CASE WHEN {text} IN ({permitted}) THEN {text} END", "not_permitted"
    # A line break inside a name or code is the trace of a quotation mark that swallowed rows.
    return f"CASE WHEN {intact(text, column.target)} THEN {text} END", "line_break"


def _clocks(text: str, column: ColumnMapping, zone: str) -> list[tuple[str, str]]:
    """Return the zones of the clocks that a text may speak of, each with the SQL of the time shown.

    A time that is written with a Z is UTC, whatever the zone of the source.
    """
    zulu = [f for f in column.formats if f.endswith("Z")]
    local = [f for f in column.formats if f not in zulu]
    return [(z, _moment(text, fs, "timestamp")) for z, fs in ((zone, local), ("UTC", zulu)) if fs]


def _utc(clocks: Sequence[tuple[str, str]], column: ColumnMapping) -> str:
    moments = [utc_moment(shown, zone, column.plus_days) for zone, shown in clocks]
    return moments[0] if len(moments) == 1 else f"coalesce({', '.join(moments)})"


def _arrived(source: str, column: ColumnMapping, nulls: Sequence[str]) -> str:
    """Return the text that arrived, null where the mapping says that it is no value."""
    none = [code for code, meant in column.codes.items() if not meant and code != "*"]
    text = cleaned(source, [*nulls, *none], column.target)
    if column.codes.get("*") == "":
        known = ", ".join(quote(k) for k, v in column.codes.items() if v) or "''"
        text = f"CASE WHEN {text} IN ({known}) THEN {text} END"
    for removed in column.remove:
        text = f"trim(replace({text}, {quote(removed)}, ''))"
    if column.decimal != ".":
        return _with_point(text, column)
    if column.thousands:
        mark = column.thousands
        grouped = f"-?[0-9]{{1,3}}({re.escape(mark)}[0-9]{{3}})+([.][0-9]+)?"
        text = (
            f"CASE WHEN regexp_full_match({text}, {quote(grouped)}) "
            f"THEN replace({text}, {quote(mark)}, '') ELSE {text} END"
        )
    return text


def _with_point(text: str, column: ColumnMapping) -> str:
    """Return the SQL of a number with a decimal point; one grouped in another way stays unread."""
    mark, whole = column.thousands, "[0-9]+"
    if mark:
        whole = f"([0-9]{{1,3}}({re.escape(mark)}[0-9]{{3}})+|[0-9]+)"
    shape = f"-?{whole}({re.escape(column.decimal)}[0-9]+)?"
    bare = f"replace({text}, {quote(mark)}, '')" if mark else text
    return (
        f"CASE WHEN regexp_full_match({text}, {quote(shape)}) "
        f"THEN replace({bare}, {quote(column.decimal)}, '.') ELSE '?' || {text} END"
    )


def typed_constant(text: str, column: ColumnMapping) -> str:
    """Return the SQL of the value that a text of the mapping itself becomes; null for none."""
    return _typed(quote(text), column, "UTC", "")[0]


def _interpreted(arrived: str, column: ColumnMapping) -> str:
    """Return the text to interpret: codes translated, the default where nothing arrived."""
    text = arrived
    if column.codes:
        named = {k: v for k, v in column.codes.items() if v and k != "*"} or {"": ""}
        cases = " ".join(f"WHEN {quote(k)} THEN {quote(v)}" for k, v in named.items())
        other = column.codes.get("*", "")
        rest = f"ELSE CASE WHEN {arrived} IS NOT NULL THEN {quote(other)} END " if other else ""
        text = f"CASE {arrived} {cases} {rest}END"
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
    ``warning:x``, the code of what was mended; both are null for most rows. Texts, what clocks
    showed, values and codes are made one after the other, so that each is made once.

    Args:
        columns: contract column -> its mapping; the source columns that it names are in ``raw``.
        nulls: texts that mean "no value" in this source.
        zone: IANA name of the source's time zone; local times become UTC.
        currency: whose sign may stand beside an amount.
        kept: SQL over ``raw`` of further columns, each with its name behind AS.
    """
    carried = [sql.rpartition(" AS ")[2] for sql in kept]
    texts, shown, values, made = list(kept), ["*"], list(carried), list(carried)
    for target, column in columns.items():
        parts = []
        for place, arrived in enumerate(_arrivals(column, nulls)):
            text, typed = name(f"text:{target}:{place}"), name(f"typed:{target}:{place}")
            value, code = _typed(_interpreted(text, column), column, zone, currency)
            clocks = _named_clocks(f"{target}:{place}", text, column, zone)
            if clocks:
                shown += [f"{sql} AS {clock}" for clock, (_, sql) in clocks.items()]
                value = _utc([(z, clock) for clock, (z, _) in clocks.items()], column)
            texts.append(f"{arrived} AS {text}")
            values += [text, *clocks, f"{value} AS {typed}"]
            parts.append((text, typed, tuple(clocks)))
        warn = name(f"warning:{target}")
        texts.append(f"{warned(column)} AS {warn}")
        values.append(warn)
        # Where a text is translated, what it is not among is the code list.
        code = "not_permitted" if column.codes and code == "line_break" else code
        value, fault = _combined(parts, column, code)
        made += [f"{value} AS {name(target)}", f"{fault} AS {name('fault:' + target)}", warn]
    inner = f"SELECT {', '.join(shown)} FROM (SELECT {', '.join(texts)} FROM raw)"
    return f"SELECT {', '.join(made)} FROM (SELECT {', '.join(values)} FROM ({inner}))"


def _named_clocks(
    place: str, text: str, column: ColumnMapping, zone: str
) -> dict[str, tuple[str, str]]:
    """Return names for what clocks showed, with zone and SQL: it is looked at more than once."""
    if column.target.type != "timestamp":
        return {}
    clocks = _clocks(_interpreted(text, column), column, zone)
    return {name(f"clock:{place}:{i}"): clock for i, clock in enumerate(clocks)}


def _arrivals(column: ColumnMapping, nulls: Sequence[str]) -> list[str]:
    """Return the SQL of each text that a column is made from."""
    if column.constant:
        return [quote(column.constant)]
    arrived = [_arrived(source, column, nulls) for source in column.sources]
    return [f"coalesce({', '.join(arrived)})"] if column.first else arrived


def _combined(
    parts: Sequence[tuple[str, str, Sequence[str]]], column: ColumnMapping, code: str
) -> tuple[str, str]:
    """Return the SQL of a column's value and of its fault code from its parts.

    A part is a text, its value and what clocks showed; a clock time without a moment was skipped.
    """
    values = [value for _, value, _ in parts]
    value = values[0]
    bad = " OR ".join(f"({arrived} IS NOT NULL AND {v} IS NULL)" for arrived, v, _ in parts)
    if column.sum:
        # An absent part counts as nothing, but where every part is absent there is no amount.
        total = " + ".join(f"coalesce({v}, 0)" for v in values)
        some = f"coalesce({', '.join(values)}) IS NOT NULL"
        value = f"CASE WHEN {some} AND NOT ({bad}) THEN {total} END"
    why = [
        f"WHEN {v} IS NULL AND ({' OR '.join(f'{c} IS NOT NULL' for c in clocks)}) "
        "THEN 'skipped_time'"
        for _, v, clocks in parts if clocks
    ]  # fmt: skip
    why += [
        f"WHEN {arrived} IS NOT NULL AND {v} IS NULL THEN {reason(arrived, column.target, code)}"
        for arrived, v, _ in parts
    ]
    fault = f"CASE {' '.join(why)}"
    if column.target.required:
        fault += f" WHEN ({value}) IS NULL THEN 'missing_value'"
    return value, fault + " END"


def warned(column: ColumnMapping) -> str:
    """Return the SQL of the code of what was mended in a column's texts, null for nothing.

    What the mapping itself says is to be taken out is nothing to warn of.
    """
    codes = []
    for source in column.sources:
        text = name(source)
        marks = (column.thousands, column.decimal if column.decimal != "." else "")
        for removed in (*column.remove, *filter(None, marks)):
            text = f"replace({text}, {quote(removed)}, '')"
        codes.append(warning(text, column.target))
    return f"coalesce({', '.join(codes)})" if len(codes) > 1 else (*codes, "CAST(NULL AS TEXT)")[0]


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
    if column.target.identity or column.target.private or not column.sources:
        return "CAST(NULL AS TEXT)"
    pattern = quote(_SHOWN.get(column.target.type, _SHOWN["code"]))
    texts = (f"trim({name(source)})" for source in column.sources)
    kept = ", ".join(f"CASE WHEN regexp_full_match({t}, {pattern}) THEN {t} END" for t in texts)
    return f"nullif(concat_ws(' + ', {kept}), '')"
