"""What every generator and scheme needs to know of the county, in one frozen bundle.

In: sizes, parameters and generators. Out: `World`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import Floats, Ints
from claims.simulator.calendar import Calendar, load_calendar
from claims.simulator.diagnoses import Diagnoses, load_diagnoses
from claims.simulator.items import Items, load_items
from claims.simulator.parameters import Parameters
from claims.simulator.people import People, make_people
from claims.simulator.places import Places, make_places
from claims.simulator.staff import Doctors, make_doctors, with_leave, with_turnover


@dataclass(frozen=True)
class World:
    """The county without its claims."""

    parameters: Parameters
    calendar: Calendar
    items: Items
    diagnoses: Diagnoses
    places: Places
    doctors: Doctors
    people: People

    def price(self, item: Ints, place: Ints, day: Ints) -> Ints:
        """What an honest institution charges for an item on a day, in fen."""
        factor: Floats = self.places.factor[place]
        return self.items.price(item, self.places.level[place], day, factor)

    def cap(self, item: Ints, place: Ints, day: Ints) -> Ints:
        """What an institution may charge at most for an item on a day, in fen."""
        return self.items.cap(item, self.places.level[place], day)

    def doctor(self, rng: np.random.Generator, place: Ints, diagnosis: Ints) -> Ints:
        """A doctor who sees this diagnosis at this place."""
        return self.doctors.draw(rng, place, self.diagnoses.group[diagnosis])


def make_world(
    seeds: list[np.random.SeedSequence],
    parameters: Parameters,
    *,
    insured: int,
    months: int,
    institutions: int,
    pharmacies: int,
) -> World:
    """Draw places, doctors and people, each from its own seed."""
    calendar = load_calendar(parameters.start, months)
    policy, diagnoses = parameters.policy, load_diagnoses()
    tender_day = calendar.day_of(policy.tender_month)
    items = load_items(calendar.turn_of_year(), tender_day, policy.tender_share)
    places, numbers = make_places(np.random.default_rng(seeds[0]), institutions, pharmacies)
    staffing = np.random.default_rng(seeds[1])
    care, days = parameters.care, calendar.days
    doctors = make_doctors(staffing, places, numbers)
    doctors = with_turnover(staffing, doctors, care.doctor_turnover, days)
    doctors = with_leave(staffing, doctors, care.leave_share, days)
    people = make_people(
        np.random.default_rng(seeds[2]),
        insured,
        parameters.people,
        places,
        items,
        diagnoses,
        calendar,
    )
    return World(parameters, calendar, items, diagnoses, places, doctors, people)
