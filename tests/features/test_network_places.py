"""Patients shared between institutions, and groups of one doctor and one pharmacy, by hand."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from features.network.communities import communities
from tests.features.companions import TRIO_DAYS, network, quiet_clinic, rows, trio


def test_patients_shared_between_institutions(town):
    """Twelve of 20 patients of o1 also use o2, two use o3: by hand 12, 0.6 and one connection."""
    town.institution("o2")
    town.institution("o3")
    for number in range(20):
        town.claim(f"2024-05-{number + 1:02d} 10:00", insured_id=f"q{number:02d}", doctor_id="d1")
        if number < 12:
            town.claim(f"2024-06-{number + 1:02d} 10:00", insured_id=f"q{number:02d}",
                       institution_id="o2", doctor_id="d2")  # fmt: skip
        if number < 2:
            town.claim(f"2024-06-{number + 15:02d} 10:00", insured_id=f"q{number:02d}",
                       institution_id="o3", doctor_id="d3")  # fmt: skip
    town.claim("2024-05-25 10:00", insured_id="q00", doctor_id="d4")
    con = network(town)
    first, second, third = rows(con, "institution")
    assert first["org_shared_patients_180"] == 12
    assert first["org_shared_share_180"] == 0.6
    assert [place["org_connected_180"] for place in (first, second, third)] == [1, 1, 0]
    assert first["org_patient_concentration_180"] == (19 + 4) / 21**2
    assert first["org_patient_loyalty_180"] == 21 / (21 + 12 + 2)
    # d1 has 20 patients and d4 one: (400 + 1) / 21^2.
    assert first["org_doctor_concentration_180"] == 401 / 441
    doctors = {row["doctor_id"]: row for row in rows(con, "doctor")}
    assert doctors["d1"]["doc_shared_patients_180"] == 12
    assert doctors["d1"]["doc_shared_share_180"] == 0.6
    assert doctors["d4"]["doc_shared_share_180"] == 1


def test_a_group_of_one_doctor_and_one_pharmacy(town):
    """The trio's doctor: three of four patients; five of its 13 prescriptions go to pharmacy s1."""
    town.institution("s1", "pharmacy")
    town.institution("s2", "pharmacy")
    quiet_clinic(town)
    trio(town)
    for row in town.rows["claims"]:
        if row["insured_id"] in "abc":
            row["doctor_id"] = "d1"
    town.claim("2024-06-03 09:00", insured_id="w001", doctor_id="d1")
    for day, hour in zip(TRIO_DAYS, (10, 17, 12, 15), strict=True):
        town.claim(f"{day[:10]} {hour}:00", insured_id="a", institution_id="s1",
                   claim_type="pharmacy")  # fmt: skip
    town.claim("2024-06-04 08:59", insured_id="w001", institution_id="s1", claim_type="pharmacy")
    town.claim("2024-06-04 09:01", insured_id="w001", institution_id="s2", claim_type="pharmacy")
    town.claim("2024-02-06 18:00", insured_id="b", institution_id="s2", claim_type="pharmacy")
    town.claim("2024-02-06 18:30", insured_id="a", institution_id="s1", claim_type="pharmacy")
    found = rows(network(town), "doctor")[0]
    assert found["doc_group_share_180"] == 3 / 4
    assert found["doc_pharmacy_share_180"] == 5 / 13


def test_communities_of_institutions():
    """Two triangles joined by one light edge, in any numbering, are two communities."""
    weights = np.zeros((6, 6), dtype=np.int64)
    for a, b, weight in [(0, 1, 9), (1, 2, 8), (0, 2, 9), (3, 4, 9), (4, 5, 9), (3, 5, 8),
                         (2, 3, 1)]:  # fmt: skip
        weights[a, b] = weights[b, a] = weight
    assert communities(csr_array(weights)).tolist() == [0, 0, 0, 1, 1, 1]
    order = np.array([3, 0, 4, 1, 5, 2])
    assert communities(csr_array(weights[order][:, order])).tolist() == [0, 1, 0, 1, 0, 1]
    assert communities(csr_array((3, 3), dtype=np.int64)).tolist() == [0, 1, 2]
