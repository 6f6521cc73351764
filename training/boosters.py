"""Gradient-boosted trees as text: fit a few LightGBM models and add them up as one.

In: feature values, labels and weights. Out: LightGBM text models (one per seed); their margin is
the mean of their raw margins, their contributions the mean of their exact, path-dependent SHAP
values (Lundberg et al. 2020, Nature Machine Intelligence 2, 56-67; LightGBM's ``pred_contrib``).

Predictions always come from the text, also right after fitting, so that what was measured is what
is stored. ``deterministic`` and ``force_row_wise`` make the trees independent of the number of
threads used to build histograms; the text names that number among its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from training.config import TreeSettings
from training.exact_shap import TooDeepError, compile_trees

Floats = npt.NDArray[np.float64]

_MANY = 10_000
# Rows from which tables are worth the seconds that they take to make.
_TABULATED = 5_000


@dataclass(frozen=True)
class Boosters:
    """LightGBM models that are averaged as one summed model."""

    texts: tuple[str, ...]
    models: tuple[lgb.Booster, ...]
    base_value: float

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> Boosters:
        """Read LightGBM text models; they must agree on the number of features."""
        models = tuple(lgb.Booster(model_str=text) for text in texts)
        widths = {model.num_feature() for model in models}
        if len(widths) != 1:
            raise ValueError(f"The boosters disagree on the number of features: {sorted(widths)}.")
        blank = np.full((1, widths.pop()), np.nan)
        base = [float(_predict(model, blank, contributions=True)[0, -1]) for model in models]
        return cls(tuple(texts), models, sum(base) / len(base))

    def margin(self, values: Floats) -> Floats:
        """Return the mean raw margin of each row, shape (n,)."""
        total = np.zeros(len(values))
        for model in self.models if len(values) else ():
            total += _predict(model, values, contributions=False)
        return total / len(self.models)

    def contributions(self, values: Floats) -> Floats:
        """Return mean SHAP values (n, p); with ``base_value`` they add up to the margin.

        From ``_TABULATED`` rows on they come from tables, which agree with LightGBM to the last
        digits only; a few rows are explained both ways, and tables that disagree are not used.
        """
        if len(values) >= _TABULATED:
            with suppress(TooDeepError):
                total = compile_trees(self.texts).contributions(values)
                few = slice(None, None, len(values) // 8)
                if np.allclose(total[few], self._by_lightgbm(values[few]), rtol=0.0, atol=1e-9):
                    return total / len(self.models)
        return self._by_lightgbm(values) / len(self.models)

    def _by_lightgbm(self, values: Floats) -> Floats:
        total = np.zeros(values.shape)
        for model in self.models if len(values) else ():
            total += _predict(model, values, contributions=True)[:, :-1]
        return total


def fit_boosters(
    values: Floats,
    labels: Floats,
    weights: Floats,
    settings: TreeSettings,
    constraints: Sequence[int] | None = None,
    start: Floats | None = None,
) -> Boosters:
    """Fit one booster per seed of ``settings``; ``constraints`` are +1, -1 or 0 per feature.

    ``start`` (n,) are log-odds that the trees begin from; they are no part of the result.
    """
    sized = settings.sized(int((labels > 0).sum()), len(labels))
    names = [f"f{j}" for j in range(values.shape[1])]
    data = lgb.Dataset(
        np.ascontiguousarray(values),
        label=labels,
        weight=weights,
        init_score=start,
        feature_name=names,
        free_raw_data=False,
        params={"verbosity": -1, "feature_pre_filter": False, "max_bin": 255},
    )
    texts = []
    for seed in settings.seeds:
        parameters = _parameters(sized, seed, constraints)
        model = lgb.train(parameters, data, num_boost_round=sized.rounds)
        texts.append(model.model_to_string())
    return Boosters.from_texts(texts)


def _parameters(
    settings: TreeSettings, seed: int, constraints: Sequence[int] | None
) -> dict[str, object]:
    parameters: dict[str, object] = {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.leaf_size,
        "min_sum_hessian_in_leaf": 1e-3,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1 if settings.bagging_fraction < 1.0 else 0,
        "lambda_l2": settings.lambda_l2,
        "seed": seed,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "max_bin": 255,
        "verbosity": -1,
    }
    if constraints is not None and any(constraints):
        parameters["monotone_constraints"] = [int(c) for c in constraints]
    return parameters


def _predict(model: lgb.Booster, values: Floats, *, contributions: bool) -> Floats:
    """Predict few rows on one thread, many on all: a row's own sum is the same either way."""
    result = model.predict(
        np.ascontiguousarray(values),
        raw_score=not contributions,
        pred_contrib=contributions,
        num_threads=1 if len(values) < _MANY else 0,
    )
    return np.asarray(result, dtype=np.float64)
