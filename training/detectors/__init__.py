"""Anomaly detectors for any table of numbers, each a scikit-learn estimator in a file of its own.

In: rows by columns. Out: ``fit(X)`` freezes what is usual, ``anomaly_score(X)`` says how unusual a
row is, higher = more, the same alone and in any batch; ``to_dict`` and ``read_detector`` carry a
fitted one through JSON without losing a bit.

>>> import numpy as np
>>> rows = np.random.default_rng(1).normal(size=(500, 3))
>>> ensemble = RankEnsemble([("cuts", IsolationForestDetector()), ("bars", HistogramDetector())])
>>> score = ensemble.fit(rows).anomaly_score([[0.0, 0.0, 0.0], [6.0, 6.0, -6.0]])
>>> bool(score[1] > score[0])
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.detectors.base import DetectorError
from training.detectors.ensemble import RankEnsemble
from training.detectors.family_tail import FamilyTailDetector
from training.detectors.histogram import HistogramDetector
from training.detectors.isolation_forest import IsolationForestDetector
from training.detectors.neighbour_distance import NeighbourDistanceDetector
from training.detectors.peer_residual import PeerResidualDetector
from training.detectors.registry import AnyDetector, read_member
from training.detectors.robust_distance import RobustDistanceDetector
from training.detectors.tail import TailDetector

__all__ = [
    "AnyDetector",
    "DetectorError",
    "FamilyTailDetector",
    "HistogramDetector",
    "IsolationForestDetector",
    "NeighbourDistanceDetector",
    "PeerResidualDetector",
    "RankEnsemble",
    "RobustDistanceDetector",
    "TailDetector",
    "read_detector",
]


def read_detector(record: Mapping[str, Any]) -> AnyDetector:
    """Return the detector, single or ensemble, that a ``to_dict`` record holds."""
    if record.get("method") == RankEnsemble.method:
        return RankEnsemble.from_dict(record)
    return read_member(record)
