"""A card in other hands: facts that do not fit its person, planted and worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.features.planted_days import DAY, day
from tests.features.planted_people import borrowed, stays, visit


@pytest.mark.parametrize(("diagnosis", "item", "hits"), [
    ("Z34.9", "S1", 2), ("N40", "S2", 2), ("N40", "S1", 2), ("Z34.9", "X1", 0), ("I10", "S1", 0),
    (None, "S2", 0),
])  # fmt: skip
def test_two_facts_that_do_not_fit_the_person(town, diagnosis, item, hits):
    borrowed(town)
    claim, line = visit(town, 0, diagnosis, item)
    found = town.judged("IDENTITY_MISUSE")
    assert found.hits == ({claim: (2, 8_000)} if hits else {})
    assert found.evidence == ({claim: {line}} if hits else {})


def test_facts_add_up_over_claims(town):
    """The second visit is judged with the first; a third without a contradiction is not."""
    borrowed(town)
    visit(town, 0, "Z34.9", "X1")
    second, _ = visit(town, 30, "I10", "S2")
    visit(town, 60, "I10", "X1")
    assert town.judged("IDENTITY_MISUSE").hits == {second: (2, 8_000)}


@pytest.mark.parametrize(("age", "hit"), [(20_819, False), (20_820, False), (20_821, True)])
def test_an_age_must_be_off_by_a_year(town, age, hit):
    """Up to 55 means 56 times 365.25 days, 20,454; with 366 days of grace 20,820."""
    borrowed(town)
    town.rows["insured"][-1]["birth_date"] = DAY - timedelta(days=age)
    visit(town, 0, "Z34.9", "S1")
    assert bool(town.judged("IDENTITY_MISUSE").hits) is hit


@pytest.mark.parametrize(("age", "hit"), [(4_016, True), (4_017, False), (4_018, False)])
def test_too_young_by_a_year(town, age, hit):
    """From 12 means 4,383 days, less 366."""
    borrowed(town)
    town.rows["insured"][-1]["birth_date"] = DAY - timedelta(days=age)
    visit(town, 0, "Z34.9", "S1")
    assert bool(town.judged("IDENTITY_MISUSE").hits) is hit


@pytest.mark.parametrize(("before", "after", "hit"), [
    ("47.09", "47.01", True), ("47.09", "47.09", True), ("51.22", "51.23", True),
    ("47.09", "51.23", False), ("79.36", "79.36", False),
])  # fmt: skip
def test_an_organ_is_not_removed_twice(town, before, after, hit):
    planted = [town.stay(day(n), day(n + 4), stay_id=f"s{n}") for n in (0, 100)]
    for claim, code in zip(planted, (before, after), strict=True):
        town.add("claim_procedures", claim_id=claim, place=1, procedure_code=code)
    found = town.judged("IDENTITY_MISUSE")
    assert found.hits == ({planted[1]: (1, 8_000)} if hit else {})
    assert found.evidence == ({planted[1]: {planted[0]}} if hit else {})


def test_an_organ_removed_three_times_is_one_fact(town):
    planted = stays(town, 0, 100, 200)
    for claim in planted:
        town.add("claim_procedures", claim_id=claim, place=1, procedure_code="47.09")
    hits = town.judged("IDENTITY_MISUSE").hits
    assert hits == {planted[1]: (1, 8_000), planted[2]: (1, 8_000)}
