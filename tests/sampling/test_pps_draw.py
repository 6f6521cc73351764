"""Institutions drawn by size: the page alone repeats it, frequencies are the chances."""

from __future__ import annotations

import hashlib
import hmac
import os
import random
from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sampling.drawing.pps_draw import (
    draw_pps,
    exact_inclusion,
    exact_joint,
    frame_weights,
    weights_bytes,
    weights_hash,
)
from sampling.drawing.pps_faults import PpsError
from sampling.frame import Frame, make_frame

DRAWS = int(os.environ.get("JIHE_PROOF_DRAWS", "400"))
LEVEL = 0.001
SIZES = {"医-1": 900, "a": 40, "b": 210, "c": 75, "d": 130, "e": 5, "f": 60, "g": 330}
DRAWN = 4


def _frame(order: list[str]) -> Frame:
    return make_frame("institution", order, ["s"] * len(order), [SIZES[i] for i in order])


FRAME = _frame(list(SIZES))
WEIGHTS = frame_weights(FRAME, DRAWN)


def independent_pps(raw_weights: bytes, n: int, seed: bytes) -> list[str]:
    """The section of docs/sampling-spec.md, written from the page alone."""
    rows = [line.split("\t") for line in raw_weights.decode().split("\n")[:-1]]
    drawn = [unit_id for _, unit_id, weight in rows if weight == "0"]
    rest = [(f"{unit}|{unit_id}", unit_id, int(w)) for unit, unit_id, w in rows if w != "0"]

    def sums(units: list[int], r: int) -> int:
        return sum(prod(s) for s in combinations(units, r)) if r >= 0 else 0

    r = n - len(drawn)
    for place, (message, unit_id, weight) in enumerate(rest):
        number = int.from_bytes(hmac.digest(seed, message.encode(), "sha256")[:8], "big")
        after = [w for _, _, w in rest[place + 1 :]]
        if r > 0 and number * sums([weight, *after], r) < 2**64 * weight * sums(after, r - 1):
            drawn.append(unit_id)
            r -= 1
    return sorted(drawn, key=str.encode)


def test_the_page_alone_repeats_the_draw() -> None:
    raw = weights_bytes(FRAME, WEIGHTS)
    assert raw.count(b"\t0\n") == 2  # 医-1 and g are certain
    for i in range(60):
        seed = hashlib.sha256(f"page {i}".encode()).digest()
        assert draw_pps(FRAME, WEIGHTS, DRAWN, seed) == independent_pps(raw, DRAWN, seed)


def test_the_page_s_example() -> None:
    assert exact_inclusion([1, 2, 3], 2) == [Fraction(5, 11), Fraction(8, 11), Fraction(9, 11)]
    assert exact_joint([1, 2, 3], 2, 0, 1) == Fraction(2, 11)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=7), st.data())
def test_chances_are_those_of_all_samples_written_down(
    weights: list[int], data: st.DataObject
) -> None:
    certain = [k for k, w in enumerate(weights) if w == 0]
    open_ = [k for k, w in enumerate(weights) if w]
    least = max(1, len(certain) + bool(open_))
    n = data.draw(st.integers(least, len(weights)))
    chances = {
        (*certain, *s): Fraction(prod(weights[k] for k in s))
        for s in combinations(open_, n - len(certain))
    }
    whole = sum(chances.values())
    pi = exact_inclusion(weights, n)
    assert sum(pi) == n
    for k in range(len(weights)):
        assert pi[k] == sum(c for s, c in chances.items() if k in s) / whole
    first, second = data.draw(st.lists(
        st.integers(0, len(weights) - 1), min_size=2, max_size=2, unique=True
    ))  # fmt: skip
    both = sum(c for s, c in chances.items() if first in s and second in s) / whole
    assert exact_joint(weights, n, first, second) == both
    assert exact_joint(weights, n, first, first) == pi[first]


def test_chances_are_proportional_to_size() -> None:
    """医-1 is certain: 4 x 900 > 1750. Of the other 850, 3 x 330 > 850: g too. Then 2 x / 520."""
    pi = dict(zip(FRAME.unit_ids.to_pylist(), exact_inclusion(WEIGHTS, DRAWN), strict=True))
    assert pi["医-1"] == pi["g"] == 1
    for unit in set(SIZES) - {"医-1", "g"}:
        assert float(pi[unit]) == pytest.approx(2 * SIZES[unit] / 520, abs=1e-6)


def _counts(weights: list[int]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    single: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for i in range(DRAWS):
        drawn = draw_pps(FRAME, weights, DRAWN, hashlib.sha256(f"pps {i}".encode()).digest())
        single.update(drawn)
        pairs.update(combinations(drawn, 2))
    return single, pairs


def _least_p(weights: list[int], claimed: list[int]) -> float:
    """Return the least p-value over all units and pairs, times their number (Bonferroni)."""
    ids = FRAME.unit_ids.to_pylist()
    single, pairs = _counts(weights)
    pi = exact_inclusion(claimed, DRAWN)
    tests = [(single[u], float(p)) for u, p in zip(ids, pi, strict=True)]
    tests += [
        (pairs[ids[k], ids[i]], float(exact_joint(claimed, DRAWN, k, i)))
        for k, i in combinations(range(len(ids)), 2)
    ]
    return min(float(stats.binomtest(got, DRAWS, p).pvalue) for got, p in tests) * len(tests)


def test_frequencies_are_the_chances() -> None:
    assert _least_p(WEIGHTS, WEIGHTS) > LEVEL


def test_a_wrong_design_is_noticed() -> None:
    wrong = [3 * w if place == 2 else w for place, w in enumerate(WEIGHTS)]
    assert _least_p(WEIGHTS, wrong) < LEVEL


def test_order_of_rows_and_what_cannot_be_drawn() -> None:
    mixed = random.Random(2).sample(list(SIZES), len(SIZES))
    again = frame_weights(_frame(mixed), DRAWN)
    assert weights_hash(_frame(mixed), again) == weights_hash(FRAME, WEIGHTS)
    seed = bytes(32)
    assert draw_pps(_frame(mixed), again, DRAWN, seed) == draw_pps(FRAME, WEIGHTS, DRAWN, seed)
    empty = make_frame("institution", ["a", "b"], ["s"] * 2, [0, 5])
    with pytest.raises(PpsError, match="'a' has size 0"):
        frame_weights(empty, 1)
    for n in (0, len(SIZES) + 1):
        with pytest.raises(PpsError):
            frame_weights(FRAME, n)
        with pytest.raises(PpsError):
            exact_inclusion(WEIGHTS, n)
