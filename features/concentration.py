"""On whom and on what an institution's claims, or a person's, fall: group sizes, for HHI and tops.

In: ``history``, ``history_items``, ``drug_class_rows`` and ``cut_dates``. Out: two texts whose
relation ``g`` has a row per unit, kind of group and group: ``n`` claims, their ``amount``, the
``first_day`` and ``last_day``. The catalogue's atoms sum n, n * n, or take the largest, of one
kind. Counts stay below 3e9, so that a square passes 63 bits nowhere.

A claim belongs to a profile for an unbroken run of cut dates. So claims are first counted by group
and run (``cells``), and only these few rows are laid out over the dates; groups go by number there,
because comparing their names costs more than all the rest. ``several`` tells of stays alike in all
that is billed whether they are several persons'.
"""

from __future__ import annotations

from collections.abc import Mapping

from features.queries import LIVE

#: Look-back of groups, in days.
GROUP_DAYS = 365

#: First digit of an amount, without a division that engines understand differently.
_FIRST_DIGIT = (
    "CASE "
    + " ".join(
        f"WHEN h.total_amount < {10 ** (power + 1)} THEN h.total_amount // {10**power}"
        for power in range(15)
    )
    + " END"
)
_BASKET = (
    "CAST(h.total_amount AS TEXT) || '|' || CAST(h.line_count AS TEXT) || '|' || h.main_diagnosis"
)
#: Kind of an institution's groups -> (which group a claim is in, which claims count).
PLACE_GROUPS: Mapping[str, tuple[str, str]] = {
    "patient": ("h.insured_id", "1 = 1"),
    "doctor": ("h.doctor_id", "h.doctor_id IS NOT NULL"),
    "village": ("h.village_id", "h.village_id IS NOT NULL"),
    "employer": ("h.employer_id", "h.employer_id IS NOT NULL"),
    "diagnosis": ("h.diagnosis_group", "h.diagnosis_group IS NOT NULL"),
    "amount": ("CAST(h.total_amount AS TEXT)", "h.total_amount > 0"),
    "digit": (f"CAST({_FIRST_DIGIT} AS TEXT)", "h.total_amount > 0"),
    "ten_minutes": ("CAST(h.service_us // 600000000 AS TEXT)", "h.service_hour IS NOT NULL"),
    "stay_day": ("CAST(h.service_day AS TEXT)", "h.inpatient = 1"),
    "village_day": (
        "h.village_id || '|' || CAST(h.service_day AS TEXT)",
        "h.inpatient = 1 AND h.village_id IS NOT NULL",
    ),
    "employer_day": (
        "h.employer_id || '|' || CAST(h.service_day AS TEXT)", "h.employer_id IS NOT NULL",
    ),
    "basket": (_BASKET, "h.inpatient = 0 AND h.line_count > 1 AND h.main_diagnosis IS NOT NULL"),
    "stay_basket": (
        f"{_BASKET} || '|' || CAST(h.stay_days AS TEXT)",
        "h.inpatient = 1 AND h.line_count > 0 AND h.main_diagnosis IS NOT NULL",
    ),
}  # fmt: skip


#: Kinds of which atoms look at single groups: their groups are never counted together.
_NAMED = "'patient', 'digit'"


def member(alias: str, days: int) -> str:
    """Return when a claim belongs to the profile of cut date ``d`` that looks ``days`` back."""
    return (
        f"{alias}.known_us < d.as_of_us AND {alias}.service_day < d.as_of_day "
        f"AND {alias}.service_day >= d.as_of_day - {days} "
        f"AND {LIVE.format(h=alias, at='d.as_of_us')}"
    )


