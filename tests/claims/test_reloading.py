"""What a later load does: the same bytes nothing, a corrected file replaces, a new one is added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from claims import arrivals, quarantine
from claims import load as load_module
from claims.load import LoadError, LoadReport, load
from claims.mapping import source_mapping
from claims.store import open_store

Monthly = Callable[..., LoadReport]


@pytest.fixture
def monthly(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Monthly:
    """Load the folder of ``files`` with a vault of its own; January is there already."""
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    files.registers()
    files.month("01", {"setl_id": "S1"}, {"setl_id": "S2"})
    return lambda **options: load(files.several, files.folder, files.home, **options)


def changes(report: LoadReport) -> dict[str, tuple[int, int, int]]:
    return {c.table: (c.new, c.changed, c.removed) for c in report.changes}


def history(files: Any) -> list[dict[str, Any]]:
    lines = (files.home / "store" / "versions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_same_bytes_add_nothing_and_are_not_read(
    files: Any, monthly: Monthly, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = monthly()
    assert sum(new for new, *_ in changes(first).values()) == 2 + 2 + 3
    assert changes(first)["claims"] == (2, 0, 0)

    def never(*_: Any) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(arrivals, "open_file", never)
    again = monthly()
    assert (again.changes, again.version) == ([], first.version)
    assert again.counts == first.counts
    assert set(again.files.unchanged) == set(first.files.added)
    assert len(history(files)) == 1


def test_corrected_file_replaces_and_says_so(files: Any, monthly: Monthly) -> None:
    before = monthly()
    files.month("01", {"setl_id": "S1", "dscg_maindiag_code": "J44"}, {"setl_id": "S3"})
    report = monthly()
    assert report.files.replaced == ["fee_detail_01.csv", "setl_list_01.csv"]
    assert changes(report)["claims"] == (1, 1, 1)  # S3 new, S1 changed, S2 removed
    assert changes(report)["claim_lines"] == (1, 0, 1)
    assert changes(report)["insured"] == (0, 0, 0)
    claims = open_store(files.home).read("claims").to_pylist()
    assert sorted(c["main_diagnosis"] for c in claims) == ["I10", "J44"]
    assert open_store(files.home, before.version).read("claims").num_rows == 2
    told = history(files)[-1]
    assert told["changed_files"]["replaced"] == report.files.replaced
    assert told["changed_rows"] == [asdict(c) for c in report.changes]


def test_new_month_is_added_and_earlier_ones_are_kept(files: Any, monthly: Monthly) -> None:
    first = monthly()
    january = {p.name: p.read_bytes() for p in files.folder.glob("*_01.csv")}
    for name in january:
        (files.folder / name).unlink()
    files.month("02", {"setl_id": "S4"})
    report = monthly()
    assert report.files.kept == sorted(january)
    assert report.files.added == ["fee_detail_02.csv", "setl_list_02.csv"]
    assert changes(report)["claims"] == (1, 0, 0)
    store = open_store(files.home)
    assert store.meta["tables"]["claims"]["rows"] == 3
    assert {c.table: c.records for c in report.counts}["claims"] == 3
    place = "claims/known_month=2024-01/part-0.parquet"
    old = open_store(files.home, first.version).folder
    assert (store.folder / place).samefile(old / place)
    assert not (store.folder / "manifest.json").samefile(old / "manifest.json")
    assert not list(store.folder.rglob("*.same"))
    # Both months at once make the same version as one after the other.
    for name, data in january.items():
        (files.folder / name).write_bytes(data)
    again = monthly()
    assert (again.version, again.changes) == (report.version, [])
    elsewhere = load(files.several, files.folder, files.home.with_name("elsewhere"))
    assert elsewhere.version == report.version != first.version


def test_missing_files_are_forgotten_only_when_asked(files: Any, monthly: Monthly) -> None:
    files.month("02", {"setl_id": "S4"})
    both = monthly()
    for path in files.folder.glob("*_01.csv"):
        path.unlink()
    assert monthly().version == both.version
    report = monthly(forget_missing=True)
    assert report.files.forgotten == ["fee_detail_01.csv", "setl_list_01.csv"]
    assert changes(report)["claims"] == (0, 0, 2)
    assert open_store(files.home).read("claims").num_rows == 1
    assert report.files.kept == []


def test_the_same_claim_in_two_months(files: Any, monthly: Monthly) -> None:
    files.write("setl_list.csv", {"setl_id": "S5"}, {"setl_id": "S6"})
    (files.folder / "setl_list.csv").rename(files.folder / "setl_list_03.csv")
    monthly()
    other = {"setl_id": "S6", "dscg_maindiag_code": "J44"}
    files.write("setl_list.csv", {"setl_id": "S5"}, other, {"setl_id": "S7"})
    (files.folder / "setl_list.csv").rename(files.folder / "setl_list_04.csv")
    report = monthly()
    count = {c.table: c for c in report.counts}["claims"]
    assert (count.records, count.accepted, count.quarantined, count.duplicates) == (7, 4, 2, 1)
    # 100.50 a claim: seven arrived, two conflict, one arrived twice
    assert count.amount_arrived == 7 * 10050
    assert (count.amount_quarantined, count.amount_duplicates) == (2 * 10050, 10050)
    faults = open_store(files.home).read("quarantine").to_pylist()
    assert {(f["source_file"], f["row_number"], f["code"]) for f in faults if f["row_number"]} >= {
        ("setl_list_04.csv", 2, "duplicate_row"), ("setl_list_03.csv", 3, "conflicting_id"),
        ("setl_list_04.csv", 3, "conflicting_id"),
    }  # fmt: skip


def test_an_empty_column_more_is_no_difference_a_filled_one_is(
    files: Any, monthly: Monthly
) -> None:
    path = files.folder / "setl_list_01.csv"
    head, first, second = path.read_text("utf-8").splitlines()
    wider = files.folder / "setl_list_1b.csv"
    wider.write_text(f"{head},note\n{first},\n{second},x\n", "utf-8")
    count = {c.table: c for c in monthly().counts}["claims"]
    assert (count.accepted, count.quarantined, count.duplicates) == (1, 2, 1)


def test_another_source_is_refused(files: Any, monthly: Monthly) -> None:
    before = monthly()
    with pytest.raises(LoadError, match=r"holds claims of source 'nhsa' in CNY.*'synpuf' in USD"):
        load(source_mapping("synpuf"), files.folder, files.home)
    assert open_store(files.home).version == before.version


def test_unreadable_file_does_not_replace_a_good_one(files: Any, monthly: Monthly) -> None:
    before = monthly()
    (files.folder / "fee_detail_01.csv").write_text("", "utf-8")
    with pytest.raises(LoadError, match=r"fee_detail_01.csv cannot be used for 'claim_lines'"):
        monthly()
    assert open_store(files.home).version == before.version
    (files.folder / "fee_detail_01.csv").unlink()
    assert monthly().version == before.version


def test_other_mapping_reads_the_file_again(files: Any, monthly: Monthly) -> None:
    monthly()
    mapping = files.several
    claims = mapping.tables["claims"]
    codes = {**claims.columns["claim_type"].codes, "11": "pharmacy"}
    columns = {**claims.columns, "claim_type": replace(claims.columns["claim_type"], codes=codes)}
    tables = {**mapping.tables, "claims": replace(claims, columns=columns)}
    report = load(replace(mapping, tables=tables), files.folder, files.home)
    assert report.files.read_again == ["setl_list_01.csv"]
    assert changes(report)["claims"] == (0, 2, 0)


def test_damaged_part_is_made_again_or_told(files: Any, monthly: Monthly) -> None:
    before = monthly()
    parts = files.home / "store" / "parts"
    for path in parts.glob("*/rows.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    assert monthly().version == before.version
    assert sum(pq.read_table(path).num_rows for path in parts.glob("*/rows.parquet")) == 7
    for path in parts.glob("*/rows.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    (files.folder / "fee_detail_01.csv").unlink()
    with pytest.raises(LoadError, match=r"read from fee_detail_01.csv is damaged.*again"):
        monthly()


def test_time_that_lay_ahead_is_read_again_when_it_is_past(
    files: Any, monthly: Monthly, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.month("02", {"setl_id": "S8"}, {"setl_id": "S9", "setl_time": "2199-01-01 00:00:00"})
    assert {c.table: c.quarantined for c in monthly().counts}["claims"] == 1
    (about,) = [
        json.loads(p.read_text("utf-8"))
        for p in (files.home / "store" / "parts").glob("*/part.json")
        if "setl_list_02.csv" in p.read_text("utf-8")
    ]
    assert about["ahead_until"] == "2198-12-31T16:00:00+00:00"
    opened: list[str] = []
    read = arrivals.open_file
    monkeypatch.setattr(arrivals, "open_file", lambda p: (opened.append(p.name), read(p))[1])
    # The year 2199 is over: the part is out of date and the time is none that lies ahead.
    monkeypatch.setattr("claims.parts.Part.current", lambda part: not part.about["ahead_until"])
    past = [replace(c, condition=c.condition.replace("now()", "TIMESTAMPTZ '2200-01-01'"))
            for c in quarantine.CHECKS]  # fmt: skip
    monkeypatch.setattr(quarantine, "CHECKS", past)
    report = monthly()
    assert opened == ["setl_list_02.csv"]
    assert changes(report)["claims"] == (1, 0, 0)
    assert open_store(files.home).version == report.version


def test_lost_history_and_current_are_mended(files: Any, monthly: Monthly) -> None:
    before = monthly()
    for path in files.folder.glob("*_01.csv"):
        path.unlink()
    files.month("02", {"setl_id": "S4"})
    # CURRENT is spoilt: what is in force is known from the history all the same.
    (files.home / "store" / "CURRENT").write_text("nothing", "utf-8")
    after = monthly()
    assert after.files.kept == ["fee_detail_01.csv", "setl_list_01.csv"]
    assert before.version != after.version == open_store(files.home).version
    assert changes(after)["claims"] == (1, 0, 0)
    # A run that stopped between CURRENT and the history owes a line, which the next one writes.
    path = files.home / "store" / "versions.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]) + '{"ver')
    monthly()
    assert [entry["version"] for entry in map(json.loads, path.read_text().splitlines()[::2])] == [
        before.version, after.version,
    ]  # fmt: skip


def test_one_load_at_a_time(files: Any, monthly: Monthly) -> None:
    from claims.spill import locked

    monthly()
    with locked(files.home / "store"), pytest.raises(LoadError, match="Another load into home/"):
        monthly()


def month_alone(files: Any, number: str, claim: str) -> None:
    """Let the folder hold the claims of one month and nothing else."""
    for path in files.folder.iterdir():
        path.unlink()
    files.month(number, {"setl_id": claim})


def test_what_is_in_force_is_read_under_the_lock(
    files: Any, monthly: Monthly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another load ends just before this one gets the lock: this one goes on from there."""
    monthly()
    locked, others = load_module.locked, list[LoadReport]()

    @contextmanager
    def after_another(root: Path) -> Iterator[bool]:
        monkeypatch.setattr(load_module, "locked", locked)
        month_alone(files, "02", "S4")
        others.append(monthly())
        month_alone(files, "03", "S5")
        with locked(root) as free:
            yield free

    monkeypatch.setattr(load_module, "locked", after_another)
    report = monthly()
    assert "setl_list_02.csv" in report.files.kept
    assert changes(report)["claims"] == (1, 0, 0)
    assert open_store(files.home).read("claims").num_rows == 4
    assert [e["version"] for e in history(files)][1:] == [others[0].version, report.version]


def test_a_version_without_its_line_of_history_is_told_by_its_manifest(
    files: Any, monthly: Monthly
) -> None:
    """A run that stopped between CURRENT and the history: its files stay, and its line is owed."""
    monthly()
    month_alone(files, "02", "S4")
    february = monthly()
    path = files.home / "store" / "versions.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), "utf-8")
    month_alone(files, "03", "S5")
    march = monthly()
    assert {"setl_list_01.csv", "setl_list_02.csv"} <= set(march.files.kept)
    assert open_store(files.home).read("claims").num_rows == 4
    told = history(files)
    assert [e["version"] for e in told][1:] == [february.version, march.version]
    assert told[1]["parts"] == json.loads(lines[-1])["parts"]
    assert told[1]["files"] == json.loads(lines[-1])["files"]
