"""Evaluation as a job: a registered model on verdicts that it cannot have learnt from.

In: a home and a unit. Out: a metrics record of the verdicts that became known from the model's
training cut on, beside both baselines, by group and with what stays of the list when the model is
made again; plots; both written under ``evaluations/`` and logged to the registry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claims.store import StoreVersion
from features.build import Build, Progress, build
from features.matrix import Matrix
from features.parameters import read_book
from jihe.experiments import COLD_START_EXPERIMENTS, RISK_EXPERIMENTS, experiment
from jihe.home import Home
from jihe.judged_units import JudgedUnits, judged_units
from jihe.scores import misfit
from jihe.subgroup_facts import attributes, plot_labels
from jihe.training import features_and_labels, training_as_of
from sampling.design import parse_capacity
from training import apply, plots
from training.config import ExperimentConfig
from training.evaluate import evaluate
from training.plot import Plot, plot_files
from training.retraining import retrained_scores
from training.stability import compare_heads, stability
from training.subgroups import subgroups
from training.tracking import Registered, RegistryError, Tracker, registered_name

Floats = npt.NDArray[np.float64]

#: Capacity where none is given: 1 % of the frame.
USUAL_CAPACITY = "1%"


class NothingToEvaluateError(ValueError):
    """There is no verdict, or no model that fits the features, to evaluate with."""


@dataclass(frozen=True)
class EvaluationChoices:
    """What is evaluated; None means the stated default.

    Attributes:
        model: digest of a registered model or its first digits; else the champion.
        until: verdicts known on it or later are left out.
        capacity: units of the frame, or a percentage, that could be inspected.
        retrainings: how often the model is made again for the stability of its list.
    """

    unit: str
    until: date
    model: str | None = None
    capacity: str = USUAL_CAPACITY
    retrainings: int = 0


@dataclass(frozen=True)
class Evaluated:
    """The record, the plots, and where they were written."""

    entry: Registered
    record: dict[str, Any]
    plots: Mapping[str, Plot]
    folder: Path


def evaluate_model(
    home: Home,
    store: StoreVersion,
    choices: EvaluationChoices,
    progress: Progress | None = None,
) -> Evaluated:
    """Evaluate, write and log; raises NothingToEvaluateError, EvaluationError, RegistryError."""
    tracker = Tracker(home.registry)
    entry = chosen_model(tracker, choices.unit, choices.model)
    model = apply.load(tracker.folder(entry), entry.model_version)
    cut = date.fromisoformat(str(model.about["training_cut_date"]))
    day = training_as_of(home, choices.unit, choices.until)
    made = build(store, day, progress, read_book(home.parameters))
    units = judged_units(
        made, choices.unit, home, known_from=cut, known_before=choices.until
    )  # fmt: skip
    _need(units, model, cut, choices)
    config = _config(model, choices)
    score = log_odds_of(model, units.matrix.values)
    record = measure(made, units, model, score, config, choices.capacity)
    record["stability"] = _stability(home, made, tracker, entry, model, record, config, choices)
    record |= {
        "model_version": entry.model_version,
        "kind": model.kind,
        "verdicts_from": cut.isoformat(),
        "verdicts_before": choices.until.isoformat(),
        "as_of_date": made.as_of.isoformat(),
        "store_version": store.version,
        "not_new": units.not_new,
        "unmatched": units.unmatched,
    }
    drawn = _drawn(units, score, record, config, calibrated=model.risk_model is not None)
    folder = home.root / "evaluations" / f"{entry.model_version}-{choices.until}"
    write_evaluation(folder, record, drawn)
    tracker.record_evaluation(entry, config, record, drawn)
    return Evaluated(entry, record, drawn, folder)


def chosen_model(tracker: Tracker, unit: str, digest: str | None) -> Registered:
    """Return the version that ``digest`` names, else the champion, else the challenger."""
    name = registered_name(unit)
    if digest is None:
        try:
            return tracker.champion(name)
        except RegistryError:
            challenger = tracker.challenger(name)
            if challenger is None:
                raise
            return challenger
    versions = tracker.versions(name)
    found = [entry for entry in versions if entry.model_version.startswith(digest)]
    if len(found) != 1:
        known = ", ".join(entry.model_version for entry in versions) or "none"
        raise RegistryError(
            f"{len(found)} models of {name} begin with {digest!r}; registered are: {known}."
        )
    return found[0]


def log_odds_of(model: apply.FittedModel, values: Floats) -> Floats:
    """Return the log-odds of the published score; before any verdict the anomaly score."""
    margin = model.score(values).margin
    return margin if model.risk_model is None else model.risk_model.calibration.log_odds(margin)


def measure(
    made: Build,
    units: JudgedUnits,
    model: apply.FittedModel,
    score: Floats,
    config: ExperimentConfig,
    capacity: str,
) -> dict[str, Any]:
    """Return the metrics record with groups; the capacity is a share of the weighted frame."""
    judged, calibrated = units.judged, model.risk_model is not None
    frame = max(1, round(float(judged.weights.sum())))
    settings = replace(config.evaluation, capacity=parse_capacity(capacity, frame))
    record = evaluate(judged, score, settings, calibrated=calibrated)
    groups = attributes(made, judged.unit, judged.unit_ids)
    record["subgroups"] = subgroups(
        judged, score, groups, settings.capacity, settings, calibrated=calibrated
    )
    return record


def write_evaluation(folder: Path, record: Mapping[str, Any], drawn: Mapping[str, Plot]) -> None:
    """Write metrics.json and the plots; an evaluation of the same day is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    for name, content in plot_files(drawn).items():
        (folder / name).write_bytes(content)


