"""Relations about people: doctors' days, what employers pay in, the items of a claim.

Each is a portable text from which ``features.profile_texts`` or ``features.queries`` take the atoms
of one definition file; ``d`` is a cut date, ``h`` a claim of the past.
"""

from __future__ import annotations

#: A reversal is no service, and a reversed claim is none from the moment the fund knows it.
_LIVE = "(h.reversed_us IS NULL OR h.reversed_us >= d.as_of_us)"
DOCTOR_DAYS = 365
CONTRIBUTION_DAYS = 730
ITEM_DAYS = 365


def working_days() -> str:
    """Return the text of the working days of each doctor in the year before each date.

    A day has its ``persons``, ``claims`` and ``minutes_milli``: thousandths of the minutes that the
    list of usual durations gives for what was charged; null where the list knows none of it.
    """
    return f"""
      SELECT d.as_of_day, h.doctor_id, h.service_day, COUNT(DISTINCT h.insured_id) AS persons,
        COUNT(h.claim_id) AS claims, SUM(m.minutes_milli) AS minutes_milli
      FROM cut_dates d
      JOIN history h ON h.known_us < d.as_of_us AND h.service_day < d.as_of_day
        AND h.service_day >= d.as_of_day - {DOCTOR_DAYS} AND h.inpatient = 0
        AND h.doctor_id IS NOT NULL AND {_LIVE}
      LEFT JOIN (
        SELECT i.claim_id, SUM(i.quantity_milli * n.minutes) AS minutes_milli
        FROM history_items i
        JOIN (SELECT item_code, MAX(minutes) AS minutes FROM minute_rows GROUP BY item_code) n
          ON n.item_code = i.item_code
        GROUP BY i.claim_id
      ) m ON m.claim_id = h.claim_id
      GROUP BY d.as_of_day, h.doctor_id, h.service_day
    """


#: Contributions that, when they became known, were for an earlier month than all known before:
#: hardly more than one for each person, so that the first month at any date is found among them.
_FIRST_MONTHS = """
      SELECT b.employer_id, b.insured_id, b.month_day, b.known_us
      FROM (
        SELECT c.employer_id, c.insured_id, c.month_day, c.known_us, MIN(c.month_day) OVER (
          PARTITION BY c.employer_id, c.insured_id ORDER BY c.known_us, c.month_day
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM contribution_rows c
      ) b WHERE b.before IS NULL OR b.month_day < b.before"""


#: What the registers add to an employer's claims: ``o.persons``, the staff on the register, and
#: ``j.first_day``, the month of the person's first contribution here as known at the date.
STAFF = f"""
    LEFT JOIN (
      SELECT employer_id, COUNT(*) AS persons FROM insured_rows
      WHERE employer_id IS NOT NULL GROUP BY employer_id
    ) o ON o.employer_id = h.employer_id
    LEFT JOIN (
      SELECT a.as_of_day, f.employer_id, f.insured_id, MIN(f.month_day) AS first_day
      FROM cut_dates a JOIN ({_FIRST_MONTHS}) f ON f.known_us < a.as_of_us
      GROUP BY a.as_of_day, f.employer_id, f.insured_id
    ) j ON j.as_of_day = d.as_of_day AND j.employer_id = h.employer_id
      AND j.insured_id = h.insured_id"""


def contributions() -> str:
    """Return the text of the contributions of each employer known before each date.

    ``base_floor`` and ``base_ceiling`` are the limits of the base in that month.
    """
    limit = """
    LEFT JOIN (SELECT insurance_type, valid_from_day, valid_to_day, {pick}(limit_amount)
      AS limit_amount FROM policy_limit_rows WHERE limit_kind = '{kind}'
      GROUP BY insurance_type, valid_from_day, valid_to_day) {name}
      ON {name}.insurance_type = c.insurance_type AND c.month_day >= {name}.valid_from_day
      AND ({name}.valid_to_day IS NULL OR c.month_day < {name}.valid_to_day)"""
    low = limit.format(pick="MIN", kind="base_floor", name="f")
    high = limit.format(pick="MAX", kind="base_ceiling", name="u")
    return f"""
    SELECT d.as_of_day, c.employer_id, c.insured_id, c.month_day, c.base, c.wage, c.paid_day,
      f.limit_amount AS base_floor, u.limit_amount AS base_ceiling
    FROM cut_dates d
    JOIN contribution_rows c ON c.known_us < d.as_of_us AND c.month_day < d.as_of_day
      AND c.month_day >= d.as_of_day - {CONTRIBUTION_DAYS}{low}{high}
    """


def supply_sql(atoms: str) -> str:
    """Return the text over ``i``, the items of each claim and what the person had of them before.

    Per item: ``purchases`` of the last 30 days, ``places`` of the last 90, ``supplied`` days since
    ``first_day`` within a year; the claim's own supply is not among them. Visits and purchases
    only; a claim without such items keeps its row.
    """
    return f"""
    SELECT t.claim_id, {atoms}
    FROM target t
    LEFT JOIN (
      SELECT q.claim_id, q.item_code, q.days_supply,
        COUNT(s.claim_id) FILTER (WHERE s.service_day >= q.service_day - 30) AS purchases,
        COUNT(DISTINCT s.institution_id) FILTER (WHERE s.service_day >= q.service_day - 90)
          AS places,
        SUM(s.days_supply) AS supplied, MIN(s.service_day) FILTER (WHERE s.days_supply > 0)
          AS first_day
      FROM (
        SELECT c.claim_id, c.insured_id, c.service_day, c.known_us, l.item_code,
          MAX(l.days_supply) AS days_supply
        FROM line_rows l
        JOIN target c ON c.claim_id = l.claim_id
        WHERE c.inpatient = 0 AND l.item_class = 'drug'
        GROUP BY c.claim_id, c.insured_id, c.service_day, c.known_us, l.item_code
      ) q
      LEFT JOIN history_items s ON s.insured_id = q.insured_id AND s.item_code = q.item_code
        AND s.inpatient = 0 AND s.known_us < q.known_us AND s.service_day <= q.service_day
        AND s.service_day >= q.service_day - {ITEM_DAYS}
        AND (s.reversed_us IS NULL OR s.reversed_us >= q.known_us)
      GROUP BY q.claim_id, q.item_code, q.days_supply
    ) i ON i.claim_id = t.claim_id
    GROUP BY t.claim_id
    """
