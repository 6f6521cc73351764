"""The sentences about verdicts that cannot be taken as they are.

In: what stands in a cell. Out: a `Fault` in English and Chinese that says what to write instead;
row and column are added by the reader, or given here.
"""

from __future__ import annotations

from datetime import date

from sampling.columns import major
from sampling.faults import Fault
from sampling.outcome_rows import DISPOSITIONS


def formula() -> Fault:
    """The cell holds a formula."""
    return Fault(
        "VERDICT_FORMULA", "The cell holds a formula; write the value itself.",
        "单元格含公式，请直接填写数值或文字。",
    )  # fmt: skip


def unknown_case(case: str) -> Fault:
    """The case is not one of the plan's."""
    return Fault(
        "VERDICT_CASE", f"The plan has no case {case!r}; copy the case from the list as issued.",
        f"本计划没有案件{case!r}；请照原名单填写案件编号。",
    )  # fmt: skip


def other_unit(row: int) -> Fault:
    """The row's unit is not the one that the plan drew under the row's case."""
    return Fault(
        "VERDICT_UNIT", "The unit in this row is not the one that the plan drew under this case: "
        "cells were moved between rows, perhaps by sorting a single column. Copy the verdict into "
        "the row of its case in the list as issued, and sort whole rows only.",
        "本行的对象与计划中该案件的对象不符：单元格曾在行间移动，可能只对一列排序。"
        "请将结论填回原名单中对应案件的行，排序时须整行排序。", row, "unit_id",
    )  # fmt: skip


def repeated(row: int, case: str) -> Fault:
    """The case stands in the file twice."""
    return Fault(
        "VERDICT_TWICE", f"The case '{case}' stands in an earlier row too; keep one of them.",
        f"案件“{case}”在前面已出现，请只保留一行。", row, "case",
    )  # fmt: skip


def disposition(text: str) -> Fault:
    """The disposition is missing or not permitted."""
    return Fault(
        "VERDICT_DISPOSITION", f"The disposition is {text!r}; choose one of: "
        f"{', '.join(DISPOSITIONS)}.",
        f"处理结果为{text!r}；请选择：{'、'.join(v.zh for v in DISPOSITIONS.values())}。",
    )  # fmt: skip


def amount_missing() -> Fault:
    """A confirmed finding without its amount."""
    return Fault(
        "VERDICT_AMOUNT_MISSING", "A confirmed finding needs its amount; write 0 where no money "
        "was overpaid.", "查实的案件须填写多付金额；没有多付请填0。",
    )  # fmt: skip


def amount(text: str) -> Fault:
    """The amount is no decimal from 0 with at most two places."""
    return Fault(
        "VERDICT_AMOUNT", f"The amount is {text!r}; write a number from 0 with at most two "
        "decimals, such as 1234.50.", f"金额为{text!r}；应为不小于0、最多两位小数的数，如1234.50。",
    )  # fmt: skip


def amount_denied() -> Fault:
    """An amount beside a disposition that denies or leaves open any finding."""
    return Fault(
        "VERDICT_AMOUNT_DENIED", "This disposition names no overpayment, yet an amount stands "
        "beside it; empty the amount or change the disposition.",
        "该处理结果不涉及多付，却填有金额；请清空金额或更改处理结果。",
    )  # fmt: skip


def above_size(row: int, found: int, size: int) -> Fault:
    """More was overpaid than the unit's size; only a warning."""
    return Fault(
        "VERDICT_ABOVE_SIZE", f"The amount {major(found):.2f} is above the unit's size "
        f"{major(size):.2f}; look at it again.",
        f"金额{major(found):.2f}超过该对象的金额规模{major(size):.2f}，请再核对。", row,
        "overpaid_amount",
    )  # fmt: skip


def reason_missing() -> Fault:
    """A confirmed finding without a reason."""
    return Fault(
        "VERDICT_REASON", "A confirmed finding needs a reason; state the facts in a sentence.",
        "查实的案件须写明理由，请用一句话陈述事实。",
    )  # fmt: skip


def reason_long(found: int, most: int) -> Fault:
    """The reason is a report."""
    return Fault(
        "VERDICT_REASON_LONG", f"The reason has {found} characters, at most {most} are kept; "
        "shorten it and attach the rest to the case.",
        f"理由有{found}字，最多{most}字；请精简，其余附于案卷。",
    )  # fmt: skip


def day(text: str) -> Fault:
    """The day of inspection is missing or no date."""
    return Fault(
        "VERDICT_DAY", f"The day of inspection is {text!r}; write it like 2026-01-31.",
        f"检查日期为{text!r}；请按2026-01-31的格式填写。",
    )  # fmt: skip


def day_range(found: date, first: date, today: date) -> Fault:
    """The day of inspection lies before the draw or in the future."""
    return Fault(
        "VERDICT_DAY_RANGE", f"The day of inspection {found} is not between the draw on {first} "
        f"and today, {today}.", f"检查日期{found}不在抽取日{first}与今日{today}之间。",
    )  # fmt: skip


def inspectors(found: int) -> Fault:
    """Fewer than two different inspectors."""
    return Fault(
        "VERDICT_INSPECTORS", f"There are {found} different inspectors; at least two inspect a "
        "case. Separate their codes by semicolons.",
        f"不同的检查人员有{found}名，每案至少两名；代码之间用分号分隔。",
    )  # fmt: skip
