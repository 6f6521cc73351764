"""Intake for the engines: contract tables become relations of integers and text.

Dates become days and times microseconds since 1970, so that one SQL text runs on every engine; the
texts here are written once and ``queries.dialect`` puts the words for dates and clocks into each.
"""

from __future__ import annotations

from datetime import date

from claims.engine import Connection, run
from claims.store import StoreVersion
from features.clock import cut

_DAY = "CAST({0} - DATE '1970-01-01' AS BIGINT) AS {1}"
_VALID = f"{_DAY.format('valid_from', 'valid_from_day')}, {_DAY.format('valid_to', 'valid_to_day')}"
_KNOWN = "epoch_us(known_at) AS known_us"
_BEFORE = "epoch_us(known_at) < {cut}"

#: Small relations that a published bundle carries whole: name -> (table, select list, filter).
REFERENCES = {
    "insured_rows": (
        "insured",
        f"insured_id, sex, {_DAY.format('birth_date', 'birth_day')}, insurance_type, person_kind, "
        "district, employer_id, village_id, CAST(chronic AS BIGINT) AS chronic, "
        "CAST(assisted AS BIGINT) AS assisted",
        "",
    ),
    "institution_rows": (
        "institutions", "institution_id, institution_class, level, district, licensed_beds", "",
    ),
    "doctor_rows": (
        "doctors", f"doctor_id, institution_id, specialty, insured_id, {_VALID}", "",
    ),
    "death_rows": (
        "deaths", f"insured_id, {_DAY.format('death_date', 'death_day')}, {_KNOWN}", _BEFORE,
    ),
    "whitelist_rows": (
        "whitelists", f"reason, insured_id, institution_id, rule_id, {_VALID}, {_KNOWN}", _BEFORE,
    ),
    "absence_rows": ("doctor_absences", f"doctor_id, absence, {_VALID}, {_KNOWN}", _BEFORE),
    "practice_rows": (
        "doctor_practices", f"doctor_id, institution_id, specialty, {_VALID}, {_KNOWN}", _BEFORE,
    ),
    "licence_rows": (
        "licences", f"institution_id, licence_kind, scope, status, {_VALID}, {_KNOWN}", _BEFORE,
    ),
    "bed_rows": (
        "beds", f"institution_id, department, licensed_beds, open_beds, {_VALID}, {_KNOWN}",
        _BEFORE,
    ),
    "equipment_rows": (
        "equipment",
        f"institution_id, equipment_kind, equipment_count, daily_capacity, {_VALID}, {_KNOWN}",
        _BEFORE,
    ),
    "opening_rows": (
        "opening_hours",
        "institution_id, weekday, opens_minute, closes_minute, "
        f"CAST(emergency AS BIGINT) AS emergency, {_VALID}, {_KNOWN}",
        _BEFORE,
    ),
    "holiday_rows": ("holidays", f"day_kind, {_VALID}", ""),
    "distance_rows": (
        "distances", "institution_id, other_institution_id, distance_m, travel_minutes", "",
    ),
    "item_rows": (
        "items",
        "item_code, item_class, list_kind, pay_class, copay_permille, pack_quantity_milli, "
        f"CAST(resale AS BIGINT) AS resale, CAST(controlled AS BIGINT) AS controlled, {_VALID}",
        "",
    ),
    "drug_class_rows": (
        "drug_classes", f"item_code, drug_class, CAST(chronic AS BIGINT) AS chronic, {_VALID}", "",
    ),
    "price_cap_rows": ("price_caps", f"item_code, level, max_unit_price, {_VALID}", ""),
    "sex_limit_rows": ("sex_limits", f"item_code, sex, {_VALID}", ""),
    "sex_code_rows": ("sex_limited_codes", f"code_kind, code, sex, {_VALID}", ""),
    "age_limit_rows": (
        "age_limits", f"code_kind, code, age_unit, min_age, max_age, {_VALID}", "",
    ),
    "daily_maximum_rows": ("daily_maxima", f"item_code, max_quantity_milli, {_VALID}", ""),
    "frequency_limit_rows": (
        "frequency_limits", f"item_code, period, max_quantity_milli, {_VALID}", "",
    ),
    "exclusive_pair_rows": (
        "exclusive_pairs",
        'item_code, other_item_code, "within" AS within_what, '
        f"CAST(exception AS BIGINT) AS exception, {_VALID}",
        "",
    ),
    "bundle_rows": ("bundles", f"bundle_code, item_code, {_VALID}", ""),
    "surgery_discount_rows": (
        "surgery_discounts", f"procedure_prefix, place, share_permille, {_VALID}", "",
    ),
    "payment_limit_rows": (
        "payment_limits", f"item_code, limit_kind, limit_value, {_VALID}", "",
    ),
    "policy_limit_rows": (
        "policy_limits", f"insurance_type, limit_kind, level, limit_amount, {_VALID}", "",
    ),
    "indication_rows": ("indications", f"item_code, diagnosis_prefix, {_VALID}", ""),
    "mild_diagnosis_rows": ("mild_diagnoses", f"diagnosis_code, {_VALID}", ""),
    "drg_rows": (
        "drg_groups",
        f"drg_code, level, weight_10000, standard_amount, mean_days_milli, {_VALID}", "",
    ),
    "minute_rows": ("service_minutes", f"item_code, minutes, {_VALID}", ""),
}  # fmt: skip

