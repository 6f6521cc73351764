"""Judged units: which verdicts an interval holds, their features, and the design behind each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.build import Build
from features.matrix import Matrix
from jihe.home import Home
from jihe.judged_units import JudgedUnits, judged_units
from sampling.ledger import Ledger, Plan
from sampling.outcome_rows import Outcome
from sampling.planning.stratify import design_plan
from training.frame import LeakageError

FIRST, LATER = datetime(2026, 3, 20, 9, tzinfo=UTC), datetime(2026, 4, 10, 9, tzinfo=UTC)
CUT, END = date(2026, 4, 1), date(2026, 5, 1)
UNITS = 60


@dataclass
class Made:
    """A build of one matrix."""

    rows: Matrix
    as_of: date = date(2026, 5, 1)
    zone: str = "Asia/Shanghai"
    store: None = None

    def matrix(self, _unit: str) -> Matrix:
        return self.rows


def _matrix() -> Matrix:
    ids = np.array([f"C{n:03d}" for n in range(UNITS)])
    known = np.full(UNITS, np.datetime64("2026-01-05T00:00:00", "us"))
    return Matrix(
        "claim", date(2026, 5, 1), ids, ("f",), np.arange(UNITS, dtype=np.float64)[:, None],
        (1,), np.array([f"O{n % 5}" for n in range(UNITS)]), np.full(UNITS, "x"), known,
        np.arange(UNITS) * 100, np.zeros(UNITS, dtype=np.int64), "c1", "r1",
    )  # fmt: skip


def _plan(home: Home, seed: int, draws: int = 20) -> Plan:
    frame, design = design_plan(
        "claim", unit_ids=[f"C{n:03d}" for n in range(UNITS)],
        risk_rank=np.arange(UNITS) + 1, institution_class=["public_hospital", "pharmacy"] * 30,
        level=["none"] * UNITS, size_minor=np.full(UNITS, 1_000), capacity=draws,
    )  # fmt: skip
    versions = {"model_version": "m1", "rules_version": "r1", "catalogue_version": "c1",
                "as_of_date": date(2026, 2, 1)}  # fmt: skip
    ledger = Ledger(home.ledger_url)
    plan = ledger.create_plan(
        frame, design, bytes([seed] * 32), Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
        score_version=versions, sealed_at=datetime(2026, 2, 2, tzinfo=UTC), actor="planner",
    )  # fmt: skip
    ledger.close()
    return plan


def _append(
    home: Home, plan: Plan | None, cases: list[tuple[str, str, str]], disposition: str,
    at: datetime, amount: int | None = None,
) -> None:  # fmt: skip
    """Append one verdict per (case, unit_id, channel)."""
    rows = [
        Outcome(case, "claim", unit_id, plan.plan_id if plan else None, channel, disposition,
                amount, "r", date(2026, 3, 1), "I1;I2")
        for case, unit_id, channel in cases
    ]  # fmt: skip
    ledger = Ledger(home.ledger_url)
    ledger.append_outcomes(rows, actor="planner", known_at=at)
    ledger.close()


def _cases(plan: Plan) -> list[tuple[str, str, str]]:
    rows = plan.draws.to_pylist()
    return [(case, r["unit_id"], r["tag"]) for case, r in zip(plan.cases, rows, strict=True)]


def _judged(home: Home, known_from: date | None, matrix: Matrix | None = None) -> JudgedUnits:
    made = cast(Build, Made(matrix or _matrix()))
    return judged_units(made, "claim", home, known_from=known_from, known_before=END)


def test_rows_carry_features_verdict_and_design(home: Home) -> None:
    plan = _plan(home, 1)
    cases = _cases(plan)
    _append(home, plan, cases[:8], "recovery", FIRST, 700)
    _append(home, plan, cases[8:], "dismissed", FIRST)
    found = _judged(home, None)
    drawn: dict[str, Any] = {r["unit_id"]: r for r in plan.draws.to_pylist()}
    assert found.matrix.unit_ids.tolist() == sorted(drawn)
    assert found.judged.unit_ids.tolist() == found.matrix.unit_ids.tolist()
    for n, unit_id in enumerate(found.matrix.unit_ids.tolist()):
        row = drawn[unit_id]
        assert found.matrix.values[n, 0] == int(unit_id[1:])
        assert found.channels[n] == row["tag"]
        assert (found.plan_ids[n], found.strata[n]) == ("P0001", row["stratum"])
        assert found.psu_ids[n] == ""
        assert found.judged.weights[n] == pytest.approx(1 / row["inclusion_prob"])
    positive = {unit_id for _, unit_id, _ in cases[:8]}
    labels = dict(zip(found.matrix.unit_ids.tolist(), found.judged.labels, strict=True))
    assert {u for u, label in labels.items() if label} == positive
    assert set(found.label_dates) == {np.datetime64("2026-03-20")}


def test_the_interval_is_half_open(home: Home) -> None:
    plan = _plan(home, 1)
    cases = _cases(plan)
    _append(home, plan, cases[:8], "dismissed", FIRST)
    _append(home, plan, cases[8:], "dismissed", LATER)
    assert len(_judged(home, None)) == 20
    assert len(_judged(home, date(2026, 3, 20))) == 20
    assert len(_judged(home, date(2026, 3, 21))) == 12
    assert len(_judged(home, date(2026, 4, 11))) == 0
    made = cast(Build, Made(_matrix()))
    early = judged_units(made, "claim", home, known_from=None, known_before=date(2026, 4, 10))
    assert len(early) == 8


def test_an_appeal_of_an_old_verdict_is_no_new_evidence(home: Home) -> None:
    plan = _plan(home, 1)
    cases = _cases(plan)
    _append(home, plan, cases[:8], "recovery", FIRST, 700)
    _append(home, plan, cases[:1], "overturned", LATER)
    _append(home, plan, cases[8:10], "documents_not_received", FIRST)
    _append(home, plan, cases[8:10], "dismissed", LATER)  # their first label is of this month
    found = _judged(home, CUT)
    assert set(found.matrix.unit_ids) == {unit_id for _, unit_id, _ in cases[8:10]}
    assert found.not_new == 1
    assert len(_judged(home, None)) == 10  # without an interval the appeal is a verdict as any


def test_a_tip_off_is_kept_without_weight(home: Home) -> None:
    plan = _plan(home, 1)
    _append(home, plan, _cases(plan)[:8], "dismissed", FIRST)
    free = sorted({f"C{n:03d}" for n in range(UNITS)} - {u for _, u, _ in _cases(plan)})[0]
    _append(home, None, [("T1", free, "tip_off")], "recovery", FIRST, 5)
    found = _judged(home, None)
    place = found.matrix.unit_ids.tolist().index(free)
    assert found.judged.weights[place] == 0
    assert (found.channels[place], found.plan_ids[place], found.strata[place]) == (
        "tip_off",
        "",
        "",
    )
    assert (np.delete(found.judged.weights, place) > 0).all()


def test_of_two_cases_of_a_unit_the_later_counts_with_its_own_plan(home: Home) -> None:
    first, second = _plan(home, 1), _plan(home, 2)
    both = {u for _, u, _ in _cases(first)} & {u for _, u, _ in _cases(second)}
    assert both
    _append(home, first, _cases(first), "dismissed", FIRST)
    _append(home, second, _cases(second), "recovery", LATER, 9)
    found = _judged(home, CUT)
    assert set(found.plan_ids) == {"P0002"}
    assert len(found) == 20
    every = _judged(home, None)
    plans = dict(zip(every.matrix.unit_ids.tolist(), every.plan_ids.tolist(), strict=True))
    assert {plans[u] for u in both} == {"P0002"}


def test_features_younger_than_their_verdict_stop_it(home: Home) -> None:
    plan = _plan(home, 1)
    _append(home, plan, _cases(plan), "dismissed", FIRST)
    late = replace(_matrix(), known_at=np.full(UNITS, np.datetime64("2026-04-05T00:00", "us")))
    with pytest.raises(LeakageError):
        _judged(home, None, late)


def test_units_without_features_are_counted(home: Home) -> None:
    plan = _plan(home, 1)
    _append(home, plan, _cases(plan), "dismissed", FIRST)
    found = _judged(home, None, _matrix().take(np.arange(UNITS) < 30))
    assert len(found) + found.unmatched == 20
    assert found.unmatched > 0
