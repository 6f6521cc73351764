"""Scores of every unit: which model applies, what it says, in what order.

In: a build and the registry. Out: per unit a scored matrix and the ``scores`` table. The champion
of the registry applies where it fits the catalogue; where there is none the cold-start detector is
trained and registered.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.contracts import table
from features.build import Build
from features.matrix import Matrix
from jihe.experiments import COLD_START_EXPERIMENTS, experiment
from jihe.home import Home
from training import apply
from training.spreading import spread
from training.tracking import RegistryError, Tracker, registered_name
from training.train import train_cold_start

UNITS = ("claim", "insured", "institution")
#: What the planner ranks by: the chance of a finding, the amount expected from it, or the chance
#: spread over kinds of findings.
Objective = Literal["probability", "amount", "variety"]


@dataclass(frozen=True)
class ScoredUnit:
    """The matrix of a unit, the model that scored it, and its rows of the ``scores`` table.

    ``unfit`` says why the registry's champion could not be applied; empty where it was.
    """

    matrix: Matrix
    model: apply.FittedModel
    folder: Path
    table: pa.Table
    unfit: str = ""

    @property
    def ranked_by_anomaly(self) -> bool:
        """Whether there was no verdict to learn from."""
        return self.model.kind == "cold_start"


def tie_seed(fingerprint: str) -> int:
    """Return the stored seed that orders equal scores, from the data's fingerprint."""
    return int.from_bytes(hashlib.sha256(fingerprint.encode()).digest()[:4], "big")


def applicable_model(matrix: Matrix, home: Home, tracker: Tracker) -> tuple[Path, str]:
    """Return the folder of the model that applies, and why the champion does not.

    That is the champion where it fits ``matrix``, else a new cold-start model.
    """
    unfit = ""
    try:
        folder = tracker.champion_folder(registered_name(matrix.unit))
        unfit = misfit(apply.load(folder), matrix)
        if not unfit:
            return folder, ""
    except RegistryError:
        pass  # there is no champion yet
    config = experiment(COLD_START_EXPERIMENTS[matrix.unit], matrix.unit)
    trained = train_cold_start(matrix, config, home.models)
    tracker.record(trained, config)
    return trained.folder, unfit


def misfit(champion: apply.FittedModel, matrix: Matrix) -> str:
    """Return what keeps a champion from being applied: versions, or features that are not there."""
    about = champion.about
    versions = {
        "catalogue": (about["catalogue_version"], matrix.catalogue_version),
        "rules": (about["rules_version"], matrix.rules_version),
    }
    changed = [f"{name} {old} → {new}" for name, (old, new) in versions.items() if old != new]
    missing = sorted(set(champion.names) - set(matrix.names))
    extra = sorted(set(matrix.names) - set(champion.names))
    named = [f"- {name}" for name in missing[:5]] + [f"+ {name}" for name in extra[:5]]
    if not changed and champion.names != matrix.names and not named:
        named = ["order of features"]
    return ", ".join([*changed, *named])


def score_unit(
    made: Build,
    matrix: Matrix,
    folder: Path,
    objective: Objective = "probability",
    unfit: str = "",
) -> ScoredUnit:
    """Score every row of ``matrix`` with the model in ``folder`` and rank by the objective.

    Before any verdict there is neither probability nor amount: the rank is by anomaly score, which
    can be spread as a probability can.
    """
    model = apply.load(folder)
    scores = model.score(matrix.values)
    expected = model.expected_amount(
        scores.risk_score, matrix.amounts, matrix.finding_kinds, matrix.values
    )
    seed = tie_seed(made.store.fingerprint)
    key: npt.NDArray[Any] = scores.margin
    if objective == "variety":
        key = spread(scores.margin, matrix.finding_kinds, matrix.unit_ids, seed)
    elif objective == "amount" and expected is not None:
        key = expected
    ranks = apply.rank(key, matrix.unit_ids, seed)
    rows = _table(matrix, model, scores, expected, ranks, seed)
    return ScoredUnit(matrix, model, folder, rows, unfit)


def champion_metrics(scored: ScoredUnit, tracker: Tracker) -> dict[str, Any] | None:
    """Return what was measured when the applied model was trained; None at cold start."""
    if scored.ranked_by_anomaly:
        return None
    entries = tracker.versions(registered_name(scored.matrix.unit))
    found = [e for e in entries if e.model_version == scored.model.model_version]
    return tracker.metrics(found[0]) if found else None


def _table(
    matrix: Matrix,
    model: apply.FittedModel,
    scores: apply.Scores,
    expected: npt.NDArray[np.int64] | None,
    ranks: npt.NDArray[np.int64],
    seed: int,
) -> pa.Table:
    n = len(matrix)
    rows = {
        "unit": pa.array([matrix.unit] * n, pa.string()),
        "unit_id": pa.array(matrix.unit_ids.tolist(), pa.string()),
        "as_of_date": pa.array([matrix.as_of_date] * n, pa.date32()),
        "anomaly_score": pa.array(scores.anomaly_score),
        "risk_score": pa.nulls(n, pa.float64())
        if scores.risk_score is None
        else pa.array(scores.risk_score),
        "expected_amount": pa.nulls(n, pa.int64()) if expected is None else pa.array(expected),
        "risk_rank": pa.array(ranks),
        "tie_seed": pa.array(np.full(n, seed, dtype=np.int64)),
        "model_version": pa.array([model.model_version] * n, pa.string()),
        "rules_version": pa.array([matrix.rules_version] * n, pa.string()),
        "catalogue_version": pa.array([matrix.catalogue_version] * n, pa.string()),
    }
    return table("scores").conform(pa.table(rows))
