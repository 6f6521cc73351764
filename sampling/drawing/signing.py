"""The key that signs certificates: Ed25519 (RFC 8032), kept in a file only its owner can read.

In: the path of a PEM file (PKCS8, not encrypted, mode 0600) or the bytes to sign. Out: the key,
a signature, or whether a signature holds. The file's mode is its protection, so a wider one is
refused rather than repaired: whoever could read it may have copied it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sampling.faults import Fault, SamplingError


class KeyFileError(SamplingError):
    """The signing key cannot be used."""


def load_or_create_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in ``path``; a missing file is created with a new key and mode 0600.

    Raises:
        KeyFileError: if others than the owner may read the file, or it holds no Ed25519 key.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _load(path)
    key = Ed25519PrivateKey.generate()
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ))  # fmt: skip
        file.flush()
        os.fsync(file.fileno())
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """Return the 32 raw bytes of the public key as 64 hex digits."""
    return key.public_key().public_bytes_raw().hex()


def signature_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` over ``message`` was made with the key of ``public_key``."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _load(path: Path) -> Ed25519PrivateKey:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o177:
        raise KeyFileError([Fault(
            "KEY_MODE", f"The signing key's file has mode {mode:04o}, so others may have read it; "
            "make a new key and keep its file at 0600.",
            f"签名密钥文件的权限为{mode:04o}，可能已被他人读取；请更换密钥并将权限设为0600。",
        )])  # fmt: skip
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError([Fault(
            "KEY_FORM", "The signing key's file holds no unencrypted Ed25519 key in PEM form; "
            "move it away and a new key will be made.",
            "签名密钥文件中没有未加密的Ed25519 PEM密钥；请移走该文件，系统将生成新密钥。",
        )])  # fmt: skip
    return key
