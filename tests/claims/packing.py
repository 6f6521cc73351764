"""Archives and workbooks packed from pieces, so that a large one never lies in memory."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 1 << 20
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
