"""The limits of an assignment as arrays, and the exact question whether it can be completed.

In: a `Problem`, perhaps with limits lifted, and members already chosen. Out: a full assignment that
keeps them and obeys every limit, or None where there is none.

The question is a feasibility problem in whole numbers: x[job, inspector] in {0, 1}; each job has
its team; each need of a job and its leader are met; loads stay within capacity and within
``balance`` of each other. HiGHS (Huangfu and Hall 2018; `scipy.optimize.milp`) answers it. A yes is
never taken on trust: the solution is rounded and every limit is checked again in integers. A no
rests on the solver; all coefficients are integers of at most eight digits, far from its tolerance
of 1e-6. A question that it cannot decide in time is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from sampling.faults import Fault
from sampling.inspectors.assignment_problem import REASONS, AssignmentError, Problem

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Picks = Sequence[tuple[int, int]]
"""Pairs of a job's and an inspector's place in the problem."""

SECONDS = 120.0
"""Time that one question may take."""
_INFEASIBLE = 2
NO_LIMIT = 2**40
LEADER = 16
"""Bit of the right to lead; the needs of a job have the bits from 0."""


@dataclass(frozen=True, eq=False)
class Limits:
    """Arrays over jobs and inspectors, in the problem's order.

    ``barred`` holds a bit per reason; ``covers`` a bit per need of the job that the inspector
    meets, ``required`` the bits that its team must have together, `LEADER` among them.
    """

    team_size: int
    work: Ints
    barred: Ints
    covers: Ints
    required: Ints
    capacity: Ints
    most_jobs: int
    balance: int
    balanced: Bools
    level: int
    open: Bools = field(init=False)

    def __post_init__(self) -> None:
        """Say which pairs are open."""
        object.__setattr__(self, "open", (self.barred == 0) & (self.work <= self.capacity))


def limits_of(problem: Problem) -> Limits:
    """Return the problem's limits, all in force."""
    jobs, people = problem.jobs, problem.inspectors
    shape = (len(jobs), len(people))
    travel = np.zeros(shape, dtype=np.int64)
    district = np.array([one.district for one in people], dtype=object)
    at_job = {job.job_id: place for place, job in enumerate(jobs)}
    at_person = {one.inspector_id: place for place, one in enumerate(people)}
    for (name, job_id), minutes in problem.travel.items():
        travel[at_job[job_id], district == name] = minutes
    barred = np.zeros(shape, dtype=np.int64)
    for (inspector_id, job_id), reasons in problem.bars.items():
        bits = sum(1 << REASONS.index(reason) for reason in reasons)
        barred[at_job[job_id], at_person[inspector_id]] = bits
    covers, required = _needs(problem)
    capacity = np.array([one.minutes for one in people], dtype=np.int64)
    work = np.array([[job.minutes] for job in jobs], dtype=np.int64).reshape(-1, 1) + travel
    could = ((barred == 0) & (work <= capacity)).any(axis=0)
    return Limits(
        problem.rules.team_size, work, barred, covers, required, capacity,
        _limit(problem.rules.most_jobs), _limit(problem.rules.balance_minutes), could,
        problem.rules.level_minutes or 0,
    )  # fmt: skip


def _limit(stated: int | None) -> int:
    return NO_LIMIT if stated is None else stated


def _needs(problem: Problem) -> tuple[Ints, Ints]:
    profession = np.array([one.profession for one in problem.inspectors], dtype=object)
    leads = np.array([one.may_lead for one in problem.inspectors], dtype=bool)
    covers = np.zeros((len(problem.jobs), len(profession)), dtype=np.int64)
    required = np.zeros(len(problem.jobs), dtype=np.int64)
    known: dict[tuple[tuple[str, ...], ...], Ints] = {}
    for place, job in enumerate(problem.jobs):
        if job.needs not in known:
            bits = np.zeros(len(profession), dtype=np.int64)
            for bit, need in enumerate(job.needs):
                bits |= np.isin(profession, list(need)).astype(np.int64) << bit
            known[job.needs] = bits
        covers[place] = known[job.needs]
        required[place] = (1 << len(job.needs)) - 1
        if problem.rules.leader:
            covers[place] |= leads.astype(np.int64) << LEADER
            required[place] |= 1 << LEADER
    return covers, required


