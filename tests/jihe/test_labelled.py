"""Labels as of a day: what becomes known later changes nothing of them, to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jihe.home import Home
from jihe.labelled import verdict_labels
from sampling.ledger import Ledger, Plan
from sampling.outcome_rows import Outcome
from sampling.planning.stratify import design_plan

SEALED_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
#: The first verdicts come on 20 March, what corrects them on 10 April.
FIRST, LATER = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC)
CUT, LATER_CUT = date(2026, 4, 1), date(2026, 4, 11)
DRAWS = 40


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    opened = Ledger(home.ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def plan(ledger: Ledger) -> Plan:
    """A plan of 40 of 200 claims in two classes."""
    rng = np.random.default_rng(5)
    frame, design = design_plan(
        "claim",
        unit_ids=[f"C{n:03d}" for n in range(200)],
        risk_rank=rng.permutation(200) + 1,
        institution_class=rng.choice(["public_hospital", "pharmacy"], 200).tolist(),
        level=["none"] * 200,
        size_minor=rng.integers(10_000, 1_000_000, 200),
        capacity=DRAWS,
    )
    versions = {"model_version": "m1", "rules_version": "r1", "catalogue_version": "c1",
                "as_of_date": date(2026, 2, 1)}  # fmt: skip
    return ledger.create_plan(
        frame, design, bytes(range(32)), Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
        score_version=versions, sealed_at=SEALED_AT, actor="planner-1",
    )  # fmt: skip


def _verdicts(
    plan: Plan, places: Sequence[int], disposition: str, amount: int | None
) -> list[Outcome]:
    rows = plan.draws.to_pylist()
    return [
        Outcome(plan.cases[n], rows[n]["unit"], rows[n]["unit_id"], plan.plan_id, rows[n]["tag"],
                disposition, amount, "r", date(2026, 3, 5), "I1;I2")
        for n in places
    ]  # fmt: skip


def _bytes(home: Home, day: date) -> bytes:
    labels = verdict_labels(home, day).table
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, labels.schema) as stream:
        stream.write_table(labels.combine_chunks())
    return bytes(sink.getvalue())


def _first_verdicts(ledger: Ledger, plan: Plan) -> None:
    made = _verdicts(plan, range(10), "recovery", 1_234)
    made += _verdicts(plan, range(10, 30), "dismissed", None)
    made += _verdicts(plan, range(30, 33), "documents_not_received", None)
    ledger.append_outcomes(made, actor="planner-1", known_at=FIRST)


@pytest.mark.parametrize(("places", "disposition", "amount"), [
    ([0], "overturned", None),  # an appeal granted
    ([1], "recovery", 99),  # an amount put right
    ([12], "recovery", 5_000),  # a dismissal reopened
    ([30], "dismissed", None),  # papers that came late, which also moves every weight
    (range(33, DRAWS), "recovery", 7),  # cases inspected later
])  # fmt: skip
def test_what_becomes_known_later_changes_no_earlier_label(
    home: Home, ledger: Ledger, plan: Plan, places: Sequence[int], disposition: str,
    amount: int | None,
) -> None:  # fmt: skip
    _first_verdicts(ledger, plan)
    before, counts = _bytes(home, CUT), verdict_labels(home, CUT).counts
    assert verdict_labels(home, CUT).table.num_rows == 30
    late = _verdicts(plan, places, disposition, amount)
    ledger.append_outcomes(late, actor="planner-1", known_at=LATER)
    assert _bytes(home, CUT) == before
    assert verdict_labels(home, CUT).counts == counts
    assert _bytes(home, LATER_CUT) != before


def test_a_granted_appeal_counts_from_the_day_after_it_became_known(
    home: Home, ledger: Ledger, plan: Plan
) -> None:
    _first_verdicts(ledger, plan)
    ledger.append_outcomes(
        _verdicts(plan, [0], "overturned", None), actor="planner-1", known_at=LATER
    )
    unit = plan.draws["unit_id"][0].as_py()

    def label(day: date) -> tuple[int, int | None, date]:
        rows = {row["unit_id"]: row for row in verdict_labels(home, day).table.to_pylist()}
        return rows[unit]["label"], rows[unit]["overpaid_amount"], rows[unit]["label_date"]

    assert label(LATER.date()) == (1, 1_234, FIRST.date())
    assert label(LATER_CUT) == (0, None, LATER.date())
    told = [verdict_labels(home, day).counts["superseded"] for day in (CUT, LATER_CUT)]
    assert told == [0, 1]


def test_nothing_is_known_on_the_day_the_verdicts_come(
    home: Home, ledger: Ledger, plan: Plan
) -> None:
    _first_verdicts(ledger, plan)
    assert verdict_labels(home, FIRST.date()).table.num_rows == 0
    assert verdict_labels(home, date(2026, 3, 21)).table.num_rows == 30
