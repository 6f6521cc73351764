"""Local times become UTC, in SQL; a time that the clocks skipped is none.

In: the SQL of a local time, and an IANA zone. Out: the SQL of the moment in UTC. Where clocks are
put forward, the times between were never shown by any clock: the engine would move them on by the
hour that was skipped, so they are refused. Midnight alone is kept, because it stands for a day: in
some zones a day begins at one o'clock. A time that clocks showed twice, when they were put back, is
the later one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

#: Days between two looks at a zone's offset: no zone kept its clocks forward for less.
_STEP = timedelta(days=7)
_FIRST, _LAST = datetime(1800, 1, 1), datetime(2500, 1, 1)


@cache
def settled_from(zone: str) -> datetime:
    """Return a local time from which on a zone's clocks are put forward no more."""
    place = ZoneInfo(zone)
    at, later = _LAST, _offset(_LAST, place)
    while at > _FIRST:
        at -= _STEP
        if (now := _offset(at, place)) < later:
            # Two sources of zones may differ in a day, never in a year.
            return datetime(min(at.year + 2, _LAST.year), 1, 1)
        later = now
    return _FIRST


def _offset(at: datetime, place: ZoneInfo) -> timedelta:
    return at.replace(tzinfo=place).utcoffset() or timedelta()


def utc_moment(local: str, zone: str, plus_days: int = 0) -> str:
    """Return the SQL of the moment of a local time, null where the clocks skipped it.

    ``local`` should be the name of a column: it is looked at more than once.
    """
    named = f"'{zone}'"
    plus = f" + INTERVAL ({plus_days}) DAY" if plus_days else ""
    moment = f"timezone({named}, {local}{plus})"
    settled = settled_from(zone).isoformat(sep=" ")
    return (
        f"CASE WHEN {local} >= TIMESTAMP '{settled}' THEN {moment} "
        f"WHEN {local} = date_trunc('day', {local}) THEN {moment} "
        f"WHEN timezone({named}, timezone({named}, {local})) = {local} THEN {moment} END"
    )