def place_groups() -> str:
    """Return the relation ``g`` of institutions.

    The kind ``weekly`` has one group: pairs of a person's visits exactly seven days apart.
    """
    cells = " UNION ALL ".join(
        _cell(f"'{kind}'", group, f"FROM spanned h WHERE {where}")
        for kind, (group, where) in PLACE_GROUPS.items()
    )
    return f"""
    WITH spans AS (
      SELECT h.claim_id, MIN(d.as_of_day) AS first_cut, MAX(d.as_of_day) AS last_cut
      FROM cut_dates d JOIN history h ON {member("h", GROUP_DAYS)}
      GROUP BY h.claim_id
    ), spanned AS (
      SELECT h.*, s.first_cut, s.last_cut FROM history h JOIN spans s ON s.claim_id = h.claim_id
    ), weekly AS (
      SELECT h.claim_id, h.institution_id, h.insured_id, h.service_day, h.total_amount,
        CASE WHEN e.first_cut > h.first_cut THEN e.first_cut ELSE h.first_cut END AS first_cut,
        CASE WHEN e.last_cut < h.last_cut THEN e.last_cut ELSE h.last_cut END AS last_cut
      FROM spanned h
      JOIN spanned e ON e.insured_id = h.insured_id AND e.institution_id = h.institution_id
        AND e.inpatient = 0 AND h.inpatient = 0 AND e.service_day = h.service_day - 7
        AND e.first_cut <= h.last_cut AND e.last_cut >= h.first_cut
    ), cells AS (
      {cells} UNION ALL {_cell("'weekly'", "'7'", "FROM weekly h")}
    ), houses AS (
      SELECT s.institution_id, ROW_NUMBER() OVER (ORDER BY s.institution_id) AS house
      FROM (SELECT DISTINCT h.institution_id FROM spanned h) s
    ), named AS (
      SELECT c.institution_id, c.kind, c.grouped, o.house,
        ROW_NUMBER() OVER (PARTITION BY c.institution_id ORDER BY c.kind, c.grouped) AS place,
        CASE WHEN c.kind IN ({_NAMED}) THEN 2 ELSE COUNT(*) END AS cells
      FROM cells c JOIN houses o ON o.institution_id = c.institution_id
      GROUP BY c.institution_id, c.kind, c.grouped, o.house
    ), sized AS (
      SELECT c.*, z.house, z.place, z.cells
      FROM cells c JOIN named z
      ON z.institution_id = c.institution_id AND z.kind = c.kind AND z.grouped = c.grouped
    )
    SELECT g.as_of_day, z.institution_id, z.kind, z.grouped, g.n, 1 AS times, g.amount,
      g.first_day, g.last_day, g.several
    FROM (
      SELECT d.as_of_day, c.house, c.place, SUM(c.n) AS n, SUM(c.amount) AS amount,
        MIN(c.first_day) AS first_day, MAX(c.last_day) AS last_day,
        CASE WHEN MIN(c.first_person) <> MAX(c.last_person) THEN 1 ELSE 0 END AS several
      FROM cut_dates d
      JOIN sized c ON c.cells > 1 AND d.as_of_day >= c.first_cut AND d.as_of_day <= c.last_cut
      GROUP BY d.as_of_day, c.house, c.place
    ) g
    JOIN named z ON z.house = g.house AND z.place = g.place
    UNION ALL
    SELECT d.as_of_day, c.institution_id, c.kind, NULL, c.n, c.times, c.amount, NULL, NULL,
      c.several
    FROM cut_dates d
    JOIN (
      SELECT c.institution_id, c.kind, c.n, c.first_cut, c.last_cut, COUNT(*) AS times,
        SUM(c.amount) AS amount,
        CASE WHEN c.first_person <> c.last_person THEN 1 ELSE 0 END AS several
      FROM sized c WHERE c.cells = 1
      GROUP BY c.institution_id, c.kind, c.n, c.first_cut, c.last_cut,
        CASE WHEN c.first_person <> c.last_person THEN 1 ELSE 0 END
    ) c ON d.as_of_day >= c.first_cut AND d.as_of_day <= c.last_cut
    """


def _cell(kind: str, group: str, source: str) -> str:
    persons = "MIN(h.insured_id) AS first_person, MAX(h.insured_id) AS last_person"
    if kind != "'stay_basket'":
        persons = "CAST(NULL AS TEXT) AS first_person, CAST(NULL AS TEXT) AS last_person"
    return f"""
      SELECT {kind} AS kind, h.institution_id, {group} AS grouped, h.first_cut, h.last_cut,
        COUNT(h.claim_id) AS n, SUM(h.total_amount) AS amount, MIN(h.service_day) AS first_day,
        MAX(h.service_day) AS last_day, {persons}
      {source} GROUP BY h.institution_id, {group}, h.first_cut, h.last_cut"""


