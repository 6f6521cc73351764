"""Every plan of a home: when it was sealed, how large it is, how much of it has come back."""

from __future__ import annotations

from pathlib import Path

from jihe.home import Home
from sampling.ledger import Ledger

COLUMNS = ("plan_id", "sealed_at", "mode", "unit", "frame_units", "drawn", "inspected")


def plan_rows(root: Path) -> list[dict[str, object]]:
    """Return one row per plan, oldest first; none is ever left out."""
    ledger = Ledger(Home(root).ledger_url)
    try:
        plans = [ledger.plan(plan_id) for plan_id in ledger.plan_ids()]
        returned = ledger.outcomes()["plan_id"].to_pylist()
    finally:
        ledger.close()
    return [
        {
            "plan_id": plan.plan_id,
            "sealed_at": plan.sealed_at.isoformat(timespec="seconds"),
            "mode": plan.certificate["seal"]["mode"],
            "unit": plan.certificate["frame"]["unit"],
            "frame_units": plan.certificate["frame"]["units"],
            "drawn": plan.draws.num_rows,
            "inspected": returned.count(plan.plan_id),
        }
        for plan in plans
    ]
