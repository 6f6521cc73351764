"""Which detectors there are, by the method that their records name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.detectors.base import Detector, DetectorError
from training.detectors.family_tail import FamilyTailDetector
from training.detectors.histogram import HistogramDetector
from training.detectors.isolation_forest import IsolationForestDetector
from training.detectors.neighbour_distance import NeighbourDistanceDetector
from training.detectors.peer_residual import PeerResidualDetector
from training.detectors.robust_distance import RobustDistanceDetector
from training.detectors.tail import TailDetector

AnyDetector = Detector | TailDetector | FamilyTailDetector

_TAIL = "tail-sum-1"
_SINGLE: dict[str, type[Detector]] = {
    kind.method: kind
    for kind in (
        HistogramDetector,
        IsolationForestDetector,
        NeighbourDistanceDetector,
        PeerResidualDetector,
        RobustDistanceDetector,
    )
}


def usual_members() -> list[tuple[str, AnyDetector]]:
    """Return the members of an ensemble that names none: one for each view of a table."""
    return [
        ("isolation_forest", IsolationForestDetector()),
        ("histogram", HistogramDetector()),
        ("robust_distance", RobustDistanceDetector()),
        ("neighbour_distance", NeighbourDistanceDetector()),
    ]


def read_member(record: Mapping[str, Any]) -> AnyDetector:
    """Return the single detector that a record holds; raises DetectorError for another method."""
    method = record.get("method")
    if method == _TAIL:
        return TailDetector.from_dict(record)
    if method == FamilyTailDetector.method:
        return FamilyTailDetector.from_dict(record)
    if method not in _SINGLE:
        known = ", ".join(sorted([*_SINGLE, _TAIL, FamilyTailDetector.method]))
        raise DetectorError(f"Unknown detector method {method!r}; known are {known}.")
    return _SINGLE[method].from_dict(record)
