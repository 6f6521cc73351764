"""From claims to settlements: interim bills, upload times, who pays what, cancellations.

In: the finished ledger. Out: the same ledger with interim and cancelling settlements, and
`Settlements`: one amount per fund and claim. The rates are those of an ordinary county plan;
fund_pay = hifp + hifob + cvlserv, and the fee is fund_pay + acct_pay + psn_cash_pay to the fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Ints, by_level, some
from claims.simulator.ledger import CHRONIC, INPATIENT, PHARMACY, Ledger
from claims.simulator.world import World

LONG_STAY = 28
DEDUCTIBLE = {1: 200_00, 2: 500_00, 3: 900_00, 9: 100_00}
STAY_RATE = {1: 0.86, 2: 0.76, 3: 0.64, 9: 0.86}
EMPLOYEE_BONUS = 0.06
VISIT_RATE = {1: 0.60, 2: 0.52, 3: 0.45, 9: 0.62}
CHRONIC_RATE = 0.70
SUPPLEMENTARY_FROM = 8000_00
SUPPLEMENTARY_RATE = 0.55
CIVIL_SERVANT_RATE = 0.5


@dataclass
class Settlements:
    """Per claim: when it was settled (seconds) and what each fund paid, in fen."""

    settled: Ints
    total: Ints
    pooled: Ints
    supplementary: Ints
    civil_servant: Ints
    account: Ints
    cash: Ints


def settle(rng: np.random.Generator, world: World, ledger: Ledger) -> Settlements:
    """Add interim bills and cancellations to the ledger, then settle every claim."""
    _bill_long_stays_twice(world, ledger)
    settled = _settled_at(rng, world, ledger)
    settled = _cancel(rng, world, ledger, settled)
    return _split(rng, world, ledger, settled)


def _bill_long_stays_twice(world: World, ledger: Ledger) -> None:
    """A stay of four weeks or more gets an interim bill in its middle; innocent stays only."""
    claims = ledger.claims
    length = (claims.end - claims.begin) // DAY
    long = (claims.kind == INPATIENT) & (length >= LONG_STAY) & ~ledger.tainted()
    first = np.flatnonzero(long).astype(np.int64)
    if len(first) == 0:
        return
    middle = (claims.begin[first] // DAY + length[first] // 2) * DAY
    which, line = ledger.lines_of(first)
    moved = ledger.lines.time[line] >= middle[which]
    copies, nothing = ledger.copy(first, middle)
    copies.end = claims.end[first].copy()
    empty = type(nothing)(*[column[:0] for column in vars(nothing).values()])
    claims.end[first] = middle
    new, _ = ledger.add(copies, empty)
    ledger.claims.visit[new] = ledger.claims.visit[first]
    ledger.lines.claim[line[moved]] = new[which[moved]]
    ledger.forget_order()


def _settled_at(rng: np.random.Generator, world: World, ledger: Ledger) -> Ints:
    """Minutes after a visit, up to five days after a stay, and a tail of late uploads."""
    claims, n = ledger.claims, len(ledger.claims)
    last = claims.end.copy()
    np.maximum.at(last, ledger.lines.claim, ledger.lines.time)
    quick = rng.gamma(2.0, 3 * MINUTE, n) + 30
    quick = np.where(claims.kind == PHARMACY, 20 + 40 * rng.random(n), quick)
    stay = 5 * DAY * rng.beta(0.8, 2.2, n) + 10 * MINUTE
    wait = np.where(claims.kind == INPATIENT, stay, quick)
    settings = world.parameters.settlement
    tail = np.minimum(DAY * rng.lognormal(1.6, 0.9, n) + HOUR, settings.late_days * DAY - HOUR)
    late = (rng.random(n) < settings.late_share) & (tail > wait)
    return last + claims.lag + np.where(late, tail, wait).astype(np.int64)


def _cancel(rng: np.random.Generator, world: World, ledger: Ledger, settled: Ints) -> Ints:
    """Cancel a few innocent settlements by negative ones.

    Some are settled once more. Returns all settlement times.
    """
    settings = world.parameters.settlement
    claims = ledger.claims
    repeated = np.bincount(claims.visit, minlength=len(claims))[claims.visit] > 1
    pool = np.flatnonzero(~ledger.tainted() & ~repeated).astype(np.int64)
    wrong = some(rng, pool, settings.reversal_share)
    if len(wrong) == 0:
        return settled
    block, lines = ledger.copy(wrong, claims.begin[wrong])
    lines.count = -lines.count
    block.cancels = wrong
    cancelling, _ = ledger.add(block, lines)
    again = np.sort(
        rng.choice(wrong, size=round(settings.resettled_share * len(wrong)), replace=False)
    )
    renewed, _ = ledger.add(*ledger.copy(again, ledger.claims.begin[again]))
    ledger.claims.visit[cancelling] = ledger.claims.visit[wrong]
    ledger.claims.visit[renewed] = ledger.claims.visit[again]
    cancelled_at = settled[wrong] + (DAY * rng.uniform(0.05, 9.0, len(wrong))).astype(np.int64)
    of = np.searchsorted(wrong, again)
    renewed_at = cancelled_at[of] + (HOUR * rng.uniform(0.2, 30.0, len(again))).astype(np.int64)
    return np.concatenate([settled, cancelled_at, renewed_at])


def _split(rng: np.random.Generator, world: World, ledger: Ledger, settled: Ints) -> Settlements:
    """Divide each fee among the funds and the person; a cancellation takes back what was paid."""
    claims, people = ledger.claims, world.people
    total = ledger.totals()
    employee = people.employee[claims.person]
    pooled = _pooled(world, ledger, np.abs(total))
    left = np.abs(total) - pooled
    stay = claims.kind == INPATIENT
    supplementary = np.where(
        stay, np.floor(np.maximum(left - SUPPLEMENTARY_FROM, 0) * SUPPLEMENTARY_RATE), 0
    ).astype(np.int64)
    left = left - supplementary
    serves = people.civil_servant[claims.person] & (claims.kind != PHARMACY)
    civil = np.where(serves, left * CIVIL_SERVANT_RATE, 0).astype(np.int64)
    left = left - civil
    purse = np.where(employee, rng.choice([1.0, 1.0, 0.6], len(total)), 0.0)
    family = (claims.kind == PHARMACY) & ~employee
    purse = np.where(family, rng.choice([1.0, 0.5, 0.0], len(total), p=[0.55, 0.25, 0.2]), purse)
    account = np.floor(left * purse).astype(np.int64)
    columns = [pooled, supplementary, civil, account, left - account]
    _follow(claims.cancels, columns)
    _follow_again(claims.visit, claims.cancels, columns)
    sign = np.where(claims.cancels >= 0, -1, 1)
    return Settlements(settled, total, *[column * sign for column in columns])


def _follow(cancels: Ints, columns: list[Ints]) -> None:
    """A cancellation has the parts of what it cancels."""
    rows = np.flatnonzero(cancels >= 0)
    for column in columns:
        column[rows] = column[cancels[rows]]


def _follow_again(visit: Ints, cancels: Ints, columns: list[Ints]) -> None:
    """A claim settled once more after a cancellation is paid as it was the first time."""
    cancelled = cancels[cancels >= 0]
    rows = np.flatnonzero(
        np.isin(visit, cancelled) & (visit != np.arange(len(visit))) & (cancels < 0)
    )
    for column in columns:
        column[rows] = column[visit[rows]]


def _pooled(world: World, ledger: Ledger, total: Ints) -> Ints:
    """What the pooled fund pays of each fee."""
    claims = ledger.claims
    level = world.places.level[claims.place]
    employee = world.people.employee[claims.person]
    stays, visits = by_level(STAY_RATE)[level], by_level(VISIT_RATE)[level]
    rate = np.where(claims.kind == INPATIENT, stays, visits)
    rate = np.where(claims.kind == CHRONIC, CHRONIC_RATE, rate) + np.where(
        employee, EMPLOYEE_BONUS, 0.0
    )
    deductible = np.where(claims.kind == INPATIENT, by_level(DEDUCTIBLE)[level], 0.0)
    paid = np.floor(np.maximum(total - deductible, 0) * rate)
    return np.where(claims.kind == PHARMACY, 0, paid).astype(np.int64)
