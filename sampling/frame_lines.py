"""The lines of ``frame.tsv`` as one Arrow array, and back to bytes, for millions of units.

In: the bytes of a file, or texts that end in line feeds. Out: an array of lines, and every fault of
the file as a whole.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sampling import frame_faults as say
from sampling.faults import Fault

_TEXT = pa.large_string()


def joined(texts: pa.Array) -> bytes:
    """Return all texts of an array without nulls one after the other: its own data buffer."""
    ends = np.frombuffer(texts.buffers()[1], dtype=np.int64)
    first, last = int(ends[texts.offset]), int(ends[texts.offset + len(texts)])
    data: bytes = texts.buffers()[2].slice(first, last - first).to_pybytes()
    return data


def split_lines(raw: bytes, faults: list[Fault]) -> pa.Array:
    """Split a file into lines; whatever is wrong with it as a whole is told line by line."""
    if raw.endswith(b"\n"):
        try:
            ends = pa.py_buffer(np.array([0, len(raw) - 1], dtype=np.int64))
            whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(raw)])
            return pc.split_pattern(whole.cast(_TEXT), "\n").flatten()
        except pa.ArrowInvalid:
            pass
    return pa.array(_decoded_lines(raw, faults), _TEXT)


def _decoded_lines(raw: bytes, faults: list[Fault]) -> list[str]:
    if not raw:
        faults.append(say.empty())
        return []
    if not raw.endswith(b"\n"):
        faults.append(Fault(
            "FRAME_END", "The last line has no line feed; the file was cut.",
            "最后一行缺少换行符，文件不完整。",
        ))  # fmt: skip
        raw += b"\n"
    try:
        return raw.decode().split("\n")[:-1]
    except UnicodeDecodeError:
        return [_decoded(line, row, faults) for row, line in enumerate(raw.split(b"\n")[:-1], 1)]


def _decoded(line: bytes, row: int, faults: list[Fault]) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        faults.append(Fault(
            "FRAME_UTF8", "The line is not UTF-8; write the file as UTF-8.",
            "该行不是UTF-8编码，请以UTF-8保存。", row,
        ))  # fmt: skip
        return line.decode(errors="replace")
