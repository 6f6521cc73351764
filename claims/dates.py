"""Date formats of a mapping: which can be read without guessing, and which contradict each other.

In: formats as ``strftime`` writes them. Out: the regular expression of what a format may look like
(the engine's own parser is too lenient), what is wrong with a format, and a text that two formats
would read as different moments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from claims.mapping_faults import Phrase

_TWO, _ONE_OR_TWO = "[0-9]{2}", "[0-9]{1,2}"
#: Directive -> what it looks like. Years of two digits are left out: their century is a guess.
DIRECTIVES = {
    "%Y": "", "%m": _TWO, "%d": _TWO, "%H": _TWO, "%M": _TWO, "%S": _TWO, "%I": _TWO,
    "%-m": _ONE_OR_TWO, "%-d": _ONE_OR_TWO, "%-H": _ONE_OR_TWO, "%-I": _ONE_OR_TWO,
    "%p": "[AaPp][Mm]", "%b": "[A-Za-z]{3}", "%f": "[0-9]{1,6}",
}  # fmt: skip
#: The format of a date that arrives as a spreadsheet's day number; no other format looks like it.
EXCEL = "excel"
_DIRECTIVE = re.compile(r"%-?.|%")
#: Moments whose texts would tell formats apart; all within the years that may occur.
_PROBES = tuple(
    datetime(year, month, day, hour, minute, 9)
    for year, month, day, hour, minute in (
        (2003, 4, 5, 6, 7), (2011, 12, 10, 11, 8), (1998, 1, 2, 12, 10), (2020, 11, 12, 3, 4),
        (2024, 5, 20, 10, 9),
    )
)  # fmt: skip


def shape(layout: str, years: str) -> str:
    """Return the regular expression of what ``strftime`` writes for a layout."""
    parts, end = [], 0
    for found in _DIRECTIVE.finditer(layout):
        parts.append(re.escape(layout[end : found.start()]).replace(r"\-", "-"))
        parts.append(DIRECTIVES[found.group()] or years)
        end = found.end()
    return "".join([*parts, re.escape(layout[end:]).replace(r"\-", "-")])


def format_fault(layout: str) -> Phrase | None:
    """Return why a format cannot be read without guessing, or None."""
    if layout == EXCEL:
        return None
    used = _DIRECTIVE.findall(layout)
    if unknown := [d for d in used if d not in DIRECTIVES]:
        return Phrase("unknown_directive", {"name": unknown[0], "allowed": " ".join(DIRECTIVES)})
    plain = [d.replace("-", "") for d in used]
    months = plain.count("%m") + plain.count("%b")
    if plain.count("%Y") != 1 or months != 1 or plain.count("%d") != 1:
        return Phrase("no_day")
    if ("%I" in plain) != ("%p" in plain):
        return Phrase("no_half")
    return None


def contradiction(formats: Sequence[str]) -> tuple[str, str, str] | None:
    """Return two sound formats and a text that they read as different moments, or None."""
    written = [layout for layout in formats if layout != EXCEL]
    for one in written:
        for other in written:
            if one < other and (text := _told_apart(one, other)):
                return one, other, text
    return None


def _told_apart(one: str, other: str) -> str:
    """Return a text of either format that both read, and not as the same moment; else nothing."""
    for moment in _PROBES:
        for layout in (one, other):
            text = moment.strftime(layout)
            seen = {_read(text, f) for f in (one, other)} - {None}
            if len(seen) > 1:
                return text
    return ""


def _read(text: str, layout: str) -> datetime | None:
    if not re.fullmatch(shape(layout, "(1[89]|2[0-4])[0-9]{2}"), text):
        return None
    try:
        return datetime.strptime(text, layout.replace("%-", "%"))
    except ValueError:
        return None
