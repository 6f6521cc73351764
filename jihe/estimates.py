"""What the verdicts of plans say about the whole, read from the ledger and the plans' folders.

In: a home and the numbers of plans. Out: per plan every estimate, the one that counts marked by
the rule of `sampling.estimation.plan_totals`; over several plans one total. Plans of the same
frame units estimate one total, pooled by their verdicts; plans whose frames share no unit add up;
frames that overlap in part are refused, because money would be counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from jihe.home import Home
from jihe.sealed_scores import frame_known
from sampling.design import Design
from sampling.estimation.combination import added_totals, disagreement, pooled_total
from sampling.estimation.estimate import Estimate, EstimateError, estimate
from sampling.estimation.intervals import Estimated
from sampling.estimation.plan_totals import PlanTotals, plan_totals
from sampling.faults import Fault, SamplingError, checked
from sampling.ledger import Ledger, Plan

How = Literal["pooled", "added"]


class CombineError(SamplingError):
    """These plans cannot be made into one total."""


@dataclass(frozen=True)
class PlanEstimates:
    """One plan: every estimate of its total, and what its random part alone says."""

    plan: Plan
    totals: PlanTotals
    random: Estimate | None

    @property
    def plan_id(self) -> str:
        """The plan's number."""
        return self.plan.plan_id

    @property
    def whole(self) -> Estimate:
        """The expansion estimate from all drawn units, with its cells."""
        return self.totals.basis

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; no unit is named."""
        random = self.random.to_dict() if self.random else None
        return {
            "plan_id": self.plan_id, "all": self.whole.to_dict(), "random": random,
            "totals": self.totals.to_dict(),
        }  # fmt: skip


@dataclass(frozen=True)
class CombinedEstimates:
    """Several plans: one total of them, how it was made, and the plans left out with the reason."""

    how: How
    total: Estimated
    plans: tuple[PlanEstimates, ...]
    left_out: Mapping[str, Fault]
    agreement: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; no unit is named."""
        return {
            "how": self.how, "total": self.total.to_dict(), "agreement": self.agreement,
            "plans": [p.to_dict() for p in self.plans],
            "left_out": {k: {"code": f.code, "en": f.en, "zh": f.zh}
                         for k, f in self.left_out.items()},
        }  # fmt: skip


def plan_estimates(home: Path, plan_id: str) -> PlanEstimates:
    """Estimate total and rate of a stratified plan; raises LedgerError or EstimateError."""
    place = Home(home)
    ledger = Ledger(place.ledger_url)
    try:
        plan = ledger.plan(plan_id)
        outcomes = ledger.outcomes(plan_id=plan_id)
    finally:
        ledger.close()
    design = plan.design
    if not isinstance(design, Design):
        raise EstimateError([_alone(plan_id)])
    known = frame_known(place.plan(plan_id), plan.certificate)
    totals = plan_totals(plan_id, design, plan.draws, outcomes, known)
    try:
        random = estimate(design, plan.draws, outcomes, "random")
    except EstimateError:
        random = None
    return PlanEstimates(plan, totals, random)


def plans_of_year(home: Path, year: int) -> list[str]:
    """Return the plans that were sealed in a local year, oldest first.

    Raises:
        CombineError: if there is none; the sentence names the years there are.
    """
    ledger = Ledger(Home(home).ledger_url)
    try:
        years = {plan_id: ledger.plan(plan_id).drawn_on.year for plan_id in ledger.plan_ids()}
    finally:
        ledger.close()
    found = [plan_id for plan_id, each in years.items() if each == year]
    checked([] if found else [_no_year(year, sorted(set(years.values())))], CombineError)
    return found


