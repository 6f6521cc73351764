"""From an estimate and its variance to the intervals that are shown.

In: estimate, estimated variance, degrees of freedom. Out: a `Quantity`, within the `Estimated` that
every estimator of this package returns, with the two-sided 95 % intervals (normal and Student's t)
and the one-sided 90 % lower bound. An estimated variance of zero over units not inspected says
nothing: equal verdicts do not show how far the others differ.

Satterthwaite's degrees of freedom: Cochran, Sampling Techniques, 3rd ed. (1977), eq. 5.16.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from sampling.faults import Fault


@dataclass(frozen=True)
class Quantity:
    """An estimated total or rate with its uncertainty; None where it cannot be stated.

    ``lower_90`` is the one-sided 90 % bound by Student's t with ``df`` degrees of freedom.
    """

    estimate: float
    standard_error: float | None
    interval_95: tuple[float, float] | None
    interval_95_t: tuple[float, float] | None
    lower_90: float | None
    df: float | None


@dataclass(frozen=True, eq=False)
class Estimated:
    """An estimate, its estimated variance, its intervals, and what a reader must know of it."""

    method: str
    estimate: float
    variance: float
    quantity: Quantity
    notes: tuple[Fault, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and numbers, as reports show it."""
        return {
            "method": self.method, "variance": self.variance, **asdict(self.quantity),
            "notes": [{"code": n.code, "en": n.en, "zh": n.zh} for n in self.notes],
        }  # fmt: skip


def satterthwaite(variances: npt.ArrayLike, freedom: npt.ArrayLike) -> float:
    """Return the degrees of freedom of a sum of variances; zero where all of them are zero."""
    v, d = np.asarray(variances, dtype=np.float64), np.asarray(freedom, dtype=np.float64)
    carried = v > 0
    if not bool(carried.any()):
        return 0.0
    shares = v[carried] / v[carried].sum()
    return float(1 / np.sum(shares**2 / d[carried]))


def quantity(
    estimate: float, variance: float, df: float, *, complete: bool = False,
    least: float = -math.inf, most: float = math.inf,
) -> Quantity:  # fmt: skip
    """Return the estimate with its intervals, which never leave ``least`` and ``most``."""
    if complete:
        exact = (estimate, estimate)
        return Quantity(estimate, 0.0, exact, exact, estimate, None)
    if variance <= 0 or df <= 0:
        return Quantity(estimate, None, None, None, None, None)
    error = math.sqrt(variance)

    def bounded(value: float) -> float:
        return min(most, max(least, value))

    def around(width: float) -> tuple[float, float]:
        return bounded(estimate - width * error), bounded(estimate + width * error)

    return Quantity(
        estimate, error, around(float(stats.norm.ppf(0.975))),
        around(float(stats.t.ppf(0.975, df))),
        bounded(estimate - float(stats.t.ppf(0.90, df)) * error), df,
    )  # fmt: skip
