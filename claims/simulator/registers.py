"""The registers and reference lists that go with the claims.

Insured, places, doctors, deaths, and the rule lists.

In: the world and a generator. Out: CSV files. Identity numbers and telephone numbers cannot be
anybody's: the area code and the prefix are not assigned, and the check digit is not computed.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.simulator.arrays import DAY, HOUR, Bools, Ints, Texts
from claims.simulator.books import Books, from_to
from claims.simulator.house_files import terms
from claims.simulator.items import LEVELS
from claims.simulator.ledger import INPATIENT
from claims.simulator.nhsa_files import (
    code,
    date_of,
    look_up,
    moment,
    money,
    optional,
    person_codes,
    write,
)
from claims.simulator.people import NEVER
from claims.simulator.places import DISTRICTS
from claims.simulator.world import World

SURNAMES = tuple("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗")
GIVEN = tuple("伟芳娜敏静丽强磊军洋勇艳杰涛明超兰霞平刚桂英华玉萍红梅文建国")


def write_registers(folder: Path, books: Books, rng: np.random.Generator) -> dict[str, int]:
    """Write all registers and lists; returns their numbers of rows."""
    world = books.world
    files = {
        "psn_info.csv": _people(world, rng),
        "fixmedins_info.csv": _places(world),
        "dr_info.csv": _doctors(books, rng),
        "death_info.csv": _deaths(world, rng),
        "ref_price_cap.csv": _price_caps(world),
        "ref_sex_limit.csv": _list_of(world, world.items.sex > 0, "gend", world.items.sex),
        "ref_daily_max.csv": _list_of(
            world, world.items.maximum > 0, "max_cnt", world.items.maximum
        ),
        "ref_mild_diag.csv": _mild_diagnoses(world),
        "ref_drug_class.csv": _drug_classes(world),
    }
    return {name: write(folder / name, columns) for name, columns in files.items()}


def _names(rng: np.random.Generator, number: int) -> list[str]:
    surname = rng.choice(SURNAMES, number).tolist()
    first = rng.choice(GIVEN, number).tolist()
    second = np.where(rng.random(number) < 0.7, rng.choice(GIVEN, number), "").tolist()
    return [a + b + c for a, b, c in zip(surname, first, second, strict=True)]


def _people(world: World, rng: np.random.Generator) -> dict[str, pa.Array]:
    people = world.people
    number = len(people.sex)
    kind = np.where(people.employee, 310, 390)
    young = people.birth > -18 * 365
    return {
        "psn_no": pa.array(person_codes(number)),
        "psn_name": pa.array(_names(rng, number)),
        "certno": _identity_numbers(world),
        "tel": code(
            "1000", rng.permutation(10**6)[:number] if number <= 10**6 else np.arange(number), 7
        ),
        "gend": pa.array(people.sex),
        "brdy": date_of(world, people.birth),
        "insutype": pa.array(kind),
        "emp_no": _present(code("E", people.employer + 1, 5), people.employer >= 0),
        "vlg_code": code("V", people.village + 1, 4),
        "chronic_flag": pa.array((people.chronic >= 0).astype(np.int64)),
        "psn_type": pa.array(np.where(people.employee, 11, np.where(young, 14, 15))),
        "insuplc_admdvs": look_up(list(DISTRICTS), people.district),
        "med_asst_flag": pa.array(people.poor.astype(np.int64)),
    }


def _present(values: pa.Array, present: Bools) -> pa.Array:
    return pc.if_else(pa.array(present), values, pa.scalar(None, type=pa.string()))


def _identity_numbers(world: World) -> pa.Array:
    """Area, birthday, a running number whose last digit tells the sex, and a last digit.

    18 digits, all different.
    """
    people = world.people
    key = people.district * 10**7 + people.birth + 10**6
    order = np.lexsort((np.arange(len(key)), people.sex, key))
    first = np.searchsorted(key[order], key[order])
    running = np.empty(len(key), dtype=np.int64)
    running[order] = np.arange(len(key)) - first
    odd = (people.sex == 1).astype(np.int64)
    tail = running * 20 + odd * 10 + (people.birth + running) % 10
    birthday: Texts = np.char.replace(_iso(world, people.birth), "-", "")
    area = np.asarray(DISTRICTS)[people.district]
    parts = [pa.array(area.tolist()), pa.array(birthday.tolist())]
    padded = pc.utf8_lpad(pa.array(tail % 10_000).cast(pa.string()), 4, "0")
    return pc.binary_join_element_wise(*parts, padded, "")


def _iso(world: World, day: Ints) -> Texts:
    return np.datetime_as_string(np.datetime64(world.calendar.start, "D") + day)


def _places(world: World) -> dict[str, pa.Array]:
    places = world.places
    ownership = ["private" if private else "public" for private in places.private]
    return {
        "fixmedins_code": pa.array(places.codes),
        "fixmedins_name": pa.array(places.names),
        "fixmedins_type": pa.array(np.where(places.is_pharmacy, 2, 1)),
        "hosp_lv": pa.array(places.level),
        "medins_type": pa.array(places.medins_type),
        "ownership": pa.array(ownership),
        "admdvs": look_up(list(DISTRICTS), places.district),
        "bed_cnt": pa.array(places.beds),
    }


def _doctors(books: Books, rng: np.random.Generator) -> dict[str, pa.Array]:
    """With the days on the register; a doctor is insured like anybody who works."""
    world, doctors = books.world, books.world.doctors
    own = _own_cards(books, rng)
    return {
        "dr_codg": pa.array(doctors.codes[: doctors.number]),
        "dr_name": pa.array(_names(rng, doctors.number)),
        "fixmedins_code": look_up(world.places.codes, doctors.place[: doctors.number]),
        "caty": pa.array(doctors.specialty[: doctors.number]),
        "psn_no": look_up(person_codes(len(world.people.sex)), own),
        **from_to(world, *terms(books), NEVER),
    }


def _own_cards(books: Books, rng: np.random.Generator) -> Ints:
    """Who each doctor is among the insured.

    Somebody who works, survives the period and lies in no hospital: posts know nothing of deaths
    and stays, and nobody bills from a grave or a bed. Whoever was drawn and is not fit is replaced
    by the next who is, so that the others stay who they were.
    """
    people, claims = books.world.people, books.ledger.claims
    working = np.flatnonzero(people.employee)
    own = rng.choice(working if len(working) else np.arange(1), books.world.doctors.number)
    alive = people.death == NEVER
    well = alive.copy()
    well[claims.person[claims.kind == INPATIENT]] = False
    for fit in (well & people.employee, alive & people.employee):
        able = np.flatnonzero(fit)
        if len(able):
            return able[np.searchsorted(able, own) % len(able)]
    return own


def _deaths(world: World, rng: np.random.Generator) -> dict[str, pa.Array]:
    """The fund learns of a death ten to sixty days later."""
    death = world.people.death
    dead = np.flatnonzero(death < NEVER)
    dead = dead[np.lexsort((dead, death[dead]))]
    told = death[dead] * DAY + rng.integers(10 * DAY, 60 * DAY, len(dead)) // DAY * DAY
    told = told + rng.integers(9 * HOUR, 17 * HOUR, len(dead))
    return {
        "psn_no": look_up(person_codes(len(death)), dead),
        "die_date": date_of(world, death[dead]),
        "rpt_time": moment(world, told),
    }


def _valid(world: World, rows: int) -> dict[str, pa.Array]:
    """A list that is in force the whole time: from the year before the start, without an end."""
    begin = world.calendar.start - timedelta(days=365)
    return {
        "begndate": pa.array([begin] * rows, type=pa.date32()),
        "enddate": pa.array([None] * rows, type=pa.date32()),
    }


def _list_of(world: World, wanted: Bools, column: str, values: Ints) -> dict[str, pa.Array]:
    rows = np.flatnonzero(wanted)
    listed = {"med_list_codg": look_up(world.items.codes, rows), column: pa.array(values[rows])}
    return listed | _valid(world, len(rows))


def _mild_diagnoses(world: World) -> dict[str, pa.Array]:
    rows = np.flatnonzero(world.diagnoses.mild)
    return {"diag_code": look_up(world.diagnoses.codes, rows)} | _valid(world, len(rows))


def _drug_classes(world: World) -> dict[str, pa.Array]:
    rows = np.flatnonzero(world.items.is_drug)
    return {
        "med_list_codg": look_up(world.items.codes, rows),
        "drug_class": look_up(world.items.drug_class, rows),
        "chronic_flag": pa.array(world.items.chronic[rows].astype(np.int64)),
    } | _valid(world, len(rows))


def _price_caps(world: World) -> dict[str, pa.Array]:
    """One row per item, level and validity.

    Drugs have one cap for all levels, tests a lower one after the reform.
    """
    items = world.items
    before = world.calendar.start - timedelta(days=365)
    rows: list[tuple[int, int, int, object, object]] = []
    for item in range(len(items.codes)):
        for level in (0,) if items.is_drug[item] else LEVELS:
            after = items.tender_day if items.is_tendered[item] else items.reform_day
            reform = world.calendar.start + timedelta(days=after)
            day = np.asarray([0, after])
            asked = np.full(2, item, dtype=np.int64)
            cap = items.cap(asked, np.full(2, level or 2, dtype=np.int64), day)
            if cap[0] == cap[1]:
                rows.append((item, level, int(cap[0]), before, None))
            else:
                rows.append((item, level, int(cap[0]), before, reform - timedelta(days=1)))
                rows.append((item, level, int(cap[1]), reform, None))
    item_of, level_of, caps, begins, ends = zip(*rows, strict=True)
    levels = np.asarray(level_of, dtype=np.int64)
    return {
        "med_list_codg": look_up(items.codes, np.asarray(item_of, dtype=np.int64)),
        "hosp_lv": optional(levels, levels > 0),
        "max_pric": money(np.asarray(caps, dtype=np.int64)),
        "begndate": pa.array(begins, type=pa.date32()),
        "enddate": pa.array(ends, type=pa.date32()),
    }
