"""Time is cut here and nowhere else.

A date ``as_of`` means local midnight at its start in the source's zone: what became known from
that moment on does not exist for anything computed as of the date. Windows are half-open.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return _EPOCH + timedelta(days=number)


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 in UTC, exactly; the moment must carry its zone."""
    if moment.tzinfo is None:
        raise ValueError("A moment without a time zone cannot be placed; give its zone.")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND


def cut(as_of: date, zone: str) -> int:
    """Return the first microsecond that is *not* known as of a date."""
    return microseconds(datetime(as_of.year, as_of.month, as_of.day, tzinfo=ZoneInfo(zone)))


def local(us: int, zone: str) -> datetime:
    """Return the local time of microseconds since 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + us * _MICROSECOND).astimezone(ZoneInfo(zone))


def month_starts(first: date, as_of: date) -> list[date]:
    """Return the profile dates: every month's first day after ``first`` up to, and with, as_of."""
    days: list[date] = []
    year, month = first.year, first.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        day = date(year, month, 1)
        if day >= as_of:
            return [*days, as_of]
        days.append(day)
