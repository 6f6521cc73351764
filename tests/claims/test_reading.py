"""Files as text: encodings, line ends, quoting, damage, and the right row numbers."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claims.raw import whole
from claims.reading import RawFile, find_files, open_file


def read_file(path: Path) -> SimpleNamespace:
    """Return the rows, the number of records and the faults of a file; no rows of a damaged one."""
    raw = open_file(path)
    rows = whole(raw)
    return SimpleNamespace(
        rows=None if raw.refused else rows, records=raw.records, faults=raw.faults
    )


def read(folder: Path, data: bytes, name: str = "f.csv") -> SimpleNamespace:
    path = folder / name
    path.write_bytes(data)
    return read_file(path)


def cells(raw: SimpleNamespace, *columns: str) -> list[tuple[Any, ...]]:
    assert raw.rows is not None
    rows = raw.rows.select(list(columns)).to_pylist()
    return [tuple(row.values()) for row in rows]


def faults(raw: SimpleNamespace | RawFile) -> list[tuple[int, str, str]]:
    return [(f.row_number, f.code, f.detail) for f in raw.faults]


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y\r",
        b'"a","b"\n"1","x"\n"2","y"\n',
        b" a , b \n1,x\n2,y\n",
    ],
    ids=["plain", "no end", "bom", "crlf", "cr", "quoted", "spaces in header"],
)
def test_the_same_rows_however_written(tmp_path: Path, data: bytes) -> None:
    raw = read(tmp_path, data)
    assert cells(raw, "a", "b", "row_number") == [("1", "x", 2), ("2", "y", 3)]
    assert (raw.records, raw.faults) == (2, [])
    assert cells(raw, "source_file")[0] == ("f.csv",)


def test_nothing_is_interpreted(tmp_path: Path) -> None:
    raw = read(tmp_path, b"a,b,c\n007,1e5,NA\n2024-02-30,true,\n")
    assert cells(raw, "a", "b", "c") == [("007", "1e5", "NA"), ("2024-02-30", "true", "")]


def test_quoted_newline_comma_and_quote_stay_in_their_cell(tmp_path: Path) -> None:
    raw = read(tmp_path, b'a,"b\nc"\n1,"x\ny"\n2,"p,""q"""\n')
    assert cells(raw, "a", "b\nc", "row_number") == [("1", "x\ny", 2), ("2", 'p,"q"', 3)]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_another_delimiter_is_seen_where_the_comma_divides_nothing(
    tmp_path: Path, mark: str
) -> None:
    raw = read(tmp_path, f'a{mark}b\n1,5{mark}x\n"p{mark}q"{mark}y\n1\n2{mark}"z\n'.encode())
    assert cells(raw, "row_number", "a", "b") == [(2, "1,5", "x"), (3, f"p{mark}q", "y")]
    assert [(row, code) for row, code, _ in faults(raw)] == [
        (4, "wrong_field_count"), (5, "unclosed_quote"),
    ]  # fmt: skip
    # Where the comma divides the header it is the delimiter, whatever else stands there.
    assert read(tmp_path, f"a{mark}b,c\n1,2\n".encode()).rows.column_names[0] == f"a{mark}b"
    assert read(tmp_path, b"a\n1\n").rows.column_names[0] == "a"


def test_gb18030_in_header_and_cells(tmp_path: Path) -> None:
    raw = read(tmp_path, "编号,姓名\n001,欧阳娜\n".encode("gb18030"))
    assert cells(raw, "编号", "姓名") == [("001", "欧阳娜")]
    same = read(tmp_path, "编号,姓名\n001,欧阳娜\n".encode())
    assert cells(same, "编号", "姓名") == [("001", "欧阳娜")]


