"""What holds of a plan's total without a normal approximation or an assumption about the missing.

In: a plan's verdicts, and what was known of the frame before the draw. Out: exact limits of the
findings and of the total, and the bounds that no truth about missing verdicts can leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sampling.estimation.exact_bounds import findings_between, most_overpaid
from sampling.estimation.nonresponse import ExtremeBounds, extreme_bounds
from sampling.estimation.stratified import Floats
from sampling.estimation.verdict_sample import VerdictSample
from sampling.faults import Fault

EXACT_RISK = 0.10


@dataclass(frozen=True, eq=False)
class FrameKnown:
    """What was known of every unit of the frame before the draw, in the frame's order.

    ``score`` is in minor units (None where the sealed version is not at hand, and ``why_not`` says
    why), ``score_name`` says what it is.
    """

    unit_ids: tuple[str, ...]
    strata: tuple[str, ...]
    size_minor: npt.NDArray[np.int64]
    score: Floats | None = None
    score_name: str = ""
    why_not: Fault | None = None


@dataclass(frozen=True)
class Exact:
    """Limits that hold however little was found: findings at 95 %, the total at one-sided 90 %."""

    least_findings: int
    most_findings: int
    most_total: int | None


def exact_limits(verdicts: VerdictSample, known: FrameKnown | None) -> Exact:
    """Return the limits that hold however little was found.

    The total has one only where the frame's amounts are at hand and no finding is above its unit's
    amount: the limit rests on no unit being overpaid by more.
    """
    sizes = {s.stratum.name: s.stratum.units for s in verdicts.strata}
    seen = {s.stratum.name: s.responded for s in verdicts.strata}
    confirmed = {s.stratum.name: s.confirmed for s in verdicts.strata}
    least, most = findings_between(sizes, seen, confirmed)
    above = any(y is not None and y > size for _, _, size, y in verdicts.answers)
    total = None
    if known is not None and not above:
        total = most_overpaid(
            sizes, seen, confirmed, verdicts.found, _unseen(verdicts, known), EXACT_RISK
        )
    return Exact(least, most, total)


def _unseen(verdicts: VerdictSample, known: FrameKnown) -> dict[str, list[int]]:
    """Return the amounts of the units without a final verdict, by stratum."""
    answered = {u for u, _, _, y in verdicts.answers if y is not None}
    unseen: dict[str, list[int]] = {s.stratum.name: [] for s in verdicts.strata}
    sizes = known.size_minor.tolist()
    for unit, stratum, size in zip(known.unit_ids, known.strata, sizes, strict=True):
        if unit not in answered:
            unseen[stratum].append(size)
    return unseen


def extreme_limits(verdicts: VerdictSample) -> ExtremeBounds | None:
    """Return the bounds that no truth about missing verdicts can leave; None if none is missing."""
    if not verdicts.answered.missing:
        return None
    ids, strata, sizes, amounts = zip(*verdicts.answers, strict=True)
    most = dict(zip(ids, (float(s) for s in sizes), strict=True))
    y = [None if a is None else float(a) for a in amounts]
    return extreme_bounds(
        {s.stratum.name: s.stratum.units for s in verdicts.strata}, ids, strata, y, most
    )
