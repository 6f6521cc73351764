"""How a drawn plan is written into the ledger's tables.

In: an open transaction and a drawn plan. Out: rows of ``plans``, ``strata`` and ``draws``, and the
next free number. A number is taken by a plan that was drawn at once or sealed by a committee.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import rfc8785
import sqlalchemy as sa

from sampling import store
from sampling.design import Design, Stratum
from sampling.drawing.certificate import certificate_bytes
from sampling.drawing.designs import AnyDesign, TwoStageDesign, design_record


def next_number(connection: sa.Connection) -> int:
    """Return the number of the next plan; no number is given twice."""
    columns = (store.plans.c.plan_no, store.seals.c.plan_no)
    return 1 + max(connection.scalar(sa.select(sa.func.max(c))) or 0 for c in columns)


def insert_plan(
    connection: sa.Connection, number: int, hashes: Mapping[str, str],
    certificate: Mapping[str, Any], design: AnyDesign, drawn: pa.Table, cases: Sequence[str],
) -> None:  # fmt: skip
    """Insert a drawn plan with its strata and its list."""
    plan_id = certificate["plan_id"]
    connection.execute(sa.insert(store.plans).values(
        plan_no=number, plan_id=plan_id, **hashes, sealed_at=certificate["seal"]["sealed_at"],
        certificate=certificate_bytes(certificate).decode(),
    ))  # fmt: skip
    connection.execute(sa.insert(store.strata), [
        {"plan_id": plan_id, "stratum": s.name, "stratum_size": s.units,
         "stratum_draws": s.draws, "floor": s.floor, "take_all": s.take_all}
        for s in strata_of(design, certificate, drawn)
    ])  # fmt: skip
    columns = ["plan_id", "unit", "unit_id", "stratum", "tag", "random_number", "size_minor"]
    connection.execute(sa.insert(store.draws), [
        {**row, "case": case}
        for row, case in zip(drawn.select(columns).to_pylist(), cases, strict=True)
    ])  # fmt: skip
    if drawn["chance_numerator"].null_count == 0:
        connection.execute(sa.insert(store.chances), [
            {**row, "plan_id": plan_id, "case": case}
            for row, case in zip(drawn.select(CHANCES).to_pylist(), cases, strict=True)
        ])  # fmt: skip


CHANCES = ["chance_numerator", "chance_denominator", "psu_id", "psu_size", "psu_draws"]
"""Columns of a drawn list that only designs by size and in two stages fill."""


def strata_of(
    design: AnyDesign, certificate: Mapping[str, Any], drawn: pa.Table
) -> Sequence[Stratum]:
    """Return the strata of the first, or only, stage; by size the whole frame is one."""
    first = design.first if isinstance(design, TwoStageDesign) else design
    if isinstance(first, Design):
        return first.strata
    units = drawn["psu_id" if isinstance(design, TwoStageDesign) else "unit_id"].to_pylist()
    by_chance = {u for u, t in zip(units, drawn["tag"].to_pylist(), strict=True) if t == "random"}
    name = drawn["stratum"][0].as_py()
    return (Stratum(name, certificate["frame"]["units"], first.capacity, len(by_chance), False),)


def design_hash(design: AnyDesign) -> str:
    """Return the SHA-256 of a design: two draws of one seed must have the same."""
    if not isinstance(design, Design):
        written: dict[str, Any] = {"unit": design.unit, "design": design_record(design)}
        return hashlib.sha256(rfc8785.dumps(written)).hexdigest()
    record: dict[str, Any] = {
        "unit": design.unit, "capacity": design.capacity,
        "shares": [str(design.random_share), str(design.take_all_share)],
        "strata": [[s.name, s.units, s.draws, s.floor, s.take_all] for s in design.strata],
    }  # fmt: skip
    return hashlib.sha256(rfc8785.dumps(record)).hexdigest()


def certified(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the trail keeps of a certificate."""
    return {
        "frame_sha256": certificate["frame"]["sha256"],
        "list_sha256": certificate["list"]["sha256"],
        "certificate_sha256": hashlib.sha256(certificate_bytes(certificate)).hexdigest(),
        "mode": certificate["seal"]["mode"],
    }
