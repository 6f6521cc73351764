"""The promotion gate: is a challenger better than what it would replace, on verdicts new to both?

In: judged units (labels, final weights, the plan and stratum that chose each, confirmed amounts),
two rankings of them and the settings of the config's ``[gate]``. Out: the difference in one primary
metric with its interval, and one of four verdicts: ``win``, ``non_inferior`` (the interval stays
above a stated loss), ``worse``, ``insufficient``. No files here.

Method. Both rankings are measured on the same verdicts, so the difference is paired. Every metric
is a smooth function of the weights; its influence values are its derivatives by the weights, and
the variance is that of a stratified total of weight x influence (Demnati and Rao, Linearization
variance estimators for survey data, Survey Methodology 30 (2004), 17-26), with plan x stratum as
strata. Where institutions were drawn first and claims within them, the claims of each are added up
before: what varies is the institution, whatever was drawn within it (ultimate clusters: Hansen,
Hurwitz and Madow, Sample Survey Methods and Theory, 1953, volume 1, chapter 6). No finite
population correction is made: the question is which model to use on units still to come, of which
the frame is itself a sample (Korn and Graubard, Variance estimation for superpopulation parameters,
Statistica Sinica 8 (1998), 1131-1151); for the frame alone the interval is therefore conservative.
A stratum of which one thing was drawn joins its neighbour by name in the plan, as in collapsed
strata (Wolter, Introduction to Variance Estimation, 2nd ed., 2007, section 2.5).

The interval uses Student's t with as many degrees of freedom as there are effective confirmed
cases but one, where the strata leave more: they, not the many unconfirmed ones, carry the figure.
Those of one drawn institution count as one. Below a stated effective number of confirmed cases
(Kish, Survey Sampling, 1965, section 11.7: (sum w)^2 / sum w^2) no interval is trusted and the
answer is ``insufficient``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.config import GateSettings
from training.gate_metrics import Linear, at_capacity, average_precision

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]
Verdict = Literal["win", "non_inferior", "worse", "insufficient"]


class GateError(ValueError):
    """The evidence cannot be compared."""


@dataclass(frozen=True)
class Evidence:
    """Judged units, row by row; rows without weight say nothing and are left out.

    Attributes:
        unit_ids: shape (n,); a unit may occur in several plans.
        labels: shape (n,), 1 confirmed, 0 not.
        weights: shape (n,), final weights.
        overpaid: shape (n,), confirmed amount in minor units, NaN where unknown.
        plans: shape (n,), the plan that chose the unit.
        strata: shape (n,), the stratum within the plan; empty where it is not known.
        random: shape (n,), whether the unit belongs to the plan's random part.
        clusters: shape (n,), the institution that was drawn first where the unit is one of its
            claims; empty where the unit was drawn by itself.
    """

    unit_ids: Texts
    labels: Floats
    weights: Floats
    overpaid: Floats
    plans: Texts
    strata: Texts
    random: npt.NDArray[np.bool_]
    clusters: Texts

    def take(self, rows: npt.NDArray[np.generic]) -> Evidence:
        """Return the given rows."""
        return Evidence(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Compared:
    """Two rankings on the same verdicts; None where a figure is not defined.

    ``difference`` is challenger minus champion in ``metric``. ``more_positives`` says how many
    effective positives are wanting where the verdict is ``insufficient``, because they are too few
    (``why`` is ``positives``) or because the interval is too wide (``interval``).
    """

    metric: str
    n: int
    positives: int
    effective_positives: float
    champion: float | None
    challenger: float | None
    difference: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    margin: float | None
    verdict: Verdict
    why: str
    more_positives: int | None
    precision_at_capacity: tuple[float, float] | None
    amount_at_capacity: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; pairs of figures become lists, champion first."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def compare(
    evidence: Evidence, champion: Floats, challenger: Floats, settings: GateSettings
) -> Compared:
    """Compare two rankings (higher is inspected first) of the same judged units.

    Raises GateError for scores that are missing or do not fit the evidence.
    """
    rows, a, b = _ordered(evidence, champion, challenger)
    confirmed = rows.labels > 0
    effective = effective_number(_sums(rows.take(np.flatnonzero(confirmed))))
    found = Compared(
        settings.metric, len(rows.labels), int(confirmed.sum()), effective,
        None, None, None, None, None, None, "insufficient", "positives",
        _wanting(settings.min_effective_positives - effective), None, None,
    )  # fmt: skip
    if not confirmed.any():
        return found
    old, new = (_measure(rows, score, settings) for score in (a, b))
    error, freedom = standard_error(rows, new.influence - old.influence)
    df = min(freedom, max(1.0, effective - 1))
    difference = new.value - old.value
    width = float(stats.t.ppf(0.5 + settings.level / 2, df)) * error if df else math.inf
    interval = (difference - width, difference + width) if df else None
    margin = settings.margin * old.value
    verdict, why, more = decide(effective, difference, interval, margin, settings)
    return replace(
        found,
        champion=old.value,
        challenger=new.value,
        difference=difference,
        standard_error=error if df else None,
        interval=interval,
        margin=margin,
        verdict=verdict,
        why=why,
        more_positives=more,
        precision_at_capacity=_pair(rows, a, b, rows.labels, settings),
        amount_at_capacity=_pair(rows, a, b, _amounts(rows), settings),
    )


def compare_parts(
    evidence: Evidence, champion: Floats, challenger: Floats, settings: GateSettings
) -> dict[str, Any]:
    """Return the comparison as a plain record, that of the random part beside it."""
    whole = compare(evidence, champion, challenger, settings)
    part = compare(random_part(evidence), champion, challenger, settings)
    return {**whole.to_dict(), "random_part": part.to_dict()}


def random_part(evidence: Evidence) -> Evidence:
    """Return the same rows weighted so that only the random part counts, for the whole frame.

    It is a sample from strata by itself: each stratum's weights sum to what those of all of its
    verdicts sum to; a stratum without a verdict in the random part is not represented.
    """
    names = _strata(evidence)
    _, member = np.unique(names, return_inverse=True)
    carried = np.where(evidence.random, evidence.weights, 0.0)
    total, part = (np.bincount(member, w).astype(np.float64) for w in (evidence.weights, carried))
    raised = np.divide(total, part, out=np.zeros_like(total), where=part > 0)
    return replace(evidence, weights=carried * raised[member])


def effective_number(weights: Floats) -> float:
    """Return Kish's effective number of units with these weights."""
    total = math.fsum(weights)
    return total**2 / math.fsum(weights**2) if total > 0 else 0.0


