"""Rules that compare houses: planted outliers found with hits, amount and evidence, others not.

Numbers are worked out by hand. Minimum numbers of cases are lowered, so that towns stay small;
thresholds are tried at -1, 0 and +1.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest

from features.rules import rules

RULES = {rule.id: rule for rule in rules()}
SMALL = {"visits": 4, "stays": 4}


def houses(town, number: int = 5, kind: str = "private_hospital", level: str = "1") -> list[str]:
    """Register houses of a kind."""
    names = [f"{kind[:2]}{level}{n}" for n in range(number)]
    for name in names:
        town.institution(name, kind, level)
    return names


def visits(town, house: str, drugs: list[int], **given) -> list[str]:
    """Plant visits of 10.00, so much of it for drugs; the fund pays 7.00."""
    claims = []
    for n, amount in enumerate(drugs):
        claims.append(town.claim(f"{town.day(3 * n)} 10:00", institution_id=house,
                                 insured_id=f"{house}{n}", total_amount=1_000, fund_amount=700,
                                 **given))  # fmt: skip
        town.line(claims[-1], amount=amount)
    return claims


def shares(town, *permille: int, **given) -> list[list[str]]:
    """Plant five houses with four visits each and the same share of drugs in all of them."""
    names = houses(town, len(permille))
    return [visits(town, h, [p] * 4, **given) for h, p in zip(names, permille, strict=True)]


# Monitored shares


def test_a_share_far_from_the_peers(town, profile_hits):
    shares(town, 400, 410, 420, 430)
    town.institution("far", "private_hospital", "1")
    odd = visits(town, "far", [600, 600, 800, 800])
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    # Median 420; four times 7.00, of which (700 - 420) thousandths are above it.
    assert found.last == {"far": (1, 2_800 * 280 // 1_000)}
    assert found.evidence == {"far": set(odd[2:])}


@pytest.mark.parametrize(("others", "value", "hit"), [
    ((400, 410, 420, 430), 519, False), ((400, 410, 420, 430), 520, True),
    ((300, 380, 420, 460), 627, False), ((300, 380, 420, 460), 628, True),
])  # fmt: skip
def test_thresholds_of_a_share(town, profile_hits, others, value, hit):
    """A tenth above the median 420; and 3.5 x 1.4826 x the median deviation of 40 is 207.6."""
    shares(town, *others, value)
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    assert set(found.last) == ({"pr14"} if hit else set())


@pytest.mark.parametrize(("given", "hit"), [
    ({"visits": 4}, True), ({"visits": 5}, False), ({"peers": 6}, False),
])  # fmt: skip
def test_few_visits_or_few_peers_say_nothing(town, profile_hits, given, hit):
    shares(town, 400, 410, 420, 430, 700)
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **{**SMALL, **given})
    assert bool(found.last) is hit


def test_a_level_with_few_houses_is_compared_with_its_class(town, profile_hits):
    shares(town, 400, 410, 420, 430)
    for kind, level in (("private_hospital", "2"), ("public_hospital", "1"), ("pharmacy", "none")):
        visits(town, houses(town, 1, kind, level)[0], [900] * 4)
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    assert set(found.last) == {"pr20"}


def test_own_level_goes_before_the_class(town, profile_hits):
    """Five houses of level 2 with much drugs are usual among themselves."""
    shares(town, 400, 400, 410, 410, 420, 420, 430, 430)
    for house in houses(town, 5, "private_hospital", "2"):
        visits(town, house, [900] * 4)
    assert not profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL).last


@pytest.mark.parametrize(("item_class", "hits"), [
    ("drug", 1), ("exam", 1), ("lab", 1), ("consumable", 1), ("treatment", 1), ("surgery", 1),
    ("bed", 0),
])  # fmt: skip
def test_every_share_is_watched(town, profile_hits, item_class, hits):
    claims = shares(town, 0, 0, 0, 0, 0)
    for claim in claims[4]:
        town.line(claim, item_code="Y1", item_class=item_class, amount=500)
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    assert found.last == ({"pr14": (1, 1_400)} if hits else {})
    assert found.evidence.get("pr14", set()) <= set(claims[4])


def test_visits_and_stays_are_apart_and_dialysis_is_left_out(town, profile_hits):
    shares(town, 400, 410, 420, 430, 440)
    visits(town, "pr14", [1_000] * 4, claim_type="inpatient")  # nobody to compare with
    visits(town, "pr14", [1_000] * 9, main_diagnosis="Z49.1")
    assert not profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL).last


@pytest.mark.parametrize(("gap", "hit"), [(31, True), (32, False)])
def test_readmissions(town, profile_hits, gap, hit):
    """Two of five stays follow another one of the person within 31 days of its end."""
    back = []
    for house in houses(town, 5):
        odd = house == "pr14"
        for n in range(5):
            first = 0 if n < 3 else 2 + gap
            person = f"{house}{n - 3 if n > 2 and odd else n}"
            stay = town.stay(town.day(first), town.day(first + 2), institution_id=house,
                             insured_id=person, total_amount=1_000, fund_amount=700)  # fmt: skip
            town.line(stay, item_class="other")
            back += [stay] if odd and n > 2 else []
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    assert found.last == ({"pr14": (1, 3_500 * 400 // 1_000)} if hit else {})
    assert found.evidence == ({"pr14": set(back)} if hit else {})


def test_cancelled_visits_count_until_the_fund_knows(town, profile_hits):
    claims = shares(town, 400, 410, 420, 430, 700)
    for claim in claims[4]:
        town.reverse(claim, "2024-05-15")
    found = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL)
    assert (found.last, found.days) == ({}, [date(2024, 4, 1), date(2024, 5, 1)])


def test_the_order_of_rows_changes_nothing(town, profile_hits):
    shares(town, 400, 410, 420, 430, 700)
    before = profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL).last
    town.rows["claims"].reverse()
    town.rows["claim_lines"].reverse()
    town.rows["institutions"].reverse()
    assert profile_hits(town, "MONITORED_RATIO_OUTLIER", **SMALL).last == before


@pytest.mark.parametrize(("as_of", "hit"), [("2025-03-01", True), ("2025-03-05", False)])
def test_visits_are_forgotten_after_a_year(town, profile_hits, as_of, hit):
    """Visits of 1, 4, 7 and 10 March 2024: on 5 March 2025 only two are left."""
    shares(town, 400, 410, 420, 430, 700)
    assert bool(profile_hits(town, "MONITORED_RATIO_OUTLIER", as_of, **SMALL).last) is hit


# Amounts

NATURAL = (10_100, 11_300, 12_700, 20_300, 21_100, 30_700, 41_900, 52_100, 67_300, 80_900)


def priced(town, house: str, amounts) -> list[str]:
    return [
        town.claim(f"{town.day(n)} 10:00", institution_id=house, insured_id=f"{house}{n}",
                   total_amount=amount, fund_amount=600, account_amount=100)
        for n, amount in enumerate(amounts)
    ]  # fmt: skip


def deviation(amounts) -> int:
    """Return the mean deviation from Benford's law in 100,000ths, rounded down."""
    expected = [round(100_000 * math.log10(1 + 1 / d)) for d in range(1, 10)]
    found = [sum(str(a)[0] == str(d) for a in amounts) for d in range(1, 10)]
    gaps = [abs(100_000 * n - len(amounts) * e) for n, e in zip(found, expected, strict=True)]
    return sum(gaps) // (9 * len(amounts))


