"""What the schemes share.

Who acts, which cases are chosen, and how a case is copied from an innocent template.

In: the world, the ledger and the parameters of one scheme. Out: positions in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from claims.simulator.arrays import DAY, Bools, Ints, some
from claims.simulator.basket import in_hours
from claims.simulator.ledger import INPATIENT, Claims, Ledger, Lines, pick
from claims.simulator.parameters import SchemeParameters
from claims.simulator.people import YEAR
from claims.simulator.stays import StayIndex
from claims.simulator.world import World

USUAL_PLACES = 50


@dataclass
class Plot:
    """One scheme while it is planted."""

    world: World
    ledger: Ledger
    spec: SchemeParameters
    number: int
    rng: np.random.Generator
    _stays: tuple[int, StayIndex] | None = None
    _templates: dict[tuple[int, ...], tuple[Ints, Ints, Ints]] = field(default_factory=dict)

    def aside(self) -> np.random.Generator:
        """A generator of its own for a detail, so that the scheme's other choices stay."""
        found: np.random.Generator = self.rng.spawn(1)[0]
        return found

    @property
    def onset(self) -> int:
        """The first day of the scheme."""
        return self.world.calendar.onset(self.spec.onset_month)

    def begun(self) -> Bools:
        """Which claims begin after the onset (of the living.

        The dead are a scheme of their own).
        """
        claims = self.ledger.claims
        return claims.begin >= self.onset * DAY

    def adapts(self, day: Ints) -> Bools:
        """Which cases of these days stay just under a usual limit."""
        late = day >= self.world.calendar.days // 2
        found: Bools = late & (self.rng.random(len(day)) < self.spec.adaptive_share)
        return found

    def actors(self, suitable: Bools, weight: Ints | None = None) -> Ints:
        """Places that act, drawn by temptation among the suitable (or any) that have the weight."""
        able = np.ones(len(suitable), dtype=bool) if weight is None else weight > 0
        pool = np.flatnonzero(suitable & able)
        if len(pool) == 0:
            pool = np.flatnonzero(able)
        number = min(self._number_of_actors(), len(pool))
        if number == 0 or self.spec.share <= 0:
            return pool[:0].astype(np.int64)
        chance = self.world.places.temptation[pool]
        drawn = self.rng.choice(pool, size=number, replace=False, p=chance / chance.sum())
        return drawn.astype(np.int64)

    def _number_of_actors(self) -> int:
        """As many as the parameters say, and more in proportion where there are more places."""
        return round(self.spec.actors * max(1.0, len(self.world.places.codes) / USUAL_PLACES))

    def cases(self, eligible: Ints, place: Ints, suitable: Bools) -> Ints:
        """The cases among `eligible`: a share of each actor's and scattered ones of the others'.

        A large house plants no more than twice what a place of mean size would: volume hides, it
        does not tempt.
        """
        weight = np.bincount(place, minlength=len(suitable))
        most = 2 * weight[weight > 0].mean() if len(place) else 0.0
        actors = self.actors(suitable, weight)
        chosen = []
        for actor in actors:
            share = self.spec.share * min(1.0, most / weight[actor])
            chosen.append(some(self.rng, eligible[place == actor], share))
        others = eligible[~np.isin(place, actors)]
        scattered = self.rng.binomial(len(others), self.spec.scattered)
        chosen.append(
            self.rng.choice(others, size=scattered, replace=False) if scattered else others[:0]
        )
        return np.sort(np.concatenate(chosen))

    def stay_index(self) -> StayIndex:
        """Who is in hospital when, as the ledger stands."""
        known = self.ledger.stays
        if self._stays is None or self._stays[0] != known:
            self._stays = (known, StayIndex(self.ledger.claims))
        return self._stays[1]

    def clean(self) -> Bools:
        """Claims without anything planted."""
        return ~self.ledger.tainted()

    def available(self, person: Ints, begin: Ints, end: Ints) -> Bools:
        """Whether a person is alive, within the period and in no hospital from `begin` to `end`."""
        people, index = self.world.people, self.stay_index()
        fits = people.alive(person, begin // DAY) & people.alive(person, end // DAY)
        fits &= (end < self.world.calendar.days * DAY) & (begin >= 0)
        return fits & ~index.inside(person, begin) & (index.free_until(person, begin) >= end)

    def templates(self, place: Ints, sex: Ints, kinds: tuple[int, ...]) -> Ints:
        """For each case an innocent claim by a person of the sex.

        At the place if it has one, -1 if nobody has.
        """
        rows, home, sexes = self._by_place(kinds)
        shop = self.world.places.is_pharmacy
        found = np.full(len(place), -1, dtype=np.int64)
        for one in np.unique(place).tolist():
            here = slice(*np.searchsorted(home, (one, one + 1)).tolist())
            for each in (1, 2):
                cases = np.flatnonzero((place == one) & (sex == each))
                if len(cases) == 0:
                    continue
                pool = rows[here][sexes[here] == each]
                if len(pool) == 0:
                    pool = rows[(shop[home] == shop[one]) & (sexes == each)]
                if len(pool):
                    found[cases] = self.rng.choice(pool, size=len(cases))
        return found

    def _by_place(self, kinds: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
        """Innocent claims of these kinds in order of place, with place and the person's sex.

        As they were when first asked for.
        """
        if kinds not in self._templates:
            claims = self.ledger.claims
            usable = np.flatnonzero(self.clean() & np.isin(claims.kind, kinds))
            order = np.argsort(claims.place[usable], kind="stable")
            rows = usable[order].astype(np.int64)
            sexes = self.world.people.sex[claims.person[rows]]
            self._templates[kinds] = (rows, claims.place[rows], sexes)
        return self._templates[kinds]

    def replay(
        self, templates: Ints, person: Ints, place: Ints, begin: Ints, *, any_hour: bool = False
    ) -> Ints:
        """Plant copies of templates for other people, places and times, as a whole wrong.

        -1 is left out. Returns the positions of the lines.
        """
        claims, lines = self.copies(templates, person, place, begin)
        return self.plant_whole(claims, lines, any_hour=any_hour)

    def copies(
        self, templates: Ints, person: Ints, place: Ints, begin: Ints
    ) -> tuple[Claims, Lines]:
        """Copies of templates for other people, places and times; -1 is left out."""
        usable = templates >= 0
        claims, lines = self.ledger.copy(templates[usable], begin[usable])
        claims.person = person[usable]
        self.move(claims, lines, place[usable])
        return claims, lines

    def move(self, claims: Claims, lines: Lines, place: Ints) -> None:
        """Move a block to other places.

        Their doctors, and their prices where the place is another.
        """
        moved = claims.place != place
        claims.place = place
        rows = np.flatnonzero(moved & (claims.diagnosis >= 0))
        claims.doctor[rows] = self.world.doctor(self.rng, place[rows], claims.diagnosis[rows])
        lines.doctor = claims.doctor[lines.claim]
        price = self.world.price(lines.item, place[lines.claim], lines.time // DAY)
        lines.price = np.where(moved[lines.claim], price, lines.price)

    def plant_whole(self, claims: Claims, lines: Lines, *, any_hour: bool = False) -> Ints:
        """Add a block all of whose lines should not have been billed; returns their positions.

        What ends after the period is left out; what falls outside opening hours is moved into them,
        unless the hour is the point.
        """
        claims, lines = pick(claims, lines, claims.end < self.world.calendar.days * DAY)
        if len(claims) == 0:
            return claims.person
        if not any_hour:
            in_hours(self.world, claims, lines)
        # A copy may be later than its template, and a price cap may have fallen in between.
        cap = self.world.cap(lines.item, claims.place[lines.claim], lines.time // DAY)
        lines.price = np.minimum(lines.price, cap)
        _, new = self.ledger.add(claims, lines)
        self.ledger.mark_whole(new, self.number)
        return new

    def never_bought(self, lines: Ints) -> None:
        """Note that these goods never were on the shelf, so that no purchase shows them."""
        self.ledger.notes.unbought.append((lines, np.zeros_like(lines)))

    def activity(self, kinds: tuple[int, ...]) -> Ints:
        """Innocent claims of these kinds at each place."""
        claims = self.ledger.claims
        usable = self.clean() & np.isin(claims.kind, kinds)
        return np.bincount(claims.place[usable], minlength=len(self.world.places.codes))

    def adults(self, age: int) -> Ints:
        """Who is at least so old at the start, survives the period and lives at home."""
        people = self.world.people
        fits = (people.birth < -age * YEAR) & (people.death > self.world.calendar.days)
        return np.flatnonzero(fits & ~people.care_home).astype(np.int64)

    def days(self, size: int, *, spare: int = 2) -> Ints:
        """Days after the onset, `spare` days before the end at the latest."""
        last = max(self.onset + 1, self.world.calendar.days - spare)
        return self.rng.integers(self.onset, last, size)

    def number_of(self, actor: int, count: Ints, least: int = 1) -> int:
        """How many cases an actor plants: a share of what it does after the onset."""
        left = 1 - self.onset / self.world.calendar.days
        return max(least, round(self.spec.share * left * int(count[actor])))

    def nights(self) -> Ints:
        """Nights of each claim that is a stay settled at once, 0 of the others."""
        claims = self.ledger.claims
        settlements = np.bincount(claims.visit, minlength=len(claims))[claims.visit]
        single = (claims.kind == INPATIENT) & (settlements == 1)
        return np.where(single, claims.end // DAY - claims.begin // DAY, 0)
