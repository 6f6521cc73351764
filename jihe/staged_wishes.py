"""What a planner asks of a plan by size or in two stages, checked before anything is computed.

In: the options of ``jihe plan design`` and a home's published scores. Out: `StagedWishes` with the
units that could be drawn and listed, or every option that such a plan has no use for.

What is sealed so knows neither quotas nor other strata than those of a run (`jihe.staged_basis`);
an option that would be left out is refused with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jihe.plan_units import PlanUnitsError, plannable
from jihe.plan_wishes import Asked, WishError, half_width_of
from jihe.planning import PlanChoices
from jihe.staged_basis import Stages, claims_of
from sampling.faults import Fault, checked
from sampling.frame import Frame
from sampling.planning.hours import Hours
from sampling.planning.plan_design import PlanUnits
from sampling.planning.predicted import Floats, Predicted, by_stratum

#: Where predictions come from: the listed units' own model, or the claims' for institutions.
Source = Literal["own", "claims"]


@dataclass(frozen=True, eq=False)
class StagedWishes:
    """What is wanted, and of what.

    ``listed`` are the units that are inspected: claims where ``claims`` is their frame, else the
    institutions. ``half_width`` is in minor units.
    """

    stages: Stages
    choices: PlanChoices
    institutions: PlanUnits
    listed: PlanUnits
    claims: Frame | None
    source: Source
    hours: Hours | None
    half_width: float | None
    day: date
    currency: str
    score_version: Mapping[str, str | date]


def staged_wishes(
    home: Path, asked: Asked, stages: Stages, frame_from: date | None
) -> StagedWishes:
    """Return what is wanted of a home's units.

    Raises:
        WishError: with every option that can't be kept.
        SamplingError: where the home holds nothing to plan from.
    """
    checked(_refused(asked, stages), WishError)
    found = plannable(home, "institution", None if stages.each else frame_from)
    institutions, listed, claims = found.units, found.units, None
    source: Source = "own"
    if stages.each:
        listed = plannable(home, "claim", frame_from).units
        claims = claims_of(listed)
    elif institutions.model is None:
        model = _from_claims(home, institutions)
        listed = institutions = replace(institutions, model=model)
        source = "claims"
    faults: list[Fault] = []
    width = None
    if asked.precision is not None:
        width = half_width_of(asked.precision, listed.model, faults)
    checked(faults, WishError)
    choices = PlanChoices(asked.capacity)
    if asked.random_share is not None:
        choices = replace(choices, random_share=asked.random_share)
    return StagedWishes(
        stages, choices, institutions, listed, claims, source, asked.hours, width, found.day,
        found.currency, found.score_version,
    )  # fmt: skip


def places(units: PlanUnits, institutions: pa.Array) -> pa.Array:
    """Return the place of each unit's institution among these."""
    owners = units.unit_ids if units.unit == "institution" else units.facts["institution_id"]
    return pc.index_in(owners.cast(pa.large_string()), value_set=institutions)


def _from_claims(home: Path, institutions: PlanUnits) -> Predicted | None:
    """Return an institution's prediction as the sum of its claims', None where they have none."""
    try:
        claims = plannable(home, "claim").units
    except PlanUnitsError:
        return None
    if claims.model is None:
        return None
    owner = pc.index_in(claims.facts["institution_id"], value_set=institutions.unit_ids)
    place = owner.fill_null(len(institutions)).to_numpy()
    count = len(institutions) + 1

    def sums(values: Floats) -> Floats:
        return by_stratum(place, count, values)[:-1]

    model = claims.model
    with np.errstate(divide="ignore"):
        chance = -np.expm1(sums(np.log1p(-model.chance)))
    return Predicted(chance, sums(model.mean), sums(model.variance))


def _refused(asked: Asked, stages: Stages) -> list[Fault]:
    """Return a fault for every option that is not kept by what is sealed so."""
    faults = []
    if asked.quotas:
        faults.append(_no_quotas())
    if asked.dimensions:
        faults.append(_no_strata("--by"))
    if asked.band != "risk":
        faults.append(_no_strata("--band"))
    if asked.allocation != "bands":
        faults.append(_no_strata("--allocation"))
    if stages.by_size and asked.random_share is not None:
        faults.append(_no_share())
    if asked.probe is not None:
        faults.append(_no_probe())
    return faults


def _no_probe() -> Fault:
    return Fault(
        "STAGED_PROBE", "A probe tells nothing about how claims of one institution are alike, so "
        "plans by size or in two stages don't use one. Leave out --probe.",
        "探查样本无法说明同一机构内结算的相关程度，"
        "因此按规模抽取或两阶段的计划不使用它；请省略 --probe。",
    )  # fmt: skip


def _no_quotas() -> Fault:
    return Fault(
        "STAGED_QUOTAS", "Plans by size or in two stages keep no quotas. Take the tables [[quota]] "
        "out of the file of --quotas ([hours] may stay), or leave out --chances size and "
        "--claims-each: strata can keep quotas.",
        "按规模抽取或两阶段的计划不支持配额。请从 --quotas 文件中删去[[quota]]（[hours]可保留），"
        "或不用 --chances size 和 --claims-each：分层计划可以满足配额。",
    )  # fmt: skip


def _no_strata(option: str) -> Fault:
    return Fault(
        "STAGED_STRATA", f"{option} makes strata that no plan by size or in two stages is sealed "
        "with: institutions are drawn by size, or from strata by class, level and risk band. Leave "
        f"{option} out, or leave out --chances size and --claims-each.",
        f"{option} 所定的分层不适用于按规模抽取或两阶段的计划：机构按规模抽取，"
        f"或从类别、等级、风险段分层中抽取。请省略 {option}，"
        "或不用 --chances size 和 --claims-each。",
    )  # fmt: skip


def _no_share() -> Fault:
    return Fault(
        "STAGED_SHARE", "By size every chance follows the size, so there is no random part to "
        "choose. Leave --random-share out, or draw from strata with --chances strata.",
        "按规模抽取时入样概率全由规模决定，没有可选的随机比例。请省略 --random-share，"
        "或用 --chances strata 从分层中抽取。",
    )  # fmt: skip
