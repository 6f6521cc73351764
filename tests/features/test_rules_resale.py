"""Drugs bought to be sold again: each sign alone and on top of others, worked out by hand."""

from __future__ import annotations

from datetime import date

import pytest

from tests.features.planted_days import DAY
from tests.features.planted_people import FULL, noon, resale, resold


@pytest.mark.parametrize(("bought", "cash", "signs"), [
    (FULL, 5_000, 3),
    (FULL, 2_000, 4),  # 20 % in cash
    (FULL, 2_001, 3),
    ((*FULL, ("R1", "c", 84), ("R1", "d", 84)), 5_000, 4),  # four places
    ((*FULL, ("R2", "a", 9), ("R3", "a", 9)), 5_000, 4),  # three drugs
    ((("R1", "a", 84), ("R1", "b", 84), ("R1", "a", 55)), 5_000, 0),  # oversupply and share: two
    ((("R1", "a", 72), ("R1", "b", 72), ("R1", "a", 72)), 5_000, 0),  # 216 days are not more
    ((("R1", "a", 73), ("R1", "b", 72), ("R1", "a", 72)), 5_000, 3),
    ((("R1", "a", 9), ("R1", "b", 9), ("R1", "c", 9), ("R1", "d", 9)), 2_000, 0),  # too little
])  # fmt: skip
def test_signs_of_resale(town, bought, cash, signs):
    resold(town)
    planted = resale(town, *bought, cash=cash)
    found = town.judged("DRUG_RESALE_PATTERN")
    assert found.hits.get(planted[-1]) == ((signs, 600) if signs else None)
    if signs:
        assert found.evidence[planted[-1]] == set(planted[:-1])


@pytest.mark.parametrize(("diagnosis", "signs"), [("C34.9", 3), ("I10", 4), (None, 4)])
def test_a_drug_without_a_fitting_diagnosis_is_a_sign(town, diagnosis, signs):
    """Compared by category: C34.1 is the reason of a drug for C34.9."""
    resold(town)
    town.add("indications", item_code="R1", diagnosis_prefix="C34.1", valid_from=date(2020, 1, 1))
    town.claim(noon(-20), main_diagnosis=diagnosis)
    planted = resale(town, *FULL)
    assert town.judged("DRUG_RESALE_PATTERN").hits[planted[-1]] == (signs, 600)


def test_other_drugs_thin_the_share_and_are_not_looked_at(town):
    """Three signs are left without the share: 252 days, the longest supply, little cash."""
    resold(town)
    planted = resale(town, *FULL, cash=100)
    town.line(planted[0], item_code="X1", amount=451)  # 1,800 of 2,251 is under 80 %
    assert town.judged("DRUG_RESALE_PATTERN").hits == {planted[2]: (3, 600)}
    for row in town.rows["items"]:
        row["valid_to"] = DAY  # no longer on the list of resold drugs
    assert not town.judged("DRUG_RESALE_PATTERN").hits


def test_twice_the_need_from_three_places_is_enough(town):
    """361 days in half a year; nothing else but the supply speaks against it."""
    resold(town)
    for days, hit in ((120, False), (121, True)):
        town.rows.pop("claims", None)
        planted = resale(town, ("R1", "a", 55), ("R1", "b", 55), ("R1", "a", 55), ("R1", "c", 75),
                         ("R1", "a", days))  # fmt: skip
        for claim in planted:
            town.line(claim, item_code="X1", amount=600)
        assert (planted[-1] in town.judged("DRUG_RESALE_PATTERN").hits) is hit
        town.rows.pop("claim_lines")
