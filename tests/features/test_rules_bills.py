"""Rules about single bills: duplicates, supply at home, prices and quantities, death, sex.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.features.planted_days import DAY, day


@pytest.mark.parametrize(("distance", "hit"), [(0, True), (1, True), (-1, True), (2, False)])
def test_duplicate_claim(town, distance, hit):
    first = town.claim(day(5) + " 10:00", known=day(9))
    later = town.claim(day(5 + distance) + " 15:00", known=day(10))
    found = town.judged("DUPLICATE_CLAIM")
    assert found.hits == ({later: (1, 10_000)} if hit else {})
    assert found.evidence == ({later: {first}} if hit else {})


@pytest.mark.parametrize("other", [
    {"insured_id": "p2"}, {"total_amount": 10_001}, {"claim_type": "pharmacy"},
])  # fmt: skip
def test_a_claim_that_differs_is_no_duplicate(town, other):
    town.claim("2024-03-01 10:00")
    town.claim("2024-03-01 15:00", **other)
    assert not town.judged("DUPLICATE_CLAIM").hits


def test_claims_with_other_lines_are_no_duplicates(town):
    for lines in (1, 2):
        claim = town.claim("2024-03-01 10:00", known=day(lines))
        for _ in range(lines):
            town.line(claim)
    assert not town.judged("DUPLICATE_CLAIM").hits


def test_nothing_billed_twice_is_no_duplicate(town):
    town.claim("2024-03-01 10:00", total_amount=0)
    town.claim("2024-03-01 15:00", total_amount=0)
    assert not town.judged("DUPLICATE_CLAIM").hits


def test_interim_settlements_of_a_stay_are_neither_duplicates_nor_overlaps_nor_splits(town):
    for first in (0, 1, 2):
        town.stay(day(first), day(first + 1), stay_id="s1", main_diagnosis="F20.9")
    # Some hospitals repeat the day of admission on every settlement.
    town.stay(day(0), day(9), stay_id="s1", main_diagnosis="F20.9")
    for rule_id in ("DUPLICATE_CLAIM", "OVERLAPPING_STAYS", "SPLIT_HOSPITALISATION"):
        assert not town.judged(rule_id).hits


def test_the_same_days_of_a_stay_settled_twice_are_a_duplicate(town):
    town.stay(day(0), day(3), stay_id="s1")
    later = town.stay(day(0), day(3), known=day(9), stay_id="s1")
    assert set(town.judged("DUPLICATE_CLAIM").hits) == {later}


@pytest.mark.parametrize(("days", "kind", "hit"), [
    (84, "outpatient", False), (85, "outpatient", True), (83, "outpatient", False),
    (150, "pharmacy", False),
])  # fmt: skip
def test_excess_supply_of_one_prescription(town, days, kind, hit):
    claim = town.claim("2024-03-01 10:00", claim_type=kind)
    line = town.line(claim, days_supply=days, amount=700)
    town.line(claim, item_code="X2", days_supply=7, amount=40)
    found = town.judged("EXCESS_DAYS_SUPPLY")
    assert found.hits == ({claim: (1, 700)} if hit else {})
    assert found.evidence == ({claim: {line}} if hit else {})


@pytest.mark.parametrize(("gap", "hit"), [(22, True), (23, True), (24, False), (25, False)])
def test_excess_supply_still_at_home(town, gap, hit):
    """Bought 84 days' supply; ``gap`` days later 84 - gap are left: more than 60 is a stock."""
    first = town.claim("2024-03-01 10:00")
    town.line(first, days_supply=84)
    later = town.claim(day(gap) + " 10:00", institution_id="o2")
    town.line(later, days_supply=7, amount=300)
    found = town.judged("EXCESS_DAYS_SUPPLY")
    assert found.hits == ({later: (1, 300)} if hit else {})
    if hit:
        assert found.evidence[later] == {first}


def test_different_medicines_are_not_added_up(town):
    for n in range(6):
        claim = town.claim(day(n) + " 10:00")
        town.line(claim, item_code=f"D{n}", days_supply=28)
    assert not town.judged("EXCESS_DAYS_SUPPLY").hits


def test_a_monthly_prescription_is_no_oversupply(town):
    for n in range(12):
        claim = town.claim(str(DAY + timedelta(days=28 * n)) + " 10:00")
        town.line(claim, days_supply=28)
        town.line(claim, days_supply=28)  # one medicine on two lines is one supply
    assert not town.judged("EXCESS_DAYS_SUPPLY").hits


@pytest.mark.parametrize(("gap", "hit"), [(364, True), (365, False)])
def test_supply_is_forgotten_after_a_year(town, gap, hit):
    first = town.claim("2024-03-01 10:00", claim_type="pharmacy")
    town.line(first, days_supply=500)
    later = town.claim(day(gap) + " 10:00")
    town.line(later, days_supply=7)
    assert (later in town.judged("EXCESS_DAYS_SUPPLY").hits) is hit


@pytest.mark.parametrize(("price", "hit"), [(999, False), (1_000, False), (1_001, False),
                                            (1_002, True)])  # fmt: skip
