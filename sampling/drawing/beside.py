"""The files beside a frame on which some designs rest: weights, claims, and claims per institution.

In: numbers in the frame's order, or files. Out: a `Beside`, its files and their SHA-256. Forms as
in docs/sampling-spec.md: ``weights.tsv`` has a line ``unit TAB unit_id TAB weight LF`` per unit of
the frame, ``takes.tsv`` a line ``unit TAB unit_id TAB n_2i TAB M_i LF``, both in the frame's order;
``claims.tsv`` is a frame whose strata are the institutions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sampling.drawing import beside_faults as say
from sampling.drawing.beside_faults import BesideError
from sampling.drawing.designs import AnyDesign, PpsDesign, TwoStageDesign
from sampling.drawing.pps_draw import WEIGHTS_FILE, weights_bytes
from sampling.faults import Fault, checked
from sampling.frame import Frame, frame_bytes, read_frame

CLAIMS_FILE, TAKES_FILE = "claims.tsv", "takes.tsv"
_WHOLE = re.compile(r"0|[1-9][0-9]{0,59}")


@dataclass(frozen=True, eq=False)
class Beside:
    """What a design rests on beside the frame; None where it does not.

    ``weights`` and ``takes`` are in the order of the frame, ``claims`` is the second stage's frame.
    """

    weights: tuple[int, ...] | None = None
    claims: Frame | None = None
    takes: tuple[int, ...] | None = None

    def files(self, frame: Frame) -> dict[str, bytes]:
        """Return the content of every file by its name."""
        found = {}
        if self.weights is not None:
            found[WEIGHTS_FILE] = weights_bytes(frame, self.weights)
        if self.claims is not None:
            found[CLAIMS_FILE] = frame_bytes(self.claims)
        if self.claims is not None and self.takes is not None:
            found[TAKES_FILE] = takes_bytes(frame, self.claims, self.takes)
        return found

    def write(self, frame: Frame, folder: Path) -> None:
        """Write the files into a folder."""
        for name, content in self.files(frame).items():
            (folder / name).write_bytes(content)


NOTHING = Beside()


def takes_bytes(frame: Frame, claims: Frame, takes: Sequence[int]) -> bytes:
    """Return the canonical bytes of ``takes.tsv``."""
    sizes = claims.stratum_sizes()
    lines = (
        f"{frame.unit}\t{unit_id}\t{take}\t{sizes.get(unit_id, 0)}\n"
        for unit_id, take in zip(frame.unit_ids.to_pylist(), takes, strict=True)
    )
    return "".join(lines).encode()


def takes_hash(frame: Frame, claims: Frame, takes: Sequence[int]) -> str:
    """Return the SHA-256 of ``takes.tsv`` as 64 hex digits."""
    return hashlib.sha256(takes_bytes(frame, claims, takes)).hexdigest()


def read_beside(design: AnyDesign, folder: Path, frame: Frame) -> Beside:
    """Read the files that a design rests on; nothing for a stratified one.

    Raises:
        BesideError: if one is missing, has other lines than the frame, or no whole numbers; with
            every fault at once.
        FrameError: if ``claims.tsv`` is no frame.
    """
    first = design.first if isinstance(design, TwoStageDesign) else design
    wanted = [WEIGHTS_FILE] if isinstance(first, PpsDesign) else []
    wanted += [CLAIMS_FILE, TAKES_FILE] if isinstance(design, TwoStageDesign) else []
    checked([say.missing(name) for name in wanted if not (folder / name).is_file()], BesideError)
    weights = claims = takes = None
    if WEIGHTS_FILE in wanted:
        weights = tuple(row[0] for row in _numbers(folder / WEIGHTS_FILE, frame, 1))
    if CLAIMS_FILE in wanted:
        claims = read_frame(folder / CLAIMS_FILE)
        takes = _takes(folder / TAKES_FILE, frame, claims)
    return Beside(weights, claims, takes)


def _takes(path: Path, frame: Frame, claims: Frame) -> tuple[int, ...]:
    rows = _numbers(path, frame, 2)
    sizes = claims.stratum_sizes()
    ids = frame.unit_ids.to_pylist()
    faults = [
        say.other_size(place, unit_id, row[1], sizes.get(unit_id, 0))
        for place, (unit_id, row) in enumerate(zip(ids, rows, strict=True), 1)
        if row[1] != sizes.get(unit_id, 0)
    ]
    checked(faults, BesideError)
    return tuple(row[0] for row in rows)


def _numbers(path: Path, frame: Frame, count: int) -> list[list[int]]:
    """Return the whole numbers of each line; the lines must be those of the frame, in its order."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise BesideError([say.not_text(path.name)]) from None
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) != len(frame):
        raise BesideError([say.other_length(path.name, len(lines), len(frame))])
    faults: list[Fault] = []
    rows = []
    for place, (line, unit_id) in enumerate(zip(lines, frame.unit_ids.to_pylist(), strict=True), 1):
        fields = line.split("\t")
        if len(fields) != 2 + count or fields[:2] != [frame.unit, unit_id]:
            faults.append(say.other_line(path.name, place, unit_id))
        elif not all(_WHOLE.fullmatch(f) for f in fields[2:]):
            faults.append(say.not_whole(path.name, place, unit_id))
        else:
            rows.append([int(f) for f in fields[2:]])
    checked(faults, BesideError)
    return rows
