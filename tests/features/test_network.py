"""Who is seen together: planted companions, crowds that are none, and what changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from scipy.sparse import csr_array

from claims.contracts import table
from claims.engine import open_engine, run
from features import queries
from features.catalogue import of
from features.clock import cut, day_number, local, month_starts
from features.network import meetings, ties
from features.network.communities import communities
from features.network.tables import make_network
from features.relations import make_relations

ZONE = "Asia/Shanghai"
NETWORK = ("insured", "institution", "doctor", "groups", "days")


def network(town, as_of: str = "2024-07-01", threads: int = 2, **given):
    """Return an engine with the network's tables, by month, as of a date."""
    con, last = open_engine(), date.fromisoformat(as_of)
    run(con, f"SET threads = {threads}")
    make_relations(con, town.store(), last)
    run(con, f"CREATE TEMP TABLE history AS {queries.facts_sql()}")
    ((first,),) = run(con, "SELECT min(known_us) FROM history")
    run(con, "CREATE TEMP TABLE cut_dates (as_of_day BIGINT, as_of_us BIGINT)")
    for day in month_starts(local(first, ZONE).date(), last):
        run(con, "INSERT INTO cut_dates VALUES (?, ?)", [day_number(day), cut(day, ZONE)])
    make_network(con, **given)
    return con


def rows(con, table: str, as_of: str = "2024-07-01"):
    """Return the rows of the last as-of date as dictionaries."""
    found = con.sql(f"SELECT * FROM network_{table} ORDER BY ALL").to_arrow_table().to_pylist()
    last = max((row["as_of_day"] for row in found), default=0)
    return [row for row in found if row["as_of_day"] == last]


def person(con, insured_id: str):
    return next(row for row in rows(con, "insured") if row["insured_id"] == insured_id)


def quiet_clinic(town, days: int = 120) -> None:
    """Give the clinic one visitor a day at noon, each another person, from 3 January on."""
    for number in range(days):
        day = np.datetime64("2024-01-03") + number
        town.claim(f"{day} 12:00", insured_id=f"w{number:03d}")


TRIO_DAYS = ("2024-02-06 09:10", "2024-03-14 16:40", "2024-04-19 11:05", "2024-05-27 14:20")


def trio(town, days=TRIO_DAYS, people=("a", "b", "c"), apart: int = 9) -> None:
    """Let people come together, each some minutes after the last."""
    for day in days:
        began = np.datetime64(day.replace(" ", "T"))
        for number, who in enumerate(people):
            moment = str(began + np.timedelta64(apart * number, "m")).replace("T", " ")
            town.claim(moment, insured_id=who)


def test_a_planted_trio_is_found(town):
    """By hand: 120 visits alone and 12 of the trio, 132 in all.

    Same-person pairs: 120 x 1 + 3 x 4^2 = 168, so ordered pairs of different persons are
    132^2 - 168 = 17,256. Meetings: 4 days x 3 pairs = 12; on 19 April the last two, 11:14 and
    11:23, and the first, 11:05, are more than 30 minutes from noon but 11:23 is 37 minutes away.
    Expected days of a pair: 4 x 4 x 2 x 12 / 17,256 = 0.022253; lift = 4 / that = 179.75.
    """
    quiet_clinic(town)
    trio(town)
    con = network(town)
    found = person(con, "b")
    assert found["insured_covisit_partners_180"] == 2
    assert found["insured_covisit_days_180"] == 4
    assert found["insured_covisit_lift_180"] == 4 / (16 * 24 / 17_256)
    assert found["insured_covisit_group_180"] == 3
    assert found["insured_covisit_share_180"] == 1
    assert found["insured_covisit_institutions_180"] == 1
    alone = person(con, "w005")
    assert alone["insured_covisit_partners_180"] == 0
    assert alone["insured_covisit_lift_180"] is None
    assert alone["insured_covisit_group_180"] == 1
    members = rows(con, "groups")
    assert [(row["group_id"], row["insured_id"], row["institution_id"]) for row in members] == [
        ("a", who, "o1") for who in "abc"
    ]
    assert {(row["shared_days"], row["partners"], row["group_size"]) for row in members} == {
        (4, 2, 3)
    }
    days = {(row["insured_id"], row["service_day"]) for row in rows(con, "days")}
    met = {day_number(date.fromisoformat(day[:10])) for day in TRIO_DAYS}
    assert days == {(who, day) for who in "abc" for day in met}


