"""Parts of a workbook beside its rows: which sheet, which styles mean dates, the shared texts.

In: the zip archive of an XLSX file (ECMA-376). Out: where the wanted sheet is, how its numbers are
to be written, and its texts. XML is read as a stream by expat with a handler that refuses document
types, so that no entity can exist; its depth, names and unfinished tokens are bounded, because
expat keeps them in memory.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.parsers import expat

import pyarrow as pa

from claims.archives import LIMITS, Limits, Readable, open_member
from claims.raw_files import LARGEST_CELL, UnreadableError
from claims.workbook_numbers import Style, style_of

_READ = 1 << 18
_DEPTH, _NAMES, _PENDING = 64, 1_000, 4 << 20
#: What the shared texts of one workbook may hold: they have to be in memory.
_SHARED_BYTES, _SHARED_TEXTS = 80 << 20, 4_000_000

Start = Callable[[str, Mapping[str, str]], None]


class Markup:
    """Reads one part as XML and calls the three functions with local names."""

    def __init__(
        self,
        start: Start,
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        self._start, self._end = start, end
        self._names: dict[str, str] = {}
        self._depth = self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._opened
        self._parser.EndElementHandler = self._closed
        if text:
            self._parser.CharacterDataHandler = text

    def _doctype(self, *_: object) -> None:
        raise UnreadableError("document_type")

    def _opened(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise UnreadableError("unreadable_file", "XML")
        local = self._names.get(name)
        if local is None or not attributes.keys() <= self._names.keys():
            for new in (name, *attributes):
                self._names[new] = new.rpartition(" ")[2]
            if len(self._names) > _NAMES:
                raise UnreadableError("unreadable_file", "XML")
            local = self._names[name]
        self._start(local, attributes)

    def _closed(self, name: str) -> None:
        self._depth -= 1
        if self._end:
            self._end(self._names[name])

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Parse the next bytes; refuse a token that does not end."""
        self._parser.Parse(data, final)
        self._fed += len(data)
        if self._fed - self._parser.CurrentByteIndex > _PENDING:
            raise UnreadableError("unreadable_file", "XML")

    def read(self, stream: Readable) -> None:
        """Parse a whole part."""
        try:
            while data := stream.read(_READ):
                self.feed(data)
            self.feed(b"", final=True)
        finally:
            stream.close()


@dataclass(frozen=True)
class Sheet:
    """One sheet: its part, and what of the workbook its cells need."""

    part: str
    styles: tuple[Style, ...]
    shared: pa.StringArray
    from_1904: bool
    recalculated: bool
    others: int


