"""Calibration: from a margin to the log-odds of a confirmed finding, strictly increasing.

In: margins of units that the model had not seen, their labels and weights. Out: slope and intercept
of Platt's sigmoid (Platt 1999, "Probabilistic outputs for support vector machines", eq. 1 and the
target smoothing of section 2.2), fitted by weighted maximum likelihood in the log-odds.

Beyond +-12 the log-odds are bent smoothly towards +-15 (still strictly increasing and once
differentiable): probabilities of 1 in 3 million carry no more information, and a double this close
to 1 could no longer be turned back into its log-odds to nine digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, expm1

Floats = npt.NDArray[np.float64]

_STRAIGHT, _ROOM = 12.0, 3.0
_SMALLEST_SLOPE = 1e-3


class CalibrationError(ValueError):
    """The calibration cannot be fitted or read."""


@dataclass(frozen=True)
class Platt:
    """log-odds = soft(slope * margin + intercept), slope > 0."""

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        """Refuse a slope that would not keep the order of the margins."""
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope > 0):
            raise CalibrationError(
                f"A calibration needs a finite slope above 0 and a finite intercept; got "
                f"{self.slope} and {self.intercept}."
            )

    def log_odds(self, margins: Floats) -> Floats:
        """Return the calibrated log-odds, strictly increasing in ``margins``."""
        return _soften(self.slope * margins + self.intercept)

    def probability(self, margins: Floats) -> Floats:
        """Return the calibrated probability."""
        return np.asarray(expit(self.log_odds(margins)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"method": "platt-1", "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Platt:
        """Return what ``to_dict`` wrote."""
        if record.get("method") != "platt-1":
            raise CalibrationError(f"Unknown calibration method {record.get('method')!r}.")
        return cls(float(record["slope"]), float(record["intercept"]))


def fit_platt(margins: Floats, labels: Floats, weights: Floats | None = None) -> Platt:
    """Fit slope and intercept by weighted maximum likelihood on smoothed targets.

    Args:
        margins: shape (n,), out-of-sample margins.
        labels: shape (n,), 0 or 1, both present.
        weights: shape (n,), at least 0; scaled to mean 1, so that the smoothing sees as many
            labels as there are. None means equal.

    A slope that would be zero or negative (margins without information) is held at 0.001: the order
    stays, and every probability is close to the prevalence.
    """
    weights = np.ones(len(margins)) if weights is None else weights * (len(weights) / weights.sum())
    positive = labels > 0
    ups, downs = weights[positive].sum(), weights[~positive].sum()
    if not (ups > 0 and downs > 0):
        raise CalibrationError("Calibration needs confirmed and unconfirmed cases with weight.")
    targets = np.where(positive, (ups + 1.0) / (ups + 2.0), 1.0 / (downs + 2.0))
    # Working in standard units keeps the two parameters on one scale for the optimiser.
    centre, spread = float(np.mean(margins)), float(np.std(margins)) or 1.0
    standard = (margins - centre) / spread
    start = np.array([1.0, float(np.log(ups / downs))])
    found = minimize(
        _loss,
        start,
        args=(standard, targets, weights),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_SMALLEST_SLOPE * spread, None), (None, None)],
        options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-10},
    )
    slope = float(found.x[0]) / spread
    return Platt(slope, float(found.x[1]) - slope * centre)


def weighted_log_loss(log_odds: Floats, targets: Floats, weights: Floats) -> float:
    """Return the weighted mean of -t log p - (1 - t) log(1 - p)."""
    losses = np.logaddexp(0.0, log_odds) - targets * log_odds
    return float(weights @ losses / weights.sum())


def _loss(
    parameters: Floats, margins: Floats, targets: Floats, weights: Floats
) -> tuple[float, Floats]:
    log_odds = parameters[0] * margins + parameters[1]
    excess = weights * (expit(log_odds) - targets) / weights.sum()
    return weighted_log_loss(log_odds, targets, weights), np.array([excess @ margins, excess.sum()])


def _soften(log_odds: Floats) -> Floats:
    size = np.abs(log_odds)
    bent = _STRAIGHT - _ROOM * expm1((_STRAIGHT - size) / _ROOM)
    return np.asarray(np.where(size <= _STRAIGHT, log_odds, np.copysign(bent, log_odds)))
