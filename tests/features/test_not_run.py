"""What cannot run is named with the column it lacks, and is absent; nothing is silently zero."""

from __future__ import annotations

import itertools
from datetime import date

import pytest

from features.catalogue import catalogue
from features.rules import rules
from features.runnable import runnable

OPTIONAL = ("claim_lines", "insured", "institutions", "deaths", "price_caps", "sex_limits",
            "daily_maxima", "mild_diagnoses", "age_limits", "claim_procedures", "holidays",
            "doctors", "indications", "inventory", "items", "opening_hours", "policy_limits",
            "service_minutes", "sex_limited_codes")  # fmt: skip
OWNERS = {**{f.name: f for f in catalogue()}, **{r.id: r for r in rules()}}
NEEDED = sorted(set(itertools.chain.from_iterable(o.needs for o in OWNERS.values())))


def names(build) -> set[str]:
    return set(itertools.chain.from_iterable(
        build.matrix(unit).names for unit in ("claim", "institution", "insured")
    ))  # fmt: skip


def column(name: str) -> str:
    """Return the column of a feature or rule in the matrix."""
    return f"rule_{name.lower()}" if name.isupper() else name


def stay_with_lines(town) -> str:
    stay = town.stay("2024-03-01 10:00", "2024-03-05 11:00")
    town.line(stay)
    return stay


def test_with_every_table_everything_runs(town):
    stay_with_lines(town)
    made = town.build("2025-01-01", *OPTIONAL)
    assert made.not_run == []
    assert names(made) == {column(name) for name in OWNERS}


def without(town, need: str):
    stay_with_lines(town)
    table, name = need.split(".")
    town.absent_columns = {table: [name]}
    return {owner for owner, body in OWNERS.items() if need in body.needs}


@pytest.mark.parametrize("need", NEEDED)
def test_without_a_column_what_needs_it_is_named(town, need):
    lacking = without(town, need)
    features, kept, not_run = runnable(town.store(*OPTIONAL), date(2025, 1, 1))
    assert lacking
    assert {item.name: item.missing for item in not_run} == dict.fromkeys(lacking, (need,))
    assert {*(f.name for f in features), *(r.id for r in kept)} == set(OWNERS) - lacking


@pytest.mark.parametrize("need", [
    "claims.service_end_at", "claims.known_at", "claim_lines.item_class", "insured.birth_date",
    "institutions.licensed_beds", "deaths.death_date",
])  # fmt: skip
def test_without_a_column_what_needs_it_is_in_no_matrix(town, need):
    lacking = without(town, need)
    made = town.build("2025-01-01", *OPTIONAL)
    assert names(made) == {column(owner) for owner in OWNERS} - {column(n) for n in lacking}


@pytest.mark.parametrize("absent", ["claim_lines", "institutions", "deaths", "price_caps"])
def test_without_a_table_what_needs_it_is_named(town, absent):
    town.stay("2024-03-01 10:00", "2024-03-05 11:00")
    town.rows.pop(absent, None)
    made = town.build("2025-01-01", *(name for name in OPTIONAL if name != absent))
    lacking = {
        o for o, body in OWNERS.items() if any(n.startswith(absent + ".") for n in body.needs)
    }
    assert {item.name for item in made.not_run} == lacking
    assert all(n.startswith(absent + ".") for item in made.not_run for n in item.missing)
    assert not names(made) & {column(owner) for owner in lacking}


def test_an_empty_table_is_not_an_absent_one(town):
    """A register of no deaths was looked at: the rule ran and found nothing."""
    stay_with_lines(town)
    made = town.build("2025-01-01", *OPTIONAL)
    m = made.matrix("claim")
    assert m.values[0, m.names.index("rule_service_after_death")] == 0
    town.rows.pop("institutions")
    assert town.build("2025-01-01", *OPTIONAL).not_run == []


def test_dates_without_times_have_no_clock(town):
    for day in ("2024-03-01", "2024-03-02"):
        town.claim(day, known=day + " 12:00")
    made = town.build("2025-01-01", *OPTIONAL)
    lacking = {o for o, body in OWNERS.items() if "claims.service_at" in body.needs}
    assert {"claim_night", "BATCH_CARD_SWIPING", "place_claims_10min"} <= lacking
    assert {i.name: i.missing for i in made.not_run} == dict.fromkeys(
        lacking, ("claims.service_at",)
    )


def test_one_date_without_a_time_is_unknown_among_times(town):
    dated = town.claim("2024-03-01", known="2024-03-01 12:00")
    timed = town.claim("2024-03-02 23:00")
    m = town.build("2025-01-01", *OPTIONAL).matrix("claim")
    rows = dict(zip(m.unit_ids, m.values, strict=True))
    for name, value in (("claim_night", 1.0), ("place_claims_10min", 0.0)):
        assert rows[timed][m.names.index(name)] == value
        assert rows[dated][m.names.index(name)] != rows[dated][m.names.index(name)]  # unknown


def test_amounts_of_claims_without_lines_do_not_thin_a_share(town):
    """Half of the claims came with lines, all of them drugs: the share of drugs is one."""
    with_lines = town.claim("2024-03-01 10:00")
    town.line(with_lines, amount=10_000)
    town.claim("2024-03-02 10:00")
    m = town.build("2024-04-01", *OPTIONAL).matrix("institution")
    assert m.values[0, m.names.index("org_drug_share_90")] == 1.0
