"""The same training again on other verdicts: what chance in them does to the list.

In: a matrix, its labels, a config and the units that are listed. Out: scores of those units by
models trained on resampled entities (each counts as often as it is drawn; one that is not drawn
does not train) with other seeds of the trees. Everything else is the training that the model
itself went through, so the list that is compared is the list that would have been.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.matrix import Matrix
from training import apply
from training.config import ExperimentConfig
from training.metrics import resampled_groups
from training.train import TooFewLabelsError, train_supervised

Floats = npt.NDArray[np.float64]

#: What is added to each seed of the trees, times the number of the retraining.
_NEXT_SEED = 1000


def retrained_scores(
    matrix: Matrix,
    labels: pa.Table,
    config: ExperimentConfig,
    cut_date: date,
    scored: Floats,
    times: int,
) -> Iterator[Floats]:
    """Yield the margins of ``scored`` (m, p) by each model made again.

    A resample with too few verdicts of one kind is left out. Nothing is registered or kept.
    """
    mine = labels.filter(pc.equal(labels["unit"], matrix.unit))
    entity = dict(zip(matrix.unit_ids.tolist(), matrix.groups.tolist(), strict=True))
    inside = [unit_id in entity for unit_id in mine["unit_id"].to_pylist()]
    mine = mine.filter(pa.array(inside, pa.bool_())).sort_by("unit_id")
    groups = np.array([entity[unit_id] for unit_id in mine["unit_id"].to_pylist()], dtype=np.str_)
    resamples = resampled_groups(groups, times, config.evaluation.seed)
    for number, drawn in enumerate(resamples, 1):
        with tempfile.TemporaryDirectory() as scratch:
            again = (resampled(mine, drawn), _moved(config, number), Path(scratch), cut_date)
            try:
                folder = train_supervised(matrix, *again).folder
            except TooFewLabelsError:
                continue
            yield apply.load(folder).score(scored).margin


def resampled(labels: pa.Table, drawn: npt.NDArray[np.int64]) -> pa.Table:
    """Return the labels that were drawn, training weight multiplied by how often."""
    weights = labels["training_weight"].to_numpy() * drawn
    place = labels.schema.get_field_index("training_weight")
    return labels.set_column(place, "training_weight", pa.array(weights)).filter(
        pa.array(drawn > 0)
    )


def _moved(config: ExperimentConfig, number: int) -> ExperimentConfig:
    """Return the config with other seeds and without intervals, which nobody reads here."""
    seeds = tuple(seed + _NEXT_SEED * number for seed in config.trees.seeds)
    return replace(
        config,
        trees=replace(config.trees, seeds=seeds),
        evaluation=replace(config.evaluation, bootstrap=0),
    )
