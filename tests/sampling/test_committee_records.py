"""A committee's records: changed, none is drawn; none is forgotten; a failed step leaves none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.drawing.certificate import CertificateError, certificate_bytes
from sampling.drawing.seal import (
    SealError,
)
from sampling.frame import make_frame
from sampling.seal_store import seal_ids, sealed_plan
from tests.databases import drop_guard, forgetting
from tests.sampling.committee_of_three import actions, contributing, reveal_all


def test_another_frame_is_not_drawn(committee: SimpleNamespace) -> None:
    reveal_all(committee)
    frame = committee.town.frame
    sizes = frame.size_minor.copy()
    sizes[17] += 1
    other = make_frame("claim", frame.unit_ids, frame.strata, sizes)
    with pytest.raises(SealError, match="The frame's SHA-256 is"):
        committee.draw(frame=other)
    assert committee.draw().created


def test_another_key_does_not_sign(committee: SimpleNamespace) -> None:
    reveal_all(committee)
    with pytest.raises(CertificateError, match="another public key"):
        committee.draw(key=Ed25519PrivateKey.from_private_bytes(b"s" * 32))
    assert committee.ledger.plan_ids() == []


def _force(committee: SimpleNamespace, statement: str) -> None:
    """Change a row as the owner of the database could."""
    with committee.ledger.engine.begin() as connection:
        drop_guard(connection, statement.split()[1])
        connection.exec_driver_sql(statement)


def test_a_record_changed_in_the_database_is_not_drawn(committee: SimpleNamespace) -> None:
    reveal_all(committee)
    _force(committee, "UPDATE seals SET record = replace(record, '\"capacity\":90', "
           "'\"capacity\":91')")  # fmt: skip
    with pytest.raises(SealError, match="not the one that was sealed in the trail"):
        committee.draw()


def test_a_part_changed_in_the_database_is_not_drawn(committee: SimpleNamespace) -> None:
    reveal_all(committee)
    _force(committee, f"UPDATE parts SET part = '{'ab' * 32}' WHERE contributor = 'audit'")
    with pytest.raises(SealError, match="The stored part of audit"):
        committee.draw()


@pytest.mark.parametrize("name", ["seals", "commitments", "parts", "voids"])
def test_no_table_of_the_seal_forgets(committee: SimpleNamespace, name: str) -> None:
    committee.reveal("audit")
    committee.void()
    engine = committee.ledger.engine
    for statement in forgetting(engine.dialect.name, name, "plan_id"):
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            engine.begin() as connection,
        ):
            connection.exec_driver_sql(statement)


def test_a_step_whose_record_fails_changes_nothing(
    committee: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    reveal_all(committee)
    monkeypatch.setattr("sampling.trail.append", fail)
    for step in (committee.draw, committee.void, lambda: committee.seal(
        contributors=contributing(a=b"a" * 32, b=b"b" * 32)
    )):  # fmt: skip
        with pytest.raises(OSError, match="disk full"):
            step()
    monkeypatch.undo()
    assert sealed_plan(committee.ledger, "P0001").state == "revealed"
    assert seal_ids(committee.ledger) == ["P0001"]
    assert committee.draw().created


def test_draws_at_once_are_one_draw(committee: SimpleNamespace) -> None:
    reveal_all(committee)
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(lambda _: committee.draw(), range(6)))
    assert [plan.created for plan in plans].count(True) == 1
    assert len({certificate_bytes(plan.certificate) for plan in plans}) == 1
    assert actions(committee).count(("plan_drawn", "P0001")) == 1
