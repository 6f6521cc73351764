"""A small county, scored by a cold-start and by a supervised model, and published twice."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from fastapi import FastAPI

from claims.contracts import table
from claims.load import load as load_claims
from claims.mapping import source_mapping
from claims.pseudonyms import pseudonym
from claims.store import open_store
from claims.vault import pseudonym_key
from features.as_of import default_as_of
from features.build import Build, build
from features.matrix import Matrix
from serving.api import create_app
from serving.distributions import Distributions, measure
from serving.material import material, peer_groups
from serving.publish import write_bundle
from serving.records import explain
from training.apply import FittedModel, load, rank
from training.config import ExperimentConfig, LabelSettings, TreeSettings
from training.train import train_cold_start, train_supervised

KEY = "test-key-of-the-service-0123456789"
TIE_SEED = 7
HEAD = 300
CLAIM_COLUMNS = (
    "claim_id, stay_id, insured_id, institution_id, doctor_id, claim_type, service_at, "
    "service_end_at, known_at, total_amount, fund_amount, account_amount, self_amount, currency, "
    "main_diagnosis, diagnosis_count, procedure_count, department, pooled_amount, "
    "insurance_type, discharge_way, drg_code, invoice_id"
)
LINE_COLUMNS = (
    "claim_id, line_id, line_at, item_code, item_name, item_class, quantity_milli, unit_price, "
    "amount, doctor_id, days_supply, exec_doctor_id, department, prescription_id, pay_class, "
    "covered_amount, discharge_drug"
)
PARTS = {
    "diagnoses": ("claim_id, place, diagnosis_code, main", "claim_diagnoses", "place"),
    "procedures": ("claim_id, place, procedure_code, main, performed_at, doctor_id, "
                   "anaesthetist_id", "claim_procedures", "place"),
    "boxes": ("claim_id, trace_code, item_code, moved_at, known_at", "trace_codes", "trace_code"),
}  # fmt: skip


class Client:
    """Talks to an application without a network; errors come back as answers."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://testserver")
        self._runner = asyncio.Runner()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send one request."""
        return self._runner.run(self.http.request(method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Send a GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """Send a POST."""
        return self.request("POST", url, **options)

    def close(self) -> None:
        """Close connection and event loop."""
        self._runner.run(self.http.aclose())
        self._runner.close()


@dataclass(frozen=True)
class Scoring:
    """One unit scored by one model: everything that publishing needs."""

    model: FittedModel
    folder: Path
    matrix: Matrix
    table: pa.Table
    distributions: Distributions
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class World:
    """The county and what was made of it."""

    made: Build
    cold: Scoring
    institutions: Scoring
    risk: Scoring
    drawn: tuple[str, ...]

    def publish(self, home: Path, claims: Scoring) -> str:
        """Publish claims and institutions under ``home`` and return the version."""
        version = write_bundle(
            home,
            model_folders={"claim": claims.folder, "institution": self.institutions.folder},
            made=self.made,
            claim_names=claims.matrix.names,
            scores=pa.concat_tables([claims.table, self.institutions.table]),
            records=claims.records + self.institutions.records,
            distributions={
                "claim": claims.distributions, "institution": self.institutions.distributions,
            },
            draws=draws_of(self.drawn),
        )  # fmt: skip
        return version.version

    def posted(self, unit_ids: list[str]) -> list[dict[str, Any]]:
        """Return stored claims as a program would post them, lines included."""
        self.made.con.register("posted", pa.table({"claim_id": unit_ids}))
        lines: dict[str, list[dict[str, Any]]] = {}
        for line in self._stored(LINE_COLUMNS, "claim_lines", "line_id"):
            lines.setdefault(line.pop("claim_id"), []).append(line)
        parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name, (columns, relation, order) in PARTS.items():
            for row in self._stored(columns, relation, order):
                parts.setdefault(row.pop("claim_id"), {}).setdefault(name, []).append(row)
        claims = self._stored(CLAIM_COLUMNS, "claims", "claim_id")
        return [
            claim | {"lines": lines.get(claim["claim_id"], [])} | parts.get(claim["claim_id"], {})
            for claim in claims
        ]

    def _stored(self, columns: str, relation: str, order: str) -> list[dict[str, Any]]:
        sql = f"SELECT {columns} FROM {relation} JOIN posted USING (claim_id) ORDER BY {order}"
        rows = self.made.con.sql(sql).to_arrow_table().to_pylist()
        return [
            {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
            for row in rows
        ]


def draws_of(unit_ids: tuple[str, ...]) -> pa.Table:
    """Return a drawn list of claims."""
    n = len(unit_ids)
    columns = {
        "plan_id": ["plan-7"] * n, "unit": ["claim"] * n, "unit_id": list(unit_ids),
        "stratum": ["s"] * n, "tag": ["risk"] * n, "stratum_size": [9] * n,
        "stratum_draws": [3] * n, "inclusion_prob": [1 / 3] * n,
        "random_number": ["0123456789abcdef"] * n, "size_minor": [1] * n,
    }  # fmt: skip
    return table("draws").conform(pa.table(columns))


def scores_table(matrix: Matrix, model: FittedModel) -> pa.Table:
    """Score a matrix and return rows under the contract ``scores``."""
    scores = model.score(matrix.values[:, [matrix.names.index(n) for n in model.names]])
    n = len(matrix)
    columns: dict[str, Any] = {
        "unit": [matrix.unit] * n, "unit_id": matrix.unit_ids.tolist(),
        "as_of_date": [matrix.as_of_date] * n, "anomaly_score": scores.anomaly_score,
        "risk_rank": rank(scores.margin, matrix.unit_ids, TIE_SEED), "tie_seed": [TIE_SEED] * n,
        "model_version": [model.model_version] * n, "rules_version": [matrix.rules_version] * n,
        "catalogue_version": [matrix.catalogue_version] * n,
    }  # fmt: skip
    if scores.risk_score is not None:
        columns["risk_score"] = scores.risk_score
        columns["expected_amount"] = model.expected_amount(
            scores.risk_score, matrix.amounts, matrix.finding_kinds, matrix.values
        )
    return table("scores").conform(pa.table(columns))


def scored(made: Build, matrix: Matrix, folder: Path) -> Scoring:
    """Score every row with the model in ``folder`` and explain the head of the ranking."""
    model = load(folder)
    rows = scores_table(matrix, model)
    ids = matrix.unit_ids.tolist()
    distributions = measure(matrix, peer_groups(made, matrix.unit, ids), "CNY")
    head = np.flatnonzero(rows["risk_rank"].to_numpy() <= HEAD)
    part = matrix.take(head)
    hits, facts = material(made, matrix.unit, part.unit_ids.tolist())
    records = explain(model, part, rows.take(pa.array(head)), hits, facts, distributions)
    return Scoring(model, folder, matrix, rows, distributions, records)


def true_labels(matrix: Matrix, county: Path) -> pa.Table:
    """Return verdicts from the county's truth: planted claims confirmed, some others not."""
    with (county / "truth" / "claims.csv").open(encoding="utf-8") as file:
        planted = {
            pseudonym("claim", row["setl_id"], pseudonym_key()): row for row in csv.DictReader(file)
        }
    ids = matrix.unit_ids.tolist()
    settled = matrix.known_at < np.datetime64(matrix.as_of_date - timedelta(days=5), "us")
    chosen = [n for n, i in enumerate(ids) if settled[n] and (i in planted or n % 8 == 0)]
    confirmed = [ids[n] in planted for n in chosen]
    columns = {
        "unit": ["claim"] * len(chosen),
        "unit_id": [ids[n] for n in chosen],
        "label": [int(c) for c in confirmed],
        "overpaid_amount": [
            round(100 * float(planted[ids[n]]["overpaid_yuan"])) if c else 0
            for n, c in zip(chosen, confirmed, strict=True)
        ],
        "label_date": [matrix.as_of_date - timedelta(days=2)] * len(chosen),
        "final_weight": [1.0] * len(chosen),
        "training_weight": [1.0] * len(chosen),
    }
    return table("labels").conform(pa.table(columns))


