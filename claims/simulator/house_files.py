"""What the fund knows of the houses: doctors, licences, beds, equipment, hours, ways between them.

In: the books and a generator. Out: dr_prac, dr_absn, lic_list, bed_list, eqp_list, medins_hour and
dist_list.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import HOUR, MINUTE, Ints, ints
from claims.simulator.books import Books, Columns, Files, from_to, long_valid
from claims.simulator.nhsa_files import code, look_up
from claims.simulator.people import NEVER
from claims.simulator.places import DISTRICTS

LICENSED_BEFORE = 1500
WAY_PER_METRE = 1.3
METRES_A_MINUTE = 600


def house_files(books: Books, rng: np.random.Generator) -> Files:
    """All of them."""
    return {
        "dr_prac.csv": _practices(books),
        "dr_absn.csv": _absences(books),
        "lic_list.csv": _licences(books),
        "bed_list.csv": _beds(books),
        "eqp_list.csv": _equipment(books),
        "medins_hour.csv": _hours(books),
        "dist_list.csv": _distances(books, rng),
    }


def terms(books: Books) -> tuple[Ints, Ints]:
    """First and last day of each doctor on the register."""
    doctors = books.world.doctors
    begun, left = doctors.begun[: doctors.number], doctors.left[: doctors.number]
    return np.where(begun < 0, -LICENSED_BEFORE, begun), np.where(left < NEVER, left - 1, NEVER)


def _practices(books: Books) -> Columns:
    doctors, world = books.world.doctors, books.world
    n = doctors.number
    return {
        "dr_codg": pa.array(doctors.codes[:n]),
        "fixmedins_code": look_up(world.places.codes, doctors.place[:n]),
        "caty": pa.array(doctors.specialty[:n]),
        "main_prac_flag": pa.array(np.ones(n, dtype=np.int64)),
        **from_to(world, *terms(books), NEVER),
    }


def _absences(books: Books) -> Columns:
    """Leave, and those who left for good."""
    doctors = books.world.doctors
    away = np.flatnonzero(doctors.away_from[: doctors.number] < NEVER)
    gone = np.flatnonzero(doctors.left[: doctors.number] < NEVER)
    who = np.concatenate([away, gone])
    first = np.concatenate([doctors.away_from[away], doctors.left[gone]])
    last = np.concatenate([doctors.away_to[away], np.full(len(gone), NEVER, dtype=np.int64)])
    kind = np.concatenate([np.full(len(away), 1), np.full(len(gone), 6)]).astype(np.int64)
    return {
        "dr_codg": look_up(doctors.codes, who),
        "absn_type": pa.array(kind),
        **from_to(books.world, first, last, NEVER),
    }


def _licences(books: Books) -> Columns:
    """A licence (of practice, or of trade in drugs) and a contract with the fund for each house."""
    places = books.world.places
    n = len(places.codes)
    house = np.repeat(np.arange(n, dtype=np.int64), 2)
    contract = np.tile([0, 1], n)
    kind = np.where(contract == 1, 2, np.where(places.is_pharmacy[house], 3, 1))
    scope = ["药品零售" if shop else "诊疗" for shop in places.is_pharmacy]
    begun = -LICENSED_BEFORE + house % 90
    return {
        "lic_no": code("L", np.arange(1, 2 * n + 1, dtype=np.int64), 6),
        "fixmedins_code": look_up(places.codes, house),
        "lic_type": pa.array(kind),
        "biz_scp": look_up(scope, house),
        "lic_stas": pa.array(np.ones(2 * n, dtype=np.int64)),
        **from_to(books.world, begun, np.full(2 * n, NEVER, dtype=np.int64), NEVER),
    }


def _beds(books: Books) -> Columns:
    places = books.world.places
    house = np.flatnonzero(places.has_beds)
    beds = pa.array(places.beds[house])
    return {
        "fixmedins_code": look_up(places.codes, house),
        "dept_codg": pa.array(["all"] * len(house)),
        "aprv_bed_cnt": beds,
        "opn_bed_cnt": beds,
        **long_valid(books.world, len(house)),
    }


def _equipment(books: Books) -> Columns:
    """CT, ultrasound and theatres from level 2 on, X-ray aside; dialysis where it is done."""
    places, people = books.world.places, books.world.people
    rows: list[tuple[int, int, int, int]] = []
    patients = int(people.dialysis.sum())
    for house in np.flatnonzero(places.has_beds).tolist():
        large = int(places.level[house]) in (2, 3)
        if large:
            rows += [(house, 2, int(places.level[house]) - 1, 60), (house, 5, 2, 6)]
        rows.append((house, 4, 1 + large, 70))
        if house == places.dialysis or int(places.level[house]) == 3:
            rows.append((house, 1, 4 + patients // 3, 3))
    table = ints([value for row in rows for value in row]).reshape(-1, 4)
    return {
        "fixmedins_code": look_up(places.codes, table[:, 0]),
        "eqp_type": pa.array(table[:, 1]),
        "eqp_cnt": pa.array(table[:, 2]),
        "day_capc": pa.array(table[:, 3]),
        **long_valid(books.world, len(table)),
    }


def _hours(books: Books) -> Columns:
    """The same hours on all days of the week and on holidays."""
    places = books.world.places
    house = np.repeat(np.arange(len(places.codes), dtype=np.int64), 8)
    return {
        "fixmedins_code": look_up(places.codes, house),
        "wkdy": pa.array(np.tile(np.arange(1, 9, dtype=np.int64), len(places.codes))),
        "begn_hhmm": look_up([_clock(one) for one in places.opens.tolist()], house),
        "end_hhmm": look_up([_clock(one) for one in places.closes.tolist()], house),
        "er_flag": pa.array(places.has_beds[house].astype(np.int64)),
        **long_valid(books.world, len(house)),
    }


def _clock(second: int) -> str:
    return f"{second // HOUR:02d}:{second % HOUR // MINUTE:02d}"


def _distances(books: Books, rng: np.random.Generator) -> Columns:
    """Each house lies somewhere in its district; the districts lie around the first."""
    places = books.world.places
    n = len(places.codes)
    angle = 2 * np.pi * places.district / max(1, len(DISTRICTS) - 1)
    away = np.where(places.district == 0, 0.0, 18_000.0)
    x = away * np.cos(angle) + rng.normal(0, 2500, n)
    y = away * np.sin(angle) + rng.normal(0, 2500, n)
    one, other = np.nonzero(~np.eye(n, dtype=bool))
    straight = np.hypot(x[one] - x[other], y[one] - y[other])
    metres = (WAY_PER_METRE * straight).astype(np.int64) + 50
    return {
        "fixmedins_code": look_up(places.codes, one),
        "oth_fixmedins_code": look_up(places.codes, other),
        "dist_mtr": pa.array(metres),
        "trvl_min": pa.array(metres // METRES_A_MINUTE + 3),
    }
