"""Conditional Poisson sampling: every sample counted, draws replayed, wrong designs caught."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sampling.drawing.draw import random_numbers
from sampling.drawing.pps import (
    inclusion_probabilities,
    joint_inclusion_probabilities,
    select,
    target_probabilities,
    working_weights,
)
from sampling.drawing.pps_faults import PpsError
from sampling.estimation.pps_estimate import pps_total

DRAWS = int(os.environ.get("JIHE_PROOF_DRAWS", "400"))
LEVEL = 0.001
TARGET = [0.07, 0.17, 0.41, 0.61, 0.83, 0.91]
IDS = list("abcdef")
SIZES = [3, 10, 1, 7, 2, 4, 40]
SEVEN = [f"i{k}" for k in range(7)]


def _by_counting(weights: list[int], n: int) -> tuple[dict[tuple[int, ...], Fraction], np.ndarray]:
    """Return the chance of every sample and of every pair, by writing all samples down."""
    certain = tuple(k for k, w in enumerate(weights) if w == 0)
    open_ = [k for k, w in enumerate(weights) if w]
    chances = {
        tuple(sorted(certain + s)): Fraction(math.prod(weights[k] for k in s))
        for s in combinations(open_, n - len(certain))
    }
    total = sum(chances.values())
    joint = np.zeros((len(weights), len(weights)))
    for s, chance in chances.items():
        chances[s] = chance / total
        joint[np.ix_(s, s)] += float(chance / total)
    return chances, joint


def test_targets_are_proportional_to_size_and_large_units_certain() -> None:
    """n 4 of total 67: 4 x 40 >= 67, certain; then 3 x 10 >= 27, certain; then 2 x_k / 17."""
    got = target_probabilities(SIZES, 4, SEVEN)
    assert got == pytest.approx([6 / 17, 1, 2 / 17, 14 / 17, 4 / 17, 8 / 17, 1], rel=1e-15)


def test_chances_are_those_of_all_samples_written_down() -> None:
    weights = working_weights(TARGET, IDS)
    assert inclusion_probabilities(weights, 3) == pytest.approx(TARGET, rel=1e-7)
    _, joint = _by_counting(weights, 3)
    assert joint_inclusion_probabilities(weights, 3) == pytest.approx(joint, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=3, max_size=8), st.data())
def test_chances_hold_for_any_weights(weights: list[int], data: st.DataObject) -> None:
    certain = data.draw(st.integers(0, 2))
    weights = [0] * certain + weights
    n = certain + data.draw(st.integers(1, len(weights) - certain))
    _, joint = _by_counting(weights, n)
    got = joint_inclusion_probabilities(weights, n)
    assert got == pytest.approx(joint, rel=1e-12)
    assert inclusion_probabilities(weights, n) == pytest.approx(np.diag(joint), rel=1e-12)
    # A design of fixed size: sum over l of pi_kl is n pi_k.
    assert got.sum(axis=1) == pytest.approx(n * np.diag(got), rel=1e-12)


def test_the_draw_gives_every_sample_its_chance_exactly() -> None:
    """Integrate over the numbers: at each unit the share of numbers that takes it is a fraction.

    With small weights the thresholds are recovered by bisection in whole numbers, and the product
    over the units gives the chance of each of the 20 samples to 2^-60.
    """
    weights = [3, 1, 4, 1, 5, 9]
    chances, _ = _by_counting(weights, 3)
    for sample, chance in chances.items():
        got = Fraction(1)
        for k in range(max(sample) + 1):
            got *= _share(weights, sample, k)
        assert abs(got - chance) < Fraction(1, 2**60)


def _share(weights: list[int], sample: tuple[int, ...], k: int) -> Fraction:
    """Return the share of unit k's numbers that treat it as the sample does, given those before."""

    def takes(number: int) -> bool:
        numbers = [0 if i in sample else 2**64 - 1 for i in range(len(weights))]
        numbers[k] = number
        return k in select(weights, 3, numbers)

    low, high = 0, 2**64
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if takes(middle) else (low, middle)
    return Fraction(low, 2**64) if k in sample else 1 - Fraction(low, 2**64)


def _seeds() -> list[bytes]:
    return [hashlib.sha256(f"pps {i}".encode()).digest() for i in range(DRAWS)]


def _deviating(counts: Counter, chances: dict) -> list:
    bound = LEVEL / len(chances)
    return [
        key for key, chance in chances.items()
        if stats.binomtest(counts[key], DRAWS, min(1.0, chance)).pvalue < bound
    ]  # fmt: skip


