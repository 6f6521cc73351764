"""Rows of outcomes: what is new, what is current, and what weight each carries.

In: rows of the ledger's tables. Out: rows to append, and the ``draws`` and ``outcomes`` tables as
their contracts say. No database here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from claims.contracts import table
from sampling.chances import inclusion
from sampling.staged_weights import StagedCase, staged_final_weights
from sampling.weights import Response, final_weights

DISPOSITIONS = table("outcomes").columns["disposition"].values
_JUDGED = ("disposition", "overpaid_amount", "reason", "inspected_on", "inspectors")


@dataclass(frozen=True)
class Outcome:
    """What inspection found about one case; the amount is in minor units."""

    case: str
    unit: str
    unit_id: str
    plan_id: str | None
    channel: str
    disposition: str
    overpaid_amount: int | None
    reason: str | None
    inspected_on: date
    inspectors: str


@dataclass(frozen=True)
class Appended:
    """How many rows were new, superseded an earlier one, were there already, or came back old."""

    new: int
    superseding: int
    unchanged: int
    stale: int


def has_label(disposition: str) -> bool:
    """Return whether a disposition is a final verdict that confirms or denies a finding."""
    return DISPOSITIONS[disposition].label is not None


def sort_outcomes(
    rows: Sequence[Outcome], before: Mapping[str, Sequence[Mapping[str, Any]]], known_at: str
) -> tuple[Appended, list[dict[str, Any]]]:
    """Return the counts and the rows to insert, given each case's earlier rows."""
    counts: Counter[str] = Counter()
    new = []
    for outcome in rows:
        row = {**asdict(outcome), "inspected_on": outcome.inspected_on.isoformat()}
        earlier = before.get(outcome.case, ())
        place = [all(row[c] == old[c] for c in _JUDGED) for old in earlier]
        if place and place[-1]:
            counts["unchanged"] += 1
        elif any(place):
            counts["stale"] += 1
        else:
            counts["superseding" if earlier else "new"] += 1
            new.append({
                **row, "known_at": known_at, "supersedes": outcome.case if earlier else None,
            })  # fmt: skip
    appended = Appended(counts["new"], counts["superseding"], counts["unchanged"], counts["stale"])
    return appended, new


def current_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last row of each case; ``rows`` are in the order in which they were entered."""
    return list({row["case"]: row for row in rows}.values())


def draws_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a plan's drawn list as its contract says."""
    contract = table("draws")
    full = [{**r, **inclusion(r)} for r in rows]
    arrays = {
        name: pa.array([r[name] for r in full], column.arrow)
        for name, column in contract.columns.items()
    }
    return contract.conform(pa.table(arrays))


def outcomes_table(
    rows: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]],
    strata: Sequence[Mapping[str, Any]], stratum_of: Mapping[str, str],
    stages: Sequence[Mapping[str, Any]] = (),
) -> pa.Table:  # fmt: skip
    """Return ``rows`` as the ``outcomes`` contract says.

    ``stages`` holds the chances of cases that were drawn by size or in two stages.

    The final weight stands only on current rows with a final verdict: an open case, or a verdict
    that was replaced, stands for nobody.
    """
    probs = {(s["plan_id"], s["stratum"]): s["stratum_draws"] / s["stratum_size"] for s in strata}
    weights = _weights(current, strata, stratum_of)
    staged = {s["case"]: s for s in stages}
    staged_weights = _staged_weights(current, strata, stratum_of, stages)
    standing = {id(row) for row in current}
    full = []
    for row in rows:
        key = (row["plan_id"], stratum_of.get(row["case"], ""))
        prob = probs.get(key) if row["plan_id"] is not None else None
        weight = weights.get(key)
        if row["case"] in staged:
            prob = inclusion(staged[row["case"]])["inclusion_prob"]
            weight = staged_weights.get(row["case"])
        final = id(row) in standing and has_label(row["disposition"])
        full.append({
            **row,
            "inspected_on": date.fromisoformat(row["inspected_on"]),
            "known_at": datetime.fromisoformat(row["known_at"]),
            "inclusion_prob": prob,
            "base_weight": None if prob is None else 1 / prob,
            "final_weight": weight if final and prob is not None else None,
        })  # fmt: skip
    contract = table("outcomes")
    arrays = {
        name: pa.array([r[name] for r in full], column.arrow)
        for name, column in contract.columns.items()
    }
    return contract.conform(pa.table(arrays))


def _staged_weights(
    current: Sequence[Mapping[str, Any]], strata: Sequence[Mapping[str, Any]],
    stratum_of: Mapping[str, str], stages: Sequence[Mapping[str, Any]],
) -> dict[str, float]:  # fmt: skip
    """Return the final weight by case of plans by size or in two stages."""
    answered = {row["case"] for row in current if has_label(row["disposition"])}
    by_plan: dict[str, list[StagedCase]] = {}
    for s in stages:
        row = {**s, "stratum": stratum_of[s["case"]]}
        one = StagedCase.of(s["case"], row, answered=s["case"] in answered)
        by_plan.setdefault(s["plan_id"], []).append(one)
    found: dict[str, float] = {}
    for plan_id, cases in by_plan.items():
        sizes = {s["stratum"]: (s["stratum_size"], s["stratum_draws"])
                 for s in strata if s["plan_id"] == plan_id}  # fmt: skip
        found |= {c: float(w) for c, w in staged_final_weights(cases, sizes).items()}
    return found


def _weights(
    current: Sequence[Mapping[str, Any]], strata: Sequence[Mapping[str, Any]],
    stratum_of: Mapping[str, str],
) -> dict[tuple[str, str], float]:  # fmt: skip
    responded = Counter(
        (row["plan_id"], stratum_of[row["case"]])
        for row in current
        if row["plan_id"] is not None and has_label(row["disposition"])
    )
    by_plan: dict[str, list[Response]] = {}
    for s in strata:
        count = responded[s["plan_id"], s["stratum"]]
        response = Response(s["stratum"], s["stratum_size"], s["stratum_draws"], count)
        by_plan.setdefault(s["plan_id"], []).append(response)
    return {
        (plan_id, name): float(weight)
        for plan_id, responses in by_plan.items()
        for name, weight in final_weights(responses).items()
    }
