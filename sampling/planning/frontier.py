"""What a design promises before it is drawn, along a dial from pure risk to pure random.

In: a `PlannedDesign`, or units with options and a grid of random shares. Out: a `Forecast` per
design: recovery, findings, interval, hours and coverage, all as expected values.

* Recovery is sum pi_k e_k, findings sum pi_k p_k (`planning.predicted`); None before any verdict.
* Half-width of the 95 % interval of the total: 1.96 sqrt(V), V = sum N_h^2 (1 - f_h) S_h^2 / n_h
  with the expected S_h^2 (Cochran, Sampling Techniques, 3rd ed., 1977, eq. 5.6), once for the
  expansion estimator and once for the regression on the score. With few findings the real interval
  is wider and covers less than 95 %; the forecast only orders designs.
* Covered is an institution with one expected unit or more.

The dial is the random share: 1 spreads the whole capacity over the frame in proportion, a small
share leaves almost all of it to the rule. It never reaches 0: every unit keeps a chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from sampling.planning.plan_design import (
    DesignOptions,
    PlannedDesign,
    PlanUnits,
    plan_design,
    stratum_spreads,
    stratum_totals,
)
from sampling.planning.predicted import Estimator

Z_95 = 1.959963984540054
GRID = tuple(Decimal(x) for x in ("0.05", "0.1", "0.2", "0.3", "0.4", "0.5", "0.7", "0.9", "1"))
GROUPS = ("institution_class", "level", "district")
#: Recommended is the most recovery among designs whose interval is at most this much wider than
#: the narrowest.
WIDER = 1.1


@dataclass(frozen=True)
class Coverage:
    """Of the institutions in a group, how many have one expected unit or more."""

    group: str
    value: str
    institutions: int
    covered: int

    @property
    def share(self) -> float:
        """Covered part of the institutions."""
        return self.covered / self.institutions


@dataclass(frozen=True)
class Forecast:
    """What is expected of a design; amounts in minor units, None where no verdict allows it."""

    random_share: str
    take_all_share: str
    capacity: int
    recovery: float | None
    findings: float | None
    half_width: float | None
    half_width_regression: float | None
    hours: float | None
    covered: int
    institutions: int
    coverage: tuple[Coverage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def forecast(planned: PlannedDesign) -> Forecast:
    """Return what this design promises."""
    design, model = planned.design, planned.units.model
    rate = planned.draws / planned.sizes
    hours = None
    if planned.hours:
        hours = float(expected_hours(planned))
    covered = coverage(planned)
    whole = covered[0]
    return Forecast(
        str(design.random_share), str(design.take_all_share), design.capacity,
        None if model is None else math.fsum((rate * stratum_totals(planned, model.mean)).tolist()),
        None
        if model is None
        else math.fsum((rate * stratum_totals(planned, model.chance)).tolist()),
        _half_width(planned, "expansion"), _half_width(planned, "regression"), hours,
        whole.covered, whole.institutions, tuple(covered[1:]),
    )  # fmt: skip


def expected_variance(
    sizes: Sequence[int], draws: Sequence[int], spreads: Sequence[float]
) -> float:
    """Return V = sum N_h^2 (1 - f_h) S_h^2 / n_h, of the expanded total (Cochran, eq. 5.6)."""
    return math.fsum(
        units * (units - n) * spread / n
        for units, n, spread in zip(sizes, draws, spreads, strict=True)
    )


def expected_hours(planned: PlannedDesign) -> Fraction:
    """Return sum c_h n_h."""
    return sum((planned.hours[s.name] * s.draws for s in planned.design.strata), Fraction(0))


def coverage(planned: PlannedDesign) -> list[Coverage]:
    """Return the covered institutions: of all, then by class, level and district."""
    names, codes = planned.units.coded("institution_id")
    pairs, counts = np.unique(
        codes * len(planned.design.strata) + planned.codes, return_counts=True
    )
    which, stratum = np.divmod(pairs, len(planned.design.strata))
    expected = [Fraction(0)] * len(names)
    for i, h, n in zip(which.tolist(), stratum.tolist(), counts.tolist(), strict=True):
        s = planned.design.strata[h]
        expected[i] += Fraction(n * s.draws, s.units)
    covered = np.array([n >= 1 for n in expected])
    found = [Coverage("", "", len(names), int(covered.sum()))]
    for group in GROUPS:
        values, kinds = planned.units.coded(group)
        # Every unit of an institution says the same of it; the first one is asked.
        kind = kinds[np.unique(codes, return_index=True)[1]]
        for place, value in enumerate(values):
            mine = kind == place
            found.append(Coverage(group, value, int(mine.sum()), int(covered[mine].sum())))
    return found


def expected_visits(planned: PlannedDesign) -> float:
    """Return the expected number of institutions of which one unit or more is drawn.

    None of M_ih units is among n_h of N_h with chance C(N_h - M_ih, n_h) / C(N_h, n_h).
    """
    _, codes = planned.units.coded("institution_id")
    strata = len(planned.design.strata)
    pairs, counts = np.unique(codes * strata + planned.codes, return_counts=True)
    none = np.zeros(int(codes.max()) + 1)
    for pair, m in zip(pairs.tolist(), counts.tolist(), strict=True):
        s = planned.design.strata[pair % strata]
        none[pair // strata] += _log_untouched(s.units, s.draws, m)
    return math.fsum((1 - np.exp(none)).tolist())


def _log_untouched(units: int, draws: int, mine: int) -> float:
    if draws > units - mine:
        return -math.inf
    left, rest = units - mine, units - draws
    return (
        math.lgamma(left + 1) + math.lgamma(rest + 1)
        - math.lgamma(left - draws + 1) - math.lgamma(units + 1)
    )  # fmt: skip


def frontier(
    units: PlanUnits, options: DesignOptions, shares: Sequence[Decimal] = GRID,
    unit_hours: Sequence[Fraction] | None = None,
) -> list[PlannedDesign]:  # fmt: skip
    """Return the design at every random share of the grid; strata are made anew for each."""
    return [plan_design(units, replace(options, random_share=s), unit_hours) for s in shares]


def recommended(points: Sequence[Forecast]) -> int:
    """Return the place of the point that is recommended.

    The most expected recovery among those whose interval is at most `WIDER` times the narrowest;
    before any verdict the point whose random share is nearest to 0.3. Ties go to the more random.
    """
    if any(p.recovery is None or p.half_width is None for p in points):
        return min(
            range(len(points)),
            key=lambda i: (abs(Decimal(points[i].random_share) - Decimal("0.3")), -i),
        )
    widths = [p.half_width or 0.0 for p in points]
    fit = [i for i, width in enumerate(widths) if width <= WIDER * min(widths)]
    return max(fit, key=lambda i: (points[i].recovery or 0.0, Decimal(points[i].random_share)))


def within_hours(
    units: PlanUnits, options: DesignOptions, unit_hours: Sequence[Fraction], budget: Fraction
) -> int:
    """Return a capacity, at most that of the options, whose expected hours fit the budget.

    One unit more does not fit. 0 where not even the fewest draws do.
    """
    few, many = 0, options.capacity
    while few < many:
        middle = (few + many + 1) // 2
        try:
            planned = plan_design(units, replace(options, capacity=middle), unit_hours)
            fits = expected_hours(planned) <= budget
        except ValueError:
            fits = True  # too few for any design: look above
        few, many = (middle, many) if fits else (few, middle - 1)
    return few


def strata_table(planned: PlannedDesign) -> list[Mapping[str, Any]]:
    """Return a row per stratum: sizes, draws, pi, and what is expected there."""
    model = planned.units.model
    count = len(planned.design.strata)
    mean = stratum_totals(planned, model.mean).tolist() if model else [None] * count
    chance = stratum_totals(planned, model.chance).tolist() if model else [None] * count
    return [
        {
            "stratum": s.name, "units": s.units, "draws": s.draws, "floor": s.floor,
            "take_all": s.take_all, "inclusion_prob": s.draws / s.units,
            "expected_amount": None if e is None else e * s.draws / s.units,
            "expected_findings": None if p is None else p * s.draws / s.units,
            "hours": float(planned.hours[s.name] * s.draws) if planned.hours else None,
        }
        for s, e, p in zip(planned.design.strata, mean, chance, strict=True)
    ]  # fmt: skip


def _half_width(planned: PlannedDesign, estimator: Estimator) -> float | None:
    """Return 1.96 sqrt(V); None before any verdict, when overpayment has no known scale."""
    if planned.units.model is None:
        return None
    names = [s.name for s in planned.design.strata]
    spreads = stratum_spreads(planned.units, names, planned.codes, estimator)
    variance = expected_variance(
        planned.sizes.tolist(), planned.draws.tolist(), [spreads[n] for n in names]
    )
    return Z_95 * math.sqrt(variance)
