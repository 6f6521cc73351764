"""Charts as numbers: positions in per cent, computed from a record, drawn by the template as SVG.

In: an explanation record. Out: the steps of a waterfall from the base value over the reasons and
the calibration to the score, and the place of a value within what is typical. Nothing is estimated
here: every length is a number of the record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Reason = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: where it begins and how wide it is, in per cent of the axis."""

    kind: str
    reason_code: str
    amount: float
    left: float
    width: float
    zero: float


@dataclass(frozen=True)
class Strip:
    """Typical range, middle and value of one feature, in per cent of the strip."""

    low: float
    width: float
    middle: float
    value: float


#: Reasons that are told at once; the others are one bar and open on demand.
LEADING = 8
_MARGIN = 0.04
_THINNEST = 0.6


def leading(reasons: Sequence[Reason]) -> tuple[list[Reason], list[Reason]]:
    """Return the reasons that move the score most and the others, each in the order given.

    One reason alone is not left over: it would take as much room as its own bar.
    """
    if len(reasons) <= LEADING + 1:
        return list(reasons), []
    by_size = sorted(reasons, key=lambda r: (-abs(r["contribution"]), r["reason_code"]))
    told = {reason["reason_code"] for reason in by_size[:LEADING]}
    shown = [reason for reason in reasons if reason["reason_code"] in told]
    return shown, [reason for reason in reasons if reason["reason_code"] not in told]


def waterfall(record: Mapping[str, Any]) -> list[Step]:
    """Return the steps that lead from 0 over base, reasons and calibration to the score.

    The reasons that are not among the leading ones are one step, ``rest``.
    """
    shown, others = leading(record["reasons"])
    parts = [("base", "", record["base_value"])]
    parts += [("reason", r["reason_code"], r["contribution"]) for r in shown]
    if others:
        parts.append(("rest", "", math.fsum(r["contribution"] for r in others)))
    if record["score_name"] != "anomaly_score":
        parts.append(("calibration", "", record["calibration"]))
    spans, reached = [], 0.0
    for kind, code, amount in parts:
        spans.append((kind, code, amount, reached, reached + amount))
        reached += amount
    spans.append(("score", "", record["score"], 0.0, record["score"]))
    ends = [end for span in spans for end in span[3:]]
    place = _scale(min(ends), max(ends))
    return [_step(kind, code, amount, place(a), place(b), place(0.0))
            for kind, code, amount, a, b in spans]  # fmt: skip


def strip(feature: Mapping[str, Any]) -> Strip | None:
    """Return where a feature's value lies among its peers; None where either is not known."""
    typical, value = feature["typical"], feature["value"]
    if typical is None or value is None:
        return None
    ends = [typical["p05"], typical["p95"], value]
    place = _scale(min(ends), max(ends))
    low, high = place(typical["p05"]), place(typical["p95"])
    return Strip(low, max(high - low, _THINNEST), place(typical["p50"]), place(value))


def _step(kind: str, code: str, amount: float, start: float, end: float, zero: float) -> Step:
    width = max(abs(end - start), _THINNEST) if amount else 0.0
    return Step(kind, code, amount, round(min(start, end), 2), round(width, 2), round(zero, 2))


def _scale(low: float, high: float) -> Any:
    spread = (high - low) or 1.0
    return lambda x: round(100 * (_MARGIN + (1 - 2 * _MARGIN) * (x - low) / spread), 2)
