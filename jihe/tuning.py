"""Tuning as a job: a home with verdicts in, better settings out as an experiment file of the home.

The file lies in the home's experiments folder under its name and hash, beside the settings that
came with the program and never over them. ``jihe train --config`` trains with it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from features.build import Build
from jihe.experiments import RISK_EXPERIMENTS, experiment
from jihe.home import Home
from jihe.training import features_and_labels
from training.config import ExperimentConfig
from training.config_files import write_config
from training.search_space import SearchPlan
from training.tracking import Tracker
from training.tuning import Tell, Tuned, tune


@dataclass(frozen=True)
class Search:
    """What a search found and where it was written; no file where nothing was better."""

    tuned: Tuned
    file: Path | None
    run_id: str


def tune_on_verdicts(
    made: Build,
    unit: str,
    home: Home,
    tracker: Tracker,
    cut_date: date,
    plan: SearchPlan,
    tell: Tell,
    config: ExperimentConfig | None = None,
) -> Search:
    """Search on the verdicts known before ``cut_date``, go on where an earlier search stopped.

    Raises TooFewLabelsError, LeakageError, ConfigError.
    """
    matrix, labels = features_and_labels(made, unit, home, cut_date)
    config = replace(config or experiment(RISK_EXPERIMENTS[unit], unit), unit=unit)
    tuned = tune(matrix, labels, config, plan, cut_date, home.tuning, tell)
    file = None
    if tuned.best is not None:
        file = write_config(tuned.best, remark(tuned, config, cut_date), home.experiments)
    return Search(tuned, file, _record(tracker, tuned, config, plan, cut_date, file))


def remark(tuned: Tuned, config: ExperimentConfig, cut_date: date) -> str:
    """Return what stands at the top of a file of settings that tuning found."""
    return (
        f"The best of {len(tuned.trials)} trials of search {tuned.search}, from {config.name} "
        f"({config.hash[:8]}).\n"
        f"{tuned.objective} out of fold on verdicts known before {cut_date}: "
        f"{tuned.best_value:.6f}, as given {tuned.base_value:.6f}.\n"
        "The best of many looks better than it is: let later verdicts judge it."
    )


def _record(
    tracker: Tracker,
    tuned: Tuned,
    config: ExperimentConfig,
    plan: SearchPlan,
    cut_date: date,
    file: Path | None,
) -> str:
    facts = {
        "search": tuned.search,
        "objective": tuned.objective,
        "config_hash": config.hash,
        "space_hash": plan.hash,
        "training_cut_date": cut_date.isoformat(),
    }
    metrics = {
        "trials": float(len(tuned.trials)),
        "value_as_given": tuned.base_value,
        "value_of_the_best": tuned.best_value,
    }
    trials = json.dumps([asdict(trial) for trial in tuned.trials], indent=1, sort_keys=True)
    files = {"trials.json": trials.encode()}
    if file is not None:
        files[file.name] = file.read_bytes()
    return tracker.record_search(config, facts, metrics, files)
