"""What is typical: hand-computed points, row order, small groups, round trip."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.matrix import Matrix
from serving.distributions import DistributionError, Distributions, measure, peer_group


def a_matrix(values, unit="claim"):
    values = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    n = len(values)
    ids = np.array([f"clm_{i:020x}" for i in range(n)])
    return Matrix(
        unit, date(2025, 1, 1), ids, ("x",), values, (1,), ids, ids,
        np.zeros(n, dtype="datetime64[us]"), np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64), "c", "r",
    )  # fmt: skip


def test_points_by_hand() -> None:
    # Of 1..100 the smallest value with at least 5 % of the values at or below it is 5, and so on.
    made = measure(a_matrix(range(1, 101)), ["g"] * 100, "CNY")
    assert made.typical("x", "g") == {"p05": 5.0, "p50": 50.0, "p95": 95.0}


def test_small_groups_and_unknown_values_fall_back_to_the_whole() -> None:
    values = [*range(1, 41), *[1000.0] * 29, *[np.nan] * 31]
    made = measure(a_matrix(values), ["a"] * 40 + ["b"] * 60, "CNY")
    assert made.typical("x", "a")["p50"] == 20.0
    assert made.typical("x", "b") == made.typical("x", "all")
    assert made.typical("x", "never seen") == made.typical("x", "all")
    assert made.typical("y", "a") is None


def test_institutions_are_few() -> None:
    made = measure(a_matrix([1, 2, 3, 4, 5, 60, 70, 80], "institution"), list("aaaaabbb"), "CNY")
    assert made.typical("x", "a")["p95"] == 5.0
    assert made.typical("x", "b") == made.typical("x", "all")
    assert measure(a_matrix([1, 2, 3, 4]), ["a"] * 4, "CNY").typical("x", "a") is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=40, max_size=80), st.randoms())
@settings(max_examples=30, deadline=None)
def test_row_order_does_not_matter_and_json_brings_it_back(values, shuffle) -> None:
    made = measure(a_matrix(values), ["g"] * len(values), "CNY")
    shuffle.shuffle(values)
    again = measure(a_matrix(values), ["g"] * len(values), "CNY")
    assert made == again
    text = json.dumps(made.to_dict(), sort_keys=True)
    assert Distributions.from_dict(json.loads(text)) == made


def test_faults_are_named() -> None:
    with pytest.raises(DistributionError, match="3 rows and 2 peer groups"):
        measure(a_matrix([1, 2, 3]), ["a", "b"], "CNY")
    with pytest.raises(DistributionError):
        Distributions.from_dict({"unit": "claim"})


def test_peer_groups_follow_from_the_facts() -> None:
    facts = {"institution_class": "clinic", "claim_type": "outpatient"}
    assert peer_group("claim", facts) == "clinic|outpatient"
    assert peer_group("claim", {}) == "unknown|unknown"
    assert peer_group("institution", facts) == "clinic"
    assert peer_group("insured", facts) == "all"
