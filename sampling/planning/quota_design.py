"""A design that expects to meet its quotas, made before anything is drawn.

In: a `PlannedDesign`, its options and the rows of its quotas. Out: the same strata with draws that
meet every row, or an error that names the quotas that don't fit and the capacity they would need.

Each row in turn raises the strata that count for it, by the steps that serve the rule best, until
it is met; the rule shares out the rest of the capacity. Where the groups of the quotas don't
overlap (or are nested) and each stratum lies in a group or outside of it, nothing smaller than the
rule's own objective is possible: the steps of a separable convex objective over such bounds form
chains (Federgruen and Groenevelt, Operations Research 34, 1986, 909-918). Where this takes more
than the capacity although a design exists, the draws of fewest number take its place as bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from sampling.planning.allocation import (
    Knowledge,
    allocate_by,
    best_draws,
    fewest_draws,
    rule_weights,
)
from sampling.planning.plan_design import DesignOptions, PlannedDesign, stratum_spreads
from sampling.planning.quota_file import Quota, QuotaError, conflict
from sampling.planning.quotas import QuotaRow, conflicting, least_draws, needed_capacity


def within_quotas(
    planned: PlannedDesign, options: DesignOptions, quotas: Sequence[Quota],
    rows: Sequence[QuotaRow],
) -> PlannedDesign:  # fmt: skip
    """Return the design of the same strata whose expected values meet every row.

    Raises:
        QuotaError: naming the smallest set of quotas found that does not fit the capacity.
    """
    draws = planned.draws.tolist()
    if all(row.expected(draws) >= row.required for row in rows):
        return planned
    fewest = least_draws(planned, rows)
    design = planned.design
    if fewest is None:
        wrong = conflicting(planned, rows)
        needed = needed_capacity(planned, [row for row in rows if row.quota in wrong])
        raise QuotaError([conflict([quotas[i].name for i in wrong], design.capacity, needed)])
    names = [s.name for s in design.strata]
    spreads = stratum_spreads(planned.units, names, planned.codes, options.estimator)
    known = Knowledge(spreads, planned.hours, {}, planned.bands)
    raised = _raised(planned, options, rows, known)
    if sum(raised) > design.capacity:
        raised = fewest
    known = Knowledge(spreads, planned.hours, dict(zip(names, raised, strict=True)), known.bands)
    whole = [s.name for s in design.strata if s.take_all]
    return planned.with_design(allocate_by(
        options.allocation, planned.frame, design.capacity, design.random_share,
        design.take_all_share, take_all=whole, known=known,
    ))  # fmt: skip


def _raised(
    planned: PlannedDesign, options: DesignOptions, rows: Sequence[QuotaRow], known: Knowledge
) -> list[int]:
    """Return the contract's fewest draws, raised row by row where a row is not met."""
    design = planned.design
    sizes = {s.name: s.units for s in design.strata}
    whole = [s.name for s in design.strata if s.take_all]
    draws = fewest_draws(sizes, design.capacity, design.random_share, whole)
    rule = "proportional" if options.allocation == "bands" else options.allocation
    weights = rule_weights(rule, sizes, known)
    for row in rows:
        if row.expected(list(draws.values())) < row.required:
            draws |= _met(row, draws, sizes, weights)
    return list(draws.values())


def _met(
    row: QuotaRow, draws: Mapping[str, int], sizes: Mapping[str, int],
    weights: Mapping[str, Fraction],
) -> dict[str, int]:  # fmt: skip
    """Return the draws of the strata that count for the row, with the fewest steps that meet it."""
    adds = {name: a for name, a in zip(sizes, row.adds, strict=True) if a > 0}
    own = {name: weights[name] * a * a for name, a in adds.items()}
    lower = {name: draws[name] for name in adds}
    upper = {name: sizes[name] for name in adds}
    rest = row.required - sum((adds[n] * lower[n] for n in adds), Fraction(0))
    few, many = sum(lower.values()), sum(upper.values())
    while few < many:
        middle = (few + many) // 2
        tried = best_draws(own, lower, upper, middle)
        if sum((adds[n] * (tried[n] - lower[n]) for n in adds), Fraction(0)) >= rest:
            many = middle
        else:
            few = middle + 1
    return best_draws(own, lower, upper, few)
