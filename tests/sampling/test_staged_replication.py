"""Resamples of institutions and their claims: all written down, repeated, whatever the order."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.estimation.replication import rescaled
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.staged_replication import (
    FirstStage,
    first_stage_by_size,
    first_stage_of_strata,
    resampled_once,
    staged_bootstrap,
)
from sampling.estimation.stratified import stratified_sample
from sampling.estimation.two_stage import Institution, two_stage_pps_total, two_stage_total

SEED = b"resampling, not drawing"


def _seen(name: str, claims: int, found: list[float], stratum: str = "h") -> Institution:
    """An institution with so many claims, of which these were seen."""
    ids = [f"{name}-{k}" for k in range(len(found))]
    return Institution(name, stratum, stratified_sample({name: claims}, ids, [name] * len(ids),
                                                        found))  # fmt: skip


def _whole(name: str, found: float) -> Institution:
    return _seen(name, 1, [found])


def _every(n: int, m: int) -> np.ndarray:
    return np.array(list(product(range(n), repeat=m)), dtype=np.int64)


def _all_resamples(stage: FirstStage) -> tuple[np.ndarray, np.ndarray]:
    """Return error and own variance of every resample of institutions and of their claims."""
    assert stage.deviations is not None
    n = len(stage.institutions)
    errors = [_own_errors(i) for i in stage.institutions]
    found = []
    for picks in _every(n, max(2, n - 1)):
        inner = np.array(list(product(*[errors[k] for k in picks])))
        rows = np.tile(picks, (len(inner), 1))
        found.append((np.array(resampled_once(stage, stage.deviations, rows, inner)), len(inner)))
    # Each first-stage resample counts alike, however many there are of its claims.
    most = math.lcm(*[count for _, count in found])
    error, own = np.concatenate([np.repeat(x, most // c, axis=1) for x, c in found], axis=1)
    return error, own


def _own_errors(institution: Institution) -> list[float]:
    y, N = institution.claims.y, int(institution.claims.N[0])
    if len(y) == N:
        return [0.0]
    return list(rescaled(y, _every(len(y), max(2, len(y) - 1)), N)[0])


TWO = [_seen("a", 5, [3, 0]), _seen("b", 9, [10, 4]), _whole("c", 2)]
JOINT = np.array([[0.5, 0.2, 0.3], [0.2, 0.4, 0.25], [0.3, 0.25, 0.8]])
PI = [0.5, 0.4, 0.8]


def test_all_resamples_from_strata_have_the_variance_of_the_formula() -> None:
    """Rao and Wu's condition in two stages, exact."""
    (stage,) = first_stage_of_strata({"h": 7}, TWO)
    error, own = _all_resamples(stage)
    variance = two_stage_total({"h": 7}, TWO).variance
    assert error.mean() == pytest.approx(0, abs=1e-9)
    assert (error**2).mean() == pytest.approx(variance, rel=1e-12)
    assert own.mean() == pytest.approx(variance, rel=1e-12)


def test_all_resamples_by_size_have_the_variance_of_the_formula() -> None:
    (stage,) = first_stage_by_size(TWO, PI, JOINT)
    error, own = _all_resamples(stage)
    variance = two_stage_pps_total(TWO, PI, JOINT).variance
    assert error.mean() == pytest.approx(0, abs=1e-9)
    assert (error**2).mean() == pytest.approx(variance, rel=1e-12)
    assert own.mean() == pytest.approx(variance, rel=1e-12)


def test_two_of_four_institutions_by_hand() -> None:
    """Totals 10 and 4, seen whole: 16 x 1/2 x 18/2 = 72, so errors are 2 x (+-3 +-3)."""
    (stage,) = first_stage_of_strata({"h": 4}, [_whole("a", 10), _whole("b", 4)])
    assert stage.between == pytest.approx(72)
    assert stage.deviations is not None
    error, own = resampled_once(stage, stage.deviations, _every(2, 2), np.zeros((4, 2)))
    assert error == pytest.approx([12, 0, 0, -12])
    assert own == pytest.approx([0, 144, 144, 0])


def test_two_by_size_by_hand() -> None:
    """A at 10 x 11/5 = 22, B at 24 x 11/8 = 33, variance 99 (docs/sampling-spec.md)."""
    joint = np.array([[5, 2], [2, 8]]) / 11
    (stage,) = first_stage_by_size([_whole("A", 10), _whole("B", 24)], [5 / 11, 8 / 11], joint)
    assert stage.between == pytest.approx(99)
    assert stage.deviations is not None
    error, own = resampled_once(stage, stage.deviations, _every(2, 2), np.zeros((4, 2)))
    assert error == pytest.approx([-math.sqrt(198), 0, 0, math.sqrt(198)])
    assert own == pytest.approx([0, 198, 198, 0])


def test_deviations_by_size_are_hajek_s_residuals() -> None:
    """Chances 0.5, 0.5, 0.8, expanded 10, 20, 40: A = (5 + 10 + 8) / 1.2 = 19.1667.

    sqrt(0.5) x -9.1667 = -6.4818, sqrt(0.5) x 0.8333 = 0.5893, sqrt(0.2) x 20.8333 = 9.3169; less
    their mean, 1.1415.
    """
    three = [_whole("c", 32), _whole("a", 5), _whole("b", 10)]
    (stage,) = first_stage_by_size(three, [0.8, 0.5, 0.5], np.full((3, 3), 0.3))
    assert [i.unit_id for i in stage.institutions] == ["a", "b", "c"]
    assert stage.deviations == pytest.approx([-7.6232, -0.5522, 8.1755], abs=1e-4)
    assert stage.weights == pytest.approx([2, 2, 1.25])


