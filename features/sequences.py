"""Claims beside one another: stays after stays, people in beds, one person in two places.

In: ``history``, ``peer_rows``, ``distance_rows`` and ``cut_dates``. Out: texts of the relations
that the definition files of the same names run over:

``admission`` (a)  a stay, and what is known of the person's stays before it;
``ward`` (w)       a day on which somebody was admitted, and the stays that lay in bed then: the
                   most beds in use are in use on such a day;
``case_mix`` (c)   a stay, and the median amount and length of comparable stays;
``meeting`` (m)    two claims of one person that touch: a trip of a day, an overlap, a return.
"""

from __future__ import annotations

from features.concentration import GROUP_DAYS, member
from features.finishing import PEER_MINIMUM
from features.queries import PEER_RUNGS

#: Look-back of beds in use, in days: the join of days and stays grows with its square.
WARD_DAYS = 90


def _other_stay(one: str, other: str) -> str:
    return f"({one}.stay_id IS NULL OR {other}.stay_id IS NULL OR {one}.stay_id <> {other}.stay_id)"


def admissions() -> str:
    """Return ``a``: stays of each institution with the person's stays of the 365 days before."""
    ended = "e.service_end_day <= h.service_day"
    return f"""
    SELECT d.as_of_day, h.institution_id, h.claim_id, h.service_day, h.total_amount,
      MAX(e.service_end_day) FILTER (WHERE {ended}) AS left_day,
      MAX(e.service_end_day) FILTER (WHERE {ended} AND e.institution_id = h.institution_id)
        AS left_here_day,
      MAX(e.service_end_day) FILTER (WHERE {ended} AND e.diagnosis_group = h.diagnosis_group)
        AS left_same_day,
      COUNT(e.claim_id) FILTER (WHERE {ended}) AS earlier,
      COUNT(e.claim_id) FILTER (WHERE e.service_end_day > h.service_day
        AND h.service_end_day > e.service_day) AS overlapping
    FROM cut_dates d
    JOIN history h ON h.inpatient = 1 AND {member("h", GROUP_DAYS)}
    LEFT JOIN history e ON e.inpatient = 1 AND e.insured_id = h.insured_id
      AND e.claim_id <> h.claim_id AND {_other_stay("h", "e")}
      AND e.service_day >= h.service_day - {GROUP_DAYS}
      AND {member("e", 2 * GROUP_DAYS)}
    GROUP BY d.as_of_day, h.institution_id, h.claim_id, h.service_day, h.total_amount
    """


def wards() -> str:
    """Return ``w``: days of admission with the stays in bed, and the beds that are licensed."""
    return f"""
    WITH stays AS (
      SELECT d.as_of_day, h.institution_id, h.service_day, h.service_end_day
      FROM cut_dates d JOIN history h ON h.inpatient = 1 AND {member("h", WARD_DAYS)}
    ), days AS (
      SELECT s.as_of_day, s.institution_id, s.service_day FROM stays s
      GROUP BY s.as_of_day, s.institution_id, s.service_day
    )
    SELECT y.as_of_day, y.institution_id, y.service_day, COUNT(*) AS in_bed,
      MAX(o.licensed_beds) AS beds
    FROM days y
    JOIN stays s ON s.as_of_day = y.as_of_day AND s.institution_id = y.institution_id
      AND s.service_day <= y.service_day AND s.service_end_day > y.service_day
    LEFT JOIN institution_rows o ON o.institution_id = y.institution_id
    GROUP BY y.as_of_day, y.institution_id, y.service_day
    """


