"""A small county whose units have given scores, and what ``jihe plan design`` says of it."""

from __future__ import annotations

import json
import random
import shutil
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import Result
from typer.testing import CliRunner

from claims.contracts import table
from claims.store import open_store
from jihe.cli import app
from sampling.faults import SamplingError

DAY = date(2030, 1, 1)
VERSIONS = {"model_version": "m1", "rules_version": "r1", "catalogue_version": "c1"}


def score_of(unit: str, ids: list[str], *, judged: bool) -> pa.Table:
    """A score per unit: the k-th has chance 1 / (k + 2) and an amount that falls with it."""
    count = len(ids)
    chance = [1 / (k + 2) for k in range(count)]
    columns: dict[str, Any] = {
        "unit": [unit] * count, "unit_id": ids, "as_of_date": [DAY] * count,
        "anomaly_score": chance, "risk_score": chance if judged else [None] * count,
        "expected_amount": [round(50_000 * p) for p in chance] if judged else [None] * count,
        "risk_rank": list(range(1, count + 1)), "tie_seed": [0] * count,
        **{name: [value] * count for name, value in VERSIONS.items()},
    }  # fmt: skip
    return table("scores").conform(pa.table(columns, schema=table("scores").schema))


def scores_of(home: Path, day: date = DAY) -> pa.Table:
    live = live_claims(home, day)
    parts = [
        score_of(unit, sorted({row[f"{unit}_id"] for row in live}), judged=unit == "claim")
        for unit in ("claim", "institution", "insured")
    ]
    whole = pa.concat_tables(parts)
    place = whole.column_names.index("as_of_date")
    return whole.set_column(place, "as_of_date", pa.array([day] * whole.num_rows, pa.date32()))


def live_claims(home: Path, day: date = DAY) -> list[dict[str, Any]]:
    """The claims that a run scores: known before the day, not reversed then, and no reversals."""
    zone = ZoneInfo(str(open_store(home).meta["time_zone"]))
    start = datetime.combine(day, time(), zone)
    return [
        row for row in open_store(home).read("claims").sort_by("claim_id").to_pylist()
        if row["reverses_claim_id"] is None and row["known_at"] < start
        and (row["reversed_at"] is None or row["reversed_at"] >= start)
    ]  # fmt: skip


def shuffled(home: Path, copied: Path) -> Path:
    """Copy a home and put the rows of its scores into another order."""
    shutil.copytree(home, copied, symlinks=True)
    scores = pq.read_table(copied / "scores.parquet")
    order = list(range(scores.num_rows))
    random.Random(3).shuffle(order)
    pq.write_table(scores.take(order), copied / "scores.parquet")
    return copied


def designed(home: Path, *words: object) -> Result:
    told = ["plan", "design", "--home", home, *words]
    return CliRunner().invoke(app, [str(word) for word in told])


def record_of(home: Path, *words: object, code: int = 0) -> dict[str, Any]:
    got = designed(home, *words, "--format", "json")
    assert got.exit_code == code, got.exception
    record: dict[str, Any] = json.loads(got.output)
    return record


def refusal_of(home: Path, *words: object) -> SamplingError:
    error = designed(home, *words).exception
    assert isinstance(error, SamplingError), error
    return error