def _drawn(
    units: JudgedUnits,
    score: Floats,
    record: Mapping[str, Any],
    config: ExperimentConfig,
    *,
    calibrated: bool,
) -> dict[str, Plot]:
    seed = config.evaluation.tie_seed
    drawn = plots.draw_all(units.judged, score, seed, calibrated=calibrated)
    labels = plot_labels(record["subgroups"])
    if labels:
        drawn["burden"] = plots.burden(record["subgroups"], labels, record["capacity"]["k"])
    return drawn


def _need(
    units: JudgedUnits, model: apply.FittedModel, cut: date, choices: EvaluationChoices
) -> None:
    if not len(units):
        raise NothingToEvaluateError(
            f"No verdict became known from {cut}, the training cut of model "
            f"{model.model_version}, until {choices.until}. Import the verdicts of a later plan "
            "(jihe outcomes import); until then only what was measured out of fold is known "
            "(metrics.json of the run, docs: model card)."
        )
    unfit = misfit(model, units.matrix)
    if unfit:
        raise NothingToEvaluateError(
            f"Model {model.model_version} does not fit the features of this program ({unfit}); "
            "train again, or evaluate it with the version that trained it."
        )


def _config(model: apply.FittedModel, choices: EvaluationChoices) -> ExperimentConfig:
    names = COLD_START_EXPERIMENTS if model.risk_model is None else RISK_EXPERIMENTS
    return experiment(names[choices.unit], choices.unit)


def _stability(
    home: Home,
    made: Build,
    tracker: Tracker,
    entry: Registered,
    model: apply.FittedModel,
    record: Mapping[str, Any],
    config: ExperimentConfig,
    choices: EvaluationChoices,
) -> dict[str, Any]:
    """Return how much of the list stays: since the model before, and over retrainings."""
    matrix = made.matrix(choices.unit)
    k, seed = int(record["capacity"]["k"]), config.evaluation.tie_seed
    ours = log_odds_of(model, matrix.values)
    told: dict[str, Any] = {}
    before = _model_before(tracker, entry, matrix)
    if before is not None:
        theirs = log_odds_of(before, matrix.values)
        overlap = compare_heads(ours, theirs, matrix.unit_ids, k, seed)
        told["since"] = {"model_version": before.model_version, **overlap}
    if choices.retrainings and model.risk_model is not None:
        cut = date.fromisoformat(str(model.about["training_cut_date"]))
        known, labels = features_and_labels(made, choices.unit, home, cut)
        again = list(
            retrained_scores(known, labels, config, cut, matrix.values, choices.retrainings)
        )
        if again:
            told["retrained"] = stability([ours, *again], matrix.unit_ids, k, seed)
    return told


def _model_before(tracker: Tracker, entry: Registered, matrix: Matrix) -> apply.FittedModel | None:
    """Return the version registered before ``entry`` that fits the features, if there is one."""
    for earlier in reversed(tracker.versions(entry.name)):
        if int(earlier.number) < int(entry.number):
            model = apply.load(tracker.folder(earlier), earlier.model_version)
            if not misfit(model, matrix):
                return model
    return None
