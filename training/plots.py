"""Plots of a model, as PNG bytes; the numbers behind them are records, these are for looking.

In: judged units with out-of-fold log-odds, or a fitted model and values. Out: PNG bytes without a
time or a software version in them: same inputs, same bytes. SHAP values are computed by the shap
library and compared with LightGBM's own on a sample first; if they differ, nothing is drawn.
"""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from training.boosters import Boosters
from training.evaluate import Judged
from training.metrics import put_in_order

Floats = npt.NDArray[np.float64]

_SIZE = (6.0, 4.5)
_SAME = 1e-6
_SAMPLE = 100


class PlotError(ValueError):
    """A plot would show something that is not so."""


def draw_all(judged: Judged, log_odds: Floats, tie_seed: int) -> dict[str, bytes]:
    """Return the plots of an evaluation by name."""
    return {
        "precision_recall": precision_recall(judged, log_odds, tie_seed),
        "calibration": reliability(judged, log_odds),
        "gain": gain(judged, log_odds, tie_seed),
    }


def precision_recall(judged: Judged, log_odds: Floats, tie_seed: int) -> bytes:
    """Draw precision over recall, beside sorting by amount."""
    with _canvas("Recall", "Precision") as (axes, png):
        for name, score in _rankings(judged, log_odds):
            found, taken = _running(judged, score, tie_seed)
            axes.step(found / found[-1], found / taken, where="post", label=name)
        axes.axhline(
            float(np.average(judged.labels, weights=judged.weights)), ls=":", c="grey", label="all"
        )
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.legend()
    return png.getvalue()


def gain(judged: Judged, log_odds: Floats, tie_seed: int) -> bytes:
    """Draw the share of confirmed cases found over the share inspected."""
    with _canvas("Share inspected", "Share of confirmed cases found") as (axes, png):
        for name, score in _rankings(judged, log_odds):
            found, taken = _running(judged, score, tie_seed)
            axes.plot(taken / taken[-1], found / found[-1], label=name)
        axes.plot([0, 1], [0, 1], ls=":", c="grey", label="random order")
        axes.legend()
    return png.getvalue()


def reliability(judged: Judged, log_odds: Floats, bins: int = 10) -> bytes:
    """Draw the confirmed share over the predicted probability, in bins of equal weight."""
    predicted = np.asarray(expit(log_odds))
    order = np.argsort(predicted, kind="stable")
    mass = np.cumsum(judged.weights[order])
    place = np.minimum((mass - judged.weights[order] / 2) * bins // mass[-1], bins - 1)
    with _canvas("Predicted probability", "Confirmed share") as (axes, png):
        points = [
            (
                np.average(predicted[order][place == b], weights=judged.weights[order][place == b]),
                np.average(
                    judged.labels[order][place == b], weights=judged.weights[order][place == b]
                ),
            )
            for b in range(bins)
            if judged.weights[order][place == b].sum() > 0
        ]
        axes.plot([0, 1], [0, 1], ls=":", c="grey", label="perfect")
        axes.plot(*zip(*points, strict=True), marker="o", label="out of fold")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.legend()
    return png.getvalue()


def shap_summary(
    boosters: Boosters, values: Floats, names: Sequence[str], shown: int = 20
) -> bytes:
    """Draw SHAP values of the trees, one dot per row and feature.

    Raises PlotError when the shap library and LightGBM disagree by more than 1e-6.
    """
    contributions = tree_explainer_values(boosters, values)
    sample = slice(0, _SAMPLE)
    gap = np.abs(contributions[sample] - boosters.contributions(values[sample])).max(initial=0.0)
    if not gap <= _SAME:
        raise PlotError(f"shap and LightGBM disagree on contributions by {gap:.3g}.")
    with _canvas("", "", size=(8.0, 6.0)) as (axes, png):
        _shap().summary_plot(
            contributions,
            values,
            feature_names=list(names),
            max_display=shown,
            show=False,
            plot_size=None,
            rng=np.random.default_rng(0),
        )
        axes.set_xlabel("Contribution to the log-odds of the trees")
    return png.getvalue()


def tree_explainer_values(boosters: Boosters, values: Floats) -> Floats:
    """Return mean SHAP values over the boosters from shap.TreeExplainer, shape (n, p)."""
    total = np.zeros(values.shape)
    for model in boosters.models:
        with warnings.catch_warnings():
            # shap says at every call that binary LightGBM output has changed its shape.
            warnings.filterwarnings("ignore", message="LightGBM binary classifier")
            found = _shap().TreeExplainer(model).shap_values(values)
        total += found[-1] if isinstance(found, list) else np.asarray(found)
    return total / len(boosters.models)


def _shap() -> ModuleType:
    """Import shap when it is drawn with: 3 s, and it uses what matplotlib will deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return importlib.import_module("shap")


def _rankings(judged: Judged, log_odds: Floats) -> tuple[tuple[str, npt.NDArray[np.generic]], ...]:
    return ("model", log_odds), ("sort by amount", judged.amounts), ("rules", judged.rule_hits)


def _running(
    judged: Judged, score: npt.NDArray[np.generic], tie_seed: int
) -> tuple[Floats, Floats]:
    """Return weight confirmed and weight inspected after each unit with weight."""
    ordered = put_in_order(judged.labels, score, judged.unit_ids, tie_seed, judged.weights)
    carried = ordered.weights > 0
    weights = ordered.weights[carried]
    return np.cumsum(weights * ordered.labels[carried]), np.cumsum(weights)


@contextmanager
def _canvas(x: str, y: str, size: tuple[float, float] = _SIZE) -> Iterator[tuple[Axes, io.BytesIO]]:
    """Give axes in the library's default style and save them as PNG on leaving."""
    png = io.BytesIO()
    with plt.style.context("default"):
        figure: Figure = plt.figure(figsize=size, layout="tight")
        try:
            axes = figure.add_subplot()
            axes.set(xlabel=x, ylabel=y)
            yield axes, png
            figure.savefig(png, format="png", dpi=100, metadata={"Software": None})
        finally:
            plt.close(figure)
