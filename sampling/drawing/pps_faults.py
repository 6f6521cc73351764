"""Why a design with unequal chances cannot be drawn or estimated from.

In: sizes, chances, weights or numbers as they came. Out: faults that name the unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral

from sampling.faults import Fault, SamplingError, repeated

_WHOLE = 1e-6


class PpsError(SamplingError):
    """No fixed-size design with these chances exists, or the sample is not of it."""


def size_faults(sizes: Sequence[int], n: int, unit_ids: Sequence[str]) -> list[Fault]:
    """Return units without a size above zero, units named twice, and an impossible n."""
    if len(sizes) != len(unit_ids):
        return [_lengths(len(unit_ids), len(sizes))]
    faults = repeated("PPS_TWICE", unit_ids)
    faults += [
        _bad_size(unit, size)
        for unit, size in zip(unit_ids, sizes, strict=True)
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1
    ]
    if not 1 <= n <= len(sizes):
        faults.append(_bad_number(n, len(sizes)))
    return faults


def probability_faults(chances: Sequence[float], unit_ids: Sequence[str]) -> list[Fault]:
    """Return units whose chance is not above 0 and at most 1, and a sum that is not whole."""
    if len(chances) != len(unit_ids):
        return [_lengths(len(unit_ids), len(chances))]
    faults = [
        Fault(
            "PPS_CHANCE",
            f"Unit '{unit}' has the chance {chance}; it must be above 0 and at most 1.",
            f"对象“{unit}”的入样概率为{chance}，应大于0且不大于1。",
        )
        for unit, chance in zip(unit_ids, chances, strict=True)
        if not 0 < chance <= 1
    ]  # fmt: skip
    total = math.fsum(chances)
    if not faults and abs(total - round(total)) > _WHOLE:
        faults.append(Fault(
            "PPS_SUM",
            f"The chances add up to {total}; a design of fixed size needs a whole number.",
            f"入样概率合计为{total}；固定样本量的设计要求合计为整数。",
        ))  # fmt: skip
    return faults


def weight_faults(weights: Sequence[int], n: int) -> list[Fault]:
    """Return places with a negative weight, and an n that the weights cannot give."""
    faults = [
        Fault(
            "PPS_WEIGHT", f"Unit {place} has the working weight {w}; it must be a whole number of "
            "0 (certain) or more.", f"第{place}个对象的工作权重为{w}，应为不小于0的整数。",
        )
        for place, w in enumerate(weights, 1)
        if isinstance(w, bool) or not isinstance(w, Integral) or w < 0
    ]  # fmt: skip
    certain = sum(1 for w in weights if w == 0)
    least = certain + (certain < len(weights))
    if not faults and not max(least, 1) <= n <= len(weights):
        faults.append(_bad_number(n, len(weights), certain))
    return faults


def number_faults(weights: Sequence[int], numbers: Sequence[int]) -> list[Fault]:
    """Return numbers that are not 64-bit, or more or fewer than the units."""
    if len(weights) != len(numbers):
        return [_lengths(len(weights), len(numbers))]
    return [
        Fault(
            "PPS_UNIFORM",
            f"The random number of unit {place} is {number}; it must be a whole number "
            "from 0 to 2^64 - 1.", f"第{place}个对象的随机数为{number}，应为0到2^64-1的整数。",
        )
        for place, number in enumerate(numbers, 1)
        if not 0 <= number < 2**64
    ]  # fmt: skip


def length_faults(unit_ids: Sequence[str], *lengths: int) -> list[Fault]:
    """Return units named twice, and values or chances that are more or fewer than the units."""
    faults = [_lengths(len(unit_ids), length) for length in lengths if length != len(unit_ids)]
    faults += repeated("PPS_TWICE", unit_ids)
    return faults


def sample_fault(unit: str) -> Fault:
    """Return the fault of a unit whose value is missing or whose chance is not one."""
    return Fault(
        "PPS_VALUE",
        f"Unit '{unit}' has no finite value, or its chance does not lie above 0 and at "
        "most 1.", f"对象“{unit}”没有有效数值，或其入样概率不在0（不含）到1之间。",
    )  # fmt: skip


def joint_fault(first: str, second: str) -> Fault:
    """Return the fault of a pair that could not be drawn together, or whose chances conflict."""
    return Fault(
        "PPS_JOINT",
        f"Units '{first}' and '{second}' have no valid joint chance; it must be above 0, "
        "the same both ways and not above the chance of either.",
        f"对象“{first}”与“{second}”的联合入样概率无效；应大于0、对称且不大于各自的入样概率。",
    )  # fmt: skip


def few_drawn() -> Fault:
    """Return the fault of a sample of one unit left to chance."""
    return Fault(
        "PPS_ONE", "Only one unit was left to chance; the variance cannot be estimated.",
        "只有一个对象是随机抽取的，无法估计方差。",
    )  # fmt: skip


def not_converged(unit: str) -> Fault:
    """Return the fault of chances so extreme that no working weights were found."""
    return Fault(
        "PPS_CONVERGENCE",
        f"No working weights give these chances; the worst is unit '{unit}'. Take "
        "units with a chance very near 1 for certain.",
        f"找不到与这些入样概率对应的工作权重，偏差最大的是对象“{unit}”。"
        "请将概率接近1的对象改为必查。",
    )  # fmt: skip


def too_large(units: int, n: int) -> Fault:
    """Return the fault of a design whose exact sums would not fit into memory."""
    return Fault(
        "PPS_LARGE",
        f"Drawing {n} of {units} units exactly needs too much memory; stratify the frame "
        "and draw in each stratum.",
        f"从{units}个对象中精确抽取{n}个所需内存过大；请将抽样框分层后逐层抽取。",
    )  # fmt: skip


def _lengths(units: int, others: int) -> Fault:
    return Fault(
        "PPS_LENGTH", f"There are {units} units but {others} numbers for them.",
        f"有{units}个对象，但对应的数有{others}个。",
    )  # fmt: skip


def _bad_size(unit: str, size: object) -> Fault:
    return Fault(
        "PPS_SIZE",
        f"Unit '{unit}' has size {size}; it must be a whole number above 0, or the unit "
        "would have no chance.", f"对象“{unit}”的规模为{size}，应为大于0的整数，否则没有机会入样。",
    )  # fmt: skip


def _bad_number(n: int, units: int, certain: int = 0) -> Fault:
    return Fault(
        "PPS_NUMBER", f"{n} units are to be drawn; the frame has {units}, of which {certain} are "
        "certain.", f"要抽取{n}个对象；抽样框有{units}个，其中必查{certain}个。",
    )  # fmt: skip