#: Relations that only profiles and group rules read; a bundle does without them.
BATCH_REFERENCES = {
    "employer_rows": (
        "employers",
        f"employer_id, employer_kind, industry, district, institution_id, "
        f"{_DAY.format('joined_on', 'joined_day')}, {_DAY.format('left_on', 'left_day')}, {_KNOWN}",
        _BEFORE,
    ),
    "contribution_rows": (
        "contributions",
        f"employer_id, insured_id, insurance_type, {_DAY.format('month', 'month_day')}, base, "
        f"wage, {_DAY.format('paid_on', 'paid_day')}, {_KNOWN}",
        _BEFORE,
    ),
    "coverage_rows": (
        "coverage",
        f"insured_id, insurance_type, employer_id, person_kind, status, district, {_VALID}, "
        f"{_KNOWN}",
        _BEFORE,
    ),
    "inventory_rows": (
        "inventory",
        "institution_id, item_code, movement, quantity_milli, unit_price, "
        f"epoch_us(moved_at) AS moved_us, {_KNOWN}",
        _BEFORE,
    ),
}  # fmt: skip


def make_relations(con: Connection, store: StoreVersion, as_of: date) -> None:
    """Make ``claim_rows``, ``line_rows`` and the reference relations as known before ``as_of``."""
    store.attach(con)
    zone = store.meta["time_zone"]
    for name, text in relation_texts(zone, cut(as_of, zone)).items():
        kind = "VIEW" if name in PLAIN else "TABLE"
        run(con, f"CREATE OR REPLACE TEMP {kind} {name} AS {text}")


def relation_texts(zone: str, known: int) -> dict[str, str]:
    """Return the text of every relation as known before a moment; later ones read earlier ones.

    They read the contract tables under their own names, and run on every engine by
    ``queries.dialect``.
    """
    references = {
        name: f"SELECT {columns} FROM {table} "
        + (f"WHERE {where.format(cut=known)}" if where else "")
        for name, (table, columns, where) in {**REFERENCES, **BATCH_REFERENCES}.items()
    }
    return {
        "claim_rows": _CLAIMS.format(cut=known, zone=zone.replace("'", "''")),
        "line_rows": _LINES,
        "diagnosis_rows": _DIAGNOSES,
        "procedure_rows": _PROCEDURES,
        "trace_rows": _TRACES.format(cut=known),
        **references,
    }


