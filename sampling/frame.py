"""The sampling frame: every unit that can be drawn, with its stratum and size.

In: unit ids, strata and sizes as arrays, or a file ``frame.tsv``. Out: a `Frame` sorted by the
bytes of the unit ids, its canonical bytes and their SHA-256. The bytes are those of
docs/sampling-spec.md: UTF-8 lines ``unit TAB unit_id TAB stratum TAB size_minor LF``, sorted.

Control characters are refused in ids and strata, not only tabs and newlines: a character below
TAB would sort a line otherwise than its id, and the order of the lines would no longer be the
order of the ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sampling import frame_faults as say
from sampling.faults import Fault, SamplingError, checked
from sampling.frame_faults import UNITS
from sampling.frame_lines import joined, split_lines

FRAME_FILE = "frame.tsv"
_CONTROL = r"[\x00-\x1f\x7f]"
_INTEGER = r"^(0|[1-9][0-9]{0,18})$"
_LARGEST = str(2**63 - 1)
_PER_KIND = 100
_TEXT = pa.large_string()


class FrameError(SamplingError):
    """A frame cannot be made or read."""


@dataclass(frozen=True, eq=False)
class Frame:
    """All units of one kind, sorted by the bytes of ``unit_ids``.

    ``unit_ids`` and ``strata`` are Arrow arrays of text, ``size_minor`` is int64 in minor
    currency units; all have one length.
    """

    unit: str
    unit_ids: pa.Array
    strata: pa.Array
    size_minor: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.unit_ids)

    @cached_property
    def sha256(self) -> str:
        """The frame hash; a frame of millions is hashed once."""
        return hashlib.sha256(frame_bytes(self)).hexdigest()

    def stratum_codes(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Return the stratum names sorted by bytes and, per unit, the place of its stratum."""
        encoded = self.strata.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        order = sorted(range(len(names)), key=lambda i: names[i].encode())
        place = np.empty(len(names), dtype=np.int64)
        place[order] = np.arange(len(names))
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        return [names[i] for i in order], place[codes]

    def stratum_sizes(self) -> dict[str, int]:
        """Return N_h by stratum, sorted by the bytes of the names."""
        names, codes = self.stratum_codes()
        counts = np.bincount(codes, minlength=len(names))
        return {name: int(count) for name, count in zip(names, counts, strict=True)}


def make_frame(unit: str, unit_ids: Any, strata: Any, size_minor: Any) -> Frame:
    """Return the frame of these units; the order of the rows is irrelevant.

    Args:
        unit: claim, insured, institution or doctor.
        unit_ids: text, one per unit, no two alike.
        strata: text, the stratum of each unit.
        size_minor: non-negative integers, minor currency units.

    Raises:
        FrameError: with every fault at once; rows are counted from 1 in the order given.
    """
    faults: list[Fault] = [] if unit in UNITS else [say.unknown_unit(unit, None)]
    ids = _text(unit_ids, "unit_id", faults)
    names = _text(strata, "stratum", faults)
    sizes = _sizes(size_minor, faults)
    if not faults:
        faults += _shape_faults(len(ids), len(names), len(sizes))
    checked(faults, FrameError)
    rows = np.arange(1, len(ids) + 1)
    faults += _text_faults(ids, "unit_id", rows) + _text_faults(names, "stratum", rows)
    faults += _located(sizes < 0, rows, lambda i: say.bad_size(str(sizes[i])), "size_minor")
    order = pc.sort_indices(ids).to_numpy()
    ids, names, sizes = ids.take(pa.array(order)), names.take(pa.array(order)), sizes[order]
    if len(ids) > 1:
        twin = _mask(pc.equal(ids.slice(0, len(ids) - 1), ids.slice(1)))
        faults += _located(
            twin, order[1:] + 1, lambda i: say.duplicate(ids[i + 1].as_py()), "unit_id"
        )
    checked(faults, FrameError)
    return Frame(unit, ids, names, sizes)


def frame_bytes(frame: Frame) -> bytes:
    """Return the canonical bytes of the frame, as in ``frame.tsv``."""
    unit, tab = pa.scalar(frame.unit, _TEXT), pa.scalar("\t", _TEXT)
    sizes = pa.array(frame.size_minor).cast(_TEXT)
    lines = pc.binary_join_element_wise(unit, frame.unit_ids, frame.strata, sizes, tab)
    ended = pc.binary_join_element_wise(lines, pa.scalar("", _TEXT), pa.scalar("\n", _TEXT))
    return joined(ended)


def frame_hash(frame: Frame) -> str:
    """Return the SHA-256 of the canonical bytes as 64 hex digits."""
    return frame.sha256


def write_frame(frame: Frame, path: Path) -> None:
    """Write ``frame.tsv``: the canonical bytes and nothing else."""
    path.write_bytes(frame_bytes(frame))


