"""From outcomes to labels: what a model may learn from on a cut date.

In: the append-only outcomes table. Out: the labels table, one row per unit, and how many outcomes
were left out and why.

Rules. Only outcomes known before the cut date's first local moment count. A later row of the same
case, or a row that names a case in ``supersedes``, replaces the earlier verdict's disposition,
amount and date; what the design said (channel, probability, weights) stays with the first verdict
unless the later one was itself drawn. A disposition without a label in the contract (disputed, no
documents) leaves no row. Of several cases of one unit the latest known counts, and one that a
design chose before any that none did: a tip-off must not take a drawn unit out of the estimate.

Weights. ``final_weight`` is given only to units that a design chose with a known probability (the
outcome's own, else 1/pi); others get 0: tip-offs and campaigns say nothing about the whole, and
learning from chosen cases alone can be inconsistent. ``training_weight`` is the final weight capped
at a quantile, with mean 1 over the units that have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.contracts import table

Row = dict[str, Any]
WithoutDesign = Literal["exclude", "unit_weight"]

ZONE = "Asia/Shanghai"
_DESIGN = ("channel", "plan_id", "inclusion_prob", "base_weight", "final_weight")


class LabelError(ValueError):
    """The outcomes do not allow labels to be made."""


@dataclass(frozen=True)
class LabelSet:
    """The labels table and, by reason, how many outcomes it leaves out."""

    table: pa.Table
    counts: Mapping[str, int]


def labels_as_of(
    outcomes: pa.Table,
    cut_date: date,
    *,
    cap_quantile: float = 0.95,
    without_design: WithoutDesign = "exclude",
    zone: str = ZONE,
) -> LabelSet:
    """Return the labels known before ``cut_date``.

    Args:
        outcomes: rows under the contract ``outcomes``, in any order.
        cut_date: local day; an outcome known on it or later is not used.
        cap_quantile: quantile of the final weights at which training weights are capped.
        without_design: what a unit that no design chose weighs: nothing, or 1 as in a census.
            ``unit_weight`` is for sources whose labels cover everything, never for tip-offs.
        zone: IANA zone of the local day.

    Raises LabelError, naming every case at fault, for a probability outside (0, 1], a weight below
    0, or a case that supersedes another unit's or supersedes after being superseded itself.
    """
    rows = table("outcomes").conform(outcomes).to_pylist()
    cut = datetime.combine(cut_date, time.min, tzinfo=ZoneInfo(zone))
    known = sorted(
        (row for row in rows if row["known_at"] < cut), key=lambda r: (r["known_at"], r["case"])
    )
    _check(known)
    current = _current(known)
    labelled, unlabelled = _split_by_label(current)
    final = _latest_per_unit(labelled)
    counts = {
        "not_yet_known": len(rows) - len(known),
        "superseded": len(known) - len(current),
        "no_label": len(unlabelled),
        "earlier_case_of_the_unit": len(labelled) - len(final),
        "without_design": sum(row["inclusion_prob"] is None for row in final),
        "labels": len(final),
        "positives": sum(_label(row) == 1 for row in final),
    }
    return LabelSet(_to_table(final, cap_quantile, without_design, ZoneInfo(zone)), counts)


def training_weights(final: npt.NDArray[np.float64], quantile: float) -> npt.NDArray[np.float64]:
    """Return ``final`` capped at its ``quantile``, with mean 1 over the weights above 0."""
    carried = final > 0
    if not carried.any():
        return np.zeros_like(final)
    capped = np.minimum(final, np.quantile(final[carried], quantile))
    return np.asarray(capped / capped[carried].mean())


def _check(rows: list[Row]) -> None:
    faults = []
    for row in rows:
        chance, weight = row["inclusion_prob"], row["final_weight"]
        if chance is not None and not 0 < chance <= 1:
            faults.append(f"case {row['case']}: inclusion_prob {chance} is not in (0, 1]")
        if weight is not None and not 0 <= weight < float("inf"):
            faults.append(f"case {row['case']}: final_weight {weight} is not a weight")
    if faults:
        raise LabelError("The outcomes cannot become labels: " + "; ".join(faults) + ".")


def _current(rows: list[Row]) -> list[Row]:
    """Return the verdicts in force; ``rows`` in the order in which they became known."""
    latest: dict[str, Row] = {}
    replaced: set[str] = set()
    faults = []
    for row in rows:
        case, target = row["case"], row["supersedes"]
        if target == case or target not in latest:
            target = None
        if case in replaced:
            # A late note on a verdict that an appeal replaced changes nothing.
            if target is not None:
                faults.append(f"case {case} supersedes {target} but was itself superseded")
            continue
        earlier = latest.get(case) or (latest.pop(target) if target else None)
        if earlier is not None and (earlier["unit"], earlier["unit_id"]) != (
            row["unit"],
            row["unit_id"],
        ):
            faults.append(f"case {case} replaces a verdict on another unit")
        if target is not None:
            latest.pop(target, None)
            replaced.add(target)
        latest[case] = _inherit(row, earlier)
    if faults:
        raise LabelError("The outcomes cannot become labels: " + "; ".join(faults) + ".")
    return list(latest.values())


def _inherit(row: Row, earlier: Row | None) -> Row:
    """Give ``row`` the design of the verdict that it replaces, unless it has its own."""
    if earlier is None or row["inclusion_prob"] is not None:
        return row
    return {**row, **{key: earlier[key] for key in _DESIGN}}


def _split_by_label(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    labelled = [row for row in rows if _label(row) is not None]
    return labelled, [row for row in rows if _label(row) is None]


def _label(row: Row) -> int | None:
    return table("outcomes").columns["disposition"].values[row["disposition"]].label


def _latest_per_unit(rows: list[Row]) -> list[Row]:
    latest: dict[tuple[str, str], Row] = {}
    for row in sorted(
        rows, key=lambda r: (r["inclusion_prob"] is not None, r["known_at"], r["case"])
    ):
        latest[row["unit"], row["unit_id"]] = row
    return [latest[key] for key in sorted(latest)]


def _final_weight(row: Row, without_design: WithoutDesign) -> float:
    if row["inclusion_prob"] is None:
        return 1.0 if without_design == "unit_weight" else 0.0
    given = row["final_weight"]
    return float(given) if given is not None else 1.0 / float(row["inclusion_prob"])


def _to_table(
    rows: list[Row], quantile: float, without_design: WithoutDesign, zone: ZoneInfo
) -> pa.Table:
    final = np.array([_final_weight(row, without_design) for row in rows], dtype=np.float64)
    unit = np.array([row["unit"] for row in rows], dtype=np.str_)
    training = np.zeros(len(rows))
    for name in np.unique(unit):
        training[unit == name] = training_weights(final[unit == name], quantile)
    columns = {
        "unit": [row["unit"] for row in rows],
        "unit_id": [row["unit_id"] for row in rows],
        "label": [_label(row) for row in rows],
        "overpaid_amount": [row["overpaid_amount"] for row in rows],
        "label_date": [row["known_at"].astimezone(zone).date() for row in rows],
        "channel": [row["channel"] for row in rows],
        "inclusion_prob": [row["inclusion_prob"] for row in rows],
        "final_weight": final.tolist(),
        "training_weight": training.tolist(),
    }
    schema = table("labels").schema
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in columns})
