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
* The interval is Student's, with the degrees of freedom that the estimate will have (as in
  `estimation.two_stage`), so that few institutions pay for being few.
* One stage by size is the special case of institutions that hold one unit, which is taken.

Claims of one institution may be wrong together beyond what the score knows, which makes few
institutions worse. The interval is therefore forecast a second time with the correlation `ALIKE`
between them; nothing says yet how large it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from sampling.design import Design
from sampling.drawing.beside import Beside
from sampling.drawing.designs import PpsDesign
from sampling.drawing.pps import inclusion_probabilities, sum_variance
from sampling.frame import Frame
from sampling.planning.clusters import (
    ClassSeen,
    Clusters,
    Moments,
    classes_seen,
    expected,
    expected_hours,
)
from sampling.planning.predicted import TRUST, Floats, Ints, by_stratum, variances_within

ALIKE = 0.05
"""Correlation of claims of one institution in the second forecast; stated, not measured."""


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Chances pi_i of the institutions, and the variance of sum t_i / pi_i as a function of t.

    It has a part per stratum, or one where chances are by size; ``codes`` says which part an
    institution belongs to, ``freedom`` the degrees of freedom of each.
    """

    pi: Floats
    codes: Ints
    freedom: Floats
    variances: Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Parts:
    """The expected variance of the total, split as its estimate is.

    ``between`` is what estimated totals vary by between institutions, by part of the first stage;
    ``within`` is V_i of every institution. ``raised``, sum V_i / pi_i, lies in both.
    """

    between: Floats
    within: Floats
    raised: float

    @property
    def variance(self) -> float:
        """The variance of the total."""
        return math.fsum([*self.between.tolist(), *self.within.tolist()])


@dataclass(frozen=True)
class StagedForecast:
    """What is expected of a design; amounts in minor units, None where no verdict allows it.

    ``chance_least`` and ``chance_most`` are those of an institution, ``listed`` the expected number
    of listed units, ``half_width_alike`` the second forecast of the interval (None where each
    institution is one unit), ``within_share`` the part of the variance within institutions.
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
    variance: float | None
    half_width: float | None
    half_width_alike: float | None
    within_share: float | None
    hours: float | None
    classes: tuple[ClassSeen, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def first_stage(frame: Frame, design: Design | PpsDesign, beside: Beside) -> FirstStage:
    """Return chances and variance of the stage that draws institutions."""
    if isinstance(design, PpsDesign):
        weights, n = beside.weights or (), design.capacity
        pi = inclusion_probabilities(weights, n)
        free = np.array([max(n - sum(1 for w in weights if w == 0) - 1, 1)], dtype=np.float64)
        whole = np.zeros(len(frame), dtype=np.int64)
        return FirstStage(pi, whole, free, lambda t: np.array([sum_variance(weights, n, t / pi)]))
    _, codes = frame.stratum_codes()
    N, n_h = (np.array([getattr(s, k) for s in design.strata]) for k in ("units", "draws"))
    return FirstStage(
        (n_h / N)[codes], codes, np.maximum(n_h - 1.0, 1.0),
        lambda t: N * (N - n_h) * variances_within(codes, len(N), t) / n_h,
    )  # fmt: skip


def model_variance(first: FirstStage, known: Clusters, takes: Ints, model: Moments) -> Parts:
    """Return the variance of the total that is expected under a model of the units."""
    within = known.counts * (known.counts - takes) / takes * model.spread
    more = (1 / first.pi - 1) * (model.variance + within)
    between = first.variances(model.mean) + by_stratum(first.codes, len(first.freedom), more)
    return Parts(between, within, math.fsum((within / first.pi).tolist()))


def hedged_variance(
    first: FirstStage, known: Clusters, takes: Ints, alike: float = 0.0
) -> Parts | None:
    """Return the variance averaged over the score's model and the one without a score.

    None before any verdict. ``alike`` is the correlation of the units of an institution.
    """
    if known.scored is None or known.unscored is None:
        return None
    a = model_variance(first, known, takes, known.scored.alike(alike, known.counts))
    b = model_variance(first, known, takes, known.unscored.alike(alike, known.counts))
    return Parts(
        TRUST * a.between + (1 - TRUST) * b.between, TRUST * a.within + (1 - TRUST) * b.within,
        TRUST * a.raised + (1 - TRUST) * b.raised,
    )  # fmt: skip


def half_width(variances: Any, freedom: Any) -> float:
    """Return half the 95 % interval by Student's t; 0 where nothing varies.

    df = (sum v)^2 / sum(v^2 / d) (Satterthwaite, Biometrics Bulletin 2, 1946, 110-114).
    """
    v, d = np.asarray(variances, dtype=np.float64), np.asarray(freedom, dtype=np.float64)
    whole = math.fsum(v.tolist())
    if whole <= 0:
        return 0.0
    df = 1 / math.fsum(((v / whole) ** 2 / d).tolist())
    return float(stats.t.ppf(0.975, df)) * math.sqrt(whole)


def _staged_width(first: FirstStage, takes: Ints, parts: Parts) -> float:
    """Return the half-width; V_i of the drawn institutions are estimated with n_i - 1 each."""
    whole = math.fsum(parts.within.tolist())
    spread = expected(1 / first.pi / np.maximum(takes - 1, 1), parts.within**2)
    rest = max(whole * whole / spread, 1.0) if spread > 0 else 1.0
    return half_width([*parts.between, whole], [*first.freedom, rest])


def staged_forecast(first: FirstStage, known: Clusters, takes: Ints) -> StagedForecast:
    """Return what a design promises that takes so many units of each institution, 1 to M_i."""
    pi, model = first.pi, known.scored
    rate = pi * takes / known.counts
    parts = hedged_variance(first, known, takes)
    alike = hedged_variance(first, known, takes, ALIKE) if (known.counts > 1).any() else None
    share = None
    if parts is not None:
        share = parts.raised / parts.variance if parts.variance > 0 else 0.0
    return StagedForecast(
        round(math.fsum(pi.tolist()), 9), int((pi == 1).sum()), float(pi.min()), float(pi.max()),
        round(math.fsum((pi * takes).tolist()), 9), int(takes.min()), int(takes.max()),
        None if model is None else expected(rate, model.mean),
        None if known.chance is None else expected(rate, known.chance),
        None if parts is None else parts.variance,
        None if parts is None else _staged_width(first, takes, parts),
        None if alike is None else _staged_width(first, takes, alike), share,
        expected_hours(pi, known, takes), tuple(classes_seen(pi, rate, known)),
    )  # fmt: skip


def best_take(first: FirstStage, known: Clusters) -> int | None:
    """Return the n_i that is best where an institution has hours of its own, else None.

    With the variance (A + W/m) / n for n institutions of m units each and the cost n (c_1 + c_2 m)
    the best m is sqrt(W c_1 / (A c_2)) whatever is spent (Cochran, Sampling Techniques, 3rd ed.,
    1977, section 10.6). The finite population correction of the first stage is taken out of A.
    """
    model = known.scored
    open_ = math.fsum((first.pi * (1 - first.pi)).tolist())
    if model is None or known.hours is None or not known.visit or open_ == 0:
        return None
    raised = known.counts * model.spread / first.pi
    between = model_variance(first, known, known.counts, model).variance
    across = between * math.fsum(first.pi.tolist()) / open_ - math.fsum(raised.tolist())
    inside = math.fsum((known.counts * raised).tolist())
    most = int(known.counts.max())
    if across <= 0:
        return most
    cost = known.visit / (expected(known.counts, known.hours) / int(known.counts.sum()))
    return min(max(round(math.sqrt(inside / across * cost)), 2), most)
