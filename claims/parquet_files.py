"""Parquet files as a stream of blocks: the text that the CSV of the same table would have.

In: a Parquet file. Out: blocks of strings with row numbers (the first row is row 2, as if a header
stood above it). Decimals are plain, whole numbers have no decimals, dates are ISO, times
'2024-01-31 08:00:00', booleans 1 and 0, absent values empty. Times with a zone are told in the
zone of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.archives import LIMITS, Limits, check_size
from claims.raw_files import (
    BLOCK_BYTES,
    LARGEST_CELL,
    RawFile,
    UnreadableError,
    column_names,
    empty_rows,
)

_ROWS, _CELLS = 65_536, 1 << 22
#: Whole numbers up to here are exact in a float; above, a '.0' says that digits may be lost.
_EXACT = 10.0**15


def read_parquet(path: Path, zone: str = "", limits: Limits = LIMITS) -> RawFile:
    """Return a Parquet file; raises what the file is damaged by.

    Args:
        path: the file.
        zone: IANA zone in which times with a zone are told; without one they are refused.
        limits: what the file may hold.
    """
    with path.open("rb") as stream:
        file = pq.ParquetFile(stream, thrift_string_size_limit=16 << 20)
        _check(file.metadata, path.stat().st_size, limits)
        schema = file.schema_arrow
    columns = column_names(schema.names)
    try:
        for kind, name in zip(schema.types, columns, strict=True):
            _check_type(kind, name, zone)
    except UnreadableError as error:
        raw = RawFile(path.name, columns)  # by its columns a fault can tell a column's place
        raw.refuse(error)
        return raw

    def source(raw: RawFile) -> Iterator[pa.Table]:
        texts = [n for n, t in zip(schema.names, schema.types, strict=True) if _is_text(t)]
        with path.open("rb") as stream:
            file = pq.ParquetFile(stream, read_dictionary=texts, thrift_string_size_limit=16 << 20)
            first, rows = 2, min(_ROWS, max(256, _CELLS // max(1, len(columns))))
            for batch in file.iter_batches(batch_size=rows):
                yield from _tables(raw, batch, first, zone)
                first += batch.num_rows

    return RawFile(path.name, columns, source=source)


def _check(metadata: pq.FileMetaData, size: int, limits: Limits) -> None:
    total = 0
    for group in range(metadata.num_row_groups):
        described = metadata.row_group(group)
        for column in range(described.num_columns):
            chunk = described.column(column)
            total += chunk.total_uncompressed_size
            check_size(
                chunk.total_compressed_size,
                chunk.total_uncompressed_size,
                limits.text_bytes,
                limits,
            )
    check_size(size, total, limits.text_bytes, limits)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _check_type(kind: pa.DataType, name: str, zone: str) -> None:
    if pa.types.is_timestamp(kind) and kind.tz and not zone:
        raise UnreadableError("zoned_time", "", name)
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(value) or pa.types.is_fixed_size_binary(value):
        raise UnreadableError("nested_column", "", name)


def _tables(raw: RawFile, batch: pa.RecordBatch, first: int, zone: str) -> Iterator[pa.Table]:
    """Give the rows of a batch as text, in pieces that are as small as their texts are long."""
    long = np.zeros(batch.num_rows, np.bool_)
    widest = 32 * batch.num_columns
    for place, column in enumerate(batch.columns):
        if pa.types.is_dictionary(column.type):
            texts = _as_text(column.dictionary)
            size = pc.fill_null(pc.utf8_length(texts), 0)
            widest += 4 * min(pc.max(size).as_py() or 0, LARGEST_CELL)
            over = pc.fill_null(pc.greater(size, LARGEST_CELL).take(column.indices), False)
            for row in np.flatnonzero(over.to_numpy(zero_copy_only=False) & ~long):
                raw.add(first + int(row), "oversized_cell", raw.columns[place])
                long[row] = True
    step = max(1, BLOCK_BYTES // widest)
    for start in range(0, batch.num_rows, step):
        yield _piece(
            raw, batch.slice(start, step), first + start, ~long[start : start + step], zone
        )


def _piece(
    raw: RawFile, batch: pa.RecordBatch, first: int, keep: np.ndarray, zone: str
) -> pa.Table:
    mask = pa.array(keep)
    rows = batch.filter(mask)
    columns = [pc.fill_null(text_of(column, zone), "") for column in rows.columns]
    named = pa.RecordBatch.from_arrays(columns, names=list(raw.columns))
    numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64)).filter(mask)
    filled = pa.array(~empty_rows(named))
    return pa.Table.from_batches([named.append_column("row_number", numbers).filter(filled)])


def _as_text(texts: pa.Array) -> pa.Array:
    """Return texts that some writers keep as bytes; bytes of another encoding are refused."""
    try:
        return texts.cast(pa.string())
    except pa.ArrowInvalid:
        raise UnreadableError("wrong_encoding") from None


def text_of(column: pa.Array, zone: str = "") -> pa.Array:
    """Return a column as the text that a CSV file would hold; absent values stay null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return text_of(column.dictionary, zone).take(column.indices)
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.string())
    if pa.types.is_timestamp(kind):
        return _moments(column, zone)
    if pa.types.is_floating(kind):
        return _floats(column)
    if pa.types.is_decimal(kind):
        return _plain(column.cast(pa.string()))
    return _as_text(column) if pa.types.is_binary(kind) else column.cast(pa.string())


def _moments(column: pa.Array, zone: str) -> pa.Array:
    """Return local times to the second, with a fraction only where there is one."""
    if column.type.tz:
        column = pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, zone)))
    whole = pc.floor_temporal(column, unit="second")
    text = pc.strftime(whole.cast(pa.timestamp("s")), format="%Y-%m-%d %H:%M:%S")
    exact = pc.equal(whole, column)
    return pc.if_else(exact, text, column.cast(pa.string()))


def _floats(column: pa.Array) -> pa.Array:
    """Return the shortest digits that mean the same number; what is no number is absent."""
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    large = pc.greater_equal(pc.abs(column), _EXACT)
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.invert(large))
    digits = pc.if_else(whole, column, pa.scalar(None, column.type)).cast(pa.int64())
    return pc.coalesce(digits.cast(pa.string()), _plain(column.cast(pa.string())))


def _plain(texts: pa.Array) -> pa.Array:
    """Write out the few numbers that have an exponent."""
    exponents = pc.match_substring_regex(texts, "[eE]")
    if not pc.any(exponents).as_py():
        return texts
    written = [
        None if t is None else _written(t) if "e" in t.lower() else t for t in texts.to_pylist()
    ]
    return pa.array(written, pa.string())


def _written(text: str) -> str:
    number = Decimal(text)
    plain = format(number, "f")
    return plain if "." in plain or abs(number) < Decimal(_EXACT) else f"{plain}.0"
