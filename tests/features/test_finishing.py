"""Finishing functions against hand arithmetic, and a row alone against a row in a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.finishing import FINISHING, PEER_MINIMUM, peer_z

NAN = math.nan
ARITY = {"value": 1, "log": 1, "ratio": 2, "share": 2, "log_ratio": 2, "difference": 2, "years": 1,
         "growth": 2, "robust_z": 4}  # fmt: skip


def finished(name: str, *atoms: float) -> float:
    with np.errstate(all="ignore"):
        return float(FINISHING[name](*(np.array([atom], dtype=float) for atom in atoms))[0])


@pytest.mark.parametrize(
    ("name", "atoms", "expected"),
    [
        ("value", (3,), 3.0),
        ("log", (99,), math.log(100)),
        ("log", (0,), 0.0),
        ("log", (-5,), 0.0),
        ("ratio", (7, 2), 3.5),
        ("ratio", (7, 0), NAN),
        ("ratio", (7, -2), NAN),
        ("share", (1, 4), 0.25),
        ("share", (5, 4), 1.0),
        ("share", (-1, 4), 0.0),
        ("share", (0, 0), NAN),
        ("log_ratio", (198, 2), math.log(100)),
        ("log_ratio", (1, 0), NAN),
        ("difference", (10, 12), -2.0),
        ("years", (36525,), 100.0),
        ("growth", (99, 9), math.log(10)),
        ("growth", (NAN, 9), -math.log(10)),
        ("growth", (99, NAN), math.log(100)),
        # (160 - 100) / (1.4826 x 20)
        ("robust_z", (160, 30, 100, 20), 60 / 29.652),
        # The spread is at least 5 % of the median, and at least 1.
        ("robust_z", (160, 30, 100, 0), 12.0),
        ("robust_z", (13, 30, 10, 0), 3.0),
        ("robust_z", (13, 30, 0, 0), 13.0),
        ("robust_z", (10_000, 30, 100, 0), 50.0),
        ("robust_z", (-10_000, 30, 100, 0), -50.0),
        ("robust_z", (160, PEER_MINIMUM - 1, 100, 20), NAN),
        ("robust_z", (160, NAN, NAN, NAN), NAN),
    ],
)  # fmt: skip
def test_hand_numbers(name, atoms, expected):
    assert finished(name, *atoms) == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(ARITY) - {"growth"}))
def test_an_unknown_atom_makes_the_value_unknown(name):
    known = [50.0] * ARITY[name]
    assert not math.isnan(finished(name, *known))
    for place in range(ARITY[name]):
        atoms = [NAN if n == place else 50.0 for n in range(ARITY[name])]
        assert math.isnan(finished(name, *atoms))


def test_every_function_is_tested_here():
    assert set(ARITY) == set(FINISHING)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ARITY)), st.integers(1, 130), st.integers(0, 2**32 - 1))
def test_a_row_alone_equals_a_row_in_a_batch(name, length, seed):
    rng = np.random.default_rng(seed)
    atoms = [np.round(rng.lognormal(6, 4, length)) * rng.choice([1, 1, 1, -1, 0], length)
             for _ in range(ARITY[name])]  # fmt: skip
    for atom in atoms:
        atom[rng.random(length) < 0.1] = np.nan
    with np.errstate(all="ignore"):
        batch = FINISHING[name](*atoms)
        alone = np.array([FINISHING[name](*(a[n : n + 1].copy() for a in atoms))[0]
                          for n in range(length)])  # fmt: skip
    assert batch.tobytes() == alone.tobytes()


def test_inputs_are_left_as_they_were():
    given_ = np.array([1.0, np.nan])
    FINISHING["value"](given_)[0] = 9.0
    assert given_[0] == 1.0


def z(values, groups, fallback):
    return peer_z(np.array(values, dtype=float), np.array(groups), np.array(fallback))


def test_peers_of_the_same_group_are_compared():
    # median 3, MAD 1, spread 1.4826
    found = z([1, 2, 3, 4, 5, 100, 100, 100, 100, 100], ["a"] * 5 + ["b"] * 5, ["k"] * 10)
    assert found[0] == pytest.approx(-2 / 1.4826)
    assert found[4] == pytest.approx(2 / 1.4826)
    assert list(found[5:]) == [0.0] * 5


def test_a_small_group_climbs_to_the_class_then_to_all():
    values = [1, 2, 3, 4, 5, 6, 100]
    groups = ["a"] * 4 + ["b", "c", "d"]
    classes = ["k"] * 6 + ["m"]
    found = z(values, groups, classes)
    # Class k: 1..6, median 3.5, MAD 1.5.
    assert found[5] == pytest.approx(2.5 / (1.4826 * 1.5))
    # All: median 4, deviations 3,2,1,0,1,2,96 -> MAD 2; (100 - 4) / 2.9652 = 32.4
    assert found[6] == pytest.approx(96 / (1.4826 * 2))


def test_fewer_than_five_known_values_compare_with_nobody():
    assert np.isnan(z([1, 2, 3, 4, NAN], ["a"] * 5, ["k"] * 5)).all()
    assert not np.isnan(z([1, 2, 3, 4, 5], ["a"] * 5, ["k"] * 5)).any()


def test_an_unknown_value_stays_unknown_among_known_peers():
    found = z([1, 2, 3, 4, 5, NAN], ["a"] * 6, ["k"] * 6)
    assert np.isnan(found[5])
    assert not np.isnan(found[:5]).any()


def test_equal_peers_get_a_spread():
    # MAD 0: the spread is 5 % of the median, 0.01 at least; z is held at 50.
    assert z([100] * 5 + [110], ["a"] * 6, ["k"] * 6)[5] == pytest.approx(2.0)
    assert z([0] * 5 + [0.1], ["a"] * 6, ["k"] * 6)[5] == pytest.approx(10.0)
    assert z([0] * 5 + [9], ["a"] * 6, ["k"] * 6)[5] == 50.0


@settings(max_examples=25, deadline=None)
@given(arrays(float, 12, elements=st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_the_order_of_institutions_changes_nothing(values, random):
    groups = np.array(["a", "b", "c"] * 4)
    order = np.array(random.sample(range(12), 12))
    whole = peer_z(values, groups, np.array(["k"] * 12))
    shuffled = peer_z(values[order], groups[order], np.array(["k"] * 12))
    assert whole[order].tobytes() == shuffled.tobytes()


def test_nobody_to_compare():
    assert len(z([], np.array([], dtype=np.str_), np.array([], dtype=np.str_))) == 0
