"""What an assignment reads from the tables, row by row: days, ways, units of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from claims.contracts import table
from claims.pseudonyms import pseudonym
from claims.store import StoreVersion
from jihe import assignment_bars, assignment_rows
from jihe.assignment_bars import distances, late_rows, recusals, rotations
from jihe.assignment_rows import Case, Period, cases_of, inspectors_of, jobs_of, travel_of
from jihe.assignment_settings import Settings, read_settings
from sampling.inspectors.assignment_problem import AssignmentError, Inspector, Job
from sampling.ledger import Ledger, Plan
from tests.jihe.rows_in_memory import rows_where

PERIOD = Period(date(2026, 3, 1), date(2026, 3, 31))
KEY = bytes(range(32))


def _settings(**stated: Any) -> Settings:
    return Settings(**{**vars(read_settings()), **stated})


def _store(**tables: list[dict[str, Any]]) -> StoreVersion:
    """A store whose tables are given row by row."""

    def read(name: str) -> pa.Table:
        return pa.Table.from_pylist(tables[name], schema=table(name).schema)

    told = SimpleNamespace(
        version="v1", read=read, has=lambda name, *columns: name in tables
    )  # fmt: skip
    return cast(StoreVersion, told)


@pytest.fixture(autouse=True)
def plain_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment_bars, "rows_where", rows_where)
    monkeypatch.setattr(assignment_rows, "rows_where", rows_where)


def _plan(unit: str, *ids: str) -> Plan:
    draws = pa.table({"unit_id": list(ids)})
    return cast(Plan, SimpleNamespace(
        draws=draws, design=SimpleNamespace(unit=unit), drawn_on=date(2026, 3, 1)
    ))  # fmt: skip


def test_the_period_is_as_many_days_as_the_settings_say_from_the_draw_on() -> None:
    """30 days from 1 March: 1 to 30 March, so the half-open end is the 31st."""
    assert Period.of(_plan("claim"), _settings(period_days=30)) == PERIOD


def test_a_doctor_is_barred_wherever_he_practises_on_a_day_of_the_period() -> None:
    places = [
        ("H1", "2020-01-01", "2026-03-01"),  # ended before the first day
        ("H2", "2020-01-01", "2026-03-02"),  # the first day was the last there
        ("H3", "2026-03-30", None),  # begins on the last day
        ("H4", "2026-03-31", None),  # begins after it
    ]
    store = _store(
        conflicts=[{
            "conflict_id": "K", "inspector_id": "I1", "doctor_id": "D", "interest": "kinship",
            "valid_from": date(2020, 1, 1),
        }],
        inspectors=[],
        doctor_practices=[
            {"doctor_id": "D", "institution_id": place, "valid_from": date.fromisoformat(begins),
             "valid_to": date.fromisoformat(ends) if ends else None}
            for place, begins, ends in places
        ],
    )  # fmt: skip
    cases = [Case(f"C{place}", place) for place, *_ in places]
    found = recusals(store, cases, [Inspector("I1")], PERIOD)
    assert sorted(found) == [("I1", "H2"), ("I1", "H3")]


def test_only_who_is_on_the_register_for_the_whole_period_and_has_time_is_sent() -> None:
    rows = [
        ("A", "2026-03-01", "2026-03-31", True),  # exactly the period
        ("B", "2026-03-02", None, True),  # a day late
        ("C", "2020-01-01", "2026-03-30", True),  # a day short
        ("D", "2020-01-01", None, None),  # the right to lead is not stated
        ("E", "2020-01-01", None, True),  # not available
    ]
    store = _store(conflicts=[], inspectors=[
        {"inspector_id": name, "profession": "law", "district": "N", "lead": lead,
         "valid_from": date.fromisoformat(begins),
         "valid_to": date.fromisoformat(ends) if ends else None}
        for name, begins, ends, lead in rows
    ])  # fmt: skip
    settings = _settings(capacity_minutes=4800, capacity={"D": 600, "E": 0})
    assert inspectors_of(store, PERIOD, settings) == [
        Inspector("A", "law", "N", True, 4800), Inspector("D", "law", "N", False, 600),
    ]  # fmt: skip


def test_a_job_takes_the_visit_and_each_of_its_cases_and_needs_what_its_class_needs() -> None:
    store = _store(institutions=[
        {"institution_id": "H", "institution_class": "pharmacy", "level": "none"},
        {"institution_id": "K", "institution_class": "clinic", "level": "none"},
    ])  # fmt: skip
    cases = [Case("C1", "H"), Case("C2", "K"), Case("C3", "H"), Case("P9")]
    settings = _settings(visit_minutes=240, case_minutes=60)
    assert jobs_of(store, cases, settings) == [
        Job("H", 360, (("pharmacy", "finance"),)), Job("K", 300), Job("P9", 300),
    ]  # fmt: skip


def _outcome(unit: str, unit_id: str, day: str, names: str, plan: str | None) -> dict[str, Any]:
    return {"unit": unit, "unit_id": unit_id, "inspected_on": date.fromisoformat(day),
            "inspectors": names, "plan_id": plan}  # fmt: skip


def test_rotation_looks_back_from_the_first_day_at_units_of_every_kind() -> None:
    """365 days before 1 March 2026 is 1 March 2025."""
    rows = [
        _outcome("institution", "H1", "2025-03-01", "a;b", None),  # the first day that counts
        _outcome("institution", "H1", "2025-02-28", "c", "P0001"),  # the day before
        _outcome("institution", "H2", "2026-02-28", "d", "P0001"),  # the last day that counts
        _outcome("institution", "H2", "2026-03-01", "e", "P0001"),  # the first of the plan
        _outcome("institution", "H2", "2025-06-01", "f", "P0002"),  # of the plan itself
        _outcome("claim", "C1", "2025-06-01", "g", None),  # a claim of H3
        _outcome("doctor", "D1", "2025-06-01", "h", None),  # works at H3
        _outcome("insured", "S1", "2025-06-01", "i", None),
        _outcome("institution", "H9", "2025-06-01", "j", None),  # not drawn
    ]
    store = _store(doctors=[{"doctor_id": "D1", "institution_id": "H3"}],
                   claims=[{"claim_id": "C1", "institution_id": "H3"}])  # fmt: skip
    ledger = SimpleNamespace(outcomes=lambda: SimpleNamespace(to_pylist=lambda: rows))
    jobs = [Job(one, 300) for one in ("H1", "H2", "H3", "S1")]
    found = rotations(
        store, cast(Ledger, ledger), "P0002", jobs, PERIOD, _settings(rotation_days=365), KEY
    )
    expected = [("a", "H1"), ("b", "H1"), ("d", "H2"), ("g", "H3"), ("h", "H3"), ("i", "S1")]
    assert found == [(pseudonym("inspector", name, KEY), job) for name, job in expected]


def test_distance_bars_only_above_the_limit_and_districts_as_stated() -> None:
    store = _store(institutions=[
        {"institution_id": place, "institution_class": "clinic", "level": "none", "district": d}
        for place, d in (("H", "N"), ("K", "S"))
    ])  # fmt: skip
    jobs, people = [Job("H", 1), Job("K", 1), Job("P9", 1)], [Inspector("I", district="N")]
    travel = {("N", "H"): 180, ("N", "K"): 181}

    def barred(**stated: Any) -> list[str]:
        return [job for _, job in distances(store, jobs, people, travel, _settings(**stated))]

    assert barred() == []
    assert barred(most_travel_minutes=180) == ["K"]
    assert barred(most_travel_minutes=0) == ["H", "K"]
    assert barred(districts="own") == ["K"]
    assert barred(districts="other") == ["H"]


def test_the_way_from_the_place_itself_is_not_counted() -> None:
    """A to H takes 30, H to itself is given as 0: there and back from N is 60, not 0."""
    store = _store(
        institutions=[{"institution_id": i, "institution_class": "clinic", "level": "none",
                       "district": "N"} for i in "AH"],
        distances=[{"institution_id": i, "other_institution_id": "H", "distance_m": 1,
                    "travel_minutes": m} for i, m in (("A", 30), ("H", 0))],
    )  # fmt: skip
    assert travel_of(store, [Job("H", 1)], [Inspector("I", district="N")]) == {("N", "H"): 60}


def test_every_kind_of_unit_names_its_parties() -> None:
    store = _store(
        claims=[{"claim_id": "C1", "institution_id": "H", "doctor_id": "D", "insured_id": "S"}],
        doctors=[{"doctor_id": "D", "institution_id": "H"}],
        insured=[{"insured_id": "S", "employer_id": "E"}],
    )
    assert cases_of(store, _plan("claim", "C1")) == [Case("C1", "H", "D", "S", "E")]
    assert cases_of(store, _plan("doctor", "D")) == [Case("D", "H", "D")]
    assert cases_of(store, _plan("insured", "S")) == [Case("S", None, None, "S", "E")]
    assert cases_of(store, _plan("institution", "H")) == [Case("H", "H")]
    assert [c.job_id for c in cases_of(store, _plan("insured", "S"))] == ["S"]
    with pytest.raises(AssignmentError) as caught:
        cases_of(store, _plan("claim", "C1", "C8", "C9"))
    assert [fault.code for fault in caught.value.faults] == ["ASSIGN_UNIT"] * 2


def test_rows_known_after_the_sealing_are_counted_in_both_tables() -> None:
    sealed = datetime(2026, 3, 1, 8, tzinfo=UTC)
    later = datetime(2026, 3, 1, 9, tzinfo=UTC)
    begins = date(2020, 1, 1)
    store = _store(
        inspectors=[{"inspector_id": name, "valid_from": begins, "known_at": at}
                    for name, at in (("A", sealed), ("B", later), ("C", None))],
        conflicts=[{"conflict_id": "K", "inspector_id": "A", "interest": "kinship",
                    "valid_from": begins, "known_at": later}],
    )  # fmt: skip
    assert late_rows(store, sealed) == 2
