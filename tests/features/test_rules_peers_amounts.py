"""Amounts unlike those of other houses: first digits, round sums, one sum again and again.

Numbers are worked out by hand. Minimum numbers of cases are lowered, so that towns stay small;
thresholds are tried at -1, 0 and +1.
"""

from __future__ import annotations

import math
from datetime import date

import pytest

from features.rules import rules
from tests.features.planted_houses import houses

RULES = {rule.id: rule for rule in rules()}
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
