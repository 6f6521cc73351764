"""``jihe tune``: searches, stops, goes on, and leaves a file that ``jihe train --config`` reads."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import claims.store
import features.build
import jihe.training
import jihe.tuning
from features.matrix import Matrix
from jihe.cli import app
from jihe.experiments import experiment
from jihe.home import Home
from training import tuning
from training.config import load_config
from training.tracking import Tracker

runner = CliRunner()
N = 400
SPACE = """
objective = "log_loss"
trials = 3
seed = 1
[space.trees]
rounds = { low = 20, high = 80 }
learning_rate = { low = 0.02, high = 0.08, log = true }
"""


def claims_of() -> tuple[Matrix, pa.Table]:
    """Return claims whose first feature tells the label, and their verdicts."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(N, 3))
    ids = np.array([f"clm_{i:04d}" for i in range(N)])
    matrix = Matrix(
        "claim", date(2024, 1, 1), ids, ("a", "b", "c"), values, (1, 0, 0),
        np.array([f"i{i % 40}" for i in range(N)]), np.full(N, "rule"),
        np.full(N, np.datetime64("2023-12-01", "us")), np.full(N, 1_000), np.zeros(N, dtype=int),
        "catalogue-1", "rules-1",
    )  # fmt: skip
    label = (values[:, 0] + rng.normal(size=N) > 0.8).astype(int)
    days = [date(2024, 2, 1) + timedelta(days=i % 50) for i in range(N)]
    columns = {
        "unit": ["claim"] * N, "unit_id": ids, "label": label, "overpaid_amount": 100 * label,
        "label_date": days, "channel": ["random"] * N, "inclusion_prob": np.full(N, 0.5),
        "final_weight": np.full(N, 2.0), "training_weight": np.ones(N),
    }  # fmt: skip
    return matrix, pa.table(columns)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a home whose claims and verdicts are made here; nothing is loaded or built."""
    matrix, labels = claims_of()
    monkeypatch.setattr(claims.store, "open_store", lambda *given: None)
    made = SimpleNamespace(store=SimpleNamespace(version="v1"))
    monkeypatch.setattr(features.build, "build", lambda *given: made)
    monkeypatch.setattr(jihe.training, "attributes", lambda *given: {})
    monkeypatch.setattr(jihe.training, "training_as_of", lambda *given: date(2024, 6, 1))
    for module in (jihe.tuning, jihe.training):
        monkeypatch.setattr(module, "features_and_labels", lambda *given: (matrix, labels))
    (tmp_path / "space.toml").write_text(SPACE, encoding="utf-8")
    return Home(tmp_path / "home")


def tune(home: Home, *more: str, code: int = 0) -> str:
    command = ["tune", "--home", str(home.root), "--as-of", "2024-06-01",
               "--space", str(home.root.parent / "space.toml"), *more]  # fmt: skip
    result = runner.invoke(app, command)
    assert result.exit_code == code, result.output
    return result.output


def test_settings_are_searched_written_logged_and_trained_with(home: Home) -> None:
    shipped = experiment("claim_risk", "claim")
    found = json.loads(tune(home, "--format", "json"))
    assert len(found["trials"]) == 3
    assert found["value_of_the_best"] == min(t["value"] for t in found["trials"])
    assert found["value_of_the_best"] < found["value_as_given"]
    file = Path(found["file"])
    assert file.parent == home.experiments
    config = load_config(file)
    best = next(t for t in found["trials"] if t["value"] == found["value_of_the_best"])
    assert config.trees.rounds == best["settings"]["trees.rounds"]
    assert config.splits == shipped.splits
    assert f"# log_loss out of fold on verdicts known before 2024-06-01: {best['value']:.6f}" in (
        file.read_text("utf-8")
    )
    assert experiment("claim_risk", "claim") == shipped

    tracker = Tracker(home.registry)
    experiments = [e.experiment_id for e in tracker.client.search_experiments()]
    (run,) = tracker.client.search_runs(experiments)
    assert run.data.tags["search"] == found["search"]
    assert run.data.metrics["value_of_the_best"] == pytest.approx(found["value_of_the_best"])
    (folder,) = home.registry.glob(f"artifacts/*/{run.info.run_id}/artifacts")
    assert {path.name for path in folder.iterdir()} == {"trials.json", file.name}
    assert tracker.challenger("jihe-claim") is None

    trained = runner.invoke(
        app, ["train", "--home", str(home.root), "--as-of", "2024-06-01", "--config", str(file)]
    )
    assert trained.exit_code == 0, trained.output
    (entry,) = tracker.versions("jihe-claim")
    run = tracker.client.get_run(entry.run_id)
    assert run.data.tags["config_hash"] == config.hash
    # The first model of a home is compared, and waits.
    assert entry.aliases == ("challenger",)
    opponents = {"sort_by_amount", "rules_only", "cold_start"}
    assert set(tracker.metrics(entry)[jihe.training.FIRST_GATE]) == opponents
    said = " ".join(trained.output.split())
    assert "compared with both baselines and with the ranking before any verdict" in said
    assert "cold start" in said.rpartition("compared with both baselines")[2]


def test_a_search_that_was_stopped_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, calls = tuning._value, iter(range(100))

    def interrupted(*given):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return judge(*given)

    monkeypatch.setattr(tuning, "_value", interrupted)
    said = tune(home)
    assert "Stopped after 1 of 3 trials" in said
    assert "在3次试验中完成1次" not in said
    assert "3次试验" in tune(home, "--lang", "zh")
    assert next(calls) == 5


def test_a_space_at_fault_is_refused_before_anything_is_built(home: Home) -> None:
    path = home.root.parent / "space.toml"
    path.write_text(SPACE.replace("[space.trees]", "[space.splits]"), encoding="utf-8")
    result = runner.invoke(app, ["tune", "--home", str(home.root), "--space", str(path)])
    assert "cannot be varied" in str(result.exception)
    assert not home.root.exists()
