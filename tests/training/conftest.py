"""A small invented world: matrices, labels, configs and two trained models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.matrix import Matrix
from training.config import ExperimentConfig, parse_config
from training.train import Trained, train_cold_start, train_supervised

CUT = date(2024, 6, 1)


@dataclass(frozen=True)
class World:
    """A matrix whose first columns carry the label, its labels, and models trained on both."""

    matrix: Matrix
    labels: pa.Table
    config: ExperimentConfig
    cold: Trained
    supervised: Trained


def build_matrix(n: int = 500, seed: int = 7, features: int = 6) -> Matrix:
    """Return n claims of n // 5 institutions; column 2 is a rare rule hit, some values missing."""
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=(n, features))
    values[:, 2] = rng.random(n) < 0.03
    values[rng.random((n, features)) < 0.05] = np.nan
    return Matrix(
        unit="claim",
        as_of_date=date(2024, 1, 1),
        unit_ids=np.array([f"c{i:05d}" for i in range(n)]),
        names=tuple(f"feature_{j}" for j in range(features)),
        values=values,
        directions=(1, 1, 1, *(0,) * (features - 3)),
        groups=np.array([f"i{i % (n // 5):04d}" for i in range(n)]),
        finding_kinds=np.array([f"rule {i % 3}" for i in range(n)]),
        known_at=np.full(n, np.datetime64("2023-12-01T00:00:00", "us")),
        amounts=rng.integers(10_000, 1_000_000, n),
        rule_hits=np.nan_to_num(values[:, 2]).astype(np.int64),
        catalogue_version="catalogue-1",
        rules_version="rules-1",
    )


def build_labels(matrix: Matrix, outcome: np.ndarray, days: int = 60) -> pa.Table:
    """Return one label per row of ``matrix``, known over ``days`` days from February 2024."""
    n = len(matrix)
    found = [int(a) // 4 if y else 0 for a, y in zip(matrix.amounts, outcome, strict=True)]
    return pa.table(
        {
            "unit": [matrix.unit] * n,
            "unit_id": matrix.unit_ids.tolist(),
            "label": pa.array([int(y) for y in outcome], pa.int64()),
            "overpaid_amount": pa.array(found, pa.int64()),
            "label_date": [date(2024, 2, 1) + timedelta(days=i % days) for i in range(n)],
            "channel": ["random"] * n,
            "inclusion_prob": [0.5] * n,
            "final_weight": [2.0] * n,
            "training_weight": [1.0] * n,
        }
    )


def build_config(**tables: object) -> ExperimentConfig:
    """Return a config small enough for a test."""
    small: dict[str, object] = {
        "name": "small",
        "unit": "claim",
        "trees": {"rounds": 30, "learning_rate": 0.1, "seeds": [1, 2]},
        "splits": {"folds": 3},
        "evaluation": {"bootstrap": 20},
    }
    return parse_config(small | tables)


def planted(matrix: Matrix, seed: int = 3) -> np.ndarray:
    """Return outcomes whose log-odds rise with the logarithms of the first two columns."""
    rng = np.random.default_rng(seed)
    logs = np.nan_to_num(np.log(np.maximum(matrix.values[:, :2], 1e-9)))
    return rng.random(len(matrix)) < 1 / (1 + np.exp(1.0 - 1.6 * logs[:, 0] - logs[:, 1]))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the trained world."""
    matrix = build_matrix()
    labels, config = build_labels(matrix, planted(matrix)), build_config()
    models = tmp_path_factory.mktemp("models")
    return World(
        matrix,
        labels,
        config,
        train_cold_start(matrix, config, models),
        train_supervised(matrix, labels, config, models, CUT),
    )


@pytest.fixture(params=["cold", "supervised"])
def folder(request: pytest.FixtureRequest, world: World) -> Path:
    """Return the folder of either model."""
    return getattr(world, request.param).folder


@pytest.fixture(scope="session")
def matrix_of() -> Callable[..., Matrix]:
    """Return ``build_matrix``."""
    return build_matrix


@pytest.fixture(scope="session")
def labels_of() -> Callable[..., pa.Table]:
    """Return ``build_labels``."""
    return build_labels


@pytest.fixture(scope="session")
def config_of() -> Callable[..., ExperimentConfig]:
    """Return ``build_config``."""
    return build_config


@pytest.fixture(scope="session")
def planted_in() -> Callable[..., np.ndarray]:
    """Return ``planted``."""
    return planted
