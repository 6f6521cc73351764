"""Intake for the engines: contract tables become relations of integers and text.

Dates become days and times microseconds since 1970, so that one SQL text runs on every engine.
"""

from __future__ import annotations

from datetime import date

from claims.engine import Connection, run
from claims.store import StoreVersion
from features.clock import cut

_DAY = "CAST({0} - DATE '1970-01-01' AS BIGINT) AS {1}"
_LINE_DAY = _DAY.format("line_date", "line_day")

#: Small relations that a published bundle carries whole: name -> (table, select list, filter).
REFERENCES = {
    "insured_rows": ("insured", f"insured_id, sex, {_DAY.format('birth_date', 'birth_day')}", ""),
    "institution_rows": (
        "institutions", "institution_id, institution_class, level, district, licensed_beds", "",
    ),
    "death_rows": (
        "deaths",
        f"insured_id, {_DAY.format('death_date', 'death_day')}, epoch_us(known_at) AS known_us",
        "epoch_us(known_at) < {cut}",
    ),
    "price_cap_rows": ("price_caps", "item_code, level, max_unit_price, {valid}", ""),
    "sex_limit_rows": ("sex_limits", "item_code, sex, {valid}", ""),
    "daily_maximum_rows": ("daily_maxima", "item_code, max_quantity_milli, {valid}", ""),
    "mild_diagnosis_rows": ("mild_diagnoses", "diagnosis_code, {valid}", ""),
}  # fmt: skip
_VALID = f"{_DAY.format('valid_from', 'valid_from_day')}, {_DAY.format('valid_to', 'valid_to_day')}"


def make_relations(con: Connection, store: StoreVersion, as_of: date) -> None:
    """Make ``claim_rows``, ``line_rows`` and the reference relations as known before ``as_of``.

    Local midnight to the microsecond is what a date without a time becomes: its hour is unknown.
    Reversals are no service and are left out; a reversed claim stays, with the time from which
    the fund knew that it was none.
    """
    store.attach(con)
    zone = store.meta["time_zone"].replace("'", "''")
    known = cut(as_of, store.meta["time_zone"])
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE claim_rows AS SELECT
        claim_id, stay_id, insured_id, institution_id, doctor_id, claim_type,
        CAST(claim_type = 'inpatient' AS BIGINT) AS inpatient,
        epoch_us(service_at) AS service_us, {_DAY.format("service_date", "service_day")},
        CASE WHEN CAST(timezone('{zone}', service_at) AS TIME) <> TIME '00:00:00'
          THEN hour(timezone('{zone}', service_at)) END AS service_hour,
        isodow(service_date) AS service_weekday,
        {_DAY.format("service_end_date", "service_end_day")},
        CAST(service_end_date - service_date AS BIGINT) AS stay_days,
        epoch_us(known_at) AS known_us,
        CASE WHEN epoch_us(reversed_at) < {known} THEN epoch_us(reversed_at) END AS reversed_us,
        total_amount, fund_amount, account_amount, self_amount, main_diagnosis,
        substr(main_diagnosis, 1, 3) AS diagnosis_group, diagnosis_count, procedure_count
        FROM claims WHERE reverses_claim_id IS NULL AND epoch_us(known_at) < {known}""",
    )
    run(
        con,
        f"""CREATE OR REPLACE TEMP VIEW line_rows AS SELECT line_id, claim_id, item_code,
        item_class, quantity_milli, unit_price, amount, days_supply, {_LINE_DAY}
        FROM claim_lines""",
    )
    for name, (table, columns, where) in REFERENCES.items():
        filtered = f"WHERE {where.format(cut=known)}" if where else ""
        selected = columns.replace("{valid}", _VALID)
        run(
            con, f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {selected} FROM {table} {filtered}"
        )
