"""Repeat a draw from its certificate and frame, and say every way in which it differs.

In: ``certificate.json``, ``frame.tsv`` with the files beside it on which the design rests, and, if
at hand, the published list (``draw.tsv`` or ``list.csv``). Out: a `Replay` with the drawn units and
one sentence per difference. Written for the sceptic: a difference is a result, not an exception;
only an unreadable file raises.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sampling.columns import neutral
from sampling.drawing.beside import read_beside
from sampling.drawing.certificate import by_committee, read_certificate, verify
from sampling.drawing.designs import design_of, own_faults
from sampling.drawing.draw import draw_bytes, line_columns
from sampling.drawing.fit import fit_faults
from sampling.drawing.replay_seal import seal_differences
from sampling.drawing.staged_draw import draw_by
from sampling.faults import Fault
from sampling.frame import Frame, frame_hash, read_frame
from sampling.public_version import public_differences, read_public

_NAMED = 10


@dataclass(frozen=True, eq=False)
class Replay:
    """What the repetition found; ``drawn`` is None where the frame does not fit the design.

    ``public_number`` is a committee's: whoever repeats the draw compares it with its source.
    """

    ok: bool
    differences: tuple[Fault, ...]
    drawn: pa.Table | None
    public_key: str
    trusted: bool
    public_number: Mapping[str, Any] | None = None


def replay(
    certificate_path: Path, frame_path: Path, list_path: Path | None = None, *,
    trusted_key: str | None = None, public_path: Path | None = None,
    beside_path: Path | None = None,
) -> Replay:  # fmt: skip
    """Check the signature, the seal, the frame and the design, draw again and compare.

    Args:
        certificate_path: the certificate as issued.
        frame_path: the frame as sealed.
        list_path: ``draw.tsv`` or ``list.csv`` to compare line by line.
        trusted_key: 64 hex digits of the public key as published elsewhere. Without it the
            signature only shows that certificate and key belong together.
        public_path: ``public.json`` as it was shown at the sealing. Without it a committee's seal
            only shows that the certificate's own numbers belong together.
        beside_path: folder of weights.tsv, claims.tsv and takes.tsv, for designs that rest on
            them; that of the frame if absent.

    Raises:
        CertificateError: if the certificate cannot be read.
        FrameError: if the frame cannot be read.
        PublicError: if the public version cannot be read.
        BesideError: if a file beside the frame is missing or cannot be read.
    """
    certificate = read_certificate(certificate_path)
    frame = read_frame(frame_path)
    differences = _key_differences(certificate, trusted_key) + _frame_differences(
        certificate, frame
    )
    if by_committee(certificate):
        differences += seal_differences(certificate)
    if public_path is not None:
        differences += public_differences(read_public(public_path), certificate)
    design = design_of(certificate)
    beside = read_beside(design, beside_path or frame_path.parent, frame)
    differences += own_faults(design)
    mismatch = fit_faults(frame, design, beside)
    differences += mismatch
    drawn = None
    if not mismatch:
        seed = bytes.fromhex(certificate["seed"])
        drawn = draw_by(frame, design, beside, seed, certificate["plan_id"])
        differences += _draw_differences(certificate, drawn)
        if list_path is not None:
            differences += _list_differences(drawn, list_path)
    return Replay(
        not differences, tuple(differences), drawn, certificate["public_key"],
        trusted_key == certificate["public_key"], certificate["seal"].get("public_number"),
    )  # fmt: skip


def _key_differences(certificate: Mapping[str, Any], trusted_key: str | None) -> list[Fault]:
    differences = []
    if not verify(certificate):
        differences.append(Fault(
            "REPLAY_SIGNATURE", "The signature does not hold: the certificate was changed after "
            "it was signed.", "签名无效：证书在签名后被改动。",
        ))  # fmt: skip
    if trusted_key is not None and trusted_key != certificate["public_key"]:
        differences.append(Fault(
            "REPLAY_KEY", f"The certificate was signed with the key {certificate['public_key']}, "
            f"not with the published key {trusted_key}.",
            f"证书所用公钥为{certificate['public_key']}，与公布的公钥{trusted_key}不符。",
        ))  # fmt: skip
    return differences


def _frame_differences(certificate: Mapping[str, Any], frame: Frame) -> list[Fault]:
    sealed = certificate["frame"]
    found = frame_hash(frame)
    differences = []
    if found != sealed["sha256"]:
        differences.append(Fault(
            "REPLAY_FRAME", f"The frame's SHA-256 is {found}; the certificate sealed "
            f"{sealed['sha256']}.",
            f"抽样框的SHA-256为{found}，证书封存的是{sealed['sha256']}。",
        ))  # fmt: skip
    if len(frame) != sealed["units"]:
        differences.append(Fault(
            "REPLAY_FRAME_UNITS", f"The frame has {len(frame)} units; the certificate says "
            f"{sealed['units']}.", f"抽样框有{len(frame)}个对象，证书为{sealed['units']}个。",
        ))  # fmt: skip
    return differences


def _draw_differences(certificate: Mapping[str, Any], drawn: pa.Table) -> list[Fault]:
    sealed = certificate["list"]
    found = hashlib.sha256(draw_bytes(drawn)).hexdigest()
    differences = []
    if drawn.num_rows != sealed["units"]:
        differences.append(Fault(
            "REPLAY_UNITS", f"The repeated draw has {drawn.num_rows} units; the certificate says "
            f"{sealed['units']}.", f"重抽得到{drawn.num_rows}个对象，证书为{sealed['units']}个。",
        ))  # fmt: skip
    if found != sealed["sha256"]:
        differences.append(Fault(
            "REPLAY_LIST", f"The repeated list's SHA-256 is {found}; the certificate says "
            f"{sealed['sha256']}.",
            f"重抽名单的SHA-256为{found}，证书为{sealed['sha256']}。",
        ))  # fmt: skip
    return differences


def _list_differences(drawn: pa.Table, list_path: Path) -> list[Fault]:
    """Compare the published list with the repeated one, unit by unit."""
    raw = list_path.read_bytes()
    if list_path.suffix == ".csv":
        right = [tuple(neutral(t) for t in line.split("\t")) for line in _lines(drawn)]
        try:
            given = _csv_rows(raw, line_columns(drawn))
        except (UnicodeDecodeError, csv.Error, KeyError) as error:
            return [_unreadable(list_path.name, str(error))]
        same = sorted(given) == sorted(right)
    else:
        right = [tuple(line.split("\t")) for line in _lines(drawn)]
        given = [
            tuple(line.split("\t"))
            for line in raw.decode(errors="replace").removesuffix("\n").split("\n")
        ]
        same = raw == draw_bytes(drawn)
    return [] if same else _unit_differences(given, right)


def _lines(drawn: pa.Table) -> list[str]:
    return draw_bytes(drawn).decode().split("\n")[:-1]


def _csv_rows(raw: bytes, columns: Sequence[str]) -> list[tuple[str, ...]]:
    rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
    return [tuple(row[column] or "" for column in columns) for row in rows]


def _unit_differences(
    given: Sequence[tuple[str, ...]], right: Sequence[tuple[str, ...]]
) -> list[Fault]:
    differences = []
    for fields in sorted(set(right) - set(given))[:_NAMED]:
        differences.append(Fault(
            "REPLAY_MISSING", f"The list lacks the line of unit '{fields[1]}': "
            f"{' '.join(fields)}.", f"名单缺少对象“{fields[1]}”的行：{' '.join(fields)}。",
        ))  # fmt: skip
    for fields in sorted(set(given) - set(right))[:_NAMED]:
        name = fields[1] if len(fields) > 1 else fields[0]
        differences.append(Fault(
            "REPLAY_EXTRA", f"The list has a line that the draw does not, of unit '{name}': "
            f"{' '.join(fields)}.", f"名单中对象“{name}”的行不在抽取结果中：{' '.join(fields)}。",
        ))  # fmt: skip
    if not differences:
        differences.append(Fault(
            "REPLAY_BYTES", "The list holds the right lines, but some are repeated, out of order "
            "or written otherwise.", "名单的各行正确，但有重复、顺序或写法不同。",
        ))  # fmt: skip
    return differences


def _unreadable(name: str, detail: str) -> Fault:
    return Fault(
        "REPLAY_UNREADABLE", f"The list {name} cannot be read: {detail}.",
        f"名单{name}无法读取：{detail}。",
    )  # fmt: skip