def test_three_days_make_a_tie_and_two_do_not(town):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:2])
    con = network(town)
    assert person(con, "a")["insured_covisit_partners_180"] == 0
    assert rows(con, "groups") == []
    trio(town, TRIO_DAYS[2:3])
    assert person(network(town), "a")["insured_covisit_partners_180"] == 2


@pytest.mark.parametrize(("apart", "partners"), [(30, 1), (31, 0)])
def test_half_an_hour_is_near(town, apart, partners):
    quiet_clinic(town)
    trio(town, people=("a", "b"), apart=apart)
    assert person(network(town), "a")["insured_covisit_partners_180"] == partners


def test_two_bills_of_one_visit_are_one_day(town):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:2], people=("a", "b"))
    trio(town, TRIO_DAYS[:2], people=("a", "b"), apart=3)
    assert person(network(town), "a")["insured_covisit_days_180"] == 0


def test_another_place_is_no_company(town):
    town.institution("o2")
    quiet_clinic(town)
    trio(town, people=("a",))
    for day in TRIO_DAYS:
        town.claim(day, insured_id="b", institution_id="o2")
    assert person(network(town), "a")["insured_covisit_partners_180"] == 0


def test_a_dialysis_shift_is_habit(town):
    """Ten people on Mondays, Wednesdays and Fridays at eight, for 20 weeks, in a busy hospital.

    By hand, of two of them (60 shared days): each visit of one meets all of the
    other's visits on that weekday but that day's: 60 x 19 = 1,140. The window from 3 January to
    1 July has 180 days: besides a week there are 180 / 7 - 1 others. Expected
    1,140 / (180 / 7 - 1) = 46.13; lift 60 / 46.13 = 1.30.
    """
    quiet_clinic(town)
    monday = np.datetime64("2024-01-08")
    for week in range(20):
        for weekday in (0, 2, 4):
            for number in range(10):
                day = monday + 7 * week + weekday
                town.claim(f"{day} 08:{number:02d}", insured_id=f"d{number}")
    con = network(town)
    found = person(con, "d3")
    assert found["insured_covisit_partners_180"] == 9
    assert found["insured_covisit_days_180"] == 60
    assert found["insured_covisit_lift_180"] == pytest.approx(60 / (1_140 / (180 / 7 - 1)))
    assert found["insured_covisit_group_180"] == 1
    assert rows(con, "groups") == []


def test_a_care_home_round_is_crowding(town):
    """Twelve residents on six mornings at their own clinic: lift by hand 6 / (36 x p).

    Meetings: within a morning residents come three minutes apart, all within 33 minutes: pairs at
    most ten places apart, 66 - 1 = 65; 6 x 65 = 390. Ordered pairs of different persons:
    72^2 - 12 x 36 = 4,752. Expected 36 x 780 / 4,752 = 5.909; lift 1.015.
    """
    for day in ("01-09", "02-14", "03-07", "04-19", "05-20", "06-11"):
        for number in range(12):
            town.claim(f"2024-{day} 08:{3 * number:02d}", insured_id=f"r{number:02d}")
    con = network(town)
    found = person(con, "r05")
    assert found["insured_covisit_partners_180"] == 11
    assert found["insured_covisit_lift_180"] == pytest.approx(6 / (36 * 780 / 4_752))
    assert found["insured_covisit_group_180"] == 1


def test_relatives_are_marked_by_village_employer_and_list(town):
    quiet_clinic(town)
    trio(town)
    for who in "abc":
        town.add("insured", insured_id=who, sex="F", village_id="v1" if who < "c" else "v2",
                 employer_id=None)  # fmt: skip
    town.add("whitelists", whitelist_id="1", reason="care_home", insured_id="a",
             valid_from=date(2024, 1, 1), known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="2", reason="other", insured_id="b",
             valid_from=date(2024, 1, 1), rule_id="BATCH_CARD_SWIPING",
             known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="3", reason="other", insured_id="c",
             valid_from=date(2024, 1, 1), known_at=datetime(2024, 8, 1, tzinfo=UTC))  # fmt: skip
    town.add("whitelists", whitelist_id="4", reason="other", insured_id="c",
             valid_from=date(2024, 1, 1), valid_to=date(2024, 6, 30),
             known_at=datetime(2024, 1, 1, tzinfo=UTC))  # fmt: skip
    found = person(network(town), "c")
    assert found["insured_covisit_village_180"] == 2 / 3
    assert found["insured_covisit_employer_180"] == 0
    assert found["insured_covisit_listed_180"] == 1 / 3


