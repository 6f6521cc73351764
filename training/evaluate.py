"""How good a ranking is, beside the two baselines: sort by amount, and rules only.

In: judged units (labels, weights 1/pi, groups, amounts paid, rule hits, confirmed amounts) and a
score. Out: the record of ``metrics.json``: unit, n, positives, average_precision, roc_auc,
precision_at, baseline_sort_by_amount, baseline_rules; amount_at where every confirmed amount is
known; capacity where one is set; and 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from training.config import EvaluationSettings
from training.metrics import (
    Ordered,
    amount_at,
    average_precision,
    bootstrap_intervals,
    precision_at,
    put_in_order,
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


def evaluate(judged: Judged, score: Floats, settings: EvaluationSettings) -> dict[str, Any]:
    """Return the metrics record of ``score`` (higher is inspected first) and of both baselines.

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
    describe = partial(_describe, kept, settings)
    return {
        "unit": judged.unit,
        "n": len(kept.labels),
        "positives": int(confirmed.sum()),
        **describe(score[weighted]),
        "baseline_sort_by_amount": describe(kept.amounts),
        "baseline_rules": describe(kept.rule_hits),
    }


def _describe(
    judged: Judged, settings: EvaluationSettings, score: npt.NDArray[np.generic]
) -> dict[str, Any]:
    ordered = put_in_order(
        judged.labels, score, judged.unit_ids, settings.tie_seed, judged.weights, judged.overpaid
    )
    statistics: list[Callable[[Ordered], float]] = [average_precision, roc_auc]
    statistics += [partial(precision_at, k=k) for k in settings.at]
    values = [statistic(ordered) for statistic in statistics]
    record = _named(values, settings)
    amounts = {str(k): amount_at(ordered, k) for k in settings.at}
    if None not in amounts.values():
        record["amount_at"] = amounts
    if settings.capacity:
        record["capacity"] = {
            "k": settings.capacity,
            "precision": precision_at(ordered, settings.capacity),
            "amount": amount_at(ordered, settings.capacity),
        }
    if settings.bootstrap:
        record["intervals"] = _named(
            bootstrap_intervals(
                ordered, judged.groups, statistics, settings.bootstrap, settings.seed
            ),
            settings,
        )
    return record


def _named(values: list[Any], settings: EvaluationSettings) -> dict[str, Any]:
    ap, auc, *at = values
    by_k = {str(k): value for k, value in zip(settings.at, at, strict=True)}
    return {"average_precision": ap, "roc_auc": auc, "precision_at": by_k}
