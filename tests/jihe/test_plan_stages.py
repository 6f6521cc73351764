"""Plans by size and in two stages by command: sealed, drawn, replayed, inspected, reported."""

from __future__ import annotations

import csv
import itertools
import json
import re
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import openpyxl
import pytest
from typer.testing import CliRunner

from claims.contracts import LANGS
from jihe import console
from jihe.cli import app
from jihe.commands import plan_seal
from jihe.estimate_words import interval_text
from jihe.estimates import combined_estimates
from jihe.home import Home
from jihe.plan_basis import Basis
from jihe.plan_report import plan_report_html
from jihe.plan_report_words import say
from jihe.plan_rows import plan_rows
from jihe.planning import PlanChoices
from jihe.staged_basis import Stages, basis_by
from jihe.staged_estimates import StagedEstimates, estimates_of
from jihe.staged_words import show_staged
from jihe.texts import say as terminal
from jihe.verdict_designs import evidence_of, verdict_designs
from sampling.design import Design
from sampling.drawing import part_file
from sampling.drawing.certificate import read_certificate
from sampling.drawing.designs import TwoStageDesign, design_record
from sampling.estimation.estimate import EstimateError
from sampling.estimation.plan_totals import bootstrap_seed
from sampling.faults import SamplingError
from sampling.frame import read_frame, write_frame
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from tests.sampling import staged_plans as small

runner = CliRunner()


class _Clock(datetime):
    """The commands' clock, set by hand."""

    at = small.SEALED_AT

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[_Clock]:
    """Set the clock and the secret parts, so that every run of a test draws the same units."""
    monkeypatch.setattr(plan_seal, "datetime", _Clock)
    parts = itertools.cycle(small.PARTS.values())
    monkeypatch.setattr(part_file.secrets, "token_bytes", lambda _size: next(parts))
    _Clock.at = small.SEALED_AT
    return _Clock


