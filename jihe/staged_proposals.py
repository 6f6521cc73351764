"""A plan by size or in two stages proposed to the planner: itself, its alternatives, strata alone.

In: `StagedWishes`. Out: a `StagedProposal`. Nothing is drawn or sealed, and no unit is named. The
plan is the one that ``plan seal`` makes of the same options (`staged_basis.staged_plan`).

Beside it stand plans of one stage from strata (`planning.plan_design`): with as many listed units,
and with as many hours. In two stages there are alternatives (`staged_alternatives`), of which the
one with the narrowest expected interval is recommended.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jihe.staged_alternatives import (
    Alternative,
    Tell,
    alternative_dict,
    alternatives,
    known_of,
    narrowest,
    plan_of,
    promise_of,
    unit_hours,
)
from jihe.staged_basis import StagedPlan
from jihe.staged_wishes import StagedWishes
from sampling.design import DesignError
from sampling.drawing.designs import design_record
from sampling.faults import SamplingError
from sampling.frame import frame_hash
from sampling.planning.clusters import Clusters
from sampling.planning.frontier import expected_hours as hours_of_strata
from sampling.planning.frontier import expected_variance, expected_visits, forecast
from sampling.planning.plan_design import (
    DesignOptions,
    PlannedDesign,
    plan_design,
    stratum_spreads,
)
from sampling.planning.staged_forecast import StagedForecast, half_width

FORM = "jihe-staged-design-1"
_ROUNDS = 8


@dataclass(frozen=True)
class OneStage:
    """Units drawn from strata in one stage: as many as the plan lists, or for as many hours.

    ``visits`` is the expected number of institutions with a drawn unit.
    """

    same: str
    listed: int
    visits: float
    recovery: float | None
    variance: float | None
    half_width: float | None
    hours: float | None
    findings: float | None


@dataclass(frozen=True)
class StagedProposal:
    """What is proposed; ``recommended`` is the place of an alternative, None before any verdict.

    ``alternatives`` are empty in one stage; else the one at ``chosen`` is the plan itself.
    ``needed`` are the institutions that a wanted precision takes, None where all don't reach it.
    """

    wishes: StagedWishes
    plan: StagedPlan
    promise: StagedForecast
    one_stage: tuple[OneStage, ...]
    alternatives: tuple[Alternative, ...]
    chosen: int | None
    recommended: int | None
    needed: int | None

    @property
    def recommended_alike(self) -> int | None:
        """Place of the narrowest interval if claims of one institution are correlated."""
        return narrowest(self.alternatives, "half_width_alike")

    @property
    def design_effect(self) -> float | None:
        """Variance over that of the one-stage plan that lists as many units."""
        same = next((o for o in self.one_stage if o.same == "listed"), None)
        if same is None or not same.variance or self.promise.variance is None:
            return None
        return self.promise.variance / same.variance

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; amounts in minor units."""
        wishes, model, claims = self.wishes, self.wishes.listed.model, self.wishes.claims
        place = self.recommended
        return {
            "form": FORM, "sealed": False, "unit": wishes.listed.unit,
            "chances": "size" if wishes.stages.by_size else "strata",
            "claims_each": wishes.stages.each, "currency": wishes.currency,
            "scores": {k: str(v) for k, v in wishes.score_version.items()},
            "frame": {
                "institutions": len(self.plan.frame), "claims": None if not claims else len(claims),
                "sha256": frame_hash(self.plan.frame),
            },
            "capacity": self.plan.design.capacity, "design": design_record(self.plan.design),
            "predicted_total": None if model is None else model.total,
            "predicted_by": None if model is None else wishes.source,
            "wanted_half_width": wishes.half_width, "needed": self.needed,
            "forecast": self.promise.to_dict(),
            "one_stage": [asdict(o) for o in self.one_stage],
            "design_effect": self.design_effect,
            "alternatives": [alternative_dict(a) for a in self.alternatives],
            "chosen": self.chosen, "recommended": place,
            "recommended_alike": self.recommended_alike,
        }  # fmt: skip