def clock_text(zone: str, known: int) -> str:
    """Return the text that finds known claims with a time of day: none where all are dates."""
    moment = _DAY_US.format(zone=zone.replace("'", "''"))
    return f"SELECT 1 AS found FROM claims WHERE epoch_us(known_at) < {known} AND {moment} <> 0"


#: Relations that no engine needs to keep: they only name the columns of a table.
PLAIN = frozenset({"line_rows"})
#: Microseconds since local midnight, whatever the sign of the moment.
_DAY_US = "(epoch_us(timezone('{zone}', service_at)) % 86400000000 + 86400000000) % 86400000000"
#: Local midnight to the microsecond is what a date without a time becomes: its hour is unknown.
#: Reversals are no service and are left out; a reversed claim stays, with the time from which the
#: fund knew that it was none. 1970-01-01 was a Thursday: weekday 4 of 1 to 7.
_CLAIMS = f"""
SELECT c.claim_id, c.stay_id, c.insured_id, c.institution_id, c.doctor_id, c.claim_type,
  CAST(c.claim_type = 'inpatient' AS BIGINT) AS inpatient,
  epoch_us(c.service_at) AS service_us, c.service_day,
  CASE WHEN c.day_us > 0 THEN c.day_us // 3600000000 END AS service_hour,
  CASE WHEN c.day_us > 0 THEN c.day_us // 60000000 END AS service_minute,
  ((c.service_day + 3) % 7 + 7) % 7 + 1 AS service_weekday,
  {_DAY.format("c.service_end_date", "service_end_day")},
  CAST(c.service_end_date - c.service_date AS BIGINT) AS stay_days,
  epoch_us(c.known_at) AS known_us,
  CASE WHEN epoch_us(c.reversed_at) < {{cut}} THEN epoch_us(c.reversed_at) END AS reversed_us,
  c.total_amount, c.fund_amount, c.pooled_amount, c.account_amount, c.self_amount,
  c.insurance_type, c.department, c.discharge_way, c.drg_code, c.invoice_id, c.main_diagnosis,
  substr(c.main_diagnosis, 1, 3) AS diagnosis_group, c.diagnosis_count, c.procedure_count
FROM (SELECT *, {_DAY.format("service_date", "service_day")}, {_DAY_US} AS day_us FROM claims
  WHERE reverses_claim_id IS NULL AND epoch_us(known_at) < {{cut}}) c
"""
_LINES = f"""
SELECT line_id, claim_id, item_code, item_class, quantity_milli, unit_price, amount, days_supply,
  {_DAY.format("line_date", "line_day")}, doctor_id, exec_doctor_id, department, prescription_id,
  pay_class, covered_amount, CAST(discharge_drug AS BIGINT) AS discharge_drug
FROM claim_lines
"""
#: Every diagnosis of a claim; where the source lists none, the main one of the claim.
_DIAGNOSES = """
SELECT d.claim_id, d.place, d.diagnosis_code, CAST(d.main AS BIGINT) AS main
FROM claim_diagnoses d JOIN claim_rows USING (claim_id)
UNION ALL
SELECT c.claim_id, 1, c.main_diagnosis, 1 FROM claim_rows c
WHERE c.main_diagnosis IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM claim_diagnoses d WHERE d.claim_id = c.claim_id)
"""
_PROCEDURES = """
SELECT p.claim_id, p.place, p.procedure_code, CAST(p.main AS BIGINT) AS main,
  epoch_us(p.performed_at) AS performed_us, p.doctor_id, p.anaesthetist_id
FROM claim_procedures p JOIN claim_rows USING (claim_id)
"""
#: Boxes of drugs by trace code; ``sold`` is 1 for a sale, 0 for a box taken back.
_TRACES = """
SELECT trace_code, institution_id, item_code, CAST(movement = 'sale' AS BIGINT) AS sold,
  epoch_us(moved_at) AS moved_us, claim_id, insured_id, epoch_us(known_at) AS known_us
FROM trace_codes WHERE epoch_us(known_at) < {cut}
"""