def test_a_western_encoding_is_not_taken_for_chinese(tmp_path: Path) -> None:
    for text in ("Pädiatrie", "Königsberger Straße", "médecin généraliste", "niño, año"):
        raw = read(tmp_path, f'a,b\n1,"{text}"\n'.encode("cp1252"))
        assert [(row, code) for row, code, _ in faults(raw)] == [(0, "wrong_encoding")], text
    # A rare character among common ones is Chinese.
    chinese = read(tmp_path, "a,b\n1,镕基堃喆诊所门诊部\n".encode("gb18030"))
    assert cells(chinese, "b") == [("镕基堃喆诊所门诊部",)]


def test_one_broken_byte_in_declared_utf8_is_not_taken_for_another_encoding(
    tmp_path: Path,
) -> None:
    data = b"\xef\xbb\xbf" + "a,b\n1,中文\n".encode() + b"2,\xd6\xd0\n"
    assert faults(read(tmp_path, data)) == [(0, "wrong_encoding", "")]


def test_text_that_ends_within_a_character_was_cut(tmp_path: Path) -> None:
    # In the other encoding these bytes are characters too, only not those that were written.
    data = "a,b\n1,中文\n2,中".encode()[:-1]
    assert data.decode("gb18030")
    assert faults(read(tmp_path, data)) == [(0, "cut_text", "")]
    assert faults(read(tmp_path, b"a,b\n1,x\xd6")) == [(0, "wrong_encoding", "")]
    assert cells(read(tmp_path, "a,b\n1,中".encode("gb18030")), "b") == [("中",)]


def test_utf16_is_refused(tmp_path: Path) -> None:
    assert faults(read(tmp_path, "a,b\n1,中\n".encode("utf-16"))) == [(0, "wrong_encoding", "")]


def test_gzip_and_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,x\n" * 5000)
    assert read(tmp_path, packed, "f.csv.gz").records == 5000
    for damaged in (packed[:-9], packed[:30], b"a,b\n1,2\n", packed[:20] + b"\0\0" + packed[22:]):
        raw = read(tmp_path, damaged, "f.csv.gz")
        assert raw.rows is None
        assert [f.code for f in raw.faults] == ["unreadable_file"]


def test_missing_file_and_folder_are_faults(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    assert read_file(tmp_path / "d.csv").faults[0].code == "unreadable_file"
    assert read_file(tmp_path / "gone.csv").faults[0].code == "unreadable_file"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" , \n"])
def test_empty_file(tmp_path: Path, data: bytes) -> None:
    raw = read(tmp_path, data)
    assert raw.rows is None
    assert faults(raw) == [(0, "empty_file", "")]


@pytest.mark.parametrize("data", [b"a,b", b"a,b\n", b"a,b\r\n\r\n"])
def test_header_without_rows(tmp_path: Path, data: bytes) -> None:
    raw = read(tmp_path, data)
    assert raw.rows is not None
    assert (raw.rows.num_rows, raw.records, faults(raw)) == (0, 0, [(0, "no_rows", "")])
    assert raw.faults[0].severity == "warning"


def test_wrong_field_counts_carry_their_row_and_no_cell(tmp_path: Path) -> None:
    raw = read(tmp_path, b"a,b\n1,x\n2\n3,z\n4,secret,name\n5,v\n")
    assert cells(raw, "a", "row_number") == [("1", 2), ("3", 4), ("5", 6)]
    assert faults(raw) == [
        (3, "wrong_field_count", "1 ≠ 2"),
        (5, "wrong_field_count", "3 ≠ 2"),
    ]
    assert raw.records == 5


def test_row_numbers_hold_across_the_readers_blocks(tmp_path: Path) -> None:
    # 3.2 MB, more than the reader's default block; bad rows near both ends.
    good = b"1,x\n" * 400_000
    raw = read(tmp_path, b"a,b\n" + good + b"bad\n" + good + b"bad\n1,last\n")
    assert [f.row_number for f in raw.faults] == [400_002, 800_003]
    assert cells(raw, "b", "row_number")[-1] == ("last", 800_004)