def test_sealed_numbers_draw_units_and_pairs_as_often_as_they_should() -> None:
    """Size: JIHE_PROOF_DRAWS. The same check refuses equal chances and independent draws."""
    weights = working_weights(target_probabilities(SIZES, 4, SEVEN), SEVEN)
    joint = joint_inclusion_probabilities(weights, 4)
    counts: Counter = Counter()
    for seed in _seeds():
        numbers = random_numbers(seed, "institution", SEVEN).tolist()
        drawn = select(weights, 4, numbers)
        assert len(drawn) == 4
        counts.update((a, b) for a in drawn for b in drawn if a <= b)
    pairs = {(a, b): float(joint[a, b]) for a in range(7) for b in range(a, 7)}
    assert _deviating(counts, pairs) == []
    equal = {(a, a): 4 / 7 for a in range(7)}
    assert len(_deviating(counts, equal)) >= 4
    independent = {(a, b): float(joint[a, a] * joint[b, b]) for a, b in pairs if a < b}
    assert _deviating(counts, independent)


def test_a_draw_by_hand() -> None:
    """Weights 1, 2, 3, one unit: chances 1/6, 2/6 of the rest 5, then all of the rest.

    The first is taken below 2^64 / 6 = 3074457345618258602.67, the second below 2 x 2^64 / 5.
    """
    sixth = 2**64 // 6
    assert select([1, 2, 3], 1, [sixth, 0, 0]) == [0]
    assert select([1, 2, 3], 1, [sixth + 1, 0, 0]) == [1]
    assert select([1, 2, 3], 1, [sixth + 1, 2 * 2**64 // 5 + 1, 2**64 - 1]) == [2]
    assert select([1, 1], 1, [2**63 - 1, 0]) == [0]
    assert select([1, 1], 1, [2**63, 0]) == [1]
    assert select([1, 0, 3], 2, [2**64 - 1, 5, 5]) == [1, 2]
    assert select([0, 0], 2, [1, 1]) == [0, 1]
    assert select([7, 5], 2, [2**64 - 1] * 2) == [0, 1]


def _moments(y: np.ndarray, weights: list[int], n: int, joint: np.ndarray) -> tuple[float, ...]:
    """Return mean and variance of the total over all samples, and the mean of its variance."""
    chances, _ = _by_counting(weights, n)
    pi = np.diag(joint)
    probability, totals, variances = [], [], []
    for s, chance in chances.items():
        rows = list(s)
        got = pps_total([SEVEN[k] for k in s], y[rows], pi[rows], joint[np.ix_(rows, rows)])
        probability.append(float(chance))
        totals.append(got.estimate)
        variances.append(got.variance)
    p, t = np.array(probability), np.array(totals)
    mean = float(p @ t)
    return mean, float(p @ (t - mean) ** 2), float(p @ np.array(variances))


def test_all_samples_total_and_variance_are_exactly_unbiased() -> None:
    y = np.array([0, 12, 0, 0, 5, 0, 90.0])
    for n in (2, 3, 4):
        weights = working_weights(target_probabilities(SIZES, n + 1, SEVEN), SEVEN)
        joint = joint_inclusion_probabilities(weights, n + 1)
        mean, true, estimated = _moments(y, weights, n + 1, joint)
        assert mean == pytest.approx(107, rel=1e-12)
        assert estimated == pytest.approx(true, rel=1e-11)


def test_all_samples_catch_wrong_joint_chances() -> None:
    """A common shortcut, pi_kl = pi_k pi_l (n - 1) / n, and equal chances, must fail the check."""
    y = np.array([0, 12, 0, 0, 5, 0, 90.0])
    weights = [3, 10, 1, 7, 2, 4, 40]
    joint = joint_inclusion_probabilities(weights, 3)
    pi = np.diag(joint)
    shortcut = np.outer(pi, pi) * 2 / 3
    np.fill_diagonal(shortcut, pi)
    mean, true, estimated = _moments(y, weights, 3, shortcut)
    assert mean == pytest.approx(107)
    assert not math.isclose(estimated, true, rel_tol=1e-3)
    srs = np.full((7, 7), 3 * 2 / 42)
    np.fill_diagonal(srs, 3 / 7)
    mean, _, _ = _moments(y, weights, 3, srs)
    assert not math.isclose(mean, 107, rel_tol=1e-2)


def test_equal_weights_are_simple_random_sampling() -> None:
    """Then Sen, Yates and Grundy give N^2 (1 - f) s^2 / n."""
    joint = joint_inclusion_probabilities([5] * 7, 3)
    assert joint[0, 1] == pytest.approx(3 * 2 / 42)
    rows = np.arange(3)
    y = np.array([4.0, 0, 9])
    got = pps_total(SEVEN[:3], y, np.diag(joint)[rows], joint[np.ix_(rows, rows)])
    assert got.estimate == pytest.approx(7 * 13 / 3)
    assert got.variance == pytest.approx(49 * (1 - 3 / 7) * np.var(y, ddof=1) / 3)
    assert got.quantity.df == 2
    back = pps_total(SEVEN[2::-1], y[::-1], np.diag(joint)[rows], joint[np.ix_(rows, rows)])
    assert (back.estimate, back.variance) == (got.estimate, got.variance)


def test_variance_is_never_negative_in_a_large_frame() -> None:
    rng = np.random.default_rng(11)
    sizes = (rng.lognormal(0, 1.2, 120) * 1e5).astype(int).tolist()
    ids = [f"i{k:03d}" for k in range(120)]
    pi = target_probabilities(sizes, 25, ids)
    weights = working_weights(pi, ids)
    joint = joint_inclusion_probabilities(weights, 25)
    exact = inclusion_probabilities(weights, 25)
    assert exact == pytest.approx(pi, rel=1e-7)
    assert exact.sum() == pytest.approx(25, rel=1e-13)
    open_ = exact < 1
    assert (joint <= np.outer(exact, exact) * (1 + 1e-12))[np.ix_(open_, open_)].sum() >= (
        open_.sum() * (open_.sum() - 1)
    )
    numbers = [int.from_bytes(hashlib.sha256(u.encode()).digest()[:8]) for u in ids]
    assert len(select(weights, 25, numbers)) == 25


def test_bad_input_is_refused_with_its_place() -> None:
    with pytest.raises(PpsError, match="Unit 'b' has size 0"):
        target_probabilities([1, 0], 1, ["a", "b"])
    with pytest.raises(PpsError, match="Unit 'b' has size -4"):
        target_probabilities([1, -4], 1, ["a", "b"])
    with pytest.raises(PpsError, match="3 units are to be drawn; the frame has 2"):
        target_probabilities([1, 4], 3, ["a", "b"])
    with pytest.raises(PpsError, match="Unit 'a' appears more than once"):
        target_probabilities([1, 4], 1, ["a", "a"])
    with pytest.raises(PpsError, match="2 units but 3 numbers"):
        target_probabilities([1, 4, 4], 1, ["a", "b"])
    with pytest.raises(PpsError, match=r"Unit 'a' has the chance 1\.5"):
        working_weights([1.5, 0.5], ["a", "b"])
    with pytest.raises(PpsError, match=r"add up to 1\.2"):
        working_weights([0.7, 0.5], ["a", "b"])
    with pytest.raises(PpsError, match="Unit 2 has the working weight -1"):
        select([1, -1], 1, [0, 0])
    with pytest.raises(PpsError, match="of which 1 are certain"):
        inclusion_probabilities([0, 4, 5], 1)
    with pytest.raises(PpsError, match="random number of unit 2"):
        select([1, 1], 1, [0, 2**64])
    with pytest.raises(PpsError, match="2 units but 1 numbers"):
        select([1, 1], 1, [0])
    with pytest.raises(PpsError, match="too much memory"):
        select([2**40] * 20_000, 5_000, [0] * 20_000)
    half = [[0.5, 0.2], [0.2, 0.5]]
    with pytest.raises(PpsError, match="Unit 'b' has no finite value"):
        pps_total(["a", "b"], [1, math.nan], [0.5, 0.5], half)
    with pytest.raises(PpsError, match="Unit 'a' has no finite value"):
        pps_total(["a", "b"], [1, 2], [0, 0.5], half)
    with pytest.raises(PpsError, match="Units 'a' and 'b' have no valid joint chance"):
        pps_total(["a", "b"], [1, 2], [0.5, 0.5], [[0.5, 0], [0, 0.5]])
    with pytest.raises(PpsError, match="Units 'a' and 'b' have no valid joint chance"):
        pps_total(["a", "b"], [1, 2], [0.5, 0.5], [[0.5, 0.6], [0.6, 0.5]])
    with pytest.raises(PpsError, match="Only one unit"):
        pps_total(["a", "b"], [1, 2], [0.5, 1], [[0.5, 0.5], [0.5, 1]])
    with pytest.raises(PpsError, match="2 units but 1 numbers"):
        pps_total(["a", "b"], [1], [0.5, 1], half)
    with pytest.raises(PpsError, match="Unit 'a' appears more than once"):
        pps_total(["a", "a"], [1, 2], [0.5, 0.5], half)
