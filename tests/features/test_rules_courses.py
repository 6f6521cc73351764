"""Rules that count over days, sessions and stays: planted by hand, clean ones beside them.

Amounts are worked out from the planted rows; parameters and limits are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.features.planted_days import DAY, LISTS, day


@pytest.mark.parametrize(("period", "gap", "hit"), [
    ("day", 0, True), ("day", 1, False), ("week", 6, True), ("week", 7, False),
    ("month", 29, True), ("month", 30, False), ("quarter", 90, True), ("quarter", 91, False),
    ("year", 364, True), ("year", 365, False), ("stay", 0, False),
])  # fmt: skip
def test_frequency_over_a_period(town, period, gap, hit):
    """Two units are permitted; two were given elsewhere, one more follows."""
    for start in (date(2023, 1, 1), date(2023, 2, 1)):
        town.add("frequency_limits", item_code="X1", period=period, max_quantity_milli=2_000,
                 valid_from=start)  # fmt: skip
    first = town.claim("2024-03-01 10:00", institution_id="o2")
    town.line(first, quantity_milli=2_000)
    later = town.claim(day(gap) + " 15:00")
    line = town.line(later, amount=900)
    found = town.judged("FREQUENCY_EXCEEDED")
    assert found.hits == ({later: (1, 900)} if hit else {})
    assert found.evidence == ({later: {first, line}} if hit else {})


@pytest.mark.parametrize(("most", "amount"), [(3_999, 1), (4_000, None), (2_000, 2_000)])
def test_frequency_within_a_claim(town, most, amount):
    """Four units for 4,000 within a week of one stay; what is above the limit is at stake."""
    town.add("frequency_limits", item_code="X1", period="week", max_quantity_milli=most, **LISTS)
    stay = town.stay(day(0), day(9))
    for n in (0, 2, 4, 6):
        town.line(stay, day(n))
    expected = {} if amount is None else {stay: (1, amount)}
    assert town.judged("FREQUENCY_EXCEEDED").hits == expected


def test_days_above_the_limit_add_up(town):
    town.add("frequency_limits", item_code="X1", period="day", max_quantity_milli=1_000, **LISTS)
    stay = town.stay(day(0), day(5))
    for n in (0, 0, 1, 1, 2):
        town.line(stay, day(n))
    assert town.judged("FREQUENCY_EXCEEDED").hits == {stay: (1, 2_000)}


def test_frequency_of_a_stay_counts_its_interim_bills(town):
    town.add("frequency_limits", item_code="X1", period="stay", max_quantity_milli=1_000, **LISTS)
    for number, stay_id in enumerate(("s1", "s1", "s2")):
        bill = town.stay(day(9 * number), day(9 * number + 8), stay_id=stay_id)
        town.line(bill)
    hits = town.judged("FREQUENCY_EXCEEDED").hits
    assert list(hits.values()) == [(1, 1_000)]


def operate(town, *prices: int, codes=("S1", "S2", "S3"), surgeons=("d1", "d1", "d1"), hours=0):
    """Plant a session: anaesthesia and an operation for each price; caps are 1,000 and up."""
    town.add("surgery_discounts", procedure_prefix="all", place=2, share_permille=500, **LISTS)
    for code, cap in (("S1", 1_000), ("S2", 2_000), ("S3", 3_000), ("A", 900), ("T", 50)):
        town.add("price_caps", item_code=code, level="all", max_unit_price=cap, **LISTS)
    stay = town.stay(day(0), day(5))
    lines = []
    for place, (code, price, surgeon) in enumerate(zip(codes, prices, surgeons, strict=False), 1):
        town.add("claim_procedures", claim_id=stay, place=place, procedure_code=f"47.{place}",
                 performed_at=datetime(2024, 3, 2, 2, tzinfo=UTC) + timedelta(hours=hours * place),
                 doctor_id=surgeon)  # fmt: skip
        lines.append(town.line(stay, day(1), item_code=code, item_class="surgery",
                               unit_price=price, amount=price))  # fmt: skip
    town.line(stay, day(1), item_code="A", item_class="treatment", unit_price=900, amount=900)
    for n in (2, 2, 3):
        town.line(stay, day(n), item_code="T", item_class="treatment", unit_price=50, amount=50)
    return stay, lines


@pytest.mark.parametrize(("prices", "expected"), [
    ((1_000, 2_000), (1, 500)), ((500, 2_000), None), ((1_000, 1_000), None),
    ((501, 2_000), (1, 1)), ((500, 1_000, 3_000), None), ((1_000, 2_000, 3_000), (2, 1_500)),
    ((1_000,), None),
])  # fmt: skip
def test_a_further_operation_at_full_price(town, prices, expected):
    """The second costs half: of 1,000 and 2,000 billed in full, 500 was too much."""
    stay, lines = operate(town, *prices)
    found = town.judged("UNBUNDLED_CHARGE")
    assert found.hits == ({stay: expected} if expected else {})
    if expected:
        assert found.evidence == {stay: set(lines)}


@pytest.mark.parametrize(("change", "hit"), [
    ({"surgeons": ("d1", "d2")}, False), ({"hours": 11}, True), ({"hours": 12}, False),
])  # fmt: skip
def test_another_surgeon_or_session_has_its_own_price(town, change, hit):
    operate(town, 1_000, 2_000, **change)
    assert bool(town.judged("UNBUNDLED_CHARGE").hits) is hit


@pytest.mark.parametrize(("prices", "gap", "expected"), [
    ((60, 50), 0, (1, 10)), ((50, 50), 0, None), ((60, 50), 1, None), ((110,), 0, None),
])  # fmt: skip
def test_parts_of_a_bundle(town, prices, gap, expected):
    for start in (date(2023, 1, 1), date(2023, 2, 1)):
        for code in ("P1", "P2"):
            town.add("bundles", bundle_code="B", item_code=code, valid_from=start)
    town.add("price_caps", item_code="B", level="all", max_unit_price=100, **LISTS)
    stay = town.stay(day(0), day(3))
    lines = [town.line(stay, day(gap * n), item_code=f"P{n + 1}", amount=price)
             for n, price in enumerate(prices)]  # fmt: skip
    found = town.judged("UNBUNDLED_CHARGE")
    assert found.hits == ({stay: expected} if expected else {})
    assert found.evidence == ({stay: set(lines)} if expected else {})


def indication(town, *codes: str) -> None:
    for code in codes:
        town.add("indications", item_code=code, diagnosis_prefix="C34", **LISTS)


@pytest.mark.parametrize(("gap", "hit"), [(89, False), (90, False), (91, True)])
def test_a_diagnosis_of_the_last_months_explains_a_drug(town, gap, hit):
    indication(town, "X1")
    town.claim(str(DAY - timedelta(days=gap)), main_diagnosis="C34.1")
    claim = town.claim("2024-03-01", main_diagnosis="I10", fund_amount=0)
    line = town.line(claim, amount=800)
    found = town.judged("NO_INDICATION_SERVICE")
    assert found.hits == ({claim: (1, 800)} if hit else {})
    assert found.evidence == ({claim: {line}} if hit else {})


@pytest.mark.parametrize(("tests", "hit"), [(2, False), (3, True), (4, True)])
def test_three_tests_without_indication(town, tests, hit):
    codes = [f"L{n}" for n in range(tests)]
    indication(town, *codes)
    for main in ("I10", "C34.9", None):
        claim = town.claim("2024-03-01", main_diagnosis=main, insured_id=str(main))
        for code in codes:
            town.line(claim, item_code=code, item_class="lab", amount=10)
    assert list(town.judged("NO_INDICATION_SERVICE").hits.values()) == (
        [(tests, 10 * tests)] if hit else []
    )


@pytest.mark.parametrize(("classes", "operations", "expected"), [
    (("surgery",), 0, (1, 500)), (("surgery",), 1, None), (("drug",), 1, (1, 10_000)),
    (("drug", "treatment"), 1, None), (("drug",), 0, None), (("consumable",), 0, (1, 500)),
    (("consumable", "surgery"), 0, (1, 500)), ((), 1, None),
])  # fmt: skip
def test_codes_against_charges(town, classes, operations, expected):
    stay = town.stay(day(0), day(3))
    for item_class in classes:
        town.line(stay, item_class=item_class, amount=500, unit_price=100_000)
    for place in range(operations):
        town.add("claim_procedures", claim_id=stay, place=place, procedure_code="47.0")
    assert town.judged("CODE_LINE_INCONSISTENCY").hits == ({stay: expected} if expected else {})


def test_small_consumables_and_visits_need_no_operation(town):
    town.line(town.stay(day(0), day(3)), item_class="consumable", unit_price=99_999)
    town.line(town.claim(day(5)), item_class="surgery")
    assert not town.judged("CODE_LINE_INCONSISTENCY").hits


def complicated(town, number: int, *codes: str, began: str = day(0), drg="ES21") -> str:
    """Plant a stay with a grave second diagnosis and these items."""
    stay = town.stay(began, str(date.fromisoformat(began) + timedelta(days=5)), drg_code=drg,
                     insured_id=f"q{number}", main_diagnosis="J18.9")  # fmt: skip
    town.add("claim_diagnoses", claim_id=stay, place=1, diagnosis_code="J18.9", main=True)
    town.add("claim_diagnoses", claim_id=stay, place=2, diagnosis_code="J96.0", main=False)
    for code in ("bed", *codes):
        town.line(stay, item_code=code, item_class="lab")
    return stay


def groups(town, gain: int = 3_000) -> None:
    for code, weight in (("ES21", 7_000 + gain), ("ES25", 7_000), ("FR25", 100)):
        town.add("drg_groups", drg_code=code, level="2", weight_10000=weight,
                 standard_amount=100 * weight, **LISTS)  # fmt: skip


@pytest.mark.parametrize(("others", "shown", "gain", "hit"), [
    (15, 14, 3_000, True), (15, 13, 3_000, False), (14, 14, 3_000, False), (15, 15, 2_999, False),
])  # fmt: skip
def test_a_grave_diagnosis_without_its_test(town, others, shown, gain, hit):
    """Fifteen stays with the diagnosis, of which nine in ten had the test."""
    groups(town, gain)
    for number in range(others):
        complicated(town, number, *(["gas"] if number < shown else []))
    plain = complicated(town, 90, began=day(60))
    honest = complicated(town, 91, "gas", began=day(60))
    light = complicated(town, 92, began=day(60), drg="ES25")
    found = town.judged("DRG_UPCODING")
    assert found.hits == ({plain: (1, 100 * gain)} if hit else {})
    assert honest not in found.hits
    assert light not in found.hits


@pytest.mark.parametrize(("fifteenth", "hit"), [
    ("before", True), ("own month", False), ("taken back at once", False),
    ("taken back later", True),
])  # fmt: skip
def test_only_months_before_tell_what_a_diagnosis_needs(town, fifteenth, hit):
    """Fourteen stays with the test are too few; the fifteenth counts where its month was over."""
    groups(town)
    for number in range(14):
        complicated(town, number, "gas")
    last = complicated(town, 14, "gas", began=day(60 if fifteenth == "own month" else 0))
    if fifteenth.startswith("taken back"):
        town.reverse(last, f"{day(5 if fifteenth.endswith('once') else 50)} 12:00")
    plain = complicated(town, 90, began=day(60))
    assert set(town.judged("DRG_UPCODING").hits) == ({plain} if hit else set())


def ward_drugs(town, stays: int, visits: int) -> None:
    """The hospital gives the drug to so many inpatients and outpatients, two months before."""
    for number in range(stays + visits):
        began = day(-60)
        claim = (town.stay(began, day(-55), insured_id=f"q{number}") if number < stays
                 else town.claim(began, insured_id=f"q{number}"))  # fmt: skip
        town.line(claim, item_code="W")


@pytest.mark.parametrize(("began", "stays", "visits", "hit"), [
    (-3, 3, 2, True), (-4, 3, 2, False), (8, 3, 2, True), (9, 3, 2, False), (2, 2, 0, False),
    (2, 3, 3, False),
])  # fmt: skip
def test_a_ward_drug_bought_outside(town, began, stays, visits, hit):
    """A stay of five days, three days around it; three in five claims with the drug were stays."""
    ward_drugs(town, stays, visits)
    shop = town.claim(day(began), claim_type="pharmacy", institution_id="shop")
    town.line(shop, item_code="W", amount=640)
    town.line(shop, item_code="OTC", amount=90)
    stay = town.stay(day(0), day(5), known=day(30), drg_code="ES25")
    town.line(stay, item_code="bed", item_class="bed")
    found = town.judged("COST_SHIFTING")
    assert found.hits == ({stay: (1, 640)} if hit else {})
    assert found.evidence == ({stay: {shop}} if hit else {})
    town.line(stay, item_code="W")  # given in the stay as well
    assert not town.judged("COST_SHIFTING").hits


def test_a_purchase_known_after_the_stay_is_flagged_itself(town):
    ward_drugs(town, 3, 0)
    stay = town.stay(day(0), day(5), drg_code="ES25")
    town.line(stay, item_code="bed", item_class="bed")
    shop = town.claim(day(6), claim_type="pharmacy", institution_id="shop")
    town.line(shop, item_code="W", amount=640)
    found = town.judged("COST_SHIFTING")
    assert found.hits == {shop: (1, 640)}
    assert found.evidence == {shop: {stay}}


@pytest.mark.parametrize(("nights", "beds", "expected"), [
    (4, 5, None), (4, 6, (1, 100)), (4, 7, (1, 200)),
])  # fmt: skip
def test_bed_days_beyond_the_stay(town, nights, beds, expected):
    """Four nights may count as five bed days."""
    stay = town.stay(day(0), day(nights))
    line = town.line(stay, item_class="bed", quantity_milli=1_000 * beds, amount=100 * beds)
    found = town.judged("CHARGE_OUTSIDE_STAY")
    assert found.hits == ({stay: expected} if expected else {})
    assert found.evidence == ({stay: {line}} if expected else {})


@pytest.mark.parametrize(
    ("quantity", "expected"), [(1_000, None), (1_500, (1, 50)), (2_000, (1, 100))]
)
def test_one_bed_a_day(town, quantity, expected):
    town.add("daily_maxima", item_code="B1", max_quantity_milli=1_000, **LISTS)
    stay = town.stay(day(0), day(4))
    town.line(stay, item_code="N", item_class="nursing", amount=70)
    first = town.line(stay, item_code="B1", item_class="bed", quantity_milli=500, amount=50)
    second = town.line(stay, item_code="B2", item_class="bed", quantity_milli=quantity - 500,
                       amount=(quantity - 500) // 10)  # fmt: skip
    found = town.judged("QTY_OVER_DAILY_MAX")
    assert found.hits == ({stay: expected} if expected else {})
    assert found.evidence == ({stay: {first, second}} if expected else {})


def test_units_above_an_items_own_maximum_are_not_counted_again_as_beds(town):
    town.add("daily_maxima", item_code="B1", max_quantity_milli=1_000, **LISTS)
    stay = town.stay(day(0), day(4))
    town.line(stay, item_code="B1", item_class="bed", quantity_milli=3_000, amount=300)
    assert town.judged("QTY_OVER_DAILY_MAX").hits == {stay: (1, 200)}


def test_the_same_invoice_is_a_duplicate_however_long_after(town):
    first = town.claim("2024-03-01", invoice_id="i1")
    later = town.claim(day(200), invoice_id="i1", total_amount=900)
    town.claim(day(200), invoice_id="i2", total_amount=800)
    found = town.judged("DUPLICATE_CLAIM")
    assert found.hits == {later: (1, 900)}
    assert found.evidence == {later: {first}}


@pytest.mark.parametrize(("change", "hit"), [
    ({}, True), ({"item_code": "X9"}, False), ({"quantity_milli": 2_000}, False),
    ({"amount": 999}, False),
])  # fmt: skip
def test_claims_with_equal_amounts_and_other_items_are_no_duplicates(town, change, hit):
    for n, changed in enumerate(({}, change)):
        claim = town.claim("2024-03-01", known=day(n + 1))
        town.line(claim, item_code="X0")
        town.line(claim, **changed)
    assert bool(town.judged("DUPLICATE_CLAIM").hits) is hit


@pytest.mark.parametrize(("way", "hit"), [
    (None, True), ("advised", True), ("against_advice", False), ("died", False),
    ("transferred", False),
])  # fmt: skip
def test_how_a_short_stay_ended(town, way, hit):
    town.add("mild_diagnoses", diagnosis_code="J06.9", **LISTS)
    stay = town.stay(day(0), day(2), main_diagnosis="J06.9", discharge_way=way)
    town.line(stay, item_class="lab", amount=9_000)
    assert bool(town.judged("LOW_STANDARD_ADMISSION").hits) is hit


@pytest.mark.parametrize(("departments", "hit"), [
    (("a", "a"), True), (("a", "b"), False), ((None, "b"), True), (("a", None), True),
])  # fmt: skip
def test_another_department_is_no_split(town, departments, hit):
    for n, department in enumerate(departments):
        town.stay(day(9 * n), day(9 * n + 4), main_diagnosis="J44.1", department=department)
    assert bool(town.judged("SPLIT_HOSPITALISATION").hits) is hit


def substituted(town, swapped: int) -> None:
    """Four hospitals of fifty claims: the cheap item, but ``swapped`` times the dear one at o0."""
    for house in range(4):
        town.institution(f"h{house}", "private_hospital", "1")
        for n in range(50):
            dear = n < (swapped if house == 0 else 5)
            claim = town.claim("2024-03-01 10:00", institution_id=f"h{house}", insured_id=f"q{n}")
            town.line(claim, item_code="D" if dear else "C", item_class="exam",
                      unit_price=900 if dear else 200, amount=900 if dear else 200)  # fmt: skip


@pytest.mark.parametrize(("swapped", "expected"), [
    (50, (1, 45 * 700)), (35, (1, 30 * 700)), (34, None), (5, None),
])  # fmt: skip
def test_a_dear_item_in_place_of_the_usual_one(town, swapped, expected):
    """Peers bill the dear one in 15 of 150, the cheap one in 135: 45 of 50 expected.

    A third of it is 15: with 35 dear ones 15 cheap ones are left, with 34 there are 16.
    """
    substituted(town, swapped)
    made = town.build("2024-05-01", "claim_lines")
    rows = made.con.execute(
        "SELECT unit_id, hits, amount FROM profile_hits WHERE rule_id = ? AND as_of_day = 19844",
        ["ITEM_SUBSTITUTION"],
    ).fetchall()
    assert rows == ([("h0", *expected)] if expected else [])
