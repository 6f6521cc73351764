"""What the verdicts of a plan by size or in two stages say, read from the ledger and its folder.

In: a home and the number of a plan. Out: a `StagedEstimates`. The joint chances of institutions
drawn by size are computed anew from the weights in the plan's folder, which must be the sealed
ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jihe.estimates import PlanEstimates, plan_estimates
from jihe.home import Home
from jihe.sealed_scores import sealed_frame
from sampling.design import Design
from sampling.drawing.beside import read_beside
from sampling.drawing.designs import AnyDesign, PpsDesign, TwoStageDesign
from sampling.drawing.fit import fit_faults
from sampling.estimation.estimate import EstimateError
from sampling.estimation.staged_sample import Sized
from sampling.estimation.staged_totals import StagedTotals, staged_totals
from sampling.faults import Fault, checked
from sampling.ledger import Ledger, Plan


@dataclass(frozen=True)
class StagedEstimates:
    """One plan and its estimates; ``amount`` is that of the frame that is listed from."""

    plan: Plan
    totals: StagedTotals
    amount: int | None

    @property
    def plan_id(self) -> str:
        """The plan's number."""
        return self.plan.plan_id

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; no unit is named."""
        return {"plan_id": self.plan_id, "amount": self.amount, "totals": self.totals.to_dict()}


def estimates_of(home: Path, plan_id: str) -> PlanEstimates | StagedEstimates:
    """Estimate a plan's total and rate, whatever its design.

    Raises:
        LedgerError: if there is no such plan.
        EstimateError: if there are too few verdicts, or the weights are not at hand.
    """
    place = Home(home)
    ledger = Ledger(place.ledger_url)
    try:
        plan = ledger.plan(plan_id)
        outcomes = ledger.outcomes(plan_id=plan_id)
    finally:
        ledger.close()
    design = plan.design
    if isinstance(design, Design):
        return plan_estimates(home, plan_id)
    sized, amount = _known(place.plan(plan_id), plan, design)
    totals = staged_totals(
        plan_id, design, plan.certificate["frame"]["units"], plan.draws, outcomes, sized
    )
    return StagedEstimates(plan, totals, amount)


def _known(folder: Path, plan: Plan, design: AnyDesign) -> tuple[Sized | None, int | None]:
    """Return the weights and the frame's amount; weights that are needed must be the sealed ones.

    What cannot be read is refused by the files' own sentences.
    """
    first = design.first if isinstance(design, TwoStageDesign) else design
    frame = sealed_frame(folder, plan.certificate)
    if frame is None:
        checked([_no_frame(plan.plan_id)] if isinstance(first, PpsDesign) else [], EstimateError)
        return None, None
    beside = read_beside(design, folder, frame)
    checked(fit_faults(frame, design, beside), EstimateError)
    measured = beside.claims or frame
    amount = int(measured.size_minor.sum())
    if not isinstance(first, PpsDesign):
        return None, amount
    return Sized(frame.unit_ids.to_pylist(), beside.weights or (), first.capacity), amount


def _no_frame(plan_id: str) -> Fault:
    return Fault(
        "STAGED_FRAME", f"The sealed frame of plan '{plan_id}' is not in its folder (frame.tsv); "
        "the joint chances of institutions drawn by size follow from it and from weights.tsv. Put "
        "the files back.",
        f"计划“{plan_id}”的文件夹中没有封存的抽样框（frame.tsv）；按规模抽取的联合入样概率由它和weights.tsv得出，请放回。",
    )  # fmt: skip
