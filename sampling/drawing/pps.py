"""Draw a fixed number of units with unequal chances: conditional Poisson sampling.

In: sizes, and one uniform number per unit (such as the sealed plan's keyed numbers). Out: integer
working weights, exact inclusion and joint inclusion probabilities, and the units drawn.

Chen, Dempster and Liu, Weighted finite population sampling to maximize entropy, Biometrika 81
(1994), 457-469: among all designs of n units with given inclusion probabilities the one of
greatest entropy, in which a sample s has probability proportional to prod_{k in s} w_k. With
R(n, A) the sum of these products over all samples of n out of A,

    R(n, A + k) = R(n, A) + w_k R(n - 1, A),
    pi_k = w_k R(n-1, all - k) / R(n, all), pi_kl = w_k w_l R(n-2, all - k - l) / R(n, all),

so every quantity follows from recursions that only add and multiply positive numbers. The working
weights are whole numbers, and the draw goes through the units in a fixed order, taking unit k with
probability w_k R(r-1, later) / R(r, k and later) when r are still to be taken: compared in whole
numbers, so that no rounding decides who is inspected and any language can replay it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sampling.drawing.pps_faults import (
    PpsError,
    not_converged,
    number_faults,
    probability_faults,
    size_faults,
    too_large,
    weight_faults,
)
from sampling.faults import Fault, checked

Floats = npt.NDArray[np.float64]

SMALLEST_WEIGHT = 2**24
"""Working weights are at least this, so that rounding them moves no chance by more than 1e-7."""

_TWO_64 = 2**64
_ROUNDS = 200
_MEMORY = 2 * 10**9


def target_probabilities(sizes: Sequence[int], n: int, unit_ids: Sequence[str]) -> Floats:
    """Return chances proportional to size that add up to n; units too large for that are certain.

    Saerndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), section 3.6: units
    with n x_k / X >= 1 are taken for certain and the rest is shared out again.

    Raises:
        PpsError: naming units with a size that is not a whole number above zero, or if n does not
            lie between 1 and the number of units.
    """
    checked(size_faults(sizes, n, unit_ids), PpsError)
    certain: set[int] = set()
    while True:
        rest = sum(x for k, x in enumerate(sizes) if k not in certain)
        left = n - len(certain)
        more = {k for k, x in enumerate(sizes) if k not in certain and left * x >= rest}
        if not more:
            break
        certain |= more
    return np.array([
        1.0 if k in certain else left * x / rest for k, x in enumerate(sizes)
    ], dtype=np.float64)  # fmt: skip


def working_weights(target: npt.ArrayLike, unit_ids: Sequence[str]) -> list[int]:
    """Return whole numbers w_k under which the chances are the target's, to about 1e-7.

    The chances that count are those of these weights, `inclusion_probabilities`. A unit that is
    certain has weight 0 here; it is taken before the draw.

    Raises:
        PpsError: naming units whose target is not above 0 and at most 1, or if the targets don't
            add up to a whole number.
    """
    pi = np.asarray(target, dtype=np.float64)
    checked(probability_faults(pi.tolist(), unit_ids), PpsError)
    open_ = pi < 1
    if not open_.any():
        return [0] * len(pi)
    n = round(float(pi[open_].sum()))
    wanted = np.log(pi[open_]) - np.log1p(-pi[open_])
    working = wanted.copy()
    for _ in range(_ROUNDS):
        have = _inclusion(_chances(working, n), n)
        step = wanted - (np.log(have) - np.log1p(-have))
        working += step
        if float(np.abs(step).max()) < 1e-12:
            break
    else:
        raise PpsError([not_converged(unit_ids[int(np.flatnonzero(open_)[np.abs(step).argmax()])])])
    scaled = np.exp(working - working.min()) * SMALLEST_WEIGHT
    weights = np.zeros(len(pi))
    weights[open_] = np.rint(scaled)
    return [int(w) for w in weights.tolist()]


def inclusion_probabilities(weights: Sequence[int], n: int) -> Floats:
    """Return pi of every unit; weight 0 means certain, so that pi is 1.

    Args:
        weights: working weights.
        n: units drawn in all, the certain ones among them.
    """
    checked(weight_faults(weights, n), PpsError)
    log_w, open_, left = _open(weights, n)
    pi = np.ones(len(weights))
    if left:
        pi[open_] = _inclusion(_chances(log_w, left), left)
    return pi


def joint_inclusion_probabilities(weights: Sequence[int], n: int) -> Floats:
    """Return the matrix of pi_kl, with pi_k on the diagonal.

    One unit after the other is the second of a pair: ``before`` holds, for every possible first
    unit, the distribution of how many of the units before the second, the first left out, are
    drawn.
    """
    pi = inclusion_probabilities(weights, n)
    joint = np.outer(pi, pi)
    np.fill_diagonal(joint, pi)
    log_w, open_, left = _open(weights, n)
    p = _chances(log_w, left) if left else np.zeros(0)
    N = len(p)
    if left < 2:
        joint[np.ix_(open_, open_)] = np.diag(pi[open_])
        return joint
    forward, backward = _counts(p, left), _counts(p[::-1], left)
    whole = float(forward[N, left])
    block = np.diag(pi[open_])
    before = np.zeros((N, left + 1))
    for k in range(N):
        after = backward[N - 1 - k, left - 2 :: -1]
        block[:k, k] = p[:k] * p[k] * (before[:k, : left - 1] @ after) / whole
        before[:k, 1:] = before[:k, 1:] * (1 - p[k]) + before[:k, :-1] * p[k]
        before[:k, 0] *= 1 - p[k]
        before[k] = forward[k]
    joint[np.ix_(open_, open_)] = block + np.triu(block, 1).T
    return joint


def sum_variance(weights: Sequence[int], n: int, values: npt.ArrayLike) -> float:
    """Return the variance of the sum of ``values`` over the units drawn, exactly.

    What Sen, Yates and Grundy write with the joint chances, without their N^2 numbers: the first
    two moments of the sum follow from the recursion that gives R(n, A), unit after unit. With n
    fixed a constant taken off every value changes nothing; their mean is, for the rounding's sake.

    Args:
        weights: working weights; 0 is certain.
        n: units drawn in all, the certain ones among them.
        values: one number per unit.
    """
    pi = inclusion_probabilities(weights, n)
    log_w, open_, left = _open(weights, n)
    z = np.asarray(values, dtype=np.float64)[open_]
    if left == 0 or left == len(z):
        return 0.0
    z = z - float(pi[open_] @ z) / left
    count, first, second = (np.zeros(left + 1) for _ in range(3))
    count[0] = 1
    for p, value in zip(_chances(log_w, left).tolist(), z.tolist(), strict=True):
        # Highest moment first: each needs the lower ones as they were before this unit.
        more = second[:-1] + 2 * value * first[:-1] + value * value * count[:-1]
        second = second * (1 - p)
        second[1:] += p * more
        more = first[:-1] + value * count[:-1]
        first = first * (1 - p)
        first[1:] += p * more
        more = count[:-1].copy()
        count = count * (1 - p)
        count[1:] += p * more
    mean = float(first[left] / count[left])
    return max(float(second[left] / count[left]) - mean * mean, 0.0)


def select(weights: Sequence[int], n: int, numbers: Sequence[int]) -> list[int]:
    """Return the places of the n units drawn, in order.

    Args:
        weights: working weights in the order of the bytes of the unit ids; 0 is certain.
        n: units to draw, the certain ones among them.
        numbers: one whole number from 0 to 2^64 - 1 per unit, as a seal gives them.

    Raises:
        PpsError: if weights, n and numbers don't belong together, or the sums would not fit.
    """
    checked(weight_faults(weights, n) or number_faults(weights, numbers), PpsError)
    open_ = [k for k, w in enumerate(weights) if w > 0]
    drawn = [k for k, w in enumerate(weights) if w == 0]
    left = n - len(drawn)
    later = _sums([weights[k] for k in open_], left)
    for i, k in enumerate(open_):
        if left == 0:
            break
        # Whole numbers: number / 2^64 < w R(left - 1, later) / R(left, this and later).
        if numbers[k] * later[i][left] < _TWO_64 * weights[k] * later[i + 1][left - 1]:
            drawn.append(k)
            left -= 1
    return sorted(drawn)


def memory_faults(weights: Sequence[int], n: int) -> list[Fault]:
    """Return the fault of n of these weights, none of them zero, whose sums would not fit."""
    bits = max((w.bit_length() for w in weights), default=0)
    if len(weights) * n * n * bits // 16 > _MEMORY:
        return [too_large(len(weights), n)]
    return []


def _sums(weights: Sequence[int], n: int) -> list[list[int]]:
    """Return R(r, units from i on) for r = 0..n and every i, in whole numbers."""
    checked(memory_faults(weights, n), PpsError)
    rows = [[1] + [0] * n]
    for w in reversed(weights):
        last = rows[-1]
        rows.append([1] + [last[r] + w * last[r - 1] for r in range(1, n + 1)])
    return rows[::-1]


def _open(weights: Sequence[int], n: int) -> tuple[Floats, npt.NDArray[np.bool_], int]:
    """Return log weights of the units left to chance, which they are, and how many are drawn."""
    open_ = np.array([w > 0 for w in weights], dtype=np.bool_)
    log_w = np.array([math.log(w) for w in weights if w > 0], dtype=np.float64)
    return log_w, open_, n - int((~open_).sum())


def _chances(log_w: Floats, n: int) -> Floats:
    """Return p_k with odds proportional to w_k and sum n: the Poisson design conditioned upon.

    Any common factor of the weights gives the same design; this one keeps the sums near 1.
    """
    low, high = -log_w.max() - 60.0, -log_w.min() + 60.0
    if n >= len(log_w):
        return np.full(len(log_w), 1.0)
    for _ in range(80):
        middle = (low + high) / 2
        if float((1 / (1 + np.exp(-(log_w + middle)))).sum()) < n:
            low = middle
        else:
            high = middle
    return np.asarray(1 / (1 + np.exp(-(log_w + (low + high) / 2))))


def _counts(p: Floats, n: int) -> Floats:
    """Return, after 0, 1, ..., N units, the chance that 0..n of them are drawn independently."""
    rows = np.zeros((len(p) + 1, n + 1))
    rows[0, 0] = 1
    for k, chance in enumerate(p.tolist()):
        rows[k + 1] = rows[k] * (1 - chance)
        rows[k + 1, 1:] += rows[k, :-1] * chance
    return rows


def _inclusion(p: Floats, n: int) -> Floats:
    """Return pi_k = p_k P(n - 1 of the others) / P(n of all)."""
    forward, backward = _counts(p, n), _counts(p[::-1], n)
    others = (forward[:-1, :n] * backward[-2::-1, n - 1 :: -1]).sum(axis=1)
    return np.asarray(p * others / forward[-1, n])
