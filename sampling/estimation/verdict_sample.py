"""The final verdicts of a plan as a sample that every estimator takes.

In: the design of a plan, its drawn list and its current outcomes. Out: a `VerdictSample`: amounts
of the units with a final verdict (zero where nothing was confirmed), weights raised for those
without one, and what came back, by stratum.

Strata with fewer than two verdicts join others (`sampling.weights`). Within such a cell weights
differ, and a `StratifiedSample` knows one weight per cell; so values are multiplied by
final weight x r / N of their cell. Totals are then exactly the weighted ones, and the variance is
that of collapsed strata (Cochran, Sampling Techniques, 3rd ed., 1977, section 5A.12): differences
between the joined strata make it larger, never smaller. Where a stratum is its own cell the
multiplier is one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from sampling.design import Design, Stratum
from sampling.estimation.auxiliary import Auxiliary, auxiliary
from sampling.estimation.estimate import EstimateError
from sampling.estimation.intervals import quantity
from sampling.estimation.nonresponse import Answered, answered_sample
from sampling.estimation.stratified import Floats, Linearised, StratifiedSample
from sampling.faults import Fault
from sampling.outcome_rows import DISPOSITIONS
from sampling.weights import Response, ResponseCell, response_cells


@dataclass(frozen=True)
class StratumReturn:
    """What came back of one stratum; ``found`` in minor units, over final verdicts."""

    stratum: Stratum
    responded: int
    confirmed: int
    found: int

    @property
    def group(self) -> str:
        """The class of the stratum: the first part of its name."""
        return self.stratum.name.split("/")[0]

    @property
    def complete(self) -> bool:
        """Whether every unit of the stratum has a final verdict."""
        return self.responded == self.stratum.units


@dataclass(frozen=True, eq=False)
class VerdictSample:
    """Verdicts ready for estimation; ``scale`` is per row of the sample, see the module's text.

    ``answers`` holds the drawn units in the order of the drawn list: id, stratum, size, amount of
    the final verdict or None. ``cell_of`` names the cell of each stratum.
    """

    answered: Answered
    scale: Floats
    strata: tuple[StratumReturn, ...]
    answers: tuple[tuple[str, str, int, int | None], ...]
    cell_of: Mapping[str, str]
    confirmed: frozenset[str]
    dispositions: Mapping[str, int]

    @property
    def sample(self) -> StratifiedSample:
        """The units with a final verdict; ``y`` is already multiplied by ``scale``."""
        return self.answered.sample

    @property
    def found(self) -> int:
        """Sum found in the units inspected, in minor units."""
        return sum(s.found for s in self.strata)

    @property
    def joined(self) -> bool:
        """Whether strata had to be joined."""
        return len(set(self.cell_of.values())) < len(self.cell_of)

    @property
    def open_verdicts(self) -> int:
        """Final verdicts in cells of which not every unit has one."""
        return int(self.sample.n[self.sample.uncertain].sum())

    def auxiliary(
        self, unit_ids: Sequence[str], strata: Sequence[str], values: Floats
    ) -> Auxiliary:
        """Return what was known of every unit of the frame, weighted as the verdicts are.

        Raises:
            SampleError: as `estimation.auxiliary.auxiliary`.
        """
        cells = [self.cell_of.get(s, s) for s in strata]
        plain = auxiliary(self.sample, unit_ids, cells, values)
        return Auxiliary(plain.x * self.scale[:, None], plain.X)

    def members(self, group: str) -> list[str]:
        """Return the units with a verdict whose stratum belongs to a class."""
        strata = {s.stratum.name for s in self.strata if s.group == group}
        return [u for u, stratum, _, y in self.answers if y is not None and stratum in strata]

    def bounded(self, result: Linearised) -> Linearised:
        """Return an estimate of the total whose intervals never fall below what was found."""
        if not self.joined:
            return result
        got = quantity(
            result.estimate, result.variance, result.quantity.df or 0.0,
            complete=result.quantity.standard_error == 0, least=self.found,
        )  # fmt: skip
        return replace(result, quantity=got, least=float(self.found))


def verdict_sample(design: Design, draws: pa.Table, outcomes: pa.Table) -> VerdictSample:
    """Return the sample of a plan's final verdicts.

    Args:
        design: the integers of the draw.
        draws: the drawn list.
        outcomes: current outcomes of the plan (one row per unit), as the ledger returns them.

    Raises:
        EstimateError: if fewer than two final verdicts were received and units are missing.
        SampleError: naming units and strata that do not fit the design.
    """
    verdicts = {r["unit_id"]: r for r in outcomes.select(_OUTCOME).to_pylist()}
    rows = draws.select(["unit_id", "stratum", "size_minor"]).to_pylist()
    answers = tuple(
        (r["unit_id"], r["stratum"], r["size_minor"], confirmed_amount(verdicts.get(r["unit_id"])))
        for r in rows
    )
    confirmed = frozenset(u for u, *_ in answers if label_of(verdicts.get(u)) == 1)
    strata = tuple(_returned(s, answers, confirmed) for s in design.strata)
    cells = _cells(strata)
    cell_of = {s.name: c.name for c in cells for s in c.strata}
    scale = {s.name: _scale(c, s) for c in cells for s in c.strata}
    answered = answered_sample(
        {c.name: c.units for c in cells}, [a[0] for a in answers],
        [cell_of[a[1]] for a in answers],
        [None if a[3] is None else a[3] * scale[a[1]] for a in answers],
    )  # fmt: skip
    stratum_of = {a[0]: a[1] for a in answers}
    scales = np.array([scale[stratum_of[u]] for u in answered.sample.unit_ids])
    returned = Counter(r["disposition"] for r in verdicts.values())
    return VerdictSample(answered, scales, strata, answers, cell_of, confirmed, returned)


_OUTCOME = ["unit_id", "disposition", "overpaid_amount"]


def label_of(verdict: Mapping[str, Any] | None) -> int | None:
    """Return 1 or 0 for a final verdict, None without one."""
    return None if verdict is None else DISPOSITIONS[verdict["disposition"]].label


def confirmed_amount(verdict: Mapping[str, Any] | None) -> int | None:
    """Return what a final verdict confirmed, 0 where it confirmed nothing; None without one."""
    label = label_of(verdict)
    return None if label is None or verdict is None else label * (verdict["overpaid_amount"] or 0)


def _returned(
    stratum: Stratum, answers: Sequence[tuple[str, str, int, int | None]],
    confirmed: frozenset[str],
) -> StratumReturn:  # fmt: skip
    mine = [(u, y) for u, s, _, y in answers if s == stratum.name and y is not None]
    return StratumReturn(
        stratum, len(mine), sum(u in confirmed for u, _ in mine), sum(y for _, y in mine)
    )


def _cells(strata: Sequence[StratumReturn]) -> list[ResponseCell]:
    cells = response_cells(
        [Response(s.stratum.name, s.stratum.units, s.stratum.draws, s.responded) for s in strata]
    )
    if any(c.weak for c in cells):
        received = sum(c.responded for c in cells)
        raise EstimateError([Fault(
            "ESTIMATE_FEW", f"There are {received} final verdicts; an estimate needs at least two.",
            f"最终结论只有{received}个，估计至少需要两个。",
        )])  # fmt: skip
    return cells


def _scale(cell: ResponseCell, stratum: Response) -> float:
    """Return final weight x r / N of the cell: exactly one where the stratum is its own cell."""
    share = stratum.base_weight * cell.factor * Fraction(cell.responded, cell.units)
    return float(share) if math.isfinite(float(share)) else 1.0
