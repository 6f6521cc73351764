"""The whole loop on a small county: files, list, verdicts, trained model, next list."""

from __future__ import annotations

import csv
import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pytest

from claims.contracts import table
from claims.mapping import source_mapping
from claims.store import open_store
from jihe import pipeline
from jihe.demo import DemoChoices, DemoResult, run_demo
from jihe.pipeline import RunChoices, RunResult, run
from jihe.planning import PlanChoices
from sampling.design import DesignError
from sampling.drawing.replay import replay

SEED = bytes(range(32))


def _run(county: Path, out: Path, **changes: object) -> RunResult:
    plan = PlanChoices(capacity="60", seed=SEED)
    return run(RunChoices(source="nhsa", folder=county, out=out, plan=plan, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def home(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run once on the shared county."""
    out = tmp_path_factory.mktemp("loop") / "home"
    _run(county, out)
    return out


def _listed(home: Path) -> list[dict[str, str]]:
    with (home / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_writes_every_file_that_is_promised(home: Path) -> None:
    promised = {
        "scores.parquet", "list.csv", "list.xlsx", "cases.jsonl", "inspectors.xlsx",
        "certificate.json", "quarantine.parquet", "metrics.json", "frame.tsv", "draw.tsv",
        "findings.csv", "findings.parquet",
    }  # fmt: skip
    assert promised <= {path.name for path in home.iterdir()}
    assert not list(home.glob(".partial-*"))


def test_a_run_is_of_what_it_loaded_whatever_is_loaded_meanwhile(
    county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = pipeline.load

    def overtaken(*args: Any, **named: Any) -> Any:
        report = loaded(*args, **named)
        other = tmp_path / "other"
        other.mkdir()
        for name in ("setl_list.csv", "fee_detail.csv"):
            lines = (county / name).read_text("utf-8").splitlines(keepends=True)
            (other / name).write_text("".join(lines[:-40]), "utf-8")
        assert loaded(source_mapping("nhsa"), other, tmp_path / "home").version != report.version
        return report

    used: list[Any] = []
    monkeypatch.setattr(pipeline, "load", overtaken)
    monkeypatch.setattr(pipeline, "score_and_plan", lambda *args: used.extend(args[2:4]))
    run(RunChoices(source="nhsa", folder=county, out=tmp_path / "home"))
    report, store = used
    assert (store.version, store.fingerprint) == (report.version, report.fingerprint)
    assert open_store(tmp_path / "home").version != report.version


def test_scores_hold_every_unit_ranked_without_gaps(home: Path) -> None:
    scores = table("scores").conform(pq.read_table(home / "scores.parquet"))
    for unit in ("claim", "insured", "institution"):
        mine = scores.filter(np.array([u == unit for u in scores["unit"].to_pylist()]))
        ranks = sorted(mine["risk_rank"].to_pylist())
        assert ranks == list(range(1, len(ranks) + 1))
        ordered = mine.sort_by("risk_rank")["anomaly_score"].to_pylist()
        assert ordered == sorted(ordered, reverse=True)
        assert len(set(ordered)) > 5
    assert scores["risk_score"].null_count == scores.num_rows  # there was no verdict


def test_variety_spreads_the_head_over_kinds_and_leaves_scores_as_they_are(
    county: Path, home: Path, tmp_path: Path
) -> None:
    scored = _run(county, tmp_path, objective="variety").scored["claim"]
    found, kinds = scored.table, scored.matrix.finding_kinds
    plain = pq.read_table(home / "scores.parquet", filters=[("unit", "=", "claim")])
    order = [plain["unit_id"].to_pylist().index(unit) for unit in found["unit_id"].to_pylist()]
    assert found["anomaly_score"].to_pylist() == plain["anomaly_score"].take(order).to_pylist()
    by_risk, spread = plain["risk_rank"].to_numpy()[order], found["risk_rank"].to_numpy()
    assert len(set(kinds[spread <= 50])) > len(set(kinds[by_risk <= 50]))
    for kind in set(kinds):
        mine = kinds == kind
        assert (np.argsort(spread[mine]) == np.argsort(by_risk[mine])).all()


def test_list_shows_probabilities_that_are_true_of_the_frame(home: Path) -> None:
    rows = _listed(home)
    frame = [line.split("\t") for line in (home / "frame.tsv").read_text().splitlines()]
    sizes: dict[str, int] = {}
    for _, _, stratum, _ in frame:
        sizes[stratum] = sizes.get(stratum, 0) + 1
    assert len(rows) == 60
    for row in rows:
        assert int(row["stratum_size"]) == sizes[row["stratum"]]
        assert float(row["inclusion_prob"]) == int(row["stratum_draws"]) / int(row["stratum_size"])
        assert row["reasons_en"]
        assert row["reasons_zh"]
    assert set(sizes) == {r["stratum"] for r in rows}  # every stratum is drawn from
    assert {"random", "risk"} <= {r["tag"] for r in rows}


def test_every_record_adds_up_and_belongs_to_a_drawn_case(home: Path) -> None:
    records = [json.loads(line) for line in (home / "cases.jsonl").read_text().splitlines()]
    assert {r["case"] for r in records} == {row["case"] for row in _listed(home)}
    for record in records:
        total = record["base_value"] + record["calibration"]
        total += sum(c["contribution"] for c in record["contributions"])
        assert total == pytest.approx(record["score"], abs=1e-9)
    assert len({r["score"] for r in records}) > 20


def test_the_inspectors_see_no_score_tag_or_probability(home: Path) -> None:
    book = openpyxl.load_workbook(home / "inspectors.xlsx")
    text = " ".join(str(c.value) for row in book.worksheets[0].iter_rows() for c in row if c.value)
    for told in ("take_all", "random", "anomaly", "robust z", "/b1", "/b2", "/b3", "/top"):
        assert told not in text


def test_replay_repeats_the_draw_and_sees_a_changed_frame(home: Path, tmp_path: Path) -> None:
    assert replay(home / "certificate.json", home / "frame.tsv", home / "list.csv").ok
    altered = tmp_path / "frame.tsv"
    lines = (home / "frame.tsv").read_bytes().splitlines(keepends=True)
    altered.write_bytes(b"".join(lines[1:]))
    assert not replay(home / "certificate.json", altered).ok


def test_same_seed_gives_the_same_list_whatever_the_row_order(
    county: Path, home: Path, tmp_path: Path
) -> None:
    shuffled = tmp_path / "shuffled"
    shutil.copytree(county, shuffled, ignore=shutil.ignore_patterns("truth"))
    for path in shuffled.glob("*.csv"):
        head, *body = path.read_text(encoding="utf-8").splitlines(keepends=True)
        random.Random(5).shuffle(body)
        path.write_text(head + "".join(body), encoding="utf-8")
    again = tmp_path / "again"
    _run(shuffled, again)
    for name in ("list.csv", "frame.tsv", "draw.tsv", "cases.jsonl"):
        assert (again / name).read_bytes() == (home / name).read_bytes(), name
    first, second = (pq.read_table(h / "scores.parquet") for h in (home, again))
    assert first.equals(second)


def test_another_seed_gives_another_list_of_the_same_frame(
    county: Path, home: Path, tmp_path: Path
) -> None:
    choices = RunChoices(
        source="nhsa", folder=county, out=tmp_path, plan=PlanChoices(capacity="60", seed=b"x" * 32)
    )
    run(choices)
    assert (tmp_path / "frame.tsv").read_bytes() == (home / "frame.tsv").read_bytes()
    assert (tmp_path / "draw.tsv").read_bytes() != (home / "draw.tsv").read_bytes()


def test_nothing_known_later_changes_an_earlier_list(county: Path, tmp_path: Path) -> None:
    """The same as-of date over more data: what became known later is as if it were not there."""
    from datetime import date

    as_of = date(2025, 1, 1)
    shortened = tmp_path / "shortened"
    shutil.copytree(county, shortened, ignore=shutil.ignore_patterns("truth"))
    path = shortened / "setl_list.csv"
    head, *body = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = head.strip().lstrip("\ufeff").split(",").index("setl_time")
    kept = [row for row in body if row.split(",")[place] < as_of.isoformat()]
    assert 0 < len(kept) < len(body)
    path.write_text(head + "".join(kept), encoding="utf-8")
    whole, part = tmp_path / "whole", tmp_path / "part"
    _run(county, whole, as_of=as_of)
    _run(shortened, part, as_of=as_of)
    first, second = (pq.read_table(h / "scores.parquet").drop(["tie_seed"]) for h in (whole, part))
    columns = ["unit", "unit_id", "anomaly_score"]
    assert first.select(columns).equals(second.select(columns))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """Run the demo's loop on a county small enough for a test."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    choices = DemoChoices(
        out=out, insured=4_000, institutions=14, pharmacies=8, months=24, capacity=250,
        second_capacity=60, seed=3,
    )  # fmt: skip
    return run_demo(choices, lambda step, share, /: None, lambda key: None)


def test_verdicts_come_back_and_train_a_model_that_ranks_better_than_both_baselines(
    demo: DemoResult,
) -> None:
    assert demo.imported.appended.new > 200
    by_name = {r.name: r for r in demo.measured.rankings}
    ours = by_name["model"].average_precision
    assert ours > by_name["sort_by_amount"].average_precision
    assert ours > by_name["rules_only"].average_precision
    scores = demo.second.scored["claim"].table
    assert scores["risk_score"].null_count == 0
    assert scores["expected_amount"].null_count == 0


def test_the_estimate_is_computed_from_the_verdicts(demo: DemoResult) -> None:
    totals, whole = demo.estimated.totals, demo.estimated.whole
    assert totals.stated.low < totals.total.estimate < (totals.stated.high or math.inf)
    assert whole.responded <= whole.drawn == 250
    # Five standard errors: mostly-zero amounts make the normal interval of one draw unreliable.
    error = totals.total.quantity.standard_error or 0
    assert abs(totals.total.estimate - demo.confirmable) < 5 * error


def test_an_empty_frame_is_told_as_one(county: Path, tmp_path: Path) -> None:
    from datetime import date

    with pytest.raises(DesignError, match="--frame-from") as caught:
        _run(county, tmp_path, frame_from=date(2031, 1, 1))
    assert [f.code for f in caught.value.faults] == ["FRAME_EMPTY"]
    assert not (tmp_path / "list.csv").exists()
    assert not (tmp_path / "plans").exists()
