"""Training as a job: labels in, a registered model out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.store import StoreVersion
from features.build import Build
from features.clock import cut
from features.matrix import Matrix
from jihe.experiments import RISK_EXPERIMENTS, experiment
from jihe.home import Home
from jihe.labelled import dataset_labels, verdict_labels
from sampling.ledger import Ledger
from training import apply, plots
from training.config import ExperimentConfig
from training.tracking import Registered, Tracker
from training.train import Trained, train_cold_start, train_supervised

#: Explained rows in the SHAP summary plot.
SUMMARY_ROWS = 2_000


@dataclass(frozen=True)
class Learnt:
    """A trained model and its entry in the registry."""

    trained: Trained
    registered: Registered

    @property
    def folder(self) -> Path:
        """Where the model's files are."""
        return self.trained.folder

    @property
    def metrics(self) -> dict[str, object]:
        """The out-of-fold metrics."""
        return dict(self.trained.metrics)


def train_on_verdicts(
    made: Build, unit: str, home: Home, tracker: Tracker, cut_date: date
) -> Learnt:
    """Train on every verdict known before ``cut_date``; features known later are left out.

    Raises TooFewLabelsError, LeakageError.
    """
    labels = verdict_labels(home, cut_date, made.store).table
    # A profile is as of one day: verdicts older than it were about another profile.
    labels = (
        labels.filter(pc.greater_equal(labels["label_date"], made.as_of))
        if (unit != "claim")
        else labels
    )
    matrix = made.matrix(unit)
    known = np.datetime64(cut(cut_date, made.zone), "us")
    matrix = matrix.take(matrix.known_at < known)
    return _train(matrix, labels, experiment(RISK_EXPERIMENTS[unit], unit), home, tracker, cut_date)


def train_on_dataset(
    made: Build, store: StoreVersion, home: Home, tracker: Tracker
) -> Learnt | None:
    """Train on labels that came with the dataset, beside the cold start; None without labels."""
    labels = dataset_labels(store, made.as_of)
    if labels is None:
        return None
    matrix = made.matrix("institution")
    config = experiment(RISK_EXPERIMENTS["institution"], "institution")
    tracker.record(train_cold_start(matrix, config, home.models), config)
    return _train(matrix, labels, config, home, tracker, made.as_of)


def _train(
    matrix: Matrix,
    labels: pa.Table,
    config: ExperimentConfig,
    home: Home,
    tracker: Tracker,
    cut_date: date,
) -> Learnt:
    trained = train_supervised(matrix, labels, config, home.models, cut_date)
    drawn = {}
    if trained.judged is not None and trained.log_odds is not None:
        drawn = plots.draw_all(trained.judged, trained.log_odds, config.evaluation.tie_seed)
    model = apply.load(trained.folder)
    if model.risk_model is not None:
        step = max(1, len(matrix) // SUMMARY_ROWS)
        drawn["shap_summary"] = plots.shap_summary(
            model.risk_model.boosters, matrix.values[::step], matrix.names
        )
    return Learnt(trained, tracker.record(trained, config, drawn))


def training_as_of(home: Home, unit: str, cut_date: date) -> date:
    """Return the day as of which features are built for training.

    A claim's features are those of its own known time, whenever they are built. Institutions and
    persons have the profile that their latest plan scored them by.
    """
    if unit == "claim":
        return cut_date
    ledger = Ledger(home.ledger_url)
    try:
        plans = [ledger.plan(plan_id) for plan_id in ledger.plan_ids()]
        judged = set(ledger.outcomes(known_before=cut_date)["plan_id"].to_pylist())
    finally:
        ledger.close()
    days = [
        date.fromisoformat(plan.certificate["scores"]["as_of_date"])
        for plan in plans
        if plan.plan_id in judged and plan.certificate["frame"]["unit"] == unit
    ]
    return max(days, default=cut_date)
