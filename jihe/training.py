"""Training as a job: labels in, a registered model out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.store import StoreVersion
from features.build import Build
from features.clock import cut
from features.matrix import Matrix
from jihe.experiments import RISK_EXPERIMENTS, experiment
from jihe.home import Home
from jihe.labelled import dataset_labels, verdict_labels
from jihe.scores import misfit
from jihe.subgroup_facts import attributes
from jihe.verdict_designs import VerdictDesign, evidence_of, verdict_designs
from sampling.drawing.designs import listed_unit
from sampling.ledger import Ledger
from training import apply, plots
from training.config import ExperimentConfig
from training.evaluate import Judged
from training.gate import compare_parts
from training.subgroups import subgroups
from training.tracking import Registered, RegistryError, Tracker, registered_name
from training.train import Trained, train_cold_start, train_supervised

#: Explained rows in the SHAP summary plot.
SUMMARY_ROWS = 2_000
#: Key of the metrics record under which the comparison of a first model stands.
FIRST_GATE = "first_model_gate"
#: The opponent that is the ranking before any verdict.
COLD_START = "cold_start"
#: Key of the metrics record that says where the labels are from, and what it says of a dataset's.
LABELS_FROM, DATASET = "labels_from", "dataset"


@dataclass(frozen=True)
class Learnt:
    """A trained model and its entry in the registry; ``new`` where it was not registered before."""

    trained: Trained
    registered: Registered
    new: bool = True

    @property
    def folder(self) -> Path:
        """Where the model's files are."""
        return self.trained.folder

    @property
    def metrics(self) -> dict[str, object]:
        """The out-of-fold metrics."""
        return dict(self.trained.metrics)


def train_on_verdicts(
    made: Build,
    unit: str,
    home: Home,
    tracker: Tracker,
    cut_date: date,
    config: ExperimentConfig | None = None,
) -> Learnt:
    """Train on every verdict known before ``cut_date``; features known later are left out.

    ``config`` replaces the experiment that comes with the program. Raises TooFewLabelsError,
    LeakageError.
    """
    matrix, labels = features_and_labels(made, unit, home, cut_date)
    config = config or experiment(RISK_EXPERIMENTS[unit], unit)
    designs = verdict_designs(home, unit, cut_date)
    return _train(matrix, labels, config, home, tracker, cut_date, made, designs)


def features_and_labels(
    made: Build, unit: str, home: Home, cut_date: date
) -> tuple[Matrix, pa.Table]:
    """Return the features that were known before ``cut_date`` and the labels that go with them."""
    labels = verdict_labels(home, cut_date, made.store).table
    # A profile is as of one day: verdicts older than it were about another profile.
    labels = (
        labels.filter(pc.greater_equal(labels["label_date"], made.as_of))
        if (unit != "claim")
        else labels
    )
    matrix = made.matrix(unit)
    known = np.datetime64(cut(cut_date, made.zone), "us")
    return matrix.take(matrix.known_at < known), labels


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
    told = {LABELS_FROM: DATASET}
    return _train(matrix, labels, config, home, tracker, made.as_of, made, {}, told)


def _train(
    matrix: Matrix,
    labels: pa.Table,
    config: ExperimentConfig,
    home: Home,
    tracker: Tracker,
    cut_date: date,
    made: Build,
    designs: Mapping[str, VerdictDesign],
    origin: Mapping[str, object] | None = None,
) -> Learnt:
    trained = train_supervised(matrix, labels, config, home.models, cut_date)
    model = apply.load(trained.folder)
    name = registered_name(config.unit)
    anomaly = _before_verdicts(trained, model, matrix, tracker, name)
    gate = _first_gate(trained, config, designs, anomaly)
    told = {**trained.metrics, **gate, **_groups(trained, config, made), **(origin or {})}
    trained = replace(trained, metrics=told)
    drawn = {}
    if trained.judged is not None and trained.log_odds is not None:
        drawn = plots.draw_all(trained.judged, trained.log_odds, config.evaluation.tie_seed)
    if model.risk_model is not None:
        step = max(1, len(matrix) // SUMMARY_ROWS)
        drawn["shap_summary"] = plots.shap_summary(
            model.risk_model.boosters, matrix.values[::step], matrix.names
        )
    known = {entry.model_version for entry in tracker.versions(name)}
    entry = tracker.record(trained, config, drawn, made.store.version)
    return Learnt(trained, entry, trained.model_version not in known)


def _groups(trained: Trained, config: ExperimentConfig, made: Build) -> dict[str, object]:
    """Return who would be inspected, by group, at 1 % of the frame.

    The attributes are joined here, after training: no model has seen sex or age through them.
    """
    judged, score = trained.judged, trained.log_odds
    if judged is None or score is None:
        return {}
    groups = attributes(made, judged.unit, judged.unit_ids)
    capacity = max(1.0, float(judged.weights.sum()) / 100)
    return {"subgroups": subgroups(judged, score, groups, capacity, config.evaluation)}


def _first_gate(
    trained: Trained,
    config: ExperimentConfig,
    designs: Mapping[str, VerdictDesign],
    anomaly: npt.NDArray[np.float64] | None,
) -> dict[str, object]:
    """Return how the model does out of fold beside what needs no verdict: a first model's gate.

    Each verdict's score comes from trees, detector weight and calibration that had not seen it. The
    baselines and ``anomaly``, the score of the cold start, saw no verdict at all.
    """
    if trained.judged is None or trained.log_odds is None or anomaly is None:
        return {}
    evidence = evidence_of(trained.judged, designs)
    opponents = {**baselines(trained.judged), COLD_START: anomaly}
    found = {
        name: compare_parts(evidence, score.astype(np.float64), trained.log_odds, config.gate)
        for name, score in opponents.items()
    }
    return {FIRST_GATE: found}


def _before_verdicts(
    trained: Trained, model: apply.FittedModel, matrix: Matrix, tracker: Tracker, name: str
) -> npt.NDArray[np.float64] | None:
    """Return the cold start's score of each judged row, in their order."""
    if trained.judged is None:
        return None
    try:
        champion: apply.FittedModel | None = apply.load(tracker.champion_folder(name))
    except RegistryError:
        champion = None  # nothing is in use yet
    place = {str(unit_id): row for row, unit_id in enumerate(matrix.unit_ids)}
    rows = np.array([place[str(unit_id)] for unit_id in trained.judged.unit_ids], dtype=np.intp)
    return before_verdicts(champion, model, matrix.take(rows))


def before_verdicts(
    champion: apply.FittedModel | None, challenger: apply.FittedModel, matrix: Matrix
) -> npt.NDArray[np.float64]:
    """Return the anomaly score that ranks where no verdict was learnt from.

    That is the score of the cold start in use where it fits; else that of the challenger's own
    detector, which is what a cold start made on the same day would be.
    """
    held = champion is not None and champion.kind == "cold_start" and not misfit(champion, matrix)
    model = champion if held and champion is not None else challenger
    return model.score(matrix.values).anomaly_score


def baselines(judged: Judged) -> dict[str, npt.NDArray[np.int64]]:
    """Return the scores that need no model, by name."""
    return {"sort_by_amount": judged.amounts, "rules_only": judged.rule_hits}


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
        if plan.plan_id in judged and listed_unit(plan.design) == unit
    ]
    return max(days, default=cut_date)
