"""Folds by group and forward in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config import LabelSettings, SplitSettings
from training.splits import grouped_folds, make_splits

NEEDED = LabelSettings(min_positives=5, min_negatives=5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=30, max_size=200),
    st.integers(2, 5),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
def test_a_group_is_never_split_and_order_changes_nothing(rows, k, seed, random):
    rows += [(g, False) for g in range(k)]
    groups = np.array([f"g{g}" for g, _ in rows])
    labels = np.array([y for _, y in rows])
    fold = grouped_folds(groups, labels, k, seed)
    assert set(fold) == set(range(k))
    assert all(len(set(fold[groups == g])) == 1 for g in groups)
    order = np.array(random.sample(range(len(rows)), len(rows)))
    assert (grouped_folds(groups[order], labels[order], k, seed) == fold[order]).all()


def test_confirmed_cases_are_spread_evenly():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 200, 2000).astype(str)
    labels = rng.random(2000) < 0.1
    fold = grouped_folds(groups, labels, 5, 1)
    held = np.bincount(fold, labels)
    assert held.max() - held.min() <= 1
    assert np.bincount(fold).max() < 1.2 * np.bincount(fold).min()


def test_the_seed_deals_anew():
    groups = np.arange(100).astype(str)
    labels = np.arange(100) % 4 == 0
    assert (grouped_folds(groups, labels, 5, 1) != grouped_folds(groups, labels, 5, 2)).any()


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="2 groups cannot fill 3 folds"):
        grouped_folds(np.array(["a", "b"]), np.array([0, 1]), 3, 1)


ALL = np.ones(300, dtype=bool)


def rows_over(days: int):
    """Return 300 rows of 60 groups over ``days`` days."""
    i = np.arange(300)
    dates = np.datetime64("2024-01-01") + (i * days // 300).astype("timedelta64[D]")
    return np.array([f"g{n % 60}" for n in i]), (i % 3 == 0).astype(float), dates


def test_long_spans_are_split_forward_with_a_gap():
    groups, labels, dates = rows_over(300)
    splits = make_splits(groups, labels, dates, ALL, SplitSettings(gap_days=20), NEEDED)
    assert splits.kind == "forward_grouped"
    assert splits.cutoff == np.datetime64("2024-01-01") + np.timedelta64(210, "D")
    tested = np.concatenate([test for _, test in splits.pairs])
    assert sorted(tested) == np.flatnonzero(dates >= splits.cutoff).tolist()
    for train, test in splits.pairs:
        assert not set(groups[train]) & set(groups[test])
        assert dates[train].max() < splits.cutoff - np.timedelta64(20, "D")


def test_short_spans_and_thin_ends_are_split_by_group_alone():
    groups, labels, dates = rows_over(100)
    splits = make_splits(groups, labels, dates, ALL, SplitSettings(), NEEDED)
    assert (splits.kind, splits.cutoff) == ("grouped", None)
    assert sorted(np.concatenate([test for _, test in splits.pairs])) == list(range(300))
    groups, labels, dates = rows_over(300)
    labels[dates >= np.datetime64("2024-07-29")] = 0
    assert make_splits(groups, labels, dates, ALL, SplitSettings(), NEEDED).kind == "grouped"


def test_verdicts_that_do_not_judge_neither_set_the_cutoff_nor_carry_its_early_part():
    """A year of tip-offs before one plan: its verdicts test nothing that never saw a plan."""
    groups, labels, dates = rows_over(300)
    plan = dates >= np.datetime64("2024-08-01")
    assert make_splits(groups, labels, dates, plan, SplitSettings(), NEEDED).kind == "grouped"
    # Two plans, tip-offs in between: the second tests what learnt from the first and the tip-offs.
    i = np.arange(300)
    drawn = (i < 120) | (i >= 180)
    splits = make_splits(groups, labels, dates, drawn, SplitSettings(gap_days=20), NEEDED)
    assert splits.kind == "forward_grouped"
    assert splits.cutoff == dates[drawn][168]
    assert any((~drawn[train]).any() for train, _ in splits.pairs)
    nobody = np.zeros(300, dtype=bool)
    assert make_splits(groups, labels, dates, nobody, SplitSettings(), NEEDED).kind == "grouped"
