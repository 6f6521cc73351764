"""The network's tables: from counts to one row per as-of date and person, institution or doctor.

In: an engine as ``features.build`` leaves it before the profiles: ``history``, ``cut_dates`` and
the contract tables ``insured`` and ``whitelists``. Out: ``network_insured``,
``network_institution``, ``network_doctor``, ``network_groups`` and ``network_days`` in the engine;
rows in the order of their keys, null where a value is not known. What every column of the first
three means stands in ``features/definitions/network.toml``; the last two are the evidence: the
groups' members with the institutions where they meet, and the days on which they did.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.engine import Connection, run
from features.finishing import share
from features.network.claims_seen import Bools, Ints, Seen, read_claims, read_cuts
from features.network.doctors import Filled, doctor_counts, read_filled
from features.network.groups import Groups, Registers, make_groups, read_registers
from features.network.institutions import institution_counts
from features.network.meetings import Meetings, frequent, make_meetings
from features.network.ties import Crowding, Floats, Ties, make_crowding, make_ties
from features.network.visits import Visits, make_visits

Columns = dict[str, npt.NDArray[np.generic]]


def make_network(con: Connection, insured_from: int = 0) -> None:
    """Make the five network tables, one set of rows per row of ``cut_dates``.

    Args:
        insured_from: persons get rows only at as-of days (numbers) from this one on; the last
            as-of day leaves nothing but today's persons.

    Raises:
        ValueError: no as-of date is left for the persons.
    """
    cuts = read_cuts(con)
    if not len(cuts) or cuts.day[-1] < insured_from:
        raise ValueError(
            f"No as-of date on or after day {insured_from} is in cut_dates; persons need one."
        )
    seen = read_claims(con, cuts)
    visits = make_visits(seen)
    often = visits.take(frequent(visits))
    meetings = make_meetings(often)
    registers = read_registers(con, seen)
    filled = read_filled(con, seen)
    parts: dict[str, list[pa.Table]] = {name: [] for name in _KINDS}
    for cut, day in enumerate(cuts.day.tolist()):
        one = _AtCut(seen, visits, often, meetings, registers, filled, cut)
        for name, make in _KINDS.items():
            if name != "insured" or day >= insured_from:
                parts[name].append(_table(day, make(one)))
    for name, tables in parts.items():
        con.register("network_part", pa.concat_tables(tables))
        run(con, f"CREATE OR REPLACE TEMP TABLE network_{name} AS FROM network_part")
        con.unregister("network_part")


class _AtCut:
    """Everything known at one cut date."""

    def __init__(
        self, seen: Seen, visits: Visits, often: Visits, meetings: Meetings,
        registers: Registers, filled: Filled, cut: int,
    ) -> None:  # fmt: skip
        self.seen, self.often, self.registers, self.cut = seen, often, registers, cut
        self.filled = filled
        self.rows: Bools = seen.at(cut)
        self.visits = visits.take(visits.at(cut))
        self.crowding: Crowding = make_crowding(self.visits, int(seen.cuts.day[cut]))
        self.ties: Ties = make_ties(often, meetings, self.crowding, cut)
        self.meetings = meetings
        self.groups: Groups = make_groups(often, meetings, self.ties, registers, cut)


def _table(day: int, columns: Columns) -> pa.Table:
    arrays: dict[str, pa.Array] = {}
    for name, values in columns.items():
        floating = np.issubdtype(values.dtype, np.floating)
        arrays[name] = pa.array(values, from_pandas=True) if floating else pa.array(values)
    rows = len(next(iter(arrays.values())))
    return pa.table({"as_of_day": pa.array(np.full(rows, day, dtype=np.int64)), **arrays})


def _divided(above: Ints, below: Ints) -> Floats:
    with np.errstate(all="ignore"):
        return share(above.astype(np.float64), below.astype(np.float64))


def _insured(one: _AtCut) -> Columns:
    seen, groups, ties, meetings = one.seen, one.groups, one.ties, one.meetings
    people = len(seen.names["insured"])
    rows = np.flatnonzero(np.bincount(seen.insured[one.rows], minlength=people))
    visits = np.bincount(one.visits.spot_person[one.visits.spot], minlength=people)
    company = np.bincount(
        one.often.spot_person, weights=groups.company, minlength=people
    ).astype(np.int64)  # fmt: skip
    both = np.concatenate([meetings.pair_first[ties.pair], meetings.pair_second[ties.pair]])
    other = np.concatenate([meetings.pair_second[ties.pair], meetings.pair_first[ties.pair]])
    person, partner = one.often.spot_person[both], one.often.spot_person[other]
    partners = np.unique(person * max(people, 1) + partner) // max(people, 1)
    days: Ints = np.zeros(people, dtype=np.int64)
    np.maximum.at(days, person, np.concatenate([ties.days, ties.days]))
    lift: Floats = np.full(people, -1.0)
    np.maximum.at(lift, person, np.concatenate([ties.lift, ties.lift]))
    lift[lift < 0] = np.nan
    group = groups.group
    inside = group >= 0
    size = np.where(inside, groups.size[group], 1)
    columns: dict[str, Floats] = {
        "insured_covisit_partners_180": np.bincount(partners, minlength=people).astype(np.float64),
        "insured_covisit_days_180": days.astype(np.float64),
        "insured_covisit_lift_180": lift,
        "insured_covisit_group_180": size.astype(np.float64),
        "insured_covisit_share_180": _divided(company, visits),
        "insured_covisit_institutions_180": np.where(inside, groups.institutions[group], 0.0),
        "insured_covisit_village_180": _of_group(groups.same_village, size, group),
        "insured_covisit_employer_180": _of_group(groups.same_employer, size, group),
        "insured_covisit_listed_180": _of_group(groups.listed, size, group),
    }
    timed = visits > 0
    known = {name: np.where(timed, values, np.nan)[rows] for name, values in columns.items()}
    return {"insured_id": seen.names["insured"][rows], **known}


def _of_group(members: Ints, size: Ints, group: Ints) -> Floats:
    """Return the share of the group's members that something holds of; unknown outside any."""
    return np.where(group >= 0, _divided(members[group], size), np.nan)


