"""Apply a fitted model: the only module of training that serving imports.

In: a model folder, then (n, p) float64 values in the order of the model's feature names. Out:
scores, expected amounts, explanation parts, ranks. Every row is computed by itself, so a row scored
alone has the same bits as in a batch. Nothing here knows how models are made, compared or tracked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.amount import RecoveredShare, ShareParts
from training.boosters import Boosters
from training.detectors.published import PublishedDetector, read_published
from training.model_files import ModelFilesError, read_model, version_of_files
from training.ranking import rank
from training.risk_model import Parts, RecordError, RiskModel

__all__ = [
    "FittedModel", "ModelFilesError", "Parts", "RecordError", "Scores", "ShareParts", "load",
    "rank",
]  # fmt: skip

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores of n rows. Before any verdict ``risk_score`` is None and ``margin`` the anomaly score.

    Within one model ``margin`` orders rows as the published score does, without rounding.
    """

    anomaly_score: Floats
    risk_score: Floats | None
    margin: Floats


@dataclass(frozen=True)
class FittedModel:
    """A model ready to score: what it is, and its parts."""

    model_version: str
    about: Mapping[str, Any]
    detector: PublishedDetector
    risk_model: RiskModel | None
    recovered_share: RecoveredShare | None

    @property
    def kind(self) -> str:
        """``cold_start`` or ``supervised``."""
        return str(self.about["kind"])

    @property
    def unit(self) -> str:
        """What a row is: claim, insured, institution or doctor."""
        return str(self.about["unit"])

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in the order of the columns."""
        return tuple(self.about["names"])

    def score(self, values: Floats) -> Scores:
        """Return the scores of each row of ``values`` (n, p)."""
        values = self._checked(values)
        anomaly = self.detector.anomaly_score(values)
        if self.risk_model is None:
            return Scores(anomaly, None, anomaly)
        margin = self.risk_model.margin(values, anomaly)
        return Scores(anomaly, self.risk_model.calibration.probability(margin), margin)

    def expected_amount(
        self,
        risk: Floats | None,
        amounts: npt.NDArray[np.int64],
        groups: npt.NDArray[np.str_],
        values: Floats,
    ) -> npt.NDArray[np.int64] | None:
        """Return probability x share x amount in minor units; None where no verdict allows it."""
        if risk is None or self.recovered_share is None:
            return None
        return self.recovered_share.expected(risk, amounts, groups, self._checked(values))

    def explain_shares(self, groups: npt.NDArray[np.str_], values: Floats) -> ShareParts | None:
        """Return the parts of each row's recovered share; None where no verdict allows it."""
        if self.recovered_share is None:
            return None
        return self.recovered_share.parts(groups, self._checked(values))

    def explain(self, values: Floats) -> Parts:
        """Return the parts of each row's score; raises RecordError if they do not add up."""
        values = self._checked(values)
        if self.risk_model is not None:
            return self.risk_model.contributions(values)
        terms = self.detector.contributions(values)
        return Parts(self.detector.base_value_, terms, np.zeros(len(values)), "anomaly_score")

    def _checked(self, values: Floats) -> Floats:
        values = np.ascontiguousarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise ValueError(
                f"Model {self.model_version} takes rows of {len(self.names)} features, got an "
                f"array of shape {values.shape}; build it with the model's feature names."
            )
        return values


def load(folder: Path, expected_version: str | None = None) -> FittedModel:
    """Verify every digest of ``folder``, then read the model.

    Raises ModelFilesError before anything is interpreted when a file is missing, extra or altered,
    or when the folder is not the ``expected_version``.
    """
    files = read_model(folder, expected_version)
    version = version_of_files(files)
    about = json.loads(files["model.json"])
    if set(files) != _expected_files(about):
        raise ModelFilesError(
            f"{folder.name}: a {about.get('kind')} model needs {sorted(_expected_files(about))}, "
            f"found {sorted(files)}."
        )
    detector = read_published(json.loads(files["detector.json"]))
    if detector.n_features_in_ != len(about["names"]):
        raise ModelFilesError(f"{folder.name}: the detector does not fit the feature names.")
    return FittedModel(version, about, detector, _risk_model(about, files, detector), _share(files))


def _expected_files(about: Mapping[str, Any]) -> set[str]:
    expected = {"model.json", "detector.json"}
    if about["kind"] not in ("cold_start", "supervised"):
        raise ModelFilesError(f"There is no model of kind {about['kind']!r}.")
    if about["kind"] == "supervised":
        expected.add("calibration.json")
        expected |= {f"model_{i}.txt" for i in range(int(about["boosters"]))}
        expected |= {"amount.json"} if about["amounts_known"] else set()
        expected |= {"amount_trees.txt"} if about["amount_trees"] else set()
    return expected


def _risk_model(
    about: Mapping[str, Any], files: Mapping[str, bytes], detector: PublishedDetector
) -> RiskModel | None:
    if about["kind"] != "supervised":
        return None
    texts = [files[f"model_{i}.txt"].decode("utf-8") for i in range(int(about["boosters"]))]
    return RiskModel.from_dict(
        json.loads(files["calibration.json"]), Boosters.from_texts(texts), detector
    )


def _share(files: Mapping[str, bytes]) -> RecoveredShare | None:
    if "amount.json" not in files:
        return None
    trees = files.get("amount_trees.txt")
    text = None if trees is None else trees.decode("utf-8")
    return RecoveredShare.from_dict(json.loads(files["amount.json"]), text)
