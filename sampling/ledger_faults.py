"""The sentences with which the ledger refuses a plan or an outcome.

In: rows and what the ledger knows of their cases. Out: faults, all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sampling.faults import Fault
from sampling.outcome_rows import Outcome


def row_faults(rows: Sequence[Outcome], drawn: Mapping[str, tuple[str, ...]]) -> list[Fault]:
    """Return the rows that occur twice or that their plan's draw does not know like this."""
    counts = Counter(row.case for row in rows)
    return [_twice(case) for case, count in sorted(counts.items()) if count > 1] + [
        _not_drawn(row)
        for row in rows
        if row.plan_id is not None
        and drawn.get(row.case) != (row.plan_id, row.unit, row.unit_id, row.channel)
    ]


def late(
    new: Sequence[Mapping[str, Any]], before: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[Fault]:
    """Return the new rows that would not be the last of their case."""
    return [
        Fault(
            "LEDGER_TIME", f"Case '{row['case']}' already has an outcome known at or after this "
            "time; import it with a later time.",
            f"案件“{row['case']}”已有同时或更晚获知的结果，请以更晚的时间导入。",
        )
        for row in new
        if any(old["known_at"] >= row["known_at"] for old in before.get(row["case"], ()))
    ]  # fmt: skip


def seed_used(plan_id: str) -> Fault:
    """The seed belongs to another draw."""
    return Fault(
        "LEDGER_SEED", f"This seed already drew plan {plan_id} from another frame or design. A "
        "seed is used once; draw a new one.",
        f"该种子已用于计划{plan_id}（抽样框或设计不同）。种子只能使用一次，请另取种子。",
    )  # fmt: skip


def no_plan(plan_id: str, have: Sequence[str]) -> Fault:
    """There is no plan of that number."""
    return Fault(
        "LEDGER_PLAN", f"There is no plan '{plan_id}'; there are: {', '.join(have) or 'none'}.",
        f"没有计划“{plan_id}”；现有：{'、'.join(have) or '无'}。",
    )  # fmt: skip


def _not_drawn(row: Outcome) -> Fault:
    return Fault(
        "LEDGER_DRAW", f"Case '{row.case}' with unit '{row.unit_id}' and channel '{row.channel}' "
        f"is not in the draw of plan {row.plan_id}.",
        f"案件“{row.case}”（对象“{row.unit_id}”，渠道“{row.channel}”）不在计划{row.plan_id}的抽取"
        "结果中。",
    )  # fmt: skip


def _twice(case: str) -> Fault:
    return Fault("LEDGER_TWICE", f"Case '{case}' occurs twice.", f"案件“{case}”重复。")
