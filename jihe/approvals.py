"""Approval of a model: two Ed25519 signatures over its digest by different people's keys.

In: ``config/approvers.toml`` of the home (name, role and public key of each approver), a private
key file (mode 0600) and a model folder. Out: signed statements as RFC 8785 JSON under
``approvals/<model version>/``, and those of them that hold. A statement names the model by the
SHA-256 of its manifest, so a changed model has no approval. Where no approvers are configured
nobody has to approve; the record then says so.

    [[approver]]
    name = "data.lead"
    role = "data scientist"
    public_key = "<64 hex digits, as jihe keys approver prints them>"

Each name and each key may stand there once, so two signatures are two people's, and whoever
proposes a model can be one of them at most.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785

from claims.contracts import Lang
from jihe.home import Home
from jihe.texts import say
from sampling.drawing.signing import load_or_create_signing_key, public_hex, signature_holds
from training.model_files import model_digest

FORMAT = "jihe-approval-1"
#: Signatures by different approvers that a promotion takes.
NEEDED = 2
_KEYS = ("name", "role", "public_key")
_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class ApprovalError(ValueError):
    """Approvers, keys or approvals are not what they must be."""


@dataclass(frozen=True)
class Approver:
    """Somebody who may approve: a name (a code will do), a role and a public key in hex."""

    name: str
    role: str
    public_key: str


@dataclass(frozen=True)
class Approval:
    """A statement that was signed by an approver."""

    approver: Approver
    signed_at: str
    model_sha256: str
    signature: str

    def to_dict(self) -> dict[str, str]:
        """Return what the trail keeps of it."""
        return {
            "name": self.approver.name, "role": self.approver.role,
            "public_key": self.approver.public_key, "signed_at": self.signed_at,
            "signature": self.signature,
        }  # fmt: skip


def read_approvers(home: Home, lang: Lang = "en") -> tuple[Approver, ...]:
    """Return the approvers; none where the file is missing.

    Raises ApprovalError with every fault of the file.
    """
    if not home.approvers.exists():
        return ()
    try:
        raw = tomllib.loads(home.approvers.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _fault("approvers_unreadable", lang, [str(error)]) from None
    rows = raw.get("approver", [])
    rows = rows if isinstance(rows, list) else [rows]
    faults = [say("approver_key_unknown", lang, key=key) for key in raw if key != "approver"]
    for place, row in enumerate(rows, 1):
        faults += _row_faults(row, place, lang)
    if not faults:
        for key in ("name", "public_key"):
            counts = Counter(row[key] for row in rows)
            faults += [
                say("approver_twice", lang, value=value) for value, n in counts.items() if n > 1
            ]
    if len(rows) < NEEDED:
        faults.append(say("approvers_too_few", lang, needed=NEEDED, found=len(rows)))
    if faults:
        raise _fault("approvers_unreadable", lang, faults)
    return tuple(Approver(row["name"], row["role"], row["public_key"]) for row in rows)


def approvers_digest(home: Home) -> str | None:
    """Return the SHA-256 of the approvers' file, for the trail; None where there is none."""
    if not home.approvers.exists():
        return None
    return hashlib.sha256(home.approvers.read_bytes()).hexdigest()


def create_key(path: Path, lang: Lang = "en") -> str:
    """Write a new private key to ``path`` (mode 0600) and return its public key in hex.

    Raises ApprovalError where something is at ``path`` already.
    """
    if path.exists() or path.is_symlink():
        raise ApprovalError(say("approver_key_exists", lang, path=path))
    return public_hex(load_or_create_signing_key(path))


