"""The verdicts of a plan by size or in two stages, as the institutions that estimators take.

In: the drawn cases of a plan, which of them have a final verdict, the strata or the chances of its
institutions. Out: a `StagedSample`, which gives the total of any values of the cases, and what a
bootstrap of it resamples.

Institutions without enough verdicts are made up for within response cells
(`sampling.staged_weights`); by size the a that answered count as a simple random sample of the n
drawn, so that pi_k becomes pi_k a/n and pi_kl becomes pi_kl a(a-1)/(n(n-1)): two-phase sampling,
Saerndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), section 9.3. Where strata
were joined, values are multiplied as in `estimation.verdict_sample`, so that totals keep their
weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from sampling.drawing.pps import joint_inclusion_probabilities
from sampling.estimation import staged_notes as say
from sampling.estimation.estimate import EstimateError
from sampling.estimation.intervals import Estimated
from sampling.estimation.pps_estimate import pps_total
from sampling.estimation.staged_replication import (
    FirstStage,
    first_stage_by_size,
    first_stage_of_strata,
)
from sampling.estimation.stratified import Floats, stratified_sample
from sampling.estimation.two_stage import Institution, two_stage_pps_total, two_stage_total
from sampling.faults import checked
from sampling.staged_weights import StagedCase, answered_psus, first_stage_cells
from sampling.weights import ResponseCell

Values = Mapping[str, int]
Strata = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Sized:
    """The institutions of a frame by size in its order, with their working weights."""

    unit_ids: Sequence[str]
    weights: Sequence[int]
    n: int

    def joint(self, chosen: Sequence[str]) -> Floats:
        """Return the matrix of joint chances of these institutions."""
        place = {unit: k for k, unit in enumerate(self.unit_ids)}
        rows = [place[unit] for unit in chosen]
        return joint_inclusion_probabilities(self.weights, self.n)[np.ix_(rows, rows)]


@dataclass(frozen=True, eq=False)
class StagedSample:
    """Cases by institution that answered, in the order of the bytes of their ids.

    ``chances`` are the institutions' chances and joint chances; None where strata drew them.
    """

    cases: Mapping[str, tuple[StagedCase, ...]]
    strata: Strata
    cells: tuple[ResponseCell, ...]
    chances: tuple[Floats, Floats] | None
    listed: bool

    def institutions(self, values: Values) -> list[Institution]:
        """Return the institutions that answered, with these values of their cases."""
        return [
            replace(empty, claims=empty.claims.with_values(
                np.array([values[unit] * scale for unit in empty.claims.unit_ids])
            ))
            for empty, scale in self._empty
        ]  # fmt: skip

    @cached_property
    def _empty(self) -> list[tuple[Institution, float]]:
        """Return the institutions without values, and what multiplies values in each of them."""
        cell_of = {s.name: cell for cell in self.cells for s in cell.strata}
        scales = {h: _scale(cell_of[h], sizes) for h, sizes in self.strata.items()}
        found = []
        for psu, mine in self.cases.items():
            ids = [c.case for c in mine if c.answered]
            claims = stratified_sample({psu: mine[0].size}, ids, [psu] * len(ids), [0.0] * len(ids))
            stratum = mine[0].stratum
            found.append((Institution(psu, cell_of[stratum].name, claims), scales[stratum]))
        return found

    def total(self, values: Values) -> Estimated:
        """Return the total of these values over the frame."""
        if self.chances is None:
            return two_stage_total(self._sizes, self.institutions(values))
        if self.listed:
            return pps_total(list(self.cases), [values[psu] for psu in self.cases], *self.chances)
        return two_stage_pps_total(self.institutions(values), *self.chances)

    def first_stage(self, values: Values) -> list[FirstStage]:
        """Return what a bootstrap of ``total`` resamples."""
        if self.chances is None:
            return first_stage_of_strata(self._sizes, self.institutions(values))
        return first_stage_by_size(self.institutions(values), *self.chances)

    @property
    def _sizes(self) -> dict[str, int]:
        return {cell.name: cell.units for cell in self.cells}


def staged_sample(
    cases: Sequence[StagedCase], strata: Strata, sized: Sized | None, *, listed: bool = False
) -> StagedSample:
    """Return the sample of a plan's final verdicts.

    Args:
        cases: the drawn cases.
        strata: N_h and n_h of every stratum of institutions.
        sized: the weights, where institutions are drawn by size.
        listed: whether institutions themselves are the cases, under one stage.

    Raises:
        EstimateError: if too few institutions have answered.
    """
    cells = first_stage_cells(cases, strata)
    weak = any(c.weak for c in cells)
    checked([say.too_few(sum(c.responded for c in cells))] if weak else [], EstimateError)
    mine = defaultdict[str, list[StagedCase]](list)
    for case in cases:
        mine[case.psu].append(case)
    answered = sorted(answered_psus(cases), key=str.encode)
    kept = {psu: tuple(mine[psu]) for psu in answered}
    chances = None if sized is None else _chances(kept, sized)
    return StagedSample(kept, strata, tuple(cells), chances, listed)


def _scale(cell: ResponseCell, stratum: tuple[int, int]) -> float:
    """Return final weight x r / N of the cell: one where the stratum is its own cell."""
    return float(Fraction(*stratum) * cell.factor * Fraction(cell.responded, cell.units))


def _chances(answered: Mapping[str, tuple[StagedCase, ...]], sized: Sized) -> tuple[Floats, Floats]:
    a, n = len(answered), sized.n
    joint = sized.joint(list(answered))
    pi = np.array([float(mine[0].chance) for mine in answered.values()]) * (a / n)
    if a < n:
        joint = joint * (a * (a - 1) / (n * (n - 1)))
        np.fill_diagonal(joint, pi)
    return pi, joint
