"""CSV files as a stream of blocks: nothing is interpreted, and no file has to fit in memory.

In: CSV text, UTF-8 (with or without byte-order mark) or GB18030. Out: Arrow tables of strings with
each record's number (the header is row 1; an empty line has a number but is no record), and faults
of rows that cannot be told apart into fields.

A file is read twice: first to see that all of it arrived and which encoding holds for all of it,
then for its rows. So a file that is cut or of mixed encoding is refused before anything is taken.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic, sleep

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pv

from claims.archives import Readable
from claims.raw_files import (
    BLOCK_BYTES,
    LARGEST_CELL,
    RawFile,
    UnreadableError,
    column_names,
    empty_rows,
    oversized,
)

#: A record appended to every file. Where it does not arrive, a quotation mark was never closed.
_SEAL = "\x1e"
#: What the parser takes at once. No record may be longer; small pieces stay in the cache.
_PIECE = 4 << 20
_READ = 1 << 20

#: What may stand between cells, in the order in which the header is asked.
DELIMITERS = (",", ";", "\t")

#: A character of two bytes in GB18030, and how many of them tell enough.
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_PAIRS = 10_000

#: Seconds without a question after which nobody reads any more, and what one reading may take.
_QUIET, _LONGEST = 0.25, 30.0

# The reader of the header must take whatever the parser takes.
csv.field_size_limit(2 * _PIECE)

Opener = Callable[[], Readable]


def read_csv(name: str, opened: Opener) -> RawFile:
    """Return a CSV file, looked through once; raises what the file is damaged by."""
    encoding = _encoding(opened)
    names, before, delimiter, swallowed = _header(opened, encoding)

    def tables(raw: RawFile) -> Iterator[pa.Table]:
        return _Reading(raw, before, delimiter, swallowed).tables(opened, encoding)

    return RawFile(name, names, source=tables)


def _encoding(opened: Opener) -> str:
    """Return UTF-8 or GB18030; a file that says it is UTF-8 is not taken for anything else."""
    try:
        return _decoded(opened, "utf-8")
    except UnicodeDecodeError:
        stream = opened()
        marked = stream.read(3).startswith(codecs.BOM_UTF8)
        stream.close()
        if marked:
            raise
        encoding = _decoded(opened, "gb18030")
        if _is_western(opened):
            raise
        return encoding


def _is_western(opened: Opener) -> bool:
    """Tell whether text that GB18030 can read is more likely of a western encoding.

    An accented letter and the plain letter behind it make a character that Chinese hardly uses:
    those of GB 2312, nearly all of any text, have a second byte above ASCII.
    """
    pairs: list[bytes] = []
    stream = opened()
    try:
        while len(pairs) < _PAIRS and (piece := stream.read(_READ)):
            pairs += _PAIR.findall(piece)
    finally:
        stream.close()
    rare = sum(pair[1] < 0x80 for pair in pairs)
    return rare * 2 > len(pairs)


def _decoded(opened: Opener, encoding: str) -> str:
    """Decode the whole text, keeping nothing; return the encoding if every byte belongs to it."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream, wide = opened(), False
    try:
        while piece := stream.read(_READ):
            # Plain ASCII after a whole character is the same in both encodings, and common.
            if not (piece.isascii() and decoder.getstate() == (b"", 0)):
                wide |= not decoder.decode(piece).isascii()
        _end(decoder, cut=wide and encoding == "utf-8")
    finally:
        stream.close()
    return encoding


def _end(decoder: codecs.IncrementalDecoder, *, cut: bool) -> None:
    """End the text; in UTF-8 throughout but for half a character at the end, it was cut."""
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if cut:  # the other encoding would often read it, as other characters
            raise UnreadableError("cut_text") from None
        raise


