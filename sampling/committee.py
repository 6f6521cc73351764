"""A committee's plan in the ledger: sealed, its parts revealed, drawn once or void.

In: a ledger, and one step of the protocol of `drawing.seal` with the time at which it is made.
Out: the plan as it then stands. Every step is one transaction with its record in the trail. A void
plan keeps its number and its reason; nothing is ever taken back.

A wrong part, or one that is missing when the day of the public number begins, makes the plan void
under the contributor's name: that is written down first and said after, as a `SealError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling import store, trail
from sampling.drawing import seal_faults as say
from sampling.drawing.beside import NOTHING, Beside
from sampling.drawing.cases import number_cases
from sampling.drawing.certificate import make_certificate, settled_record, sign, utc_text
from sampling.drawing.designs import AnyDesign, design_of
from sampling.drawing.draw import DrawError
from sampling.drawing.fit import all_faults
from sampling.drawing.seal import (
    Contributor,
    PublicNumber,
    SealError,
    commitment,
    day_begins,
    derive_seed,
    make_seal,
    record_sha256,
    value_faults,
)
from sampling.drawing.staged_draw import draw_by
from sampling.faults import Fault, checked
from sampling.frame import Frame, frame_hash
from sampling.ledger import Ledger, Plan, read_plan
from sampling.plan_store import certified, design_hash, insert_plan, next_number
from sampling.seal_store import (
    SealedPlan,
    insert_part,
    insert_seal,
    insert_void,
    read_seal,
    tampered,
    used_before,
)


def seal_plan(
    ledger: Ledger, frame: Frame, design: AnyDesign, contributors: Sequence[Contributor],
    number: PublicNumber, *, score_version: Mapping[str, str | date], public_key: str,
    sealed_at: datetime, actor: str, beside: Beside = NOTHING, team_rules: str | None = None,
    before_commit: Callable[[SealedPlan], None] | None = None,
) -> SealedPlan:  # fmt: skip
    """Seal a plan under the next number; nothing is drawn.

    ``beside`` is what a design by size or in two stages rests on beside the frame. ``team_rules``
    is the SHA-256 of the rules by which inspectors will be drawn: it stands in the trail's record
    of the sealing, to which the public version is bound, so nobody can try rules with the seed.
    ``before_commit`` is given the plan before it is stored; where it raises, nothing is.

    Raises:
        SealError: if the protocol is not kept, or a commitment was sealed in any plan before.
        DrawError: if the design was not made for the frame, or breaks a rule.
    """
    settled = settled_record(frame, design, score_version, public_key)
    checked(all_faults(frame, design, beside), DrawError)
    with store.writing(ledger.engine) as connection:
        checked(used_before(connection, contributors), SealError)
        plan_no = next_number(connection)
        plan_id = f"P{plan_no:04d}"
        record = make_seal(plan_id, utc_text(sealed_at), contributors, number, settled)
        sealed = insert_seal(connection, plan_no, record, actor, sealed_at, team_rules)
        if before_commit:
            before_commit(sealed)
    return sealed


def reveal_part(
    ledger: Ledger, plan_id: str, name: str, part: bytes, *, now: datetime, actor: str
) -> SealedPlan:
    """Record a contributor's part.

    Raises:
        SealError: if the plan is drawn, or void, or becomes so: because the part is wrong, or the
            day of the public number has begun without it. If the person is no contributor, or
            revealed before, nothing changes.
    """
    with store.writing(ledger.engine) as connection:
        sealed = read_seal(connection, plan_id)
        checked(_closed(sealed), SealError)
        if name not in sealed.contributors:
            raise SealError([say.not_a_contributor(plan_id, name, sealed.contributors)])
        if name in sealed.parts:
            raise SealError([say.already_revealed(plan_id, name)])
        checked(_clock(sealed, now), SealError)
        why = _overdue(sealed, now)
        if why is None and commitment(part) != sealed.commitment_of(name):
            why = say.wrong_part(name)
        if why is None:
            insert_part(connection, plan_id, name, part, actor, now)
        else:
            insert_void(connection, plan_id, why, now, actor)
        after = read_seal(connection, plan_id)
    checked(_voided(after), SealError)
    return after


def draw_plan(
    ledger: Ledger, plan_id: str, frame: Frame, value: str, key: Ed25519PrivateKey, *,
    now: datetime, actor: str, beside: Beside = NOTHING,
    before_commit: Callable[[Plan], None] | None = None,
) -> Plan:  # fmt: skip
    """Derive the seed and draw, once.

    The same public number again returns the plan that exists, unchanged; ``before_commit`` is
    given it in either case, and where it raises on the first draw, nothing was drawn.

    Raises:
        SealError: if parts are missing, which makes the plan void once the day has begun; if the
            day has not begun; if the frame is not the sealed one; if the number is not written as
            was sealed, or another one drew the plan before.
        CertificateError: if the key is not the sealed one.
    """
    plan = None
    with store.writing(ledger.engine) as connection:
        sealed = read_seal(connection, plan_id)
        checked(_voided(sealed), SealError)
        why = None if sealed.drawn else _overdue(sealed, now)
        if why:
            insert_void(connection, plan_id, why, now, actor)
            sealed = read_seal(connection, plan_id)
        elif sealed.drawn:
            plan = _same(connection, sealed, value)
        else:
            checked(_draw_faults(sealed, frame, value, now), SealError)
            checked(tampered(connection, sealed), SealError)
            plan = _draw(connection, sealed, frame, beside, value, key, now, actor)
        if plan and before_commit:
            before_commit(plan)
    checked(_voided(sealed), SealError)
    assert plan is not None  # noqa: S101 - a plan that is not void was drawn
    return plan


def void_plan(
    ledger: Ledger, plan_id: str, reason: str, *, now: datetime, actor: str
) -> SealedPlan:
    """Give a plan up openly; where parts were missing in time, their names are the reason.

    Raises:
        SealError: if the plan is drawn or void already.
    """
    with store.writing(ledger.engine) as connection:
        sealed = read_seal(connection, plan_id)
        checked(_closed(sealed), SealError)
        determined = now >= day_begins(date.fromisoformat(sealed.day))
        why = _overdue(sealed, now) or say.abandoned(reason, determined)
        insert_void(connection, plan_id, why, now, actor)
        return read_seal(connection, plan_id)


def _draw(
    connection: sa.Connection, sealed: SealedPlan, frame: Frame, beside: Beside, value: str,
    key: Ed25519PrivateKey, now: datetime, actor: str,
) -> Plan:  # fmt: skip
    record = sealed.record
    seed = derive_seed([sealed.parts[name].part for name in sealed.contributors], value)
    design = design_of(record)
    drawn = draw_by(frame, design, beside, seed, sealed.plan_id)
    sealed_at = datetime.fromisoformat(record["sealed_at"])
    certificate = sign(make_certificate(
        frame, design, seed, drawn, plan_id=sealed.plan_id, score_version=record["scores"],
        sealed_at=sealed_at, public_key=record["public_key"], opened=_opened(sealed, value, now),
    ), key)  # fmt: skip
    cases = number_cases(drawn, seed)
    hashes = {
        "seed_hash": hashlib.sha256(seed).hexdigest(), "frame_hash": record["frame"]["sha256"],
        "design_hash": design_hash(design),
    }  # fmt: skip
    number = int(sealed.plan_id.removeprefix("P"))
    insert_plan(connection, number, hashes, certificate, design, drawn, cases)
    details = {**certified(certificate), "public_number": value}
    trail.append(connection, actor, "plan_drawn", sealed.plan_id, details, at=now)
    return Plan(
        sealed.plan_id, sealed_at.astimezone(UTC), certificate, drawn, tuple(cases), sealed.anchor,
        created=True,
    )  # fmt: skip


def _opened(sealed: SealedPlan, value: str, now: datetime) -> dict[str, Any]:
    """Return what a certificate says under ``seal`` beside mode, note and time."""
    return {
        "sha256": record_sha256(sealed.record),
        "drawn_at": utc_text(now),
        "contributors": [
            {**person, "part": shown.part.hex(), "revealed_at": shown.revealed_at}
            for person in sealed.record["contributors"]
            for shown in [sealed.parts[person["contributor"]]]
        ],
        "public_number": {**sealed.record["public_number"], "value": value},
    }


def _same(connection: sa.Connection, sealed: SealedPlan, value: str) -> Plan:
    plan = read_plan(connection, sealed.plan_id)
    if plan.certificate["seal"]["public_number"]["value"] != value:
        raise SealError([say.drawn_already(sealed.plan_id)])
    return plan


def _overdue(sealed: SealedPlan, now: datetime) -> Fault | None:
    """Return why the plan is void now: parts that are missing when the day has begun."""
    begun = now >= day_begins(date.fromisoformat(sealed.day))
    return say.missing_parts(sealed.missing, sealed.day) if begun and sealed.missing else None


def _draw_faults(sealed: SealedPlan, frame: Frame, value: str, now: datetime) -> list[Fault]:
    if sealed.missing:
        return [say.waiting_for(sealed.plan_id, sealed.missing, sealed.day)]
    if now < day_begins(date.fromisoformat(sealed.day)):
        return [say.too_early(sealed.plan_id, sealed.day)]
    faults = value_faults(sealed.record["public_number"], value)
    want, found = sealed.record["frame"]["sha256"], frame_hash(frame)
    return faults + ([say.other_frame(sealed.plan_id, found, want)] if found != want else [])


def _closed(sealed: SealedPlan) -> list[Fault]:
    return [say.drawn_already(sealed.plan_id)] if sealed.drawn else _voided(sealed)


def _voided(sealed: SealedPlan) -> list[Fault]:
    return [say.voided(sealed.plan_id, sealed.void)] if sealed.void else []


def _clock(sealed: SealedPlan, now: datetime) -> list[Fault]:
    late = utc_text(now) > sealed.record["sealed_at"]
    return [] if late else [say.clock_back(sealed.plan_id)]
