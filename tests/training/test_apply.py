"""Applying a model: additivity, one row equals a batch, nothing heavy imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit

from training.apply import FittedModel, load
from training.risk_model import RecordError


@pytest.fixture
def model(folder: Path) -> FittedModel:
    """Return either model, loaded."""
    return load(folder)


def odd_rows(world) -> np.ndarray:
    """Return the matrix with rows of nothing, zeros and extremes added."""
    p = world.matrix.values.shape[1]
    odd = [np.full(p, value) for value in (np.nan, 0.0, np.inf, -np.inf, 1e308, -1e308)]
    return np.vstack([world.matrix.values, *odd])


def test_the_record_adds_up_for_every_row(model: FittedModel, world):
    values = odd_rows(world)
    scores, parts = model.score(values), model.explain(values)
    target = scores.anomaly_score if model.kind == "cold_start" else logit(scores.risk_score)
    added = parts.base_value + parts.contributions.sum(axis=1) + parts.calibration
    assert np.abs(added - target).max() <= 1e-9
    assert parts.score_name == (
        "anomaly_score" if model.kind == "cold_start" else "logit_risk_score"
    )


def test_one_row_alone_has_the_bits_of_the_batch(model: FittedModel, world):
    values = odd_rows(world)
    scores, parts = model.score(values), model.explain(values)
    for i in [*range(60), *range(len(values) - 6, len(values))]:
        one, part = model.score(values[i : i + 1]), model.explain(values[i : i + 1])
        assert one.anomaly_score[0] == scores.anomaly_score[i]
        assert one.margin[0] == scores.margin[i]
        if scores.risk_score is not None:
            assert one.risk_score[0] == scores.risk_score[i]
        assert part.contributions.tobytes() == parts.contributions[i].tobytes()
        assert part.calibration[0] == parts.calibration[i]


def test_many_rows_on_many_threads_have_the_same_bits(model: FittedModel, world):
    many = np.tile(world.matrix.values, (25, 1))
    once = model.score(world.matrix.values).margin
    assert model.score(many).margin.tobytes() == np.tile(once, 25).tobytes()


def test_memory_layout_changes_nothing(model: FittedModel, world):
    values = world.matrix.values
    assert (
        model.score(np.asfortranarray(values)).margin.tobytes()
        == model.score(values).margin.tobytes()
    )


def test_no_rows_give_no_scores(model: FittedModel):
    nothing = np.empty((0, len(model.names)))
    assert model.score(nothing).anomaly_score.shape == (0,)
    assert model.explain(nothing).contributions.shape == (0, len(model.names))


def test_before_any_verdict_there_is_no_probability_and_no_amount(world):
    cold, scores = load(world.cold.folder), load(world.cold.folder).score(world.matrix.values)
    assert scores.risk_score is None
    assert scores.margin is scores.anomaly_score
    matrix = world.matrix
    amount = cold.expected_amount(
        scores.risk_score, matrix.amounts, matrix.finding_kinds, matrix.values
    )
    assert amount is None


def test_the_expected_amount_is_probability_times_share_times_amount(world):
    model = load(world.supervised.folder)
    risk = model.score(world.matrix.values).risk_score
    amount = model.expected_amount(
        risk, world.matrix.amounts, world.matrix.finding_kinds, world.matrix.values
    )
    # Every confirmed case lost a quarter (less than a minor unit aside), so every share is .25.
    assert amount == pytest.approx(risk * 0.25 * world.matrix.amounts, abs=3)


def test_the_margin_orders_as_the_probability(world):
    scores = load(world.supervised.folder).score(world.matrix.values)
    order = np.argsort(scores.margin)
    assert (np.diff(scores.risk_score[order]) >= 0).all()
    assert ((scores.risk_score > 0) & (scores.risk_score < 1)).all()


def test_a_record_that_does_not_add_up_is_never_returned(world, monkeypatch):
    model = load(world.supervised.folder)
    monkeypatch.setattr(
        "training.boosters.Boosters.contributions", lambda _, values: np.zeros(values.shape)
    )
    with pytest.raises(RecordError, match="miss the score by"):
        model.explain(world.matrix.values)


def test_rows_of_another_width_are_refused(model: FittedModel):
    with pytest.raises(ValueError, match="takes rows of 6 features"):
        model.score(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="takes rows of 6 features"):
        model.explain(np.zeros(6))


def test_importing_apply_loads_neither_mlflow_nor_shap_nor_plots():
    program = (
        "import sys, training.apply as _; "
        "print([m for m in ('mlflow', 'shap', 'training.train', 'training.tracking', "
        "'training.plots') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"
