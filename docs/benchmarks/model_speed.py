"""How long training, scoring and explaining take on a large table, beside plain LightGBM.

In: nothing; the table is drawn from a seed: lognormal values with gaps, one row in fourteen a
confirmed finding that twenty of the columns speak of. Out: JSON on standard output; what training
took on standard error, as soon as it is known.

``train`` is training.train.train_supervised: detector, out-of-fold trees, hybrid, calibration and
the trees that are stored, on a verdict for every row. Beside it stands one lightgbm.train with the
rounds, leaves and weights of the experiment on the same rows, which is a fifteenth of that work or
less. Scores and contributions are those of the loaded model folder, in batches, and beside them
predict and pred_contrib of a booster of as many trees. CPU seconds stand beside the seconds:
another program on the machine makes the one longer and not the other.

    python docs/benchmarks/model_speed.py --rows 1000000 --runs 3
    python docs/benchmarks/model_speed.py --rows 20000 --runs 1
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.matrix import Matrix
from jihe.experiments import experiment
from training.apply import FittedModel, load
from training.boosters import Boosters
from training.config import ExperimentConfig
from training.train import train_supervised

Floats = npt.NDArray[np.float64]
Seconds = dict[str, float]

CUT = date(2026, 1, 1)
_TELLING = 20


def table(rows: int, columns: int, seed: int) -> tuple[Floats, Floats]:
    """Return values (rows, columns) with one gap in twenty, and labels of about 7 %."""
    rng = np.random.default_rng(seed)
    values = np.empty((rows, columns))
    for start in range(0, rows, 50_000):
        piece = rng.lognormal(size=values[start : start + 50_000].shape)
        piece[rng.random(piece.shape) < 0.05] = np.nan
        values[start : start + 50_000] = piece
    logs = np.nan_to_num(np.log(values[:, :_TELLING]))
    risk = logs @ rng.normal(scale=0.5, size=logs.shape[1]) + rng.normal(size=rows)
    return values, (risk > np.quantile(risk, 0.93)).astype(np.float64)


def matrix_of(values: Floats) -> Matrix:
    """Return the values as claims of one institution for each hundred rows."""
    n, p = values.shape
    return Matrix(
        unit="claim",
        as_of_date=CUT,
        unit_ids=np.char.mod("c%08d", np.arange(n)),
        names=tuple(f"feature_{j}" for j in range(p)),
        values=values,
        directions=(1,) * p,
        groups=np.char.mod("i%06d", np.arange(n) // 100),
        finding_kinds=np.full(n, "rule"),
        known_at=np.full(n, np.datetime64("2025-01-01T00:00:00", "us")),
        amounts=np.full(n, 10_000),
        rule_hits=np.zeros(n, dtype=np.int64),
        catalogue_version="benchmark",
        rules_version="benchmark",
    )


def labels_of(matrix: Matrix, labels: Floats) -> pa.Table:
    """Return one verdict of the same day for every row."""
    n = len(matrix)
    return pa.table(
        {
            "unit": ["claim"] * n,
            "unit_id": matrix.unit_ids,
            "label": labels.astype(np.int64),
            "overpaid_amount": np.where(labels > 0, 2_500, 0),
            "label_date": pa.array([date(2025, 6, 1)] * n),
            "channel": ["random"] * n,
            "inclusion_prob": np.ones(n),
            "final_weight": np.ones(n),
            "training_weight": np.ones(n),
        }
    )


def timed(work: Callable[[], Any], runs: int) -> Seconds:
    """Return the median seconds and CPU seconds of ``runs`` calls."""
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"seconds": statistics.median(walls), "cpu_seconds": statistics.median(cpus)}


def rates(took: Seconds, rows: int) -> Seconds:
    """Return rows a second, and rows in a second of two processors that do nothing else."""
    return {
        **took,
        "rows_per_second": rows / took["seconds"],
        "rows_per_second_of_two_idle_cpus": 2 * rows / took["cpu_seconds"],
    }


def plain_training(values: Floats, labels: Floats, config: ExperimentConfig) -> lgb.Booster:
    """Train one booster of the experiment's settings and nothing else."""
    trees = config.trees.sized(int(labels.sum()), len(labels))
    parameters = {
        "objective": "binary",
        "learning_rate": trees.learning_rate,
        "num_leaves": trees.leaves,
        "min_data_in_leaf": trees.leaf_size,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": trees.lambda_l2,
        "num_threads": trees.threads,
        "verbosity": -1,
    }
    return lgb.train(parameters, lgb.Dataset(values, labels), num_boost_round=trees.rounds)


