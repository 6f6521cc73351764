"""Every estimate of a plan's total, the one that counts fixed by a rule, and what to make of it.

In: a plan's design, drawn list and outcomes; what was known of the frame before the draw. Out: a
`PlanTotals`.

The rule, fixed before any verdict is seen, so that nobody chooses the number he likes:

1. The total that counts is the regression (GREG) total with estimated slope where the score
   version sealed before the draw is at hand for the whole frame and at least `GREG_VERDICTS` final
   verdicts lie in strata that were not seen whole; otherwise it is the expansion total. The rule
   looks at the number of verdicts, never at what they say.
2. Its interval is Student's; where the normal interval is unsafe (`estimation.estimate`) it is
   the studentised bootstrap's, of the regression with the slope fitted anew in each resample. The
   one-sided 90 % lower bound comes from the same source.
3. All other estimates are shown beside it and decide nothing.

The bootstrap's seed is SHA-256 of ``plan_id|bootstrap``: anyone can repeat it, nobody chose it, and
it is not the seed of the draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from sampling.design import Design
from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.estimate import FEW_POSITIVES, FEW_VERDICTS, Estimate, estimate
from sampling.estimation.intervals import Quantity
from sampling.estimation.nonresponse import ExtremeBounds
from sampling.estimation.plan_limits import Exact, FrameKnown, exact_limits, extreme_limits
from sampling.estimation.ratio_estimate import combined_ratio_total
from sampling.estimation.regression_estimate import (
    difference_total,
    expansion_total,
    greg_slopes,
    greg_total,
)
from sampling.estimation.regression_replication import greg_bootstrap
from sampling.estimation.replication import Bootstrap, bootstrap
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import Linearised, in_domain
from sampling.estimation.verdict_sample import VerdictSample, verdict_sample
from sampling.faults import Fault

GREG_VERDICTS = FEW_VERDICTS
"""Final verdicts outside strata seen whole, from which on the regression total counts."""

Kind = Literal["student", "studentised", "exact", "none"]


@dataclass(frozen=True)
class Stated:
    """The interval that is stated: two-sided 95 %, one-sided 90 % lower bound, and its kind.

    An end that is None cannot be stated.
    """

    kind: Kind
    low: float | None
    high: float | None
    lower_90: float | None


@dataclass(frozen=True)
class DomainRow:
    """One class: numbers, and its part of the total by the method that counts."""

    name: str
    units: int
    drawn: int
    responded: int
    confirmed: int
    found: int
    total: Quantity
    few: bool


@dataclass(frozen=True, eq=False)
class PlanTotals:
    """Every estimate of one plan; ``methods[primary]`` is the one that counts."""

    plan_id: str
    basis: Estimate
    verdicts: VerdictSample
    methods: Mapping[str, Linearised]
    primary: str
    stated: Stated
    unsafe: bool
    slope: float | None
    score_totals: tuple[float, float] | None
    known: FrameKnown | None
    resampled: Mapping[str, Bootstrap]
    exact: Exact | None
    extremes: ExtremeBounds | None
    domains: tuple[DomainRow, ...]
    notes: tuple[Fault, ...]

    @property
    def total(self) -> Linearised:
        """The total that counts."""
        return self.methods[self.primary]

    @property
    def amount(self) -> int | None:
        """The whole frame's amount, if the frame is at hand."""
        return None if self.known is None else int(self.known.size_minor.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and numbers; no unit is named."""
        extremes = self.extremes
        return {
            "primary": self.primary, "stated": asdict(self.stated), "normal_unsafe": self.unsafe,
            "methods": {name: m.to_dict() for name, m in self.methods.items()},
            "auxiliary": self.known.score_name if self.known and self.slope is not None else None,
            "slope": self.slope, "score_totals": self.score_totals, "frame_amount": self.amount,
            "bootstrap": {name: bootstrap_record(b) for name, b in self.resampled.items()},
            "exact": asdict(self.exact) if self.exact else None,
            "extreme_bounds": None if extremes is None else {
                "lowest": extremes.lowest.estimate, "highest": extremes.highest.estimate,
                "interval_95": extremes.interval_95, "lower_90": extremes.lower_90,
            },
            "domains": [asdict(d) for d in self.domains],
            "notes": [{"code": n.code, "en": n.en, "zh": n.zh} for n in self.notes],
        }  # fmt: skip


def bootstrap_seed(plan_id: str) -> bytes:
    """Return SHA-256 of ``plan_id|bootstrap``, which decides the resamples of a plan."""
    return hashlib.sha256(f"{plan_id}|bootstrap".encode()).digest()


def plan_totals(
    plan_id: str, design: Design, draws: pa.Table, outcomes: pa.Table,
    known: FrameKnown | None = None,
) -> PlanTotals:  # fmt: skip
    """Return every estimate of a plan's total.

    Args:
        plan_id: decides the resamples, nothing else.
        design: the integers of the draw.
        draws: the drawn list.
        outcomes: current outcomes of the plan, as the ledger returns them.
        known: what was known of the frame; without it only the expansion total is given.

    Raises:
        EstimateError: if there are too few verdicts.
        SampleError: naming units and strata that do not fit the design or the frame.
    """
    basis = estimate(design, draws, outcomes)
    verdicts = verdict_sample(design, draws, outcomes)
    score, paid = _auxiliaries(verdicts, known)
    methods, notes = _methods(verdicts, score, paid)
    if known is None:
        notes.append(_no_frame())
    elif known.why_not:
        notes.append(known.why_not)
    primary = "greg" if "greg" in methods and verdicts.open_verdicts >= GREG_VERDICTS else (
        "expansion"
    )  # fmt: skip
    if "greg" in methods and primary == "expansion":
        notes.append(_few_for_greg(verdicts.open_verdicts))
    unsafe = any(n.code == "ESTIMATE_NORMAL_UNSAFE" for n in basis.notes)
    resampled = _resampled(plan_id, verdicts, methods, score) if unsafe else {}
    exact = exact_limits(verdicts, known) if unsafe else None
    return PlanTotals(
        plan_id, basis, verdicts, methods, primary,
        stated_interval(methods[primary].quantity, resampled.get(primary)), unsafe,
        None if score is None else float(greg_slopes(verdicts.sample, score)[0]),
        None if score is None else _both(verdicts, score), known,
        resampled, exact, extreme_limits(verdicts),
        tuple(_domains(verdicts, score if primary == "greg" else None)),
        (*basis.notes, *notes, *_boot_notes(resampled.get(primary))),
    )  # fmt: skip


def _auxiliaries(
    verdicts: VerdictSample, known: FrameKnown | None
) -> tuple[Auxiliary | None, Auxiliary | None]:
    """Return the score and the amount of every unit."""
    if known is None:
        return None, None
    paid = verdicts.auxiliary(known.unit_ids, known.strata, known.size_minor.astype(np.float64))
    if known.score is None:
        return None, paid
    return verdicts.auxiliary(known.unit_ids, known.strata, known.score), paid


def _both(verdicts: VerdictSample, score: Auxiliary) -> tuple[float, float]:
    """Return the total of the score over the frame, and as the sample estimates it."""
    return float(score.X.sum()), verdicts.sample.total(score.x[:, 0])


def _methods(
    verdicts: VerdictSample, score: Auxiliary | None, paid: Auxiliary | None
) -> tuple[dict[str, Linearised], list[Fault]]:
    """Return the totals that can be computed; why one of them cannot is a note."""
    sample, notes = verdicts.sample, list[Fault]()
    found = {"expansion": expansion_total(sample)}
    wanted = [("greg", greg_total, score), ("ratio", combined_ratio_total, paid),
              ("difference", difference_total, score)]  # fmt: skip
    for name, estimator, aux in wanted:
        if aux is None:
            continue
        try:
            found[name] = estimator(sample, aux)
        except SampleError as error:
            notes += error.faults
    return {name: verdicts.bounded(m) for name, m in found.items()}, notes


def _resampled(
    plan_id: str, verdicts: VerdictSample, methods: Mapping[str, Linearised],
    score: Auxiliary | None,
) -> dict[str, Bootstrap]:  # fmt: skip
    seed = bootstrap_seed(plan_id)
    found = {"expansion": bootstrap(verdicts.sample, methods["expansion"], seed)}
    if score is not None and "greg" in methods:
        found["greg"] = greg_bootstrap(verdicts.sample, score, seed)
    return found


def stated_interval(formula: Quantity, resampled: Bootstrap | None) -> Stated:
    """Return the interval that counts: the formula's, or where that is unsafe the bootstrap's."""
    if formula.standard_error == 0:
        return Stated("exact", formula.estimate, formula.estimate, formula.estimate)
    if resampled is not None:
        ends = resampled.studentised_95
        if ends is None:
            return Stated("none", None, None, None)
        return Stated("studentised", *ends, resampled.studentised_lower_90)
    if formula.interval_95_t is None:
        return Stated("none", None, None, None)
    return Stated("student", *formula.interval_95_t, formula.lower_90)


def _domains(verdicts: VerdictSample, score: Auxiliary | None) -> list[DomainRow]:
    """Return the total of every class by the method that counts; they add up to the whole."""
    rows = []
    for name in sorted({s.group for s in verdicts.strata}, key=str.encode):
        mine = [s for s in verdicts.strata if s.group == name]
        part = in_domain(verdicts.sample, verdicts.members(name))
        result = expansion_total(part) if score is None else greg_total(part, score)
        found, total = sum(s.found for s in mine), result.quantity
        if all(s.complete for s in mine):
            total = Quantity(found, 0.0, (found, found), (found, found), found, None)
        few = sum(s.confirmed for s in mine if not s.complete) < FEW_POSITIVES
        rows.append(DomainRow(
            name, sum(s.stratum.units for s in mine), sum(s.stratum.draws for s in mine),
            sum(s.responded for s in mine), sum(s.confirmed for s in mine), found, total,
            few and not all(s.complete for s in mine),
        ))  # fmt: skip
    return rows


def _boot_notes(resampled: Bootstrap | None) -> tuple[Fault, ...]:
    return () if resampled is None else resampled.notes


def bootstrap_record(b: Bootstrap) -> dict[str, Any]:
    """Return the record as plain dictionaries, lists and numbers."""
    record = {k: v for k, v in vars(b).items() if k != "notes"}
    return {**record, "notes": [{"code": n.code, "en": n.en, "zh": n.zh} for n in b.notes]}


def _no_frame() -> Fault:
    return Fault(
        "TOTAL_NO_FRAME", "The frame's file is not at hand; only the expansion total is given.",
        "没有抽样框文件，只给出扩张估计。",
    )  # fmt: skip


def _few_for_greg(count: int) -> Fault:
    return Fault(
        "TOTAL_FEW_FOR_GREG", f"{count} final verdicts lie in strata that were not seen whole; "
        f"from {GREG_VERDICTS} on the regression total would count. The expansion total counts.",
        f"未全查的层中有{count}个最终结论；不少于{GREG_VERDICTS}个时以回归估计为准，现以扩张估计为准。",
    )  # fmt: skip