def case_mix() -> str:
    """Return ``c``: stays with what is typical of their kind, the closest rung with enough."""
    joins = " ".join(
        f"LEFT JOIN peer_rows e{rung} ON e{rung}.as_of_day = t.as_of_day "
        f"AND e{rung}.peer_key = '{rung}|' || {key}"
        for rung, key in enumerate(PEER_RUNGS)
    )
    typical = ", ".join(
        "CASE "
        + " ".join(
            f"WHEN e{rung}.{measure}_n >= {PEER_MINIMUM} THEN e{rung}.{measure}_median"
            for rung in range(len(PEER_RUNGS))
        )
        + f" END AS typical_{measure}"
        for measure in ("amount", "days")
    )
    return f"""
    SELECT t.as_of_day, t.institution_id, t.service_day, t.total_amount, t.stay_days, {typical}
    FROM (
      SELECT d.as_of_day, h.* FROM cut_dates d
      JOIN history h ON h.inpatient = 1 AND {member("h", GROUP_DAYS)}
    ) t {joins}
    """


def meetings() -> str:
    """Return ``m``: pairs of a person's claims in the last 365 days, each with its kind.

    trip: two institutions on one day, neither a stay; ``apart`` minutes between the beginnings.
    overlap: two stays that share a night. inside: a claim of another kind strictly inside a stay.
    return: a stay begun after an earlier one, ``apart`` days after its end.
    """
    return f"""
    WITH claims AS (
      SELECT d.as_of_day, h.claim_id, h.stay_id, h.insured_id, h.institution_id, h.inpatient,
        h.service_day, h.service_end_day, h.service_minute
      FROM cut_dates d JOIN history h ON {member("h", GROUP_DAYS)}
    ), stays AS (SELECT c.* FROM claims c WHERE c.inpatient = 1)
    SELECT h.as_of_day, h.insured_id, 'trip' AS kind, h.claim_id,
      CASE WHEN e.service_minute >= h.service_minute THEN e.service_minute - h.service_minute
        WHEN e.service_minute < h.service_minute THEN h.service_minute - e.service_minute
        END AS apart,
      MAX(r.distance_m) AS distance_m, MAX(r.travel_minutes) AS travel_minutes
    FROM claims h
    JOIN claims e ON e.as_of_day = h.as_of_day AND e.insured_id = h.insured_id
      AND e.service_day = h.service_day AND e.inpatient = 0 AND h.inpatient = 0
      AND e.institution_id <> h.institution_id AND e.claim_id > h.claim_id
    LEFT JOIN (
      SELECT x.institution_id, x.other_institution_id, x.distance_m, x.travel_minutes
      FROM distance_rows x
      UNION ALL
      SELECT x.other_institution_id, x.institution_id, x.distance_m, x.travel_minutes
      FROM distance_rows x
    ) r ON r.institution_id = h.institution_id AND r.other_institution_id = e.institution_id
    GROUP BY h.as_of_day, h.insured_id, h.claim_id, e.claim_id, h.service_minute, e.service_minute
    UNION ALL
    SELECT h.as_of_day, h.insured_id, 'overlap', h.claim_id, CAST(NULL AS BIGINT),
      CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)
    FROM stays h
    JOIN stays e ON e.as_of_day = h.as_of_day AND e.insured_id = h.insured_id
      AND e.claim_id > h.claim_id AND {_other_stay("h", "e")}
      AND e.service_day < h.service_end_day AND e.service_end_day > h.service_day
    UNION ALL
    SELECT h.as_of_day, h.insured_id, 'inside', h.claim_id, CAST(NULL AS BIGINT),
      CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)
    FROM claims h
    JOIN stays e ON e.as_of_day = h.as_of_day AND e.insured_id = h.insured_id AND h.inpatient = 0
      AND h.service_day > e.service_day AND h.service_day < e.service_end_day
    UNION ALL
    SELECT h.as_of_day, h.insured_id, 'return', h.claim_id,
      MIN(h.service_day - e.service_end_day), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)
    FROM stays h
    JOIN stays e ON e.as_of_day = h.as_of_day AND e.insured_id = h.insured_id
      AND e.claim_id <> h.claim_id AND {_other_stay("h", "e")}
      AND e.service_end_day <= h.service_day
      AND (e.service_day < h.service_day OR e.claim_id < h.claim_id)
    GROUP BY h.as_of_day, h.insured_id, h.claim_id
    """
