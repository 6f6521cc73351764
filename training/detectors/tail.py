"""The cold-start detector: how far out in the tail each value of a row lies, added up.

In: an (n, p) float matrix, NaN where a value is not known. Out: an anomaly score per row (higher =
more unusual) that is a plain sum of one term per feature, so the explanation *is* the score.

Method. For each feature the empirical tail probability t(x) is frozen at fit: P(X >= x) where high
is suspicious, P(X <= x) where low is, and twice the smaller of the two where either is. The term is

    w_f * max(0, -log t(x) - c),    c = -log(floor),

tabulated at up to ``knots`` observed values and interpolated linearly in between. The sum of
negative log tail probabilities is ECOD (Li, Zhao, Hu, Botta, Ionescu & Chen 2022, IEEE TKDE 35(12),
12181-12193); adding up per-feature log densities goes back to HBOS (Goldstein & Dengel 2012,
KI-2012 poster track, 59-63). Two differences: ECOD ranks a row within the batch that it arrives in,
here the table is frozen, so a row scores the same alone and in a million; and the constant c stops
the noise of many ordinary values from adding up to one unusual row.

Correlated features would count one oddity many times. So w_f = 1 / sum_g r_fg^2 over the features g
whose terms correlate positively with f's (g = f included): k copies of a feature weigh 1/k each.

Rules: a missing value contributes 0; a constant column contributes 0; an infinity, or any value
beyond the observed range, counts as the outermost observed value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from training.detectors.base import DetectorError

Floats = npt.NDArray[np.float64]

_CHUNK = 16_384
# Terms are rounded to 1/256 before they are correlated: sums of such products are exact in float64
# (below 2**53 units), so the weights do not depend on the order of the rows.
_GRID = 256.0


class TailDetector(BaseEstimator):  # type: ignore[misc]
    """Sum of per-feature tail terms, frozen at fit.

    Args:
        directions: per feature +1 (high is suspicious), -1 (low is) or 0 (either); None means 0
            everywhere.
        floor: tail probability above which a value counts as ordinary and contributes nothing.
        knots: most table points per feature.
        damp: whether correlated features share their weight.

    >>> X = np.array([[0.0], [0.0], [0.0], [1.0]] * 25)
    >>> TailDetector(directions=[1], floor=1.0).fit(X).anomaly_score([[0.0], [1.0]]).round(3)
    array([0.   , 1.386])
    """

    def __init__(
        self,
        directions: Sequence[int] | None = None,
        floor: float = 0.25,
        knots: int = 256,
        damp: bool = True,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.directions = directions
        self.floor = floor
        self.knots = knots
        self.damp = damp

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Freeze the tail tables of ``X`` (n, p); ``y`` is ignored.

        Raises DetectorError when X is not a matrix with rows or a parameter is out of range.
        """
        values = _matrix(X)
        self._check(values)
        signs = self.directions if self.directions is not None else [0] * values.shape[1]
        tables = [
            _freeze(values[:, f], int(sign), self.floor, self.knots) for f, sign in enumerate(signs)
        ]
        self._install(tables, np.ones(len(tables)))
        if self.damp:
            self._install(tables, _share_weight(self, values))
        return self

    def _check(self, values: Floats) -> None:
        faults = []
        if not len(values):
            faults.append("X has no rows")
        if not 0.0 < self.floor <= 1.0:
            faults.append(f"floor must be in (0, 1], got {self.floor}")
        if self.knots < 2:
            faults.append(f"knots must be at least 2, got {self.knots}")
        if self.directions is not None:
            if len(self.directions) != values.shape[1]:
                faults.append(f"{len(self.directions)} directions for {values.shape[1]} columns")
            if not set(self.directions) <= {-1, 0, 1}:
                faults.append("directions must be -1, 0 or 1")
        if faults:
            raise DetectorError("TailDetector cannot be fitted: " + "; ".join(faults) + ".")

    def _install(self, tables: list[tuple[Floats, Floats]], weights: Floats) -> None:
        """Set the fitted state: padded (p, K) tables, so that a row needs no Python per knot."""
        width = max((len(at) for at, _ in tables), default=1)
        self.n_features_in_ = len(tables)
        self.base_value_ = 0.0
        self.weights_ = weights
        self.tables_ = tables
        self.at_ = np.zeros((len(tables), width))
        self.term_ = np.zeros((len(tables), width))
        self.rise_ = np.zeros((len(tables), width))
        self.width_ = np.ones((len(tables), width))
        for f, (at, term) in enumerate(tables):
            weighted = weights[f] * term
            self.at_[f, : len(at)] = at
            self.term_[f, : len(at)] = weighted
            self.rise_[f, : len(at) - 1] = np.diff(weighted)
            self.width_[f, : len(at) - 1] = np.diff(at)

    def contributions(self, rows: npt.ArrayLike) -> Floats:
        """Return the terms (n, p); their sum is the score minus ``base_value_``, which is 0."""
        values = _matrix(rows)
        if values.shape[1] != self.n_features_in_:
            raise DetectorError(
                f"The detector was fitted on {self.n_features_in_} columns and got "
                f"{values.shape[1]}; pass the columns that it was fitted on, in their order."
            )
        terms = np.empty(values.shape)
        # Feature by feature: the tables are small and stay in the processor's cache.
        for f, (at, _) in enumerate(self.tables_):
            inside = np.minimum(np.maximum(values[:, f], at[0]), at[-1])
            knot = at.searchsorted(inside, side="right") - 1
            # A share of the way between knots, never a slope: knots may be as close as floats be.
            share = (inside - self.at_[f][knot]) / self.width_[f][knot]
            terms[:, f] = self.term_[f][knot] + self.rise_[f][knot] * share
        # A NaN sorts past the last knot and stays NaN through min and max: its term is set to 0.
        terms[np.isnan(values)] = 0.0
        return terms

    def anomaly_score(self, rows: npt.ArrayLike) -> Floats:
        """Return the score of each row, shape (n,); higher is more unusual."""
        values = _matrix(rows)
        score = np.full(len(values), self.base_value_)
        # In pieces, so that a million rows need no million-row table of terms.
        for start in range(0, len(values), _CHUNK):
            piece = slice(start, start + _CHUNK)
            score[piece] += add_columns(self.contributions(values[piece]))
        return score

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted detector as plain JSON values."""
        signs = self.directions if self.directions is not None else [0] * self.n_features_in_
        return {
            "method": "tail-sum-1",
            "floor": float(self.floor),
            "knots": int(self.knots),
            "damp": bool(self.damp),
            "features": [
                {
                    "direction": int(sign),
                    "weight": float(weight),
                    "at": at.tolist(),
                    "term": term.tolist(),
                }
                for sign, weight, (at, term) in zip(signs, self.weights_, self.tables_, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the detector that ``to_dict`` wrote; raises DetectorError when it is not one."""
        if record.get("method") != "tail-sum-1":
            raise DetectorError(f"Unknown detector method {record.get('method')!r}.")
        rows = record["features"]
        tables = [
            (np.asarray(row["at"], dtype=np.float64), np.asarray(row["term"], dtype=np.float64))
            for row in rows
        ]
        for f, (at, term) in enumerate(tables):
            rising = len(at) > 0 and bool(np.all(np.diff(at) > 0))
            if not rising or len(at) != len(term) or not np.isfinite([at, term]).all():
                raise DetectorError(f"The table of feature {f} is not a rising, finite table.")
        detector = cls(
            [int(row["direction"]) for row in rows],
            record["floor"],
            record["knots"],
            record["damp"],
        )
        detector._install(tables, np.array([row["weight"] for row in rows], dtype=np.float64))
        return detector


