"""Columns that one of several files lacks: named per file, and only that file's rows refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claims.load import LoadError

FILES = ("setl_list.csv", "setl_list_b.csv")
KNOWN = {"drg_code", "hifob_pay", "medfee_sumamt", "setl_time", "feedetl_sn", "setl_id",
         "ClmDiagnosisCode_1", "DiagnosisGroupCode"}  # fmt: skip


@pytest.fixture
def two(files: Any) -> Any:
    """Two files of claims: S1, whole, and S2, without columns that the test names."""

    def write(*without: str, also: str = "") -> Any:
        files.registers()
        files.write(FILES[0], {"setl_id": "S2"}, {"setl_id": "S3"}, without=without).rename(
            files.folder / FILES[1]
        )
        files.write(FILES[0], {}, without=[also] if also else [])
        return files.load_several()

    return write


def told(loaded: Any, table: str = "claims") -> set[tuple[str, str, str, str]]:
    """Return the faults of columns that the hand-made files can have."""
    return {
        (q["source_file"], q["severity"], q["code"], q["column_name"])
        for q in loaded.rows("quarantine")
        if q["table_name"] == table and q["column_name"] in KNOWN
    }


def test_optional_column_of_one_file_is_named_with_that_file(two: Any) -> None:
    loaded = two("drg_code")
    assert told(loaded) == {(FILES[1], "warning", "missing_column", "drg_code")}
    assert loaded.counts["claims"].accepted == 3
    assert loaded.store.has("claims", "drg_code")


def test_required_column_of_one_file_refuses_that_file_alone(two: Any) -> None:
    loaded = two("medfee_sumamt", "drg_code")
    assert told(loaded) == {
        (FILES[1], "error", "missing_column", "medfee_sumamt"),
        (FILES[1], "error", "missing_column", "drg_code"),
    }
    count = loaded.counts["claims"]
    assert (count.records, count.accepted, count.quarantined) == (3, 1, 2)
    assert (count.amount_arrived, count.amount_unreadable) == (10050, 2)
    assert loaded.store.has("claims", "total_amount", "drg_code")


def test_column_that_no_file_has_is_told_once(two: Any) -> None:
    loaded = two("drg_code", "hifob_pay", also="drg_code")
    assert told(loaded) == {
        ("setl_list*.csv", "warning", "missing_column", "drg_code"),
        (FILES[1], "warning", "missing_column", "hifob_pay"),
    }
    assert "drg_code" in loaded.report.absent_columns["claims"]
    assert not loaded.store.has("claims", "drg_code")


def test_required_column_that_no_file_has_is_an_error(two: Any) -> None:
    with pytest.raises(LoadError, match=r"claims lack the columns \['medfee_sumamt'\]"):
        two("medfee_sumamt", also="medfee_sumamt")


def test_derived_column_of_one_file_is_derived_for_that_file(two: Any) -> None:
    loaded = two("setl_time")
    assumed = sorted(c["known_at_assumed"] for c in loaded.rows("claims"))
    assert assumed == [False, True, True]
    assert told(loaded) == {(FILES[1], "warning", "missing_column", "setl_time")}


def test_optional_table_whose_only_file_is_unusable_leaves_the_others(two: Any, files: Any) -> None:
    files.write("fee_detail.csv", {}, {}, without=["feedetl_sn"])
    loaded = two()
    assert told(loaded, "claim_lines") == {
        ("fee_detail.csv", "error", "missing_column", "feedetl_sn")
    }
    assert "claim_lines" in loaded.report.absent_tables
    assert "claim_lines" not in loaded.store.tables
    assert loaded.counts["claims"].accepted == 3


def test_kinds_of_files_each_have_their_own_columns(tmp_path: Path, load_source: Any) -> None:
    """Outpatient files have no diagnosis group: nothing is missing there."""
    folder = tmp_path / "in"
    folder.mkdir()
    head = (
        "BeneID,ClaimID,ClaimStartDt,ClaimEndDt,Provider,InscClaimAmtReimbursed,"
        "AttendingPhysician,DeductibleAmtPaid,ClmDiagnosisCode_1,DiagnosisGroupCode"
    )
    row = "B1,C{},2009-04-12,2009-04-18,P1,26000,A1,1068.0,4019,201"
    (folder / "Train_Inpatientdata_1.csv").write_text(f"{head}\n{row.format(1)}\n", "utf-8")
    for number, columns in ((2, 9), (3, 8)):
        lines = (",".join(line.split(",")[:columns]) for line in (head, row.format(number)))
        (folder / f"Train_Outpatientdata_{number}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    loaded = load_source("provider_fraud", folder, tmp_path / "home")
    assert loaded.counts["claims"].accepted == 3
    assert {(f, c) for f, _, code, c in told(loaded) if code == "missing_column"} == {
        ("Train_Outpatientdata_3.csv", "ClmDiagnosisCode_1")
    }
