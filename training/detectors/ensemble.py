"""Rank ensemble: several detectors, each on the scale of its own training scores, joined as one.

In: an (n, p) table and the members to fit on it. Out: one score, the weighted mean, or the largest,
of the members' values. A member's score s becomes its place among the member's training scores,
(rows below + half of the rows equal) / n, so that units and tails of different methods do not
matter (Aggarwal & Sathe 2015, SIGKDD Explorations 17(1), 24-47, on normalising and joining outlier
scores by mean and maximum).

``combine="tail"``, the default, takes the mean of -log(1 - place) instead, as Fisher's method does
with p-values (Fisher 1925, Statistical Methods for Research Workers, section 21.1): a row that one
member puts among the very first counts for more than a row that all put a little high. Places alone
forget how far ahead the first ones are. So only the lower nine tenths are ranks; above, the curve
goes straight on at the slope that it has from the median to there (it is a straight line for
exponential scores), by the knee of training.detectors.scaling in the end. The odd rows themselves
have no part in that slope.

The places are frozen as a table of at most ``knots`` knots, straight in between: a row never meets
its batch. Under "mean" and "max" a score beyond the largest training score rises towards 1, so that
new extremes keep their order too. Weights are fixed by whoever makes the ensemble; no label is
used. Tables larger than ``most_rows``: places come from that many rows, drawn by the seed from the
rows in canonical order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import clone

from training.detectors.base import Detector, Floats, State, between, pick_rows, read_array
from training.detectors.registry import AnyDetector, read_member, usual_members
from training.detectors.scaling import compress


@dataclass(frozen=True)
class Places:
    """Training scores and the values that they map to, both rising.

    ``unit`` is what scores beyond the last knot are counted in; 0 where values have the bound 1.
    """

    at: Floats
    value: Floats
    unit: float

    def of(self, score: Floats) -> Floats:
        """Return the values of scores, interpolated; see the module's text for the ends."""
        at, value = self.at, self.value
        knot = np.clip(at.searchsorted(score, side="right") - 1, 0, max(0, len(at) - 2))
        upper = np.minimum(knot + 1, len(at) - 1)
        inside = np.clip(score, at[0], at[-1])
        width = np.where(upper > knot, at[upper] - at[knot], 1.0)
        result = value[knot] + (value[upper] - value[knot]) * ((inside - at[knot]) / width)
        reach = max(float(at[-1] - at[0]), float(np.finfo(np.float64).tiny))
        above = np.maximum(score - at[-1], 0.0)
        below = np.maximum(at[0] - score, 0.0)
        if self.unit > 0:
            with np.errstate(over="ignore"):
                result += compress(above / self.unit)
        else:
            result += (1.0 - value[-1]) * _part(above, reach)
        return np.asarray(result - value[0] * _part(below, reach))


