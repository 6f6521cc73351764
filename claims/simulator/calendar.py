"""When people seek care: season, weekday, festival and hour.

In: the first day and the number of months. Out: day weights and clock times. The bumps in March (a
new year's entitlements) and December (entitlements about to lapse) are innocent and must not look
like anything else.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from claims.simulator.arrays import DAY, HOUR, Floats, Ints, ints, weighted

MONTH_WEIGHT = (1.10, 0.92, 1.15, 1.0, 0.97, 0.94, 0.93, 0.92, 0.95, 0.95, 1.05, 1.16)
CLINIC_WEEK = (1.25, 1.1, 1.05, 1.05, 1.05, 0.8, 0.65)
SHOP_WEEK = (1.0, 0.97, 0.97, 0.98, 1.02, 1.05, 1.02)
# Days from the first of the month of the lunar new year, as far as a simulation is likely to go.
FESTIVALS = (
    date(2023, 1, 21),
    date(2024, 2, 9),
    date(2025, 1, 28),
    date(2026, 2, 16),
    date(2027, 2, 5),
)


@dataclass(frozen=True)
class Calendar:
    """The days of the simulation, numbered from 0."""

    start: date
    months: int
    days: int
    month_starts: Ints
    month: Ints
    weekday: Ints
    clinic: Floats
    shop: Floats

    def month_of(self, day: Ints) -> Ints:
        """Months since the start."""
        return np.searchsorted(self.month_starts, day, side="right").astype(np.int64) - 1

    def onset(self, months: int) -> int:
        """The day a scheme begins.

        After `months`, or a third of the way if the county is too short for it.
        """
        return int(self.month_starts[min(months, self.months // 3)])

    def day_of(self, month: int) -> int:
        """The first day of a month counted from the start; the day after the end if never."""
        return int(self.month_starts[month]) if month < self.months else self.days

    def year_of(self, day: Ints) -> Ints:
        """Calendar years since that of the start."""
        months = self.start.month - 1 + self.month_of(np.clip(day, 0, self.days - 1))
        return months // 12

    def turn_of_year(self) -> int:
        """The day number of the first 1 January after the start."""
        return (date(self.start.year + 1, 1, 1) - self.start).days


def load_calendar(start: date, months: int) -> Calendar:
    """Number the days of `months` months from `start` (the first of a month) and weigh them."""
    starts = [0]
    month_numbers = []
    current = start
    for _ in range(months):
        length = monthrange(current.year, current.month)[1]
        month_numbers += [current.month] * length
        starts.append(starts[-1] + length)
        current += timedelta(days=length)
    days = starts[-1]
    weekday = (np.arange(days, dtype=np.int64) + start.weekday()) % 7
    season = np.asarray(MONTH_WEIGHT)[np.asarray(month_numbers) - 1]
    closed, busy = _festivals(start, days)
    return Calendar(
        start=start,
        months=months,
        days=days,
        month_starts=ints(starts[:-1]),
        month=ints(month_numbers),
        weekday=weekday,
        clinic=season * np.asarray(CLINIC_WEEK)[weekday] * closed,
        shop=season * np.asarray(SHOP_WEEK)[weekday] * (0.5 + 0.5 * closed) * busy,
    )


def _festivals(start: date, days: int) -> tuple[Floats, Floats]:
    """Factors for the festival week: clinics nearly closed, pharmacies busy in the week before."""
    closed, busy = np.ones(days), np.ones(days)
    openings = [(festival - start).days for festival in FESTIVALS]
    openings += [(date(year, 10, 1) - start).days for year in range(start.year, start.year + 10)]
    for first in openings:
        closed[max(first, 0) : max(first + 7, 0)] = 0.35
        busy[max(first - 7, 0) : max(first, 0)] = 1.25
    return closed, busy


def draw_days(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Days drawn by weight."""
    return weighted(rng, weights, size)


def clinic_clock(rng: np.random.Generator, size: int) -> Ints:
    """Seconds of the day of an outpatient visit.

    Morning, afternoon, and three per cent emergencies at any hour.
    """
    part = rng.random(size)
    morning = 9.3 * HOUR + rng.normal(0.0, 0.9 * HOUR, size)
    afternoon = 15.0 * HOUR + rng.normal(0.0, 1.0 * HOUR, size)
    emergency = rng.random(size) * DAY
    clock = np.where(part < 0.62, morning, np.where(part < 0.97, afternoon, emergency))
    return np.clip(clock, 0, DAY - 2 * HOUR).astype(np.int64)


def shop_clock(rng: np.random.Generator, size: int) -> Ints:
    """Seconds of the day of a purchase: a peak at opening, one after work, few at night."""
    part = rng.random(size)
    opening = 8.0 * HOUR + rng.exponential(1.2 * HOUR, size)
    evening = 18.2 * HOUR + rng.normal(0.0, 1.1 * HOUR, size)
    between = 8.0 * HOUR + rng.random(size) * 13 * HOUR
    night = rng.random(size) * DAY
    clock = np.where(part < 0.34, opening, np.where(part < 0.63, evening, between))
    return np.clip(np.where(part > 0.985, night, clock), 0, DAY - HOUR).astype(np.int64)
