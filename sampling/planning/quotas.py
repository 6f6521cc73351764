"""Quotas of inspection practice, as bounds on what a design expects before the draw.

In: a planner's ``[[quota]]`` tables and a `PlannedDesign`. Out: how far each quota is met, and the
draws that each stratum must have so that all of them are. A quota is one or several rows
sum_h a_h n_h >= required, where a_h is what one draw from stratum h adds on average:

* ``of = "units"``: a_h is the part of the stratum's units that are in the quota's group; required
  is share x the group's units. So sum pi over the group >= share x group.
* ``of = "amount"``: a_h is the mean amount that a unit of the stratum holds in the group; required
  is share x the group's amount. So sum pi x size >= share x cost.
* ``of = "institutions"``: one row per institution of the group, in units expected there. Who was
  last seen ``within_years`` ago or longer is due: at least 1. Every other one, also one never seen,
  at least 1 / (within_years x plans_per_year), so that at this rate it is met once in those years.

``plans_per_year`` spreads a yearly share evenly over the plans of a year. Draws fall short of a
quota or exceed it by chance; what was expected is the promise, and nobody tops up the list.

A quota that does not fit the capacity is named with the capacity that these strata would need: the
smallest whole number, found by integer programming (HiGHS through scipy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from sampling.planning.allocation import fewest_draws
from sampling.planning.plan_design import PlannedDesign, PlanUnits
from sampling.planning.quota_file import Quota, QuotaError, empty_group, not_known
from sampling.planning.rotation import years_before

#: HiGHS works in floats; a row is scaled by what it requires and may be missed by this much.
_SLACK = 1e-9
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuotaRow:
    """One bound: sum of ``adds`` x n_h over the strata is to be at least ``required``."""

    quota: int
    target: str
    adds: tuple[Fraction, ...]
    required: Fraction

    def expected(self, draws: Sequence[int]) -> Fraction:
        """Return what these draws are expected to give."""
        return sum((a * n for a, n in zip(self.adds, draws, strict=True) if a), Fraction(0))


@dataclass(frozen=True)
class QuotaResult:
    """A quota under a design: what is required and expected, and the capacity it would need."""

    name: str
    required: float
    expected: float
    met: bool
    short: tuple[str, ...]
    capacity_needed: int


def quota_rows(
    planned: PlannedDesign, quotas: Sequence[Quota], last_seen: Mapping[str, date], day: date
) -> list[QuotaRow]:
    """Return the rows of all quotas.

    Args:
        planned: the strata.
        quotas: what practice asks for.
        last_seen: the last inspection of each institution.
        day: day of the draw.

    Raises:
        QuotaError: naming every quota whose group is empty or not known of the units.
    """
    rows: list[QuotaRow] = []
    faults = []
    for place, quota in enumerate(quotas):
        unknown = [name for name in quota.where if name not in planned.units.facts]
        if unknown:
            faults.append(not_known(quota.name, unknown[0]))
            continue
        members = _members(planned.units, quota.where)
        if not members.any():
            faults.append(empty_group(quota.name))
            continue
        if quota.of == "institutions":
            rows += _institution_rows(planned, place, quota, members, last_seen, day)
        else:
            rows.append(_share_row(planned, place, quota, members))
    if faults:
        raise QuotaError(faults)
    return rows


def quota_results(
    planned: PlannedDesign, quotas: Sequence[Quota], rows: Sequence[QuotaRow]
) -> list[QuotaResult]:
    """Return how far each quota is met by the draws of the design."""
    draws = planned.draws.tolist()
    results = []
    for place, quota in enumerate(quotas):
        mine = [row for row in rows if row.quota == place]
        short = tuple(row.target for row in mine if row.expected(draws) < row.required)
        several = quota.of == "institutions"
        required = Fraction(len(mine)) if several else mine[0].required
        expected = Fraction(len(mine) - len(short)) if several else mine[0].expected(draws)
        results.append(QuotaResult(
            quota.name, float(required), float(expected), not short, short,
            needed_capacity(planned, mine),
        ))  # fmt: skip
    return results


def needed_capacity(planned: PlannedDesign, rows: Sequence[QuotaRow]) -> int:
    """Return the smallest capacity with which these strata can meet the rows.

    The fewest draws never fall as the capacity grows, so one that is too small may be raised at
    once to the draws that it would need.
    """
    capacity = 1
    while True:
        needed = sum(_least(planned, rows, capacity))
        if needed <= capacity:
            return capacity
        capacity = needed


def least_draws(planned: PlannedDesign, rows: Sequence[QuotaRow]) -> list[int] | None:
    """Return draws by stratum that meet all rows with the fewest in all; None if they don't fit."""
    least = _least(planned, rows, planned.design.capacity)
    return least if sum(least) <= planned.design.capacity else None


