"""Replay of a committee's plan, and its public version: every tampering is named by its field."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sampling.drawing.certificate import certificate_bytes, sign
from sampling.drawing.replay import replay
from sampling.drawing.seal import (
    commitment,
    derive_seed,
    sealed_in,
)
from sampling.drawing.signing import public_hex
from sampling.public_version import (
    PublicError,
    public_bytes,
    public_of_plan,
    public_of_seal,
    read_public,
)
from sampling.seal_store import sealed_plan
from tests.sampling.committee_of_three import NAMES, PARTS


def _replay(drawn: SimpleNamespace, **options: Any) -> list[tuple[str, str]]:
    folder = drawn.folder
    result = replay(
        folder / "certificate.json", folder / "frame.tsv", folder / "draw.tsv", **options
    )
    assert result.ok == (not result.differences)
    assert all(d.en and d.zh for d in result.differences)
    return [(d.code, d.column) for d in result.differences]


def _resign(drawn: SimpleNamespace, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the certificate as its own signer could."""
    certificate = copy.deepcopy(dict(drawn.plan.certificate))
    del certificate["signature"]
    change(certificate)
    signed = certificate_bytes(sign(certificate, drawn.key))
    (drawn.folder / "certificate.json").write_bytes(signed)


def test_an_honest_plan_repeats(drawn: SimpleNamespace) -> None:
    assert _replay(drawn, trusted_key=public_hex(drawn.key)) == []


def _moved(value: Any) -> Any:
    """Return another value of the same form."""
    if isinstance(value, int):
        return value + 1
    if value in ("decimal", "hexadecimal"):
        return "decimal" if value == "hexadecimal" else "hexadecimal"
    return ("1" if value[0] == "0" else "0") + value[1:] if value[0] in "0123456789abcdef" else (
        "x" + value
    )  # fmt: skip


@pytest.mark.parametrize(("path", "named"), [
    (("seal", "contributors", 1, "part"), "seal.contributors[2].part"),
    (("seal", "contributors", 1, "part"), "seed"),
    (("seal", "contributors", 0, "commitment"), "seal.sha256"),
    (("seal", "contributors", 0, "commitment"), "seal.contributors[1].part"),
    (("seal", "contributors", 2, "contributor"), "seal.sha256"),
    (("seal", "public_number", "value"), "seed"),
    (("seal", "public_number", "source"), "seal.sha256"),
    (("seal", "public_number", "alphabet"), "seal.sha256"),
    (("seal", "public_number", "length"), "seal.public_number.value"),
    (("seal", "sha256"), "seal.sha256"),
    (("seed",), "seed"),
    (("scores", "model_version"), "seal.sha256"),
    (("frame", "sha256"), "seal.sha256"),
    (("design", "strata", 0, "n_h"), "seal.sha256"),
    (("design", "capacity"), "seal.sha256"),
    (("plan_id",), None),
])  # fmt: skip
def test_a_signer_who_changes_a_field_is_named_by_field(
    drawn: SimpleNamespace, path: tuple[Any, ...], named: str | None
) -> None:
    def change(certificate: dict[str, Any]) -> None:
        at: Any = certificate
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = "P0002" if path == ("plan_id",) else _moved(at[path[-1]])

    _resign(drawn, change)
    columns = [column for _, column in _replay(drawn)]
    assert (named or "seal.sha256") in columns


