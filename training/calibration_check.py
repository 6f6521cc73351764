"""Whether published probabilities are true: scores, the calibration line, the reliability curve.

In: labels, log-odds of units that the model had not seen, weights 1/pi, groups. Out: Brier score
and log loss, slope and intercept of the calibration line, the reliability curve in bins of equal
weight with intervals, and the Venn-Abers band beside it.

Calibration line (Cox 1958, Biometrika 45, 562-565): logit P(confirmed) = a + b * log-odds. The
slope is b; the intercept is a with b held at 1 ("calibration in the large"; Van Calster et al.
2019, BMC Medicine 17, 230). 1 and 0 are perfect; a slope below 1 says that high scores are too
high and low ones too low.

Venn-Abers (Vovk & Petej 2014, UAI, 829-838): isotonic regression of the judged units with the unit
in question added once as unconfirmed and once as confirmed gives a lower and an upper probability,
valid whatever the model where units are exchangeable. Under unequal weights that is approximate:
the added unit carries the mean weight. It is only a check; it is never the published score, which
must be strictly increasing and explainable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from training.calibration import weighted_log_loss
from training.metrics import percentile_interval, resampled_groups

Floats = npt.NDArray[np.float64]

BINS = 10
#: Points of the Venn-Abers band, of equal weight; each costs two isotonic regressions.
POINTS = 41
_STEPS, _ENOUGH = 50, 1e-10
# Beyond this the likelihood has no maximum: labels are separated by the score.
_STEEPEST = 1e3


@dataclass(frozen=True)
class Bin:
    """Units of about equal predicted probability.

    ``share_of_frame`` is their part of the weight; ``predicted`` and ``confirmed`` are weighted
    means; ``interval`` is of ``confirmed``.
    """

    n: int
    share_of_frame: float
    predicted: float
    confirmed: float
    interval: list[float] | None


@dataclass(frozen=True)
class VennAbersPoint:
    """A predicted probability, and between what the judged units would put it."""

    predicted: float
    lower: float
    upper: float

    @property
    def merged(self) -> float:
        """The one probability that loses least (Vovk & Petej 2014, section 5)."""
        return self.upper / (1.0 - self.lower + self.upper)


def brier_score(labels: Floats, log_odds: Floats, weights: Floats) -> float:
    """Return the weighted mean of (label - probability)^2; NaN without weight."""
    if not weights.sum() > 0:
        return float("nan")
    return float(weights @ (labels - expit(log_odds)) ** 2 / weights.sum())


def log_loss(labels: Floats, log_odds: Floats, weights: Floats) -> float:
    """Return the weighted mean of minus the log probability of what came out."""
    return weighted_log_loss(log_odds, labels, weights) if weights.sum() > 0 else float("nan")


def calibration_line(labels: Floats, log_odds: Floats, weights: Floats) -> tuple[float, float]:
    """Return (slope, intercept at slope 1); NaN where the labels do not determine them."""
    carried = weights > 0
    y, x, w = labels[carried], log_odds[carried], weights[carried]
    if not (0 < w @ y < w.sum()):
        return float("nan"), float("nan")
    both = _fit(np.column_stack([np.ones_like(x), x]), np.zeros_like(x), y, w)
    level = _fit(np.ones((len(x), 1)), x, y, w)
    return float(both[1]), float(level[0])


def _fit(design: Floats, offset: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return the weighted logistic regression by Newton's method; NaN where it has no maximum."""
    found = np.zeros(design.shape[1])
    unknown = np.full(design.shape[1], np.nan)
    loss = weighted_log_loss(offset, labels, weights)
    for _ in range(_STEPS):
        share = expit(offset + design @ found)
        slope = design.T @ (weights * (labels - share))
        bend = design.T @ (design * (weights * share * (1.0 - share))[:, None])
        if np.linalg.cond(bend) > 1e14:
            return unknown
        step = np.linalg.solve(bend, slope)
        better = weighted_log_loss(offset + design @ (found + step), labels, weights)
        while better > loss + _ENOUGH and np.abs(step).max() > _ENOUGH:
            step = step / 2.0
            better = weighted_log_loss(offset + design @ (found + step), labels, weights)
        found, loss = found + step, better
        if np.abs(found).max() > _STEEPEST:
            return unknown
        if np.abs(step).max() <= _ENOUGH * (1.0 + np.abs(found).max()):
            return found
    return unknown


