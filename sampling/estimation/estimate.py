"""What the verdicts say about the whole frame: the total overpaid, and the rate of findings.

In: the design of a plan, its drawn list and its outcomes. Out: an `Estimate` for all drawn cases
or for the random part alone, with a row per response cell.

Stratified expansion (Horvitz-Thompson) estimator, Cochran, Sampling Techniques, 3rd ed. (1977),
chapter 5; Saerndal, Swensson and Wretman (1992), section 3.7: total = sum N_h ybar_h with variance
sum N_h^2 (1 - r_h/N_h) s_h^2 / r_h, where r_h are the final verdicts received. Degrees of freedom
are Satterthwaite's (Cochran, eq. 5.16). Missing verdicts are made up for within response cells
(`sampling.weights`). A cell of several strata uses the weighted mean, and as its variance
(1 - r/N) s^2 sum w^2 with final weights w and s^2 about the plain mean of all its verdicts, that is
Kish's effective sample size (Survey Sampling, 1965, section 11.7). For one stratum both are the
formulae above; for several, differences between the strata make the variance larger, not smaller.

Sums are exact (integers and fractions); only the standard error is a float.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import pyarrow as pa

from sampling.design import Design
from sampling.estimation.intervals import Quantity, quantity, satterthwaite
from sampling.faults import Fault, SamplingError
from sampling.outcome_rows import DISPOSITIONS
from sampling.weights import Response, ResponseCell, response_cells

Part = Literal["all", "random"]
FEW_POSITIVES = 10
FEW_VERDICTS = 30


class EstimateError(SamplingError):
    """There are too few verdicts to say anything about the whole."""


@dataclass(frozen=True)
class CellRow:
    """One response cell: its numbers, its weighted mean amount and rate, its part of the total."""

    strata: str
    units: int
    drawn: int
    responded: int
    confirmed: int
    mean_amount: float
    rate: float
    total: float
    variance: float


@dataclass(frozen=True)
class Estimate:
    """What a part of the draw says about the frame; amounts in minor units."""

    part: Part
    units: int
    drawn: int
    responded: int
    confirmed: int
    found: int
    total: Quantity
    rate: Quantity
    rows: tuple[CellRow, ...]
    notes: tuple[Fault, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class _Sums:
    """Of one stratum's verdicts: count, sum and sum of squares of a quantity."""

    response: Response
    first: int
    second: int


def estimate(design: Design, draws: pa.Table, outcomes: pa.Table, part: Part = "all") -> Estimate:
    """Return the estimate from all drawn cases, or from the random part alone.

    Args:
        design: the integers of the draw.
        draws: the drawn list.
        outcomes: current outcomes of the plan (one row per unit), as the ledger returns them.
        part: ``random`` uses only cases tagged random, with the floor of each stratum as n_h.

    Raises:
        EstimateError: if fewer than two final verdicts were received and units are missing.
    """
    amounts, labels = _received(draws, outcomes, part)
    responses = [
        Response(s.name, s.units, s.draws if part == "all" else s.floor, len(labels[s.name]))
        for s in design.strata
    ]
    cells = response_cells(responses)
    if any(c.weak for c in cells):
        raise EstimateError([_too_few(sum(c.responded for c in cells))])
    money = [[_sums(r, amounts[r.name]) for r in c.strata] for c in cells]
    finds = [[_sums(r, labels[r.name]) for r in c.strata] for c in cells]
    found = sum(s.first for cell in money for s in cell)
    confirmed = sum(s.first for cell in finds for s in cell)
    positives = _thin_positives(cells, finds)
    return Estimate(
        part, design.units, sum(r.draws for r in responses), sum(r.responded for r in responses),
        confirmed, found,
        _quantity(cells, money, Fraction(1), float(found), math.inf),
        _quantity(cells, finds, Fraction(1, design.units), confirmed / design.units, 1.0),
        tuple(_row(c, m, f) for c, m, f in zip(cells, money, finds, strict=True)),
        tuple(_notes(cells, responses, positives)),
    )  # fmt: skip


