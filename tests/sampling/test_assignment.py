"""Inspectors drawn with the plan's seed: the rule, its limits, its fairness, and why it fails."""

from __future__ import annotations

import hmac
import itertools
import random
import re
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sampling.inspectors import assignment_rule
from sampling.inspectors.assignment import Assignment, assign
from sampling.inspectors.assignment_check import limit_faults, verify_assignment
from sampling.inspectors.assignment_limits import completion, limits_of
from sampling.inspectors.assignment_problem import (
    AssignmentError,
    Inspector,
    Job,
    Problem,
    Rules,
    make_problem,
    problem_bytes,
    problem_hash,
    read_problem,
)

SEED = bytes(range(32))
PROFESSIONS = ("medicine", "pharmacy", "finance")


def _number(text: str, seed: bytes = SEED) -> int:
    return int.from_bytes(hmac.digest(seed, text.encode(), sha256)[:8], "big")


def _teams(found: Assignment) -> dict[str, tuple[str, ...]]:
    return {team.job_id: team.members for team in found.teams}


def _town(draw: int, *, jobs: int = 4, people: int = 6, rules: Rules | None = None) -> Problem:
    """A small town with needs, bars, travel and capacities, all from one number."""
    r = random.Random(draw)
    staff = [
        Inspector(f"I{i}", r.choice(PROFESSIONS), r.choice("NS"), r.random() < 0.5,
                  r.choice([900, 1500, 5000]))
        for i in range(people)
    ]  # fmt: skip
    work = [
        Job(f"J{j}", r.randrange(200, 700, 50), r.choice([(), (("medicine",),),
            (("finance", "pharmacy"),), (("medicine",), ("finance",))]))
        for j in range(jobs)
    ]  # fmt: skip
    pairs = list(itertools.product(staff, work))
    bars = {(i.inspector_id, j.job_id): ["recusal"] for i, j in pairs if r.random() < 0.15}
    travel = {(d, j.job_id): r.randrange(0, 120, 20) for d in "NS" for j in work}
    stated = rules or Rules(2, r.random() < 0.5, r.choice([None, 500, 900]), r.choice([None, 2, 3]))
    return make_problem("P0001", work, staff, stated, travel, bars)  # type: ignore[arg-type]


def _possible(problem: Problem, kept: dict[str, list[str]]) -> bool:
    """Whether any assignment holds ``kept``: by trying all of them, with the checker's sums."""
    ids = [one.inspector_id for one in problem.inspectors]
    size = problem.rules.team_size
    choices = []
    for job in problem.jobs:
        teams = [t for t in itertools.combinations(ids, size) if set(kept[job.job_id]) <= set(t)]
        teams = [t for t in teams if not _alone(problem, job.job_id, t)]
        choices.append(teams)
    names = [job.job_id for job in problem.jobs]
    return any(
        not limit_faults(problem, dict(zip(names, picked, strict=True)))
        for picked in itertools.product(*choices)
    )


def _alone(problem: Problem, job_id: str, team: tuple[str, ...]) -> bool:
    """Whether a team breaks a limit of its own job, whatever the others do."""
    rules = replace(problem.rules, balance_minutes=None, most_jobs=None)
    job = next(j for j in problem.jobs if j.job_id == job_id)
    return bool(limit_faults(replace(problem, jobs=(job,), rules=rules), {job_id: team}))


