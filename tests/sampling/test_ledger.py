"""The ledger: plans are numbered once, seeds used once, outcomes only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from claims.contracts import table
from sampling.design import allocate
from sampling.frame import make_frame
from sampling.ledger import Ledger, LedgerError
from sampling.outcome_rows import Outcome
from sampling.store import StoreError, open_store
from sampling.weights import Response, final_weights, response_cells
from tests.databases import forgetting

AT = datetime(2026, 3, 20, tzinfo=UTC)


def _plan(sealed: SimpleNamespace, ledger: Ledger | None = None, **changes):
    arguments = {
        "frame": sealed.town.frame, "design": sealed.town.design, "seed": sealed.seed,
        "key": sealed.key, "score_version": sealed.versions, "sealed_at": sealed.sealed_at,
        "actor": "planner-1",
    }  # fmt: skip
    return (ledger or sealed.ledger).create_plan(**(arguments | changes))


def _outcomes(sealed: SimpleNamespace, places: Sequence[int], **changes) -> list[Outcome]:
    rows = sealed.plan.draws.to_pylist()
    values = {
        "disposition": "recovery", "overpaid_amount": 100, "reason": "r",
        "inspected_on": date(2026, 3, 5), "inspectors": "I1;I2",
    } | changes  # fmt: skip
    return [
        Outcome(sealed.plan.cases[i], rows[i]["unit"], rows[i]["unit_id"], "P0001",
                rows[i]["tag"], **values)
        for i in places
    ]  # fmt: skip


def test_the_same_plan_again_is_the_same_plan(sealed: SimpleNamespace) -> None:
    head = sealed.ledger.head()
    again = _plan(sealed, sealed_at=sealed.sealed_at + timedelta(days=1))
    assert sealed.plan.created
    assert not again.created
    assert again.certificate == sealed.plan.certificate
    assert again.draws.equals(sealed.plan.draws)
    assert again.cases == sealed.plan.cases
    assert again.sealed_at == sealed.plan.sealed_at
    assert sealed.ledger.plan_ids() == ["P0001"]
    assert sealed.ledger.head() == head


def test_a_seed_is_used_once(sealed: SimpleNamespace) -> None:
    other = make_frame("claim", ["a", "b", "c"], ["s"] * 3, [1, 2, 3])
    with pytest.raises(LedgerError, match="already drew plan P0001"):
        _plan(sealed, frame=other, design=allocate(other, 2, "0.5"))
    with pytest.raises(LedgerError, match="already drew plan P0001"):
        _plan(sealed, design=allocate(sealed.town.frame, 91, "0.3"))
    second = _plan(sealed, frame=other, design=allocate(other, 2, "0.5"), seed=b"2" * 32)
    assert second.plan_id == "P0002"
    assert second.cases[0].startswith("P0002-")
    assert sealed.ledger.plan_ids() == ["P0001", "P0002"]


def test_a_plan_that_fails_leaves_nothing(sealed: SimpleNamespace) -> None:
    before = sealed.ledger.head()
    with pytest.raises(ValueError, match=r"scores\.model_version"):
        _plan(sealed, seed=b"3" * 32, score_version={})
    assert sealed.ledger.plan_ids() == ["P0001"]
    assert sealed.ledger.head() == before
    assert _plan(sealed, seed=b"3" * 32).plan_id == "P0002"


def test_a_plan_reads_back(sealed: SimpleNamespace) -> None:
    plan = sealed.ledger.plan("P0001")
    assert plan.design == sealed.town.design
    assert plan.drawn_on == date(2026, 3, 1)
    assert plan.draws.schema == table("draws").schema
    with pytest.raises(LedgerError, match="There is no plan 'P0009'; there are: P0001"):
        sealed.ledger.plan("P0009")


def test_many_at_once_get_one_number_each(sealed: SimpleNamespace) -> None:
    def create(i: int) -> str:
        return _plan(sealed, seed=bytes([i // 2 + 50]) * 32).plan_id

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(create, range(12)))
    assert sorted(numbers) == sorted(f"P{i:04d}" for i in range(2, 8) for _ in range(2))
    assert sealed.ledger.verify_trail(sealed.ledger.head()) == []


def test_every_connection_is_durable(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'jihe.db'}").connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {p}").scalar()
                 for p in ("journal_mode", "synchronous", "foreign_keys")]  # fmt: skip
    assert found == ["wal", 2, 1]
    with pytest.raises(StoreError, match="journal_mode=memory"):
        open_store("sqlite://")
    for url in ("mysql+pymysql://host/name", "jihe.db"):
        with pytest.raises(StoreError, match="use sqlite:/// or postgresql"):
            open_store(url)


@pytest.mark.parametrize("name", ["plans", "strata", "draws", "outcomes", "trail"])
def test_no_table_forgets(sealed: SimpleNamespace, name: str) -> None:
    sealed.ledger.append_outcomes(_outcomes(sealed, [0]), actor="a", known_at=AT)
    column = {"trail": "actor"}.get(name, "plan_id")
    engine = sealed.ledger.engine
    for statement in forgetting(engine.dialect.name, name, column):
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            engine.begin() as connection,
        ):
            connection.exec_driver_sql(statement)


def test_outcomes_conform_and_carry_their_probability(sealed: SimpleNamespace) -> None:
    places = list(range(0, 90, 3))
    sealed.ledger.append_outcomes(_outcomes(sealed, places), actor="a", known_at=AT)
    found = sealed.ledger.outcomes()
    assert found.schema == table("outcomes").schema
    rows = sealed.plan.draws.to_pylist()
    for got, i in zip(found.to_pylist(), places, strict=True):
        assert got["case"] == sealed.plan.cases[i]
        assert got["inclusion_prob"] == rows[i]["inclusion_prob"]
        assert got["base_weight"] == 1 / rows[i]["inclusion_prob"]
        assert got["channel"] == rows[i]["tag"]
    assert sum(found["final_weight"].to_pylist()) == pytest.approx(600)


def test_final_weights_of_a_whole_plan_are_the_base_weights(sealed: SimpleNamespace) -> None:
    sealed.ledger.append_outcomes(_outcomes(sealed, range(90)), actor="a", known_at=AT)
    for row in sealed.ledger.outcomes().to_pylist():
        assert row["final_weight"] == pytest.approx(row["base_weight"])


def test_known_before_cuts_at_local_midnight(sealed: SimpleNamespace) -> None:
    """15:59:59 UTC is the last second of the day in Shanghai."""
    evening = datetime(2026, 3, 20, 15, 59, 59, tzinfo=UTC)
    midnight = datetime(2026, 3, 20, 16, tzinfo=UTC)
    sealed.ledger.append_outcomes(_outcomes(sealed, [0]), actor="a", known_at=evening)
    sealed.ledger.append_outcomes(_outcomes(sealed, [1]), actor="a", known_at=midnight)
    assert sealed.ledger.outcomes(date(2026, 3, 20)).num_rows == 0
    assert sealed.ledger.outcomes(date(2026, 3, 21)).num_rows == 1
    assert sealed.ledger.outcomes(date(2026, 3, 22)).num_rows == 2
    assert sealed.ledger.outcomes().num_rows == 2


def test_weights_follow_what_was_known_then(sealed: SimpleNamespace) -> None:
    sealed.ledger.append_outcomes(_outcomes(sealed, range(45)), actor="a", known_at=AT)
    later = AT + timedelta(days=3)
    sealed.ledger.append_outcomes(_outcomes(sealed, range(45, 90)), actor="a", known_at=later)
    early = sealed.ledger.outcomes(date(2026, 3, 22))
    assert early.num_rows == 45
    assert sum(early["final_weight"].to_pylist()) == pytest.approx(600)


def test_outcomes_outside_any_plan_have_no_probability(sealed: SimpleNamespace) -> None:
    tip = Outcome("T-1", "claim", "C0001", None, "tip_off", "talk", 0, "r", date(2026, 3, 5), "A;B")
    sealed.ledger.append_outcomes([tip], actor="a", known_at=AT)
    (row,) = sealed.ledger.outcomes().to_pylist()
    assert [row[c] for c in ("inclusion_prob", "base_weight", "final_weight")] == [None] * 3
    assert sealed.ledger.outcomes(plan_id="P0001").num_rows == 0


def test_rows_that_do_not_fit_the_draw_are_all_refused(sealed: SimpleNamespace) -> None:
    good, second, third = _outcomes(sealed, [0, 1, 2])
    wrong = [
        good,
        Outcome(**{**second.__dict__, "channel": "tip_off"}),
        Outcome(**{**third.__dict__, "unit_id": "C9999"}),
        good,
    ]
    before = sealed.ledger.head()
    with pytest.raises(LedgerError) as caught:
        sealed.ledger.append_outcomes(wrong, actor="a", known_at=AT)
    assert [f.code for f in caught.value.faults] == ["LEDGER_TWICE", "LEDGER_DRAW", "LEDGER_DRAW"]
    assert sealed.ledger.outcomes().num_rows == 0
    assert sealed.ledger.head() == before


def test_every_write_is_in_the_trail(sealed: SimpleNamespace) -> None:
    sealed.ledger.append_outcomes(_outcomes(sealed, [0]), actor="clerk-2", known_at=AT)
    with sealed.ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT actor, action, object, details FROM trail ORDER BY sequence"
        ).all()
    assert [tuple(r)[:3] for r in rows] == [
        ("planner-1", "plan_sealed", "P0001"), ("clerk-2", "outcomes_appended", "P0001"),
    ]  # fmt: skip
    assert sealed.plan.certificate["list"]["sha256"] in rows[0].details
    assert '"overpaid_amount":100' in rows[1].details
    assert sealed.ledger.verify_trail(sealed.ledger.head()) == []


def test_nothing_is_half_written_when_the_trail_fails(
    sealed: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("sampling.trail.append", fail)
    with pytest.raises(OSError, match="disk full"):
        sealed.ledger.append_outcomes(_outcomes(sealed, [0, 1]), actor="a", known_at=AT)
    with pytest.raises(OSError, match="disk full"):
        _plan(sealed, seed=b"9" * 32)
    assert sealed.ledger.outcomes().num_rows == 0
    assert sealed.ledger.plan_ids() == ["P0001"]


def test_weights_by_hand() -> None:
    """b1 has 6 of 30 with 4 verdicts; b2 and b3 have one verdict each and stand together.

    b1: 30/6 x 6/4 = 7.5. b2 and b3: base weights 10 and 50, verdicts 1 and 1, units 20 and 100:
    one factor 120 / (10 + 50) = 2, so 20 and 100.
    """
    strata = [Response("k/1/b1", 30, 6, 4), Response("k/1/b2", 20, 2, 1),
              Response("k/1/b3", 100, 2, 1)]  # fmt: skip
    assert final_weights(strata) == {"k/1/b1": 7.5, "k/1/b2": 20, "k/1/b3": 100}


def test_weak_strata_join_their_nearest_kin() -> None:
    strata = [
        Response("a/1/b1", 9, 3, 3), Response("a/2/b1", 5, 2, 0), Response("a/2/b2", 50, 2, 2),
        Response("b/1/b1", 4, 2, 2), Response("b/1/top", 1, 1, 1),
    ]  # fmt: skip
    names = [c.name for c in response_cells(strata)]
    assert names == ["a/1/b1", "a/2/b1 & a/2/b2", "b/1/b1", "b/1/top"]
    lost = [Response("b/1/b1", 4, 2, 2), Response("b/1/top", 1, 1, 0)]
    assert [c.name for c in response_cells(lost)] == ["b/1/b1 & b/1/top"]


def test_both_databases_hold_the_same(sealed: SimpleNamespace, tmp_path: Path) -> None:
    other = Ledger(f"sqlite:///{tmp_path / 'other.db'}")
    assert _plan(sealed, other).certificate == sealed.plan.certificate
    assert other.plan("P0001").draws.equals(sealed.plan.draws)
    for target in (other, sealed.ledger):
        target.append_outcomes(_outcomes(sealed, range(30)), actor="a", known_at=AT)
        target.append_outcomes(
            _outcomes(sealed, range(5), disposition="overturned", overpaid_amount=None),
            actor="a", known_at=AT + timedelta(days=1),
        )  # fmt: skip
    for history in (False, True):
        assert other.outcomes(history=history).equals(sealed.ledger.outcomes(history=history))
    assert other.head() == sealed.ledger.head()
    other.close()
