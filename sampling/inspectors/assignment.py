"""Draw the inspectors of a plan: a team for every job, by the plan's own seed.

In: a `Problem` and the 32 bytes of the seed. Out: an `Assignment`, a function of the two alone.

Jobs stand in the order of their numbers HMAC-SHA-256(seed, ``assign|job``). First every job gets
whoever meets its needs, then a leader, then the rest of its team, one member at a time. For each
place the candidates stand in a fixed order: first those whose load is within ``level_minutes`` of
the smallest, by their number HMAC-SHA-256(seed, ``assign|job|inspector``); then the others, by
load, then by the number. The first candidate is taken *with whom the whole plan can still be
completed*. So the result is unique by its
definition, a random serial dictatorship (Abdulkadiroglu and Sonmez 1998) over the places of the
teams, and needs no optimum of a solver: a sum of random costs has many assignments within a
solver's tolerance of the best, and proving which is best takes hours with loads in minutes.

Fairness: the numbers are as good as independent and uniform, and nothing else in the rule tells
two inspectors apart who have the same profession, district, capacity, right to lead and bars. So
each of them gets each job with the same probability, whatever the order of rows or the ids.

Whether a plan can be completed is decided without a solver as long as nothing gets stuck: the rule
is followed with only the tests that need one job, and a run that comes to a lawful end is its own
proof. Only where it gets stuck does `completion` find the last place that was still completable;
the candidate chosen there is refused and the next one taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from sampling.inspectors.assignment_conflicts import conflict_faults
from sampling.inspectors.assignment_limits import Limits, Picks, limits_of
from sampling.inspectors.assignment_problem import AssignmentError, Problem
from sampling.inspectors.assignment_rule import Numbers, search


@dataclass(frozen=True)
class Team:
    """The team of one job: its place in the seeded order from 1, and who; the leader is first."""

    job_id: str
    place: int
    members: tuple[str, ...]
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class Assignment:
    """The teams in seeded order; ``refused`` names who was passed over lest others fail."""

    plan_id: str
    teams: tuple[Team, ...]
    refused: tuple[tuple[str, str], ...] = ()


def assign(problem: Problem, seed: bytes) -> Assignment:
    """Return the team of every job.

    Raises:
        AssignmentError: if nothing obeys all limits; the sentences name the smallest set of them
            that cannot hold together.
        DrawError: if the seed is not 32 bytes.
    """
    limits = limits_of(problem)
    numbers = Numbers.of(problem, seed)
    found = search(limits, numbers)
    if found is None:
        raise AssignmentError(conflict_faults(problem, limits))
    return _named(problem, limits, numbers, *found)


def _named(
    problem: Problem, limits: Limits, numbers: Numbers, picks: Picks, refused: Picks
) -> Assignment:
    """Return the teams with ids; who may lead and has the smallest number leads."""
    members: dict[int, list[int]] = {}
    for job, person in picks:
        members.setdefault(job, []).append(person)
    teams = []
    for place, job in enumerate(numbers.order.tolist(), 1):
        order = sorted(members[job], key=lambda i: (
            not problem.inspectors[i].may_lead, int(numbers.people[i]), i
        ))  # fmt: skip
        teams.append(Team(
            problem.jobs[job].job_id, place,
            tuple(problem.inspectors[i].inspector_id for i in order),
            tuple(int(limits.work[job, i]) for i in order),
        ))  # fmt: skip
    over = tuple((problem.jobs[j].job_id, problem.inspectors[i].inspector_id) for j, i in refused)
    return Assignment(problem.plan_id, tuple(teams), over)
