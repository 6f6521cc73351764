"""What is wrong with the columns and shares that strata are made of, in both languages."""

from __future__ import annotations

from decimal import Decimal

from sampling.faults import Fault


def unusable_column(name: str) -> Fault:
    """Say that a dimension is not text, or has empty places or characters that names can't hold."""
    return Fault(
        "STRATUM_COLUMN", f"Column '{name}' must be text without nulls, '/', '+' or control "
        "characters; write 'unknown' or 'none' where nothing is known.",
        f"“{name}”列应为文本，不含空值、“/”、“+”和控制字符；未知时请写unknown或none。",
    )  # fmt: skip


def unusable_rank() -> Fault:
    """Say that ranks are missing or no whole numbers."""
    return Fault(
        "STRATUM_RANK", "Column 'risk_rank' must hold whole numbers without nulls; score every "
        "unit of the frame first.", "“risk_rank”列应为不含空值的整数；请先为抽样框的每个对象评分。",
    )  # fmt: skip


def shares_faults(random_share: Decimal, take_all_share: Decimal) -> list[Fault]:
    """Return the fault of shares that come to more than the whole capacity."""
    if random_share + take_all_share <= 1:
        return []
    return [Fault(
        "SHARES_SUM", f"random_share {random_share} and take_all_share {take_all_share} sum to "
        "more than 1; lower one of them.",
        f"随机份额{random_share}与全查份额{take_all_share}之和大于1，请调低其一。",
    )]  # fmt: skip


def infeasible(capacity: int, smallest: int) -> Fault:
    """Say that a capacity cannot hold the head and one stratum, and which one can."""
    return Fault(
        "CAPACITY_SMALL", f"A capacity of {capacity} cannot hold the take-all head and two draws "
        f"from the rest; the smallest feasible capacity is {smallest}.",
        f"检查容量{capacity}不足以容纳全查部分和其余对象的至少两次抽取；可行的最小容量为{smallest}。",
    )  # fmt: skip


def capacity_range(capacity: int, units: int) -> Fault:
    """Say that a capacity is below 1 or above the number of units."""
    return Fault(
        "CAPACITY_RANGE", f"The capacity is {capacity} but there are {units} units; choose one "
        f"from 1 to {units}.", f"检查容量为{capacity}，而对象有{units}个；容量应在1到{units}之间。",
    )  # fmt: skip


def lengths() -> Fault:
    """Say that the columns don't belong together."""
    return Fault(
        "STRATUM_SHAPE", "Ids, ranks and the columns of the strata differ in length.",
        "编号、排名与分层各列长度不一致。",
    )  # fmt: skip
