"""From claims to settlements: interim bills, upload times, who pays what, cancellations.

In: the finished ledger. Out: the same ledger with interim and cancelling settlements, and
`Settlements`: one amount per fund and claim. The rates are those of an ordinary county plan, with a
deductible that is halved on readmission; fund_pay = hifp + hifob + cvlserv, and the fee is
fund_pay + acct_pay + psn_cash_pay to the fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Ints, Noise, by_level
from claims.simulator.ledger import CHRONIC, INPATIENT, PHARMACY, Claims, Ledger
from claims.simulator.world import World

LONG_STAY = 28
DEDUCTIBLE = {1: 200_00, 2: 500_00, 3: 900_00, 9: 100_00}
STAY_RATE = {1: 0.86, 2: 0.76, 3: 0.64, 9: 0.86}
EMPLOYEE_BONUS = 0.06
VISIT_RATE = {1: 0.60, 2: 0.52, 3: 0.45, 9: 0.62}
CHRONIC_RATE = 0.70
SUPPLEMENTARY_FROM = 2500_00
SUPPLEMENTARY_RATE = 0.55
CIVIL_SERVANT_RATE = 0.5
READMISSION = 0.5
ASSISTED_RATE = 0.92


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


def settle(noise: Noise, world: World, ledger: Ledger) -> Settlements:
    """Add interim bills and cancellations to the ledger, then settle every claim.

    The chances of a claim are its own: what is planted elsewhere does not change them.
    """
    own = np.arange(len(ledger.claims), dtype=np.int64)
    own = np.concatenate([own, _bill_long_stays_twice(world, ledger)])
    settled = _settled_at(noise, world, ledger, own)
    settled, own = _cancel(noise, world, ledger, settled, own)
    return _split(noise, world, ledger, settled, own)


def _bill_long_stays_twice(world: World, ledger: Ledger) -> Ints:
    """A stay of four weeks or more gets an interim bill in its middle; innocent stays only.

    Returns the stays that were billed twice.
    """
    claims = ledger.claims
    length = (claims.end - claims.begin) // DAY
    long = (claims.kind == INPATIENT) & (length >= LONG_STAY) & ~ledger.tainted()
    first = np.flatnonzero(long).astype(np.int64)
    if len(first) == 0:
        return first
    middle = (claims.begin[first] // DAY + length[first] // 2) * DAY
    which, line = ledger.lines_of(first)
    moved = ledger.lines.time[line] >= middle[which]
    copies, nothing = ledger.copy(first, middle)
    copies.end = claims.end[first].copy()
    empty = type(nothing)(*[column[:0] for column in vars(nothing).values()])
    claims.end[first] = middle
    new, _ = ledger.add(copies, empty)
    ledger.claims.visit[new] = ledger.claims.visit[first]
    ledger.move_lines(line[moved], new[which[moved]])
    return first


def _settled_at(noise: Noise, world: World, ledger: Ledger, own: Ints) -> Ints:
    """Minutes after a visit, up to five days after a stay, and a tail of late uploads."""
    claims = ledger.claims
    last = claims.end.copy()
    np.maximum.at(last, ledger.lines.claim, ledger.lines.time)
    first, second = noise.uniform(own, 1), noise.uniform(own, 2)
    quick = -3 * MINUTE * (np.log(first) + np.log(second)) + 30
    quick = np.where(claims.kind == PHARMACY, 20 + 40 * first, quick)
    # Kumaraswamy's distribution in the place of a beta, which has no closed inverse.
    stay = 5 * DAY * (1 - second ** (1 / 2.2)) ** (1 / 0.8) + 10 * MINUTE
    wait = np.where(claims.kind == INPATIENT, stay, quick)
    settings = world.parameters.settlement
    long = DAY * np.exp(1.6 + 0.9 * noise.normal(own, 3)) + HOUR
    tail = np.minimum(long, settings.late_days * DAY - HOUR)
    late = (noise.uniform(own, 4) < settings.late_share) & (tail > wait)
    settled = last + np.where(late, tail, wait).astype(np.int64)
    _settle_before(claims, last, settled)
    return settled


def _settle_before(claims: Claims, last: Ints, settled: Ints) -> None:
    """Bring forward what another claim follows, to half of the other's wait if it is too late.

    The second of a pair keeps the wait of every claim: were it put off instead, its delay alone
    would tell it.
    """
    second = np.flatnonzero(claims.follows >= 0)
    first = claims.follows[second]
    settled[second] = np.maximum(settled[second], last[first] + 2)
    half = last[first] + (settled[second] - last[first]) // 2
    settled[first] = np.minimum(settled[first], half)


def _cancel(
    noise: Noise, world: World, ledger: Ledger, settled: Ints, own: Ints
) -> tuple[Ints, Ints]:
    """Cancel a few innocent settlements by negative ones.

    Some are settled once more. Returns all settlement times, and whose chances each row has.
    """
    settings = world.parameters.settlement
    claims = ledger.claims
    repeated = np.bincount(claims.visit, minlength=len(claims))[claims.visit] > 1
    spared = ledger.tainted() | repeated | (noise.uniform(own, 5) >= settings.reversal_share)
    wrong = np.flatnonzero(~spared).astype(np.int64)
    if len(wrong) == 0:
        return settled, own
    block, lines = ledger.copy(wrong, claims.begin[wrong])
    lines.count = -lines.count
    block.cancels = wrong
    _, source = ledger.lines_of(wrong)
    cancelling, back = ledger.add(block, lines)
    ledger.notes.returned.append((back, source))
    again = wrong[noise.uniform(wrong, 6) < settings.resettled_share]
    _, source = ledger.lines_of(again)
    renewed, new = ledger.add(*ledger.copy(again, ledger.claims.begin[again]))
    ledger.notes.reused.append((new, source))
    ledger.claims.visit[cancelling] = ledger.claims.visit[wrong]
    ledger.claims.visit[renewed] = ledger.claims.visit[again]
    wait = DAY * (0.05 + 8.95 * noise.uniform(wrong, 7))
    cancelled_at = settled[wrong] + wait.astype(np.int64)
    later = HOUR * (0.2 + 29.8 * noise.uniform(again, 8))
    renewed_at = cancelled_at[np.searchsorted(wrong, again)] + later.astype(np.int64)
    return np.concatenate([settled, cancelled_at, renewed_at]), np.r_[own, wrong, again]


def _split(noise: Noise, world: World, ledger: Ledger, settled: Ints, own: Ints) -> Settlements:
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
    chance = noise.uniform(own, 9)
    purse = np.where(employee, np.where(chance < 2 / 3, 1.0, 0.6), 0.0)
    family = (claims.kind == PHARMACY) & ~employee
    purse = np.where(family, np.select([chance < 0.55, chance < 0.8], [1.0, 0.5], 0.0), purse)
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
    late = claims.begin // DAY >= world.calendar.turn_of_year()
    raised = late & ~employee & (claims.kind == INPATIENT)
    rate = rate + np.where(raised, world.parameters.policy.stay_rate_rise, 0.0)
    poor = world.people.poor[claims.person] & (claims.kind == INPATIENT)
    rate = np.where(poor, np.maximum(rate, ASSISTED_RATE), rate)
    first = np.where(poor, 0, deductibles(world, ledger))
    paid = np.floor(np.maximum(total - first, 0) * rate)
    return np.where(claims.kind == PHARMACY, 0, paid).astype(np.int64)


def deductibles(world: World, ledger: Ledger) -> Ints:
    """What the person pays first of each stay, in fen.

    By level, half of it from the second stay of a calendar year on, nothing on the second bill of
    one stay.
    """
    claims = ledger.claims
    full = by_level(DEDUCTIBLE)[world.places.level[claims.place]]
    stay = np.flatnonzero((claims.kind == INPATIENT) & (claims.cancels < 0)).astype(np.int64)
    year = world.calendar.year_of(claims.begin[claims.visit] // DAY)
    order = stay[np.lexsort((stay, claims.begin[stay], year[stay], claims.person[stay]))]
    person, when, visit = claims.person[order], year[order], claims.visit[order]
    again = np.r_[False, (person[1:] == person[:-1]) & (when[1:] == when[:-1])]
    same = np.r_[False, visit[1:] == visit[:-1]]
    factor = np.zeros(len(claims))
    factor[order] = np.where(same, 0.0, np.where(again, READMISSION, 1.0))
    return (full * factor).astype(np.int64)
