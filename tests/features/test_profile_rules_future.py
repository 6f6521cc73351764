"""Profile rules on a simulated county: what came later changes nothing, nor does a further day."""

from __future__ import annotations

from datetime import date

import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from features.build import build_rules
from features.clock import day_number

EARLY, LATE = date(2025, 3, 1), date(2025, 6, 1)


@pytest.fixture(scope="module")
def hits(county, tmp_path_factory):
    """Return the hits of every profile rule as computed on an early and on a late day."""
    home = tmp_path_factory.mktemp("profile_rules")
    load(source_mapping("nhsa"), county, home)
    store = open_store(home)
    return {
        day: set(build_rules(store, day).con.execute("FROM profile_hits").fetchall())
        for day in (EARLY, LATE)
    }


def test_what_came_later_changes_no_earlier_hit(hits):
    early = day_number(EARLY)
    assert {row for row in hits[LATE] if row[1] <= early} == hits[EARLY]
    assert len({rule_id for rule_id, *_ in hits[EARLY]}) >= 2


def test_every_hit_counts_something(hits):
    units = [row[:3] for row in hits[LATE]]
    assert len(set(units)) == len(units)
    assert all(found > 0 and amount >= 0 for _, _, _, found, amount in hits[LATE])