class Parts:
    """The parts of an XLSX archive by name, each held to the limits."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits = LIMITS) -> None:
        self._archive, self._limits = archive, limits
        self._entries = {entry.filename.lstrip("/"): entry for entry in archive.infolist()}
        if len(self._entries) != len(archive.infolist()):
            raise UnreadableError("unreadable_file", "XLSX")

    def __contains__(self, part: str) -> bool:
        return part in self._entries

    def open(self, part: str) -> Readable:
        """Open a part as a stream; KeyError where there is none of that name."""
        return open_member(
            self._archive, self._entries[part], self._limits.workbook_bytes, self._limits
        )


def _relations(parts: Parts, of: str) -> dict[str, tuple[str, str]]:
    """Return id -> (kind, part) of what a part relates to."""
    folder, name = posixpath.split(of)
    part = posixpath.join(folder, "_rels", name + ".rels")
    found: dict[str, tuple[str, str]] = {}

    def start(local: str, a: Mapping[str, str]) -> None:
        if local == "Relationship" and a.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/" + folder, a["Target"])).lstrip("/")
            found[a["Id"]] = a["Type"].rpartition("/")[2], target

    if part in parts:
        Markup(start).read(parts.open(part))
    return found


def find_sheet(parts: Parts, wanted: str = "") -> Sheet:
    """Return the sheet of that name, or the first that a person sees.

    Raises:
        UnreadableError: there is no such sheet.
    """
    kinds = dict(_relations(parts, "").values())
    book = kinds.get("officeDocument", "xl/workbook.xml")
    relations = _relations(parts, book)
    named: list[tuple[str, str]] = []
    flags = {"date1904": "0", "fullCalcOnLoad": "0"}

    def start(local: str, a: Mapping[str, str]) -> None:
        if local == "sheet":
            key = next((v for k, v in a.items() if k.endswith(" id")), "")
            kind, part = relations.get(key, ("", ""))
            if kind == "worksheet" and (a.get("state", "visible") == "visible" or wanted):
                named.append((a.get("name", ""), part))
        elif local in ("workbookPr", "calcPr"):
            flags.update({k: a[k] for k in flags if k in a})

    Markup(start).read(parts.open(book))
    chosen = [part for name, part in named if name == wanted or not wanted]
    if not chosen:
        raise UnreadableError("no_such_sheet", wanted)
    by_kind = dict(relations.values())
    others = [p for _, p in named if p != chosen[0] and not wanted and _holds_cells(parts, p)]
    return Sheet(
        chosen[0],
        _styles(parts, by_kind.get("styles", "")),
        _shared(parts, by_kind.get("sharedStrings", "")),
        from_1904=flags["date1904"] in ("1", "true"),
        recalculated=flags["fullCalcOnLoad"] in ("1", "true"),
        others=len(others),
    )


def _holds_cells(parts: Parts, part: str) -> bool:
    stream = parts.open(part)
    start = stream.read(1 << 16)
    stream.close()
    return re.search(rb"<(\w+:)?(v|t)[ >]", start) is not None


def _styles(parts: Parts, part: str) -> tuple[Style, ...]:
    """Return what the cells' style numbers mean."""
    layouts: dict[int, str] = {}
    made: list[Style] = []
    inside = ""

    def start(local: str, a: Mapping[str, str]) -> None:
        nonlocal inside
        if local in ("cellXfs", "cellStyleXfs"):
            inside = local
        elif local == "numFmt" and len(layouts) < 10_000:
            layouts[int(a["numFmtId"])] = a["formatCode"][:1_000]
        elif local == "xf" and inside == "cellXfs" and len(made) < 65_536:
            number = int(a.get("numFmtId", "0"))
            made.append(style_of(number, layouts.get(number, "")))

    if part in parts:
        Markup(start).read(parts.open(part))
    return tuple(made)


def unescaped(text: str) -> str:
    """Return a text without the escapes that workbooks use for control characters."""
    if "_x" not in text:
        return text
    escaped = re.compile("_x([0-9A-Fa-f]{4})_")
    return escaped.sub(lambda m: chr(int(m[1], 16)), text).encode("utf-8", "replace").decode()


class _Texts:
    """Collects the shared texts as bytes, not as objects: there may be millions."""

    def __init__(self) -> None:
        self._data, self._ends = bytearray(), array("i", [0])
        self._pieces: list[str] = []
        self._length = self._silent = 0
        self._reading = False

    def start(self, local: str, _: Mapping[str, str]) -> None:
        if local == "rPh":  # how a text is pronounced, not the text
            self._silent += 1
        self._reading = local == "t" and not self._silent

    def text(self, piece: str) -> None:
        if self._reading and self._length <= LARGEST_CELL:
            self._pieces.append(piece)
            self._length += len(piece)

    def end(self, local: str) -> None:
        self._reading = False
        self._silent -= local == "rPh"
        if local == "si":
            # One character too many is kept, by which the row is refused where it is used.
            whole = "".join(self._pieces)[: LARGEST_CELL + 1]
            self._data += unescaped(whole).encode()
            self._ends.append(len(self._data))
            self._pieces, self._length = [], 0
            if len(self._data) > _SHARED_BYTES or len(self._ends) > _SHARED_TEXTS:
                raise UnreadableError("too_large", f"> {_SHARED_BYTES >> 20} MB")

    def made(self) -> pa.StringArray:
        buffers = (None, pa.py_buffer(self._ends), pa.py_buffer(self._data))
        return pa.StringArray.from_buffers(len(self._ends) - 1, *buffers[1:])


def _shared(parts: Parts, part: str) -> pa.StringArray:
    texts = _Texts()
    if part in parts:
        Markup(texts.start, texts.end, texts.text).read(parts.open(part))
    return texts.made()
