"""Frame and design of a plan by size or in two stages, from a home that was loaded.

In: a home and what the planner decides. Out: a `Basis` with the files its design rests on. Under
two stages the capacity counts institutions, and scores and facts are those of the claims, which are
what is listed and inspected; the versions that are sealed are those of the institutions' scores,
which rank them.

What is sealed and what ``plan design`` shows before come from the same `staged_plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jihe.home import Home
from jihe.plan_basis import Basis, Progress, basis_of_home, built, known_from, score_of
from jihe.planning import EMPTY_FRAME, PlanChoices, usual_capacity
from jihe.scores import ScoredUnit
from jihe.units import unit_facts
from sampling.design import Design, DesignError, parse_capacity
from sampling.drawing.beside import NOTHING, Beside
from sampling.drawing.certificate import SCORE_KEYS
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.frame import Frame, make_frame
from sampling.planning.plan_design import PlanUnits
from sampling.planning.staged_plan import plan_by_size, plan_two_stages
from sampling.planning.stratify import design_plan

WHOLE = "all"
"""The one stratum of a frame whose units are drawn by size."""


@dataclass(frozen=True)
class Stages:
    """How institutions are drawn, and how many claims of each where there is a second stage."""

    by_size: bool = False
    each: str | None = None


@dataclass(frozen=True, eq=False)
class StagedPlan:
    """A frame of institutions, how they are drawn, and what that rests on."""

    frame: Frame
    design: PpsDesign | TwoStageDesign
    beside: Beside


def staged_plan(
    institutions: PlanUnits, claims: Frame | None, choices: PlanChoices, stages: Stages
) -> StagedPlan:
    """Return the plan of these choices; the order of the institutions is irrelevant.

    Args:
        institutions: those that could be drawn, with class and level.
        claims: those that are known (`claims_of`) where there is a second stage.
        choices: capacity, and random share where strata draw the institutions.
        stages: how institutions and claims are drawn.

    Raises:
        SamplingError: naming what can't be drawn so.
    """
    if claims is None:
        if not len(institutions):
            raise DesignError([EMPTY_FRAME])
        frame = _sized_frame(institutions.unit_ids, institutions.size_minor)
        return StagedPlan(frame, *plan_by_size(frame, capacity_of(choices, len(frame))))
    frame, first, beside = first_stage_of(institutions, claims, choices, by_size=stages.by_size)
    return StagedPlan(frame, *plan_two_stages(frame, first, beside, claims, stages.each or ""))


def claims_of(claims: PlanUnits) -> Frame:
    """Return the second stage's frame: its strata are the institutions."""
    if not len(claims):
        raise DesignError([EMPTY_FRAME])
    owners = claims.facts["institution_id"]
    return make_frame("claim", claims.unit_ids, owners, claims.size_minor)


def first_stage_of(
    institutions: PlanUnits, claims: Frame, choices: PlanChoices, *, by_size: bool
) -> tuple[Frame, Design | PpsDesign, Beside]:
    """Return the frame of the institutions that have claims, and how they are drawn."""
    if by_size:
        names, codes = claims.stratum_codes()
        sums = np.zeros(len(names), dtype=np.int64)
        np.add.at(sums, codes, claims.size_minor)
        frame = _sized_frame(pa.array(names), sums)
        return frame, *plan_by_size(frame, capacity_of(choices, len(frame)))
    ids = institutions.unit_ids.cast(pa.large_string())
    present = pc.indices_nonzero(pc.is_in(ids, claims.strata.unique()))
    rows = present.to_numpy()
    frame, design = design_plan(
        "institution", ids.take(present), institutions.risk_rank[rows],
        institutions.facts["institution_class"].take(present),
        institutions.facts["level"].take(present), institutions.size_minor[rows],
        capacity=capacity_of(choices, len(rows)), random_share=choices.random_share,
        take_all_share=choices.take_all_share,
    )  # fmt: skip
    return frame, design, NOTHING


def capacity_of(choices: PlanChoices, institutions: int) -> int:
    """Return how many institutions are drawn of so many."""
    return parse_capacity(choices.capacity or usual_capacity(institutions), institutions)


def basis_by(
    home: Home, unit: str, choices: PlanChoices, stages: Stages, as_of: date | None,
    frame_from: date | None, progress: Progress | None = None,
) -> Basis:  # fmt: skip
    """Score the units of the store in force and design a plan over them, in stages if wanted.

    Raises:
        SamplingError: naming what can't be drawn so.
    """
    if not stages.by_size and not stages.each:
        return basis_of_home(home, unit, choices, as_of, frame_from, progress)
    with built(home, as_of, progress) as made:
        institutions = score_of(home, made, "institution")
        facts = unit_facts(made, "institution")
        listed, listed_facts, claims = institutions, facts, None
        if stages.each:
            listed, listed_facts = score_of(home, made, "claim"), unit_facts(made, "claim")
        kept = np.flatnonzero(known_from(made, listed_facts, frame_from))
        units = _units(listed, listed_facts, kept)
        if stages.each:
            claims = claims_of(units)
            units = _units(institutions, facts, np.arange(facts.num_rows))
        plan = staged_plan(units, claims, choices, stages)
        return Basis(
            plan.frame, plan.design, _versions(institutions), listed.table.take(pa.array(kept)),
            listed_facts.take(pa.array(kept)), made.store.version, plan.beside,
        )  # fmt: skip


def _units(scored: ScoredUnit, facts: pa.Table, rows: npt.NDArray[np.intp]) -> PlanUnits:
    """Return the units of these rows as they are planned with."""
    table, kept = scored.table.take(pa.array(rows)), facts.take(pa.array(rows))
    names = ("institution_id", "institution_class", "level")
    return PlanUnits(
        scored.matrix.unit, table["unit_id"].combine_chunks(), table["risk_rank"].to_numpy(),
        np.maximum(scored.matrix.amounts[rows], 0),
        {name: kept[name].combine_chunks() for name in names if name in kept.column_names},
    )  # fmt: skip


def _sized_frame(ids: Any, amounts: Any) -> Frame:
    return make_frame("institution", ids, [WHOLE] * len(amounts), amounts)


def _versions(scored: ScoredUnit) -> Mapping[str, str | date]:
    first = scored.table.slice(0, 1).to_pylist()[0]
    return {key: first[key] for key in SCORE_KEYS}
