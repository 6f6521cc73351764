"""``jihe plan commit|seal|reveal|draw|void|publish-seal`` on a small frame, and a kill anywhere."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jihe import plan_sealing
from jihe.cli import app
from jihe.commands import plan_seal
from jihe.home import Home
from jihe.plan_basis import Basis
from jihe.plan_rows import plan_rows
from sampling.design import DesignError
from sampling.drawing.part_file import make_part, read_part
from sampling.drawing.replay import replay
from sampling.drawing.seal import Contributor, PublicNumber, SealError, commitment
from sampling.frame import write_frame
from sampling.ledger import Ledger
from sampling.planning.stratify import design_plan
from sampling.public_version import read_public
from sampling.seal_store import seal_ids
from tests.jihe.command_line import jihe, runner
from tests.killed import killed_at

SEALED_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
REVEALED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DRAWN_AT = datetime(2026, 3, 3, 9, tzinfo=UTC)
VERSIONS = {
    "model_version": "m", "rules_version": "r", "catalogue_version": "c",
    "as_of_date": "2026-01-01",
}  # fmt: skip


class _Clock(datetime):
    """The commands' clock, set by hand."""

    at = SEALED_AT

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[_Clock]:
    monkeypatch.setattr(plan_seal, "datetime", _Clock)
    _Clock.at = SEALED_AT
    return _Clock


def _basis(*, lists: bool = False) -> Basis:
    ids = pa.array([f"clm_{n:020x}" for n in range(40)])
    frame, design = design_plan(
        "claim", ids, pa.array(range(1, 41)), pa.array(["clinic"] * 40), pa.array(["1"] * 40),
        [100] * 40, capacity=10, random_share="0.3", take_all_share="0.3",
    )  # fmt: skip
    if not lists:
        return Basis(frame, design, VERSIONS)
    scores = pa.table(
        {
            "unit_id": ids, "risk_rank": pa.array(range(1, 41)), "risk_score": pa.nulls(40),
            "anomaly_score": pa.array([i / 40 for i in range(40)]),
            "expected_amount": pa.nulls(40), "model_version": ["m"] * 40,
            "as_of_date": pa.array([date(2026, 1, 1)] * 40),
        }
    )  # fmt: skip
    facts = pa.table(
        {"unit_id": ids, "total_amount": [100] * 40, "institution_class": ["pharmacy"] * 40}
    )
    return Basis(frame, design, VERSIONS, scores, facts)


