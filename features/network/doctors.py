"""Doctors in the network: whose patients they share, and where what they prescribe is bought.

In: claims and groups of one cut date, and the purchases that follow prescriptions. Out: integer
counts per doctor, to be divided later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from claims.engine import Connection
from features.network.claims_seen import Bools, Ints, Seen, interval
from features.network.groups import Groups
from features.network.institutions import count_table, distinct, most_shared, row_sums
from features.network.visits import runs

#: A purchase at a pharmacy within this time after the visit is taken to fill its prescription.
FILLED_WITHIN = 24 * 3_600 * 1_000_000


@dataclass(frozen=True)
class Filled:
    """Prescriptions by doctor, and the purchases after them, each with its cut dates.

    Attributes:
        doctor, since, until: one element per prescription.
        prescription, pharmacy, bought_since, bought_until: one element per purchase after one.
    """

    doctor: Ints
    since: Ints
    until: Ints
    prescription: Ints
    pharmacy: Ints
    bought_since: Ints
    bought_until: Ints


def read_filled(con: Connection, seen: Seen) -> Filled:
    """Return prescriptions with a time of day, and the purchases of the same person after them.

    A prescription is a visit of a named doctor whose claim has drugs, or no lines at all.
    """
    con.execute(
        """CREATE OR REPLACE TEMP TABLE network_prescriptions AS
        SELECT row_number() OVER (ORDER BY claim_id) - 1 AS number, claim_id, doctor_id, insured_id,
          service_us, service_day, known_us, COALESCE(reversed_us, -1) AS reversed_us
        FROM history WHERE doctor_id IS NOT NULL AND inpatient = 0 AND service_hour IS NOT NULL
          AND claim_type <> 'pharmacy' AND COALESCE(drug_amount, 1) > 0"""
    )
    rows = con.sql("SELECT * FROM network_prescriptions ORDER BY number").fetchnumpy()
    since, until = interval(
        seen.cuts, rows["known_us"], rows["service_day"].astype(np.int64), rows["reversed_us"]
    )
    bought = con.sql(
        f"""SELECT p.number, h.institution_id, h.service_day, h.known_us,
          COALESCE(h.reversed_us, -1) AS reversed_us
        FROM network_prescriptions p JOIN history h ON h.insured_id = p.insured_id
          AND h.service_us >= p.service_us AND h.service_us < p.service_us + {FILLED_WITHIN}
        WHERE h.claim_type = 'pharmacy' AND h.service_hour IS NOT NULL
          AND h.institution_id IS NOT NULL"""
    ).fetchnumpy()
    con.execute("DROP TABLE network_prescriptions")
    begins, ends = interval(
        seen.cuts, bought["known_us"], bought["service_day"].astype(np.int64),
        bought["reversed_us"],
    )  # fmt: skip
    number = bought["number"].astype(np.int64)
    return Filled(
        _places(seen, "doctor", rows["doctor_id"]), since, until, number,
        _places(seen, "institution", bought["institution_id"]),
        np.maximum(begins, since[number]), np.minimum(ends, until[number]),
    )  # fmt: skip


def _places(seen: Seen, entity: str, ids: Ints) -> Ints:
    place = {name: number for number, name in enumerate(seen.names[entity].tolist())}
    return np.fromiter((place[name] for name in ids), dtype=np.int64, count=len(ids))


def doctor_counts(
    seen: Seen, rows: Bools, groups: Groups, filled: Filled, cut: int
) -> dict[str, Ints]:
    """Return the counts of every doctor at a cut date.

    Args:
        rows: the claims that count at the cut date.
    """
    number = len(seen.names["doctor"])
    named = rows & (seen.doctor >= 0)
    claims = count_table(
        seen.doctor[named], seen.insured[named], (number, len(seen.names["insured"]))
    )
    patients = distinct(claims)
    shared, _ = most_shared(csr_array(patients @ patients.T))
    return {
        "claims": row_sums(claims),
        "patients": row_sums(patients),
        "shared": shared,
        "group_patients": _largest_group(patients, groups.group),
        **_filled_counts(filled, cut, number, len(seen.names["institution"])),
    }


def _largest_group(patients: csr_array, group: Ints) -> Ints:
    """Return for each doctor the most patients out of one group."""
    doctor = np.repeat(np.arange(patients.shape[0]), np.diff(patients.indptr))
    owner = group[patients.indices]
    doctor, owner = doctor[owner >= 0], owner[owner >= 0]
    order = np.lexsort((owner, doctor))
    starts = runs(doctor[order], owner[order])
    largest: Ints = np.zeros(patients.shape[0], dtype=np.int64)
    np.maximum.at(largest, doctor[order][starts[:-1]], np.diff(starts))
    return largest


def _filled_counts(filled: Filled, cut: int, doctors: int, places: int) -> dict[str, Ints]:
    """Return by doctor the prescriptions, and those filled at the pharmacy that fills most."""
    counts = (filled.since <= cut) & (cut < filled.until)
    bought = (filled.bought_since <= cut) & (cut < filled.bought_until)
    pairs = np.unique(filled.prescription[bought] * max(places, 1) + filled.pharmacy[bought])
    doctor = filled.doctor[pairs // max(places, 1)]
    key = np.sort(doctor * max(places, 1) + pairs % max(places, 1))
    starts = runs(key)
    largest: Ints = np.zeros(doctors, dtype=np.int64)
    np.maximum.at(largest, key[starts[:-1]] // max(places, 1), np.diff(starts))
    return {
        "prescriptions": np.bincount(filled.doctor[counts], minlength=doctors),
        "one_pharmacy": largest,
    }
