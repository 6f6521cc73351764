"""Towns whose people meet, planted or at random, and the network's tables of them."""

from __future__ import annotations

from datetime import date

import numpy as np

from claims.engine import open_engine, run
from features import queries
from features.clock import cut, day_number, local, month_starts
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
