"""Draw the units of a plan: stratified, without replacement, replayable by anybody.

In: a frame, a design and the 32 bytes of the seed. Out: the drawn list as the ``draws`` contract
wants it, and its canonical bytes (``draw.tsv``).

A unit's random number is the first 8 bytes, big-endian, of HMAC-SHA-256 with the seed as key and
the UTF-8 of ``unit|unit_id`` as message. In each stratum the n_h smallest numbers are drawn, equal
numbers in the order of the unit ids' bytes; the first ``floor`` of them are tagged ``random``.
Permanent random numbers as in Ohlsson (1995), here keyed and used once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.contracts import table
from sampling.design import Design, Stratum
from sampling.faults import Fault, SamplingError, checked
from sampling.frame import Frame

DRAW_FILE = "draw.tsv"
SEED_BYTES = 32
_LINE = ("unit", "unit_id", "stratum", "tag", "stratum_draws", "stratum_size", "random_number")
_SIZE_LINE = (*_LINE[:4], "chance_numerator", "chance_denominator", "random_number")
_STAGED_LINE = ("unit", "unit_id", "psu_id", *_SIZE_LINE[2:6], "psu_draws", "psu_size",
                "random_number")  # fmt: skip
_BLOCK = 64
_INNER = bytes(x ^ 0x36 for x in range(256))
_OUTER = bytes(x ^ 0x5C for x in range(256))


class DrawError(SamplingError):
    """Seed, design and frame don't belong together."""


def random_numbers(seed: bytes, unit: str, unit_ids: Any) -> npt.NDArray[np.uint64]:
    """Return the random number of each unit as uint64, in the order given.

    Args:
        seed: 32 bytes.
        unit: kind of unit, the first part of the message.
        unit_ids: text, one per unit.

    Raises:
        DrawError: if the seed is not 32 bytes.
    """
    return keyed_numbers(seed, f"{unit}|", unit_ids)


def keyed_numbers(seed: bytes, prefix: str, unit_ids: Any) -> npt.NDArray[np.uint64]:
    """Return the first 8 bytes of HMAC-SHA-256(seed, prefix + unit_id) as numbers.

    The two padded keys (RFC 2104) are hashed once and copied for each unit, which halves the
    time of a frame of millions.
    """
    checked(_seed_faults(seed), DrawError)
    key = seed.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(key.translate(_INNER) + prefix.encode())
    outer = hashlib.sha256(key.translate(_OUTER))
    digests = bytearray()
    for message in pa.array(unit_ids).cast(pa.large_binary()).to_pylist():
        first, second = inner.copy(), outer.copy()
        first.update(message)
        second.update(first.digest())
        digests += second.digest()[:8]
    return np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64)


def draw(frame: Frame, design: Design, seed: bytes, plan_id: str) -> pa.Table:
    """Return the drawn units, sorted by the bytes of their ids, as the ``draws`` contract says.

    Raises:
        DrawError: if the seed is not 32 bytes or the design was not made for this frame.
    """
    checked(_seed_faults(seed) + match_faults(frame, design), DrawError)
    names, codes = frame.stratum_codes()
    by_name = {s.name: s for s in design.strata}
    strata = [by_name[name] for name in names]
    numbers = random_numbers(seed, frame.unit, frame.unit_ids)
    rank = rank_in_stratum(numbers, codes, len(strata))
    limit = np.array([s.draws for s in strata], dtype=np.int64)
    rows = np.flatnonzero(rank < limit[codes])
    return _table(frame, strata, codes[rows], rank[rows], numbers[rows], rows, plan_id)


