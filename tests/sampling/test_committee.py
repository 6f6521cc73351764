"""The committee's seal, from the seal to the draw: every step in its order, and once."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.drawing.draw import DrawError, draw_bytes
from sampling.drawing.seal import (
    Contributor,
    PublicNumber,
    SealError,
    commitment,
    derive_seed,
    sealed_in,
)
from sampling.frame import make_frame
from sampling.ledger import LedgerError
from sampling.seal_store import seal_ids, sealed_plan
from tests.sampling.committee_of_three import (
    DAY_BEGINS,
    NAMES,
    PARTS,
    actions,
    contributing,
    reveal_all,
)

DAY = date(2026, 3, 3)
PART = st.binary(min_size=32, max_size=32)


def test_the_seed_by_hand() -> None:
    # (head -c 64 /dev/zero; printf 40719) | sha256sum, GNU coreutils
    assert derive_seed([bytes(32), bytes(32)], "40719").hex() == (
        "c1796dea572fd3e95ebf4c00acc5e53416472d0722fa92712162c4beb53f8e10"
    )
    # head -c 32 /dev/zero | sha256sum
    assert commitment(bytes(32)) == (
        "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
    )


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(PART, min_size=2, max_size=4), value=st.text("0123456789", min_size=5),
       where=st.integers(0, 10**6), flip=st.integers(1, 255))  # fmt: skip
def test_any_changed_byte_gives_another_seed(
    parts: list[bytes], value: str, where: int, flip: int
) -> None:
    seed = derive_seed(parts, value)
    changed = bytearray(b"".join(parts))
    changed[where % len(changed)] ^= flip
    others = [bytes(changed[i : i + 32]) for i in range(0, len(changed), 32)]
    assert derive_seed(others, value) != seed
    at = where % len(value)
    digit = str((int(value[at]) + 1 + flip % 9) % 10)
    assert derive_seed(parts, value[:at] + digit + value[at + 1 :]) != seed
    if parts[0] != parts[1]:
        assert derive_seed([parts[1], parts[0], *parts[2:]], value) != seed


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_part_has_32_bytes(size: int) -> None:
    for step in (lambda: commitment(b"x" * size), lambda: derive_seed([b"x" * size], "12345")):
        with pytest.raises(SealError, match="it needs 32"):
            step()


def test_from_the_seal_to_the_draw(committee: SimpleNamespace) -> None:
    plan = committee.plan
    assert (plan.plan_id, plan.state, plan.missing) == ("P0001", "sealed", list(NAMES))
    assert committee.ledger.plan_ids() == []
    reveal_all(committee)
    assert sealed_plan(committee.ledger, "P0001").state == "revealed"
    drawn = committee.draw()
    assert drawn.created
    seed = hashlib.sha256(b"".join(PARTS.values()) + b"40719").hexdigest()
    certificate = drawn.certificate
    assert certificate["seed"] == seed
    assert certificate["version"] == "jihe-draw-2"
    assert certificate["seal"]["mode"] == "committee"
    assert sealed_in(certificate) == plan.record
    assert drawn.drawn_on == date(2026, 3, 3)
    assert committee.ledger.plan("P0001").certificate == certificate
    assert committee.ledger.plan("P0001").draws.equals(drawn.draws)
    assert sealed_plan(committee.ledger, "P0001").state == "drawn"
    assert actions(committee) == [
        ("plan_sealed", "P0001"), *[("part_revealed", "P0001")] * 3, ("plan_drawn", "P0001"),
    ]  # fmt: skip
    assert committee.ledger.verify_trail(committee.ledger.head()) == []


def test_the_list_does_not_depend_on_the_order_of_rows(
    committee: SimpleNamespace, drawn: SimpleNamespace
) -> None:
    town = committee.town
    order = random.Random(3).sample(range(len(town.frame)), len(town.frame))
    ids, strata = town.frame.unit_ids.to_pylist(), town.frame.strata.to_pylist()
    mixed = make_frame(
        "claim", [ids[i] for i in order], [strata[i] for i in order],
        [int(town.frame.size_minor[i]) for i in order],
    )  # fmt: skip
    again = drawn.draw(frame=mixed)
    assert not again.created
    other = committee.seal(frame=mixed, contributors=contributing(a=b"a" * 32, b=b"b" * 32))
    assert other.record["frame"] == committee.ledger.plan("P0001").certificate["frame"]
    assert draw_bytes(again.draws) == draw_bytes(drawn.plan.draws)


def test_a_plan_is_drawn_once(drawn: SimpleNamespace) -> None:
    head = drawn.ledger.head()
    again = drawn.draw(now=datetime(2026, 4, 1, tzinfo=UTC))
    assert not again.created
    assert again.certificate == drawn.plan.certificate
    with pytest.raises(SealError, match="is drawn already"):
        drawn.draw("40718")
    with pytest.raises(SealError, match="is drawn already"):
        drawn.void()
    with pytest.raises(SealError, match="is drawn already"):
        drawn.reveal("audit")
    assert drawn.ledger.head() == head


def test_a_seed_draws_one_plan(drawn: SimpleNamespace, town: SimpleNamespace) -> None:
    other = make_frame("claim", ["a", "b", "c"], ["s"] * 3, [1, 2, 3])
    from sampling.design import allocate

    seed = bytes.fromhex(drawn.plan.certificate["seed"])
    with pytest.raises(LedgerError, match="already drew plan P0001"):
        drawn.ledger.create_plan(
            other, allocate(other, 2, "0.5"), seed, drawn.key, sealed_at=DAY_BEGINS, actor="x",
            score_version=drawn.plan.certificate["scores"],
        )  # fmt: skip
    with pytest.raises(SealError, match="'audit' was sealed in plan P0001 before") as caught:
        drawn.seal(contributors=[*contributing(audit=PARTS["audit"], new=b"n" * 32)])
    assert len(caught.value.faults) == 1


def test_a_part_of_a_void_plan_is_not_used_again(committee: SimpleNamespace) -> None:
    committee.void("campaign cancelled")
    with pytest.raises(SealError, match="a part is used once"):
        committee.seal()
    second = committee.seal(contributors=contributing(a=b"a" * 32, b=b"b" * 32))
    assert second.plan_id == "P0002"
    assert seal_ids(committee.ledger) == ["P0001", "P0002"]


def test_numbers_of_both_ways_never_meet(committee: SimpleNamespace, town: SimpleNamespace) -> None:
    single = committee.ledger.create_plan(
        town.frame, town.design, b"1" * 32, committee.key, actor="x", sealed_at=DAY_BEGINS,
        score_version=committee.plan.record["scores"],
    )  # fmt: skip
    assert single.plan_id == "P0002"
    assert committee.seal(contributors=contributing(a=b"a" * 32, b=b"b" * 32)).plan_id == "P0003"


@pytest.mark.parametrize("days", [0, -1])
def test_the_number_must_lie_in_the_future(committee: SimpleNamespace, days: int) -> None:
    """Sealed at 17:00 in Shanghai on the first of March."""
    day = date(2026, 3, 1) + timedelta(days=days)
    with pytest.raises(SealError, match="name a number of a later day") as caught:
        committee.seal(number=PublicNumber("lottery", day), contributors=contributing(
            a=b"a" * 32, b=b"b" * 32
        ))  # fmt: skip
    assert caught.value.faults[0].column == "public_number.day"


def test_the_day_begins_in_china(committee: SimpleNamespace) -> None:
    people = contributing(a=b"a" * 32, b=b"b" * 32)
    with pytest.raises(SealError, match="later day"):
        committee.seal(contributors=people, sealed_at=DAY_BEGINS)
    before = DAY_BEGINS - timedelta(microseconds=1)
    assert committee.seal(contributors=people, sealed_at=before).plan_id == "P0002"


def test_everything_wrong_with_a_seal_comes_at_once(committee: SimpleNamespace) -> None:
    with pytest.raises(SealError) as caught:
        committee.seal(
            contributors=contributing(a=b"a" * 32),
            number=PublicNumber("lottery", date(2026, 3, 1), "roman", 4),
        )
    assert [f.code for f in caught.value.faults] == [
        "SEAL_FEW", "SEAL_ALPHABET", "SEAL_SHORT", "SEAL_DAY",
    ]  # fmt: skip
    assert all(f.zh and f.column for f in caught.value.faults)
    same = [Contributor("a", "0" * 64), Contributor("a", "0" * 64)]
    with pytest.raises(SealError) as caught:
        committee.seal(contributors=same)
    assert [f.code for f in caught.value.faults] == ["SEAL_TWICE"] * 2
    with pytest.raises(SealError) as caught:
        committee.seal(contributors=[Contributor("a\n", "0" * 63), Contributor("b", "0" * 64)],
                       number=PublicNumber("", DAY))  # fmt: skip
    assert {f.column for f in caught.value.faults} == {
        "contributors[1].contributor", "contributors[1].commitment", "public_number.source",
    }  # fmt: skip
    assert seal_ids(committee.ledger) == ["P0001"]


def test_a_design_of_another_frame_is_not_sealed(committee: SimpleNamespace) -> None:
    other = make_frame("claim", ["a", "b", "c"], ["s"] * 3, [1, 2, 3])
    with pytest.raises(DrawError):
        committee.seal(frame=other, contributors=contributing(a=b"a" * 32, b=b"b" * 32))
    assert seal_ids(committee.ledger) == ["P0001"]


def test_strangers_and_second_times_change_nothing(committee: SimpleNamespace) -> None:
    committee.reveal("audit")
    head = committee.ledger.head()
    with pytest.raises(SealError, match="its contributors are: finance, audit"):
        committee.reveal("stranger", b"s" * 32)
    with pytest.raises(SealError, match="has revealed the part"):
        committee.reveal("audit", b"s" * 32)
    with pytest.raises(SealError, match="clock"):
        committee.reveal("finance", now=datetime(2026, 3, 1, 9, tzinfo=UTC))
    with pytest.raises(SealError, match="it needs 32"):
        committee.reveal("finance", b"short")
    with pytest.raises(SealError, match="No committee sealed a plan 'P0002'; there are: P0001"):
        sealed_plan(committee.ledger, "P0002")
    assert committee.ledger.head() == head


@pytest.mark.parametrize("value", ["4071", "407190", "4071a", "40 719", "４0719", " 40719", ""])
def test_the_number_is_written_in_one_way(committee: SimpleNamespace, value: str) -> None:
    reveal_all(committee)
    with pytest.raises(SealError, match="5 decimal digits and nothing else"):
        committee.draw(value)
    assert sealed_plan(committee.ledger, "P0001").state == "revealed"
