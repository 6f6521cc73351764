"""The three people of a committee, their known parts (real ones are secret), and what they do."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from types import SimpleNamespace

from sampling.drawing.seal import (
    Contributor,
    commitment,
)

NAMES = ("finance", "audit", "医保中心")
PARTS = {name: hashlib.sha256(name.encode()).digest() for name in NAMES}
#: The day of the public number begins at midnight in China.
DAY_BEGINS = datetime(2026, 3, 2, 16, tzinfo=UTC)


def contributing(**parts: bytes) -> list[Contributor]:
    return [Contributor(name, commitment(part)) for name, part in parts.items()]


def reveal_all(committee: SimpleNamespace) -> None:
    for name in NAMES:
        committee.reveal(name)


def actions(committee: SimpleNamespace) -> list[tuple[str, str]]:
    with committee.ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT action, object FROM trail ORDER BY sequence")
        return [tuple(row) for row in rows]
