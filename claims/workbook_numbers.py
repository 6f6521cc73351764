"""Numbers of a workbook's cells as the text that they mean.

In: a number as it is stored, and the number format of its cell (ECMA-376 part 1, 18.8.30). Out: a
date, a time, padded digits, or plain digits.

Numbers are written with the fifteen significant digits that spreadsheets keep. A whole number of
more digits has lost some: it keeps a '.0', by which claims.damage knows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Style:
    """How a number is meant: a date, a time of day, or digits padded with zeros."""

    date: bool = False
    time: bool = False
    width: int = 0


#: Number formats that every workbook has; 27 to 36 and 50 to 58 are dates in Chinese editions.
_DATES = {14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 55), 57, 58}
_TIMES = {18, 19, 20, 21, 22, 32, 33, 34, 35, 45, 47, 55, 56}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


def style_of(number: int, layout: str) -> Style:
    """Return what a number format means; formats without a layout are those of every workbook."""
    if not layout:
        return Style(number in _DATES, number in _TIMES)
    if re.search(r"\[[hms]+\]", layout, re.IGNORECASE):
        return Style()  # a duration: hours may be more than a day has
    bare = _LITERAL.sub("", layout.split(";")[0]).lower()
    if re.fullmatch("0{2,15}", bare):
        return Style(width=len(bare))
    if bare in ("general", "@"):
        return Style()
    time = bool(re.search("[hs]", bare))
    return Style(bool(re.search("[yd]", bare)) or ("m" in bare and not time), time)


def number_text(value: str, style: Style, *, from_1904: bool = False) -> str:
    """Return a number as it is meant: a date, padded digits, or plain digits without exponent."""
    number = float(value) + 0.0  # minus nought is nought
    if not abs(number) < 1e300:
        return value
    if (style.date or style.time) and 0 <= number < 2_958_466:
        return _moment_text(number, style, from_1904=from_1904)
    plain = format(Decimal(f"{number:.15g}"), "f")
    if not number.is_integer():
        return plain
    if abs(number) >= 10**15:
        return f"{plain}.0"
    return plain.zfill(style.width) if number >= 0 else plain


def _moment_text(number: float, style: Style, *, from_1904: bool) -> str:
    day, rest = divmod(round(number * 86_400_000), 86_400_000)
    seconds, thousandths = divmod(rest, 1_000)
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    time += f".{thousandths:03}" if thousandths else ""
    day += 1_462 if from_1904 else 0
    if not style.date and day == 0:
        return time
    if day in (0, 60):  # days that never were; the loader says so
        text = "1900-01-00" if day == 0 else "1900-02-29"
    else:
        text = str(date(1899, 12, 31 if day < 60 else 30) + timedelta(days=day))
    return f"{text} {time}" if rest or style.time else text