def everything(con):
    return {
        name: con.sql(f"SELECT * FROM network_{name} ORDER BY ALL").fetchall() for name in NETWORK
    }


def crowd(new_town, seed: int, claims: int = 260):
    """Return a town small enough that people meet often, with reversals and late arrivals."""
    rng = np.random.default_rng(seed)
    town = new_town()
    for number, kind in enumerate(("public_hospital", "private_hospital", "pharmacy")):
        town.institution(f"o{number}", kind)
    for number in range(8):
        town.add("insured", insured_id=f"p{number}", sex="M", village_id=f"v{number % 2}")
    for _ in range(claims):
        place = int(rng.integers(0, 3))
        day = np.datetime64("2024-01-05") + int(rng.integers(0, 26)) * 6
        late = int(rng.integers(0, 3)) * 20
        clock = f"{rng.integers(8, 10):02d}:{rng.integers(0, 60):02d}"
        claim = town.claim(
            f"{day} {clock}", known=f"{day + 1 + late} 00:00", insured_id=f"p{rng.integers(0, 8)}",
            institution_id=f"o{place}", claim_type="pharmacy" if place == 2 else "outpatient",
            doctor_id=None if place == 2 else f"d{rng.integers(0, 3)}",
        )  # fmt: skip
        if rng.random() < 0.15:
            town.reverse(claim, f"{day + 30 + late} 00:00")
    return town


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


def test_without_a_time_of_day_company_is_unknown(town):
    for day in ("02-06", "03-14", "04-19"):
        for who in "abc":
            town.claim(f"2024-{day}", insured_id=who)
    con = network(town)
    found = person(con, "a")
    assert {value for name, value in found.items() if "covisit" in name} == {None}
    place = rows(con, "institution")[0]
    assert place["org_covisit_patients_180"] is None
    assert place["org_patient_loyalty_180"] == 1


def test_persons_of_the_last_date_alone(town):
    quiet_clinic(town)
    trio(town)
    whole = everything(network(town))
    last = max(row[0] for row in whole["insured"])
    some = everything(network(town, insured_from=last))
    assert some["insured"] == [row for row in whole["insured"] if row[0] == last]
    assert some["institution"] == whole["institution"]


@pytest.mark.parametrize(("as_of", "days"), [("2024-08-04", 4), ("2024-08-05", 3)])
def test_the_window_is_180_days(town, as_of, days):
    """6 February 2024 is 180 days before 4 August."""
    quiet_clinic(town)
    trio(town)
    assert person(network(town, as_of), "a")["insured_covisit_days_180"] == days


@pytest.mark.parametrize(("microseconds", "days"), [(-1, 3), (0, 4)])
def test_a_reversal_counts_from_when_it_is_known(town, microseconds, days):
    """Seen from August: a meeting ends with the first as-of date after a reversal was known."""
    quiet_clinic(town)
    trio(town)
    midnight = datetime(2024, 6, 30, 16, tzinfo=UTC)
    town.rows["claims"][-1]["reversed_at"] = midnight + timedelta(microseconds=microseconds)
    con = network(town, "2024-08-01")
    july = "SELECT insured_covisit_days_180 FROM network_insured WHERE as_of_day = 19905"
    assert run(con, f"{july} AND insured_id = 'c'") == [(days,)]


@pytest.mark.parametrize(("microseconds", "days"), [(-1, 4), (0, 3)])
def test_a_visit_counts_once_known(town, microseconds, days):
    quiet_clinic(town)
    trio(town)
    midnight = datetime(2024, 6, 30, 16, tzinfo=UTC)
    town.rows["claims"][-1]["known_at"] = midnight + timedelta(microseconds=microseconds)
    town.claim("2024-06-01 08:00")
    assert person(network(town), "c")["insured_covisit_days_180"] == days


