"""A run that is killed anywhere: a sealed plan has its files, and the home shows one plan whole."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jihe import planning
from jihe.home import Home
from jihe.outputs import LATEST, show_newest
from sampling.ledger import Ledger
from sampling.planning.stratify import design_plan
from tests.killed import killed_at

FILES = {"frame.tsv", "draw.tsv", "certificate.json", "list.csv", "metrics.json", "public.json"}


def _designed(seed: int) -> planning.Designed:
    ids = pa.array([f"clm_{n:020x}" for n in range(40)])
    frame, design = design_plan(
        "claim", ids, pa.array(range(1, 41)), pa.array(["clinic"] * 40), pa.array(["1"] * 40),
        [100] * 40, capacity=10, random_share="0.3", take_all_share="0.3",
    )  # fmt: skip
    versions: dict[str, Any] = {
        "model_version": "m", "rules_version": "r", "catalogue_version": "c",
        "as_of_date": "2024-01-01",
    }  # fmt: skip
    return planning.Designed(frame, design, bytes([seed]) * 32, versions)


def _seal(root: Path, seed: int) -> planning.Sealed:
    def write(sealed: planning.Sealed, folder: Path) -> None:
        for name in ("list.csv", "metrics.json"):
            (folder / name).write_text(f"{sealed.plan.plan_id} {seed}")

    return planning.seal_plan(Home(root), _designed(seed), datetime(2024, 1, 2, tzinfo=UTC), write)


def _sealed(root: Path) -> list[str]:
    ledger = Ledger(Home(root).ledger_url)
    try:
        return ledger.plan_ids()
    finally:
        ledger.close()


def _whole(root: Path) -> None:
    """Every sealed plan has all its files; what the home shows belongs to one sealed plan."""
    sealed = _sealed(root)
    for plan_id in sealed:
        assert {p.name for p in Home(root).plan(plan_id).iterdir()} >= FILES
    shown = {p.name for p in root.iterdir() if p.is_symlink()} - {LATEST}
    if shown:
        assert (root / LATEST).resolve().name in sealed
        assert all((root / name).exists() for name in shown)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("again", [False, True], ids=["new plan", "same plan again"])
def test_killed_anywhere_nothing_is_half_written(tmp_path: Path, again: bool) -> None:
    for call in range(1, 200):
        root = tmp_path / f"{call}"
        root.mkdir()
        _seal(root, 1)
        killed = killed_at(lambda: _seal(root, 1 if again else 2), call)  # noqa: B023
        if not again:
            _whole(root)  # a folder that is being replaced may wait for the next run
        third = _seal(root, 3)
        _whole(root)
        assert (root / "list.csv").read_text() == f"{third.plan.plan_id} 3"
        assert {p.name for p in root.iterdir() if p.is_symlink()} == FILES | {LATEST}
        left = {path.name[:8] for path in root.glob("plans/.*")}
        assert left <= {".orphan-"}
        if not killed:
            break
    else:
        pytest.fail("the run never came to its end")
    assert call > 10


def test_runs_that_end_at_once_show_the_newest_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was overtaken between sealing its plan and showing it shows the later one."""
    create, overtaken = Ledger.create_plan, list[str]()

    def overtaking(ledger: Ledger, *args: Any, **named: Any) -> Any:
        plan = create(ledger, *args, **named)
        if not overtaken:
            overtaken.append(plan.plan_id)
            overtaken.append(_seal(tmp_path, 2).plan.plan_id)
        return plan

    monkeypatch.setattr(Ledger, "create_plan", overtaking)
    assert _seal(tmp_path, 1).plan.plan_id == "P0001"
    assert overtaken == ["P0001", "P0002"]
    assert (tmp_path / "list.csv").read_text() == "P0002 2"
    assert (tmp_path / LATEST).resolve().name == "P0002"


def test_plans_are_asked_for_only_when_no_other_run_is_showing_one(tmp_path: Path) -> None:
    _seal(tmp_path, 1)
    folder = os.open(tmp_path / "plans", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    asked: list[str] = []
    sealed = ["P0001"]
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(
            show_newest, Home(tmp_path), lambda: (asked.append("now"), sealed)[1]
        )
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.2)
        assert asked == []
        os.close(folder)
        waiting.result(timeout=60)
    assert asked == ["now"]


def test_a_failure_while_writing_seals_nothing(tmp_path: Path) -> None:
    _seal(tmp_path, 1)

    def write(sealed: planning.Sealed, folder: Path) -> None:
        (folder / "list.csv").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        planning.seal_plan(
            Home(tmp_path), _designed(2), datetime(2024, 1, 2, tzinfo=UTC), write
        )  # fmt: skip
    assert _sealed(tmp_path) == ["P0001"]
    assert (tmp_path / "list.csv").read_text() == "P0001 1"
    assert [p.name for p in (tmp_path / "plans").iterdir()] == ["P0001"]


def test_the_same_plan_again_keeps_what_inspectors_returned(tmp_path: Path) -> None:
    sealed = _seal(tmp_path, 1)
    returned = sealed.folder / "inspectors_returned.xlsx"
    returned.write_bytes(b"verdicts")
    assert _seal(tmp_path, 1).plan.plan_id == sealed.plan.plan_id
    assert returned.read_bytes() == b"verdicts"


def test_what_others_put_beside_the_plans_stays(tmp_path: Path) -> None:
    _seal(tmp_path, 1)
    scans = tmp_path / "plans" / "P0001-returned"
    inside = tmp_path / "plans" / "P0001" / "returned"
    for folder in (scans, inside):
        folder.mkdir()
        (folder / "a.xlsx").write_bytes(b"scan")
    (tmp_path / "share").symlink_to("not-mounted")
    _seal(tmp_path, 1)
    _seal(tmp_path, 2)
    assert (scans / "a.xlsx").exists()
    assert (inside / "a.xlsx").exists()
    assert (tmp_path / "share").is_symlink()


def test_a_ledger_that_was_lost_takes_no_plan_with_it(tmp_path: Path) -> None:
    sealed = _seal(tmp_path, 1)
    (sealed.folder / "inspectors_returned.xlsx").write_bytes(b"verdicts")
    for path in tmp_path.glob("jihe.db*"):
        path.unlink()
    _seal(tmp_path, 2)
    (kept,) = tmp_path.glob("plans/.orphan-P0001-*")
    assert (kept / "inspectors_returned.xlsx").read_bytes() == b"verdicts"


def test_files_of_an_older_layout_give_way(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("from an earlier program")
    _seal(tmp_path, 1)
    assert (tmp_path / "list.csv").read_text() == "P0001 1"
