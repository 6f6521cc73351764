"""What past inspections teach: only what lies between claim and cut, and never a weight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.contracts import table
from claims.store import StoreVersion
from features.build import Build
from features.matrix import Matrix
from jihe.home import Home
from jihe.labelled import verdict_labels
from jihe.training import features_and_labels
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome

#: Every claim became known at this moment; verdicts come some time after it.
CLAIMED = datetime(2024, 2, 1, 9, tzinfo=UTC)
CUT = date(2024, 6, 1)
#: The cut's first moment in Shanghai.
CUT_MOMENT = datetime(2024, 5, 31, 16, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

Row = dict[str, Any]


def _case(claim: str, known: datetime, disposition: str = "recovery", amount: int = 500) -> Row:
    return {
        "case_no": f"K-{claim}", "claim_id": claim, "channel": "tip_off",
        "inspected_on": known.date(), "disposition": disposition, "overpaid_amount": amount,
        "known_at": known,
    }  # fmt: skip


def _appeal(claim: str, decision: str, amount: int | None, known: datetime) -> Row:
    return {
        "appeal_id": f"B-{claim}", "case_no": f"K-{claim}", "filed_on": date(2024, 4, 10),
        "decision": decision, "overpaid_amount": amount, "known_at": known,
    }  # fmt: skip


def _store(folder: Path, **rows: list[Row]) -> StoreVersion:
    """Return a store of the given tables, each one file."""
    claims = sorted({row["claim_id"] for row in rows["inspection_history"]})
    rows["claims"] = [{"claim_id": claim, "known_at": CLAIMED} for claim in claims]
    for name, given in rows.items():
        pq.write_table(
            pa.Table.from_pylist(given, schema=table(name).schema), folder / f"{name}.parquet"
        )
    files = {name: {"files": {f"{name}.parquet": {}}} for name in rows}
    return StoreVersion(folder, "v1", "f1", {"tables": files, "absent_columns": {}})


def _labels(home: Home, store: StoreVersion, cut: date = CUT) -> dict[str, Row]:
    return {row["unit_id"]: row for row in verdict_labels(home, cut, store).table.to_pylist()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


def test_a_verdict_counts_from_a_day_after_its_claim_until_the_cut(
    home: Home, tmp_path: Path
) -> None:
    day = timedelta(days=1)
    cases = [
        _case("a-before-its-claim", CLAIMED - day), _case("b-with-it", CLAIMED),
        _case("c-within-the-day", CLAIMED + day - MOMENT), _case("d-a-day-later", CLAIMED + day),
        _case("e-before-the-cut", CUT_MOMENT - MOMENT), _case("f-on-the-cut", CUT_MOMENT),
    ]  # fmt: skip
    found = _labels(home, _store(tmp_path, inspection_history=cases))
    assert sorted(found) == ["d-a-day-later", "e-before-the-cut"]
    assert {row["label"] for row in found.values()} == {1}
    assert {(row["final_weight"], row["training_weight"]) for row in found.values()} == {(0, 0)}


def test_appeals_speak_from_the_day_on_which_their_decision_was_known(
    home: Home, tmp_path: Path
) -> None:
    first = datetime(2024, 4, 1, tzinfo=UTC)
    decided = datetime(2024, 5, 2, tzinfo=UTC)
    appeals = [
        _appeal("granted", "overturned", 0, decided), _appeal("less", "reduced", 120, decided),
        _appeal("too-late", "overturned", 0, CUT_MOMENT),
    ]  # fmt: skip
    cases = [_case(claim, first) for claim in ("granted", "less", "none", "too-late")]
    store = _store(tmp_path, inspection_history=cases, appeals=appeals)
    told = {claim: (row["label"], row["overpaid_amount"]) for claim, row in
            _labels(home, store).items()}  # fmt: skip
    # What is decided on the cut day is still disputed before it: neither label.
    assert told == {"granted": (0, 0), "less": (1, 120), "none": (1, 500)}
    earlier = _labels(home, store, date(2024, 4, 5))
    assert {row["label"] for row in earlier.values()} == {1}
    assert len(earlier) == 4


def test_verdicts_of_the_program_stand_beside_those_of_before(home: Home, tmp_path: Path) -> None:
    store = _store(tmp_path, inspection_history=[_case("old", datetime(2024, 4, 1, tzinfo=UTC))])
    ledger = Ledger(home.ledger_url)
    told = Outcome("T1", "claim", "told", None, "tip_off", "dismissed", None, "r",
                   date(2024, 4, 1), "I1;I2")  # fmt: skip
    ledger.append_outcomes([told], actor="planner", known_at=datetime(2024, 4, 2, tzinfo=UTC))
    ledger.close()
    assert {unit: row["label"] for unit, row in _labels(home, store).items()} == {
        "old": 1, "told": 0,
    }  # fmt: skip
    alone = verdict_labels(home, CUT).table["unit_id"].to_pylist()
    assert alone == ["told"]


@dataclass
class _Made:
    """A build of one matrix."""

    rows: Matrix
    as_of: date
    store: StoreVersion | None = None
    zone: str = "Asia/Shanghai"

    def matrix(self, _unit: str) -> Matrix:
        return self.rows


def _matrix(unit: str, known: list[datetime]) -> Matrix:
    n = len(known)
    moments = np.array([moment.replace(tzinfo=None) for moment in known], dtype="datetime64[us]")
    return Matrix(
        unit, date(2024, 4, 2), np.array([f"u{i}" for i in range(n)]), ("f",), np.zeros((n, 1)),
        (1,), np.full(n, "g"), np.full(n, "x"), moments, np.ones(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64), "c1", "r1",
    )  # fmt: skip


def test_features_known_on_the_cut_day_are_left_out_and_past_verdicts_teach(
    home: Home, tmp_path: Path
) -> None:
    store = _store(tmp_path, inspection_history=[_case("u0", datetime(2024, 4, 1, tzinfo=UTC))])
    rows = _matrix("claim", [CUT_MOMENT - MOMENT, CUT_MOMENT, CUT_MOMENT + MOMENT])
    made = cast(Build, _Made(rows, date(2024, 5, 1), store))
    matrix, labels = features_and_labels(made, "claim", home, CUT)
    assert matrix.unit_ids.tolist() == ["u0"]
    # A claim's features are of its own day: that the build is of May takes no verdict of April.
    assert labels["unit_id"].to_pylist() == ["u0"]


def test_a_profile_learns_only_from_verdicts_that_it_is_not_younger_than(home: Home) -> None:
    ledger = Ledger(home.ledger_url)
    for n, day in enumerate((1, 2, 3)):
        verdict = Outcome(f"T{n}", "institution", f"u{n}", None, "tip_off", "recovery", 5, "r",
                          date(2024, 3, 1), "I1;I2")  # fmt: skip
        ledger.append_outcomes(
            [verdict], actor="planner", known_at=datetime(2024, 4, day, 9, tzinfo=UTC)
        )
    ledger.close()
    rows = _matrix("institution", [CLAIMED] * 3)
    made = cast(Build, _Made(rows, date(2024, 4, 2)))
    _, labels = features_and_labels(made, "institution", home, CUT)
    assert labels["unit_id"].to_pylist() == ["u1", "u2"]
    of_claims = replace(rows, unit="claim")
    _, all_labels = features_and_labels(
        cast(Build, _Made(of_claims, made.as_of)), "claim", home, CUT
    )
    assert len(all_labels) == 3
