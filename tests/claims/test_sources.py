"""The three sources: what becomes of hand-made files in each layout, and of incomplete ones."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claims.load import LoadError, _dataset
from claims.mapping import MappingError, read_mapping, source_mapping
from claims.pseudonyms import pseudonym
from claims.vault import identities, pseudonym_key

SHARED = Path(__file__).parents[3] / "shared" / "data"


def alias(kind: str, original: str) -> str:
    return pseudonym(kind, original, pseudonym_key())


def by_id(loaded: SimpleNamespace, table: str, kind: str, column: str) -> dict[str, dict[str, Any]]:
    """Return a table's rows by original identity, found through the vault."""
    known = identities(_dataset(loaded.report.fingerprint)).to_pylist()
    back = {row["pseudonym"]: row["original"] for row in known if row["kind"] == kind}
    return {back[row[column]]: row for row in loaded.rows(table)}


# ---- the national interface


def test_nhsa_claim_by_hand(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {})
    files.write("fee_detail.csv", {})
    files.write("death_info.csv", {})
    loaded = files.load()
    at = datetime(2024, 3, 5, 1, tzinfo=UTC)  # 09:00 in Shanghai
    assert loaded.rows("claims") == [{
        "claim_id": alias("claim", "S1"), "stay_id": alias("stay", "M1"),
        "insured_id": alias("insured", "N1"), "institution_id": alias("institution", "H1"),
        "doctor_id": alias("doctor", "D1"), "claim_type": "outpatient",
        "medical_category": "11", "credential": None, "discharge_way": None, "invoice_id": None,
        "serious_illness_amount": None, "enterprise_amount": None, "assistance_amount": None,
        "service_at": at, "service_end_at": at.replace(hour=2), "service_date": date(2024, 3, 5),
        "service_end_date": date(2024, 3, 5), "known_at": at.replace(hour=2, minute=30),
        "known_at_assumed": False, "total_amount": 10050, "fund_amount": 6000,
        "pooled_amount": 6000, "supplementary_amount": 0, "civil_servant_amount": 0,
        "account_amount": 2025, "self_amount": 2025, "currency": "CNY", "main_diagnosis": "I10",
        "diagnosis_count": None, "procedure_count": None, "department": "心内科",
        "drg_code": None, "insurance_type": "310", "reverses_claim_id": None, "reversed_at": None,
    }]  # fmt: skip
    assert loaded.rows("claim_lines") == [{
        "line_id": alias("line", "F1"), "claim_id": alias("claim", "S1"),
        "line_at": at.replace(minute=30), "line_date": date(2024, 3, 5), "item_code": "X1",
        "item_name": "氨氯地平片", "item_class": "drug", "quantity_milli": 2000,
        "unit_price": 5025, "amount": 10050, "doctor_id": alias("doctor", "D1"), "days_supply": 28,
        "exec_doctor_id": None, "department": None, "prescription_id": None, "pay_class": None,
        "covered_amount": None, "discharge_drug": None, "reverses_line_id": None,
    }]  # fmt: skip
    assert loaded.rows("insured")[0]["employer_id"] == alias("employer", "E1")
    assert loaded.rows("institutions") == [{
        "institution_id": alias("institution", "H1"), "institution_class": "public_hospital",
        "level": "3", "district": "990101", "licensed_beds": 420,
        "valid_from": None, "valid_to": None,
    }]  # fmt: skip
    assert loaded.rows("deaths")[0]["known_at"] == datetime(2024, 6, 20, 0, tzinfo=UTC)
    assert loaded.rows("quarantine") == [
        q for q in loaded.rows("quarantine") if not q["row_number"]
    ]


def test_local_date_crosses_midnight_in_utc(files: Any) -> None:
    files.write("fee_detail.csv", {"fee_ocur_time": "2024-03-05 07:59:59"})
    files.write(
        "setl_list.csv", {"begntime": "2024-03-05 00:30:00", "endtime": "2024-03-05 01:00:00"}
    )
    loaded = files.load()
    claim = loaded.rows("claims")[0]
    assert claim["service_at"] == datetime(2024, 3, 4, 16, 30, tzinfo=UTC)
    assert (claim["service_date"], claim["service_end_date"]) == (
        date(2024, 3, 5),
        date(2024, 3, 5),
    )
    assert loaded.rows("claim_lines")[0]["line_date"] == date(2024, 3, 5)


