"""A small town of 600 claims, and a plan sealed over it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.certificate import certificate_bytes
from sampling.draw import write_draw
from sampling.frame import write_frame
from sampling.ledger import Ledger
from sampling.lists import write_inspector_list, write_planner_lists
from sampling.stratify import design_plan

SEED = bytes(range(32))
SEALED_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
VERSIONS = {
    "model_version": "m1",
    "rules_version": "r1",
    "catalogue_version": "c1",
    "as_of_date": date(2026, 2, 1),
}


@pytest.fixture(scope="session")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="session")
def town() -> SimpleNamespace:
    """Arrays of 600 claims, frame and design for 90 inspections."""
    rng = np.random.default_rng(7)
    n = 600
    kind = rng.choice(["public_hospital", "private_hospital", "pharmacy"], n, p=[0.5, 0.3, 0.2])
    level = np.where(kind == "pharmacy", "none", rng.choice(["2", "3"], n))
    ids = [f"C{i:04d}" for i in range(n)]
    arrays = {
        "unit_ids": ids,
        "risk_rank": rng.permutation(n) + 1,
        "institution_class": kind.tolist(),
        "level": level.tolist(),
        "size_minor": rng.integers(10_000, 10_000_000, n),
    }
    frame, design = design_plan("claim", **arrays, capacity=90)
    planner = pa.table(
        {
            "unit_id": ids,
            "risk_rank": arrays["risk_rank"],
            "risk_score": pa.nulls(n),
            "anomaly_score": rng.random(n),
            "expected_amount": pa.nulls(n),
            "total_amount": arrays["size_minor"],
            "institution_class": arrays["institution_class"],
            "reasons": ["large amount for its class"] * n,
        }
    )
    facts = planner.select(["unit_id", "total_amount", "institution_class"])
    return SimpleNamespace(
        **arrays, arrays=arrays, frame=frame, design=design, planner=planner, facts=facts
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'jihe.db'}")
    yield opened
    opened.close()


@pytest.fixture
def sealed(
    tmp_path: Path, town: SimpleNamespace, key: Ed25519PrivateKey, ledger: Ledger
) -> SimpleNamespace:
    """The plan P0001 of the town with all its files in a directory."""
    plan = ledger.create_plan(
        town.frame, town.design, SEED, key, score_version=VERSIONS, sealed_at=SEALED_AT,
        actor="planner-1",
    )  # fmt: skip
    folder = tmp_path / "out"
    folder.mkdir()
    write_frame(town.frame, folder / "frame.tsv")
    write_draw(plan.draws, folder / "draw.tsv")
    (folder / "certificate.json").write_bytes(certificate_bytes(plan.certificate))
    write_planner_lists(
        plan.draws, plan.cases, town.planner, folder, lang="en", drawn_on=plan.drawn_on
    )
    write_inspector_list(
        plan.draws, plan.cases, town.facts, folder, lang="zh", drawn_on=plan.drawn_on
    )
    return SimpleNamespace(
        plan=plan, folder=folder, ledger=ledger, town=town, key=key, seed=SEED,
        sealed_at=SEALED_AT, versions=VERSIONS,
    )  # fmt: skip
