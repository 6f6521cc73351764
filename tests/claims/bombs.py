"""Files made to harm, each by a function of its name, and what each must be told.

``SIZE`` is what they inflate to; a test may set it here before a bomb is made.
"""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.claims.packing import (
    CELL,
    MAIN,
    MEGABYTE,
    PARTS,
    around,
    book,
    gzipped,
    packed,
    patched,
    repeated,
    sheet_of,
    varied,
)

#: What a bomb inflates to, at least; much more in the measured ones.
SIZE = 40 * MEGABYTE


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
