"""Search for better settings, judged out of fold on the verdicts known before a cut date.

In: a matrix, labels, an experiment config and a SearchPlan. Out: every trial with its value, and
the settings of the best as an experiment config of its own.

A trial is a training run with other settings: training.train.train_supervised with the same cut,
folds, gap and guards, so that what is tuned is what will be trained, and a verdict from the future
stops it. Its value is the weighted log loss of the cross-fitted probabilities, or the weighted
average precision, of verdicts that its models had not seen. The best of many trials looks better
than it is; only verdicts that came later can judge it.

Method: tree-structured Parzen estimator (Bergstra, Bardenet, Bengio & Kegl 2011, NeurIPS 24) by
Optuna. Trials are kept in Optuna's journal: JSON, a line for each step, nothing pickled. The
sampler is seeded anew by the number of finished trials, and unfinished ones are ignored: a search
that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import optuna
import pyarrow as pa
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from features.matrix import Matrix
from training.calibration import weighted_log_loss
from training.canonical import canonical_json
from training.config import ExperimentConfig, parse_config
from training.frame import fingerprint, join_labels, ordered
from training.metrics import average_precision, put_in_order
from training.search_space import Objective, Range, SearchPlan
from training.train import Trained, train_supervised

Floats = npt.NDArray[np.float64]

#: Higher is better for these; of the others lower is.
_MAXIMISED = frozenset({"average_precision"})
_BASE = "value_of_the_given_settings"


class Tell(Protocol):
    """Told of a step's name and the share of it that is done."""

    def __call__(self, step: str, share: float, /) -> None:
        """Show the step."""


@dataclass(frozen=True)
class Trial:
    """One finished trial: the settings that were varied, and what they reached."""

    number: int
    settings: Mapping[str, Any]
    value: float


@dataclass(frozen=True)
class Tuned:
    """A search as far as it went.

    ``base_value`` is that of the config as it was given; ``best`` is None where no trial was
    better; ``stopped`` says that it was interrupted before its last trial.
    """

    search: str
    objective: Objective
    base_value: float
    trials: tuple[Trial, ...]
    best: ExperimentConfig | None
    best_value: float
    stopped: bool


