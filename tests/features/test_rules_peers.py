"""Shares of drugs, tests and stays far from those of like houses; houses within them are not.

Numbers are worked out by hand. Minimum numbers of cases are lowered, so that towns stay small;
thresholds are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date

import pytest

from tests.features.planted_houses import SMALL, houses


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