def test_a_later_bill_takes_over_when_the_first_is_reversed(town):
    """Two bills on one day: the first sets the moment, until it is known to be reversed."""
    quiet_clinic(town)
    trio(town, people=("a", "b"))
    first = town.claim("2024-02-06 07:00", insured_id="b")
    assert person(network(town, "2024-06-01"), "b")["insured_covisit_days_180"] == 3
    town.reverse(first, "2024-06-10 12:00")
    con = network(town)
    days = con.sql(
        "SELECT as_of_day, insured_covisit_days_180 FROM network_insured WHERE insured_id = 'b' "
        "AND as_of_day >= 19875 ORDER BY 1"
    ).fetchall()
    assert days == [(19_875, 3.0), (19_905, 4.0)]


def test_patients_shared_between_institutions(town):
    """Twelve of 20 patients of o1 also use o2, two use o3: by hand 12, 0.6 and one connection."""
    town.institution("o2")
    town.institution("o3")
    for number in range(20):
        town.claim(f"2024-05-{number + 1:02d} 10:00", insured_id=f"q{number:02d}", doctor_id="d1")
        if number < 12:
            town.claim(f"2024-06-{number + 1:02d} 10:00", insured_id=f"q{number:02d}",
                       institution_id="o2", doctor_id="d2")  # fmt: skip
        if number < 2:
            town.claim(f"2024-06-{number + 15:02d} 10:00", insured_id=f"q{number:02d}",
                       institution_id="o3", doctor_id="d3")  # fmt: skip
    town.claim("2024-05-25 10:00", insured_id="q00", doctor_id="d4")
    con = network(town)
    first, second, third = rows(con, "institution")
    assert first["org_shared_patients_180"] == 12
    assert first["org_shared_share_180"] == 0.6
    assert [place["org_connected_180"] for place in (first, second, third)] == [1, 1, 0]
    assert first["org_patient_concentration_180"] == (19 + 4) / 21**2
    assert first["org_patient_loyalty_180"] == 21 / (21 + 12 + 2)
    # d1 has 20 patients and d4 one: (400 + 1) / 21^2.
    assert first["org_doctor_concentration_180"] == 401 / 441
    doctors = {row["doctor_id"]: row for row in rows(con, "doctor")}
    assert doctors["d1"]["doc_shared_patients_180"] == 12
    assert doctors["d1"]["doc_shared_share_180"] == 0.6
    assert doctors["d4"]["doc_shared_share_180"] == 1


def test_a_group_of_one_doctor_and_one_pharmacy(town):
    """The trio's doctor: three of four patients; five of its 13 prescriptions go to pharmacy s1."""
    town.institution("s1", "pharmacy")
    town.institution("s2", "pharmacy")
    quiet_clinic(town)
    trio(town)
    for row in town.rows["claims"]:
        if row["insured_id"] in "abc":
            row["doctor_id"] = "d1"
    town.claim("2024-06-03 09:00", insured_id="w001", doctor_id="d1")
    for day, hour in zip(TRIO_DAYS, (10, 17, 12, 15), strict=True):
        town.claim(f"{day[:10]} {hour}:00", insured_id="a", institution_id="s1",
                   claim_type="pharmacy")  # fmt: skip
    town.claim("2024-06-04 08:59", insured_id="w001", institution_id="s1", claim_type="pharmacy")
    town.claim("2024-06-04 09:01", insured_id="w001", institution_id="s2", claim_type="pharmacy")
    town.claim("2024-02-06 18:00", insured_id="b", institution_id="s2", claim_type="pharmacy")
    town.claim("2024-02-06 18:30", insured_id="a", institution_id="s1", claim_type="pharmacy")
    found = rows(network(town), "doctor")[0]
    assert found["doc_group_share_180"] == 3 / 4
    assert found["doc_pharmacy_share_180"] == 5 / 13


def test_communities_of_institutions():
    """Two triangles joined by one light edge, in any numbering, are two communities."""
    weights = np.zeros((6, 6), dtype=np.int64)
    for a, b, weight in [(0, 1, 9), (1, 2, 8), (0, 2, 9), (3, 4, 9), (4, 5, 9), (3, 5, 8),
                         (2, 3, 1)]:  # fmt: skip
        weights[a, b] = weights[b, a] = weight
    assert communities(csr_array(weights)).tolist() == [0, 0, 0, 1, 1, 1]
    order = np.array([3, 0, 4, 1, 5, 2])
    assert communities(csr_array(weights[order][:, order])).tolist() == [0, 1, 0, 1, 0, 1]
    assert communities(csr_array((3, 3), dtype=np.int64)).tolist() == [0, 1, 2]


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


