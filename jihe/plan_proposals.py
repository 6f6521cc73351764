"""A design proposed to the planner: the frontier, the quotas and one design in detail.

In: the units of a home and the planner's `Wishes`. Out: a `Proposal`. Nothing is drawn or sealed,
and no unit is named.

Every point of the frontier keeps the quotas where they fit its capacity; one that cannot be drawn
says why. The design in detail is the one whose random share was asked for, else the recommended
one. Where a precision is wanted without a capacity, the capacity is the one found by bisection over
whole designs, strata made anew for each: its expected interval is narrow enough, and with one unit
less it is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from jihe.plan_units import Plannable
from jihe.plan_wishes import USUAL_SHARE, Wishes
from jihe.probe_sample import PlanProbe
from sampling.faults import Fault, SamplingError
from sampling.frame import frame_hash
from sampling.planning.frontier import (
    GRID,
    Z_95,
    Forecast,
    expected_variance,
    forecast,
    recommended,
    strata_table,
)
from sampling.planning.plan_design import (
    DesignOptions,
    PlannedDesign,
    PlanUnits,
    plan_design,
    stratum_spreads,
)
from sampling.planning.quota_design import within_quotas
from sampling.planning.quota_file import QuotaError
from sampling.planning.quotas import QuotaResult, quota_results, quota_rows
from sampling.planning.sample_size import simple_size, stein_size

Tell = Callable[[str, float], None]
FORM = "jihe-plan-design-1"


@dataclass(frozen=True)
class Point:
    """A place of the dial: its forecast, or why it can't be drawn; and whether quotas fit."""

    share: Decimal
    forecast: Forecast | None
    quotas_fit: bool = True
    why: SamplingError | None = None


@dataclass(frozen=True)
class Size:
    """Units that a half-width takes: by this design, and by simple random sampling.

    ``probe_units`` is the latter by what the random part of an inspected plan, the probe, found.
    """

    half_width: float
    units: int
    simple_units: int
    probe: PlanProbe | None = None
    probe_units: int | None = None


