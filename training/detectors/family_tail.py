"""The tail detector for wide tables: the oddest value of each family, and rule hits beside them.

In: an (n, p) float matrix, NaN where a value is not known, and of every column the family that it
belongs to. Out: an anomaly score per row, a plain sum of terms that each belong to one column.

Method. The tail term of training.detectors.tail, max(0, -log t(x) - c), is taken of every column;
of each family only the largest counts, and it is the term of the column that has it (of equals the
first). Columns of a family say one thing in several ways (windows, ranks, peers), so their terms
are one oddity: adding them counts it many times, and sharing its weight by correlation, as the tail
detector may, still lets a family of forty ordinary columns outweigh one of two odd ones. The
largest p-value evidence of a group is Tippett's (1931, The Methods of Statistics) way of joining
tests; across families terms are added, as Fisher joins independent ones (1925, section 21.1).

Hits. A column with a hit weight is no measurement but a rule's finding: its term is the weight
where the value is above 0, else 0. Weights are in nats as tail terms are: a hit of weight 8 counts
as much as a value that one row in e^(8 + c) has.

Rules: a missing value contributes 0; a constant column contributes 0 (a hit column does not need to
vary); a column of the family "" is not looked at.

>>> import numpy as np
>>> X = np.array([[0.0, 0.0, 0.0]] * 75 + [[1.0, 2.0, 0.0]] * 24 + [[1.0, 2.0, 1.0]])
>>> detector = FamilyTailDetector([1, 1, 1], ["size", "size", "rule"], [0, 0, 5], floor=1.0)
>>> detector.fit(X).contributions(X[-1:]).round(3)
array([[1.386, 0.   , 5.   ]])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from training.detectors.base import DetectorError
from training.detectors.tail import TailDetector, add_columns

Floats = npt.NDArray[np.float64]

_CHUNK = 16_384


class FamilyTailDetector(BaseEstimator):  # type: ignore[misc]
    """Sum over families of the largest tail term, and of rule hits.

    Args:
        directions: per column +1 (high is suspicious), -1 (low is) or 0 (either); None means 0.
        families: per column the name of its family, "" for a column that is not looked at; None
            means that every column is a family of its own.
        hit_weights: per column the term of a value above 0; 0 means that the column is a
            measurement. None means no hits.
        floor: tail probability above which a value counts as ordinary.
        knots: most table points per column.
    """

    method = "family-tail-1"

    def __init__(
        self,
        directions: Sequence[int] | None = None,
        families: Sequence[str] | None = None,
        hit_weights: Sequence[float] | None = None,
        floor: float = 0.02,
        knots: int = 256,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.directions = directions
        self.families = families
        self.hit_weights = hit_weights
        self.floor = floor
        self.knots = knots

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Freeze the tail tables of the measured columns of ``X`` (n, p); ``y`` is ignored.

        Raises DetectorError, with every fault, when X is not a matrix with rows or a parameter does
        not fit it.
        """
        values = np.asarray(X, dtype=np.float64)
        if values.ndim != 2:
            raise DetectorError(f"Expected rows by features, got {values.ndim} dimensions.")
        columns = values.shape[1]
        faults = self._faults(columns)
        if faults:
            raise DetectorError("FamilyTailDetector cannot be fitted: " + "; ".join(faults) + ".")
        self._set_columns(columns)
        signs = [0] * columns if self.directions is None else list(self.directions)
        directions = [int(signs[f]) for f in self.measured_]
        tail = TailDetector(directions, self.floor, self.knots, damp=False)
        self.tail_ = tail.fit(values[:, self.measured_])
        return self

    def _faults(self, columns: int) -> list[str]:
        lists = {"families": self.families, "hit_weights": self.hit_weights}
        lists["directions"] = self.directions
        faults = [
            f"{len(given)} {name} for {columns} columns"
            for name, given in lists.items()
            if given is not None and len(given) != columns
        ]
        weights = np.asarray([] if self.hit_weights is None else self.hit_weights, dtype=np.float64)
        if not (np.isfinite(weights) & (weights >= 0)).all():
            faults.append("hit_weights must be finite and not negative")
        return faults

    def _set_columns(self, columns: int) -> None:
        """Set which columns are hits, which are measured, and where each family's columns are."""
        names = list(map(str, range(columns))) if self.families is None else list(self.families)
        weights = np.zeros(columns) if self.hit_weights is None else self.hit_weights
        self.n_features_in_ = columns
        self.base_value_ = 0.0
        self.hits_ = np.asarray(weights, dtype=np.float64)
        used = [f for f in range(columns) if names[f] and not self.hits_[f] > 0]
        self.measured_ = np.array(used, dtype=np.intp)
        places: dict[str, list[int]] = {}
        for place, f in enumerate(used):
            places.setdefault(str(names[f]), []).append(place)
        self.members_ = [np.array(rows, dtype=np.intp) for rows in places.values()]

    def contributions(self, rows: npt.ArrayLike) -> Floats:
        """Return the terms (n, p); their sum is the score minus ``base_value_``, which is 0."""
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.n_features_in_:
            raise DetectorError(
                f"The detector was fitted on {self.n_features_in_} columns and got an array of "
                f"shape {values.shape}; pass the columns that it was fitted on, in their order."
            )
        # A missing value compares as false: no hit.
        terms = np.where(values > 0, self.hits_, 0.0)
        tail = self.tail_.contributions(values[:, self.measured_])
        every = np.arange(len(values))
        for members in self.members_:
            of_family = tail[:, members]
            first = of_family.argmax(axis=1)
            terms[every, self.measured_[members[first]]] = of_family[every, first]
        return terms

    def anomaly_score(self, rows: npt.ArrayLike) -> Floats:
        """Return the score of each row, shape (n,); higher is more unusual."""
        values = np.asarray(rows, dtype=np.float64)
        score = np.full(len(values), self.base_value_)
        for start in range(0, len(values), _CHUNK):
            piece = slice(start, start + _CHUNK)
            score[piece] += add_columns(self.contributions(values[piece]))
        return score

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted detector as plain JSON values."""
        return {
            "method": self.method,
            "families": None if self.families is None else [str(name) for name in self.families],
            "hit_weights": self.hits_.tolist(),
            "columns": int(self.n_features_in_),
            "tail": self.tail_.to_dict(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the detector that ``to_dict`` wrote; raises DetectorError when it is not one."""
        if record.get("method") != cls.method:
            raise DetectorError(f"Unknown detector method {record.get('method')!r}.")
        tail = TailDetector.from_dict(record["tail"])
        columns = int(record["columns"])
        detector = cls(
            None, record["families"], record["hit_weights"], float(tail.floor), int(tail.knots)
        )
        faults = detector._faults(columns)
        if not faults:
            detector._set_columns(columns)
            if len(detector.measured_) != tail.n_features_in_:
                faults.append("its tables are not those of its columns")
        if faults:
            raise DetectorError(
                "The stored family-tail-1 detector is damaged: " + "; ".join(faults)
            )
        signs = np.zeros(columns, dtype=np.int64)
        signs[detector.measured_] = np.asarray(tail.directions, dtype=np.int64)
        detector.directions = signs.tolist()
        detector.tail_ = tail
        return detector
