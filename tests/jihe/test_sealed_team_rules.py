"""The rules for inspectors are sealed with a committee's plan: nobody tries others later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from jihe import plan_sealing
from jihe.assignment_settings import read_settings, sealed_settings, settings_bytes
from jihe.assignments import Assigned, assign_plan
from jihe.home import Home
from jihe.plan_basis import Basis
from sampling.drawing.seal import Contributor, PublicNumber, commitment
from sampling.inspectors.assignment_problem import AssignmentError
from sampling.ledger import Ledger
from sampling.planning.stratify import design_plan

PARTS = {"finance": b"f" * 32, "audit": b"a" * 32}
VERSIONS = {
    "model_version": "m", "rules_version": "r", "catalogue_version": "c",
    "as_of_date": date(2026, 1, 1),
}  # fmt: skip
SEALED, REVEALED, DRAWN = (datetime(2026, 3, day, 9, tzinfo=UTC) for day in (1, 2, 3))
RULES = "capacity_minutes = 20000\nvisit_minutes = 200\n"
Assign = Callable[..., Assigned]


@pytest.fixture(scope="module")
def drawn(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a county with a committee's plan of 20 claims, drawn, its rules sealed."""
    root = tmp_path_factory.mktemp("rules") / "home"
    load(source_mapping("nhsa"), county, root)
    ids = sorted(set(open_store(root).read("claims")["claim_id"].to_pylist()[:200]))
    count = len(ids)
    frame, design = design_plan(
        "claim", pa.array(ids), pa.array(range(1, count + 1)), pa.array(["clinic"] * count),
        pa.array(["1"] * count), [100] * count, capacity=20,
    )  # fmt: skip
    rules = root / "rules.toml"
    rules.write_text(RULES)
    people = [Contributor(name, commitment(part)) for name, part in PARTS.items()]
    number = PublicNumber("lottery", date(2026, 3, 3))
    home = Home(root)
    basis = Basis(frame, design, VERSIONS)
    plan_sealing.seal(home, basis, people, number, SEALED, rules)
    for name, part in PARTS.items():
        plan_sealing.reveal(home, "P0001", name, part, REVEALED)
    plan_sealing.draw_sealed(home, "P0001", "40719", DRAWN, "en")
    return root


@pytest.fixture
def assign(drawn: Path) -> Assign:
    def assigned(settings: Path | None = None, reason: str = "") -> Assigned:
        return assign_plan(drawn, "P0001", settings, reason=reason, actor="p", now=DRAWN)

    return assigned


@pytest.fixture
def others(tmp_path: Path) -> Path:
    path = tmp_path / "others.toml"
    path.write_text(RULES.replace("200", "210"))
    return path


def _records(root: Path) -> list[dict[str, Any]]:
    ledger = Ledger(Home(root).ledger_url)
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT action, details FROM trail ORDER BY sequence")
        found = [json.loads(r.details) for r in rows if r.action == "inspectors_assigned"]
    ledger.close()
    return found


def test_other_rules_than_the_sealed_ones_need_a_reason_and_leave_a_trace(
    drawn: Path, assign: Assign, others: Path
) -> None:
    with pytest.raises(AssignmentError, match="not those that were sealed with plan P0001"):
        assign(others)
    assert _records(drawn) == []
    made = assign()
    assert (made.version, made.rules_as_sealed) == (1, True)
    assert {job.minutes - 200 for job in made.problem.jobs} >= {60}
    assert assign(drawn / "rules.toml").new is False
    with pytest.raises(AssignmentError, match="--reason"):
        assign(others)
    changed = assign(others, "a district was added")
    assert (changed.version, changed.rules_as_sealed) == (2, False)
    first, second = _records(drawn)
    assert first["rules_as_sealed"] is True
    assert (second["rules_as_sealed"], second["reason"]) == (False, "a district was added")


def test_the_sealed_rules_cannot_be_exchanged_in_the_folder(drawn: Path, assign: Assign) -> None:
    path = drawn / "plans" / "P0001" / "team-rules.json"
    before = path.read_bytes()
    try:
        path.write_bytes(before + b" ")
        with pytest.raises(AssignmentError, match="not as it was written at the sealing"):
            assign(reason="r")
        path.write_bytes(b"{}")
        with pytest.raises(AssignmentError, match="not as it was written at the sealing"):
            assign(reason="r")
        path.write_bytes(before.replace(b'"visit_minutes":200', b'"visit_minutes":201'))
        with pytest.raises(AssignmentError, match="not those that were sealed"):
            assign()
    finally:
        path.write_bytes(before)


def test_the_rules_are_in_the_trail_that_the_public_version_is_bound_to(drawn: Path) -> None:
    ledger = Ledger(Home(drawn).ledger_url)
    with ledger.engine.connect() as connection:
        sealed = connection.exec_driver_sql("SELECT details FROM trail WHERE action='plan_sealed'")
        found = json.loads(sealed.scalar())["team_rules_sha256"]
    assert ledger.verify_trail() == []
    ledger.close()
    content = settings_bytes(read_settings(drawn / "rules.toml"))
    assert (drawn / "plans" / "P0001" / "team-rules.json").read_bytes() == content
    assert sealed_settings(content) == read_settings(drawn / "rules.toml")
    assert found == hashlib.sha256(content).hexdigest()
