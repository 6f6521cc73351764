"""How good a ranking is, beside the two baselines: sort by amount, and rules only.

In: judged units (labels, weights 1/pi, groups, amounts paid, rule hits, confirmed amounts) and a
score. Out: the record of ``metrics.json``: unit, n, positives, average_precision, roc_auc,
precision_at, baseline_sort_by_amount, baseline_rules. Beside them, under the same keys for model
and baselines: recall_at; amount_at and money_share_at where every confirmed amount is known;
capacity where one is set; and 95 % intervals. ``difference`` is the model less each baseline over
the same resamples; ``calibration`` is there where the score is a log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from training.calibration_check import describe_calibration
from training.config import EvaluationSettings
from training.metrics import (
    Ordered,
    amount_at,
    average_precision,
    bootstrap_values,
    effective_number,
    money_share_at,
    one_percent,
    percentile_interval,
    precision_at,
    put_in_order,
    recall_at,
    roc_auc,
)
from training.splits import grouped_folds, make_splits

__all__ = ["Judged", "evaluate", "grouped_folds", "make_splits"]

Floats = npt.NDArray[np.float64]


class EvaluationError(ValueError):
    """The judged units do not allow an evaluation."""


@dataclass(frozen=True)
class Judged:
    """Units with a final verdict, row by row.

    Attributes:
        unit: what a row is.
        unit_ids: shape (n,), unique.
        labels: shape (n,), 1 confirmed, 0 not.
        weights: shape (n,), final weights (1/pi); 1 for a full census.
        groups: shape (n,), the entity that carries the label.
        amounts: shape (n,), minor units paid.
        rule_hits: shape (n,), rules that hit.
        overpaid: shape (n,), confirmed amount in minor units, NaN where unknown.
    """

    unit: str
    unit_ids: npt.NDArray[np.str_]
    labels: Floats
    weights: Floats
    groups: npt.NDArray[np.str_]
    amounts: npt.NDArray[np.int64]
    rule_hits: npt.NDArray[np.int64]
    overpaid: Floats

    def take(self, rows: npt.NDArray[np.generic]) -> Judged:
        """Return the given rows."""
        return Judged(
            self.unit,
            self.unit_ids[rows],
            self.labels[rows],
            self.weights[rows],
            self.groups[rows],
            self.amounts[rows],
            self.rule_hits[rows],
            self.overpaid[rows],
        )


def evaluate(
    judged: Judged,
    score: Floats,
    settings: EvaluationSettings,
    *,
    calibrated: bool = False,
) -> dict[str, Any]:
    """Return the metrics record of ``score`` (higher is inspected first) and of both baselines.

    ``calibrated`` says that ``score`` is the log-odds of a confirmed finding.

    Raises EvaluationError where there is not at least one unit of either label with weight.
    """
    weighted = judged.weights > 0
    confirmed = (judged.labels > 0) & weighted
    if not confirmed.any() or not (weighted & ~confirmed).any():
        raise EvaluationError(
            "Evaluation needs confirmed and unconfirmed units with a weight; inspect more units "
            "drawn with a known probability."
        )
    kept = judged.take(np.flatnonzero(weighted))
    ours = _measure(kept, settings, score[weighted])
    baselines = {
        "baseline_sort_by_amount": _measure(kept, settings, kept.amounts),
        "baseline_rules": _measure(kept, settings, kept.rule_hits),
    }
    record = {
        "unit": judged.unit,
        "n": len(kept.labels),
        "positives": int(confirmed.sum()),
        "frame_units": float(kept.weights.sum()),
        "effective_positives": effective_number(kept.weights[kept.labels > 0]),
        "amounts_unknown": int(np.isnan(kept.overpaid[kept.labels > 0]).sum()),
        **ours.record,
        **{name: theirs.record for name, theirs in baselines.items()},
    }
    if settings.bootstrap:
        record["difference"] = {name: _less(ours, theirs) for name, theirs in baselines.items()}
    if calibrated:
        record["calibration"] = describe_calibration(
            kept.labels, score[weighted], kept.weights, kept.groups,
            settings.bootstrap, settings.seed,
        )  # fmt: skip
    return record


@dataclass(frozen=True)
class _Measured:
    """The record of one ranking, its figures by place in the record, and their resamples."""

    record: dict[str, Any]
    figures: dict[tuple[str, ...], float]
    resamples: Floats


def _measure(
    judged: Judged, settings: EvaluationSettings, score: npt.NDArray[np.generic]
) -> _Measured:
    ordered = put_in_order(
        judged.labels, score, judged.unit_ids, settings.tie_seed, judged.weights, judged.overpaid
    )
    statistics = _statistics(ordered, settings)
    figures = {place: statistic(ordered) for place, statistic in statistics.items()}
    record = _nested(figures)
    amounts = {str(k): amount_at(ordered, k) for k in settings.at}
    if None not in amounts.values():
        record["amount_at"] = amounts
    if settings.capacity:
        amount = amount_at(ordered, settings.capacity)
        record["capacity"] |= {"k": settings.capacity, "amount": amount}
    resamples = np.empty((0, len(statistics)))
    if settings.bootstrap:
        resamples = bootstrap_values(
            ordered, judged.groups, list(statistics.values()), settings.bootstrap, settings.seed
        )
        intervals = (percentile_interval(column) for column in resamples.T)
        record["intervals"] = _nested(dict(zip(statistics, intervals, strict=True)))
    return _Measured(record, figures, resamples)


def _statistics(
    ordered: Ordered, settings: EvaluationSettings
) -> dict[tuple[str, ...], Callable[[Ordered], float]]:
    """Return the statistics by their place in the record."""
    chosen: dict[tuple[str, ...], Callable[[Ordered], float]] = {
        ("average_precision",): average_precision,
        ("roc_auc",): roc_auc,
    }
    cuts = {str(k): k for k in settings.at}
    for name, statistic in (("precision_at", precision_at), ("recall_at", recall_at)):
        chosen |= {(name, key): partial(statistic, k=k) for key, k in cuts.items()}
    money = not np.isnan(money_share_at(ordered, 1))
    if money:
        shares = cuts | {"1%": one_percent(ordered)}
        chosen |= {("money_share_at", key): partial(money_share_at, k=k)
                   for key, k in shares.items()}  # fmt: skip
    if settings.capacity:
        named = {"precision": precision_at, "recall": recall_at}
        named |= {"money_share": money_share_at} if money else {}
        chosen |= {("capacity", name): partial(statistic, k=settings.capacity)
                   for name, statistic in named.items()}  # fmt: skip
    return chosen


def _nested(figures: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for (first, *rest), value in figures.items():
        if rest:
            record.setdefault(first, {})[rest[0]] = value
        else:
            record[first] = value
    return record


def _less(ours: _Measured, theirs: _Measured) -> dict[str, Any]:
    """Return each figure less the baseline's, with the interval over the same resamples."""
    apart = ours.resamples - theirs.resamples
    return _nested(
        {
            place: {
                "value": ours.figures[place] - theirs.figures[place],
                "interval": percentile_interval(column),
            }
            for place, column in zip(ours.figures, apart.T, strict=True)
        }
    )
