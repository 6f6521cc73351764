"""What the verdicts of a plan by size, or in two stages, say about the whole frame.

In: the plan's design, drawn list and current outcomes; for chances by size the joint chances of the
institutions. Out: a `StagedTotals`: total overpaid, rate of findings, what came back, and what a
reader must know.

Chances by size: Horvitz-Thompson with the variance of Sen, Yates and Grundy
(`estimation.pps_estimate`). Two stages: `estimation.two_stage`. Institutions without enough
verdicts are made up for within response cells (`sampling.staged_weights`); by size the a that
answered count as a simple random sample of the n drawn, so that pi_k becomes pi_k a/n and pi_kl
becomes pi_kl a(a-1)/(n(n-1)): two-phase sampling, Saerndal, Swensson and Wretman, Model Assisted
Survey Sampling (1992), section 9.3. Where strata were joined, values are multiplied as in
`estimation.verdict_sample`, so that totals keep their weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from sampling.design import Design
from sampling.drawing.designs import PpsDesign, TwoStageDesign, kind_of
from sampling.drawing.pps import joint_inclusion_probabilities
from sampling.estimation import staged_notes as say
from sampling.estimation.estimate import FEW_POSITIVES, FEW_VERDICTS, EstimateError
from sampling.estimation.intervals import Estimated, Quantity, quantity
from sampling.estimation.pps_estimate import pps_total
from sampling.estimation.stratified import Floats, stratified_sample
from sampling.estimation.two_stage import Institution, two_stage_pps_total, two_stage_total
from sampling.estimation.verdict_sample import confirmed_amount, label_of
from sampling.faults import Fault, checked
from sampling.staged_weights import StagedCase, answered_psus, first_stage_cells

Values = Mapping[str, int]
Strata = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Sized:
    """The institutions of a frame by size in its order, with their working weights."""

    unit_ids: Sequence[str]
    weights: Sequence[int]
    n: int

    def joint(self, chosen: Sequence[str]) -> Floats:
        """Return the matrix of joint chances of these institutions."""
        place = {unit: k for k, unit in enumerate(self.unit_ids)}
        rows = [place[unit] for unit in chosen]
        return joint_inclusion_probabilities(self.weights, self.n)[np.ix_(rows, rows)]


@dataclass(frozen=True)
class Returned:
    """What came back: listed units, their verdicts, the sum found; and of institutions."""

    drawn: int
    responded: int
    confirmed: int
    found: int
    institutions_drawn: int
    institutions_answered: int


@dataclass(frozen=True, eq=False)
class StagedTotals:
    """The estimates of one plan; amounts in minor units.

    ``institutions`` and ``units`` are those of the frame, ``units`` of the kind that is listed.
    ``random`` is what the random part alone says, where strata have one.
    """

    plan_id: str
    kind: str
    by_size: bool
    institutions: int
    units: int
    total: Estimated
    rate: Quantity
    random: Estimated | None
    returned: Returned
    dispositions: Mapping[str, int]
    unsafe: bool
    notes: tuple[Fault, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and numbers; no unit is named."""
        return {
            "kind": self.kind, "by_size": self.by_size, "institutions": self.institutions,
            "units": self.units, "total": self.total.to_dict(), "rate": asdict(self.rate),
            "random": self.random.to_dict() if self.random else None,
            "returned": asdict(self.returned), "normal_unsafe": self.unsafe,
            "notes": [{"code": n.code, "en": n.en, "zh": n.zh} for n in self.notes],
        }  # fmt: skip


def staged_totals(
    plan_id: str, design: PpsDesign | TwoStageDesign, institutions: int, draws: pa.Table,
    outcomes: pa.Table, sized: Sized | None = None,
) -> StagedTotals:  # fmt: skip
    """Return the estimates of a plan.

    Args:
        plan_id: its number.
        design: what was sealed.
        institutions: units of the frame.
        draws: the drawn list.
        outcomes: current outcomes of the plan, as the ledger returns them.
        sized: the weights, where institutions are drawn by size.

    Raises:
        EstimateError: if too few institutions have answered.
    """
    rows = draws.to_pylist()
    verdicts = {r["unit_id"]: r for r in outcomes.to_pylist()}
    labels = {r["unit_id"]: label_of(verdicts.get(r["unit_id"])) for r in rows}
    cases = [StagedCase.of(r["unit_id"], r, answered=labels[r["unit_id"]] is not None)
             for r in rows]  # fmt: skip
    strata = {r["stratum"]: (r["stratum_size"], r["stratum_draws"]) for r in rows}
    amounts = {u: confirmed_amount(verdicts.get(u)) or 0 for u in labels}
    finds = {u: label or 0 for u, label in labels.items()}
    units = design.claims if isinstance(design, TwoStageDesign) else institutions

    def of(values: Values) -> Estimated:
        return _estimated(design, cases, strata, values, sized)

    found = _returned(cases, amounts, finds)
    total = _at_least(of(amounts), found.found)
    unsafe = total.quantity.standard_error != 0 and (
        found.confirmed < FEW_POSITIVES or found.responded < FEW_VERDICTS
    )
    return StagedTotals(
        plan_id, kind_of(design), sized is not None, institutions, units, total,
        _rate(of(finds), units, found.confirmed), _random(design, cases, rows, amounts), found,
        Counter(v["disposition"] for v in verdicts.values()), unsafe,
        tuple(_notes(cases, strata, found, unsafe)),
    )  # fmt: skip


