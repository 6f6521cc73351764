"""Publishing features: one read-only SQLite file with all that scoring one claim looks up.

It holds the claim history with its rule hits, institution profiles and peers by date, registers and
reference lists, and a table of settings (zone, dates, versions, names of the matrix's columns).
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from features import queries
from features.build import Build
from features.catalogue import catalogue_version
from features.relations import REFERENCES

_INDEXES = (
    "CREATE INDEX history_person ON history (insured_id, known_us)",
    "CREATE INDEX history_place ON history (institution_id, service_us)",
    "CREATE INDEX history_claim ON history (claim_id)",
    "CREATE INDEX history_stays ON history (institution_id, main_diagnosis, service_day) "
    "WHERE inpatient = 1",
    "CREATE INDEX items_person ON history_items (insured_id, item_code, known_us)",
    "CREATE INDEX items_claim ON history_items (claim_id)",
    "CREATE INDEX diagnoses_person ON history_diagnoses (insured_id, known_us)",
    "CREATE INDEX procedures_person ON history_procedures (insured_id, known_us)",
    "CREATE INDEX traces_code ON history_traces (trace_code)",
    "CREATE INDEX diagnosis_month ON diagnosis_months (diagnosis_code, month_no)",
    "CREATE INDEX diagnosis_item ON diagnosis_items (diagnosis_code, month_no)",
    "CREATE INDEX peer_key ON peer_rows (peer_key, as_of_day)",
)


def write_features(made: Build, path: Path, names: tuple[str, ...]) -> None:
    """Write the SQLite file; ``names`` are the matrix's columns, in order.

    Rows are in the order of all their columns, so that the same input gives the same bytes.
    """
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = OFF")
        profiles = [f"profile_{table}" for table in queries.LOOKED_UP]
        relations = (*REFERENCES, *queries.history_parts(), "cut_dates", "peer_rows", *profiles)
        for relation in relations:
            _copy(made, database, relation, relation)
        _copy(made, database, "facts", "history")
        for index in (*_INDEXES, *_key_indexes()):
            database.execute(index)
        settings = {
            "time_zone": made.zone,
            "currency": made.store.meta["currency"],
            "as_of_date": made.as_of.isoformat(),
            "names": list(names),
            "features": [feature.name for feature in made.features],
            "rules": [rule.id for rule in made.rules],
            "catalogue_version": catalogue_version(),
            "rules_version": made.book.version,
            "parameters": made.book.to_json(),
        }
        database.execute("CREATE TABLE settings (body TEXT)")
        database.execute("INSERT INTO settings VALUES (?)", [json.dumps(settings, sort_keys=True)])
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()


def _key_indexes() -> list[str]:
    """Return an index on the first column of each list, by which it is looked up."""
    first = {name: columns.split(",")[0] for name, (_, columns, _) in REFERENCES.items()}
    keys = {f"profile_{t}": f"{queries.PROFILE_KEYS[t]}, as_of_day" for t in queries.LOOKED_UP}
    return [f"CREATE INDEX {name}_key ON {name} ({key})" for name, key in (first | keys).items()]


def _copy(made: Build, database: sqlite3.Connection, relation: str, target: str) -> None:
    rows = made.con.sql(f"SELECT * FROM {relation} ORDER BY ALL").to_arrow_reader(50_000)
    columns = ", ".join(f'"{name}"' for name in rows.schema.names)
    database.execute(f"CREATE TABLE {target} ({columns})")
    marks = ", ".join("?" for _ in rows.schema.names)
    for batch in rows:
        database.executemany(
            f"INSERT INTO {target} VALUES ({marks})",
            zip(*(column.to_pylist() for column in batch.columns), strict=True),
        )
