"""What training makes of prior, weights, channels and amounts, read from its written model."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from training.apply import load
from training.train import Trained, train_cold_start, train_supervised

CUT = date(2024, 6, 1)


def part(trained: Trained, name: str) -> dict[str, Any]:
    """Return one JSON file of a model."""
    return json.loads((trained.folder / name).read_bytes())


def trees(trained: Trained) -> bytes:
    """Return the first booster's text."""
    return (trained.folder / "model_0.txt").read_bytes()


def with_columns(labels: pa.Table, **columns: object) -> pa.Table:
    """Return ``labels`` with columns replaced."""
    for name, values in columns.items():
        place = labels.schema.get_field_index(name)
        typed = pa.array(values, labels.schema.field(name).type)
        labels = labels.set_column(place, name, typed)
    return labels


def with_tips(labels: pa.Table, first: int = 300) -> pa.Table:
    """Return labels whose rows from ``first`` on are tip-offs, all of them confirmed."""
    n = len(labels) - first
    tips = with_columns(
        labels.slice(first), label=[1] * n, channel=["tip_off"] * n, inclusion_prob=[None] * n,
        final_weight=[0.0] * n, training_weight=[0.0] * n,
    )  # fmt: skip
    return pa.concat_tables([labels.slice(0, first), tips])


def test_tips_teach_where_the_config_says_so_and_never_judge(world, config_of, tmp_path):
    labels = with_tips(world.labels)
    share = world.labels.slice(0, 300)["label"].to_numpy().mean()
    silent = train_supervised(world.matrix, labels, world.config, tmp_path, CUT)
    taught = train_supervised(
        world.matrix, labels, config_of(labels={"undesigned": 1.0}), tmp_path, CUT
    )
    assert silent.about["labels"]["without_design"] == 0
    assert taught.about["labels"]["without_design"] == 200
    half = train_supervised(
        world.matrix, labels, config_of(labels={"undesigned": 0.5}), tmp_path, CUT
    )
    assert len({trees(silent), trees(half), trees(taught)}) == 3
    assert taught.metrics["n"] == 300
    # 200 confirmed tips among 300 drawn cases would lift the mean by a third were they counted.
    risk = load(taught.folder).score(world.matrix.values).risk_score
    assert risk is not None
    assert risk.mean() == pytest.approx(share, abs=0.06)


def test_tips_do_not_count_towards_the_least_number_of_cases(world, config_of, tmp_path):
    labels = with_tips(world.labels, 8)
    config = config_of(labels={"undesigned": 0.5})
    with pytest.raises(ValueError, match="Training needs at least 5 confirmed"):
        train_supervised(world.matrix, labels, config, tmp_path, CUT)


def test_training_weights_are_raised_to_the_power(world, config_of, tmp_path):
    weights = np.where(np.arange(500) % 2, 4.0, 1.0)
    whole = with_columns(world.labels, training_weight=weights)
    root = with_columns(world.labels, training_weight=np.sqrt(weights))
    alike = with_columns(world.labels, training_weight=np.ones(500))

    def made(labels: pa.Table, power: float) -> bytes:
        config = config_of(labels={"power": power})
        return trees(train_supervised(world.matrix, labels, config, tmp_path, CUT))

    assert made(whole, 0.5) == made(root, 1.0) != made(whole, 1.0)
    assert made(whole, 0.0) == made(alike, 1.0) != made(root, 1.0)


def test_what_the_detector_is_worth_is_learnt_of_the_judged_rows_own_scores(
    matrix_of, labels_of, config_of, tmp_path
):
    """Labels of every third unit, drawn with log-odds 2 x standardised score - 1."""
    matrix = matrix_of(6000, seed=41)
    cold = train_cold_start(matrix, config_of(), tmp_path)
    score = load(cold.folder).score(matrix.values).anomaly_score
    standard = (score - score.mean()) / score.std()
    odds = 1 / (1 + np.exp(1 - 2 * standard))
    outcome = np.random.default_rng(42).random(6000) < odds
    labels = labels_of(matrix, outcome).take(np.arange(2, 6000, 3))
    config = config_of(hybrid={"trust": 1e-3})
    trained = train_supervised(matrix, labels, config, tmp_path, CUT)
    hybrid = part(trained, "calibration.json")["hybrid"]
    # Standard error of the slope with 2,000 labels: .09.
    assert hybrid["detector_weight"] == pytest.approx(2.0, abs=0.35)
    assert hybrid["centre"] == pytest.approx(score.mean())
    assert hybrid["spread"] == pytest.approx(score.std())
    # Verdicts do not decide what is odd: the detector is that of the whole frame.
    assert part(trained, "detector.json") == part(cold, "detector.json")
    assert trained.about["labels"]["detector_weight"] == hybrid["detector_weight"]


def test_trees_count_by_the_number_of_confirmed_cases(world):
    confirmed = world.supervised.about["labels"]["positives"]
    weight = part(world.supervised, "calibration.json")["hybrid"]["model_weight"]
    # Equal weights: Kish's effective number is the number itself.
    assert weight == pytest.approx(confirmed / (confirmed + 30))


def test_rare_findings_stay_rare_in_the_published_score(matrix_of, labels_of, config_of, tmp_path):
    """The prior's intercept is far from 0 here; the calibration has to carry it."""
    matrix = matrix_of(2000, seed=51)
    outcome = np.arange(2000) % 40 == 7
    # A flat slope far from 1 tells an intercept that was scaled from one that was not.
    trained = train_supervised(matrix, labels_of(matrix, outcome), config_of(), tmp_path, CUT)
    risk = load(trained.folder).score(matrix.values).risk_score
    assert risk is not None
    assert risk.mean() == pytest.approx(0.025, abs=0.015)


def test_amounts_are_learnt_from_confirmed_rows_by_their_own_kind(world, config_of, tmp_path):
    """Shares .1, .5 and .9 by kind; the labels begin one row later than the matrix."""
    kinds = np.arange(500) % 3
    matrix = replace(world.matrix, amounts=np.full(500, 1000))
    found = np.array([100, 500, 900])[kinds]
    labels = with_columns(world.labels, overpaid_amount=found).slice(1)
    config = config_of(amount={"strength": 1e-6, "least": 10_000})
    trained = train_supervised(matrix, labels, config, tmp_path, CUT)
    record = part(trained, "amount.json")
    assert record["groups"] == pytest.approx({"rule 0": 0.1, "rule 1": 0.5, "rule 2": 0.9})
    assert record["strength"] == 1e-6
    assert trained.about["amount_trees"] is False
    confirmed = labels["label"].to_numpy() == 1
    assert record["overall"] == pytest.approx(found[1:][confirmed].mean() / 1000)
    usual = train_supervised(matrix, labels, config_of(), tmp_path, CUT)
    assert usual.about["amount_trees"] is True
    assert Path(usual.folder / "amount_trees.txt").is_file()
