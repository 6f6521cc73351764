"""``jihe plan assign``: the inspectors of a sealed plan, drawn with its own seed and recorded.

In: a home with a loaded store and a ledger, a plan and settings. Out: the files of the assignment
in the plan's folder and one record in the trail. The same input again writes the same bytes and no
record; another input is a new version for which a reason must be given, and the files of the one
before are kept in ``assignments-v<n>``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from claims.store import StoreVersion, open_store
from claims.vault import pseudonym_key
from jihe.assignment_bars import bars_of, distances, late_rows, recusals, rotations
from jihe.assignment_rows import Period, cases_of, inspectors_of, jobs_of, travel_of
from jihe.assignment_settings import (
    SEALED_FILE,
    Settings,
    read_settings,
    sealed_settings,
    settings_bytes,
)
from jihe.home import Home
from jihe.outputs import show_newest
from sampling import store as database
from sampling.faults import Fault
from sampling.inspectors.assignment import Assignment, assign
from sampling.inspectors.assignment_check import verify_assignment
from sampling.inspectors.assignment_files import (
    ASSIGNMENTS_CSV,
    assignment_bytes,
    assignment_table,
    read_teams,
    write_assignment,
)
from sampling.inspectors.assignment_problem import (
    ASSIGN_FILE,
    Problem,
    Rules,
    make_problem,
    read_problem,
)
from sampling.inspectors.assignment_problem import problem_hash as input_hash
from sampling.inspectors.assignment_record import check_rules, record, recorded, version_for
from sampling.ledger import Ledger, Plan


@dataclass(frozen=True, eq=False)
class Assigned:
    """An assignment as it stands: its rows, its input, and how it came about."""

    rows: pa.Table
    problem: Problem
    assignment: Assignment
    version: int
    new: bool
    late_rows: int
    rules_as_sealed: bool | None
    folder: Path


def assign_plan(
    root: Path, plan_id: str, settings_path: Path | None = None, *, reason: str = "",
    actor: str, now: datetime,
) -> Assigned:  # fmt: skip
    """Assign inspectors to a plan's drawn cases; files and record come together.

    Raises:
        AssignmentError: if tables or settings do not allow it, nothing fits (with the smallest
            set of limits that conflict), or the plan is assigned from another input already, or
            its settings are not the sealed ones, and no ``reason`` is given.
        LedgerError: if there is no such plan.
        StoreError: if no claims are loaded.
    """
    home = Home(root)
    settings = _settings(home.plan(plan_id), settings_path)
    rules = hashlib.sha256(settings_bytes(settings)).hexdigest()
    ledger = Ledger(home.ledger_url)
    try:
        plan, store = ledger.plan(plan_id), open_store(root)
        jobs, problem = _problem(store, ledger, plan, settings)
        with ledger.engine.connect() as connection:
            as_sealed = check_rules(connection, plan_id, rules, reason)
            version_for(connection, plan_id, input_hash(problem), reason)
        drawn = assign(problem, bytes.fromhex(plan.certificate["seed"]))
        with database.writing(ledger.engine) as connection:
            version, new = version_for(connection, plan_id, input_hash(problem), reason)
            rows = assignment_table(
                plan.draws, plan.cases, jobs.by_unit, jobs.institutions, drawn, version
            )
            late = late_rows(store, plan.sealed_at)
            if new:
                details = _details(problem, rows, version, store, late, reason)
                if as_sealed is not None:
                    details["rules_as_sealed"] = as_sealed
                record(connection, plan_id, details, actor=actor, at=now)
            write = partial(write_assignment, rows, problem, drawn_on=plan.drawn_on)
            _place(home.plan(plan_id), version, new, write)
        show_newest(home, ledger.plan_ids)
    finally:
        ledger.close()
    return Assigned(rows, problem, drawn, version, new, late, as_sealed, home.plan(plan_id))


def check_plan(root: Path, plan_id: str) -> list[Fault]:
    """Return how the files in a plan's folder differ from what its seed gives, and from the trail.

    Raises:
        AssignmentError: if ``assign.json`` cannot be read.
        LedgerError: if there is no such plan.
    """
    home = Home(root)
    ledger = Ledger(home.ledger_url)
    try:
        plan = ledger.plan(plan_id)
        with ledger.engine.connect() as connection:
            known = recorded(connection, plan_id)
    finally:
        ledger.close()
    folder = home.plan(plan_id)
    if not known or not (folder / ASSIGN_FILE).exists():
        return [_none_yet(plan_id)]
    problem = read_problem(folder / ASSIGN_FILE)
    raw = (folder / ASSIGNMENTS_CSV).read_bytes()
    faults = []
    hashes = (input_hash(problem), hashlib.sha256(raw).hexdigest())
    if hashes != (known[-1].input_sha256, known[-1].list_sha256):
        faults.append(_not_recorded(known[-1].version))
    seed = bytes.fromhex(plan.certificate["seed"])
    return faults + verify_assignment(problem, seed, read_teams(raw))


def _settings(folder: Path, path: Path | None) -> Settings:
    """Return the settings of ``path``, or else those that were sealed with the plan, if any."""
    sealed = folder / SEALED_FILE
    if path is None and sealed.exists():
        return sealed_settings(sealed.read_bytes())
    return read_settings(path)


@dataclass(frozen=True)
class _Jobs:
    by_unit: Mapping[str, str]
    institutions: Mapping[str, str | None]


def _problem(
    store: StoreVersion, ledger: Ledger, plan: Plan, settings: Settings
) -> tuple[_Jobs, Problem]:
    period = Period.of(plan, settings)
    people = inspectors_of(store, period, settings)
    cases = cases_of(store, plan)
    jobs = jobs_of(store, cases, settings)
    travel = travel_of(store, jobs, people)
    bars = bars_of(
        recusals(store, cases, people, period),
        rotations(store, ledger, plan.plan_id, jobs, period, settings, pseudonym_key()),
        distances(store, jobs, people, travel, settings),
    )
    rules = Rules(
        settings.team_size, settings.leader, settings.balance_minutes, settings.most_jobs,
        settings.level_minutes,
    )  # fmt: skip
    problem = make_problem(plan.plan_id, jobs, people, rules, travel, bars)
    by_unit = {case.unit_id: case.job_id for case in cases}
    return _Jobs(by_unit, {case.unit_id: case.institution_id for case in cases}), problem


def _details(
    problem: Problem, rows: pa.Table, version: int, store: StoreVersion, late: int, reason: str
) -> dict[str, Any]:
    return {
        "version": version,
        "input_sha256": input_hash(problem),
        "list_sha256": hashlib.sha256(assignment_bytes(rows)).hexdigest(),
        "store_version": store.version,
        "jobs": len(problem.jobs),
        "inspectors": len(problem.inspectors),
        "rows_known_after_sealing": late,
        **({"reason": reason} if reason.strip() else {}),
    }


def _place(folder: Path, version: int, new: bool, write: Callable[[Path], list[Path]]) -> None:
    """Write the files beside the folder and move them in; a new version sets the old aside."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=".assigning-", dir=folder))
    try:
        paths = write(hidden)
        if new and version > 1:
            aside = folder / f"assignments-v{version - 1}"
            aside.mkdir(exist_ok=True)
            for path in paths:
                if (folder / path.name).exists():
                    shutil.copy2(folder / path.name, aside / path.name)
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _none_yet(plan_id: str) -> Fault:
    return Fault(
        "ASSIGN_NONE", f"Plan {plan_id} has no inspectors yet; run jihe plan assign first.",
        f"计划{plan_id}尚未分派检查人员；请先运行 jihe plan assign。",
    )  # fmt: skip


def _not_recorded(version: int) -> Fault:
    return Fault(
        "ASSIGN_RECORD", f"The files are not those that the trail holds as version {version}; they "
        "were changed after they were recorded.",
        f"文件与审计记录中的第{version}版不符，记录后被改动。",
    )  # fmt: skip
