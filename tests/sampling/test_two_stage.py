"""Two stages: every pair of draws of a small county written down, by equal and unequal chances."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations, product

import numpy as np
import pytest

from sampling.drawing.pps import joint_inclusion_probabilities
from sampling.estimation.intervals import Estimated
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import stratified_sample
from sampling.estimation.two_stage import Institution, two_stage_pps_total, two_stage_total

# Amounts on the claims of each institution; two strata of institutions. n_i claims are inspected.
COUNTY = {
    "h1": ("hospital", [0, 0, 40], 2),
    "h2": ("hospital", [10, 0, 0, 25], 2),
    "h3": ("hospital", [0, 60], 2),
    "p1": ("pharmacy", [3, 0, 0], 2),
    "p2": ("pharmacy", [0, 8, 1], 2),
}
SIZES = {"hospital": 3, "pharmacy": 2}
TRUTH = 147.0


def _within(unit: str) -> list[Institution]:
    """Return the institution with every sample of its claims that can be drawn."""
    stratum, amounts, n = COUNTY[unit]
    return [
        Institution(unit, stratum, stratified_sample(
            {"all": len(amounts)}, [f"{unit}-{k}" for k in picks], ["all"] * n,
            [amounts[k] for k in picks],
        ))
        for picks in combinations(range(len(amounts)), n)
    ]  # fmt: skip


def _draws(units: tuple[str, ...]) -> Iterator[tuple[float, list[Institution]]]:
    """Return every second stage of these institutions with its chance, all equally likely."""
    choices = [_within(u) for u in units]
    count = math.prod(len(c) for c in choices)
    for chosen in product(*choices):
        yield 1 / count, list(chosen)


def _moments(
    firsts: list[tuple[float, tuple[str, ...]]], estimator: Callable[[list[Institution]], Estimated]
) -> tuple[float, float, float]:
    p, totals, variances = [], [], []
    for chance, units in firsts:
        for share, institutions in _draws(units):
            got = estimator(institutions)
            p.append(chance * share)
            totals.append(got.estimate)
            variances.append(got.variance)
    weight, t = np.array(p), np.array(totals)
    assert weight.sum() == pytest.approx(1)
    mean = float(weight @ t)
    return mean, float(weight @ (t - mean) ** 2), float(weight @ np.array(variances))


EQUAL = [(1 / 3, (*pair, "p1", "p2")) for pair in combinations(("h1", "h2", "h3"), 2)]


def test_all_draws_total_and_variance_are_exactly_unbiased() -> None:
    """Both pharmacies are always drawn: only their claims are left to chance."""
    mean, true, estimated = _moments(EQUAL, lambda i: two_stage_total(SIZES, i))
    assert mean == pytest.approx(TRUTH, rel=1e-12)
    assert estimated == pytest.approx(true, rel=1e-12)


def test_all_draws_catch_wrong_variances() -> None:
    """Leaving out the second stage, or raising it by (M/m)^2, as is often done, must fail."""

    def first_only(i: list[Institution]) -> Estimated:
        flat = [Institution(x.unit_id, x.stratum, _census(x)) for x in i]
        return two_stage_total(SIZES, flat)

    def squared(i: list[Institution]) -> Estimated:
        right = two_stage_total(SIZES, i)
        extra = sum(1.5 * 0.5 * x.variance for x in i if x.stratum == "hospital")
        return Estimated("", right.estimate, right.variance + extra, right.quantity, ())

    for wrong in (first_only, squared):
        mean, true, estimated = _moments(EQUAL, wrong)
        assert mean == pytest.approx(TRUTH)
        assert not math.isclose(true, estimated, rel_tol=1e-3)


def _census(i: Institution):
    """The institution's estimated total as if it were known."""
    return stratified_sample({"all": 1}, [i.unit_id], ["all"], [i.total])


