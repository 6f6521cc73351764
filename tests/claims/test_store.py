"""The claim store: same input same version, all or nothing, damage is noticed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from claims import load as load_module
from claims import store, vault
from claims.contracts import table, tables
from claims.engine import count, open_engine, run
from claims.store import StoreError, open_store


@pytest.fixture
def filled(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files of two claims, loaded once, with a vault of their own."""
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    files.registers()
    files.write("setl_list.csv", {}, {"setl_id": "S2"}, {"setl_id": "S3", "begntime": "never"})
    files.write("fee_detail.csv", {}, {"feedetl_sn": "F2", "setl_id": "S2"})
    files.first = files.load()
    return files


def everything(folder: Path, *but: str) -> dict[str, bytes]:
    """Return all files below a folder; the history is told apart because it holds the time."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in but
    }


def test_same_input_gives_the_same_version_and_bytes(filled: Any, tmp_path: Path) -> None:
    before = everything(filled.home)
    again = filled.load()
    assert again.report.version == filled.first.report.version
    assert everything(filled.home) == before
    elsewhere = filled.load(tmp_path / "it's elsewhere")
    assert elsewhere.report.version == again.report.version
    but = ("versions.jsonl",)
    assert everything(tmp_path / "it's elsewhere", *but) == everything(filled.home, *but)


def test_row_order_leaves_the_fingerprint_and_moves_the_quarantine_only(filled: Any) -> None:
    path = filled.folder / "setl_list.csv"
    head, *rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n", "utf-8")
    again = filled.load()
    assert again.report.fingerprint == filled.first.report.fingerprint
    assert again.report.version != filled.first.report.version
    assert [f["row_number"] for f in again.rows("quarantine") if f["severity"] == "error"] == [2]
    assert again.rows("claims") == filled.first.rows("claims")


@pytest.mark.parametrize(
    "change", [{"fund_pay_sumamt": "60.01"}, {"dscg_maindiag_code": "I11"}, {"setl_id": "S8"}]
)
def test_other_contents_give_another_fingerprint(filled: Any, change: dict[str, str]) -> None:
    filled.write("setl_list.csv", change, {"setl_id": "S2"})
    again = filled.load()
    assert again.report.fingerprint != filled.first.report.fingerprint
    # Both versions stay readable; the later one is in use.
    assert open_store(filled.home).version == again.report.version
    assert open_store(filled.home, filled.first.report.version).meta == filled.first.store.meta


def test_absent_column_and_empty_column_are_not_the_same_dataset(filled: Any) -> None:
    filled.write("fee_detail.csv", {"prd_days": ""})
    empty = filled.load()
    filled.write("fee_detail.csv", {}, without=["prd_days"])
    absent = filled.load()
    assert empty.rows("claim_lines") == absent.rows("claim_lines")
    assert empty.store.has("claim_lines", "days_supply")
    assert not absent.store.has("claim_lines", "days_supply")
    assert not open_store(filled.home).has("claim_lines", "days_supply")


@pytest.mark.parametrize("where", ["copy", "manifest", "identities", "rename", "current"])
def test_previous_version_stays_when_a_run_fails_half_way(
    filled: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = everything(filled.home)
    known = {p.name for p in (vault.vault_folder() / "identities").glob("*.json")}
    filled.write("setl_list.csv", {"setl_id": "S4"})

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError("no space left on device")

    def fail_last_copy(con: Any, sql: str, parameters: Any = None) -> Any:
        if sql.startswith("COPY") and "quarantine" in sql:
            fail()
        return run(con, sql, parameters)

    def fail_current(source: Any, target: Any) -> None:
        if Path(target).name == "CURRENT":
            fail()
        Path(source).rename(target)

    target = {
        "copy": (store, "run", fail_last_copy), "manifest": (json, "dumps", fail),
        "identities": (load_module, "keep_members", fail), "rename": (store, "_place", fail),
        "current": (os, "replace", fail_current),
    }[where]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(*target)
        with pytest.raises(OSError, match="no space"):
            filled.load()
    # Parts that are complete stay for the next run; nothing refers to them yet.
    after = {
        name: data
        for name, data in everything(filled.home).items()
        if name in before or not name.startswith("store/parts/")
    }
    if where == "current":  # complete, but not in use
        after = {name: data for name, data in after.items() if name in before}
    assert after == before
    assert not [p for p in (filled.home / "store").rglob("*") if p.name.startswith(".")]
    assert open_store(filled.home).version == filled.first.report.version
    kept = {p.name for p in (vault.vault_folder() / "identities").glob("*.json")}
    assert len(kept - known) == (1 if where in ("rename", "current") else 0)
    assert filled.load().counts["claims"].accepted == 1


def test_nothing_is_visible_before_everything_is_written(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.write("setl_list.csv", {"setl_id": "S4"})
    seen: list[tuple[str, str]] = []

    def replace(source: Path, target: Path) -> None:
        if target.name == "CURRENT":
            seen.append((target.name, target.read_text("utf-8")))
            store._opened(target.parent / Path(source).read_text("utf-8"))
        Path(source).rename(target)

    monkeypatch.setattr(os, "replace", replace)
    report = filled.load().report
    assert seen == [("CURRENT", filled.first.report.version)]
    assert (filled.home / "store" / "CURRENT").read_text("utf-8") == report.version


def test_missing_store_says_what_to_do(tmp_path: Path, filled: Any) -> None:
    with pytest.raises(StoreError, match=r"no loaded claims in nothing/.*jihe load"):
        open_store(tmp_path / "nothing")
    (tmp_path / "nothing").write_text("a file", "utf-8")
    with pytest.raises(StoreError, match="no loaded claims"):
        open_store(tmp_path / "nothing")
    with pytest.raises(StoreError, match="no version 0123 of the claims"):
        open_store(filled.home, "0123")


@pytest.mark.parametrize(
    "damage",
    ["no CURRENT", "empty CURRENT", "wrong CURRENT", "no manifest", "cut manifest",
     "other manifest",
     "list manifest", "no table", "cut table", "one byte"],
)  # fmt: skip
def test_damaged_store_is_refused_and_loading_again_repairs_it(filled: Any, damage: str) -> None:
    root = filled.home / "store"
    folder = filled.first.store.folder
    manifest = folder / "manifest.json"
    parquet = folder / "claims" / "known_month=2024-03" / "part-0.parquet"
    data = parquet.read_bytes()
    spoil = {
        "no CURRENT": lambda: (root / "CURRENT").unlink(),
        "empty CURRENT": lambda: (root / "CURRENT").write_text(""),
        "wrong CURRENT": lambda: (root / "CURRENT").write_text("0" * 16),
        "no manifest": manifest.unlink,
        "cut manifest": lambda: manifest.write_text(manifest.read_text("utf-8")[:-20], "utf-8"),
        "other manifest": lambda: manifest.write_text("{}"),
        "list manifest": lambda: manifest.write_text("[]"),
        "no table": parquet.unlink,
        "cut table": lambda: parquet.write_bytes(data[: len(data) // 2]),
        "one byte": lambda: parquet.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:]),
    }
    spoil[damage]()
    with pytest.raises(StoreError):
        open_store(filled.home)
    filled.load()
    assert open_store(filled.home).version == filled.first.report.version
    assert parquet.read_bytes() == data


def test_written_tables_follow_their_contracts(filled: Any) -> None:
    for name in filled.first.store.tables:
        for path in filled.first.store.files(name):
            rows = pq.ParquetFile(path).read()
            assert [(f.name, f.type) for f in rows.schema] == [
                (f.name, f.type) for f in table(name).schema
            ]
            assert table(name).conform(rows).to_pylist() == rows.to_pylist()


def test_attach_makes_every_raw_table_and_empty_ones_too(filled: Any) -> None:
    shutil.copytree(filled.home, filled.home.with_name("o'home"))
    con = open_engine()
    open_store(filled.home.with_name("o'home")).attach(con)
    assert count(con, "claims") == 2
    for name, contract in tables().items():
        if contract.stage != "produced":
            described = run(con, f"DESCRIBE {name}")
            assert [c for c, *_ in described] == list(contract.columns)
    assert count(con, "deaths") == 0
    assert not filled.first.store.has("deaths")
    assert filled.first.store.has("claims", "fund_amount", "drg_code")
