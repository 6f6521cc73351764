"""A search is the same whole or in parts, sees no future, and says what it found in TOML."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from training import tuning
from training.config import ConfigError, load_config
from training.config_files import config_text, write_config
from training.frame import LeakageError
from training.search_space import SearchPlan, load_plan, parse_plan
from training.tuning import out_of_fold_value, search_of, tune, with_settings

CUT = date(2024, 6, 1)
SPACE = {
    "objective": "log_loss",
    "trials": 13,
    "seed": 4,
    "space": {
        "trees": {
            "rounds": {"low": 10, "high": 60, "step": 10},
            "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
            "leaves": {"choices": [2, 4, 8]},
        },
        "detector": {"floor": {"low": 0.1, "high": 1.0}},
    },
}


def plan_of(**changes: object) -> SearchPlan:
    return parse_plan({**SPACE, **changes})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Judge by a formula in place of training; return the settings that were judged."""
    seen: list[dict[str, object]] = []

    def value(matrix, labels, config, cut, objective):
        seen.append(asdict(config.trees))
        return abs(np.log(config.trees.learning_rate / 0.03)) + config.detector.floor

    monkeypatch.setattr(tuning, "_value", value)
    return seen


def searched(world, folder: Path, plan: SearchPlan, **more):
    return tune(world.matrix, world.labels, world.config, plan, CUT, folder, **more)


def test_a_search_in_parts_is_the_search_as_a_whole(world, tmp_path, quick, monkeypatch):
    whole = searched(world, tmp_path / "whole", plan_of())
    assert len(whole.trials) == 13
    assert len({json.dumps(dict(t.settings)) for t in whole.trials}) > 10
    parts = tmp_path / "parts"
    searched(world, parts, plan_of(trials=3))
    judge, calls = tuning._value, iter(range(100))

    def interrupted(*given):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return judge(*given)

    monkeypatch.setattr(tuning, "_value", interrupted)
    stopped = searched(world, parts, plan_of())
    assert stopped.stopped
    assert stopped.trials == whole.trials[:5]
    monkeypatch.setattr(tuning, "_value", judge)
    journal = next(parts.glob("*.journal"))
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 5, "wor')
    before = len(quick)
    gone_on = searched(world, parts, plan_of())
    assert gone_on == replace(whole)
    assert len(quick) - before == 8
    assert searched(world, parts, plan_of()) == whole
    assert len(quick) - before == 8


def test_a_killed_process_leaves_a_trial_that_is_repeated(world, tmp_path, quick, monkeypatch):
    whole = searched(world, tmp_path / "whole", plan_of())
    judge = tuning._value

    class Killed(BaseException):
        pass

    def killed(*given):
        if len(quick) >= 14 + 6:
            raise Killed
        return judge(*given)

    monkeypatch.setattr(tuning, "_value", killed)
    with pytest.raises(Killed):
        searched(world, tmp_path / "killed", plan_of())
    monkeypatch.setattr(tuning, "_value", judge)
    assert searched(world, tmp_path / "killed", plan_of()) == whole


def test_the_best_is_the_first_of_the_least_and_beats_the_given(world, tmp_path, quick):
    found = searched(world, tmp_path, plan_of())
    least = min(trial.value for trial in found.trials)
    assert found.best_value == least < found.base_value
    best = next(trial for trial in found.trials if trial.value == least)
    assert found.best == replace(
        with_settings(world.config, best.settings), name=f"{world.config.name}_tuned"
    )
    assert found.best.splits == world.config.splits


def test_a_higher_average_precision_is_better(world, tmp_path, quick):
    found = searched(world, tmp_path, plan_of(objective="average_precision"))
    assert found.best_value == max(trial.value for trial in found.trials) > found.base_value


