"""A committee's plan from sealing to draw, with its files.

In: a home, and one step of the protocol (`sampling.committee`). Out: the plan, and its folder
``plans/P…``: at the sealing the frame with what lies beside it, the sealed record and the public
version, at the draw the list, the certificate and the planner's and inspectors' lists. As with
``jihe run`` the files are written before the ledger commits, so that what the ledger knows has its
files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claims.contracts import Lang
from claims.files import replace_text
from claims.vault import private_folder
from jihe.assignment_settings import SEALED_FILE, read_settings, settings_bytes
from jihe.home import Home
from jihe.outputs import plan_folder, recover, show_newest
from jihe.plan_basis import FACTS_FILE, SCORES_FILE, Basis, reasons_by_unit, reasons_of
from jihe.planning import Sealed, write_lists
from sampling.committee import draw_plan, reveal_part, seal_plan, void_plan
from sampling.drawing.beside import read_beside
from sampling.drawing.certificate import CERTIFICATE_FILE, certificate_bytes, sign
from sampling.drawing.designs import design_of
from sampling.drawing.draw import DRAW_FILE, write_draw
from sampling.drawing.seal import Contributor, PublicNumber, day_begins, derive_seed
from sampling.drawing.signing import load_or_create_signing_key, public_hex
from sampling.drawing.staged_draw import draw_by
from sampling.faults import SamplingError
from sampling.frame import FRAME_FILE, read_frame, write_frame
from sampling.ledger import Ledger, Plan
from sampling.public_version import PUBLIC_FILE, public_bytes, public_of_plan, public_of_seal
from sampling.seal_store import SealedPlan, seal_ids, sealed_plan
from sampling.store import writing

SEAL_FILE = "seal.json"
ACTOR = "planner"
T = TypeVar("T")


def signing_key() -> Ed25519PrivateKey:
    """Return the installation's key, made on first use."""
    return load_or_create_signing_key(private_folder() / "signing.pem")


def known_plans(ledger: Ledger) -> list[str]:
    """Return every plan that was drawn or sealed, void ones too, oldest first."""
    return sorted({*ledger.plan_ids(), *seal_ids(ledger)}, key=lambda plan: int(plan[1:]))


def seal(
    home: Home, basis: Basis, contributors: Sequence[Contributor], number: PublicNumber,
    now: datetime, team_settings: Path | None = None,
) -> SealedPlan:  # fmt: skip
    """Seal a plan and write its folder; both or neither.

    ``team_settings`` is the file over the shipped settings by which inspectors will be drawn.

    Raises:
        SealError: with everything that is wrong with commitments, number or day.
        AssignmentError: with everything that is wrong with the settings.
    """
    rules = settings_bytes(read_settings(team_settings))
    key = signing_key()
    ledger = Ledger(home.ledger_url)

    def files(sealed: SealedPlan) -> None:
        recover(home, known_plans(ledger), ledger.plan_ids())
        with plan_folder(home, sealed.plan_id) as folder:
            write_frame(basis.frame, folder / FRAME_FILE)
            (folder / SEALED_FILE).write_bytes(rules)
            (folder / SEAL_FILE).write_bytes(rfc8785.dumps(sign(sealed.record, key)))
            (folder / PUBLIC_FILE).write_bytes(public_bytes(public_of_seal(sealed, key)))
            basis.write(folder)

    try:
        return seal_plan(
            ledger, basis.frame, basis.design, contributors, number,
            score_version=basis.score_version, public_key=public_hex(key), sealed_at=now,
            actor=ACTOR, beside=basis.beside, team_rules=hashlib.sha256(rules).hexdigest(),
            before_commit=files,
        )  # fmt: skip
    finally:
        ledger.close()


def reveal(home: Home, plan_id: str, name: str, part: bytes, now: datetime) -> SealedPlan:
    """Record a part; raises SealError where that makes the plan void, after writing it down."""
    return _step(home, plan_id, lambda ledger: reveal_part(
        ledger, plan_id, name, part, now=now, actor=name
    ))  # fmt: skip


def void(home: Home, plan_id: str, reason: str, now: datetime) -> SealedPlan:
    """Give a plan up openly."""
    return _step(home, plan_id, lambda ledger: void_plan(
        ledger, plan_id, reason, now=now, actor=ACTOR
    ))  # fmt: skip


