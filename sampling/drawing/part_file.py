"""A contributor's part of a seed, kept in a file that only its owner can read.

In: the name of the contributor. Out: a file of mode 0600 with 32 bytes from the system's random
source, and their commitment. The file is never written over: a part that is lost voids its plan.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import rfc8785

from sampling.drawing.field_forms import Check, hex_digits, plain_text, record_faults
from sampling.drawing.seal import PART_BYTES, SealError, commitment
from sampling.faults import Fault, checked

PART_VERSION = "jihe-part-1"
_FIELDS: dict[str, Check] = {
    "version": lambda v: v == PART_VERSION, "contributor": plain_text, "part": hex_digits(64),
}  # fmt: skip


def make_part(path: Path, contributor: str) -> str:
    """Write a new part to ``path`` and return its commitment.

    Raises:
        SealError: if there is a file of that name, or the contributor has no name.
    """
    part = secrets.token_bytes(PART_BYTES)
    record = {"version": PART_VERSION, "contributor": contributor, "part": part.hex()}
    checked(record_faults(record, _FIELDS, {}), SealError)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SealError([Fault(
            "PART_EXISTS", f"There is a file {path.name} already; a part is never written over. "
            "Name another file.", f"文件{path.name}已存在；分量文件不会被覆盖，请另取文件名。",
        )]) from None  # fmt: skip
    with os.fdopen(handle, "wb") as file:
        file.write(rfc8785.dumps(record))
        file.flush()
        os.fsync(file.fileno())
    return commitment(part)


def read_part(path: Path) -> tuple[str, bytes]:
    """Return the contributor and the part in a file.

    Raises:
        SealError: if the file is not as `make_part` writes it; nothing is revealed then.
    """
    try:
        record = json.loads(path.read_bytes().decode())
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise SealError([Fault(
            "PART_FORM", f"The file {path.name} holds no part; take the one that jihe plan commit "
            "wrote.", f"文件{path.name}中没有分量，请使用 jihe plan commit 生成的文件。",
        )])  # fmt: skip
    checked(record_faults(record, _FIELDS, {}), SealError)
    return record["contributor"], bytes.fromhex(record["part"])
