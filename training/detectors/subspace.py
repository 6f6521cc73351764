"""Location, scatter and main axes of a table that a quarter of odd rows does not move.

In: z-values (n, p) without gaps, rows in canonical order. Out: a centre, k axes with their
variances, and for any row its coordinates on the axes and its distance from the plane they span.

Method: minimum covariance determinant in its deterministic form (Hubert, Rousseeuw & Verdonck 2012,
J. Comput. Graph. Stat. 21(3), 618-637). It starts from the scatter of spatial signs (Locantore et
al. 1999, Test 8(1), 1-73), which no single row can dominate, and repeats concentration steps
(Rousseeuw & Van Driessen 1999, Technometrics 41(3), 212-223): keep the rows that are nearest in
Mahalanobis distance, measure centre and scatter anew, until the kept rows stay the same. Distances
use a scatter shrunk towards a ball by p / (p + rows kept), so that columns that depend on each
other, or more columns than rows, do no harm (Boudt, Rousseeuw, Vanduffel & Verdonck 2020, Stat.
Comput. 30, 113-128). Axes are the eigenvectors of the scatter of the kept rows (Hubert, Rousseeuw &
Vanden Branden 2005, ROBPCA, Technometrics 47(1), 64-79).

No randomness, and the linear algebra runs on one thread: the same bits whatever the number of
threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.detectors.base import Floats, Rows, State, read_array

_LEAST_BALL = 1e-3
_STEPS = 20


@dataclass(frozen=True)
class Subspace:
    """Centre (p,), axes (p, k) and their variances (k,), largest first."""

    centre: Floats
    axes: Floats
    variance: Floats

    @classmethod
    def read(cls, state: Mapping[str, Any], columns: int) -> Subspace:
        """Read what ``state`` wrote; raises ValueError when it is damaged."""
        variance = read_array(state, "variance", -1)
        axes = read_array(state, "axes", columns, len(variance))
        if (variance <= 0).any():
            raise ValueError("a variance is not positive")
        return cls(read_array(state, "middle", columns), axes, variance)

    def state(self) -> State:
        """Return all three as lists."""
        return {
            "middle": self.centre.tolist(),
            "axes": self.axes.tolist(),
            "variance": self.variance.tolist(),
        }

    def coordinates(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the coordinates (n, k) and the distance from the plane (n,)."""
        away = z - self.centre
        inside = project(away, self.axes)
        left = away - project(inside, self.axes.T)
        return inside, np.sqrt(sum_columns(left * left))


def project(rows: Floats, axes: Floats) -> Floats:
    """Return rows @ axes, added column by column: the same bits whatever the number of rows."""
    total = np.zeros((len(rows), axes.shape[1]))
    for column in range(rows.shape[1]):
        total += rows[:, column, None] * axes[column]
    return total


def sum_columns(terms: Floats) -> Floats:
    """Return row sums, added column by column."""
    total = np.zeros(len(terms))
    for column in range(terms.shape[1]):
        total += terms[:, column]
    return total


def fit_subspace(z: Floats, core: float, share: float, most: int) -> Subspace:
    """Return the robust main axes of z.

    Args:
        core: share of the rows that are kept, 0.5 to 1.
        share: share of the kept rows' variance that the axes must carry.
        most: most axes.
    """
    with threadpool_limits(limits=1):
        centre, scatter = _concentrate(z, int(np.ceil(core * len(z))))
        variance, axes = _axes(scatter)
    total = float(variance.sum())
    # Directions without variance within rounding are no axes; what lies there is off the plane.
    real = int((variance > 1e-9 * max(total, 1.0)).sum())
    carried = np.cumsum(variance)
    enough = int(np.searchsorted(carried, share * total * (1.0 - 1e-12))) + 1
    kept = min(real, enough, most)
    return Subspace(centre, np.ascontiguousarray(axes[:, :kept]), variance[:kept])


def _concentrate(z: Floats, size: int) -> tuple[Floats, Floats]:
    """Return centre and scatter of the ``size`` rows that concentration steps end with."""
    chosen: Rows = np.arange(len(z))
    if size < len(z):
        chosen = _nearest(z, np.zeros(z.shape[1]), _sign_scatter(z), size)
    for _ in range(_STEPS if size < len(z) else 0):
        after = _nearest(z, *_moments(z[chosen]), size)
        if np.array_equal(after, chosen):
            break
        chosen = after
    return _moments(z[chosen])


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    centre = rows.sum(axis=0) / len(rows)
    away = rows - centre
    return centre, away.T @ away / len(rows)


def _sign_scatter(z: Floats) -> Floats:
    """Return the scatter of directions, each axis with the median square of its coordinates."""
    length = np.sqrt(sum_columns(z * z))
    away = length > 0
    signs = z[away] / length[away, None]
    _, axes = _axes(signs.T @ signs / max(1, len(signs)))
    spread = np.median(project(z, axes) ** 2, axis=0)
    return np.asarray(axes * spread @ axes.T)


def _nearest(z: Floats, centre: Floats, scatter: Floats, size: int) -> Rows:
    """Return, sorted, the rows of smallest Mahalanobis distance; the first of equals."""
    variance, axes = _axes(scatter)
    ball = max(float(variance.mean()), _LEAST_BALL) if variance.size else 1.0
    shrink = len(variance) / (len(variance) + size)
    shrunk = (1.0 - shrink) * variance + shrink * ball
    distance = sum_columns(project(z - centre, axes) ** 2 / shrunk)
    return np.sort(np.argsort(distance, kind="stable")[:size])


def _axes(scatter: Floats) -> tuple[Floats, Floats]:
    """Return variances, largest first, and eigenvectors whose largest entry is positive."""
    if not scatter.size:
        return np.zeros(0), np.zeros((0, 0))
    variance, axes = np.linalg.eigh((scatter + scatter.T) / 2.0)
    variance, axes = np.maximum(variance[::-1], 0.0), axes[:, ::-1]
    top = np.argmax(np.abs(axes), axis=0)
    return variance, axes * np.where(axes[top, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
