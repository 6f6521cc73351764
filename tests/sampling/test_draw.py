"""The draw: random numbers with provenance, tags, ties and independence of row order."""

from __future__ import annotations

import hmac
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sampling.drawing.draw
from claims.contracts import table
from sampling.design import allocate
from sampling.drawing.draw import DrawError, draw, draw_bytes, random_numbers
from sampling.frame import make_frame

SEED = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def test_random_number_as_openssl_computes_it() -> None:
    # printf 'claim|C001' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1e1f
    # (OpenSSL 3.0) = e4163d66cdd8f3f606650cd5e6b09676400b519d388a8a1ea84e17dbba2a47ba
    (number,) = random_numbers(SEED, "claim", ["C001"])
    assert int(number) == 0xE4163D66CDD8F3F6
    # printf 'institution|医-6' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<64 f>
    (number,) = random_numbers(b"\xff" * 32, "institution", ["医-6"])
    assert f"{int(number):016x}" == "bc30adac4842a0c3"


@settings(max_examples=60, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), ids=st.lists(TEXT, max_size=5))
def test_random_numbers_are_hmac_sha256(seed: bytes, ids: list[str]) -> None:
    expected = [
        int.from_bytes(hmac.digest(seed, f"claim|{i}".encode(), "sha256")[:8], "big") for i in ids
    ]
    assert [int(n) for n in random_numbers(seed, "claim", ids)] == expected


@pytest.mark.parametrize("seed", [b"", b"x" * 31, b"x" * 33])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(DrawError, match="needs 32"):
        random_numbers(seed, "claim", ["a"])


def _by_hand(town: SimpleNamespace, seed: bytes) -> dict[str, tuple[str, str]]:
    """Draw again with nothing but sorted lists."""
    chosen = {}
    units = list(zip(town.frame.unit_ids.to_pylist(), town.frame.strata.to_pylist(), strict=True))
    for s in town.design.strata:
        members = [u for u, stratum in units if stratum == s.name]
        members.sort(key=lambda u: (
            hmac.digest(seed, f"claim|{u}".encode(), "sha256")[:8], u.encode()
        ))  # fmt: skip
        for place, unit in enumerate(members[: s.draws]):
            rest = "take_all" if s.take_all else "risk"
            chosen[unit] = (s.name, "random" if place < s.floor else rest)
    return chosen


@pytest.mark.parametrize("seed", [SEED, b"\0" * 32, b"another seed of thirty-two bytes"])
def test_draw_is_the_smallest_numbers_of_each_stratum(town: SimpleNamespace, seed: bytes) -> None:
    drawn = draw(town.frame, town.design, seed, "P0007")
    got = {r["unit_id"]: (r["stratum"], r["tag"]) for r in drawn.to_pylist()}
    assert got == _by_hand(town, seed)
    ids = drawn["unit_id"].to_pylist()
    assert ids == sorted(ids, key=str.encode)
    assert drawn.schema == table("draws").schema
    assert {r["plan_id"] for r in drawn.to_pylist()} == {"P0007"}


def test_tags_count_and_probabilities(town: SimpleNamespace) -> None:
    rows = draw(town.frame, town.design, SEED, "P0001").to_pylist()
    assert len(rows) == town.design.capacity
    for s in town.design.strata:
        tags = [r["tag"] for r in rows if r["stratum"] == s.name]
        assert len(tags) == s.draws
        assert tags.count("random") == s.floor
        assert tags.count("take_all") == (s.draws - s.floor if s.take_all else 0)
    assert all(r["inclusion_prob"] == r["stratum_draws"] / r["stratum_size"] > 0 for r in rows)
    assert {"random", "risk", "take_all"} == {r["tag"] for r in rows}


def test_order_of_rows_is_irrelevant(town: SimpleNamespace) -> None:
    order = list(range(len(town.frame)))
    random.Random(11).shuffle(order)
    ids, strata = town.frame.unit_ids.to_pylist(), town.frame.strata.to_pylist()
    mixed = make_frame(
        "claim", [ids[i] for i in order], [strata[i] for i in order],
        [int(town.frame.size_minor[i]) for i in order],
    )  # fmt: skip
    again = draw(mixed, town.design, SEED, "P0001")
    assert draw_bytes(again) == draw_bytes(draw(town.frame, town.design, SEED, "P0001"))


def test_equal_numbers_go_by_the_bytes_of_the_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = make_frame("claim", ["é", "z", "a", "Z"], ["s"] * 4, [1] * 4)
    monkeypatch.setattr(
        sampling.drawing.draw, "keyed_numbers",
        lambda seed, prefix, ids: np.zeros(len(ids), dtype=np.uint64),
    )  # fmt: skip
    drawn = draw(frame, allocate(frame, 3, "0.5"), SEED, "P0001")
    assert drawn["unit_id"].to_pylist() == ["Z", "a", "z"]
    assert drawn["tag"].to_pylist() == ["random", "random", "risk"]


def test_numbers_of_all_64_bits_sort_as_unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = make_frame("claim", ["a", "b", "c"], ["s"] * 3, [1] * 3)
    numbers = np.array([2**63, 1, 2**64 - 1], dtype=np.uint64)
    monkeypatch.setattr(sampling.drawing.draw, "keyed_numbers", lambda *_: numbers)
    drawn = draw(frame, allocate(frame, 2, "0.1"), SEED, "P0001")
    assert drawn["unit_id"].to_pylist() == ["a", "b"]
    assert drawn["random_number"].to_pylist() == ["8000000000000000", "0000000000000001"]


def test_a_design_of_another_frame_is_refused(town: SimpleNamespace) -> None:
    smaller = make_frame("claim", ["a", "b", "c"], ["s", "s", "t"], [1, 1, 1])
    with pytest.raises(DrawError) as caught:
        draw(smaller, town.design, SEED, "P0001")
    assert len(caught.value.faults) == 2 + len(town.design.strata)
    other = make_frame("doctor", town.frame.unit_ids, town.frame.strata, town.frame.size_minor)
    with pytest.raises(DrawError, match="'doctor'"):
        draw(other, town.design, SEED, "P0001")
