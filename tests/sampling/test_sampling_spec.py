"""docs/sampling-spec.md: its example is true, and a replay written from it alone agrees.

The replay below uses nothing of the software: hashlib, hmac, json, fractions, and Ed25519.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAGE = Path(__file__).parents[2] / "docs" / "sampling-spec.md"


def block(name: str) -> str:
    found = re.findall(rf"^```{name}\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(found) == 1, name
    return found[0]


def bytes_block(name: str) -> bytes:
    text = block(name).replace("\n", "").replace("<TAB>", "\t").replace("<LF>", "\n")
    return text.encode()


def keyed(seed: bytes, message: str) -> bytes:
    return hmac.digest(seed, message.encode("utf-8"), "sha256")[:8]


def independent_replay(raw_certificate: bytes, raw_frame: bytes) -> tuple[bytes, list[str]]:
    """Steps 1 to 4 of the page; returns the lines of the draw and the cases."""
    certificate = json.loads(raw_certificate)
    whole = json.dumps(certificate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert whole.encode() == raw_certificate
    signature = bytes.fromhex(certificate.pop("signature"))
    signed = json.dumps(certificate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate["public_key"]))
    public.verify(signature, signed.encode())
    assert (certificate["version"], certificate["seal"]["mode"]) in {
        ("jihe-draw-1", "single_person"), ("jihe-draw-2", "committee"),
    }  # fmt: skip
    if certificate["seal"]["mode"] == "committee":
        check_committee(certificate)

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
        units.sort(key=lambda u: (keyed(seed, f"{unit}|{u}"), u.encode()))
        for place, unit_id in enumerate(units[: s["n_h"]]):
            tag = "take_all" if s["take_all"] else "risk"
            tag = "random" if place < floor else tag
            fields = [unit, unit_id, s["stratum"], tag, str(s["n_h"]), str(s["N_h"]),
                      keyed(seed, f"{unit}|{unit_id}").hex()]  # fmt: skip
            out.append("\t".join(fields).encode() + b"\n")
            drawn.append(unit_id)
    raw_draw = b"".join(sorted(out))
    assert len(out) == certificate["list"]["units"]
    assert hashlib.sha256(raw_draw).hexdigest() == certificate["list"]["sha256"]

    drawn.sort(key=str.encode)
    order = sorted(drawn, key=lambda u: (keyed(seed, f"case|{unit}|{u}"), u.encode()))
    width = max(4, len(str(len(drawn))))
    cases = [f"{certificate['plan_id']}-{order.index(u) + 1:0{width}d}" for u in drawn]
    return raw_draw, cases


def canonical(record: dict) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sealed_record(certificate: dict) -> dict:
    """The sealed record, made from the certificate."""
    seal = certificate["seal"]
    return {
        "version": "jihe-seal-2" if "kind" in certificate["design"] else "jihe-seal-1",
        "plan_id": certificate["plan_id"],
        "sealed_at": seal["sealed_at"],
        "contributors": [
            {"contributor": p["contributor"], "commitment": p["commitment"]}
            for p in seal["contributors"]
        ],
        "public_number": {
            k: seal["public_number"][k] for k in ("source", "day", "alphabet", "length")
        },
        "frame": certificate["frame"],
        "design": certificate["design"],
        "scores": certificate["scores"],
        "public_key": certificate["public_key"],
    }


def check_committee(certificate: dict) -> None:
    """Step 1 of the page for the mode committee."""
    seal = certificate["seal"]
    people, number = seal["contributors"], seal["public_number"]
    parts = b""
    for person in people:
        part = bytes.fromhex(person["part"])
        assert len(part) == 32
        assert hashlib.sha256(part).hexdigest() == person["commitment"]
        parts += part
    assert hashlib.sha256(parts + number["value"].encode()).hexdigest() == certificate["seed"]
    assert len(people) >= 2
    assert len({p["contributor"] for p in people}) == len(people)
    assert len({p["commitment"] for p in people}) == len(people)
    record = hashlib.sha256(canonical(sealed_record(certificate))).hexdigest()
    assert record == seal["sha256"]
    day = datetime.fromisoformat(number["day"] + "T00:00:00+00:00") - timedelta(hours=8)
    sealed, drawn = (datetime.fromisoformat(seal[k]) for k in ("sealed_at", "drawn_at"))
    for person in people:
        assert sealed < datetime.fromisoformat(person["revealed_at"]) < day
    assert day <= drawn
    digits = {"decimal": "0123456789", "hexadecimal": "0123456789abcdef"}[number["alphabet"]]
    assert len(number["value"]) == number["length"] >= 5
    assert set(number["value"]) <= set(digits)


def check_public(raw: bytes, certificate: dict) -> None:
    """The comparison with public.json."""
    public = json.loads(raw)
    assert canonical(public) == raw
    signature = bytes.fromhex(public.pop("signature"))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate["public_key"]))
    key.verify(signature, canonical(public))
    seal = certificate["seal"]
    sealed = sealed_record(certificate) if seal["mode"] == "committee" else certificate
    assert public["sealed_sha256"] == hashlib.sha256(canonical(sealed)).hexdigest()
    assert (public["mode"], public["sealed_at"]) == (seal["mode"], seal["sealed_at"])
    for name in ("plan_id", "frame", "public_key", *(["list"] if "list" in public else [])):
        assert public[name] == certificate[name]


def test_the_example_is_true() -> None:
    raw_draw, cases = independent_replay(block("certificate").encode(), bytes_block("frame"))
    assert raw_draw == bytes_block("draw")
    assert cases == block("cases").split("\n")
    assert hashlib.sha256(bytes_block("frame")).hexdigest() == block("frame-sha256")
    assert hashlib.sha256(raw_draw).hexdigest() == block("draw-sha256")


def test_the_numbers_in_its_table_are_true() -> None:
    rows = re.findall(r"^\| `(\S+)` \| `(\S+)` \| `([0-9a-f]{16})` \|$", PAGE.read_text(), re.M)
    assert len(rows) == 6
    seed = bytes.fromhex(block("seed"))
    strata = dict(line.split(b"\t")[1:3] for line in bytes_block("frame").split(b"\n")[:-1])
    for unit_id, stratum, number in rows:
        assert keyed(seed, f"claim|{unit_id}").hex() == number
        assert strata[unit_id.encode()] == stratum.encode()


def test_the_signature_is_that_of_the_stated_key() -> None:
    # RFC 8032, section 7.1, test 1: this secret key has this public key.
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(block("secret-key")))
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.public_key().public_bytes_raw().hex() == public
    assert json.loads(block("certificate"))["public_key"] == public


def test_the_software_agrees_with_the_example(tmp_path: Path) -> None:
    from sampling.drawing.cases import number_cases
    from sampling.drawing.replay import replay

    (tmp_path / "certificate.json").write_bytes(block("certificate").encode())
    (tmp_path / "frame.tsv").write_bytes(bytes_block("frame"))
    (tmp_path / "draw.tsv").write_bytes(bytes_block("draw"))
    result = replay(*(tmp_path / n for n in ("certificate.json", "frame.tsv", "draw.tsv")))
    assert result.differences == ()
    cases = number_cases(result.drawn, bytes.fromhex(block("seed")))
    assert cases == block("cases").split("\n")


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


def leaves(value: object, prefix: str = "") -> set[str]:
    if isinstance(value, dict):
        start = f"{prefix}." if prefix else ""
        return {p for k, v in value.items() for p in leaves(v, start + k)}
    return {prefix}


def test_every_field_of_the_page_is_in_the_certificate(sealed: SimpleNamespace) -> None:
    table = PAGE.read_text().split("## certificate.json")[1].split("##")[0]
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)*)`", "\n".join(
        line.split("|")[1] for line in table.split("\n") if line.startswith("| `")
    )))  # fmt: skip

    assert leaves(dict(sealed.plan.certificate)) == named


def test_the_committee_s_example_is_true() -> None:
    raw = block("committee-certificate").encode()
    raw_draw, cases = independent_replay(raw, bytes_block("frame"))
    assert raw_draw == bytes_block("committee-draw")
    assert cases == block("committee-cases").split("\n")
    certificate = json.loads(raw)
    assert certificate["seed"] == block("committee-seed")
    people = certificate["seal"]["contributors"]
    assert [p["part"] for p in people] == block("parts").split("\n")
    assert [p["commitment"] for p in people] == block("commitments").split("\n")
    assert canonical(sealed_record(certificate)).decode() == block("sealed-record")
    sealed = hashlib.sha256(block("sealed-record").encode()).hexdigest()
    assert sealed == block("sealed-sha256") == certificate["seal"]["sha256"]
    check_public(block("public").encode(), certificate)


def test_the_software_agrees_with_the_committee_s_example(tmp_path: Path) -> None:
    from sampling.drawing.replay import replay

    (tmp_path / "certificate.json").write_bytes(block("committee-certificate").encode())
    (tmp_path / "frame.tsv").write_bytes(bytes_block("frame"))
    (tmp_path / "draw.tsv").write_bytes(bytes_block("committee-draw"))
    (tmp_path / "public.json").write_bytes(block("public").encode())
    files = [tmp_path / n for n in ("certificate.json", "frame.tsv", "draw.tsv")]
    assert replay(*files, public_path=tmp_path / "public.json").differences == ()


def test_a_committee_s_plan_repeats_independently(drawn: SimpleNamespace) -> None:
    from sampling.public_version import public_bytes, public_of_plan

    raw = (drawn.folder / "certificate.json").read_bytes()
    raw_draw, cases = independent_replay(raw, (drawn.folder / "frame.tsv").read_bytes())
    assert raw_draw == (drawn.folder / "draw.tsv").read_bytes()
    assert cases == list(drawn.plan.cases)
    check_public(public_bytes(public_of_plan(drawn.plan, drawn.key)), json.loads(raw))


@pytest.mark.parametrize(("field", "value"), [
    ("seed", "ab" * 32), ("sha256", "ab" * 32), ("drawn_at", "2026-03-02T15:00:00.000000Z"),
    ("value", "40718"), ("part", "ab" * 32), ("revealed_at", "2026-03-03T00:00:00.000000Z"),
])  # fmt: skip
def test_the_independent_check_of_a_committee_can_fail(
    drawn: SimpleNamespace, field: str, value: str
) -> None:
    certificate = json.loads((drawn.folder / "certificate.json").read_bytes())
    check_committee(certificate)
    seal = certificate["seal"]
    places = (certificate, seal, seal["public_number"], seal["contributors"][1])
    next(place for place in places if field in place)[field] = value
    with pytest.raises(AssertionError):
        check_committee(certificate)


def test_every_field_of_a_committee_is_on_the_page(drawn: SimpleNamespace) -> None:
    tables = [
        PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
        for title in ("certificate.json", "Fields of a committee's certificate")
    ]
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)*)`", "\n".join(
        line.split("|")[1] for table in tables for line in table.split("\n")
        if line.startswith("| `")
    )))  # fmt: skip
    assert leaves(dict(drawn.plan.certificate)) == named
