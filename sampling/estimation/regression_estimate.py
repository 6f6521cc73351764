"""Totals that a score known for every unit sharpens: regression (GREG) and difference estimators.

In: a stratified sample and auxiliary values known for the whole frame. Out: a `Linearised` total.

GREG, Saerndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), chapter 6: with the
strata's own intercepts and slopes B common to all strata, total = sum_h N_h (ybar_h + (Xbar_h -
xbar_h)'B), variance from the g-weighted residuals g_k e_k (result 6.6.1) with the stratified
formula. B = (sum c_h Sxx_h)^-1 sum c_h Sxy_h with c_h = N_h / n_h (weighted least squares), or
c_h = N_h^2 (1 - f_h) / (n_h (n_h - 1)), which minimises the estimated variance (Cochran, Sampling
Techniques, 3rd ed., 1977, section 7.10). Take-all strata add their sums and don't bend the slope.
The slope is estimated, so a useless score leaves the estimate nearly where it was without it.

The difference estimator (ibid., section 6.3) fixes the slope beforehand, 1 by default: unbiased
exactly, but only as good as the score is in the units of the total. It always carries a warning.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.sample_faults import SampleError, few_for_slopes
from sampling.estimation.stratified import (
    Floats,
    Linearised,
    StratifiedSample,
    found_so_far,
    linearise,
)
from sampling.faults import Fault, checked

Slope = Literal["weighted", "optimal"]
_RELATIVE_RANK = 1e-10


def expansion_total(sample: StratifiedSample) -> Linearised:
    """Return the stratified expansion (Horvitz-Thompson) total, the measure of the others."""
    return linearise(
        sample, "expansion", sample.total(sample.y), sample.y, least=found_so_far(sample)
    )


def greg_total(
    sample: StratifiedSample, aux: Auxiliary, *, slope: Slope = "weighted"
) -> Linearised:
    """Return the regression total with slopes common to all strata.

    Raises:
        SampleError: if there are no degrees of freedom left beside the slopes.
    """
    dx, dy = sample.centred(aux.x), sample.centred(sample.y)
    row = _coefficients(sample, slope)[sample.codes]
    M, moment = (dx * row[:, None]).T @ dx, (dx * row[:, None]).T @ dy
    inverse, rank = _inverse(M)
    freedom = int(np.where(sample.uncertain, sample.n - 1, 0).sum())
    if sample.uncertain.any() and freedom <= rank:
        checked([few_for_slopes(" & ".join(sample.strata), freedom, rank)], SampleError)
    B = inverse @ moment
    gap = _gap(sample, aux)
    g = 1 + (row / sample.weights) * (dx @ (inverse @ gap.sum(axis=0)))
    estimate = sample.total(sample.y) + float(gap.sum(axis=0) @ B)
    u = g * (dy - dx @ B)
    notes = [_constant()] if rank < aux.x.shape[1] and sample.uncertain.any() else []
    return linearise(
        sample, f"greg_{slope}", estimate, u, slopes=rank, least=found_so_far(sample), notes=notes
    )


def greg_slopes(sample: StratifiedSample, aux: Auxiliary, *, slope: Slope = "weighted") -> Floats:
    """Return B, the slopes that `greg_total` uses."""
    dx, dy = sample.centred(aux.x), sample.centred(sample.y)
    row = _coefficients(sample, slope)[sample.codes]
    inverse, _ = _inverse((dx * row[:, None]).T @ dx)
    return np.asarray(inverse @ ((dx * row[:, None]).T @ dy))


def greg_weights(sample: StratifiedSample, aux: Auxiliary, *, slope: Slope = "weighted") -> Floats:
    """Return w_k g_k per row: they add up to N_h in every stratum and to the total of x."""
    dx = sample.centred(aux.x)
    row = _coefficients(sample, slope)[sample.codes]
    inverse, _ = _inverse((dx * row[:, None]).T @ dx)
    correction = row * (dx @ (inverse @ _gap(sample, aux).sum(axis=0)))
    return np.asarray(sample.weights + correction)


def regression_terms(
    sample: StratifiedSample, aux: Auxiliary, slope: Slope
) -> tuple[Floats, Floats]:
    """Return c_h by stratum (0 where take-all), and X - Xhat, what the slopes are multiplied by."""
    return _coefficients(sample, slope), _gap(sample, aux).sum(axis=0)


def separate_regression_total(sample: StratifiedSample, aux: Auxiliary) -> Linearised:
    """Return the regression total with slopes of its own in every stratum (Cochran, 7.10).

    Only for strata with many verdicts: the bias of each stratum's slope adds up.

    Raises:
        SampleError: naming each stratum with too few verdicts for its slopes.
    """
    faults, estimate, u = [], 0.0, np.zeros(len(sample.y))
    for h in range(len(sample.strata)):
        part, rows = sample.stratum(h)
        own = Auxiliary(aux.x[rows], aux.X[h : h + 1])
        freedom, slopes = int(part.n[0]) - 1, aux.x.shape[1]
        if part.uncertain[0] and freedom <= slopes:
            faults.append(few_for_slopes(part.strata[0], freedom, slopes))
            continue
        got = greg_total(part, own)
        estimate += got.estimate
        u[rows] = got.u * np.sqrt(got.inflation)
    checked(faults, SampleError)
    return linearise(
        sample, "separate_regression", estimate, u, own_slopes=aux.x.shape[1],
        least=found_so_far(sample),
    )  # fmt: skip


def difference_total(
    sample: StratifiedSample, aux: Auxiliary, slope: float | Floats = 1.0
) -> Linearised:
    """Return the difference total with a slope fixed before the verdicts; always with a warning."""
    B = np.broadcast_to(np.asarray(slope, dtype=np.float64), (aux.x.shape[1],))
    u = sample.y - aux.x @ B
    estimate = sample.total(sample.y) + float(_gap(sample, aux).sum(axis=0) @ B)
    got = linearise(sample, "difference", estimate, u, least=found_so_far(sample))
    plain = expansion_total(sample)
    return linearise(
        sample, "difference", estimate, u, least=found_so_far(sample),
        notes=[_difference(got.variance > plain.variance)],
    )  # fmt: skip


def _coefficients(sample: StratifiedSample, slope: Slope) -> Floats:
    """Return c_h, zero in take-all strata."""
    if slope == "weighted":
        c = sample.N / sample.n
    else:
        expanded = sample.N.astype(np.float64) * (sample.N - sample.n)
        c = expanded / (sample.n * np.maximum(sample.n - 1, 1))
    return np.where(sample.uncertain, c, 0.0)


def _gap(sample: StratifiedSample, aux: Auxiliary) -> Floats:
    """Return X_h - N_h xbar_h by stratum; a take-all stratum has none, whatever the rounding."""
    gap = aux.X - sample.N[:, None] * sample.means(aux.x)
    return np.where(sample.uncertain[:, None], gap, 0.0)


def _inverse(M: Floats) -> tuple[Floats, int]:
    """Return the inverse of a moment matrix (of its range, where it is singular) and its rank.

    Scaled to unit diagonal first, so that the rank does not depend on the units of measurement.
    """
    scale = np.sqrt(np.diag(M))
    one = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    values, vectors = np.linalg.eigh(M * np.outer(one, one))
    kept = values > _RELATIVE_RANK
    part = vectors[:, kept] / np.sqrt(values[kept])
    return (part @ part.T) * np.outer(one, one), int(kept.sum())


def _constant() -> Fault:
    return Fault(
        "AUXILIARY_CONSTANT", "An auxiliary does not vary within the strata inspected, or follows "
        "from the others; it adds nothing and was left out.",
        "某个辅助变量在已检查的各层内没有变化，或可由其他变量得出，对估计没有作用，已忽略。",
    )  # fmt: skip


def _difference(wider: bool) -> Fault:
    en = (
        "The difference estimator takes the score at its word: a score that is useless or in other "
        "units widens the interval. Prefer the regression estimator, which estimates the slope."
    )
    zh = "差值估计完全采信评分：评分无用或单位不同会使区间变宽。建议使用估计斜率的回归估计。"
    if wider:
        en += " Here it is wider than the estimate without the score."
        zh += "此处区间比不使用评分时更宽。"
    return Fault("DIFFERENCE_SLOPE", en, zh)