def test_reversed_claim_stays_visible_from_the_time_it_was_reversed(files: Any) -> None:
    amounts = ("medfee_sumamt", "fund_pay_sumamt", "hifp_pay", "acct_pay", "psn_cash_pay")
    minus = {k: f"-{files.claim[k]}" for k in amounts}
    back = {**minus, "refd_setl_id": "S1"}
    files.write(
        "setl_list.csv", {}, {"setl_id": "S2", "setl_time": "2024-03-09 12:00:00", **back},
        {"setl_id": "S3", "setl_time": "2024-03-08 12:00:00", **back}, {"setl_id": "S4"},
    )  # fmt: skip
    claims = by_id(files.load(), "claims", "claim", "claim_id")
    assert set(claims) == {"S1", "S2", "S3", "S4"}
    assert claims["S1"]["reversed_at"] == datetime(2024, 3, 8, 4, tzinfo=UTC)  # the earlier one
    assert claims["S1"]["total_amount"] == 10050
    assert claims["S2"]["reverses_claim_id"] == claims["S1"]["claim_id"]
    assert [claims[k]["reversed_at"] for k in ("S2", "S3", "S4")] == [None, None, None]


def test_known_time_is_assumed_and_flagged_where_the_source_has_none(files: Any) -> None:
    files.write("setl_list.csv", {"endtime": "2024-03-07 10:00:00"}, without=["setl_time"])
    loaded = files.load()
    claim = loaded.rows("claims")[0]
    assert claim["known_at"] == datetime(2024, 4, 6, 2, tzinfo=UTC)  # 7 March 10:00 + 30 days
    assert claim["known_at_assumed"] is True
    assert "known_at" in loaded.report.absent_columns["claims"]
    files.write("setl_list.csv", {}, without=["setl_time", "endtime"])
    claim = files.load().rows("claims")[0]
    assert claim["service_end_at"] == claim["service_at"]
    assert claim["known_at"] == datetime(2024, 4, 4, 1, tzinfo=UTC)


def test_absent_optional_tables_and_columns_are_told(files: Any) -> None:
    files.write("setl_list.csv", {}, without=["drg_code", "hifob_pay"])
    files.write("psn_info.csv", {}, without=["psn_no"])
    loaded = files.load()
    assert "claim_lines" in loaded.report.absent_tables
    assert "insured" in loaded.report.absent_tables
    assert loaded.store.tables == ["claims", "quarantine"]
    meta = loaded.store.meta
    absent = set(meta["absent_columns"]["claims"])
    assert {"drg_code", "supplementary_amount"} <= absent
    assert not absent & {"claim_id", "fund_amount", "known_at", "stay_id"}
    assert absent == set(loaded.report.absent_columns["claims"])
    faults = {(q["table_name"], q["severity"], q["code"], q["column_name"], q["row_number"])
              for q in loaded.rows("quarantine")}  # fmt: skip
    assert ("claims", "warning", "missing_column", "drg_code", 0) in faults
    assert ("claim_lines", "warning", "absent_file", "", 0) in faults
    assert ("insured", "error", "missing_column", "psn_no", 0) in faults
    assert not loaded.store.has("claims", "drg_code")
    assert loaded.store.has("claims", "stay_id")


@pytest.mark.parametrize("column", ["setl_id", "psn_no", "begntime", "medfee_sumamt", "med_type"])
def test_absent_required_column_is_named(files: Any, column: str) -> None:
    files.write("setl_list.csv", {}, without=[column, "fund_pay_sumamt"])
    with pytest.raises(LoadError, match="claims lack the columns") as caught:
        files.load()
    assert column in str(caught.value)
    assert "fund_pay_sumamt" in str(caught.value)
    assert not files.home.exists()


def test_absent_or_unreadable_required_file_is_named(files: Any) -> None:
    with pytest.raises(
        LoadError, match=r"in/ holds no readable file that matches \['setl_list\*.csv'"
    ):
        files.load()
    (files.folder / "setl_list.csv.gz").write_bytes(gzip.compress(b"setl_id\nS1\n" * 99)[:-4])
    with pytest.raises(LoadError, match=r"setl_list.csv.gz: The file cannot be read \(EOFError\)"):
        files.load()


