"""What a sealed score predicts of each unit's overpayment, and how it spreads within strata.

In: the calibrated chance p_k of a confirmed finding and the expected amount e_k of every unit. Out:
a `Predicted`, and by stratum the guess of S_h^2 that allocation, frontier and sample size use.

Model: unit k has a finding with probability p_k; a finding's amount has mean a_k = e_k / p_k and
coefficient of variation c (stated, `FOUND_CV`); units are independent. So E y_k = e_k and
Var y_k = p_k (1 - p_k) a_k^2 + p_k c^2 a_k^2 = e_k^2 (1 - p_k + c^2) / p_k.

The expected value of the variance within a stratum is then exactly S_h^2 = S_e^2 + mean Var y_k,
with S_e^2 the variance of the e_k (divisor N_h - 1); what a regression on e_k leaves of it is
mean Var y_k. Expectations over model and design: Isaki and Fuller, JASA 77 (1982) 89-96; Saerndal,
Swensson and Wretman, Model Assisted Survey Sampling (1992), sections 12.2 and 12.3.

A score may be worth less than it says. `hedged_spreads` therefore averages S_h^2 over two models:
the score's, and one that knows no score, in which every unit has the mean chance and its amount is
proportional to its size, with the same totals. `TRUST` is the weight of the first, one half
where nothing speaks for either, so that what the score overlooks is not starved of draws.

Where no verdict allows a prediction, the spread of the sizes stands in for it ("x-optimal
allocation", ibid., section 3.7): right up to a common factor where overpayment grows with size.
Sums are exactly rounded, so the order of the units is irrelevant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sampling.faults import Fault, SamplingError, checked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Estimator = Literal["expansion", "regression"]

FOUND_CV = 0.5
"""Coefficient of variation of a confirmed finding's amount about its prediction."""
TRUST = 0.5
"""Weight of the score's own model in the guesses of the spread."""
_PER_KIND = 20


class PredictionError(SamplingError):
    """The scores don't allow a prediction."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Per unit: chance of a finding, expected amount and variance of the amount (minor units)."""

    chance: Floats
    mean: Floats
    variance: Floats

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.mean)

    @property
    def total(self) -> float:
        """The expected total of all units."""
        return math.fsum(self.mean.tolist())


def predicted(
    unit_ids: Any, risk_score: Any, expected_amount: Any, *, found_cv: float = FOUND_CV
) -> Predicted:
    """Return what the score says of each unit, in the order given.

    Raises:
        PredictionError: naming each unit whose chance is not within 0 to 1, whose amount is
            negative or missing, or that expects an amount without any chance of a finding.
    """
    ids = [str(unit) for unit in pa.array(unit_ids).to_pylist()]
    p, e = _numbers(risk_score), _numbers(expected_amount)
    if not len(ids) == len(p) == len(e):
        raise PredictionError([_lengths(len(ids), len(p), len(e))])
    chance = (p >= 0) & (p <= 1)
    amount = (e >= 0) & np.isfinite(e)
    faults = _named(ids, ~chance, _bad_chance) + _named(ids, ~amount, _bad_amount)
    faults += _named(ids, chance & amount & (p == 0) & (e > 0), _no_chance)
    if not 0 <= found_cv < math.inf:
        faults.append(_bad_cv(found_cv))
    checked(faults, PredictionError)
    spread = e * e * (1 - p + found_cv * found_cv)
    return Predicted(p, e, np.divide(spread, p, out=np.zeros_like(e), where=p > 0))


def spread_guesses(
    codes: Ints, strata: int, model: Predicted, estimator: Estimator = "expansion"
) -> Floats:
    """Return the expected S_h^2 of each stratum, of the amounts or of a regression's residuals.

    Args:
        codes: per unit, the place of its stratum.
        strata: how many strata there are; one without units has spread 0.
        model: what is predicted of the units, in the order of ``codes``.
        estimator: ``regression`` leaves out what the expected amounts explain.
    """
    noise = by_stratum(codes, strata, model.variance) / _counts(codes, strata)
    if estimator == "regression":
        return noise
    return noise + variances_within(codes, strata, model.mean)


