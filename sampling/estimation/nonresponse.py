"""Verdicts that are missing: an assumption that is stated, and bounds that need none.

In: the units drawn with their verdicts or None. Out: a sample of those that answered with weights
raised within their stratum, on the assumption that there whether a verdict came has nothing to do
with what it would have been (response homogeneity; Saerndal, Swensson and Wretman, Model Assisted
Survey Sampling, 1992, section 15.6: given how many answered, they are a simple random sample of
their stratum). And the two estimates that no truth about the missing can leave: every missing
verdict zero, or every one the most it can be.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sampling.estimation.regression_estimate import expansion_total
from sampling.estimation.sample_faults import SampleError, row_faults, size_faults
from sampling.estimation.stratified import Linearised, StratifiedSample, stratified_sample
from sampling.faults import Fault, checked


@dataclass(frozen=True, eq=False)
class Answered:
    """The sample of final verdicts; ``raised`` is n_h / r_h by stratum, what weights rose by."""

    sample: StratifiedSample
    raised: Mapping[str, float]
    missing: int
    notes: tuple[Fault, ...]


@dataclass(frozen=True)
class ExtremeBounds:
    """Estimates with every missing verdict at its least and at its most.

    ``interval_95`` runs from the lower limit of the first to the upper limit of the second (None
    where one of them has none), ``lower_90`` is the lower bound of the first.
    """

    lowest: Linearised
    highest: Linearised
    interval_95: tuple[float, float] | None
    lower_90: float | None


def answered_sample(
    sizes: Mapping[str, int], unit_ids: Sequence[str], strata: Sequence[str],
    y: Sequence[float | None],
) -> Answered:  # fmt: skip
    """Return the sample of those that answered, with weights N_h / r_h.

    Args:
        sizes: N_h of every stratum.
        unit_ids: all units drawn; ``strata`` and ``y`` are theirs, None without a final verdict.

    Raises:
        SampleError: naming strata in which fewer than two answered, and bad units.
    """
    rows = [i for i, value in enumerate(y) if value is not None]
    drawn = Counter(strata)
    checked(_drawn_faults(sizes, unit_ids, strata, y), SampleError)
    sample = stratified_sample(
        sizes, [unit_ids[i] for i in rows], [strata[i] for i in rows],
        [value for value in y if value is not None],
    )  # fmt: skip
    raised = {name: drawn[name] / int(r) for name, r in zip(sample.strata, sample.n, strict=True)}
    missing = len(y) - len(rows)
    return Answered(sample, raised, missing, (_assumed(missing),) if missing else ())


def extreme_bounds(
    sizes: Mapping[str, int], unit_ids: Sequence[str], strata: Sequence[str],
    y: Sequence[float | None], most: Mapping[str, float],
) -> ExtremeBounds:  # fmt: skip
    """Return what the total is if missing verdicts are all zero, and if all are the most possible.

    Args:
        sizes: N_h of every stratum.
        unit_ids: all units drawn; ``strata`` and ``y`` are theirs, None without a final verdict.
        most: the most that can be overpaid on each unit without a verdict, such as its amount.

    Raises:
        SampleError: naming units without a finite, not negative ``most``.
    """
    checked(_drawn_faults(sizes, unit_ids, strata, y), SampleError)
    checked([
        _no_most(unit)
        for unit, value in zip(unit_ids, y, strict=True)
        if value is None and not 0 <= most.get(unit, math.nan) < math.inf
    ], SampleError)  # fmt: skip
    low = [0.0 if v is None else v for v in y]
    high = [most[u] if v is None else v for u, v in zip(unit_ids, y, strict=True)]
    lowest, highest = (
        expansion_total(stratified_sample(sizes, unit_ids, strata, values))
        for values in (low, high)
    )
    first, second = lowest.quantity.interval_95_t, highest.quantity.interval_95_t
    interval = (first[0], second[1]) if first is not None and second is not None else None
    return ExtremeBounds(lowest, highest, interval, lowest.quantity.lower_90)


def _drawn_faults(
    sizes: Mapping[str, int], unit_ids: Sequence[str], strata: Sequence[str],
    y: Sequence[float | None],
) -> list[Fault]:  # fmt: skip
    """Return the faults of the drawn list itself; a verdict that is missing is none."""
    filled = [0.0 if value is None else value for value in y]
    return row_faults(sizes, unit_ids, strata, filled, None) or size_faults(sizes, strata)


def _assumed(missing: int) -> Fault:
    return Fault(
        "RESPONSE_ASSUMED", f"{missing} drawn units have no final verdict; the others of their "
        "stratum stand for them, on the assumption that a verdict's absence has nothing to do with "
        "what it would have been. The extreme bounds need no assumption.",
        f"有{missing}个抽中对象没有最终结论，由同层其他对象代表；前提是缺失与结论本身无关。"
        "极端界限则不需要任何假设。",
    )  # fmt: skip


def _no_most(unit: str) -> Fault:
    return Fault(
        "RESPONSE_MOST", f"Unit '{unit}' has no verdict and no finite amount of zero or more that "
        "it could be at most.", f"对象“{unit}”没有结论，也没有不小于零的最大可能金额。",
    )  # fmt: skip