def _by_hand(problem: Problem) -> dict[str, list[str]] | None:
    """The rule of docs/sampling-spec.md, word for word, with every question tried out."""
    jobs = sorted(problem.jobs, key=lambda j: (_number(f"assign|{j.job_id}"), j.job_id.encode()))
    teams: dict[str, list[str]] = {job.job_id: [] for job in jobs}
    if not _possible(problem, teams):
        return None
    could = {
        i.inspector_id for i in problem.inspectors
        if any((i.inspector_id, j.job_id) not in problem.bars and problem.work(i, j) <= i.minutes
               for j in jobs)
    }  # fmt: skip
    people = {i.inspector_id: i for i in problem.inspectors}

    def load(name: str) -> int:
        mine = [j for j in jobs if name in teams[j.job_id]]
        return sum(problem.work(people[name], j) for j in mine)

    def take(job: Job, fit) -> None:  # type: ignore[no-untyped-def]
        least = min(load(name) for name in could)
        level = problem.rules.level_minutes or 0

        def place(name: str) -> tuple[int, int, bytes]:
            late = load(name) if load(name) > least + level else -1
            return late, _number(f"assign|{job.job_id}|{name}"), name.encode()

        for name in sorted(set(people) - set(teams[job.job_id]), key=place):
            tried = {k: [*v, name] if k == job.job_id else v for k, v in teams.items()}
            if fit(people[name]) and _possible(problem, tried):
                teams[job.job_id].append(name)
                return
        raise AssertionError("the rule always finds somebody")

    for at in range(max(len(job.needs) for job in jobs)):
        for job in jobs:
            if at < len(job.needs):
                need = job.needs[at]
                if not any(people[n].profession in need for n in teams[job.job_id]):
                    take(job, lambda one, need=need: one.profession in need)
    if problem.rules.leader:
        for job in jobs:
            if not any(people[n].may_lead for n in teams[job.job_id]):
                take(job, lambda one: one.may_lead)
    for _ in range(problem.rules.team_size):
        for job in jobs:
            if len(teams[job.job_id]) < problem.rules.team_size:
                take(job, lambda one: True)
    return teams


@pytest.mark.parametrize("draw", range(24))
def test_is_what_the_rule_says_when_every_possibility_is_tried(draw: int) -> None:
    problem = _town(draw, jobs=3, people=5)
    right = _by_hand(problem)
    if right is None:
        with pytest.raises(AssignmentError):
            assign(problem, SEED)
        return
    found = _teams(assign(problem, SEED))
    assert {job: set(team) for job, team in found.items()} == {j: set(t) for j, t in right.items()}


def test_towns_of_the_rule_are_of_all_sorts() -> None:
    """The comparison above means something: some towns are impossible, some need to pass over."""
    possible, passed_over = 0, 0
    for draw in range(24):
        try:
            found = assign(_town(draw, jobs=3, people=5), SEED)
        except AssignmentError:
            continue
        possible += 1
        passed_over += bool(found.refused)
    assert 8 <= possible <= 22
    assert passed_over >= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_obeys_every_limit_and_is_the_seeds(draw: int) -> None:
    problem = _town(draw, jobs=6, people=8)
    try:
        found = assign(problem, SEED)
    except AssignmentError:
        assert completion(limits_of(problem), []) is None
        return
    assert verify_assignment(problem, SEED, _teams(found)) == []


def test_row_order_changes_nothing() -> None:
    problem = _town(5, jobs=8, people=12, rules=Rules(2, True, None, None))
    turned = make_problem(
        "P0001", problem.jobs[::-1], problem.inspectors[::-1], problem.rules,
        dict(reversed(problem.travel.items())), dict(reversed(problem.bars.items())),
    )  # fmt: skip
    assert problem_bytes(turned) == problem_bytes(problem)
    assert assign(turned, SEED) == assign(problem, SEED)
    assert assign(problem, bytes(32)) != assign(problem, SEED)


def _plain(jobs: int, people: int) -> Problem:
    staff = [Inspector(f"I{i:02d}") for i in range(people)]
    return make_problem("P0001", [Job(f"J{j}", 300) for j in range(jobs)], staff, Rules(2))


def test_one_job_gets_the_two_smallest_numbers_and_the_smaller_order_number_leads() -> None:
    problem = _plain(1, 9)
    names = [one.inspector_id for one in problem.inspectors]
    smallest = sorted(names, key=lambda n: _number(f"assign|J0|{n}"))[:2]
    (team,) = assign(problem, SEED).teams
    assert team.members == tuple(sorted(smallest, key=lambda n: _number(f"inspector|{n}")))
    assert team.minutes == (300, 300)


