"""Files made to harm: refused with a reason, before they fill the memory.

Every bomb is made here and thrown away. Some are opened in a process of their own, whose memory is
measured.
"""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.archives import Limits, opener
from claims.faults import sentences
from claims.raw_files import UnreadableError
from claims.reading import open_file

MEGABYTE = 1 << 20
#: What a bomb inflates to, at least; much more in the measured ones.
SIZE = 40 * MEGABYTE
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CELL = '<row><c t="inlineStr"><is><t>a</t></is></c></row>'
PARTS = {
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{LINKS}"><sheets><sheet name="A" r:id="r1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<R><Relationship Id="r1" Type="{LINKS}/worksheet" '
    f'Target="sheet.xml"/><Relationship Id="r2" Type="{LINKS}/sharedStrings" '
    f'Target="shared.xml"/><Relationship Id="r3" Type="{LINKS}/styles" Target="styles.xml"/></R>',
    "xl/sheet.xml": f"<worksheet {MAIN}><sheetData>{CELL}</sheetData></worksheet>",
    "xl/shared.xml": f"<sst {MAIN}/>",
}  # fmt: skip
Pieces = Iterator[bytes]


def repeated(text: str | bytes, total: int) -> Pieces:
    data = text.encode() if isinstance(text, str) else text
    block = data * max(1, MEGABYTE // len(data))
    for _ in range(total // len(block) + 1):
        yield block


def around(head: str, middle: Pieces, tail: str) -> Pieces:
    yield head.encode()
    yield from middle
    yield tail.encode()


def varied(form: str, count: int) -> Pieces:
    """Numbered texts, which pack well but not absurdly."""
    for start in range(0, count, 10_000):
        yield "".join(form.format(i) for i in range(start, min(start + 10_000, count))).encode()


def packed(path: Path, members: dict[str, Pieces], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, pieces in members.items():
            with archive.open(name, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
    return path


def book(path: Path, **parts: Pieces) -> Path:
    members = {name: iter([text.encode()]) for name, text in PARTS.items()}
    members |= {f"xl/{name}.xml": pieces for name, pieces in parts.items()}
    return packed(path, members)


def sheet_of(middle: Pieces, head: str = CELL) -> Pieces:
    return around(f"<worksheet {MAIN}><sheetData>{head}", middle, "</sheetData></worksheet>")


def gzipped(path: Path, pieces: Pieces) -> Path:
    with gzip.open(path, "wb", compresslevel=6) as file:
        for piece in pieces:
            file.write(piece)
    return path


def patched(path: Path, mark: bytes, offset: int, form: str, value: int) -> Path:
    """Overwrite a number in every header of a kind."""
    data = bytearray(path.read_bytes())
    at = data.find(mark)
    while at >= 0:
        struct.pack_into(form, data, at + offset, value)
        at = data.find(mark, at + 4)
    path.write_bytes(data)
    return path


# --- gzip and zip of text ------------------------------------------------------------------------


def gzip_of_zeros(folder: Path) -> Path:
    return gzipped(folder / "b.csv.gz", repeated(b"\0", SIZE))


def gzip_of_one_line(folder: Path) -> Path:
    return gzipped(folder / "b.csv.gz", around("a,b\n", repeated("1,x", SIZE), ""))


def gzip_of_rows(folder: Path) -> Path:
    return gzipped(folder / "b.csv.gz", around("a,b\n", repeated("1,x\n", SIZE), ""))


def gzip_of_many_members(folder: Path) -> Path:
    member = gzip.compress(b"1,x\n" * 50_000)
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"a,b\n") + member * 200)
    return folder / "b.csv.gz"


def gzip_that_lies_about_its_size(folder: Path) -> Path:
    path = gzip_of_rows(folder)
    data = path.read_bytes()
    path.write_bytes(data[:-4] + struct.pack("<I", 10))
    return path


def gzip_in_gzip(folder: Path) -> Path:
    (folder / "b.csv.gz").write_bytes(gzip.compress(gzip.compress(b"a,b\n1,2\n")))
    return folder / "b.csv.gz"


def bzip2_in_gzip(folder: Path) -> Path:
    (folder / "b.csv.gz").write_bytes(gzip.compress(bz2.compress(b"a,b\n1,2\n")))
    return folder / "b.csv.gz"


def zip_of_zeros(folder: Path) -> Path:
    return packed(folder / "b.zip", {"b.csv": repeated(b"\0", SIZE)})


def zip_that_promises_little(folder: Path) -> Path:
    path = zip_of_zeros(folder)
    return patched(path, b"PK\x01\x02", 24, "<I", 1_000)


def zip_that_promises_much(folder: Path) -> Path:
    path = packed(folder / "b.zip", {"b.csv": iter([b"a,b\n1,2\n"])})
    return patched(path, b"PK\x01\x02", 24, "<I", 0xFFFFFFF0)


def zip_that_promises_a_little_more(folder: Path) -> Path:
    path = packed(folder / "b.zip", {"b.csv": iter([b"a,b\n1,2\n"])})
    return patched(path, b"PK\x01\x02", 24, "<I", 100)


def zip_of_wrong_checksum(folder: Path) -> Path:
    path = packed(folder / "b.zip", {"b.csv": iter([b"a,b\n1,2\n"])})
    return patched(path, b"PK\x01\x02", 16, "<I", 1)


def zip_of_bzip2(folder: Path) -> Path:
    return packed(folder / "b.zip", {"b.csv": repeated(b"\0", MEGABYTE)}, zipfile.ZIP_BZIP2)


def zip_of_lzma(folder: Path) -> Path:
    return packed(folder / "b.zip", {"b.csv": repeated(b"\0", MEGABYTE)}, zipfile.ZIP_LZMA)


def zip_of_two(folder: Path) -> Path:
    return packed(folder / "b.zip", {"a.csv": iter([b"a\n1\n"]), "b.csv": iter([b"a\n1\n"])})


def zip_of_none(folder: Path) -> Path:
    return packed(folder / "b.zip", {"folder/": iter([])})


def zip_of_many(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        for i in range(2_000):
            archive.writestr(f"{i}.csv", b"")
    return folder / "b.zip"


def zip_of_many_that_says_few(folder: Path) -> Path:
    return patched(zip_of_many(folder), b"PK\x05\x06", 10, "<H", 1)


def zip_of_a_long_name(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        for i in range(40):
            entry = zipfile.ZipInfo(f"{i:05}" + "x" * 60_000)
            archive.writestr(entry, b"")
    return folder / "b.zip"


def zip_in_zip(folder: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.csv", b"\0" * MEGABYTE)
    return packed(folder / "b.zip", {"b.csv": iter([inner.getvalue()])})


def zip_of_itself(folder: Path) -> Path:
    """What a quine is to a reader: at every level one more archive."""
    data = b"a,b\n1,2\n"
    for _ in range(20):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("r/r.zip", data)
        data = made.getvalue()
    (folder / "b.zip").write_bytes(data)
    return folder / "b.zip"


def zip_with_a_password(folder: Path) -> Path:
    path = packed(folder / "b.zip", {"b.csv": iter([b"a,b\n1,2\n"])})
    return patched(patched(path, b"PK\x01\x02", 8, "<H", 1), b"PK\x03\x04", 6, "<H", 1)


def zip_of_overlapping_entries(folder: Path) -> Path:
    """Entries of the directory that all point at the same bytes."""
    path = packed(folder / "b.zip", {"b.csv": iter([b"a,b\n" + b"1,2\n" * 9_000])})
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry, tail = data[start:end], bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 200, 200, 200 * len(entry))
    path.write_bytes(data[:start] + entry * 200 + tail)
    return path


# --- workbooks -----------------------------------------------------------------------------------


def sheet_of_one_cell(folder: Path) -> Path:
    cell = around('<row><c t="str"><v>', repeated("x", SIZE), "</v></c></row>")
    return book(folder / "b.xlsx", sheet=sheet_of(cell))


def sheet_of_rows(folder: Path) -> Path:
    return book(folder / "b.xlsx", sheet=sheet_of(repeated(CELL, SIZE)))


def shared_of_one_text(folder: Path) -> Path:
    text = around(f"<sst {MAIN}><si><t>", repeated("x", SIZE), "</t></si></sst>")
    return book(folder / "b.xlsx", shared=text)


def shared_of_empty_texts(folder: Path) -> Path:
    text = around(f"<sst {MAIN}>", repeated("<si><t/></si>", SIZE), "</sst>")
    return book(folder / "b.xlsx", shared=text)


def shared_of_many_texts(folder: Path) -> Path:
    text = around(f"<sst {MAIN}>", varied("<si><t>{0:064}</t></si>", 1_400_000), "</sst>")
    return book(folder / "b.xlsx", shared=text)


def many_laughs(folder: Path) -> Path:
    names = "abcdefghij"
    laughs = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {n} "{f"&{m};" * 10}">' for m, n in pairwise(names)
    )
    text = (
        f"<!DOCTYPE worksheet [{laughs}]><worksheet {MAIN}><sheetData>&j;</sheetData></worksheet>"
    )
    return book(folder / "b.xlsx", sheet=iter([text.encode()]))


def quadratic_laughs(folder: Path) -> Path:
    laugh = f'<!DOCTYPE sst [<!ENTITY a "{"x" * MEGABYTE}">]>'
    text = f"{laugh}<sst {MAIN}><si><t>{'&a;' * 9_000}</t></si></sst>"
    return book(folder / "b.xlsx", shared=iter([text.encode()]))


def outside_entity(folder: Path) -> Path:
    (folder / "secret").write_text("secret")
    laugh = f'<!DOCTYPE sst [<!ENTITY a SYSTEM "file://{folder}/secret">]>'
    text = f"{laugh}<sst {MAIN}><si><t>&a;</t></si></sst>"
    return book(folder / "b.xlsx", shared=iter([text.encode()]))


def outside_document_type(folder: Path) -> Path:
    text = f'<!DOCTYPE styles SYSTEM "http://localhost:1/x.dtd"><styles {MAIN}/>'
    return book(folder / "b.xlsx", styles=iter([text.encode()]))


def parameter_entity_in_the_book(folder: Path) -> Path:
    text = (
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://localhost:1/x"> %p;]>' + PARTS["xl/workbook.xml"]
    )
    return book(folder / "b.xlsx", workbook=iter([text.encode()]))


def deep_sheet(folder: Path) -> Path:
    return book(folder / "b.xlsx", sheet=sheet_of(varied("<a{0}>", 20_000)))


def sheet_of_many_names(folder: Path) -> Path:
    return book(folder / "b.xlsx", sheet=sheet_of(varied("<a{0}/>", 20_000)))


def sheet_of_many_attributes(folder: Path) -> Path:
    return book(folder / "b.xlsx", sheet=sheet_of(varied('<row a{0}=""/>', 20_000)))


def sheet_of_one_attribute(folder: Path) -> Path:
    attribute = around('<row a="', varied("{0:012}", 1_000_000), '"/>')
    return book(folder / "b.xlsx", sheet=sheet_of(attribute))


def sheet_of_one_comment(folder: Path) -> Path:
    comment = around("<!--", varied("{0:012}", 1_000_000), "-->")
    return book(folder / "b.xlsx", sheet=sheet_of(comment))


def sheet_of_merged_cells(folder: Path) -> Path:
    merged = varied('<mergeCell ref="A{0}:B1048576"/>', 70_000)
    return book(folder / "b.xlsx", sheet=sheet_of(merged))


def sheet_of_wide_rows(folder: Path) -> Path:
    """Every row has one cell, in the last column there can be."""
    rows = varied('<row><c r="XFD1"><v>1</v></c></row>', 50_000)
    return book(folder / "b.xlsx", sheet=sheet_of(rows, ""))


def sheet_of_too_many_columns(folder: Path) -> Path:
    head = "<row>" + "<c><v>1</v></c>" * 20_000 + "</row>"
    return book(folder / "b.xlsx", sheet=sheet_of(iter([]), head))


def styles_of_many(folder: Path) -> Path:
    text = around(f"<s {MAIN}><cellXfs>", varied('<xf numFmtId="{0}"/>', 70_000), "</cellXfs></s>")
    return book(folder / "b.xlsx", styles=text)


def book_with_a_large_picture(folder: Path) -> Path:
    members = {name: iter([text.encode()]) for name, text in PARTS.items()}
    return packed(folder / "b.xlsx", members | {"xl/media/1.png": repeated(b"\0", SIZE)})


def book_in_zip(folder: Path) -> Path:
    data = book(folder / "b.xlsx").read_bytes()
    return packed(folder / "b.zip", {"b.csv": iter([data])})


# --- text and Parquet ----------------------------------------------------------------------------


def text_of_one_quotation_mark(folder: Path) -> Path:
    with (folder / "b.csv").open("wb") as file:
        for piece in around('a,b\n1,"', repeated("x\n", SIZE), ""):
            file.write(piece)
    return folder / "b.csv"


def header_of_one_quotation_mark(folder: Path) -> Path:
    with (folder / "b.csv").open("wb") as file:
        for piece in around('"a', repeated("x,\n", SIZE), ""):
            file.write(piece)
    return folder / "b.csv"


def header_of_many_columns(folder: Path) -> Path:
    with (folder / "b.csv").open("wb") as file:
        for piece in varied("c{0},", 1_000_000):
            file.write(piece)
    return folder / "b.csv"


def parquet_of_one_text(folder: Path) -> Path:
    """One long text that a dictionary repeats: a hundred gigabytes of text."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * MEGABYTE])
    pq.write_table(pa.table({"a": texts}), folder / "b.parquet", compression="zstd")
    return folder / "b.parquet"


def parquet_of_dense_pages(folder: Path) -> Path:
    texts = pa.array(["x" * 500_000] * 60)
    pq.write_table(
        pa.table({"a": texts}), folder / "b.parquet", use_dictionary=False, compression="zstd"
    )
    return folder / "b.parquet"


Bomb = Callable[[Path], Path]
#: What each must be told; the first fault of the file or of its rows.
BOMBS: dict[Bomb, str] = {
    gzip_of_zeros: "too_dense", gzip_of_one_line: "too_dense", gzip_of_rows: "too_dense",
    gzip_of_many_members: "too_dense", gzip_that_lies_about_its_size: "too_dense",
    gzip_in_gzip: "nested_archive", bzip2_in_gzip: "nested_archive", zip_of_zeros: "too_dense",
    zip_that_promises_little: "unreadable_file", zip_that_promises_much: "too_dense",
    zip_that_promises_a_little_more: "unreadable_file", zip_of_wrong_checksum: "unreadable_file",
    zip_of_bzip2: "unknown_packing", zip_of_lzma: "unknown_packing", zip_of_two: "not_one_member",
    zip_of_none: "not_one_member", zip_of_many: "too_many_entries",
    zip_of_many_that_says_few: "too_many_entries", zip_of_a_long_name: "too_many_entries",
    zip_in_zip: "nested_archive", zip_of_itself: "nested_archive",
    zip_with_a_password: "encrypted_file", zip_of_overlapping_entries: "not_one_member",
    sheet_of_one_cell: "too_dense", sheet_of_rows: "too_dense", shared_of_one_text: "too_dense",
    shared_of_empty_texts: "too_dense", shared_of_many_texts: "too_large",
    many_laughs: "document_type",
    quadratic_laughs: "document_type", outside_entity: "document_type",
    outside_document_type: "document_type", parameter_entity_in_the_book: "document_type",
    deep_sheet: "unreadable_file", sheet_of_many_names: "unreadable_file",
    sheet_of_many_attributes: "unreadable_file", sheet_of_one_attribute: "unreadable_file",
    sheet_of_one_comment: "unreadable_file", sheet_of_merged_cells: "unreadable_file",
    sheet_of_wide_rows: "too_many_columns", sheet_of_too_many_columns: "too_many_columns",
    styles_of_many: "no_rows", book_with_a_large_picture: "too_dense",
    book_in_zip: "nested_archive",
    text_of_one_quotation_mark: "unclosed_quote", header_of_one_quotation_mark: "unreadable_file",
    header_of_many_columns: "too_many_columns", parquet_of_one_text: "oversized_cell",
    parquet_of_dense_pages: "too_dense",
}  # fmt: skip


#: Those of each kind that would fill the memory if anything were inflated first.
HEAVY = (
    gzip_of_one_line, zip_that_promises_little, sheet_of_one_cell, shared_of_one_text,
    shared_of_many_texts, sheet_of_one_attribute, sheet_of_wide_rows, quadratic_laughs,
    text_of_one_quotation_mark, parquet_of_one_text, parquet_of_dense_pages,
)  # fmt: skip


def told(path: Path) -> str:
    """Return the first fault of a file that is read to its end."""
    raw = open_file(path)
    for _ in raw.blocks():
        pass
    return raw.faults[0].code


@pytest.mark.parametrize(
    "bomb", [b for b in BOMBS if b not in HEAVY], ids=lambda bomb: bomb.__name__
)
def test_every_bomb_is_refused_with_its_reason(bomb: Bomb, tmp_path: Path) -> None:
    code = told(bomb(tmp_path))
    assert code == BOMBS[bomb]
    assert code in sentences()


MEASURE = """
import sys
from pathlib import Path
from claims.reading import open_file
raw = open_file(Path(sys.argv[1]))
for block in raw.blocks():
    pass
status = Path("/proc/self/status")  # memory is measured on Linux
lines = status.read_text().splitlines() if status.exists() else ["VmHWM: 0"]
peak = next(line for line in lines if line.startswith("VmHWM"))
print(raw.faults[0].code, int(peak.split()[1]) // 1024)
"""


@pytest.mark.parametrize("bomb", HEAVY, ids=lambda bomb: bomb.__name__)
def test_no_bomb_takes_more_than_a_quarter_of_a_gigabyte(
    bomb: Bomb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SIZE", 300 * MEGABYTE)
    path = bomb(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, peak = ran.stdout.split()
    assert code == BOMBS[bomb]
    print(bomb.__name__, peak)
    assert int(peak) <= 256


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
