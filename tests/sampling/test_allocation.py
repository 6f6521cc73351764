"""Allocation: textbook numbers, the best of all whole numbers, and rules for any frame."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.design import DesignError, allocate, design_faults
from sampling.drawing.draw import draw
from sampling.frame import Frame, make_frame
from sampling.planning.allocation import (
    RULES,
    Knowledge,
    allocate_by,
    best_draws,
    fewest_draws,
    rule_weights,
)

SIZES = st.dictionaries(
    st.sampled_from([f"s{i}" for i in range(9)]), st.integers(1, 30), min_size=1, max_size=5
)
#: Cochran (1977), section 5.9: N_h and S_h of the enrolments of 196 teachers' colleges.
COLLEGES = {
    "1": (13, 325), "2": (18, 190), "3": (26, 189), "4": (42, 82), "5": (73, 86), "6": (24, 190),
}  # fmt: skip


def _frame(sizes: dict[str, int]) -> Frame:
    strata = [name for name, n in sizes.items() for _ in range(n)]
    return make_frame("claim", [f"U{i:05d}" for i in range(len(strata))], strata, [1] * len(strata))


def _weights(pairs: dict[str, tuple[int, int]]) -> dict[str, Fraction]:
    return {name: Fraction(n * n * s * s) for name, (n, s) in pairs.items()}


def _sizes(pairs: dict[str, tuple[int, int]]) -> dict[str, int]:
    return {name: n for name, (n, _) in pairs.items()}


def test_cochrans_colleges() -> None:
    """Cochran, Sampling Techniques (1977), section 5.9: n = 58 is split 9, 7, 11, 7, 14, 10.

    By hand: N_h S_h = 4225, 3420, 4914, 3444, 6278, 4560 of 26841; 58 of it are 9.13, 7.39, 10.62,
    7.44, 13.57 and 9.85.
    """
    got = best_draws(_weights(COLLEGES), dict.fromkeys(COLLEGES, 1), _sizes(COLLEGES), 58)
    assert list(got.values()) == [9, 7, 11, 7, 14, 10]


def test_wrights_example() -> None:
    """Wright (2017), section 5, as printed with R's package `allocation` (A. Raim, CRAN 2025).

    N = 47, 61, 41; S^2 = 100, 36, 16; bounds 1 to 5, 2 to 6, 3 to 4; n = 10: allocation 4, 3, 3
    with variance 101,290.3333.
    """
    sizes, spreads = {"1": 47, "2": 61, "3": 41}, {"1": 100, "2": 36, "3": 16}
    weights = {name: Fraction(n * n * spreads[name]) for name, n in sizes.items()}
    got = best_draws(weights, {"1": 1, "2": 2, "3": 3}, {"1": 5, "2": 6, "3": 4}, 10)
    assert got == {"1": 4, "2": 3, "3": 3}
    variance = sum(Fraction(n * (n - got[h]) * spreads[h], got[h]) for h, n in sizes.items())
    assert float(variance) == pytest.approx(101_290.3333, abs=5e-5)


def test_wrights_revenues() -> None:
    """Ibid.: ten strata of revenue; 53 draws, the last stratum whole, at least 3 each."""
    sizes = [819, 672, 358, 196, 135, 83, 53, 40, 35, 13]
    spreads = [330, 518, 488, 634, 1126, 2244, 2468, 5869, 29334, 1233311]  # thousands
    names = [f"{h:02d}" for h in range(10)]
    weights = {h: Fraction(n * s) ** 2 for h, n, s in zip(names, sizes, spreads, strict=True)}
    lower = dict.fromkeys(names, 3) | {"09": 13}
    got = best_draws(weights, lower, dict(zip(names, sizes, strict=True)), 53)
    assert list(got.values()) == [4, 5, 3, 3, 3, 3, 3, 3, 13, 13]


def test_costs_by_hand() -> None:
    """N_h S_h / sqrt(c_h) = 100 x 2 / 1 and 100 x 4 / 4: 200 to 100, so 12 draws are 8 and 4.

    Without costs it is 200 to 400, hence 4 and 8.
    """
    frame = _frame({"dear": 100, "cheap": 100})
    known = Knowledge(
        spreads={"cheap": 4.0, "dear": 16.0}, hours={"cheap": Fraction(1), "dear": Fraction(16)}
    )
    costly = {s.name: s.draws for s in allocate_by("cost", frame, 12, "0.1", known=known).strata}
    plain = {s.name: s.draws for s in allocate_by("neyman", frame, 12, "0.1", known=known).strata}
    assert (costly, plain) == ({"cheap": 8, "dear": 4}, {"cheap": 4, "dear": 8})


def test_proportional_is_equal_proportions() -> None:
    """Three strata of 60, 30 and 10 units share 20 draws as 12, 6 and 2 do."""
    design = allocate_by("proportional", _frame({"a": 60, "b": 30, "c": 10}), 20, "0.1")
    assert [s.draws for s in design.strata] == [12, 6, 2]


@st.composite
def _problems(draw_: st.DrawFn) -> tuple[dict[str, Fraction], dict[str, int], dict[str, int], int]:
    names = [f"s{i}" for i in range(draw_(st.integers(1, 3)))]
    upper = {n: draw_(st.integers(1, 9)) for n in names}
    lower = {n: draw_(st.integers(1, upper[n])) for n in names}
    weights = {n: Fraction(draw_(st.integers(0, 50))) for n in names}
    return weights, lower, upper, draw_(st.integers(sum(lower.values()), sum(upper.values())))


@given(_problems())
@settings(max_examples=120, deadline=None)
def test_no_other_whole_numbers_are_better(
    problem: tuple[dict[str, Fraction], dict[str, int], dict[str, int], int],
) -> None:
    weights, lower, upper, total = problem
    got = best_draws(weights, lower, upper, total)
    assert sum(got.values()) == total
    assert all(lower[n] <= got[n] <= upper[n] for n in got)
    names = list(weights)
    every = itertools.product(*(range(lower[n], upper[n] + 1) for n in names))
    best = min(
        sum((weights[n] / d for n, d in zip(names, draws, strict=True)), Fraction(0))
        for draws in every
        if sum(draws) == total
    )
    assert sum((weights[n] / got[n] for n in names), Fraction(0)) == best


def test_many_steps_are_the_same_as_one_by_one() -> None:
    """A capacity of thousands is reached by bisection; the plain greedy way must agree."""
    sizes = {f"s{i}": 400 + 137 * i for i in range(6)}
    weights = {n: Fraction(size * size * (1 + i)) for i, (n, size) in enumerate(sizes.items())}
    slow = dict.fromkeys(sizes, 2)
    for _ in range(2_000 - 12):
        open_ = [n for n in slow if slow[n] < sizes[n]]
        slow[max(open_, key=lambda n: weights[n] / (slow[n] * (slow[n] + 1)))] += 1
    assert best_draws(weights, dict.fromkeys(sizes, 2), sizes, 2_000) == slow


@given(SIZES, st.sampled_from(RULES), st.sampled_from(["0.05", "0.3", "1"]), st.data())
@settings(max_examples=60, deadline=None)
def test_every_rule_keeps_the_contract(
    sizes: dict[str, int], rule: str, share: str, data: st.DataObject
) -> None:
    frame = _frame(sizes)
    capacity = data.draw(st.integers(1, len(frame)))
    spreads = {n: float(data.draw(st.integers(0, 9))) for n in sizes}
    hours = {n: Fraction(data.draw(st.integers(1, 9)), 2) for n in sizes}
    known = Knowledge(spreads=spreads, hours=hours)
    try:
        plain = allocate(frame, capacity, share)
    except DesignError:
        with pytest.raises(DesignError):
            allocate_by(rule, frame, capacity, share, known=known)
        return
    design = allocate_by(rule, frame, capacity, share, known=known)
    assert design_faults(design) == []
    assert sum(s.draws for s in design.strata) == capacity
    assert [(s.name, s.units, s.floor) for s in design.strata] == [
        (s.name, s.units, s.floor) for s in plain.strata
    ]
    if rule == "bands":
        assert design == plain
    assert draw(frame, design, bytes(32), "P0001").num_rows == capacity


@given(SIZES, st.data())
@settings(max_examples=40, deadline=None)
def test_more_capacity_takes_nothing_away(sizes: dict[str, int], data: st.DataObject) -> None:
    """With fixed lower bounds the steps are a chain: each capacity holds the one before."""
    weights = {n: Fraction(data.draw(st.integers(0, 20))) for n in sizes}
    lower = {n: min(2, size) for n, size in sizes.items()}
    before = lower
    for total in range(sum(lower.values()), sum(sizes.values()) + 1):
        now = best_draws(weights, lower, sizes, total)
        assert all(now[n] >= before[n] for n in now)
        before = now


def test_the_fewest_draws_are_the_contracts() -> None:
    """N = 130, n = 26, share 0.5: f = 0.1. Floors 10, 2, 1; at least 2 each; ``least`` raises."""
    sizes = {"a": 100, "b": 20, "c": 10}
    assert fewest_draws(sizes, 26, Decimal("0.5")) == {"a": 10, "b": 2, "c": 2}
    assert fewest_draws(sizes, 26, Decimal("0.5"), ["c"], {"b": 5, "a": 3}) == {
        "a": 10, "b": 5, "c": 10
    }  # fmt: skip


def test_a_minimum_holds_under_every_rule() -> None:
    frame = _frame({"a": 100, "b": 20, "c": 10})
    for rule in RULES:
        known = Knowledge(
            {"a": 9.0, "b": 1.0, "c": 1.0}, dict.fromkeys("abc", Fraction(1)), {"c": 7},
            {"a": "b1", "b": "b2", "c": "b3"},
        )  # fmt: skip
        design = allocate_by(rule, frame, 26, "0.5", known=known)
        assert {s.name: s.draws for s in design.strata}["c"] >= 7
        assert sum(s.draws for s in design.strata) == 26
        assert design_faults(design) == []


@pytest.mark.parametrize(
    ("rule", "known", "sentence"),
    [
        ("best", Knowledge(), "no allocation rule 'best'"),
        ("neyman", Knowledge(spreads={"a": 1.0}), "Stratum 'b' has no guess of its variance"),
        ("neyman", Knowledge(spreads={"a": 1.0, "b": math.nan}), "Stratum 'b' has no guess"),
        ("neyman", Knowledge(spreads={"a": -1.0, "b": 1.0}), "Stratum 'a' has no guess"),
        ("cost", Knowledge({"a": 1.0, "b": 1.0}, {"a": Fraction(1)}), "'b' has no hours"),
        ("cost", Knowledge({"a": 1.0, "b": 1.0}, {"a": Fraction(1), "b": Fraction(0)}), "'b' has"),
        ("neyman", Knowledge({"a": 1.0, "b": 1.0}, least={"b": 21}), "'b' is to have at least 21"),
        ("neyman", Knowledge({"a": 1.0, "b": 1.0}, least={"x": 1}), "'x' is to have at least 1"),
        ("proportional", Knowledge(least={"a": 15}), "come to 17, the capacity is 10"),
    ],
)  # fmt: skip
def test_what_is_refused(rule: str, known: Knowledge, sentence: str) -> None:
    with pytest.raises(DesignError, match=sentence) as caught:
        allocate_by(rule, _frame({"a": 30, "b": 20}), 10, "0.3", known=known)
    assert caught.value.text("zh") != caught.value.text("en")


def test_strata_where_nothing_varies_get_the_rest_by_size() -> None:
    weights = rule_weights(
        "neyman", {"a": 4, "b": 60, "c": 30}, Knowledge({"a": 1, "b": 0, "c": 0})
    )
    got = best_draws(weights, {"a": 2, "b": 2, "c": 2}, {"a": 4, "b": 60, "c": 30}, 34)
    assert got == {"a": 4, "b": 20, "c": 10}
