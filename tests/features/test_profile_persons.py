"""Profile features of persons against hand arithmetic: repeats, supply, trips and meetings."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from tests.features.profile_units import AS_OF, of


def test_what_a_persons_claims_repeat(town):
    """Days 1, 8, 15 and 18 of May: gaps of 7, 7 and 3; a week from the 8th holds three claims."""
    town.add("drug_classes", item_code="X1", drug_class="statin", chronic=True,
             valid_from=date(2024, 1, 1))  # fmt: skip
    for day, place, code in ((1, "o1", "X1"), (8, "o1", "X1"), (8, "o2", "X1"), (15, "o3", "X2"),
                             (18, "o1", "X9")):  # fmt: skip
        claim = town.claim(f"2024-05-{day:02} 10:00", institution_id=place)
        town.line(claim, item_code=code, days_supply=60, amount=3_000)
    found = of(town.build("2024-07-30"), "insured", "p1")
    assert found["insured_place_top_share_365"] == 0.6
    assert found["insured_place_hhi_365"] == pytest.approx((9 + 1 + 1) / 25)
    assert found["insured_item_repeats_365"] == pytest.approx(math.log1p(3))
    assert found["insured_item_places_365"] == 2
    assert found["insured_item_top_amount_365"] == pytest.approx(math.log1p(9_000))
    assert found["insured_drugs_365"] == 3
    assert found["insured_week_peak_365"] == pytest.approx(math.log1p(2))
    # 30 July less 1 May is 90 days; 3 x 60 days' supply of the class.
    assert found["insured_class_supply_365"] == 2.0
    assert found["insured_class_excess_365"] == 90
    assert found["insured_gap_variety_365"] == pytest.approx(2 / 3)
    assert found["insured_gap_share_365"] == 0.0  # seven days occur twice, not three times
    town.claim("2024-05-25 10:00")
    found = of(town.build("2024-07-30"), "insured", "p1")
    assert found["insured_gap_share_365"] == 0.75  # 7, 7, 3, 7


@pytest.mark.parametrize(("days", "held"), [(100, 0.6), (90, 60 / 90), (30, 60 / 90)])
def test_a_supply_is_held_against_ninety_days_at_least(town, days, held):
    town.add("drug_classes", item_code="X1", drug_class="statin", chronic=True,
             valid_from=date(2024, 1, 1))  # fmt: skip
    claim = town.claim("2024-03-01 10:00")
    town.line(claim, days_supply=60)
    as_of = date(2024, 3, 1) + timedelta(days=days)
    found = of(town.build(as_of.isoformat()), "insured", "p1")
    assert found["insured_class_supply_365"] == math.floor(1_000 * held) / 1_000
    assert found["insured_class_excess_365"] == 60 - days


def test_two_places_on_one_day(town):
    """9:00 at o1 and 9:20 at o2, 30 km and 40 minutes away, known from the other direction."""
    town.add("distances", institution_id="o2", other_institution_id="o1", distance_m=30_000,
             travel_minutes=40)  # fmt: skip
    town.claim("2024-05-01 09:00")
    town.claim("2024-05-01 09:20", institution_id="o2")
    town.claim("2024-05-02 09:00")
    town.claim("2024-05-02 09:40", institution_id="o2")  # forty minutes are enough
    town.claim("2024-05-03 09:00")
    town.claim("2024-05-03 09:00", institution_id="o3")  # no distance is known
    found = of(town.build(AS_OF), "insured", "p1")
    assert found["insured_trips_365"] == 3
    assert found["insured_farthest_trip_365"] == 30_000
    assert found["insured_impossible_trips_365"] == 1


def test_nobody_met_nobody(town):
    """A person without pairs has none: zero where it counts, unknown where it measures."""
    town.claim("2024-05-01 09:00")
    found = of(town.build(AS_OF, "distances", "drug_classes", "claim_lines"), "insured", "p1")
    for name in ("insured_trips_365", "insured_impossible_trips_365", "insured_overlaps_365",
                 "insured_inside_stays_365", "insured_returns_365"):  # fmt: skip
        assert found[name] == 0
    for name in ("insured_farthest_trip_365", "insured_shortest_return_365",
                 "insured_class_supply_365", "insured_gap_share_365", "insured_item_places_365",
                 "insured_place_hhi_365"):  # fmt: skip
        assert np.isnan(found[name])
    assert found["insured_place_top_share_365"] == 1.0