def completion(limits: Limits, picks: Picks, seconds: float = SECONDS) -> Bools | None:
    """Return jobs x inspectors of a full assignment that holds ``picks``, or None: there is none.

    Raises:
        AssignmentError: if the solver did not decide in ``seconds``, or answered wrongly.
    """
    chosen = np.zeros(limits.work.shape, dtype=bool)
    if picks:
        chosen[tuple(np.array(picks).T)] = True
    filled = chosen.sum(axis=1) == limits.team_size
    free = limits.open & ~chosen & ~filled[:, None]
    job, person = np.nonzero(free)
    rows = _rows(limits, chosen, np.flatnonzero(~filled), job, person)
    if rows is None:
        return None
    if len(job):
        solution = _solve(rows, len(job), seconds)
        if solution is None:
            return None
        taken = np.rint(solution[: len(job)]).astype(bool)
        chosen[job[taken], person[taken]] = True
    if broken_limits(limits, chosen):
        if not len(job):
            return None
        raise AssignmentError([untrue()])
    return chosen


def broken_limits(limits: Limits, chosen: Bools) -> tuple[str, ...]:
    """Return the names of the limits that a full assignment breaks, in integers."""
    loads = (limits.work * chosen).sum(axis=0)
    counts = chosen.sum(axis=0)
    met = np.bitwise_or.reduce(np.where(chosen, limits.covers, 0), axis=1)
    even = loads[limits.balanced]
    checks: Mapping[str, bool] = {
        "team": bool((chosen.sum(axis=1) != limits.team_size).any()),
        "bar": bool((chosen & (limits.barred != 0)).any()),
        "need": bool((limits.required & ~met).any()),
        "capacity": bool((loads > limits.capacity).any()),
        "most_jobs": bool((counts > limits.most_jobs).any()),
        "balance": bool(even.size and even.max() - even.min() > limits.balance),
    }
    return tuple(name for name, broken in checks.items() if broken)


@dataclass(frozen=True)
class _Rows:
    """Rows of a sparse matrix over the free pairs and, last, the smallest load."""

    row: list[Ints]
    column: list[Ints]
    value: list[Ints]
    low: list[Ints]
    high: list[Ints]


def _rows(limits: Limits, chosen: Bools, open_jobs: Ints, job: Ints, person: Ints) -> _Rows | None:
    """Return the rows of the open question; None where it is settled that nothing fits."""
    rows = _Rows([], [], [], [], [])
    place = np.full(len(chosen), -1, dtype=np.int64)
    place[open_jobs] = np.arange(len(open_jobs))
    pairs = np.arange(len(job), dtype=np.int64)
    missing = limits.team_size - chosen.sum(axis=1)[open_jobs]
    _add(rows, place[job], pairs, np.ones(len(job), dtype=np.int64), missing, missing)
    met = np.bitwise_or.reduce(np.where(chosen, limits.covers, 0), axis=1)
    lacking = limits.required & ~met
    if (lacking & ~_offered(limits, chosen, job, person)).any():
        return None
    for bit in range(int(lacking.max(initial=0)).bit_length()):
        wanting = np.flatnonzero(lacking >> bit & 1)
        at = np.full(len(chosen), -1, dtype=np.int64)
        at[wanting] = np.arange(len(wanting))
        hit = (at[job] >= 0) & (limits.covers[job, person] >> bit & 1).astype(bool)
        ones = np.ones(len(wanting), dtype=np.int64)
        _add(rows, at[job][hit], pairs[hit], np.ones(int(hit.sum()), dtype=np.int64), ones,
             ones * NO_LIMIT)  # fmt: skip
    _add_loads(rows, limits, chosen, job, person)
    return rows


