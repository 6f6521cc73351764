"""Past versions by name and by date, folders by month, and what order and files leave alone."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from claims.engine import count, open_engine, run
from claims.load import load
from claims.mapping import source_mapping
from claims.store import StoreError, open_store


@pytest.fixture
def months(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files of three months, in a vault of their own."""
    monkeypatch.setenv("JIHE_VAULT", str(tmp_path / "vault"))
    files.registers()
    for number in ("01", "02", "03"):
        files.month(number, {"setl_id": f"A{number}"}, {"setl_id": f"B{number}"})
    return files


def rewrite_history(home: Path, *moments: str) -> None:
    """Give the loads of a store other times."""
    path = home / "store" / "versions.jsonl"
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    told = [{**e, "loaded_at": at} for e, at in zip(entries, moments, strict=True)]
    path.write_text("".join(json.dumps(e) + "\n" for e in told), "utf-8")


def test_version_in_force_at_the_end_of_a_local_day(months: Any) -> None:
    first = months.load_several().report.version
    months.month("04", {"setl_id": "A04"})
    second = months.load_several().report.version
    # 15:59 UTC is one minute before midnight in Shanghai, 16:00 the next day.
    rewrite_history(months.home, "2024-03-01T15:59:59+00:00", "2024-03-02T16:00:00+00:00")

    def on(day: int) -> str:
        return open_store(months.home, as_known_on=date(2024, 3, day)).version

    assert [on(1), on(2), on(3), on(9)] == [first, first, second, second]
    assert open_store(months.home, as_known_on=date(2024, 3, 2)).read("claims").num_rows == 6
    with pytest.raises(StoreError, match="No claims were loaded into home/ by 2024-02-29"):
        open_store(months.home, as_known_on=date(2024, 2, 29))
    assert open_store(months.home, first).version == first
    with pytest.raises(StoreError, match="no loaded claims"):
        open_store(months.home.with_name("none"), as_known_on=date(2024, 3, 2))


def test_going_back_to_earlier_files_goes_back_to_the_version(months: Any) -> None:
    path = months.folder / "setl_list_03.csv"
    original = path.read_bytes()
    first = months.load_several().report.version
    months.write("setl_list.csv", {"setl_id": "A03"}).rename(path)
    second = months.load_several().report.version
    path.write_bytes(original)
    third = months.load_several().report
    assert third.version == first != second
    assert {c.table: (c.new, c.removed) for c in third.changes}["claims"] == (1, 0)
    rewrite_history(months.home, *(f"2024-03-0{d}T00:00:00+00:00" for d in (1, 2, 3)))
    known = [open_store(months.home, as_known_on=date(2024, 3, d)).version for d in (1, 2, 3)]
    assert known == [first, second, first]


def test_tables_lie_in_folders_by_month_that_other_programs_read(months: Any) -> None:
    folder = months.load_several().store.folder
    assert sorted(p.name for p in (folder / "claims").iterdir()) == [
        f"known_month=2024-0{m}" for m in (1, 2, 3)
    ]
    con = duckdb.connect()
    rows = con.execute(
        f"SELECT line_month, count(*) FROM '{folder}/claim_lines/*/*.parquet' "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows == [(f"2024-0{m}", 2) for m in (1, 2, 3)]
    engine = open_engine()
    open_store(months.home).attach(engine)
    columns = [c for c, *_ in run(engine, "DESCRIBE claims")]
    assert "known_month" not in columns
    assert count(engine, "claims") == 6


def test_month_is_the_local_one(months: Any) -> None:
    # 00:30 on 1 May in Shanghai is still April in UTC.
    months.write(
        "setl_list.csv",
        {"setl_id": "C", "begntime": "2024-05-01 00:10:00", "endtime": "2024-05-01 00:20:00",
         "setl_time": "2024-05-01 00:30:00"},
    )  # fmt: skip
    store = months.load_several().store
    assert (store.folder / "claims" / "known_month=2024-05").is_dir()
    assert not (store.folder / "claims" / "known_month=2024-04").exists()


def test_order_of_rows_and_splitting_of_files_leave_the_tables_alone(
    county: Path, tmp_path: Path, files: Any
) -> None:
    whole = load(source_mapping("nhsa"), county, tmp_path / "whole")
    files.folder = tmp_path / "split"
    files.folder.mkdir()
    shuffle = random.Random(7)
    for path in county.glob("*.csv"):
        head, *rows = path.read_text("utf-8").splitlines(keepends=True)
        shuffle.shuffle(rows)
        several = path.stem in ("setl_list", "fee_detail", "psn_info")
        pieces = [rows[i::3] for i in range(3)] if several else [rows]
        for place, piece in enumerate(pieces):
            name = f"{path.stem}_{place}.csv" if several else path.name
            (files.folder / name).write_text("".join([head, *piece]), "utf-8")
    split = files.load_several(tmp_path / "again").report
    assert split.fingerprint == whole.fingerprint
    assert split.counts == whole.counts
    one, other = open_store(tmp_path / "whole"), open_store(tmp_path / "again")
    assert one.meta["tables"]["claims"] == other.meta["tables"]["claims"]
    assert one.meta["tables"]["claim_lines"] == other.meta["tables"]["claim_lines"]


def test_number_of_threads_leaves_the_bytes_alone(
    county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from claims import load as load_module

    versions = set()
    for threads in (1, 2, 5):

        def engine(*a: Any, threads: int = threads) -> Any:
            con = open_engine(*a)
            run(con, f"SET threads = {threads}")
            return con

        monkeypatch.setattr(load_module, "open_engine", engine)
        report = load(source_mapping("nhsa"), county, tmp_path / f"home{threads}")
        versions.add(report.version)
    assert len(versions) == 1
