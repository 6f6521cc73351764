"""The rule by which members are chosen, one after the other, and the search that obeys it.

In: `Limits` and the seeded `Numbers`. Out: the picks in order, each the first candidate with whom
the whole can still be completed (see `inspectors.assignment`), and the candidates refused on the
way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sampling.drawing.draw import keyed_numbers
from sampling.inspectors.assignment_limits import (
    NO_LIMIT,
    Ints,
    Limits,
    broken_limits,
    completion,
    untrue,
)
from sampling.inspectors.assignment_problem import AssignmentError, Problem

Pick = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Numbers:
    """Order of the jobs, numbers of the pairs (jobs x inspectors) and of the inspectors."""

    order: Ints
    pairs: npt.NDArray[np.uint64]
    people: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, problem: Problem, seed: bytes) -> Numbers:
        """Return the numbers of a problem under a seed."""
        ids = [one.inspector_id for one in problem.inspectors]
        jobs = keyed_numbers(seed, "assign|", [job.job_id for job in problem.jobs])
        pairs = [keyed_numbers(seed, f"assign|{job.job_id}|", ids) for job in problem.jobs]
        # Stable sorts here and below: equal numbers keep the order of the ids' bytes.
        return cls(
            np.argsort(jobs, kind="stable"),
            np.array(pairs, dtype=np.uint64).reshape(len(problem.jobs), len(ids)),
            keyed_numbers(seed, "inspector|", ids),
        )


def search(limits: Limits, numbers: Numbers) -> tuple[list[Pick], list[Pick]] | None:
    """Return the picks and who was refused, in order; None where no assignment obeys all limits.

    ``sure`` is a beginning that is known to be completable. What follows it is the rule with the
    tests of one job only; where that ends badly, the last completable beginning is looked for and
    the pick after it replaced.
    """
    sure: list[Pick] = []
    refused: list[Pick] = []
    while True:
        picks = _followed(limits, numbers, sure)
        if _lawful(limits, picks):
            return picks, refused
        if not sure and completion(limits, []) is None:
            return None
        last = _last_completable(limits, picks, len(sure))
        pick, passed = _next(limits, numbers, picks[:last], picks[last])
        refused += passed
        sure = [*picks[:last], pick]


def _lawful(limits: Limits, picks: Sequence[Pick]) -> bool:
    chosen = np.zeros(limits.work.shape, dtype=bool)
    if picks:
        chosen[tuple(np.array(picks).T)] = True
    return not broken_limits(limits, chosen)


class _State:
    """Loads, teams so far, and the step at hand: which job, and what its next member must bring."""

    def __init__(self, limits: Limits, numbers: Numbers, picks: Sequence[Pick]) -> None:
        self._limits, self._numbers = limits, numbers
        self._loads = np.zeros(limits.work.shape[1], dtype=np.int64)
        self._counts = np.zeros_like(self._loads)
        self._teams: list[list[int]] = [[] for _ in limits.work]
        self._met = [0] * len(limits.work)
        self._steps = _steps(limits, numbers)
        self._at = -1
        self._advance()
        for pick in picks:
            self.take(pick)

    @property
    def finished(self) -> bool:
        """Whether every job has its team."""
        return self._at == len(self._steps)

    def take(self, pick: Pick) -> None:
        """Add a member to a job's team and go on to the next step that is still to be done."""
        job, person = pick
        self._teams[job].append(person)
        self._met[job] |= int(self._limits.covers[job, person])
        self._loads[person] += self._limits.work[job, person]
        self._counts[person] += 1
        self._advance()

    def _advance(self) -> None:
        self._at += 1
        while self._at < len(self._steps):
            job, brings = self._steps[self._at]
            if not brings & self._met[job] and len(self._teams[job]) < self._limits.team_size:
                break
            self._at += 1

    def candidates(self) -> Iterator[Pick]:
        """Yield who may be taken next, in the rule's order, if the job can be filled then."""
        limits = self._limits
        job, brings = self._steps[self._at]
        able = limits.open[job] & (self._loads + limits.work[job] <= limits.capacity)
        able &= self._counts < limits.most_jobs
        able[self._teams[job]] = False
        needed = int(limits.required[job])
        lacking, places = needed & ~self._met[job], limits.team_size - len(self._teams[job]) - 1
        kinds = Counter((limits.covers[job, able] & needed).tolist())
        if brings:
            able &= (limits.covers[job] & brings) != 0
        people = np.flatnonzero(able)
        loads = self._loads[people]
        late = loads > self._loads[limits.balanced].min(initial=NO_LIMIT) + limits.level
        order = np.lexsort((self._numbers.pairs[job, people], np.where(late, loads, -1)))
        for person in people[order].tolist():
            kind = int(limits.covers[job, person]) & needed
            if _fills(lacking & ~kind, places, kinds - Counter([kind])):
                yield job, person


def _steps(limits: Limits, numbers: Numbers) -> list[tuple[int, int]]:
    """Return (job, bit that the member must bring or 0): needs first, the leader, then the rest.

    Whoever is needed for what few can do is chosen before the others fill up the teams.
    """
    jobs = numbers.order.tolist()
    bits = range(int(limits.required.max(initial=0)).bit_length())
    wanted = [(job, 1 << bit) for bit in bits for job in jobs if limits.required[job] >> bit & 1]
    return [*wanted, *((job, 0) for _ in range(limits.team_size) for job in jobs)]


def _fills(lacking: int, places: int, kinds: Counter[int]) -> bool:
    """Tell whether ``places`` people, so many of each kind, can cover all that is lacking."""
    if lacking == 0:
        return kinds.total() >= places
    if places == 0:
        return False
    return any(
        _fills(lacking & ~kind, places - 1, kinds - Counter([kind]))
        for kind in kinds
        if kind & lacking
    )


def _followed(limits: Limits, numbers: Numbers, start: Sequence[Pick]) -> list[Pick]:
    """Return the picks of the rule from ``start`` on, to the end or to where it is stuck."""
    state, picks = _State(limits, numbers, start), list(start)
    while not state.finished:
        pick = next(state.candidates(), None)
        if pick is None:
            break
        state.take(pick)
        picks.append(pick)
    return picks


def _last_completable(limits: Limits, picks: Sequence[Pick], low: int) -> int:
    """Return the length of the longest completable beginning; ``low`` is one, all is none.

    Looks near the end first, where the questions are small.
    """
    high, step = len(picks), 1
    probe = high - 1
    while probe > low and completion(limits, picks[:probe]) is None:
        high, step = probe, step * 2
        probe = max(low, high - step)
    low = max(low, probe)
    while high - low > 1:
        middle = (low + high) // 2
        if completion(limits, picks[:middle]) is None:
            high = middle
        else:
            low = middle
    return low


def _next(
    limits: Limits, numbers: Numbers, sure: Sequence[Pick], first: Pick
) -> tuple[Pick, list[Pick]]:
    """Return the first candidate with whom all can be completed, and those before; not ``first``.

    Raises:
        AssignmentError: if there is none although ``sure`` can be completed: the solver erred.
    """
    passed = [first]
    for pick in _State(limits, numbers, sure).candidates():
        if pick == first:
            continue
        if completion(limits, [*sure, pick]) is not None:
            return pick, passed
        passed.append(pick)
    raise AssignmentError([untrue()])
