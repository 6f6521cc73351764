"""Files that change, vanish or cannot be read, folders without a file: refused with a sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims import arrivals, building
from claims.arrivals import LoadError
from claims.load import load
from claims.mapping import source_mapping
from claims.raw_files import UnreadableError
from claims.store import StoreError, open_store
from claims.vault import has_identities


@pytest.fixture
def own_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    return tmp_path / "vault"


def parts(files: Any) -> list[Path]:
    return list(files.home.glob("store/parts/*"))


def while_reading(monkeypatch: pytest.MonkeyPatch, change: Any, name: str) -> None:
    """Let something happen to a file when its rows have been read for the first time."""
    read, done = building.RawFile.blocks, list[str]()

    def reading(file: Any) -> Any:
        yield from read(file)
        if file.name == name and not done:
            done.append(name)
            change()

    monkeypatch.setattr(building.RawFile, "blocks", reading)


@pytest.mark.parametrize("change", ["longer", "shorter", "gone"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    files: Any, own_vault: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    files.registers()
    path = files.write("setl_list.csv", {}, {"setl_id": "S2"})
    whole = path.read_bytes()
    changes = {
        "longer": lambda: path.write_bytes(whole + whole.splitlines(keepends=True)[-1]),
        "shorter": lambda: path.write_bytes(whole[:-9]),
        "gone": path.unlink,
    }
    while_reading(monkeypatch, changes[change], "setl_list.csv")
    with pytest.raises(LoadError, match=r"^setl_list.csv changed while being read: nothing was ta"):
        files.load()
    # Neither a part nor identities say that they come of bytes from which they were not read.
    assert parts(files) == []
    assert list((own_vault / "identities").iterdir()) == []
    with pytest.raises(StoreError, match="no loaded claims"):
        open_store(files.home)
    path.write_bytes(whole)
    assert files.load().counts["claims"].accepted == 2


def test_every_file_that_cannot_be_read_is_named_at_once(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {})
    for name in ("fee_detail.csv", "death_info.csv"):
        (files.folder / name).symlink_to("nowhere.csv")
    with pytest.raises(LoadError, match=r"death_info.csv \(No such.*fee_detail.csv \(No such"):
        files.load()


def test_a_folder_with_the_name_of_a_file_is_passed_over(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {})
    (files.folder / "fee_detail.csv").mkdir()
    (files.folder / "setl_list_2.csv").mkdir()
    loaded = files.load_several()
    assert loaded.counts["claims"].accepted == 1
    assert "claim_lines" in loaded.report.absent_tables


def test_a_folder_in_the_place_of_the_claims_is_no_file(files: Any) -> None:
    (files.folder / "setl_list.csv").mkdir(parents=True)
    with pytest.raises(LoadError, match=r"in/ holds no readable file.*Check --input and --source"):
        files.load()


def test_an_empty_folder_after_a_load_is_a_mistake(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {})
    before = files.load()
    for path in files.folder.iterdir():
        path.unlink()
    (files.folder / "notes.txt").write_text("nothing of the source", "utf-8")
    told = r"in/ holds no file of source 'nhsa' .*setl_list\*?.csv.*Check --input and --source"
    with pytest.raises(LoadError, match=told):
        files.load()
    with pytest.raises(LoadError, match="no readable file"):
        load(source_mapping("nhsa"), files.folder, files.home, forget_missing=True)
    assert open_store(files.home).version == before.report.version
    # One file alone is enough: what else is in force stays so.
    files.write("dr_info.csv", {}, {"dr_codg": "D2"})
    assert files.load().report.files.kept == [
        "fixmedins_info.csv", "psn_info.csv", "setl_list.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "reason"),
    [("cut_text", "middle of a character"), ("too_large", "more than the limit")],
)
def test_why_a_file_cannot_be_used_is_told_each_time(
    files: Any, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    """A file that turns out damaged when it is read leaves a part; the next load reads that."""
    files.write("setl_list.csv", {})
    read = building.RawFile.blocks

    def damaged(file: Any) -> Any:
        yield from read(file)
        if file.name == "setl_list.csv":
            file.refuse(UnreadableError(code, "7 MB"))

    told = []
    with monkeypatch.context() as patch:
        patch.setattr(building.RawFile, "blocks", damaged)
        with pytest.raises(LoadError, match=rf"setl_list.csv: .*{reason}") as caught:
            files.load()
        told.append(str(caught.value))
    (part,) = parts(files)
    opened: list[Path] = []
    monkeypatch.setattr(arrivals, "open_file", opened.append)
    with pytest.raises(LoadError) as caught:
        files.load()
    assert [str(caught.value)] == told
    assert (opened, parts(files)) == ([], [part])


def test_all_reasons_of_all_claims_files_are_told_on_both_loads(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {}, without=["medfee_sumamt", "setl_time"]).rename(
        files.folder / "setl_list_b.csv"
    )
    (files.folder / "setl_list_c.csv").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(LoadError) as caught:
            files.load_several()
        told = str(caught.value)
        assert "lack the columns ['medfee_sumamt']" in told
        assert "setl_list_c.csv: The file holds not even a header row" in told


def test_a_part_that_could_not_be_used_tells_the_columns_it_lacks(files: Any) -> None:
    """It was kept beside a good one; the time of settlement, which may be assumed, is not named."""
    files.write("setl_list.csv", {}, without=["medfee_sumamt", "setl_time"]).rename(
        files.folder / "setl_list_b.csv"
    )
    good = files.write("setl_list.csv", {"setl_id": "S2"})
    files.load_several()
    good.unlink()
    with pytest.raises(LoadError, match=r"claims lack the columns \['medfee_sumamt'\], which"):
        load(files.several, files.folder, files.home, forget_missing=True)


def test_the_first_line_of_a_file_without_a_header_names_no_column(files: Any) -> None:
    """What looks like a header may be a person: only columns that the mapping reads are named."""
    files.registers()
    files.write("setl_list.csv", {})
    long = "x" * 40_000
    people = ["张三", "990103199408010015", "N1"]
    text = ",".join(people) + "\n" + ",".join([long, "2", "N2"]) + "\n"
    (files.folder / "psn_info.csv").write_text(text, "utf-8")
    lines = files.folder / "fee_detail.csv"
    lines.write_text(f"feedetl_sn,SETL_ID,王五\nF1,S1,{long}\nF2,{long},1\n", "utf-8")
    faults = files.load().rows("quarantine")
    cells = [q for q in faults if q["code"] == "oversized_cell"]
    assert sorted((q["source_file"], q["row_number"], q["column_name"]) for q in cells) == [
        ("fee_detail.csv", 2, "(3)"), ("fee_detail.csv", 3, "SETL_ID"), ("psn_info.csv", 2, "(1)"),
    ]  # fmt: skip
    assert all(f"column '{q['column_name']}'" in q["reason_en"] for q in cells)
    kept = str(faults) + "".join(
        str(pq.read_table(path).to_pylist()) for path in files.home.rglob("faults.parquet")
    )
    assert not [name for name in (*people[:2], "王五") if name in kept]


def test_columns_of_a_parquet_file_are_not_named_from_what_looks_like_a_header(
    files: Any, tmp_path: Path
) -> None:
    source = source_mapping("nhsa")
    claims = replace(source.tables["claims"], files=("*.parquet",))
    source = replace(source, tables={"claims": claims})
    pq.write_table(
        pa.table({"setl_id": ["S1"], "张三": [["S1"]]}), files.folder / "setl_list.parquet"
    )
    with pytest.raises(LoadError, match=re.escape("setl_list.parquet: Column '(2)' holds lists")):
        load(source, files.folder, files.home)


def test_kept_parts_of_another_vault_or_mapping_are_refused(
    files: Any, own_vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.registers()
    files.month("01", {"setl_id": "S1"})
    first = files.load_several()
    for path in files.folder.glob("*_01.csv"):
        path.unlink()
    files.month("02", {"setl_id": "S2"})
    told = r"read from (fee_detail|setl_list)_01.csv was read with another vault or another mapping"
    with monkeypatch.context() as patch:
        patch.setenv("JIHE_VAULT", str(tmp_path / "other"))
        with pytest.raises(LoadError, match=told):
            files.load_several()
    with pytest.raises(LoadError, match=told):
        load(replace(files.several, nulls=("NA",)), files.folder, files.home)
    assert open_store(files.home).version == first.report.version
    # The vault that read them, without what it knew of one part: no list could be led back.
    (lost,) = [p.name for p in parts(files) if "setl_list_01" in (p / "part.json").read_text()]
    assert has_identities(lost)
    known = own_vault / "identities" / f"{lost}.parquet"
    known.rename(tmp_path / "elsewhere")
    with pytest.raises(LoadError, match=told):
        files.load_several()
    (tmp_path / "elsewhere").rename(known)
    assert files.load_several().counts["claims"].accepted == 2
