"""The ledger: plans as they were sealed, and what inspection found.

In: a database URL, plans to create, outcomes to append. Out: plans with their drawn lists, and the
``outcomes`` table with current weights. Nothing is ever changed: a corrected verdict is a new row
that supersedes the one before, and every write leaves a record in the trail in the same
transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling import ledger_faults as say
from sampling import store, trail
from sampling.design import Design
from sampling.drawing.cases import number_cases
from sampling.drawing.certificate import (
    make_certificate,
    parse_certificate,
    sign,
    utc_text,
)
from sampling.drawing.designs import AnyDesign, design_of
from sampling.drawing.draw import draw
from sampling.drawing.signing import public_hex
from sampling.faults import Fault, SamplingError, checked
from sampling.frame import Frame, frame_hash
from sampling.outcome_rows import (
    Appended,
    Outcome,
    current_rows,
    draws_table,
    outcomes_table,
    sort_outcomes,
)
from sampling.plan_store import CHANCES, certified, design_hash, insert_plan, next_number

DEFAULT_URL = "sqlite:///jihe.db"
LOCAL_ZONE = ZoneInfo("Asia/Shanghai")


class LedgerError(SamplingError):
    """The ledger refuses a plan or an outcome."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A drawn plan; ``cases`` follow the rows of ``draws``.

    ``anchor`` is the record of the trail with which it was sealed: its number and hash.
    """

    plan_id: str
    sealed_at: datetime
    certificate: Mapping[str, Any]
    draws: pa.Table
    cases: tuple[str, ...]
    anchor: trail.Head
    created: bool = False

    @property
    def design(self) -> AnyDesign:
        """The design of the draw."""
        return design_of(self.certificate)

    @property
    def drawn_on(self) -> date:
        """The local day of the draw."""
        drawn_at = self.certificate["seal"].get("drawn_at")
        moment = datetime.fromisoformat(drawn_at) if drawn_at else self.sealed_at
        return moment.astimezone(LOCAL_ZONE).date()


class Ledger:
    """Plans and outcomes in one database."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        """Open the database and make what is missing."""
        self.engine = store.open_store(url)

    def create_plan(
        self, frame: Frame, design: Design, seed: bytes, key: Ed25519PrivateKey, *,
        score_version: Mapping[str, str | date], sealed_at: datetime, actor: str,
        before_commit: Callable[[Plan], None] | None = None,
    ) -> Plan:  # fmt: skip
        """Draw, certify and store a plan under the next number, P0001 first.

        The same frame, design and seed again return the plan that exists, unchanged.
        ``before_commit`` is given the plan before it is stored; where it raises, nothing is.

        Raises:
            LedgerError: if the seed was used for another frame or design.
            DrawError: if design, frame and seed don't fit.
            CertificateError: if a version is missing.
        """
        hashes = {
            "seed_hash": hashlib.sha256(seed).hexdigest(),
            "frame_hash": frame_hash(frame),
            "design_hash": design_hash(design),
        }
        with store.writing(self.engine) as connection:
            known = connection.execute(
                sa.select(store.plans).where(store.plans.c.seed_hash == hashes["seed_hash"])
            ).first()
            if known is not None:
                plan = self._same_plan(connection, known, hashes)
                if before_commit:
                    before_commit(plan)
                return plan
            number = next_number(connection)
            plan_id = f"P{number:04d}"
            drawn = draw(frame, design, seed, plan_id)
            certificate = sign(make_certificate(
                frame, design, seed, drawn, plan_id=plan_id, score_version=score_version,
                sealed_at=sealed_at, public_key=public_hex(key),
            ), key)  # fmt: skip
            cases = number_cases(drawn, seed)
            insert_plan(connection, number, hashes, certificate, design, drawn, cases)
            anchor = trail.append(
                connection, actor, trail.SEALED, plan_id, certified(certificate), at=sealed_at
            )
            plan = Plan(
                plan_id, sealed_at.astimezone(UTC), certificate, drawn, tuple(cases), anchor,
                created=True,
            )  # fmt: skip
            if before_commit:
                before_commit(plan)
        return plan

    def plan(self, plan_id: str) -> Plan:
        """Return a plan.

        Raises:
            LedgerError: if there is none of that number; the sentence lists those there are.
        """
        with self.engine.connect() as connection:
            return read_plan(connection, plan_id)

    def plan_ids(self) -> list[str]:
        """Return the number of every plan that was drawn, oldest first; none is left out.

        Plans that a committee sealed and that are not drawn, or void, are in
        `sampling.committee.seal_ids`.
        """
        with self.engine.connect() as connection:
            query = sa.select(store.plans.c.plan_id).order_by(store.plans.c.plan_no)
            return list(connection.scalars(query))

    def append_outcomes(
        self, rows: Sequence[Outcome], *, actor: str, known_at: datetime
    ) -> Appended:
        """Append what inspection found, all rows or none, in one transaction.

        A row equal to the case's current one adds nothing. One that differs supersedes it. One
        equal to an earlier, superseded row adds nothing either: an old file came back; to return
        to an earlier verdict, say why in the reason.

        Raises:
            LedgerError: with every row that does not fit its plan's draw, has no time of its own
                or occurs twice.
        """
        at = utc_text(known_at)
        with store.writing(self.engine) as connection:
            before = _history(connection, [row.case for row in rows])
            appended, new = sort_outcomes(rows, before, at)
            drawn = _drawn(connection, {row.plan_id for row in rows if row.plan_id})
            checked(say.row_faults(rows, drawn) + say.late(new, before), LedgerError)
            if new:
                connection.execute(sa.insert(store.outcomes), new)
                trail.append(
                    connection, actor, "outcomes_appended", rows[0].plan_id or "-",
                    {"rows": new}, at=known_at,
                )  # fmt: skip
        return appended

    def outcomes(
        self, known_before: date | None = None, *, plan_id: str | None = None,
        history: bool = False,
    ) -> pa.Table:  # fmt: skip
        """Return outcomes as their contract says, with weights as of ``known_before``.

        Args:
            known_before: rows known on or after this local day don't exist yet; None for all.
            plan_id: only those of one plan.
            history: superseded rows too; weights stand on current rows only.
        """
        query = sa.select(store.outcomes).order_by(store.outcomes.c.entry)
        if known_before is not None:
            midnight = datetime.combine(known_before, time(), LOCAL_ZONE)
            query = query.where(store.outcomes.c.known_at < utc_text(midnight))
        if plan_id is not None:
            query = query.where(store.outcomes.c.plan_id == plan_id)
        with self.engine.connect() as connection:
            rows = [dict(r) for r in connection.execute(query).mappings()]
            strata = [dict(r) for r in connection.execute(sa.select(store.strata)).mappings()]
            case_strata = sa.select(store.draws.c.case, store.draws.c.stratum)
            of_case = {r.case: r.stratum for r in connection.execute(case_strata)}
            stages = [dict(r) for r in connection.execute(sa.select(store.chances)).mappings()]
        current = current_rows(rows)
        return outcomes_table(rows if history else current, current, strata, of_case, stages)

    def head(self) -> trail.Head:
        """Return the head of the trail, to be anchored outside the database."""
        with self.engine.connect() as connection:
            return trail.head(connection)

    def verify_trail(self, anchored: trail.Head | None = None) -> list[Fault]:
        """Return every break of the trail's chain."""
        with self.engine.connect() as connection:
            return trail.verify(connection, anchored)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _same_plan(
        self, connection: sa.Connection, known: sa.Row[Any], hashes: Mapping[str, str]
    ) -> Plan:
        differs = [name for name in hashes if getattr(known, name) != hashes[name]]
        if differs:
            raise LedgerError([say.seed_used(known.plan_id)])
        return read_plan(connection, known.plan_id)


