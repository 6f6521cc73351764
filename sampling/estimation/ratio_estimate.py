"""Ratio estimators: totals by way of a size known for the whole frame, and ratios of two totals.

In: a stratified sample, sizes known for every unit of the frame. Out: a `Linearised` total, ratio
or mean. Combined ratio X Yhat / Xhat and separate ratio sum X_h ybar_h / xbar_h, with linearised
variances from the residuals y_k - R x_k raised by X / Xhat (Saerndal, Swensson and Wretman, Model
Assisted Survey Sampling, 1992, sections 7.3 and 5.6; Cochran, Sampling Techniques, 3rd ed., 1977,
sections 6.10 to 6.12). Take-all strata add their sums; the ratio stands for the others only.

A ratio estimator is biased by an amount that shrinks faster than its standard error; it pays where
amounts grow with size through the origin. Domains: means are ratios to the number of units.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.regression_estimate import expansion_total
from sampling.estimation.sample_faults import (
    SampleError,
    negative_auxiliary,
    zero_denominator,
)
from sampling.estimation.stratified import (
    Floats,
    Linearised,
    StratifiedSample,
    found_so_far,
    in_domain,
    linearise,
    membership,
)
from sampling.faults import Fault, checked


def combined_ratio_total(sample: StratifiedSample, aux: Auxiliary) -> Linearised:
    """Return the total by one ratio for all strata that are not take-all.

    Raises:
        SampleError: if there are several auxiliaries, naming units with a negative value, or if
            the units inspected have no size.
    """
    x = _sizes(sample, aux)
    open_ = sample.uncertain
    if not open_.any():
        return expansion_total(sample)
    x_hat = float((sample.N * sample.means(x))[open_].sum())
    if x_hat <= 0:
        raise SampleError([zero_denominator(" & ".join(sample.strata))])
    y_hat = float((sample.N * sample.means(sample.y))[open_].sum())
    known = float(aux.X[open_, 0].sum())
    R = y_hat / x_hat
    u = (known / x_hat) * (sample.y - R * x)
    estimate = float(sample.sums(sample.y)[~open_].sum()) + known * R
    return linearise(sample, "combined_ratio", estimate, u, least=found_so_far(sample))


def separate_ratio_total(sample: StratifiedSample, aux: Auxiliary) -> Linearised:
    """Return the total by a ratio of its own in every stratum.

    Only for strata with many verdicts: the biases of the strata's ratios add up.

    Raises:
        SampleError: as `combined_ratio_total`, naming each stratum whose units have no size.
    """
    x = _sizes(sample, aux)
    x_hat = sample.N * sample.means(x)
    checked([
        zero_denominator(name)
        for name, hat, open_ in zip(sample.strata, x_hat, sample.uncertain, strict=True)
        if open_ and hat <= 0
    ], SampleError)  # fmt: skip
    open_ = sample.uncertain
    safe = np.where(open_, x_hat, 1.0)
    R = np.where(open_, sample.N * sample.means(sample.y) / safe, 0.0)
    raise_ = np.where(open_, aux.X[:, 0] / safe, 1.0)
    u = raise_[sample.codes] * (sample.y - R[sample.codes] * x)
    whole = float(sample.sums(sample.y)[~open_].sum())
    estimate = whole + float((aux.X[:, 0] * R)[open_].sum())
    return linearise(sample, "separate_ratio", estimate, u, least=found_so_far(sample))


def ratio(sample: StratifiedSample, denominator: Floats, method: str = "ratio") -> Linearised:
    """Return total of y over total of ``denominator`` (per row), both estimated.

    Raises:
        SampleError: if the denominator's total is not above zero.
    """
    z = np.asarray(denominator, dtype=np.float64)
    total = sample.total(z)
    if total <= 0:
        raise SampleError([zero_denominator(" & ".join(sample.strata))])
    R = sample.total(sample.y) / total
    return linearise(sample, method, R, (sample.y - R * z) / total)


def domain_total(sample: StratifiedSample, members: Collection[str]) -> Linearised:
    """Return the expansion total over a domain such as a class of institutions.

    Args:
        sample: the verdicts.
        members: units of the sample that belong to the domain.
    """
    return expansion_total(in_domain(sample, members))


def domain_mean(sample: StratifiedSample, members: Collection[str]) -> Linearised:
    """Return the mean over a domain of unknown size (Saerndal, Swensson and Wretman, chapter 10).

    Raises:
        SampleError: if no member was inspected.
    """
    inside = membership(sample, members).astype(np.float64)
    if not inside.any():
        raise SampleError([_no_member()])
    return ratio(in_domain(sample, members), inside, "domain_mean")


def totals_by_class(sample: StratifiedSample, classes: Mapping[str, str]) -> dict[str, Linearised]:
    """Return the expansion total of every class; they add up to that of the whole.

    Raises:
        SampleError: naming units of the sample without a class.
    """
    checked([_no_class(u) for u in sample.unit_ids if u not in classes], SampleError)
    names = sorted({classes[u] for u in sample.unit_ids}, key=str.encode)
    return {
        name: domain_total(sample, [u for u in sample.unit_ids if classes[u] == name])
        for name in names
    }


def _sizes(sample: StratifiedSample, aux: Auxiliary) -> Floats:
    """Return the one auxiliary per row."""
    if aux.x.shape[1] != 1:
        raise SampleError([_one_size(aux.x.shape[1])])
    x: Floats = aux.x[:, 0]
    rows = zip(sample.unit_ids, x.tolist(), strict=True)
    checked([negative_auxiliary(unit) for unit, value in rows if value < 0], SampleError)
    return x


def _one_size(count: int) -> Fault:
    return Fault(
        "RATIO_ONE", f"A ratio estimator takes one auxiliary, not {count}; use the regression "
        "estimator for several.",
        f"比率估计只用一个辅助变量，现有{count}个；多个变量请用回归估计。",
    )  # fmt: skip


def _no_class(unit: str) -> Fault:
    return Fault("DOMAIN_CLASS", f"Unit '{unit}' has no class.", f"对象“{unit}”没有类别。")


def _no_member() -> Fault:
    return Fault(
        "DOMAIN_EMPTY", "No unit of the domain was inspected; nothing can be said of its mean.",
        "该类没有任何对象被检查，无法估计其均值。",
    )  # fmt: skip
