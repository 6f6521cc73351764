"""Homes and models of several tests' modules; what is made once is never altered by a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from claims.load import load
from claims.mapping import source_mapping
from jihe.home import Home
from tests.jihe.gate_models import (
    CUT,
    LATER_CUT,
    World,
    labels_of,
    matrix_of_claims,
    outcome_of,
    small_config,
)
from tests.jihe.scored_county import scores_of
from training.train import train_cold_start, train_supervised


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Train models that learnt and that did not. Never altered by a test."""
    models = tmp_path_factory.mktemp("models")
    matrix = matrix_of_claims()
    outcome = outcome_of(matrix)
    rows = np.arange(500)
    lost = np.random.default_rng(5).permutation(outcome)
    other = replace(matrix, rules_version="r0")
    folders = {
        "cold": train_cold_start(matrix, small_config(), models),
        "good": train_supervised(
            matrix, labels_of(matrix, outcome, rows), small_config(), models, CUT
        ),
        "poor": train_supervised(
            matrix, labels_of(matrix, lost, rows), small_config(), models, LATER_CUT
        ),
        "old": train_supervised(
            other, labels_of(matrix, outcome, rows), small_config(), models, CUT
        ),
    }
    return World(matrix, outcome, {name: made.folder for name, made in folders.items()})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home with nothing in it."""
    return Home(tmp_path)


@pytest.fixture(scope="session")
def scored_home(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county loaded; claims scored by a model, institutions and persons before any verdict."""
    root = tmp_path_factory.mktemp("designs") / "home"
    load(source_mapping("nhsa"), county, root)
    pq.write_table(scores_of(root), root / "scores.parquet")
    return root
