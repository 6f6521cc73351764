"""The key with which programs and people reach the service; made on first use, never a default."""

from __future__ import annotations

import secrets
from pathlib import Path

from claims.vault import private_bytes, vault_folder


def api_key(folder: Path | None = None) -> str:
    """Return the service's key from the vault, made on first use.

    Raises VaultError where others than the owner may read it.
    """
    path = (folder or vault_folder()) / "api.key"
    return private_bytes(path, secrets.token_urlsafe(32).encode("ascii")).decode("ascii").strip()
