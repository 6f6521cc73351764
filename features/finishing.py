"""Finishing functions: from the integers of the engine to the number a model sees.

Each takes float64 arrays (NaN where the engine gave null), shape (n,), and returns the same shape.
They are elementwise, so that a row alone and a row in a batch agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Comparable claims needed for a peer comparison, and the smallest spread that is believed.
PEER_MINIMUM = 30
MAD_TO_SD = 1.4826  # consistency factor of the MAD at the normal distribution (Hampel 1974)


def value(a: Array) -> Array:
    """Return the atom itself."""
    return a.copy()


def log(a: Array) -> Array:
    """Return the logarithm of 1 + a, counting what is below zero as zero."""
    return np.log1p(np.maximum(a, 0.0))


def ratio(a: Array, b: Array) -> Array:
    """Return a / b; unknown where b is not positive."""
    divisor = np.where(b > 0, b, np.nan)
    return a / divisor


def share(a: Array, b: Array) -> Array:
    """Return a / b held in [0, 1]; unknown where b is not positive."""
    return np.clip(ratio(a, b), 0.0, 1.0)


def log_ratio(a: Array, b: Array) -> Array:
    """Return log(1 + a / b); unknown where b is not positive."""
    return np.log1p(np.maximum(ratio(a, b), 0.0))


def difference(a: Array, b: Array) -> Array:
    """Return a - b."""
    return a - b


def years(a: Array) -> Array:
    """Return days as years of 365.25 days."""
    return a / 365.25


def growth(a: Array, b: Array) -> Array:
    """Return log((a + 1) / (b + 1)), counting nothing as zero."""
    return np.log1p(np.nan_to_num(a)) - np.log1p(np.nan_to_num(b))


#: What is added to sums of money before they are compared: 1,000 in the currency, in minor units.
USUAL_AMOUNT = 100_000


def money_growth(a: Array, b: Array) -> Array:
    """Return log((a + c) / (b + c)), c = USUAL_AMOUNT: growth from nothing is large, not absurd."""
    return growth(np.nan_to_num(a) / USUAL_AMOUNT, np.nan_to_num(b) / USUAL_AMOUNT)


def over_mean(a: Array, n: Array, b: Array) -> Array:
    """Return log((b + 1) / (a / n + 1)): a value against the mean of n others that add up to a."""
    return np.log1p(np.maximum(b, 0.0)) - np.log1p(np.maximum(ratio(a, n), 0.0))


def change(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return log((1 + a / b) / (1 + c / d)); unknown where b or d is not positive.

    A mean of a short window against the mean of a long one. The one added keeps a mean of nothing
    finite; in minor units of money it does not show.
    """
    return log_ratio(a, b) - log_ratio(c, d)


