"""Rules about visits: cards swiped in a row, too many visits, several places on one day.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

import pytest

from tests.features.planted_days import batch, clock, day


def test_batch_card_swiping(town):
    planted = batch(town, 6)
    found = town.judged("BATCH_CARD_SWIPING")
    # The first four were not known to be a run when they arrived.
    assert found.hits == {planted[4]: (4, 10_000), planted[5]: (5, 10_000)}
    assert found.evidence[planted[4]] == set(planted[:4])


@pytest.mark.parametrize(("persons", "seconds", "hit"), [
    (4, 300, False), (5, 300, True), (5, 299, True), (5, 304, False),
])  # fmt: skip
def test_batch_card_swiping_thresholds(town, persons, seconds, hit):
    batch(town, persons, seconds)
    assert bool(town.judged("BATCH_CARD_SWIPING").hits) is hit


def test_batch_of_one_person_or_other_amounts_is_none(town):
    batch(town, 4)
    for n in range(5):
        town.claim(clock(n), known=clock(n + 0.5), institution_id="shop", claim_type="pharmacy")
        town.claim(clock(n), known=clock(n + 0.5), insured_id=f"r{n}", institution_id="shop",
                   claim_type="pharmacy", total_amount=20_000 + n)  # fmt: skip
    assert all(hits == 4 for hits, _ in town.judged("BATCH_CARD_SWIPING").hits.values())


@pytest.mark.parametrize(("visits", "hit"), [(13, False), (14, False), (15, True), (16, True)])
def test_frequent_outpatient_in_a_month(town, visits, hit):
    claims = [town.claim(day(2 * n) + " 10:00", total_amount=100 + n) for n in range(visits)]
    found = town.judged("FREQUENT_OUTPATIENT")
    assert bool(found.hits) is hit
    if hit:
        assert found.hits[claims[14]] == (14, 114)


@pytest.mark.parametrize(("visits", "hit"), [(3, False), (4, True), (5, True)])
def test_frequent_outpatient_on_a_day(town, visits, hit):
    for n in range(visits):
        town.claim(clock(10 * n), known=clock(10 * n + 1), claim_type="pharmacy")
    assert bool(town.judged("FREQUENT_OUTPATIENT").hits) is hit


def test_dialysis_is_not_frequent(town):
    for n in range(30):
        town.claim(day(n) + " 10:00", main_diagnosis="N18.5")
    town.claim(day(29) + " 15:00", claim_type="pharmacy")
    assert not town.judged("FREQUENT_OUTPATIENT").hits


@pytest.mark.parametrize(("institutions", "hit"), [(2, False), (3, True), (4, True)])
def test_same_day_multi_institution(town, institutions, hit):
    claims = [town.claim(clock(60 * n), known=clock(60 * n + 9), institution_id=f"o{n}")
              for n in range(institutions)]  # fmt: skip
    found = town.judged("SAME_DAY_MULTI_INSTITUTION")
    assert bool(found.hits) is hit
    if hit:
        assert found.hits[claims[2]] == (3, 10_000)
        assert set(found.hits) == set(claims[2:])