def without_score(model: Predicted, sizes: Ints, *, found_cv: float = FOUND_CV) -> Predicted:
    """Return the model of the same totals that knows only the sizes of the units."""
    chance = math.fsum(model.chance.tolist()) / max(1, len(model))
    whole = math.fsum(sizes.tolist())
    if chance <= 0 or whole <= 0:
        return Predicted(model.chance, model.mean, model.variance)
    mean = sizes.astype(np.float64) * (model.total / whole)
    variance = mean * mean * ((1 - chance + found_cv * found_cv) / chance)
    return Predicted(np.full(len(model), chance), mean, variance)


def hedged_spreads(
    codes: Ints, strata: int, model: Predicted, sizes: Ints, estimator: Estimator = "expansion",
    trust: float = TRUST,
) -> Floats:  # fmt: skip
    """Return S_h^2 averaged over the score's model and the one without a score.

    Where the score is useless a regression on it explains nothing, so the second model counts in
    full for either estimator.
    """
    plain = spread_guesses(codes, strata, without_score(model, sizes))
    return trust * spread_guesses(codes, strata, model, estimator) + (1 - trust) * plain


def variances_within(codes: Ints, strata: int, values: Floats) -> Floats:
    """Return the variance of ``values`` within each stratum, divisor N_h - 1; 0 for one unit."""
    counts = _counts(codes, strata)
    means = by_stratum(codes, strata, values) / counts
    squares = by_stratum(codes, strata, (values - means[codes]) ** 2)
    return np.where(counts > 1, squares / np.maximum(counts - 1, 1), 0.0)


def by_stratum(codes: Ints, strata: int, values: Floats) -> Floats:
    """Return the exactly rounded sum of ``values`` in each stratum."""
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=strata))
    kept = values[order]
    return np.array([
        math.fsum(kept[a:b].tolist())
        for a, b in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ])  # fmt: skip


def _counts(codes: Ints, strata: int) -> Ints:
    return np.maximum(np.bincount(codes, minlength=strata), 1).astype(np.int64)


def _numbers(values: Any) -> Floats:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else pa.array(values)
    numbers: Floats = array.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def _named(ids: list[str], wrong: npt.NDArray[np.bool_], sentence: Any) -> list[Fault]:
    places = np.flatnonzero(wrong).tolist()
    named = sorted((ids[i] for i in places), key=str.encode)
    faults = [sentence(unit) for unit in named[:_PER_KIND]]
    rest = len(named) - _PER_KIND
    if rest > 0:
        faults.append(Fault(
            faults[0].code, f"The same is true of {rest} more units.", f"另有{rest}个对象同样如此。"
        ))  # fmt: skip
    return faults


def _bad_chance(unit: str) -> Fault:
    return Fault(
        "PREDICTED_CHANCE", f"Unit '{unit}' has no risk score between 0 and 1; score every unit of "
        "the frame with one trained model.",
        f"对象“{unit}”没有0到1之间的风险分；请用同一个已训练的模型为全部对象评分。",
    )  # fmt: skip


def _bad_amount(unit: str) -> Fault:
    return Fault(
        "PREDICTED_AMOUNT", f"Unit '{unit}' has no expected amount of 0 or more.",
        f"对象“{unit}”没有不小于0的预计金额。",
    )  # fmt: skip


def _no_chance(unit: str) -> Fault:
    return Fault(
        "PREDICTED_NONE", f"Unit '{unit}' has an expected amount but a risk score of 0; one of the "
        "two is wrong.", f"对象“{unit}”的风险分为0，预计金额却不为0，两者必有一误。",
    )  # fmt: skip


def _bad_cv(value: float) -> Fault:
    return Fault(
        "PREDICTED_CV", f"The coefficient of variation of a finding's amount is {value!r}; it must "
        "be 0 or more.", f"查实金额的变异系数为{value!r}，应不小于0。",
    )  # fmt: skip


def _lengths(ids: int, chances: int, amounts: int) -> Fault:
    return Fault(
        "PREDICTED_SHAPE", f"There are {ids} units, {chances} risk scores and {amounts} expected "
        "amounts; each unit needs one of both.",
        f"有{ids}个对象、{chances}个风险分、{amounts}个预计金额；每个对象各需一个。",
    )  # fmt: skip
