"""Isolation forest: how few random cuts separate a row from a sample of the table.

In: an (n, p) table. Out: a score in (0, 1], 2^(-E[h] / c(m)): h the depth at which a tree isolates
the row, c(m) the mean depth of an unsuccessful search among m values (Liu, Ting & Zhou 2008, ICDM,
413-422; 2012, ACM TKDD 6(1), 3). 0.5 says neither way: a table that cannot be cut gives it to all.

The trees are grown by scikit-learn on robust z-values (training.detectors.scaling) in single
precision and kept as plain arrays. They are scored here, all trees of a row at once, each tree laid
out as a complete binary tree: one row takes a fraction of a millisecond instead of scikit-learn's
twelve or more, and a file of them holds numbers and nothing that runs.

Randomness: the seed draws the samples and cuts, from rows in canonical order. A missing value falls
where the column's median does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import IsolationForest

from training.detectors.base import Detector, Floats, Rows, State, between
from training.detectors.scaling import RobustScale

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """One tree as scikit-learn numbers it: node 0 is the root, a leaf has no children (-1)."""

    feature: Nodes
    threshold: Floats
    left: Nodes
    right: Nodes
    size: Nodes


class IsolationForestDetector(Detector):
    """Isolation forest stored as arrays.

    Args:
        trees: number of trees.
        sample: rows that each tree sees (all, if the table has fewer).
        seed: draws samples and cuts.

    Two rows are always parted by the first cut, and c(2) = 1, so both score 2^-1:

    >>> IsolationForestDetector(trees=5).fit([[0.0], [1.0]]).anomaly_score([[0.0], [1.0]])
    array([0.5, 0.5])
    """

    method = "isolation-forest-1"

    def __init__(self, trees: int = 200, sample: int = 256, seed: int = 0) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.trees = trees
        self.sample = sample
        self.seed = seed

    def _faults(self, columns: int) -> list[str]:
        return [
            *between("trees", self.trees, 1, 5_000),
            *between("sample", self.sample, 2, 4_096),
            *between("seed", self.seed, 0, 2**32 - 1),
        ]

    def _learn(self, values: Floats) -> None:
        scale = RobustScale.of(values)
        rows = min(self.sample, len(values))
        grown: list[Tree] = []
        if values.shape[1]:
            forest = IsolationForest(
                n_estimators=self.trees, max_samples=rows, random_state=self.seed
            ).fit(scale.filled(values).astype(np.float32))
            grown = [_copy(estimator.tree_) for estimator in forest.estimators_]
        self._install(scale, rows, grown)

    def _install(self, scale: RobustScale, rows: int, trees: list[Tree]) -> None:
        self.scale_, self.rows_, self.trees_ = scale, rows, trees
        self.depth_ = max((_depth(tree) for tree in trees), default=0)
        inner, leaves = 2**self.depth_ - 1, 2**self.depth_
        self.feature_ = np.zeros((len(trees), inner), dtype=np.intp)
        # An unused node sends everything left: nothing is above infinity.
        self.cut_ = np.full((len(trees), inner), np.inf)
        self.length_ = np.zeros((len(trees), leaves))
        for number, tree in enumerate(trees):
            self._lay_out(number, tree)

    def _lay_out(self, number: int, tree: Tree) -> None:
        """Write a tree into the complete layout: children of place i are 2i + 1 and 2i + 2."""
        waiting = [(0, 0, 0)]
        while waiting:
            node, place, depth = waiting.pop()
            if tree.left[node] >= 0:
                self.feature_[number, place] = tree.feature[node]
                self.cut_[number, place] = tree.threshold[node]
                waiting.append((int(tree.left[node]), 2 * place + 1, depth + 1))
                waiting.append((int(tree.right[node]), 2 * place + 2, depth + 1))
                continue
            for _ in range(self.depth_ - depth):
                place = 2 * place + 1
            leaf = place - (2**self.depth_ - 1)
            self.length_[number, leaf] = depth + mean_depth(int(tree.size[node]))

    def _score(self, values: Floats) -> Floats:
        # As scikit-learn does: values in single, cuts in double precision.
        z = self.scale_.filled(values).astype(np.float32).astype(np.float64)
        usual = mean_depth(self.rows_)
        if not self.trees_ or usual == 0.0:
            return np.full(len(values), 0.5)
        lengths = self.length_.ravel().take(self._leaves(z))
        # An accumulation adds one tree after the other, whatever the number of rows.
        total = np.add.accumulate(lengths, axis=1)[:, -1]
        mean = total / len(self.trees_) / usual
        return np.array([2.0**-share for share in mean.tolist()])

    def _leaves(self, z: Floats) -> Rows:
        """Return for each row and tree the place of its leaf in ``length_``, flattened."""
        count, (trees, inner) = len(z), self.feature_.shape
        features, cuts, cells = self.feature_.ravel(), self.cut_.ravel(), z.ravel()
        start = np.arange(trees) * inner
        row = (np.arange(count) * z.shape[1])[:, None]
        place = np.zeros((count, trees), dtype=np.intp)
        for _ in range(self.depth_):
            node = start + place
            above = cells.take(row + features.take(node)) > cuts.take(node)
            place = 2 * place + 1 + above
        return np.asarray(place - inner + np.arange(trees) * (inner + 1))

    def _state(self) -> State:
        trees = [
            {name: getattr(tree, name).tolist() for name in Tree.__dataclass_fields__}
            for tree in self.trees_
        ]
        return {**self.scale_.state(), "rows": self.rows_, "trees": trees}

    def _restore(self, state: Mapping[str, Any]) -> None:
        trees = [_read(record, self.n_features_in_) for record in state["trees"]]
        scale = RobustScale.read(state, self.n_features_in_)
        self._install(scale, int(state["rows"]), trees)


def mean_depth(rows: int) -> float:
    """Return c(m), the mean depth of an unsuccessful search in a tree of m rows.

    2 H(m-1) - 2 (m-1) / m with H(i) = ln i + Euler's constant (Liu et al. 2008, equation 1), and
    the exact 0 and 1 for one row and two.
    """
    if rows <= 2:
        return float(max(0, rows - 1))
    return 2.0 * (math.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows


def _copy(tree: Any) -> Tree:
    return Tree(
        np.asarray(tree.feature, dtype=np.int64),
        np.where(tree.children_left < 0, 0.0, tree.threshold),
        np.asarray(tree.children_left, dtype=np.int64),
        np.asarray(tree.children_right, dtype=np.int64),
        np.asarray(tree.n_node_samples, dtype=np.int64),
    )


def _depth(tree: Tree) -> int:
    depth = np.zeros(len(tree.left), dtype=np.int64)
    for node in np.flatnonzero(tree.left >= 0):
        depth[[tree.left[node], tree.right[node]]] = depth[node] + 1
    return int(depth.max())


def _read(record: Mapping[str, Any], columns: int) -> Tree:
    """Return a stored tree; raises ValueError unless children follow parents, each once."""
    feature, left, right, size = (
        np.asarray(record[name], dtype=np.int64) for name in ("feature", "left", "right", "size")
    )
    tree = Tree(feature, np.asarray(record["threshold"], dtype=np.float64), left, right, size)
    inner = left >= 0
    children = np.sort(np.concatenate([left[inner], right[inner]]))
    sound = (
        len({len(part) for part in (feature, tree.threshold, left, right, size)}) == 1
        and np.array_equal(children, np.arange(1, len(left)))
        and bool((np.minimum(left, right)[inner] > np.flatnonzero(inner)).all())
        and bool(((feature[inner] >= 0) & (feature[inner] < columns)).all())
        and bool(np.isfinite(tree.threshold).all())
        and bool((size >= 1).all())
    )
    if not sound or _depth(tree) > 16:
        raise ValueError("a tree is not a tree")
    return tree
