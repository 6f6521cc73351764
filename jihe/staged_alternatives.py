"""What a plan in stages promises, and what else its claims or hours could be spent on.

In: `StagedWishes`. Out: the plan that would be sealed, its forecast, and alternatives that trade
institutions for claims of each, from few claims of many to many of few. Each takes the most
institutions whose expected claims, or hours where there are any, are not more than the plan's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jihe.staged_basis import StagedPlan, first_stage_of, staged_plan
from jihe.staged_wishes import StagedWishes, places
from sampling.design import DesignError
from sampling.drawing.designs import TwoStageDesign
from sampling.drawing.pps import target_probabilities
from sampling.faults import SamplingError
from sampling.planning.clusters import Clusters, clusters, expected_hours
from sampling.planning.predicted import Floats, Ints
from sampling.planning.staged_forecast import (
    FirstStage,
    StagedForecast,
    best_take,
    first_stage,
    staged_forecast,
)
from sampling.planning.staged_plan import parse_each

Tell = Callable[[str, float], None]
_STEPS = (Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(2), Fraction(4), Fraction(8))
#: An alternative that can't spend this part of what the plan costs is no alternative to it.
_SPENT = 0.9
_FEWER = 3


@dataclass(frozen=True)
class Alternative:
    """So many institutions, so many claims of each: its forecast, or why it can't be drawn."""

    institutions: int
    each: str
    forecast: StagedForecast | None
    why: SamplingError | None = None


def plan_of(wishes: StagedWishes) -> StagedPlan:
    """Return the plan that would be sealed; raises SamplingError where none can be."""
    return staged_plan(wishes.institutions, wishes.claims, wishes.choices, wishes.stages)


def known_of(wishes: StagedWishes) -> Clusters:
    """Return what is known of the institutions and their units, in the order of every frame."""
    frame = _ids(wishes)
    ids = wishes.institutions.unit_ids.cast(pa.large_string())
    place = pc.index_in(frame, value_set=ids)
    classes = wishes.institutions.facts["institution_class"].take(place)
    hours, visit = None, 0.0
    if wishes.hours is not None:
        hours = np.array([float(h) for h in unit_hours(wishes)])
        visit = float(wishes.hours.per_institution)
    listed = wishes.listed
    psu = places(listed, frame).to_numpy()
    names = classes.fill_null("unknown").to_pylist()
    return clusters(psu, listed.size_minor, names, listed.model, hours, visit)


def _ids(wishes: StagedWishes) -> pa.Array:
    """Return the ids of the frame: institutions with a claim that could be listed, or all."""
    if wishes.claims is not None:
        return pa.array(wishes.claims.stratum_codes()[0], pa.large_string())
    names = wishes.institutions.unit_ids.to_pylist()
    return pa.array(sorted(names, key=str.encode), pa.large_string())


def unit_hours(wishes: StagedWishes) -> list[Fraction]:
    """Return the hours of each listed unit, its part of the trip included."""
    assert wishes.hours is not None  # noqa: S101 - asked where there are hours
    facts = wishes.listed.facts
    return wishes.hours.of_units(
        facts["institution_class"].to_pylist(), facts["district"].to_pylist()
    )


def promise_of(plan: StagedPlan, known: Clusters) -> StagedForecast:
    """Return what a plan promises; where institutions are listed each of them is one unit."""
    design = plan.design
    first = design.first if isinstance(design, TwoStageDesign) else design
    takes = plan.beside.takes or (1,) * len(plan.frame)
    stage = first_stage(plan.frame, first, plan.beside)
    return staged_forecast(stage, known, np.array(takes, dtype=np.int64))


def alternatives(
    wishes: StagedWishes, plan: StagedPlan, known: Clusters, promise: StagedForecast, tell: Tell
) -> list[Alternative]:
    """Return the plan and what else its claims or hours could be spent on, most institutions first.

    Nothing where there is no second stage.
    """
    if wishes.claims is None or not isinstance(plan.design, TwoStageDesign):
        return []
    each = (wishes.stages.each or "").strip()
    first = first_stage(plan.frame, plan.design.first, plan.beside)
    others = [e for e in _other_takes(each, first, known, promise) if e != each]
    found = [Alternative(plan.design.capacity, each, promise)]
    for place, other in enumerate(others):
        tell(other, 0.4 + 0.6 * place / len(others))
        made = _alternative(wishes, known, promise, other)
        found += [made] if made else []
    return sorted(found, key=lambda a: (-a.institutions, a.each))


