"""Small plans by size and in two stages: twelve institutions, their claims, and a committee."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claims.contracts import table
from sampling.committee import draw_plan, reveal_part, seal_plan
from sampling.design import Design, allocate
from sampling.drawing.beside import NOTHING, Beside
from sampling.drawing.certificate import certificate_bytes
from sampling.drawing.designs import AnyDesign
from sampling.drawing.draw import write_draw
from sampling.drawing.seal import Contributor, PublicNumber, commitment
from sampling.drawing.signing import public_hex
from sampling.frame import Frame, make_frame, write_frame
from sampling.ledger import Ledger, Plan
from sampling.planning.staged_plan import plan_by_size, plan_two_stages
from sampling.public_version import public_bytes, public_of_plan

SIZES = {
    "H医": 9000, "H1": 400, "H2": 2100, "H3": 750, "H4": 1300, "H5": 50, "H6": 600, "H7": 3300,
    "H8": 80, "H9": 1000, "Ha": 1000, "Hb": 220,
}  # fmt: skip
STRATA = {unit: "b" if unit in {"H5", "H8", "Hb", "H1"} else "a" for unit in SIZES}
CLAIMS = {
    "H医": 12, "H1": 3, "H2": 6, "H3": 4, "H4": 1, "H5": 2, "H6": 3, "H7": 9, "H8": 5, "H9": 7,
    "Ha": 4, "Hb": 2,
}  # fmt: skip
PARTS = {name: hashlib.sha256(name.encode()).digest() for name in ("audit", "财务")}
SEALED_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
REVEALED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DRAWN_AT = datetime(2026, 3, 3, 9, tzinfo=UTC)
VERSIONS = {
    "model_version": "m1", "rules_version": "r1", "catalogue_version": "c1",
    "as_of_date": "2026-02-01",
}  # fmt: skip
VALUE = "40719"
KINDS = ("pps", "strata_then_claims", "pps_then_claims")


@dataclass(frozen=True, eq=False)
class Subject:
    """What is to be sealed."""

    frame: Frame
    design: AnyDesign
    beside: Beside


def institutions(*, strata: bool = False) -> Frame:
    names = [STRATA[u] if strata else "all" for u in SIZES]
    return make_frame("institution", list(SIZES), names, list(SIZES.values()))


def claims_frame() -> Frame:
    rows = [(f"c-{u}-{i}", u, 100 * i + len(u)) for u, n in CLAIMS.items() for i in range(n)]
    ids, owners, sizes = zip(*rows, strict=True)
    return make_frame("claim", list(ids), list(owners), list(sizes))


def subject(kind: str, *, n: int = 6, each: str = "3") -> Subject:
    """Return the plan of a kind of `KINDS`."""
    if kind == "pps":
        frame = institutions()
        return Subject(frame, *plan_by_size(frame, n))
    frame = institutions(strata=kind == "strata_then_claims")
    first: Any = stratified(frame, n), NOTHING
    if kind == "pps_then_claims":
        first = plan_by_size(frame, n)
    return Subject(frame, *plan_two_stages(frame, *first, claims_frame(), each))


def stratified(frame: Frame, n: int) -> Design:
    return allocate(frame, n, "0.5")


def seal_it(ledger: Ledger, what: Subject, key: Ed25519PrivateKey) -> str:
    """Seal a plan with two contributors and return its number."""
    people = [Contributor(name, commitment(part)) for name, part in PARTS.items()]
    return seal_plan(
        ledger, what.frame, what.design, people, PublicNumber("lottery", date(2026, 3, 3)),
        score_version=VERSIONS, public_key=public_hex(key), sealed_at=SEALED_AT, actor="planner",
        beside=what.beside,
    ).plan_id  # fmt: skip


def drawn_plan(ledger: Ledger, what: Subject, key: Ed25519PrivateKey) -> Plan:
    """Seal, reveal and draw."""
    plan_id = seal_it(ledger, what, key)
    for name, part in PARTS.items():
        reveal_part(ledger, plan_id, name, part, now=REVEALED_AT, actor=name)
    return draw_plan(
        ledger, plan_id, what.frame, VALUE, key, now=DRAWN_AT, actor="planner",
        beside=what.beside,
    )  # fmt: skip


def write_plan(folder: Path, what: Subject, plan: Plan, key: Ed25519PrivateKey) -> Path:
    """Write the files that an outsider gets and return their folder."""
    folder.mkdir()
    write_frame(what.frame, folder / "frame.tsv")
    what.beside.write(what.frame, folder)
    write_draw(plan.draws, folder / "draw.tsv")
    (folder / "certificate.json").write_bytes(certificate_bytes(plan.certificate))
    (folder / "public.json").write_bytes(public_bytes(public_of_plan(plan, key)))
    return folder


def draws_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as the contract of draws has them; what a row does not state is null."""
    contract = table("draws")
    return contract.conform(pa.table({
        name: pa.array([r.get(name) for r in rows], c.arrow) for name, c in contract.columns.items()
    }))  # fmt: skip
