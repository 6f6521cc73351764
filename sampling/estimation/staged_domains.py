"""Totals by class and by stratum of institutions, for institutions drawn from strata.

In: a `StagedSample`, amounts and findings of its cases. Out: a `StagedDomain` per class or stratum;
the totals of the classes, and of the strata, add up to the whole.

A domain's total is that of values set to zero outside it, its variance that of the same formula:
Saerndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), chapter 10. The class is the
first part of a stratum's name, as sealed in the frame. Institutions drawn by size come from one
stratum; the sealed files hold no classes of them, so nothing is said by class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sampling.estimation.intervals import Quantity
from sampling.estimation.plan_totals import Stated
from sampling.estimation.staged_intervals import judged
from sampling.estimation.staged_sample import StagedSample, Values
from sampling.staged_weights import StagedCase, answered_psus


@dataclass(frozen=True)
class StagedDomain:
    """One class or stratum; ``unsafe`` if the interval stated is not Student's for that reason."""

    name: str
    institutions: int
    institutions_drawn: int
    institutions_answered: int
    drawn: int
    responded: int
    confirmed: int
    found: int
    total: Quantity
    stated: Stated
    unsafe: bool


def by_class(
    sample: StagedSample, cases: Sequence[StagedCase], amounts: Values, finds: Values, plan_id: str
) -> tuple[StagedDomain, ...]:
    """Return a row per class, sorted by name; none where the frame has one stratum by size."""
    return _rows(sample, cases, amounts, finds, plan_id, {s: class_of(s) for s in sample.strata})


def by_stratum(
    sample: StagedSample, cases: Sequence[StagedCase], amounts: Values, finds: Values, plan_id: str
) -> tuple[StagedDomain, ...]:
    """Return a row per stratum, sorted by name; none where the frame has one stratum by size."""
    return _rows(sample, cases, amounts, finds, plan_id, {s: s for s in sample.strata})


def class_of(stratum: str) -> str:
    """Return the class of a stratum: the first part of its name."""
    return stratum.split("/")[0]


def _rows(
    sample: StagedSample, cases: Sequence[StagedCase], amounts: Values, finds: Values,
    plan_id: str, domain_of: Mapping[str, str],
) -> tuple[StagedDomain, ...]:  # fmt: skip
    if sample.chances is not None:
        return ()
    names = sorted(set(domain_of.values()), key=str.encode)
    return tuple(
        _row(sample, cases, amounts, finds, plan_id, name,
             frozenset(s for s, domain in domain_of.items() if domain == name))
        for name in names
    )  # fmt: skip


def _row(
    sample: StagedSample, cases: Sequence[StagedCase], amounts: Values, finds: Values,
    plan_id: str, name: str, strata: Collection[str],
) -> StagedDomain:  # fmt: skip
    mine = [c for c in cases if c.stratum in strata]
    verdicts = [c.case for c in mine if c.answered]
    inside = {c.case for c in mine}
    found = sum(amounts[u] for u in verdicts)
    made = judged(
        sample, _only(amounts, inside), _only(finds, inside), plan_id, found=found,
        verdicts=len(verdicts), settled=_settled(sample, strata),
    )  # fmt: skip
    return StagedDomain(
        name, sum(sample.strata[s][0] for s in strata), len({c.psu for c in mine}),
        len(answered_psus(mine)), len(mine), len(verdicts), sum(finds[u] for u in verdicts), found,
        made.total.quantity, made.stated, made.unsafe,
    )  # fmt: skip


def _only(values: Values, inside: Collection[str]) -> Values:
    return {unit: value if unit in inside else 0 for unit, value in values.items()}


def _settled(sample: StagedSample, strata: Collection[str]) -> bool:
    """Whether all institutions of the cells of these strata, and all claims of them, were seen."""
    cells = [c for c in sample.cells if any(s.name in strata for s in c.strata)]
    names = {s.name for c in cells for s in c.strata}
    return all(c.complete for c in cells) and all(
        len(mine) == mine[0].size and all(c.answered for c in mine)
        for mine in sample.cases.values()
        if mine[0].stratum in names
    )
