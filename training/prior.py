"""The hybrid by evidence: what the detector is worth, and how much of the trees to believe.

In: standardised detector scores, labels, weights and channels of judged units. Out: the log-odds
that the trees begin from.

    log-odds = intercept + shift(channel) + slope * detector + credibility * trees(x)

The trees are fitted to what the detector leaves unexplained. Where no verdict speaks, as of a
scheme that nobody has confirmed yet, they stay near 0 and the detector's suspicion stands.

Slope. Logistic regression with a normal prior on the slope (MacKay 1992, Neural Computation 4,
720-736): a few verdicts leave it where the cold start put it, many move it, but never below
``least``: a detector that finds known schemes poorly may still be all that finds the unknown.

Shift. Whoever tips off knows more than the columns say. Selection that depends on the outcome moves
the intercept of a logistic model and nothing else (Prentice & Pyke 1979, Biometrika 66, 403-411),
so each channel without a design has an intercept of its own, used in fitting and then dropped.

Credibility. With m effective confirmed cases (Kish's, of the training weights) the trees count for
m / (m + k), as Buehlmann & Straub (1970) weigh an experience against a prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from training.config import HybridSettings

Floats = npt.NDArray[np.float64]

#: How firmly a channel's intercept is held to the design's, in squared log-odds.
_SHIFT_TRUST = 0.05


@dataclass(frozen=True)
class Prior:
    """Fitted intercept, shifts by channel ("" is the design) and slope."""

    intercept: float
    shifts: dict[str, float]
    slope: float

    def log_odds(self, detector: Floats) -> Floats:
        """Return the log-odds of units of the frame, whatever channel found them."""
        return self.intercept + self.slope * detector

    def start(self, detector: Floats, channels: npt.NDArray[np.str_]) -> Floats:
        """Return the log-odds of judged units, each within its channel."""
        shift = np.array([self.shifts.get(str(channel), 0.0) for channel in channels])
        return np.asarray(self.log_odds(detector) + shift)


def fit_prior(
    detector: Floats,
    labels: Floats,
    weights: Floats,
    channels: npt.NDArray[np.str_],
    settings: HybridSettings,
) -> Prior:
    """Fit by penalised weighted maximum likelihood.

    Args:
        detector: shape (n,), standardised scores.
        labels: shape (n,), 0 or 1, both present.
        weights: shape (n,), above 0.
        channels: shape (n,), "" for units that a design chose.
        settings: slope expected, how firmly, and its least value.
    """
    others = sorted(set(channels.tolist()) - {""})
    member = np.array([[channel == name for name in others] for channel in channels], dtype=float)
    columns = np.column_stack([np.ones(len(labels)), detector, member.reshape(len(labels), -1)])
    centre = np.array([0.0, settings.slope, *(0.0 for _ in others)])
    trust = np.array([1e-6, settings.trust, *(_SHIFT_TRUST for _ in others)])
    share = float(weights @ labels / weights.sum())
    start = centre + np.array([np.log(share / (1.0 - share)), 0.0, *(0.0 for _ in others)])
    found = minimize(
        _loss,
        start,
        args=(columns, labels, weights, centre, trust),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), (settings.least, None), *((None, None) for _ in others)],
        options={"maxiter": 500, "ftol": 1e-14, "gtol": 1e-9},
    )
    intercept, slope, *shifts = found.x.tolist()
    return Prior(intercept, dict(zip(others, shifts, strict=True)), slope)


def credibility(labels: Floats, weights: Floats, settings: HybridSettings) -> float:
    """Return the trees' share, m / (m + k), of m effective confirmed cases."""
    confirmed = weights[labels > 0]
    effective = float(confirmed.sum() ** 2 / (confirmed**2).sum()) if confirmed.any() else 0.0
    return effective / (effective + settings.credibility)


def _loss(
    parameters: Floats,
    columns: Floats,
    labels: Floats,
    weights: Floats,
    centre: Floats,
    trust: Floats,
) -> tuple[float, Floats]:
    # Sums by NumPy, not BLAS: their bits do not depend on the number of threads.
    margin, away = (columns * parameters).sum(axis=1), parameters - centre
    losses = weights * (np.logaddexp(0.0, margin) - labels * margin)
    excess = weights * (expit(margin) - labels)
    slope = (columns * excess[:, None]).sum(axis=0) + trust * away
    return float(losses.sum() + 0.5 * (trust * away**2).sum()), slope
