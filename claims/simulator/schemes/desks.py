"""Schemes at the desks of clinics and outpatient departments.

Split prescriptions, impossible days, doctors who had left, bills out of hours, a firm's roster.

In and out: the ledger. The added claims should not have been billed at all.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Ints, spread
from claims.simulator.basket import distinct, make_lines, rows_for
from claims.simulator.ledger import (
    CHRONIC,
    OUTPATIENT,
    PHARMACY,
    Claims,
    Lines,
    join,
    make_claims,
    separate,
)
from claims.simulator.schemes.plot import Plot
from claims.simulator.visits import VISIT_MINUTES, fee_lines, spend_time

VISITS = (OUTPATIENT, CHRONIC)
LONG_TREATMENTS = ("针灸", "推拿治疗", "康复运动疗法")
LEAST_STAFF = 6


def split_prescription(plot: Plot) -> None:
    """Write one visit's drugs on two to four small bills; the adaptive ones wait a day."""
    world, rng = plot.world, plot.rng
    claims = plot.ledger.claims
    usable = plot.begun() & plot.clean() & np.isin(claims.kind, VISITS)
    usable &= claims.begin < (world.calendar.days - 4) * DAY
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], ~world.places.is_pharmacy)
    adaptive = plot.adapts(claims.begin[cases] // DAY)
    owner, position = spread(rng.integers(1, 4, len(cases)))
    step = np.where(adaptive[owner], DAY, 4 * MINUTE) * (position + 1)
    of = cases[owner]
    begin = claims.begin[of] + step
    kind = claims.kind[of]
    # About as long as the visit they are cut from, so that the delay does not tell them.
    lasts = (claims.end - claims.begin)[of] * rng.uniform(0.8, 1.25, len(of))
    block = make_claims(
        claims.person[of], claims.place[of], kind, begin, begin + lasts.astype(np.int64),
        claims.diagnosis[of], claims.doctor[of],
    )  # fmt: skip
    block = separate(block, plot.available(block.person, block.begin, block.end))
    plot.plant_whole(block, _short_prescription(plot, block))


def _short_prescription(plot: Plot, claims: Claims) -> Lines:
    """The fee once more, and one or two cheap drugs."""
    world, rng = plot.world, plot.rng
    lists = world.items.by_group("drug", ward=False, dearest=36)
    wanted = rng.integers(1, 3, len(claims))
    owner, item = distinct(rng, lists, rows_for(world, claims, claims.diagnosis), wanted)
    drugs = make_lines(world, claims, owner, item, np.ones_like(item))
    return join([fee_lines(rng, world, claims), drugs])


def impossible_day(plot: Plot) -> None:
    """One doctor treats by hand for forty hours a day; the adaptive ones for fourteen."""
    world, rng = plot.world, plot.rng
    visits = plot.activity(VISITS)
    for actor in plot.actors(~world.places.is_pharmacy, visits).tolist():
        number = plot.number_of(actor, visits, 25) // 25
        days = np.unique(plot.days(number))
        n = len(days)
        many = rng.integers(22, 32, n)
        patients = np.where(plot.adapts(days), rng.integers(8, 10, n), many)
        which, turn = spread(patients)
        adults = plot.adults(30)
        person = adults[rng.integers(0, len(adults), len(which))]
        begin = days[which] * DAY + 8 * HOUR + 10 * MINUTE + turn * 17 * MINUTE
        begin = begin + rng.integers(0, 3 * MINUTE, len(begin))
        reason = np.full(len(which), world.diagnoses.number("M54.5"), dtype=np.int64)
        place = np.full(len(which), actor, dtype=np.int64)
        doctor = np.full_like(place, world.doctor(rng, place[:1], reason[:1])[0])
        end = spend_time(rng, begin, VISIT_MINUTES)
        claims = make_claims(person, place, OUTPATIENT, begin, end, reason, doctor)
        first = np.unique(which * 10**7 + person, return_index=True)[1]
        alone = np.zeros(len(person), dtype=bool)
        alone[first] = True
        claims = separate(claims, alone & plot.available(person, begin, claims.end))
        plot.plant_whole(claims, _by_hand(plot, claims))


def _by_hand(plot: Plot, claims: Claims) -> Lines:
    world = plot.world
    owner, position = spread(np.full(len(claims), len(LONG_TREATMENTS), dtype=np.int64))
    item = world.items.numbers(*LONG_TREATMENTS)[position]
    lines = make_lines(world, claims, owner, item, np.ones_like(item))
    return join([fee_lines(plot.rng, world, claims), lines])


def departed_doctor(plot: Plot) -> None:
    """Go on billing under a doctor who has left; nobody licensed gave the service."""
    world, ledger = plot.world, plot.ledger
    claims, doctors = ledger.claims, world.doctors
    post = np.maximum(claims.doctor, 0)
    gone = (claims.doctor >= 0) & (claims.begin // DAY >= doctors.left[post])
    # The adaptive ones stop after a month, when the register is brought up to date.
    recent = claims.begin // DAY < doctors.left[post] + 30
    able = plot.begun() & plot.clean() & gone & np.isin(claims.kind, VISITS)
    able &= recent | ~plot.adapts(claims.begin // DAY)
    eligible = np.flatnonzero(able).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], ~world.places.is_pharmacy)
    owner, line = ledger.lines_of(cases)
    claims.doctor[cases] = doctors.departed[claims.doctor[cases]]
    ledger.lines.doctor[line] = claims.doctor[cases][owner]
    ledger.mark_whole(line, plot.number)


def offhours_billing(plot: Plot) -> None:
    """Bill at night when the house is shut; the adaptive ones within half an hour of closing."""
    world, rng = plot.world, plot.rng
    places = world.places
    shuts = places.closes - places.opens < DAY
    busy = plot.activity((*VISITS, PHARMACY)) * shuts
    for actor in plot.actors(shuts, busy).tolist():
        number = plot.number_of(actor, busy)
        cards = plot.adults(20)
        person = cards[rng.integers(0, len(cards), number)]
        day = plot.days(number)
        late = places.closes[actor] + rng.integers(5 * MINUTE, 25 * MINUTE, number)
        night = np.where(rng.random(number) < 0.5, 23 * HOUR, 3 * HOUR)
        night = night + rng.integers(0, HOUR - 12 * MINUTE, number)
        clock = np.where(plot.adapts(day), late, night)
        place = np.full(number, actor, dtype=np.int64)
        begin = day * DAY + clock
        templates = plot.templates(place, world.people.sex[person], (*VISITS, PHARMACY))
        free = plot.available(person, begin, begin + HOUR)
        plot.replay(np.where(free, templates, -1), person, place, begin, any_hour=True)


def employer_roster(plot: Plot) -> None:
    """The staff of a firm is billed from its list; the adaptive ones over four weeks."""
    world, rng = plot.world, plot.rng
    people = world.people
    staff = np.bincount(people.employer[people.employer >= 0], minlength=1)
    firms = np.flatnonzero((staff >= LEAST_STAFF) & (staff <= 150))
    visits = plot.activity(VISITS)
    for actor in plot.actors(world.places.private & ~world.places.is_pharmacy, visits).tolist():
        number = min(len(firms), plot.number_of(actor, visits, 30) // 30)
        for firm in rng.choice(firms, size=number, replace=False).tolist():
            members = np.flatnonzero(people.employer == firm).astype(np.int64)
            _bill_roster(plot, actor, members[rng.random(len(members)) < 0.75])


def _bill_roster(plot: Plot, actor: int, person: Ints) -> None:
    """One basket for everybody of a sex."""
    world, rng = plot.world, plot.rng
    first = plot.days(1, spare=32)
    wide = 28 if plot.adapts(first)[0] else 2
    begin = (first + rng.integers(0, wide, len(person))) * DAY + 8 * HOUR + 15 * MINUTE
    begin = (
        begin + np.arange(len(person)) % 120 * 4 * MINUTE + rng.integers(0, 4 * MINUTE, len(person))
    )
    place = np.full(len(person), actor, dtype=np.int64)
    templates = plot.templates(place[:2], np.asarray([1, 2])[: len(place)], (OUTPATIENT,))
    if len(templates) < 2 or templates.min() < 0:
        return
    chosen = templates[world.people.sex[person] - 1]
    free = plot.available(person, begin, begin + HOUR)
    plot.replay(np.where(free, chosen, -1), person, place, begin)
