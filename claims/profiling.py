"""What the content of a column shows: how full, how varied, dates, numbers, codes or identifiers.

In: the texts of one column of a file. Out: a profile of counts and kinds. A profile keeps the texts
of a column in memory only where they are few and short, for the code lists of a draft; what may be
written of them is decided in ``claims.draft``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from claims.dates import contradiction, shape

#: How files write that there is no value.
NULLS = frozenset(
    ("null", "na", "n/a", "none", "nan", "nat", "-", "--", "\\n", "#n/a", "0000-00-00", "空")
)
_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y", "%Y年%m月%d日",
    "%Y-%-m-%-d", "%Y/%-m/%-d", "%-d/%-m/%Y", "%-m/%-d/%Y", "%-d.%-m.%Y", "%Y年%-m月%-d日",
)  # fmt: skip
_TIMES = (
    "", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %H:%M:%S.%f", "T%H:%M:%S.%f",
    "T%H:%M:%SZ", "T%H:%M:%S.%fZ", " %-H:%M:%S",
    " %-H:%M", " %I:%M:%S %p", " %-I:%M:%S %p", " %-I:%M %p", "%H%M%S",
)  # fmt: skip
_LAYOUTS = {
    layout: re.compile(shape(layout, "[0-9]{4}"))
    for time in _TIMES for day in _DAYS
    if (layout := day + time) and (time != "%H%M%S" or day == "%Y%m%d")
}  # fmt: skip
#: Share from which a column is one of dates or numbers; the rest are faults to be asked about.
_ENOUGH, _FORMATS = 0.9, 3
_NUMBER = re.compile(r"-?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)([.][0-9]+)?")
_SIGNS = ("$", "¥", "￥", "€", "£", "元")
_ICD = re.compile(r"[A-TV-Z][0-9][0-9A-Z]([.]?[0-9A-Zx+*]{1,6})?|[VE]?[0-9]{3}[.]?[0-9]{0,2}")


@dataclass(frozen=True)
class Profile:
    """What one column of a file looks like; shares are of its filled rows."""

    name: str
    rows: int
    filled: int
    distinct: int
    dates: float = 0.0
    formats: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    first_day: datetime | None = None
    last_day: datetime | None = None
    numbers: float = 0.0
    places: int = 0
    digits: int = 0
    remove: tuple[str, ...] = ()
    thousands: bool = False
    diagnoses: float = 0.0
    longest: int = 0
    nulls: frozenset[str] = frozenset()
    values: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_date(self) -> bool:
        """Whether nearly all texts are dates."""
        return self.dates >= _ENOUGH

    @property
    def is_number(self) -> bool:
        """Whether nearly all texts are plain decimal numbers."""
        return self.numbers >= _ENOUGH and not self.is_date

    @property
    def unique(self) -> float:
        """Share of filled rows that differ from each other."""
        return self.distinct / self.filled if self.filled else 0.0


def profile(name: str, texts: Sequence[str | None]) -> Profile:
    """Return what a column's texts show."""
    trimmed = [(text or "").strip() for text in texts]
    filled = Counter(t for t in trimmed if t and t.casefold() not in NULLS)
    total = sum(filled.values())
    nulls = frozenset(t for t in trimmed if t and t.casefold() in NULLS)
    if not total:
        return Profile(name, len(texts), 0, 0, nulls=nulls)
    dates, formats, rivals = _dates(filled, total)
    days = [d for t in filled if (d := _first(t, formats))] if dates >= _ENOUGH else []
    plain = {t: _unsigned(t) for t in filled}
    numbers = sum(n for t, n in filled.items() if _NUMBER.fullmatch(plain[t])) / total
    few = len(filled) <= 20 and max(map(len, filled)) <= 12
    return Profile(
        name=name, rows=len(texts), filled=total, distinct=len(filled), dates=dates,
        formats=formats, rivals=rivals, first_day=min(days, default=None),
        last_day=max(days, default=None), numbers=numbers,
        places=max(len(p.partition(".")[2]) for p in plain.values()),
        digits=max(len(p.partition(".")[0].lstrip("-")) for p in plain.values()),
        remove=tuple(s for s in _SIGNS if any(s in t for t in filled)),
        thousands=any("," in p for p in plain.values()),
        diagnoses=sum(n for t, n in filled.items() if _ICD.fullmatch(t.upper())) / total,
        longest=max(map(len, filled)), nulls=nulls, values=dict(filled) if few else {},
    )  # fmt: skip


def _unsigned(text: str) -> str:
    for sign in _SIGNS:
        text = text.replace(sign, "").strip()
    return text


def _dates(texts: Mapping[str, int], total: int) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
    """Return the share of dates, the fewest formats that read them, and two that rival each other.

    The layouts in question are found from the texts with all digits made alike; only those are
    tried on every text.
    """
    skeletons = {re.sub("[0-9]", "0", t) for t in texts}
    if len(skeletons) > 40:
        return 0.0, (), ()
    layouts = [f for f, p in _LAYOUTS.items() if any(p.fullmatch(s) for s in skeletons)]
    read = {f: {t for t in texts if _day(t, f)} for f in layouts}
    left, chosen, rivals = set(texts), list[str](), tuple[tuple[str, str], ...]()
    while left and len(chosen) < _FORMATS:
        best = max(layouts, key=lambda f: _weight(read[f] & left, texts), default="")
        if not best or _weight(read[best] & left, texts) < 0.01 * total:
            break
        # Another reading of the same texts, day and month exchanged, is a question, not a guess.
        same = (f for f in layouts if read[best] & left <= read[f] and contradiction((best, f)))
        rivals = rivals or tuple((best, f) for f in same)
        chosen.append(best)
        left -= read[best]
    clash = contradiction(chosen)
    share = 1 - _weight(left, texts) / total
    return share, tuple(chosen), clash[:2] if clash else (rivals[0] if rivals else ())


def _weight(chosen: set[str], texts: Mapping[str, int]) -> int:
    return sum(texts[t] for t in chosen)


def _day(text: str, layout: str) -> datetime | None:
    if not _LAYOUTS[layout].fullmatch(text):
        return None
    try:
        day = datetime.strptime(text, layout.replace("%-", "%"))
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2100 else None


def _first(text: str, formats: Sequence[str]) -> datetime | None:
    return next((d for f in formats if (d := _day(text, f))), None)