def _other_takes(
    each: str, first: FirstStage, known: Clusters, promise: StagedForecast
) -> list[str]:
    """Return other numbers or shares of claims to try: multiples, the best one, the other kind."""
    count, size = promise.listed / promise.institutions, known.counts.mean()
    share = promise.listed / math.fsum((first.pi * known.counts).tolist())
    best, most = best_take(first, known), int(known.counts.max())
    asked = parse_each(each)
    if each.endswith("%"):
        base = Fraction(each[:-1]) / 100
        shares = [float(base * step) for step in _STEPS] + ([best / size] if best else [])
        wanted = [_percent(s) for s in sorted(shares) if s <= 1] + [str(round(count))]
    else:
        counts = {round(asked(most) * step) for step in _STEPS} | {best or asked(most)}
        counts.add(round(promise.listed / len(first.pi)))
        wanted = [str(c) for c in sorted(counts) if 2 <= c <= most] + [_percent(share)]
    return list(dict.fromkeys(e for e in wanted if e not in {"0", "1"}))


def _percent(share: float) -> str:
    """Return a share as ``--claims-each`` takes it, to three digits and never 0."""
    percent = max(float(f"{100 * min(share, 1):.3g}"), 1e-6)
    return f"{percent:.6f}".rstrip("0").rstrip(".") + "%"


def _alternative(
    wishes: StagedWishes, known: Clusters, promise: StagedForecast, each: str
) -> Alternative | None:
    """Return the most institutions that cost no more, so much of each; None if far less."""
    rule = parse_each(each)
    takes = np.array([rule(claims) for claims in known.counts.tolist()], dtype=np.int64)
    budget = promise.listed if promise.hours is None else promise.hours
    budget *= 1 + 1e-9  # the plan's own cost, rounded otherwise, is not more than itself
    few, many = 1, len(takes)
    while few < many:
        middle = (few + many + 1) // 2
        cost = _cost(wishes, known, takes, middle)
        few, many = (middle, many) if cost is None or cost <= budget else (few, middle - 1)
    cost = _cost(wishes, known, takes, few)
    if cost is not None and not _SPENT * budget <= cost <= budget:
        return None
    return _drawable(wishes, known, few, each)


def _drawable(
    wishes: StagedWishes, known: Clusters, capacity: int, each: str
) -> Alternative | None:
    """Return the alternative; where chances by size have no weights, with a few institutions less.

    Strata that need more institutions say so.
    """
    stages = replace(wishes.stages, each=each)
    for fewer in range(min(_FEWER, capacity)):
        choices = replace(wishes.choices, capacity=str(capacity - fewer))
        try:
            plan = plan_of(replace(wishes, choices=choices, stages=stages))
        except DesignError as why:
            return Alternative(capacity, each, None, why)
        except SamplingError:
            continue
        return Alternative(capacity - fewer, each, promise_of(plan, known))
    return None


def _cost(wishes: StagedWishes, known: Clusters, takes: Ints, capacity: int) -> float | None:
    """Return the expected hours, or listed claims; None where strata need more institutions."""
    try:
        pi = _chances(wishes, known, capacity)
    except DesignError:
        return None
    hours = expected_hours(pi, known, takes)
    return math.fsum((pi * takes).tolist()) if hours is None else hours


def _chances(wishes: StagedWishes, known: Clusters, capacity: int) -> Floats:
    """Return the institutions' chances in the order of the frame, without weights."""
    if wishes.stages.by_size:
        sizes = [int(m) for m in known.money.tolist()]
        return target_probabilities(sizes, capacity, [str(k) for k in range(len(sizes))])
    assert wishes.claims is not None  # noqa: S101 - asked in two stages only
    choices = replace(wishes.choices, capacity=str(capacity))
    made = first_stage_of(wishes.institutions, wishes.claims, choices, by_size=False)
    return first_stage(*made).pi


def narrowest(found: Sequence[Alternative], width: str = "half_width") -> int | None:
    """Return the place of the narrowest expected interval; of equals that of fewer institutions."""
    widths = {
        i: value
        for i, a in enumerate(found)
        if a.forecast is not None and (value := getattr(a.forecast, width)) is not None
    }
    return min(widths, key=lambda i: (widths[i], found[i].institutions)) if widths else None


def alternative_dict(made: Alternative) -> dict[str, Any]:
    """Return plain JSON values; amounts in minor units."""
    return {
        "institutions": made.institutions, "claims_each": made.each,
        "forecast": made.forecast.to_dict() if made.forecast else None,
        "why": [
            {"code": f.code, "en": f.en, "zh": f.zh} for f in made.why.faults
        ] if made.why else [],
    }  # fmt: skip
