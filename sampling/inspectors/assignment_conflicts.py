"""Why no assignment exists: the smallest set of limits that cannot hold together, in words.

In: a `Problem` that has no assignment. Out: one sentence per limit of an irreducible set: without
any one of them the others could hold. Teams of the stated size are never up for lifting.

Deletion filter (Chinneck and Dravnieks 1991), first over kinds of limits, then, within each kind
that is needed, over the jobs by halves (QuickXplain, Junker 2004). Lifting more limits can only
help, so a kind's jobs stay irreducible when a later kind is narrowed. A single job that cannot be
staffed by itself is looked for first, because that is the plainest reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from sampling.faults import Fault
from sampling.inspectors.assignment_limits import LEADER, NO_LIMIT, Limits, completion
from sampling.inspectors.assignment_problem import REASONS, Problem
from sampling.inspectors.assignment_sentences import sentence, too_few

Group = tuple[str, int]
"""A limit: its kind, and the job's place or -1 for a limit of the whole plan."""
_WHOLE = -1
_LEADER = 1 << LEADER
_NEEDS = _LEADER - 1


def conflict_faults(problem: Problem, limits: Limits) -> list[Fault]:
    """Return the sentences of an irreducible set of limits; the problem must have no solution."""
    if len(problem.inspectors) < limits.team_size:
        return [too_few(len(problem.inspectors), limits.team_size)]
    for place in range(len(problem.jobs)):
        alone = _only(limits, place)
        if completion(alone, []) is None:
            group = _irreducible(alone, [place])
            return [sentence(problem, limits, one) for one in group]
    group = _irreducible(limits, range(len(problem.jobs)))
    return [sentence(problem, limits, one) for one in group]


def lifted(limits: Limits, kept: Iterable[Group]) -> Limits:
    """Return the limits with only ``kept`` in force."""
    held = set(kept)
    jobs = range(len(limits.work))
    reasons = np.array([
        sum(1 << bit for bit, name in enumerate(REASONS) if (name, job) in held) for job in jobs
    ], dtype=np.int64)  # fmt: skip
    bits = np.array([
        (_NEEDS if ("need", job) in held else 0) | (_LEADER if ("leader", job) in held else 0)
        for job in jobs
    ], dtype=np.int64)  # fmt: skip
    return replace(
        limits,
        barred=limits.barred & reasons.reshape(-1, 1),
        required=limits.required & bits,
        capacity=limits.capacity if ("capacity", _WHOLE) in held
        else np.full_like(limits.capacity, NO_LIMIT),
        most_jobs=limits.most_jobs if ("most_jobs", _WHOLE) in held else NO_LIMIT,
        balance=limits.balance if ("balance", _WHOLE) in held else NO_LIMIT,
    )  # fmt: skip


def _only(limits: Limits, place: int) -> Limits:
    """Return the limits of one job; loads of a plan of one job need no balance."""
    one = slice(place, place + 1)
    return replace(
        limits, work=limits.work[one], barred=limits.barred[one], covers=limits.covers[one],
        required=limits.required[one], balance=NO_LIMIT,
    )  # fmt: skip


def _irreducible(limits: Limits, places: Sequence[int]) -> list[Group]:
    """Return an irreducible set of groups, with the jobs' places in the problem."""
    kinds = {kind: _groups(kind, limits) for kind in
             ("most_jobs", "balance", "capacity", "distance", "rotation", "recusal", "leader",
              "need")}  # fmt: skip

    def impossible(kept: Sequence[Group]) -> bool:
        return completion(lifted(limits, kept), []) is None

    for kind in list(kinds):
        others = [group for name, groups in kinds.items() if name != kind for group in groups]
        if impossible(others):
            kinds[kind] = []
    for kind, groups in kinds.items():
        others = [group for name, all_of in kinds.items() if name != kind for group in all_of]
        kinds[kind] = _narrowed(impossible, others, groups)
    found = [group for groups in kinds.values() for group in groups]
    return [(kind, places[job] if job != _WHOLE else _WHOLE) for kind, job in found]


def _groups(kind: str, limits: Limits) -> list[Group]:
    """Return the groups of a kind that limit anything at all."""
    if kind in ("most_jobs", "balance", "capacity"):
        return [(kind, _WHOLE)]
    jobs = np.arange(len(limits.work))
    if kind in REASONS:
        hit = (limits.barred >> REASONS.index(kind) & 1).any(axis=1)
    else:
        hit = (limits.required & (_NEEDS if kind == "need" else _LEADER)) != 0
    return [(kind, int(job)) for job in jobs[hit]]


def _narrowed(
    impossible: Callable[[Sequence[Group]], bool], kept: list[Group], groups: list[Group]
) -> list[Group]:
    """Return a smallest part of ``groups`` that is still impossible together with ``kept``."""
    if not groups or impossible(kept):
        return []
    if len(groups) == 1:
        return groups
    first, second = groups[: len(groups) // 2], groups[len(groups) // 2 :]
    of_second = _narrowed(impossible, [*kept, *first], second)
    of_first = _narrowed(impossible, [*kept, *of_second], first)
    return [*of_first, *of_second]
