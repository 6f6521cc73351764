"""How well rankings do on simulated counties: trained on biased verdicts, judged by the truth.

    python docs/benchmarks/county_models.py --seeds 1,2,3 --out DIR [--insured N]
        [--study rankings|withheld|curve|bias]

In: seeds; counties are made under DIR once and kept. Out: a table per study on the console and
``DIR/<study>-<seeds>.json``. Seeds 101 to 103 are for choosing anything; 1 to 5 for the
final figures, once.

money@1% is the truly overpaid amount in the first ceil(0.01 N) claims of the test period by all of
it. The oracle sorts by the truth, so no ranking can have more.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import county_studies as studies
import numpy as np
from county_data import county
from county_trial import CUT, Trial, judge
from county_verdicts import Prepared, labels_of, prepare

from jihe.experiments import experiment
from training import apply
from training.config import ExperimentConfig
from training.train import train_supervised


def config_for(seeds: int, folds: int) -> ExperimentConfig:
    """Return the shipped experiment with fewer boosters and folds, to keep processor time down."""
    shipped = experiment("claim_risk", "claim")
    return replace(
        shipped,
        trees=replace(shipped.trees, seeds=shipped.trees.seeds[:seeds]),
        splits=replace(shipped.splits, folds=folds),
        evaluation=replace(shipped.evaluation, bootstrap=0),
    )


def rankings(prepared: Prepared, config: ExperimentConfig) -> dict[str, dict[str, float]]:
    """Return how each ranking of the test period does."""
    trial, after = prepared.trial, prepared.trial.after
    with tempfile.TemporaryDirectory() as folder:
        labels = labels_of(prepared)
        trained = train_supervised(trial.before, labels, config, Path(folder), CUT)
        model = apply.load(trained.folder)
    scores = model.score(after.values)
    amount = model.expected_amount(
        scores.risk_score, after.amounts, after.finding_kinds, after.values
    )
    if scores.risk_score is None or amount is None:
        raise ValueError("The verdicts confirm no amount; there is nothing to rank by.")
    found = {
        "oracle": trial.overpaid,
        "sort_by_amount": after.amounts,
        "rules_only": after.rule_hits,
        "cold_start": prepared.anomaly_after,
        "probability": scores.margin,
        "expected_amount": amount,
    }
    judged = {name: judge(score, after, trial.overpaid) for name, score in found.items()}
    return judged | {"calibration": calibration(scores.risk_score, trial)}


def calibration(risk: Any, trial: Trial) -> dict[str, float]:
    """Return expected and true numbers of violations, and the Brier score."""
    truth = (trial.overpaid > 0).astype(float)
    return {
        "expected": float(risk.sum()),
        "true": float(truth.sum()),
        "brier": float(np.mean((risk - truth) ** 2)),
    }


STUDIES: Mapping[str, Callable[[Prepared, ExperimentConfig], Mapping[str, Mapping[str, float]]]] = {
    "rankings": rankings,
    "withheld": studies.withheld,
    "curve": studies.learning_curve,
    "bias": studies.selection_bias,
}


def means(of_seeds: Sequence[Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return lines of a table: mean and range over the seeds."""
    names = list({name: None for one in of_seeds for name in one})
    lines = []
    for name in names:
        cells = []
        for column in {c: None for one in of_seeds for c in one.get(name, {})}:
            values = [one[name][column] for one in of_seeds if name in one]
            cells.append(f"{column} {np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})")
        lines.append(f"{name:<28}" + "  ".join(cells))
    return lines


def main() -> None:
    """Run a study over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", required=True, help="separated by commas")
    parser.add_argument("--insured", type=int, default=15_000)
    parser.add_argument("--study", choices=sorted(STUDIES), default="rankings")
    parser.add_argument("--boosters", type=int, default=1)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    config = config_for(args.boosters, args.folds)
    found = []
    for seed in args.seeds.split(","):
        prepared = prepare(county(args.out, int(seed), args.insured), config, int(seed))
        found.append(STUDIES[args.study](prepared, config))
        sys.stdout.write(f"seed {seed}: {json.dumps(found[-1])}\n")
        sys.stdout.flush()
    record = dict(zip(args.seeds.split(","), found, strict=True))
    place = args.out / f"{args.study}-{args.seeds.replace(',', '_')}.json"
    place.write_text(json.dumps(record, indent=1), encoding="utf-8")
    sys.stdout.write("\n".join(means(found)) + "\n")


if __name__ == "__main__":
    main()
