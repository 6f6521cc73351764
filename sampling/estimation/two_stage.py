"""Totals from two stages: institutions are drawn, then claims (or records) within each.

In: the institutions drawn, each with a stratified sample of its own claims. Out: the total over
all claims of the frame. The second stage is drawn in every institution independently of the others
and of who else was drawn.

Simple random institutions within strata (Cochran, Sampling Techniques, 3rd ed., 1977, chapter 11;
Saerndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, result 4.3.1): with M_h
institutions of which m_h are drawn, t_i the estimated total of an institution and V_i its estimated
variance, total = sum M_h tbar_h, with variance sum M_h^2 (1 - m_h/M_h) s_t^2 / m_h + (M_h/m_h)
sum V_i. Institutions drawn with unequal chances: Horvitz-Thompson on t_i, variance of Sen, Yates
and Grundy on t_i plus sum V_i / pi_i.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sampling.estimation.intervals import Estimated, quantity, satterthwaite
from sampling.estimation.pps_estimate import pps_total
from sampling.estimation.stratified import StratifiedSample, stratified_sample


@dataclass(frozen=True, eq=False)
class Institution:
    """An institution that was drawn, and the verdicts on its own claims."""

    unit_id: str
    stratum: str
    claims: StratifiedSample

    @cached_property
    def total(self) -> float:
        """t_i, the estimated total of the institution."""
        return self.claims.total(self.claims.y)

    @cached_property
    def variance(self) -> float:
        """V_i, the estimated variance of ``total`` given that the institution was drawn."""
        return float(self.claims.variances(self.claims.y).sum())


def two_stage_total(sizes: Mapping[str, int], institutions: Sequence[Institution]) -> Estimated:
    """Return the total, institutions being simple random within strata.

    Degrees of freedom are Satterthwaite's over the two terms of every stratum, an approximation:
    the terms are not quite independent.

    Args:
        sizes: M_h, institutions of the frame by stratum.
        institutions: those drawn.

    Raises:
        SampleError: naming strata and institutions as `stratified_sample` does.
    """
    first = stratified_sample(
        sizes, [i.unit_id for i in institutions], [i.stratum for i in institutions],
        [i.total for i in institutions],
    )  # fmt: skip
    by_id = {i.unit_id: i for i in institutions}
    ordered = [by_id[unit] for unit in first.unit_ids]
    between = first.variances(first.y)
    raised = first.weights * np.array([i.variance for i in ordered])
    within = first.sums(raised)
    freedom = [
        _freedom(raised[first.codes == h], [i for i in ordered if i.stratum == name])
        for h, name in enumerate(first.strata)
    ]
    variance = float(between.sum() + within.sum())
    df = satterthwaite(
        np.concatenate([between, within]), np.concatenate([np.maximum(first.n - 1, 1), freedom])
    )
    complete = not first.uncertain.any() and not any(_open(i) for i in ordered)
    total = first.total(first.y)
    got = quantity(total, variance, df, complete=complete, least=found_in(ordered))
    return Estimated("two_stage", total, variance, got, ())


def two_stage_pps_total(
    institutions: Sequence[Institution], pi: npt.ArrayLike, joint: npt.ArrayLike
) -> Estimated:
    """Return the total, institutions being drawn with unequal chances.

    Args:
        institutions: those drawn; their strata don't matter.
        pi: their inclusion probabilities, in the same order.
        joint: matrix of their joint inclusion probabilities, in the same order.

    Raises:
        PpsError: as `pps_total`.
    """
    first = pps_total([i.unit_id for i in institutions], [i.total for i in institutions], pi, joint)
    chances = np.asarray(pi, dtype=np.float64)
    order = sorted(range(len(institutions)), key=lambda k: institutions[k].unit_id.encode())
    ordered = [institutions[k] for k in order]
    raised = np.array([i.variance for i in ordered]) / chances[order]
    left = max(int((chances < 1).sum()) - 1, 1)
    variance = first.variance + float(raised.sum())
    df = satterthwaite([first.variance, float(raised.sum())], [left, _freedom(raised, ordered)])
    complete = bool((chances == 1).all()) and not any(_open(i) for i in ordered)
    got = quantity(first.estimate, variance, df, complete=complete, least=found_in(ordered))
    return Estimated("two_stage_pps", first.estimate, variance, got, ())


def _freedom(raised: npt.NDArray[np.float64], institutions: Sequence[Institution]) -> float:
    """Return the degrees of freedom of a sum of second-stage variances, at least 1."""
    freedom = [
        satterthwaite(i.claims.variances(i.claims.y), np.maximum(i.claims.n - 1, 1))
        for i in institutions
    ]
    return max(satterthwaite(raised, np.maximum(freedom, 1)), 1.0)


def _open(institution: Institution) -> bool:
    return bool(institution.claims.uncertain.any())


def found_in(institutions: Sequence[Institution]) -> float:
    """Return the sum found in all institutions, where no value is negative."""
    values = np.concatenate([i.claims.y for i in institutions])
    return float(values.sum()) if bool((values >= 0).all()) else -math.inf
