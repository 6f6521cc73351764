"""Figures of a quarantine, on hand-made stores whose every number was counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.faults import sentence
from claims.load import load
from claims.mapping import source_mapping
from claims.quarantine_figures import FileFault, FileRows, QuarantineFigures
from claims.quarantine_report import quarantine_figures
from claims.store import open_store
from tests.quarantined import Entry, counts, entry, store

#: Claims: rows 2 and 3 of a.csv and 7 of b.csv refused (row 2 twice over), 9 of a.csv a duplicate,
#: rows 3 and 5 of a.csv warned, of which 3 is refused and so only 5 counts as a warning.
ENTRIES = [
    entry("a.csv", "claims", 2, "error", "missing_value", "psn_no"),
    entry("a.csv", "claims", 2, "error", "bad_number", "medfee_sumamt", "12,5"),
    entry("a.csv", "claims", 3, "error", "bad_number", "medfee_sumamt", "1e"),
    entry("b.csv", "claims", 7, "error", "bad_number", "medfee_sumamt"),
    entry("a.csv", "claims", 9, "duplicate", "duplicate_row", "setl_id"),
    entry("a.csv", "claims", 3, "warning", "unknown_reference", "fixmedins_code"),
    entry("a.csv", "claims", 5, "warning", "unknown_reference", "fixmedins_code"),
    entry("a.csv", "claims", 0, "warning", "missing_column", "drg_code"),
    entry("a.csv", "claims", 0, "warning", "missing_column", "acct_pay"),
    entry("c.csv", "claim_lines", 4, "error", "wrong_field_count", detail="5 ≠ 6"),
    entry("c.csv", "claim_lines", 8, "error", "wrong_field_count", detail="7 ≠ 6"),
    entry("d.csv", "claim_lines", 0, "error", "unreadable_file", detail="EOFError"),
    entry("e.csv", "claim_lines", 0, "error", "unreadable_file", detail="OSError"),
    entry("die.csv", "deaths", 0, "warning", "absent_file"),
]  # fmt: skip
OLD = [counts("claims", 100, 3, 1), counts("claim_lines", 50, 2, 0), counts("insured", 7, 0, 0)]
NEW = [
    counts("claims", 100, 3, 1, amount_arrived=400_000, amount_quarantined=10_000,
           amount_duplicates=500, amount_unreadable=2),
    counts("claim_lines", 50, 2, 0, amount_arrived=9_000, amount_quarantined=-40,
           amount_duplicates=0, amount_unreadable=0),
    counts("insured", 7, 0, 0, amount_arrived=None, amount_quarantined=None,
           amount_duplicates=None, amount_unreadable=None),
]  # fmt: skip


@pytest.fixture
def figures(tmp_path: Path) -> QuarantineFigures:
    return quarantine_figures(store(tmp_path, ENTRIES, OLD, absent_tables=["deaths"]))


def test_tables_hold_the_manifests_counts_and_the_rows_that_were_warned(
    figures: QuarantineFigures,
) -> None:
    claims, lines, insured, deaths = figures.tables
    assert (claims.records, claims.accepted, claims.quarantined, claims.duplicates) == (
        100, 96, 3, 1,
    )  # fmt: skip
    assert (claims.traced, claims.warned) == (3, 1)
    assert claims.refused_share == 0.03
    assert claims.adds_up
    assert (lines.traced, lines.warned, lines.adds_up) == (2, 0, True)
    assert (insured.refused_share, insured.adds_up) == (0.0, True)
    assert (deaths.table, deaths.loaded, deaths.refused_share) == ("deaths", False, None)
    assert figures.entries == len(ENTRIES)


def test_faults_are_ranked_by_rows_and_warnings_stand_apart(figures: QuarantineFigures) -> None:
    refusing = [(f.code, f.column, f.rows, f.file_count) for f in figures.refusing]
    assert refusing == [
        ("bad_number", "medfee_sumamt", 3, 2),
        ("wrong_field_count", "", 2, 1),
        ("duplicate_row", "setl_id", 1, 1),
        ("missing_value", "psn_no", 1, 1),
    ]
    assert [(f.code, f.rows) for f in figures.warnings] == [("unknown_reference", 2)]
    assert [(f.code, f.column) for f in figures.absent] == [
        ("missing_column", "acct_pay"), ("missing_column", "drg_code"), ("absent_file", ""),
    ]  # fmt: skip


def test_a_refused_row_is_no_duplicate_and_no_warning_as_well(tmp_path: Path) -> None:
    both = [
        entry("a.csv", "claims", 2, "error", "bad_date", "begntime"),
        entry("a.csv", "claims", 2, "duplicate", "duplicate_row", "setl_id"),
        entry("a.csv", "claims", 2, "warning", "unknown_reference", "psn_no"),
        entry("a.csv", "claims", 3, "duplicate", "duplicate_row", "setl_id"),
        entry("a.csv", "claims", 3, "warning", "unknown_reference", "psn_no"),
    ]
    (file,) = quarantine_figures(store(tmp_path, both, [counts("claims", 9, 1, 1)])).files
    assert (file.refused, file.duplicates, file.warned) == (1, 1, 0)


def test_all_faults_in_one_list_begin_with_whole_files_and_end_with_warnings(
    figures: QuarantineFigures,
) -> None:
    found = figures.whole + figures.refusing + figures.absent + figures.warnings
    assert figures.faults == found
    assert [f["code"] for f in figures.to_dict()["faults"]] == [f.code for f in found]


def test_files_that_could_not_be_read_are_told_one_by_one(figures: QuarantineFigures) -> None:
    assert [(f.files, f.rows, f.reason["en"]) for f in figures.whole] == [
        ((FileRows("d.csv", 0),), 0, sentence("unreadable_file", "en", detail="EOFError")),
        ((FileRows("e.csv", 0),), 0, sentence("unreadable_file", "en", detail="OSError")),
    ]


def test_examples_are_the_first_rows_with_the_value_the_quarantine_holds(
    figures: QuarantineFigures,
) -> None:
    worst, counted, *_ = figures.refusing
    found = [(e.source_file, e.row_number, e.value) for e in worst.examples]
    assert found == [("a.csv", 2, "12,5"), ("a.csv", 3, "1e"), ("b.csv", 7, None)]
    assert worst.files == (FileRows("a.csv", 2), FileRows("b.csv", 1))
    assert (worst.wordings, counted.wordings) == (1, 2)
    assert counted.reason["zh"] == sentence("wrong_field_count", "zh", detail="5 ≠ 6")


def test_files_name_their_own_faults_and_missing_columns(figures: QuarantineFigures) -> None:
    order = [(f.source_file, f.refused, f.duplicates, f.warned) for f in figures.files]
    assert order == [
        ("a.csv", 2, 1, 1), ("c.csv", 2, 0, 0), ("b.csv", 1, 0, 0),
        ("d.csv", 0, 0, 0), ("die.csv", 0, 0, 0), ("e.csv", 0, 0, 0),
    ]  # fmt: skip
    first = figures.files[0]
    assert first.missing_columns == ("acct_pay", "drg_code")
    assert first.faults == (
        FileFault("error", "bad_number", "medfee_sumamt", 2),
        FileFault("duplicate", "duplicate_row", "setl_id", 1),
        FileFault("error", "missing_value", "psn_no", 1),
        FileFault("warning", "unknown_reference", "fixmedins_code", 2),
    )


def test_an_old_manifest_knows_no_money_and_a_new_one_does(tmp_path: Path) -> None:
    old = quarantine_figures(store(tmp_path / "old", ENTRIES, OLD)).tables
    new = quarantine_figures(store(tmp_path / "new", ENTRIES, NEW)).tables
    assert [t.money_share for t in old] == [None, None, None]
    # 10,000 of 400,000; a negative sum has no share; a register has no money.
    assert [t.money_share for t in new] == [0.025, None, None]
    assert (new[0].amount_quarantined, new[0].amount_unreadable) == (10_000, 2)


def test_what_a_load_changed_is_told_where_the_manifest_knows_it(tmp_path: Path) -> None:
    version = store(tmp_path, ENTRIES, NEW)
    history = version.folder.parent / "versions.jsonl"
    rows = [{"table": "claims", "new": 5, "changed": 1, "removed": 0},
            {"table": "insured", "new": 0, "changed": 0, "removed": 0}]  # fmt: skip
    files = {"added": ["b.csv"], "replaced": [], "kept": ["a.csv"]}
    mine = {"version": version.version, "changed_rows": rows, "changed_files": files}
    other = {"version": "0" * 16, "changed_rows": [{**rows[0], "new": 9}]}
    lines = ["{}", json.dumps(mine), json.dumps(other), '{"version": "cut']
    history.write_text("\n".join(lines), encoding="utf-8")
    made = quarantine_figures(version)
    assert [(c.table, c.new, c.changed, c.removed) for c in made.changes] == [("claims", 5, 1, 0)]
    assert made.file_changes == {"added": ("b.csv",), "kept": ("a.csv",)}
    history.unlink()
    assert (quarantine_figures(version).changes, quarantine_figures(version).file_changes) == (
        (),
        {},
    )


@pytest.mark.parametrize(
    "wrong", [{"accepted": 95}, {"quarantined": 4, "accepted": 95}, {"duplicates": 0}]
)
def test_counts_that_disagree_are_noticed(wrong: Entry, tmp_path: Path) -> None:
    made = [{**OLD[0], **wrong}, *OLD[1:]]
    claims, lines, _ = quarantine_figures(store(tmp_path, ENTRIES, made)).tables
    assert not claims.adds_up
    assert lines.adds_up


def test_a_clean_load_has_no_faults(tmp_path: Path) -> None:
    made = quarantine_figures(store(tmp_path, [], [counts("claims", 5, 0, 0)]))
    assert (made.faults, made.files, made.entries) == ((), (), 0)
    assert made.tables[0].adds_up


def test_a_large_quarantine_comes_back_as_its_kinds_and_few_examples(tmp_path: Path) -> None:
    size = 60_000
    many = [
        entry(f"f{i % 3}.csv", "claims", 2 + i // 3, "error", "missing_value", "psn_no")
        for i in range(size)
    ]
    made = quarantine_figures(store(tmp_path, many, [counts("claims", 70_000, size, 0)]), 4)
    (fault,) = made.faults
    assert (fault.rows, fault.file_count, len(fault.examples)) == (size, 3, 4)
    assert [e.row_number for e in fault.examples] == [2, 3, 4, 5]
    assert [f.refused for f in made.files] == [20_000] * 3
    assert made.tables[0].adds_up


@settings(max_examples=20, deadline=None)
@given(st.permutations(ENTRIES))
def test_the_order_of_the_entries_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    fixed = quarantine_figures(store(tmp_path_factory.mktemp("f"), ENTRIES, NEW)).to_dict()
    moved = quarantine_figures(store(tmp_path_factory.mktemp("m"), entries, NEW)).to_dict()
    del fixed["version"], moved["version"]
    assert moved == fixed


def test_every_number_of_a_simulated_county_is_accounted_for(county: Path, tmp_path: Path) -> None:
    load(source_mapping("nhsa"), county, tmp_path)
    made = quarantine_figures(open_store(tmp_path))
    assert all(t.adds_up for t in made.tables)
    for row in made.tables:
        own = [f for f in made.files if f.table == row.table]
        assert sum(f.refused for f in own) == row.quarantined
        assert sum(f.duplicates for f in own) == row.duplicates
        assert sum(f.warned for f in own) == row.warned
    # The simulator plants faults of each severity; a row has one or more, never none.
    refused = sum(t.quarantined + t.duplicates for t in made.tables)
    assert 0 < refused <= sum(f.rows for f in made.refusing)
    assert made.warnings