@dataclass(frozen=True, eq=False)
class Proposal:
    """What is proposed; ``conflict`` says which quotas don't fit, and what they would need."""

    found: Plannable
    wishes: Wishes
    points: tuple[Point, ...]
    recommended: int
    chosen: int
    planned: PlannedDesign
    promise: Forecast
    quotas: tuple[QuotaResult, ...]
    conflict: QuotaError | None
    size: Size | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; amounts in minor units."""
        design = self.planned.design
        options = self.wishes.options
        model = self.found.units.model
        return {
            "form": FORM, "sealed": False, "unit": design.unit, "currency": self.found.currency,
            "scores": {k: str(v) for k, v in self.found.score_version.items()},
            "frame": {"units": len(self.found.units), "sha256": frame_hash(self.planned.frame)},
            "capacity": design.capacity, "allocation": options.allocation, "band": options.band,
            "dimensions": list(options.dimensions), "random_share": str(design.random_share),
            "take_all_share": str(design.take_all_share),
            "predicted_total": None if model is None else model.total,
            "frontier": [_point_dict(p) for p in self.points],
            "recommended": str(self.points[self.recommended].share),
            "quotas": [asdict(q) for q in self.quotas],
            "quota_conflict": [_fault_dict(f) for f in self.conflict.faults]
            if self.conflict else [],
            "sample_size": asdict(self.size) if self.size else None,
            "forecast": self.promise.to_dict(), "strata": strata_table(self.planned),
        }  # fmt: skip


def propose(
    found: Plannable, wishes: Wishes, tell: Tell = lambda step, share: None,
    probe: PlanProbe | None = None,
) -> Proposal:  # fmt: skip
    """Return the proposal.

    Raises:
        SamplingError: naming what makes the design impossible.
    """
    size = None
    if wishes.half_width is not None:
        size = _size(found.units, wishes, wishes.half_width, tell)
        if probe is not None:
            by_probe = stein_size(len(found.units), probe.probe, wishes.half_width)
            size = replace(size, probe=probe, probe_units=by_probe)
        if not wishes.capacity_given:
            wishes = replace(wishes, options=replace(wishes.options, capacity=size.units))
    share = wishes.share
    if share is None and wishes.half_width is not None:
        share = USUAL_SHARE
    points = _points(found, wishes, share, tell)
    best = _recommended(points)
    chosen = best if share is None else [p.share for p in points].index(share)
    why = points[chosen].why
    if why is not None:
        raise why
    planned = plan_design(found.units, _options(wishes, points[chosen].share), wishes.unit_hours)
    planned, results, conflict = _with_quotas(found, wishes, planned)
    return Proposal(
        found, wishes, tuple(points), best, chosen, planned, forecast(planned), tuple(results),
        conflict, size,
    )  # fmt: skip


def _options(wishes: Wishes, share: Decimal) -> DesignOptions:
    return replace(wishes.options, random_share=share)


def _points(found: Plannable, wishes: Wishes, share: Decimal | None, tell: Tell) -> list[Point]:
    """Return the dial from pure random to (almost) pure risk, the share that was asked included."""
    shares = sorted({s.normalize() + 0 for s in (*GRID, share) if s is not None}, reverse=True)
    points = []
    for place, each in enumerate(shares):
        tell(f"{each:.0%}", place / len(shares))
        points.append(_point(found, wishes, each))
    return points


def _point(found: Plannable, wishes: Wishes, share: Decimal) -> Point:
    try:
        planned = plan_design(found.units, _options(wishes, share), wishes.unit_hours)
    except SamplingError as why:
        return Point(share, None, quotas_fit=False, why=why)
    planned, _, conflict = _with_quotas(found, wishes, planned, results=False)
    return Point(share, forecast(planned), conflict is None)


def _with_quotas(
    found: Plannable, wishes: Wishes, planned: PlannedDesign, *, results: bool = True
) -> tuple[PlannedDesign, list[QuotaResult], QuotaError | None]:
    """Return the design within its quotas, or as it was with the reason why they don't fit.

    Quotas that make no sense for these units are an error, not a shortfall.
    """
    if not wishes.quotas:
        return planned, [], None
    rows = quota_rows(planned, wishes.quotas, found.last_seen, found.day)
    options = _options(wishes, planned.design.random_share)
    conflict = None
    try:
        planned = within_quotas(planned, options, wishes.quotas, rows)
    except QuotaError as error:
        conflict = error
    return planned, quota_results(planned, wishes.quotas, rows) if results else [], conflict


def _recommended(points: Sequence[Point]) -> int:
    """Return the place of the recommended point, among those that can be drawn within quotas.

    Where quotas fit nowhere, among those that can be drawn; raises the reason where none can.
    """
    drawable = [i for i, p in enumerate(points) if p.forecast is not None]
    fit = [i for i in drawable if points[i].quotas_fit] or drawable
    if not fit:
        raise next(p.why for p in points if p.why is not None)
    forecasts = [f for i in fit if (f := points[i].forecast) is not None]
    return fit[recommended(forecasts)]


def _size(units: PlanUnits, wishes: Wishes, half_width: float, tell: Tell) -> Size:
    """Return the sample size of a half-width; a census reaches any."""
    spread = stratum_spreads(units, ["all"], np.zeros(len(units), dtype=np.int64))["all"]
    simple = simple_size(len(units), spread, half_width)
    few, many = 0, len(units)
    while few + 1 < many:
        tell(f"{few + 1:,} – {many:,}", 0.0)
        middle = (few + many) // 2
        if _narrow(units, wishes, middle, half_width):
            many = middle
        else:
            few = middle
    return Size(half_width, many, simple)


def _narrow(units: PlanUnits, wishes: Wishes, capacity: int, half_width: float) -> bool:
    """Return whether this capacity carries a design whose expected interval is narrow enough."""
    try:
        planned = plan_design(units, replace(wishes.options, capacity=capacity), wishes.unit_hours)
    except SamplingError:
        return False  # too few for any design: look above
    strata = planned.design.strata
    spreads = stratum_spreads(units, [s.name for s in strata], planned.codes)
    variance = expected_variance(
        [s.units for s in strata], [s.draws for s in strata], [spreads[s.name] for s in strata]
    )
    return Z_95 * math.sqrt(variance) <= half_width


def _point_dict(point: Point) -> dict[str, Any]:
    return {
        "random_share": str(point.share), "quotas_fit": point.quotas_fit,
        "forecast": point.forecast.to_dict() if point.forecast else None,
        "why": [_fault_dict(f) for f in point.why.faults] if point.why else [],
    }  # fmt: skip


def _fault_dict(fault: Fault) -> dict[str, str]:
    return {"code": fault.code, "en": fault.en, "zh": fault.zh}
