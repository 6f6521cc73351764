"""The SHAP summary of a model's trees, drawn by the shap library once it agrees with LightGBM.

In: boosters, values and feature names. Out: a plot. SHAP values are computed by the shap library
and compared with LightGBM's own on a sample first; if they differ, nothing is drawn.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from training.boosters import Boosters
from training.canvas import both, canvas
from training.plot import Plot

Floats = npt.NDArray[np.float64]

_SAME = 1e-6
_SAMPLE = 100


class PlotError(ValueError):
    """A plot would show something that is not so."""


def shap_summary(boosters: Boosters, values: Floats, names: Sequence[str], shown: int = 20) -> Plot:
    """Draw SHAP values of the trees, one dot per row and feature.

    Raises PlotError when the shap library and LightGBM disagree by more than 1e-6.
    """
    contributions = tree_explainer_values(boosters, values)
    sample = slice(0, _SAMPLE)
    gap = np.abs(contributions[sample] - boosters.contributions(values[sample])).max(initial=0.0)
    if not gap <= _SAME:
        raise PlotError(f"shap and LightGBM disagree on contributions by {gap:.3g}.")
    # What no row knows has nothing to show, and the shap library warns of its empty colours.
    known = [int(column) for column in np.flatnonzero(~np.isnan(values).all(axis=0))]
    with canvas("", "", size=(8.0, 6.0)) as (axes, sheet):
        _shap().summary_plot(
            contributions[:, known],
            values[:, known],
            feature_names=[names[column] for column in known],
            max_display=shown,
            show=False,
            plot_size=None,
            rng=np.random.default_rng(0),
        )
        axes.tick_params("y", labelsize=9)
        label = both("Contribution to the log-odds of the trees", "对提升树对数几率的贡献")
        axes.set_xlabel(label, fontsize=10)
        # shap has laid out the sheet already, before this label was there.
        plt.gcf().set_layout_engine("tight")
    return sheet.plot()


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