def test_every_inspector_gets_every_job_equally_often() -> None:
    """Chi-squared over 600 seeds; a job's pair is two of ten, so expectations are 120 each."""
    problem, seeds, people = _plain(7, 10), 600, 10
    counts = np.zeros((7, people))
    leaders = np.zeros(people)
    for at in range(seeds):
        for team in assign(problem, sha256(f"fair {at}".encode()).digest()).teams:
            for name in team.members:
                counts[int(team.job_id[1:]), int(name[1:])] += 1
            leaders[int(team.members[0][1:])] += 1
    expected = seeds * 2 / people
    # A row's variance is that of drawing two of ten without replacement: p (1 - p) per cell.
    statistic = ((counts - expected) ** 2 / (expected * 0.8)).sum(axis=1) * (people - 1) / people
    assert statistic.max() < chi2.isf(0.001 / 7, people - 1)
    share = ((leaders - leaders.mean()) ** 2 / leaders.mean()).sum()
    assert share < chi2.isf(0.001, people - 1)
    assert counts.sum() == seeds * 14


def test_a_bar_takes_the_inspector_away_from_that_job_alone() -> None:
    problem = make_problem(
        "P0001", _plain(4, 6).jobs, _plain(4, 6).inspectors, Rules(2), {},
        {("I03", "J2"): ["recusal"]},
    )  # fmt: skip
    met = Counter()
    for at in range(60):
        for job, team in _teams(assign(problem, sha256(bytes([at])).digest())).items():
            met[job] += "I03" in team
    assert met["J2"] == 0
    assert min(met["J0"], met["J1"], met["J3"]) > 5


def test_a_stated_balance_holds_and_loads_are_level_without_one() -> None:
    for rules in (Rules(2, False, 600), Rules(2, False)):
        problem = make_problem(
            "P0001", [Job(f"J{j:02d}", 300 + 60 * (j % 4)) for j in range(30)],
            [Inspector(f"I{i}") for i in range(9)], rules,
        )  # fmt: skip
        loads = Counter()
        for team in assign(problem, SEED).teams:
            loads.update(dict(zip(team.members, team.minutes, strict=True)))
        most = 600 if rules.balance_minutes else 480 + (problem.rules.level_minutes or 0)
        assert max(loads.values()) - min(loads.values()) <= most


def _codes(problem: Problem) -> set[str]:
    with pytest.raises(AssignmentError) as caught:
        assign(problem, SEED)
    return {fault.code for fault in caught.value.faults}


def test_names_the_job_whose_specialists_are_all_in_conflict() -> None:
    people = [Inspector(f"I{i}", "pharmacy" if i < 2 else "law") for i in range(6)]
    jobs = [Job("shop", 300, (("pharmacy",),)), Job("ward", 300)]
    bars = {("I0", "shop"): ["recusal"], ("I1", "shop"): ["recusal"], ("I5", "ward"): ["recusal"]}
    problem = make_problem("P0001", jobs, people, Rules(2), {}, bars)  # type: ignore[arg-type]
    with pytest.raises(AssignmentError) as caught:
        assign(problem, SEED)
    faults = {fault.code: fault for fault in caught.value.faults}
    assert set(faults) == {"ASSIGN_RECUSAL", "ASSIGN_NEED"}
    assert faults["ASSIGN_RECUSAL"].en.startswith("shop: 2 inspectors must stand aside (recusal): "
                                                  "I0, I1.")  # fmt: skip
    assert "2 inspectors, 2 must stand aside" in faults["ASSIGN_NEED"].en
    assert "2名，其中2名须回避" in faults["ASSIGN_NEED"].zh


