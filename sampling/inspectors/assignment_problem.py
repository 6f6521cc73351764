"""What an assignment of inspectors is made from: jobs, inspectors, bars, travel and rules.

In: rows as the caller knows them. Out: a `Problem` in canonical order, its bytes (``assign.json``,
RFC 8785) and their SHA-256, and back. A job is what one team does: an institution with all its
drawn cases, or the case of one insured person. All quantities are whole minutes.

The bytes are the published input: with the seed they decide everything (docs/sampling-spec.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import rfc8785

from sampling.faults import Fault, SamplingError, checked

ASSIGN_FILE = "assign.json"
VERSION = "jihe-assign-1"
Reason = Literal["recusal", "rotation", "distance"]
REASONS: tuple[Reason, ...] = get_args(Reason)
_MOST_MINUTES = 10**7
_LARGEST_TEAM = 9
_OPTIONAL = ("balance_minutes", "most_jobs", "level_minutes")
_MOST_NEEDS = 8
_KEYS = {"bars", "inspectors", "jobs", "plan_id", "rules", "travel", "version"}


class AssignmentError(SamplingError):
    """Inspectors cannot be assigned, or not with this input."""


@dataclass(frozen=True, order=True)
class Job:
    """What one team does; ``needs`` are lists of professions, one of each list must be there."""

    job_id: str
    minutes: int
    needs: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, order=True)
class Inspector:
    """Somebody who can be sent; ``minutes`` is the capacity in the plan's period."""

    inspector_id: str
    profession: str = ""
    district: str = ""
    may_lead: bool = True
    minutes: int = _MOST_MINUTES


@dataclass(frozen=True)
class Rules:
    """What every team and every load must obey.

    ``balance_minutes``: how far two loads may differ at most; None for no limit. ``most_jobs``:
    jobs per inspector at most; None for no limit. ``level_minutes``: whoever has more than this
    above the smallest load waits for others; None for the lower median of the jobs' minutes, or
    where a balance is stated, for what it leaves beside the largest single job.
    """

    team_size: int = 2
    leader: bool = True
    balance_minutes: int | None = None
    most_jobs: int | None = None
    level_minutes: int | None = None


@dataclass(frozen=True)
class Problem:
    """One plan's jobs and inspectors, each in the order of the bytes of their ids.

    ``travel``: minutes there and back by (district, job); a missing one is 0. ``bars``: why an
    inspector may not do a job, by (inspector, job).
    """

    plan_id: str
    jobs: tuple[Job, ...]
    inspectors: tuple[Inspector, ...]
    rules: Rules
    travel: Mapping[tuple[str, str], int] = field(default_factory=dict)
    bars: Mapping[tuple[str, str], tuple[Reason, ...]] = field(default_factory=dict)

    def work(self, inspector: Inspector, job: Job) -> int:
        """Return the minutes that a job takes an inspector, travel included."""
        return job.minutes + self.travel.get((inspector.district, job.job_id), 0)


def make_problem(
    plan_id: str, jobs: Sequence[Job], inspectors: Sequence[Inspector], rules: Rules,
    travel: Mapping[tuple[str, str], int] | None = None,
    bars: Mapping[tuple[str, str], Sequence[Reason]] | None = None,
) -> Problem:  # fmt: skip
    """Return the problem in canonical order, with the balance as a number.

    Travel and bars of unknown jobs, inspectors and districts are left out.

    Raises:
        AssignmentError: with every id that is empty, repeated or not fit for a hash's message,
            and every number out of range.
    """
    checked(_faults(jobs, inspectors, rules, travel or {}), AssignmentError)
    known = {job.job_id for job in jobs}
    people = {one.inspector_id for one in inspectors}
    districts = {one.district for one in inspectors}
    problem = Problem(
        plan_id,
        tuple(_tidy(job) for job in sorted(jobs, key=lambda job: job.job_id.encode())),
        tuple(sorted(inspectors, key=lambda one: one.inspector_id.encode())),
        rules,
        {k: v for k, v in (travel or {}).items() if v and k[0] in districts and k[1] in known},
        {k: _in_order(v) for k, v in (bars or {}).items() if v and k[0] in people
         and k[1] in known},
    )  # fmt: skip
    if rules.level_minutes is not None:
        return problem
    return replace(problem, rules=replace(rules, level_minutes=_level(problem)))


def problem_bytes(problem: Problem) -> bytes:
    """Return the RFC 8785 bytes of ``assign.json``; there is no line feed at the end."""
    rules = problem.rules
    return rfc8785.dumps({
        "version": VERSION,
        "plan_id": problem.plan_id,
        "rules": {"team_size": rules.team_size, "leader": rules.leader,
                  "balance_minutes": rules.balance_minutes, "most_jobs": rules.most_jobs,
                  "level_minutes": rules.level_minutes},
        "jobs": [{"job": j.job_id, "minutes": j.minutes, "needs": [list(n) for n in j.needs]}
                 for j in problem.jobs],
        "inspectors": [{"inspector": i.inspector_id, "profession": i.profession,
                        "district": i.district, "may_lead": i.may_lead, "minutes": i.minutes}
                       for i in problem.inspectors],
        "travel": [{"district": district, "job": job, "minutes": minutes}
                   for (district, job), minutes in _by_bytes(problem.travel)],
        "bars": [{"inspector": inspector, "job": job, "reasons": list(reasons)}
                 for (inspector, job), reasons in _by_bytes(problem.bars)],
    })  # fmt: skip


