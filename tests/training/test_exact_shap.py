"""Tabulated SHAP values are those of LightGBM, row by row, whatever the trees decide on."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training import boosters, exact_shap
from training.boosters import Boosters, fit_boosters
from training.config import TreeSettings
from training.exact_shap import TooDeepError, compile_trees, read_trees


def fitted(seed: int, features: int = 6, rows: int = 400, **parameters: object) -> lgb.Booster:
    """Return a booster on values with gaps and zeros; some columns have no gap when fitting."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features)).round(1)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 0] = np.nan_to_num(values[:, 0])
    target = np.nan_to_num(values).sum(axis=1) + rng.normal(size=rows) > 0.5
    given = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "num_leaves": 12, "seed": 1}
    return lgb.train(
        {**given, "objective": "binary", **parameters},
        lgb.Dataset(values, target.astype(float)),
        num_boost_round=4,
    )


def odd_rows(seed: int, features: int = 6, rows: int = 60) -> np.ndarray:
    """Return rows with gaps, exact zeros, infinities and values that LightGBM takes for zero."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features)).round(1)
    odd = np.array([np.nan, 0.0, -0.0, np.inf, -np.inf, 1e-36, -1e-36, 1e308])
    places = rng.random(values.shape) < 0.3
    values[places] = rng.choice(odd, places.sum())
    return values


def by_lightgbm(model: lgb.Booster, values: np.ndarray) -> np.ndarray:
    return model.predict(values, pred_contrib=True, num_threads=1)[:, :-1]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.integers(2, 40),
    missing=st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}]),
    shared=st.integers(0, 9),
    tabled=st.integers(0, 6),
)
def test_the_values_are_those_of_lightgbm(seed, leaves, missing, shared, tabled):
    model = fitted(seed, num_leaves=leaves, **missing)
    values = odd_rows(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_shap, "SHARED_BITS", shared)
        patch.setattr(exact_shap, "TABLE_BITS", tabled)
        found = compile_trees([model.model_to_string()]).contributions(values)
    assert np.abs(found - by_lightgbm(model, values)).max() < 1e-12


def test_the_values_are_shapley_values_by_their_definition():
    """Lundberg et al. 2020, Algorithm 1: the game by walking the tree, summed over coalitions."""
    model = fitted(5, features=3)
    values = odd_rows(5, features=3, rows=20)
    trees = list(read_trees(model.model_to_string()))

    def game(tree, row, coalition, place=0):
        if place < 0:
            return tree.leaf_value[~place]
        children = (int(tree.left[place]), int(tree.right[place]))
        if int(tree.feature[place]) in coalition:
            left = exact_shap._goes_left(tree, place, row[:, None])[0]
            return game(tree, row, coalition, children[0 if left else 1])
        return sum(
            tree.count(c) / tree.count(place) * game(tree, row, coalition, c) for c in children
        )

    expected = np.zeros(values.shape)
    for n, row in enumerate(values):
        for j in range(3):
            others = [f for f in range(3) if f != j]
            for size in range(3):
                for chosen in combinations(others, size):
                    share = factorial(size) * factorial(2 - size) / factorial(3)
                    gain = sum(
                        game(t, row, {*chosen, j}) - game(t, row, set(chosen)) for t in trees
                    )
                    expected[n, j] += share * gain
    found = compile_trees([model.model_to_string()]).contributions(values)
    assert np.abs(found - expected).max() < 1e-12


def test_a_path_of_more_features_than_tables_hold_is_explained_without_lightgbm():
    """Leaf-wise trees that pick the first large one of 29 columns grow chains of splits."""
    rng = np.random.default_rng(8)
    values = rng.normal(size=(3_000, 29))
    target = (values > 1.0).argmax(axis=1) + 0.01 * rng.normal(size=3_000)
    given = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "num_leaves": 60, "seed": 1}
    model = lgb.train({**given, "objective": "regression"}, lgb.Dataset(values, target), 3)
    compiled = compile_trees([model.model_to_string()])
    assert any(len(leaf.features) > 14 for leaf in deep_leaves(compiled))
    assert np.abs(compiled.contributions(values) - by_lightgbm(model, values)).max() < 1e-9


def deep_leaves(compiled):
    """Return the leaves that have no table."""
    waiting = [step for _, step in compiled.trees]
    for step in waiting:
        waiting.extend(step.below)
    return [step.block for step in waiting if isinstance(step.block, exact_shap.DeepLeaf)]


@pytest.mark.parametrize("tabled", [14, 2])
def test_a_rows_bits_depend_neither_on_the_batch_nor_on_its_order(monkeypatch, tabled):
    monkeypatch.setattr(exact_shap, "TABLE_BITS", tabled)
    monkeypatch.setattr(exact_shap, "SHARED_BITS", min(tabled, 8))
    model = compile_trees([fitted(1).model_to_string(), fitted(2).model_to_string()])
    values = odd_rows(3, rows=200)
    whole = model.contributions(values)
    monkeypatch.setattr(exact_shap, "_CHUNK", 7)
    assert model.contributions(values[::-1])[::-1].tobytes() == whole.tobytes()
    assert model.contributions(values[11:12]).tobytes() == whole[11:12].tobytes()
    assert model.contributions(values[:0]).shape == (0, 6)


def test_a_tree_of_one_leaf_contributes_nothing():
    model = fitted(1, min_data_in_leaf=300)
    assert not compile_trees([model.model_to_string()]).contributions(odd_rows(1)).any()


def test_deep_and_categorical_trees_are_refused(monkeypatch):
    text = fitted(1).model_to_string()
    with pytest.raises(TooDeepError, match="Only trees of numbers"):
        compile_trees([text.replace("num_cat=0", "num_cat=1")])
    monkeypatch.setattr(exact_shap, "MOST_BITS", 1)
    monkeypatch.setattr(exact_shap, "SHARED_BITS", 1)
    with pytest.raises(TooDeepError, match=r"names [2-9] features; patterns hold 1"):
        compile_trees([text])


@pytest.fixture
def averaged() -> tuple[Boosters, np.ndarray]:
    """Return two boosters on a table, and rows to explain."""
    values = odd_rows(9, rows=300)
    labels = (np.nan_to_num(values[:, 1], posinf=1.0, neginf=-1.0) > 0).astype(np.float64)
    settings = TreeSettings(rounds=5, seeds=(1, 2))
    return fit_boosters(values, labels, np.ones(300), settings), values


def test_many_rows_are_explained_by_tables(averaged, monkeypatch):
    model, values = averaged
    few = model.contributions(values)
    monkeypatch.setattr(boosters, "_TABULATED", 10)
    monkeypatch.setattr(Boosters, "_by_lightgbm", forbid_many(Boosters._by_lightgbm))
    many = model.contributions(values)
    assert np.abs(many - few).max() < 1e-12
    added = many.sum(axis=1) + model.base_value
    assert np.abs(added - model.margin(values)).max() < 1e-9


def forbid_many(by_lightgbm):
    """Return ``by_lightgbm`` for a few rows only."""

    def limited(self, values):
        assert len(values) <= 10
        return by_lightgbm(self, values)

    return limited


@pytest.mark.parametrize("fault", ["wrong", "deep"])
def test_tables_that_disagree_or_cannot_be_made_are_not_used(averaged, monkeypatch, fault):
    model, values = averaged
    right = model.contributions(values)
    monkeypatch.setattr(boosters, "_TABULATED", 10)
    if fault == "deep":
        monkeypatch.setattr(exact_shap, "MOST_BITS", 0)
        monkeypatch.setattr(exact_shap, "SHARED_BITS", 0)
    else:
        whole = exact_shap.Compiled.contributions
        monkeypatch.setattr(
            exact_shap.Compiled, "contributions", lambda self, rows: whole(self, rows) * 1.001
        )
    assert model.contributions(values).tobytes() == right.tobytes()
