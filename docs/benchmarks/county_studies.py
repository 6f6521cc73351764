"""Studies beside the rankings: a scheme withheld, few verdicts, and what bias costs.

In: a prepared trial and a config. Out: named rows of figures on the test period.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from county_trial import judge
from county_verdicts import (
    Prepared,
    joined,
    labels_of,
    learnt_from,
    margin_after,
    usual_weights,
    verdicts_of,
)
from scipy.special import expit

from training.calibration import fit_platt
from training.config import ExperimentConfig
from training.ranking import rank, tie_key
from training.spreading import spread

Floats = npt.NDArray[np.float64]
Figures = dict[str, dict[str, float]]

#: Claims of a scheme in the test period below which its recall says nothing.
LEAST = 5
#: Part of the test period's claims that can be inspected.
CAPACITY = 0.02


def withheld(prepared: Prepared, config: ExperimentConfig) -> Figures:
    """Return of each scheme its recall within the capacity when no label tells of it.

    By the ranking by risk, the same spread over kinds of finding, and the cold start. KNOWN is the
    part of each list that violates when the labels tell of every scheme.
    """
    trial = prepared.trial
    rows = joined(prepared, labels_of(prepared))
    weights = usual_weights(rows, config)
    schemes = np.array([set(s.split(";")) for s in trial.schemes_before[rows.rows]], dtype=object)
    counted = Counter(name for s in trial.schemes for name in set(s.split(";")) if name)
    known = margin_after(prepared, verdicts_of(prepared, rows, weights), config)
    precision = {key: _precision(score, prepared) for key, score in _lists(prepared, known)}
    found: Figures = {}
    for name in sorted(scheme for scheme, n in counted.items() if n >= LEAST):
        told = np.array([name in named for named in schemes])
        margin = margin_after(
            prepared, verdicts_of(prepared, rows, np.where(told, 0.0, weights)), config
        )
        mine = np.array([name in s.split(";") for s in trial.schemes])
        found[name] = {
            "claims": float(mine.sum()),
            "labels": float(told.sum()),
            **{key: _recall(score, mine, prepared) for key, score in _lists(prepared, margin)},
        }
    keys = [key for key in next(iter(found.values())) if key not in ("claims", "labels")]
    mean = {key: float(np.mean([row[key] for row in found.values()])) for key in keys}
    least = {key: float(min(row[key] for row in found.values())) for key in keys}
    return found | {"MEAN": mean, "LEAST": least, "KNOWN": precision}


def _lists(prepared: Prepared, margin: Floats) -> list[tuple[str, Floats]]:
    after = prepared.trial.after
    kinds, ids = after.finding_kinds, after.unit_ids
    lists = [("risk", margin)]
    lists += [(f"spread{w:g}", spread(margin, kinds, ids, 1, w)) for w in (1.0, 2.0)]
    return [*lists, ("cold", prepared.anomaly_after)]


def _recall(score: Floats, mine: npt.NDArray[np.bool_], prepared: Prepared) -> float:
    return float((_within(score, prepared) & mine).sum() / mine.sum())


def _precision(score: Floats, prepared: Prepared) -> float:
    return float((prepared.trial.overpaid > 0)[_within(score, prepared)].mean())


def _within(score: Floats, prepared: Prepared) -> npt.NDArray[np.bool_]:
    """Return which claims lie within the capacity."""
    capacity = int(np.ceil(CAPACITY * len(score)))
    return np.asarray(rank(score, prepared.trial.after.unit_ids, 1) <= capacity)


def learning_curve(prepared: Prepared, config: ExperimentConfig) -> Figures:
    """Return AP by the number of the plan's verdicts, beside detector and trees alone."""
    rows = joined(prepared, labels_of(prepared, history=False))
    weights = usual_weights(rows, config)
    order = np.argsort([tie_key(7, str(u)) for u in rows.judged.unit_ids])
    cold = judge(prepared.anomaly_after, prepared.trial.after, prepared.trial.overpaid)
    found: Figures = {"0": {"positives": 0.0, "detector": cold["ap"], "hybrid": cold["ap"]}}
    for size in (20, 50, 100, 200, 400, len(order)):
        chosen = np.zeros(len(order), dtype=bool)
        chosen[order[:size]] = True
        verdicts = verdicts_of(prepared, rows, np.where(chosen, weights, 0.0))
        kept = verdicts.labels[chosen]
        if not 0 < kept.sum() < len(kept):
            continue
        blind = verdicts_of(prepared, rows, np.where(chosen, weights, 0.0))
        blind.detector[:] = 0.0
        alone = margin_after(prepared, blind, config) - _detector_part(prepared, config)
        scores = {"hybrid": margin_after(prepared, verdicts, config), "trees": alone}
        found[str(size)] = {
            "positives": float(kept.sum()),
            "detector": cold["ap"],
            **{
                name: judge(score, prepared.trial.after, prepared.trial.overpaid)["ap"]
                for name, score in scores.items()
            },
        }
    return found


