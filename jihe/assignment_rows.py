"""From the tables of the store to what an assignment needs to know of a plan's drawn cases.

In: a store version, a plan and the settings. Out: the job of each drawn unit, the inspectors, the
travel, and who is barred from what and why.

A job is an institution with all its drawn cases; where the units are insured persons, a person.
Travel of a district to an institution is the lower median of the way from the district's
institutions, there and back: where an inspector sets out from is not known more closely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from claims.contracts import table
from claims.store import StoreVersion
from jihe.assignment_settings import Settings
from sampling.drawing.designs import listed_unit
from sampling.faults import Fault, checked
from sampling.inspectors.assignment_problem import AssignmentError, Inspector, Job
from sampling.ledger import Plan

_PARTY = ("institution_id", "doctor_id", "insured_id", "employer_id")


@dataclass(frozen=True)
class Case:
    """Whom a drawn unit concerns; None where the unit has no such party."""

    unit_id: str
    institution_id: str | None = None
    doctor_id: str | None = None
    insured_id: str | None = None
    employer_id: str | None = None

    @property
    def job_id(self) -> str:
        """The job that the unit belongs to."""
        return self.institution_id or self.unit_id


@dataclass(frozen=True)
class Period:
    """The days in which the plan is worked off, half-open."""

    first: date
    end: date

    @classmethod
    def of(cls, plan: Plan, settings: Settings) -> Period:
        """Return the days from the draw on."""
        return cls(plan.drawn_on, plan.drawn_on + timedelta(days=settings.period_days))

    def touches(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row holds on any of the days."""
        begins, ends = row.get("valid_from"), row.get("valid_to")
        return (begins is None or begins < self.end) and (ends is None or ends > self.first)

    def within(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row holds on all of the days."""
        begins, ends = row.get("valid_from"), row.get("valid_to")
        return (begins is None or begins <= self.first) and (ends is None or ends >= self.end)


def cases_of(store: StoreVersion, plan: Plan) -> list[Case]:
    """Return the parties of each drawn unit, in the draw's order.

    Raises:
        AssignmentError: with every drawn unit that the store does not know.
    """
    ids = plan.draws["unit_id"].to_pylist()
    unit = listed_unit(plan.design)
    if unit == "institution":
        return [Case(one, institution_id=one) for one in ids]
    source = {"claim": "claims", "insured": "insured", "doctor": "doctors"}[unit]
    rows = rows_where(store, source, f"{unit}_id", ids)
    found = {row[f"{unit}_id"]: row for row in rows}
    checked([_unknown(one, store.version) for one in ids if one not in found], AssignmentError)
    employers = _employers(store, [row.get("insured_id") for row in found.values()])
    cases = []
    for one in ids:
        party = {name: found[one].get(name) for name in _PARTY}
        if unit == "doctor":
            party["doctor_id"] = one
        if unit == "insured":
            party |= {"institution_id": None, "insured_id": one}
        party["employer_id"] = employers.get(party["insured_id"] or "")
        cases.append(Case(one, **party))
    return cases


def _employers(store: StoreVersion, people: Iterable[str | None]) -> dict[str, str | None]:
    rows = rows_where(store, "insured", "insured_id", [one for one in people if one])
    return {row["insured_id"]: row["employer_id"] for row in rows}


def rows_where(
    store: StoreVersion, name: str, column: str, values: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the rows of a table whose ``column`` is one of ``values``."""
    wanted = sorted(set(values))
    if not store.has(name) or not wanted:
        return []
    schema = table(name).schema
    parts = [
        pq.read_table(path, filters=[(column, "in", wanted)], partitioning=None).select(
            schema.names
        )
        for path in store.files(name)
    ]
    whole = pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in parts)])
    return list(whole.to_pylist())