def _offered(limits: Limits, chosen: Bools, job: Ints, person: Ints) -> Ints:
    offered = np.zeros(len(chosen), dtype=np.int64)
    np.bitwise_or.at(offered, job, limits.covers[job, person])
    return offered


def _add_loads(rows: _Rows, limits: Limits, chosen: Bools, job: Ints, person: Ints) -> None:
    """Add capacity, number of jobs, and the loads' distance from the smallest one."""
    pairs, work = np.arange(len(job), dtype=np.int64), limits.work[job, person]
    loads = (limits.work * chosen).sum(axis=0)
    none = np.full(len(loads), -NO_LIMIT, dtype=np.int64)
    _add(rows, person, pairs, work, none, limits.capacity - loads)
    if limits.most_jobs < NO_LIMIT:
        _add(rows, person, pairs, np.ones_like(pairs), none,
             limits.most_jobs - chosen.sum(axis=0))  # fmt: skip
    even = np.flatnonzero(limits.balanced)
    if limits.balance >= NO_LIMIT or not even.size:
        return
    at = np.full(len(loads), -1, dtype=np.int64)
    at[even] = np.arange(len(even))
    kept = at[person] >= 0
    smallest = np.full(len(even), len(job), dtype=np.int64)
    _add(
        rows,
        np.concatenate([at[person][kept], np.arange(len(even))]),
        np.concatenate([pairs[kept], smallest]),
        np.concatenate([work[kept], np.full(len(even), -1, dtype=np.int64)]),
        -loads[even],
        limits.balance - loads[even],
    )


def _add(rows: _Rows, row: Ints, column: Ints, value: Ints, low: Ints, high: Ints) -> None:
    before = sum(len(part) for part in rows.low)
    rows.row.append(row + before)
    rows.column.append(column)
    rows.value.append(value)
    rows.low.append(low)
    rows.high.append(high)


def _solve(rows: _Rows, pairs: int, seconds: float) -> npt.NDArray[np.float64] | None:
    low, high = (np.concatenate(part).astype(np.float64) for part in (rows.low, rows.high))
    low[low <= -NO_LIMIT / 2], high[high >= NO_LIMIT / 2] = -np.inf, np.inf
    place = (np.concatenate(rows.row), np.concatenate(rows.column))
    matrix = coo_array(
        (np.concatenate(rows.value).astype(np.float64), place), shape=(len(low), pairs + 1)
    ).tocsr()
    upper = np.append(np.ones(pairs), np.inf)
    found = milp(
        np.zeros(pairs + 1),
        integrality=np.append(np.ones(pairs), 0),
        bounds=Bounds(np.zeros(pairs + 1), upper),
        constraints=LinearConstraint(matrix, low, high),
        options={"time_limit": seconds},
    )
    if found.status == _INFEASIBLE:
        return None
    if found.x is None:
        raise AssignmentError([_undecided(seconds)])
    return np.asarray(found.x, dtype=np.float64)


def _undecided(seconds: float) -> Fault:
    return Fault(
        "ASSIGN_TIME", f"Whether the inspectors suffice could not be decided in {seconds:.0f} "
        "seconds; widen balance_minutes or the capacity, so that it is clearer.",
        f"在{seconds:.0f}秒内无法判定检查人员是否足够；请放宽 balance_minutes 或人员时长。",
    )  # fmt: skip


def untrue() -> Fault:
    """The solver contradicts itself or whole-number arithmetic."""
    return Fault(
        "ASSIGN_SOLVER", "The solver's answer breaks a limit when checked in whole numbers; "
        "nothing was assigned. Report the input file.",
        "求解器的结果经整数复核不符合约束，未作分派；请上报输入文件。",
    )  # fmt: skip
