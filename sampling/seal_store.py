"""How a committee's plan stands in the ledger's tables.

In: an open transaction. Out: a `SealedPlan`, and rows of ``seals``, ``commitments``, ``parts`` and
``voids``, each with its record in the trail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sampling import store, trail
from sampling.drawing import seal_faults as say
from sampling.drawing.certificate import utc_text
from sampling.drawing.seal import Contributor, SealError, commitment, record_bytes, record_sha256
from sampling.faults import Fault
from sampling.ledger import Ledger


@dataclass(frozen=True)
class Revealed:
    """A part that was shown, and when (UTC text)."""

    part: bytes
    revealed_at: str


@dataclass(frozen=True, eq=False)
class SealedPlan:
    """A committee's plan as it stands."""

    plan_id: str
    record: Mapping[str, Any]
    parts: Mapping[str, Revealed]
    void: Fault | None
    drawn: bool
    anchor: trail.Head

    @property
    def contributors(self) -> list[str]:
        """Names in the order of the seal."""
        return [person["contributor"] for person in self.record["contributors"]]

    @property
    def missing(self) -> list[str]:
        """Names whose part is not known, in the order of the seal."""
        return [name for name in self.contributors if name not in self.parts]

    def commitment_of(self, name: str) -> str:
        """Return the commitment of a contributor."""
        people = {p["contributor"]: p["commitment"] for p in self.record["contributors"]}
        return str(people[name])

    @property
    def day(self) -> str:
        """The day of the public number."""
        return str(self.record["public_number"]["day"])

    @property
    def state(self) -> str:
        """Return ``drawn``, ``void``, ``revealed`` (all parts are known) or ``sealed``."""
        if self.drawn or self.void:
            return "drawn" if self.drawn else "void"
        return "sealed" if self.missing else "revealed"


def sealed_plan(ledger: Ledger, plan_id: str) -> SealedPlan:
    """Return a committee's plan as it stands; raises SealError if there is none of that number."""
    with ledger.engine.connect() as connection:
        return read_seal(connection, plan_id)


def seal_ids(ledger: Ledger) -> list[str]:
    """Return every plan that a committee sealed, oldest first; void ones are never left out."""
    with ledger.engine.connect() as connection:
        query = sa.select(store.seals.c.plan_id).order_by(store.seals.c.plan_no)
        return list(connection.scalars(query))


def read_seal(connection: sa.Connection, plan_id: str) -> SealedPlan:
    """Return a committee's plan from an open connection."""
    row = connection.execute(sa.select(store.seals).where(store.seals.c.plan_id == plan_id)).first()
    if row is None:
        have = connection.scalars(sa.select(store.seals.c.plan_id)).all()
        raise SealError([say.no_seal(plan_id, have)])
    shown = connection.execute(sa.select(store.parts).where(store.parts.c.plan_id == plan_id))
    parts = {r.contributor: Revealed(bytes.fromhex(r.part), r.revealed_at) for r in shown}
    void = connection.execute(
        sa.select(store.voids).where(store.voids.c.plan_id == plan_id)
    ).first()
    drawn = sa.select(store.plans.c.plan_id).where(store.plans.c.plan_id == plan_id)
    return SealedPlan(
        plan_id, json.loads(row.record), parts,
        Fault(void.code, void.en, void.zh) if void else None,
        connection.execute(drawn).first() is not None, trail.sealing_of(connection, plan_id),
    )  # fmt: skip


def insert_seal(
    connection: sa.Connection, plan_no: int, record: Mapping[str, Any], actor: str, at: datetime,
    team_rules: str | None = None,
) -> SealedPlan:  # fmt: skip
    """Insert a sealed record and its commitments, with its record in the trail."""
    plan_id = record["plan_id"]
    connection.execute(sa.insert(store.seals).values(
        plan_no=plan_no, plan_id=plan_id, sealed_at=record["sealed_at"],
        record=record_bytes(record).decode(),
    ))  # fmt: skip
    connection.execute(sa.insert(store.commitments), [
        {"commitment": person["commitment"], "plan_id": plan_id}
        for person in record["contributors"]
    ])  # fmt: skip
    details = {
        "mode": "committee", "seal_sha256": record_sha256(record),
        "frame_sha256": record["frame"]["sha256"], "contributors": record["contributors"],
        "public_number": record["public_number"],
        **({"team_rules_sha256": team_rules} if team_rules else {}),
    }  # fmt: skip
    anchor = trail.append(connection, actor, trail.SEALED, plan_id, details, at=at)
    return SealedPlan(plan_id, record, {}, None, False, anchor)


def insert_part(
    connection: sa.Connection, plan_id: str, name: str, part: bytes, actor: str, at: datetime
) -> None:
    """Insert a part that was revealed, with its record in the trail."""
    connection.execute(sa.insert(store.parts).values(
        plan_id=plan_id, contributor=name, part=part.hex(), revealed_at=utc_text(at)
    ))  # fmt: skip
    details = {"contributor": name, "part": part.hex()}
    trail.append(connection, actor, "part_revealed", plan_id, details, at=at)


def tampered(connection: sa.Connection, sealed: SealedPlan) -> list[Fault]:
    """Return how the tables differ from what was sealed: the record, or a part.

    Triggers refuse every change, but whoever owns the database can switch them off.
    """
    details = connection.scalar(
        sa.select(trail.trail_table.c.details)
        .where(trail.trail_table.c.sequence == sealed.anchor.count)
    )  # fmt: skip
    faults = []
    if json.loads(details or "{}").get("seal_sha256") != record_sha256(sealed.record):
        faults.append(say.other_record(sealed.plan_id))
    return faults + [
        say.changed_part(sealed.plan_id, name)
        for name, shown in sealed.parts.items()
        if commitment(shown.part) != sealed.commitment_of(name)
    ]


def insert_void(
    connection: sa.Connection, plan_id: str, why: Fault, now: datetime, actor: str
) -> None:
    """Make a plan void, with its reason in the trail."""
    connection.execute(sa.insert(store.voids).values(
        plan_id=plan_id, voided_at=utc_text(now), code=why.code, en=why.en, zh=why.zh
    ))  # fmt: skip
    trail.append(
        connection, actor, "plan_voided", plan_id,
        {"code": why.code, "en": why.en, "zh": why.zh}, at=now,
    )  # fmt: skip


def used_before(connection: sa.Connection, contributors: Sequence[Contributor]) -> list[Fault]:
    """Return the commitments that any plan sealed before: their parts may be known."""
    query = sa.select(store.commitments).where(
        store.commitments.c.commitment.in_([c.commitment for c in contributors])
    )
    used = {row.commitment: row.plan_id for row in connection.execute(query)}
    return [
        say.used_commitment(c.name, used[c.commitment])
        for c in contributors
        if c.commitment in used
    ]
