"""``jihe plan assign`` on a small county: files, trail, versions, recusals, missing tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from claims.load import load
from claims.mapping import source_mapping
from claims.pseudonyms import pseudonym
from claims.store import StoreVersion, open_store
from claims.vault import pseudonym_key
from jihe import assignment_bars, assignment_rows, assignments, planning
from jihe.assignment_rows import Case, Period
from jihe.assignment_settings import read_settings
from jihe.assignments import Assigned, assign_plan, check_plan
from jihe.cli import app
from jihe.home import Home
from sampling.inspectors.assignment_problem import AssignmentError, Inspector
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from sampling.planning.stratify import design_plan
from tests.jihe.rows_in_memory import rows_where

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FILES = ("assign.json", "assignments.csv", "assignments.xlsx", "assignments.zh.xlsx")
WIDE = "capacity_minutes = 20000\n"


def _seal(root: Path, unit: str, ids: Sequence[str], drawn: int, seed: int) -> str:
    count = len(ids)
    frame, design = design_plan(
        unit, pa.array(ids), pa.array(range(1, count + 1)), pa.array(["clinic"] * count),
        pa.array(["1"] * count), [100] * count, capacity=drawn,
    )  # fmt: skip
    versions: dict[str, Any] = {
        "model_version": "m", "rules_version": "r", "catalogue_version": "c",
        "as_of_date": "2026-02-01",
    }  # fmt: skip
    designed = planning.Designed(frame, design, bytes([seed]) * 32, versions)
    sealed = planning.seal_plan(
        Home(root), designed, datetime(2026, 3, 1, tzinfo=UTC), lambda plan, folder: None
    )
    return sealed.plan.plan_id


@pytest.fixture(scope="module")
def loaded(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county loaded, and a plan of 40 claims sealed as P0001."""
    root = tmp_path_factory.mktemp("assign") / "home"
    load(source_mapping("nhsa"), county, root)
    ids = open_store(root).read("claims")["claim_id"].to_pylist()[:400]
    assert _seal(root, "claim", sorted(set(ids)), 40, 1) == "P0001"
    return root


@pytest.fixture
def home(loaded: Path, tmp_path: Path) -> Path:
    """A copy to write on."""
    return Path(shutil.copytree(loaded, tmp_path / "home", symlinks=True))


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(WIDE)
    return path


def _assign(home: Path, settings: Path | None, plan: str = "P0001", reason: str = "") -> Assigned:
    return assign_plan(home, plan, settings, reason=reason, actor="planner", now=NOW)


def _rows(home: Path) -> list[dict[str, str]]:
    path = home / "plans" / "P0001" / "assignments.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _trail(home: Path) -> list[str]:
    ledger = Ledger(Home(home).ledger_url)
    try:
        assert ledger.verify_trail() == []
        with ledger.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT action, details FROM trail")
            return [r.details for r in rows if r.action == "inspectors_assigned"]
    finally:
        ledger.close()


def test_every_case_has_a_team_and_an_institution_only_one(home: Path, wide: Path) -> None:
    made = _assign(home, wide)
    rows = _rows(home)
    cases: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row)
    assert len(cases) == 40
    teams: dict[str, set[tuple[str, ...]]] = {}
    for mine in cases.values():
        assert [row["role"] for row in mine] == ["leader", "member"]
        team = tuple(row["inspector_id"] for row in mine)
        assert len(set(team)) == 2
        teams.setdefault(mine[0]["institution_id"], set()).add(team)
    assert len(teams) > 5
    assert all(len(own) == 1 for own in teams.values())
    assert {path.name for path in made.folder.iterdir()} >= set(FILES)
    assert (home / "assignments.csv").read_bytes() == (made.folder / FILES[1]).read_bytes()
    assert check_plan(home, "P0001") == []


def test_the_list_tells_inspectors_nothing_of_the_draw(home: Path, wide: Path) -> None:
    _assign(home, wide)
    assert set(_rows(home)[0]) == {
        "plan_id", "version", "case", "unit", "unit_id", "institution_id", "team",
        "inspector_id", "role", "minutes",
    }  # fmt: skip
    for name, headings in (("assignments.xlsx", "Team"), ("assignments.zh.xlsx", "检查组")):
        book = openpyxl.load_workbook(home / "plans" / "P0001" / name)
        first = [cell.value for cell in next(book.worksheets[0].iter_rows())]
        assert headings in first
        assert len(first) == 10


def test_again_the_same_bytes_and_one_record(home: Path, wide: Path) -> None:
    first = _assign(home, wide)
    before = {name: (first.folder / name).read_bytes() for name in FILES}
    second = _assign(home, wide)
    assert (first.version, first.new, second.version, second.new) == (1, True, 1, False)
    assert {name: (second.folder / name).read_bytes() for name in FILES} == before
    assert len(_trail(home)) == 1