def test_names_limits_of_the_whole_plan() -> None:
    jobs = [Job(f"J{j}", 300) for j in range(6)]
    people = [Inspector(f"I{i}", "law", minutes=600) for i in range(5)]
    assert _codes(make_problem("P0001", jobs, people, Rules(2))) == {"ASSIGN_CAPACITY"}
    wide = [replace(one, minutes=9000) for one in people]
    assert _codes(make_problem("P0001", jobs, wide, Rules(2, most_jobs=2))) == {"ASSIGN_MOST_JOBS"}
    assert _codes(make_problem("P0001", jobs, wide, Rules(2, False, 0))) == {"ASSIGN_BALANCE"}
    assert _codes(make_problem("P0001", jobs, wide[:1], Rules(2))) == {"ASSIGN_TOO_FEW"}
    barred = [replace(one, may_lead=False) for one in wide]
    assert _codes(make_problem("P0001", jobs, barred, Rules(2))) == {"ASSIGN_LEADER"}


@pytest.mark.parametrize("draw", range(12))
def test_the_named_limits_are_irreducible(draw: int) -> None:
    """Without any one of them the others can hold; all of them together cannot."""
    from sampling.inspectors.assignment_conflicts import _irreducible, lifted

    r = random.Random(draw)
    problem = _town(draw, jobs=5, people=4, rules=Rules(2, True, r.choice([None, 300]), 3))
    limits = limits_of(problem)
    if completion(limits, []) is not None:
        return
    found = _irreducible(limits, range(5))
    assert found
    assert completion(lifted(limits, found), []) is None
    for one in found:
        rest = [group for group in found if group != one]
        assert completion(lifted(limits, rest), []) is not None


def test_asks_the_solver_only_where_the_rule_gets_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object) -> None:
        raise AssertionError("the solver was asked")

    monkeypatch.setattr(assignment_rule, "completion", never)
    assert len(assign(_plain(20, 10), SEED).teams) == 20


def test_the_input_reads_back_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    problem = _town(3)
    path = tmp_path / "assign.json"
    path.write_bytes(problem_bytes(problem))
    assert problem_hash(read_problem(path)) == problem_hash(problem)
    path.write_bytes(problem_bytes(problem).replace(b'"P0001"', b'"P0001" '))
    with pytest.raises(AssignmentError, match=r"assign\.json"):
        read_problem(path)


def test_the_check_names_what_was_changed() -> None:
    problem = _plain(3, 6)
    teams = dict(_teams(assign(problem, SEED)))
    other = next(i.inspector_id for i in problem.inspectors if i.inspector_id not in teams["J1"])
    teams["J1"] = (teams["J1"][0], other)
    assert [f.code for f in verify_assignment(problem, SEED, teams)] == ["ASSIGN_OTHER"]
    teams["J1"] = (other,)
    assert {f.code for f in verify_assignment(problem, SEED, teams)} == {
        "ASSIGN_OTHER", "ASSIGN_BROKEN"
    }  # fmt: skip


def test_refuses_ids_and_numbers_that_do_not_fit() -> None:
    with pytest.raises(AssignmentError) as caught:
        make_problem("P0001", [Job("a|b", -1), Job("x", 5), Job("x", 5)], [Inspector("")], Rules(1))
    codes = Counter(fault.code for fault in caught.value.faults)
    assert codes == {"ASSIGN_ID": 2, "ASSIGN_RANGE": 2, "ASSIGN_REPEATED": 1}


def test_the_example_of_the_specification_holds(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sampling-spec.md").read_text("utf-8")
    block = {name: page.split(f"```{name}\n")[1].split("\n```")[0]
             for name in ("assign", "assign-sha256", "teams")}  # fmt: skip
    path = tmp_path / "assign.json"
    path.write_text(block["assign"], "utf-8")
    problem = read_problem(path)
    assert problem_hash(problem) == block["assign-sha256"]
    teams = assign(problem, SEED).teams
    lines = [f"{team.place} {team.job_id} {' '.join(team.members)}" for team in teams]
    assert lines == block["teams"].splitlines()
    for job in "H1", "H2", "H3":
        row = next(line for line in page.splitlines() if line.startswith(f"| {job} |"))
        numbers = [f"{_number(f'assign|{job}|{name}'):016x}"[:4] for name in "ABCD"]
        assert re.findall("`(....)`", row) == numbers
