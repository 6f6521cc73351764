"""Costs unlike those of other houses: dear visits and stays, a month's jump, heavy groups.

Numbers are worked out by hand. Minimum numbers of cases are lowered, so that towns stay small;
thresholds are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.features.planted_houses import SMALL, houses


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
