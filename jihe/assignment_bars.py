"""Who may not inspect what: recusal, rotation and distance.

In: declared conflicts, the outcomes of earlier plans, districts and travel. Out: reasons by
(inspector, job). A relation of any kind on any day of the plan's period is a recusal, also one to a
doctor who practises at the institution, to a person whose case is drawn or to that person's
employer; so is an inspector's own case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from claims.pseudonyms import pseudonym
from claims.store import StoreVersion
from jihe.assignment_rows import Case, Period, rows_where
from jihe.assignment_settings import Settings
from sampling.inspectors.assignment_problem import Inspector, Job, Reason
from sampling.ledger import Ledger

Bars = dict[tuple[str, str], list[Reason]]
Pairs = Iterable[tuple[str, str]]


def recusals(
    store: StoreVersion, cases: Sequence[Case], inspectors: Iterable[Inspector], period: Period
) -> list[tuple[str, str]]:
    """Return (inspector, job) for every relation on any day of the period."""
    at = _jobs_by_party(store, cases, period)
    declared = [row for row in _read(store, "conflicts") if period.touches(row)]
    names = ("institution_id", "doctor_id", "insured_id", "employer_id")
    pairs = [
        (row["inspector_id"], job)
        for row in declared
        for name in names
        if row[name]
        for job in at.get((name, row[name]), ())
    ]
    known = {one.inspector_id for one in inspectors}
    for row in _read(store, "inspectors"):
        if row["inspector_id"] in known and row["insured_id"]:
            own = at.get(("insured_id", row["insured_id"]), ())
            pairs += [(row["inspector_id"], job) for job in own]
    return pairs


def rotations(
    store: StoreVersion, ledger: Ledger, plan_id: str, jobs: Iterable[Job], period: Period,
    settings: Settings, key: bytes,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return (inspector, job) where the inspector was at the institution in the rotation period.

    Outcomes of the plan itself do not count: its assignment was made before them.
    """
    since = period.first - timedelta(days=settings.rotation_days)
    rows = [
        row for row in ledger.outcomes().to_pylist()
        if since <= row["inspected_on"] < period.first and row["plan_id"] != plan_id
    ]  # fmt: skip
    where = _institutions(store, rows)
    wanted = {job.job_id for job in jobs}
    pairs = [
        (pseudonym("inspector", name, key), where[row["unit_id"]])
        for row in rows
        for name in row["inspectors"].split(";")
        if where.get(row["unit_id"], "") in wanted
    ]
    return pairs


def distances(
    store: StoreVersion, jobs: Sequence[Job], inspectors: Iterable[Inspector],
    travel: Mapping[tuple[str, str], int], settings: Settings,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return (inspector, job) where the way is too long or the district not the right one."""
    register = rows_where(store, "institutions", "institution_id", [job.job_id for job in jobs])
    district = {row["institution_id"]: row["district"] for row in register}
    pairs = []
    for one in inspectors:
        for job in jobs:
            home = district.get(job.job_id)
            far = travel.get((one.district, job.job_id), 0) > (settings.most_travel_minutes or 0)
            own = home == one.district
            wrong = home is not None and settings.districts == ("other" if own else "own")
            if wrong or (far and settings.most_travel_minutes is not None):
                pairs.append((one.inspector_id, job.job_id))
    return pairs


def bars_of(recused: Pairs, rotated: Pairs, far: Pairs) -> Bars:
    """Return the reasons of every barred pair."""
    bars: Bars = {}
    kinds: tuple[tuple[Reason, Pairs], ...] = (
        ("recusal", recused), ("rotation", rotated), ("distance", far),
    )  # fmt: skip
    for reason, pairs in kinds:
        for pair in pairs:
            if reason not in bars.setdefault(pair, []):
                bars[pair].append(reason)
    return bars


def late_rows(store: StoreVersion, sealed_at: datetime) -> int:
    """Return how many rows of inspectors and conflicts became known after the plan was sealed."""
    rows = [*_read(store, "inspectors"), *_read(store, "conflicts")]
    return sum(row["known_at"] is not None and row["known_at"] > sealed_at for row in rows)


def _jobs_by_party(
    store: StoreVersion, cases: Sequence[Case], period: Period
) -> dict[tuple[str, str], set[str]]:
    at: dict[tuple[str, str], set[str]] = {}
    for case in cases:
        for name in ("institution_id", "doctor_id", "insured_id", "employer_id"):
            if party := getattr(case, name):
                at.setdefault((name, party), set()).add(case.job_id)
    places = [case.institution_id for case in cases if case.institution_id]
    for name in ("doctors", "doctor_practices"):
        for row in rows_where(store, name, "institution_id", places):
            if period.touches(row):
                at.setdefault(("doctor_id", row["doctor_id"]), set()).add(row["institution_id"])
    return at


def _institutions(store: StoreVersion, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the institution of each inspected unit that belongs to one."""
    where = {row["unit_id"]: row["unit_id"] for row in rows if row["unit"] == "institution"}
    for unit, source in (("claim", "claims"), ("doctor", "doctors")):
        ids = [row["unit_id"] for row in rows if row["unit"] == unit]
        found = rows_where(store, source, f"{unit}_id", ids)
        where |= {row[f"{unit}_id"]: row["institution_id"] for row in found}
    return where | {row["unit_id"]: row["unit_id"] for row in rows if row["unit"] == "insured"}


def _read(store: StoreVersion, name: str) -> list[dict[str, Any]]:
    return store.read(name).to_pylist() if store.has(name) else []