def read_frame(path: Path) -> Frame:
    """Read ``frame.tsv``; the SHA-256 of an accepted file is its frame hash.

    Raises:
        FrameError: with every fault at once, each with its line number.
    """
    raw = path.read_bytes()
    faults: list[Fault] = []
    lines = split_lines(raw, faults)
    numbers = np.arange(1, len(lines) + 1)
    whole = _mask(pc.equal(pc.count_substring(lines, "\t"), 3))
    faults += _located(~whole, numbers, lambda _: say.not_four(), "")
    kept = np.flatnonzero(whole)
    unit, ids, names, texts = _fields(lines.take(pa.array(kept)))
    numbers = numbers[kept]
    faults += _unit_faults(unit, numbers)
    faults += _text_faults(ids, "unit_id", numbers) + _text_faults(names, "stratum", numbers)
    good = _mask(pc.match_substring_regex(texts, _INTEGER)) & _fits(texts)
    faults += _located(~good, numbers, lambda i: say.bad_size(texts[i].as_py()), "size_minor")
    faults += _order_faults(ids, numbers)
    checked(faults, FrameError)
    return Frame(unit[0].as_py(), ids, names, texts.cast(pa.int64()).to_numpy())


def _fields(lines: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array]:
    flat = pc.split_pattern(lines, "\t").flatten()
    at = np.arange(0, len(flat), 4)
    first, second, third, fourth = (flat.take(pa.array(at + i)) for i in range(4))
    return first, second, third, fourth


def _fits(texts: pa.Array) -> npt.NDArray[np.bool_]:
    shorter = _mask(pc.less(pc.utf8_length(texts), len(_LARGEST)))
    return shorter | _mask(pc.less_equal(texts, pa.scalar(_LARGEST, _TEXT)))


def _unit_faults(unit: pa.Array, rows: npt.NDArray[np.int64]) -> list[Fault]:
    known = _mask(pc.is_in(unit, pa.array(UNITS, _TEXT)))
    faults = _located(~known, rows, lambda i: say.unknown_unit(unit[i].as_py(), None), "unit")
    if known.any():
        first = unit[int(np.flatnonzero(known)[0])]
        mixed = known & _mask(pc.not_equal(unit, first))
        faults += _located(mixed, rows, lambda i: say.mixed(unit[i].as_py(), first.as_py()), "unit")
    return faults


def _order_faults(ids: pa.Array, rows: npt.NDArray[np.int64]) -> list[Fault]:
    if len(ids) < 2:
        return []
    before, after = ids.slice(0, len(ids) - 1), ids.slice(1)
    wrong = _mask(pc.greater(before, after))
    faults = _located(wrong, rows[1:], lambda _: say.unsorted(), "unit_id")
    order = pc.sort_indices(ids).to_numpy()
    in_order = ids.take(pa.array(order))
    twin = _mask(pc.equal(in_order.slice(0, len(ids) - 1), in_order.slice(1)))
    return faults + _located(
        twin, rows[order[1:]], lambda i: say.duplicate(in_order[i + 1].as_py()), "unit_id"
    )


def _text(values: Any, column: str, faults: list[Fault]) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    try:
        array = pa.array(values)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if not (pa.types.is_large_string(array.type) or pa.types.is_string(array.type)):
            raise TypeError(array.type)
        array = array.cast(_TEXT)
    except (pa.ArrowException, TypeError, UnicodeError) as error:
        faults.append(Fault(
            "FRAME_TEXT", f"Column '{column}' is not text: {error}.",
            f"“{column}”列不是文本。", column=column,
        ))  # fmt: skip
        return pa.array([], _TEXT)
    missing = np.flatnonzero(_mask(array.is_null()))
    faults += [say.empty_text(column, int(i) + 1) for i in missing[:_PER_KIND]]
    return array


def _sizes(values: Any, faults: list[Fault]) -> npt.NDArray[np.int64]:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    try:
        array = pa.array(values)
        if not pa.types.is_integer(array.type) or array.null_count:
            raise TypeError(f"{array.type} with {array.null_count} nulls")
        numbers: npt.NDArray[np.int64] = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        faults.append(Fault(
            "FRAME_SIZE_TYPE", f"Column 'size_minor' is not whole minor units: {error}.",
            "“size_minor”列不是整数（最小货币单位）。", column="size_minor",
        ))  # fmt: skip
        return np.zeros(0, dtype=np.int64)
    return numbers


def _shape_faults(ids: int, names: int, sizes: int) -> list[Fault]:
    if not ids == names == sizes:
        return [Fault(
            "FRAME_SHAPE", f"The columns differ in length: {ids} ids, {names} strata, {sizes} "
            "sizes.", f"各列长度不一致：{ids}个编号，{names}个层，{sizes}个金额。",
        )]  # fmt: skip
    return [] if ids else [say.empty()]


def _text_faults(array: pa.Array, column: str, rows: npt.NDArray[np.int64]) -> list[Fault]:
    control = _mask(pc.match_substring_regex(array, _CONTROL))
    empty = _mask(pc.equal(pc.binary_length(array), 0))
    return _located(control, rows, lambda _: say.control(), column) + _located(
        empty, rows, lambda _: say.empty_text(column, None), column
    )


def _located(
    wrong: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64],
    sentence: Callable[[int], Fault], column: str,
) -> list[Fault]:  # fmt: skip
    """Return one fault per wrong place, the first hundred of a kind, then one with the count."""
    places = np.flatnonzero(wrong)
    faults = [sentence(int(i)) for i in places[:_PER_KIND]]
    located = [
        Fault(f.code, f.en, f.zh, int(rows[i]), column)
        for f, i in zip(faults, places[:_PER_KIND], strict=True)
    ]
    rest = len(places) - _PER_KIND
    if rest > 0:
        located.append(Fault(
            faults[0].code, f"The same fault stands in {rest} more rows.",
            f"另有{rest}行存在同样的错误。",
        ))  # fmt: skip
    return located


def _mask(array: Any) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = array.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask
