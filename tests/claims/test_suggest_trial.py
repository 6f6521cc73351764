"""The trial of a mapping: what is read of each column, a fault's first place, what is absent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claims.mapping import read_mapping
from claims.trial import try_mapping
from tests.claims.draft_files import answered, claims_file, drafted


def test_a_trial_counts_what_is_read_and_tells_the_first_place(tmp_path: Path) -> None:
    days = ["2024-03-05"] * 37 + ["5.3.24", "", "2024-02-30"]
    path = claims_file(
        tmp_path / "inpatient.csv",
        ("admission date", days),
        ("gender", ["M"] * 40),
        ("status", ["x"] * 40),
    )
    path.write_text(path.read_text("utf-8").replace("9.50", "7.50", 1), "utf-8")
    (tmp_path / "mine.toml").write_text(answered(drafted([path])), "utf-8")
    text = (tmp_path / "mine.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(
        re.sub("^# service_at", "service_at", text, flags=re.M), "utf-8"
    )
    (trial,) = try_mapping(read_mapping(tmp_path / "mine.toml"), tmp_path)
    (column,) = [c for c in trial.columns if c.column == "service_at"]
    assert (column.filled, column.read, column.faults) == (39, 37, 3)
    assert (column.lowest, column.highest) == ("2024-03-05", "2024-03-05")
    assert trial.counts is not None
    assert (trial.counts.accepted, trial.counts.quarantined) == (37, 3)
    told = [f.text("en") for f in trial.faults]
    assert any(t.startswith("2× Column 'admission date' is not a possible date") for t in told)
    assert any(t.endswith("(inpatient.csv, row 39)") for t in told)
    paid = next(c for c in trial.columns if c.column == "fund_amount")
    assert paid.mean == pytest.approx((39 * 950 + 750) / 40)


def test_a_trial_of_absent_files_and_columns_says_so(tmp_path: Path) -> None:
    path = claims_file(tmp_path / "inpatient.csv")
    (tmp_path / "mine.toml").write_text(answered(drafted([path])), "utf-8")
    source = read_mapping(tmp_path / "mine.toml")
    path.write_text(path.read_text("utf-8").replace("total amount", "TOTAL"), "utf-8")
    (trial,) = try_mapping(source, tmp_path)
    assert trial.why_absent("en") == 'the files lack the columns "total amount"'
    path.write_text("", "utf-8")
    (trial,) = try_mapping(source, tmp_path)
    assert trial.why_absent("en").startswith("inpatient.csv: The file holds not even a header row")
    path.unlink()
    (trial,) = try_mapping(source, tmp_path)
    assert "No file for this table was found" in trial.why_absent("en")
