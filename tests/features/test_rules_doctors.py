"""Rules of claims that the register of doctors decides: leave, place of work, own illness.

Amounts are worked out from the planted rows; parameters and limits are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.features.planted_days import DAY, LISTS, day


def doctor(town, **given) -> None:
    town.add("doctors", doctor_id="d1", institution_id="o1", insured_id="own")
    town.add("doctor_practices", doctor_id="d1", known_at=datetime(2023, 1, 1, tzinfo=UTC),
             **{**LISTS, "institution_id": "o1", **given})  # fmt: skip


@pytest.mark.parametrize(("number", "hit"), [(-1, False), (0, True), (4, True), (5, False)])
def test_a_doctor_on_leave_gives_no_service(town, number, hit):
    doctor(town)
    town.add("doctor_absences", doctor_id="d1", absence="leave", valid_from=DAY,
             valid_to=DAY + timedelta(days=5),
             known_at=datetime(2024, 2, 1, tzinfo=UTC))  # fmt: skip
    claim = town.claim(day(number) + " 10:00", doctor_id="d1")
    found = town.judged("DOCTOR_UNAVAILABLE")
    assert found.hits == ({claim: (1, 10_000)} if hit else {})
    assert found.evidence == ({claim: {claim}} if hit else {})


@pytest.mark.parametrize(("change", "hit"), [
    ({}, False), ({"valid_to": DAY}, True), ({"valid_to": DAY + timedelta(days=1)}, False),
    ({"institution_id": "o2"}, True), ({"valid_from": DAY + timedelta(days=1)}, True),
])  # fmt: skip
def test_a_doctor_works_where_the_register_says(town, change, hit):
    doctor(town, **change)
    town.claim("2024-03-01 10:00", doctor_id="d1")
    town.claim("2024-03-01 10:00", doctor_id="unknown")
    assert bool(town.judged("DOCTOR_UNAVAILABLE").hits) is hit


@pytest.mark.parametrize(("number", "hit"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_doctor_in_hospital_gives_no_service(town, number, hit):
    doctor(town)
    town.stay(day(0), day(5), known=day(6), insured_id="own", institution_id="o2")
    stay = town.stay(day(0), day(5), known=day(9), doctor_id="d1")
    lines = [town.line(stay, day(n), doctor_id="d1", amount=100) for n in (0, number)]
    town.line(stay, day(3), doctor_id="d2")
    found = town.judged("DOCTOR_UNAVAILABLE")
    assert found.hits == ({stay: (1, 100)} if hit else {})
    assert found.evidence == ({stay: {lines[1]}} if hit else {})


def test_what_the_register_learns_later_says_nothing_about_earlier_claims(town):
    doctor(town)
    known = datetime(2024, 6, 1, tzinfo=UTC)
    town.add("doctor_absences", doctor_id="d1", absence="left", valid_from=DAY, known_at=known)
    town.add("deaths", insured_id="own", death_date=DAY - timedelta(days=9), known_at=known)
    town.claim("2024-03-01 10:00", doctor_id="d1")
    later = town.claim("2024-06-01 10:00", doctor_id="d1")
    assert town.judged("DOCTOR_UNAVAILABLE").hits == {later: (1, 10_000)}