_NO_SUPPLY = "CAST(NULL AS BIGINT) AS supply, CAST(NULL AS BIGINT) AS held"
#: Days that a first supply may last before it is compared with the days gone by.
SUPPLY_DAYS = 90
_SUPPLY = f"""SUM(h.days_supply) AS supply, 1000 * SUM(h.days_supply) // CASE
          WHEN d.as_of_day - MIN(h.service_day) > {SUPPLY_DAYS}
          THEN d.as_of_day - MIN(h.service_day) ELSE {SUPPLY_DAYS} END AS held"""


def person_groups() -> str:
    """Return the relation ``g`` of insured persons.

    Kinds: place, doctor, item (with the places it was got from), drug_class (with the days'
    supply, and thousandths of it ``held`` per day since the first claim), gap (days between
    successive days with care) and week (claims of the seven days from each day with care).
    """
    inside = member("h", GROUP_DAYS)
    claims = f"FROM cut_dates d JOIN history h ON {inside}"
    items = f"FROM cut_dates d JOIN history_items h ON {inside}"
    simple = """SELECT d.as_of_day, h.insured_id, '{kind}' AS kind, {group} AS grouped,
        COUNT(DISTINCT h.claim_id) AS n, SUM(h.{amount}) AS amount, MIN(h.service_day) AS first_day,
        COUNT(DISTINCT h.institution_id) AS places, {supply}
        {source} GROUP BY d.as_of_day, h.insured_id, {group}"""
    of_claims = [
        simple.format(kind=kind, group=group, amount="total_amount", supply=_NO_SUPPLY,
                      source=f"{claims} AND {group} IS NOT NULL")
        for kind, group in (("place", "h.institution_id"), ("doctor", "h.doctor_id"))
    ]  # fmt: skip
    of_items = [
        simple.format(kind="item", group="h.item_code", amount="amount", supply=_NO_SUPPLY,
                      source=f"{items} AND h.item_class = 'drug'"),
        simple.format(kind="drug_class", group="r.drug_class", amount="amount",
                      supply=_SUPPLY,
                      source=f"""{items} JOIN drug_class_rows r ON r.item_code = h.item_code
        AND h.service_day >= r.valid_from_day
        AND (r.valid_to_day IS NULL OR h.service_day < r.valid_to_day)"""),
    ]  # fmt: skip
    days = f"""SELECT d.as_of_day, h.insured_id, h.service_day, COUNT(h.claim_id) AS n
        {claims} GROUP BY d.as_of_day, h.insured_id, h.service_day"""
    return f"""
    WITH days AS ({days}), gaps AS (
      SELECT y.as_of_day, y.insured_id, y.service_day, y.service_day - LAG(y.service_day) OVER (
        PARTITION BY y.as_of_day, y.insured_id ORDER BY y.service_day) AS gap
      FROM days y
    )
    {" UNION ALL ".join([*of_claims, *of_items])}
    UNION ALL
    SELECT y.as_of_day, y.insured_id, 'gap', CAST(y.gap AS TEXT), COUNT(y.service_day),
      CAST(NULL AS BIGINT), MIN(y.service_day), CAST(NULL AS BIGINT), {_NO_SUPPLY}
    FROM gaps y WHERE y.gap IS NOT NULL GROUP BY y.as_of_day, y.insured_id, CAST(y.gap AS TEXT)
    UNION ALL
    SELECT y.as_of_day, y.insured_id, 'week', CAST(y.service_day AS TEXT), SUM(z.n),
      CAST(NULL AS BIGINT), MIN(y.service_day), CAST(NULL AS BIGINT), {_NO_SUPPLY}
    FROM days y JOIN days z ON z.as_of_day = y.as_of_day AND z.insured_id = y.insured_id
      AND z.service_day >= y.service_day AND z.service_day < y.service_day + 7
    GROUP BY y.as_of_day, y.insured_id, CAST(y.service_day AS TEXT)
    """
