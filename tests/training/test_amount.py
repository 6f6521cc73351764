"""The recovered share: hand-computed shrinkage, money as integers."""

from __future__ import annotations

import numpy as np
import pytest

from training.amount import AmountError, RecoveredShare, fit_share
from training.config import AmountSettings


def share_of(strength: float = 2.0) -> RecoveredShare:
    """Return the share of three cases: a 0.5 and 0.1, b 0.9 (weight 2)."""
    found = fit_share(
        overpaid=np.array([50.0, 20.0, 900.0, np.nan]),
        paid=np.array([100, 200, 1000, 100]),
        groups=np.array(["a", "a", "b", "b"]),
        weights=np.array([1.0, 1.0, 2.0, 5.0]),
        settings=AmountSettings(strength=strength),
    )
    assert found is not None
    return found


def test_shrinks_by_hand():
    # Mean weight of the usable cases 4/3, so weights .75, .75, 1.5; overall
    # (.375 + .075 + 1.35) / 3 = .6;
    # a: (.45 + 2 * .6) / (1.5 + 2) = .4714..., b: (1.35 + 1.2) / (1.5 + 2) = .72857...
    found = share_of()
    assert found.overall == pytest.approx(0.6)
    assert found.groups == pytest.approx({"a": 1.65 / 3.5, "b": 2.55 / 3.5})


def test_expected_amount_rounds_to_minor_units():
    found = RecoveredShare(0.6, 2.0, {"a": 0.25})
    got = found.expected(
        np.array([0.5, 0.5, 1.0, 1.0]),
        np.array([1000, 1000, -5, 10]),
        np.array(["a", "unheard of", "a", "a"]),
    )
    assert got.dtype == np.int64
    assert got.tolist() == [125, 300, 0, 2]


def test_a_share_is_never_above_one_and_order_changes_nothing():
    rng = np.random.default_rng(1)
    paid, overpaid = rng.integers(1, 100, 500), rng.integers(0, 200, 500).astype(float)
    groups, weights = rng.integers(0, 9, 500).astype(str), rng.random(500) + 0.1
    one = fit_share(overpaid, paid, groups, weights)
    order = rng.permutation(500)
    other = fit_share(overpaid[order], paid[order], groups[order], weights[order])
    assert one is not None
    assert other is not None
    assert max(one.groups.values()) <= 1
    assert other.groups == pytest.approx(one.groups, abs=1e-12)


def test_no_amount_no_share():
    nothing = fit_share(np.array([np.nan]), np.array([5]), np.array(["a"]), np.ones(1))
    assert nothing is None


def test_refuses_negative_amounts_strengths_and_odd_risks():
    with pytest.raises(AmountError, match="below 0"):
        fit_share(np.array([-1.0]), np.array([5]), np.array(["a"]), np.ones(1))
    with pytest.raises(AmountError, match="strength"):
        fit_share(
            np.array([1.0]),
            np.array([5]),
            np.array(["a"]),
            np.ones(1),
            None,
            AmountSettings(strength=0.0),
        )
    with pytest.raises(AmountError, match="probability"):
        share_of().expected(np.array([1.5]), np.array([5]), np.array(["a"]))
    with pytest.raises(AmountError, match="Unknown amount"):
        RecoveredShare.from_dict({"method": "?"})
    assert RecoveredShare.from_dict(share_of().to_dict()) == share_of()


def halves(n: int = 400) -> tuple[RecoveredShare, np.ndarray, np.ndarray]:
    """Return a share learnt from n cases of one kind: .9 where the feature is high, else .1."""
    values = np.random.default_rng(5).normal(size=(n, 3))
    high = values[:, 1] > 0
    overpaid = np.where(high, 90.0, 10.0)
    groups = np.full(n, "a")
    found = fit_share(overpaid, np.full(n, 100), groups, np.ones(n), values)
    assert found is not None
    return found, values, high


def test_trees_find_the_share_that_a_feature_decides():
    found, values, high = halves()
    share = found.share(np.full(len(values), "a"), values)
    # 60 rounds at .05 go 95 % of the way from the kind's .5.
    assert share[high].min() > 0.8
    assert share[~high].max() < 0.2
    assert ((share > 0) & (share <= 1)).all()


