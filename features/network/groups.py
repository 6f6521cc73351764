"""Groups: people linked by strong ties, with the evidence and what may be innocent about them.

In: the ties of one cut date and the registers. Out: ``Groups``: the connected components of the
strong ties; for each member and place how often he was there in company; the members who share a
village, an employer, or stand on a white list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from claims.engine import Connection
from features.network.claims_seen import Ints, Seen
from features.network.meetings import Meetings
from features.network.ties import Floats, Ties
from features.network.visits import Visits, runs

#: The rule from which a white list may exempt a person; an entry without a rule exempts from all.
RULE_ID = "CO_VISIT_GROUP"


@dataclass(frozen=True)
class Registers:
    """What is known about the people; places in arrays are those of ``Seen.names``.

    Attributes:
        village, employer: number of each person's village and employer, -1 where unknown.
        listed: rows of white lists: person, first and last cut date (half-open) at which it holds.
    """

    village: Ints
    employer: Ints
    listed: tuple[Ints, Ints, Ints]


@dataclass(frozen=True)
class Groups:
    """Groups of one cut date, all arrays of places in ``Seen.names``.

    Attributes:
        group: for each person the smallest member of the group, -1 outside any.
        size, institutions: by that smallest member.
        same_village, same_employer, listed: by that smallest member, how many members live in the
            commonest village, work for the commonest employer, stand on a white list.
        evidence: one row per member and institution: spot, partners, shared days, largest lift.
        met: rows of the visits in company of a member, ascending.
        company: for each spot how many these are.
    """

    group: Ints
    size: Ints
    institutions: Ints
    same_village: Ints
    same_employer: Ints
    listed: Ints
    evidence_spot: Ints
    evidence_partners: Ints
    evidence_lift: Floats
    met: Ints
    company: Ints


def read_registers(con: Connection, seen: Seen) -> Registers:
    """Return village, employer and white lists from the contract tables of the engine."""
    rows = con.sql("SELECT insured_id, village_id, employer_id FROM insured").fetchall()
    place = {name: number for number, name in enumerate(seen.names["insured"].tolist())}
    villages = _numbered(place, [(row[0], row[1]) for row in rows])
    employers = _numbered(place, [(row[0], row[2]) for row in rows])
    listed = con.sql(
        f"""SELECT insured_id, CAST(valid_from - DATE '1970-01-01' AS BIGINT),
        CAST(valid_to - DATE '1970-01-01' AS BIGINT), epoch_us(known_at) FROM whitelists
        WHERE insured_id IS NOT NULL AND (rule_id IS NULL OR rule_id = '{RULE_ID}')"""
    ).fetchall()
    listed = [(place[row[0]], *row[1:]) for row in listed if row[0] in place]
    cuts = seen.cuts
    person, since, until = (np.zeros(len(listed), dtype=np.int64) for _ in range(3))
    for number, (who, begins, ends, known) in enumerate(listed):
        person[number] = who
        begun = np.searchsorted(cuts.day, begins, side="right")
        told = 0 if known is None else np.searchsorted(cuts.us, known, side="right")
        since[number] = max(begun, told)
        until[number] = len(cuts) if ends is None else np.searchsorted(cuts.day, ends, side="right")
    return Registers(villages, employers, (person, since, until))


def _numbered(place: dict[str, int], pairs: list[tuple[str, str | None]]) -> Ints:
    names = sorted({name for _, name in pairs if name is not None})
    numbers = {name: number for number, name in enumerate(names)}
    found: Ints = np.full(len(place), -1, dtype=np.int64)
    for person, name in pairs:
        if person in place and name is not None:
            found[place[person]] = numbers[name]
    return found


def make_groups(
    visits: Visits, meetings: Meetings, ties: Ties, registers: Registers, cut: int
) -> Groups:
    """Return the groups of a cut date.

    Args:
        visits: the frequent ones to which the meetings' rows belong.
    """
    strong = ties.pair[ties.strong]
    first, second = meetings.pair_first[strong], meetings.pair_second[strong]
    people = len(registers.village)
    group = _components(visits.spot_person[first], visits.spot_person[second], people)
    member = np.flatnonzero(group >= 0)
    spots = np.concatenate([first, second])
    lift = np.concatenate([ties.lift[ties.strong]] * 2)
    order = np.lexsort((-lift, spots))
    starts = runs(spots[order])
    person, since, until = registers.listed
    on_list = np.unique(person[(since <= cut) & (cut < until)])
    on_list = on_list[group[on_list] >= 0]
    spot = spots[order][starts[:-1]]
    owner = group[visits.spot_person[spot]]
    houses = np.unique(
        owner * (int(visits.spot_place.max(initial=0)) + 1) + visits.spot_place[spot]
    )
    met = _met(meetings, strong, cut)
    return Groups(
        group=group,
        size=np.bincount(group[member], minlength=people),
        institutions=np.bincount(
            houses // (int(visits.spot_place.max(initial=0)) + 1), minlength=people
        ),
        same_village=_commonest(group, registers.village),
        same_employer=_commonest(group, registers.employer),
        listed=np.bincount(group[on_list], minlength=people),
        evidence_spot=spot,
        evidence_partners=np.diff(starts),
        evidence_lift=lift[order][starts[:-1]],
        met=met,
        company=np.bincount(visits.spot[met], minlength=len(visits.spot_place)),
    )


def _components(first: Ints, second: Ints, people: int) -> Ints:
    """Return for each person the smallest one of the component, -1 for those without a tie."""
    if not len(first):
        return np.full(people, -1, dtype=np.int64)
    shape = (people, people)
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=shape)
    _, label = connected_components(graph, directed=False)
    members = np.unique(np.concatenate([first, second]))
    smallest: Ints = np.full(int(label.max()) + 1, people, dtype=np.int64)
    np.minimum.at(smallest, label[members], members)
    group: Ints = np.full(people, -1, dtype=np.int64)
    group[members] = smallest[label[members]]
    return group


def _commonest(group: Ints, attribute: Ints) -> Ints:
    """Return, by group, how many members share the commonest known value of an attribute."""
    rows = np.flatnonzero((group >= 0) & (attribute >= 0))
    order = np.lexsort((attribute[rows], group[rows]))
    owner, value = group[rows][order], attribute[rows][order]
    starts = runs(owner, value)
    found: Ints = np.zeros(len(group), dtype=np.int64)
    np.maximum.at(found, owner[starts[:-1]], np.diff(starts))
    return found


def _met(meetings: Meetings, strong: Ints, cut: int) -> Ints:
    """Return the rows of visits in company of a strong tie."""
    chosen = np.zeros(len(meetings.pair_first), dtype=np.bool_)
    chosen[strong] = True
    rows = np.flatnonzero(chosen[meetings.pair] & meetings.at(cut))
    both = np.concatenate([meetings.first[rows], meetings.second[rows]])
    return np.unique(both).astype(np.int64)
