"""Schemes in which a claim contradicts another fact: a death, a settlement, a stay.

In and out: the ledger. The planted claims are copies of innocent claims at the same place, moved in
time and to another person; all of their lines should not have been billed.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, Ints, some, spread
from claims.simulator.ledger import CHRONIC, INPATIENT, OUTPATIENT, PHARMACY
from claims.simulator.people import NEVER
from claims.simulator.places import LEVEL_1, PRIMARY
from claims.simulator.schemes.plot import Plot

AMBULANT = (OUTPATIENT, CHRONIC, PHARMACY)


def _activity(plot: Plot, kinds: tuple[int, ...]) -> Ints:
    """Innocent claims of these kinds at each place."""
    claims = plot.ledger.claims
    usable = plot.clean() & np.isin(claims.kind, kinds)
    return np.bincount(claims.place[usable], minlength=len(plot.world.places.codes))


def service_after_death(plot: Plot) -> None:
    """The card of a deceased is used again, up to four months later, at a few places."""
    world, people = plot.world, plot.world.people
    places = world.places
    dead = np.flatnonzero((people.death < NEVER) & (people.death >= plot.onset))
    dead = dead[people.death[dead] < world.calendar.days - 12].astype(np.int64)
    actors = plot.actors(
        places.is_pharmacy | (places.category == PRIMARY), _activity(plot, AMBULANT)
    )
    misused = some(plot.rng, dead, plot.spec.share)
    owner, _ = spread(plot.rng.integers(1, 6, len(misused)))
    if len(actors) == 0 or len(owner) == 0:
        return
    person = misused[owner]
    later = np.minimum(2 + plot.rng.exponential(25, len(owner)), 120).astype(np.int64)
    # The first use comes soon, so that at least one lies within the period.
    later = np.where(
        np.r_[True, owner[1:] != owner[:-1]], plot.rng.integers(2, 9, len(owner)), later
    )
    place = actors[plot.rng.integers(0, len(actors), len(owner))]
    templates = plot.templates(place, people.sex[person], AMBULANT)
    begin = _same_clock(plot, templates, people.death[person] + later)
    plot.replay(templates, person, place, begin)


def _same_clock(plot: Plot, templates: Ints, day: Ints) -> Ints:
    """The template's time of day on another day."""
    return day * DAY + plot.ledger.claims.begin[templates] % DAY


def duplicate_settlement(plot: Plot) -> None:
    """Settle a visit a second time, after the first.

    The adaptive ones date it a day later, some do it elsewhere.
    """
    world, ledger, rng = plot.world, plot.ledger, plot.rng
    usable = plot.begun() & plot.clean() & np.isin(ledger.claims.kind, AMBULANT)
    usable &= ledger.claims.begin < (world.calendar.days - 2) * DAY
    eligible = np.flatnonzero(usable).astype(np.int64)
    cases = plot.cases(eligible, ledger.claims.place[eligible], ~world.places.is_pharmacy)
    begin = ledger.claims.begin[cases]
    begin = begin + DAY * plot.adapts(begin // DAY)
    alive = world.people.alive(ledger.claims.person[cases], begin // DAY)
    claims, lines = ledger.copy(cases[alive], begin[alive])
    claims.follows = cases[alive]
    place = claims.place.copy()
    for row in np.flatnonzero(rng.random(len(claims)) < 0.3):
        alike = world.places.level == world.places.level[place[row]]
        alike &= world.places.is_pharmacy == (claims.kind[row] == PHARMACY)
        place[row] = rng.choice(np.flatnonzero(alike))
    prices = lines.price.copy()
    plot.move(claims, lines, place)
    # The second settlement is of the same service: same items, same quantities, same prices.
    lines.price = prices
    plot.plant_whole(claims, lines)


def overlapping_stays(plot: Plot) -> None:
    """While somebody lies in one hospital, an actor bills a stay on the same card."""
    world, claims, rng = plot.world, plot.ledger.claims, plot.rng
    nights = plot.nights()
    actors = plot.actors(world.places.private & world.places.has_beds, world.places.beds)
    pool = _stays_elsewhere(plot, actors)
    if len(pool) == 0 or len(actors) == 0:
        return
    count = np.bincount(claims.place[nights >= 1], minlength=len(world.places.codes))
    cases = some(rng, pool, min(1.0, plot.spec.share * (1 + count[actors].sum()) / len(pool)))
    place = actors[rng.integers(0, len(actors), len(cases))]
    person = claims.person[cases]
    templates = plot.templates(place, world.people.sex[person], (INPATIENT,))
    begin = _same_clock(
        plot, templates, claims.begin[cases] // DAY + rng.integers(1, 3, len(cases))
    )
    end = begin + (claims.end - claims.begin)[templates]
    fits = (nights[templates] >= 2) & world.people.alive(person, end // DAY)
    if not fits.any():
        fits = world.people.alive(person, end // DAY)
    plot.replay(np.where(fits, templates, -1), person, place, begin)


def _stays_elsewhere(plot: Plot, actors: Ints) -> Ints:
    """Innocent stays of four nights or more at other hospitals.

    In a small county also before the onset.
    """
    claims, last = plot.ledger.claims, plot.world.calendar.days - 14
    real = plot.clean() & (plot.nights() >= 4) & (claims.begin < last * DAY)
    real &= ~np.isin(claims.place, actors)
    pool = np.flatnonzero(real & plot.begun()).astype(np.int64)
    return pool if len(pool) else np.flatnonzero(real).astype(np.int64)


def outpatient_during_stay(plot: Plot) -> None:
    """Visits and purchases on the card of somebody in hospital.

    Those whose bed only hangs go out most.
    """
    world, claims, rng = plot.world, plot.ledger.claims, plot.rng
    places = world.places
    actors = plot.actors(
        places.is_pharmacy | (places.category <= LEVEL_1), _activity(plot, AMBULANT)
    )
    stays = np.flatnonzero(plot.begun() & (plot.nights() >= 4)).astype(np.int64)
    if len(stays) == 0 or len(actors) == 0:
        return
    chance = np.where(plot.clean()[stays], 1.0, 4.0)
    lone = rng.binomial(len(stays), plot.spec.scattered)
    number = min(len(stays), max(1, round(plot.spec.share * len(stays))) + lone)
    cases = rng.choice(stays, size=number, replace=False, p=chance / chance.sum())
    owner, _ = spread(rng.integers(1, 3, number))
    place = actors[rng.integers(0, len(actors), len(owner))]
    alone = np.flatnonzero(owner >= number - lone)
    place[alone] = rng.integers(0, len(places.codes), len(alone))
    person = claims.person[cases[owner]]
    inner = (claims.end // DAY - claims.begin // DAY)[cases[owner]] - 2
    day = claims.begin[cases[owner]] // DAY + 1 + (rng.random(len(owner)) * inner).astype(np.int64)
    templates = plot.templates(place, world.people.sex[person], AMBULANT)
    plot.replay(templates, person, place, _same_clock(plot, templates, day))