def test_no_usable_claim_tells_every_reason_with_an_example(files: Any) -> None:
    files.write("setl_list.csv", {"begntime": "2024-02-30"}, {"setl_id": "S2", "psn_no": ""},
                {"setl_id": "S3", "begntime": "1.1.2024"})  # fmt: skip
    with pytest.raises(LoadError) as caught:
        files.load()
    assert "setl_list.csv row 2 (2×): Column 'begntime' is not a possible date" in str(caught.value)
    assert "setl_list.csv row 3 (1×): Column 'psn_no' is empty but required" in str(caught.value)
    assert not (files.home / "store" / "CURRENT").exists()
    files.write("setl_list.csv")
    with pytest.raises(LoadError, match="No claim of source 'nhsa' is usable"):
        files.load()


def test_column_names_in_capitals_and_clashing_extra_columns(files: Any) -> None:
    path = files.write("setl_list.csv", {})
    text = path.read_text("utf-8")
    path.write_text(text.upper().replace("S1", "s1"), "utf-8")
    files.write("fixmedins_info.csv", {})
    path = files.folder / "fixmedins_info.csv"
    head, row, *_ = path.read_text("utf-8").split("\n")
    path.write_text(f"{head},class,row_number\n{row},pharmacy,9\n", "utf-8")
    loaded = files.load()
    assert loaded.rows("claims")[0]["total_amount"] == 10050
    assert loaded.rows("institutions")[0]["institution_class"] == "public_hospital"
    missing = {q["column_name"] for q in loaded.rows("quarantine") if q["code"] == "missing_column"}
    assert not missing & {*files.claim, *files.institution, "class"}


# ---- CMS DE-SynPUF

INPATIENT = "DE1_0_2008_to_2010_Inpatient_Claims_Sample_1.csv"
CLAIM_HEADER = (
    "DESYNPUF_ID,CLM_ID,SEGMENT,CLM_FROM_DT,CLM_THRU_DT,PRVDR_NUM,CLM_PMT_AMT,"
    "NCH_PRMRY_PYR_CLM_PD_AMT,AT_PHYSN_NPI,CLM_ADMSN_DT,NCH_BENE_IP_DDCTBL_AMT,"
    "NCH_BENE_PTA_COINSRNC_LBLTY_AM,NCH_BENE_DSCHRG_DT,CLM_DRG_CD,ICD9_DGNS_CD_1,ICD9_DGNS_CD_2,"
    "ICD9_PRCDR_CD_1"
)
SEGMENT_1 = ("P1 100 1 20090331 20090402 39A 7000.00 20.50 A1 20090331 1068.00 10.00 20090402 535 "
             "4280 4019 3521")  # fmt: skip
SEGMENT_2 = "P1 100 2 - - 39A 500.25 0.00 A1 20090228 1068.00 10.00 20090301 OTH 4280 - -"


def synpuf(folder: Path, *claims: str) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [",".join(c.replace("-", "") for c in claim.split()) for claim in claims]
    (folder / INPATIENT).write_text("\n".join([CLAIM_HEADER, *rows]) + "\n", "utf-8")
    return folder


def test_synpuf_claim_of_two_segments_is_one_claim(tmp_path: Path, load_source: Any) -> None:
    for order in ((SEGMENT_1, SEGMENT_2), (SEGMENT_2, SEGMENT_1)):
        loaded = load_source("synpuf", synpuf(tmp_path / "in", *order), tmp_path / "home")
        (claim,) = loaded.rows("claims")
        # 7000.00 + 500.25 paid, 20.50 by a primary payer, 1068.00 deductible, 10.00 coinsurance
        assert claim["fund_amount"] == 750025
        assert claim["self_amount"] == 107800
        assert claim["total_amount"] == 859875
        assert claim["service_at"] == datetime(2009, 3, 31, 4, tzinfo=UTC)
        assert claim["service_end_date"] == date(2009, 4, 2)
        assert claim["known_at"] == datetime(2009, 5, 2, 4, tzinfo=UTC)
        assert claim["known_at_assumed"] is True
        assert (claim["claim_type"], claim["drg_code"]) == ("inpatient", "535")
        assert (claim["main_diagnosis"], claim["diagnosis_count"]) == ("4280", 2)
        assert claim["procedure_count"] == 1
        assert loaded.counts["claims"].records == 1


