"""Boosted trees on many rows: a bounded sample for each tree, and the same text on any thread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training import config
from training.boosters import fit_boosters
from training.config import TreeSettings

ROWS = 6_000
SETTINGS = TreeSettings(rounds=4, seeds=(1,))


@pytest.fixture
def judged() -> tuple[np.ndarray, np.ndarray]:
    """Return values (ROWS, 5) and labels that the first column speaks of."""
    rng = np.random.default_rng(11)
    values = rng.normal(size=(ROWS, 5))
    return values, (values[:, 0] + rng.normal(size=ROWS) > 1.0).astype(np.float64)


def text_of(judged: tuple[np.ndarray, np.ndarray], settings: TreeSettings) -> str:
    """Return the text of the one booster."""
    return fit_boosters(*judged, np.ones(ROWS), settings).texts[0]


def counts(text: str) -> set[int]:
    """Return how many rows each tree's first split saw."""
    lines = [line for line in text.splitlines() if line.startswith("internal_count=")]
    return {int(line.removeprefix("internal_count=").split()[0]) for line in lines}


def test_a_tree_sees_about_as_many_rows_as_the_bound(judged, monkeypatch):
    # LightGBM decides row by row, so a sample is about as large as asked for.
    assert all(abs(seen - 4_800) < 150 for seen in counts(text_of(judged, SETTINGS)))
    monkeypatch.setattr(config, "TREE_ROWS", 1_500)
    assert all(abs(seen - 1_500) < 150 for seen in counts(text_of(judged, SETTINGS)))


def test_threads_leave_thinned_trees_as_they_are(judged, monkeypatch):
    monkeypatch.setattr(config, "TREE_ROWS", 1_500)
    one, two = (text_of(judged, replace(SETTINGS, threads=threads)) for threads in (1, 2))
    # The text ends with the parameters, among them the number of threads.
    assert one.split("\nparameters:")[0] == two.split("\nparameters:")[0]
