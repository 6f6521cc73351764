"""How the fund clears with the hospitals: by item at first, then by group, within a yearly quota.

In: the books. Out: medins_clr, one row per hospital and month, known two months later. The
interface has no such file of its own; whoever does not know it may leave it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import DAY, HOUR, Ints
from claims.simulator.books import Books, Columns, Files, month_codes
from claims.simulator.drg import group_of, standard
from claims.simulator.ledger import INPATIENT
from claims.simulator.nhsa_files import look_up, moment, money

QUOTA_OF_MEAN = 0.97
FEEDBACK_DAYS = 62


def clearing_files(books: Books) -> Files:
    """The one file."""
    return {"medins_clr.csv": _clearing(books)}


def _clearing(books: Books) -> Columns:
    """What was asked for, what the groups are worth, and what is paid up to the quota."""
    world, claims = books.world, books.ledger.claims
    calendar, months = world.calendar, world.calendar.months
    day = np.clip(books.settlements.settled // DAY, 0, calendar.days - 1)
    row = claims.place * months + calendar.month_of(day)
    stay = claims.kind == INPATIENT
    asked = _summed(books, row, np.where(stay, books.settlements.pooled, 0))
    number = _summed(books, row, np.where(stay, np.where(claims.cancels < 0, 1, -1), 0))
    by_group = np.where(calendar.month_starts < _drg_day(books), asked, _worth(books, row, asked))
    quota = np.broadcast_to(
        (asked.mean(axis=1) * QUOTA_OF_MEAN).astype(np.int64)[:, None], asked.shape
    )
    paid = np.minimum(by_group, _left_of_quota(books, by_group, quota))
    house, month = np.nonzero(asked > 0)
    known = (calendar.month_starts[month] + 31 + FEEDBACK_DAYS) * DAY + 9 * HOUR
    return {
        "fixmedins_code": look_up(world.places.codes, house),
        "setl_ym": look_up(month_codes(world), month),
        "ipt_cnt": pa.array(number[house, month]),
        "fund_appl_amt": money(asked[house, month]),
        "drg_pay_amt": money(by_group[house, month]),
        "quota_amt": money(quota[house, month]),
        "clr_amt": money(paid[house, month]),
        "crte_time": moment(world, known),
    }


def _drg_day(books: Books) -> int:
    return books.world.calendar.day_of(books.world.parameters.policy.drg_month)


def _summed(books: Books, row: Ints, values: Ints) -> Ints:
    """Sums by house and month."""
    months, houses = books.world.calendar.months, len(books.world.places.codes)
    total = np.zeros(houses * months, dtype=np.int64)
    np.add.at(total, row, values)
    return total.reshape(houses, months)


def _worth(books: Books, row: Ints, asked: Ints) -> Ints:
    """The groups' standards, of which the fund pays the share that it pays of the fees."""
    world, claims = books.world, books.ledger.claims
    group = group_of(world, books.ledger, books.others)
    first = (group >= 0) & (claims.visit == np.arange(len(claims)))
    value = standard(world, np.maximum(group, 0), world.places.level[claims.place])
    stay = claims.kind == INPATIENT
    fees = _summed(books, row, np.where(stay, books.settlements.total, 0))
    share = asked / np.maximum(fees, 1)
    return (_summed(books, row, np.where(first, value, 0)) * share).astype(np.int64)


def _left_of_quota(books: Books, wanted: Ints, quota: Ints) -> Ints:
    """What remains of the year's quota before each month; months add up within a calendar year."""
    year = books.world.calendar.year_of(books.world.calendar.month_starts)
    left = np.zeros_like(wanted)
    for one in np.unique(year).tolist():
        months = np.flatnonzero(year == one)
        spent = np.cumsum(wanted[:, months], axis=1) - wanted[:, months]
        left[:, months] = np.maximum(quota[:, months].sum(axis=1, keepdims=True) - spent, 0)
    return left
