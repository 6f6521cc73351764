"""Identities planted everywhere: no output holds one, the vault alone leads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.load import LoadError
from claims.vault import vault_folder

NAME, PHONE, CERTIFICATE = "司徒金丝雀", "19912345678", "110101199001017777"
#: What identifies a person, place or claim in a good row, by column of the national interface.
IDS = {
    "setl_id": "CANARYCLAIM", "mdtrt_id": "CANARYSTAY", "psn_no": "CANARYPERSON",
    "fixmedins_code": "CANARYPLACE", "atddr_no": "CANARYDOCTOR", "dr_codg": "CANARYDOCTOR",
    "bilg_dr_codg": "CANARYDOCTOR", "feedetl_sn": "CANARYLINE", "emp_no": "CANARYEMPLOYER",
    "vlg_code": "CANARYVILLAGE", "refd_setl_id": "",
}  # fmt: skip
NAMES = {"psn_name": NAME, "dr_name": NAME, "fixmedins_name": NAME, "tel": PHONE,
         "certno": CERTIFICATE, "brdy": "1990-01-01"}  # fmt: skip
NEEDLES = [NAME, PHONE, CERTIFICATE, "CANARY"]
FILES = ("setl_list.csv", "fee_detail.csv", "psn_info.csv", "fixmedins_info.csv", "dr_info.csv",
         "death_info.csv")  # fmt: skip


@pytest.fixture
def planted(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files in which every identity is a canary, in good rows and in rows broken in every way."""
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    for name in FILES:
        path = files.write(name, {**IDS, **NAMES})
        with path.open("a", encoding="utf-8") as file:
            file.writelines(_broken(path) if name != "dr_info.csv" else ())
    return files


def _broken(path: Path) -> list[str]:
    head, row = (line.split(",") for line in path.read_text("utf-8").splitlines())
    rows = []
    for shift in range(1, len(row)):  # a slipped row puts each identity into every other column
        rows.append(row[shift:] + row[:shift])
    for secret in (NAME, PHONE, CERTIFICATE, "CANARYPERSON"):
        for place in range(len(head)):
            if head[place] in TYPED:
                rows.append([*row[:place], secret, *row[place + 1 :]])
    rows.append([*row, NAME])
    rows.append(row[:-1])
    rows.append([f'"{row[0]}\n{NAME}"', *row[1:]])
    rows.append([*row[:-1], f'"{NAME}'])
    return [",".join(cells) + "\n" for cells in rows]


TYPED = {
    "med_type", "begntime", "endtime", "setl_time", "medfee_sumamt", "fund_pay_sumamt", "hifp_pay",
    "hifob_pay", "cvlserv_pay", "acct_pay", "psn_cash_pay", "fee_ocur_time", "med_chrgitm_type",
    "cnt", "pric", "det_item_fee_sumamt", "prd_days", "gend", "chronic_flag", "hosp_lv", "bed_cnt",
    "medins_type", "die_date", "rpt_time",
}  # fmt: skip


def everything(root: Path) -> str:
    """Return all that the files below a folder hold, Parquet decoded, names included."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        found += [str(path.relative_to(root)), path.read_bytes().decode("utf-8", "replace")]
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found += [
                str(c) for column in table.columns for c in column.cast(pa.string()).to_pylist()
            ]
    return "\n".join(found)


def test_the_needles_can_be_found(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [NAME * 2, PHONE]}), tmp_path / "x.parquet", compression="zstd")
    assert NAME in everything(tmp_path)
    assert PHONE in everything(tmp_path)


def test_no_output_holds_an_identity(
    planted: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    loaded = planted.load()
    for table in ("claims", "claim_lines", "insured", "institutions", "doctors"):
        assert loaded.counts[table].accepted >= 1, table
        assert loaded.counts[table].quarantined >= 10 or table == "doctors"
    written = everything(planted.home)
    assert "begntime" in written  # the quarantine names columns, row numbers and reasons
    shown = capfd.readouterr()
    for needle in NEEDLES:
        assert needle not in written
        assert needle not in shown.out + shown.err + caplog.text + repr(loaded.report)


def test_a_private_birth_date_is_never_shown_as_a_fault(planted: Any) -> None:
    with (planted.folder / "psn_info.csv").open("a", encoding="utf-8") as file:
        file.write(f"N5,{NAME},{CERTIFICATE},{PHONE},1,1977-07-77,310,E1,V1,0\n")
    faults = [f for f in planted.load().rows("quarantine") if f["column_name"] == "brdy"]
    assert faults
    assert {f["value"] for f in faults} == {None}


def test_no_message_holds_an_identity(planted: Any) -> None:
    path = planted.folder / "setl_list.csv"
    head, _good, *broken = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([head, *broken]), "utf-8")
    with pytest.raises(LoadError) as caught:
        planted.load()
    assert "row" in str(caught.value)
    assert not [n for n in NEEDLES if n in str(caught.value)]
    assert not planted.home.exists() or not [n for n in NEEDLES if n in everything(planted.home)]


def test_the_vault_alone_leads_back_and_knows_no_name(planted: Any) -> None:
    planted.load()
    vault = vault_folder()
    kept = everything(vault)
    for original in (
        "CANARYCLAIM",
        "CANARYPERSON",
        "CANARYPLACE",
        "CANARYDOCTOR",
        "CANARYEMPLOYER",
    ):
        assert original in kept
    for secret in (NAME, PHONE, CERTIFICATE):
        assert secret not in kept
    modes = {p.stat().st_mode & 0o777 for p in vault.rglob("*") if p.is_file()}
    assert modes == {0o600}
    assert sorted(p.name for p in vault.iterdir()) == ["identities", "pseudonym.key"]