def add_columns(terms: Floats) -> Floats:
    """Return row sums, added column by column: the same bits whatever the number of rows."""
    total = np.zeros(terms.shape[0])
    for f in range(terms.shape[1]):
        total += terms[:, f]
    return total


def _matrix(rows: npt.ArrayLike) -> Floats:
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2:
        raise DetectorError(f"Expected a matrix of rows by features, got {values.ndim} dimensions.")
    return values


def _freeze(column: Floats, direction: int, floor: float, limit: int) -> tuple[Floats, Floats]:
    """Return the table (values, terms) of one feature; a single point where it is constant."""
    finite = column[np.isfinite(column)]
    constant = np.zeros(1), np.zeros(1)
    if finite.size == 0 or finite.min() == finite.max():
        return constant
    # Halving keeps the distance of any two knots finite; adding 0.0 turns -0.0 into 0.0.
    bound = np.finfo(np.float64).max / 2
    known = np.clip(column[~np.isnan(column)], finite.min(), finite.max())
    at, counts = np.unique(np.clip(known, -bound, bound) + 0.0, return_counts=True)
    if at.size < 2:
        return constant
    tail = _tail(counts, direction)
    term = np.maximum(0.0, np.log(floor) - np.log(tail)) + 0.0
    kept = _keep(at.size, limit, direction)
    return at[kept], term[kept]


def _tail(counts: npt.NDArray[np.intp], direction: int) -> Floats:
    lower = np.cumsum(counts) / counts.sum()
    upper = np.cumsum(counts[::-1])[::-1] / counts.sum()
    if direction > 0:
        return np.asarray(upper)
    if direction < 0:
        return np.asarray(lower)
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(lower, upper)))


def _keep(size: int, limit: int, direction: int) -> npt.NDArray[np.intp]:
    """Return which sorted distinct values become knots: spaced geometrically towards the tail."""
    if size <= limit:
        return np.arange(size)
    if direction:
        steps = _steps(size, limit)
        return size - 1 - steps[::-1] if direction > 0 else steps
    steps = _steps(size // 2, limit // 2)
    return np.unique(np.concatenate([steps, size - 1 - steps]))


def _steps(size: int, limit: int) -> npt.NDArray[np.intp]:
    """Return at most ``limit`` positions from 0 (outermost) to size - 1, the first ones all."""
    spaced = np.rint(np.geomspace(1, size, limit)).astype(np.intp) - 1
    return np.unique(spaced)


def _share_weight(detector: TailDetector, values: Floats) -> Floats:
    """Return 1 / sum of squared positive correlations of the terms, per feature."""
    p = values.shape[1]
    products, sums = np.zeros((p, p)), np.zeros(p)
    for start in range(0, len(values), _CHUNK):
        terms = np.rint(detector.contributions(values[start : start + _CHUNK]) * _GRID)
        products += terms.T @ terms
        sums += terms.sum(axis=0)
    covariance = products / len(values) - np.outer(sums, sums) / len(values) ** 2
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(spread, spread)
    correlation = np.divide(covariance, scale, out=np.zeros((p, p)), where=scale > 0)
    shared = np.square(np.clip(correlation, 0.0, 1.0))
    np.fill_diagonal(shared, 1.0)
    return np.asarray(1.0 / shared.sum(axis=1))
