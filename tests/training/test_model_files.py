"""Model folders: whole or absent, and refused before anything is interpreted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from training import apply
from training.canonical import canonical_json
from training.model_files import (
    ModelFilesError,
    model_version,
    read_model,
    write_model,
)

FILES = {"model.json": b'{"kind":"cold_start"}', "detector.json": b"{}"}


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Return a copy of a real model folder that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every interpreter of model bytes fail the test."""

    def fail(*_: object, **__: object) -> None:
        pytest.fail("something was interpreted before the digests were compared")

    monkeypatch.setattr("training.apply.json.loads", fail)
    monkeypatch.setattr("training.apply.read_published", fail)
    monkeypatch.setattr("training.apply.Boosters.from_texts", fail)
    monkeypatch.setattr("training.model_files.json.loads", lambda _: {"files": {}})


@pytest.mark.usefixtures("nothing_is_read")
def test_one_flipped_bit_in_any_file_is_refused(copy: Path):
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(ModelFilesError):
                apply.load(copy)
        path.write_bytes(whole)


@pytest.mark.usefixtures("nothing_is_read")
def test_a_missing_extra_or_linked_file_is_refused(copy: Path):
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(ModelFilesError):
            apply.load(copy)
        path.write_bytes(whole)
    for name in ("model_9.txt", "notes", ".hidden"):
        (copy / name).write_bytes(b"x")
        with pytest.raises(ModelFilesError):
            apply.load(copy)
        (copy / name).unlink()
    (copy / "folder").mkdir()
    with pytest.raises(ModelFilesError, match="not a plain file: folder"):
        apply.load(copy)
    (copy / "folder").rmdir()
    (copy / "detector.json").rename(copy.parent / "elsewhere.json")
    (copy / "detector.json").symlink_to(copy.parent / "elsewhere.json")
    with pytest.raises(ModelFilesError, match=r"not a plain file: detector\.json"):
        apply.load(copy)


def test_the_fault_is_named(copy: Path):
    (copy / "detector.json").write_bytes(b"{}")
    (copy / "model.json").unlink()
    (copy / "other.json").write_bytes(b"{}")
    with pytest.raises(ModelFilesError, match=r"'model\.json' is missing.*'other\.json' is extra.*"
                       r"'detector\.json' was altered"):  # fmt: skip
        apply.load(copy)


def test_another_model_is_refused_where_a_version_is_expected(copy: Path):
    assert apply.load(copy, model_version(copy)).model_version == model_version(copy)
    with pytest.raises(ModelFilesError, match="not the expected"):
        apply.load(copy, "0" * 16)


def test_a_consistent_folder_of_the_wrong_kind_is_refused(tmp_path: Path):
    files = FILES | {"calibration.json": b"{}"}
    with pytest.raises(ModelFilesError, match=r"cold_start model needs.*calibration"):
        apply.load(write_model(files, tmp_path))
    with pytest.raises(ModelFilesError, match="kind 'forest'"):
        apply.load(write_model(FILES | {"model.json": b'{"kind":"forest"}'}, tmp_path))
    with pytest.raises(ModelFilesError, match=r"no place for model\.pkl"):
        write_model(FILES | {"model.pkl": b""}, tmp_path)
    with pytest.raises(ModelFilesError, match="no model folder"):
        read_model(tmp_path / "absent")


def test_the_version_is_the_digest_of_the_manifest(tmp_path: Path):
    folder = write_model(FILES, tmp_path)
    manifest = (folder / "manifest.json").read_bytes()
    assert folder.name == hashlib.sha256(manifest).hexdigest()[:16] == model_version(folder)
    stated = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert json.loads(manifest) == {"files": stated, "format": "jihe-model-2"}
    assert write_model(dict(reversed(FILES.items())), tmp_path) == folder


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_model(FILES, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": 0.1, "a": ["é", 1.0]}) == '{"a":["é",1.0],"b":0.1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_a_folder_of_another_format_is_named_as_one(copy: Path):
    manifest = copy / "manifest.json"
    old = manifest.read_bytes().replace(b"jihe-model-2", b"jihe-model-1")
    manifest.write_bytes(old)
    with pytest.raises(ModelFilesError, match="format 'jihe-model-1', this program reads"):
        apply.load(copy)