def test_the_parts_of_a_share_add_up_whatever_the_values():
    found, values, _ = halves()
    odd = np.vstack([values, np.full((1, 3), np.nan), np.full((1, 3), np.inf)])
    groups = np.array([*["a"] * len(values), "never seen", "a"])
    parts, share = found.parts(groups, odd), found.share(groups, odd)
    total = parts.base + parts.contributions.sum(axis=1) + parts.limit
    assert np.abs(total - share).max() <= 1e-9
    assert np.abs(parts.contributions[:, 1]).max() > 0.3


def test_few_amounts_get_no_trees_and_trees_survive_their_text():
    found, values, _ = halves()
    assert halves(49)[0].trees is None
    assert found.trees is not None
    again = RecoveredShare.from_dict(found.to_dict(), found.trees.texts[0])
    groups = np.full(len(values), "a")
    assert again.share(groups, values).tobytes() == found.share(groups, values).tobytes()
    with pytest.raises(AmountError, match="do not belong together"):
        RecoveredShare.from_dict(found.to_dict())
    with pytest.raises(AmountError, match="pass their values"):
        found.share(groups)


def test_the_limit_is_what_the_bounds_take_or_add_and_else_nothing():
    learnt, values, high = halves()
    inside = learnt.parts(np.full(len(values), "a"), values)
    assert np.abs(inside.limit).max() < 1e-9
    # Trees add about .38 or take it away: above 1 from .9, below .001 from .1.
    found = RecoveredShare(0.5, 2.0, {"much": 0.9, "little": 0.1}, learnt.trees)
    groups = np.where(high, "much", "little")
    share, parts = found.share(groups, values), found.parts(groups, values)
    assert share.tolist() == np.where(high, 1.0, 0.001).tolist()
    assert (parts.limit[high] < -0.2).all()
    assert (parts.limit[~high] > 0.2).all()


def test_the_expected_amount_follows_the_trees_to_the_minor_unit():
    found, values, _ = halves()
    groups, n = np.full(len(values), "a"), len(values)
    got = found.expected(np.full(n, 0.5), np.full(n, 100_001), groups, values)
    by_hand = [round(0.5 * s * 100_001) for s in found.share(groups, values).tolist()]
    assert got.tolist() == by_hand
    assert len(set(by_hand)) == 2


def test_a_case_of_half_the_weight_pulls_the_trees_half_as_much():
    """One feature value, shares .2 and .8: trees see the kind's rest, weighted as the cases are."""
    n = 200
    values = np.repeat([[0.0], [1.0]], n // 2, axis=0)
    overpaid = np.tile([20.0, 80.0], n // 2)
    weights = np.where(np.tile([True, False], n // 2), 3.0, 1.0)
    # The second half is heavy where the share is high, the first where it is low.
    weights[n // 2 :] = weights[n // 2 :][::-1]
    settings = AmountSettings(rounds=400, learning_rate=0.1, leaf_size=5, lambda_l2=0.0)
    found = fit_share(overpaid, np.full(n, 100), np.full(n, "a"), weights, values, settings)
    assert found is not None
    # Weighted means: (3 * .2 + .8) / 4 = .35 and (.2 + 3 * .8) / 4 = .65.
    assert found.share(np.array(["a", "a"]), np.array([[0.0], [1.0]])) == pytest.approx(
        [0.35, 0.65], abs=0.03
    )


def test_trees_begin_with_the_least_number_of_amounts():
    assert halves(50)[0].trees is not None


def test_without_trees_the_kind_is_the_whole_share():
    parts = share_of().parts(np.array(["a", "c"]), np.zeros((2, 3)))
    assert parts.base == pytest.approx([1.65 / 3.5, 0.6])
    assert not parts.contributions.any()
    assert not parts.limit.any()


def test_no_bit_of_a_kinds_share_depends_on_the_order_of_the_cases():
    rng = np.random.default_rng(6)
    overpaid, weights = rng.random(301), rng.random(301) + 0.1
    paid, groups = np.ones(301, dtype=np.int64), rng.integers(0, 3, 301).astype(str)
    one = fit_share(overpaid, paid, groups, weights)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(301)
        other = fit_share(overpaid[order], paid[order], groups[order], weights[order])
        assert other == one
