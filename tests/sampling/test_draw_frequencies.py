"""Over many seeds every unit is drawn as often as its probability says.

Size: JIHE_PROOF_DRAWS, 400 by default. Each unit's count is binomial under the design; the exact
two-sided test is held to 0.001 over all units together (Bonferroni). The same check must catch a
design that differs from the one drawn, and a draw that favours some units.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable

import pytest
from scipy import stats

from sampling.design import Design, Stratum, allocate
from sampling.drawing.draw import draw
from sampling.frame import Frame, make_frame

DRAWS = int(os.environ.get("JIHE_PROOF_DRAWS", "400"))
LEVEL = 0.001
SIZES = {"a/1/b1": 6, "a/1/b2": 20, "a/1/b3": 30, "a/1/top": 2, "b/1/b1": 3}


@pytest.fixture(scope="module")
def frame() -> Frame:
    strata = [name for name, n in SIZES.items() for _ in range(n)]
    ids = [f"{stratum[0]}-{i}" for i, stratum in enumerate(strata)]
    return make_frame("claim", ids, strata, [1] * len(ids))


@pytest.fixture(scope="module")
def design(frame: Frame) -> Design:
    bands = {name: name[-2:] for name in SIZES if not name.endswith("top")}
    return allocate(frame, 14, "0.3", "0.1", bands=bands, take_all=["a/1/top"])


def _seeds() -> list[bytes]:
    return [hashlib.sha256(f"frequency {i}".encode()).digest() for i in range(DRAWS)]


def _counts(
    frame: Frame, design: Design, keep: Callable[[dict], bool] = lambda _: True
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in _seeds():
        rows = draw(frame, design, seed, "P0001").select(["unit_id", "tag"]).to_pylist()
        counts.update(r["unit_id"] for r in rows if keep(r))
    return counts


def _deviating(frame: Frame, counts: Counter[str], prob: dict[str, float]) -> list[str]:
    """Return the units whose count the probability cannot explain."""
    bound = LEVEL / len(frame)
    units = zip(frame.unit_ids.to_pylist(), frame.strata.to_pylist(), strict=True)
    return [
        unit
        for unit, stratum in units
        if stats.binomtest(counts[unit], DRAWS, prob[stratum]).pvalue < bound
    ]


def test_every_unit_is_drawn_with_its_probability(frame: Frame, design: Design) -> None:
    prob = {s.name: s.draws / s.units for s in design.strata}
    assert _deviating(frame, _counts(frame, design), prob) == []


def test_the_random_part_is_a_sample_of_its_own(frame: Frame, design: Design) -> None:
    prob = {s.name: s.floor / s.units for s in design.strata}
    counts = _counts(frame, design, lambda row: row["tag"] == "random")
    assert _deviating(frame, counts, prob) == []


def test_pairs_are_drawn_as_often_as_without_replacement(frame: Frame, design: Design) -> None:
    """Two units of one stratum come together with probability n(n-1) / N(N-1)."""
    stratum = next(s for s in design.strata if s.name == "a/1/b1")
    units = [
        u for u, s in zip(frame.unit_ids.to_pylist(), frame.strata.to_pylist(), strict=True)
        if s == stratum.name
    ]  # fmt: skip
    together: Counter[tuple[str, str]] = Counter()
    for seed in _seeds():
        drawn = set(draw(frame, design, seed, "P0001")["unit_id"].to_pylist())
        together.update((a, b) for a in units for b in units if a < b and {a, b} <= drawn)
    n, size = stratum.draws, stratum.units
    prob = n * (n - 1) / (size * (size - 1))
    pairs = size * (size - 1) // 2
    assert 0 < prob < 1
    assert all(
        stats.binomtest(together[a, b], DRAWS, prob).pvalue >= LEVEL / pairs
        for a in units for b in units if a < b
    )  # fmt: skip


def test_the_check_catches_a_wrong_design(frame: Frame, design: Design) -> None:
    """The certificate would say 3 more from b1 than were drawn, and 3 fewer from b3."""
    shift = {"a/1/b1": -2, "a/1/b3": 2}
    wrong = Design(
        design.unit, design.capacity, design.random_share, design.take_all_share,
        tuple(
            Stratum(s.name, s.units, s.draws + shift.get(s.name, 0), s.floor, s.take_all)
            for s in design.strata
        ),
    )  # fmt: skip
    prob = {s.name: s.draws / s.units for s in design.strata}
    caught = _deviating(frame, _counts(frame, wrong), prob)
    assert {u[0] for u in caught} == {"a"}
    assert len(caught) >= SIZES["a/1/b1"]


def test_the_check_catches_a_draw_that_favours_units(frame: Frame, design: Design) -> None:
    """A drawer who reads the list top down draws the right numbers from each stratum."""
    first: dict[str, list[str]] = {}
    for unit, stratum in zip(frame.unit_ids.to_pylist(), frame.strata.to_pylist(), strict=True):
        first.setdefault(stratum, []).append(unit)
    counts: Counter[str] = Counter()
    for s in design.strata:
        counts.update(dict.fromkeys(first[s.name][: s.draws], DRAWS))
    prob = {s.name: s.draws / s.units for s in design.strata}
    assert len(_deviating(frame, counts, prob)) > len(frame) / 2
    assert sum(counts.values()) == DRAWS * design.capacity
