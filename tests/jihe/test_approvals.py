"""Approvals: two different people's signatures over the very bytes of the model."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rfc8785

from jihe.approvals import (
    ApprovalError,
    approvals,
    approve,
    approvers_digest,
    create_key,
    need_approvals,
    read_approvers,
)
from jihe.home import Home
from sampling.drawing.signing import KeyFileError, load_or_create_signing_key
from training.model_files import model_digest, write_model

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model({"model.json": b"{}"}, tmp_path / "models")


@pytest.fixture
def keys(tmp_path: Path, home: Home) -> dict[str, Path]:
    """Three people with keys, of whom the first two may approve."""
    paths = {name: tmp_path / f"{name}.pem" for name in ("anna", "bo", "cy")}
    public = {name: create_key(path) for name, path in paths.items()}
    _write(home, [(name, "lead", public[name]) for name in ("anna", "bo")])
    return paths


def _write(home: Home, rows: list[tuple[str, str, str]]) -> None:
    home.approvers.parent.mkdir(parents=True, exist_ok=True)
    home.approvers.write_text("".join(
        f'[[approver]]\nname = "{name}"\nrole = "{role}"\npublic_key = "{key}"\n'
        for name, role, key in rows
    ))  # fmt: skip


def _signed(home: Home, folder: Path) -> list[Path]:
    return sorted((home.approvals / folder.name).glob("*.json"))


def test_two_people_approve_and_one_alone_does_not(
    home: Home, folder: Path, keys: dict[str, Path]
) -> None:
    approve(home, "claim", folder, keys["anna"], now=NOW)
    with pytest.raises(ApprovalError, match=r"needs 2 approvals and has 1 \(anna\)"):
        need_approvals(home, "claim", folder)
    approve(home, "claim", folder, keys["anna"])  # again is still one
    with pytest.raises(ApprovalError, match="has 1"):
        need_approvals(home, "claim", folder)
    signed = approve(home, "claim", folder, keys["bo"])
    held = need_approvals(home, "claim", folder)
    assert held is not None
    assert [a.approver.name for a in held] == ["anna", "bo"]
    assert signed.model_sha256 == model_digest(folder)
    assert model_digest(folder).startswith(folder.name)
    assert approvers_digest(home) is not None


def test_a_signature_file_is_canonical_json_over_the_digest(
    home: Home, folder: Path, keys: dict[str, Path]
) -> None:
    approve(home, "claim", folder, keys["anna"], now=NOW)
    (path,) = _signed(home, folder)
    record = json.loads(path.read_bytes())
    assert rfc8785.dumps(record) == path.read_bytes()
    assert record["statement"]["model_sha256"] == model_digest(folder)
    assert record["statement"]["signed_at"] == "2026-05-01T08:00:00+00:00"
    key = load_or_create_signing_key(keys["anna"]).public_key()
    key.verify(bytes.fromhex(record["signature"]), rfc8785.dumps(record["statement"]))


def test_without_approvers_nobody_has_to_sign(home: Home, folder: Path, tmp_path: Path) -> None:
    assert need_approvals(home, "claim", folder) is None
    assert approvers_digest(home) is None
    create_key(tmp_path / "k.pem")
    with pytest.raises(ApprovalError, match="No approvers are configured"):
        approve(home, "claim", folder, tmp_path / "k.pem")


def test_an_approval_is_of_one_model_and_one_unit(
    home: Home, folder: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("anna", "bo"):
        approve(home, "claim", folder, keys[name])
    assert len(approvals(home, "claim", folder)) == 2
    assert approvals(home, "institution", folder) == ()
    other = write_model({"model.json": b"[]"}, tmp_path / "models")
    shutil.copytree(home.approvals / folder.name, home.approvals / other.name)
    assert approvals(home, "claim", other) == ()


@pytest.mark.parametrize("change", [
    {"statement": {"signed_at": "2020-01-01T00:00:00+00:00"}},
    {"statement": {"name": "bo"}},
    {"statement": {"format": "another"}},
    {"signature": "00" * 64},
    {"signature": "not hex"},
])  # fmt: skip
def test_what_was_altered_does_not_hold(
    home: Home, folder: Path, keys: dict[str, Path], change: dict[str, object]
) -> None:
    approve(home, "claim", folder, keys["anna"], now=NOW)
    (path,) = _signed(home, folder)
    record = json.loads(path.read_bytes())
    for key, value in change.items():
        record[key] = {**record[key], **value} if isinstance(value, dict) else value
    path.write_bytes(rfc8785.dumps(record))
    assert approvals(home, "claim", folder) == ()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"statement":{},"signature":1}'])
def test_a_file_that_is_no_approval_counts_for_nothing(
    home: Home, folder: Path, keys: dict[str, Path], content: bytes
) -> None:
    approve(home, "claim", folder, keys["anna"])
    (_signed(home, folder)[0].parent / "x.json").write_bytes(content)
    assert len(approvals(home, "claim", folder)) == 1


def test_a_copy_under_another_name_is_still_one_persons(
    home: Home, folder: Path, keys: dict[str, Path]
) -> None:
    approve(home, "claim", folder, keys["anna"])
    (path,) = _signed(home, folder)
    shutil.copy(path, path.with_name("second.json"))
    with pytest.raises(ApprovalError, match="has 1"):
        need_approvals(home, "claim", folder)


def test_whoever_is_no_longer_an_approver_does_not_count(
    home: Home, folder: Path, keys: dict[str, Path]
) -> None:
    with pytest.raises(ApprovalError, match="belongs to no approver"):
        approve(home, "claim", folder, keys["cy"])
    for name in ("anna", "bo"):
        approve(home, "claim", folder, keys[name])
    rows = [(a.name, a.role, a.public_key) for a in read_approvers(home)]
    _write(home, [rows[0], ("cy", "lead", "c" * 64)])
    with pytest.raises(ApprovalError, match=r"has 1 \(anna\)"):
        need_approvals(home, "claim", folder)


def test_a_key_that_others_may_read_is_refused_and_none_is_made_by_signing(
    home: Home, folder: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    assert stat.S_IMODE(keys["anna"].stat().st_mode) == 0o600
    keys["anna"].chmod(0o640)
    with pytest.raises(KeyFileError):
        approve(home, "claim", folder, keys["anna"])
    with pytest.raises(ApprovalError, match="jihe keys approver"):
        approve(home, "claim", folder, tmp_path / "none.pem")
    assert not (tmp_path / "none.pem").exists()
    with pytest.raises(ApprovalError, match="never overwritten"):
        create_key(keys["bo"])


def test_every_fault_of_the_approvers_file_is_told_at_once(home: Home) -> None:
    home.approvers.parent.mkdir(parents=True)
    home.approvers.write_text(
        'owner = "x"\n[[approver]]\nname = ""\nrole = "r"\npublic_key = "ab"\nmail = "m"\n'
        '[[approver]]\nname = "b"\nrole = "r"\npublic_key = "AB"\n'
    )
    with pytest.raises(ApprovalError) as told:
        read_approvers(home)
    for part in ("'owner'", "'mail'", "approver 1 has no name", "approver 2: public_key"):
        assert part in str(told.value)


@pytest.mark.parametrize(("rows", "told"), [
    ([("a", "r", "1" * 64), ("b", "r", "1" * 64)], "stands there twice"),
    ([("a", "r", "1" * 64), ("a", "r", "2" * 64)], "'a' stands there twice"),
    ([("a", "r", "1" * 64)], "2 approvers are needed, 1 named"),
])  # fmt: skip
def test_one_person_cannot_be_two(home: Home, rows: list[tuple[str, str, str]], told: str) -> None:
    _write(home, rows)
    with pytest.raises(ApprovalError, match=told):
        read_approvers(home)
    with pytest.raises(ApprovalError, match=r"[一-鿿]"):
        read_approvers(home, "zh")


def test_a_file_that_is_no_toml_stops_it(home: Home, folder: Path) -> None:
    home.approvers.parent.mkdir(parents=True)
    home.approvers.write_text("[[approver")
    with pytest.raises(ApprovalError, match=r"approvers\.toml"):
        need_approvals(home, "claim", folder)
