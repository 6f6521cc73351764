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

from sampling.committee import draw_plan, reveal_part, seal_plan, void_plan
from sampling.drawing.certificate import certificate_bytes
from sampling.drawing.draw import write_draw
from sampling.drawing.seal import Contributor, PublicNumber, commitment
from sampling.drawing.signing import public_hex
from sampling.frame import write_frame
from sampling.ledger import Ledger
from sampling.lists import write_inspector_list, write_planner_lists
from sampling.planning.stratify import design_plan
from tests.databases import KINDS, empty_database
from tests.sampling import staged_plans as small
from tests.sampling.committee_of_three import NAMES, PARTS

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


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path / "jihe.db") as url:
        yield url


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    opened = Ledger(database)
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


NUMBER = PublicNumber("provincial lottery 3D, all digits in the order drawn", date(2026, 3, 3))
VALUE = "40719"
REVEALED_AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
DRAWN_AT = datetime(2026, 3, 3, 13, tzinfo=UTC)


def contributors() -> list[Contributor]:
    """Three people with known parts: for tests only, parts are secret and random."""
    return [Contributor(name, commitment(part)) for name, part in PARTS.items()]


@pytest.fixture
def committee(
    tmp_path: Path, town: SimpleNamespace, key: Ed25519PrivateKey, ledger: Ledger
) -> SimpleNamespace:
    """The plan P0001 sealed by a committee of three; no part is known yet."""
    at = {"now": REVEALED_AT, "actor": "planner-1"}

    def reveal(name: str, part: bytes | None = None, **changes):
        return reveal_part(ledger, "P0001", name, part or PARTS[name], **(at | changes))

    def draw(value: str = VALUE, **changes):
        arguments = {"frame": town.frame, "key": key, "now": DRAWN_AT, "actor": "planner-1"}
        return draw_plan(ledger, "P0001", value=value, **(arguments | changes))

    def seal(**changes):
        arguments = {
            "frame": town.frame, "design": town.design, "contributors": contributors(),
            "number": NUMBER, "score_version": VERSIONS, "public_key": public_hex(key),
            "sealed_at": SEALED_AT, "actor": "planner-1",
        }  # fmt: skip
        return seal_plan(ledger, **(arguments | changes))

    return SimpleNamespace(
        plan=seal(), ledger=ledger, town=town, key=key, seal=seal, reveal=reveal, draw=draw,
        void=lambda reason="r", **changes: void_plan(ledger, "P0001", reason, **(at | changes)),
        folder=tmp_path,
    )  # fmt: skip


@pytest.fixture
def drawn(committee: SimpleNamespace) -> SimpleNamespace:
    """The committee's plan with all parts revealed, drawn, and its files in a directory."""
    for name in NAMES:
        committee.reveal(name)
    committee.plan = committee.draw()
    folder = committee.folder / "drawn"
    folder.mkdir()
    write_frame(committee.town.frame, folder / "frame.tsv")
    write_draw(committee.plan.draws, folder / "draw.tsv")
    (folder / "certificate.json").write_bytes(certificate_bytes(committee.plan.certificate))
    committee.folder = folder
    return committee


@pytest.fixture(params=small.KINDS)
def staged(
    request: pytest.FixtureRequest, tmp_path: Path, ledger: Ledger, key: Ed25519PrivateKey
) -> SimpleNamespace:
    """A drawn plan of each kind with its files."""
    what = small.subject(request.param)
    plan = small.drawn_plan(ledger, what, key)
    folder = small.write_plan(tmp_path / "out", what, plan, key)
    return SimpleNamespace(
        kind=request.param, what=what, plan=plan, folder=folder, key=key, ledger=ledger
    )
