"""Overlap of two lists: by hand, at its limits, and of models made again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.stability import (
    StabilityError,
    compare_heads,
    jaccard,
    rank_biased_overlap,
    stability,
)


def letters(text: str) -> np.ndarray:
    return np.array(list(text))


def test_rank_biased_overlap_by_hand():
    # abc and acd: in common 1, 1, 2 of 1, 2, 3. With p = .5, eq. 23:
    # 2/3 * .125 + (.5 / .5) * (1 * .5 + .5 * .25 + 2/3 * .125) = .083333 + .708333
    assert rank_biased_overlap(letters("abc"), letters("acd"), 0.5) == pytest.approx(19 / 24)
    # abcd and bacd: 0, 2, 3, 4 in common; without the first agreement 1 - (1 - p) is lost.
    assert rank_biased_overlap(letters("abcd"), letters("bacd"), 0.5) == pytest.approx(0.5)
    # The usual persistence of a list of 4 is .75.
    assert rank_biased_overlap(letters("abcd"), letters("bacd")) == pytest.approx(0.75)


def test_equal_lists_overlap_wholly_and_disjoint_ones_not_at_all():
    assert rank_biased_overlap(letters("abcde"), letters("abcde")) == pytest.approx(1.0)
    assert rank_biased_overlap(letters("abcde"), letters("vwxyz")) == 0.0
    assert rank_biased_overlap(letters("a"), letters("a")) == pytest.approx(1.0)
    assert jaccard(letters("abc"), letters("bcd")) == pytest.approx(2 / 4)
    assert jaccard(letters(""), letters("")) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.permutations(list("abcdefgh")), st.permutations(list("abcdefgh")), st.integers(1, 8))
def test_overlap_is_symmetric_and_a_share(first, second, k):
    one, other = np.array(first[:k]), np.array(second[:k])
    overlap = rank_biased_overlap(one, other, 0.9)
    assert overlap == pytest.approx(rank_biased_overlap(other, one, 0.9))
    assert -1e-12 <= overlap <= 1 + 1e-12
    # Its definition, term by term.
    shares = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, k + 1)]
    terms = sum(a * 0.9**d for d, a in enumerate(shares, 1))
    assert overlap == pytest.approx(shares[-1] * 0.9**k + 0.1 / 0.9 * terms)


def test_a_change_at_the_top_counts_more():
    base = letters("abcdefghij")
    top, bottom = letters("zbcdefghij"), letters("abcdefghiz")
    assert jaccard(base, top) == jaccard(base, bottom)
    assert rank_biased_overlap(base, top) < rank_biased_overlap(base, bottom)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [("ab", "abc", None), ("", "", None), ("aa", "ab", None), ("ab", "ba", 1.0), ("ab", "ba", 0.0)],
)
def test_lists_that_cannot_be_compared_are_refused(first, second, p):
    with pytest.raises(StabilityError):
        rank_biased_overlap(letters(first), letters(second), p)


def test_heads_and_pairs():
    ids = letters("abcdef")
    one, other = np.array([6.0, 5, 4, 3, 2, 1]), np.array([6.0, 3, 4, 5, 2, 1])
    told = compare_heads(one, other, ids, 2, 1)  # ab and ad
    assert (told["k"], told["stayed"], told["stayed_share"]) == (2, 1, 0.5)
    assert told["jaccard"] == pytest.approx(1 / 3)
    three = stability([one, one, other], ids, 2, 1)
    assert three["mean"]["stayed_share"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert three["worst"]["stayed_share"] == 0.5
    assert stability([one, one], ids, 99, 1)["k"] == 6
    with pytest.raises(StabilityError, match="two rankings"):
        stability([one], ids, 2, 1)
