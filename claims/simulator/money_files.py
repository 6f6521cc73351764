"""Employers, cover, contributions and the funds' own ledger.

In: the books and a generator. Out: emp_info, psn_insu, emp_contr and fund_ledger. Two innocent
steps are in it: the base of contributions is reset in March, and the state pays its share of the
residents' fund in December.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.simulator.arrays import DAY, HOUR, Ints
from claims.simulator.books import Books, Columns, Files, month_codes
from claims.simulator.nhsa_files import code, date_of, look_up, moment, money, person_codes
from claims.simulator.people import NEVER
from claims.simulator.places import DISTRICTS

EMPLOYER_PERMILLE, PERSON_PERMILLE = 80, 20
FLOOR, CEILING = 2900_00, 14_500_00
RISE = 0.05
RESIDENT_PREMIUM, STATE_SHARE = 380_00, 640_00
SURPLUS = 1.04
FUNDS = ("310100", "310200", "320100", "330100", "390100")


def money_files(books: Books, rng: np.random.Generator) -> Files:
    """All of them."""
    return {
        "emp_info.csv": _employers(books, rng),
        "psn_insu.csv": _cover(books),
        "emp_contr.csv": _contributions(books, rng),
        "fund_ledger.csv": _ledger(books),
    }


def _employers(books: Books, rng: np.random.Generator) -> Columns:
    """The largest employer is the largest hospital."""
    people, places = books.world.people, books.world.places
    n = int(people.employer.max(initial=-1)) + 1
    house = np.full(n, -1, dtype=np.int64)
    house[:1] = 0
    return {
        "emp_no": code("E", np.arange(1, n + 1, dtype=np.int64), 5),
        "emp_type": pa.array(np.where(rng.random(n) < 0.2, 2, 1)),
        "inds_codg": look_up(list("ABCFGHLOPQ"), rng.integers(0, 10, n)),
        "insu_admdvs": look_up(list(DISTRICTS), rng.integers(0, len(DISTRICTS), n)),
        "fixmedins_code": look_up(places.codes, house),
        "insu_date": date_of(books.world, -rng.integers(400, 4000, n)),
    }


def _employer_codes(employer: Ints) -> pa.Array:
    named = code("E", employer + 1, 5)
    return pc.if_else(pa.array(employer >= 0), named, pa.scalar(None, type=pa.string()))


def _cover(books: Books) -> Columns:
    """Everybody from the year before the start, or from birth, until death."""
    people = books.world.people
    n = len(people.sex)
    end = date_of(books.world, np.minimum(people.death + 1, 10**5))
    working = people.employee
    return {
        "psn_no": pa.array(person_codes(n)),
        "insutype": pa.array(np.where(working, 310, 390)),
        "emp_no": _employer_codes(people.employer),
        "psn_type": pa.array(np.where(working, 11, np.where(people.birth > -18 * 365, 14, 15))),
        "psn_insu_stas": pa.array(np.where(people.death < NEVER, 3, 1)),
        "insuplc_admdvs": look_up(list(DISTRICTS), people.district),
        "psn_insu_date": date_of(books.world, np.maximum(people.birth, -365)),
        "paus_insu_date": pc.if_else(
            pa.array(people.death < NEVER), end, pa.scalar(None, type=end.type)
        ),
    }


def _contributions(books: Books, rng: np.random.Generator) -> Columns:
    """One row per employee and month; one employer in ten pays a month late."""
    world, people = books.world, books.world.people
    calendar = world.calendar
    staff = np.flatnonzero(people.employee).astype(np.int64)
    late = rng.random(int(people.employer.max(initial=0)) + 1) < 0.1
    month = np.arange(calendar.months, dtype=np.int64)
    first_day = calendar.month_starts[month]
    # The base follows last year's pay from March on.
    resets = (calendar.start.month - 1 + month - 2) // 12
    person, when = (grid.ravel() for grid in np.meshgrid(staff, month, indexing="ij"))
    paying = people.death[person] >= first_day[when]
    person, when = person[paying], when[paying]
    wage = (people.wage[person] * (1 + RISE) ** resets[when]).astype(np.int64) // 100 * 100
    base = np.clip(wage, FLOOR, CEILING)
    paid = first_day[when] + 9 + people.employer[person] % 12 + 31 * late[people.employer[person]]
    order = np.lexsort((when, person, people.employer[person]))
    person, when, wage, base, paid = (column[order] for column in (person, when, wage, base, paid))
    return {
        "emp_no": _employer_codes(people.employer[person]),
        "psn_no": look_up(person_codes(len(people.sex)), person),
        "insutype": pa.array(np.full(len(person), 310, dtype=np.int64)),
        "clct_ym": look_up(month_codes(world), when),
        "psn_clctstd": money(base),
        "wag": money(wage),
        "emp_clct_amt": money(base * EMPLOYER_PERMILLE // 1000),
        "psn_clct_amt": money(base * PERSON_PERMILLE // 1000),
        "clct_date": date_of(world, paid),
    }


def _ledger(books: Books) -> Columns:
    """Expenditure as settled, income as it comes in; a month is closed late in the next but one."""
    world, paid = books.world, books.settlements
    people, calendar = world.people, world.calendar
    months = calendar.months
    employee = people.employee[books.ledger.claims.person]
    month = calendar.month_of(np.clip(paid.settled // DAY, 0, calendar.days - 1))
    spent = [
        _by_month(month, np.where(employee, paid.pooled, 0), months),
        _by_month(month, paid.account, months),
        _by_month(month, paid.civil_servant, months),
        _by_month(month, paid.supplementary, months),
        _by_month(month, np.where(employee, 0, paid.pooled), months),
    ]
    income = _income(books, spent)
    fund, when = np.divmod(np.arange(len(FUNDS) * months), months)
    expenditure, inc = np.concatenate(spent), np.concatenate(income)
    budget = np.repeat([int(column.mean() * 1.05) for column in spent], months)
    reserve = [3 * column.sum() // months for column in spent]
    balance = np.concatenate(
        [at + np.cumsum(i - o) for at, i, o in zip(reserve, income, spent, strict=True)]
    )
    closed = (calendar.month_starts[when] + 31 + 40) * DAY + 10 * HOUR
    return {
        "fund_pay_type": look_up(list(FUNDS), fund),
        "setl_ym": look_up(month_codes(world), when),
        "inc_amt": money(inc),
        "expd_amt": money(expenditure),
        "bgt_amt": money(budget),
        "balc": money(balance),
        "crte_time": moment(world, closed),
    }


def _by_month(month: Ints, amount: Ints, months: int) -> Ints:
    total = np.zeros(months, dtype=np.int64)
    np.add.at(total, month, amount)
    return total


def _income(books: Books, spent: list[Ints]) -> list[Ints]:
    """Contributions monthly; residents pay from September to December, the state in December.

    What the pool keeps for this county is in proportion to what the county spends.
    """
    world = books.world
    months = world.calendar.months
    number = (world.calendar.start.month - 1 + np.arange(months)) % 12 + 1
    premium = np.where(np.isin(number, (9, 10, 11, 12)), RESIDENT_PREMIUM // 4, 0)
    state = np.where(number == 12, STATE_SHARE, 0)
    monthly = (premium + state).astype(np.float64)
    # A county shorter than its year's premiums has had them before.
    yearly = monthly if monthly.sum() else np.ones(months)
    steady = 1 + 0.05 * (number == 3)
    shapes = [steady, steady, np.ones(months), np.ones(months), yearly]
    return [
        (shape * (column.sum() * SURPLUS / shape.sum())).astype(np.int64)
        for shape, column in zip(shapes, spent, strict=True)
    ]
