"""Which plan and stratum chose each judged unit, and when its verdict was first given.

In: the ledger. Out: for each unit with a final verdict the design behind the latest one, and that
knowledge joined with judged rows as the evidence that the gate weighs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from jihe.home import Home
from sampling.drawing.designs import TwoStageDesign
from sampling.ledger import LOCAL_ZONE, Ledger, Plan
from sampling.outcome_rows import has_label
from training.evaluate import Judged
from training.gate import Evidence

RANDOM = "random"


@dataclass(frozen=True)
class VerdictDesign:
    """What chose a unit's latest case, and the local day of that case's first final verdict.

    Plan and stratum are empty where no plan chose the case. ``clustered`` says that the case was
    drawn within a drawn institution, with others of it.
    """

    first_day: date
    channel: str
    plan_id: str
    stratum: str
    clustered: bool = False


#: What stands for a verdict that came with a dataset.
NO_DESIGN = VerdictDesign(date.min, "", "", "")


def verdict_designs(
    home: Home, unit: str, known_before: date | None = None
) -> dict[str, VerdictDesign]:
    """Return the design of each unit's latest final verdict known before a local day."""
    ledger = Ledger(home.ledger_url)
    try:
        history = ledger.outcomes(known_before, history=True).to_pylist()
        current = ledger.outcomes(known_before).to_pylist()
        plans = [ledger.plan(plan_id) for plan_id in ledger.plan_ids()]
    finally:
        ledger.close()
    strata = {case: name for plan in plans for case, name in _strata(plan).items()}
    clustered = {plan.plan_id for plan in plans if isinstance(plan.design, TwoStageDesign)}
    first_days = _first_days(history)
    latest: dict[str, Mapping[str, Any]] = {}
    for row in sorted(current, key=lambda r: (r["known_at"], r["case"])):
        if row["unit"] == unit and has_label(row["disposition"]):
            latest[row["unit_id"]] = row
    return {
        unit_id: VerdictDesign(
            first_days[row["case"]],
            row["channel"],
            row["plan_id"] or "",
            strata.get(row["case"], ""),
            row["plan_id"] in clustered,
        )
        for unit_id, row in latest.items()
    }


def evidence_of(judged: Judged, designs: Mapping[str, VerdictDesign]) -> Evidence:
    """Return judged rows with the design behind each, as training.gate takes them.

    The gate's variance takes cases of a stratum for drawn one by one. Those of two stages come by
    institutions, so that its interval would be too short: they get no weight there.
    """
    rows = [designs.get(str(unit_id), NO_DESIGN) for unit_id in judged.unit_ids]
    alone = np.array([not row.clustered for row in rows], dtype=np.bool_)
    return Evidence(
        judged.unit_ids,
        judged.labels,
        np.where(alone, judged.weights, 0.0),
        judged.overpaid,
        np.array([row.plan_id for row in rows], dtype=np.str_),
        np.array([row.stratum for row in rows], dtype=np.str_),
        np.array([row.channel == RANDOM for row in rows], dtype=np.bool_),
    )


def _strata(plan: Plan) -> dict[str, str]:
    return dict(zip(plan.cases, plan.draws["stratum"].to_pylist(), strict=True))


def _first_days(history: list[dict[str, Any]]) -> dict[str, date]:
    """Return the local day on which each case first had a final verdict."""
    days: dict[str, date] = {}
    for row in sorted(history, key=lambda r: r["known_at"]):
        if has_label(row["disposition"]):
            days.setdefault(row["case"], row["known_at"].astimezone(LOCAL_ZONE).date())
    return days
