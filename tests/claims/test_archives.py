"""Packed files: limits of every kind, what people pack, and files that are cut or change."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.archives import Limits, opener
from claims.raw_files import UnreadableError
from claims.reading import open_file
from tests.claims.packing import book, packed, sheet_of, varied


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz", "b.zip"])
def test_limits_hold_for_every_kind_of_text(tmp_path: Path, name: str) -> None:
    data = b"".join(varied("{0},x\n", 5_000))
    path = tmp_path / name
    if name == "b.zip":
        packed(path, {"b.csv": iter([b"a,b\n", data])})
    else:
        path.write_bytes(gzip.compress(b"a,b\n" + data) if name.endswith("gz") else b"a,b\n" + data)
    assert told_by(path, Limits()) == len(data) + 4
    assert told_by(path, Limits(text_bytes=10_000)) == "too_large"
    if name != "b.csv":
        assert told_by(path, Limits(ratio=2, ratio_from=1_000)) == "too_dense"
    assert told_by(path, Limits(text_bytes=len(data) + 4)) == len(data) + 4
    assert told_by(path, Limits(text_bytes=len(data) + 3)) == "too_large"


def told_by(path: Path, limits: Limits) -> str | int:
    try:
        stream = opener(path, limits)()
    except UnreadableError as error:
        return error.code
    try:
        return sum(len(piece) for piece in iter(lambda: stream.read(1_000), b""))
    except UnreadableError as error:
        return error.code
    finally:
        stream.close()


def test_what_people_pack_is_read(tmp_path: Path) -> None:
    text = "a,b\r\n1,中\r\n".encode("gb18030")
    path = packed(
        tmp_path / "b.zip",
        {"b.csv": iter([text]), "__MACOSX/._b.csv": iter([b"note"]), "empty/": iter([])},
    )
    raw = open_file(path)
    assert [b.to_pylist() for b in raw.blocks()] == [[{"a": "1", "b": "中", "row_number": 2}]]
    stored = packed(tmp_path / "s.zip", {"x/y.txt": iter([text])}, zipfile.ZIP_STORED)
    assert [b.num_rows for b in open_file(stored).blocks()] == [1]


@pytest.mark.parametrize("cut", [1, 10, 30, 200, 3_000])
@pytest.mark.parametrize("name", ["b.csv.gz", "b.zip", "b.xlsx", "b.parquet"])
def test_a_file_that_is_cut_gives_nothing(tmp_path: Path, name: str, cut: int) -> None:
    data = b"".join(varied("{0},x\n", 5_000))
    path = tmp_path / name
    if name == "b.xlsx":
        book(path, sheet=sheet_of(varied("<row><c><v>{0}</v></c></row>", 5_000)))
    elif name == "b.parquet":
        pq.write_table(pa.table({"a": [str(i) for i in range(5_000)]}), path)
    elif name == "b.zip":
        packed(path, {"b.csv": iter([b"a,b\n", data])})
    else:
        path.write_bytes(gzip.compress(b"a,b\n" + data))
    path.write_bytes(path.read_bytes()[:-cut])
    raw = open_file(path)
    assert list(raw.blocks()) == []
    assert (raw.refused, [f.code for f in raw.faults]) == (True, ["unreadable_file"])


def test_a_file_that_changes_while_it_is_read_is_refused_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "b.csv.gz"
    rows = b"".join(varied("{0},x\n", 500_000))
    path.write_bytes(gzip.compress(b"a,b\n" + rows, 1))
    raw = open_file(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert sum(block.num_rows for block in raw.blocks()) < 500_000
    assert (raw.refused, raw.records) == (True, 0)
    assert [(f.row_number, f.code) for f in raw.faults] == [(0, "unreadable_file")]


def test_faults_without_end_are_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claims.raw_files.MOST_FAULTS", 50)
    (tmp_path / "b.csv").write_bytes(b"a,b\n" + b"1\n" * 60)
    raw = open_file(tmp_path / "b.csv")
    assert list(raw.blocks()) == []
    assert [(f.row_number, f.code) for f in raw.faults] == [(0, "too_many_faults")]
    (tmp_path / "c.csv").write_bytes(b"a,b\n" + b"1\n" * 50)
    raw = open_file(tmp_path / "c.csv")
    assert list(raw.blocks()) == []
    assert (len(raw.faults), raw.records) == (50, 50)