def match_faults(frame: Frame, design: Design) -> list[Fault]:
    """Return how the strata of the design differ from those of the frame."""
    faults = []
    if frame.unit != design.unit:
        faults.append(Fault(
            "DRAW_UNIT", f"The frame holds '{frame.unit}', the design '{design.unit}'.",
            f"抽样框的对象类型为“{frame.unit}”，设计为“{design.unit}”。",
        ))  # fmt: skip
    have = frame.stratum_sizes()
    want = {s.name: s.units for s in design.strata}
    for name in sorted(have.keys() | want.keys(), key=str.encode):
        if have.get(name, 0) != want.get(name, 0):
            faults.append(Fault(
                "DRAW_STRATUM", f"Stratum '{name}' has {have.get(name, 0)} units in the frame and "
                f"{want.get(name, 0)} in the design.",
                f"层“{name}”在抽样框中有{have.get(name, 0)}个对象，"
                f"在设计中为{want.get(name, 0)}个。",
            ))  # fmt: skip
    return faults


def line_columns(draws: pa.Table) -> tuple[str, ...]:
    """Return the columns of a line of ``draw.tsv``: the chance is always two whole numbers."""
    if draws["psu_id"].null_count == 0:
        return _STAGED_LINE
    return _LINE if draws["chance_numerator"].null_count else _SIZE_LINE


def draw_bytes(draws: pa.Table) -> bytes:
    """Return the canonical bytes of a drawn list, as in ``draw.tsv``.

    UTF-8 lines of the columns that `line_columns` names, sorted by bytes.
    """
    texts = [draws.column(c).combine_chunks().cast(pa.large_string()) for c in line_columns(draws)]
    lines = pc.binary_join_element_wise(*texts, pa.scalar("\t", pa.large_string())).to_pylist()
    return b"".join(line + b"\n" for line in sorted(line.encode() for line in lines))


def list_hash(draws: pa.Table) -> str:
    """Return the SHA-256 of the canonical bytes as 64 hex digits."""
    return hashlib.sha256(draw_bytes(draws)).hexdigest()


def write_draw(draws: pa.Table, path: Path) -> None:
    """Write ``draw.tsv``: the canonical bytes and nothing else."""
    path.write_bytes(draw_bytes(draws))


def rank_in_stratum(
    numbers: npt.NDArray[np.uint64], codes: npt.NDArray[np.int64], strata: int
) -> npt.NDArray[np.int64]:
    """Return each unit's place, from 0, by number within its stratum.

    The sort is stable and the frame is in byte order, so equal numbers keep the order of ids.
    """
    order = np.lexsort((numbers, codes))
    starts = np.zeros(strata, dtype=np.int64)
    starts[1:] = np.cumsum(np.bincount(codes, minlength=strata))[:-1]
    rank = np.empty(len(codes), dtype=np.int64)
    rank[order] = np.arange(len(codes)) - starts[codes[order]]
    return rank


def _table(
    frame: Frame, strata: list[Stratum], codes: npt.NDArray[np.int64],
    rank: npt.NDArray[np.int64], numbers: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64],
    plan_id: str,
) -> pa.Table:  # fmt: skip
    chosen = [strata[code] for code in codes.tolist()]
    tags = [_tag(s, place) for s, place in zip(chosen, rank.tolist(), strict=True)]
    at = pa.array(rows)
    columns = {
        "plan_id": [plan_id] * len(rows),
        "unit": [frame.unit] * len(rows),
        "unit_id": frame.unit_ids.take(at),
        "stratum": frame.strata.take(at),
        "tag": tags,
        "stratum_size": pa.array([s.units for s in chosen], pa.int64()),
        "stratum_draws": pa.array([s.draws for s in chosen], pa.int64()),
        "inclusion_prob": pa.array([s.draws / s.units for s in chosen], pa.float64()),
        "random_number": [f"{number:016x}" for number in numbers.tolist()],
        "size_minor": frame.size_minor[rows],
    }
    return table("draws").conform(pa.table(columns))


def _tag(stratum: Stratum, place: int) -> str:
    if place < stratum.floor:
        return "random"
    return "take_all" if stratum.take_all else "risk"


def _seed_faults(seed: bytes) -> list[Fault]:
    if len(seed) == SEED_BYTES:
        return []
    return [Fault(
        "DRAW_SEED", f"The seed has {len(seed)} bytes; it needs {SEED_BYTES}, that is 64 hex "
        "digits.", f"种子有{len(seed)}字节，应为{SEED_BYTES}字节（64位十六进制）。",
    )]  # fmt: skip
