"""What keeps a large build small changes no bit: ranges of persons, spilling, chunks, cells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from claims.engine import run
from features import cells, claim_slices, person_ranges, queries, unit_ranges
from features.build import build
from features.catalogue import of


@pytest.mark.parametrize("seed", range(2))
def test_ranges_of_persons_change_nothing(new_town, random_town, everything, monkeypatch, seed):
    town = random_town(new_town, seed)
    whole = everything(town.build("2024-05-15"))
    monkeypatch.setattr(person_ranges, "RANGE_CLAIMS", 7)
    made = town.build("2024-05-15")
    assert len(person_ranges._ranges(made.con)) > 3
    assert everything(made) == whole


@pytest.mark.parametrize("claims", [1, 13])
def test_slices_of_claims_change_nothing(new_town, random_town, everything, monkeypatch, claims):
    town = random_town(new_town, 3)
    whole = everything(town.build("2024-05-15"))
    sliced, target = [], claim_slices._target
    monkeypatch.setattr(claim_slices, "SLICE_CLAIMS", claims)
    monkeypatch.setattr(
        claim_slices, "_target", lambda con, *where: sliced.append(where) or target(con, *where)
    )
    assert everything(town.build("2024-05-15")) == whole
    assert len(sliced) > len(queries.CLAIM_TABLES) * 2


@pytest.mark.parametrize("claims", [1, 20])
def test_ranges_of_units_change_nothing(new_town, random_town, everything, monkeypatch, claims):
    town = random_town(new_town, 3)
    whole = everything(town.build("2024-05-15"))
    ranges, one = [], unit_ranges._one
    monkeypatch.setattr(unit_ranges, "RANGE_CLAIMS", claims)
    monkeypatch.setattr(unit_ranges, "_one", lambda *given: ranges.append(given[2]) or one(*given))
    assert everything(town.build("2024-05-15")) == whole
    assert ranges.count("institution_id") > 1
    assert ranges.count("doctor_id") > 1


def test_a_small_memory_changes_nothing(simulated_build, everything, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    limited = build(simulated_build.store, simulated_build.as_of, memory_limit="160MB")
    assert run(limited.con, "SELECT current_setting('memory_limit')")[0][0].startswith("152")
    assert everything(limited) == everything(simulated_build)


def test_the_folder_for_spilling_goes_with_the_build(town, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    town.claim("2024-03-01")
    made = town.build("2024-04-01")
    (left,) = tmp_path.glob("jihe-features-*")
    made.con.close()
    del made
    assert not left.exists()


@pytest.mark.parametrize("rows", [1, 13, 10**6])
def test_chunks_are_the_matrix(new_town, random_town, rows):
    made = random_town(new_town, 3).build("2024-05-15")
    whole, parts = made.matrix("claim"), list(made.matrix_chunks("claim", rows))
    assert len(parts) == max(1, -(-len(whole) // rows))
    for name in ("unit_ids", "groups", "finding_kinds", "known_at", "amounts", "rule_hits"):
        assert np.array_equal(
            np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name)
        )
    assert np.vstack([p.values for p in parts]).tobytes() == whole.values.tobytes()
    assert {p.names for p in parts} == {whole.names}


def test_cells_equal_every_claim_at_every_date(simulated_build):
    assert_cells(simulated_build, of("institution", simulated_build.features))


@pytest.mark.parametrize("seed", range(3))
def test_cells_follow_late_knowledge_and_reversals(new_town, random_town, seed):
    made = random_town(new_town, seed).build("2024-05-15")
    assert_cells(made, of("institution", made.features))


@pytest.mark.parametrize("known", ["2024-02-29 23:59", "2024-03-01 00:00", "2024-03-01 00:01"])
@pytest.mark.parametrize("back", ["", "2024-03-31 23:59", "2024-04-01 00:00", "2024-04-01 00:01"])
def test_cells_cut_time_at_the_edge(town, known, back):
    town.claim("2024-01-02")
    town.claim("2024-02-20", known=known, **({"reversed_at": moment(back)} if back else {}))
    for day in ("2024-01-31", "2024-02-01", "2024-02-02", "2024-02-29", "2024-03-01"):
        town.claim(day, known="2024-02-28 12:00")
    made = town.build("2024-04-15")
    assert_cells(made, of("institution", made.features))


def test_an_atom_of_the_date_itself_is_computed_the_plain_way(simulated_build):
    base = replace(of("institution")[0], finish="value")
    latest = replace(base, name="gap", atoms=("MIN(d.as_of_day - h.service_day)",))
    odd = replace(base, name="odd", atoms=("COUNT(h.claim_id) FILTER (WHERE h.service_day > 1)",))
    edge = replace(
        base, name="edge", atoms=("COUNT(*) FILTER (WHERE d.as_of_day - 30 <= h.service_day)",)
    )
    found, plain = cells.split([base, latest, odd, edge])
    assert [f.name for f in plain] == ["gap", "edge"]
    assert set(found.edges) == {queries.PROFILE_DAYS, base.window}
    assert_cells(simulated_build, [base, latest, odd, edge])


def test_distinct_values_are_counted_inside_each_window(simulated_build):
    base = of("institution")[0]
    atoms = (
        "COUNT(DISTINCT h.insured_id) FILTER (WHERE {in})",
        "COUNT(DISTINCT h.insured_id) FILTER (WHERE {in} AND h.inpatient = 1)",
        "3 * COUNT(DISTINCT h.insured_id)",
        "COUNT(DISTINCT h.doctor_id) FILTER (WHERE h.service_day >= d.as_of_day - 180 "
        "AND h.service_day < d.as_of_day - 90)",
        "MIN(h.total_amount) FILTER (WHERE {in}) + MAX(h.service_day)",
    )
    one = replace(base, name="many", window=45, atoms=atoms)
    assert not cells.split([one])[1]
    assert_cells(simulated_build, [one])


def moment(text: str) -> datetime:
    """Return a local moment in UTC."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    return local.astimezone(UTC)


def assert_cells(made, features) -> None:
    """Compare the atoms over cells with those over every claim at every date."""
    own = [f for f in features if not f.finish.startswith("peer:")]
    for name in ("target", "history"):
        run(made.con, f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM facts")
    plain = made.con.sql(queries.profile_sql(own, "institution"))
    cells.make_atoms(made.con, own, "institution")
    columns = ", ".join(f'"{name}"' for name in plain.columns)
    order = "ORDER BY as_of_day, institution_id"
    expected = made.con.sql(f"SELECT {columns} FROM plain {order}").fetchall()
    found = made.con.sql(f"SELECT {columns} FROM profile_atoms_institution {order}").fetchall()
    assert expected
    assert found == expected


def test_no_known_claim_is_no_cell(town):
    town.claim("2024-03-01")
    made = town.build("2024-04-01")
    assert made.profile_dates[-1] == date(2024, 4, 1)
    assert made.con.sql("SELECT count(*) FROM profile_doctor").fetchall() == [(0,)]
