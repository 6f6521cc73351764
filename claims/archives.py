"""Compressed files, opened as a stream of bytes and held to limits before and while they inflate.

In: a path. Out: a stream of the one file inside. Nothing is written to disk and nothing is inflated
further than the limits allow: a file that promises or gives more is refused, whatever its headers
say (OWASP ASVS 5.0, 5.2.3 and 5.2.5).
"""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from claims.raw_files import UnreadableError

GIGABYTE = 10**9


@dataclass(frozen=True)
class Limits:
    """What a file may hold at most; the ratio counts from ``ratio_from`` bytes on.

    Small files compress well and do no harm, so that the ratio says nothing about them.
    """

    text_bytes: int = 64 * GIGABYTE
    workbook_bytes: int = GIGABYTE
    ratio: int = 100
    ratio_from: int = 16 << 20
    entries: int = 256
    directory_bytes: int = 1 << 20


LIMITS = Limits()

#: First bytes of files that are archives or workbooks, whatever they are called.
_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf",
    b"Rar!",
)
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_PARQUET = b"PAR1"


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""

    def close(self) -> None:
        """Let go of the file."""


class Counted:
    """A stream that is held to a limit and to a ratio while it is read."""

    def __init__(self, stream: Readable, packed: int, most: int, limits: Limits) -> None:
        self._stream, self._packed, self._most, self._limits = stream, packed, most, limits
        self.total = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; refuse the file as soon as there are too many."""
        data = self._stream.read(size)
        self.total += len(data)
        check_size(self._packed, self.total, self._most, self._limits)
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def check_size(packed: int, inflated: int, most: int, limits: Limits) -> None:
    """Refuse a size that is above the limit, or out of proportion to what holds it."""
    if inflated > most:
        raise UnreadableError("too_large", f"> {most // 10**6:,} MB")
    if inflated > limits.ratio_from and inflated > limits.ratio * max(packed, 1):
        raise UnreadableError("too_dense", f"> {limits.ratio}:1")


def opener(path: Path, limits: Limits = LIMITS) -> Callable[[], Readable]:
    """Return the function that opens the text inside ``path``, which may be gzip or zip.

    Raises:
        UnreadableError: the archive promises more than the limits, or is not one text.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return lambda: _gzip_stream(path, limits)
    if suffix == ".zip":
        return lambda: _zip_stream(path, limits)
    return lambda: _plain_stream(path, limits)


def _plain_stream(path: Path, limits: Limits) -> Readable:
    size = path.stat().st_size
    check_size(size, size, limits.text_bytes, limits)
    stream = path.open("rb")
    return _text_only(stream, "wrong_suffix")


def _gzip_stream(path: Path, limits: Limits) -> Readable:
    # The trailer's promise is modulo 4 GiB, and arbitrary in a file that was cut: what counts is
    # what comes, and it is stopped at the limit.
    packed = path.stat().st_size
    stream = gzip.open(path)  # noqa: SIM115 - closed by the reader
    return Counted(_text_only(stream, "nested_archive"), packed, limits.text_bytes, limits)


class _Again:
    """A stream whose first bytes have been looked at and come once more."""

    def __init__(self, first: bytes, stream: Readable) -> None:
        self._first, self._stream = first, stream

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        first, self._first = self._first, b""
        if not first:
            return self._stream.read(size)
        if 0 <= size < len(first):
            self._first = first[size:]
            return first[:size]
        return first + self._stream.read(size - len(first) if size >= 0 else -1)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def _text_only(stream: Readable, code: str) -> Readable:
    """Refuse what begins like an archive, a workbook or a table where text must be."""
    try:
        first = stream.read(8)
        if first.startswith((*_ARCHIVES, _OLD_WORKBOOK, _PARQUET)):
            raise UnreadableError(code)
    except BaseException:
        stream.close()
        raise
    return _Again(first, stream)


def open_zip(path: Path, most: int, limits: Limits = LIMITS) -> zipfile.ZipFile:
    """Open a zip archive whose directory keeps to the limits; nothing is inflated.

    Raises:
        UnreadableError: too many entries, too large, too dense, encrypted, or packed in a way
            that cannot be inflated in bounds.
    """
    with path.open("rb") as file:
        _check_directory(file, path.stat().st_size, limits)
    archive = zipfile.ZipFile(path)
    try:
        _check_entries(archive.infolist(), most, limits)
    except UnreadableError:
        archive.close()
        raise
    return archive


def _check_directory(file: BinaryIO, size: int, limits: Limits) -> None:
    """Hold the directory to its limit before the library reads all of it into memory."""
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile
    entries, length = struct.unpack_from("<HI", tail, at + 10)
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and at - wide >= 56:
        entries, length = struct.unpack_from("<QQ", tail, wide + 32)
    if entries > limits.entries:
        raise UnreadableError("too_many_entries", f"{entries:,} > {limits.entries}")
    if length > limits.directory_bytes:
        raise UnreadableError("too_many_entries", f"> {limits.directory_bytes:,} B")


def _check_entries(entries: Sequence[zipfile.ZipInfo], most: int, limits: Limits) -> None:
    if len(entries) > limits.entries:
        raise UnreadableError("too_many_entries", f"{len(entries):,} > {limits.entries}")
    for entry in entries:
        if entry.flag_bits & 1:
            raise UnreadableError("encrypted_file")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableError("unknown_packing")
        check_size(entry.compress_size, entry.file_size, most, limits)
    check_size(
        sum(e.compress_size for e in entries), sum(e.file_size for e in entries), most, limits
    )


def _zip_stream(path: Path, limits: Limits) -> Readable:
    archive = open_zip(path, limits.text_bytes, limits)
    # The finder of one operating system adds a folder of its own notes to every archive.
    files = [e for e in archive.infolist()
             if not e.is_dir() and not e.filename.startswith("__MACOSX/")]  # fmt: skip
    if len(files) != 1:
        archive.close()
        raise UnreadableError("not_one_member", str(len(files)))
    stream = open_member(archive, files[0], limits.text_bytes, limits)
    return _text_only(stream, "nested_archive")


def open_member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, limits: Limits = LIMITS
) -> Readable:
    """Open one entry; it gives no more bytes than its header promised, and is refused for fewer."""
    return _Member(archive, entry, most, limits)


class _Member(Counted):
    def __init__(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, limits: Limits
    ) -> None:
        super().__init__(archive.open(entry), entry.compress_size, most, limits)
        self._promised = entry.file_size

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; an end before the promised size is damage."""
        data = super().read(size)
        if not data and size != 0 and self.total != self._promised:
            raise zipfile.BadZipFile
        return data
