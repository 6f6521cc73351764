"""The date as of which everything is computed where nobody names one.

In: a store version. Out: the day after the last claim became known, in local time. A few claims far
behind all others have a mistyped date more likely than a true one, and with them every window would
end in an empty year: they are left out, counted, and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from claims.engine import open_engine, run
from claims.parsing import quote
from claims.store import StoreVersion

#: Days without any claim, and the share of all claims behind them, from which on these are strays.
STRAY_GAP = 45
STRAY_SHARE = 0.001


@dataclass(frozen=True)
class DefaultAsOf:
    """A date, and what lies far behind it: how many claims, and the day of the first."""

    day: date
    strays: int = 0
    first_stray: date | None = None


def default_as_of(store: StoreVersion) -> DefaultAsOf:
    """Return the day after the last claim that is not far behind all others."""
    con = open_engine()
    store.attach(con)
    zone = quote(store.meta["time_zone"])
    days = run(
        con,
        f"SELECT CAST(timezone({zone}, known_at) AS DATE) AS day, count(*) FROM claims "
        "GROUP BY day ORDER BY day",
    )
    return chosen([(day, int(claims)) for day, claims in days])


def chosen(days: list[tuple[date, int]]) -> DefaultAsOf:
    """Return the date for claims counted by the day on which they became known, in order."""
    total = sum(claims for _, claims in days)
    strays, first = 0, None
    kept = len(days)
    behind = 0
    for place in range(len(days) - 1, 0, -1):
        behind += days[place][1]
        if behind > STRAY_SHARE * total:
            break
        if days[place][0] - days[place - 1][0] > timedelta(days=STRAY_GAP):
            kept, strays, first = place, behind, days[place][0]
    return DefaultAsOf(days[kept - 1][0] + timedelta(days=1), strays, first)
