"""docs/sampling-spec.md: its example is true, and a replay written from it alone agrees.

The replay below uses nothing of the software: hashlib, hmac, json, fractions, and Ed25519.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAGE = Path(__file__).parents[2] / "docs" / "sampling-spec.md"


def _block(name: str) -> str:
    found = re.findall(rf"^```{name}\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(found) == 1, name
    return found[0]


def _bytes_block(name: str) -> bytes:
    text = _block(name).replace("\n", "").replace("<TAB>", "\t").replace("<LF>", "\n")
    return text.encode()


def _number(seed: bytes, message: str) -> bytes:
    return hmac.digest(seed, message.encode("utf-8"), "sha256")[:8]


def independent_replay(raw_certificate: bytes, raw_frame: bytes) -> tuple[bytes, list[str]]:
    """Steps 1 to 4 of the page; returns the lines of the draw and the cases."""
    certificate = json.loads(raw_certificate)
    canonical = json.dumps(certificate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical.encode() == raw_certificate
    signature = bytes.fromhex(certificate.pop("signature"))
    signed = json.dumps(certificate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate["public_key"]))
    public.verify(signature, signed.encode())

    assert hashlib.sha256(raw_frame).hexdigest() == certificate["frame"]["sha256"]
    lines = raw_frame.split(b"\n")
    assert lines.pop() == b""
    assert lines == sorted(lines)
    assert len(lines) == certificate["frame"]["units"]
    members: dict[str, list[str]] = {}
    for line in lines:
        unit, unit_id, stratum, _size = line.decode().split("\t")
        assert unit == certificate["frame"]["unit"]
        members.setdefault(stratum, []).append(unit_id)

    design = certificate["design"]
    share = Fraction(design["random_share"])
    assert {s["stratum"] for s in design["strata"]} == set(members)
    assert sum(s["n_h"] for s in design["strata"]) == design["capacity"]
    seed = bytes.fromhex(certificate["seed"])
    out, drawn = [], []
    for s in design["strata"]:
        units = members[s["stratum"]]
        assert len(units) == s["N_h"]
        floor = ceil(share * design["capacity"] * s["N_h"] / len(lines))
        assert s["floor"] == floor
        assert min(s["N_h"], max(2, floor)) <= s["n_h"] <= s["N_h"]
        assert s["n_h"] == s["N_h"] or not s["take_all"]
        units.sort(key=lambda u: (_number(seed, f"{unit}|{u}"), u.encode()))
        for place, unit_id in enumerate(units[: s["n_h"]]):
            tag = "take_all" if s["take_all"] else "risk"
            tag = "random" if place < floor else tag
            fields = [unit, unit_id, s["stratum"], tag, str(s["n_h"]), str(s["N_h"]),
                      _number(seed, f"{unit}|{unit_id}").hex()]  # fmt: skip
            out.append("\t".join(fields).encode() + b"\n")
            drawn.append(unit_id)
    raw_draw = b"".join(sorted(out))
    assert len(out) == certificate["list"]["units"]
    assert hashlib.sha256(raw_draw).hexdigest() == certificate["list"]["sha256"]

    drawn.sort(key=str.encode)
    order = sorted(drawn, key=lambda u: (_number(seed, f"case|{unit}|{u}"), u.encode()))
    width = max(4, len(str(len(drawn))))
    cases = [f"{certificate['plan_id']}-{order.index(u) + 1:0{width}d}" for u in drawn]
    return raw_draw, cases


def test_the_example_is_true() -> None:
    raw_draw, cases = independent_replay(_block("certificate").encode(), _bytes_block("frame"))
    assert raw_draw == _bytes_block("draw")
    assert cases == _block("cases").split("\n")
    assert hashlib.sha256(_bytes_block("frame")).hexdigest() == _block("frame-sha256")
    assert hashlib.sha256(raw_draw).hexdigest() == _block("draw-sha256")


def test_the_numbers_in_its_table_are_true() -> None:
    rows = re.findall(r"^\| `(\S+)` \| `(\S+)` \| `([0-9a-f]{16})` \|$", PAGE.read_text(), re.M)
    assert len(rows) == 6
    seed = bytes.fromhex(_block("seed"))
    strata = dict(line.split(b"\t")[1:3] for line in _bytes_block("frame").split(b"\n")[:-1])
    for unit_id, stratum, number in rows:
        assert _number(seed, f"claim|{unit_id}").hex() == number
        assert strata[unit_id.encode()] == stratum.encode()


def test_the_signature_is_that_of_the_stated_key() -> None:
    # RFC 8032, section 7.1, test 1: this secret key has this public key.
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_block("secret-key")))
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.public_key().public_bytes_raw().hex() == public
    assert json.loads(_block("certificate"))["public_key"] == public


def test_the_software_agrees_with_the_example(tmp_path: Path) -> None:
    from sampling.cases import number_cases
    from sampling.replay import replay

    (tmp_path / "certificate.json").write_bytes(_block("certificate").encode())
    (tmp_path / "frame.tsv").write_bytes(_bytes_block("frame"))
    (tmp_path / "draw.tsv").write_bytes(_bytes_block("draw"))
    result = replay(*(tmp_path / n for n in ("certificate.json", "frame.tsv", "draw.tsv")))
    assert result.differences == ()
    cases = number_cases(result.drawn, bytes.fromhex(_block("seed")))
    assert cases == _block("cases").split("\n")


def test_a_sealed_plan_repeats_independently(sealed: SimpleNamespace) -> None:
    folder: Path = sealed.folder
    raw_draw, cases = independent_replay(
        (folder / "certificate.json").read_bytes(), (folder / "frame.tsv").read_bytes()
    )
    assert raw_draw == (folder / "draw.tsv").read_bytes()
    assert cases == list(sealed.plan.cases)


def test_the_independent_replay_can_fail(sealed: SimpleNamespace) -> None:
    folder: Path = sealed.folder
    raw = (folder / "certificate.json").read_bytes()
    with pytest.raises(AssertionError):
        independent_replay(raw, (folder / "frame.tsv").read_bytes()[:-1])


def test_every_field_of_the_page_is_in_the_certificate(sealed: SimpleNamespace) -> None:
    table = PAGE.read_text().split("## certificate.json")[1].split("##")[0]
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)*)`", "\n".join(
        line.split("|")[1] for line in table.split("\n") if line.startswith("| `")
    )))  # fmt: skip

    def leaves(value: object, prefix: str = "") -> set[str]:
        if isinstance(value, dict):
            start = f"{prefix}." if prefix else ""
            return {p for k, v in value.items() for p in leaves(v, start + k)}
        return {prefix}

    assert leaves(dict(sealed.plan.certificate)) == named
