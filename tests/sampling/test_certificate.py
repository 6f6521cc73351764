"""The certificate: its form, its signature, and the key that signs."""

from __future__ import annotations

import copy
import json
import stat
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from sampling.drawing.certificate import (
    CertificateError,
    certificate_bytes,
    make_certificate,
    parse_certificate,
    read_certificate,
    sign,
    verify,
)
from sampling.drawing.designs import design_of
from sampling.drawing.replay import replay
from sampling.drawing.signing import KeyFileError, load_or_create_signing_key, public_hex


def _paths(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the path of every leaf of a JSON value."""
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _paths(v, (*path, k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in _paths(v, (*path, i))]
    return [path]


def _other(value: Any) -> Any:
    """Return another value of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    swapped = {"0": "1", "1": "2", "a": "b", "2": "3", "P": "Q", "j": "k"}
    return swapped.get(value[0], "0") + value[1:]


def _set(certificate: dict, path: tuple, value: Any) -> dict:
    changed = copy.deepcopy(certificate)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return changed


def test_certificate_says_what_was_drawn(sealed: SimpleNamespace) -> None:
    certificate = read_certificate(sealed.folder / "certificate.json")
    assert certificate == dict(sealed.plan.certificate)
    assert verify(certificate)
    assert design_of(certificate) == sealed.town.design
    assert certificate["seal"]["mode"] == "single_person"
    assert "One person held the whole seed" in certificate["seal"]["note"]["en"]
    assert "一人掌握" in certificate["seal"]["note"]["zh"]
    assert certificate["seal"]["sealed_at"] == "2026-03-01T09:00:00.000000Z"
    assert certificate["scores"]["as_of_date"] == "2026-02-01"
    assert certificate["seed"] == sealed.seed.hex()
    assert certificate["frame"]["units"] == 600
    raw = (sealed.folder / "certificate.json").read_bytes()
    assert raw == rfc8785.dumps(json.loads(raw))


def test_no_float_stands_in_it(sealed: SimpleNamespace) -> None:
    values = []
    json.loads(certificate_bytes(sealed.plan.certificate), parse_float=values.append)
    assert values == []


def test_every_edited_field_is_noticed(sealed: SimpleNamespace, tmp_path: Path) -> None:
    """Each leaf is changed to another value of the same form, and removed, one at a time."""
    certificate = dict(sealed.plan.certificate)
    paths = _paths(certificate)
    assert len(paths) > 60
    path_ = tmp_path / "edited.json"
    for path in paths:
        value = certificate
        for step in path:
            value = value[step]
        path_.write_bytes(rfc8785.dumps(_set(certificate, path, _other(value))))
        try:
            edited = read_certificate(path_)
        except CertificateError:
            continue
        assert not verify(edited), path
        result = replay(path_, sealed.folder / "frame.tsv")
        assert not result.ok
        assert "REPLAY_SIGNATURE" in {d.code for d in result.differences}, path


def test_a_missing_or_added_field_is_named(sealed: SimpleNamespace) -> None:
    certificate = dict(sealed.plan.certificate)
    for path in _paths(certificate):
        changed = copy.deepcopy(certificate)
        at = changed
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        with pytest.raises(CertificateError):
            parse_certificate(rfc8785.dumps(changed))
    added = {**certificate, "remark": "x", "extra": {}, "seal.mode": "single_person"}
    with pytest.raises(CertificateError) as caught:
        parse_certificate(rfc8785.dumps(added))
    assert [f.column for f in caught.value.faults] == ["'seal.mode'", "extra", "remark"]


def test_all_ill_formed_fields_come_at_once(sealed: SimpleNamespace) -> None:
    wrong = copy.deepcopy(dict(sealed.plan.certificate))
    wrong["seed"] = "00"
    wrong["plan_id"] = "plan 1"
    wrong["frame"]["units"] = "600"
    wrong["seal"]["sealed_at"] = "2026-02-30T00:00:00.000000Z"
    wrong["design"]["random_share"] = "0.30"
    wrong["design"]["strata"][0]["n_h"] = 0
    with pytest.raises(CertificateError) as caught:
        parse_certificate(rfc8785.dumps(wrong))
    assert {f.column for f in caught.value.faults} == {
        "seed", "plan_id", "frame.units", "seal.sealed_at", "design.random_share",
        "design.strata[1].n_h",
    }  # fmt: skip
    assert all(f.zh for f in caught.value.faults)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw + b"\n",
        lambda raw: raw.replace(b'":', b'": ', 1),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw[:-1],
        lambda raw: raw.replace(b'"plan_id":"P0001"', b'"plan_id":"P0001","plan_id":"P0001"'),
        lambda raw: b"[" + raw + b"]",
        lambda raw: b"[" * 100_000,
        lambda raw: b"\xff",
        lambda raw: b"",
    ],
)
def test_other_bytes_are_refused(sealed: SimpleNamespace, spoil) -> None:
    raw = certificate_bytes(sealed.plan.certificate)
    with pytest.raises(CertificateError, match="RFC 8785"):
        parse_certificate(spoil(raw))


def test_modes_and_versions_that_are_not_known(sealed: SimpleNamespace) -> None:
    for path, value in [(("seal", "mode"), "committee"), (("version",), "jihe-draw-9"),
                        (("seal", "note", "en"), "All is well.")]:  # fmt: skip
        with pytest.raises(CertificateError, match="this software knows"):
            parse_certificate(rfc8785.dumps(_set(dict(sealed.plan.certificate), path, value)))


def _make(sealed: SimpleNamespace, **changes: Any) -> dict[str, Any]:
    arguments = {
        "plan_id": "P0001", "score_version": sealed.versions, "sealed_at": sealed.sealed_at,
        "public_key": public_hex(sealed.key),
    }  # fmt: skip
    return make_certificate(
        sealed.town.frame, sealed.town.design, sealed.seed, sealed.plan.draws,
        **(arguments | changes),
    )  # fmt: skip


def test_what_cannot_be_certified(sealed: SimpleNamespace) -> None:
    assert _make(sealed)["plan_id"] == "P0001"
    with pytest.raises(CertificateError, match=r"scores\.model_version"):
        _make(sealed, score_version={})
    with pytest.raises(CertificateError, match="has no zone"):
        _make(sealed, sealed_at=datetime(2026, 3, 1))
    with pytest.raises(CertificateError, match=r"seal\.contributors"):
        _make(sealed, opened={})
    with pytest.raises(CertificateError, match="another public key"):
        sign(_make(sealed), Ed25519PrivateKey.generate())


def test_signing_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    first = load_or_create_signing_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert public_hex(load_or_create_signing_key(path)) == public_hex(first)
    for mode in (0o640, 0o604, 0o700, 0o620):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match=f"{mode:04o}"):
            load_or_create_signing_key(path)


def test_other_key_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    rsa = generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"", b"no key", rsa):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match="no unencrypted Ed25519"):
            load_or_create_signing_key(path)
