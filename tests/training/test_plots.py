"""Plots: PNG, the same bytes for the same inputs, and only what is so."""

from __future__ import annotations

import numpy as np
import pytest

from training import plots
from training.apply import load


def test_same_inputs_same_bytes(world):
    trained = world.supervised
    drawn = plots.draw_all(trained.judged, trained.log_odds, 1)
    assert set(drawn) == {"precision_recall", "calibration", "gain"}
    assert all(png.startswith(b"\x89PNG") and len(png) > 5000 for png in drawn.values())
    assert plots.draw_all(trained.judged, trained.log_odds, 1) == drawn
    assert plots.draw_all(trained.judged, -trained.log_odds, 1) != drawn


def test_the_shap_library_agrees_with_what_is_stored(world):
    boosters = load(world.supervised.folder).risk_model.boosters
    values = world.matrix.values[:80]
    ours = boosters.contributions(values)
    assert np.abs(plots.tree_explainer_values(boosters, values) - ours).max() <= 1e-6
    png = plots.shap_summary(boosters, values, world.matrix.names)
    assert png == plots.shap_summary(boosters, values, world.matrix.names)


def test_a_disagreement_is_not_drawn(world, monkeypatch):
    boosters = load(world.supervised.folder).risk_model.boosters
    values = world.matrix.values[:20]
    ours = boosters.contributions(values)
    monkeypatch.setattr(plots, "tree_explainer_values", lambda *_: ours + 1e-5)
    with pytest.raises(plots.PlotError, match="disagree"):
        plots.shap_summary(boosters, values, world.matrix.names)
