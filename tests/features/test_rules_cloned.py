"""Stays like copies: each flagged claim names the equal stays that were known before it."""

from __future__ import annotations

import pytest

from features.rules import rules

RULE = next(rule for rule in rules() if rule.id == "CLONED_STAYS")


def copy(town, person: str, *, first: int = 0, nights: int = 5, lines: int = 10, exam: int = 3_000,
         bed: int = 5_000, device: int = 700, total: int = 100_000, **given) -> str:  # fmt: skip
    """Plant a stay of ten lines: a test, a bed, a consumable and drugs."""
    stay = town.stay(town.day(first), town.day(first + nights), insured_id=person,
                     total_amount=total, **{"main_diagnosis": "I10", **given})  # fmt: skip
    town.line(stay, item_class="exam", amount=exam)
    town.line(stay, item_class="bed", amount=bed)
    town.line(stay, item_class="consumable", amount=device)
    for n in range(lines - 3):
        town.line(stay, item_code=f"D{n}", amount=9_000)
    return stay


def three(town, **given) -> list[str]:
    """Plant three copies, the last with something of its own."""
    stays = [copy(town, f"p{n}", first=n) for n in range(2)]
    return [*stays, copy(town, "p2", **{"first": 2, **given})]


def test_copies_of_a_stay(town):
    stays = three(town)
    found = town.judged(RULE.id, "2024-12-01")
    # Two are no group yet; the third knows two others.
    assert found.hits == {stays[2]: (2, 7_000)}
    assert found.evidence == {stays[2]: set(stays[:2])}


@pytest.mark.parametrize("given", [
    {"exam": 3_001}, {"bed": 5_001}, {"device": 699}, {"lines": 11}, {"nights": 6},
    {"main_diagnosis": "I11"},
    {"institution_id": "o2"}, {"total": 94_999}, {"total": 105_264}, {"first": 8},
])  # fmt: skip
def test_what_differs_is_no_copy(town, given):
    three(town, **given)
    assert not town.judged(RULE.id, "2024-12-01").hits


@pytest.mark.parametrize("given", [{"total": 95_000}, {"total": 105_263}, {"first": 7}])
def test_a_little_difference_is_a_copy(town, given):
    """95 % either way, and seven days after the first."""
    assert set(_planted(town, given).judged(RULE.id, "2024-12-01").hits) == {
        town.rows["claims"][-1]["claim_id"]
    }


def _planted(town, given):
    three(town, **given)
    return town


@pytest.mark.parametrize(("nights", "lines", "hit"), [
    (2, 10, True), (1, 10, False), (2, 9, False), (2, 11, True),
])  # fmt: skip
def test_short_stays_and_bills_are_equal_by_chance(town, nights, lines, hit):
    for n in range(3):
        copy(town, f"p{n}", first=n, nights=nights, lines=lines)
    assert bool(town.judged(RULE.id, "2024-12-01").hits) is hit


def test_one_person_is_no_group(town):
    copy(town, "p0")
    for n in range(4):
        copy(town, "p1", first=n)
    assert not town.judged(RULE.id, "2024-12-01").hits


def test_cancelled_copies_and_cycles_do_not_count(town):
    stays = three(town)
    town.reverse(stays[0], "2024-03-05")
    assert not town.judged(RULE.id, "2024-12-01").hits
    town.rows["claims"] = []
    for n in range(3):
        copy(town, f"p{n}", first=n, main_diagnosis="Z51.1")
    assert not town.judged(RULE.id, "2024-12-01").hits