def _header(opened: Opener, encoding: str) -> tuple[tuple[str, ...], int, str, bool]:
    """Return the column names, the number of records before the first data row, and the delimiter.

    The delimiter is the comma wherever it divides the header; else what does. The last is whether
    the first record behind the header fills all that the parser takes at once.
    """
    stream = opened()
    try:
        # No header is longer than what the parser takes at once.
        start = _start(stream)
    finally:
        stream.close()
    text = codecs.getincrementaldecoder(encoding)().decode(start).removeprefix("\ufeff")
    more = len(start) == _PIECE
    for delimiter in (*DELIMITERS, DELIMITERS[0]):
        place, cells, last = _first_record(text, delimiter)
        if len(cells) > 1:
            break
    return column_names(cells), place, delimiter, more and last


def _first_record(text: str, delimiter: str) -> tuple[int, list[str], bool]:
    """Return the place and cells of the first record that is not empty.

    The last is whether the text holds only one record behind it, or none.
    """
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for place, cells in enumerate(records, start=1):
        if any(len(cell) > LARGEST_CELL for cell in cells):
            raise csv.Error("no name is so long")
        if any(cell.strip() for cell in cells):
            return place, cells, len(list(islice(records, 2))) < 2
    raise UnreadableError("empty_file")


def _start(stream: Readable) -> bytes:
    pieces, size = [], 0
    while size < _PIECE and (piece := stream.read(_PIECE - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


class _Text(io.RawIOBase):
    """The text in UTF-8 without a byte-order mark, and the seal behind it."""

    def __init__(self, stream: Readable, encoding: str, columns: int, delimiter: str) -> None:
        self._stream = stream
        seal = b"\n" + delimiter.join([_SEAL] * columns).encode() + b"\n"
        self._parts = self._converted(codecs.getincrementaldecoder(encoding)(), encoding, seal)
        self._rest = memoryview(b"")
        self._asked, self._ended, self._told = monotonic(), False, False

    def _converted(
        self, decoder: codecs.IncrementalDecoder, encoding: str, seal: bytes
    ) -> Iterator[bytes]:
        first = True
        while piece := self._stream.read(_READ):
            part = piece if encoding == "utf-8" else decoder.decode(piece).encode()
            yield part.removeprefix(codecs.BOM_UTF8) if first else part
            first = False
        yield decoder.decode(b"", final=True).encode() + seal

    def readable(self) -> bool:
        """Say that bytes can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, never more than asked for: the parser has room for no more."""
        self._asked = monotonic() + _LONGEST
        taken, room = [], size if size >= 0 else 1 << 62
        while room and not self._ended:
            if not self._rest:
                self._rest = memoryview(next(self._parts, b""))
                if not self._rest:
                    break
            taken.append(self._rest[:room])
            self._rest = self._rest[len(taken[-1]) :]
            room -= len(taken[-1])
        self._told = not taken
        self._asked = monotonic()
        return b"".join(taken)

    def end(self) -> None:
        """Give nothing more, and wait until nobody reads any more.

        Who reads ahead either asks once more and learns that it is the end, or has enough and asks
        no more.
        """
        self._ended = True
        while monotonic() - self._asked < _QUIET and not self._told:
            sleep(_QUIET / 20)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()
        super().close()


@dataclass
class _Reading:
    """One pass over the rows; ``next_row`` is the number of the next record of the file."""

    raw: RawFile
    before: int
    delimiter: str
    swallowed: bool
    skipped: list[tuple[int, str]] = field(default_factory=list)
    next_row: int = 0

    def tables(self, opened: Opener, encoding: str) -> Iterator[pa.Table]:
        """Give the rows in blocks; the faults of rows go to the file."""
        self.next_row = self.before + 1
        self.skipped.clear()
        if self.swallowed:
            self._unclosed(self.next_row)
            return
        stream = _Text(opened(), encoding, len(self.raw.columns), self.delimiter)
        try:
            held: list[pa.RecordBatch] = []
            for rows in self._numbered(stream):
                held.append(rows)
                if sum(b.nbytes for b in held) >= BLOCK_BYTES:
                    yield pa.Table.from_batches(held)
                    held = []
            if held:
                yield pa.Table.from_batches(held)
        finally:
            stream.close()

    def _numbered(self, stream: _Text) -> Iterator[pa.RecordBatch]:
        """Give the batches with row numbers, the last one without the seal."""
        last: pa.RecordBatch | None = None
        sealed = True
        try:
            for batch in self._parsed(stream):
                if last is not None and last.num_rows:
                    yield self._finished(last)
                if batch.num_rows or last is None:
                    last = batch
        except pa.ArrowInvalid as error:
            # One record fills all that the parser takes at once: its quotation mark never closes.
            if "straddling" not in str(error):
                raise
            sealed = False
        if sealed:
            if last is not None and self._arrived(last):
                yield self._finished(last.slice(0, last.num_rows - 1))
                self._report(self.next_row + len(self.skipped))
            else:
                yield from self._swallowed(last)
        else:
            if last is not None:
                yield self._finished(last)
            self._unclosed(self.next_row + len(self.skipped))

    def _arrived(self, last: pa.RecordBatch) -> bool:
        """Tell whether the last record is the seal."""
        return bool(last.num_rows) and all(c[-1].as_py() == _SEAL for c in last.columns)

    def _swallowed(self, last: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        """Give the last batch without the record that swallowed the seal, and say which it is."""
        numbers = self._numbers(last.num_rows if last is not None else 0)
        highest = max([self.next_row - 1, *(row for row, _ in self.skipped)])
        if last is not None:
            yield self._kept(last, numbers, numbers != highest)
        self._unclosed(highest)

    def _unclosed(self, row: int) -> None:
        # Whatever followed the open quotation mark is inside the last record.
        self.skipped = [s for s in self.skipped if s[0] != row]
        self._report(row)
        self.raw.add(row, "unclosed_quote")

    def _parsed(self, stream: _Text) -> Iterator[pa.RecordBatch]:
        def skip(row: pv.InvalidRow) -> str:
            detail = f"{row.actual_columns} ≠ {row.expected_columns}"
            self.skipped.append((row.number, detail))
            return "skip"

        names = self.raw.columns
        # Opening reads the first piece: were no record whole in it, there would be no reader to
        # wait for, so that was asked before.
        reader = pv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pv.ReadOptions(
                use_threads=False, column_names=list(names), block_size=_PIECE,
                skip_rows_after_names=self.before,
            ),
            parse_options=pv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True, invalid_row_handler=skip, ignore_empty_lines=False
            ),
            convert_options=pv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )  # fmt: skip
        whole = False
        try:
            yield from reader
            whole = True
        finally:
            if not whole:
                # A reader that is let go while its thread still reads ahead may wait for that
                # thread on that thread, for ever (Arrow's BackgroundGenerator).
                stream.end()

    def _numbers(self, count: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the next ``count`` rows: those that were skipped lie between."""
        gaps = np.array([row for row, _ in self.skipped if row >= self.next_row], np.int64)
        numbers = np.arange(self.next_row, self.next_row + count + len(gaps), dtype=np.int64)
        if len(gaps):
            numbers = np.setdiff1d(numbers, gaps, assume_unique=True)[:count]
        if count:
            self.next_row = int(numbers[-1]) + 1
        return numbers

    def _finished(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        numbers = self._numbers(batch.num_rows)
        rows = self._kept(batch, numbers, np.ones(batch.num_rows, np.bool_))
        self._report(self.next_row)
        return rows

    def _kept(
        self, batch: pa.RecordBatch, numbers: npt.NDArray[np.int64], keep: npt.NDArray[np.bool_]
    ) -> pa.RecordBatch:
        keep = keep & ~empty_rows(batch)
        for place, column in oversized(batch).items():
            if keep[place]:
                self.raw.add(int(numbers[place]), "oversized_cell", column)
                keep[place] = False
        rows = batch.append_column("row_number", pa.array(numbers, pa.int64()))
        return rows if keep.all() else rows.filter(pa.array(keep))

    def _report(self, until: int) -> None:
        """Hand over the faults of skipped records before the record ``until``."""
        for row, detail in self.skipped:
            if row < until:
                self.raw.add(row, "wrong_field_count", "", detail)
        self.skipped = [s for s in self.skipped if s[0] >= until]
