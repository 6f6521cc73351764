"""Publishing features: one read-only SQLite file with all that scoring one claim looks up.

It holds the claim history with its rule hits, institution profiles and peers by date, registers and
reference lists, and a table of settings (zone, dates, versions, names of the matrix's columns).
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from features.build import Build
from features.catalogue import catalogue_version
from features.relations import REFERENCES
from features.rules import rules_version

_INDEXES = (
    "CREATE INDEX history_person ON history (insured_id, known_us)",
    "CREATE INDEX history_place ON history (institution_id, service_us)",
    "CREATE INDEX supply_person ON supply (insured_id, item_code, known_us)",
    "CREATE INDEX insured_key ON insured_rows (insured_id)",
    "CREATE INDEX institution_key ON institution_rows (institution_id)",
    "CREATE INDEX death_key ON death_rows (insured_id)",
    "CREATE INDEX price_cap_key ON price_cap_rows (item_code)",
    "CREATE INDEX sex_limit_key ON sex_limit_rows (item_code)",
    "CREATE INDEX daily_maximum_key ON daily_maximum_rows (item_code)",
    "CREATE INDEX mild_diagnosis_key ON mild_diagnosis_rows (diagnosis_code)",
    "CREATE INDEX peer_key ON peer_rows (peer_key, as_of_day)",
    "CREATE INDEX profile_key ON profile_institution (institution_id, as_of_day)",
)


def write_features(made: Build, path: Path, names: tuple[str, ...]) -> None:
    """Write the SQLite file; ``names`` are the matrix's columns, in order.

    Rows are in the order of all their columns, so that the same input gives the same bytes.
    """
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = OFF")
        for relation in (*REFERENCES, "cut_dates", "peer_rows", "profile_institution"):
            _copy(made, database, relation, relation)
        _copy(made, database, "facts", "history")
        _copy(made, database, "supply", "supply")
        for index in _INDEXES:
            database.execute(index)
        settings = {
            "time_zone": made.zone,
            "currency": made.store.meta["currency"],
            "as_of_date": made.as_of.isoformat(),
            "names": list(names),
            "features": [feature.name for feature in made.features],
            "rules": [rule.id for rule in made.rules],
            "catalogue_version": catalogue_version(),
            "rules_version": rules_version(),
        }
        database.execute("CREATE TABLE settings (body TEXT)")
        database.execute("INSERT INTO settings VALUES (?)", [json.dumps(settings, sort_keys=True)])
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()


def _copy(made: Build, database: sqlite3.Connection, relation: str, target: str) -> None:
    rows = made.con.sql(f"SELECT * FROM {relation} ORDER BY ALL").to_arrow_table()
    columns = ", ".join(f'"{name}"' for name in rows.column_names)
    database.execute(f"CREATE TABLE {target} ({columns})")
    marks = ", ".join("?" for _ in rows.column_names)
    for batch in rows.to_batches(max_chunksize=50_000):
        database.executemany(
            f"INSERT INTO {target} VALUES ({marks})",
            zip(*(column.to_pylist() for column in batch.columns), strict=True),
        )
