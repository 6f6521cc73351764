"""The append-only trail: who did what to which object, each record chained to the one before.

In: an open database connection and what happened. Out: records whose hash is SHA-256(previous hash
|| RFC 8785 bytes of the record); the first record's previous hash is 32 zero bytes. The idea is
Schneier and Kelsey's (1999) audit log. A chain alone cannot show that its tail was cut, so `head`
(count and hash) is to be kept outside the database and handed to `verify`.

There is no function that changes or deletes a record, and the database refuses both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
import sqlalchemy as sa

from sampling.faults import Fault, SamplingError

START = bytes(32)
"""What the first record is chained to."""

SEALED = "plan_sealed"
"""What a plan's first record says."""

metadata = sa.MetaData()
trail_table = sa.Table(
    "trail", metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)  # fmt: skip


class TrailError(SamplingError):
    """A record cannot be written."""


@dataclass(frozen=True)
class Head:
    """The end of the trail: how many records it has and the hash of the last one."""

    count: int
    hash: str


def append(
    connection: sa.Connection, actor: str, action: str, object: str,
    details: Mapping[str, Any] | None = None, *, at: datetime | None = None,
) -> Head:  # fmt: skip
    """Append a record within the connection's transaction and return the new head.

    Args:
        connection: with a transaction open for writing.
        actor: code of who acted.
        action: what was done, such as ``plan_sealed``.
        object: what it was done to, such as ``P0001``.
        details: JSON object without floats beyond double precision.
        at: an aware time; now if None.

    Raises:
        TrailError: if the details have no RFC 8785 form or the time has no zone.
    """
    moment = at or datetime.now(UTC)
    if moment.utcoffset() is None:
        raise TrailError([Fault("TRAIL_TIME", "The time has no zone.", "时间没有时区。")])
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE trail IN EXCLUSIVE MODE"))
    last = head(connection)
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    record: dict[str, Any] = {
        "sequence": last.count + 1, "at": text, "actor": actor, "action": action,
        "object": object, "details": dict(details or {}),
    }  # fmt: skip
    try:
        digest = _record_hash(last.hash, record)
        canonical = rfc8785.dumps(record["details"]).decode()
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise TrailError([_not_json(str(error))]) from None
    connection.execute(sa.insert(trail_table).values(
        **{**record, "details": canonical}, previous_hash=last.hash, hash=digest
    ))  # fmt: skip
    return Head(last.count + 1, digest)


def head(connection: sa.Connection) -> Head:
    """Return the count and the last hash, to be anchored outside the database."""
    row = connection.execute(
        sa.select(trail_table.c.sequence, trail_table.c.hash)
        .order_by(trail_table.c.sequence.desc())
        .limit(1)
    ).first()
    return Head(row.sequence, row.hash) if row else Head(0, START.hex())


def sealing_of(connection: sa.Connection, plan_id: str) -> Head:
    """Return number and hash of the record with which a plan was sealed."""
    row = connection.execute(
        sa.select(trail_table.c.sequence, trail_table.c.hash)
        .where(trail_table.c.action == SEALED, trail_table.c.object == plan_id)
        .order_by(trail_table.c.sequence)
        .limit(1)
    ).first()
    return Head(row.sequence, row.hash) if row else Head(0, START.hex())


def verify(connection: sa.Connection, anchored: Head | None = None) -> list[Fault]:
    """Return every break of the chain, with the sequence number as the fault's row.

    Args:
        connection: to the database with the trail.
        anchored: a head that was kept elsewhere; without it a cut tail cannot be seen.
    """
    faults: list[Fault] = []
    previous, expected = START.hex(), 1
    at_anchor = START.hex() if anchored and anchored.count == 0 else None
    for row in connection.execute(sa.select(trail_table).order_by(trail_table.c.sequence)):
        if row.sequence != expected:
            faults.append(_gap(expected, row.sequence))
        if row.previous_hash != previous:
            faults.append(_unchained(row.sequence))
        if _recomputed(row) != row.hash:
            faults.append(_changed(row.sequence))
        if anchored and row.sequence == anchored.count:
            at_anchor = row.hash
        previous, expected = row.hash, row.sequence + 1
    if anchored and at_anchor != anchored.hash:
        faults.append(_cut(anchored, expected - 1))
    return faults


def _record_hash(previous: str, record: Mapping[str, Any]) -> str:
    return hashlib.sha256(bytes.fromhex(previous) + rfc8785.dumps(dict(record))).hexdigest()


def _recomputed(row: Any) -> str | None:
    """Return the hash the stored fields should have, or None if they are not even well-formed."""
    try:
        details = json.loads(row.details)
        if rfc8785.dumps(details).decode() != row.details:
            return None
        record = {"sequence": row.sequence, "at": row.at, "actor": row.actor,
                  "action": row.action, "object": row.object, "details": details}  # fmt: skip
        return _record_hash(row.previous_hash, record)
    except (ValueError, TypeError, RecursionError):
        return None


def _not_json(detail: str) -> Fault:
    return Fault(
        "TRAIL_DETAILS", f"The details cannot be written as JSON: {detail}.",
        f"详情无法写成JSON：{detail}。",
    )  # fmt: skip


def _gap(expected: int, found: int) -> Fault:
    return Fault(
        "TRAIL_GAP", f"Record {expected} should follow but {found} does; records were removed or "
        "renumbered.", f"此处应为第{expected}条，实为第{found}条；有记录被删除或改号。", expected,
    )  # fmt: skip


def _unchained(sequence: int) -> Fault:
    return Fault(
        "TRAIL_CHAIN", "The record is not chained to the one before it; records were inserted, "
        "removed or reordered.", "该记录未与前一条相连；有记录被插入、删除或调换。", sequence,
    )  # fmt: skip


def _changed(sequence: int) -> Fault:
    return Fault(
        "TRAIL_CHANGED", "The record's contents do not give its hash; it was changed.",
        "该记录的内容与其哈希不符，已被改动。", sequence,
    )  # fmt: skip


def _cut(anchored: Head, count: int) -> Fault:
    return Fault(
        "TRAIL_CUT", f"The anchored head has {anchored.count} records ending in {anchored.hash}; "
        f"the trail has {count} and does not contain it. Its tail was cut or rewritten.",
        f"锚定的头部有{anchored.count}条，哈希{anchored.hash}；当前轨迹有{count}条且不含它，尾部被"
        "截断或改写。", anchored.count,
    )  # fmt: skip
