"""Several plans of a year: one total estimated several times, or a year made of several totals.

In: estimates of plans that were drawn independently. Out: one estimate. Estimates of the same total
are averaged, with weights fixed by the work done (verdicts), which keeps them unbiased, or with
weights inverse to the estimated variances (Cochran, Problems arising in the analysis of a series of
similar experiments, Supplement to the Journal of the Royal Statistical Society 4, 1937, 102-118),
which is narrower where the variances are well known. In mostly-zero populations a low estimate
comes with a low variance, so the second leans downwards: it always says so. Whether the plans agree
is tested by Cochran's Q = sum (T_i - T)^2 / V_i against chi-squared with k - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from sampling.estimation.intervals import Estimated, quantity, satterthwaite
from sampling.estimation.sample_faults import SampleError
from sampling.faults import Fault, checked

DISAGREE = 0.01
"""Plans whose differences are rarer than this under agreement are said to disagree."""


def pooled_total(plans: Mapping[str, Estimated], verdicts: Mapping[str, int]) -> Estimated:
    """Return the mean of estimates of the same total, weighted by the verdicts of each plan.

    Raises:
        SampleError: naming plans without a stated variance or with no verdicts.
    """
    faults = [_no_verdicts(name) for name in sorted(plans) if verdicts.get(name, 0) < 1]
    checked(faults, SampleError)
    shares = np.array([verdicts[name] for name in sorted(plans)], dtype=np.float64)
    return _averaged("pooled", plans, shares / shares.sum(), [])


def precision_weighted_total(plans: Mapping[str, Estimated]) -> Estimated:
    """Return the mean of estimates of the same total, weighted by 1 / variance.

    Raises:
        SampleError: naming plans without a stated variance.
    """
    checked(_plan_faults(plans), SampleError)
    shares = np.array([1 / plans[name].variance for name in sorted(plans)])
    return _averaged("precision_weighted", plans, shares / shares.sum(), [_leaning()])


def added_totals(parts: Mapping[str, Estimated]) -> Estimated:
    """Return the sum of totals of frames that do not overlap, such as the quarters of a year.

    Raises:
        SampleError: naming parts without a stated variance; a census of a part is welcome.
    """
    checked(_plan_faults(parts, census=True), SampleError)
    got = [parts[name] for name in sorted(parts)]
    variances = [g.variance for g in got]
    df = satterthwaite(variances, [g.quantity.df or 1.0 for g in got])
    total = math.fsum(g.estimate for g in got)
    result = quantity(total, math.fsum(variances), df, complete=not any(variances))
    return Estimated("added", total, math.fsum(variances), result, ())


def disagreement(plans: Mapping[str, Estimated]) -> float:
    """Return the chance of differences as large as these if all plans estimate one total.

    By the normal approximation, so only as good as that is for each plan.

    Raises:
        SampleError: naming plans without a stated variance, or if there are fewer than two.
    """
    checked(_plan_faults(plans), SampleError)
    T = np.array([plans[name].estimate for name in sorted(plans)])
    w = 1 / np.array([plans[name].variance for name in sorted(plans)])
    Q = float(np.sum(w * (T - np.sum(w * T) / w.sum()) ** 2))
    return float(stats.chi2.sf(Q, len(T) - 1))


def _averaged(
    method: str, plans: Mapping[str, Estimated], a: np.ndarray, notes: list[Fault]
) -> Estimated:
    checked(_plan_faults(plans), SampleError)
    got = [plans[name] for name in sorted(plans)]
    parts = a**2 * np.array([g.variance for g in got])
    total = float(np.sum(a * np.array([g.estimate for g in got])))
    df = satterthwaite(parts, [g.quantity.df or 1.0 for g in got])
    chance = disagreement(plans)
    if chance < DISAGREE:
        notes = [*notes, _disagree(chance)]
    variance = float(parts.sum())
    return Estimated(method, total, variance, quantity(total, variance, df), tuple(notes))


def _plan_faults(plans: Mapping[str, Estimated], *, census: bool = False) -> list[Fault]:
    if len(plans) < 2:
        return [Fault(
            "COMBINE_FEW", f"There are {len(plans)} estimates; combining takes at least two.",
            f"只有{len(plans)}个估计，至少需要两个才能合并。",
        )]  # fmt: skip
    return [
        _no_variance(name)
        for name in sorted(plans)
        if plans[name].quantity.standard_error is None
        or (plans[name].quantity.standard_error == 0 and not census)
    ]


def _no_variance(name: str) -> Fault:
    return Fault(
        "COMBINE_VARIANCE", f"Plan '{name}' has no variance above zero: either it found the same "
        "in every unit, which says nothing, or it saw every unit, and then its total stands by "
        "itself.",
        f"计划“{name}”没有大于零的方差：要么每个对象结论相同，无从推断；"
        "要么已检查全部对象，其总额本身即为结果。",
    )  # fmt: skip


def _no_verdicts(name: str) -> Fault:
    return Fault(
        "COMBINE_VERDICTS", f"Plan '{name}' has no verdicts to weigh it by.",
        f"计划“{name}”没有可用于加权的结论。",
    )  # fmt: skip


def _leaning() -> Fault:
    return Fault(
        "COMBINE_LEANING",
        "Weights taken from estimated variances lean towards the lower estimates where "
        "few units carry amounts. Compare with the total pooled by verdicts.",
        "按估计方差加权时，若只有少数对象有金额，结果会偏向较低的估计；请与按结论数合并的结果对照。",
    )  # fmt: skip


def _disagree(chance: float) -> Fault:
    return Fault(
        "COMBINE_DISAGREE",
        f"The plans differ more than chance explains (probability {chance:.2g}); check whether "
        "they cover the same units and period before using one number for them.",
        f"各计划的差异超出偶然（概率{chance:.2g}）；合并之前，请核对其对象和期间是否一致。",
    )  # fmt: skip
