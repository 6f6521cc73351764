"""The certificate of a draw: all that an outsider needs, with the frame, to repeat it.

In: frame, design, seed, drawn list and the version of the scores. Out: a JSON object in RFC 8785
form, signed with Ed25519 over the RFC 8785 bytes of everything but the signature. Probabilities are
whole numbers (n_h and N_h, or the hash of the weights), shares decimal text: no float is in it. The
fields are those of docs/sampling-spec.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.drawing.certificate_form import (
    COMMITTEE_VERSION,
    KIND_VERSION,
    SINGLE_VERSION,
    CertificateError,
    form_faults,
)
from sampling.drawing.designs import AnyDesign, design_record
from sampling.drawing.draw import list_hash
from sampling.drawing.signing import public_hex, signature_holds
from sampling.faults import Fault, checked
from sampling.frame import Frame, frame_hash

CERTIFICATE_FILE = "certificate.json"
MODE_NOTES: Mapping[str, Mapping[str, str]] = {
    "single_person": {
        "en": "One person held the whole seed, so this draw rests on trust in that person.",
        "zh": "种子由一人掌握，本次抽取的公正性依赖对该人的信任。",
    },
    "committee": {
        "en": "Several people committed to parts of the seed before the plan was sealed; a public "
        "number of a later day completed it, so none of them could choose it.",
        "zh": "多名参与人在封存前各自对种子的一部分作出承诺，再由封存之后产生的公开数补全，"
        "任何人都无法选定种子。",
    },
}
"""What each way of making the seed means."""

_VERSIONS = {
    SINGLE_VERSION: "single_person", COMMITTEE_VERSION: "committee", KIND_VERSION: "committee"
}  # fmt: skip

SCORE_KEYS = ("as_of_date", "catalogue_version", "model_version", "rules_version")


def make_certificate(
    frame: Frame, design: AnyDesign, seed: bytes, draws: pa.Table, *, plan_id: str,
    score_version: Mapping[str, str | date], sealed_at: datetime, public_key: str,
    opened: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the certificate without its signature.

    Args:
        frame: the units drawn from.
        design: the integers of the draw.
        seed: its 32 bytes.
        draws: the drawn list.
        plan_id: such as P0001.
        score_version: model_version, rules_version, catalogue_version and as_of_date.
        sealed_at: an aware time.
        public_key: 64 hex digits.
        opened: where a committee made the seed, what its certificate says under ``seal`` beside
            mode, note and time; one person held the seed otherwise.

    Raises:
        CertificateError: with every field that is not as the specification wants it.
    """
    settled = settled_record(frame, design, score_version, public_key)
    version = SINGLE_VERSION if opened is None else COMMITTEE_VERSION
    if "kind" in settled["design"]:
        version = KIND_VERSION
    mode = _VERSIONS[version]
    certificate: dict[str, Any] = {
        "version": version,
        "plan_id": plan_id,
        "seal": {"mode": mode, "note": dict(MODE_NOTES[mode]), "sealed_at": utc_text(sealed_at),
                 **(opened or {})},
        "seed": seed.hex(),
        "list": {"units": draws.num_rows, "sha256": list_hash(draws)},
        **settled,
    }  # fmt: skip
    checked(certificate_faults(certificate, signed=False), CertificateError)
    return certificate


def settled_record(
    frame: Frame, design: AnyDesign, score_version: Mapping[str, str | date], public_key: str
) -> dict[str, Any]:
    """Return the fields of a certificate that are settled before there is a seed."""
    return {
        "frame": {"unit": frame.unit, "units": len(frame), "sha256": frame_hash(frame)},
        "design": design_record(design),
        "scores": {key: str(score_version.get(key, "")) for key in SCORE_KEYS},
        "public_key": public_key,
    }


