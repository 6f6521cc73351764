"""The trail: every edit, deletion, insertion, reordering and cut is found, with its number."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sampling import store, trail
from sampling.trail import Head, TrailError, append, head, verify

TAMPERINGS = int(os.environ.get("JIHE_PROOF_TAMPERINGS", "60"))
RECORDS = 12
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path):
    opened = store.open_store(f"sqlite:///{tmp_path / 'trail.db'}")
    with store.writing(opened) as connection:
        for i in range(RECORDS):
            details = {"n": i, "zh": "案件"}
            append(connection, f"actor-{i % 3}", "looked", f"case-{i}", details, at=AT)
    yield opened
    opened.dispose()


def _read(engine: sa.Engine, call: Callable):
    with engine.connect() as connection:
        return call(connection)


def _codes(engine: sa.Engine, anchored: Head | None = None) -> set[tuple[str, int | None]]:
    return {(f.code, f.row) for f in _read(engine, lambda c: verify(c, anchored))}


def _without_triggers(engine: sa.Engine, statements: list[str]) -> None:
    """What somebody with the file in hand can do."""
    with store.writing(engine) as connection:
        for verb in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS trail_no_{verb}")
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_the_hash_is_that_of_the_specification(engine: sa.Engine) -> None:
    # Written by hand from the module's text: SHA-256(32 zero bytes || RFC 8785 bytes).
    record = (
        '{"action":"looked","actor":"actor-0","at":"2026-03-01T00:00:00.000000Z",'
        '"details":{"n":0,"zh":"案件"},"object":"case-0","sequence":1}'
    )
    expected = hashlib.sha256(bytes(32) + record.encode()).hexdigest()
    query = sa.select(trail.trail_table.c.hash).where(trail.trail_table.c.sequence == 1)
    assert _read(engine, lambda c: c.scalar(query)) == expected


def test_an_honest_trail_verifies(engine: sa.Engine) -> None:
    end = _read(engine, head)
    assert end.count == RECORDS
    assert _codes(engine, end) == set()
    assert _codes(engine, Head(0, bytes(32).hex())) == set()


def test_an_older_head_still_fits(engine: sa.Engine) -> None:
    older = _read(engine, head)
    with store.writing(engine) as connection:
        newer = append(connection, "a", "b", "c", at=AT)
    assert newer == Head(RECORDS + 1, newer.hash)
    assert _codes(engine, older) == set()


def test_the_database_refuses_changes(engine: sa.Engine) -> None:
    for statement in (
        "UPDATE trail SET actor = 'x'", "DELETE FROM trail WHERE sequence = 12",
        "INSERT OR REPLACE INTO trail SELECT sequence, at, 'x', action, object, details, "
        "previous_hash, hash FROM trail WHERE sequence = 3",
    ):  # fmt: skip
        with (
            pytest.raises(sa.exc.IntegrityError, match="append-only"),
            store.writing(engine) as connection,
        ):
            connection.exec_driver_sql(statement)
    assert _codes(engine, _read(engine, head)) == set()


@pytest.mark.parametrize("column", ["at", "actor", "action", "object", "details", "hash",
                                    "previous_hash"])  # fmt: skip
def test_an_edited_column_is_found(engine: sa.Engine, column: str) -> None:
    _without_triggers(engine, [f"UPDATE trail SET {column} = {column} || ' ' WHERE sequence = 5"])
    assert {row for _, row in _codes(engine)} & {5, 6}


def test_a_deletion_an_insertion_and_a_reordering_are_found(engine: sa.Engine) -> None:
    _without_triggers(engine, ["DELETE FROM trail WHERE sequence = 5"])
    assert {("TRAIL_GAP", 5), ("TRAIL_CHAIN", 6)} == _codes(engine)


def test_renumbering_after_a_deletion_is_found(engine: sa.Engine) -> None:
    _without_triggers(engine, [
        "DELETE FROM trail WHERE sequence = 5",
        "UPDATE trail SET sequence = -sequence WHERE sequence > 5",
        "UPDATE trail SET sequence = -sequence - 1 WHERE sequence < 0",
    ])  # fmt: skip
    found = _codes(engine)
    assert ("TRAIL_CHAIN", 5) in found
    assert ("TRAIL_CHANGED", 5) in found


def test_a_cut_tail_is_found_only_against_the_head(engine: sa.Engine) -> None:
    end = _read(engine, head)
    _without_triggers(engine, ["DELETE FROM trail WHERE sequence > 9"])
    assert _codes(engine) == set()
    assert _codes(engine, end) == {("TRAIL_CUT", RECORDS)}
    _without_triggers(engine, ["DELETE FROM trail"])
    assert _codes(engine, end) == {("TRAIL_CUT", RECORDS)}


def test_a_rewritten_tail_is_found_against_the_head(engine: sa.Engine) -> None:
    end = _read(engine, head)
    _without_triggers(engine, ["DELETE FROM trail WHERE sequence > 9"])
    with store.writing(engine) as connection:
        for i in range(5):
            append(connection, "x", "rewrote", str(i), at=AT)
    assert _codes(engine) == set()
    assert _codes(engine, end) == {("TRAIL_CUT", RECORDS)}


def test_random_tamperings_are_all_found(engine: sa.Engine, tmp_path: Path) -> None:
    """Swaps of two rows' contents and single-character edits, each on a fresh copy."""
    generator = random.Random(1)
    end = _read(engine, head)
    columns = ["at", "actor", "action", "object", "details", "previous_hash", "hash"]
    rows = _read(engine, lambda c: [tuple(r) for r in c.execute(sa.select(trail.trail_table))])
    for trial in range(TAMPERINGS):
        changed = [list(r) for r in rows]
        i, j = generator.sample(range(RECORDS), 2)
        if trial % 2:
            k = generator.randrange(1, len(columns) + 1)
            text = changed[i][k]
            at = generator.randrange(len(text))
            changed[i][k] = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        else:
            changed[i][1:], changed[j][1:] = changed[j][1:], changed[i][1:]
        memory = sa.create_engine("sqlite://")
        with memory.begin() as connection:
            trail.trail_table.create(connection)
            names = ["sequence", *columns]
            connection.execute(sa.insert(trail.trail_table), [
                dict(zip(names, r, strict=True)) for r in changed
            ])  # fmt: skip
            assert verify(connection, end), (trial, i, j)
        memory.dispose()


def test_what_cannot_be_recorded(engine: sa.Engine) -> None:
    for details in ({"x": float("nan")}, {"x": 2**60}, {"x": {1, 2}}, {"x": "\ud800"}):
        with (
            pytest.raises(TrailError, match="cannot be written as JSON"),
            store.writing(engine) as connection,
        ):
            append(connection, "a", "b", "c", details, at=AT)
    with pytest.raises(TrailError, match="no zone"), store.writing(engine) as connection:
        append(connection, "a", "b", "c", at=datetime(2026, 3, 1))
    assert _read(engine, head).count == RECORDS
