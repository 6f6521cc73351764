"""Training: signal found, noise not, the future refused, bytes the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from training.apply import load
from training.frame import FrameError, LeakageError
from training.train import TooFewLabelsError, train_cold_start, train_supervised

CUT = date(2024, 6, 1)


def shuffled(matrix, seed: int = 1):
    """Return the same matrix with its rows in another order."""
    return matrix.take(np.random.default_rng(seed).permutation(len(matrix)))


def contents(folder) -> dict[str, bytes]:
    """Return every file of a model folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_planted_signal_is_found_beside_both_baselines(world):
    metrics = world.supervised.metrics
    assert metrics["roc_auc"] > 0.75
    assert metrics["average_precision"] > metrics["baseline_sort_by_amount"]["average_precision"]
    assert abs(metrics["baseline_sort_by_amount"]["roc_auc"] - 0.5) < 0.1


def test_noise_is_not(matrix_of, labels_of, config_of, tmp_path):
    matrix = matrix_of(900, seed=11)
    noise = np.random.default_rng(12).random(900) < 0.4
    trained = train_supervised(matrix, labels_of(matrix, noise), config_of(), tmp_path, CUT)
    # Standard error of an AUC of .5 with 360 and 540 labels: .02.
    assert abs(trained.metrics["roc_auc"] - 0.5) < 0.07
    risk = load(trained.folder).score(matrix.values).risk_score
    assert risk == pytest.approx(noise.mean(), abs=0.12)


def test_probabilities_are_calibrated_out_of_fold(world):
    risk = 1 / (1 + np.exp(-world.supervised.log_odds))
    labels = world.supervised.judged.labels
    assert risk.mean() == pytest.approx(labels.mean(), abs=0.02)
    high = risk > np.quantile(risk, 0.8)
    assert risk[high].mean() == pytest.approx(labels[high].mean(), abs=0.08)


def test_row_order_leaves_every_byte(world, tmp_path):
    cold = train_cold_start(shuffled(world.matrix), world.config, tmp_path)
    labels = world.labels.take(np.random.default_rng(2).permutation(len(world.labels)))
    again = train_supervised(shuffled(world.matrix, 3), labels, world.config, tmp_path, CUT)
    assert contents(cold.folder) == contents(world.cold.folder)
    assert contents(again.folder) == contents(world.supervised.folder)
    assert again.metrics == world.supervised.metrics


def test_the_model_says_what_it_was_made_from(world):
    about = json.loads((world.supervised.folder / "model.json").read_bytes())
    expected = {
        "kind": "supervised", "unit": "claim", "catalogue_version": "catalogue-1",
        "rules_version": "rules-1", "config_hash": world.config.hash, "boosters": 2,
        "training_cut_date": "2024-06-01", "as_of_date": "2024-01-01", "amounts_known": True,
    }  # fmt: skip
    assert expected.items() <= about.items()
    assert tuple(about["names"]) == world.matrix.names
    assert about["labels"]["splits"] == "grouped"
    other = replace(world.matrix, values=world.matrix.values + 1)
    changed = train_cold_start(other, world.config, world.cold.folder.parent).about
    assert changed["data_fingerprint"] != about["data_fingerprint"]


def test_too_few_verdicts_are_refused_in_a_sentence(world, tmp_path):
    few = world.labels.slice(0, 8)
    with pytest.raises(TooFewLabelsError, match=r"at least 5 confirmed and 5 unconfirmed.*"
                       "cold-start ranking stays"):  # fmt: skip
        train_supervised(world.matrix, few, world.config, tmp_path, CUT)
    weightless = with_column(world.labels, "training_weight", [0.0] * len(world.labels))
    with pytest.raises(TooFewLabelsError, match="there are 0 and 0"):
        train_supervised(world.matrix, weightless, world.config, tmp_path, CUT)
    assert list(tmp_path.iterdir()) == []


def test_verdicts_on_one_entity_alone_are_refused(world, tmp_path):
    alone = world.matrix.groups == world.matrix.groups[0]
    groups = np.where(alone | (world.labels["label"].to_numpy() == 1), "one", world.matrix.groups)
    matrix = replace(world.matrix, groups=groups)
    with pytest.raises(TooFewLabelsError, match=r"on at least 2; there are \d+ and 1"):
        train_supervised(matrix, world.labels, world.config, tmp_path, CUT)


def with_column(labels: pa.Table, name: str, values: list) -> pa.Table:
    """Return ``labels`` with one column replaced."""
    place = labels.schema.get_field_index(name)
    return labels.set_column(place, name, pa.array(values, labels.schema.field(name).type))


