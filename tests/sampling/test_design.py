"""Strata and allocation: hand-worked plans, and rules that hold for any frame."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sampling.design import (
    DesignError,
    allocate,
    floor_draws,
    minimum_draws,
    parse_capacity,
    parse_share,
    share_out,
    smallest_capacity,
)
from sampling.frame import make_frame
from sampling.planning.stratify import design_plan, stratify

SIZES = st.dictionaries(
    st.sampled_from([f"c{i}/1/b{j}" for i in range(4) for j in (1, 2, 3)]),
    st.integers(1, 40), min_size=1, max_size=8,
)  # fmt: skip
SHARES = st.sampled_from(["0.05", "0.3", "0.5", "0.9", "1"])


def _frame(sizes: dict[str, int]):
    strata = [name for name, n in sizes.items() for _ in range(n)]
    return make_frame("claim", [f"U{i:05d}" for i in range(len(strata))], strata, [1] * len(strata))


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [("200", 1000, 200), (" 200 ", 200, 200), ("2%", 1000, 20), ("2%", 1001, 21),
     ("0.1%", 50, 1), ("100%", 7, 7), ("12.5%", 8, 1)],
)  # fmt: skip
def test_capacity_texts(text: str, size: int, expected: int) -> None:
    assert parse_capacity(text, size) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "-3", "1.5", "2 %", "%", "0%", "101%", "201", "１0", "1e2", "abc", "007"]
)
def test_capacities_that_are_refused(text: str) -> None:
    with pytest.raises(DesignError) as caught:
        parse_capacity(text, 200)
    assert caught.value.text("zh")


def test_a_capacity_above_the_frame_is_never_cut() -> None:
    with pytest.raises(DesignError, match="choose a capacity from 1 to 10"):
        parse_capacity("11", 10)
    with pytest.raises(DesignError, match="choose a capacity from 1 to 10"):
        allocate(_frame({"a": 10}), 11, "0.5")


def test_shares_are_exact_decimals() -> None:
    assert parse_share(0.3, "random_share", zero=False) == Decimal("0.3")
    assert floor_draws(10, 10, Decimal("0.3"), 100) == 1  # 0.3 exactly, its ceiling 1
    # 0.1 x 30 x 100 / 100 is exactly 3; with floats 0.1 * 3 exceeds 0.3 and the ceiling slips.
    assert floor_draws(100, 30, Decimal("0.1"), 100) == 3
    for wrong in ("0", "-0.1", "1.1", "nan", "x"):
        with pytest.raises(DesignError):
            parse_share(wrong, "random_share", zero=False)


def test_allocation_by_hand() -> None:
    """N = 100, n = 20, share 0.5: f = 0.1. Floors 1, 2, 7 and 1; the fewest draws 4, 2, 2, 7.

    The take-all stratum costs 4, so 20 - 4 - 2 - 2 - 7 = 5 are spare. By band 70 : 25 : 5 that is
    3.5, 1.25, 0.25, hence 3, 1, 0 and one more for the largest remainder, band b1: 4, 1, 0.
    """
    frame = _frame({"k/1/b1": 8, "k/1/b2": 18, "k/1/b3": 70, "k/1/top": 4})
    bands = {"k/1/b1": "b1", "k/1/b2": "b2", "k/1/b3": "b3", "k/1/top": "b1"}
    design = allocate(frame, 20, "0.5", "0.2", bands=bands, take_all=["k/1/top"])
    got = [(s.name, s.units, s.draws, s.floor, s.take_all) for s in design.strata]
    assert got == [
        ("k/1/b1", 8, 6, 1, False),
        ("k/1/b2", 18, 3, 2, False),
        ("k/1/b3", 70, 7, 7, False),
        ("k/1/top", 4, 4, 1, True),
    ]


def test_within_a_band_draws_follow_the_size() -> None:
    frame = _frame({"a/1/b1": 60, "b/1/b1": 30, "c/1/b1": 10})
    design = allocate(frame, 16, "0.01", bands={})
    # 2 each, then 10 by 6 : 3 : 1.
    assert [s.draws for s in design.strata] == [8, 5, 3]


def test_largest_remainders_get_what_is_left() -> None:
    # 10 x 11/100, 26/100 and 63/100 are 1.1, 2.6 and 6.3: the one left goes to 0.6.
    assert share_out(10, [11, 26, 63], [99, 99, 99]) == [1, 3, 6]
    # Equal remainders go to the earlier place.
    assert share_out(3, [1, 1], [9, 9]) == [2, 1]
    # The third is full at 2; its 4.3 others are split again as 11 : 26.
    assert share_out(10, [11, 26, 63], [99, 99, 2]) == [2, 6, 2]


@settings(max_examples=150, deadline=None)
@given(
    total=st.integers(0, 200),
    parts=st.lists(st.tuples(st.integers(1, 90), st.integers(0, 60)), min_size=1, max_size=8),
)
def test_share_out(total: int, parts: list[tuple[int, int]]) -> None:
    weights, rooms = [w for w, _ in parts], [r for _, r in parts]
    assume(total <= sum(rooms))
    given_ = share_out(total, weights, rooms)
    assert sum(given_) == total
    assert all(0 <= g <= r for g, r in zip(given_, rooms, strict=True))


def _attempt(make: Callable[[], Any]) -> tuple[Any, DesignError | None]:
    try:
        return make(), None
    except DesignError as error:
        return None, error


@settings(max_examples=150, deadline=None)
@given(sizes=SIZES, capacity=st.integers(1, 120), share=SHARES, data=st.data())
def test_rules_of_every_allocation(sizes, capacity: int, share: str, data) -> None:
    take_all = set(data.draw(st.lists(st.sampled_from(sorted(sizes)), max_size=2)))
    frame = _frame(sizes)
    capacity = min(capacity, len(frame))
    smallest = smallest_capacity(sizes, take_all, Decimal(share))
    design, error = _attempt(lambda: allocate(frame, capacity, share, take_all=take_all))
    if error is not None:
        assert error.faults[0].code == "CAPACITY_SMALL"
        assert f"capacity is {smallest}" in str(error)
        assert allocate(frame, smallest, share, take_all=take_all).capacity == smallest
        return
    assert sum(s.draws for s in design.strata) == capacity
    for s in design.strata:
        floor = floor_draws(s.units, capacity, Decimal(share), len(frame))
        assert s.floor == floor
        assert floor * len(frame) >= Decimal(share) * capacity * s.units
        assert s.units >= s.draws >= min(s.units, max(2, floor)) > 0
        assert not s.take_all or s.draws == s.units


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, share=SHARES)
def test_the_smallest_capacity_is_the_smallest(sizes, share: str) -> None:
    total = sum(sizes.values())
    feasible = [
        c for c in range(1, total + 1)
        if sum(minimum_draws(n, floor_draws(n, c, Decimal(share), total)) for n in sizes.values())
        <= c
    ]  # fmt: skip
    assert smallest_capacity(sizes, (), Decimal(share)) == feasible[0]


def _arrays(rng: np.random.Generator, n: int) -> dict:
    kind = rng.choice(["public_hospital", "pharmacy", "primary_care"], n)
    return {
        "unit_ids": [f"U{i:05d}" for i in range(n)],
        "risk_rank": rng.integers(1, 3 * n, n),
        "institution_class": kind.tolist(),
        "level": rng.choice(["1", "2", "none"], n).tolist(),
        "size_minor": rng.integers(0, 1000, n),
    }


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 120), part=st.floats(0.01, 1), seed=st.integers(0, 10**6),
    share=st.sampled_from(["0.1", "0.3", "0.6"]), head=st.sampled_from(["0", "0.2", "0.4"]),
)  # fmt: skip
def test_every_frame_gets_a_plan_or_the_smallest_capacity(n, part, seed, share, head) -> None:
    arrays = _arrays(np.random.default_rng(seed), n)
    capacity = max(1, round(part * n))

    def plan(capacity: int):
        return design_plan(
            "claim", **arrays, capacity=capacity, random_share=share, take_all_share=head
        )

    made, error = _attempt(lambda: plan(capacity))
    if error is not None:
        smallest = int(str(error).rstrip(".").split()[-1])
        assert capacity < smallest <= n
        plan(smallest)
        assert all(_attempt(lambda c=less: plan(c))[1] for less in range(1, smallest))
        return
    frame, design = made
    assert sum(s.draws for s in design.strata) == capacity
    assert frame.stratum_sizes() == {s.name: s.units for s in design.strata}
    heads = sum(s.units for s in design.strata if s.take_all)
    assert heads == int(Decimal(head) * capacity)


def test_strata_do_not_depend_on_the_order_of_rows(town: SimpleNamespace) -> None:
    order = list(range(len(town.unit_ids)))
    random.Random(3).shuffle(order)
    mixed = {name: [values[i] for i in order] for name, values in town.arrays.items()}
    frame, design = design_plan("claim", **mixed, capacity=90)
    assert design == town.design
    assert frame.strata.equals(town.frame.strata)
    assert frame.unit_ids.equals(town.frame.unit_ids)


def test_bands_are_cut_by_rank_over_the_whole_frame() -> None:
    n = 120
    made = stratify(
        [f"U{i:03d}" for i in range(n)], list(range(1, n + 1)), ["hospital"] * n, ["3"] * n,
        capacity=8, random_share="0.2", take_all_share="0.5",
    )  # fmt: skip
    bands = [name.split("/")[-1] for name in made.strata.to_pylist()]
    # 0.5 x 8 = 4 are the head; b1 ends at 2 x 8, b2 at 10 x 8. Three strata need 2 + 2 + 2 draws,
    # only 4 remain, so the two least risky bands merge.
    assert bands == ["top"] * 4 + ["b1"] * 12 + ["b2-b3"] * 104
    assert made.take_all == {"hospital/3/top"}
    assert made.bands["hospital/3/b2-b3"] == "b2"


def test_equal_ranks_go_by_the_bytes_of_the_ids() -> None:
    ids = ["d", "a", "c", "b"]
    made = stratify(ids, [1, 1, 1, 1], ["k"] * 4, ["1"] * 4, capacity=4, random_share="0.3",
                    take_all_share="0.5")  # fmt: skip
    head = {i for i, s in zip(ids, made.strata.to_pylist(), strict=True) if s.endswith("top")}
    assert head == {"a", "b"}


def _strata(counts: dict[tuple[str, str], int], capacity: int) -> dict[str, int]:
    kinds = [pair for pair, n in counts.items() for _ in range(n)]
    n = len(kinds)
    made = stratify(
        [f"U{i:03d}" for i in range(n)], list(range(1, n + 1)), [k for k, _ in kinds],
        [lv for _, lv in kinds], capacity=capacity, random_share="0.1", take_all_share="0",
    )  # fmt: skip
    names = made.strata.to_pylist()
    return {name: names.count(name) for name in sorted(set(names))}


def test_merging_goes_bands_then_levels_then_classes() -> None:
    counts = {("a", "1"): 6, ("a", "2"): 8, ("b", "1"): 10}
    # Capacity 6: b1 ends at place 12, so a/2 is partly b1, partly b2. Six draws carry three strata:
    # bands merge first, and that is enough.
    assert _strata(counts, 6) == {"a/1/b1": 6, "a/2/b1-b2": 8, "b/1/b2": 10}
    # Capacity 4 carries two: levels within class a merge too.
    assert _strata(counts, 4) == {"a/1+2/all": 14, "b/1/b2": 10}
    # Capacity 2 carries one.
    assert list(_strata(counts, 2).values()) == [24]


def test_a_lone_unit_is_not_inspected_every_time() -> None:
    names = _strata({("a", "1"): 1, ("a", "2"): 10, ("b", "1"): 10}, 12)
    assert 1 not in names.values()
    assert names["a/1+2/b1"] == 11


def test_districts_are_one_more_step() -> None:
    n = 40
    made = stratify(
        [f"U{i:03d}" for i in range(n)], list(range(1, n + 1)), ["a"] * n, ["1"] * n,
        capacity=20, random_share="0.1", take_all_share="0", district=["east", "west"] * 20,
    )  # fmt: skip
    assert set(made.strata.to_pylist()) == {"a/1/east/b1", "a/1/west/b1"}


def test_columns_that_make_no_strata_are_all_named() -> None:
    with pytest.raises(DesignError) as caught:
        stratify(["u"], [1.5], ["a/b"], [None], capacity=1, random_share="0.3")
    assert [f.code for f in caught.value.faults] == [
        "STRATUM_COLUMN", "STRATUM_COLUMN", "STRATUM_RANK",
    ]  # fmt: skip
    with pytest.raises(DesignError, match="sum to more than 1"):
        stratify(["u"], [1], ["a"], ["1"], capacity=1, random_share="0.7", take_all_share="0.4")
