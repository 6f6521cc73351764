"""Loads that are stopped, by an error or by the machine: the next one finishes, no row twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.spill import locked, spill_folder
from claims.store import StoreError, open_store
from claims.vault import IdentityWriter, identities, vault_folder

ROOT = Path(__file__).parents[2]
#: Runs a load that kills itself, as a loss of power would, at the n-th call of a function.
KILLED = """
import importlib, os, signal, sys
from pathlib import Path
module, function, calls, files, home = sys.argv[1:]
owner = importlib.import_module(module)
whole, left = getattr(owner, function), [int(calls)]
def killing(*a, **k):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*a, **k)
setattr(owner, function, killing)
from claims.load import load
from claims.mapping import source_mapping
load(source_mapping("nhsa"), Path(files), Path(home))
"""
#: Where a load may stop, and at which call.
PLACES = [
    ("claims.building", "find_faults", 1),  # within the first part
    ("claims.building", "seal_part", 1),
    ("claims.building", "seal_part", 2),  # one part is complete
    ("claims.building", "seal_part", 5),
    ("claims.judging", "_find_copies", 2),
    ("claims.store", "_write_table", 3),
    ("claims.load", "keep_members", 1),
    ("claims.store", "_place", 1),
    ("claims.store", "switch", 1),  # the version is there and not in use
    ("claims.versions", "append_line", 1),  # in use and not in the history
]


@pytest.fixture(scope="module")
def whole(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The county loaded without interruption."""
    home = tmp_path_factory.mktemp("whole")
    load(source_mapping("nhsa"), county, home)
    return open_store(home)


def hidden(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob(".*")]


@pytest.mark.parametrize(("module", "function", "calls"), PLACES)
def test_killed_load_is_finished_by_the_next(
    county: Path, whole: Any, tmp_path: Path, module: str, function: str, calls: int
) -> None:
    home = tmp_path / "home"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JIHE_VAULT": str(vault_folder())}
    run = subprocess.run(
        [sys.executable, "-c", KILLED, module, function, str(calls), str(county), str(home)],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL, run.stderr
    if function == "append_line":
        assert open_store(home).version == whole.version
    else:
        with pytest.raises(StoreError, match="no loaded claims"):
            open_store(home)
    complete = {
        p.parent.name: p.stat().st_mtime_ns for p in home.glob("store/parts/[!.]*/part.json")
    }
    assert len(complete) >= (calls - 1 if function == "seal_part" else 0)
    report = load(source_mapping("nhsa"), county, home)
    assert report.version == whole.version
    store = open_store(home)
    for table, key in (("claims", "claim_id"), ("claim_lines", "line_id")):
        rows = store.read(table)
        assert rows.equals(whole.read(table))
        assert max(Counter(rows[key].to_pylist()).values()) == 1
    # What was complete was not made again, and nothing half-made is left.
    after = {p.parent.name: p.stat().st_mtime_ns for p in home.glob("store/parts/*/part.json")}
    assert complete.items() <= after.items()
    assert not hidden(home)
    assert load(source_mapping("nhsa"), county, home).changes == []
    lines = (home / "store" / "versions.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("module", "function"),
    [("claims.building", "conceal"), ("claims.judging", "_accept"), ("claims.store", "_place")],
)
def test_load_that_fails_is_finished_by_the_next(
    county: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str,
    function: str,
) -> None:  # fmt: skip
    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    left = set(hidden(vault_folder()))
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{function}", full)
        with pytest.raises(OSError, match="no space"):
            load(source_mapping("nhsa"), county, tmp_path)
    assert not hidden(tmp_path)
    assert set(hidden(vault_folder())) <= left
    assert load(source_mapping("nhsa"), county, tmp_path).version == whole.version


def test_spill_of_a_killed_run_is_removed_and_that_of_a_running_one_is_not(
    tmp_path: Path,
) -> None:
    killed, running, young = (tmp_path / f".spill-{n}" for n in ("killed", "running", "young"))
    for folder in (killed, running, young, tmp_path / "identities"):
        folder.mkdir()
        (folder / ".partial").write_text("N1")
    for path in (killed, running, tmp_path / "identities" / ".partial"):
        os.utime(path, (0, 0))
    with locked(running) as held, spill_folder(tmp_path) as own:
        assert held
        assert {p.name for p in tmp_path.iterdir()} == {
            own.name, running.name, young.name, "identities",
        }  # fmt: skip
        assert not list((tmp_path / "identities").iterdir())
    assert not own.exists()


def test_identities_that_are_being_written_are_not_swept_away(tmp_path: Path) -> None:
    rows = pa.table({"kind": ["claim"], "pseudonym": ["clm_0"], "original": ["S1"]})
    with IdentityWriter("part", tmp_path) as writer:
        os.utime(writer.partial, (0, 0))
        with spill_folder(tmp_path):
            pass
        writer.write(rows)
    assert identities("part", tmp_path).num_rows == 1
