"""Ranks: highest first, ties by the stored seed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.ranking import RankingError, rank, tie_key


def test_the_highest_score_is_inspected_first():
    ids = np.array(["a", "b", "c"])
    assert rank(np.array([0.1, 0.9, 0.5]), ids, 1).tolist() == [3, 1, 2]
    assert rank(np.array([10, 90, 2**53 + 1]), ids, 1).tolist() == [3, 2, 1]


def test_equal_scores_go_by_the_hash_of_seed_and_unit():
    ids = np.array(["甲", "乙", "丙", "丁"])
    keys = {u: hashlib.sha256(f"42|{u}".encode()).digest()[:8] for u in ids}
    expected = sorted(ids, key=lambda u: keys[u])
    got = rank(np.zeros(4), ids, 42)
    assert [str(u) for u in ids[np.argsort(got)]] == expected
    assert tie_key(42, "甲") == int.from_bytes(keys["甲"], "big")


def test_another_seed_deals_ties_anew_and_nothing_else():
    ids = np.array([f"u{i}" for i in range(50)])
    score = np.arange(50) // 10
    one, other = rank(score, ids, 1), rank(score, ids, 2)
    assert (one != other).any()
    assert ((one - 1) // 10 == (other - 1) // 10).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_ranks_are_a_permutation_that_row_order_leaves_alone(scores, random):
    score = np.array(scores, dtype=float)
    ids = np.array([f"u{i}" for i in range(len(scores))])
    ranks = rank(score, ids, 9)
    assert sorted(ranks) == list(range(1, len(scores) + 1))
    assert (np.diff(score[np.argsort(ranks)]) <= 0).all()
    order = np.array(random.sample(range(len(scores)), len(scores)))
    assert (rank(score[order], ids[order], 9) == ranks[order]).all()


def test_refuses_missing_scores_and_repeated_units():
    with pytest.raises(RankingError, match="missing"):
        rank(np.array([1.0, np.nan]), np.array(["a", "b"]), 1)
    with pytest.raises(RankingError, match="twice"):
        rank(np.zeros(2), np.array(["a", "a"]), 1)
