"""Neighbour distance: how far the nearest rows of a frozen reference sample are.

In: an (n, p) table. Out: the mean distance to the k nearest rows of the sample (Angiulli & Pizzuti
2002, PKDD, LNCS 2431, 15-27; the k-th alone is Ramaswamy, Rastogi & Shim 2000, SIGMOD, 427-438),
in robust standard deviations.

The space is reduced, because distances in many columns all look alike: columns on the robust scale
of training.detectors.scaling, then the main axes of training.detectors.subspace, then one more
coordinate, the distance from the plane of these axes, so that a row that leaves the plane is seen.

The sample is ``reference`` rows, drawn by the seed from the rows in canonical order, and never
changes. A row that is in the sample finds itself at distance 0, at fit and later alike; copies are
neighbours like any others. With fewer than k rows all of them count. By default k is a tenth of the
sample: a group of alike odd rows does not hide itself unless it is that large. A small sample is
enough, and hides such groups less than a large one (Sugiyama & Borgwardt 2013, NeurIPS 26;
Zimek et al. 2013, KDD, 428-436). A missing value counts as the
column's median.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from training.detectors.base import Detector, Floats, State, between, pick_rows, read_array
from training.detectors.scaling import RobustScale
from training.detectors.subspace import Subspace, fit_subspace, sum_columns

_FEWEST = 5


class NeighbourDistanceDetector(Detector):
    """Mean distance to the k nearest rows of a reference sample.

    Args:
        neighbours: k; None means a tenth of the sample, at least 5.
        reference: rows in the sample.
        share: share of the variance that the main axes carry.
        most_axes: most main axes.
        core: share of the rows that the axes are measured on.
        seed: draws the sample where the table has more rows.

    The interquartile range is 2, so a robust standard deviation is 2 / 1.349 = 1.4826, and the row
    at 2 has itself and the row at 1 nearest, (0 + 1 / 1.4826) / 2:

    >>> table = [[-2.0], [-1.0], [0.0], [1.0], [2.0]]
    >>> NeighbourDistanceDetector(neighbours=2).fit(table).anomaly_score([[2.0]]).round(4)
    array([0.3372])
    """

    method = "neighbour-distance-1"

    def __init__(
        self,
        neighbours: int | None = None,
        reference: int = 500,
        share: float = 0.99,
        most_axes: int = 10,
        core: float = 0.75,
        seed: int = 0,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.neighbours = neighbours
        self.reference = reference
        self.share = share
        self.most_axes = most_axes
        self.core = core
        self.seed = seed

    def _faults(self, columns: int) -> list[str]:
        return [
            *between("neighbours", 1 if self.neighbours is None else self.neighbours, 1, 100_000),
            *between("reference", self.reference, 1, 1_000_000),
            *between("share", self.share, 0.01, 1.0),
            *between("most_axes", self.most_axes, 1, 1_000),
            *between("core", self.core, 0.5, 1.0),
            *between("seed", self.seed, 0, 2**32 - 1),
        ]

    def _learn(self, values: Floats) -> None:
        scale = RobustScale.of(values)
        z = scale.filled(values[pick_rows(len(values), self.reference, self.seed)])
        subspace = fit_subspace(z, self.core, self.share, self.most_axes)
        self._install(scale, subspace, _place(subspace, z))

    def _install(self, scale: RobustScale, subspace: Subspace, sample: Floats) -> None:
        self.scale_, self.subspace_, self.sample_ = scale, subspace, sample
        # Without rebalancing: equal rows in number would make it slow.
        self.index_ = cKDTree(sample, balanced_tree=False, compact_nodes=False)

    def _score(self, values: Floats) -> Floats:
        places = _place(self.subspace_, self.scale_.filled(values))
        count = self._count()
        nearest, _ = self.index_.query(places, k=np.arange(1, count + 1))
        return sum_columns(np.asarray(nearest)) / count

    def _count(self) -> int:
        """Return how many neighbours count."""
        rows = len(self.sample_)
        wanted = max(_FEWEST, rows // 10) if self.neighbours is None else self.neighbours
        return min(wanted, rows)

    def _state(self) -> State:
        parts = {**self.scale_.state(), **self.subspace_.state()}
        return {**parts, "sample": self.sample_.tolist()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        scale = RobustScale.read(state, self.n_features_in_)
        subspace = Subspace.read(state, self.n_features_in_)
        sample = read_array(state, "sample", -1, len(subspace.variance) + 1)
        if not len(sample):
            raise ValueError("the reference sample is empty")
        self._install(scale, subspace, sample)


def _place(subspace: Subspace, z: Floats) -> Floats:
    """Return the coordinates on the axes and the distance from their plane, (n, k + 1)."""
    inside, off = subspace.coordinates(z)
    return np.column_stack([inside, off])