def test_first_digits_that_nobody_else_has(town, profile_hits):
    *usual, odd = houses(town)
    for house in usual:
        priced(town, house, NATURAL)
    same = [50_100 + 100 * n for n in range(10)]
    claims = priced(town, odd, same)
    found = profile_hits(town, "AMOUNT_PATTERN", claims=10)
    above = deviation(same) - deviation(NATURAL)
    assert deviation(same) == 20_462  # 2 x (1 - 0.07918) / 9
    assert found.last == {odd: (1, 7_000 * above // 100_000)}
    assert found.evidence == {odd: set(claims)}


def test_the_expected_digits_are_benfords():
    parameters = RULES["AMOUNT_PATTERN"].parameters
    assert [parameters[f"first_{d}"] for d in range(1, 10)] == [
        round(100_000 * math.log10(1 + 1 / d)) for d in range(1, 10)
    ]


@pytest.mark.parametrize("size", range(2, 12))
def test_the_first_digit_of_every_size(town, size):
    """From one yuan to ten thousand million: 37 with zeros begins with 3."""
    text = RULES["AMOUNT_PATTERN"].sql
    digit = text[text.index("CASE WHEN h.total_amount >= 1000000000000") :].split(" AS digit")[0]
    town.claim("2024-03-01", total_amount=37 * 10**size)
    made = town.rules("2024-12-01", only="AMOUNT_PATTERN")
    assert made.con.execute(f"SELECT {digit} FROM history h").fetchall() == [(3,)]


@pytest.mark.parametrize(("rounded", "hit"), [(1, False), (2, False), (3, True), (4, True)])
def test_round_sums(town, profile_hits, rounded, hit):
    """More than 20 % of ten; the first digits stay what they are."""
    *usual, odd = houses(town)
    for house in usual:
        priced(town, house, NATURAL)
    sums = [a // 10_000 * 10_000 if n >= 10 - rounded else a for n, a in enumerate(NATURAL)]
    claims = priced(town, odd, sums)
    found = profile_hits(town, "AMOUNT_PATTERN", claims=10)
    assert found.last == ({odd: (1, 7_000 * 100 * rounded // 1_000)} if hit else {})
    assert found.evidence == ({odd: set(claims[10 - rounded :])} if hit else {})


@pytest.mark.parametrize(("copies", "hit"), [(0, False), (1, True)])
def test_one_sum_again_and_again(town, profile_hits, copies, hit):
    *usual, odd = houses(town)
    for house in usual:
        priced(town, house, NATURAL)
    priced(town, odd, [11_300 if n < copies else a for n, a in enumerate(NATURAL)])
    found = profile_hits(town, "AMOUNT_PATTERN", claims=10, same_permille=150)
    assert found.last == ({odd: (1, 7_000 * 200 // 1_000)} if hit else {})


@pytest.mark.parametrize(("claims", "hit"), [(9, True), (10, True), (11, False)])
def test_few_sums_say_nothing(town, profile_hits, claims, hit):
    *usual, odd = houses(town)
    for house in usual:
        priced(town, house, NATURAL)
    priced(town, odd, [50_100 + 100 * n for n in range(10)])
    assert bool(profile_hits(town, "AMOUNT_PATTERN", claims=claims).last) is hit


def test_what_all_houses_do_is_no_pattern(town, profile_hits):
    for house in houses(town):
        priced(town, house, [50_000] * 10)
    assert not profile_hits(town, "AMOUNT_PATTERN", claims=10).last


def test_cancelled_sums_count_until_the_fund_knows(town, profile_hits):
    *usual, odd = houses(town)
    for house in usual:
        priced(town, house, NATURAL)
    for claim in priced(town, odd, [50_100 + 100 * n for n in range(10)])[:1]:
        town.reverse(claim, "2024-05-15")
    found = profile_hits(town, "AMOUNT_PATTERN", claims=10)
    assert (found.last, found.days) == ({}, [date(2024, 4, 1), date(2024, 5, 1)])


# Cost


def charged(town, house: str, total: int, number: int = 4, **given) -> list[str]:
    return [
        town.claim(f"{town.day(3 * n)}", institution_id=house, insured_id=f"{house}{n}",
                   total_amount=total, fund_amount=700, **given)
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize(("yuan", "hit"), [(165, False), (166, True)])
def test_dear_visits(town, profile_hits, yuan, hit):
    """Half more than the median of 110 yuan is 165."""
    for house, usual in zip(houses(town), (100, 100, 110, 120, yuan), strict=True):
        charged(town, house, 100 * usual)
    dearest = town.claim(town.day(0), institution_id="pr14", insured_id="z", fund_amount=0,
                         total_amount=100 * yuan + 1)  # fmt: skip
    found = profile_hits(town, "COST_OUTLIER", **SMALL)
    assert found.last == ({"pr14": (1, 2_800 * 56 // 166)} if hit else {})
    assert found.evidence == ({"pr14": {dearest}} if hit else {})


@pytest.mark.parametrize(("elsewhere", "hit"), [(16, True), (17, False)])
def test_dear_stays_for_their_diagnosis(town, profile_hits, elsewhere, hit):
    """Twice what 16 stays elsewhere cost; the others stand at 1,000 against a mean of 1,250."""
    for house in houses(town):
        stays = charged(town, house, 2_000 if house == "pr14" else 1_000,
                        claim_type="inpatient", main_diagnosis="I10")  # fmt: skip
    found = profile_hits(town, "COST_OUTLIER", elsewhere=elsewhere, **SMALL)
    assert found.last == ({"pr14": (1, 2_800 * 1_200 // 2_000)} if hit else {})
    assert found.evidence == ({"pr14": set(stays)} if hit else {})


def test_grave_diagnoses_are_no_outlier(town, profile_hits):
    for house in houses(town):
        charged(town, house, 1_000, claim_type="inpatient", main_diagnosis="I10")
        if house == "pr14":
            charged(town, house, 90_000, 9, claim_type="inpatient", main_diagnosis="C34")
    assert not profile_hits(town, "COST_OUTLIER", elsewhere=16, **SMALL).last


def months(town, now: int, past: list[int]) -> list[str]:
    """Plant a claim in each of the last thirteen months of 30 days, amounts in 100 yuan."""
    last = date(2024, 12, 1)
    return [
        town.claim(f"{last - timedelta(days=15 + 30 * n)} 10:00", fund_amount=10_000 * units,
                   insured_id=f"m{n}")
        for n, units in enumerate([now, *past])
    ]  # fmt: skip


@pytest.mark.parametrize(("past", "now", "hit"), [
    ([90, 110] * 6, 150, False), ([90, 110] * 6, 151, True),
    ([50, 150] * 6, 250, False), ([50, 150] * 6, 251, True),
    ([90, 110] * 5 + [100], 999, False),
])  # fmt: skip
def test_a_month_far_above_the_year_before(town, profile_hits, past, now, hit):
    """Mean 100: half more is 150; with a standard deviation of 50 three of them reach 250."""
    claims = months(town, now, past)
    found = profile_hits(town, "COST_OUTLIER", month_claims=1)
    assert found.last == ({"o1": (1, 10_000 * (now - 100))} if hit else {})
    assert found.evidence == ({"o1": {claims[0]}} if hit else {})


def test_a_cancelled_claim_makes_no_jump(town, profile_hits):
    claims = months(town, 151, [90, 110] * 6)
    town.reverse(claims[0], "2024-11-30")
    assert not profile_hits(town, "COST_OUTLIER", month_claims=1).last


# Payment groups


def group(town, code: str, weight: int, standard: int = 1_000, **given) -> None:
    row = {"drg_code": code, "level": "all", "weight_10000": weight, "standard_amount": standard,
           "valid_from": date(2023, 1, 1)}  # fmt: skip
    town.add("drg_groups", **{**row, **given})


def grouped(town, house: str, codes: list[str], total: int = 1_000, nights: int = 5) -> list[str]:
    return [
        town.stay(town.day(n), town.day(n + nights), institution_id=house, drg_code=code,
                  insured_id=f"{house}{n}", total_amount=total, fund_amount=700)
        for n, code in enumerate(codes)
    ]  # fmt: skip


def families(town) -> None:
    group(town, "AB15", 10_000)
    group(town, "AB11", 20_000)
    group(town, "AB11", 20_000, valid_from=date(2023, 2, 1))
    group(town, "ZZ11", 30_000)
    group(town, "AB19", 5_000, valid_from=date(2030, 1, 1))


@pytest.mark.parametrize(("heavy", "hit"), [(2, False), (3, True), (4, True)])
def test_heavy_groups(town, profile_hits, heavy, hit):
    """Two of sixteen elsewhere; 3 of 4 are 3.8 standard deviations above, 2 of 4 are 2.3."""
    families(town)
    for n, house in enumerate(houses(town)):
        many = heavy if n == 4 else n // 2 if n < 3 else 1
        codes = ["AB11"] * many + ["AB15"] * (4 - many)
        stays = grouped(town, house, codes)
        grouped(town, house, ["ZZ11"] * 3)  # alone in its family
    found = profile_hits(town, "DRG_MIX_OUTLIER", stays=4)
    above = 250 * heavy - 125
    assert found.last == ({"pr14": (1, 700 * heavy * above // (250 * heavy))} if hit else {})
    assert found.evidence == ({"pr14": set(stays[:heavy])} if hit else {})


def test_the_highest_share_must_be_alone(town, profile_hits):
    """With two houses alike only three quarters of the others lie below."""
    families(town)
    for n, house in enumerate(houses(town)):
        grouped(town, house, ["AB11" if n > 2 else "AB15"] * 40)
    assert not profile_hits(town, "DRG_MIX_OUTLIER").last


@pytest.mark.parametrize(("total", "nights", "hit"), [
    (2_000, 5, False), (2_001, 5, True), (400, 5, False), (399, 5, True), (1_000, 2, False),
    (1_000, 1, True),
])  # fmt: skip
def test_cost_far_from_the_standard_and_stays_of_a_day(town, profile_hits, total, nights, hit):
    families(town)
    for house in houses(town):
        odd = house == "pr14"
        stays = grouped(town, house, ["AB15"] * 4, total if odd else 1_000, nights if odd else 5)
    found = profile_hits(town, "DRG_MIX_OUTLIER", stays=4)
    assert found.last == ({"pr14": (1, 2_800)} if hit else {})
    assert found.evidence == ({"pr14": set(stays)} if hit else {})


def test_cancelled_stays_and_small_houses_are_no_mix(town, profile_hits):
    families(town)
    for house in houses(town):
        stays = grouped(town, house, ["AB11" if house == "pr14" else "AB15"] * 4)
    assert set(profile_hits(town, "DRG_MIX_OUTLIER", stays=4).last) == {"pr14"}
    assert not profile_hits(town, "DRG_MIX_OUTLIER", stays=5).last
    town.reverse(stays[0], "2024-06-15")
    assert not profile_hits(town, "DRG_MIX_OUTLIER", stays=4).last
