"""``plan assign``: who inspects what, drawn with the seed of the plan."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claims.contracts import Lang as LangCode
from jihe import console
from jihe.commands.options import (
    Form,
    FormOption,
    HomeOption,
    Lang,
    Language,
    PlanOption,
    lang_of,
    option,
    told,
)
from jihe.texts import say

if TYPE_CHECKING:
    from jihe.assignments import Assigned

SettingsOption = Annotated[
    Path | None, option("assign_settings", "--settings", exists=True, dir_okay=False)
]


def register(plan_app: typer.Typer) -> None:
    """Add the command to those of ``plan``."""
    plan_app.command("assign", help=told("plan_assign"))(plan_assign)


def plan_assign(
    plan: PlanOption,
    settings: SettingsOption = None,
    reason: Annotated[str, option("assign_reason", "--reason")] = "",
    check: Annotated[bool, option("assign_check", "--check")] = False,
    actor: Annotated[str, option("assign_actor", "--actor")] = "planner",
    home: HomeOption = Path(),
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Draw the inspectors of a plan's cases, and record it."""
    from jihe.assignments import assign_plan

    language = lang_of(lang)
    if check:
        _check(home, plan, language)
        return
    made = assign_plan(home, plan, settings, reason=reason, actor=actor, now=datetime.now(UTC))
    if format is Form.json:
        console.out.print_json(json.dumps(made.rows.to_pylist()))
        return
    _show(made, language)


def _check(home: Path, plan: str, lang: LangCode) -> None:
    from jihe.assignments import check_plan

    faults = check_plan(home, plan)
    if not faults:
        console.out.print(say("assign_checked", lang, plan=plan))
        return
    console.out.print(say("assign_differs", lang, plan=plan))
    for fault in faults:
        console.out.print("- " + fault.text(lang), soft_wrap=True, markup=False)
    raise typer.Exit(1)


def _show(made: Assigned, lang: LangCode) -> None:
    """Print the teams, the loads, and what a reader must know."""
    jobs = {job.job_id: job for job in made.problem.jobs}
    headers = [say(f"assign_{name}", lang) for name in ("team", "job", "members", "minutes")]
    body = [
        [team.place, team.job_id, ", ".join(team.members), sum(team.minutes)]
        for team in made.assignment.teams
    ]
    console.rows(headers, body, right=(0, 3))
    loads = dict.fromkeys((one.inspector_id for one in made.problem.inspectors), 0)
    for team in made.assignment.teams:
        for member, minutes in zip(team.members, team.minutes, strict=True):
            loads[member] += minutes
    console.out.print(say(
        "assign_loads", lang, jobs=len(jobs), inspectors=len(loads), low=min(loads.values()),
        high=max(loads.values()),
    ))  # fmt: skip
    if made.assignment.refused:
        console.out.print(say("assign_passed_over", lang, count=len(made.assignment.refused)))
    if made.late_rows:
        console.out.print(say("assign_late", lang, count=made.late_rows))
    if made.rules_as_sealed is False:
        console.out.print(say("assign_other_rules", lang))
    key = "assign_new" if made.new else "assign_same"
    console.out.print(
        say(key, lang, plan=made.problem.plan_id, version=made.version, folder=made.folder),
        soft_wrap=True,
    )
