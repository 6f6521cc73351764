"""Features that set a claim beside others, by hand: its make-up, who comes with it, its peers."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from tests.features.profile_units import AS_OF, of, person


def test_a_claims_own_make_up(town):
    claim = town.stay("2024-03-01 10:00", "2024-03-04 10:00", total_amount=20_000)
    town.line(claim, amount=6_000, prescription_id="r1", pay_class="a", covered_amount=6_000,
              discharge_drug=True, days_supply=30)  # fmt: skip
    town.line(claim, amount=2_000, prescription_id="r2", pay_class="self", covered_amount=0,
              discharge_drug=False)  # fmt: skip
    town.line(claim, amount=12_000, item_code="E1", item_class="exam", covered_amount=9_000)
    found = of(town.build(AS_OF), "claim", claim)
    assert found["claim_item_repeats"] == 1.5
    assert found["claim_drug_items"] == 1
    assert found["claim_prescriptions"] == 2
    assert found["claim_covered_share"] == 0.75
    assert found["claim_uncovered_share"] == 0.1
    assert found["claim_taken_home_share"] == 0.75
    assert found["claim_drug_amount"] == pytest.approx(math.log1p(8_000))
    assert found["claim_exam_amount"] == pytest.approx(math.log1p(12_000))
    assert found["claim_amount_per_line"] == pytest.approx(math.log1p(20_000 / 3))
    assert found["claim_supply_cost"] == pytest.approx(math.log1p(8_000 / 30))


def test_villagers_and_colleagues_at_one_desk(town):
    """Of three claims in the half hour before, one is of the village, two of the employer."""
    town.rows["insured"][0] |= {"village_id": "v1", "employer_id": "e1"}
    for who, village, employer in (("q2", "v1", "e1"), ("q3", "v2", "e1"), ("q4", None, None)):
        person(town, who, village_id=village, employer_id=employer)
    lone = person(town, "q5")
    for minute, who in ((31, "q2"), (40, "q3"), (50, "q4"), (55, "p1")):
        claim = town.claim(f"2024-03-01 09:{minute}", insured_id=who, known="2024-03-01 09:59")
        town.line(claim)
    later = town.claim("2024-03-01 10:00", known="2024-03-01 10:10")
    town.line(later)
    found = of(town.build(AS_OF), "claim", later)
    assert found["place_same_village_30min"] == pytest.approx(math.log1p(1))
    assert found["place_same_employer_30min"] == pytest.approx(math.log1p(2))
    assert found["place_same_basket_30min"] == 3
    alone = town.claim("2024-03-01 10:00", insured_id=lone, known="2024-03-01 10:10")
    assert np.isnan(of(town.build(AS_OF), "claim", alone)["place_same_village_30min"])


def test_claims_among_thirty_of_their_kind(town):
    """29 claims of 100.00 and one of 300.00 before: 200.00 lies between the top quantiles."""
    for n in range(30):
        town.claim(
            "2024-03-01 10:00", insured_id=f"q{n}", total_amount=30_000 if n == 0 else 10_000
        )
    later = town.claim("2024-04-02 10:00", total_amount=20_000)
    equal = town.claim("2024-04-02 10:00", total_amount=10_000)
    made = town.build("2024-06-01")
    # Quantiles: 0.95 -> 100.00 (29 of 30), 0.99 -> 300.00; half way between 0.95 and 0.99.
    assert of(made, "claim", later)["peer_amount_rank"] == pytest.approx(0.97)
    assert of(made, "claim", equal)["peer_amount_rank"] == pytest.approx((0.05 + 0.95) / 2)
    assert of(made, "claim", later)["peer_amount_ratio"] == pytest.approx(1.5)
    assert np.isnan(of(made, "claim", later)["peer_stay_days_rank"])


@pytest.mark.parametrize(
    ("department", "typical"), [("A03", 10_000), ("A04", 40_000), (None, 25_000)]
)
def test_peers_of_the_department_come_first(town, department, typical):
    """Thirty claims each of two departments; who has none is compared with the whole group."""
    for n in range(30):
        town.claim("2024-03-01 10:00", insured_id=f"q{n}", total_amount=10_000, department="A03")
        town.claim("2024-03-01 10:00", insured_id=f"r{n}", total_amount=40_000, department="A04")
    town.claim("2024-03-01 10:00", insured_id="s1", total_amount=25_000, department="A05")
    later = town.claim("2024-04-02 10:00", total_amount=25_000, department=department)
    made = town.build("2024-06-01")
    n = 30 if department else 61
    expected = (n * 25_000 / typical + 30) / (n + 30)
    assert of(made, "claim", later)["peer_amount_ratio"] == pytest.approx(expected)


@pytest.mark.parametrize("days", [364, 365, 366])
def test_groups_reach_back_a_year(town, days):
    as_of = date(2024, 3, 1) + timedelta(days=days)
    town.claim("2024-03-01 10:00", insured_id="q2")
    town.claim("2024-12-01 10:00")
    town.claim("2024-12-02 10:00")
    found = of(town.build(as_of.isoformat()), "institution", "o1")
    assert found["org_patient_top_share_365"] == (1.0 if days > 365 else pytest.approx(2 / 3))