def standard_error(evidence: Evidence, influence: Floats) -> tuple[float, int]:
    """Return the standard error of the total of weight x influence, and its degrees of freedom."""
    variance, freedom = [], 0
    for rows in _collapsed(evidence):
        parts = _sums(evidence.take(rows), influence[rows])
        n = len(parts)
        if n > 1:
            variance.append(n / (n - 1) * math.fsum((parts - parts.mean()) ** 2))
            freedom += n - 1
    return math.sqrt(math.fsum(variance)), freedom


def _ordered(
    evidence: Evidence, champion: Floats, challenger: Floats
) -> tuple[Evidence, Floats, Floats]:
    """Return the rows that carry weight in an order of their own, whatever order they came in."""
    n = len(evidence.labels)
    if len(champion) != n or len(challenger) != n:
        raise GateError(f"{len(champion)} and {len(challenger)} scores are given for {n} verdicts.")
    if np.isnan(champion).any() or np.isnan(challenger).any():
        raise GateError("A score is missing; score every judged unit with both models.")
    order = np.lexsort((evidence.unit_ids, evidence.strata, evidence.plans))
    order = order[evidence.weights[order] > 0]
    return evidence.take(order), champion[order], challenger[order]


def _measure(rows: Evidence, score: Floats, settings: GateSettings) -> Linear:
    if settings.metric == "average_precision":
        return average_precision(score, rows.labels, rows.weights)
    gains = _amounts(rows) if settings.metric == "amount_at_capacity" else rows.labels
    if gains is None:
        raise GateError(
            "A confirmed case has no amount, so the amount found cannot be compared; complete the "
            "verdicts, or train with another [gate] metric."
        )
    return at_capacity(score, gains, rows.weights, settings.capacity_share)