def test_another_input_needs_a_reason_and_keeps_the_first_version(home: Path, wide: Path) -> None:
    first = _assign(home, wide)
    raw = (first.folder / "assignments.csv").read_bytes()
    wide.write_text(WIDE + "team_size = 3\n")
    with pytest.raises(AssignmentError, match="--reason"):
        _assign(home, wide)
    assert (first.folder / "assignments.csv").read_bytes() == raw
    second = _assign(home, wide, reason="teams of three from now on")
    assert second.version == 2
    assert (second.folder / "assignments-v1" / "assignments.csv").read_bytes() == raw
    assert {row["version"] for row in _rows(home)} == {"2"}
    details = [json.loads(text) for text in _trail(home)]
    assert [d["version"] for d in details] == [1, 2]
    assert details[1]["reason"] == "teams of three from now on"


def test_a_changed_file_is_told(home: Path, wide: Path) -> None:
    made = _assign(home, wide)
    path = made.folder / "assignments.csv"
    names = sorted({row["inspector_id"] for row in _rows(home)})
    path.write_text(path.read_text("utf-8-sig").replace(names[0], names[1]), "utf-8-sig")
    codes = {fault.code for fault in check_plan(home, "P0001")}
    assert {"ASSIGN_RECORD", "ASSIGN_OTHER"} <= codes


def test_nobody_in_conflict_is_sent(home: Path, wide: Path) -> None:
    made = _assign(home, wide)
    declared = open_store(home).read("conflicts").to_pylist()
    sent = {(row["inspector_id"], row["institution_id"]) for row in _rows(home)}
    assert not sent & {(row["inspector_id"], row["institution_id"]) for row in declared}
    barred = {pair for pair, why in made.problem.bars.items() if "recusal" in why}
    assert len(barred) > 5
    assert not sent & barred


class _Store:
    """A store whose tables are given row by row."""

    version = "v"

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables

    def has(self, name: str, *columns: str) -> bool:
        return name in self.tables

    def read(self, name: str) -> pa.Table:
        from claims.contracts import table

        return pa.Table.from_pylist(self.tables[name], schema=table(name).schema)


@pytest.fixture
def rows_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment_bars, "rows_where", rows_where)
    monkeypatch.setattr(assignment_rows, "rows_where", rows_where)


def _conflict(inspector: str, begins: str, ends: str | None, **party: str) -> dict[str, Any]:
    return {
        "conflict_id": f"{inspector}{begins}", "inspector_id": inspector, "interest": "kinship",
        "valid_from": date.fromisoformat(begins),
        "valid_to": date.fromisoformat(ends) if ends else None, **party,
    }  # fmt: skip


def test_a_relation_on_any_day_of_the_period_bars_by_every_way(rows_of: None) -> None:
    store = _Store(
        conflicts=[
            _conflict("I1", "2020-01-01", None, institution_id="H1"),
            _conflict("I2", "2020-01-01", "2026-03-01", institution_id="H1"),  # ended before
            _conflict("I3", "2020-01-01", "2026-03-02", institution_id="H1"),  # on the first day
            _conflict("I4", "2026-03-30", None, institution_id="H1"),  # on the last day
            _conflict("I5", "2026-03-31", None, institution_id="H1"),  # begins after
            _conflict("I6", "2020-01-01", None, doctor_id="D1"),
            _conflict("I7", "2020-01-01", None, insured_id="P1"),
            _conflict("I8", "2020-01-01", None, employer_id="E1"),
            _conflict("I9", "2020-01-01", None, doctor_id="D9"),  # practises at H2
        ],
        inspectors=[{"inspector_id": "I0", "insured_id": "P1", "valid_from": date(2020, 1, 1)}],
        doctors=[{"doctor_id": "D9", "institution_id": "H2"}],
    )
    cases = [
        Case("C1", "H1", "D1", "P1", "E1"),
        Case("C2", "H2", "D2", "P2", "E2"),
    ]
    found = assignment_bars.recusals(
        store,  # type: ignore[arg-type]
        cases, [Inspector("I0")], Period(date(2026, 3, 1), date(2026, 3, 31)),
    )  # fmt: skip
    assert sorted(found) == [
        ("I0", "H1"), ("I1", "H1"), ("I3", "H1"), ("I4", "H1"), ("I6", "H1"), ("I7", "H1"),
        ("I8", "H1"), ("I9", "H2"),
    ]  # fmt: skip