def _jihe(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exit_code != code:
        raise AssertionError(f"{arguments}: {result.output}\n{result.exception!r}")
    return result.output


def _people(folder: Path) -> list[str]:
    words = []
    for name in ("audit", "财务"):
        line = _jihe("plan", "commit", "--contributor", name, "--part", folder / name)
        words += ["--contributor", line.strip().splitlines()[-1]]
    return words


def _seal(home: Path, folder: Path, *more: object) -> tuple[object, ...]:
    return (
        "plan", "seal", *_people(folder), "--number-source", "lottery", "--number-day",
        "2026-03-03", "--number-digits", 5, "--home", home, *more,
    )  # fmt: skip


def _draw(home: Path, folder: Path, clock: type[_Clock], *more: object) -> str:
    clock.at = small.REVEALED_AT
    for name in ("audit", "财务"):
        _jihe("plan", "reveal", "--plan", "P0001", "--part", folder / name, "--home", home)
    clock.at = small.DRAWN_AT
    return _jihe(
        "plan", "draw", "--plan", "P0001", "--number", "40719", "--yes", "--home", home, *more
    )


def _files(folder: Path, what: small.Subject) -> list[object]:
    """Write frame, design and what it rests on, and return the options that name them."""
    folder.mkdir()
    write_frame(what.frame, folder / "frame.tsv")
    what.beside.write(what.frame, folder)
    design = {"design": design_record(what.design), "scores": small.VERSIONS}
    (folder / "design.json").write_text(json.dumps(design))
    return ["--frame", folder / "frame.tsv", "--design", folder / "design.json"]


@pytest.mark.parametrize("kind", small.KINDS)
def test_the_whole_way_from_files(tmp_path: Path, clock: type[_Clock], kind: str) -> None:
    home, files = tmp_path / "home", tmp_path / "files"
    home.mkdir()
    named = _files(files, small.subject(kind))
    assert "P0001" in _jihe(*_seal(home, tmp_path, *named))
    early = tmp_path / "early.json"
    _jihe("plan", "publish-seal", "--plan", "P0001", "--out", early, "--home", home)
    shutil.rmtree(files)  # the sealed folder has what the draw needs
    said = _draw(home, tmp_path, clock)
    assert ("claims of 6 institutions" in said) == (kind != "pps")
    folder = home / "plans" / "P0001"
    repeat = ("plan", "replay", folder / "certificate.json", folder / "frame.tsv")
    assert "byte for byte" in _jihe(*repeat, "--public", early)
    assert read_certificate(folder / "certificate.json")["version"] == "jihe-draw-3"
    _estimates_and_report(home, kind)
    aside = tmp_path / "aside"
    aside.mkdir()
    beside = "takes.tsv" if kind != "pps" else "weights.tsv"
    shutil.copy(folder / beside, aside / beside)
    text = (folder / beside).read_text().split("\n")
    (folder / beside).write_text("\n".join([text[1], text[0], *text[2:]]))
    result = runner.invoke(app, [str(a) for a in repeat])
    assert isinstance(result.exception, SamplingError)
    assert beside in result.exception.text("zh")
    for name in ("weights.tsv", "claims.tsv"):
        if name != beside and (folder / name).exists():
            shutil.copy(folder / name, aside / name)
    assert "byte for byte" in _jihe(*repeat, "--beside", aside)


def test_what_rests_on_missing_files_is_not_sealed(tmp_path: Path, clock: type[_Clock]) -> None:
    named = _files(tmp_path / "files", small.subject("pps_then_claims"))
    (tmp_path / "files" / "weights.tsv").unlink()
    (tmp_path / "files" / "takes.tsv").unlink()
    result = runner.invoke(app, [str(a) for a in _seal(tmp_path, tmp_path, *named)])
    assert isinstance(result.exception, SamplingError)
    assert [f.code for f in result.exception.faults] == ["BESIDE_MISSING"] * 2


@pytest.mark.parametrize(("more", "told"), [
    (["--claims-each", "3", "--unit", "institution"], "--unit claim"),
    (["--chances", "size", "--unit", "claim"], "--unit institution"),
    (["--chances", "size"], "--unit institution"),
])  # fmt: skip
def test_units_that_can_t_be_drawn_so_are_refused(
    tmp_path: Path, clock: type[_Clock], more: list[str], told: str
) -> None:
    said = _jihe(*_seal(tmp_path, tmp_path, *more), code=2)
    assert told in " ".join(said.replace("│", " ").split())


def test_options_that_the_design_s_file_answers_are_refused(
    tmp_path: Path, clock: type[_Clock]
) -> None:
    named = _files(tmp_path / "files", small.subject("pps"))
    said = _jihe(*_seal(tmp_path, tmp_path, *named, "--claims-each", 3), code=2)
    assert "says already" in " ".join(said.replace("│", " ").split())


def _inspect(home: Path) -> None:
    ledger = Ledger(f"sqlite:///{home / 'jihe.db'}")
    plan = ledger.plan("P0001")
    rows = [
        Outcome(
            case, r["unit"], r["unit_id"], "P0001", r["tag"],
            "recovery" if i % 2 else "dismissed", 100 * i if i % 2 else None, "x",
            plan.drawn_on, "i1;i2",
        )
        for i, (case, r) in enumerate(zip(plan.cases, plan.draws.to_pylist(), strict=True))
    ]  # fmt: skip
    ledger.append_outcomes(rows, actor="a", known_at=datetime(2026, 3, 9, tzinfo=UTC))
    ledger.close()


def _estimates_and_report(home: Path, kind: str) -> None:
    """Before any verdict nothing is estimated; then words and page say the same total."""
    with pytest.raises(EstimateError, match="institutions have answered"):
        estimates_of(home, "P0001")
    _inspect(home)
    found = estimates_of(home, "P0001")
    assert isinstance(found, StagedEstimates)
    record = found.to_dict()["totals"]
    assert record["total"]["estimate"] >= record["returned"]["found"] > 0
    assert record["total"]["standard_error"] > 0
    assert record["stated"]["kind"] == "studentised"  # fewer than thirty verdicts
    stated = console.money(record["stated"]["lower_90"], "CNY")
    alone = record["random_stated"] and interval_text(found.totals.random_stated, "CNY", "zh")
    assert (alone is None) == (kind != "strata_then_claims")
    classes = [d["name"] for d in record["domains"]]
    assert classes == (["a", "b"] if kind == "strata_then_claims" else [])
    assert len(record["strata"]) == len(classes)
    total = console.money(record["total"]["estimate"], "CNY")
    for lang in LANGS:
        with console.out.capture() as said:
            show_staged(found, "CNY", lang)
        html = plan_report_html(found, "CNY", lang)
        assert total in said.get()
        assert total in html
        assert stated in said.get()
        assert stated in html
        if alone and lang == "zh":
            assert alone in said.get()
            assert say("staged_random_boot", lang) in html
        assert 'SHA-256("P0001|bootstrap")' in said.get()
        assert f'SHA-256("P0001|bootstrap") = {bootstrap_seed("P0001").hex()}' in html
        for words in (say("staged_no_classes", lang), terminal("staged_no_classes", lang)):
            assert (words in html or words in said.get()) == (not classes)
        assert (say("staged_h_domains", lang) in html) == bool(classes)
        for part in found.totals.strata:
            assert console.money(part.total.estimate, "CNY") in html
        assert "<script" not in html
        body = html.split("</style>")[1]
        units = found.plan.draws["unit_id"].to_pylist()
        assert not any(re.search(rf"\b{unit}\b", body) for unit in units)
        assert ("weights.tsv" in html) == ("pps" in kind)
        assert ("takes.tsv" in html) == (kind != "pps")
    (row,) = plan_rows(home)
    units = 12 if kind == "pps" else 58
    assert (row["unit"], row["frame_units"]) == (found.plan.draws["unit"][0].as_py(), units)
    _the_gate_knows_what_was_drawn(home, kind, found.plan.draws.to_pylist())
    with pytest.raises(EstimateError, match="estimated alone"):
        combined_estimates(home, ["P0001", "P0002"])


def _the_gate_knows_what_was_drawn(home: Path, kind: str, rows: list[dict[str, Any]]) -> None:
    unit = "institution" if kind == "pps" else "claim"
    designs = verdict_designs(Home(home), unit)
    ids = np.array(sorted(designs), dtype=np.str_)
    judged = SimpleNamespace(
        unit_ids=ids, labels=np.ones(len(ids)), weights=np.full(len(ids), 2.0),
        overpaid=np.ones(len(ids)),
    )  # fmt: skip
    evidence = evidence_of(cast(Any, judged), designs)
    assert set(evidence.weights) == {2.0}
    drawn = {row["unit_id"]: row for row in rows}
    assert evidence.clusters.tolist() == [drawn[unit]["psu_id"] or "" for unit in ids]
    assert (set(evidence.clusters) == {""}) == (kind == "pps")
    by_size = "pps" in kind
    assert evidence.strata.tolist() == [
        f"{drawn[u]['stratum']}/{drawn[u]['tag']}" if by_size else drawn[u]["stratum"] for u in ids
    ]


def test_an_estimate_needs_the_sealed_weights(tmp_path: Path, clock: type[_Clock]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    _jihe(*_seal(home, tmp_path, *_files(tmp_path / "files", small.subject("pps"))))
    _draw(home, tmp_path, clock)
    _inspect(home)
    path = home / "plans" / "P0001" / "weights.tsv"
    raw = path.read_text()
    lines = raw.split("\n")
    place = next(i for i, line in enumerate(lines) if not line.endswith("\t0"))
    path.write_text("\n".join([*lines[:place], lines[place] + "1", *lines[place + 1 :]]))
    with pytest.raises(EstimateError) as caught:
        estimates_of(home, "P0001")
    assert caught.value.faults[0].code == "REPLAY_BESIDE"
    path.unlink()
    with pytest.raises(SamplingError, match=r"weights\.tsv"):
        estimates_of(home, "P0001")
    path.write_text(raw)
    (path.parent / "frame.tsv").unlink()
    with pytest.raises(EstimateError, match=r"frame\.tsv"):
        estimates_of(home, "P0001")


@pytest.fixture(scope="module")
def store(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stages") / "home"
    _jihe("load", "--source", "nhsa", "--input", county, "--home", home)
    return home


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_claims_of_institutions_of_a_store_to_the_report(
    store: Path, tmp_path: Path, clock: type[_Clock]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(store, home, symlinks=True)
    stages = ["--claims-each", "0.5%", "--chances", "size", "--capacity", 6]
    _jihe(*_seal(home, tmp_path, *stages))
    _draw(home, tmp_path, clock, "--lang", "zh")
    folder = home / "plans" / "P0001"
    frame, claims = (read_frame(folder / name) for name in ("frame.tsv", "claims.tsv"))
    sums = Counter[str]()
    for owner, size in zip(claims.strata.to_pylist(), claims.size_minor.tolist(), strict=True):
        sums[owner] += size
    assert dict(zip(frame.unit_ids.to_pylist(), frame.size_minor.tolist(), strict=True)) == sums
    listed = _rows(home / "list.csv")
    assert {row["unit"] for row in listed} == {"claim"}
    assert len({row["psu_id"] for row in listed}) == 6
    for row in listed:
        assert row["reasons_en"]
        assert row["reasons_zh"]
        assert row["psu_id"] == row["institution_id"]
        product = float(row["inclusion_prob_1"]) * float(row["inclusion_prob_2"])
        assert float(row["inclusion_prob"]) == pytest.approx(product)
    shown = openpyxl.load_workbook(folder / "inspectors.xlsx")
    words = " ".join(str(c.value) for r in shown.worksheets[0].iter_rows() for c in r)
    assert "institution_id" in words or "机构" in words
    assert not any(w in words for w in ("chance", "inclusion", "入样概率", "抽取方式", "psu"))
    repeat = ("replay", folder / "certificate.json", folder / "frame.tsv", "--list")
    assert "byte for byte" in _jihe(*repeat, folder / "list.csv")
    _inspect(home)
    said = _jihe("plan", "estimate", "--plan", "P0001", "--home", home, "--format", "json")
    assert json.loads(said)["totals"]["kind"] == "two_stage"
    assert "90%" in _jihe("plan", "estimate", "--plan", "P0001", "--home", home, "--lang", "zh")
    _jihe("plan", "report", "--plan", "P0001", "--out", tmp_path / "r.html", "--home", home)
    assert "takes.tsv" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_other_designs_of_a_store(store: Path) -> None:
    """By size over institutions; and claims of institutions that strata draw."""

    def basis(unit: str, stages: Stages) -> Basis:
        return basis_by(Home(store), unit, PlanChoices("12"), stages, None, None)

    one = basis("institution", Stages(by_size=True))
    assert one.design.capacity == 12
    assert one.frame.stratum_sizes() == {"all": len(one.frame)}
    assert one.scores["unit_id"].to_pylist() == one.facts["unit_id"].to_pylist()
    two = basis("claim", Stages(each="4"))
    assert isinstance(two.design, TwoStageDesign)
    assert isinstance(two.design.first, Design)
    sizes = two.beside.claims.stratum_sizes()
    ids = two.frame.unit_ids.to_pylist()
    assert set(sizes) == set(ids)
    assert two.beside.takes == tuple(min(sizes[unit], 4) for unit in ids)
    assert set(two.scores["unit_id"].to_pylist()) == set(two.beside.claims.unit_ids.to_pylist())
