"""What is known of each scored unit beside its features: facts for strata, lists and records.

In: a build. Out: one Arrow table per unit, one row per row of the unit's matrix in the same order,
with contract column names. Amounts are minor units.
"""

from __future__ import annotations

import pyarrow as pa

from features.build import Build
from features.clock import cut, day_number

_REGISTER = """coalesce(o.institution_class, 'unknown') AS institution_class,
    coalesce(o.level, 'none') AS level, coalesce(o.district, 'unknown') AS district"""
_DATE = "DATE '1970-01-01' + CAST({0} AS INTEGER)"


def unit_facts(made: Build, unit: str) -> pa.Table:
    """Return the facts of every unit of a kind, in the byte order of ``unit_id``."""
    texts = {"claim": _claims, "institution": _institutions, "insured": _insured}
    return made.con.sql(texts[unit](made)).to_arrow_table()


def _live(made: Build) -> str:
    known = cut(made.as_of, made.zone)
    return f"(f.reversed_us IS NULL OR f.reversed_us >= {known})"


def _claims(made: Build) -> str:
    return f"""SELECT f.claim_id AS unit_id, f.insured_id, f.institution_id, f.doctor_id,
        f.claim_type, {_DATE.format("f.service_day")} AS service_date,
        {_DATE.format("f.service_end_day")} AS service_end_date,
        f.main_diagnosis, f.total_amount, f.fund_amount, f.known_us, {_REGISTER}
        FROM facts f LEFT JOIN institution_rows o ON o.institution_id = f.institution_id
        WHERE {_live(made)} ORDER BY f.claim_id"""


def _profiled(made: Build, unit: str) -> str:
    day = day_number(made.as_of)
    return f"(SELECT {unit}_id FROM profile_{unit} WHERE as_of_day = {day})"


def _sums(made: Build, unit: str) -> str:
    return f"""(SELECT f.{unit}_id, CAST(sum(f.total_amount) AS BIGINT) AS total_amount,
        CAST(sum(f.fund_amount) AS BIGINT) AS fund_amount, count(*) AS claim_count
        FROM facts f WHERE {_live(made)} GROUP BY f.{unit}_id)"""


def _institutions(made: Build) -> str:
    return f"""SELECT p.institution_id AS unit_id, s.total_amount, s.fund_amount, s.claim_count,
        {cut(made.as_of, made.zone) - 1} AS known_us, {_REGISTER}
        FROM {_profiled(made, "institution")} p
        JOIN {_sums(made, "institution")} s ON s.institution_id = p.institution_id
        LEFT JOIN institution_rows o ON o.institution_id = p.institution_id
        ORDER BY p.institution_id"""


def _insured(made: Build) -> str:
    return f"""SELECT p.insured_id AS unit_id, s.total_amount, s.fund_amount, s.claim_count,
        {cut(made.as_of, made.zone) - 1} AS known_us,
        'insured' AS institution_class, 'none' AS level, 'unknown' AS district
        FROM {_profiled(made, "insured")} p
        JOIN {_sums(made, "insured")} s ON s.insured_id = p.insured_id
        ORDER BY p.insured_id"""