def propose_staged(wishes: StagedWishes, tell: Tell = lambda step, share: None) -> StagedProposal:
    """Return the proposal.

    Raises:
        SamplingError: naming what makes the plan impossible.
    """
    known, needed = known_of(wishes), None
    if wishes.half_width is not None:
        needed = _needed(wishes, known, wishes.half_width, tell)
        if wishes.choices.capacity is None:
            count = _count(wishes) if needed is None else needed
            wishes = _of_capacity(wishes, count)
    plan = plan_of(wishes)
    promise = promise_of(plan, known)
    tell("", 0.1)
    one_stage = _one_stage(wishes, promise, tell)
    found = alternatives(wishes, plan, known, promise, tell)
    chosen = next((i for i, a in enumerate(found) if a.forecast is promise), None)
    return StagedProposal(
        wishes, plan, promise, tuple(one_stage), tuple(found), chosen, narrowest(found), needed
    )


def _count(wishes: StagedWishes) -> int:
    return len(wishes.claims.stratum_sizes()) if wishes.claims else len(wishes.institutions)


def _of_capacity(wishes: StagedWishes, capacity: int) -> StagedWishes:
    return replace(wishes, choices=replace(wishes.choices, capacity=str(capacity)))


def _needed(wishes: StagedWishes, known: Clusters, half_width: float, tell: Tell) -> int | None:
    """Return the fewest institutions whose expected interval is narrow enough, if any are."""
    few, many = 0, _count(wishes) + 1
    while few + 1 < many:
        tell(f"{few + 1:,} – {many:,}", 0.0)
        middle = (few + many) // 2
        if _narrow(_of_capacity(wishes, middle), known, half_width):
            many = middle
        else:
            few = middle
    return many if many <= _count(wishes) else None


def _narrow(wishes: StagedWishes, known: Clusters, half_width: float) -> bool:
    try:
        plan = plan_of(wishes)
    except SamplingError:
        return False  # too few for any design: look above
    width = promise_of(plan, known).half_width
    return width is not None and width <= half_width


def _one_stage(wishes: StagedWishes, promise: StagedForecast, tell: Tell) -> list[OneStage]:
    """Return the plans of strata alone that list as many units, and that take as many hours."""
    hours = None if wishes.hours is None else unit_hours(wishes)
    share = Decimal(wishes.choices.random_share)

    def planned(capacity: int) -> PlannedDesign | None:
        options = DesignOptions(capacity, share)
        try:
            return plan_design(wishes.listed, options, hours)
        except DesignError:
            return None  # too few for any strata

    same = planned(round(promise.listed))
    tell("", 0.3)
    found = [] if same is None else [_of_strata(wishes, same, "listed")]
    if promise.hours is not None and found:
        near = _as_long(wishes, found[0], promise.hours, planned)
        found += [replace(near, same="hours")] if near else []
    return found


def _as_long(
    wishes: StagedWishes, start: OneStage, budget: float,
    planned: Callable[[int], PlannedDesign | None],
) -> OneStage | None:  # fmt: skip
    """Return the plan of most units within the hours, as nearly as some rounds find it.

    None where strata need more hours than that.
    """
    best = last = None
    tried = start
    for _ in range(_ROUNDS):
        assert tried.hours is not None  # noqa: S101 - there is a budget of them
        if tried.hours <= budget and (best is None or tried.listed > best.listed):
            best = tried
        more = _next_size(tried, last, budget, len(wishes.listed))
        made = planned(more) if more != tried.listed else None
        if made is None or (last is not None and more == last.listed):
            break
        last, tried = tried, _of_strata(wishes, made, "hours")
    return best


def _next_size(tried: OneStage, last: OneStage | None, budget: float, most: int) -> int:
    """Return the units at which the hours reach the budget, by the line through the last two."""
    hours, before = tried.hours or 0.0, (last.hours or 0.0) if last else 0.0
    steps = tried.listed - (last.listed if last else 0)
    slope = (hours - before) / steps
    return max(1, min(tried.listed + int((budget - hours) / slope // 1), most))


def _of_strata(wishes: StagedWishes, planned: PlannedDesign, same: str) -> OneStage:
    told, visits = forecast(planned), expected_visits(planned)
    hours = variance = width = None
    if wishes.hours is not None:
        hours = float(hours_of_strata(planned) + wishes.hours.per_institution * Fraction(visits))
    if wishes.listed.model is not None:
        strata = planned.design.strata
        spreads = stratum_spreads(wishes.listed, [s.name for s in strata], planned.codes)
        parts = [expected_variance([s.units], [s.draws], [spreads[s.name]]) for s in strata]
        variance = math.fsum(parts)
        width = half_width(parts, [max(s.draws - 1, 1) for s in strata])
    return OneStage(
        same, planned.design.capacity, visits, told.recovery, variance, width, hours, told.findings
    )
