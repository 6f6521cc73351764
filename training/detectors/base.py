"""What every detector does alike: read a table, check it, score it in pieces, write plain JSON.

In: an (n, p) table of numbers. Out: an anomaly score per row, higher = more unusual, that depends
on nothing but the fitted state and the row itself, to the last bit.

How the bits are kept. Scoring uses additions, multiplications, divisions, square roots, comparisons
and look-ups only, one element at a time and columns in their order: IEEE 754 fixes each of these,
whereas a matrix product or a vectorised logarithm may round differently by the size of the batch.
Logarithms are taken at fit and kept in tables. What is fitted sees the rows in ``canonical_rows``
order, a function of their values, so that the order of the table changes nothing.

Input rules, the same for all: NaN is a value that is not known and makes a row no more unusual; an
infinity is the largest number of its sign; a column that was constant at fit (or never known) is
ignored; a table without columns gives every row the same score; a table of one row can be fitted.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
State = dict[str, Any]

#: A quarter of the largest float: differences and their halves stay finite.
BOUND = float(np.finfo(np.float64).max) / 4
_CHUNK = 2_048


class DetectorError(ValueError):
    """The detector was given something that it cannot work with."""


class Detector(BaseEstimator):  # type: ignore[misc]
    """A scikit-learn estimator with ``fit(X)`` and ``anomaly_score(X)``.

    A subclass names its ``method``, checks its parameters in ``_faults``, and writes ``_learn``,
    ``_score``, ``_state`` and ``_restore``.
    """

    method: ClassVar[str] = ""

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Learn what is usual in ``X`` (n, p) and freeze it; ``y`` is ignored.

        Raises DetectorError, with every fault, for a table without rows or a wrong parameter.
        """
        values = read_table(X)
        faults = ([] if len(values) else ["X has no rows"]) + self._faults(values.shape[1])
        if faults:
            raise DetectorError(f"{type(self).__name__} cannot be fitted: {'; '.join(faults)}.")
        self.n_features_in_ = values.shape[1]
        self._learn(canonical_rows(values))
        return self

    def anomaly_score(self, rows: npt.ArrayLike) -> Floats:
        """Return the score of each row, shape (n,); higher is more unusual."""
        values = self._read(rows)
        score = np.empty(len(values))
        for start in range(0, len(values), _CHUNK):
            piece = slice(start, start + _CHUNK)
            score[piece] = self._score(values[piece])
        return score

    def to_dict(self) -> State:
        """Return parameters and fitted state as plain JSON values."""
        return {
            "method": self.method,
            "columns": int(self.n_features_in_),
            "parameters": self._parameters(),
            "state": self._state(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the detector that ``to_dict`` wrote; raises DetectorError when it is not one."""
        if record.get("method") != cls.method:
            raise DetectorError(
                f"Expected a detector of method {cls.method!r}, got {record.get('method')!r}."
            )
        try:
            detector = cls._rebuilt(record["parameters"])
            columns = int(record["columns"])
            faults = detector._faults(columns)
            if faults:
                raise ValueError("; ".join(faults))
            detector.n_features_in_ = columns
            detector._restore(record["state"])
        except (KeyError, TypeError, ValueError, IndexError) as fault:
            raise DetectorError(
                f"The stored {cls.method} detector is damaged ({fault}); fit it again."
            ) from fault
        return detector

    def _read(self, rows: npt.ArrayLike) -> Floats:
        if not hasattr(self, "n_features_in_"):
            raise DetectorError(f"{type(self).__name__} is not fitted; call fit first.")
        values = read_table(rows)
        if values.shape[1] != self.n_features_in_:
            raise DetectorError(
                f"The detector was fitted on {self.n_features_in_} columns and got "
                f"{values.shape[1]}; pass the columns that it was fitted on, in their order."
            )
        return values

    def _parameters(self) -> State:
        return {name: plain(value) for name, value in self.get_params(deep=False).items()}

    @classmethod
    def _rebuilt(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(**parameters)

    @abstractmethod
    def _faults(self, columns: int) -> list[str]:
        """Return what is wrong with the parameters, for a table of that many columns."""

    @abstractmethod
    def _learn(self, values: Floats) -> None:
        """Set the fitted state from rows in canonical order."""

    @abstractmethod
    def _score(self, values: Floats) -> Floats:
        """Return the score of each row."""

    @abstractmethod
    def _state(self) -> State:
        """Return the fitted state as plain JSON values."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Set the fitted state; raises ValueError or KeyError when it is damaged."""


def read_table(rows: npt.ArrayLike) -> Floats:
    """Return a float copy with finite values or NaN; raises DetectorError unless it is a matrix."""
    try:
        values = np.array(rows, dtype=np.float64, order="C")
    except (TypeError, ValueError) as fault:
        raise DetectorError(f"Expected a table of numbers; {fault}.") from fault
    if values.ndim != 2:
        raise DetectorError(f"Expected a matrix of rows by columns, got {values.ndim} dimensions.")
    # Adding 0.0 turns -0.0 into 0.0: equal rows then have equal bits.
    return np.minimum(np.maximum(values, -BOUND), BOUND) + 0.0


def canonical_rows(values: Floats) -> Floats:
    """Return the rows sorted by their columns, the first column first and NaN last.

    The order depends on the values only, and not on the units that the columns are in.
    """
    if not values.shape[1]:
        return values
    return values[np.lexsort(values.T[::-1])]


def pick_rows(count: int, limit: int, seed: int) -> Rows:
    """Return which of ``count`` rows in canonical order are used: all, or ``limit`` by the seed."""
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:limit])


def plain(value: Any) -> Any:
    """Return a parameter as a JSON value."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    return value


def read_array(state: Mapping[str, Any], name: str, *shape: int) -> Floats:
    """Return a stored array of that shape (-1 = any length); raises ValueError when it is not."""
    array = np.asarray(state[name], dtype=np.float64)
    if array.size == 0 and 0 in shape:
        array = array.reshape(shape)
    wrong = array.ndim != len(shape) or any(
        want not in (-1, got) for want, got in zip(shape, array.shape, strict=False)
    )
    if wrong or not np.isfinite(array).all():
        raise ValueError(f"{name} is not a finite array of shape {shape}")
    return array


def between(name: str, value: float, low: float, high: float) -> list[str]:
    """Return a fault unless low <= value <= high."""
    if low <= value <= high:
        return []
    return [f"{name} must be between {low:g} and {high:g}, got {value}"]