def bin_places(predicted: Floats, weights: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each row: equal shares of the weight, equal predictions together."""
    levels, place = np.unique(predicted, return_inverse=True)
    mass = np.bincount(place, weights, minlength=len(levels))
    middle = np.cumsum(mass) - mass / 2
    bin_of = np.minimum((middle * bins / mass.sum()).astype(np.int64), bins - 1)
    return np.asarray(bin_of[place])


def reliability_curve(
    labels: Floats,
    log_odds: Floats,
    weights: Floats,
    groups: npt.NDArray[np.str_],
    replicates: int,
    seed: int,
    bins: int = BINS,
) -> list[Bin]:
    """Return the bins that hold any weight; intervals from resamples of whole groups."""
    predicted = np.asarray(expit(log_odds))
    place = bin_places(predicted, weights, bins)

    def confirmed(w: Floats) -> Floats:
        mass = np.bincount(place, w, minlength=bins)
        found = np.bincount(place, w * labels, minlength=bins)
        return np.asarray(np.divide(found, mass, out=np.full(bins, np.nan), where=mass > 0))

    shares = [confirmed(weights * times) for times in resampled_groups(groups, replicates, seed)]
    spread = np.array(shares).reshape(-1, bins)
    mass = np.bincount(place, weights, minlength=bins)
    level = np.bincount(place, weights * predicted, minlength=bins)
    count, middle = np.bincount(place[weights > 0], minlength=bins), confirmed(weights)
    return [
        Bin(
            int(count[b]),
            float(mass[b] / mass.sum()),
            float(level[b] / mass[b]),
            float(middle[b]),
            percentile_interval(spread[:, b]),
        )
        for b in np.flatnonzero(mass > 0)
    ]


def venn_abers(scores: Floats, labels: Floats, weights: Floats, points: Floats) -> Floats:
    """Return lower and upper probability of a confirmed finding at each point, shape (m, 2).

    Args:
        scores: shape (n,), of the judged units, in any strictly increasing scale.
        labels: shape (n,), 0 or 1.
        weights: shape (n,), at least 0, some above.
        points: shape (m,), on the scale of ``scores``.
    """
    carried = weights > 0
    x, y = np.append(scores[carried], 0.0), np.append(labels[carried], 0.0)
    w = np.append(weights[carried] / weights[carried].mean(), 1.0)
    found = np.empty((len(points), 2))
    for i, point in enumerate(points):
        x[-1] = point
        for label in (0, 1):
            y[-1] = label
            fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(x, y, sample_weight=w)
            found[i, label] = fitted.predict([point])[0]
    return found


def venn_abers_band(
    labels: Floats, log_odds: Floats, weights: Floats, points: int = POINTS
) -> list[VennAbersPoint]:
    """Return the band at predictions that part the weight of the judged units evenly."""
    order = np.argsort(log_odds, kind="stable")
    order = order[weights[order] > 0]
    mass = np.cumsum(weights[order])
    places = np.searchsorted(mass, np.linspace(0.0, mass[-1] * (1 - 1e-12), points))
    at = np.unique(log_odds[order][places])
    band = venn_abers(log_odds, labels, weights, at)
    return [
        VennAbersPoint(float(expit(x)), float(low), float(high))
        for x, (low, high) in zip(at, band, strict=True)
    ]


def describe_calibration(
    labels: Floats,
    log_odds: Floats,
    weights: Floats,
    groups: npt.NDArray[np.str_],
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """Return everything above as plain JSON values, with 95 % intervals where replicates > 0."""
    values = dict(_numbers(labels, log_odds, weights))
    record: dict[str, Any] = {name: _plain(value) for name, value in values.items()}
    record["brier_of_base_rate"] = _plain(brier_of_base_rate(labels, weights))
    if replicates:
        drawn = [
            [value for _, value in _numbers(labels, log_odds, weights * times)]
            for times in resampled_groups(groups, replicates, seed)
        ]
        columns = zip(values, np.array(drawn).T, strict=True)
        record["intervals"] = {name: percentile_interval(column) for name, column in columns}
    curve = reliability_curve(labels, log_odds, weights, groups, replicates, seed)
    record["reliability"] = [asdict(piece) for piece in curve]
    record["venn_abers"] = _band_record(venn_abers_band(labels, log_odds, weights))
    return record


def brier_of_base_rate(labels: Floats, weights: Floats) -> float:
    """Return the Brier score of knowing nothing but the share confirmed."""
    share = float(np.average(labels, weights=weights))
    return brier_score(labels, np.full(len(labels), logit(share)), weights)


def _numbers(labels: Floats, log_odds: Floats, weights: Floats) -> Iterator[tuple[str, float]]:
    yield "brier", brier_score(labels, log_odds, weights)
    yield "log_loss", log_loss(labels, log_odds, weights)
    slope, intercept = calibration_line(labels, log_odds, weights)
    yield "slope", slope
    yield "intercept", intercept


def _band_record(band: list[VennAbersPoint]) -> dict[str, Any]:
    gaps = [abs(point.predicted - point.merged) for point in band]
    return {
        "mean_gap": float(np.mean(gaps)),
        "largest_gap": float(np.max(gaps)),
        "points": [asdict(point) | {"merged": point.merged} for point in band],
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
