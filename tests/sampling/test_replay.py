"""Replay: an honest plan repeats, every tampering is named."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.drawing.certificate import CertificateError, certificate_bytes, sign
from sampling.drawing.replay import Replay, replay
from sampling.drawing.signing import public_hex
from sampling.frame import FrameError


def _replay(sealed: SimpleNamespace, name: str | None = None, **options: str) -> Replay:
    folder: Path = sealed.folder
    return replay(
        folder / "certificate.json", folder / "frame.tsv", folder / name if name else None,
        **options,
    )  # fmt: skip


def _codes(result: Replay) -> list[str]:
    assert result.ok == (not result.differences)
    assert all(d.text("en") and d.text("zh") for d in result.differences)
    return sorted({d.code for d in result.differences})


@pytest.mark.parametrize("name", [None, "draw.tsv", "list.csv"])
def test_an_honest_plan_repeats(sealed: SimpleNamespace, name: str | None) -> None:
    result = _replay(sealed, name, trusted_key=public_hex(sealed.key))
    assert result.ok
    assert result.trusted
    assert result.drawn.equals(sealed.plan.draws)


def _edit_frame(sealed: SimpleNamespace, change) -> None:
    path = sealed.folder / "frame.tsv"
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))


def test_swapped_frame_lines(sealed: SimpleNamespace) -> None:
    _edit_frame(sealed, lambda lines: [lines[1], lines[0], *lines[2:]])
    with pytest.raises(FrameError, match="Row 2, column 'unit_id'"):
        _replay(sealed)


def test_a_unit_left_out_of_the_frame(sealed: SimpleNamespace) -> None:
    _edit_frame(sealed, lambda lines: lines[:-1])
    result = _replay(sealed)
    assert _codes(result) == ["DRAW_STRATUM", "REPLAY_FRAME", "REPLAY_FRAME_UNITS"]
    assert result.drawn is None


def test_a_unit_replaced_or_another_size(sealed: SimpleNamespace) -> None:
    drawn = sealed.plan.draws["unit_id"][0].as_py().encode()
    _edit_frame(sealed, lambda lines: [
        line.replace(drawn, drawn + b"x") for line in lines
    ])  # fmt: skip
    assert "REPLAY_LIST" in _codes(_replay(sealed))
    _edit_frame(sealed, lambda lines: [line.replace(drawn + b"x", drawn) for line in lines])
    assert _replay(sealed).ok
    _edit_frame(sealed, lambda lines: [lines[0] + b"0", *lines[1:]])
    assert _codes(_replay(sealed)) == ["REPLAY_FRAME"]


def _resign(sealed: SimpleNamespace, change, key: Ed25519PrivateKey | None = None) -> None:
    """Change the certificate as its own signer could."""
    key = key or sealed.key
    certificate = copy.deepcopy(dict(sealed.plan.certificate))
    del certificate["signature"]
    certificate["public_key"] = public_hex(key)
    change(certificate)
    signed = certificate_bytes(sign(certificate, key))
    (sealed.folder / "certificate.json").write_bytes(signed)


def test_a_signer_who_moves_draws_between_strata(sealed: SimpleNamespace) -> None:
    def change(certificate: dict) -> None:
        strata = certificate["design"]["strata"]
        give = next(s for s in strata if s["n_h"] > max(2, s["floor"]) and not s["take_all"])
        take = next(s for s in strata if s is not give and s["n_h"] < s["N_h"])
        give["n_h"] -= 1
        take["n_h"] += 1

    _resign(sealed, change)
    assert _codes(_replay(sealed)) == ["REPLAY_LIST"]


def test_a_signer_who_breaks_the_rules_of_the_design(sealed: SimpleNamespace) -> None:
    def change(certificate: dict) -> None:
        certificate["design"]["strata"][0]["n_h"] = 1
        certificate["design"]["strata"][1]["floor"] += 1

    _resign(sealed, change)
    codes = _codes(_replay(sealed))
    assert {"DESIGN_STRATUM", "DESIGN_SUM", "REPLAY_LIST", "REPLAY_UNITS"} <= set(codes)


def test_a_signer_who_swaps_the_seed_or_the_list(sealed: SimpleNamespace) -> None:
    _resign(sealed, lambda c: c.update(seed="ab" * 32))
    assert _codes(_replay(sealed)) == ["REPLAY_LIST"]
    _resign(sealed, lambda c: c["list"].update(sha256="ab" * 32))
    assert _codes(_replay(sealed)) == ["REPLAY_LIST"]
    _resign(sealed, lambda c: c["list"].update(units=91))
    assert _codes(_replay(sealed)) == ["REPLAY_UNITS"]
    _resign(sealed, lambda c: c["frame"].update(unit="doctor"))
    assert "DRAW_UNIT" in _codes(_replay(sealed))


def test_another_signer_is_seen_only_with_the_published_key(sealed: SimpleNamespace) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    _resign(sealed, lambda c: None, stranger)
    assert _replay(sealed).ok
    assert not _replay(sealed).trusted
    result = _replay(sealed, trusted_key=public_hex(sealed.key))
    assert _codes(result) == ["REPLAY_KEY"]


@pytest.mark.parametrize("name", ["draw.tsv", "list.csv"])
def test_a_list_with_a_unit_exchanged(sealed: SimpleNamespace, name: str) -> None:
    path = sealed.folder / name
    drawn = sealed.plan.draws["unit_id"].to_pylist()
    other = next(u for u in sealed.town.unit_ids if u not in drawn)
    path.write_bytes(path.read_bytes().replace(drawn[3].encode(), other.encode()))
    result = _replay(sealed, name)
    assert _codes(result) == ["REPLAY_EXTRA", "REPLAY_MISSING"]
    text = " ".join(d.en for d in result.differences)
    assert f"'{drawn[3]}'" in text
    assert f"'{other}'" in text


def test_a_list_with_another_tag_or_a_line_twice(sealed: SimpleNamespace) -> None:
    path = sealed.folder / "draw.tsv"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"\trandom\t", b"\trisk\t", 1))
    assert _codes(_replay(sealed, "draw.tsv")) == ["REPLAY_EXTRA", "REPLAY_MISSING"]
    lines = raw.split(b"\n")
    path.write_bytes(b"\n".join([lines[0], *lines]))
    assert _codes(_replay(sealed, "draw.tsv")) == ["REPLAY_BYTES"]
    path.write_bytes(b"\n".join(reversed(lines[:-1])) + b"\n")
    assert _codes(_replay(sealed, "draw.tsv")) == ["REPLAY_BYTES"]


def test_a_list_that_cannot_be_read(sealed: SimpleNamespace) -> None:
    for raw in (b"\xff\xfe\xff", b"unit_id,x\r\nC0001,1\r\n", b'"'):
        (sealed.folder / "list.csv").write_bytes(raw)
        assert _codes(_replay(sealed, "list.csv")) == ["REPLAY_UNREADABLE"]


def test_a_certificate_that_cannot_be_read(sealed: SimpleNamespace) -> None:
    (sealed.folder / "certificate.json").write_bytes(b"{}")
    with pytest.raises(CertificateError, match="Field 'version' is missing"):
        _replay(sealed)