def problem_hash(problem: Problem) -> str:
    """Return the SHA-256 of the problem's bytes as 64 hex digits."""
    return hashlib.sha256(problem_bytes(problem)).hexdigest()


def read_problem(path: Path) -> Problem:
    """Read ``assign.json``.

    Raises:
        AssignmentError: if its bytes are not what `problem_bytes` writes.
    """
    raw = path.read_bytes()
    try:
        body = json.loads(raw.decode())
        if set(body) != _KEYS or body["version"] != VERSION:
            raise ValueError("its fields or version are others")
        problem = _parsed(body)
        same = problem_bytes(problem) == raw
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AssignmentError([_unreadable(path.name, f"{type(error).__name__}")]) from None
    if not same:
        raise AssignmentError([_unreadable(path.name, "not canonical")])
    return problem


def _parsed(body: Mapping[str, Any]) -> Problem:
    rules = body["rules"]
    return make_problem(
        body["plan_id"],
        [Job(j["job"], j["minutes"], tuple(tuple(n) for n in j["needs"])) for j in body["jobs"]],
        [Inspector(i["inspector"], i["profession"], i["district"], i["may_lead"], i["minutes"])
         for i in body["inspectors"]],
        Rules(**rules),
        {(t["district"], t["job"]): t["minutes"] for t in body["travel"]},
        {(b["inspector"], b["job"]): b["reasons"] for b in body["bars"]},
    )  # fmt: skip


def _by_bytes(rows: Mapping[tuple[str, str], Any]) -> list[tuple[tuple[str, str], Any]]:
    return sorted(rows.items(), key=lambda row: (row[0][0].encode(), row[0][1].encode()))


def _tidy(job: Job) -> Job:
    return Job(job.job_id, job.minutes, tuple(sorted({tuple(sorted(set(n))) for n in job.needs})))


def _in_order(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(reason for reason in REASONS if reason in reasons)


def _level(problem: Problem) -> int:
    """Return the usual ``level_minutes``."""
    sizes = sorted(job.minutes for job in problem.jobs)
    if problem.rules.balance_minutes is None:
        return sizes[(len(sizes) - 1) // 2] if sizes else 0
    # Taking the least loaded never drives two loads further apart than the largest job.
    largest = max(
        (problem.work(one, job) for job in problem.jobs for one in problem.inspectors
         if (one.inspector_id, job.job_id) not in problem.bars),
        default=0,
    )  # fmt: skip
    return max(0, problem.rules.balance_minutes - largest)


def _faults(
    jobs: Sequence[Job], inspectors: Sequence[Inspector], rules: Rules,
    travel: Mapping[tuple[str, str], int],
) -> list[Fault]:  # fmt: skip
    faults = _id_faults("job", "工作", [job.job_id for job in jobs])
    faults += _id_faults("inspector", "检查人员", [one.inspector_id for one in inspectors])
    if not 2 <= rules.team_size <= _LARGEST_TEAM:
        faults.append(_range("team_size", rules.team_size, 2, _LARGEST_TEAM))
    most = max((len(job.needs) for job in jobs), default=0)
    if most > _MOST_NEEDS:
        faults.append(_range("needs", most, 0, _MOST_NEEDS))
    numbers = [("minutes", job.minutes) for job in jobs]
    numbers += [("minutes", one.minutes) for one in inspectors]
    numbers += [("travel", minutes) for minutes in travel.values()]
    numbers += [(name, getattr(rules, name) or 0) for name in _OPTIONAL]
    wrong = [pair for pair in numbers if not 0 <= pair[1] <= _MOST_MINUTES]
    return faults + [_range(name, got, 0, _MOST_MINUTES) for name, got in wrong]


def _id_faults(kind: str, zh: str, ids: Sequence[str]) -> list[Fault]:
    faults = []
    for one in sorted({i for i in ids if ids.count(i) > 1} if len(set(ids)) < len(ids) else ()):
        faults.append(Fault(
            "ASSIGN_REPEATED", f"The {kind} '{one}' occurs more than once; name it once.",
            f"{zh}“{one}”重复，应只出现一次。",
        ))  # fmt: skip
    for one in ids:
        if not one or "|" in one or any(ord(c) < 32 or ord(c) == 127 for c in one):
            faults.append(Fault(
                "ASSIGN_ID", f"The id {one!r} of a {kind} is empty or holds '|' or a control "
                "character; give it another.",
                f"{zh}编号{one!r}为空，或含有“|”或控制字符，请更换。",
            ))  # fmt: skip
    return faults


def _range(name: str, got: int, least: int, most: int) -> Fault:
    return Fault(
        "ASSIGN_RANGE", f"'{name}' must lie between {least} and {most}. Got {got} instead.",
        f"“{name}”应在{least}至{most}之间，实为{got}。", column=name,
    )  # fmt: skip


def _unreadable(name: str, detail: str) -> Fault:
    return Fault(
        "ASSIGN_FILE", f"The file {name} is not an input of an assignment as jihe writes it "
        f"({detail}); take the file as it was issued.",
        f"文件{name}不是jihe写出的分派输入（{detail}）；请使用原始文件。",
    )  # fmt: skip
