"""Damage that files suffer on their way through spreadsheets, in SQL: mended only without guessing.

In: the SQL of a text, and the contract column that it is for. Out: the SQL of the same text without
invisible characters around it and with full-width letters and digits as ordinary ones, the warning
that says so, and the reason why a text that cannot be read was refused.
"""

from __future__ import annotations

from claims.contracts import Column

#: Full-width forms of ASCII and the full-width yen sign: another width of the same characters.
_FULL = "".join(map(chr, range(0xFF01, 0xFF5F))) + "￥"
_HALF = "".join(map(chr, range(0x21, 0x7F))) + "¥"
_IS_FULL = r"'[\x{ff01}-\x{ff5e}\x{ffe5}]'"
#: What cannot be seen: tabs, blanks of every width, marks without width or of direction.
_INVISIBLE = (
    "\t\u00a0\u00ad\u034f\u061c\u1680\u180e"
    + "".join(map(chr, [*range(0x2000, 0x2010), *range(0x2028, 0x2030), *range(0x205F, 0x2065)]))
    + "\u3000\ufeff"
)
_CONTROLS = r"\x00-\x1f\x7f"
_SET = "".join(rf"\x{{{ord(c):x}}}" for c in _INVISIBLE)
_HIDDEN = f"'[{_CONTROLS}{_SET}]'"
_AROUND = f"'^ *[{_SET}]|[{_SET}] *$'"
#: How spreadsheets show a number of more than eleven digits.
_SCIENTIFIC = r"'[0-9]([.][0-9]+)?[eE][+][0-9]{2,3}'"
#: How a number with more digits than it can hold arrives: the last ones are lost.
_ROUNDED = r"'[0-9]{16,}[.]0+'"
#: Days since the end of 1899, as spreadsheets keep dates: 1927 to 2173.
_SERIAL = r"'[1-9][0-9]{4}([.][0-9]+)?'"
#: Signs of an amount in its own currency; another currency's sign is not taken off.
_SIGNS = {"CNY": ("¥", "元"), "USD": ("[$]", ""), "EUR": ("€", "€"), "GBP": ("£", "")}
_NUMBERS = frozenset({"money", "integer", "number"})
_MOMENTS = frozenset({"date", "timestamp"})


def is_code(target: Column) -> bool:
    """Tell whether a text column holds identifiers or codes, not names that people read."""
    return target.type == "text" and bool(
        target.identity or target.values or target.refers_to or target.unit == "ICD code"
        or target.name.endswith(("_id", "_code"))
    )  # fmt: skip


def _folds(target: Column) -> bool:
    return target.type != "text" or is_code(target)


def _plain(text: str) -> str:
    """Return the SQL condition of a text of ASCII without tabs: nothing to mend, and cheap."""
    return f"(strlen({text}) = length({text}) AND NOT contains({text}, chr(9)))"


def mended(text: str, target: Column) -> str:
    """Return the SQL of the text without blanks around it, in ordinary width where it is a code."""
    whole = f"trim({text}, {_quoted(' ' + _INVISIBLE)})"
    bare = f"CASE WHEN {_wrapped(text)} THEN {whole} ELSE trim({text}) END"
    if _folds(target):
        ordinary = f"translate({bare}, {_quoted(_FULL)}, {_quoted(_HALF)})"
        bare = f"CASE WHEN regexp_matches({text}, {_IS_FULL}) THEN {ordinary} ELSE {bare} END"
    return f"CASE WHEN {_plain(text)} THEN trim({text}) ELSE {bare} END"


def _wrapped(text: str) -> str:
    """Return the SQL condition of an invisible character, not a plain blank, before or after."""
    return f"regexp_matches({text}, {_AROUND})"


def warning(text: str, target: Column) -> str:
    """Return the SQL of the warning's code of a text that was mended; null where there is none."""
    cases = ""
    if target.type in _NUMBERS:
        cases += f" WHEN regexp_matches({text}, '[,，¥￥$€£元]') THEN 'formatted_number'"
    if _folds(target):
        cases += f" WHEN regexp_matches({text}, {_IS_FULL}) THEN 'full_width'"
    cases += f" WHEN {_wrapped(text)} THEN 'hidden_characters'"
    marked = f" AND NOT contains({text}, ',') AND NOT contains({text}, '$')"
    plain = _plain(text) + (marked if target.type in _NUMBERS else "")
    return f"CASE WHEN {plain} THEN NULL{cases} END"