def test_empty_lines_are_numbered_but_are_no_records(tmp_path: Path) -> None:
    raw = read(tmp_path, b"\na,b\n1,x\n\n,\nbad\n2,y\n\n")
    assert cells(raw, "a", "row_number") == [("1", 3), ("2", 7)]
    assert faults(raw) == [(6, "wrong_field_count", "1 ≠ 2")]
    assert raw.records == 3


@pytest.mark.parametrize("rest", [b"\n", b"\n3,z\n4,v\n", b"\n3,z\n" * 400_000])
def test_quote_that_never_closes_swallows_nothing_silently(tmp_path: Path, rest: bytes) -> None:
    raw = read(tmp_path, b'a,b\n1,x\n2,"y' + rest)
    assert cells(raw, "a", "b") == [("1", "x")]
    assert faults(raw) == [(3, "unclosed_quote", "")]
    assert raw.records == 2


def test_quote_that_never_closes_where_no_row_is_sound(tmp_path: Path) -> None:
    raw = read(tmp_path, b'a,b,c\n1,2,3,4\nS0,"never\nclosed')
    assert faults(raw) == [(2, "wrong_field_count", "4 ≠ 3"), (3, "unclosed_quote", "")]
    assert raw.records == 2


def test_quote_that_never_closes_behind_megabytes(tmp_path: Path) -> None:
    good = b"1,x\n" * 2_000_000
    path = tmp_path / "f.csv"
    path.write_bytes(b"a,b\n" + good + b'bad\n2,"y\n' + b"3,z\n" * 2_000_000)
    raw = open_file(path)
    assert sum(block.num_rows for block in raw.blocks()) == 2_000_000
    assert faults(raw) == [
        (2_000_002, "wrong_field_count", "1 ≠ 2"), (2_000_003, "unclosed_quote", ""),
    ]  # fmt: skip
    assert raw.records == 2_000_002


def test_cells_longer_than_any_should_be_are_faults_of_their_row(tmp_path: Path) -> None:
    long = "长" * 32_768
    raw = read(tmp_path, f"a,b\n1,{long}\n2,{long[1:]}\n{long},3\n4,y\n".encode())
    assert cells(raw, "a", "row_number") == [("2", 3), ("4", 5)]
    assert [(f.row_number, f.code, f.column_name) for f in raw.faults] == [
        (2, "oversized_cell", "b"), (4, "oversized_cell", "a"),
    ]  # fmt: skip
    assert raw.records == 4


def test_blocks_may_be_read_twice_and_faults_taken_out_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a,b\n1,x\nbad\n2,y\n")
    raw = open_file(path)
    assert (raw.name, raw.columns, raw.faults) == ("f.csv", ("a", "b"), [])
    for _ in range(2):
        assert [block.column_names for block in raw.blocks()] == [["a", "b", "row_number"]]
        assert (raw.records, raw.refused) == (3, False)
        assert [fault.row_number for fault in raw.faults] == [3]
        raw.faults.clear()
    assert open_file(tmp_path / "none.csv").columns == ()


def test_repeated_column_is_told_by_place_because_a_cell_may_be_a_name(tmp_path: Path) -> None:
    assert faults(read(tmp_path, b"id,x,ID\n1,2,3\n")) == [(0, "repeated_column", "1 = 3")]


def test_columns_that_would_hide_ours_are_set_apart(tmp_path: Path) -> None:
    raw = read(tmp_path, b"row_number,Source_File,,a\n9,evil,n,1\n")
    assert cells(raw, "row_number (file)", "Source_File (file)", "(3)", "a", "row_number") == [
        ("9", "evil", "n", "1", 2)
    ]


def test_files_are_found_once_by_name_and_folders_never(tmp_path: Path) -> None:
    for name in ("x2.csv", "x1.csv"):
        (tmp_path / name).write_bytes(b"a\n1\n")
    (tmp_path / "x3.csv").mkdir()
    paths = find_files(tmp_path, ["x*.csv", "x1.csv"])
    assert [p.name for p in paths] == ["x1.csv", "x2.csv"]
