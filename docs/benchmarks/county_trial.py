"""One trial on a simulated county: verdicts before a cut, a ranking, the truth of what follows.

In: a ``County``. Out: the rows before the cut with their labels (a designed plan's and the biased
history's), the rows after it with the truth, and how a ranking of these does.

A plan is drawn after 18 months from the claims of the 12 months before, as `jihe demo` does, by the
cold start's ranking; its verdicts are known 35 days later. Labels are cut ten days after that. The
history is that of the 12 months before the cut. The test period is all that became known later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from county_data import County

from claims.contracts import table
from claims.simulator.inspectors import inspect
from features.clock import cut
from features.matrix import Matrix
from sampling.drawing.draw import draw
from sampling.planning.stratify import design_plan
from training.apply import rank
from training.past_verdicts import past_outcomes

Floats = npt.NDArray[np.float64]

PLAN_DAY = date(2025, 7, 1)
FRAME_FROM = date(2024, 7, 1)
INSPECTED = PLAN_DAY + timedelta(days=30)
VERDICTS = INSPECTED + timedelta(days=5)
CUT = PLAN_DAY + timedelta(days=45)
CAPACITY = 600


@dataclass(frozen=True)
class Trial:
    """Rows before and after the cut, and what was truly overpaid in them."""

    before: Matrix
    after: Matrix
    overpaid_before: npt.NDArray[np.int64]
    overpaid: npt.NDArray[np.int64]
    schemes_before: npt.NDArray[np.str_]
    schemes: npt.NDArray[np.str_]
    originals_before: npt.NDArray[np.str_]


def split(made: County) -> Trial:
    """Cut a county's claims in two."""
    matrix = made.matrix
    early = matrix.known_at < np.datetime64(cut(CUT, matrix.zone), "us")
    return Trial(
        replace(matrix.take(early), as_of_date=CUT),
        matrix.take(~early),
        made.overpaid[early],
        made.overpaid[~early],
        made.schemes[early],
        made.schemes[~early],
        made.originals[early],
    )


def frame_rows(trial: Trial) -> npt.NDArray[np.intp]:
    """Return which rows before the cut the plan's frame holds."""
    zone, known = trial.before.zone, trial.before.known_at
    first, last = (np.datetime64(cut(day, zone), "us") for day in (FRAME_FROM, PLAN_DAY))
    return np.flatnonzero((known >= first) & (known < last))


def plan_outcomes(
    made: County, trial: Trial, anomaly: Floats, seed: int, capacity: int = CAPACITY
) -> pa.Table:
    """Return the verdicts of a plan drawn by the cold start's ranking of the rows before the cut.

    ``anomaly`` scores all rows before the cut; the plan's frame is part of them.
    """
    rows = frame_rows(trial)
    ids = trial.before.unit_ids[rows]
    same = np.full(len(rows), "any")
    frame, design = design_plan(
        "claim", ids, rank(anomaly[rows], ids, seed), same, same,
        np.maximum(trial.before.amounts[rows], 0), capacity=capacity,
    )  # fmt: skip
    drawn = draw(frame, design, hashlib.sha256(f"county trial {seed}".encode()).digest(), "P0001")
    place = np.searchsorted(ids, np.array(drawn["unit_id"].to_pylist()))
    chosen = trial.originals_before[rows][place].tolist()
    verdicts = inspect(made.truth, chosen, on=INSPECTED, seed=seed)
    known = datetime.combine(VERDICTS, time(9), ZoneInfo(trial.before.zone)).astimezone(UTC)
    return table("outcomes").conform(
        pa.Table.from_pylist(
            [
                _outcome(n, unit_id, float(chance), tag, verdict, known)
                for n, (unit_id, chance, tag, verdict) in enumerate(
                    zip(
                        drawn["unit_id"].to_pylist(),
                        drawn["inclusion_prob"].to_pylist(),
                        drawn["tag"].to_pylist(),
                        verdicts,
                        strict=True,
                    )
                )
            ]
        )
    )


def _outcome(
    n: int, unit_id: str, chance: float, tag: str, verdict: Any, known: datetime
) -> dict[str, Any]:
    return {
        "case": f"P{n:05d}",
        "unit": "claim",
        "unit_id": unit_id,
        "plan_id": "P0001",
        "channel": tag,
        "disposition": verdict.disposition,
        "overpaid_amount": verdict.overpaid_amount,
        "reason": None,
        "inspected_on": verdict.inspected_on,
        "inspectors": verdict.inspectors,
        "known_at": known,
        "supersedes": None,
        "inclusion_prob": chance,
        "base_weight": 1.0 / chance,
        "final_weight": 1.0 / chance,
    }


def history_outcomes(made: County, months: int = 12) -> pa.Table:
    """Return the biased history of the last ``months`` months before the cut."""
    outcomes = past_outcomes(made.history, made.appeals)
    first = CUT - timedelta(days=round(months * 365.25 / 12))
    recent = pc.and_(
        pc.greater_equal(outcomes["inspected_on"], first),
        pc.less(outcomes["inspected_on"], CUT),
    )
    return outcomes.filter(recent)


def judge(
    score: npt.NDArray[np.generic], matrix: Matrix, overpaid: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Return AP, precision among the first 100, 200 and 1 %, and the share of the money in 1 %."""
    order = np.argsort(rank(score, matrix.unit_ids, 1))
    hits, money = overpaid[order] > 0, overpaid[order]
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    first = -(-len(hits) // 100)
    return {
        "ap": float(precisions[hits].mean()),
        "p100": float(hits[:100].mean()),
        "p200": float(hits[:200].mean()),
        "p1%": float(hits[:first].mean()),
        "money1%": float(money[:first].sum() / money.sum()),
    }