def _institution(one: _AtCut) -> Columns:
    seen = one.seen
    counts = institution_counts(seen, one.rows, one.often, one.groups)
    rows = np.flatnonzero(counts["claims"] > 0)
    places = len(counts["claims"])
    timed = np.bincount(seen.institution[one.rows & seen.timed], minlength=places) > 0
    patients, claims = counts["patients"], counts["claims"]
    columns: dict[str, Floats] = {
        "org_covisit_patients_180": np.where(timed, _divided(counts["members"], patients), np.nan),
        "org_covisit_claims_180": np.where(
            timed, _divided(counts["members_claims"], claims), np.nan
        ),
        "org_covisit_group_180": np.where(timed, counts["largest_group"], np.nan),
        "org_shared_patients_180": counts["shared"].astype(np.float64),
        "org_shared_share_180": _divided(counts["shared"], patients),
        "org_connected_180": counts["connected"].astype(np.float64),
        "org_doctor_concentration_180": _squared(
            counts["doctors_squares"], counts["doctors_patients"]
        ),
        "org_community_share_180": _divided(counts["at_home"], patients),
        "org_patient_concentration_180": _squared(counts["squares"], claims),
        "org_patient_loyalty_180": _divided(claims, counts["patients_claims"]),
    }
    return {
        "institution_id": seen.names["institution"][rows],
        **{name: values[rows] for name, values in columns.items()},
    }


def _squared(squares: Ints, total: Ints) -> Floats:
    """Return the sum of squared shares (Herfindahl's index) from the sums of squares and counts."""
    return _divided(squares, total * total)


def _doctor(one: _AtCut) -> Columns:
    counts = doctor_counts(one.seen, one.rows, one.groups, one.filled, one.cut)
    rows = np.flatnonzero(counts["claims"] > 0)
    columns: dict[str, Floats] = {
        "doc_shared_patients_180": counts["shared"].astype(np.float64),
        "doc_shared_share_180": _divided(counts["shared"], counts["patients"]),
        "doc_group_share_180": _divided(counts["group_patients"], counts["patients"]),
        "doc_pharmacy_share_180": _divided(counts["one_pharmacy"], counts["prescriptions"]),
    }
    return {
        "doctor_id": one.seen.names["doctor"][rows],
        **{name: values[rows] for name, values in columns.items()},
    }


def _groups(one: _AtCut) -> Columns:
    groups, visits, names = one.groups, one.often, one.seen.names
    spot = groups.evidence_spot
    person, place = visits.spot_person[spot], visits.spot_place[spot]
    group = groups.group[person]
    order = np.lexsort((place, person, group))
    group, person, place, spot = group[order], person[order], place[order], spot[order]
    return {
        "group_id": names["insured"][group],
        "insured_id": names["insured"][person],
        "institution_id": names["institution"][place],
        "group_size": groups.size[group],
        "partners": groups.evidence_partners[order],
        "shared_days": groups.company[spot],
        "visit_days": one.crowding.days[spot],
        "lift": groups.evidence_lift[order],
        "same_village": groups.same_village[group],
        "same_employer": groups.same_employer[group],
        "listed": groups.listed[group],
    }


def _days(one: _AtCut) -> Columns:
    visits, names, met = one.often, one.seen.names, one.groups.met
    person = visits.spot_person[visits.spot[met]]
    place, day = visits.place[met], visits.day[met]
    group = one.groups.group[person]
    order = np.lexsort((day, place, person, group))
    return {
        "group_id": names["insured"][group[order]],
        "insured_id": names["insured"][person[order]],
        "institution_id": names["institution"][place[order]],
        "service_day": day[order],
    }


_KINDS: dict[str, Callable[[_AtCut], Columns]] = {
    "insured": _insured,
    "institution": _institution,
    "doctor": _doctor,
    "groups": _groups,
    "days": _days,
}
