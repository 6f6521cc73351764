"""Labelled providers, out of fold, five times with other folds: jihe beside sorting by amount paid.

    OMP_NUM_THREADS=1 python docs/benchmarks/provider_fraud.py DIR [--repeats 5]

In: the folder of the labelled providers' files. Out: a Markdown table on standard output: for each
figure the mean and the range over the repeats, and the difference to sorting by amount with an
interval. Everything is what `jihe run --source provider_fraud` does on labels (`institution_risk`:
the same features, settings and number of folds); a repeat changes the seed of the folds and nothing
else, and the first repeat has the seed that the program uses.

The interval is a paired percentile bootstrap over providers (Efron & Tibshirani 1993, ch. 13): a
resample holds the same providers for both rankings and for every repeat, and the figure of a
resample is the mean over the repeats. It tells the chance in which providers there are; what the
choice of the folds does shows in the range. The pseudonyms' key is a known one, so that everybody
gets the same figures: pseudonyms break ties and have a part in the folds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from claims.vault import KEY_FILE, VAULT_VARIABLE, private_bytes
from features.as_of import default_as_of
from features.build import build
from features.matrix import Matrix
from jihe.experiments import RISK_EXPERIMENTS, experiment
from jihe.labelled import dataset_labels
from training.config import ExperimentConfig
from training.evaluate import Judged
from training.metrics import (
    Ordered,
    average_precision,
    bootstrap_values,
    percentile_interval,
    precision_at,
    put_in_order,
    roc_auc,
)
from training.train import train_supervised

Floats = npt.NDArray[np.float64]

FIGURES: Mapping[str, Callable[[Ordered], float]] = {
    "AP": average_precision,
    "AUC": roc_auc,
    "P@50": partial(precision_at, k=50),
    "P@100": partial(precision_at, k=100),
}
RESAMPLES, SEED = 2_000, 20250102


@dataclass(frozen=True)
class Repeat:
    """One repeat: figures of our ranking and of the amounts, and both in every resample."""

    ours: Floats
    amounts: Floats
    ours_resampled: Floats
    amounts_resampled: Floats


def labelled_matrix(files: Path, scratch: Path) -> tuple[Matrix, pa.Table]:
    """Load the files into ``scratch``; return the profiles of the providers and their labels."""
    key = hashlib.sha256(b"jihe experiments: labelled providers").digest()
    private_bytes(scratch / "vault" / KEY_FILE, key)
    os.environ[VAULT_VARIABLE] = str(scratch / "vault")
    load(source_mapping("provider_fraud"), files, scratch / "home")
    store = open_store(scratch / "home")
    made = build(store, default_as_of(store).day)
    labels = dataset_labels(store, made.as_of)
    if labels is None:
        raise SystemExit(f"{files} holds no labels; add the file of the providers' labels.")
    return made.matrix("institution"), labels


def repeat(matrix: Matrix, labels: pa.Table, config: ExperimentConfig, models: Path) -> Repeat:
    """Train once, and measure both rankings on the providers that each fold had not seen."""
    trained = train_supervised(matrix, labels, config, models, matrix.as_of_date)
    judged, log_odds = trained.judged, trained.log_odds
    if judged is None or log_odds is None:
        raise ValueError("Training returned no scores out of fold.")
    seed = config.evaluation.tie_seed
    ours, amounts = (_in_order(judged, score, seed) for score in (log_odds, judged.amounts))
    return Repeat(*(_figures(o) for o in (ours, amounts)),
                  *(_resampled(o, judged.groups) for o in (ours, amounts)))  # fmt: skip


def _in_order(judged: Judged, score: npt.NDArray[np.generic], seed: int) -> Ordered:
    return put_in_order(judged.labels, score, judged.unit_ids, seed, judged.weights)


def _figures(ordered: Ordered) -> Floats:
    return np.array([figure(ordered) for figure in FIGURES.values()])


def _resampled(ordered: Ordered, groups: npt.NDArray[np.str_]) -> Floats:
    return bootstrap_values(ordered, groups, list(FIGURES.values()), RESAMPLES, SEED)


def table(repeats: list[Repeat]) -> list[str]:
    """Return the lines of the Markdown table."""
    ours = np.array([r.ours for r in repeats])
    amounts = np.array([r.amounts for r in repeats])
    apart = np.mean([r.ours_resampled - r.amounts_resampled for r in repeats], axis=0)
    lines = [
        "| figure | jihe: mean (range) | sort by amount | difference [95 % interval] |",
        "|---|---|---|---|",
    ]
    for i, name in enumerate(FIGURES):
        low, high = percentile_interval(apart[:, i]) or (np.nan, np.nan)
        difference = float((ours[:, i] - amounts[:, i]).mean())
        lines.append(
            f"| {name} | {_told(ours[:, i])} | {_told(amounts[:, i])} "
            f"| {difference:+.3f} [{low:+.3f}, {high:+.3f}] |"
        )
    return lines


def _told(values: Floats) -> str:
    spread = f" ({values.min():.3f} to {values.max():.3f})" if np.ptp(values) > 0 else ""
    return f"{values.mean():.3f}{spread}"


def main() -> None:
    """Repeat, and print the table; each repeat's figures go to standard error as they come."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", type=Path, help="folder of the labelled providers' files")
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    shipped = experiment(RISK_EXPERIMENTS["institution"], "institution")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        matrix, labels = labelled_matrix(wanted.files, Path(folder))
        for n in range(wanted.repeats):
            splits = replace(shipped.splits, seed=shipped.splits.seed + n)
            config = replace(shipped, splits=splits)
            found.append(repeat(matrix, labels, config, Path(folder) / "models"))
            told = zip(FIGURES, found[-1].ours, strict=True)
            sys.stderr.write(f"{n + 1}: " + ", ".join(f"{k} {v:.3f}" for k, v in told) + "\n")
    confirmed, n = int((labels["label"].to_numpy() > 0).sum()), labels.num_rows
    sys.stdout.write(f"{n:,} providers, {confirmed} positive; {len(found)} repeats\n\n")
    sys.stdout.write("\n".join(table(found)) + "\n")


if __name__ == "__main__":
    main()
