"""Plots: PNG and SVG, the same bytes for the same inputs, and only what is so."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from defusedxml.ElementTree import fromstring

from training import canvas, plots, shap_plot
from training.apply import load
from training.bar_plot import bar_plot


def test_same_inputs_same_bytes(world):
    trained = world.supervised
    drawn = plots.draw_all(trained.judged, trained.log_odds, 1)
    assert set(drawn) == {"precision_recall", "calibration", "gain"}
    for plot in drawn.values():
        assert plot.png.startswith(b"\x89PNG")
        assert len(plot.png) > 5000
        assert fromstring(plot.svg).tag == "{http://www.w3.org/2000/svg}svg"
        # No day, no version of a program, and letters as outlines: no font is needed to read it.
        assert not re.search(rb"<dc:date>|matplotlib v|<text|font-family", plot.svg, re.IGNORECASE)
    assert plots.draw_all(trained.judged, trained.log_odds, 1) == drawn
    assert plots.draw_all(trained.judged, -trained.log_odds, 1) != drawn


def test_the_shap_library_agrees_with_what_is_stored(world):
    boosters = load(world.supervised.folder).risk_model.boosters
    values = world.matrix.values[:80]
    ours = boosters.contributions(values)
    assert np.abs(plots.tree_explainer_values(boosters, values) - ours).max() <= 1e-6
    drawn = plots.shap_summary(boosters, values, world.matrix.names)
    assert drawn == plots.shap_summary(boosters, values, world.matrix.names)


def test_a_feature_that_no_row_knows_is_left_out(world):
    """The shap library would warn of it, and a warning fails the test."""
    boosters = load(world.supervised.folder).risk_model.boosters
    values = world.matrix.values[:40].copy()
    values[:, 4] = np.nan
    assert plots.shap_summary(boosters, values, world.matrix.names).png.startswith(b"\x89PNG")


def test_no_label_of_the_shap_summary_is_cut_off(world):
    boosters = load(world.supervised.folder).risk_model.boosters
    drawn = plots.shap_summary(boosters, world.matrix.values[:80], world.matrix.names)
    picture = plt.imread(io.BytesIO(drawn.png))
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    assert all((edge == 1.0).all() for edge in edges)


def test_a_disagreement_is_not_drawn(world, monkeypatch):
    boosters = load(world.supervised.folder).risk_model.boosters
    values = world.matrix.values[:20]
    ours = boosters.contributions(values)
    monkeypatch.setattr(shap_plot, "tree_explainer_values", lambda *_: ours + 1e-5)
    with pytest.raises(plots.PlotError, match="disagree"):
        plots.shap_summary(boosters, values, world.matrix.names)


def test_without_a_chinese_font_labels_are_english(world, monkeypatch):
    trained = world.supervised
    with_font = plots.gain(trained.judged, trained.log_odds, 1)
    monkeypatch.setattr(canvas, "_chinese_font", lambda: "")
    assert canvas.both("Share", "比例") == "Share"
    # A missing glyph would be a warning, and a warning fails the test.
    assert set(plots.draw_all(trained.judged, trained.log_odds, 1)) == {
        "precision_recall", "calibration", "gain"
    }  # fmt: skip
    assert plots.gain(trained.judged, trained.log_odds, 1).png.startswith(with_font.png[:8])


def test_a_score_without_probability_has_no_calibration_plot(world):
    trained = world.supervised
    drawn = plots.draw_all(trained.judged, trained.log_odds, 1, calibrated=False)
    assert set(drawn) == {"precision_recall", "gain"}


def test_money_is_drawn_where_it_is_known_and_cases_where_it_is_not(world):
    judged, log_odds = world.supervised.judged, world.supervised.log_odds
    money = plots.gain(judged, log_odds, 1)
    confirmed = np.flatnonzero(judged.labels > 0)
    overpaid = judged.overpaid.copy()
    overpaid[confirmed[0]] = np.nan
    assert plots.gain(replace(judged, overpaid=overpaid), log_odds, 1) != money
    # Ten times every amount is the same share of the money.
    assert plots.gain(replace(judged, overpaid=10 * judged.overpaid), log_odds, 1) == money


def test_the_burden_of_told_groups_is_drawn():
    groups = [
        {"group": "a", "n": 20, "burden": 1.4, "intervals": {"burden": [0.9, 1.8]}},
        {"group": "b", "n": 12, "burden": 0.5},
        {"group": "(merged)", "n": 4},
    ]
    record = {"level": {"groups": groups, "merged": ["c"], "suppressed": True}}
    plot = plots.burden(record, [("Level", "a"), ("Level", "b")], 100)
    assert plot.png.startswith(b"\x89PNG")


def test_bars_have_the_ends_and_the_line_that_are_given():
    given = (["a", "b"], [0.2, 0.6], ["#0072B2", "#D55E00"], "share", "title")
    plain = bar_plot(*given)
    assert plain == bar_plot(*given)
    ends = [[0.1, 0.3], [np.nan, np.nan]]
    drawn = [
        plain, bar_plot(*given, ends=ends), bar_plot(*given, line=0.4),
        bar_plot(*given, line=0.4, line_label="truth"), bar_plot(*given, share=False),
    ]  # fmt: skip
    assert len({plot.svg for plot in drawn}) == len(drawn)
    # A bar without an interval has none: as if it had not been asked for.
    assert bar_plot(*given, ends=[[np.nan] * 2] * 2).svg.count(b"<path") == plain.svg.count(
        b"<path"
    )
    assert drawn[1].svg.count(b"<path") > plain.svg.count(b"<path")
