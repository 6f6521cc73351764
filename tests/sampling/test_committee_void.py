"""A committee's plan is void under the name of what failed, and says whether the seed was known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sampling.drawing.seal import (
    SealError,
)
from sampling.seal_store import seal_ids, sealed_plan
from tests.sampling.committee_of_three import DAY_BEGINS, PARTS, actions, reveal_all

LATE = {"now": DAY_BEGINS}


def _why_void(committee: SimpleNamespace, step: Callable[[], Any]) -> str:
    """Return what the step says; the plan is void by it, is listed so, and stays so."""
    with pytest.raises(SealError) as said:
        step()
    plan = sealed_plan(committee.ledger, "P0001")
    assert plan.state == "void"
    assert plan.void
    assert actions(committee)[-1] == ("plan_voided", "P0001")
    assert seal_ids(committee.ledger) == ["P0001"]
    head = committee.ledger.head()
    steps = (committee.void, committee.draw, lambda: committee.reveal("finance"))
    for later in steps:
        with pytest.raises(SealError, match="Plan P0001 is void"):
            later()
    assert committee.ledger.head() == head
    return str(said.value)
    assert committee.ledger.plan_ids() == []


@pytest.mark.parametrize("place", [0, 31])
def test_a_wrong_part_voids_the_plan_by_name(committee: SimpleNamespace, place: int) -> None:
    wrong = bytearray(PARTS["audit"])
    wrong[place] ^= 1
    why = _why_void(committee, lambda: committee.reveal("audit", bytes(wrong)))
    assert "the part that audit revealed does not give" in why


def test_another_contributor_s_part_is_a_wrong_part(committee: SimpleNamespace) -> None:
    why = _why_void(committee, lambda: committee.reveal("audit", PARTS["finance"]))
    assert "audit revealed" in why


def test_missing_parts_void_the_plan_by_name_when_the_day_begins(
    committee: SimpleNamespace,
) -> None:
    committee.reveal("audit", now=DAY_BEGINS - timedelta(microseconds=1))
    why = _why_void(committee, lambda: committee.reveal("finance", **LATE))
    assert "no part came from finance, 医保中心 before 2026-03-03" in why


def test_a_draw_without_all_parts_voids_the_plan(committee: SimpleNamespace) -> None:
    committee.reveal("audit")
    assert "no part came from finance" in _why_void(committee, committee.draw)


def test_before_the_day_a_draw_waits(committee: SimpleNamespace) -> None:
    with pytest.raises(SealError, match="waits for the parts of finance, audit, 医保中心"):
        committee.draw(now=DAY_BEGINS - timedelta(microseconds=1))
    reveal_all(committee)
    with pytest.raises(SealError, match="waits for the public number of 2026-03-03"):
        committee.draw(now=DAY_BEGINS - timedelta(microseconds=1))
    assert sealed_plan(committee.ledger, "P0001").state == "revealed"
    assert committee.draw(now=DAY_BEGINS).created


def test_giving_up_is_open_and_says_whether_the_seed_was_known(
    committee: SimpleNamespace,
) -> None:
    reveal_all(committee)
    void = committee.void("the office burnt down", now=DAY_BEGINS).void
    assert void
    assert "the office burnt down" in void.en
    assert "day of the public number had begun" in void.en
    assert "已到" in void.zh
    with committee.ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT plan_id, en FROM voids").all()
    assert rows == [("P0001", void.en)]