def approve(
    home: Home, unit: str, folder: Path, key_file: Path, lang: Lang = "en",
    now: datetime | None = None,
) -> Approval:  # fmt: skip
    """Sign the digest of the model in ``folder`` with the key in ``key_file``, and keep it.

    Raises ApprovalError where there is no such key, no approvers are configured or the key is not
    one of theirs, KeyFileError where others may read the key, ModelFilesError for an altered model.
    """
    if not key_file.is_file():
        raise ApprovalError(say("approver_no_key", lang, path=key_file))
    key = load_or_create_signing_key(key_file)
    approvers = {a.public_key: a for a in read_approvers(home, lang)}
    if not approvers:
        raise ApprovalError(say("approvers_missing", lang, path=home.approvers))
    who = approvers.get(public_hex(key))
    if who is None:
        raise ApprovalError(say("approver_unknown", lang, key=public_hex(key)))
    statement = {
        "format": FORMAT, "unit": unit, "model_sha256": model_digest(folder), "name": who.name,
        "role": who.role, "public_key": who.public_key,
        "signed_at": (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    signature = key.sign(rfc8785.dumps(statement)).hex()
    target = home.approvals / folder_name(folder) / f"{who.public_key[:16]}.json"
    _write(target, rfc8785.dumps({"statement": statement, "signature": signature}))
    return Approval(who, statement["signed_at"], statement["model_sha256"], signature)


def approvals(home: Home, unit: str, folder: Path, lang: Lang = "en") -> tuple[Approval, ...]:
    """Return the approvals of the model in ``folder`` that hold, one for each approver."""
    digest = model_digest(folder)
    known = {a.public_key: a for a in read_approvers(home, lang)}
    held: dict[str, Approval] = {}
    for path in sorted((home.approvals / folder_name(folder)).glob("*.json")):
        found = _read(path.read_bytes(), unit, digest, known)
        if found is not None:
            held.setdefault(found.approver.name, found)
    return tuple(held[name] for name in sorted(held))


def need_approvals(
    home: Home, unit: str, folder: Path, lang: Lang = "en"
) -> tuple[Approval, ...] | None:
    """Return the approvals that allow a promotion; None where no approvers are configured.

    Raises ApprovalError where there are fewer than two.
    """
    if not read_approvers(home, lang):
        return None
    held = approvals(home, unit, folder, lang)
    if len(held) < NEEDED:
        names = ", ".join(a.approver.name for a in held) or "–"
        raise ApprovalError(say(
            "approvals_wanting", lang, version=folder_name(folder), needed=NEEDED,
            found=len(held), names=names, unit=unit,
        ))  # fmt: skip
    return held


def folder_name(folder: Path) -> str:
    """Return the version of the model in ``folder``: the first 16 digits of its digest."""
    return model_digest(folder)[:16]


def _row_faults(row: Any, place: int, lang: Lang) -> Sequence[str]:
    if not isinstance(row, dict):
        return [say("approver_row", lang, place=place, key="name")]
    faults = [say("approver_key_unknown", lang, key=key) for key in row if key not in _KEYS]
    faults += [
        say("approver_row", lang, place=place, key=key)
        for key in _KEYS
        if not isinstance(row.get(key), str) or not row[key].strip()
    ]
    if not faults and not _HEX.fullmatch(row["public_key"]):
        faults.append(say("approver_hex", lang, place=place))
    return faults


def _read(content: bytes, unit: str, digest: str, known: dict[str, Approver]) -> Approval | None:
    """Return the approval in a file; None where anything about it does not hold."""
    try:
        record = json.loads(content)
        statement, signature = record["statement"], str(record["signature"])
        message = rfc8785.dumps(statement)
        who = known[statement["public_key"]]
        said = (statement["format"], statement["unit"], statement["model_sha256"],
                statement["name"])  # fmt: skip
        signed_at = str(statement["signed_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if said != (FORMAT, unit, digest, who.name) or not _SIGNATURE.fullmatch(signature):
        return None
    if not signature_holds(bytes.fromhex(who.public_key), bytes.fromhex(signature), message):
        return None
    return Approval(who, signed_at, digest, signature)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(content)
    draft.replace(path)


def _fault(key: str, lang: Lang, faults: Sequence[str]) -> ApprovalError:
    return ApprovalError(say(key, lang, faults="; ".join(faults)))