def sign(certificate: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the certificate with its signature.

    Raises:
        CertificateError: if the key is not the one whose public half the certificate names.
    """
    if certificate["public_key"] != public_hex(key):
        raise CertificateError([Fault(
            "CERT_KEY", "The certificate names another public key than the one that signs.",
            "证书中的公钥与签名密钥不符。",
        )])  # fmt: skip
    return {**certificate, "signature": key.sign(signed_bytes(certificate)).hex()}


def by_committee(certificate: Mapping[str, Any]) -> bool:
    """Return whether a committee made the seed."""
    return _VERSIONS.get(certificate["version"]) == "committee"


def verify(certificate: Mapping[str, Any]) -> bool:
    """Return whether the signature holds under the certificate's own public key.

    It proves that nothing was changed since that key signed. Whose key it is must be known from
    elsewhere; `drawing.replay.replay` takes it as ``trusted_key``.
    """
    return signature_holds(
        bytes.fromhex(certificate["public_key"]), bytes.fromhex(certificate["signature"]),
        signed_bytes(certificate),
    )  # fmt: skip


def signed_bytes(certificate: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of everything but the signature."""
    return rfc8785.dumps({k: v for k, v in certificate.items() if k != "signature"})


def certificate_bytes(certificate: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of the whole certificate, as in ``certificate.json``.

    There is no line feed at the end.
    """
    return rfc8785.dumps(dict(certificate))


def read_certificate(path: Path) -> dict[str, Any]:
    """Read ``certificate.json``.

    Raises:
        CertificateError: if it is not RFC 8785 JSON byte for byte, or a field is missing,
            unknown or of the wrong form. The signature is not checked here.
    """
    return parse_certificate(path.read_bytes())


def parse_certificate(raw: bytes) -> dict[str, Any]:
    """Return the certificate in these bytes; errors as in `read_certificate`."""
    try:
        certificate = json.loads(raw.decode())
        same = isinstance(certificate, dict) and rfc8785.dumps(certificate) == raw
    except (ValueError, RecursionError) as error:
        raise CertificateError([_not_json(str(error))]) from None
    if not same:
        raise CertificateError([_not_json("its bytes are not the RFC 8785 form of an object")])
    checked(certificate_faults(certificate, signed=True), CertificateError)
    return dict(certificate)


def certificate_faults(certificate: Mapping[str, Any], *, signed: bool) -> list[Fault]:
    """Return every field that is not as the specification wants it."""
    faults = form_faults(certificate, signed=signed)
    if faults:
        return faults
    mode = _VERSIONS.get(certificate["version"])
    if mode is None:
        return [_value("version", certificate["version"], " and ".join(_VERSIONS))]
    seal = certificate["seal"]
    if seal["mode"] != mode:
        faults.append(_value("seal.mode", seal["mode"], f"{mode} in this version"))
    elif seal["note"] != MODE_NOTES[seal["mode"]]:
        faults.append(_value("seal.note", str(seal["note"]), "the note of this mode"))
    return faults


def utc_text(moment: datetime) -> str:
    """Return an aware time as UTC text to the microsecond, ``2026-01-31T08:00:00.000000Z``."""
    if moment.utcoffset() is None:
        raise CertificateError([Fault(
            "TIME_ZONE", f"The time {moment.isoformat()} has no zone; give it one.",
            f"时间{moment.isoformat()}没有时区，请注明时区。",
        )])  # fmt: skip
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds") + "Z"


def _not_json(detail: str) -> Fault:
    return Fault(
        "CERT_JSON", f"The certificate is not JSON in RFC 8785 form ({detail}); take the file as "
        "it was issued, an editor may have changed it.",
        f"证书不是RFC 8785形式的JSON（{detail}）；请使用原始文件，编辑器可能已改动它。",
    )  # fmt: skip


def _value(field: str, got: str, want: str) -> Fault:
    return Fault(
        "CERT_VALUE", f"Field '{field}' is {got!r}; this software knows {want}.",
        f"字段“{field}”为{got!r}；本软件只支持{want}。", column=field,
    )  # fmt: skip
