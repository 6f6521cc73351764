"""Finishing functions: from the integers of the engine to the number a model sees.

Each takes float64 arrays (NaN where the engine gave null), shape (n,), and returns the same shape.
They are elementwise, so that a row alone and a row in a batch agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Comparable claims needed for a peer comparison, and the smallest spread that is believed.
PEER_MINIMUM = 30
_MAD_TO_SD = 1.4826  # consistency factor of the MAD at the normal distribution (Hampel 1974)


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


def over_mean(a: Array, n: Array, b: Array) -> Array:
    """Return log((b + 1) / (a / n + 1)): a value against the mean of n others that add up to a."""
    return np.log1p(np.maximum(b, 0.0)) - np.log1p(np.maximum(ratio(a, n), 0.0))


def robust_z(a: Array, n: Array, median: Array, mad: Array) -> Array:
    """Return (a - median) / (1.4826 MAD), held in [-50, 50].

    The spread is at least 5 % of the median, because equal prices would make any cent an
    outlier. Unknown where fewer than PEER_MINIMUM comparable claims were known.
    """
    spread = np.maximum(_MAD_TO_SD * mad, np.maximum(0.05 * np.abs(median), 1.0))
    z = np.clip((a - median) / spread, -50.0, 50.0)
    return np.where(n >= PEER_MINIMUM, z, np.nan)


FINISHING: Mapping[str, Callable[..., Array]] = {
    "value": value, "log": log, "ratio": ratio, "share": share, "log_ratio": log_ratio,
    "difference": difference, "years": years, "growth": growth, "over_mean": over_mean,
    "robust_z": robust_z,
}  # fmt: skip


def peer_z(values: Array, groups: npt.NDArray[np.str_], fallback: npt.NDArray[np.str_]) -> Array:
    """Return the robust z of finished values within groups of institutions.

    A group of fewer than five known values falls back to ``fallback`` (the class without the
    level), then to all; fewer than five of those leave the value unknown. The spread is at least
    5 % of the median's size or 0.01.
    """
    result = np.full(len(values), np.nan)
    for names in (groups, fallback, np.full(len(values), "all")):
        for group in np.unique(names):
            inside = names == group
            known = values[inside][~np.isnan(values[inside])]
            if len(known) < 5:
                continue
            median = np.median(known)
            mad = np.median(np.abs(known - median))
            spread = max(_MAD_TO_SD * mad, 0.05 * abs(median), 0.01)
            z = np.clip((values[inside] - median) / spread, -50.0, 50.0)
            result[inside] = np.where(np.isnan(result[inside]), z, result[inside])
    return result