def test_nothing_is_proposed_where_nothing_is_better(world, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_value", lambda *given: 1.0)
    found = searched(world, tmp_path, plan_of(trials=2))
    assert found.best is None
    assert found.best_value == found.base_value == 1.0


def test_trials_are_training_runs_judged_out_of_fold(world, tmp_path):
    told: list[tuple[str, float]] = []
    found = searched(
        world, tmp_path, plan_of(trials=2), tell=lambda step, share: told.append((step, share))
    )
    assert found.base_value == out_of_fold_value(
        world.supervised, "log_loss", world.config.evaluation.tie_seed
    )
    precision = out_of_fold_value(world.supervised, "average_precision", 1)
    assert precision == pytest.approx(world.supervised.metrics["average_precision"])
    assert told[-1] == ("2/2", 0.5)
    again = searched(world, tmp_path / "again", plan_of(trials=2))
    assert again == found


def test_a_verdict_from_the_future_stops_the_search(world, tmp_path):
    late = world.labels.column("label_date").to_pylist()
    late[3] = CUT
    labels = world.labels.set_column(
        world.labels.schema.get_field_index("label_date"), "label_date", [late]
    )
    with pytest.raises(LeakageError):
        tune(world.matrix, labels, world.config, plan_of(trials=1), CUT, tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_question_is_another_search(world):
    given = (world.matrix, world.labels, world.config, plan_of(), CUT)
    base = search_of(*given)
    assert search_of(*given[:3], plan_of(trials=99), CUT) == base
    order = np.random.default_rng(1).permutation(len(world.matrix))
    assert search_of(world.matrix.take(order), *given[1:]) == base
    others = [
        (world.matrix.take(np.arange(400)), *given[1:]),
        (given[0], world.labels.slice(1), *given[2:]),
        (
            *given[:2],
            replace(world.config, splits=replace(world.config.splits, seed=9)),
            *given[3:],
        ),
        (*given[:3], plan_of(seed=5), CUT),
        (*given[:4], CUT + timedelta(days=1)),
    ]
    assert len({base, *(search_of(*other) for other in others)}) == 6


def test_the_journal_is_json_and_never_unpickled(world, tmp_path, quick, monkeypatch):
    def refuse(*given, **more):
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    searched(world, tmp_path, plan_of(trials=2))
    searched(world, tmp_path, plan_of(trials=3))
    for line in next(tmp_path.glob("*.journal")).read_text("utf-8").splitlines():
        assert isinstance(json.loads(line), dict)


def test_settings_out_of_range_are_refused(world):
    with pytest.raises(ConfigError, match="learning_rate must be above 0"):
        with_settings(world.config, {"trees.learning_rate": 0.0})


def test_a_config_written_as_toml_is_the_same_config(world, tmp_path):
    config = replace(world.config, name="a_tuned")
    path = write_config(config, "why\nand how", tmp_path)
    assert load_config(path) == config
    assert load_config(path).hash == config.hash
    assert path.name == f"a_tuned-{config.hash[:8]}.toml"
    assert path.read_text("utf-8").startswith("# why\n# and how\n")
    path.write_text(path.read_text("utf-8") + "# a person's note\n", encoding="utf-8")
    assert write_config(config, "why", tmp_path) == path
    assert "a person's note" in path.read_text("utf-8")
    assert "NaN" not in config_text(config, "")


def test_the_shipped_space_is_valid():
    shipped = load_plan(Path(__file__).parents[2] / "experiments" / "search" / "tuning.toml")
    assert {varied.table for varied in shipped.ranges} == {"trees"}


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"splits": {"seed": {"choices": [1, 2]}}}, r"\[space.splits\] cannot be varied"),
        ({"trees": {"seeds": {"choices": [[1]]}}}, "'trees.seeds' cannot be varied"),
        ({"trees": {"rounds": {"low": 5, "high": 5}}}, "needs numbers low < high"),
        ({"trees": {"rounds": {"low": 0, "high": 5, "log": True}}}, "starts above 0"),
        ({"trees": {"rounds": {"low": 1, "high": 5, "log": True, "step": 2}}}, "has no step"),
        ({"trees": {"rounds": {"low": 1, "high": 5, "by": 2}}}, "must be {low, high"),
        ({"trees": {"rounds": {"choices": [1], "low": 1}}}, "stand alone"),
        ({}, "nothing is varied"),
        ([], "must be a table of tables"),
    ],
)
def test_a_space_at_fault_is_refused(space, sentence):
    with pytest.raises(ConfigError, match=sentence):
        plan_of(space=space)


def test_every_fault_of_a_space_is_told_at_once():
    with pytest.raises(ConfigError) as error:
        parse_plan({"objective": "auc", "trials": 0, "seed": True, "spaces": {}})
    for word in ("'spaces'", "'objective'", "'trials'", "'seed'", "'space'"):
        assert word in str(error.value)