def _estimated(
    design: PpsDesign | TwoStageDesign, cases: Sequence[StagedCase], strata: Strata,
    values: Values, sized: Sized | None,
) -> Estimated:  # fmt: skip
    _enough(cases, strata)
    if isinstance(design, TwoStageDesign) and sized is None:
        return _by_strata(cases, strata, values)
    assert sized is not None  # noqa: S101 - weights are read with the design
    answered = sorted(answered_psus(cases), key=str.encode)
    chance = {c.psu: float(c.chance) for c in cases}
    a, n = len(answered), sized.n
    joint = sized.joint(answered)
    pi = np.array([chance[psu] for psu in answered]) * (a / n)
    if a < n:
        joint = joint * (a * (a - 1) / (n * (n - 1)))
        np.fill_diagonal(joint, pi)
    if isinstance(design, PpsDesign):
        return pps_total(answered, [values[psu] for psu in answered], pi, joint)
    parts = [_institution(psu, "all", cases, values, 1.0) for psu in answered]
    return two_stage_pps_total(parts, pi, joint)


def _by_strata(cases: Sequence[StagedCase], strata: Strata, values: Values) -> Estimated:
    cells = first_stage_cells(cases, strata)
    cell_of = {s.name: cell for cell in cells for s in cell.strata}
    stratum_of = {c.psu: c.stratum for c in cases}
    parts = []
    for psu in sorted(answered_psus(cases), key=str.encode):
        stratum = stratum_of[psu]
        cell = cell_of[stratum]
        raised = Fraction(*strata[stratum]) * cell.factor
        scale = float(raised * Fraction(cell.responded, cell.units))
        parts.append(_institution(psu, cell.name, cases, values, scale))
    return two_stage_total({cell.name: cell.units for cell in cells}, parts)


def _institution(
    psu: str, stratum: str, cases: Sequence[StagedCase], values: Values, scale: float
) -> Institution:
    mine = [c for c in cases if c.psu == psu]
    ids = [c.case for c in mine if c.answered]
    sample = stratified_sample(
        {psu: mine[0].size}, ids, [psu] * len(ids), [values[unit] * scale for unit in ids]
    )
    return Institution(psu, stratum, sample)


def _random(
    design: PpsDesign | TwoStageDesign, cases: Sequence[StagedCase],
    rows: Sequence[Mapping[str, Any]], amounts: Values,
) -> Estimated | None:  # fmt: skip
    """Return what the institutions tagged random say alone: each stratum's floor drew them."""
    first = design.first if isinstance(design, TwoStageDesign) else design
    if not isinstance(first, Design):
        return None
    tag = {r["unit_id"]: r["tag"] for r in rows}
    strata = {s.name: (s.units, s.floor) for s in first.strata}
    part = [
        replace(c, chance=Fraction(strata[c.stratum][1], strata[c.stratum][0]))
        for c in cases
        if tag[c.case] == "random"
    ]
    try:
        _enough(part, strata)
    except EstimateError:
        return None
    found = sum(amounts[c.case] for c in part if c.answered)
    return _at_least(_by_strata(part, strata, amounts), found)


def _enough(cases: Sequence[StagedCase], strata: Strata) -> None:
    cells = first_stage_cells(cases, strata)
    answered = sum(cell.responded for cell in cells)
    checked([say.too_few(answered)] if any(c.weak for c in cells) else [], EstimateError)


def _returned(cases: Sequence[StagedCase], amounts: Values, finds: Values) -> Returned:
    verdicts = [c.case for c in cases if c.answered]
    return Returned(
        len(cases), len(verdicts), sum(finds[u] for u in verdicts),
        sum(amounts[u] for u in verdicts), len({c.psu for c in cases}), len(answered_psus(cases)),
    )  # fmt: skip


def _at_least(made: Estimated, found: int) -> Estimated:
    """Return the estimate with intervals that never fall below what was found."""
    complete = made.quantity.standard_error == 0
    got = quantity(
        made.estimate, made.variance, made.quantity.df or 0.0, complete=complete, least=found
    )
    return replace(made, quantity=got)


def _rate(made: Estimated, units: int, confirmed: int) -> Quantity:
    return quantity(
        made.estimate / units, made.variance / units**2, made.quantity.df or 0.0,
        complete=made.quantity.standard_error == 0, least=confirmed / units, most=1.0,
    )  # fmt: skip


def _notes(
    cases: Sequence[StagedCase], strata: Strata, found: Returned, unsafe: bool
) -> list[Fault]:
    notes = []
    if found.responded < found.drawn:
        notes.append(say.missing(found.drawn - found.responded))
    silent = found.institutions_drawn - found.institutions_answered
    partly = {c.psu for c in cases if c.answered} - answered_psus(cases).keys()
    if silent:
        notes.append(say.silent(silent, len(partly)))
    joined = [c.name for c in first_stage_cells(cases, strata) if len(c.strata) > 1]
    notes += [say.joined(joined)] if joined else []
    return notes + ([say.few(found.confirmed, found.responded)] if unsafe else [])
