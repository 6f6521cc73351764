"""A past plan as the probe sample of the next one.

In: a home, the number of an inspected plan and the kind of unit to be planned. Out: a
`PlanProbe`: how many final verdicts its random part has, their mean and their variance. The random
part chooses by nothing but chance, so it speaks for the frame without any model
(`sampling.planning.sample_size`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from jihe.home import Home
from sampling.design import Design
from sampling.estimation.verdict_sample import verdict_sample
from sampling.faults import Fault, SamplingError
from sampling.ledger import Ledger
from sampling.planning.sample_size import Probe


class ProbeError(SamplingError):
    """A plan cannot serve as a probe sample."""


@dataclass(frozen=True)
class PlanProbe:
    """The random part of a plan; ``confirmed`` of its ``probe.n`` verdicts found something."""

    plan_id: str
    confirmed: int
    probe: Probe


def plan_probe(home: Path, plan_id: str, unit: str) -> PlanProbe:
    """Return the random part of a plan's final verdicts; amounts in minor units.

    Mean and variance are those of the frame, estimated with the weights of the random part: sum w y
    / sum w, and sum w (y - mean)^2 / sum w x n / (n - 1).

    Raises:
        LedgerError: if there is no such plan.
        EstimateError: if fewer than two final verdicts of it have come back.
        ProbeError: if it drew other units or in another way, or if nothing was found in it.
    """
    ledger = Ledger(Home(home).ledger_url)
    try:
        plan, outcomes = ledger.plan(plan_id), ledger.outcomes(plan_id=plan_id)
    finally:
        ledger.close()
    design = plan.design
    if not isinstance(design, Design) or design.unit != unit:
        raise ProbeError([_other_units(plan_id, unit)])
    # Weights N_h / r_h follow from the verdicts that are left: the risk part is not missed.
    found = verdict_sample(
        design, plan.draws.filter(pc.equal(plan.draws["tag"], "random")), outcomes
    )
    if not found.confirmed:
        raise ProbeError([_nothing_found(plan_id, len(found.sample.y))])
    weights, y = found.sample.weights * found.scale, found.sample.y / found.scale
    n, whole = len(y), float(weights.sum())
    mean = float(weights @ y) / whole
    variance = float(weights @ (y - mean) ** 2) / whole * n / (n - 1)
    return PlanProbe(plan_id, len(found.confirmed), Probe(n, mean, variance))


def _other_units(plan_id: str, unit: str) -> Fault:
    return Fault(
        "PROBE_UNITS", f"Plan {plan_id} did not draw units of the kind {unit!r} from strata; only "
        "such a plan has a random part that can be a probe. Name another with --probe.",
        f"计划{plan_id}不是对“{unit}”分层抽取的计划，没有可作探查样本的随机部分；"
        "请用 --probe 指定其他计划。",
    )  # fmt: skip


def _nothing_found(plan_id: str, verdicts: int) -> Fault:
    return Fault(
        "PROBE_NOTHING", f"The {verdicts} verdicts of the random part of plan {plan_id} found "
        "nothing, so they don't tell how amounts vary. Leave out --probe, or inspect more.",
        f"计划{plan_id}随机部分的{verdicts}个结论均未查实问题，无法说明金额的离散程度；"
        "请省略 --probe，或先检查更多对象。",
    )  # fmt: skip