def test_who_was_there_last_year_does_not_go_again(home: Path, wide: Path) -> None:
    ids = open_store(home).read("institutions")["institution_id"].to_pylist()
    plan = _seal(home, "institution", sorted(ids), 6, 2)
    before = _assign(home, wide, plan)
    first = before.assignment.teams[0]
    code = "A01"  # as people write it in a returned list
    mine = pseudonym("inspector", code, pseudonym_key())
    ledger = Ledger(Home(home).ledger_url)
    tip = [
        Outcome("T1", "institution", first.job_id, None, "tip_off", "dismissed", 0, None,
                date(2025, 6, 1), f"{code};{first.members[0]}"),
        Outcome("T2", "institution", first.job_id, None, "tip_off", "dismissed", 0, None,
                date(2025, 2, 28), f"{code};{first.members[1]}"),
    ]  # fmt: skip
    ledger.append_outcomes(tip, actor="planner", known_at=datetime(2025, 7, 1, tzinfo=UTC))
    ledger.close()
    after = _assign(home, wide, plan, "outcomes of last year were found")
    bars = {pair for pair, why in after.problem.bars.items() if "rotation" in why}
    assert bars == {(mine, first.job_id), (first.members[0], first.job_id)} & {
        (one.inspector_id, first.job_id) for one in after.problem.inspectors
    }
    assert (first.members[0], first.job_id) in bars
    again = next(t for t in after.assignment.teams if t.job_id == first.job_id)
    assert first.members[0] not in again.members


def test_travel_is_the_lower_median_of_the_district_there_and_back(rows_of: None) -> None:
    ways = [("A", 10), ("B", 40), ("C", 20), ("D", 70), ("H", 0)]
    store = _Store(
        institutions=[
            {"institution_id": i, "institution_class": "pharmacy", "level": "none",
             "district": "N"} for i in "ABCDH"
        ],
        distances=[
            {"institution_id": i, "other_institution_id": "H", "distance_m": 1,
             "travel_minutes": m} for i, m in ways
        ],
    )  # fmt: skip
    from sampling.inspectors.assignment_problem import Job

    found = assignment_rows.travel_of(
        store,  # type: ignore[arg-type]
        [Job("H", 300)], [Inspector("I1", district="N"), Inspector("I2", district="S")],
    )  # fmt: skip
    assert found == {("N", "H"): 40}


def test_missing_tables_are_named_with_their_columns(home: Path, wide: Path) -> None:
    store = open_store(home)
    kept = {n: b for n, b in store.meta["tables"].items() if n not in ("inspectors", "conflicts")}
    without = StoreVersion(store.folder, store.version, store.fingerprint,
                           {**store.meta, "tables": kept})  # fmt: skip
    period = Period(date(2026, 3, 1), date(2026, 5, 1))
    with pytest.raises(AssignmentError, match=r"no table 'inspectors'.*inspector_id, office"):
        assignment_rows.inspectors_of(without, period, read_settings(wide))
    kept["inspectors"] = store.meta["tables"]["inspectors"]
    with pytest.raises(AssignmentError, match=r"no table 'conflicts'.*without_conflicts") as error:
        assignment_rows.inspectors_of(without, period, read_settings(wide))
    assert "利益冲突" in error.value.text("zh")
    wide.write_text("without_conflicts = true")
    assert assignment_rows.inspectors_of(without, period, read_settings(wide))


def test_all_faults_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'team_size = 1\ncolour = 2\nleader = "yes"\ndistricts = "far"\n'
        '[needs]\nmoon = ["medicine"]\npharmacy = ["magic"]\n[capacity]\nA = -1\n'
    )
    with pytest.raises(AssignmentError) as error:
        read_settings(path)
    named = {fault.column for fault in error.value.faults}
    assert named == {
        "team_size", "colour", "leader", "districts", "needs.moon", "needs.pharmacy", "capacity.A",
    }  # fmt: skip


def test_the_command_prints_the_teams_in_both_languages(home: Path, wide: Path) -> None:
    run = CliRunner()
    words = ["plan", "assign", "--plan", "P0001", "--home", str(home), "--settings", str(wide)]
    english = run.invoke(app, [*words])
    chinese = run.invoke(app, [*words, "--lang", "zh"])
    listed = run.invoke(app, [*words, "--format", "json"])
    assert (english.exit_code, chinese.exit_code, listed.exit_code) == (0, 0, 0)
    assert "Inspectors, leader first" in english.output
    assert "检查人员（组长在前）" in chinese.output
    assert len(json.loads(listed.output)) == 80
    checked = run.invoke(app, [*words[:6], "--check"])
    assert checked.exit_code == 0
    (home / "plans" / "P0001" / "assignments.csv").write_text("case\n")
    assert run.invoke(app, [*words[:6], "--check"]).exit_code == 1


def test_a_failure_while_writing_leaves_no_record(
    home: Path, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **named: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(assignments, "write_assignment", full)
    with pytest.raises(OSError, match="no space"):
        _assign(home, wide)
    assert _trail(home) == []
    assert not list((home / "plans" / "P0001").glob("*assign*"))
