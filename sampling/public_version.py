"""What anybody may see of a plan at its sealing: commitment and counts.

In: a committee's plan or a drawn one. Out: ``public.json``, a signed record in RFC 8785 form with
hashes and numbers only: no names, ids, strata or scores. It is given away on the day of the
sealing; the certificate and the list, shown after the fieldwork, must then fit it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.drawing.certificate import by_committee, certificate_bytes, sign, verify
from sampling.drawing.certificate_form import NUMBER_FIELDS, plan_number
from sampling.drawing.designs import PPS, TWO_STAGE
from sampling.drawing.field_forms import Check, count, hex_digits, moment, plain_text, record_faults
from sampling.drawing.seal import record_sha256, sealed_in
from sampling.faults import Fault, SamplingError, checked
from sampling.frame_faults import UNITS
from sampling.ledger import Plan
from sampling.seal_store import SealedPlan
from sampling.trail import Head

PUBLIC_FILE = "public.json"
PUBLIC_VERSION, KIND_PUBLIC_VERSION = "jihe-public-1", "jihe-public-2"
"""The second is that of designs by size or in two stages."""

STATES = ("sealed", "revealed", "drawn", "void")


def _hashes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(hex_digits(64)(v) for v in value)


_FIELDS: Mapping[str, Check] = {
    "version": lambda v: v in (PUBLIC_VERSION, KIND_PUBLIC_VERSION),
    "plan_id": plan_number,
    "mode": lambda v: v in ("committee", "single_person"),
    "state": lambda v: v in STATES,
    "sealed_at": moment,
    "sealed_sha256": hex_digits(64),
    "frame.unit": lambda v: v in UNITS,
    "frame.units": count,
    "frame.sha256": hex_digits(64),
    "counts.capacity": count,
    "trail.sequence": count,
    "trail.hash": hex_digits(64),
    "public_key": hex_digits(64),
    "signature": hex_digits(128),
}
_COMMITTEE: Mapping[str, Check] = {"commitments": _hashes, **NUMBER_FIELDS}
_STRATA: Mapping[str, Check] = {"counts.random": count, "counts.strata": count}
_KIND: Mapping[str, Check] = {"design": lambda v: v in (PPS, TWO_STAGE)}
_DRAWN: Mapping[str, Check] = {"list.units": count, "list.sha256": hex_digits(64)}
_VOID: Mapping[str, Check] = {"void": plain_text}


class PublicError(SamplingError):
    """A public version cannot be read."""


def public_of_seal(sealed: SealedPlan, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the public version of a committee's plan that is not drawn."""
    void = {"void": sealed.void.code} if sealed.void else {}
    body = _body(sealed.record, "committee", sealed.state, sealed.record["sealed_at"])
    return sign({
        **body, **_of_record(sealed.record), **void, "trail": _anchor(sealed.anchor),
    }, key)  # fmt: skip


def public_of_plan(plan: Plan, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the public version of a plan that is drawn, whoever made its seed."""
    certificate = plan.certificate
    seal = certificate["seal"]
    more = {"sealed_sha256": hashlib.sha256(certificate_bytes(certificate)).hexdigest()}
    if by_committee(certificate):
        more = _of_record(sealed_in(certificate))
    return sign({
        **_body(certificate, seal["mode"], "drawn", seal["sealed_at"]), **more,
        "list": certificate["list"], "trail": _anchor(plan.anchor),
    }, key)  # fmt: skip


def public_bytes(public: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes, as in ``public.json``."""
    return rfc8785.dumps(dict(public))


def read_public(path: Path) -> dict[str, Any]:
    """Read ``public.json``; raises PublicError if a field is missing, unknown or ill-formed."""
    try:
        public = json.loads(path.read_bytes().decode())
        same = isinstance(public, dict) and public_bytes(public) == path.read_bytes()
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise PublicError([Fault(
            "PUBLIC_JSON", f"The file {path.name} is not a public version in RFC 8785 form; take "
            "it as it was issued.", f"文件{path.name}不是RFC 8785形式的公开信息，请使用原始文件。",
        )])  # fmt: skip
    checked(public_faults(public), PublicError)
    return dict(public)


def public_faults(public: Mapping[str, Any]) -> list[Fault]:
    """Return every field of a public version that is missing, unknown or ill-formed."""
    wanted = dict(_FIELDS)
    wanted |= _COMMITTEE if public.get("mode") == "committee" else {}
    wanted |= _KIND if public.get("version") == KIND_PUBLIC_VERSION else _STRATA
    wanted |= _DRAWN if public.get("state") == "drawn" else {}
    wanted |= _VOID if public.get("state") == "void" else {}
    return record_faults(public, wanted, {})


def public_differences(public: Mapping[str, Any], certificate: Mapping[str, Any]) -> list[Fault]:
    """Return where a certificate is not what its public version announced."""
    differences = []
    if not verify(public):
        differences.append(Fault(
            "PUBLIC_SIGNATURE", "The public version's signature does not hold: it was changed "
            "after it was signed.", "公开信息的签名无效：签名后被改动。", column="signature",
        ))  # fmt: skip
    seal = certificate["seal"]
    committee = by_committee(certificate)
    want: dict[str, Any] = {
        "plan_id": certificate["plan_id"], "mode": seal["mode"], "sealed_at": seal["sealed_at"],
        "public_key": certificate["public_key"], "frame": certificate["frame"],
        "sealed_sha256": record_sha256(sealed_in(certificate)) if committee
        else hashlib.sha256(certificate_bytes(certificate)).hexdigest(),
    }  # fmt: skip
    if public["state"] == "drawn":
        want["list"] = certificate["list"]
    return differences + [
        _differs(name, public[name], value) for name, value in want.items() if public[name] != value
    ]


def _body(settled: Mapping[str, Any], mode: str, state: str, sealed_at: str) -> dict[str, Any]:
    return {
        "plan_id": settled["plan_id"],
        "mode": mode,
        "state": state,
        "sealed_at": sealed_at,
        "frame": settled["frame"],
        "public_key": settled["public_key"],
        **_counts(settled["design"]),
    }


def _counts(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return version and counts; of two stages the number of claims depends on the first's draw."""
    if "kind" in design:
        capacity = design.get("first", design)["capacity"]
        return {
            "version": KIND_PUBLIC_VERSION, "design": design["kind"],
            "counts": {"capacity": capacity},
        }  # fmt: skip
    strata = design["strata"]
    return {
        "version": PUBLIC_VERSION,
        "counts": {
            "capacity": design["capacity"], "random": sum(s["floor"] for s in strata),
            "strata": len(strata),
        },
    }  # fmt: skip


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sealed_sha256": record_sha256(record),
        "commitments": [person["commitment"] for person in record["contributors"]],
        "public_number": record["public_number"],
    }


def _anchor(head: Head) -> dict[str, Any]:
    return {"sequence": head.count, "hash": head.hash}


def _differs(field: str, shown: object, found: object) -> Fault:
    return Fault(
        "PUBLIC_DIFFERS", f"Field '{field}' of the public version is {shown}, the certificate "
        f"gives {found}.", f"公开信息的字段“{field}”为{shown}，而证书为{found}。", column=field,
    )  # fmt: skip
