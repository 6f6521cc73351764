"""The sentences of the faults that a frame can have.

In: what is wrong with a row. Out: a `Fault` in English and Chinese, without its place; the frame
adds row and column.
"""

from __future__ import annotations

from claims.contracts import table
from sampling.faults import Fault

UNITS: tuple[str, ...] = tuple(table("draws").columns["unit"].values)
"""Kinds of unit that can be drawn."""


def unknown_unit(unit: str, row: int | None) -> Fault:
    """The kind of unit is not one that can be drawn."""
    return Fault(
        "FRAME_UNIT", f"The unit is {unit!r}; write one of {', '.join(UNITS)}.",
        f"对象类型为{unit!r}，应为{'、'.join(UNITS)}之一。", row, "unit",
    )  # fmt: skip


def mixed(unit: str, first: str) -> Fault:
    """The row has another kind of unit than the first."""
    return Fault(
        "FRAME_MIXED", f"The unit is '{unit}' but the frame began with '{first}'; one frame holds "
        "one kind of unit.",
        f"对象类型为“{unit}”，与前面的“{first}”不同；一个抽样框只能有一种对象。",
    )  # fmt: skip


def not_four() -> Fault:
    """The line does not split into four fields."""
    return Fault(
        "FRAME_FIELDS", "The line needs four fields between tabs: unit, unit_id, stratum, "
        "size_minor.", "该行应有以制表符分隔的四个字段：unit、unit_id、stratum、size_minor。",
    )  # fmt: skip


def bad_size(text: str) -> Fault:
    """The size is not a canonical whole number."""
    return Fault(
        "FRAME_SIZE", f"The size is {text!r}; write a whole number of minor units from 0, without "
        "sign or leading zeros.", f"金额为{text!r}；应为不小于0的整数，不带符号和前导零。",
    )  # fmt: skip


def duplicate(unit_id: str) -> Fault:
    """The unit occurs twice."""
    return Fault(
        "FRAME_DUPLICATE", f"The unit '{unit_id}' occurs twice; keep one line per unit.",
        f"对象“{unit_id}”重复；每个对象只能有一行。",
    )  # fmt: skip


def unsorted() -> Fault:
    """The line sorts before the one above it."""
    return Fault(
        "FRAME_ORDER", "The line sorts before the one above it; sort the file by bytes.",
        "该行应排在上一行之前；请按字节排序。",
    )  # fmt: skip


def control() -> Fault:
    """An id or a stratum holds a control character."""
    return Fault(
        "FRAME_CONTROL", "The value holds a control character such as a tab; remove it.",
        "值中含有控制字符（如制表符），请删除。",
    )  # fmt: skip


def empty_text(column: str, row: int | None) -> Fault:
    """An id or a stratum is empty."""
    return Fault(
        "FRAME_BLANK", "The value is empty; every unit needs an id and a stratum.",
        "值为空；每个对象都要有编号和层。", row, column,
    )  # fmt: skip


def empty() -> Fault:
    """There are no units at all."""
    return Fault(
        "FRAME_EMPTY", "The frame has no units, so nothing can be drawn.",
        "抽样框中没有对象，无法抽取。",
    )  # fmt: skip