def _detector_part(prepared: Prepared, config: ExperimentConfig) -> Floats:
    """Return what a prior that saw no detector still adds: the slope that was expected."""
    return config.hybrid.slope * prepared.standardised(prepared.anomaly_after)


def selection_bias(prepared: Prepared, config: ExperimentConfig) -> Figures:
    """Return what ignoring how cases were chosen costs.

    ``specified``: a plan's verdicts with tempered design weights, others by channel. ``design
    only``: without the others. ``pooled``: every verdict alike, calibrated on all. ``told only``:
    tip-offs and campaigns alone, calibrated on them.
    """
    rows = joined(prepared, labels_of(prepared))
    designed = rows.undesigned == ""
    usual = usual_weights(rows, config)
    ones = np.ones(len(designed))
    final = np.where(designed, rows.judged.weights, 0.0)
    ways = {
        "specified": (usual, final, True),
        "design only": (np.where(designed, usual, 0.0), final, True),
        "pooled": (ones, ones, False),
        "told only": (np.where(designed, 0.0, 1.0), np.where(designed, 0.0, 1.0), False),
    }
    return {name: _biased(prepared, config, *way) for name, way in ways.items()}


def _biased(
    prepared: Prepared, config: ExperimentConfig, weights: Floats, final: Floats, channels: bool
) -> dict[str, float]:
    """Return ranking and calibration of one way of weighing; margins cross-fitted in two halves."""
    rows = joined(prepared, labels_of(prepared))
    verdicts = verdicts_of(prepared, rows, weights)
    if not channels:
        verdicts.channels[:] = ""
    margin = margin_after(prepared, verdicts, config)
    names, member = np.unique(rows.judged.groups, return_inverse=True)
    halves = np.array([tie_key(3, str(name)) % 2 for name in names])[member]
    own = np.zeros(len(halves))
    for half in (0, 1):
        part = verdicts_of(prepared, rows, np.where(halves == half, 0.0, weights))
        part.channels[:] = verdicts.channels
        learnt = learnt_from(part, config)
        tested = halves == half
        own[tested] = learnt.margin(part.values[tested], part.detector[tested])
    used = final > 0
    platt = fit_platt(own[used], verdicts.labels[used], final[used])
    risk = expit(platt.log_odds(margin))
    trial, after = prepared.trial, prepared.trial.after
    truth = (trial.overpaid > 0).astype(float)
    by_amount = judge(risk * np.maximum(after.amounts, 0), after, trial.overpaid)
    judged = judge(margin, after, trial.overpaid)
    return {
        "ap": judged["ap"],
        "p200": judged["p200"],
        "money1%": by_amount["money1%"],
        "expected_by_true": float(risk.sum() / truth.sum()),
        "brier": float(np.mean((risk - truth) ** 2)),
    }