def test_synpuf_segment_that_arrives_twice_is_not_added_twice(
    tmp_path: Path, load_source: Any
) -> None:
    other = SEGMENT_1.replace(" 100 ", " 200 ")
    folder = synpuf(tmp_path / "in", SEGMENT_1, SEGMENT_2, SEGMENT_2, other, other)
    loaded = load_source("synpuf", folder, tmp_path / "home")
    faults = [(q["row_number"], q["code"]) for q in loaded.rows("quarantine")
              if q["row_number"] and q["table_name"] == "claims"]  # fmt: skip
    assert sorted(faults) == [(2, "conflicting_id"), (4, "conflicting_id"), (6, "duplicate_row")]
    assert [c["fund_amount"] for c in loaded.rows("claims")] == [700000]
    count = loaded.counts["claims"]
    assert (count.records, count.accepted, count.quarantined, count.duplicates) == (4, 1, 2, 1)


@pytest.mark.parametrize("amount", ["1e3", "1.234", "five", "1,0"])
def test_synpuf_bad_amount_of_a_segment_is_not_left_out_of_the_sum(
    tmp_path: Path, load_source: Any, amount: str
) -> None:
    other = SEGMENT_1.replace(" 100 ", " 200 ")
    folder = synpuf(tmp_path / "in", SEGMENT_1, SEGMENT_2.replace("500.25", amount), other)
    path = folder / INPATIENT
    path.write_text(path.read_text("utf-8").replace("1,0,0.00", '"1,0",0.00'), "utf-8")
    loaded = load_source("synpuf", folder, tmp_path / "home")
    faults = {(q["code"], q["column_name"]) for q in loaded.rows("quarantine") if q["row_number"]}
    code = "ambiguous_number" if "," in amount else "bad_number"
    # Columns of other kinds of file, from which payments are made there, are not named.
    assert (code, "CLM_PMT_AMT") in faults
    assert loaded.counts["claims"].accepted == 1


def test_synpuf_three_years_of_a_person_are_one_person(tmp_path: Path, load_source: Any) -> None:
    folder = synpuf(tmp_path / "in", SEGMENT_1)
    head = "DESYNPUF_ID,BENE_BIRTH_DT,BENE_DEATH_DT,BENE_SEX_IDENT_CD\n"
    for year, death in ((2008, ""), (2009, ""), (2010, "20100501")):
        path = folder / f"DE1_0_{year}_Beneficiary_Summary_File_Sample_1.csv"
        path.write_text(f"{head}P1,19430101,{death},1\n", "utf-8")
    loaded = load_source("synpuf", folder, tmp_path / "home")
    (person,) = loaded.rows("insured")
    assert (person["sex"], person["birth_date"]) == ("M", date(1943, 1, 1))
    (death,) = loaded.rows("deaths")
    assert death["death_date"] == date(2010, 5, 1)
    # The summary of 2010 is known from New Year 2011 in New York on.
    assert death["known_at"] == datetime(2011, 1, 1, 5, tzinfo=UTC)
    assert death["insured_id"] == person["insured_id"] == alias("insured", "P1")
    assert loaded.counts["insured"].records == 1
    years = [(row["valid_from"].year, row["known_at"].year) for row in loaded.rows("coverage")]
    assert years == [(2008, 2009), (2009, 2010), (2010, 2011)]  # known when the year is over
    assert loaded.report.absent_tables == ["claim_lines"]


def test_synpuf_missing_dates_name_the_files_own_columns(tmp_path: Path, load_source: Any) -> None:
    bad = SEGMENT_1.replace(" 100 ", " 300 ").replace("20090331", "20090231")
    loaded = load_source("synpuf", synpuf(tmp_path / "in", SEGMENT_1, bad), tmp_path / "home")
    faults = [(q["column_name"], q["value"]) for q in loaded.rows("quarantine")
              if q["row_number"] and q["table_name"] == "claims"]  # fmt: skip
    assert faults == [("CLM_ADMSN_DT + CLM_FROM_DT", "20090231")]


# ---- provider fraud


