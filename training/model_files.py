"""A fitted model as a folder of text, with a digest for every file.

In: the parts of a fitted model as text. Out: ``model.json``, ``detector.json`` and, for a
supervised model, ``model_0.txt`` ..., ``calibration.json`` and where amounts are known
``amount.json`` (and ``amount_trees.txt``); plus ``manifest.json`` with the SHA-256 of each. The
model version is the first 16 hex digits of the SHA-256 of the manifest's bytes: same inputs, same
bytes, same version.

Reading goes the other way round: every file is read once, every digest compared, missing and extra
files refused, and only then does anything interpret the bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.canonical import canonical_json

MANIFEST = "manifest.json"
FORMAT = "jihe-model-2"
_NAME = re.compile(
    r"(model|detector|calibration|amount)\.json|model_\d{1,2}\.txt|amount_trees\.txt"
)


class ModelFilesError(ValueError):
    """A model folder is incomplete, altered or not a model folder."""


def write_model(files: Mapping[str, bytes], models: Path) -> Path:
    """Write ``files`` and their manifest as ``models/<model_version>`` and return that folder.

    The folder appears whole or not at all. A folder of that name already there is verified and
    kept: its name is the digest of its content.
    """
    wrong = sorted(name for name in files if not _NAME.fullmatch(name))
    if wrong:
        raise ModelFilesError(f"A model folder has no place for {', '.join(wrong)}.")
    manifest = _manifest(files)
    folder = models / version_of(manifest)
    models.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        read_model(folder)
        return folder
    draft = models / f".draft-{secrets.token_hex(8)}"
    draft.mkdir()
    try:
        for name, content in {**files, MANIFEST: manifest}.items():
            _write(draft / name, content)
        _sync(draft)
        draft.rename(folder)
        _sync(models)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder


def read_model(folder: Path, expected_version: str | None = None) -> dict[str, bytes]:
    """Return the verified bytes of every file but the manifest.

    Raises ModelFilesError, before anything is interpreted, when a file is missing, extra, altered
    or not a plain file, or when the manifest's digest is not ``expected_version``.
    """
    found = _read_plain_files(folder)
    manifest = found.pop(MANIFEST, None)
    if manifest is None:
        raise ModelFilesError(f"{folder.name} has no {MANIFEST}; it is not a model folder.")
    if expected_version is not None and version_of(manifest) != expected_version:
        raise ModelFilesError(
            f"{folder.name} holds model {version_of(manifest)}, not the expected "
            f"{expected_version}; fetch the right folder."
        )
    if manifest != _manifest(found):
        raise ModelFilesError(f"{folder.name} is not what was written: {_faults(found, manifest)}.")
    wrong = sorted(name for name in found if not _NAME.fullmatch(name))
    if wrong or "model.json" not in found:
        raise ModelFilesError(f"{folder.name} is not a model folder: it holds {sorted(found)}.")
    return found


def model_version(folder: Path) -> str:
    """Return the version of a verified model folder."""
    return version_of_files(read_model(folder))


def model_digest(folder: Path) -> str:
    """Return the SHA-256 of a verified model's manifest, 64 hex digits; the version begins it."""
    return hashlib.sha256(_manifest(read_model(folder))).hexdigest()


def version_of_files(files: Mapping[str, bytes]) -> str:
    """Return the version of a model with these files (the manifest not among them)."""
    return version_of(_manifest(files))


def version_of(manifest: bytes) -> str:
    """Return the first 16 hex digits of the manifest's SHA-256."""
    return hashlib.sha256(manifest).hexdigest()[:16]


def _manifest(files: Mapping[str, bytes]) -> bytes:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return canonical_json({"files": digests, "format": FORMAT})


def _read_plain_files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise ModelFilesError(f"There is no model folder {folder.name}.")
    entries = sorted(folder.iterdir())
    odd = [entry.name for entry in entries if entry.is_symlink() or not entry.is_file()]
    if odd:
        raise ModelFilesError(
            f"{folder.name} holds something that is not a plain file: {', '.join(odd)}."
        )
    return {entry.name: entry.read_bytes() for entry in entries}


def _faults(found: Mapping[str, bytes], manifest: bytes) -> str:
    """Say what differs. Only names and digests of the manifest are looked at."""
    try:
        record: Any = json.loads(manifest)
        stated: Any = record["files"]
        if record["format"] != FORMAT:
            return (
                f"it is of format {str(record['format'])[:40]!r}, this program reads {FORMAT!r}; "
                "train the model again"
            )
        digests = {str(name): str(digest) for name, digest in stated.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "the manifest itself is damaged"
    actual = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    faults = [f"'{name}' is missing" for name in sorted(digests.keys() - actual.keys())]
    faults += [f"'{name}' is extra" for name in sorted(actual.keys() - digests.keys())]
    faults += [
        f"'{name}' was altered"
        for name in sorted(digests.keys() & actual.keys())
        if digests[name] != actual[name]
    ]
    return "; ".join(faults) or "the manifest is not in its canonical form"


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