def read_plan(connection: sa.Connection, plan_id: str) -> Plan:
    """Return a drawn plan; raises LedgerError if there is none of that number."""
    row = connection.execute(sa.select(store.plans).where(store.plans.c.plan_id == plan_id)).first()
    if row is None:
        have = connection.scalars(sa.select(store.plans.c.plan_id)).all()
        raise LedgerError([say.no_plan(plan_id, have)])
    joined = store.draws.join(store.strata).join(
        store.chances, store.draws.c.case == store.chances.c.case, isouter=True
    )
    wanted = [*store.draws.c, store.strata.c.stratum_size, store.strata.c.stratum_draws,
              *(store.chances.c[name] for name in CHANCES)]  # fmt: skip
    query = sa.select(*wanted).select_from(joined).where(store.draws.c.plan_id == plan_id)
    rows = [dict(r) for r in connection.execute(query).mappings()]
    rows.sort(key=lambda r: r["unit_id"].encode())
    return Plan(
        plan_id, datetime.fromisoformat(row.sealed_at),
        parse_certificate(row.certificate.encode()), draws_table(rows),
        tuple(r["case"] for r in rows), trail.sealing_of(connection, plan_id),
    )  # fmt: skip


def _history(connection: sa.Connection, cases: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    wanted = set(cases)
    history: dict[str, list[dict[str, Any]]] = {}
    query = sa.select(store.outcomes).order_by(store.outcomes.c.entry)
    for row in connection.execute(query).mappings():
        if row["case"] in wanted:
            history.setdefault(row["case"], []).append(dict(row))
    return history


def _drawn(connection: sa.Connection, plan_ids: Set[str]) -> dict[str, tuple[str, ...]]:
    query = sa.select(store.draws).where(store.draws.c.plan_id.in_(plan_ids))
    return {r.case: (r.plan_id, r.unit, r.unit_id, r.tag) for r in connection.execute(query)}