def test_all_draws_with_unequal_chances_are_exactly_unbiased() -> None:
    """Conditional Poisson for 3 of the 5, p2 certain, and second stages as before."""
    units = list(COUNTY)
    weights = [4, 5, 9, 2, 0]
    joint = joint_inclusion_probabilities(weights, 3)
    pi = np.diag(joint)
    place = {u: k for k, u in enumerate(units)}
    pairs = list(combinations(range(4), 2))
    whole = sum(weights[a] * weights[b] for a, b in pairs)
    firsts = [
        (weights[a] * weights[b] / whole, (units[a], units[b], "p2")) for a, b in pairs
    ]  # fmt: skip

    def estimator(institutions: list[Institution]) -> Estimated:
        rows = [place[i.unit_id] for i in institutions]
        return two_stage_pps_total(institutions, pi[rows], joint[np.ix_(rows, rows)])

    mean, true, estimated = _moments(firsts, estimator)
    assert mean == pytest.approx(TRUTH, rel=1e-12)
    assert estimated == pytest.approx(true, rel=1e-11)


def test_the_order_of_institutions_is_irrelevant() -> None:
    joint = joint_inclusion_probabilities([4, 5, 9, 2, 0], 3)
    institutions = [_within(u)[1] for u in ("h1", "h2")] + [_within("p2")[0]]
    one = two_stage_pps_total(institutions, *_chances(joint, [0, 1, 4]))
    two = two_stage_pps_total(institutions[::-1], *_chances(joint, [4, 1, 0]))
    assert (one.estimate, one.variance, one.quantity) == (two.estimate, two.variance, two.quantity)


def _chances(joint: np.ndarray, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.diag(joint)[rows], joint[np.ix_(rows, rows)]


def test_by_hand() -> None:
    """M 3, m 2: h1 sees 0 and 40 of 3 (t = 60, V = 3 x 1 x 800 / 2 = 1200), h3 is seen whole (60).

    Total 3 x 60 = 180; s_t^2 = 0; variance 0 + 3/2 x 1200 = 1800.
    """
    h1 = next(i for i in _within("h1") if i.total == 60)
    got = two_stage_total({"hospital": 3}, [h1, _within("h3")[0]])
    assert (got.estimate, got.variance) == (180, 1800)
    assert got.quantity.df == 1
    assert got.quantity.interval_95_t[0] == 100
    turned = two_stage_total({"hospital": 3}, [_within("h3")[0], h1])
    assert (turned.estimate, turned.variance) == (180, 1800)


def test_all_institutions_but_not_all_claims_leave_the_second_stage() -> None:
    """Both pharmacies drawn, two of three claims each: V_i = 3 x 1 x s^2 / 2, and nothing more.

    p1 sees 3 and 0, s^2 4.5; p2 sees 0 and 8, s^2 32: 6.75 + 48.
    """
    institutions = [_within("p1")[0], _within("p2")[0]]
    got = two_stage_total({"pharmacy": 2}, institutions)
    assert got.variance == pytest.approx(54.75)
    assert got.quantity.standard_error == pytest.approx(math.sqrt(54.75))
    got = two_stage_pps_total(institutions, [1, 1], [[1, 1], [1, 1]])
    assert got.quantity.standard_error == pytest.approx(math.sqrt(54.75))


def test_seeing_everything_is_exact() -> None:
    amounts = {"x": [1, 2], "y": [0, 4]}
    institutions = [
        Institution(u, "s", stratified_sample({"all": 2}, [u + "0", u + "1"], ["all"] * 2, a))
        for u, a in amounts.items()
    ]
    got = two_stage_total({"s": 2}, institutions)
    assert (got.estimate, got.quantity.standard_error) == (7, 0)
    got = two_stage_pps_total(institutions, [1, 1], [[1, 1], [1, 1]])
    assert (got.estimate, got.quantity.interval_95) == (7, (7, 7))


def test_bad_institutions_are_refused_with_their_place() -> None:
    h1, h2 = _within("h1")[0], _within("h2")[0]
    with pytest.raises(SampleError, match="Stratum 'hospital' has one verdict for 3"):
        two_stage_total({"hospital": 3}, [h1])
    with pytest.raises(SampleError, match="Unit 'h1' appears more than once"):
        two_stage_total({"hospital": 3}, [h1, h1])
    with pytest.raises(SampleError, match="Stratum 'pharmacy' has 2 units and no verdict"):
        two_stage_total(SIZES, [h1, h2])
    with pytest.raises(SampleError, match="Stratum 'all' has one verdict for 5"):
        Institution("h9", "hospital", stratified_sample({"all": 5}, ["c"], ["all"], [1]))
