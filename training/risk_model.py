"""The risk model: boosted trees plus the cold-start detector, added in log-odds, then calibrated.

In: feature values. Out: a calibrated probability of a confirmed finding and, for every row, parts
that add up to its log-odds.

    margin   = w_model * trees(x) + w_detector * (anomaly(x) - centre) / spread
    log-odds = soft(slope * margin + intercept)                      (training.calibration)

Since both members are sums of per-feature terms, so is the margin; the detector's share is passed
on to its features. Contributions are stated in the log-odds of the published score, that is after
the slope; the calibration term is what is then missing: the intercept and, far out, the bend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.boosters import Boosters
from training.calibration import Platt
from training.detectors.published import PublishedDetector
from training.detectors.tail import add_columns

Floats = npt.NDArray[np.float64]

# A record whose parts miss the score by more than this is never shown.
TOLERANCE = 1e-9


class RecordError(ValueError):
    """The parts of an explanation do not add up to the score."""


@dataclass(frozen=True)
class Hybrid:
    """How the members enter the margin."""

    model_weight: float
    detector_weight: float
    centre: float
    spread: float

    def __post_init__(self) -> None:
        """Refuse weights with which a higher member could lower the score."""
        weights = (self.model_weight, self.detector_weight)
        if min(weights) < 0 or max(weights) <= 0 or not self.spread > 0:
            raise ValueError(f"Hybrid weights must be at least 0, one above 0; got {weights}.")

    def standardised(self, anomaly: Floats) -> Floats:
        """Return the detector score in units of its spread over the training frame."""
        return (anomaly - self.centre) / self.spread

    def margin(self, trees: Floats, anomaly: Floats) -> Floats:
        """Return the hybrid margin of each row."""
        return self.model_weight * trees + self.detector_weight * self.standardised(anomaly)


@dataclass(frozen=True)
class Parts:
    """What a score is made of: base_value + contributions.sum(1) + calibration.

    ``score_name`` says of what: ``logit_risk_score`` or ``anomaly_score``.
    """

    base_value: float
    contributions: Floats
    calibration: Floats
    score_name: str

    def total(self) -> Floats:
        """Return the sum of the parts of each row."""
        return self.base_value + add_columns(self.contributions) + self.calibration


@dataclass(frozen=True)
class RiskModel:
    """A fitted supervised model."""

    boosters: Boosters
    detector: PublishedDetector
    hybrid: Hybrid
    calibration: Platt

    def margin(self, values: Floats, anomaly: Floats | None = None) -> Floats:
        """Return the uncalibrated margin; ``anomaly`` saves scoring the detector twice."""
        if anomaly is None:
            anomaly = self.detector.anomaly_score(values)
        return self.hybrid.margin(self.boosters.margin(values), anomaly)

    def contributions(self, values: Floats) -> Parts:
        """Return the parts of each row's log-odds; raises RecordError if they do not add up."""
        slope, mix = self.calibration.slope, self.hybrid
        margin = self.margin(values)
        passed_on = self.detector.contributions(values) / mix.spread
        shares = mix.model_weight * self.boosters.contributions(values)
        shares += mix.detector_weight * passed_on
        detector_base = (self.detector.base_value_ - mix.centre) / mix.spread
        base = mix.model_weight * self.boosters.base_value + mix.detector_weight * detector_base
        log_odds = self.calibration.log_odds(margin)
        parts = Parts(slope * base, slope * shares, log_odds - slope * margin, "logit_risk_score")
        gap = float(np.max(np.abs(parts.total() - log_odds), initial=0.0))
        if not gap <= TOLERANCE:
            raise RecordError(f"The parts of an explanation miss the score by {gap:.3g}.")
        return parts

    def to_dict(self) -> dict[str, Any]:
        """Return hybrid and calibration as plain JSON values (trees and detector have files)."""
        mix = self.hybrid
        return {
            "calibration": self.calibration.to_dict(),
            "hybrid": {
                "model_weight": mix.model_weight,
                "detector_weight": mix.detector_weight,
                "centre": mix.centre,
                "spread": mix.spread,
            },
        }

    @classmethod
    def from_dict(
        cls, record: Mapping[str, Any], boosters: Boosters, detector: PublishedDetector
    ) -> RiskModel:
        """Return the model of which ``record`` is the ``to_dict``."""
        mix = {key: float(value) for key, value in record["hybrid"].items()}
        return cls(boosters, detector, Hybrid(**mix), Platt.from_dict(record["calibration"]))