def boosters_of(model: FittedModel) -> Boosters:
    """Return the trees of a supervised model."""
    if model.risk_model is None:
        raise ValueError("The model has no trees.")
    return model.risk_model.boosters


def in_batches(rows: int, size: int) -> Iterable[slice]:
    """Return slices of at most ``size`` rows."""
    return (slice(start, start + size) for start in range(0, rows, size))


def applied(model: FittedModel, values: Floats, runs: int) -> dict[str, Any]:
    """Time scores and contributions of the model and of its boosters alone."""
    trees = boosters_of(model)
    boosters = [lgb.Booster(model_str=text) for text in trees.texts]
    few = values[:1_000]
    batch = 100_000

    def each(work: Callable[[Floats], Any]) -> Callable[[], None]:
        def all_batches() -> None:
            for piece in in_batches(len(values), batch):
                work(values[piece])

        return all_batches

    ours = {
        "score": rates(timed(each(model.score), runs), len(values)),
        "contributions_of_the_trees": rates(timed(each(trees.contributions), runs), len(values)),
        "whole_explanations": rates(timed(each(model.explain), runs), len(values)),
    }
    plain = {
        "score": rates(
            timed(each(lambda v: [b.predict(v, num_threads=2) for b in boosters]), runs),
            len(values),
        ),
        "contributions_of_the_trees": rates(
            timed(
                lambda: [b.predict(few, pred_contrib=True, num_threads=2) for b in boosters], runs
            ),
            len(few),
        ),
    }
    ratio = {
        key: ours[key]["rows_per_second_of_two_idle_cpus"]
        / plain[key]["rows_per_second_of_two_idle_cpus"]
        for key in plain
    }
    expected = np.mean([np.asarray(b.predict(few, pred_contrib=True)) for b in boosters], axis=0)
    ours_few = trees.contributions(values[:batch])[: len(few)]
    gap = float(np.abs(ours_few - expected[:, :-1]).max())
    return {"ours": ours, "plain": plain, "ours_to_plain": ratio, "largest_difference": gap}


def measure(
    rows: int, columns: int, runs: int, seed: int, threads: int, rounds: int
) -> dict[str, Any]:
    """Return every figure."""
    values, labels = table(rows, columns, seed)
    config = experiment("claim_risk", "claim")
    config = replace(config, trees=replace(config.trees, threads=threads, rounds=rounds))
    config = replace(config, evaluation=replace(config.evaluation, bootstrap=0))
    matrix = matrix_of(values)
    verdicts = labels_of(matrix, labels)
    with tempfile.TemporaryDirectory() as folder:
        made: list[Path] = []

        def train() -> None:
            trained = train_supervised(matrix, verdicts, config, Path(folder), CUT)
            made.append(trained.folder)

        ours = timed(train, runs)
        # Known long before the rest at a million rows.
        sys.stderr.write(f"trained: {json.dumps(ours)}\n")
        model = load(made[-1])
    plain = timed(lambda: plain_training(values, labels, config), runs)
    return {
        "rows": rows,
        "columns": columns,
        "runs": runs,
        "trees": sum(booster.num_trees() for booster in boosters_of(model).models),
        "train": {"ours": ours, "one_lightgbm_train": plain,
                  "ours_to_plain_cpu": ours["cpu_seconds"] / plain["cpu_seconds"]},
        "apply": applied(model, values, runs),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=150)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200, help="trees of each booster")
    parser.add_argument("--threads", type=int, default=2)
    wanted = parser.parse_args()
    found = measure(**vars(wanted))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