def test_overpriced_item(town, price, hit):
    """Cap 10.00, tolerance 0.1 %: 10.01 is tolerated, 10.02 is not; two units."""
    town.add("price_caps", item_code="X1", level="all", max_unit_price=1_000,
             valid_from=date(2024, 1, 1), valid_to=date(2024, 6, 1))  # fmt: skip
    claim = town.claim("2024-03-01 10:00")
    line = town.line(claim, unit_price=price, quantity_milli=2_000, amount=2 * price)
    town.line(claim, "2024-06-01", unit_price=9_999, amount=9_999)  # the cap no longer holds
    found = town.judged("OVERPRICED_ITEM")
    assert found.hits == ({claim: (1, 2 * (price - 1_000))} if hit else {})
    assert found.evidence == ({claim: {line}} if hit else {})


def test_the_cap_of_the_level_goes_before_the_cap_of_all(town):
    for level, cap in (("all", 500), ("2", 1_000), ("3", 100)):
        town.add("price_caps", item_code="X1", level=level, max_unit_price=cap,
                 valid_from=date(2024, 1, 1))  # fmt: skip
    dear, fair = (town.claim("2024-03-01 10:00", insured_id=p) for p in ("p1", "p2"))
    town.line(dear, unit_price=1_500, amount=1_500)
    town.line(fair, unit_price=900, amount=900)
    assert town.judged("OVERPRICED_ITEM").hits == {dear: (1, 500)}


def test_an_institution_without_register_has_no_level(town):
    """Its level is unknown, which is not the lowest level with the lowest caps."""
    for code, level in (("X1", "none"), ("X2", "all")):
        town.add("price_caps", item_code=code, level=level, max_unit_price=500,
                 valid_from=date(2024, 1, 1))  # fmt: skip
    town.institution("clinic", "primary_care", "none")
    for place in ("clinic", "nowhere"):
        claim = town.claim("2024-03-01 10:00", institution_id=place, insured_id=place)
        town.line(claim, item_code="X1")
        town.line(claim, item_code="X2")
    hits = town.judged("OVERPRICED_ITEM").hits
    assert sorted(count for count, _ in hits.values()) == [1, 2]


@pytest.mark.parametrize(("quantity", "hit"), [(2_999, False), (3_000, False), (3_001, True)])
def test_quantity_over_daily_maximum(town, quantity, hit):
    """Two lines of a day are added up; the amount at stake is the part above the maximum."""
    town.add("daily_maxima", item_code="X1", max_quantity_milli=3_000, valid_from=date(2024, 1, 1))
    claim = town.claim("2024-03-01 10:00")
    lines = {
        town.line(claim, quantity_milli=1_000, amount=1_000),
        town.line(claim, quantity_milli=quantity - 1_000, amount=10 * quantity),
    }
    town.line(claim, day(1), quantity_milli=3_000)
    found = town.judged("QTY_OVER_DAILY_MAX")
    # (1,000 + 30,010) x 1 // 3,001 = 10
    assert found.hits == ({claim: (1, 10)} if hit else {})
    assert found.evidence == ({claim: lines} if hit else {})


@pytest.mark.parametrize("rule_id", ["OVERPRICED_ITEM", "QTY_OVER_DAILY_MAX", "SEX_CONFLICT"])
def test_two_valid_rows_of_a_list_count_a_line_once(town, rule_id):
    for start in (date(2024, 1, 1), date(2024, 2, 1)):
        town.add("price_caps", item_code="X1", level="all", max_unit_price=500, valid_from=start)
        town.add("daily_maxima", item_code="X1", max_quantity_milli=500, valid_from=start)
        town.add("sex_limits", item_code="X1", sex="F", valid_from=start)
    claim = town.claim("2024-03-01 10:00")
    town.line(claim)
    amount = {"SEX_CONFLICT": 1_000}.get(rule_id, 500)
    assert town.judged(rule_id).hits == {claim: (1, amount)}


@pytest.mark.parametrize(("after", "hit"), [(0, False), (1, False), (2, True)])
def test_service_after_death(town, after, hit):
    town.add("deaths", insured_id="p1", death_date=DAY, known_at=datetime(2024, 3, 2, tzinfo=UTC))
    claim = town.claim(day(after) + " 10:00", known=day(9))
    expected = {claim: (1, 10_000)} if hit else {}
    assert town.judged("SERVICE_AFTER_DEATH").hits == expected


def test_sex_conflict(town):
    town.add("sex_limits", item_code="X1", sex="F", valid_from=date(2024, 1, 1),
             valid_to=date(2024, 6, 1))  # fmt: skip
    town.add("sex_limits", item_code="X2", sex="M", valid_from=date(2024, 1, 1))
    town.add("insured", insured_id="p2", sex="F", birth_date=None)
    town.add("insured", insured_id="p3", sex=None, birth_date=None)
    claims = {p: town.claim("2024-03-01 10:00", insured_id=p) for p in ("p1", "p2", "p3", "p4")}
    lines = {p: [town.line(c, item_code=i, amount=a) for i, a in (("X1", 70), ("X2", 9))]
             for p, c in claims.items()}  # fmt: skip
    late = town.claim("2024-06-01 10:00")
    town.line(late, item_code="X1")
    found = town.judged("SEX_CONFLICT")
    assert found.hits == {claims["p1"]: (1, 70), claims["p2"]: (1, 9)}
    assert found.evidence == {claims["p1"]: {lines["p1"][0]}, claims["p2"]: {lines["p2"][1]}}
