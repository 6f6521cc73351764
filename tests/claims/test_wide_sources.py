"""Wide files of the American sources: numbered columns become rows, sums and lists.

Headers follow CMS's published layout of DE-SynPUF (carrier claims: 142 columns, prescription drug
events: 8); the expected figures are added up by hand.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from claims.mapping import source_mapping
from claims.origins import origins
from claims.pseudonyms import pseudonym
from claims.templates import expand_counts
from claims.vault import pseudonym_key

LINES = range(1, 14)
NUMBERED = (
    "PRF_PHYSN_NPI", "TAX_NUM", "HCPCS_CD", "LINE_NCH_PMT_AMT", "LINE_BENE_PTB_DDCTBL_AMT",
    "LINE_BENE_PRMRY_PYR_PD_AMT", "LINE_COINSRNC_AMT", "LINE_ALOWD_CHRG_AMT", "LINE_PRCSG_IND_CD",
    "LINE_ICD9_DGNS_CD",
)  # fmt: skip
CARRIER = ["DESYNPUF_ID", "CLM_ID", "CLM_FROM_DT", "CLM_THRU_DT",
           *(f"ICD9_DGNS_CD_{i}" for i in range(1, 9)),
           *(f"{stem}_{i}" for stem in NUMBERED for i in LINES)]  # fmt: skip
EVENTS = [
    "DESYNPUF_ID", "PDE_ID", "SRVC_DT", "PROD_SRVC_ID", "QTY_DSPNSD_NUM", "DAYS_SUPLY_NUM",
    "PTNT_PAY_AMT", "TOT_RX_CST_AMT",
]  # fmt: skip
CARRIER_FILE = "DE1_0_2008_to_2010_Carrier_Claims_Sample_1{}.csv"
EVENT_FILE = "DE1_0_2008_to_2010_Prescription_Drug_Events_Sample_1.csv"

VISIT = {
    "DESYNPUF_ID": "P1", "CLM_ID": "887001", "CLM_FROM_DT": "20090302", "CLM_THRU_DT": "20090303",
    "ICD9_DGNS_CD_1": "4019", "ICD9_DGNS_CD_2": "25000", "ICD9_DGNS_CD_4": "V5869",
    "PRF_PHYSN_NPI_1": "N1", "PRF_PHYSN_NPI_2": "N2", "TAX_NUM_1": "T1", "TAX_NUM_2": "T1",
    "HCPCS_CD_1": "99213", "LINE_NCH_PMT_AMT_1": "40.00", "LINE_BENE_PTB_DDCTBL_AMT_1": "10.00",
    "LINE_BENE_PRMRY_PYR_PD_AMT_1": "5.00", "LINE_COINSRNC_AMT_1": "10.00",
    "LINE_ALOWD_CHRG_AMT_1": "65.00",
    "HCPCS_CD_2": "80053", "LINE_NCH_PMT_AMT_2": "12.50", "LINE_BENE_PTB_DDCTBL_AMT_2": "0.00",
    "LINE_BENE_PRMRY_PYR_PD_AMT_2": "0.00", "LINE_COINSRNC_AMT_2": "0.00",
    "LINE_ALOWD_CHRG_AMT_2": "12.50",
    # The lines that are not used carry no code and amounts of nothing, as in the published files.
    **{f"LINE_NCH_PMT_AMT_{i}": "0.00" for i in range(3, 14)},
    **{f"LINE_ALOWD_CHRG_AMT_{i}": "0.00" for i in range(3, 14)},
}  # fmt: skip
PURCHASE = {
    "DESYNPUF_ID": "P1", "PDE_ID": "233001", "SRVC_DT": "20091124", "PROD_SRVC_ID": "00002880001",
    "QTY_DSPNSD_NUM": "30.000", "DAYS_SUPLY_NUM": "30", "PTNT_PAY_AMT": "10.00",
    "TOT_RX_CST_AMT": "100.00",
}  # fmt: skip


def write(path: Path, columns: list[str], *rows: dict[str, str]) -> None:
    text = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in rows)]
    path.write_text("\n".join(text) + "\n", "utf-8")


def alias(kind: str, original: str) -> str:
    return pseudonym(kind, original, pseudonym_key())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def keyed(loaded: SimpleNamespace, table: str, column: str) -> dict[str, dict[str, Any]]:
    return {row[column]: row for row in loaded.rows(table)}


def test_the_published_headers_have_their_number_of_columns() -> None:
    assert (len(CARRIER), len(set(CARRIER)), len(EVENTS)) == (142, 142, 8)


def test_carrier_claim_and_its_lines(folder: Path, tmp_path: Path, load_source: Any) -> None:
    write(folder / CARRIER_FILE.format("A"), CARRIER, VISIT)
    late = {**VISIT, "CLM_ID": "887002", "CLM_FROM_DT": "20100105", "CLM_THRU_DT": "20100105"}
    write(folder / CARRIER_FILE.format("B"), CARRIER, late)
    loaded = load_source("synpuf", folder, tmp_path / "home")
    claims = keyed(loaded, "claims", "claim_id")
    assert set(claims) == {alias("claim", "887001"), alias("claim", "887002")}
    claim = claims[alias("claim", "887001")]
    # 40.00 + 12.50 paid, 10.00 deductible and 10.00 coinsurance, 5.00 by a primary payer
    assert (claim["fund_amount"], claim["self_amount"], claim["total_amount"]) == (5250, 2000, 7750)
    assert (claim["claim_type"], claim["main_diagnosis"]) == ("outpatient", "4019")
    assert (claim["diagnosis_count"], claim["procedure_count"]) == (3, 0)
    assert claim["institution_id"] == alias("institution", "T1")
    assert claim["doctor_id"] == alias("doctor", "N1")
    assert (claim["service_date"], claim["service_end_date"]) == (
        date(2009, 3, 2),
        date(2009, 3, 3),
    )
    lines = keyed(loaded, "claim_lines", "line_id")
    assert len(lines) == 4
    first, second = (lines[alias("line", f"887001-{i}")] for i in (1, 2))
    assert (first["item_code"], first["item_class"]) == ("99213", "consultation")
    assert (second["item_code"], second["item_class"]) == ("80053", "lab")
    assert [r["amount"] for r in (first, second)] == [6500, 1250]
    assert [r["unit_price"] for r in (first, second)] == [6500, 1250]
    assert [r["quantity_milli"] for r in (first, second)] == [1000, 1000]
    assert [r["doctor_id"] for r in (first, second)] == [alias("doctor", n) for n in ("N1", "N2")]
    assert first["claim_id"] == claim["claim_id"]
    assert first["line_at"] == datetime(2009, 3, 2, 5, tzinfo=UTC)  # midnight in New York
    codes = [
        (r["place"], r["diagnosis_code"], r["main"])
        for r in loaded.rows("claim_diagnoses") if r["claim_id"] == claim["claim_id"]
    ]  # fmt: skip
    assert codes == [(1, "4019", True), (2, "25000", False), (4, "V5869", False)]
    assert not [q for q in loaded.rows("quarantine") if q["row_number"]]


def test_prescription_event_is_a_purchase_of_one_line(
    folder: Path, tmp_path: Path, load_source: Any
) -> None:
    third = {**PURCHASE, "PDE_ID": "233002", "QTY_DSPNSD_NUM": "7.500", "TOT_RX_CST_AMT": "20.00",
             "PTNT_PAY_AMT": "20.00"}  # fmt: skip
    none = {**PURCHASE, "PDE_ID": "233003", "QTY_DSPNSD_NUM": "0.000"}
    write(folder / EVENT_FILE, EVENTS, PURCHASE, third, none)
    write(folder / CARRIER_FILE.format("A"), CARRIER, VISIT)
    loaded = load_source("synpuf", folder, tmp_path / "home")
    claims = keyed(loaded, "claims", "claim_id")
    claim = claims[alias("claim", "233001")]
    assert (claim["total_amount"], claim["fund_amount"], claim["self_amount"]) == (
        10000,
        9000,
        1000,
    )
    assert claims[alias("claim", "233002")]["fund_amount"] == 0
    assert (claim["claim_type"], claim["service_date"]) == ("pharmacy", date(2009, 11, 24))
    # The file names no pharmacy: one stand-in, which is no institution of the other files.
    assert claim["institution_id"] == alias("institution", "pharmacy not named")
    assert (claim["doctor_id"], claim["main_diagnosis"]) == (None, None)
    lines = keyed(loaded, "claim_lines", "line_id")
    line = lines[alias("line", "233001")]
    assert (line["item_code"], line["item_class"], line["days_supply"]) == (
        "00002880001",
        "drug",
        30,
    )
    assert (line["quantity_milli"], line["unit_price"], line["amount"]) == (30_000, 333, 10_000)
    assert lines[alias("line", "233002")]["unit_price"] == 267  # 20.00 / 7.5, rounded
    assert lines[alias("line", "233003")]["unit_price"] == 10_000  # no quantity: the whole cost
    assert len(lines) == 5
    assert {r["claim_id"] for r in loaded.rows("claim_diagnoses")} == {alias("claim", "887001")}


def test_bad_amount_of_one_line_is_not_left_out_of_the_sum(
    folder: Path, tmp_path: Path, load_source: Any
) -> None:
    bad = {**VISIT, "CLM_ID": "887003", "LINE_NCH_PMT_AMT_2": "1e3"}
    event = {**PURCHASE, "PDE_ID": "233009", "TOT_RX_CST_AMT": "many"}
    write(folder / CARRIER_FILE.format("A"), CARRIER, VISIT, bad)
    write(folder / EVENT_FILE, EVENTS, PURCHASE, event)
    loaded = load_source("synpuf", folder, tmp_path / "home")
    assert loaded.counts["claims"].accepted == 2
    faults = {(q["source_file"], q["code"], q["value"]) for q in loaded.rows("quarantine")
              if q["table_name"] == "claims" and q["code"] == "bad_number"}  # fmt: skip
    assert (CARRIER_FILE.format("A"), "bad_number", "1e3") in faults
    assert EVENT_FILE in {file for file, *_ in faults}


def test_absent_kinds_of_file_are_no_missing_columns(
    folder: Path, tmp_path: Path, load_source: Any
) -> None:
    write(folder / CARRIER_FILE.format("A"), CARRIER, VISIT)
    loaded = load_source("synpuf", folder, tmp_path / "home")
    missing = {q["column_name"] for q in loaded.rows("quarantine") if q["code"] == "missing_column"}
    assert not missing & {*EVENTS, "HCPCS_CD_#"}


def test_second_segment_brings_no_second_diagnosis(
    folder: Path, tmp_path: Path, load_source: Any
) -> None:
    columns = ["DESYNPUF_ID", "CLM_ID", "SEGMENT", "CLM_FROM_DT", "CLM_THRU_DT", "PRVDR_NUM",
               "CLM_PMT_AMT", "NCH_PRMRY_PYR_CLM_PD_AMT", "ICD9_DGNS_CD_1", "ICD9_DGNS_CD_2",
               "ICD9_PRCDR_CD_1", "ICD9_PRCDR_CD_6"]  # fmt: skip
    stay = {"DESYNPUF_ID": "P1", "CLM_ID": "196001", "SEGMENT": "1", "CLM_FROM_DT": "20090331",
            "CLM_THRU_DT": "20090402", "PRVDR_NUM": "39A", "CLM_PMT_AMT": "7000.00",
            "NCH_PRMRY_PYR_CLM_PD_AMT": "0.00", "ICD9_DGNS_CD_1": "4280", "ICD9_DGNS_CD_2": "4019",
            "ICD9_PRCDR_CD_1": "3521", "ICD9_PRCDR_CD_6": "0066"}  # fmt: skip
    file = folder / "DE1_0_2008_to_2010_Inpatient_Claims_Sample_1.csv"
    write(file, columns, stay, {**stay, "SEGMENT": "2"})
    loaded = load_source("synpuf", folder, tmp_path / "home")
    rows = [(r["place"], r["diagnosis_code"]) for r in loaded.rows("claim_diagnoses")]
    assert rows == [(1, "4280"), (2, "4019")]
    rows = [(r["place"], r["procedure_code"]) for r in loaded.rows("claim_procedures")]
    assert rows == [(1, "3521"), (6, "0066")]  # text: leading zeros stay


def test_provider_fraud_codes_become_rows(folder: Path, tmp_path: Path, load_source: Any) -> None:
    columns = ["BeneID", "ClaimID", "ClaimStartDt", "ClaimEndDt", "Provider",
               "InscClaimAmtReimbursed", "AttendingPhysician", "DeductibleAmtPaid",
               "DiagnosisGroupCode", *(f"ClmDiagnosisCode_{i}" for i in range(1, 11)),
               *(f"ClmProcedureCode_{i}" for i in range(1, 7))]  # fmt: skip
    row = dict.fromkeys(columns, "NA") | {
        "BeneID": "B1", "ClaimID": "C1", "ClaimStartDt": "2009-04-12", "ClaimEndDt": "2009-04-18",
        "Provider": "V1", "InscClaimAmtReimbursed": "26000", "ClmDiagnosisCode_1": "1970",
        "ClmDiagnosisCode_10": "5849", "ClmProcedureCode_1": "7092.0", "ClmProcedureCode_2": "331",
    }  # fmt: skip
    write(folder / "Train_Inpatientdata.csv", columns, row)
    loaded = load_source("provider_fraud", folder, tmp_path / "home")
    rows = [(r["place"], r["diagnosis_code"], r["main"]) for r in loaded.rows("claim_diagnoses")]
    assert rows == [(1, "1970", True), (10, "5849", False)]
    rows = [(r["place"], r["procedure_code"]) for r in loaded.rows("claim_procedures")]
    assert rows == [(1, "7092"), (2, "331")]


# ---- the templates themselves


def value(sql: str, columns: list[str], *row: str | None) -> Any:
    """Return what a text with templates makes of one row."""
    texts = ", ".join("CAST(? AS TEXT) AS " + f'"{c}"' for c in columns)
    query = f"SELECT {expand_counts(sql, columns, ['NA'])} FROM (SELECT {texts})"
    with duckdb.connect() as con:
        found = con.execute(query, list(row)).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("1.50", "2.25"), "3.75"),
        (("1.50", ""), "1.50"),
        (("-1.50", "NA"), "-1.50"),
        (("", " "), None),
        (("0.10", "0.20"), "0.30"),
        (("1.505", "1"), "1.505"),
        (("1", "1,000"), "1,000"),
        (("99999999999", "1"), "99999999999"),  # eleven digits: no amount, the quarantine says so
    ],
)
def test_sum_of_numbered_columns(row: tuple[str, str], expected: str | None) -> None:
    assert value("'{sum:PAID_#}'", ["paid_1", "PAID_2"], *row) == expected


def test_list_keeps_the_numbers_places_and_column_may_be_absent() -> None:
    columns = ["X_1", "X_3", "X_30A", "XX_2", "X_"]
    assert value("'{list:X_#}'", columns, "a", "c", "no", "no", "no") == ["a", None, "c"]
    assert value("'{list:Y_#}'", columns, *"abcde") == []
    assert value("'{sum:Y_#}'", columns, *"abcde") is None
    assert value("'{column:x_3}'", columns, *"abcde") == "b"
    assert value("'{column:Z}'", columns, *"abcde") is None
    assert value("'{colour:Z}'", columns, *"abcde") == "{colour:Z}"


def test_faults_name_the_files_own_columns_first() -> None:
    mapping = source_mapping("synpuf").tables["claims"]
    origin = origins(mapping)
    assert origin.shown(mapping.columns["institution_id"]) == "PRVDR_NUM (TAX_NUM_1)"
    assert origin.shown(mapping.columns["claim_id"]) == "CLM_ID (PDE_ID)"
    assert not {"PDE_ID", "TAX_NUM_1"} & origin.read
    lines = source_mapping("synpuf").tables["claim_lines"]
    assert origins(lines).shown(lines.columns["claim_id"]) == "CLM_ID + PDE_ID"
    assert origins(lines).read == frozenset()