def tune(
    matrix: Matrix,
    labels: pa.Table,
    config: ExperimentConfig,
    plan: SearchPlan,
    cut_date: date,
    folder: Path,
    tell: Tell = lambda step, share, /: None,
) -> Tuned:
    """Run the trials of ``plan`` that ``folder`` does not hold yet.

    An interrupt ends the search; the trial that it fell into is repeated when it goes on. Raises
    what train_supervised raises: TooFewLabelsError, LeakageError, FrameError.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = search_of(matrix, labels, config, plan, cut_date)

    def value_of(settings: Mapping[str, Any]) -> float:
        return _value(matrix, labels, with_settings(config, settings), cut_date, plan.objective)

    stopped = False
    with _study(folder / f"{search}.journal", search, plan.objective) as study:
        if _BASE not in study.user_attrs:
            tell("…", 0.0)
            study.set_user_attr(_BASE, value_of({}))
        while (done := len(_finished(study))) < plan.trials and not stopped:
            tell(f"{done + 1}/{plan.trials}", done / plan.trials)
            stopped = not _one_trial(study, plan, done, value_of)
        return _tuned(study, search, config, plan.objective, stopped)


def search_of(
    matrix: Matrix, labels: pa.Table, config: ExperimentConfig, plan: SearchPlan, cut_date: date
) -> str:
    """Return 16 hex digits that tell searches apart: by data, verdicts, settings, space and cut."""
    frame = ordered(matrix, config)
    parts = {
        "data": fingerprint(frame),
        "labels": join_labels(frame, labels, cut_date).fingerprint,
        "config": config.hash,
        "space": plan.hash,
        "cut_date": cut_date.isoformat(),
        "sampler": f"tpe optuna {optuna.__version__}",
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]


def with_settings(config: ExperimentConfig, settings: Mapping[str, Any]) -> ExperimentConfig:
    """Return ``config`` with ``table.key`` settings replaced; raises ConfigError."""
    raw = _plain(asdict(config))
    for name, value in settings.items():
        table, key = name.split(".")
        raw[table][key] = value
    return parse_config(raw, config.name)


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested records as a TOML document has them: lists in place of tuples."""
    return {
        key: _plain(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
        for key, value in record.items()
    }


def _value(
    matrix: Matrix, labels: pa.Table, config: ExperimentConfig, cut: date, objective: Objective
) -> float:
    quick = replace(config, evaluation=replace(config.evaluation, bootstrap=0))
    with tempfile.TemporaryDirectory() as scratch:
        trained = train_supervised(matrix, labels, quick, Path(scratch), cut)
    return out_of_fold_value(trained, objective, config.evaluation.tie_seed)


def out_of_fold_value(trained: Trained, objective: Objective, tie_seed: int) -> float:
    """Return the objective over the tested rows that carry a weight."""
    if trained.judged is None or trained.log_odds is None:
        raise ValueError("A cold start has no out-of-fold rows to be judged by.")
    rows = np.flatnonzero(trained.judged.weights > 0)
    judged, log_odds = trained.judged.take(rows), trained.log_odds[rows]
    if objective == "log_loss":
        return weighted_log_loss(log_odds, judged.labels, judged.weights)
    return average_precision(
        put_in_order(judged.labels, log_odds, judged.unit_ids, tie_seed, judged.weights)
    )


@contextmanager
def _study(path: Path, name: str, objective: Objective) -> Iterator[optuna.Study]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _drop_half_a_line(path)
    yield optuna.create_study(
        study_name=name,
        storage=JournalStorage(JournalFileBackend(str(path))),
        direction="maximize" if objective in _MAXIMISED else "minimize",
        load_if_exists=True,
    )


def _drop_half_a_line(path: Path) -> None:
    """Cut off what a process that was killed while writing left behind."""
    if path.exists() and not (written := path.read_bytes()).endswith(b"\n"):
        path.write_bytes(written[: written.rfind(b"\n") + 1])


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _one_trial(
    study: optuna.Study,
    plan: SearchPlan,
    done: int,
    value_of: Callable[[Mapping[str, Any]], float],
) -> bool:
    """Run the trial after ``done`` finished ones; return False where it was interrupted."""
    key = hashlib.sha256(f"{plan.seed}|{done}".encode()).digest()
    study.sampler = optuna.samplers.TPESampler(
        seed=int.from_bytes(key[:4], "big"), multivariate=True, constant_liar=False
    )
    trial = study.ask()
    settings = {varied.name: _suggest(trial, varied) for varied in plan.ranges}
    try:
        value = value_of(settings)
    except KeyboardInterrupt:
        study.tell(trial, state=TrialState.FAIL)
        return False
    study.tell(trial, value)
    return True


def _suggest(trial: optuna.Trial, varied: Range) -> Any:
    if varied.choices:
        return trial.suggest_categorical(varied.name, varied.choices)
    if isinstance(varied.low, int) and isinstance(varied.high, int):
        step = int(varied.step or 1)
        return trial.suggest_int(varied.name, varied.low, varied.high, step=step, log=varied.log)
    return trial.suggest_float(
        varied.name, varied.low, varied.high, step=varied.step, log=varied.log
    )


def _tuned(
    study: optuna.Study, search: str, config: ExperimentConfig, objective: Objective, stopped: bool
) -> Tuned:
    trials = tuple(
        Trial(number, dict(found.params), float(found.values[0]))
        for number, found in enumerate(_finished(study))
    )
    sign = -1.0 if objective in _MAXIMISED else 1.0
    base = float(study.user_attrs[_BASE])
    best = min(trials, key=lambda trial: (sign * trial.value, trial.number), default=None)
    if best is None or not sign * best.value < sign * base:
        return Tuned(search, objective, base, trials, None, base, stopped)
    settled = replace(with_settings(config, best.settings), name=f"{config.name}_tuned")
    return Tuned(search, objective, base, trials, settled, best.value, stopped)
