"""Robust PCA distance: far out within the usual pattern, or off the pattern altogether.

In: an (n, p) table. Out: a score >= 0 that joins two distances from a robust centre
(training.detectors.subspace): the *score distance*, Mahalanobis along the main axes, and the
*orthogonal distance*, Euclidean from the plane of these axes (Hubert, Rousseeuw & Vanden Branden
2005, Technometrics 47(1), 64-79). Each is divided by its own limit, the value that 97.5 % of the
rows at fit do not exceed, and the score is the root of the sum of both squares (the combined index
of Yue & Qin 2001, Ind. Eng. Chem. Res. 40(20), 4403-4414). 1 is about the edge of the usual.
The main axes carry
99 % of the variance by default: the axes along which the table hardly varies are where a row shows
that it breaks a pattern (Shyu, Chen, Sarinnapakorn & Chang 2003, ICDM workshop), and only what is
left beyond them is lumped together. With ``share=1`` it is the Mahalanobis distance alone wherever
the scatter has full rank.

Columns are first put on the robust scale of training.detectors.scaling. A missing value counts as
the column's median. A limit is at least 0.01, a hundredth of a robust standard deviation: where
columns determine each other exactly, the least deviation is far, but not infinitely far. Larger
tables: location, scatter and limits come from ``most_rows`` rows, drawn by the seed from the rows
in canonical order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.detectors.base import Detector, Floats, State, between, pick_rows, read_array
from training.detectors.scaling import RobustScale
from training.detectors.subspace import Subspace, fit_subspace, sum_columns

_USUAL = 0.975
_LEAST_LIMIT = 0.01


class RobustDistanceDetector(Detector):
    """Score and orthogonal distance from a robust principal subspace.

    Args:
        core: share of the rows that location and scatter are measured on.
        share: share of their variance that the main axes carry.
        most_axes: most main axes.
        most_rows: rows used at fit.
        seed: draws them where the table has more.

    >>> table = [[-2.0], [-1.0], [0.0], [1.0], [2.0]]
    >>> RobustDistanceDetector(core=1.0).fit(table).anomaly_score([[1.0], [-2.0]]).round(6)
    array([0.5, 1. ])
    """

    method = "robust-distance-1"

    def __init__(
        self,
        core: float = 0.75,
        share: float = 0.99,
        most_axes: int = 50,
        most_rows: int = 10_000,
        seed: int = 0,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.core = core
        self.share = share
        self.most_axes = most_axes
        self.most_rows = most_rows
        self.seed = seed

    def _faults(self, columns: int) -> list[str]:
        return [
            *between("core", self.core, 0.5, 1.0),
            *between("share", self.share, 0.01, 1.0),
            *between("most_axes", self.most_axes, 1, 1_000),
            *between("most_rows", self.most_rows, 2, 10_000_000),
            *between("seed", self.seed, 0, 2**32 - 1),
        ]

    def _learn(self, values: Floats) -> None:
        self.scale_ = RobustScale.of(values)
        rows = pick_rows(len(values), self.most_rows, self.seed)
        z = self.scale_.filled(values[rows])
        self.subspace_ = fit_subspace(z, self.core, self.share, self.most_axes)
        usual = [
            float(np.quantile(part, _USUAL, method="inverted_cdf")) for part in self._distances(z)
        ]
        self.limits_ = np.maximum(usual, _LEAST_LIMIT)

    def distances(self, rows: Any) -> tuple[Floats, Floats]:
        """Return the score distance and the orthogonal distance of each row."""
        return self._distances(self.scale_.filled(self._read(rows)))

    def _distances(self, z: Floats) -> tuple[Floats, Floats]:
        inside, off = self.subspace_.coordinates(z)
        return np.sqrt(sum_columns(inside * inside / self.subspace_.variance)), off

    def _score(self, values: Floats) -> Floats:
        along, off = self._distances(self.scale_.filled(values))
        along, off = along / self.limits_[0], off / self.limits_[1]
        return np.asarray(np.sqrt(along * along + off * off))

    def _state(self) -> State:
        parts = {**self.scale_.state(), **self.subspace_.state()}
        return {**parts, "limits": self.limits_.tolist()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.scale_ = RobustScale.read(state, self.n_features_in_)
        self.subspace_ = Subspace.read(state, self.n_features_in_)
        self.limits_ = read_array(state, "limits", 2)
        if (self.limits_ < _LEAST_LIMIT).any():
            raise ValueError("a limit is too small")