def combined_estimates(
    home: Path, plan_ids: Sequence[str], *, skip_unfinished: bool = False
) -> CombinedEstimates:
    """Make one total of several plans.

    Args:
        home: the folder.
        plan_ids: at least two, no two alike.
        skip_unfinished: leave plans without enough verdicts out, with the reason, instead of
            refusing; for whole years.

    Raises:
        CombineError: if plans are of different kinds of unit, a frame is not at hand, or frames
            overlap in part.
        EstimateError: naming a plan that has too few verdicts.
    """
    found: list[PlanEstimates] = []
    left_out: dict[str, Fault] = {}
    for plan_id in dict.fromkeys(plan_ids):
        try:
            found.append(plan_estimates(home, plan_id))
        except EstimateError as error:
            if not skip_unfinished:
                raise
            left_out[plan_id] = error.faults[0]
    checked([] if len(found) > 1 else [_too_few(len(found))], CombineError)
    how = _how(found)
    totals = {p.plan_id: p.totals.total for p in found}
    if how == "added":
        return CombinedEstimates(how, added_totals(totals), tuple(found), left_out, None)
    verdicts = {p.plan_id: p.whole.responded for p in found}
    pooled = pooled_total(totals, verdicts)
    return CombinedEstimates(how, pooled, tuple(found), left_out, disagreement(totals))


def _how(plans: Sequence[PlanEstimates]) -> How:
    """Return whether plans estimate one total or parts of a sum."""
    kinds = sorted({str(p.plan.certificate["frame"]["unit"]) for p in plans})
    frames = {p.plan_id: p.totals.known for p in plans}
    faults = [_kinds(kinds)] if len(kinds) > 1 else []
    faults += [_no_frame(name) for name, known in frames.items() if known is None]
    checked(faults, CombineError)
    units = {name: frozenset(known.unit_ids) for name, known in frames.items() if known}
    if len(set(units.values())) == 1:
        return "pooled"
    shared = [(a, b, len(units[a] & units[b])) for a, b in combinations(sorted(units), 2)]
    checked([_overlap(a, b, n) for a, b, n in shared if n], CombineError)
    return "added"


def _alone(plan_id: str) -> Fault:
    return Fault(
        "COMBINE_ALONE", f"Plan '{plan_id}' was drawn by size or in two stages; such a plan is "
        "estimated alone, with --plan, and is not combined with others.",
        f"计划“{plan_id}”按规模或分两阶段抽取，只能用 --plan 单独估计，不与其他计划合并。",
    )  # fmt: skip


def _no_year(year: int, years: Sequence[int]) -> Fault:
    have = ", ".join(map(str, years)) or "-"
    return Fault(
        "COMBINE_YEAR", f"No plan was sealed in {year}; there are plans of: {have}.",
        f"{year}年没有封存的计划；现有计划的年份：{have}。",
    )  # fmt: skip


def _too_few(count: int) -> Fault:
    return Fault(
        "COMBINE_PLANS", f"{count} of these plans have enough verdicts; combining takes at least "
        "two. Look at one plan with --plan.",
        f"这些计划中有{count}个结论足够，合并至少需要两个；单个计划请用 --plan 查看。",
    )  # fmt: skip


def _kinds(kinds: Sequence[str]) -> Fault:
    named = ", ".join(kinds)
    return Fault(
        "COMBINE_KINDS", f"The plans inspect different kinds of unit ({named}); the same money may "
        "be in both. Combine plans of one kind, naming them with --plan.",
        f"各计划的检查对象类型不同（{named}），同一笔金额可能重复计算；"
        "请用 --plan 指定同一类型的计划。",
    )  # fmt: skip


def _no_frame(name: str) -> Fault:
    return Fault(
        "COMBINE_FRAME", f"The sealed frame of plan '{name}' is not in its folder (frame.tsv), so "
        "it cannot be said whether its units are in another plan too. Put the file back.",
        f"计划“{name}”的文件夹中没有封存的抽样框（frame.tsv），无法判断其对象是否也在其他计划中；请放回该文件。",
    )  # fmt: skip


def _overlap(a: str, b: str, shared: int) -> Fault:
    return Fault(
        "COMBINE_OVERLAP", f"The frames of plans '{a}' and '{b}' share {shared} units but are not "
        "the same: neither a mean nor a sum of their totals means anything. Combine plans of one "
        "frame, or plans whose frames share no unit (see --frame-from).",
        f"计划“{a}”与“{b}”的抽样框有{shared}个共同对象但并不相同，平均或相加都没有意义；"
        "请合并同一抽样框的计划，或对象互不重叠的计划（见 --frame-from）。",
    )  # fmt: skip
