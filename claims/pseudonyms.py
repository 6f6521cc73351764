"""Keyed pseudonyms: HMAC-SHA-256 over ``kind|id``, in Python for one id and in SQL for a table."""

from __future__ import annotations

import hashlib
import hmac
import re

from claims.vault import DIGITS, PREFIXES

_BLOCK = 64  # SHA-256 block size in bytes (FIPS 180-4)
_PATTERN = rf"({'|'.join(PREFIXES.values())})_[0-9a-f]{{{DIGITS}}}"
_PSEUDONYM = re.compile(_PATTERN)
_LENGTH = 3 + 1 + DIGITS


def pseudonym(kind: str, original: str, key: bytes) -> str:
    """Return the pseudonym of one identity; a pseudonym is returned as it is."""
    if is_pseudonym(original):
        return original
    digest = hmac.digest(key, f"{kind}|{original}".encode(), hashlib.sha256)
    return f"{PREFIXES[kind]}_{digest.hex()[:DIGITS]}"


def is_pseudonym(text: str) -> bool:
    """Tell whether ``text`` has the form of a pseudonym."""
    return bool(_PSEUDONYM.fullmatch(text))


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and outer padded keys of HMAC (RFC 2104, section 2)."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def pseudonym_sql(kind: str, expression: str) -> str:
    """Return SQL for what ``pseudonym`` returns; needs parameters $inner and $outer."""
    message = f"encode({_literal(kind + '|')} || {expression})"
    digest = f"sha256($outer::BLOB || unhex(sha256($inner::BLOB || {message})))"
    prefix = _literal(PREFIXES[kind] + "_")
    # The length is asked first because the pattern is dear and nearly never matches.
    kept = f"length({expression}) = {_LENGTH} AND regexp_full_match({expression}, '{_PATTERN}')"
    return (
        f"CASE WHEN {kept} THEN {expression} "
        f"WHEN {expression} IS NOT NULL THEN {prefix} || left({digest}, {DIGITS}) END"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
