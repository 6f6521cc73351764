"""The reference lists that rules need, beside those of `registers.py`.

In: the world. Out: the item catalogue, limits by age, sex, frequency, indication and place, pairs
that exclude each other, discounts, minutes, payment groups, policy amounts and holidays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import Ints, ints
from claims.simulator.books import Columns, Files, long_valid
from claims.simulator.calendar import FESTIVALS
from claims.simulator.diagnoses import GROUPS
from claims.simulator.drg import CODES, standard, weights
from claims.simulator.items import LEVELS
from claims.simulator.limits import (
    AGE_LIMITED_DIAGNOSES,
    AGE_LIMITS,
    CONTROLLED,
    EXCLUSIVE_PAIRS,
    INDICATIONS,
    RESOLD,
    SECOND_PERMILLE,
    SERVICE_MINUTES,
)
from claims.simulator.money_files import CEILING, FLOOR
from claims.simulator.nhsa_files import look_up, money
from claims.simulator.settlement import DEDUCTIBLE
from claims.simulator.world import World

DEAR = 100_00
PRESCRIPTION_CAP, ANNUAL_CAP = 100_00, 150_000_00


def ref_files(world: World) -> Files:
    """All lists by file name."""
    return {
        "ref_item.csv": _catalogue(world),
        "ref_age_limit.csv": _ages(world),
        "ref_sex_code.csv": _sexes(world),
        "ref_excl_pair.csv": _pairs(world),
        "ref_freq_limit.csv": _frequencies(world),
        "ref_indication.csv": _indications(world),
        "ref_pay_limit.csv": _places(world),
        "ref_oprn_disc.csv": _discounts(world),
        "ref_srv_min.csv": _minutes(world),
        "ref_drg.csv": _groups(world),
        "ref_policy.csv": _policy(world),
        "ref_holiday.csv": _holidays(world),
    }


def _valid(world: World, columns: Columns) -> Columns:
    rows = len(next(iter(columns.values())))
    return columns | long_valid(world, rows)


def _codes(world: World, names: Sequence[str]) -> pa.Array:
    return look_up(world.items.codes, world.items.numbers(*names))


def _flags(world: World, names: Sequence[str]) -> pa.Array:
    return pa.array([int(name in names) for name in world.items.names])


def pay_class(world: World) -> Ints:
    """1 (paid in full) or 2 (the patient pays a share first) of each item."""
    own = world.items.base >= DEAR
    return np.where(own & world.items.of_kind("drug", "consumable"), 2, 1)


def _catalogue(world: World) -> Columns:
    items = world.items
    listed = np.where(items.is_drug, 101, np.where(items.of_kind("consumable"), 301, 201))
    second = pay_class(world) == 2
    return _valid(
        world,
        {
            "med_list_codg": pa.array(items.codes),
            "hilist_name": pa.array(items.names),
            "med_chrgitm_type": pa.array(items.national_classes()),
            "list_type": pa.array(listed),
            "chrgitm_lv": pa.array(np.where(second, "02", "01")),
            "selfpay_prop": pa.array(np.where(second, "0.100", "0.000")),
            "rsal_flag": _flags(world, RESOLD),
            "psyc_flag": _flags(world, CONTROLLED),
        },
    )


def _ages(world: World) -> Columns:
    rows = [(1, code, limits) for code, limits in AGE_LIMITS.items()]
    rows += [(2, code, limits) for code, limits in AGE_LIMITED_DIAGNOSES.items()]
    known = dict(zip(world.items.names, world.items.codes, strict=True))
    return _valid(
        world,
        {
            "code_type": pa.array([kind for kind, _, _ in rows]),
            "lmt_codg": pa.array([known.get(code, code) for _, code, _ in rows]),
            "age_unit": pa.array([1] * len(rows)),
            "min_age": pa.array([limits[0] for _, _, limits in rows], type=pa.int64()),
            "max_age": pa.array([limits[1] for _, _, limits in rows], type=pa.int64()),
        },
    )


def _sexes(world: World) -> Columns:
    rows = np.flatnonzero(world.diagnoses.sex > 0)
    return _valid(
        world,
        {
            "code_type": pa.array([2] * len(rows)),
            "lmt_codg": look_up(world.diagnoses.codes, rows),
            "gend": pa.array(world.diagnoses.sex[rows]),
        },
    )


def _pairs(world: World) -> Columns:
    return _valid(
        world,
        {
            "med_list_codg": _codes(world, [whole for whole, _ in EXCLUSIVE_PAIRS]),
            "excl_list_codg": _codes(world, [part for _, part in EXCLUSIVE_PAIRS]),
            "excl_scp": pa.array([1] * len(EXCLUSIVE_PAIRS)),
            "excp_flag": pa.array([0] * len(EXCLUSIVE_PAIRS)),
        },
    )


def _frequencies(world: World) -> Columns:
    """The daily maxima once more, in the form of the national list."""
    rows = np.flatnonzero(world.items.maximum > 0)
    return _valid(
        world,
        {
            "med_list_codg": look_up(world.items.codes, rows),
            "cyc_type": pa.array([1] * len(rows)),
            "max_cnt": pa.array(world.items.maximum[rows]),
        },
    )


def _indications(world: World) -> Columns:
    rows = [
        (name, code)
        for name, groups in INDICATIONS.items()
        for code, group in zip(world.diagnoses.codes, world.diagnoses.group, strict=True)
        if GROUPS[group] in groups
    ]
    return _valid(
        world,
        {
            "med_list_codg": _codes(world, [name for name, _ in rows]),
            "diag_code": pa.array([code for _, code in rows]),
        },
    )


def _places(world: World) -> Columns:
    """Some items are paid in hospital beds only."""
    names = ("住院诊查费", "普通病房床位费", "二人间床位费", "监护病房床位费", "特级护理")
    return _valid(
        world,
        {
            "med_list_codg": _codes(world, names),
            "lmt_type": pa.array([3] * len(names)),
            "lmt_val": pa.array(["inpatient"] * len(names)),
        },
    )


def _discounts(world: World) -> Columns:
    return _valid(
        world,
        {
            "med_list_codg": pa.array(["all"]),
            "oprn_oprt_sn": pa.array([2]),
            "disc_prop": pa.array([f"{SECOND_PERMILLE / 1000:.3f}"]),
        },
    )


def _minutes(world: World) -> Columns:
    return _valid(
        world,
        {
            "med_list_codg": _codes(world, list(SERVICE_MINUTES)),
            "srv_min": pa.array(list(SERVICE_MINUTES.values())),
        },
    )


def _groups(world: World) -> Columns:
    code = np.repeat(np.arange(len(CODES), dtype=np.int64), 3)
    level = np.tile(ints([1, 2, 3]), len(CODES))
    nights, group = world.diagnoses.stay_days, world.diagnoses.group
    mean = np.asarray([nights[group == row].mean() for row in range(len(GROUPS))])
    days = np.repeat(mean, 3)[code]
    return _valid(
        world,
        {
            "drg_code": look_up(CODES, code),
            "hosp_lv": pa.array(level),
            "drg_wt": pa.array([f"{one:.4f}" for one in weights(world)[code]]),
            "pay_std": money(standard(world, code, level)),
            "avg_ipt_days": pa.array([f"{one:.3f}" for one in days]),
        },
    )


def _policy(world: World) -> Columns:
    """Deductibles by level; caps and the bounds of the contribution base for all levels."""
    rows: list[tuple[int, int, int | None, int]] = []
    for scheme in (310, 390):
        rows += [(scheme, 1, level, DEDUCTIBLE[level]) for level in LEVELS]
        rows += [(scheme, 2, None, ANNUAL_CAP), (scheme, 4, None, PRESCRIPTION_CAP)]
    rows += [(310, 5, None, FLOOR), (310, 6, None, CEILING)]
    return _valid(
        world,
        {
            "insutype": pa.array([row[0] for row in rows]),
            "plc_type": pa.array([row[1] for row in rows]),
            "hosp_lv": pa.array([row[2] for row in rows], type=pa.int64()),
            "plc_amt": money(ints([row[3] for row in rows])),
        },
    )


def _holidays(world: World) -> Columns:
    """The weeks of the lunar new year and of the first of October."""
    last = world.calendar.start + timedelta(days=world.calendar.days)
    years = range(world.calendar.start.year, last.year + 1)
    first = [one for one in FESTIVALS if one.year in years]
    first = sorted(first + [date(year, 10, 1) for year in years])
    return {
        "hday_type": pa.array([1] * len(first)),
        "begndate": pa.array(first, type=pa.date32()),
        "enddate": pa.array([one + timedelta(days=6) for one in first], type=pa.date32()),
    }
