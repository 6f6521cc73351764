"""What changes nothing in the network: order, threads, blocks, the future; and plain counts."""

from __future__ import annotations

import numpy as np
import pytest

from claims.contracts import table
from claims.engine import open_engine, run
from features.catalogue import of
from features.network import meetings, ties
from features.network.tables import make_network
from tests.features.companions import NETWORK, crowd, everything, network, quiet_clinic, rows, trio


@pytest.mark.parametrize("seed", range(3))
def test_row_order_and_threads_change_nothing(new_town, seed):
    town = crowd(new_town, seed)
    before = everything(network(town))
    assert before["groups"] or before["insured"]
    rng = np.random.default_rng(seed)
    for name, found in town.rows.items():
        town.rows[name] = [found[n] for n in rng.permutation(len(found))]
    assert everything(network(town, threads=1)) == before


@pytest.mark.parametrize("seed", range(4))
def test_the_future_changes_nothing(new_town, seed):
    """What a later as-of date says of 1 April is what was said on 1 April."""
    town = crowd(new_town, seed)
    then = everything(network(town, "2024-04-01"))
    later = everything(network(town, "2024-07-01"))
    day = (np.datetime64("2024-04-01") - np.datetime64("1970-01-01")).astype(int)
    for name in NETWORK:
        assert then[name] == [row for row in later[name] if row[0] <= day]
        assert name in ("groups", "days") or any(row[0] == day for row in then[name])


def test_nobody_and_no_date():
    """Without claims there are tables with all columns and no row; without a date, a sentence."""
    con = open_engine()
    for name in ("insured", "whitelists"):
        con.register(name, table(name).schema.empty_table())
    run(con, "CREATE TABLE cut_dates (as_of_day BIGINT, as_of_us BIGINT)")
    run(
        con,
        """CREATE TABLE history (claim_id TEXT, insured_id TEXT, institution_id TEXT,
        doctor_id TEXT, claim_type TEXT, inpatient BIGINT, service_us BIGINT, service_day BIGINT,
        service_hour BIGINT, known_us BIGINT, reversed_us BIGINT, drug_amount BIGINT)""",
    )
    with pytest.raises(ValueError, match="No as-of date on or after day 0"):
        make_network(con)
    run(con, "INSERT INTO cut_dates VALUES (19900, 1719360000000000)")
    with pytest.raises(ValueError, match="19901"):
        make_network(con, insured_from=19_901)
    make_network(con)
    for name in NETWORK:
        assert run(con, f"SELECT count(*) FROM network_{name}") == [(0,)]
    assert len(run(con, "DESCRIBE network_insured")) == 11


def test_one_person_with_one_visit(town):
    """Nobody to meet and nowhere else to go: every value is defined, or unknown for a reason."""
    town.claim("2024-06-01 10:00", doctor_id="d1")
    con = network(town)
    day = 19_905  # 1 July 2024
    assert con.sql("SELECT * FROM network_insured WHERE as_of_day = 19905").fetchall() == [
        (day, "p1", 0.0, 0.0, None, 1.0, 0.0, 0.0, None, None, None)
    ]
    assert con.sql("SELECT * FROM network_institution WHERE as_of_day = 19905").fetchall() == [
        (day, "o1", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
    ]
    assert con.sql("SELECT * FROM network_doctor WHERE as_of_day = 19905").fetchall() == [
        (day, "d1", 0.0, 0.0, 0.0, 0.0)
    ]
    assert rows(con, "groups") == []


def test_persons_of_the_last_date_alone(town):
    quiet_clinic(town)
    trio(town)
    whole = everything(network(town))
    last = max(row[0] for row in whole["insured"])
    some = everything(network(town, insured_from=last))
    assert some["insured"] == [row for row in whole["insured"] if row[0] == last]
    assert some["institution"] == whole["institution"]


@pytest.mark.parametrize("block", [1, 7, 100])
def test_the_size_of_blocks_changes_nothing(new_town, monkeypatch, block):
    town = crowd(new_town, 1, claims=150)
    before = everything(network(town))
    monkeypatch.setattr(meetings, "BLOCK", block)
    monkeypatch.setattr(ties, "BLOCK", block)
    assert everything(network(town)) == before


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_against_a_plain_count(new_town, seed):
    """Partners and days by comparing every pair of claims, as of the last date."""
    town = crowd(new_town, seed)
    con = network(town)
    day, us = run(con, "SELECT max(as_of_day), max(as_of_us) FROM cut_dates")[0]
    plain = f"""WITH live AS (SELECT insured_id AS p, institution_id AS o, service_day AS d,
      min(service_us) AS us FROM history WHERE known_us < {us} AND service_day < {day}
      AND service_day >= {day} - 180 AND (reversed_us IS NULL OR reversed_us >= {us})
      AND service_hour IS NOT NULL GROUP BY ALL),
    tied AS (SELECT a.p, b.p AS other, a.o, count(DISTINCT a.d) AS days FROM live a JOIN live b
      ON a.o = b.o AND a.d = b.d AND a.p <> b.p AND abs(a.us - b.us) <= 1800000000
      GROUP BY ALL HAVING days >= 3)
    SELECT p, count(DISTINCT other), max(days) FROM tied GROUP BY p ORDER BY p"""
    found = run(
        con,
        f"""SELECT insured_id, insured_covisit_partners_180, insured_covisit_days_180
        FROM network_insured WHERE as_of_day = {day} AND insured_covisit_partners_180 > 0
        ORDER BY 1""",
    )
    assert found
    assert found == run(con, plain)


def test_every_column_is_defined(town):
    """The definitions name the columns of the tables, in their order, and no other."""
    town.claim("2024-06-01 10:00", doctor_id="d1")
    con = network(town)
    for entity in ("insured", "institution", "doctor"):
        columns = [name for name, *_ in run(con, f"DESCRIBE network_{entity}")]
        named = [feature.name for feature in of(f"network_{entity}")]
        assert columns == ["as_of_day", f"{entity}_id", *named]


def test_near_is_the_same_place_and_day():
    """Rows sorted by place, day and moment: the end of those near each."""
    place, day = np.array([0, 0, 1, 1, 1]), np.array([5, 6, 6, 6, 7])
    us = np.array([0, 1, 2, 3, 4])
    assert meetings.near_ends(place, day, us).tolist() == [1, 2, 4, 4, 5]
