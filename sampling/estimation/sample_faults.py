"""What is wrong with the verdicts, sizes or auxiliary values that an estimate is asked of.

In: sizes of strata and rows of a sample as they came. Out: faults that name stratum or unit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from sampling.faults import Fault, SamplingError, repeated

_WEIGHT_TOLERANCE = 1e-9


class SampleError(SamplingError):
    """These numbers are not a sample of the stated design, or cannot carry the estimate."""


def size_faults(sizes: Mapping[str, int], strata: Sequence[str]) -> list[Fault]:
    """Return the strata whose size or number of verdicts allows no estimate."""
    counts = Counter(strata)
    faults: list[Fault] = []
    if not sizes:
        faults.append(Fault("SAMPLE_FRAME", "The frame has no stratum.", "抽样框没有任何层。"))
    for name in sorted(sizes, key=str.encode):
        size, n = sizes[name], counts[name]
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            faults.append(_bad_size(name, size))
        elif n == 0:
            faults.append(_empty(name, size))
        elif n > size:
            faults.append(_more(name, size, n))
        elif n == 1 < size:
            faults.append(_single(name, size))
    return faults


def row_faults(
    sizes: Mapping[str, int], unit_ids: Sequence[str], strata: Sequence[str], y: Any,
    weights: Sequence[float] | None,
) -> list[Fault]:  # fmt: skip
    """Return the units that cannot be part of the sample."""
    lengths = {len(unit_ids), len(strata), len(y)} | (
        {len(weights)} if weights is not None else set()
    )
    if len(lengths) > 1:
        return [Fault(
            "SAMPLE_LENGTH",
            f"Units, strata, values and weights differ in length: {sorted(lengths)}.",
            f"对象、层、数值和权重的长度不一致：{sorted(lengths)}。",
        )]  # fmt: skip
    faults = repeated("SAMPLE_TWICE", unit_ids)
    counts = Counter(strata)
    for i, (unit, stratum) in enumerate(zip(unit_ids, strata, strict=True)):
        if stratum not in sizes:
            faults.append(_no_stratum(unit, stratum))
        if not _finite(y[i]):
            faults.append(_no_value(unit))
        if weights is not None and stratum in sizes:
            want = sizes[stratum] / counts[stratum]
            if not _finite(weights[i]) or abs(weights[i] - want) > _WEIGHT_TOLERANCE * abs(want):
                faults.append(_bad_weight(unit, stratum, weights[i], want))
    return faults


def unknown_units(units: Sequence[str]) -> list[Fault]:
    """Return a fault per unit that is named but is not in the sample."""
    return [
        Fault("SAMPLE_UNIT", f"Unit '{u}' is not in the sample.", f"对象“{u}”不在样本中。")
        for u in units
    ]


def auxiliary_missing(unit: str) -> Fault:
    """Return the fault of a unit of the frame without an auxiliary value."""
    return Fault(
        "AUXILIARY_MISSING", f"Unit '{unit}' has no finite auxiliary value; every unit of the "
        "frame needs one, sealed before the draw.",
        f"对象“{unit}”没有有效的辅助变量值；抽样框中每个对象都须有抽取前封存的值。",
    )  # fmt: skip


def auxiliary_stratum(name: str, have: int, want: int) -> Fault:
    """Return the fault of a stratum whose auxiliary values are more or fewer than its units."""
    return Fault(
        "AUXILIARY_STRATUM", f"Stratum '{name}' has {want} units but {have} auxiliary values.",
        f"层“{name}”有{want}个对象，而辅助变量值有{have}个。",
    )  # fmt: skip


def auxiliary_place(unit: str, sampled: str, framed: str) -> Fault:
    """Return the fault of a unit that is in one stratum of the sample and another of the frame."""
    return Fault(
        "AUXILIARY_PLACE", f"Unit '{unit}' is in stratum '{sampled}' of the sample and in "
        f"'{framed}' of the auxiliary frame.",
        f"对象“{unit}”在样本中属于层“{sampled}”，在辅助变量表中属于“{framed}”。",
    )  # fmt: skip


def negative_auxiliary(unit: str) -> Fault:
    """Return the fault of a ratio's denominator below zero."""
    return Fault(
        "AUXILIARY_NEGATIVE", f"Unit '{unit}' has a negative auxiliary value; a ratio estimator "
        "needs sizes of zero or more.", f"对象“{unit}”的辅助变量为负；比率估计要求不小于零。",
    )  # fmt: skip


def zero_denominator(where: str) -> Fault:
    """Return the fault of a ratio whose denominator is zero in the sample."""
    return Fault(
        "RATIO_ZERO", f"The auxiliary values of the units inspected in '{where}' sum to zero; a "
        "ratio to them does not exist.", f"“{where}”已检查对象的辅助变量合计为零，比率不存在。",
    )  # fmt: skip


def few_for_slopes(where: str, freedom: int, slopes: int) -> Fault:
    """Return the fault of a regression with too few verdicts for its slopes."""
    return Fault(
        "SLOPE_FEW", f"In '{where}' {freedom} degrees of freedom are too few to fit {slopes} "
        "slope(s); leave the auxiliary out or join strata.",
        f"“{where}”的自由度为{freedom}，不足以估计{slopes}个斜率；请去掉辅助变量或合并层。",
    )  # fmt: skip


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _bad_size(name: str, size: object) -> Fault:
    return Fault(
        "SAMPLE_SIZE", f"Stratum '{name}' has size {size}; it must be a whole number from 1.",
        f"层“{name}”的规模为{size}，应为不小于1的整数。",
    )  # fmt: skip


def _empty(name: str, size: int) -> Fault:
    return Fault(
        "SAMPLE_EMPTY", f"Stratum '{name}' has {size} units and no verdict; nothing can be said "
        "of it. Join it with another stratum.",
        f"层“{name}”有{size}个对象但没有结论，请与其他层合并。",
    )  # fmt: skip


def _more(name: str, size: int, n: int) -> Fault:
    return Fault(
        "SAMPLE_MORE", f"Stratum '{name}' has {n} verdicts but only {size} units.",
        f"层“{name}”有{n}个结论，但只有{size}个对象。",
    )  # fmt: skip


def _single(name: str, size: int) -> Fault:
    return Fault(
        "SAMPLE_ONE", f"Stratum '{name}' has one verdict for {size} units; its variance cannot be "
        "estimated. Join it with another stratum.",
        f"层“{name}”有{size}个对象但只有1个结论，无法估计方差，请与其他层合并。",
    )  # fmt: skip


def _no_stratum(unit: str, stratum: str) -> Fault:
    return Fault(
        "SAMPLE_STRATUM",
        f"Unit '{unit}' is in stratum '{stratum}', which the frame does not have.",
        f"对象“{unit}”属于层“{stratum}”，抽样框中没有该层。",
    )  # fmt: skip


def _no_value(unit: str) -> Fault:
    return Fault(
        "SAMPLE_VALUE", f"Unit '{unit}' has no finite value; leave out units without a final "
        "verdict and state how they are made up for.",
        f"对象“{unit}”没有有效数值；没有最终结论的对象应剔除，并说明如何处理缺失。",
    )  # fmt: skip


def _bad_weight(unit: str, stratum: str, have: float, want: float) -> Fault:
    return Fault(
        "SAMPLE_WEIGHT", f"Unit '{unit}' of stratum '{stratum}' has weight {have}; units by "
        f"verdicts make it {want}.",
        f"层“{stratum}”的对象“{unit}”权重为{have}，按对象数与结论数应为{want}。",
    )  # fmt: skip
