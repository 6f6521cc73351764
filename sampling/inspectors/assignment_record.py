"""What the trail knows of a plan's assignments: once per plan, later ones only for a reason.

In: an open ledger connection and what is to be recorded. Out: the version under which it stands.
A record holds the hashes of the input and of the list, so neither can be exchanged afterwards. The
rules of a committee's plan are in the trail since its sealing; others than those need a reason too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sampling import trail
from sampling.faults import Fault
from sampling.inspectors.assignment_problem import AssignmentError

ACTION = "inspectors_assigned"


@dataclass(frozen=True)
class Recorded:
    """One assignment of a plan as the trail has it."""

    version: int
    input_sha256: str
    list_sha256: str
    at: str
    reason: str


def recorded(connection: sa.Connection, plan_id: str) -> list[Recorded]:
    """Return the assignments of a plan, oldest first."""
    rows = trail.trail_table
    query = sa.select(rows).where(rows.c.action == ACTION, rows.c.object == plan_id)
    found = []
    for row in connection.execute(query.order_by(rows.c.sequence)):
        body = json.loads(row.details)
        found.append(Recorded(
            body["version"], body["input_sha256"], body["list_sha256"], row.at,
            body.get("reason", ""),
        ))  # fmt: skip
    return found


def version_for(
    connection: sa.Connection, plan_id: str, input_sha256: str, reason: str
) -> tuple[int, bool]:
    """Return the version of this input, and whether it is new.

    Raises:
        AssignmentError: if the plan has an assignment from another input and no reason is given.
    """
    before = recorded(connection, plan_id)
    if before and before[-1].input_sha256 == input_sha256:
        return before[-1].version, False
    if before and not reason.strip():
        raise AssignmentError([_assigned(plan_id, before[-1])])
    return len(before) + 1, True


def sealed_rules(connection: sa.Connection, plan_id: str) -> str | None:
    """Return the SHA-256 of the rules that were sealed with a plan; None where none were."""
    rows = trail.trail_table
    query = sa.select(rows.c.details).where(rows.c.action == trail.SEALED, rows.c.object == plan_id)
    found = connection.execute(query).scalar()
    rules = None if found is None else json.loads(found).get("team_rules_sha256")
    return None if rules is None else str(rules)


def check_rules(connection: sa.Connection, plan_id: str, rules: str, reason: str) -> bool | None:
    """Return whether these are the sealed rules; None where none were sealed.

    Raises:
        AssignmentError: if they are others and no reason is given.
    """
    sealed = sealed_rules(connection, plan_id)
    if sealed is not None and sealed != rules and not reason.strip():
        raise AssignmentError([_other_rules(plan_id, rules, sealed)])
    return None if sealed is None else sealed == rules


def record(
    connection: sa.Connection, plan_id: str, details: Mapping[str, Any], *, actor: str,
    at: datetime,
) -> None:  # fmt: skip
    """Append the record of a new assignment to the trail."""
    trail.append(connection, actor, ACTION, plan_id, details, at=at)


def _other_rules(plan_id: str, rules: str, sealed: str) -> Fault:
    return Fault(
        "ASSIGN_RULES", f"The rules for inspectors are not those that were sealed with plan "
        f"{plan_id}: their SHA-256 is {rules}, sealed was {sealed}. The seed is known by now, so "
        "other rules could be chosen for what they bring. Give the sealed --settings, or say why "
        "not with --reason; it stays on record.",
        f"检查人员分派规则与计划{plan_id}封存的规则不同：现为{rules}，封存为{sealed}。种子此时已经公开，"
        "更换规则可能被用来挑选结果；"
        "请使用封存时的 --settings，或以 --reason 说明理由（将留有记录）。",
    )  # fmt: skip


def _assigned(plan_id: str, last: Recorded) -> Fault:
    return Fault(
        "ASSIGN_AGAIN", f"Plan {plan_id} has inspectors since {last.at} (version {last.version}), "
        "from another input: tables or settings have changed. To assign again by the same seed, "
        "say why with --reason; both stay on record.",
        f"计划{plan_id}已于{last.at}分派（第{last.version}版），而数据表或设置此后有变化。如需用同一种子"
        "重新分派，请以 --reason 说明理由；两次均留有记录。",
    )  # fmt: skip