def share_change(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return share(a, b) - share(c, d)."""
    return share(a, b) - share(c, d)


def count(a: Array) -> Array:
    """Return the atom, nothing found being zero."""
    return np.nan_to_num(a)


def share_or_none(a: Array, b: Array) -> Array:
    """Return share(a, b), nothing found in the numerator being zero."""
    return share(np.nan_to_num(a), b)


def permille(a: Array) -> Array:
    """Return thousandths as a ratio."""
    return a / 1000.0


def hhi(squares: Array, a: Array) -> Array:
    """Return the Herfindahl-Hirschman index: the sum of squares over the square of the sum.

    1 where all falls to one, 1 / k where k share alike. Less than two units say nothing about
    concentration.
    """
    return np.where(a > 1, share(squares, np.where(a > 0, a, np.nan) ** 2), np.nan)


def entropy(*counts: Array) -> Array:
    """Return Shannon's entropy of counts over fixed categories, divided by its largest value.

    1 where all categories are alike, 0 where one has all. Fewer than thirty in all say nothing.
    """
    filled = [np.nan_to_num(np.maximum(count, 0.0)) for count in counts]
    whole = _added(filled)
    total = np.where(whole >= PEER_MINIMUM, whole, np.nan)
    parts = [count / total for count in filled]
    # Subtracted, not negated: a minus before an unknown value would change its bits.
    spread = 0.0 - _added([p * np.log(np.where(p > 0, p, 1.0)) for p in parts])
    return spread / math.log(len(counts))


#: Share of each first digit, 1 to 9, that Benford's law expects.
_BENFORD = tuple(math.log10(1.0 + 1.0 / digit) for digit in range(1, 10))
#: Amounts needed before their first digits are judged (Nigrini 2012, ch. 5, asks for 300).
BENFORD_MINIMUM = 300


def benford(*counts: Array) -> Array:
    """Return by how much first digits deviate from Benford's law beyond chance.

    The mean absolute deviation of the nine shares (Nigrini 2012, ch. 7: up to 0.006 is close,
    above 0.015 is no conformity) less its expectation under the law, the half-normal mean
    sqrt(2 p (1 - p) / (pi n)) (excess MAD: Barney and Schulzke 2016). Unknown where fewer than
    BENFORD_MINIMUM amounts are known.
    """
    filled = [np.nan_to_num(count) for count in counts]
    whole = _added(filled)
    total = np.where(whole >= BENFORD_MINIMUM, whole, np.nan)
    away = [np.abs(count / total - p) for count, p in zip(filled, _BENFORD, strict=True)]
    chance = [np.sqrt(2.0 * p * (1.0 - p) / (math.pi * total)) for p in _BENFORD]
    return (_added(away) - _added(chance)) / 9.0


def _added(arrays: Sequence[Array]) -> Array:
    """Return the sum in the order given, element by element: no pairwise summation."""
    total = np.zeros_like(arrays[0])
    for array in arrays:
        total = total + array
    return total


#: Units of evidence (claims, mostly) that weigh as much as the peers' ratio.
SHRINKAGE = 30.0


def shrunken(a: Array, n: Array, typical: Array) -> Array:
    """Return a / typical, shrunken towards 1 where few comparable ones make up ``typical``.

    The weight of the ratio is n / (n + SHRINKAGE) (a normal-normal posterior mean whose prior
    weighs as much as SHRINKAGE observations; Morris 1983).
    """
    weight = n / (n + SHRINKAGE)
    return np.where(n > 0, weight * ratio(a, typical) + (1.0 - weight), np.nan)


def expected(a: Array, e: Array, n: Array) -> Array:
    """Return observed over expected, shrunken towards 1 where n cases stand behind it."""
    return shrunken(a, n, e)


_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def percentile(
    a: Array, n: Array, low: Array, quarter: Array, half: Array, three: Array, high: Array,
    top: Array,
) -> Array:  # fmt: skip
    """Return where a lies among comparable ones, between 0 and 1.

    Known are the quantiles 0.05, 0.25, 0.5, 0.75, 0.95 and 0.99; between two of them the share
    grows in a straight line; below the first it is 0.05, above the last 0.99; on several equal
    ones it is the middle. Unknown where fewer than PEER_MINIMUM comparable claims were known.
    """
    knots = (low, quarter, half, three, high, top)
    least, most = np.full_like(a, _SHARES[0]), np.full_like(a, _SHARES[0])
    for below, above, share_below, share_above in zip(
        knots, knots[1:], _SHARES, _SHARES[1:], strict=False
    ):
        gap = np.where(above > below, above - below, 1.0)
        part = np.where(above > below, np.clip((a - below) / gap, 0.0, 1.0), 1.0)
        found = share_below + part * (share_above - share_below)
        most = np.where(a >= below, found, most)
        least = np.where(a > below, found, least)
    known = (n >= PEER_MINIMUM) & ~np.isnan(a + _added(knots))
    return np.where(known, (least + most) / 2.0, np.nan)


def robust_z(a: Array, n: Array, median: Array, mad: Array) -> Array:
    """Return (a - median) / (1.4826 MAD), held in [-50, 50].

    The spread is at least 5 % of the median, because equal prices would make any cent an
    outlier. Unknown where fewer than PEER_MINIMUM comparable claims were known.
    """
    spread = np.maximum(MAD_TO_SD * mad, np.maximum(0.05 * np.abs(median), 1.0))
    z = np.clip((a - median) / spread, -50.0, 50.0)
    return np.where(n >= PEER_MINIMUM, z, np.nan)


FINISHING: Mapping[str, Callable[..., Array]] = {
    "value": value, "log": log, "ratio": ratio, "share": share, "log_ratio": log_ratio,
    "difference": difference, "years": years, "growth": growth, "money_growth": money_growth,
    "over_mean": over_mean,
    "robust_z": robust_z, "change": change, "share_change": share_change,
    "permille": permille, "hhi": hhi, "count": count, "share_or_none": share_or_none,
    "entropy": entropy, "benford": benford, "shrunken": shrunken, "expected": expected,
    "percentile": percentile,
}  # fmt: skip
