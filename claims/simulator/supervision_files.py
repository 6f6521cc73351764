"""Who inspects, who must stand aside, and who has a lawful reason for an unusual pattern.

In: the books and a generator. Out: inspector_info, insp_conf and wht_list. The codes of the
inspectors are those of `inspectors.py`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import Bools, Ints
from claims.simulator.books import Books, Columns, Files, long_valid
from claims.simulator.inspectors import MEMBERS, TEAMS
from claims.simulator.nhsa_files import code, look_up, person_codes
from claims.simulator.places import DISTRICTS

LISTED_SHARE = 0.92
CONFLICTS_PER_INSPECTOR = 0.15


def supervision_files(books: Books, rng: np.random.Generator) -> Files:
    """All three."""
    return {
        "inspector_info.csv": _inspectors(books, rng),
        "insp_conf.csv": _conflicts(books, rng),
        "wht_list.csv": _whitelist(books, rng),
    }


def inspector_codes() -> list[str]:
    """A01 to H12."""
    return [f"{team}{member + 1:02d}" for team in TEAMS for member in range(MEMBERS)]


def _inspectors(books: Books, rng: np.random.Generator) -> Columns:
    codes = inspector_codes()
    n = len(codes)
    people = books.world.people
    insured = rng.choice(np.flatnonzero(people.birth < -25 * 365), size=n, replace=True)
    return {
        "insp_no": pa.array(codes),
        "insp_dept": pa.array([f"T{code_[0]}" for code_ in codes]),
        "insp_prfs": pa.array(rng.integers(1, 7, n)),
        "admdvs": look_up(list(DISTRICTS), rng.integers(0, len(DISTRICTS), n)),
        "lead_flag": pa.array((np.arange(n) % MEMBERS < 3).astype(np.int64)),
        "psn_no": look_up(person_codes(len(people.sex)), insured),
        **long_valid(books.world, n),
    }


def _conflicts(books: Books, rng: np.random.Generator) -> Columns:
    """Mostly with an institution, some with a doctor."""
    codes, world = inspector_codes(), books.world
    n = max(2, int(len(codes) * CONFLICTS_PER_INSPECTOR))
    house = rng.random(n) < 0.7
    place = np.where(house, rng.integers(0, len(world.places.codes), n), -1)
    doctor = np.where(house, -1, rng.integers(0, world.doctors.number, n))
    return {
        "conf_id": code("C", np.arange(1, n + 1, dtype=np.int64), 4),
        "insp_no": look_up(codes, rng.integers(0, len(codes), n)),
        "conf_type": pa.array(rng.choice([1, 1, 2, 3, 9], n)),
        "fixmedins_code": look_up(world.places.codes, place),
        "dr_codg": look_up(world.doctors.codes, doctor),
        **long_valid(world, n),
    }


def _whitelist(books: Books, rng: np.random.Generator) -> Columns:
    """Dialysis, chemotherapy and the care home; a few who belong on it are missing."""
    people, world = books.world.people, books.world
    kinds = ((1, people.dialysis), (2, people.chemotherapy), (7, people.care_home))
    rows = [(reason, person) for reason, marked in kinds for person in _most(rng, marked).tolist()]
    reason = np.asarray([row[0] for row in rows], dtype=np.int64)
    person = np.asarray([row[1] for row in rows], dtype=np.int64)
    home = np.where(reason == 7, world.places.care_home, -1)
    return {
        "wht_id": code("W", np.arange(1, len(rows) + 1, dtype=np.int64), 6),
        "wht_type": pa.array(reason),
        "psn_no": look_up(person_codes(len(people.sex)), person),
        "fixmedins_code": look_up(world.places.codes, home),
        **long_valid(world, len(rows)),
    }


def _most(rng: np.random.Generator, marked: Bools) -> Ints:
    found = np.flatnonzero(marked).astype(np.int64)
    return found[rng.random(len(found)) < LISTED_SHARE]
