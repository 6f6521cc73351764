"""From scores to a sealed plan and its files.

In: a scored unit and its facts. Out: a plan in the ledger, and in its folder the frame, the draw,
the certificate, the planner's lists and the inspectors' blinded list.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.contracts import LANGS, Lang
from claims.vault import private_folder
from jihe.home import Home
from jihe.outputs import plan_folder, recover, show_newest
from jihe.scores import ScoredUnit
from jihe.texts import say
from sampling.design import Design, DesignError, parse_capacity
from sampling.drawing.certificate import CERTIFICATE_FILE, certificate_bytes
from sampling.drawing.draw import DRAW_FILE, draw, write_draw
from sampling.drawing.signing import load_or_create_signing_key
from sampling.faults import Fault
from sampling.frame import FRAME_FILE, Frame, write_frame
from sampling.ledger import Ledger, Plan
from sampling.lists import write_inspector_list, write_planner_lists
from sampling.planning.stratify import design_plan
from sampling.public_version import PUBLIC_FILE, public_bytes, public_of_plan
from sampling.seal_store import seal_ids

#: Capacity where none is given: 200 cases, or a tenth of a small frame.
USUAL_CAPACITY = 200


@dataclass(frozen=True)
class PlanChoices:
    """What the planner decides: capacity, the random part of it, and the seed if it is given."""

    capacity: str | None = None
    random_share: str = "0.3"
    take_all_share: str = "0.3"
    seed: bytes | None = None


@dataclass(frozen=True)
class Sealed:
    """A plan, its frame, and where its files are."""

    plan: Plan
    frame: Frame
    folder: Path


@dataclass(frozen=True)
class Designed:
    """A frame and what is to be drawn from it, before anything is sealed."""

    frame: Frame
    design: Design
    seed: bytes
    score_version: Mapping[str, str | date]


class SeedError(ValueError):
    """The seed is not 32 bytes."""


def parse_seed(text: str | None) -> bytes | None:
    """Return the 32 bytes of a seed of 64 hex digits; None where none is given."""
    if text is None:
        return None
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise SeedError("The seed must be 32 bytes, written as 64 hexadecimal digits.")
    return seed


EMPTY_FRAME = Fault(
    "FRAME_EMPTY",
    "No unit is known from the day of --frame-from on; name an earlier day.",
    "--frame-from 指定的日期之后没有已知的对象；请指定更早的日期。",
)


def design_for(
    scored: ScoredUnit, facts: pa.Table, chosen: npt.NDArray[np.bool_], choices: PlanChoices
) -> Designed:
    """Freeze the frame of the ``chosen`` units and allocate; raises DesignError where none fits."""
    if not chosen.any():
        raise DesignError([EMPTY_FRAME])
    rows = pa.array(np.flatnonzero(chosen))
    facts, table = facts.take(rows), scored.table.take(rows)
    capacity = choices.capacity or usual_capacity(len(rows))
    frame, design = design_plan(
        scored.matrix.unit,
        table["unit_id"],
        table["risk_rank"],
        facts["institution_class"],
        facts["level"],
        np.maximum(scored.matrix.amounts[chosen], 0),
        capacity=parse_capacity(capacity, len(rows)),
        random_share=choices.random_share,
        take_all_share=choices.take_all_share,
    )
    first = table.slice(0, 1).to_pylist()[0]
    versions = ("model_version", "rules_version", "catalogue_version", "as_of_date")
    seed = choices.seed or secrets.token_bytes(32)
    return Designed(frame, design, seed, {key: first[key] for key in versions})


def drawn_units(designed: Designed) -> list[str]:
    """Return the ids that sealing will draw; nothing is sealed."""
    preview = draw(designed.frame, designed.design, designed.seed, "P0000")
    return [str(unit_id) for unit_id in preview["unit_id"].to_pylist()]


def seal_plan(
    home: Home,
    designed: Designed,
    sealed_at: datetime,
    write: Callable[[Sealed, Path], None],
) -> Sealed:
    """Draw and seal; the plan and its files become visible together.

    Args:
        home: the folder; the plan's files go to ``home/plans/<plan>``.
        designed: what ``design_for`` returned.
        sealed_at: UTC.
        write: is given the plan and the folder into which the run's own files belong. Where it
            raises, nothing is sealed.

    Raises LedgerError where the seed was used before.
    """

    def files(plan: Plan) -> None:
        # The ledger's write lock is held: no other run is between its files and its plan.
        recover(home, [*ledger.plan_ids(), *seal_ids(ledger)], ledger.plan_ids())
        with plan_folder(home, plan.plan_id) as folder:
            write_frame(designed.frame, folder / FRAME_FILE)
            write_draw(plan.draws, folder / DRAW_FILE)
            (folder / CERTIFICATE_FILE).write_bytes(certificate_bytes(plan.certificate))
            (folder / PUBLIC_FILE).write_bytes(public_bytes(public_of_plan(plan, key)))
            write(Sealed(plan, designed.frame, home.plan(plan.plan_id)), folder)

    key = load_or_create_signing_key(_signing_key())
    ledger = Ledger(home.ledger_url)
    try:
        plan = ledger.create_plan(
            designed.frame,
            designed.design,
            designed.seed,
            key,
            score_version=designed.score_version,
            sealed_at=sealed_at,
            actor="planner",
            before_commit=files,
        )
        show_newest(home, ledger.plan_ids)
    finally:
        ledger.close()
    return Sealed(plan, designed.frame, home.plan(plan.plan_id))


def usual_capacity(frame_size: int) -> str:
    """Return the capacity where none is given: 200, a tenth of a small frame, all of a tiny one."""
    return str(
        min(USUAL_CAPACITY, max(1, frame_size // 10), frame_size) if frame_size > 20 else frame_size
    )


def _signing_key() -> Path:
    return private_folder() / "signing.pem"


_PLANNER_FACTS = (
    "unit_id", "insured_id", "institution_id", "institution_class", "level", "district",
    "claim_type", "service_date", "main_diagnosis", "total_amount", "fund_amount",
)  # fmt: skip
_BLIND_FACTS = (
    "unit_id", "insured_id", "institution_id", "doctor_id", "institution_class", "level",
    "district", "claim_type", "service_date", "service_end_date", "main_diagnosis",
    "total_amount", "fund_amount",
)  # fmt: skip
_SCORE_COLUMNS = ("risk_rank", "risk_score", "anomaly_score", "expected_amount")


def write_lists(
    sealed: Sealed,
    scores: pa.Table,
    facts: pa.Table,
    reasons: Mapping[str, Mapping[Lang, str]],
    folder: Path,
    lang: Lang,
    originals: Mapping[str, str] | None = None,
) -> None:
    """Write list.csv, list.xlsx and inspectors.xlsx of a plan into ``folder``.

    Args:
        scores: the ``scores`` rows of the plan's kind of unit, in the order of ``facts``.
        reasons: one-line reasons by unit id and language; every drawn unit has one.
        originals: identities by pseudonym, where the lists are to name them.
    """
    plan = sealed.plan
    drawn = pc.is_in(facts["unit_id"], value_set=plan.draws["unit_id"])
    facts, scores = facts.filter(drawn), scores.filter(drawn)
    planner = _picked(facts, _PLANNER_FACTS)
    for column in _SCORE_COLUMNS:
        planner = planner.append_column(column, scores[column])
    for language in LANGS:
        texts = [reasons[unit_id][language] for unit_id in facts["unit_id"].to_pylist()]
        planner = planner.append_column(f"reasons_{language}", pa.array(texts, pa.string()))
    checklists = [say(f"checklist_{c}", lang) for c in facts["institution_class"].to_pylist()]
    blind = _picked(facts, _BLIND_FACTS)
    blind = blind.append_column("checklist", pa.array(checklists, pa.string()))
    named = originals or {}
    draws = with_originals(plan.draws, named)
    write_planner_lists(
        draws, plan.cases, with_originals(planner, named), folder, lang=lang, drawn_on=plan.drawn_on
    )
    write_inspector_list(
        draws, plan.cases, with_originals(blind, named), folder, lang=lang, drawn_on=plan.drawn_on
    )


def with_originals(rows: pa.Table, originals: Mapping[str, str]) -> pa.Table:
    """Return ``rows`` with pseudonyms in id columns replaced by what the mapping knows."""
    for place, name in enumerate(rows.column_names):
        if originals and name.endswith("_id") and name != "plan_id":
            ids = [originals.get(i, i) for i in rows[name].to_pylist()]
            rows = rows.set_column(place, name, pa.array(ids, pa.string()))
    return rows


def _picked(facts: pa.Table, names: Sequence[str]) -> pa.Table:
    return facts.select([name for name in names if name in facts.column_names])
