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
    full = [{**r, "inclusion_prob": r["stratum_draws"] / r["stratum_size"]} for r in rows]
    arrays = {
        name: pa.array([r[name] for r in full], column.arrow)
        for name, column in contract.columns.items()
    }
    return contract.conform(pa.table(arrays))


def outcomes_table(
    rows: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]],
    strata: Sequence[Mapping[str, Any]], stratum_of: Mapping[str, str],
) -> pa.Table:  # fmt: skip
    """Return ``rows`` as the ``outcomes`` contract says.

    The final weight stands only on current rows with a final verdict: an open case, or a verdict
    that was replaced, stands for nobody.
    """
    probs = {(s["plan_id"], s["stratum"]): s["stratum_draws"] / s["stratum_size"] for s in strata}
    weights = _weights(current, strata, stratum_of)
    standing = {id(row) for row in current}
    full = []
    for row in rows:
        key = (row["plan_id"], stratum_of.get(row["case"], ""))
        prob = probs.get(key) if row["plan_id"] is not None else None
        final = id(row) in standing and has_label(row["disposition"])
        full.append({
            **row,
            "inspected_on": date.fromisoformat(row["inspected_on"]),
            "known_at": datetime.fromisoformat(row["known_at"]),
            "inclusion_prob": prob,
            "base_weight": None if prob is None else 1 / prob,
            "final_weight": weights.get(key) if final and prob is not None else None,
        })  # fmt: skip
    contract = table("outcomes")
    arrays = {
        name: pa.array([r[name] for r in full], column.arrow)
        for name, column in contract.columns.items()
    }
    return contract.conform(pa.table(arrays))


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