@pytest.mark.parametrize(("path", "value", "named"), [
    (("drawn_at",), "2026-03-02T15:59:59.999999Z", "seal.drawn_at"),
    (("contributors", 0, "revealed_at"), "2026-03-02T16:00:00.000000Z",
     "seal.contributors[1].revealed_at"),
    (("contributors", 2, "revealed_at"), "2026-03-01T09:00:00.000000Z",
     "seal.contributors[3].revealed_at"),
    (("sealed_at",), "2026-03-02T16:00:00.000000Z", "seal.public_number.day"),
    (("public_number", "day"), "2026-03-01", "seal.public_number.day"),
    (("public_number", "length"), 4, "seal.public_number.length"),
])  # fmt: skip
def test_steps_out_of_order_are_named_by_field(
    drawn: SimpleNamespace, path: tuple[Any, ...], value: Any, named: str
) -> None:
    def change(certificate: dict[str, Any]) -> None:
        at: Any = certificate["seal"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    _resign(drawn, change)
    assert named in [column for _, column in _replay(drawn)]


def test_parts_in_another_order_give_another_seed(drawn: SimpleNamespace) -> None:
    _resign(drawn, lambda c: c["seal"]["contributors"].reverse())
    assert {"seed", "seal.sha256"} <= {column for _, column in _replay(drawn)}


def test_one_contributor_is_no_committee(drawn: SimpleNamespace) -> None:
    def change(certificate: dict[str, Any]) -> None:
        del certificate["seal"]["contributors"][1:]

    _resign(drawn, change)
    assert ("SEAL_FEW", "seal.contributors") in _replay(drawn)


def test_a_seal_made_up_afterwards_fits_no_public_version(drawn: SimpleNamespace) -> None:
    """A signer who rewrites everything is consistent; what was shown at the sealing is not."""
    from sampling.drawing.seal import record_sha256

    path = drawn.folder / "public.json"
    sealed = sealed_plan(drawn.ledger, "P0001")
    early = type(sealed)(**{**vars(sealed), "drawn": False, "parts": {}})
    path.write_bytes(public_bytes(public_of_seal(early, drawn.key)))
    assert _replay(drawn, public_path=path) == []

    def change(certificate: dict[str, Any]) -> None:
        seal = certificate["seal"]
        seal["contributors"][0] |= {"part": "ab" * 32, "commitment": commitment(b"\xab" * 32)}
        parts = [bytes.fromhex(p["part"]) for p in seal["contributors"]]
        certificate["seed"] = derive_seed(parts, seal["public_number"]["value"]).hex()
        seal["sha256"] = record_sha256(sealed_in(certificate))

    _resign(drawn, change)
    codes = [code for code, _ in _replay(drawn)]
    assert not {"REPLAY_SEAL", "REPLAY_PART"} & set(codes)
    assert ("PUBLIC_DIFFERS", "sealed_sha256") in _replay(drawn, public_path=path)


def test_the_public_version_shows_commitment_and_counts_only(drawn: SimpleNamespace) -> None:
    sealed = sealed_plan(drawn.ledger, "P0001")
    early = type(sealed)(**{**vars(sealed), "drawn": False, "parts": {}})
    certificate = drawn.plan.certificate
    secrets = [
        *NAMES, *drawn.town.unit_ids, certificate["seed"], "stratum", "hospital", "m1",
        *(p.hex() for p in PARTS.values()),
    ]  # fmt: skip
    for public in (public_of_seal(early, drawn.key), public_of_plan(drawn.plan, drawn.key)):
        text = public_bytes(public).decode()
        assert [s for s in secrets if s in text] == []
        assert public["counts"] == {
            "capacity": 90, "random": sum(s["floor"] for s in certificate["design"]["strata"]),
            "strata": len(certificate["design"]["strata"]),
        }  # fmt: skip
        assert public["commitments"] == [commitment(part) for part in PARTS.values()]
        assert public["frame"]["units"] == 600
        assert public["sealed_sha256"] == certificate["seal"]["sha256"]
    assert "list" not in public_of_seal(early, drawn.key)
    assert public_of_plan(drawn.plan, drawn.key)["list"] == certificate["list"]


def test_a_void_plan_is_public_too(committee: SimpleNamespace) -> None:
    void = committee.void("secret reason")
    public = public_of_seal(void, committee.key)
    assert (public["state"], public["void"]) == ("void", "SEAL_ABANDONED")
    path = committee.folder / "public.json"
    path.write_bytes(public_bytes(public))
    assert read_public(path) == public
    for raw in (b"{}", public_bytes(public) + b"\n", b"[]", public_bytes(public | {"x": 1}),
                public_bytes({k: v for k, v in public.items() if k != "void"})):  # fmt: skip
        path.write_bytes(raw)
        with pytest.raises(PublicError):
            read_public(path)


def test_a_single_person_s_plan_has_a_public_version(sealed: SimpleNamespace) -> None:
    public = public_of_plan(sealed.plan, sealed.key)
    certificate = sealed.folder / "certificate.json"
    assert public["mode"] == "single_person"
    assert public["sealed_sha256"] == hashlib.sha256(certificate.read_bytes()).hexdigest()
    assert public["trail"]["hash"] == sealed.ledger.head().hash
    path = sealed.folder / "public.json"
    path.write_bytes(public_bytes(public))
    assert replay(certificate, sealed.folder / "frame.tsv", public_path=path).ok
    path.write_bytes(public_bytes(public | {"plan_id": "P0002"}))
    found = replay(certificate, sealed.folder / "frame.tsv", public_path=path).differences
    assert [d.column for d in found] == ["signature", "plan_id"]
