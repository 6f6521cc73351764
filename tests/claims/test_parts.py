"""Parts: what decides their id, what they keep, and files that turn out damaged on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from claims import building
from claims.load import LoadError, load
from claims.mapping import source_mapping
from claims.parts import content_secret, part_id
from claims.raw import scope
from claims.raw_files import UnreadableError
from claims.store import open_store
from claims.vault import vault_folder

KEY = b"k" * 32


def test_id_follows_bytes_reading_and_key_and_nothing_else() -> None:
    source = source_mapping("nhsa")
    lines = source.tables["claim_lines"]
    files = {"a.csv": "1", "b.csv": "2"}
    first = part_id(files, lines, source, KEY)
    assert part_id(dict(reversed(files.items())), lines, source, KEY) == first
    assert part_id(files, replace(lines, files=("*",), required=True), source, KEY) == first
    assert part_id(files, lines, replace(source, unit="insured"), KEY) == first
    column = lines.columns["days_supply"]
    others = [
        part_id({**files, "b.csv": "3"}, lines, source, KEY),
        part_id({"a.csv": "1", "c.csv": "2"}, lines, source, KEY),
        part_id(files, lines, source, b"l" * 32),
        part_id(files, lines, replace(source, time_zone="UTC"), KEY),
        part_id(files, lines, replace(source, nulls=("NA",)), KEY),
        part_id(files, replace(lines, prepare="SELECT * FROM raw"), source, KEY),
        part_id(
            files,
            replace(lines, columns={**lines.columns, "days_supply": replace(column, default="1")}),
            source,
            KEY,
        ),
        part_id(files, source.tables["claims"], source, KEY),
    ]
    assert len({first, *others}) == len(others) + 1


def test_scope_of_prepare_texts() -> None:
    def of(source: str, table: str) -> str:
        return scope(source_mapping(source).tables[table])

    assert of("nhsa", "claims") == of("nhsa", "institutions") == "block"
    assert of("provider_fraud", "claims") == of("provider_fraud", "deaths") == "block"
    assert of("synpuf", "claims") == "file"
    assert of("synpuf", "insured") == of("synpuf", "deaths") == "files"


def synpuf_years(folder: Path, *years: int, sex: str = "1") -> None:
    head = "DESYNPUF_ID,BENE_BIRTH_DT,BENE_DEATH_DT,BENE_SEX_IDENT_CD\n"
    for year in years:
        path = folder / f"DE1_0_{year}_Beneficiary_Summary_File_Sample_1.csv"
        path.write_text(f"{head}P1,19430101,,{sex}\n", "utf-8")


def test_files_that_belong_together_are_delivered_together(tmp_path: Path) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    (folder / "DE1_0_2008_to_2010_Outpatient_Claims_Sample_1.csv").write_text(
        "DESYNPUF_ID,CLM_ID,SEGMENT,CLM_FROM_DT,CLM_THRU_DT,PRVDR_NUM,CLM_PMT_AMT,"
        "NCH_PRMRY_PYR_CLM_PD_AMT,AT_PHYSN_NPI,NCH_BENE_PTB_DDCTBL_AMT,NCH_BENE_PTB_COINSRNC_AMT,"
        "ICD9_DGNS_CD_1\nP1,1,1,20090331,20090402,39A,7000.00,0.00,A1,0.00,10.00,4280\n", "utf-8",
    )  # fmt: skip
    synpuf_years(folder, 2008, 2009)
    source = source_mapping("synpuf")
    first = load(source, folder, home)
    assert open_store(home).read("insured").num_rows == 1
    # A later year alone would make a second part with the same person in it.
    synpuf_years(folder, 2010)
    for path in folder.glob("DE1_0_200*Bene*"):
        path.unlink()
    with pytest.raises(LoadError, match=r"made from several files at once.*DE1_0_2008_Ben"):
        load(source, folder, home)
    assert open_store(home).version == first.version
    synpuf_years(folder, 2008, 2009)
    third = load(source, folder, home)
    assert {c.table: (c.accepted, c.records) for c in third.counts}["insured"] == (1, 1)


def test_rows_of_a_file_that_turns_out_damaged_do_not_count(
    files: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    files.registers()
    files.write("setl_list.csv", {})
    files.write("fee_detail.csv", {}, {"feedetl_sn": "F2", "fee_ocur_time": "never"})
    read = building.RawFile.blocks

    def damaged(file: Any) -> Any:
        yield from read(file)
        if file.name == "fee_detail.csv":
            file.refuse(UnreadableError("empty_file"))

    monkeypatch.setattr(building.RawFile, "blocks", damaged)
    loaded = files.load()
    assert "claim_lines" not in loaded.store.tables
    assert "claim_lines" in loaded.report.absent_tables
    told = [q for q in loaded.rows("quarantine") if q["table_name"] == "claim_lines"]
    assert [(q["row_number"], q["severity"], q["code"]) for q in told] == [
        (0, "error", "empty_file")
    ]
    assert "F1" not in "".join(
        str(pq.read_table(p).to_pylist()) for p in vault_folder().rglob("*.parquet")
    )


def test_several_rows_of_one_line_are_told_apart(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {})
    path = files.folder / "ref_mild_diag.csv"
    path.write_text("diag_code,begndate,enddate\nA|B|B,2023-01-01,\nC|D,2023-02-30,\n", "utf-8")
    source = source_mapping("nhsa")
    text = """SELECT row_number, source_file, unnest(string_split(diag_code, '|')) AS diag_code,
        begndate, enddate FROM raw"""
    mild = replace(source.tables["mild_diagnoses"], prepare=text)
    source = replace(source, tables={**source.tables, "mild_diagnoses": mild})
    report = load(source, files.folder, files.home)
    count = {c.table: c for c in report.counts}["mild_diagnoses"]
    assert (count.records, count.accepted, count.quarantined, count.duplicates) == (5, 2, 2, 1)
    kept = open_store(files.home).read("mild_diagnoses")["diagnosis_code"].to_pylist()
    assert kept == ["A", "B"]


def test_digest_of_contents_needs_the_key(files: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Whoever holds the store alone cannot try out names and numbers against the digests."""
    files.write("setl_list.csv", {})
    digests = []
    for vault in ("one", "two"):
        monkeypatch.setenv("JIHE_VAULT", str(tmp_path / vault))
        load(source_mapping("nhsa"), files.folder, tmp_path / f"home_{vault}")
        (rows,) = [
            pq.ParquetFile(p.with_name("rows.parquet")).read()
            for p in (tmp_path / f"home_{vault}").glob("store/parts/*/part.json")
            if json.loads(p.read_text("utf-8"))["table"] == "claims"
        ]
        digests.append(rows["content_digest"].to_pylist())
        assert "key_original" not in rows.column_names
    assert digests[0] != digests[1]
    assert content_secret(KEY) not in KEY.hex()
