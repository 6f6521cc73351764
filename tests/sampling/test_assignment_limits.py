"""Limits of an assignment at their borders, the check of a published list, and its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from sampling.inspectors import assignment_limits
from sampling.inspectors.assignment import Assignment, Team, assign
from sampling.inspectors.assignment_check import limit_faults, verify_assignment
from sampling.inspectors.assignment_files import assignment_bytes, assignment_table, read_teams
from sampling.inspectors.assignment_limits import broken_limits, completion, limits_of
from sampling.inspectors.assignment_problem import (
    AssignmentError,
    Inspector,
    Job,
    Problem,
    Rules,
    make_problem,
)
from sampling.inspectors.assignment_record import record, recorded, version_for
from sampling.ledger import Ledger

SEED = bytes(range(32))
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _pair(minutes: int, jobs: int = 2, **rules: int) -> Problem:
    """Two inspectors, who must do every job: 300 minutes each, 60 more on the way to the first."""
    work = [Job(f"J{j}", 300) for j in range(jobs)]
    staff = [Inspector(name, "law", "N", True, minutes) for name in "AB"]
    return make_problem("P0001", work, staff, Rules(2, True, **rules), {("N", "J0"): 60})


def _teams(found: Assignment) -> dict[str, tuple[str, ...]]:
    return {team.job_id: team.members for team in found.teams}


def test_a_load_may_reach_the_capacity_and_not_a_minute_more() -> None:
    """360 + 300 = 660."""
    for problem in (_pair(660), _pair(660, most_jobs=2)):
        teams = _teams(assign(problem, SEED))
        assert verify_assignment(problem, SEED, teams) == []
        assert completion(limits_of(problem), []) is not None
    with pytest.raises(AssignmentError):
        assign(_pair(659), SEED)
    with pytest.raises(AssignmentError):
        assign(_pair(660, most_jobs=1), SEED)
    short = limit_faults(_pair(659), {"J0": "AB", "J1": "AB"})
    assert [fault.en for fault in short] == [
        "A has 660 minutes of 659.", "B has 660 minutes of 659."
    ]  # fmt: skip


def test_loads_may_differ_by_the_balance_and_not_a_minute_more() -> None:
    """Three inspectors, two jobs of 300 and 200: one of them does both, or A and B 300 apart."""
    staff = [Inspector(name) for name in "ABC"]
    jobs = [Job("J0", 300), Job("J1", 200)]

    def town(balance: int) -> Problem:
        return make_problem("P0001", jobs, staff, Rules(2, True, balance))

    # J0 by two, J1 by one of them and the third: loads 500, 300, 200, so 300 apart.
    problem = town(300)
    assert verify_assignment(problem, SEED, _teams(assign(problem, SEED))) == []
    assert completion(limits_of(problem), []) is not None
    with pytest.raises(AssignmentError):
        assign(town(299), SEED)
    assert [f.en for f in limit_faults(town(299), {"J0": "AB", "J1": "AC"})] == [
        "P0001 has loads 300 minutes apart, at most 299."
    ]


def test_whoever_cannot_do_any_job_counts_neither_for_the_balance_nor_for_the_level() -> None:
    """C has no time for either job and Z is barred from both: their empty loads hold nobody up."""
    staff = [Inspector("A"), Inspector("B"), Inspector("C", minutes=100), Inspector("Z")]
    jobs = [Job("J0", 300), Job("J1", 300)]
    bars = {("Z", job.job_id): ["recusal"] for job in jobs}
    problem = make_problem("P0001", jobs, staff, Rules(2, True, 0), {}, bars)  # type: ignore[arg-type]
    assert verify_assignment(problem, SEED, _teams(assign(problem, SEED))) == []
    assert limits_of(problem).balanced.tolist() == [True, True, False, False]


def test_the_usual_level_is_the_lower_median_or_what_the_balance_leaves() -> None:
    staff = [Inspector("A", "law", "N"), Inspector("B"), Inspector("C")]
    jobs = [Job("J0", 100), Job("J1", 300), Job("J2", 400), Job("J3", 700)]
    travel = {("N", "J3"): 120}
    bars = {("A", "J3"): ["recusal"]}

    def level(rules: Rules, bars: dict[tuple[str, str], Sequence[str]]) -> int | None:
        problem = make_problem("P0001", jobs, staff, rules, travel, bars)  # type: ignore[arg-type]
        return problem.rules.level_minutes

    assert level(Rules(2), {}) == 300
    assert level(Rules(2, True, 1000), {}) == 1000 - 820
    assert level(Rules(2, True, 1000), bars) == 1000 - 700  # type: ignore[arg-type]
    assert level(Rules(2, True, 500), {}) == 0
    assert level(Rules(2, True, 1000, None, 7), {}) == 7


def test_who_may_lead_leads_although_another_number_is_smaller() -> None:
    staff = [Inspector("A", may_lead=False), Inspector("B"), Inspector("C", may_lead=False)]
    problem = make_problem("P0001", [Job(f"J{j}", 10) for j in range(6)], staff, Rules(2))
    assert {team.members[0] for team in assign(problem, SEED).teams} == {"B"}


def test_a_question_that_the_solver_did_not_decide_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = SimpleNamespace(status=1, x=None)
    monkeypatch.setattr(assignment_limits, "milp", lambda *a, **named: silent)
    with pytest.raises(AssignmentError) as caught:
        completion(limits_of(_pair(660)), [])
    assert [fault.code for fault in caught.value.faults] == ["ASSIGN_TIME"]


def test_an_answer_of_the_solver_is_checked_in_whole_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = SimpleNamespace(status=0, x=[0.0] * 5)
    monkeypatch.setattr(assignment_limits, "milp", lambda *a, **named: wrong)
    limits = limits_of(_pair(660))
    with pytest.raises(AssignmentError) as caught:
        completion(limits, [])
    assert [fault.code for fault in caught.value.faults] == ["ASSIGN_SOLVER"]
    nobody = limits.barred.astype(bool)
    assert broken_limits(limits, nobody) == ("team", "need")


def test_the_check_names_the_limit_the_leaders_place_and_a_strange_job() -> None:
    problem = make_problem(
        "P0001", [Job("J0", 300, (("law",),)), Job("J1", 300)],
        [Inspector("A", "law"), Inspector("B", "law"), Inspector("C", may_lead=False),
         Inspector("D", may_lead=False)],
        Rules(2, True, None, 1), {}, {("A", "J1"): ["recusal"]},
    )  # fmt: skip
    right = _teams(assign(problem, SEED))
    assert verify_assignment(problem, SEED, right) == []
    turned = {**right, "J0": right["J0"][::-1]}
    assert [f.code for f in verify_assignment(problem, SEED, turned)] == ["ASSIGN_OTHER"]
    more = {**right, "J9": ("A", "B")}
    assert [f.en for f in verify_assignment(problem, SEED, more)] == [
        "J9 is not among the plan's jobs."
    ]
    told = {f.en for f in limit_faults(problem, {"J0": ("C", "D"), "J1": ("A", "C")})}
    assert told == {
        "J0 lacks law.", "J0 has nobody who may lead.", "J1 has A, who is barred.",
        "C has 2 jobs of 1.",
    }  # fmt: skip


def test_the_draw_is_checked_even_where_the_list_obeys_every_limit() -> None:
    """Another seed's teams are lawful, but they are not this plan's."""
    staff = [Inspector(f"I{i}") for i in range(8)]
    problem = make_problem("P0001", [Job(f"J{j}", 300) for j in range(4)], staff, Rules(2))
    other = _teams(assign(problem, bytes(32)))
    assert limit_faults(problem, other) == []
    assert {f.code for f in verify_assignment(problem, SEED, other)} == {"ASSIGN_OTHER"}


def test_the_list_stands_by_case_and_reads_back_as_the_teams() -> None:
    """Nothing of the drawn list's order, tag, score or stratum goes into it."""
    draws = pa.table({
        "unit": ["claim"] * 3, "unit_id": ["C1", "C2", "C3"], "tag": ["risk", "random", "risk"],
        "inclusion_prob": [1.0, 0.5, 1.0], "stratum": ["top", "b1", "top"],
    })  # fmt: skip
    here, there = Team("H", 1, ("B", "A"), (420, 400)), Team("K", 2, ("A", "C"), (300, 300))
    made = Assignment("P0001", (here, there))
    places = {"C1": "H", "C2": "K", "C3": "H"}
    rows = assignment_table(draws, ["T3", "T1", "T2"], places, places, made, 4)
    got = [(r["case"], r["unit_id"], r["team"], r["inspector_id"], r["role"], r["minutes"])
           for r in rows.to_pylist()]  # fmt: skip
    assert got == [
        ("T1", "C2", 2, "A", "leader", 300), ("T1", "C2", 2, "C", "member", 300),
        ("T2", "C3", 1, "B", "leader", 420), ("T2", "C3", 1, "A", "member", 400),
        ("T3", "C1", 1, "B", "leader", 420), ("T3", "C1", 1, "A", "member", 400),
    ]  # fmt: skip
    assert set(rows["version"].to_pylist()) == {4}
    raw = assignment_bytes(rows)
    for word in (b"risk", b"random", b"top", b"b1", b"0.5"):
        assert word not in raw
    assert read_teams(raw) == {"K": ["A", "C"], "H": ["B", "A"]}
    # One case of H is given to somebody else: the job no longer has one team.
    lines = raw.decode("utf-8-sig").splitlines(keepends=True)
    lines[-1] = lines[-1].replace(",A,", ",C,")
    assert read_teams("".join(lines).encode())["H"] == ["B", "A", "C"]