def test_verdicts_from_the_future_are_refused(world, tmp_path):
    last = max(world.labels["label_date"].to_pylist())
    with pytest.raises(LeakageError, match="on or after the cut date"):
        train_supervised(world.matrix, world.labels, world.config, tmp_path, last)
    late = with_column(world.labels, "label_date", [CUT, *[date(2024, 2, 1)] * 499])
    with pytest.raises(LeakageError, match="1 labels became known on or after the cut date 2024"):
        train_supervised(world.matrix, late, world.config, tmp_path, CUT)


def test_features_younger_than_their_verdict_are_refused(world, tmp_path):
    known = world.matrix.known_at.copy()
    # Unit 0 is judged on 1 February local time, which ends at 16:00 UTC.
    known[0] = np.datetime64("2024-02-01T15:59:59")
    train = [world.labels, world.config, tmp_path, CUT]
    train_supervised(replace(world.matrix, known_at=known), *train)
    known[0] = np.datetime64("2024-02-01T16:00:00")
    with pytest.raises(LeakageError, match="c00000 on 2024-02-02, its label on 2024-02-01"):
        train_supervised(replace(world.matrix, known_at=known), *train)


def test_a_group_never_leaks(matrix_of, labels_of, config_of, tmp_path):
    """A feature that names the group, and labels that belong to groups, teach nothing."""
    matrix = matrix_of(900, seed=21)
    guilty = np.random.default_rng(22).random(180) < 0.5
    outcome = guilty[np.arange(900) % 180]
    matrix.values[:, 4] = (np.arange(900) % 180) * 1.0
    trained = train_supervised(matrix, labels_of(matrix, outcome), config_of(), tmp_path, CUT)
    assert abs(trained.metrics["roc_auc"] - 0.5) < 0.15


def test_long_label_spans_are_judged_forward_in_time(world, labels_of, planted_in, tmp_path):
    labels = labels_of(world.matrix, planted_in(world.matrix), days=300)
    trained = train_supervised(world.matrix, labels, world.config, tmp_path, date(2025, 1, 1))
    facts = trained.about["labels"]
    assert facts["splits"] == "forward_grouped"
    assert facts["calibrated_on"] == trained.metrics["n"] < 200
    assert facts["n"] == 500


def test_undesigned_verdicts_neither_train_nor_judge(world, tmp_path):
    designed, tips = world.labels.slice(0, 300), world.labels.slice(300)
    for name in ("final_weight", "training_weight"):
        tips = with_column(tips, name, [0.0] * len(tips))
    both = pa.concat_tables([designed, tips])
    trained = train_supervised(world.matrix, both, world.config, tmp_path, CUT)
    alone = train_supervised(world.matrix, designed, world.config, tmp_path, CUT)
    assert trained.metrics["n"] == alone.metrics["n"] == 300
    assert contents(trained.folder)["model_0.txt"] == contents(alone.folder)["model_0.txt"]


def test_monotone_features_never_lower_the_margin(world, config_of, tmp_path):
    config = config_of(
        trees={"rounds": 30, "seeds": [1], "monotone": ["feature_0"]},
    )
    model = load(train_supervised(world.matrix, world.labels, config, tmp_path, CUT).folder)
    rows = np.repeat(world.matrix.values[:1], 50, axis=0)
    rows[:, 0] = np.linspace(0.01, 8, 50)
    assert (np.diff(model.score(rows).margin) >= 0).all()


def test_inputs_that_do_not_belong_together_are_refused_at_once(world, config_of, tmp_path):
    wrong = replace(world.matrix, unit="insured", directions=(1, 2), groups=np.array(["a"]))
    config = config_of(trees={"monotone": ["no_such_feature"]})
    with pytest.raises(FrameError, match=r"about insured.*directions.*another length.*no_such"):
        train_cold_start(wrong, config, tmp_path)
    twice = pa.concat_tables([world.labels, world.labels.slice(0, 1)])
    with pytest.raises(FrameError, match="two labels"):
        train_supervised(world.matrix, twice, world.config, tmp_path, CUT)


def test_labels_of_other_units_are_left_alone(world, tmp_path):
    stranger = with_column(world.labels.slice(0, 1), "unit_id", ["nobody"])
    other = with_column(world.labels.slice(1, 1), "unit", ["institution"])
    more = pa.concat_tables([world.labels, stranger, other])
    trained = train_supervised(world.matrix, more, world.config, tmp_path, CUT)
    assert trained.about["labels"]["outside_matrix"] == 1
    assert trained.about["labels"]["n"] == len(world.labels)