class RankEnsemble(Detector):
    """Mean or maximum of frozen ranks.

    Args:
        members: (name, detector) pairs, not yet fitted; None means one for each view of a table:
            histogram (each column), robust distance (all columns jointly), neighbour distance
            (locally) and forest (cuts), with their defaults.
        weights: one per member, not negative; None means equal. The maximum is taken of
            weight times value.
        combine: "tail", "mean" or "max".
        knots: most knots of a table of places.
        most_rows: rows that the places are taken from.
        seed: draws them where the table has more.
    """

    method = "rank-ensemble-1"

    def __init__(
        self,
        members: Sequence[tuple[str, AnyDetector]] | None = None,
        weights: Sequence[float] | None = None,
        combine: Literal["tail", "mean", "max"] = "tail",
        knots: int = 1_024,
        most_rows: int = 100_000,
        seed: int = 0,
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.members = members
        self.weights = weights
        self.combine = combine
        self.knots = knots
        self.most_rows = most_rows
        self.seed = seed

    def _chosen(self) -> list[tuple[str, AnyDetector]]:
        return usual_members() if self.members is None else list(self.members)

    def _faults(self, columns: int) -> list[str]:
        names = [name for name, _ in self._chosen()]
        faults = [
            *between("knots", self.knots, 2, 1_000_000),
            *between("most_rows", self.most_rows, 1, 100_000_000),
            *between("seed", self.seed, 0, 2**32 - 1),
        ]
        if not names:
            faults.append("it has no members")
        if len(set(names)) < len(names):
            faults.append("two members have the same name")
        if self.combine not in ("tail", "mean", "max"):
            faults.append(f"combine must be 'tail', 'mean' or 'max', got {self.combine!r}")
        if self.weights is not None:
            if len(self.weights) != len(names):
                faults.append(f"{len(self.weights)} weights for {len(names)} members")
            if not all(0 <= weight < np.inf for weight in self.weights) or not sum(self.weights):
                faults.append("weights must be finite, not negative and not all 0")
        return faults

    def _learn(self, values: Floats) -> None:
        self.fitted_ = [(name, clone(member).fit(values)) for name, member in self._chosen()]
        rows = values[pick_rows(len(values), self.most_rows, self.seed)]
        self.places_ = [
            freeze_places(member.anomaly_score(rows), self.knots, tail=self.combine == "tail")
            for _, member in self.fitted_
        ]

    def member_values(self, rows: Any) -> dict[str, Floats]:
        """Return each member's value of each row, before weighting."""
        values = self._read(rows)
        return {
            name: places.of(member.anomaly_score(values))
            for (name, member), places in zip(self.fitted_, self.places_, strict=True)
        }

    def _score(self, values: Floats) -> Floats:
        weights = [1.0] * len(self.fitted_) if self.weights is None else list(self.weights)
        total = np.zeros(len(values))
        for (_, member), places, weight in zip(self.fitted_, self.places_, weights, strict=True):
            value = weight * places.of(member.anomaly_score(values))
            total = np.maximum(total, value) if self.combine == "max" else total + value
        return total if self.combine == "max" else total / sum(weights)

    def _parameters(self) -> State:
        """Return the parameters but for the members, which are stored fitted."""
        return {name: value for name, value in super()._parameters().items() if name != "members"}

    @classmethod
    def _rebuilt(cls, parameters: Mapping[str, Any]) -> Self:
        # The members are set by ``_restore``; until then only their number is open to checks.
        weights = parameters["weights"]
        count = len(weights) if weights is not None else 1
        return cls([(str(place), _UNREAD) for place in range(count)], **parameters)

    def _state(self) -> State:
        return {
            "members": [
                {
                    "name": name,
                    "detector": member.to_dict(),
                    "at": places.at.tolist(),
                    "value": places.value.tolist(),
                    "unit": places.unit,
                }
                for (name, member), places in zip(self.fitted_, self.places_, strict=True)
            ]
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.fitted_ = [
            (str(one["name"]), read_member(one["detector"])) for one in state["members"]
        ]
        self.places_ = [_read_places(one) for one in state["members"]]
        self.members = [(name, clone(member)) for name, member in self.fitted_]
        faults = self._faults(self.n_features_in_)
        if any(member.n_features_in_ != self.n_features_in_ for _, member in self.fitted_):
            faults.append("a member was fitted on another number of columns")
        if faults:
            raise ValueError("; ".join(faults))


_UNREAD: Any = None
_EDGE = 0.9


def freeze_places(scores: Floats, knots: int, *, tail: bool) -> Places:
    """Return the table from training scores to places, or with ``tail`` to -log(1 - place)."""
    at, counts = np.unique(scores, return_counts=True)
    place = (np.cumsum(counts) - counts / 2.0) / counts.sum()
    if not tail:
        kept = _spread(len(at), knots)
        return Places(at[kept], place[kept], 0.0)
    median, edge = np.quantile(scores, [0.5, _EDGE], method="inverted_cdf")
    kept = _spread(int(at.searchsorted(edge, side="right")), knots)
    value = -np.log1p(-np.minimum(place, _EDGE))[kept]
    return Places(at[kept], value, _unit(scores, float(median), float(edge)))


def _unit(scores: Floats, median: float, edge: float) -> float:
    """Return the score that raises -log(1 - place) by 1, between median and edge."""
    if edge > median:
        return float((edge - median) / np.log(0.5 / (1.0 - _EDGE))) or 1.0
    beyond = scores[scores > edge]
    return float(np.mean(beyond - edge)) if beyond.size else 1.0


def _spread(size: int, knots: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return which of ``size`` sorted scores are kept: half evenly, half denser towards the top."""
    if size <= knots:
        return np.arange(size)
    even = np.rint(np.linspace(0, size - 1, knots // 2)).astype(np.intp)
    dense = size - np.rint(np.geomspace(1, size, knots - knots // 2)).astype(np.intp)
    return np.unique(np.concatenate([even, dense]))


def _part(distance: Floats, reach: float) -> Floats:
    """Return distance / (distance + reach), from 0 towards 1."""
    large = np.maximum(distance, reach)
    return (distance / large) / (distance / large + reach / large)


def _read_places(record: Mapping[str, Any]) -> Places:
    at = read_array(record, "at", -1)
    value = read_array(record, "value", len(at))
    unit = float(record["unit"])
    if (
        not len(at)
        or (np.diff(at) <= 0).any()
        or (np.diff(value) < 0).any()
        or not 0 <= unit < np.inf
    ):
        raise ValueError("a table of places does not rise")
    return Places(at, value, unit)
