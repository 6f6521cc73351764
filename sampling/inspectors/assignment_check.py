"""Check an assignment as a stranger would: every limit in plain integers, then the draw again.

In: ``assign.json``, the seed and the teams as published. Out: one sentence per difference; none
means that the teams obey every limit and are those that the seed gives. The limits are checked from
the problem's own rows, not with the arrays by which the teams were found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sampling.faults import Fault
from sampling.inspectors.assignment import Assignment, assign
from sampling.inspectors.assignment_problem import AssignmentError, Inspector, Problem


def verify_assignment(
    problem: Problem, seed: bytes, teams: Mapping[str, Sequence[str]]
) -> list[Fault]:
    """Return every way in which ``teams`` (inspectors by job, leader first) is not the seed's."""
    faults = limit_faults(problem, teams)
    try:
        right = assign(problem, seed)
    except AssignmentError as error:
        return [*faults, *error.faults]
    return faults + _differences(right, teams)


def limit_faults(problem: Problem, teams: Mapping[str, Sequence[str]]) -> list[Fault]:
    """Return every limit that the teams break."""
    people = {one.inspector_id: one for one in problem.inspectors}
    faults: list[Fault] = []
    loads = dict.fromkeys(people, 0)
    counts = dict.fromkeys(people, 0)
    for job in problem.jobs:
        team = list(teams.get(job.job_id, ()))
        known = [people[name] for name in team if name in people]
        if len(set(team)) != problem.rules.team_size or len(known) != len(team):
            faults.append(
                _broken(job.job_id, "has not the team that is demanded", "检查组人数不符")
            )
        for name in team:
            if (name, job.job_id) in problem.bars:
                faults.append(
                    _broken(job.job_id, f"has {name}, who is barred", f"含应排除的{name}")
                )
        for need in job.needs:
            if not any(one.profession in need for one in known):
                faults.append(_broken(
                    job.job_id, f"lacks {' or '.join(need)}", f"缺少{'或'.join(need)}"
                ))  # fmt: skip
        if problem.rules.leader and not any(one.may_lead for one in known):
            faults.append(_broken(job.job_id, "has nobody who may lead", "无可任组长者"))
        for one in known:
            loads[one.inspector_id] += problem.work(one, job)
            counts[one.inspector_id] += 1
    return faults + _load_faults(problem, loads, counts)


def _load_faults(
    problem: Problem, loads: Mapping[str, int], counts: Mapping[str, int]
) -> list[Fault]:
    faults, rules = [], problem.rules
    for one in problem.inspectors:
        name, load = one.inspector_id, loads[one.inspector_id]
        if load > one.minutes:
            faults.append(_broken(
                name, f"has {load} minutes of {one.minutes}", f"工作量{load}分钟，上限{one.minutes}"
            ))  # fmt: skip
        if rules.most_jobs is not None and counts[name] > rules.most_jobs:
            faults.append(_broken(
                name, f"has {counts[name]} jobs of {rules.most_jobs}",
                f"承担{counts[name]}项，上限{rules.most_jobs}",
            ))  # fmt: skip
    even = [loads[one.inspector_id] for one in problem.inspectors if could_do_any(problem, one)]
    if rules.balance_minutes is not None and even:
        spread = max(even) - min(even)
        if spread > rules.balance_minutes:
            faults.append(_broken(
                problem.plan_id, f"has loads {spread} minutes apart, at most "
                f"{rules.balance_minutes}", f"工作量相差{spread}分钟，上限{rules.balance_minutes}",
            ))  # fmt: skip
    return faults


def could_do_any(problem: Problem, inspector: Inspector) -> bool:
    """Tell whether an inspector may do any job at all; only those count for the balance."""
    return any(
        (inspector.inspector_id, job.job_id) not in problem.bars
        and problem.work(inspector, job) <= inspector.minutes
        for job in problem.jobs
    )


def _differences(right: Assignment, teams: Mapping[str, Sequence[str]]) -> list[Fault]:
    faults = []
    for team in right.teams:
        given = tuple(teams.get(team.job_id, ()))
        if given != team.members:
            faults.append(Fault(
                "ASSIGN_OTHER", f"{team.job_id}: the seed gives {', '.join(team.members)}; the "
                f"list has {', '.join(given) or 'nobody'}.",
                f"{team.job_id}：种子给出{'、'.join(team.members)}，"
                f"名单为{'、'.join(given) or '无'}。",
            ))  # fmt: skip
    for job_id in sorted(set(teams) - {team.job_id for team in right.teams}, key=str.encode):
        faults.append(_broken(job_id, "is not among the plan's jobs", "不在本计划的工作之中"))
    return faults


def _broken(name: str, en: str, zh: str) -> Fault:
    return Fault("ASSIGN_BROKEN", f"{name} {en}.", f"{name}：{zh}。")