def conflicting(planned: PlannedDesign, rows: Sequence[QuotaRow]) -> list[int]:
    """Return the places of quotas that cannot be met together; without any one of them they can.

    A deletion filter: each quota is left out in turn and stays out if the others still conflict.
    """
    kept = sorted({row.quota for row in rows})
    for quota in list(kept):
        others = [row for row in rows if row.quota in kept and row.quota != quota]
        if least_draws(planned, others) is None:
            kept.remove(quota)
    return kept


def _least(planned: PlannedDesign, rows: Sequence[QuotaRow], capacity: int) -> list[int]:
    design = planned.design
    sizes = {s.name: s.units for s in design.strata}
    whole = [s.name for s in design.strata if s.take_all]
    lower = list(fewest_draws(sizes, capacity, design.random_share, whole).values())
    asked = [row for row in rows if row.expected(lower) < row.required]
    if not asked:
        return lower
    return _fewest(lower, list(sizes.values()), rows)


def _fewest(lower: Sequence[int], upper: Sequence[int], rows: Sequence[QuotaRow]) -> list[int]:
    """Return the whole numbers of smallest sum that meet the rows, exactly checked."""
    scaled = csr_matrix([[float(a / row.required) for a in row.adds] for row in rows])
    limits = LinearConstraint(scaled, lb=1 - _SLACK, ub=np.inf)
    got = milp(
        np.ones(len(lower)), integrality=np.ones(len(lower), dtype=np.int64),
        bounds=Bounds(lower, upper), constraints=limits,
    )  # fmt: skip
    if got.x is None:
        raise RuntimeError(f"HiGHS gave no draws for the quotas: {got.message}")
    draws = [int(n) for n in np.rint(got.x)]
    # What the solver's tolerance left open is closed in whole draws, of the most useful stratum.
    for row in rows:
        while row.expected(draws) < row.required:
            open_ = [h for h in range(len(draws)) if draws[h] < upper[h]]
            draws[max(open_, key=lambda h: (row.adds[h], -h))] += 1
    return draws


def _members(units: PlanUnits, where: Mapping[str, frozenset[str]]) -> npt.NDArray[np.bool_]:
    members = np.ones(len(units), dtype=np.bool_)
    for name, values in where.items():
        column = units.facts[name]
        hit = pc.is_in(column, value_set=pc.cast(sorted(values), column.type))
        members &= hit.to_numpy(zero_copy_only=False).astype(np.bool_)
    return members


def _share_row(
    planned: PlannedDesign, place: int, quota: Quota, members: npt.NDArray[np.bool_]
) -> QuotaRow:
    units = planned.units
    value = units.size_minor if quota.of == "amount" else np.ones(len(units), dtype=np.int64)
    sums = _sums(planned, np.where(members, value, 0))
    required = quota.share / quota.plans_per_year * sum(sums)
    return QuotaRow(place, quota.name, _per_draw(planned, sums), required)


def _institution_rows(
    planned: PlannedDesign, place: int, quota: Quota, members: npt.NDArray[np.bool_],
    last_seen: Mapping[str, date], day: date,
) -> list[QuotaRow]:  # fmt: skip
    names, codes = planned.units.coded("institution_id")
    border = years_before(day, quota.within_years)
    rate = Fraction(1, quota.within_years * quota.plans_per_year)
    strata = len(planned.design.strata)
    counts = np.zeros((len(names), strata), dtype=np.int64)
    np.add.at(counts, (codes[members], planned.codes[members]), 1)
    rows = []
    for name, row in zip(names, counts.tolist(), strict=True):
        units = sum(row)
        if units:
            due = name in last_seen and last_seen[name] <= border
            wanted = Fraction(1) if due else min(rate, Fraction(units))
            rows.append(QuotaRow(place, name, _per_draw(planned, row), wanted))
    return rows


def _per_draw(planned: PlannedDesign, sums: Sequence[int]) -> tuple[Fraction, ...]:
    return tuple(
        Fraction(total, s.units) for total, s in zip(sums, planned.design.strata, strict=True)
    )


def _sums(planned: PlannedDesign, values: npt.NDArray[np.int64]) -> list[int]:
    """Return whole sums by stratum; Python's integers don't overflow."""
    order = np.argsort(planned.codes, kind="stable")
    cuts = np.cumsum(planned.sizes)[:-1]
    return [sum(part.tolist()) for part in np.split(values[order], cuts)]
