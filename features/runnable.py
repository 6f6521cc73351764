"""What a store's columns allow: the features and rules that run, and those that do not and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from claims.engine import open_engine, run
from claims.store import StoreVersion
from features.catalogue import Feature, catalogue
from features.clock import cut
from features.relations import clock_text
from features.rules import Rule, rules

#: Needed by whatever looks at the time of day; a source of dates lacks it though it has the column.
CLOCK = "claims.service_at"


@dataclass(frozen=True)
class NotRun:
    """A feature or rule that was not run, and the columns that it lacked."""

    name: str
    kind: str
    missing: tuple[str, ...]


def runnable(
    store: StoreVersion, as_of: date
) -> tuple[tuple[Feature, ...], tuple[Rule, ...], list[NotRun]]:
    """Split catalogue and rules into what the store's columns allow and what they do not."""
    return split(store, _has_clock(store, as_of))


def split(
    store: StoreVersion, clock: bool
) -> tuple[tuple[Feature, ...], tuple[Rule, ...], list[NotRun]]:
    """Split catalogue and rules; ``clock`` tells whether any claim carries a time of day."""
    not_run: list[NotRun] = []

    def allowed(kind: str, name: str, needs: Sequence[str]) -> bool:
        missing = tuple(
            n for n in needs if not store.has(*n.split(".")) or (n == CLOCK and not clock)
        )
        if missing:
            not_run.append(NotRun(name, kind, missing))
        return not missing

    features = tuple(f for f in catalogue() if allowed("feature", f.name, f.needs))
    kept = tuple(r for r in rules() if allowed("rule", r.id, r.needs))
    return features, kept, not_run


def _has_clock(store: StoreVersion, as_of: date) -> bool:
    """Tell whether any known claim carries a time of day: dates alone become local midnights."""
    zone = store.meta["time_zone"]
    con = open_engine()
    store.attach(con)
    found = run(con, f"{clock_text(zone, cut(as_of, zone))} LIMIT 1")
    con.close()
    return bool(found)