def _received(
    draws: pa.Table, outcomes: pa.Table, part: Part
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return amounts and labels of the final verdicts by stratum."""
    verdicts = {
        row["unit_id"]: row
        for row in outcomes.select(["unit_id", "disposition", "overpaid_amount"]).to_pylist()
    }
    amounts: dict[str, list[int]] = {}
    labels: dict[str, list[int]] = {}
    for row in draws.select(["unit_id", "stratum", "tag"]).to_pylist():
        verdict = verdicts.get(row["unit_id"])
        label = DISPOSITIONS[verdict["disposition"]].label if verdict else None
        if label is None or verdict is None or (part == "random" and row["tag"] != "random"):
            continue
        labels.setdefault(row["stratum"], []).append(label)
        amounts.setdefault(row["stratum"], []).append(label * (verdict["overpaid_amount"] or 0))
    return _Default(amounts), _Default(labels)


class _Default(dict[str, list[int]]):
    def __missing__(self, key: str) -> list[int]:
        return []


def _sums(response: Response, values: Sequence[int]) -> _Sums:
    return _Sums(response, sum(values), sum(v * v for v in values))


def _mean(cell: Sequence[_Sums]) -> Fraction:
    weight = sum((s.response.base_weight * s.response.responded for s in cell), Fraction(0))
    return sum((s.response.base_weight * s.first for s in cell), Fraction(0)) / weight


def _variance(cell: ResponseCell, sums: Sequence[_Sums]) -> Fraction:
    """Return the variance of the cell's total; zero where every unit has a verdict."""
    if cell.complete:
        return Fraction(0)
    r = cell.responded
    first, second = sum(s.first for s in sums), sum(s.second for s in sums)
    spread = (second - Fraction(first * first, r)) / (r - 1)
    squared = sum(s.base_weight**2 * s.responded for s in cell.strata) * cell.factor**2
    return (1 - Fraction(r, cell.units)) * spread * squared


def _quantity(
    cells: Sequence[ResponseCell], sums: Sequence[Sequence[_Sums]], scale: Fraction,
    least: float, most: float,
) -> Quantity:  # fmt: skip
    """Return total x scale; bounds never leave what was found or what is possible.

    Equal verdicts throughout have no variance: they say nothing about how far the others differ.
    """
    total = sum((c.units * _mean(s) for c, s in zip(cells, sums, strict=True)), Fraction(0))
    variances = [_variance(c, s) for c, s in zip(cells, sums, strict=True)]
    return quantity(
        float(total * scale), float(sum(variances, Fraction(0)) * scale**2),
        satterthwaite([float(v) for v in variances], [c.responded - 1 for c in cells]),
        complete=all(c.complete for c in cells), least=least, most=most,
    )  # fmt: skip


def _row(cell: ResponseCell, money: Sequence[_Sums], finds: Sequence[_Sums]) -> CellRow:
    mean = _mean(money)
    return CellRow(
        cell.name, cell.units, sum(s.draws for s in cell.strata), cell.responded,
        sum(s.first for s in finds), float(mean), float(_mean(finds)), float(cell.units * mean),
        float(_variance(cell, money)),
    )  # fmt: skip


def _notes(
    cells: Sequence[ResponseCell], responses: Sequence[Response], positives: int
) -> list[Fault]:
    notes = []
    missing = sum(r.draws - r.responded for r in responses)
    if missing:
        notes.append(_missing(missing))
    joined = [c for c in cells if len(c.strata) > 1]
    if joined:
        notes.append(_joined([c.name for c in joined]))
    received = sum(c.responded for c in cells if not c.complete)
    if received and (positives < FEW_POSITIVES or received < FEW_VERDICTS):
        notes.append(_few(positives, received))
    return notes


def _thin_positives(cells: Sequence[ResponseCell], finds: Sequence[Sequence[_Sums]]) -> int:
    """Return the findings in the least inspected cells that hold half of the units not inspected.

    These cells decide how wide the truth can be, and a mean of many zeros and a few amounts is far
    from normal: with few findings there the interval is too short, above all upwards (Cochran,
    section 2.15, on positive skewness), however many findings the well inspected cells have.
    """
    open_ = [(c, f) for c, f in zip(cells, finds, strict=True) if not c.complete]
    open_.sort(key=lambda pair: (Fraction(pair[0].responded, pair[0].units), pair[0].name))
    unseen = sum(c.units - c.responded for c, _ in open_)
    passed = positives = 0
    for cell, sums in open_:
        passed += cell.units - cell.responded
        positives += sum(s.first for s in sums)
        if 2 * passed >= unseen:
            break
    return positives


def _too_few(received: int) -> Fault:
    return Fault(
        "ESTIMATE_FEW", f"There are {received} final verdicts; an estimate needs at least two.",
        f"最终结论只有{received}个，估计至少需要两个。",
    )  # fmt: skip


def _missing(count: int) -> Fault:
    return Fault(
        "ESTIMATE_MISSING", f"{count} drawn cases have no final verdict. The others of their cell "
        "stand for them, on the assumption that a verdict's absence has nothing to do with what it "
        "would have been.",
        f"有{count}个抽中案件没有最终结论，由同组其他案件代表；前提是缺失与结论本身无关。",
    )  # fmt: skip


def _joined(names: Sequence[str]) -> Fault:
    return Fault(
        "ESTIMATE_JOINED", f"Strata with fewer than two verdicts were joined: {'; '.join(names)}.",
        f"结论少于两个的层已合并：{'；'.join(names)}。",
    )  # fmt: skip


def _few(positives: int, received: int) -> Fault:
    return Fault(
        "ESTIMATE_NORMAL_UNSAFE", f"Of {received} verdicts that carry uncertainty only {positives} "
        "findings lie where half of the units not inspected are. The interval is then too short, "
        "above all upwards, and misses the truth more often than it says. Rely on it only from "
        f"{FEW_POSITIVES} such findings and {FEW_VERDICTS} verdicts on: draw more at random.",
        f"承载不确定性的{received}个结论中，占未检查对象一半的各层只有{positives}个查实。此时区间偏短（尤其上限），"
        f"不覆盖真值的机会大于所称。这类查实不少于{FEW_POSITIVES}个、结论不少于{FEW_VERDICTS}个时方可依据；请增加随机抽取。",
    )  # fmt: skip
