"""Every plan of a home: when it was sealed, how far it is, how much of it has come back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claims.contracts import Lang
from jihe.home import Home
from sampling.drawing.designs import TwoStageDesign, design_of, listed_unit
from sampling.ledger import Ledger
from sampling.seal_store import seal_ids, sealed_plan

COLUMNS = (
    "plan_id", "sealed_at", "mode", "unit", "frame_units", "drawn", "inspected", "state", "void",
)  # fmt: skip


def plan_rows(root: Path, lang: Lang = "en") -> list[dict[str, object]]:
    """Return one row per plan, oldest first; void and abandoned ones are never left out."""
    ledger = Ledger(Home(root).ledger_url)
    try:
        plans = {plan_id: ledger.plan(plan_id) for plan_id in ledger.plan_ids()}
        open_ = [sealed_plan(ledger, p) for p in seal_ids(ledger) if p not in plans]
        returned = ledger.outcomes()["plan_id"].to_pylist()
    finally:
        ledger.close()
    rows = [
        _row(
            plan_id, plan.certificate["seal"]["sealed_at"], plan.certificate,
            mode=plan.certificate["seal"]["mode"], drawn=plan.draws.num_rows,
            inspected=returned.count(plan_id), state="drawn", void="",
        )
        for plan_id, plan in plans.items()
    ]  # fmt: skip
    rows += [
        _row(
            plan.plan_id, plan.record["sealed_at"], plan.record, mode="committee", drawn=0,
            inspected=0, state=plan.state, void=plan.void.text(lang) if plan.void else "",
        )
        for plan in open_
    ]  # fmt: skip
    return sorted(rows, key=lambda row: int(str(row["plan_id"])[1:]))


def _row(
    plan_id: str, sealed_at: str, settled: Mapping[str, Any], **more: object
) -> dict[str, object]:
    design = design_of(settled)
    units = design.claims if isinstance(design, TwoStageDesign) else settled["frame"]["units"]
    return {
        "plan_id": plan_id,
        "sealed_at": sealed_at[:19] + "+00:00",
        "unit": listed_unit(design),
        "frame_units": units,
        **more,
    }