@pytest.fixture(scope="session")
def world(county: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Load, build, train both kinds of model, score and explain."""
    home = tmp_path_factory.mktemp("serving")
    load_claims(source_mapping("nhsa"), county, home)
    store = open_store(home)
    made = build(store, default_as_of(store).day)
    claims, places = made.matrix("claim"), made.matrix("institution")
    models = home / "models"
    trees = TreeSettings(rounds=30, seeds=(1, 2), learning_rate=0.1)
    learning = ExperimentConfig(
        "test", "claim", trees=trees, labels=LabelSettings(min_positives=5, min_negatives=5)
    )
    place_config = replace(learning, unit="institution")
    risk = train_supervised(
        claims, true_labels(claims, county), learning, models, claims.as_of_date
    )
    cold = scored(made, claims, train_cold_start(claims, learning, models).folder)
    learnt = scored(made, claims, risk.folder)
    return World(
        made,
        cold,
        scored(made, places, train_cold_start(places, place_config, models).folder),
        learnt,
        tuple(record["unit_id"] for record in learnt.records[:5]),
    )


@pytest.fixture(scope="session")
def cold_home(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose bundle has no verdicts behind it. Never altered by a test."""
    home = tmp_path_factory.mktemp("cold")
    world.publish(home, world.cold)
    return home


@pytest.fixture(scope="session")
def risk_home(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose bundle has a supervised model. Never altered by a test."""
    home = tmp_path_factory.mktemp("risk")
    world.publish(home, world.risk)
    return home


@pytest.fixture(scope="session")
def app(risk_home: Path) -> FastAPI:
    """Return the service over the supervised bundle."""
    return create_app(risk_home, key=KEY, pseudonym_key=pseudonym_key())


@pytest.fixture
def connect() -> Iterator[Callable[[FastAPI], Client]]:
    """Return a maker of clients, which are closed after the test."""
    made: list[Client] = []

    def new(app: FastAPI) -> Client:
        made.append(Client(app))
        return made[-1]

    yield new
    for client in made:
        client.close()


@pytest.fixture
def client(app: FastAPI, connect: Callable[[FastAPI], Client]) -> Client:
    """Return a client that is not signed in."""
    return connect(app)


@pytest.fixture
def reader(client: Client) -> Client:
    """Return a client that is signed in to the pages."""
    assert client.post("/login", data={"key": KEY}).status_code == 303
    return client


@pytest.fixture(scope="session")
def bearer() -> dict[str, str]:
    """Return the header with the service's key."""
    return {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def claim(world: World) -> dict[str, Any]:
    """Return one claim with a few lines, as a program posts it."""
    posted = world.posted(world.risk.matrix.unit_ids[:60].tolist())
    return next(c for c in posted if 1 < len(c["lines"]) < 30)
