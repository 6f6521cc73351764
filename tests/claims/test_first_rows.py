"""Rows judged without a load: the counts and faults that a load would give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claims.engine import open_engine, run
from claims.first_rows import judge_first_rows
from claims.mapping import source_mapping
from claims.raw import whole
from claims.reading import find_files, open_file

COLUMNS = "source_file, table_name, row_number, severity, code, column_name, value, reason_en"


def test_same_counts_and_faults_as_a_load(
    county: Path, tmp_path: Path, load_source: Any, files: Any
) -> None:
    files.folder = county
    loaded = files.load()
    source = source_mapping("nhsa")
    rows = {}
    for name, mapping in source.tables.items():
        if found := find_files(county, mapping.files):
            (path,) = found
            rows[name] = whole(open_file(path))
    con = open_engine()
    counts = judge_first_rows(con, source, rows)
    for name, count in loaded.counts.items():
        parts = ("records", "accepted", "quarantined", "duplicates")
        assert [getattr(counts[name], p) for p in parts] == [getattr(count, p) for p in parts]
    told = {tuple(row) for row in run(con, f"SELECT {COLUMNS} FROM final_quarantine")}
    assert told == {
        tuple(q[c] for c in COLUMNS.split(", "))
        for q in loaded.rows("quarantine")
        if q["row_number"]
    }
    assert run(con, "SELECT count(*) FROM parsed_claims")[0][0] == counts["claims"].records
