"""Columns of any scale and tail on one scale: robust z-values whose tails grow like a logarithm.

In: an (n, p) table, NaN where a value is not known. Out: z-values of the same shape. Centre: the
median. Scale: the interquartile range over 1.349, as of a normal distribution (Rousseeuw & Croux
1993, JASA 88, 1273-1283, on why not the standard deviation); where half of a column is one value,
the range of the middle 80 %, then 90 %; where nearly all of it is one value, the root mean square
deviation from the median, so that the rarer the exception, the further out it lies.

Up to ``KNEE`` a z-value is kept. Beyond it stands ``KNEE * (1 + log2(|z| / KNEE))``, with the
logarithm drawn as straight lines between powers of two: value and slope join at the knee, order is
kept, and it needs no rounded logarithm, so it has the same bits on every machine and is inverted
without loss. |z| counts as at most 1e9: 88 in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.detectors.base import Floats, State, read_array

KNEE = 3.0
_FAR = 1e9
#: Share of rows left out at each end -> the range of a normal distribution between, in sigmas.
_RANGES = {0.25: 1.3489795003921634, 0.10: 2.5631031310892007, 0.05: 3.289707253902945}


@dataclass(frozen=True)
class RobustScale:
    """Centre and scale of each column; a scale of 0 marks a column that is ignored."""

    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, values: Floats) -> RobustScale:
        """Measure the columns of a table without infinities."""
        pairs = [_measure(values[:, column]) for column in range(values.shape[1])]
        return cls(np.array([c for c, _ in pairs]), np.array([s for _, s in pairs]))

    @classmethod
    def read(cls, state: Mapping[str, Any], columns: int) -> RobustScale:
        """Read what ``state`` wrote; raises ValueError when it is damaged."""
        scale = read_array(state, "scale", columns)
        if (scale < 0).any():
            raise ValueError("a scale is negative")
        return cls(read_array(state, "centre", columns), scale)

    def state(self) -> State:
        """Return both as lists."""
        return {"centre": self.centre.tolist(), "scale": self.scale.tolist()}

    def known(self, values: Floats) -> Floats:
        """Return z-values, NaN where the value is, 0 in ignored columns."""
        used = self.scale > 0
        with np.errstate(over="ignore"):
            z = (values - self.centre) / np.where(used, self.scale, 1.0)
        z[:, ~used] = 0.0
        return compress(z)

    def filled(self, values: Floats) -> Floats:
        """Return z-values with 0, the median, where a value is not known."""
        z = self.known(values)
        z[np.isnan(z)] = 0.0
        return z


def compress(z: Floats) -> Floats:
    """Return z with tails that grow like a logarithm; see the module's text."""
    size = np.minimum(np.abs(z), _FAR) / KNEE
    mantissa, exponent = np.frexp(size)
    tail = exponent + (2.0 * mantissa - 1.0)
    return np.copysign(KNEE * np.where(size > 1.0, tail, size), z)


def expand(z: Floats) -> Floats:
    """Return the inverse of ``compress``."""
    size = np.abs(z) / KNEE
    whole = np.floor(size)
    tail = np.ldexp((size - whole + 1.0) / 2.0, whole.astype(np.int64))
    return np.copysign(KNEE * np.where(size > 1.0, tail, size), z)


def _measure(column: Floats) -> tuple[float, float]:
    known = column[~np.isnan(column)]
    if known.size == 0 or known.min() == known.max():
        return (float(known[0]) if known.size else 0.0), 0.0
    centre = float(np.median(known))
    for share, width in _RANGES.items():
        low, high = np.quantile(known, [share, 1.0 - share])
        if high > low:
            return centre, float((high - low) / width)
    away = np.abs(np.sort(known) - centre)
    return centre, float(away.max() * np.sqrt(np.mean((away / away.max()) ** 2)))
