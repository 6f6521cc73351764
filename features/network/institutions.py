"""Institutions in the network: whose patients they share, and how closely these keep to them.

In: claims and groups of one cut date. Out: integer counts per institution, to be divided later.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from features.network.claims_seen import Bools, Ints, Seen
from features.network.communities import communities
from features.network.groups import Groups
from features.network.visits import Visits, runs

#: Institutions that share fewer patients than this are not counted as connected.
LEAST_SHARED = 10


def count_table(rows: Ints, columns: Ints, shape: tuple[int, int]) -> csr_array:
    """Return how often each (row, column) occurs, as a sparse table of int64."""
    ones = np.ones(len(rows), dtype=np.int64)
    table = csr_array((ones, (rows, columns)), shape=shape)
    table.sum_duplicates()
    return table


def distinct(table: csr_array) -> csr_array:
    """Return the table with 1 wherever it counts anything."""
    ones = np.ones(len(table.data), dtype=np.int64)
    return csr_array((ones, table.indices, table.indptr), shape=table.shape)


def row_sums(table: csr_array) -> Ints:
    """Return the sum of each row."""
    return np.asarray(table.sum(axis=1)).astype(np.int64).reshape(-1)


def most_shared(shared: csr_array) -> tuple[Ints, Ints]:
    """Return for each row its largest entry off the diagonal, and how many reach LEAST_SHARED."""
    rows, columns = shared.nonzero()
    weight = shared.data[shared.data != 0]
    off = rows != columns
    largest: Ints = np.zeros(shared.shape[0], dtype=np.int64)
    np.maximum.at(largest, rows[off], weight[off])
    many = off & (weight >= LEAST_SHARED)
    return largest, np.bincount(rows[many], minlength=shared.shape[0])


def institution_counts(seen: Seen, rows: Bools, visits: Visits, groups: Groups) -> dict[str, Ints]:
    """Return the counts of every institution at a cut date.

    Args:
        rows: the claims that count at the cut date.
        visits: gives the spots to which the groups refer.
    """
    shape = (len(seen.names["institution"]), len(seen.names["insured"]))
    claims = count_table(seen.institution[rows], seen.insured[rows], shape)
    patients = distinct(claims)
    shared = csr_array(patients @ patients.T)
    largest, connected = most_shared(shared)
    community = communities(shared)
    own = np.asarray(claims.sum(axis=0)).reshape(-1).astype(np.int64)
    return {
        "claims": row_sums(claims),
        "patients": row_sums(patients),
        "squares": row_sums(claims * claims),
        "patients_claims": np.asarray(patients @ own).astype(np.int64),
        "shared": largest,
        "connected": connected,
        "at_home": _at_home(claims, patients, community),
        **_group_counts(claims, visits, groups),
        **_doctor_squares(seen, rows),
    }


def _at_home(claims: csr_array, patients: csr_array, community: Ints) -> Ints:
    """Return for each institution its patients most of whose claims lie in its community.

    Of communities with equally many claims the one with the smallest number is a person's own.
    """
    places, people = claims.shape
    number = int(community.max(initial=-1)) + 1
    gather = csr_array(
        (np.ones(places, dtype=np.int64), (community, np.arange(places))), shape=(number, places)
    )
    by_person = csr_array((gather @ claims).T)
    by_person.sort_indices()
    person = np.repeat(np.arange(people), np.diff(by_person.indptr))
    order = np.lexsort((by_person.indices, -by_person.data, person))
    first = order[runs(person)[:-1]] if len(person) else order
    home = np.full(people, -1, dtype=np.int64)
    home[person[first]] = by_person.indices[first]
    place = np.repeat(np.arange(places), np.diff(patients.indptr))
    inside = home[patients.indices] == community[place]
    return np.bincount(place[inside], minlength=places)


def _group_counts(claims: csr_array, visits: Visits, groups: Groups) -> dict[str, Ints]:
    """Return members with a tie here, their claims here, and the most members of one group."""
    places = claims.shape[0]
    spot = groups.evidence_spot
    place, person = visits.spot_place[spot], visits.spot_person[spot]
    cell = np.repeat(np.arange(places), np.diff(claims.indptr)) * claims.shape[1] + claims.indices
    here = claims.data[np.searchsorted(cell, place * claims.shape[1] + person)]
    order = np.lexsort((groups.group[person], place))
    starts = runs(place[order], groups.group[person][order])
    largest: Ints = np.zeros(places, dtype=np.int64)
    np.maximum.at(largest, place[order][starts[:-1]], np.diff(starts))
    return {
        "members": np.bincount(place, minlength=places),
        "members_claims": np.bincount(place, weights=here, minlength=places).astype(np.int64),
        "largest_group": largest,
    }


def _doctor_squares(seen: Seen, rows: Bools) -> dict[str, Ints]:
    """Return by institution the sum of its doctors' patients, and of their squares."""
    named = rows & (seen.post >= 0)
    shape = (len(seen.post_institution), len(seen.names["insured"]))
    patients = np.diff(count_table(seen.post[named], seen.insured[named], shape).indptr)
    place = seen.post_institution
    places = len(seen.names["institution"])
    return {
        "doctors_patients": np.bincount(place, weights=patients, minlength=places).astype(np.int64),
        "doctors_squares": np.bincount(
            place, weights=patients * patients, minlength=places
        ).astype(np.int64),
    }  # fmt: skip
