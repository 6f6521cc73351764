"""What the verdicts of a plan by size, or in two stages, say about the whole frame.

In: the plan's design, drawn list and current outcomes; for chances by size the joint chances of the
institutions. Out: a `StagedTotals`: total overpaid, rate of findings, what came back, totals by
class and stratum of institutions, and what a reader must know.

Chances by size: Horvitz-Thompson with the variance of Sen, Yates and Grundy
(`estimation.pps_estimate`). Two stages: `estimation.two_stage`. Who answered, and who stands for
whom: `estimation.staged_sample`. Which interval counts: `estimation.staged_intervals`. By class:
`estimation.staged_domains`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import pyarrow as pa

from sampling.design import Design
from sampling.drawing.designs import PpsDesign, TwoStageDesign, kind_of
from sampling.estimation import staged_notes as say
from sampling.estimation.estimate import EstimateError
from sampling.estimation.intervals import Estimated, Quantity, quantity
from sampling.estimation.plan_totals import Stated, bootstrap_record
from sampling.estimation.replication import Bootstrap
from sampling.estimation.staged_domains import StagedDomain, by_class, by_stratum
from sampling.estimation.staged_intervals import Judged, judged
from sampling.estimation.staged_sample import Sized, StagedSample, Values, staged_sample
from sampling.estimation.verdict_sample import confirmed_amount, label_of
from sampling.faults import Fault
from sampling.staged_weights import StagedCase, answered_psus


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
    ``random`` is what the random part alone says, where strata have one. ``stated`` and
    ``random_stated`` are the intervals that count. ``classes`` and ``strata`` are empty by size:
    the frame has one stratum.
    """

    plan_id: str
    kind: str
    by_size: bool
    institutions: int
    units: int
    total: Estimated
    rate: Quantity
    random: Estimated | None
    random_stated: Stated | None
    returned: Returned
    dispositions: Mapping[str, int]
    unsafe: bool
    stated: Stated
    bootstrap: Bootstrap | None
    classes: tuple[StagedDomain, ...]
    strata: tuple[StagedDomain, ...]
    notes: tuple[Fault, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and numbers; no unit is named."""
        return {
            "kind": self.kind, "by_size": self.by_size, "institutions": self.institutions,
            "units": self.units, "total": self.total.to_dict(), "rate": asdict(self.rate),
            "random": self.random.to_dict() if self.random else None,
            "random_stated": asdict(self.random_stated) if self.random_stated else None,
            "returned": asdict(self.returned), "normal_unsafe": self.unsafe,
            "stated": asdict(self.stated),
            "bootstrap": bootstrap_record(self.bootstrap) if self.bootstrap else None,
            "domains": [asdict(d) for d in self.classes],
            "strata": [asdict(d) for d in self.strata],
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
    sample = staged_sample(cases, strata, sized, listed=isinstance(design, PpsDesign))
    found = _returned(cases, amounts, finds)
    made = judged(
        sample, amounts, finds, plan_id, found=found.found, verdicts=found.responded
    )  # fmt: skip
    alone = _random(plan_id, design, cases, rows, amounts, finds)
    return StagedTotals(
        plan_id, kind_of(design), sized is not None, institutions, units, made.total,
        _rate(sample.total(finds), units, found.confirmed), alone.total if alone else None,
        alone.stated if alone else None, found,
        Counter(v["disposition"] for v in verdicts.values()), made.unsafe, made.stated,
        made.bootstrap, by_class(sample, cases, amounts, finds, plan_id),
        by_stratum(sample, cases, amounts, finds, plan_id),
        tuple(_notes(cases, sample, found, made)),
    )  # fmt: skip


def _random(
    plan_id: str, design: PpsDesign | TwoStageDesign, cases: Sequence[StagedCase],
    rows: Sequence[Mapping[str, Any]], amounts: Values, finds: Values,
) -> Judged | None:  # fmt: skip
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
        sample = staged_sample(part, strata, None)
    except EstimateError:
        return None
    seen = [c.case for c in part if c.answered]
    return judged(
        sample, amounts, finds, plan_id, found=sum(amounts[u] for u in seen), verdicts=len(seen)
    )


def _returned(cases: Sequence[StagedCase], amounts: Values, finds: Values) -> Returned:
    verdicts = [c.case for c in cases if c.answered]
    return Returned(
        len(cases), len(verdicts), sum(finds[u] for u in verdicts),
        sum(amounts[u] for u in verdicts), len({c.psu for c in cases}), len(answered_psus(cases)),
    )  # fmt: skip


def _rate(made: Estimated, units: int, confirmed: int) -> Quantity:
    return quantity(
        made.estimate / units, made.variance / units**2, made.quantity.df or 0.0,
        complete=made.quantity.standard_error == 0, least=confirmed / units, most=1.0,
    )  # fmt: skip


def _notes(
    cases: Sequence[StagedCase], sample: StagedSample, found: Returned, made: Judged
) -> list[Fault]:
    notes = []
    if found.responded < found.drawn:
        notes.append(say.missing(found.drawn - found.responded))
    silent = found.institutions_drawn - found.institutions_answered
    partly = {c.psu for c in cases if c.answered} - answered_psus(cases).keys()
    if silent:
        notes.append(say.silent(silent, len(partly)))
    joined = [c.name for c in sample.cells if len(c.strata) > 1]
    notes += [say.joined(joined)] if joined else []
    support = made.support
    if made.unsafe:
        notes.append(say.few(support.findings, support.needed, support.verdicts,
                             certain=support.certain))  # fmt: skip
    return [*notes, *(made.bootstrap.notes if made.bootstrap else ())]
