"""The findings of a run: each hit of a profile rule on the last day, by pseudonym, in two files."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from claims.contracts import table
from claims.load import load
from claims.mapping import source_mapping
from claims.pseudonyms import is_pseudonym
from claims.store import open_store
from features.as_of import default_as_of
from features.build import Build, build_rules
from features.clock import day_number
from features.rules import rules
from jihe.findings import findings_table, write_findings


@pytest.fixture(scope="module")
def build(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return the rule hits of the small county, and a few planted ones."""
    home = tmp_path_factory.mktemp("findings")
    load(source_mapping("nhsa"), county, home)
    store = open_store(home)
    made = build_rules(store, default_as_of(store).day)
    day = day_number(made.as_of)
    shop, house = (
        made.con.execute(
            "SELECT min(institution_id) FROM institution_rows "
            f"WHERE institution_class {sign} 'pharmacy'"
        ).fetchall()[0][0]
        for sign in ("=", "<>")
    )
    firm = made.con.execute("SELECT min(employer_id) FROM employer_rows").fetchall()[0][0]
    made.con.execute("DELETE FROM profile_hits")
    made.con.executemany(
        "INSERT INTO profile_hits VALUES (?, ?, ?, ?, ?)",
        [
            ("COST_OUTLIER", day, shop, 1, 70_000),
            ("BED_OVER_CAPACITY", day, house, 6, 9_999),
            ("EMPLOYER_ROSTER_BILLING", day, firm, 12, 5_000),
            ("EMPLOYER_ROSTER_BILLING", day - 30, firm, 11, 4_000),
        ],
    )
    return made


def test_each_unit_and_rule_of_the_last_day_is_told(build: Build) -> None:
    rows = findings_table(build).to_pylist()
    told = [(row["unit"], row["rule_id"], row["hits"], row["amount"]) for row in rows]
    assert told == [
        ("employer", "EMPLOYER_ROSTER_BILLING", 12, 5_000),
        ("institution", "BED_OVER_CAPACITY", 6, 9_999),
        ("pharmacy", "COST_OUTLIER", 1, 70_000),
    ]
    by_id = {rule.id: rule for rule in rules()}
    for row in rows:
        rule = by_id[row["rule_id"]]
        assert row["sentence_en"] == rule.sentence("en", row["hits"])
        assert row["sentence_zh"] == rule.sentence("zh", row["hits"])
        assert (row["level"], row["as_of_date"]) == (rule.level, build.as_of)
        assert is_pseudonym(row["unit_id"])


def test_the_files_hold_the_same_rows(build: Build, tmp_path: Path) -> None:
    write_findings(build, tmp_path)
    whole = pq.read_table(tmp_path / "findings.parquet")
    assert whole.equals(findings_table(build))
    assert whole.column_names == list(table("findings").columns)
    with (tmp_path / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{k: str(v) for k, v in row.items()} for row in whole.to_pylist()]
    assert (tmp_path / "findings.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_without_findings_there_is_a_header(build: Build, tmp_path: Path) -> None:
    write_findings(replace(build, as_of=date(2000, 1, 1)), tmp_path)
    assert pq.read_table(tmp_path / "findings.parquet").num_rows == 0
    assert (tmp_path / "findings.csv").read_text(encoding="utf-8-sig").count("\n") == 1
