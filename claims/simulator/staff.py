"""The doctors of the county, and who leaves whom his post.

In: places, how many doctors each has, and a generator. Out: `Doctors`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from claims.simulator.arrays import DAY, Choices, Ints, ints
from claims.simulator.diagnoses import GROUPS, SPECIALTY
from claims.simulator.ledger import Ledger
from claims.simulator.people import NEVER
from claims.simulator.places import Places


@dataclass(frozen=True)
class Doctors:
    """One row per doctor, and whom a patient of a diagnosis group sees at a place.

    One row per post comes first, then the successors of those who leave, `number` rows in all.
    Claims are written for a post and signed by whoever holds it on the day; `successor` is -1 where
    nobody leaves, and `cover` stands in while a doctor is away on leave. Further rows, one per
    doctor who leaves, stand for the departed: a claim that carries one keeps it.
    """

    codes: list[str]
    place: Ints
    specialty: list[str]
    seen: Choices
    begun: Ints
    left: Ints
    successor: Ints
    departed: Ints
    away_from: Ints
    away_to: Ints
    cover: Ints
    number: int

    def draw(self, rng: np.random.Generator, place: Ints, group: Ints) -> Ints:
        """A doctor for each claim; -1 at a pharmacy."""
        return self.seen.draw(rng, place * len(GROUPS) + group)

    def incumbent(self, doctor: Ints, day: Ints) -> Ints:
        """Who stands in for each doctor, or holds the post, on a day; -1 stays -1."""
        away = (doctor >= 0) & (day >= self.away_from[doctor]) & (day <= self.away_to[doctor])
        present = np.where(away, self.cover[doctor], doctor)
        gone = (present >= 0) & (day >= self.left[present])
        return np.where(gone, self.successor[present], present)


def make_doctors(rng: np.random.Generator, places: Places, numbers: Ints) -> Doctors:
    """Doctors with their specialties, and the lists from which a claim's doctor is drawn.

    Large hospitals have a doctor or more of every specialty; elsewhere everybody is a general
    practitioner or has a random specialty, and a group without a specialist is seen by anyone.
    """
    wards = sorted(set(SPECIALTY.values()))
    place_of: list[int] = []
    specialty: list[str] = []
    for place, number in enumerate(numbers):
        general = places.level[place] == 9 or places.medins_type[place] == "primary_care"
        order = rng.permutation(len(wards))
        for position in range(int(number)):
            place_of.append(place)
            specialty.append("全科" if general else wards[order[position % len(wards)]])
    rows = []
    for place in range(len(numbers)):
        here = [i for i, home in enumerate(place_of) if home == place]
        for group in GROUPS:
            fit = [i for i in here if specialty[i] == SPECIALTY[group]]
            rows.append(fit or here)
    n = len(place_of)
    codes = [f"D{i:06d}" for i in range(1, n + 1)]
    always, never = np.full(n, -1, dtype=np.int64), np.full(n, NEVER, dtype=np.int64)
    return Doctors(
        codes=codes,
        place=ints(place_of),
        specialty=specialty,
        seen=Choices(rows),
        begun=always,
        left=never,
        successor=always,
        departed=always,
        away_from=never,
        away_to=never,
        cover=always,
        number=n,
    )


def with_turnover(rng: np.random.Generator, doctors: Doctors, share: float, days: int) -> Doctors:
    """Let a share of the doctors leave in a year, each with a successor from the next day on."""
    n = doctors.number
    wanted = min(n, max(1, round(share * n * days / 365.25))) if share > 0 else 0
    leaver = np.sort(rng.choice(n, size=wanted, replace=False)).astype(np.int64)
    day = rng.integers(max(1, days // 8), max(2, days * 3 // 4), wanted)
    new = np.arange(n, n + wanted, dtype=np.int64)
    never = np.full(2 * wanted, NEVER, dtype=np.int64)
    left, successor, departed, away_from, away_to, cover = (
        np.concatenate([column, never])
        for column in (
            doctors.left,
            doctors.successor,
            doctors.departed,
            doctors.away_from,
            doctors.away_to,
            doctors.cover,
        )
    )
    left[leaver], successor[leaver], departed[leaver] = day, new, new + wanted
    codes = [f"D{i + 1:06d}" for i in new] + [doctors.codes[i] for i in leaver]
    twice = np.r_[leaver, leaver]
    return replace(
        doctors,
        codes=doctors.codes + codes,
        place=np.concatenate([doctors.place, doctors.place[twice]]),
        specialty=doctors.specialty + [doctors.specialty[i] for i in twice],
        begun=np.concatenate([doctors.begun, day, never[:wanted]]),
        left=left,
        successor=successor,
        departed=departed,
        away_from=away_from,
        away_to=away_to,
        cover=cover,
        number=n + wanted,
    )


def with_leave(rng: np.random.Generator, doctors: Doctors, share: float, days: int) -> Doctors:
    """Send a share of the doctors on one long leave; a colleague who stays covers each of them."""
    stays = doctors.left[: doctors.number] == NEVER
    stays &= doctors.begun[: doctors.number] < 0
    goes = stays & (rng.random(doctors.number) < share)
    from_day, to_day, cover = (
        column.copy() for column in (doctors.away_from, doctors.away_to, doctors.cover)
    )
    for one in np.flatnonzero(goes).tolist():
        alike = stays & ~goes & (doctors.place[: doctors.number] == doctors.place[one])
        colleagues = np.flatnonzero(alike)
        if len(colleagues):
            from_day[one] = rng.integers(1, max(2, days - 40))
            to_day[one] = from_day[one] + rng.integers(5, 30)
            cover[one] = colleagues[rng.integers(0, len(colleagues))]
    return replace(doctors, away_from=from_day, away_to=to_day, cover=cover)


def sign(doctors: Doctors, ledger: Ledger) -> None:
    """Put on every claim and line the doctor who held the post on its day."""
    claims, lines = ledger.claims, ledger.lines
    claims.doctor[:] = doctors.incumbent(claims.doctor, claims.begin // DAY)
    lines.doctor[:] = doctors.incumbent(lines.doctor, lines.time // DAY)
