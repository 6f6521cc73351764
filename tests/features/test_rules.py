"""Every rule: a planted case is found with its hits, amount and evidence, a clean one is not.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from features.as_of import default_as_of
from features.build import build_rules
from features.rules import finding_kind, rules

TABLES = ("claim_lines", "deaths", "price_caps", "sex_limits", "daily_maxima", "mild_diagnoses",
          "sex_limited_codes", "claim_procedures")  # fmt: skip
RULES = {rule.id: rule for rule in rules()}
DAY = date(2024, 3, 1)


def day(number: int) -> str:
    """Return the day ``number`` days after 1 March 2024."""
    return str(DAY + timedelta(days=number))


def clock(minutes: float) -> str:
    """Return a moment on 1 March, ``minutes`` after 10:00."""
    seconds = round(minutes * 60)
    return f"2024-03-01 {10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def batch(town, persons: int, seconds: float = 300, amount: int = 10_000) -> list[str]:
    """Plant a run of swipes, the first and the last ``seconds`` apart."""
    town.institution("shop", "pharmacy")
    step = seconds / 60 / (persons - 1)
    return [
        town.claim(clock(n * step), known=clock(n * step + 0.1), insured_id=f"q{n}",
                   institution_id="shop", claim_type="pharmacy", total_amount=amount)
        for n in range(persons)
    ]  # fmt: skip


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


@pytest.mark.parametrize(("first", "last", "hits"), [(0, 4, 0), (-1, 4, 1), (0, 5, 1), (-1, 5, 2)])
def test_charge_outside_stay(town, first, last, hits):
    stay = town.stay(day(0), day(4))
    lines = [town.line(stay, day(first), amount=100), town.line(stay, day(last), amount=30)]
    town.line(stay, day(2), amount=7)
    found = town.judged("CHARGE_OUTSIDE_STAY")
    wrong = [(amount, line) for amount, line, out in
             ((100, lines[0], first < 0), (30, lines[1], last > 4)) if out]  # fmt: skip
    assert found.hits == ({stay: (hits, sum(a for a, _ in wrong))} if hits else {})
    assert found.evidence.get(stay, set()) == {line for _, line in wrong}


def test_charges_of_a_visit_are_not_tied_to_its_days(town):
    visit = town.claim("2024-03-01 10:00")
    town.line(visit, day(9))
    assert not town.judged("CHARGE_OUTSIDE_STAY").hits


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


def hanging(town, days=6, idle=4, bed=3_000, total=20_000):
    """Plant a stay with bed charges on every day and treatment on all but ``idle`` days."""
    stay = town.stay(day(0), day(days), total_amount=total)
    beds = [town.line(stay, day(n), item_class="bed", amount=bed) for n in range(days)]
    for n in range(days - idle):
        town.line(stay, day(n), item_class="treatment", amount=500)
    return stay, beds


@pytest.mark.parametrize("idle", [2, 3, 4])
def test_hanging_bed(town, idle):
    stay, beds = hanging(town, idle=idle)
    found = town.judged("HANGING_BED")
    assert found.hits == ({stay: (idle, 18_000)} if idle >= 3 else {})
    assert found.evidence == ({stay: set(beds[6 - idle :])} if idle >= 3 else {})


@pytest.mark.parametrize(("days", "hit"), [(4, False), (5, True), (6, True)])
def test_hanging_bed_needs_a_stay_of_days(town, days, hit):
    stay, _ = hanging(town, days=days, idle=3)
    assert (stay in town.judged("HANGING_BED").hits) is (hit)


@pytest.mark.parametrize(("total", "hit"), [(36_001, False), (36_000, False), (35_999, True)])
def test_hanging_bed_needs_half_of_the_amount(town, total, hit):
    stay, _ = hanging(town, total=total)  # beds 18,000
    assert (stay in town.judged("HANGING_BED").hits) is hit


def test_lines_posted_once_say_nothing_about_days(town):
    stay = town.stay(day(0), day(10))
    town.line(stay, day(10), item_class="bed", amount=9_000)
    town.line(stay, day(10), item_class="treatment", amount=1_000)
    assert not town.judged("HANGING_BED").hits


def low_standard(town, nights=3, exams=6_001, **given):
    town.add("mild_diagnoses", diagnosis_code="J06.9", valid_from=date(2024, 1, 1),
             valid_to=date(2024, 6, 1))  # fmt: skip
    stay = town.stay(given.pop("began", day(0)), given.pop("ended", day(nights)),
                     **{"main_diagnosis": "J06.9", **given})  # fmt: skip
    return stay, town.line(stay, item_class="lab", amount=exams)


def test_low_standard_admission(town):
    stay, line = low_standard(town)
    found = town.judged("LOW_STANDARD_ADMISSION")
    assert found.hits == {stay: (1, 7_000)}
    assert found.evidence == {stay: {line}}


@pytest.mark.parametrize(("change", "hit"), [
    ({"nights": 2}, True), ({"nights": 4}, False), ({"exams": 6_000}, False),
    ({"exams": 5_999}, False), ({"main_diagnosis": "I21.0"}, False),
    ({"main_diagnosis": None}, False), ({"procedure_count": 1}, False),
    ({"procedure_count": 0}, True), ({"began": "2024-05-31", "ended": "2024-06-02"}, True),
    ({"began": "2024-06-01", "ended": "2024-06-02"}, False),
    ({"began": "2023-12-31", "ended": "2024-01-02"}, False),
])  # fmt: skip
def test_low_standard_admission_thresholds(town, change, hit):
    stay, _ = low_standard(town, **change)
    assert (stay in town.judged("LOW_STANDARD_ADMISSION").hits) is hit


@pytest.mark.parametrize(("visit_day", "hit"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_visit_elsewhere_during_a_stay(town, visit_day, hit):
    visit = town.claim(day(visit_day) + " 10:00", institution_id="o2", total_amount=400)
    stay = town.stay(day(0), day(5))
    found = town.judged("OUTPATIENT_DURING_STAY")
    # The visit was known first: it is the stay that is flagged, and only the stay.
    assert found.hits == ({stay: (1, 400)} if hit else {})
    assert found.evidence == ({stay: {visit}} if hit else {})


def test_a_visit_that_becomes_known_after_the_stay_is_flagged_itself(town):
    stay = town.stay(day(0), day(5), known=day(6))
    visit = town.claim(day(2) + " 10:00", known=day(7), institution_id="o2", total_amount=400)
    found = town.judged("OUTPATIENT_DURING_STAY")
    assert found.hits == {visit: (1, 400)}
    assert found.evidence == {visit: {stay}}


@pytest.mark.parametrize(("purchases", "hit"), [(1, False), (2, True), (3, True)])
def test_purchases_during_a_stay(town, purchases, hit):
    for n in range(purchases):
        town.claim(day(n + 1) + " 10:00", claim_type="pharmacy", institution_id="o2",
                   total_amount=100)  # fmt: skip
    stay = town.stay(day(0), day(5))
    expected = {stay: (purchases, 100 * purchases)} if hit else {}
    assert town.judged("OUTPATIENT_DURING_STAY").hits == expected


def test_a_test_billed_by_the_same_hospital_is_no_visit_elsewhere(town):
    town.claim(day(2) + " 10:00")
    town.stay(day(0), day(5))
    assert not town.judged("OUTPATIENT_DURING_STAY").hits


@pytest.mark.parametrize(("began", "ended", "hit"), [
    (3, 8, True), (4, 8, True), (5, 8, False), (6, 8, False),  # a transfer on day 5 is none
    (-5, 0, False), (-5, 1, True), (2, 3, True), (-2, 9, True), (2, 2, False),
])  # fmt: skip
def test_overlapping_stays(town, began, ended, hit):
    first = town.stay(day(0), day(5), known=day(20))
    later = town.stay(day(began), day(ended), known=day(21), total_amount=900)
    found = town.judged("OVERLAPPING_STAYS")
    assert found.hits == ({later: (1, 900)} if hit else {})
    assert found.evidence == ({later: {first}} if hit else {})


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


@pytest.mark.parametrize(("institutions", "hit"), [(2, False), (3, True), (4, True)])
def test_same_day_multi_institution(town, institutions, hit):
    claims = [town.claim(clock(60 * n), known=clock(60 * n + 9), institution_id=f"o{n}")
              for n in range(institutions)]  # fmt: skip
    found = town.judged("SAME_DAY_MULTI_INSTITUTION")
    assert bool(found.hits) is hit
    if hit:
        assert found.hits[claims[2]] == (3, 10_000)
        assert set(found.hits) == set(claims[2:])


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


@pytest.mark.parametrize(("gap", "hit"), [(0, True), (14, True), (15, True), (16, False)])
def test_split_hospitalisation(town, gap, hit):
    first = town.stay(day(0), day(5), main_diagnosis="J44.1", stay_id="s1")
    later = town.stay(day(5 + gap), day(9 + gap), main_diagnosis="J44.0", stay_id="s2",
                      fund_amount=800)  # fmt: skip
    found = town.judged("SPLIT_HOSPITALISATION")
    assert found.hits == ({later: (1, 800)} if hit else {})
    assert found.evidence == ({later: {first}} if hit else {})


@pytest.mark.parametrize(("code", "hit"), [
    ("Z51.1", False), ("Z49.1", False), ("Z50.1", False), ("N18.5", False), ("Z38.0", False),
    (None, False), ("Z54.0", True), ("N17.9", True),
])  # fmt: skip
def test_treatment_in_cycles_is_no_split(town, code, hit):
    town.stay(day(0), day(5), main_diagnosis=code)
    town.stay(day(8), day(9), main_diagnosis=code)
    assert bool(town.judged("SPLIT_HOSPITALISATION").hits) is hit


def test_another_hospital_or_diagnosis_is_no_split(town):
    town.stay(day(0), day(5), main_diagnosis="J44.1")
    town.stay(day(6), day(8), main_diagnosis="J44.1", institution_id="o2")
    town.stay(day(9), day(11), main_diagnosis="I21.1")
    assert not town.judged("SPLIT_HOSPITALISATION").hits


def plant_pairs(town) -> None:
    """Plant every rule that looks at an earlier claim, each with its own person."""
    batch(town, 5)
    for person in ("d", "s", "v", "f", "x", "o", "m"):
        town.add("insured", insured_id=person, sex="M", birth_date=None)
    town.claim(day(0), insured_id="d")
    town.claim(day(0), known=day(3), insured_id="d")
    for start, code in ((0, "J44"), (6, "J44")):
        town.stay(day(start), day(start + 2), insured_id="s", main_diagnosis=code)
    town.claim(day(2), insured_id="v", institution_id="o2")
    town.stay(day(0), day(5), insured_id="v")
    for n in range(4):
        town.claim(day(0), known=day(n + 1), insured_id="f", total_amount=n + 1)
    for n in range(2):
        town.line(town.claim(day(n), insured_id="x", total_amount=n + 5), days_supply=84)
        town.stay(day(n), day(7), known=day(10 + n), insured_id="o", total_amount=n + 5)
    for n in range(3):
        town.claim(day(0), known=day(n + 1), insured_id="m", institution_id=f"o{n}",
                   total_amount=n + 5)  # fmt: skip


PAIRS = {
    "BATCH_CARD_SWIPING", "DUPLICATE_CLAIM", "EXCESS_DAYS_SUPPLY", "FREQUENT_OUTPATIENT",
    "OUTPATIENT_DURING_STAY", "OVERLAPPING_STAYS", "SAME_DAY_MULTI_INSTITUTION",
    "SPLIT_HOSPITALISATION",
}  # fmt: skip


def test_reversed_claims_prove_nothing(town):
    plant_pairs(town)
    found = town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()
    assert {row[0] for row in found} == PAIRS
    hit = {row[1] for row in found}
    for row in town.rows["claims"]:
        if row["claim_id"] not in hit:
            row["reversed_at"] = row["known_at"]
    left = town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()
    assert left == []


def test_claims_known_at_the_same_moment_prove_nothing_about_each_other(town):
    plant_pairs(town)
    for row in town.rows["claims"]:
        row["known_at"] = datetime(2024, 4, 1, tzinfo=UTC)
    assert not town.rules("2025-12-01", *TABLES).con.execute("FROM rule_hits").fetchall()


def test_a_reversal_is_no_service(town):
    claim = town.claim("2024-03-01 10:00")
    town.claim("2024-03-01 10:00", known="2024-03-05", reverses_claim_id=claim,
               total_amount=10_000)  # fmt: skip
    town.reverse(claim, "2024-03-05")
    made = town.build()
    assert len(made.matrix("claim")) == 0
    assert not made.con.execute("FROM rule_hits").fetchall()


def test_the_gravest_rule_names_the_kind_of_finding():
    """A violation before a suspicion before a lead, among equals the first by id."""
    ids = ["DRG_UPCODING", "OUTPATIENT_DURING_STAY", "CLONED_STAYS", "SEX_CONFLICT"]
    assert [level_of(one) for one in ids] == ["lead", "suspicion", "suspicion", "violation"]
    kinds = [finding_kind("outpatient", ids[:count]) for count in range(5)]
    assert kinds == ["outpatient", ids[0], ids[1], ids[2], ids[3]]


def level_of(rule_id: str) -> str:
    return next(rule.level for rule in rules() if rule.id == rule_id)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_is_planted_somewhere(rule_id):
    here = Path(__file__).parent
    planting = [*here.glob("test_rules*.py"), here / "test_network.py"]
    assert any(f'"{rule_id}"' in path.read_text(encoding="utf-8") for path in planting)


def test_an_exact_duplicate_upload_is_irrelevant(simulated_files, tmp_path):
    """The same rows sent twice, in another order, give the same hits."""
    found = []
    for name, repeat in (("once", lambda rows: rows), ("twice", lambda rows: rows[::-1] + rows)):
        folder = tmp_path / name
        folder.mkdir()
        for path in simulated_files.glob("*.csv"):
            head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / path.name).write_text("".join([head, *repeat(rows)]), encoding="utf-8")
        load(source_mapping("nhsa"), folder, tmp_path / f"home_{name}")
        store = open_store(tmp_path / f"home_{name}")
        made = build_rules(store, default_as_of(store).day)
        found.append(made.con.execute("FROM rule_hits ORDER BY ALL").fetchall())
    assert found[0] == found[1]
    assert len({row[0] for row in found[0]}) >= 8
