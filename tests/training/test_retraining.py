"""Models made again: other verdicts, other seeds, the same training; nothing kept."""

from __future__ import annotations

from datetime import date

import numpy as np

from training.apply import load
from training.retraining import _moved, resampled, retrained_scores
from training.stability import compare_heads, stability

CUT = date(2024, 6, 1)


def test_resampled_labels_count_as_often_as_they_are_drawn(world):
    labels = world.labels.slice(0, 4)
    again = resampled(labels, np.array([2, 0, 1, 3]))
    assert again["unit_id"].to_pylist() == ["c00000", "c00002", "c00003"]
    assert again["training_weight"].to_pylist() == [2.0, 1.0, 3.0]
    assert again["final_weight"].to_pylist() == [2.0, 2.0, 2.0]


def test_a_list_made_again_is_near_the_first_and_the_same_each_time(world):
    values, ids = world.matrix.values, world.matrix.unit_ids
    ours = load(world.supervised.folder).score(values).margin
    told = (world.matrix, world.labels, world.config, CUT, values)
    first, second = retrained_scores(*told, 2)
    assert not np.array_equal(first, second)
    assert np.array_equal(next(retrained_scores(*told, 1)), first)
    overlap = compare_heads(ours, first, ids, 50, 1)["stayed_share"]
    by_chance = 50 / len(ids)
    assert overlap > 4 * by_chance
    assert stability([ours, first, second], ids, 50, 1)["mean"]["jaccard"] < 1.0


def test_too_few_verdicts_make_no_model(world):
    few = world.labels.slice(0, 3)
    told = (world.matrix, few, world.config, CUT, world.matrix.values)
    assert list(retrained_scores(*told, 2)) == []


def test_the_seeds_move_on_with_each_retraining(world):
    assert world.config.trees.seeds == (1, 2)
    assert _moved(world.config, 3).trees.seeds == (3001, 3002)
    assert _moved(world.config, 3).splits == world.config.splits
