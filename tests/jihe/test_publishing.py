"""What is served follows the model in use; plans keep what they were sealed with."""

from __future__ import annotations

import csv
import hashlib
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.store import open_store
from jihe import promotion
from jihe.cli import app
from jihe.gate import Judgement
from jihe.home import Home
from jihe.pipeline import RunChoices, RunResult, run
from jihe.planning import PlanChoices
from jihe.publishing import republish
from serving.bundle import BundleError, open_bundle
from training.config import GateSettings, parse_config
from training.tracking import Tracker
from training.train import train_supervised

NAME = "jihe-claim"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a county of 300 insured: a thousand claims are enough here."""
    folder = tmp_path_factory.mktemp("tiny") / "county"
    simulate(folder, insured=300, months=12, institutions=6, pharmacies=3, seed=11)
    return folder


@pytest.fixture(scope="module")
def ran(county: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Run once with the objective of amount, and register a model that waits as challenger."""
    out = tmp_path_factory.mktemp("published") / "home"
    choices = RunChoices(
        source="nhsa", folder=county, out=out, objective="amount",
        plan=PlanChoices(capacity="60", seed=bytes(range(32))),
    )  # fmt: skip
    result = run(choices)
    _challenge(Home(out), result)
    return result


def _challenge(home: Home, result: RunResult) -> None:
    matrix = result.scored["claim"].matrix
    rng = np.random.default_rng(1)
    rows = np.sort(rng.permutation(len(matrix))[:900])
    label = (rng.random(900) < 0.15 + 0.5 * (matrix.rule_hits[rows] > 0)).astype(int)
    day = matrix.as_of_date
    labels = pa.table({
        "unit": ["claim"] * 900, "unit_id": matrix.unit_ids[rows].tolist(), "label": label,
        "overpaid_amount": label * np.maximum(matrix.amounts[rows] // 3, 1),
        "label_date": [day + timedelta(days=int(n) % 20) for n in range(900)],
        "channel": ["random"] * 900, "inclusion_prob": [0.5] * 900, "final_weight": [2.0] * 900,
        "training_weight": [1.0] * 900,
    })  # fmt: skip
    config = parse_config({
        "name": "small", "unit": "claim", "trees": {"rounds": 15, "seeds": [1]},
        "splits": {"folds": 3}, "evaluation": {"bootstrap": 0},
    })  # fmt: skip
    trained = train_supervised(matrix, labels, config, home.models, day + timedelta(days=40))
    assert Tracker(home.registry).record(trained, config).aliases == ("challenger",)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gate say that the challenger wins: here it is not the question."""

    def judge(unit: str, tracker: Tracker, _fresh: Any) -> Judgement:
        entry = tracker.challenger(NAME)
        assert entry is not None
        won = {"verdict": "win", "more_positives": None}
        held = tracker.champion(NAME)
        settings = GateSettings()
        return Judgement(
            unit, entry, held, "", "new_verdicts", date(2025, 1, 1), settings, {"champion": won}
        )

    monkeypatch.setattr(promotion, "judge", judge)


def _jihe(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def _sealed(home: Path) -> dict[str, str]:
    """Return the digest of everything that belongs to a plan, by path."""
    files = [path for path in sorted((home / "plans").rglob("*")) if path.is_file()]
    named = [path for path in sorted(home.iterdir()) if path.is_symlink() and path.is_file()]
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*files, *named]
    }


def _served(home: Path) -> SimpleNamespace:
    """Return what serving reads: models, day, the head of the list, which cases are drawn."""
    bundle = open_bundle(home)
    try:
        cases = bundle.cases.ranked("claim", 50, 0)
        every = bundle.cases.ranked("claim", 1_000_000, 0)
        drawn = {case["unit_id"]: case["plans"] for case in every if case["drawn"]}
        return SimpleNamespace(
            version=bundle.version, about=bundle.about, cases=cases, drawn=drawn,
            explained={case["unit_id"] for case in every if case["explained"]},
            record=bundle.cases.record("claim", cases[0]["unit_id"]),
            ranked_by=bundle.cases.summaries["claim"].ranked_by,
        )  # fmt: skip
    finally:
        bundle.close()


def test_what_is_served_follows_promotion_and_rollback(
    ran: RunResult, county: Path, tmp_path: Path, at_once: None
) -> None:
    home = ran.sealed.folder.parent.parent
    tracker = Tracker(Home(home).registry)
    cold, waiting = tracker.champion(NAME), tracker.challenger(NAME)
    assert waiting is not None
    before, sealed = _served(home), _sealed(home)
    assert before.about["versions"]["models"]["claim"] == cold.model_version
    # Claims that arrive meanwhile wait for the next run: here only the model changes.
    shorter = tmp_path / "later"
    shorter.mkdir()
    for name in ("setl_list.csv", "fee_detail.csv"):
        lines = (county / name).read_text("utf-8").splitlines(keepends=True)
        (shorter / name).write_text("".join(lines[:-40]), "utf-8")
    load(source_mapping("nhsa"), shorter, home)
    assert open_store(home).fingerprint != before.about["claims_fingerprint"]

    said = _jihe("promote", "--home", home)
    after = _served(home)
    models = after.about["versions"]["models"]
    assert models == before.about["versions"]["models"] | {"claim": waiting.model_version}
    assert after.record["versions"]["model"] == waiting.model_version
    assert all(0 < case["risk_score"] < 1 for case in after.cases)
    assert (before.ranked_by, after.ranked_by) == ("anomaly_score", "expected_amount")
    for kept in ("as_of_date", "claims_fingerprint", "objective"):
        assert after.about[kept] == before.about[kept]
    assert after.drawn == before.drawn
    assert len(after.drawn) == 60
    assert set(after.drawn) <= after.explained
    assert _sealed(home) == sealed
    scores = pq.read_table(home / "scores.parquet")
    assert set(scores["model_version"].to_pylist()) == set(
        before.about["versions"]["models"].values()
    )
    with (home / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["risk_score"] for row in csv.DictReader(file)} == {""}
    for told in (after.version, waiting.model_version, cold.model_version, "jihe publish"):
        assert told in said

    said = _jihe("rollback", "--home", home, "--lang", "zh")
    back = _served(home)
    assert back.version == before.version  # the same claims, day, draws and models: the same bytes
    assert back.version in said
    assert "已封存的计划保留" in said
    assert _sealed(home) == sealed
    again = _jihe("publish", "--home", home)
    assert "as before" in again
    assert _served(home).version == before.version


def test_before_the_first_run_a_promotion_says_what_comes_next(
    ran: RunResult, tmp_path: Path, at_once: None
) -> None:
    home = Home(tmp_path / "bare")
    _register(home, ran)
    said = _jihe("promote", "--home", home.root)
    assert "Nothing is published yet" in said
    assert f"jihe run --source SOURCE --input FOLDER --out {home.root}" in said.replace("\n", "")
    failed = CliRunner().invoke(app, ["publish", "--home", str(home.root)])
    assert failed.exit_code != 0
    assert "jihe run" in str(failed.exception)


def test_a_damaged_bundle_is_not_published_again_from_itself(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "CURRENT").write_text("0" * 16)
    with pytest.raises(BundleError, match=r"not there.*anew with 'jihe run'"):
        republish(Home(tmp_path))
    (tmp_path / "bundle" / "CURRENT").unlink()
    with pytest.raises(BundleError, match="No bundle was published") as told:
        republish(Home(tmp_path))
    assert "anew" not in str(told.value)


def _register(home: Home, ran: RunResult) -> None:
    """Register the run's cold start and a challenger in an empty home."""
    from jihe.scores import applicable_model

    applicable_model(ran.scored["claim"].matrix, home, Tracker(home.registry))
    _challenge(home, ran)
