"""Intake of the network: claims as arrays, each with the cut dates at which it counts.

In: an engine with ``history`` and ``cut_dates``. Out: ``Seen``. A claim counts at a cut date if it
was known before it, took place in the window before it and was not known to be reversed: an
interval of cut dates, so that everything is prepared once for the whole span and then looked at
date by date.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from claims.engine import Connection

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Days looked back at, half-open up to the as-of date.
WINDOW_DAYS = 180
_IDS = ("insured", "institution", "doctor")


@dataclass(frozen=True)
class Cuts:
    """As-of dates in ascending order: day number and first microsecond that is not known."""

    day: Ints
    us: Ints

    def __len__(self) -> int:
        """Return the number of dates."""
        return len(self.day)


@dataclass(frozen=True)
class Seen:
    """Claims, one element each in every array; ids are places in the sorted ``names``.

    Attributes:
        names: entity -> its pseudonyms in byte order.
        doctor: -1 where none is named.
        post: number of the pair (institution, doctor), -1 without a doctor.
        post_institution: the institution of each post.
        day, us: local day and moment of the service.
        timed: whether the time of day is known.
        since, until: half-open interval of places in ``cuts`` at which the claim counts.
    """

    cuts: Cuts
    names: dict[str, npt.NDArray[np.str_]]
    insured: Ints
    institution: Ints
    doctor: Ints
    post: Ints
    post_institution: Ints
    day: Ints
    us: Ints
    timed: Bools
    since: Ints
    until: Ints

    def at(self, cut: int) -> Bools:
        """Tell which claims count at a cut date."""
        return (self.since <= cut) & (cut < self.until)


def read_cuts(con: Connection) -> Cuts:
    """Return the rows of ``cut_dates`` in ascending order."""
    rows = con.sql("SELECT as_of_day, as_of_us FROM cut_dates ORDER BY 1").fetchnumpy()
    return Cuts(rows["as_of_day"].astype(np.int64), rows["as_of_us"].astype(np.int64))


def interval(cuts: Cuts, known: Ints, day: Ints, reversed_us: Ints) -> tuple[Ints, Ints]:
    """Return the half-open interval of cut dates at which claims count; it may be empty.

    Args:
        known: when each became known.
        day: local day of the service.
        reversed_us: when its reversal became known, -1 where it has none. At that very moment
            nothing is known of it yet.
    """
    since = np.maximum(
        np.searchsorted(cuts.us, known, side="right"), np.searchsorted(cuts.day, day, side="right")
    )
    until = np.searchsorted(cuts.day, day + WINDOW_DAYS, side="right")
    gone = np.searchsorted(cuts.us, reversed_us, side="right")
    until = np.where(reversed_us >= 0, np.minimum(until, gone), until)
    return since.astype(np.int64), until.astype(np.int64)


def read_claims(con: Connection, cuts: Cuts) -> Seen:
    """Return every claim that counts at some cut date."""
    names = {entity: _names(con, entity) for entity in _IDS}
    ranked = " ".join(
        f"LEFT JOIN (SELECT {e}_id, row_number() OVER (ORDER BY {e}_id) - 1 AS place "
        f"FROM (SELECT DISTINCT {e}_id FROM history WHERE {e}_id IS NOT NULL)) r_{e} "
        f"ON r_{e}.{e}_id = h.{e}_id"
        for e in _IDS
    )
    picked = ", ".join(f"CAST(COALESCE(r_{e}.place, -1) AS BIGINT) AS {e}" for e in _IDS)
    rows = con.sql(
        f"""SELECT {picked}, CAST(h.service_day AS BIGINT) AS day, h.service_us AS us,
        h.service_hour IS NOT NULL AS timed, h.known_us, COALESCE(h.reversed_us, -1) AS reversed_us
        FROM history h {ranked}
        WHERE h.insured_id IS NOT NULL AND h.institution_id IS NOT NULL"""
    ).fetchnumpy()
    since, until = interval(cuts, rows.pop("known_us"), rows["day"], rows.pop("reversed_us"))
    kept = since < until
    columns = {name: np.asarray(values)[kept] for name, values in rows.items()}
    posts, post = _posts(columns["institution"], columns["doctor"], len(names["doctor"]))
    return Seen(
        cuts=cuts, names=names, **columns, post=post, post_institution=posts,
        since=since[kept], until=until[kept],
    )  # fmt: skip


def _names(con: Connection, entity: str) -> npt.NDArray[np.str_]:
    """Return the pseudonyms of an entity that occur, in byte order."""
    text = f"SELECT DISTINCT {entity}_id FROM history WHERE {entity}_id IS NOT NULL ORDER BY 1"
    return np.array([name for (name,) in con.sql(text).fetchall()], dtype=np.str_)


def _posts(institution: Ints, doctor: Ints, doctors: int) -> tuple[Ints, Ints]:
    """Return the institution of each post, and the post of each claim."""
    named = doctor >= 0
    keys, number = np.unique(
        institution[named] * max(doctors, 1) + doctor[named], return_inverse=True
    )
    post: Ints = np.full(len(doctor), -1, dtype=np.int64)
    post[named] = number
    return keys // max(doctors, 1), post