@pytest.mark.parametrize(("each", "group"), [(1, 2), (3, 1)])
def test_chance_pairs_of_a_big_place_are_no_group(town, each, group):
    """A strong lift alone is not enough where many pairs might show it.

    Two people of 20 days each share three; the other 120 visits belong to 120 people, or to 40 who
    come three times each. By hand: 160^2 - (120 + 2 x 20^2) = 24,680 ordered pairs, three meetings,
    expected 400 x 6 / 24,680 = 0.0972 days, chance 0.0972^3 / 3! = 0.00015 a pair, and the one pair
    of frequent visitors is strong. With 42 frequent visitors 160^2 - (40 x 9 + 800) = 24,440,
    expected 0.0982, and 861 x 0.0982^3 / 3! = 0.136 such pairs are expected: more than a twentieth.
    """
    for number in range(120):
        day = np.datetime64("2024-01-03") + number
        town.claim(f"{day} 12:00", insured_id=f"w{number // each:03d}")
    trio(town, TRIO_DAYS[:3], people=("a", "b"))
    for number in range(17):
        day = np.datetime64("2024-01-08") + 8 * number
        town.claim(f"{day} 18:00", insured_id="a")
        town.claim(f"{day} 20:00", insured_id="b")
    found = person(network(town), "a")
    assert found["insured_covisit_days_180"] == 3
    assert found["insured_covisit_lift_180"] >= 30
    assert found["insured_covisit_group_180"] == group


def test_a_village_morning_is_no_group(town):
    """Thirty villagers on the clinic's one morning a month, and two visitors on other days."""
    for day in ("01-17", "02-22", "03-13", "04-18", "05-14", "06-20"):
        for number in range(30):
            town.claim(f"2024-{day} 08:{number:02d}", insured_id=f"v{number:02d}")
    for number in range(60):
        town.claim(f"{np.datetime64('2024-01-20') + 2 * number} 15:00", insured_id=f"w{number}")
    con = network(town)
    assert person(con, "v10")["insured_covisit_partners_180"] == 29
    assert person(con, "v10")["insured_covisit_lift_180"] < 2
    assert rows(con, "groups") == []


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


@pytest.mark.parametrize(("people", "days", "hit"), [(3, 4, True), (2, 4, False), (3, 2, False)])
def test_the_rule_hits_groups_of_three_over_three_days(town, people, days, hit):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:days], ("a", "b", "c")[:people])
    found = town.judged("CO_VISIT_GROUP", "2024-07-01")
    assert found.hits == (dict.fromkeys(("a", "b", "c"), (2, 0)) if hit else {})
    if hit:
        assert all(len(found.evidence[who]) == days for who in found.hits)


@pytest.mark.parametrize("column", ["village_id", "employer_id"])
@pytest.mark.parametrize("shared", [2, 3])
def test_the_rule_leaves_a_village_or_a_firm_alone(town, column, shared):
    quiet_clinic(town)
    trio(town)
    for number, who in enumerate(("a", "b", "c")):
        town.add("insured", insured_id=who, sex="F", birth_date=date(1970, 1, 1),
                 **{column: "here" if number < shared else "there"})  # fmt: skip
    assert bool(town.judged("CO_VISIT_GROUP", "2024-07-01").hits) is (shared == 2)


def test_the_rule_leaves_people_on_the_list_alone(town):
    quiet_clinic(town)
    trio(town)
    town.add("whitelists", whitelist_id="w1", reason="care_home", insured_id="b",
             valid_from=date(2020, 1, 1), known_at=datetime(2020, 1, 1, tzinfo=UTC))  # fmt: skip
    assert not town.judged("CO_VISIT_GROUP", "2024-07-01").hits


def test_a_small_lift_is_no_group_however_certain(town):
    """Eight of eight days shared in a nearly empty clinic: 64 x 2 x 8 / 538 expected, lift 4.2."""
    quiet_clinic(town, 10)
    days = ("02-06 09:10", "02-15 16:40", "03-04 10:05", "03-20 14:20", "04-05 08:15",
            "04-23 17:30", "05-12 13:25", "06-01 15:35")  # fmt: skip
    trio(town, tuple(f"2024-{day}" for day in days), people=("a", "b"))
    found = person(network(town), "a")
    assert found["insured_covisit_lift_180"] == 8 / (64 * 16 / 538)
    assert found["insured_covisit_group_180"] == 1
