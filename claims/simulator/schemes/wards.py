"""Schemes with stays that differ from the innocent ones only in company.

Cloned stays, the care home in turns, the same patients again and again, more patients than beds,
groups heavier than the record.

In and out: the ledger.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, Bools, Ints, spread
from claims.simulator.drg import DIGITS, SECONDARY, standard
from claims.simulator.ledger import INPATIENT, make_claims, separate
from claims.simulator.schemes.plot import Plot
from claims.simulator.stays import leave
from claims.simulator.ward import ward_lines

VAGUE = ("I69.3", "I67.8", "M51.2", "J44.1", "I25.1", "M17.9")
# No second diagnosis raises the group of these.
PLAIN = ("Z51.1", "N18.5", "O80.0", "O82.0", "P59.9", "Z38.0", "Z34.9")


def _admit(
    plot: Plot, person: Ints, place: Ints, begin: Ints, stayed: Ints, diagnosis: Ints
) -> None:
    """Plant whole stays of people who are free, with the lines of ordinary stays."""
    world, rng = plot.world, plot.rng
    end = leave(rng, begin, stayed)
    doctor = world.doctor(rng, place, diagnosis)
    claims = make_claims(person, place, INPATIENT, begin, end, diagnosis, doctor)
    order = np.lexsort((begin, person))
    clash = np.zeros(len(person), dtype=bool)
    follows = (person[order][1:] == person[order][:-1]) & (begin[order][1:] < end[order][:-1])
    clash[order[1:][follows]] = True
    claims = separate(claims, plot.available(person, begin, end) & ~clash)
    if len(claims):
        plot.plant_whole(claims, ward_lines(rng, world, claims))


def _vague(plot: Plot, size: int) -> Ints:
    pool = np.asarray([plot.world.diagnoses.number(code) for code in VAGUE])
    return pool[plot.rng.integers(0, len(pool), size)]


def _private_wards(plot: Plot) -> Bools:
    return plot.world.places.private & plot.world.places.has_beds


def cloned_stays(plot: Plot) -> None:
    """One record for four to seven people; the adaptive ones vary the quantities a little."""
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    admitted = plot.activity((INPATIENT,))
    nights = plot.nights()
    usable = np.flatnonzero(plot.clean() & (nights >= 3) & (nights <= 12)).astype(np.int64)
    for actor in plot.actors(_private_wards(plot), admitted).tolist():
        here = usable[ledger.claims.place[usable] == actor]
        if len(here) == 0:
            continue
        groups = plot.number_of(actor, admitted) // 5 + 1
        template = rng.choice(here, size=groups).astype(np.int64)
        which, _ = spread(rng.integers(4, 8, groups))
        sex = world.people.sex[ledger.claims.person[template]][which]
        adults = plot.adults(35)
        person = adults[rng.integers(0, len(adults), len(which))]
        keep = np.flatnonzero(world.people.sex[person] == sex)
        keep = keep[np.unique(person[keep], return_index=True)[1]]
        which, person = which[keep], person[keep]
        day = plot.days(groups, spare=26)[which] + rng.integers(0, 9, len(which))
        begin = day * DAY + ledger.claims.begin[template[which]] % DAY
        length = (ledger.claims.end - ledger.claims.begin)[template[which]]
        free = plot.available(person, begin, begin + length)
        chosen = np.where(free, template[which], -1)
        place = np.full(len(which), actor, dtype=np.int64)
        claims, lines = plot.copies(chosen, person, place, begin)
        varied = plot.adapts(lines.time // DAY) & (rng.random(len(lines)) < 0.3)
        varied &= world.items.is_drug[lines.item] & (lines.count > 1)
        lines.count = lines.count - varied
        plot.plant_whole(claims, lines)


def care_home_rotation(plot: Plot) -> None:
    """A hospital takes the residents of the care home in turns, three to six on a day."""
    world, rng = plot.world, plot.rng
    residents = np.flatnonzero(
        world.people.care_home & (world.people.death > world.calendar.days)
    ).astype(np.int64)
    admitted = plot.activity((INPATIENT,))
    for actor in plot.actors(_private_wards(plot), admitted).tolist():
        if len(residents) == 0:
            return
        turns = plot.number_of(actor, admitted, 4) // 4
        which, position = spread(rng.integers(3, 7, turns))
        start = rng.integers(0, len(residents), turns)
        person = residents[(start[which] + position) % len(residents)]
        day = plot.days(turns, spare=16)[which]
        adaptive = plot.adapts(day)
        # The adaptive ones spread the arrivals over a week.
        day = day + np.where(adaptive, rng.integers(0, 7, len(day)), 0)
        begin = day * DAY + 9 * HOUR + rng.integers(0, 3 * HOUR, len(day))
        stayed = rng.integers(7, 13, len(day))
        place = np.full(len(day), actor, dtype=np.int64)
        _admit(plot, person, place, begin, stayed, _vague(plot, len(day)))


def frequent_admission(plot: Plot) -> None:
    """The same elderly patients every three to five weeks; the adaptive ones less often."""
    world, rng = plot.world, plot.rng
    admitted = plot.activity((INPATIENT,))
    suitable = world.places.has_beds & (world.places.level < 3)
    for actor in plot.actors(suitable, admitted).tolist():
        old = plot.adults(55)
        number = min(len(old), plot.number_of(actor, admitted, 6) // 6)
        patient = rng.choice(old, size=number, replace=False)
        which, turn = spread(rng.integers(6, 10, number))
        gap = rng.integers(22, 34, number)
        first = plot.days(number, spare=60)
        day = first[which] + turn * gap[which]
        day = day + np.where(plot.adapts(day), turn * 12, 0) + rng.integers(0, 3, len(day))
        begin = day * DAY + 9 * HOUR + rng.integers(0, 5 * HOUR, len(day))
        place = np.full(len(day), actor, dtype=np.int64)
        reason = _vague(plot, number)[which]
        _admit(plot, patient[which], place, begin, rng.integers(5, 9, len(day)), reason)


def bed_over_capacity(plot: Plot) -> None:
    """For a fortnight more people lie in the books than there are beds."""
    world, rng = plot.world, plot.rng
    admitted = plot.activity((INPATIENT,))
    suitable = world.places.has_beds & (world.places.beds <= 40)
    for actor in plot.actors(suitable, admitted * suitable).tolist():
        runs = plot.number_of(actor, admitted, 24) // 12
        slots = np.arange(plot.onset, max(plot.onset + 1, world.calendar.days - 20), 21)
        runs = min(runs, len(slots))
        day = rng.choice(slots, size=runs, replace=False).astype(np.int64)
        adaptive = plot.adapts(day)
        free = world.places.beds[actor] - _lying(plot, actor, day + 7)
        # The adaptive ones fill the last bed and stop.
        extra = np.where(adaptive, 0, rng.integers(4, 8, runs))
        run, _ = spread(np.maximum(free + extra, 0))
        adults = plot.adults(40)
        person = rng.permutation(adults)[: len(run)]
        run = run[: len(person)]
        begin = day[run] * DAY + 8 * HOUR + rng.integers(0, 9 * HOUR, len(run))
        place = np.full(len(run), actor, dtype=np.int64)
        _admit(plot, person, place, begin, rng.integers(12, 16, len(run)), _vague(plot, len(run)))


def _lying(plot: Plot, actor: int, day: Ints) -> Ints:
    """How many innocent patients lie at a place on each day."""
    claims = plot.ledger.claims
    here = np.flatnonzero((claims.kind == INPATIENT) & (claims.place == actor) & plot.clean())
    begun = np.sort(claims.begin[here] // DAY)
    ended = np.sort(claims.end[here] // DAY)
    left = np.searchsorted(ended, day, side="right")
    return np.searchsorted(begun, day, side="right").astype(np.int64) - left


def drg_upcoding(plot: Plot) -> None:
    """Add a grave second diagnosis that nothing on the bill shows, for a heavier group."""
    world, ledger = plot.world, plot.ledger
    claims, lines = ledger.claims, ledger.lines
    shown = world.items.numbers(*[row[3] for row in SECONDARY if row[2]])
    supported = np.zeros(len(claims), dtype=bool)
    supported[lines.claim[np.isin(lines.item, shown)]] = True
    plain = np.asarray([world.diagnoses.number(code) for code in PLAIN])
    grown = world.people.age(claims.person, claims.begin // DAY) >= 18
    paid_by_group = claims.begin >= world.calendar.day_of(world.parameters.policy.drg_month) * DAY
    able = plot.begun() & plot.clean() & paid_by_group & (plot.nights() >= 2) & grown
    able &= ~supported & ~np.isin(claims.diagnosis, plain)
    eligible = np.flatnonzero(able).astype(np.int64)
    cases = plot.cases(eligible, claims.place[eligible], world.places.has_beds)
    # The adaptive ones add a minor complication only.
    adaptive = plot.adapts(claims.begin[cases] // DAY)
    row = np.where(adaptive, 3, plot.rng.integers(0, 3, len(cases)))
    group = len(DIGITS) * world.diagnoses.group[claims.diagnosis[cases]]
    level = world.places.level[claims.place[cases]]
    gain = standard(world, group + np.where(adaptive, 1, 2), level)
    gain = gain - standard(world, group, level)
    ledger.notes.upcoded.append((cases, row))
    ledger.mark_claims(cases, plot.number, np.minimum(gain, ledger.totals()[cases] * 9 // 10))
