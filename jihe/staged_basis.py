"""Frame and design of a plan by size or in two stages, from a home that was loaded.

In: a home and what the planner decides. Out: a `Basis` with the files its design rests on. Under
two stages the capacity counts institutions, and scores and facts are those of the claims, which are
what is listed and inspected; the versions that are sealed are those of the institutions' scores,
which rank them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jihe.home import Home
from jihe.plan_basis import Basis, Progress, basis_of_home, built, known_from, score_of
from jihe.planning import PlanChoices, design_for, usual_capacity
from jihe.scores import ScoredUnit
from jihe.units import unit_facts
from sampling.design import Design, parse_capacity
from sampling.drawing.beside import NOTHING, Beside
from sampling.drawing.certificate import SCORE_KEYS
from sampling.drawing.designs import PpsDesign
from sampling.frame import Frame, make_frame
from sampling.planning.staged_plan import plan_by_size, plan_two_stages

WHOLE = "all"
"""The one stratum of a frame whose units are drawn by size."""


@dataclass(frozen=True)
class Stages:
    """How institutions are drawn, and how many claims of each where there is a second stage."""

    by_size: bool = False
    each: str | None = None


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
        if not stages.each:
            chosen = known_from(made, facts, frame_from)
            kept = pa.array(np.flatnonzero(chosen))
            amounts = np.maximum(institutions.matrix.amounts[chosen], 0)
            frame = _sized_frame(institutions.table["unit_id"].take(kept), amounts)
            design, beside = plan_by_size(frame, _capacity(choices, len(frame)))
            return Basis(
                frame, design, _versions(institutions), institutions.table.take(kept),
                facts.take(kept), made.store.version, beside,
            )  # fmt: skip
        listed = score_of(home, made, "claim")
        claim_facts = unit_facts(made, "claim")
        kept = pa.array(np.flatnonzero(known_from(made, claim_facts, frame_from)))
        claim_facts = claim_facts.take(kept)
        claims = _claims_frame(listed, kept, claim_facts)
        frame, first, beside = _first_stage(institutions, facts, claims, choices, stages)
        both, beside = plan_two_stages(frame, first, beside, claims, stages.each)
        return Basis(
            frame, both, _versions(institutions), listed.table.take(kept), claim_facts,
            made.store.version, beside,
        )  # fmt: skip


def _claims_frame(listed: ScoredUnit, kept: pa.Array, facts: pa.Table) -> Frame:
    amounts = np.maximum(listed.matrix.amounts[kept.to_numpy()], 0)
    return make_frame("claim", listed.table["unit_id"].take(kept), facts["institution_id"], amounts)


def _first_stage(
    institutions: ScoredUnit, facts: pa.Table, claims: Frame, choices: PlanChoices, stages: Stages
) -> tuple[Frame, Design | PpsDesign, Beside]:
    """Return the frame of the institutions that have claims, and how they are drawn."""
    ids = institutions.table["unit_id"].combine_chunks()
    present = pc.is_in(ids.cast(pa.large_string()), claims.strata.unique())
    chosen = np.asarray(present.to_numpy(zero_copy_only=False))
    if not stages.by_size:
        designed = design_for(institutions, facts, chosen, choices)
        return designed.frame, designed.design, NOTHING
    names, codes = claims.stratum_codes()
    sums = np.zeros(len(names), dtype=np.int64)
    np.add.at(sums, codes, claims.size_minor)
    frame = _sized_frame(pa.array(names), sums)
    design, beside = plan_by_size(frame, _capacity(choices, len(frame)))
    return frame, design, beside


def _sized_frame(ids: Any, amounts: Any) -> Frame:
    return make_frame("institution", ids, [WHOLE] * len(amounts), amounts)


def _capacity(choices: PlanChoices, units: int) -> int:
    return parse_capacity(choices.capacity or usual_capacity(units), units)


def _versions(scored: ScoredUnit) -> Mapping[str, str | date]:
    first = scored.table.slice(0, 1).to_pylist()[0]
    return {key: first[key] for key in SCORE_KEYS}
