"""What a design by size, or in two stages, promises before it is drawn.

In: frame, design and what it rests on (`drawing.beside`), and what is predicted of each unit that
could be listed. Out: a `StagedForecast`: recovery, findings, interval, hours and coverage, all as
expected values.

* The total of t_i / pi_i over the drawn institutions has the variance of its first stage plus
  sum V_i / pi_i with V_i = M_i^2 (1 - n_i / M_i) S_i^2 / n_i within each institution (Saerndal,
  Swensson and Wretman, Model Assisted Survey Sampling, 1992, result 4.3.1). First stage from
  strata: sum N_h^2 (1 - f_h) S_h^2 / n_h. By size: Sen, Yates and Grundy, exactly
  (`drawing.pps.sum_variance`).
* Predicted amounts are random with mean and variance (`planning.predicted`); units are independent
  of each other. The variance expected under that model is then exact too: the first stage's at the
  expected totals, plus sum (1/pi_i - 1) Var t_i, plus sum V_i / pi_i with the expected S_i^2 (Isaki
  and Fuller, JASA 77, 1982, 89-96). It is averaged over the score's model and the one without a
  score, as for strata (`predicted.hedged_spreads`).
* One stage by size is the special case of institutions that hold one unit, which is taken.

Institutions that overpay together beyond what the score knows make the real interval of few
institutions wider than this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampling.design import Design
from sampling.drawing.beside import Beside
from sampling.drawing.designs import PpsDesign
from sampling.drawing.pps import inclusion_probabilities, sum_variance
from sampling.frame import Frame
from sampling.planning.frontier import Z_95, expected_variance
from sampling.planning.predicted import (
    TRUST,
    Floats,
    Ints,
    Predicted,
    by_stratum,
    spread_guesses,
    variances_within,
    without_score,
)


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Chances pi_i of the institutions, and the variance of sum t_i / pi_i as a function of t."""

    pi: Floats
    variance: Callable[[Floats], float]


@dataclass(frozen=True, eq=False)
class Listable:
    """The units that could be listed, in any order; institutions in the order of the frame.

    ``psu`` is the place of each unit's institution, ``takes`` n_i by institution, ``classes`` its
    class. ``hours`` are those of each unit, ``visit`` those of an institution however many of its
    units are listed.
    """

    psu: Ints
    size_minor: Ints
    takes: Ints
    classes: Sequence[str]
    model: Predicted | None = None
    hours: Sequence[Fraction] | None = None
    visit: Fraction = Fraction(0)

    @property
    def counts(self) -> Ints:
        """M_i, units of each institution."""
        return np.bincount(self.psu, minlength=len(self.takes)).astype(np.int64)

    def sums(self, values: Any) -> Floats:
        """Return the exactly rounded sum of a value per unit, by institution."""
        return by_stratum(self.psu, len(self.takes), np.asarray(values, dtype=np.float64))


@dataclass(frozen=True)
class Parts:
    """The expected variance of the total: between institutions, and within them."""

    between: float
    within: float

    @property
    def variance(self) -> float:
        """Both together."""
        return self.between + self.within


@dataclass(frozen=True)
class ClassSeen:
    """Of a class: its institutions, how many are drawn, and which part of its money is listed."""

    value: str
    institutions: int
    drawn: float
    money_share: float


@dataclass(frozen=True)
class StagedForecast:
    """What is expected of a design; amounts in minor units, None where no verdict allows it.

    ``chance_least`` and ``chance_most`` are those of an institution, ``listed`` the expected number
    of listed units, ``within_share`` the part of the variance that arises within institutions.
    """

    institutions: float
    certain: int
    chance_least: float
    chance_most: float
    listed: float
    take_least: int
    take_most: int
    recovery: float | None
    findings: float | None
    half_width: float | None
    within_share: float | None
    hours: float | None
    classes: tuple[ClassSeen, ...]

    @property
    def money_share(self) -> float:
        """Part of all money that is listed; the classes' last row is the whole."""
        return self.classes[-1].money_share

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def first_stage(frame: Frame, design: Design | PpsDesign, beside: Beside) -> FirstStage:
    """Return chances and variance of the stage that draws institutions."""
    if isinstance(design, PpsDesign):
        weights = beside.weights or ()
        pi = inclusion_probabilities(weights, design.capacity)
        return FirstStage(pi, lambda t: sum_variance(weights, design.capacity, t / pi))
    _, codes = frame.stratum_codes()
    sizes, draws = [s.units for s in design.strata], [s.draws for s in design.strata]
    pi = (np.array(draws) / np.array(sizes))[codes]

    def variance(totals: Floats) -> float:
        spreads = variances_within(codes, len(sizes), totals)
        return expected_variance(sizes, draws, spreads.tolist())

    return FirstStage(pi, variance)