def _amounts(rows: Evidence) -> Floats | None:
    amounts = np.where(rows.labels > 0, rows.overpaid, 0.0)
    return None if np.isnan(amounts).any() else amounts


def _pair(
    rows: Evidence, a: Floats, b: Floats, gains: Floats | None, settings: GateSettings
) -> tuple[float, float] | None:
    if gains is None:
        return None
    old, new = (at_capacity(s, gains, rows.weights, settings.capacity_share) for s in (a, b))
    return old.value, new.value


def _strata(evidence: Evidence) -> Texts:
    return np.array(
        [f"{plan}\t{name}" for plan, name in zip(evidence.plans, evidence.strata, strict=True)],
        dtype=np.str_,
    )


def _drawn(evidence: Evidence) -> Texts:
    """Return what was drawn: the institution of a row that came with it, else the row itself."""
    return np.array(
        [
            f"{plan}\tinstitution\t{cluster}" if cluster else f"{plan}\tunit\t{unit}"
            for plan, cluster, unit in zip(
                evidence.plans, evidence.clusters, evidence.unit_ids, strict=True
            )
        ],
        dtype=np.str_,
    )


def _sums(evidence: Evidence, influence: Floats | float = 1.0) -> Floats:
    """Return the sums of weight x influence, one for each institution or unit that was drawn."""
    _, member = np.unique(_drawn(evidence), return_inverse=True)
    return np.bincount(member, evidence.weights * influence).astype(np.float64)


def _collapsed(evidence: Evidence) -> list[npt.NDArray[np.intp]]:
    """Return row numbers by stratum; one of which one thing was drawn joins its neighbour."""
    groups: list[tuple[str, npt.NDArray[np.intp]]] = []
    names, drawn = _strata(evidence), _drawn(evidence)

    def alone(rows: npt.NDArray[np.intp]) -> bool:
        return len(np.unique(drawn[rows])) < 2

    for name in np.unique(names):
        plan, rows = str(name).split("\t")[0], np.flatnonzero(names == name)
        if groups and groups[-1][0] == plan and (alone(rows) or alone(groups[-1][1])):
            rows = np.concatenate([groups.pop()[1], rows])
        groups.append((plan, rows))
    return [rows for _, rows in groups]


def decide(
    effective: float,
    difference: float,
    interval: tuple[float, float] | None,
    margin: float,
    settings: GateSettings,
) -> tuple[Verdict, str, int | None]:
    """Return the verdict, what is wanting, and how many effective positives that takes.

    ``margin`` is in the metric's own units, as ``difference`` and ``interval`` are.
    """
    short = settings.min_effective_positives - effective
    if short > 0:
        return "insufficient", "positives", _wanting(short)
    if interval is None:
        return "insufficient", "interval", None
    low, high = interval
    if low > 0:
        return "win", "", None
    if low >= -margin:
        return "non_inferior", "", None
    if high < 0:
        return "worse", "", None
    # The width shrinks with the root of the evidence; how much would settle it as it stands?
    room = max(difference + margin, -difference)
    if room <= 0:
        return "insufficient", "interval", None
    return "insufficient", "interval", _wanting(effective * (((high - low) / 2 / room) ** 2 - 1))


def _wanting(number: float) -> int:
    return max(1, math.ceil(number))