def test_a_new_version_needs_words_and_only_the_last_input_is_the_same(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        with ledger.engine.begin() as connection:
            for version, sha in enumerate("ab", 1):
                assert version_for(connection, "P0001", sha, "because") == (version, True)
                details = {"version": version, "input_sha256": sha, "list_sha256": "l",
                           "reason": "because"}  # fmt: skip
                record(connection, "P0001", details, actor="planner", at=NOW)
            assert version_for(connection, "P0001", "b", "") == (2, False)
            # The first input again is a change back, and the third version.
            assert version_for(connection, "P0001", "a", "as before") == (3, True)
            for reason in ("", " \t"):
                with pytest.raises(AssignmentError, match="version 2"):
                    version_for(connection, "P0001", "a", reason)
            assert version_for(connection, "P0002", "a", "") == (1, True)
            assert [(one.version, one.reason) for one in recorded(connection, "P0001")] == [
                (1, "because"), (2, "because"),
            ]  # fmt: skip
    finally:
        ledger.close()


def test_the_smallest_conflict_names_the_place_of_the_job_that_cannot_be_staffed() -> None:
    """J2 alone fails, and only for its leader: nothing of J0, J1 or of the loads is named."""
    staff = [Inspector(name, "law", may_lead=name == "A", minutes=900) for name in "ABC"]
    jobs = [Job(f"J{j}", 300, (("law",),)) for j in range(3)]
    bars = {("A", "J2"): ["rotation"], ("B", "J0"): ["recusal"]}
    problem = make_problem("P0001", jobs, staff, Rules(2), {}, bars)  # type: ignore[arg-type]
    with pytest.raises(AssignmentError) as caught:
        assign(problem, SEED)
    told = {fault.code: fault.en.split(":")[0] for fault in caught.value.faults}
    assert told == {"ASSIGN_ROTATION": "J2", "ASSIGN_LEADER": "J2"}
    free = replace(problem, bars={("B", "J0"): ("recusal",)})
    assert verify_assignment(free, SEED, _teams(assign(free, SEED))) == []