def draw_sealed(home: Home, plan_id: str, value: str, now: datetime, lang: Lang) -> Plan:
    """Derive the seed, draw, and write the folder; both or neither.

    Raises:
        SealError: as `sampling.committee.draw_plan`.
    """
    key = signing_key()

    def step(ledger: Ledger) -> Plan:
        sealed = sealed_plan(ledger, plan_id)
        source = home.plan(plan_id)
        with writing(ledger.engine):  # nobody else is between files and commit
            recover(home, known_plans(ledger), ledger.plan_ids())
        frame = read_frame(source / FRAME_FILE)
        beside = read_beside(design_of(sealed.record), source, frame)
        # What is dear is computed before the ledger's lock is held, from a preview of the draw.
        begun = now >= day_begins(date.fromisoformat(sealed.day))
        open_ = begun and sealed.state == "revealed"
        records = _explained(home, source, sealed, value) if open_ else []

        def files(plan: Plan) -> None:
            if not plan.created and (source / CERTIFICATE_FILE).exists():
                return  # drawn before, with its lists
            recover(home, known_plans(ledger), ledger.plan_ids())
            with plan_folder(home, plan_id) as folder:
                write_frame(frame, folder / FRAME_FILE)
                beside.write(frame, folder)
                write_draw(plan.draws, folder / DRAW_FILE)
                (folder / CERTIFICATE_FILE).write_bytes(certificate_bytes(plan.certificate))
                (folder / PUBLIC_FILE).write_bytes(public_bytes(public_of_plan(plan, key)))
                _write_lists(Sealed(plan, frame, source), source, records, folder, lang)

        plan = draw_plan(
            ledger, plan_id, frame, value, key, now=now, actor=ACTOR, beside=beside,
            before_commit=files,
        )  # fmt: skip
        show_newest(home, ledger.plan_ids)
        return plan

    return _step(home, plan_id, step)


def publish(home: Home, plan_id: str) -> bytes:
    """Return the public version of a plan as it stands now, and renew it in the plan's folder."""
    key = signing_key()
    ledger = Ledger(home.ledger_url)
    try:
        drawn = plan_id in ledger.plan_ids()
        public = (
            public_of_plan(ledger.plan(plan_id), key)
            if drawn
            else public_of_seal(sealed_plan(ledger, plan_id), key)
        )
    finally:
        ledger.close()
    raw = public_bytes(public)
    if home.plan(plan_id).is_dir():
        replace_text(home.plan(plan_id) / PUBLIC_FILE, raw.decode())
    return raw


def _step(home: Home, plan_id: str, step: Callable[[Ledger], T]) -> T:
    """Make a step, and renew the public version even where the step made the plan void."""
    ledger = Ledger(home.ledger_url)
    try:
        return step(ledger)
    finally:
        known = plan_id in seal_ids(ledger)
        ledger.close()
        if known:
            publish(home, plan_id)


def _explained(home: Home, source: Path, sealed: SealedPlan, value: str) -> list[Mapping[str, Any]]:
    """Return the records of the units that a draw with this number gives; empty if it can't."""
    try:
        seed = derive_seed([sealed.parts[name].part for name in sealed.contributors], value)
        frame = read_frame(source / FRAME_FILE)
        design = design_of(sealed.record)
        beside = read_beside(design, source, frame)
        preview = draw_by(frame, design, beside, seed, sealed.plan_id)
    except SamplingError:
        return []  # the draw itself says what is wrong
    return list(reasons_of(home, source, preview["unit_id"].to_pylist()))


def _write_lists(
    sealed: Sealed, source: Path, records: Sequence[Mapping[str, Any]], folder: Path, lang: Lang
) -> None:
    """Write lists and records, where the plan was made from a store."""
    if not (source / SCORES_FILE).exists():
        return
    scores, facts = pq.read_table(source / SCORES_FILE), pq.read_table(source / FACTS_FILE)
    drawn = sealed.plan.draws["unit_id"].to_pylist()
    reasons = reasons_by_unit([dict(r) for r in records], drawn)
    write_lists(sealed, scores, facts, reasons, folder, lang)
    if records:
        by_id = {r["unit_id"]: r for r in records}
        cases = sorted(zip(sealed.plan.cases, drawn, strict=True))
        lines = [
            json.dumps({"case": case, **by_id[unit]}, ensure_ascii=False, sort_keys=True,
                       default=str)
            for case, unit in cases
        ]  # fmt: skip
        (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