def test_certain_institutions_are_resampled_by_their_claims_alone() -> None:
    """pi = 1 for b: between a and c there is a lot, within b what its claims say."""
    pi, joint = [0.5, 1, 0.5], np.array([[0.5, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 0.5]])
    drawn, sure = first_stage_by_size(TWO, pi, joint)
    assert [i.unit_id for i in drawn.institutions] == ["a", "c"]
    assert ([i.unit_id for i in sure.institutions], sure.deviations) == (["b"], None)
    only = two_stage_pps_total([TWO[1]], [1], np.ones((1, 1)))
    boot = staged_bootstrap([sure], only, SEED)
    assert only.variance == pytest.approx(9 * 7 * 18 / 2)
    # Two of two places: the errors are +-sqrt(2 V) or nothing, so V lies within 7 % of this.
    assert boot.standard_error == pytest.approx(math.sqrt(only.variance), rel=0.07)


def _many(name: str) -> list[Institution]:
    rng = np.random.default_rng(4)
    return [
        _seen(f"{name}{k}", 12, list(rng.gamma(0.4, 900, 5).round()), "h" if k % 2 else "g")
        for k in range(10)
    ]  # fmt: skip


def test_the_spread_of_the_resamples_is_the_standard_error() -> None:
    some = _many("i")
    for made, stages in (
        (two_stage_total({"g": 30, "h": 40}, some),
         first_stage_of_strata({"g": 30, "h": 40}, some)),
        (two_stage_pps_total(some, [0.3] * 10, np.full((10, 10), 0.08) + np.eye(10) * 0.22),
         first_stage_by_size(some, [0.3] * 10, np.full((10, 10), 0.08) + np.eye(10) * 0.22)),
    ):  # fmt: skip
        boot = staged_bootstrap(stages, made, SEED, replicates=3999)
        assert boot.standard_error == pytest.approx(math.sqrt(made.variance), rel=0.05)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(10)))
def test_same_seed_same_numbers_whatever_the_order(order: list[int]) -> None:
    some = _many("i")
    turned = [some[k] for k in order]
    sizes = {"g": 30, "h": 40}
    made = two_stage_total(sizes, some)
    one = staged_bootstrap(first_stage_of_strata(sizes, some), made, SEED, replicates=79)
    two = staged_bootstrap(first_stage_of_strata(sizes, turned), made, SEED, replicates=79)
    assert one == two
    pi = np.linspace(0.2, 0.6, 10)
    joint = np.outer(pi, pi) * 0.9
    np.fill_diagonal(joint, pi)
    by_size = two_stage_pps_total(some, pi, joint)
    one = staged_bootstrap(first_stage_by_size(some, pi, joint), by_size, SEED, replicates=79)
    stages = first_stage_by_size(turned, pi[order], joint[np.ix_(order, order)])
    assert staged_bootstrap(stages, by_size, SEED, replicates=79) == one
    assert staged_bootstrap(stages, by_size, b"other", replicates=79) != one


def test_the_intervals_stay_what_they_are() -> None:
    """Frozen, so that a report can be repeated years later: a change must be a decision."""
    some, sizes = _many("i"), {"g": 30, "h": 40}
    made = two_stage_total(sizes, some)
    boot = staged_bootstrap(first_stage_of_strata(sizes, some), made, SEED)
    assert boot.studentised_95 == pytest.approx(FROZEN[:2], abs=1e-3)
    assert boot.studentised_lower_90 == pytest.approx(FROZEN[2], abs=1e-3)
    assert boot.percentile_95 == pytest.approx(FROZEN[3:], abs=1e-3)


FROZEN = (196539.3847, 625433.3730, 272056.2271, 227008.8171, 525128.3281)


def test_no_bound_falls_below_what_was_found() -> None:
    some, sizes = _many("i"), {"g": 6, "h": 6}
    made = two_stage_total(sizes, some)
    found = float(sum(i.claims.y.sum() for i in some))
    stages = first_stage_of_strata(sizes, some)
    boot = staged_bootstrap(stages, made, SEED, replicates=199)
    assert min(boot.percentile_95[0], boot.studentised_95[0], boot.studentised_lower_90) >= found
    high = staged_bootstrap(stages, made, SEED, replicates=199, least=made.estimate)
    assert (high.studentised_95[0], high.studentised_lower_90) == (made.estimate, made.estimate)


def test_strata_without_spread_change_nothing() -> None:
    """Zero outside a domain: the resamples of the domain's own strata are the same."""
    some, sizes = _many("i"), {"g": 30, "h": 40}
    inside = [i if i.stratum == "g" else replace(i, claims=i.claims.with_values(0 * i.claims.y))
              for i in some]  # fmt: skip
    made = two_stage_total(sizes, inside)
    stages = first_stage_of_strata(sizes, inside)
    alone = staged_bootstrap(stages[:1], made, SEED, replicates=79, least=0)
    assert staged_bootstrap(stages, made, SEED, replicates=79, least=0) == alone


def test_nothing_to_resample_and_too_few_resamples_are_told() -> None:
    zero = [_seen("a", 5, [0, 0]), _seen("b", 9, [0, 0])]
    made = two_stage_total({"h": 7}, zero)
    stages = first_stage_of_strata({"h": 7}, zero)
    boot = staged_bootstrap(stages, made, SEED)
    assert boot.studentised_95 is None
    assert [n.code for n in boot.notes] == ["BOOTSTRAP_EQUAL"]
    whole = [_seen("a", 2, [3, 0]), _seen("b", 2, [1, 4])]
    exact = staged_bootstrap(
        first_stage_of_strata({"h": 2}, whole), two_stage_total({"h": 2}, whole), SEED
    )
    assert exact.studentised_95 == (8, 8)
    with pytest.raises(SampleError, match="38 resamples"):
        staged_bootstrap(stages, made, SEED, replicates=38)
