"""The ranked cases of a bundle: one SQLite file, written once and then only read.

In: scores of every unit, explanation records of the units that have one, and the drawn list. Out:
``cases.sqlite`` with scores indexed by (unit, risk_rank), records as JSON with their one-line
reasons, and which plan drew a unit. Neither the tag nor the probability of a draw is in it: whoever
inspects must not learn them. Rows are written in the order of their keys: same input, same bytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from claims.contracts import table
from serving.sentences import one_line

#: Facts that a list shows beside the rank.
LIST_FACTS = ("institution_class", "level", "district", "claim_type", "service_date", "sex")
_SCORES = (
    "unit", "unit_id", "risk_rank", "as_of_date", "anomaly_score", "risk_score", "expected_amount",
    "tie_seed", "model_version", "rules_version", "catalogue_version",
)  # fmt: skip
_SCHEMA = f"""
CREATE TABLE scores ({", ".join(_SCORES)}, PRIMARY KEY (unit, unit_id)) WITHOUT ROWID;
CREATE INDEX scores_rank ON scores (unit, risk_rank);
CREATE TABLE records (unit, unit_id, line_en, line_zh, facts, body, PRIMARY KEY (unit, unit_id))
  WITHOUT ROWID;
CREATE TABLE draws (unit, unit_id, plans, PRIMARY KEY (unit, unit_id)) WITHOUT ROWID;
CREATE TABLE summary (unit PRIMARY KEY, units, ranked_by) WITHOUT ROWID;
"""
_LIST = """
SELECT s.unit, s.unit_id, s.risk_rank, s.as_of_date, s.anomaly_score, s.risk_score,
  s.expected_amount, r.line_en, r.line_zh, r.facts, d.plans
FROM scores s
LEFT JOIN records r ON r.unit = s.unit AND r.unit_id = s.unit_id
LEFT JOIN draws d ON d.unit = s.unit AND d.unit_id = s.unit_id
WHERE s.unit = ? ORDER BY s.risk_rank, s.unit_id LIMIT ? OFFSET ?
"""


@dataclass(frozen=True)
class Summary:
    """How many units of a kind are ranked, and by what."""

    unit: str
    units: int
    ranked_by: str


class Cases:
    """Read-only access to ``cases.sqlite``."""

    def __init__(self, path: Path) -> None:
        """Open the file of a verified bundle."""
        uri = f"file:{path}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        rows = self._db.execute("SELECT unit, units, ranked_by FROM summary ORDER BY unit")
        self.summaries: Mapping[str, Summary] = {row[0]: Summary(*row) for row in rows}

    def ranked(self, unit: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return the cases of a unit from the ``offset``-th on, the first to inspect first."""
        return [_case(row) for row in self._db.execute(_LIST, [unit, limit, offset])]

    def record(self, unit: str, unit_id: str) -> dict[str, Any] | None:
        """Return a unit's explanation record; None where it has none."""
        row = self._one("SELECT body FROM records WHERE unit = ? AND unit_id = ?", unit, unit_id)
        return None if row is None else json.loads(row[0])

    def plans(self, unit: str, unit_id: str) -> list[str]:
        """Return the plans that drew a unit."""
        row = self._one("SELECT plans FROM draws WHERE unit = ? AND unit_id = ?", unit, unit_id)
        return [] if row is None else json.loads(row[0])

    def all_plans(self) -> list[str]:
        """Return every plan that drew a unit."""
        rows = self._db.execute("SELECT DISTINCT plans FROM draws")
        return sorted({plan for (plans,) in rows for plan in json.loads(plans)})

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _one(self, sql: str, *values: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row


def write_cases(
    path: Path, scores: pa.Table, records: Sequence[Mapping[str, Any]], draws: pa.Table | None
) -> None:
    """Write ``cases.sqlite``; records must have passed ``check_adds_up``."""
    rows = sorted(table("scores").conform(scores).to_pylist(), key=_key)
    drawn = [] if draws is None else table("draws").conform(draws).to_pylist()
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = OFF")
        database.executescript(_SCHEMA)
        _insert(database, "scores", (_score_row(row) for row in rows), len(_SCORES))
        _insert(database, "records", (_record_row(r) for r in sorted(records, key=_key)), 6)
        _insert(database, "draws", _draw_rows(drawn), 3)
        _insert(database, "summary", _summary_rows(rows), 3)
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()


def _insert(
    database: sqlite3.Connection, name: str, rows: Iterable[Sequence[Any]], width: int
) -> None:
    marks = ", ".join("?" * width)
    database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)


def _key(row: Mapping[str, Any]) -> tuple[str, bytes]:
    return row["unit"], row["unit_id"].encode()


def _score_row(row: Mapping[str, Any]) -> list[Any]:
    return [row[name].isoformat() if name == "as_of_date" else row[name] for name in _SCORES]


def _record_row(record: Mapping[str, Any]) -> list[Any]:
    facts = {name: record["facts"][name] for name in LIST_FACTS if name in record["facts"]}
    lines = [one_line(record, "en"), one_line(record, "zh")]
    return [record["unit"], record["unit_id"], *lines, _json(facts), _json(record)]


def _json(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")
    )


def _draw_rows(drawn: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    plans: dict[tuple[str, str], set[str]] = {}
    for row in drawn:
        plans.setdefault((row["unit"], row["unit_id"]), set()).add(row["plan_id"])
    return [[unit, unit_id, _json(sorted(ids))] for (unit, unit_id), ids in sorted(plans.items())]


def _summary_rows(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    by_unit: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_unit.setdefault(row["unit"], []).append(row)
    return [[unit, len(own), ranked_by(own)] for unit, own in sorted(by_unit.items())]


def ranked_by(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what a ranked list follows: the first score that never rises from rank to rank.

    Before any verdict that is the anomaly score, and the list must say so.
    """
    ordered = sorted(rows, key=lambda row: row["risk_rank"])
    for name in ("risk_score", "expected_amount"):
        values = [row[name] for row in ordered]
        known = all(value is not None for value in values)
        if known and all(a >= b for a, b in pairwise(values)):
            return name
    return "anomaly_score"


def _case(row: Sequence[Any]) -> dict[str, Any]:
    unit, unit_id, rank, as_of, anomaly, risk, amount, line_en, line_zh, facts, plans = row
    return {
        "unit": unit,
        "unit_id": unit_id,
        "risk_rank": rank,
        "as_of_date": as_of,
        "anomaly_score": anomaly,
        "risk_score": risk,
        "expected_amount": amount,
        "reason_en": line_en,
        "reason_zh": line_zh,
        "facts": json.loads(facts) if facts else {},
        "drawn": plans is not None,
        "plans": json.loads(plans) if plans else [],
        "explained": line_en is not None,
    }