def test_provider_fraud_by_hand(tmp_path: Path, load_source: Any) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    head = ("BeneID,ClaimID,ClaimStartDt,ClaimEndDt,Provider,InscClaimAmtReimbursed,"
            "AttendingPhysician,DeductibleAmtPaid,DiagnosisGroupCode,ClmDiagnosisCode_1,"
            "ClmDiagnosisCode_2,ClmProcedureCode_1\n")  # fmt: skip
    (folder / "Train_Inpatientdata.csv").write_text(
        head + "B1,C1,2009-04-12,2009-04-18,P1,26000,A1,1068.0,201,1970,4019,NA\n"
        "B2,C2,2009-04-12,2009-04-18,P1,26000,NA,NA,NA,NA,NA,NA\n", "utf-8",
    )  # fmt: skip
    outpatient = head.replace("DiagnosisGroupCode,", "") + (
        "B1,C3,2009-05-01,2009-05-01,P2,60,A2,0,4019,NA,NA\n"
    )
    (folder / "Train_Outpatientdata.csv.gz").write_bytes(gzip.compress(outpatient.encode()))
    (folder / "Train_Beneficiarydata.csv").write_text(
        "BeneID,DOB,DOD,Gender\nB1,1943-01-01,NA,1\nB2,1950-02-01,2009-12-01,2\n", "utf-8"
    )
    (folder / "Train.csv").write_text("Provider,PotentialFraud\nP1,Yes\nP2,No\n", "utf-8")
    loaded = load_source("provider_fraud", folder, tmp_path / "home")
    claims = by_id(loaded, "claims", "claim", "claim_id")
    first, second, third = claims["C1"], claims["C2"], claims["C3"]
    assert (first["total_amount"], first["self_amount"]) == (2706800, 106800)
    assert (first["diagnosis_count"], first["procedure_count"], first["drg_code"]) == (2, 0, "201")
    assert (second["total_amount"], second["self_amount"]) == (2600000, None)
    assert (second["doctor_id"], second["main_diagnosis"], second["diagnosis_count"]) == (
        None,
        None,
        0,
    )
    assert [c["claim_type"] for c in (first, third)] == ["inpatient", "outpatient"]
    assert third["drg_code"] is None
    (death,) = loaded.rows("deaths")
    assert death["known_at"] == datetime(2009, 12, 31, 5, tzinfo=UTC)
    labels = {row["institution_id"]: row["label"] for row in loaded.rows("provider_labels")}
    assert labels == {alias("institution", "P1"): 1, alias("institution", "P2"): 0}
    assert (loaded.report.currency, loaded.report.unit) == ("USD", "institution")
    assert not [q for q in loaded.rows("quarantine") if q["severity"] == "error"]


# ---- mappings, and data that others published


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('claim_id = { from = "a", colour = "red" }', "unknown keys .'colour'"),
        ('shoe_size = { from = "a" }', "unknown keys .'shoe_size'"),
        ('claim_id = { from = "a", sum = ["b"] }', "either 'from' or 'sum'"),
        ("claim_id = { }", "either 'from' or 'sum'"),
    ],
)
def test_mapping_with_unknown_keys_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ncurrency = "CNY"\ntime_zone = "Asia/Shanghai"\nunit = "claim"\nnulls = []\n'
        f'[tables.claims]\nfiles = ["a.csv"]\n[tables.claims.columns]\n{text}\n', "utf-8",
    )  # fmt: skip
    with pytest.raises(MappingError, match=reason):
        read_mapping(path)


def test_unknown_source_names_those_there_are() -> None:
    with pytest.raises(MappingError, match=r"no source 'nsha'.*nhsa.*synpuf"):
        source_mapping("nsha")


@pytest.mark.parametrize(("source", "accepted"), [("synpuf", 28_277), ("provider_fraud", 40_474)])
def test_published_files_load(source: str, accepted: int, tmp_path: Path, load_source: Any) -> None:
    if not (SHARED / source).is_dir():
        pytest.skip("../shared/data is absent")
    loaded = load_source(source, SHARED / source, tmp_path)
    assert loaded.counts["claims"].accepted == accepted
    # There are no carrier claims and no prescriptions in the folder.
    assert loaded.report.absent_tables == (["claim_lines"] if source == "synpuf" else [])
