"""Detectors whose score may be published: a sum of one term per column, so it can be explained.

In: settings and the matrix that the detector will be fitted on, or a stored record. Out: a detector
with ``contributions`` beside ``anomaly_score``. The others of training.detectors see more of a
table's shape, but what they see has no exact share for each feature, so no score of theirs is shown
to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.matrix import Matrix
from training.config import DetectorSettings
from training.detectors.base import DetectorError
from training.detectors.family_tail import FamilyTailDetector
from training.detectors.histogram import HistogramDetector
from training.detectors.tail import TailDetector
from training.families import families, hit_weights

PublishedDetector = TailDetector | FamilyTailDetector | HistogramDetector

_METHODS: Mapping[str, type[PublishedDetector]] = {
    "tail-sum-1": TailDetector,
    FamilyTailDetector.method: FamilyTailDetector,
    HistogramDetector.method: HistogramDetector,
}


def make_published(settings: DetectorSettings, matrix: Matrix) -> PublishedDetector:
    """Return the detector that the settings name, not yet fitted, for the matrix's columns."""
    directions = list(matrix.directions)
    if settings.kind == "tail":
        return TailDetector(directions, settings.floor, settings.knots, settings.damp)
    if settings.kind == "histogram":
        return HistogramDetector()
    if settings.kind != "family_tail":
        raise DetectorError(
            f"A score of the detector '{settings.kind}' is no sum over features and could not be "
            "explained, so it is not published; choose tail, family_tail or histogram."
        )
    weights = {level: getattr(settings, level) for level in ("violation", "suspicion", "lead")}
    return FamilyTailDetector(
        directions,
        families(matrix.names, matrix.unit),
        hit_weights(matrix.names, matrix.unit, weights),
        settings.floor,
        settings.knots,
    )


def read_published(record: Mapping[str, Any]) -> PublishedDetector:
    """Return the fitted detector that a record holds; raises DetectorError for another method."""
    method = str(record.get("method"))
    if method not in _METHODS:
        raise DetectorError(
            f"A model's detector must be one of {', '.join(sorted(_METHODS))}; got {method!r}."
        )
    return _METHODS[method].from_dict(record)
