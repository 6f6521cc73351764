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
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.ledger import LOCAL_ZONE, Ledger, Plan
from sampling.outcome_rows import has_label
from training.evaluate import Judged
from training.gate import Evidence

RANDOM = "random"


@dataclass(frozen=True)
class VerdictDesign:
    """What chose a unit's latest case, and the local day of that case's first final verdict.

    Plan and stratum are empty where no plan chose the case. ``psu_id`` is the institution that was
    drawn first, where the case is one of its claims; empty where the case was drawn by itself.
    """

    first_day: date
    channel: str
    plan_id: str
    stratum: str
    psu_id: str = ""


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
    chosen = {case: how for plan in plans for case, how in _chosen(plan).items()}
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
            *chosen.get(row["case"], ("", "")),
        )
        for unit_id, row in latest.items()
    }


def evidence_of(judged: Judged, designs: Mapping[str, VerdictDesign]) -> Evidence:
    """Return judged rows with the design behind each, as training.gate takes them."""
    rows = [designs.get(str(unit_id), NO_DESIGN) for unit_id in judged.unit_ids]
    return Evidence(
        judged.unit_ids,
        judged.labels,
        judged.weights,
        judged.overpaid,
        np.array([row.plan_id for row in rows], dtype=np.str_),
        np.array([row.stratum for row in rows], dtype=np.str_),
        np.array([row.channel == RANDOM for row in rows], dtype=np.bool_),
        np.array([row.psu_id for row in rows], dtype=np.str_),
    )


def _chosen(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return the stratum of each case, and the institution that was drawn with it.

    By size there is one stratum; institutions that were certain are set apart as another.
    """
    first = plan.design.first if isinstance(plan.design, TwoStageDesign) else plan.design
    rows = plan.draws.select(["stratum", "tag", "psu_id"]).to_pylist()
    by_size = isinstance(first, PpsDesign)
    return {
        case: (f"{r['stratum']}/{r['tag']}" if by_size else r["stratum"], r["psu_id"] or "")
        for case, r in zip(plan.cases, rows, strict=True)
    }


def _first_days(history: list[dict[str, Any]]) -> dict[str, date]:
    """Return the local day on which each case first had a final verdict."""
    days: dict[str, date] = {}
    for row in sorted(history, key=lambda r: r["known_at"]):
        if has_label(row["disposition"]):
            days.setdefault(row["case"], row["known_at"].astimezone(LOCAL_ZONE).date())
    return days