def intact(text: str, target: Column) -> str:
    """Return the SQL condition under which a text is what was meant, as far as can be seen."""
    if not is_code(target):
        return f"NOT regexp_matches({text}, '[\\r\\n]')"
    return (
        f"NOT regexp_matches({text}, {_HIDDEN}) "
        f"AND NOT (contains({text}, '+') AND regexp_full_match({text}, {_SCIENTIFIC})) "
        f"AND NOT (contains({text}, '.') AND regexp_full_match({text}, {_ROUNDED}))"
    )


def reason(text: str, target: Column, code: str) -> str:
    """Return the SQL of the code that says why a text was refused; ``code`` where none does."""
    cases = ""
    if target.type in _NUMBERS:
        cases = f" WHEN contains({text}, ',') THEN 'ambiguous_number'"
    if target.type in _MOMENTS:
        cases = f" WHEN regexp_full_match({text}, {_SERIAL}) THEN 'excel_serial_date'"
    if target.type == "text" and not target.values:
        cases = f" WHEN regexp_matches({text}, '[\\r\\n]') THEN 'line_break'"
    if is_code(target) and not target.values:
        cases += (
            f" WHEN regexp_full_match({text}, {_SCIENTIFIC}) THEN 'scientific_id'"
            f" WHEN regexp_full_match({text}, {_ROUNDED}) THEN 'rounded_id'"
            f" WHEN regexp_matches({text}, {_HIDDEN}) THEN 'hidden_inside'"
        )
    return f"CASE{cases} ELSE {_quoted(code)} END" if cases else _quoted(code)


def formatted(text: str, places: int, currency: str) -> tuple[str, str]:
    """Return the pattern of a number written for people, and the SQL of the same number bare.

    Thousands must be grouped exactly. Where three decimal places are kept, '1,234' could as well
    have a decimal comma, so that one group alone is not enough.
    """
    before, after = _SIGNS.get(currency, ("", ""))
    sign = f"(-?{before}?|{before}-)" if before else "-?"
    fraction = f"[.][0-9]{{1,{places}}}0*" if places else "[.]0+"
    first = "[1-9][0-9]{0,2}"
    many = f"({first}(,[0-9]{{3}}){{2}}|[1-9](,[0-9]{{3}}){{3}})({fraction})?"
    one = f"{first},[0-9]{{3}}({fraction}){'' if places >= 3 else '?'}"
    bare = f"|[0-9]{{1,10}}({fraction})?" if before else ""
    pattern = f"{sign}({many}|{one}{bare}){f'{after}?' if after else ''}"
    return f"'{pattern}'", f"regexp_replace({text}, '[^-0-9.]', '', 'g')"


def serial_moment(text: str) -> str:
    """Return the SQL of the moment of a spreadsheet's day number; null where it is none.

    The first day is 1900-01-01. Day 60 is 1900-02-29, which never was: a fault of the first
    spreadsheets that all others keep. Days after it are one too many. Noise below a millisecond,
    which is what the numbers hold, is rounded away.
    """
    number = f"TRY_CAST({text} AS DECIMAL(18, 12))"
    day = f"TRY_CAST(floor({number}) AS INTEGER)"
    start = f"CASE WHEN {day} < 60 THEN TIMESTAMP '1899-12-31' ELSE TIMESTAMP '1899-12-30' END"
    time = f"CAST(round(({number} - {day}) * 86400000) AS BIGINT)"
    moment = f"{start} + INTERVAL ({day}) DAY + INTERVAL ({time}) MILLISECOND"
    shape = "'[1-9][0-9]{0,4}([.][0-9]+)?'"
    return f"CASE WHEN regexp_full_match({text}, {shape}) AND {day} <> 60 THEN {moment} END"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