def model_variance(first: FirstStage, units: Listable, model: Predicted) -> Parts:
    """Return the variance of the total that is expected under a model of the units."""
    pi, M, n = first.pi, units.counts, units.takes
    noise = units.sums(model.variance)
    between = first.variance(units.sums(model.mean)) + math.fsum(((1 / pi - 1) * noise).tolist())
    spreads = spread_guesses(units.psu, len(n), model)
    within = M * (M - n) / np.maximum(n, 1) * spreads / pi
    return Parts(between, math.fsum(within.tolist()))


def hedged_variance(first: FirstStage, units: Listable) -> Parts | None:
    """Return the variance averaged over the score's model and the one without a score."""
    if units.model is None:
        return None
    scored = model_variance(first, units, units.model)
    plain = model_variance(first, units, without_score(units.model, units.size_minor))
    return Parts(
        TRUST * scored.between + (1 - TRUST) * plain.between,
        TRUST * scored.within + (1 - TRUST) * plain.within,
    )


def staged_forecast(first: FirstStage, units: Listable) -> StagedForecast:
    """Return what this design promises."""
    pi, model = first.pi, units.model
    rate = pi * units.takes / np.maximum(units.counts, 1)
    parts = hedged_variance(first, units)
    share = None
    if parts is not None:
        share = parts.within / parts.variance if parts.variance > 0 else 0.0
    return StagedForecast(
        math.fsum(pi.tolist()), int((pi == 1).sum()), float(pi.min()), float(pi.max()),
        math.fsum((pi * units.takes).tolist()), int(units.takes.min()), int(units.takes.max()),
        None if model is None else _expected(rate, units.sums(model.mean)),
        None if model is None else _expected(rate, units.sums(model.chance)),
        None if parts is None else Z_95 * math.sqrt(parts.variance), share,
        expected_hours(first, units), tuple(_classes(pi, rate, units)),
    )  # fmt: skip


def expected_hours(first: FirstStage, units: Listable) -> float | None:
    """Return sum pi_i (visit + n_i x mean hours of the institution's units)."""
    if units.hours is None:
        return None
    each = units.sums([float(h) for h in units.hours]) / np.maximum(units.counts, 1)
    return _expected(first.pi, float(units.visit) + units.takes * each)


def best_take(first: FirstStage, units: Listable) -> int | None:
    """Return the n_i that is best where an institution has hours of its own, else None.

    With the variance (A + W/m) / n for n institutions of m units each and the cost n (c_1 + c_2 m)
    the best m is sqrt(W c_1 / (A c_2)) whatever is spent (Cochran, Sampling Techniques, 3rd ed.,
    1977, section 10.6). Finite institutions are left out of it: it only says where to look.
    """
    if units.model is None or not units.hours or not units.visit:
        return None
    spreads = spread_guesses(units.psu, len(units.takes), units.model)
    raised = units.counts * spreads / first.pi
    parts = model_variance(first, units, units.model)
    across = parts.between - math.fsum(raised.tolist())
    inside = math.fsum((units.counts * raised).tolist())
    most = int(units.counts.max())
    if across <= 0:
        return most
    cost = float(units.visit) / (math.fsum(float(h) for h in units.hours) / len(units.hours))
    return min(max(round(math.sqrt(inside / across * cost)), 2), most)


def _expected(rate: Floats, values: Floats) -> float:
    return math.fsum((rate * values).tolist())


def _classes(pi: Floats, rate: Floats, units: Listable) -> list[ClassSeen]:
    """Return what is seen of each class, then of all under an empty name."""
    money = units.sums(units.size_minor)
    kinds = np.array(units.classes)
    found = []
    for value in [*sorted(set(units.classes), key=str.encode), ""]:
        mine = kinds == value if value else np.ones(len(kinds), dtype=np.bool_)
        whole = math.fsum(money[mine].tolist())
        seen = _expected(rate[mine], money[mine])
        found.append(ClassSeen(
            value, int(mine.sum()), math.fsum(pi[mine].tolist()), seen / whole if whole else 0.0
        ))  # fmt: skip
    return found