def _refused(*arguments: object) -> SealError:
    error = runner.invoke(app, [str(a) for a in arguments]).exception
    assert isinstance(error, SealError)
    return error


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Frame and design as files."""
    from sampling.drawing.designs import design_record

    basis = _basis()
    write_frame(basis.frame, tmp_path / "frame.tsv")
    design = {"design": design_record(basis.design), "scores": VERSIONS}
    (tmp_path / "design.json").write_text(json.dumps(design))
    return tmp_path / "frame.tsv", tmp_path / "design.json"


def _commit(folder: Path, *names: str) -> list[str]:
    return [
        word
        for name in names
        for line in [jihe("plan", "commit", "--contributor", name, "--part", folder / name)]
        for word in ("--contributor", line.strip().splitlines()[-1])
    ]


def _seal(home: Path, files: tuple[Path, Path], people: list[str], *more: object) -> str:
    return jihe(
        "plan", "seal", *people, "--number-source", "lottery", "--number-day", "2026-03-03",
        "--number-digits", 5, "--frame", files[0], "--design", files[1], "--home", home, *more,
    )  # fmt: skip


def test_the_whole_way_by_commands(
    tmp_path: Path, files: tuple[Path, Path], clock: type[_Clock]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    people = _commit(tmp_path, "finance", "审计")
    assert stat.S_IMODE((tmp_path / "finance").stat().st_mode) == 0o600
    assert "Plan P0001 is sealed" in _seal(home, files, people)
    folder = home / "plans" / "P0001"
    sealed_files = {"frame.tsv", "seal.json", "public.json", "team-rules.json"}
    assert {p.name for p in folder.iterdir()} == sealed_files
    assert not (home / "latest").exists()
    early = tmp_path / "public.json"
    jihe("plan", "publish-seal", "--plan", "P0001", "--out", early, "--home", home)
    assert read_public(early)["state"] == "sealed"
    draw = ("plan", "draw", "--plan", "P0001", "--number", "40719", "--home", home)
    assert _refused(*draw, "--yes").faults[0].code == "SEAL_WAITING"
    clock.at = REVEALED_AT
    reveal = ("plan", "reveal", "--plan", "P0001", "--home", home, "--part")
    assert "Still missing: 审计" in jihe(*reveal, tmp_path / "finance")
    assert "分量已齐" in jihe(*reveal, tmp_path / "审计", "--lang", "zh")
    assert read_public(folder / "public.json")["state"] == "revealed"
    assert _refused(*draw, "--yes").faults[0].code == "SEAL_EARLY"
    clock.at = DRAWN_AT
    asked = runner.invoke(app, [str(a) for a in draw], input="n\n")
    assert asked.exit_code == 1
    assert "can be drawn only once" in asked.output
    assert plan_rows(home)[0]["state"] == "revealed"
    assert "10 of 40 units" in jihe(*draw, "--yes")
    assert (home / "certificate.json").read_bytes() == (folder / "certificate.json").read_bytes()
    repeat = ("replay", folder / "certificate.json", folder / "frame.tsv", "--public")
    said = jihe(*repeat, early)
    assert "byte for byte" in said
    assert "public number 40719 of 2026-03-03" in said
    (row,) = json.loads(jihe("plan", "list", "--home", home, "--format", "json"))
    assert (row["mode"], row["state"], row["drawn"]) == ("committee", "drawn", 10)
    early.write_bytes((folder / "public.json").read_bytes().replace(b'"P0001"', b'"P0002"'))
    assert "plan_id" in jihe(*repeat, early, code=1)


def test_a_wrong_part_and_an_abandoned_plan_stay_listed(
    tmp_path: Path, files: tuple[Path, Path], clock: type[_Clock]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    _seal(home, files, _commit(tmp_path, "a", "b"))
    _seal(home, files, _commit(tmp_path, "c", "d"))
    clock.at = REVEALED_AT
    record = json.loads((tmp_path / "a").read_text())
    (tmp_path / "a").write_text(json.dumps({**record, "part": "ab" * 32}))
    error = _refused("plan", "reveal", "--plan", "P0001", "--part", tmp_path / "a", "--home", home)
    assert "the part that a revealed" in str(error)
    assert "已作废" in error.text("zh")
    said = jihe("plan", "void", "--plan", "P0002", "--reason", "moved", "--home", home)
    assert "given up (moved)" in said
    rows = json.loads(jihe("plan", "list", "--home", home, "--format", "json"))
    assert [(r["plan_id"], r["state"]) for r in rows] == [("P0001", "void"), ("P0002", "void")]
    assert "the part that a revealed" in rows[0]["void"]
    for plan, code in (("P0001", "SEAL_WRONG"), ("P0002", "SEAL_ABANDONED")):
        assert read_public(home / "plans" / plan / "public.json")["void"] == code


def test_what_is_not_a_part_or_a_design_is_refused(
    tmp_path: Path, files: tuple[Path, Path], clock: type[_Clock]
) -> None:
    make_part(tmp_path / "part", "a")
    with pytest.raises(SealError, match="never written over"):
        make_part(tmp_path / "part", "a")
    with pytest.raises(SealError, match="contributor"):
        make_part(tmp_path / "other", "a\tb")
    assert not (tmp_path / "other").exists()
    name, part = read_part(tmp_path / "part")
    assert (name, len(part)) == ("a", 32)
    for text in ("", "[]", "{}", '{"version": "jihe-part-1"}', "\ud83c"):
        (tmp_path / "bad").write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(SealError):
            read_part(tmp_path / "bad")
    for text in ("", "{}", '{"design": {}, "scores": {}}', "[1]"):
        files[1].write_text(text)
        result = runner.invoke(app, [
            "plan", "seal", "--contributor", "a=" + "0" * 64, "--number-source", "x",
            "--number-day", "2026-03-03", "--number-digits", "5", "--frame", str(files[0]),
            "--design", str(files[1]), "--home", str(tmp_path),
        ])  # fmt: skip
        assert isinstance(result.exception, DesignError), result.exception


PARTS = {"a": b"a" * 32, "b": b"b" * 32}


def _sealed(root: Path, *, lists: bool = False) -> str:
    people = [Contributor(name, commitment(part)) for name, part in PARTS.items()]
    number = PublicNumber("lottery", date(2026, 3, 3))
    return plan_sealing.seal(Home(root), _basis(lists=lists), people, number, SEALED_AT).plan_id


def _revealed(root: Path) -> None:
    for name, part in PARTS.items():
        plan_sealing.reveal(Home(root), "P0001", name, part, REVEALED_AT)


def _drawn(root: Path) -> None:
    plan_sealing.draw_sealed(Home(root), "P0001", "40719", DRAWN_AT, "en")


def test_a_drawn_plan_has_the_planner_s_and_the_inspectors_lists(tmp_path: Path) -> None:
    _sealed(tmp_path, lists=True)
    _revealed(tmp_path)
    _drawn(tmp_path)
    folder = tmp_path / "plans" / "P0001"
    assert {"list.csv", "list.xlsx", "inspectors.xlsx", "scores.parquet"} <= {
        p.name for p in folder.iterdir()
    }
    files = (folder / n for n in ("certificate.json", "frame.tsv", "list.csv"))
    assert replay(*files).ok


def _whole(root: Path) -> None:
    """What the ledger knows has its files, whatever happened."""
    ledger = Ledger(Home(root).ledger_url)
    sealed, drawn = seal_ids(ledger), ledger.plan_ids()
    assert ledger.verify_trail() == []
    ledger.close()
    for plan_id in sealed:
        names = {p.name for p in Home(root).plan(plan_id).iterdir()}
        assert names >= {"frame.tsv", "seal.json", "public.json"}
        if plan_id in drawn:
            assert names >= {"certificate.json", "draw.tsv"}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("which", ["seal", "reveal", "draw"])
def test_killed_anywhere_a_step_is_done_or_not_done(tmp_path: Path, which: str) -> None:
    steps: dict[str, Callable[[Path], object]] = {
        "seal": _sealed, "reveal": _revealed, "draw": _drawn
    }  # fmt: skip
    before = tmp_path / "before"
    before.mkdir()
    for name in list(steps)[: list(steps).index(which)]:
        steps[name](before)
    for call in range(1, 200):
        root = tmp_path / f"{call}"
        shutil.copytree(before, root, symlinks=True)
        killed = killed_at(lambda: steps[which](root), call)  # noqa: B023
        if which != "draw":  # a folder that is being replaced may wait for the next step
            _whole(root)
        if not seal_rows(root):
            assert which == "seal"
            assert _sealed(root) == "P0001"
        for name, part in PARTS.items():
            if name not in _known_parts(root):
                plan_sealing.reveal(Home(root), "P0001", name, part, REVEALED_AT)
        _drawn(root)
        _whole(root)
        assert [r["state"] for r in plan_rows(root)] == ["drawn"]
        assert (root / "certificate.json").resolve().parent.name == "P0001"
        if not killed:
            break
    else:
        pytest.fail("the step never came to its end")
    assert call > {"seal": 5, "reveal": 2, "draw": 5}[which]


def seal_rows(root: Path) -> list[str]:
    ledger = Ledger(Home(root).ledger_url)
    try:
        return seal_ids(ledger)
    finally:
        ledger.close()


def _known_parts(root: Path) -> set[str]:
    from sampling.seal_store import sealed_plan

    ledger = Ledger(Home(root).ledger_url)
    try:
        return set(sealed_plan(ledger, "P0001").parts)
    finally:
        ledger.close()


def test_a_plan_of_a_store_is_sealed_drawn_and_explained(
    county: Path, tmp_path: Path, clock: type[_Clock]
) -> None:
    """No single-person draw comes first; the reasons are those of the sealed model."""
    import csv

    home = tmp_path / "home"
    jihe("load", "--source", "nhsa", "--input", county, "--home", home)
    jihe(
        "plan", "seal", *_commit(tmp_path, "a", "b"), "--number-source", "lottery",
        "--number-day", "2026-03-03", "--number-digits", 5, "--unit", "institution",
        "--capacity", 6, "--home", home,
    )  # fmt: skip
    clock.at = REVEALED_AT
    for name in ("a", "b"):
        jihe("plan", "reveal", "--plan", "P0001", "--part", tmp_path / name, "--home", home)
    clock.at = DRAWN_AT
    jihe("plan", "draw", "--plan", "P0001", "--number", "40719", "--yes", "--home", home)
    folder = home / "plans" / "P0001"
    with (home / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(row["reasons_en"] and row["reasons_zh"] for row in rows)
    records = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(r)["unit_id"] for r in records} == {row["unit_id"] for row in rows}
    assert replay(folder / "certificate.json", folder / "frame.tsv", folder / "list.csv").ok
