"""Exact limits on findings: every truth of a small frame, published rule of thumb, bad numbers."""

from __future__ import annotations

from itertools import product
from math import comb

import pytest

from sampling.estimation.exact_bounds import (
    findings_between,
    least_findings,
    most_findings,
    most_overpaid,
)
from sampling.estimation.sample_faults import SampleError


def _chance(N: int, D: int, n: int, d: int) -> float:
    return comb(D, d) * comb(N - D, n - d) / comb(N, n)


@pytest.mark.parametrize(("N", "n"), [(12, 5), (20, 3), (9, 9), (15, 1)])
@pytest.mark.parametrize("risk", [0.025, 0.1])
def test_every_truth_is_missed_at_most_as_often_as_stated(N: int, n: int, risk: float) -> None:
    for D in range(N + 1):
        possible = range(max(0, n - (N - D)), min(n, D) + 1)
        above = sum(_chance(N, D, n, d) for d in possible if most_findings(N, n, d, risk) < D)
        below = sum(_chance(N, D, n, d) for d in possible if least_findings(N, n, d, risk) > D)
        assert above <= risk
        assert below <= risk


def test_limits_are_no_wider_than_they_must_be() -> None:
    """One finding more would make what was seen as rare as the risk, or rarer."""
    for d in range(6):
        most, least = most_findings(40, 10, d, 0.05), least_findings(40, 10, d, 0.05)
        assert sum(_chance(40, most, 10, k) for k in range(d + 1)) > 0.05
        assert sum(_chance(40, most + 1, 10, k) for k in range(d + 1)) <= 0.05
        if least > d:
            assert sum(_chance(40, least - 1, 10, k) for k in range(d, 11)) <= 0.05


def test_nothing_found_by_hand() -> None:
    """N 10, n 4, none found: P(0 | D = 4) = C(6,4)/C(10,4) = 15/210 = 0.071; D = 5: 5/210."""
    assert most_findings(10, 4, 0, 0.05) == 4
    assert least_findings(10, 4, 0, 0.05) == 0
    assert most_findings(10, 4, 0, 0.02) == 5


def test_rule_of_three() -> None:
    """Nothing in 300: at 95 % at most 3 in 300 (Hanley and Lippman-Hand, JAMA 249, 1983, 1743)."""
    assert most_findings(1_000_000, 300, 0, 0.05) / 1_000_000 == pytest.approx(0.01, rel=0.01)


def test_all_draws_of_two_strata_hold_together() -> None:
    sizes, verdicts, risk = {"a": 7, "b": 6}, {"a": 3, "b": 3}, 0.2
    for Da, Db in product(range(8), range(7)):
        missed = 0.0
        for da, db in product(range(4), range(4)):
            chance = _chance(7, Da, 3, da) * _chance(6, Db, 3, db)
            if chance:
                low, high = findings_between(sizes, verdicts, {"a": da, "b": db}, risk)
                missed += chance * (not low <= Da + Db <= high)
        assert missed <= risk


def test_each_side_has_half_of_the_risk() -> None:
    low, high = least_findings(90, 30, 6, 0.1), most_findings(90, 30, 6, 0.1)
    assert findings_between({"a": 90}, {"a": 30}, {"a": 6}, risk=0.2) == (low, high)


def test_a_stratum_seen_whole_takes_no_part_of_the_risk() -> None:
    one = findings_between({"a": 40}, {"a": 10}, {"a": 1})
    two = findings_between({"a": 40, "top": 5}, {"a": 10, "top": 5}, {"a": 1, "top": 4})
    assert two == (one[0] + 4, one[1] + 4)


def test_most_overpaid_by_hand() -> None:
    """None of 4 of 10 found, at most 5 findings at 2 %: the five largest of six amounts, 27 - 2."""
    got = most_overpaid({"a": 10}, {"a": 4}, {"a": 0}, 0, {"a": [2, 3, 4, 5, 6, 7]}, risk=0.02)
    assert got == 25
    seen = most_overpaid({"a": 4}, {"a": 4}, {"a": 2}, 90, {}, risk=0.02)
    assert seen == 90


def test_impossible_numbers_are_refused_with_their_place() -> None:
    with pytest.raises(SampleError, match="Stratum 'a' has 5 units, 6 verdicts and 0 findings"):
        findings_between({"a": 5}, {"a": 6}, {"a": 0})
    with pytest.raises(SampleError, match="Stratum 'a' has 5 units, 3 verdicts and 4 findings"):
        findings_between({"a": 5}, {"a": 3}, {"a": 4})
    with pytest.raises(SampleError, match="None verdicts"):
        findings_between({"a": 5}, {}, {"a": 4})
    with pytest.raises(SampleError, match="The risk is 1"):
        findings_between({"a": 5}, {"a": 3}, {"a": 1}, risk=1)
    for amounts in ([1], [1, -1]):
        with pytest.raises(SampleError, match="Stratum 'a' has 2 units not inspected"):
            most_overpaid({"a": 5}, {"a": 3}, {"a": 1}, 4, {"a": amounts})