def jobs_of(store: StoreVersion, cases: Iterable[Case], settings: Settings) -> list[Job]:
    """Return the jobs: their minutes at the place, and what their class needs."""
    counts: dict[str, int] = {}
    for case in cases:
        counts[case.job_id] = counts.get(case.job_id, 0) + 1
    register = rows_where(store, "institutions", "institution_id", counts)
    kinds = {row["institution_id"]: row["institution_class"] for row in register}
    return [
        Job(
            job_id, settings.visit_minutes + number * settings.case_minutes,
            settings.needs.get(kinds.get(job_id, ""), ()),
        )
        for job_id, number in counts.items()
    ]  # fmt: skip


def inspectors_of(store: StoreVersion, period: Period, settings: Settings) -> list[Inspector]:
    """Return who is on the register for the whole period and has any time.

    Raises:
        AssignmentError: if the table or a column that the settings rely on is missing.
    """
    checked(_table_faults(store, settings), AssignmentError)
    people = []
    for row in store.read("inspectors").to_pylist():
        minutes = settings.capacity.get(row["inspector_id"], settings.capacity_minutes)
        if minutes and period.within(row):
            people.append(Inspector(
                row["inspector_id"], row["profession"] or "", row["district"] or "",
                bool(row["lead"]), minutes,
            ))  # fmt: skip
    return people


def travel_of(
    store: StoreVersion, jobs: Iterable[Job], inspectors: Iterable[Inspector]
) -> dict[tuple[str, str], int]:
    """Return minutes there and back by (district, job)."""
    districts = {one.district for one in inspectors} - {""}
    register = rows_where(store, "institutions", "district", districts)
    home = {row["institution_id"]: row["district"] for row in register}
    rows = rows_where(store, "distances", "other_institution_id", [job.job_id for job in jobs])
    ways: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        start, end = row["institution_id"], row["other_institution_id"]
        if start != end and row["travel_minutes"] is not None and start in home:
            ways.setdefault((home[start], end), []).append(row["travel_minutes"])
    return {pair: 2 * sorted(found)[(len(found) - 1) // 2] for pair, found in ways.items()}


def _table_faults(store: StoreVersion, settings: Settings) -> list[Fault]:
    columns = ", ".join(table("inspectors").columns)
    if not store.has("inspectors"):
        return [_missing("inspectors", columns, "")]
    faults = []
    if any(settings.needs.values()) and not store.has("inspectors", "profession"):
        faults.append(_missing("inspectors", "profession", "or state empty needs in the settings"))
    if settings.leader and not store.has("inspectors", "lead"):
        faults.append(_missing("inspectors", "lead", "or set leader = false"))
    if not settings.without_conflicts and not store.has("conflicts"):
        other = "or set without_conflicts = true if there is no such register anywhere"
        faults.append(_missing("conflicts", ", ".join(table("conflicts").columns), other))
    if settings.most_travel_minutes is not None and not store.has("distances", "travel_minutes"):
        other = "or leave out most_travel_minutes"
        faults.append(_missing("distances", ", ".join(table("distances").columns), other))
    if settings.districts != "any" and not store.has("inspectors", "district"):
        faults.append(_missing("inspectors", "district", 'or set districts = "any"'))
    return faults


def _missing(name: str, columns: str, other: str) -> Fault:
    contract = table(name)
    return Fault(
        "ASSIGN_TABLE",
        f"The claims in the home have no table '{name}' ({contract.en}) with the columns "
        f"{columns}; deliver it and load again{', ' + other if other else ''}.",
        f"主文件夹的数据中没有“{name}”表（{contract.zh}），所需列：{columns}；请提供后重新装入"
        f"{'（' + other + '）' if other else ''}。",
    )  # fmt: skip


def _unknown(unit_id: str, version: str) -> Fault:
    return Fault(
        "ASSIGN_UNIT", f"The drawn unit '{unit_id}' is not in version {version} of the claims; "
        "load the files from which the plan was drawn.",
        f"抽中对象“{unit_id}”不在数据版本{version}中；请装入抽取时所用的文件。",
    )  # fmt: skip
