"""Models that learnt and that did not, a registry in memory, and what a gate says of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from features.matrix import Matrix
from jihe.gate import Judgement, judge
from jihe.home import Home
from jihe.judged_units import JudgedUnits
from jihe.training import FIRST_GATE
from sampling import store, trail
from training.config import ExperimentConfig, parse_config
from training.evaluate import Judged
from training.tracking import Registered, RegistryError, Tracker

CUT, LATER_CUT = date(2026, 4, 1), date(2026, 4, 20)
UNITS = 1_200


def matrix_of_claims() -> Matrix:
    rng = np.random.default_rng(3)
    return Matrix(
        "claim", date(2026, 3, 1), np.array([f"C{n:05d}" for n in range(UNITS)]),
        ("drive", "noise"), rng.normal(size=(UNITS, 2)), (0, 0),
        np.array([f"O{n % 60:02d}" for n in range(UNITS)]), np.full(UNITS, "x"),
        np.full(UNITS, np.datetime64("2026-01-05T00:00", "us")),
        rng.integers(1_000, 90_000, UNITS), rng.integers(0, 2, UNITS), "c1", "r1",
    )  # fmt: skip


def outcome_of(matrix: Matrix) -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.random(UNITS) < 1 / (1 + np.exp(1.5 - 2.5 * matrix.values[:, 0]))


def labels_of(matrix: Matrix, outcome: np.ndarray, rows: np.ndarray) -> pa.Table:
    n = len(rows)
    return pa.table({
        "unit": ["claim"] * n, "unit_id": matrix.unit_ids[rows].tolist(),
        "label": pa.array(outcome[rows].astype(int), pa.int64()),
        "overpaid_amount": pa.array(np.where(outcome[rows], 500, 0), pa.int64()),
        "label_date": [date(2026, 3, 2) + timedelta(days=int(i) % 20) for i in rows],
        "channel": ["random"] * n, "inclusion_prob": [0.5] * n, "final_weight": [2.0] * n,
        "training_weight": [1.0] * n,
    })  # fmt: skip


@dataclass
class World:
    """Folders of a cold start, a model that learnt nothing and one that learnt, and the truth."""

    matrix: Matrix
    outcome: np.ndarray
    folders: dict[str, Path]

    def fresh(self, rows: int = 600) -> JudgedUnits:
        """Return verdicts on units that no model was trained on."""
        chosen = np.arange(UNITS - rows, UNITS)
        part = self.matrix.take(chosen)
        judged = Judged(
            "claim", part.unit_ids, self.outcome[chosen].astype(np.float64), np.full(rows, 2.0),
            part.groups, part.amounts, part.rule_hits,
            np.where(self.outcome[chosen], 500.0, 0.0),
        )  # fmt: skip
        channels = np.where(chosen % 3 == 0, "random", "risk")
        return JudgedUnits(
            part, judged, np.full(rows, np.datetime64("2026-04-25")), channels,
            np.full(rows, "P0001"), np.where(chosen % 2 == 0, "a", "b"), np.full(rows, ""),
        )  # fmt: skip


def small_config(**tables: Any) -> ExperimentConfig:
    return parse_config({
        "name": "small", "unit": "claim", "trees": {"rounds": 15, "seeds": [1]},
        "splits": {"folds": 3},
        "evaluation": {"bootstrap": 0}, **tables,
    })  # fmt: skip


@dataclass
class Registry:
    """A registry in memory."""

    world: World
    entries: dict[str, str]
    logged: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    broken: bool = False

    def _entry(self, alias: str) -> Registered:
        name = self.entries[alias]
        return Registered("jihe-claim", name, self.world.folders[name].name, (alias,), name)

    def challenger(self, _name: str) -> Registered | None:
        return self._entry("challenger") if "challenger" in self.entries else None

    def champion(self, _name: str) -> Registered:
        if "champion" not in self.entries:
            raise RegistryError("no champion")
        return self._entry("champion")

    def previous(self, _name: str) -> Registered:
        if not self.before:
            raise RegistryError("no previous champion")
        return replace(self.champion(_name), number=self.before, model_version="v0")

    def folder(self, entry: Registered) -> Path:
        return self.world.folders[entry.number]

    def metrics(self, _entry: Registered) -> dict[str, Any]:
        return self.logged

    def promote(self, _name: str) -> Registered:
        if self.broken:
            raise RegistryError("the registry is full")
        self.entries["champion"] = self.entries.pop("challenger")
        return self._entry("champion")

    rollback = previous


def judgement_of(registry: Registry, *parts: JudgedUnits) -> Judgement:
    return judge("claim", cast(Tracker, registry), lambda _day: list(parts))


def compared_before(**verdicts: str) -> dict[str, Any]:
    """Return a metrics record in which each baseline was compared with this result."""
    figures = {
        "metric": "average_precision", "n": 80, "positives": 60, "effective_positives": 55.0,
        "champion": 0.3, "challenger": 0.4, "difference": 0.1, "standard_error": 0.04,
        "interval": [0.02, 0.18], "margin": 0.015, "more_positives": None,
        "precision_at_capacity": [0.3, 0.4], "amount_at_capacity": None,
    }  # fmt: skip
    return {
        FIRST_GATE: {
            name: {**figures, "verdict": verdict, "why": "", "random_part": {**figures}}
            for name, verdict in verdicts.items()
        }
    }


def trail_of(home: Home) -> list[dict[str, Any]]:
    """Return the records of a home's trail, whose chain must hold."""
    engine = store.open_store(home.ledger_url)
    with engine.connect() as connection:
        assert trail.verify(connection) == []
        rows = connection.execute(sa.select(trail.trail_table)).mappings().all()
    engine.dispose()
    return [{"actor": r["actor"], "action": r["action"], **json.loads(r["details"])} for r in rows]
