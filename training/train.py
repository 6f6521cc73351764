"""Train a model and write it as a folder.

In: a matrix, and for a supervised model the labels known before a cut date. Out: a model folder
(training.model_files), out-of-fold metrics beside both baselines, and what was chosen on the way.
The same inputs in any row order give the same bytes, hence the same model version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.matrix import Matrix
from training.amount import RecoveredShare, fit_share
from training.boosters import Boosters
from training.calibration import Platt
from training.canonical import canonical_json
from training.config import ExperimentConfig
from training.detectors.published import PublishedDetector, make_published
from training.evaluate import Judged, evaluate
from training.frame import LabelledRows, fingerprint, join_labels, ordered
from training.leakage_guard import guarded
from training.model_files import write_model
from training.out_of_fold import (
    Learnt,
    OutOfFold,
    Verdicts,
    calibrate,
    cross_fitted,
    learn,
    score_out_of_fold,
)
from training.risk_model import Hybrid, RiskModel
from training.splits import Splits, make_splits

Floats = npt.NDArray[np.float64]

_LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "scipy")


class TooFewLabelsError(ValueError):
    """There are not enough verdicts to train on; cold start remains."""


@dataclass(frozen=True)
class Trained:
    """A written model and how it did.

    ``judged`` and ``log_odds`` are the out-of-fold rows behind ``metrics``; empty at cold start.
    """

    folder: Path
    about: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    judged: Judged | None = None
    log_odds: Floats | None = None

    @property
    def model_version(self) -> str:
        """The folder's name: 16 hex digits."""
        return self.folder.name


def train_cold_start(matrix: Matrix, config: ExperimentConfig, models: Path) -> Trained:
    """Freeze the detector on ``matrix`` and write it under ``models``."""
    matrix = ordered(matrix, config)
    detector = _fit_detector(matrix, config)
    about = _about(matrix, config, "cold_start", matrix.as_of_date)
    files = {
        "model.json": canonical_json(about),
        "detector.json": canonical_json(detector.to_dict()),
    }
    return Trained(write_model(files, models), about)


def train_supervised(
    matrix: Matrix, labels: pa.Table, config: ExperimentConfig, models: Path, cut_date: date
) -> Trained:
    """Train on the labels known before ``cut_date`` and write the model under ``models``.

    Raises TooFewLabelsError below the config's minimum (cold start then remains), LeakageError when
    anything comes from the future, FrameError when the inputs do not belong together.
    """
    matrix = ordered(matrix, config)
    labelled = join_labels(matrix, labels, cut_date)
    _need_labels(labelled, config)
    judged = labelled.judged
    detector = _fit_detector(matrix, config)
    anomaly = detector.anomaly_score(matrix.values)
    centre, spread = _moments(anomaly)
    splits = make_splits(
        judged.groups, judged.labels, labelled.dates, judged.weights > 0, config.splits,
        config.labels,
    )  # fmt: skip
    labelled = guarded(matrix, labelled, splits, config, cut_date)
    verdicts = _verdicts(matrix, labelled, (anomaly[labelled.rows] - centre) / spread, config)
    constraints = _constraints(matrix, config)
    tested = score_out_of_fold(verdicts, splits, config.trees, config.hybrid, constraints)
    learnt = learn(verdicts, config.trees, config.hybrid, constraints)
    model = _joined(
        learnt, detector, centre, spread, calibrate(tested, judged.labels, judged.weights)
    )
    share = _fit_share(verdicts, labelled, matrix.finding_kinds[labelled.rows], config)
    about = _about(matrix, config, "supervised", cut_date) | {
        "labels": _label_facts(labelled, verdicts, splits, tested, learnt),
        "boosters": len(learnt.boosters.texts),
        "amounts_known": share is not None,
        "amount_trees": share is not None and share.trees is not None,
    }
    folder = write_model(_files(about, model, share), models)
    return _judge(folder, about, labelled, tested, config)


def _verdicts(
    matrix: Matrix, labelled: LabelledRows, detector: Floats, config: ExperimentConfig
) -> Verdicts:
    """Return what is learnt from; weights are tempered, and each channel has its own."""
    designed = labelled.undesigned == ""
    tempered = labelled.training_weights**config.labels.power
    weights = np.where(labelled.training_weights > 0, tempered, 0.0)
    weights = np.where(designed, weights, config.labels.undesigned)
    return Verdicts(
        matrix.values[labelled.rows], labelled.judged.labels, weights, detector, labelled.undesigned
    )


def _joined(
    learnt: Learnt, detector: PublishedDetector, centre: float, spread: float, found: Platt
) -> RiskModel:
    """Return the model; the prior's intercept goes into the calibration's."""
    intercept = found.intercept + found.slope * learnt.prior.intercept
    hybrid = Hybrid(learnt.believed, learnt.prior.slope, centre, spread)
    return RiskModel(learnt.boosters, detector, hybrid, Platt(found.slope, intercept))


