"""Comparison of profiles with those of their peers, as of one day.

In: finished values of one feature, a row per unit, and a ladder of groupings, the closest first.
Out: a robust z, a percentile, a ratio or an excess over the median, NaN where nobody compares.

A unit is compared inside the closest group of the ladder that holds enough known values, itself
included. The ladders:

| entity | rungs | least |
|---|---|---|
| institution | class and level; class; all | 5 |
| doctor | class of the place and specialty; specialty; all | 5 |
| employer | kind and industry; kind; all | 5 |
| insured | age band, sex and chronic status; age band and sex; age band; all | 30 |

The period is the day's own: values of different as-of days are never mixed. Claims have a ladder of
their own, with department and disease group (features.queries.PEER_RUNGS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claims.engine import Connection, run
from features.finishing import MAD_TO_SD, SHRINKAGE

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
#: One rung of a ladder: the rows of every group.
Rung = Sequence[npt.NDArray[np.intp]]

#: Known values that a group must hold to be compared with.
MINIMUM: Mapping[str, int] = {"institution": 5, "doctor": 5, "employer": 5, "insured": 30}
#: First ages of the bands in which persons are compared.
AGE_BANDS = (0, 7, 18, 45, 60, 75)

#: Entity -> what its register says of it: its id and the parts of its groups, a row per id.
REGISTERS: Mapping[str, str] = {
    "institution": "SELECT institution_id, MIN(institution_class) AS part_0, MIN(level) AS part_1 "
    "FROM institution_rows GROUP BY institution_id",
    "doctor": "SELECT r.doctor_id, MIN(o.institution_class) AS part_0, MIN(r.specialty) AS part_1 "
    "FROM doctor_rows r LEFT JOIN institution_rows o ON o.institution_id = r.institution_id "
    "GROUP BY r.doctor_id",
    "employer": "SELECT employer_id, MIN(employer_kind) AS part_0, MIN(industry) AS part_1 "
    "FROM employer_rows GROUP BY employer_id",
    "insured": "SELECT insured_id, MIN(sex) AS part_0, MIN(chronic) AS part_1, "
    "MIN(birth_day) AS part_2 FROM insured_rows GROUP BY insured_id",
}
#: Id -> what its register says of it.
Register = Mapping[str, Sequence[Any]]


def parts_of(entity: str) -> list[str]:
    """Return the columns of a register beside the id."""
    return [f"part_{place}" for place in range(3 if entity == "insured" else 2)]


def read_register(con: Connection, entity: str) -> Register:
    """Return what an entity's register says of every id."""
    return {name: rest for name, *rest in run(con, REGISTERS[entity])}


def ladder(register: Register, entity: str, ids: Sequence[str], day: int) -> list[Names]:
    """Return the group of each unit on every rung, as of a day."""
    nobody = [None] * len(parts_of(entity))
    said = [register.get(name, nobody) for name in ids]
    if entity == "insured":
        said = [[_age_band(birth, day), sex, chronic] for sex, chronic, birth in said]
    if entity == "doctor":
        said = [[specialty, kind] for kind, specialty in said]
    parts = len(nobody)
    rungs = [["|".join(map(str, row[:kept])) for row in said] for kept in range(parts, -1, -1)]
    return [np.array(rung, dtype=np.str_) for rung in rungs]


def grouped(names: Names) -> Rung:
    """Return the rows of every group, from the name of each row's group."""
    if not len(names):
        return []
    _, places = np.unique(names, return_inverse=True)
    order = np.argsort(places, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(places[order])) + 1)


def _age_band(birth_day: int | None, day: int) -> int | None:
    if birth_day is None:
        return None
    age = (day - birth_day) / 365.25
    return max((band for band in AGE_BANDS if band <= age), default=0)


def compare(
    kind: str, values: Array, rungs: Sequence[Rung], least: int, atoms: Sequence[Array] = ()
) -> Array:
    """Return the comparison of each value inside the closest group that is large enough.

    Args:
        kind: z, rank, ratio or excess.
        values: shape (n,), NaN where unknown.
        rungs: groupings of the n rows, the closest first.
        least: known values that a group must hold.
        atoms: of a ratio the numerator and denominator, shape (n,) each.
    """
    result = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    for rung in rungs:
        open_ = known & np.isnan(result)
        for rows in rung:
            if known[rows].sum() < least or not open_[rows].any():
                continue
            own = rows[known[rows]]
            compared = _KINDS[kind](values[own], [atom[own] for atom in atoms])
            result[own] = np.where(open_[own], compared, result[own])
    return result


def _median(values: Array) -> float:
    """Return the median; np.median gives the same bits in ten times the time on a small group."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) / 2.0)


def _robust_z(values: Array, atoms: Sequence[Array]) -> Array:
    """Return the robust z; the spread is at least 5 % of the median's size or 0.01."""
    median = _median(values)
    mad = _median(np.abs(values - median))
    spread = max(MAD_TO_SD * mad, 0.05 * abs(median), 0.01)
    return np.asarray(np.clip((values - median) / spread, -50.0, 50.0))


def _rank(values: Array, atoms: Sequence[Array]) -> Array:
    """Return the mid-rank among the group, itself included, over its size."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    upto = np.searchsorted(ordered, values, "right")
    return (below + upto) / (2.0 * len(values))


def _excess(values: Array, atoms: Sequence[Array]) -> Array:
    """Return what is above the group's median."""
    return values - _median(values)


def _ratio(values: Array, atoms: Sequence[Array]) -> Array:
    """Return the unit's ratio over that of all others together, shrunken towards 1.

    The unit's own weight is b / (b + SHRINKAGE), where b is its denominator (claims, days).
    """
    a, b = atoms
    others = (a.sum() - a) / np.where(b.sum() - b > 0, b.sum() - b, np.nan)
    weight = b / (b + SHRINKAGE)
    own = a / np.where(b > 0, b, np.nan)
    return weight * own / np.where(others > 0, others, np.nan) + (1.0 - weight)


_KINDS: Mapping[str, Callable[[Array, Sequence[Array]], Array]] = {
    "z": _robust_z, "rank": _rank, "excess": _excess, "ratio": _ratio,
}  # fmt: skip
