"""Peer residual: how far an amount exceeds what peers with the same case mix reach at most.

In: an (n, p) table, one column of which is the amount (``target``) and some others the case mix.
Out: the amount minus the peers' upper quantile given the case mix, in units of the amount, or on
the robust scale; above 0 the row is dearer than all but a tenth of its peers.

Method: two LightGBM quantile regressions (Koenker & Bassett 1978, Econometrica 46(1), 33-50, as
boosted trees: Ke et al. 2017, NeurIPS 30), the median and the upper quantile. The target is learnt
on the robust scale of training.detectors.scaling; quantiles keep their place under a rising
transformation and are carried back. Where the two cross, the upper one is the median.

Rules: an amount that is not known counts as the peers' median, an ordinary one. A gap in the case
mix is a peer group of its own (LightGBM's missing values). With no case mix, or fewer than two
leaves' worth of rows, all rows are peers and the quantiles are those of the column. A constant
amount scores 0, and so does a table without columns. Larger tables: ``most_rows`` rows, drawn by
the seed from the rows in canonical order. Trees are grown on one thread: the same text on any
machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import lightgbm as lgb
import numpy as np

from training.detectors.base import (
    BOUND,
    Detector,
    Floats,
    State,
    between,
    pick_rows,
    read_array,
)
from training.detectors.scaling import RobustScale, expand

_MEDIAN = 0.5


class PeerResidualDetector(Detector):
    """Excess of an amount over its peers' upper quantile.

    Args:
        target: column of the amount; negative numbers count from the end.
        case_mix: columns that define peers; None means all others.
        quantile: the upper quantile.
        unit: "target" for the excess in units of the amount, "robust" for robust z-values, in which
            large amounts compare by ratio.
        rounds: trees per quantile.
        leaves: leaves per tree.
        leaf_size: fewest rows in a leaf.
        most_rows: rows used at fit.
        seed: draws them where the table has more.

    Ten rows are too few for trees, so all are peers, and nine tenths of them are 9 or less:

    >>> table = [[float(amount), 0.0] for amount in range(1, 11)]
    >>> PeerResidualDetector().fit(table).anomaly_score([[12.0, 0.0], [9.0, 0.0]]).round(6) + 0.0
    array([3., 0.])
    """

    method = "peer-residual-1"

    def __init__(
        self,
        target: int = 0,
        case_mix: Sequence[int] | None = None,
        quantile: float = 0.9,
        unit: Literal["target", "robust"] = "target",
        rounds: int = 100,
        leaves: int = 15,
        leaf_size: int = 30,
        most_rows: int = 200_000,
        seed: int = 0,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.target = target
        self.case_mix = case_mix
        self.quantile = quantile
        self.unit = unit
        self.rounds = rounds
        self.leaves = leaves
        self.leaf_size = leaf_size
        self.most_rows = most_rows
        self.seed = seed

    def _faults(self, columns: int) -> list[str]:
        faults = [
            *between("quantile", self.quantile, 0.5, 0.999),
            *between("rounds", self.rounds, 1, 10_000),
            *between("leaves", self.leaves, 2, 10_000),
            *between("leaf_size", self.leaf_size, 1, 1_000_000),
            *between("most_rows", self.most_rows, 2, 100_000_000),
            *between("seed", self.seed, 0, 2**31 - 1),
        ]
        if self.unit not in ("target", "robust"):
            faults.append(f"unit must be 'target' or 'robust', got {self.unit!r}")
        return faults + self._column_faults(columns)

    def _column_faults(self, columns: int) -> list[str]:
        if not columns:
            return []
        used = [self.target, *(self.case_mix or [])]
        beyond = [column for column in used if not -columns <= column < columns]
        if beyond:
            return [f"there are {columns} columns and no column {', '.join(map(str, beyond))}"]
        if self.target % columns in [column % columns for column in self.case_mix or []]:
            return ["the target cannot be part of its own case mix"]
        return []

    def _columns(self) -> tuple[int, list[int]]:
        """Return the target and the case mix as positions from the start."""
        count = self.n_features_in_
        target = self.target % count
        chosen = range(count) if self.case_mix is None else self.case_mix
        return target, sorted({column % count for column in chosen} - {target})

    def _learn(self, values: Floats) -> None:
        self.scale_ = RobustScale.of(values)
        self.models_: list[lgb.Booster] = []
        self.flat_ = np.zeros(2)
        if not values.shape[1]:
            return
        target, case_mix = self._columns()
        rows = pick_rows(len(values), self.most_rows, self.seed)
        z = self.scale_.known(values[rows])
        z = z[~np.isnan(z[:, target])]
        if not len(z) or self.scale_.scale[target] == 0:
            return
        levels = [_MEDIAN, self.quantile]
        self.flat_ = np.quantile(z[:, target], levels, method="inverted_cdf")
        mix = [column for column in case_mix if self.scale_.scale[column] > 0]
        if mix and len(z) >= 2 * self.leaf_size:
            # Read back from the text, so that what is applied is what is stored.
            self.models_ = [
                lgb.Booster(model_str=self._grow(z[:, case_mix], z[:, target], level))
                for level in levels
            ]

    def _grow(self, mix: Floats, target: Floats, level: float) -> str:
        data = lgb.Dataset(
            np.ascontiguousarray(mix),
            label=target,
            feature_name=[f"f{column}" for column in range(mix.shape[1])],
            params={"verbosity": -1, "feature_pre_filter": False},
        )
        settings = {
            "objective": "quantile", "alpha": level, "learning_rate": 0.1,
            "num_leaves": self.leaves, "min_data_in_leaf": self.leaf_size, "lambda_l2": 0.0,
            "seed": self.seed, "num_threads": 1, "deterministic": True, "force_row_wise": True,
            "feature_pre_filter": False, "verbosity": -1,
        }  # fmt: skip
        return str(lgb.train(settings, data, num_boost_round=self.rounds).model_to_string())

    def expected(self, rows: Any) -> Floats:
        """Return the peers' median and upper quantile of each row, (n, 2), in the amount's unit."""
        return self._in_units(self._quantiles(self.scale_.known(self._read(rows))))

    def _quantiles(self, z: Floats) -> Floats:
        both = np.tile(self.flat_, (len(z), 1))
        if self.models_ and len(z):
            mix = np.ascontiguousarray(z[:, self._columns()[1]])
            for column, model in enumerate(self.models_):
                both[:, column] = np.asarray(model.predict(mix, num_threads=1))
        both[:, 1] = np.maximum(both[:, 0], both[:, 1])
        return both

    def _in_units(self, quantiles: Floats) -> Floats:
        if not self.n_features_in_:
            return quantiles
        target = self._columns()[0]
        with np.errstate(over="ignore"):
            amount = expand(quantiles) * self.scale_.scale[target] + self.scale_.centre[target]
        return np.asarray(np.clip(amount, -BOUND, BOUND))

    def _score(self, values: Floats) -> Floats:
        if not self.n_features_in_ or self.scale_.scale[self._columns()[0]] == 0:
            return np.zeros(len(values))
        z = self.scale_.known(values)
        quantiles = self._quantiles(z)
        amount = z[:, self._columns()[0]]
        if self.unit == "target":
            amount, quantiles = values[:, self._columns()[0]], self._in_units(quantiles)
        return np.where(np.isnan(amount), quantiles[:, 0], amount) - quantiles[:, 1]

    def _state(self) -> State:
        models = [model.model_to_string() for model in self.models_]
        return {**self.scale_.state(), "flat": self.flat_.tolist(), "models": models}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.scale_ = RobustScale.read(state, self.n_features_in_)
        self.flat_ = read_array(state, "flat", 2)
        texts = list(state["models"])
        try:
            self.models_ = [lgb.Booster(model_str=text) for text in texts]
        except lgb.basic.LightGBMError as fault:
            raise ValueError(str(fault)) from fault
        width = len(self._columns()[1]) if self.n_features_in_ else 0
        if len(texts) not in (0, 2) or any(m.num_feature() != width for m in self.models_):
            raise ValueError("the quantile models do not fit the case mix")