def _need_labels(labelled: LabelledRows, config: ExperimentConfig) -> None:
    least = config.labels
    if labelled.positives < least.min_positives or labelled.negatives < least.min_negatives:
        raise TooFewLabelsError(
            f"Training needs at least {least.min_positives} confirmed and {least.min_negatives} "
            f"unconfirmed cases with a training weight; there are {labelled.positives} and "
            f"{labelled.negatives}. The cold-start ranking stays in use; inspect more units drawn "
            "by a plan."
        )
    judged, carried = labelled.judged, labelled.training_weights > 0
    entities = len(np.unique(judged.groups))
    guilty = len(np.unique(judged.groups[carried & (judged.labels > 0)]))
    if entities < config.splits.folds or guilty < 2:
        raise TooFewLabelsError(
            f"Training needs verdicts on at least {config.splits.folds} entities, confirmed ones "
            f"on at least 2; there are {entities} and {guilty}. The cold-start ranking stays in "
            "use; inspect units of more entities."
        )


def _fit_detector(matrix: Matrix, config: ExperimentConfig) -> PublishedDetector:
    return make_published(config.detector, matrix).fit(matrix.values)


def _moments(score: Floats) -> tuple[float, float]:
    """Return mean and standard deviation, summed exactly; a spread of 0 becomes 1."""
    centre = math.fsum(score) / len(score)
    spread = math.sqrt(math.fsum((score - centre) ** 2) / len(score))
    return centre, spread or 1.0


def _constraints(matrix: Matrix, config: ExperimentConfig) -> list[int]:
    named = set(config.trees.monotone)
    pairs = zip(matrix.names, matrix.directions, strict=True)
    return [direction if name in named else 0 for name, direction in pairs]


def _fit_share(
    verdicts: Verdicts,
    labelled: LabelledRows,
    kinds: npt.NDArray[np.str_],
    config: ExperimentConfig,
) -> RecoveredShare | None:
    judged = labelled.judged
    confirmed = judged.labels > 0
    return fit_share(
        judged.overpaid[confirmed],
        judged.amounts[confirmed],
        kinds[confirmed],
        verdicts.weights[confirmed],
        verdicts.values[confirmed],
        config.amount,
    )


def _judge(
    folder: Path,
    about: dict[str, Any],
    labelled: LabelledRows,
    tested: OutOfFold,
    config: ExperimentConfig,
) -> Trained:
    labels, weights = labelled.judged.labels, labelled.judged.weights
    log_odds = cross_fitted(tested, labels, weights)
    judged = labelled.judged.take(tested.rows)
    metrics = evaluate(judged, log_odds, config.evaluation, calibrated=True)
    metrics["leakage"] = [finding.to_dict() for finding in labelled.findings]
    return Trained(folder, about, metrics, judged, log_odds)


def _about(matrix: Matrix, config: ExperimentConfig, kind: str, cut: date) -> dict[str, Any]:
    return {
        "kind": kind,
        "unit": matrix.unit,
        "names": list(matrix.names),
        "directions": list(matrix.directions),
        "monotone": list(config.trees.monotone),
        "catalogue_version": matrix.catalogue_version,
        "rules_version": matrix.rules_version,
        "experiment": config.name,
        "config_hash": config.hash,
        "gate": asdict(config.gate),
        "as_of_date": matrix.as_of_date.isoformat(),
        "training_cut_date": cut.isoformat(),
        "rows": len(matrix),
        "data_fingerprint": fingerprint(matrix),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _label_facts(
    labelled: LabelledRows,
    verdicts: Verdicts,
    splits: Splits,
    tested: OutOfFold,
    learnt: Learnt,
) -> dict[str, Any]:
    return {
        "n": len(labelled.rows),
        "positives": int((labelled.judged.labels > 0).sum()),
        "outside_matrix": labelled.unmatched,
        "fingerprint": labelled.fingerprint,
        "splits": splits.kind,
        "forward_cutoff": None if splits.cutoff is None else str(splits.cutoff),
        "calibrated_on": int((labelled.judged.weights[tested.rows] > 0).sum()),
        "without_design": int(((labelled.undesigned != "") & (verdicts.weights > 0)).sum()),
        "detector_weight": learnt.prior.slope,
        "trees_weight": learnt.believed,
    }


def _files(
    about: Mapping[str, Any], model: RiskModel, share: RecoveredShare | None
) -> dict[str, bytes]:
    files = {
        "model.json": canonical_json(about),
        "detector.json": canonical_json(model.detector.to_dict()),
        "calibration.json": canonical_json(model.to_dict()),
    }
    files |= _model_texts(model.boosters)
    if share is not None:
        files["amount.json"] = canonical_json(share.to_dict())
        if share.trees is not None:
            files["amount_trees.txt"] = share.trees.texts[0].encode("utf-8")
    return files


def _model_texts(boosters: Boosters) -> dict[str, bytes]:
    return {f"model_{i}.txt": text.encode("utf-8") for i, text in enumerate(boosters.texts)}
