"""The vault: what links pseudonyms to identities, kept apart from every output.

It holds the installation's pseudonym key and, for each loaded dataset, the table that leads back
from pseudonym to original. The folder is private to the user that runs the program (mode 0700,
files 0600) and is never inside an output folder, a bundle or the model registry.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from claims.files import replace_text

#: Kind of identity -> prefix of its pseudonyms.
PREFIXES = {
    "claim": "clm", "line": "lin", "stay": "sty", "insured": "ins", "institution": "org",
    "doctor": "doc", "employer": "emp", "village": "vil", "inspector": "isp", "invoice": "inv",
    "prescription": "rxp", "licence": "lic", "movement": "mov",
}  # fmt: skip
#: Hex digits of a pseudonym: 80 bits keep the chance of a collision in 10^9 ids below 10^-6.
DIGITS = 20
#: The environment variable that names the folder, and the file of the pseudonym key in it.
VAULT_VARIABLE = "JIHE_VAULT"
KEY_FILE = "pseudonym.key"


class VaultError(RuntimeError):
    """The vault cannot be used safely."""


def vault_folder() -> Path:
    """Return the vault's folder: ``JIHE_VAULT``, else a private folder of this user."""
    if given := os.environ.get(VAULT_VARIABLE):
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "jihe" / "vault"


def private_folder(folder: Path | None = None) -> Path:
    """Return the vault's folder, made first where there is none.

    Raises VaultError where others than the owner may enter it: they could read or exchange keys.
    """
    folder = folder or vault_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = folder.stat().st_mode & 0o777
    if mode & 0o077:
        raise VaultError(
            f"The vault {folder} may be entered by others (mode {mode:o}); run chmod 700 on it, "
            f"or name another folder in {VAULT_VARIABLE}."
        )
    return folder


def refuse_inside(home: Path, folder: Path | None = None) -> None:
    """Raise VaultError where the vault lies inside an output folder, which is handed on."""
    folder = folder or vault_folder()
    if folder.resolve().is_relative_to(home.resolve()):
        raise VaultError(
            f"The vault {folder} lies inside the output folder {home}, so that the keys and "
            f"identities would be handed on with it. Name a folder outside in {VAULT_VARIABLE}, or "
            "choose another output folder."
        )


def private_bytes(path: Path, make: bytes | None = None) -> bytes:
    """Return the content of a private file, making it first if ``make`` is given.

    Raises VaultError where others than the owner may read the file or enter its folder.
    """
    if make is not None or path.exists():
        private_folder(path.parent)
    if not path.exists() and make is not None:
        _create_once(path, make)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise VaultError(f"{path.name} may be read by others (mode {mode:o}); run chmod 600 on it.")
    return path.read_bytes()


def _create_once(path: Path, content: bytes) -> None:
    """Make a private file whole or not at all; where two programs start at once, one wins."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        Path(partial).unlink()


def pseudonym_key(folder: Path | None = None) -> bytes:
    """Return the installation's 32-byte pseudonym key, made on first use."""
    path = private_folder(folder) / KEY_FILE
    key = private_bytes(path, secrets.token_bytes(32))
    if len(key) != 32:
        raise VaultError("pseudonym.key must hold 32 bytes; restore it from the backup.")
    return key


_IDENTITIES = pa.schema([(n, pa.string()) for n in ("kind", "pseudonym", "original")])


class IdentityWriter:
    """Writes the way back from pseudonyms to identities, in pieces; kept whole or not at all."""

    def __init__(self, dataset: str, folder: Path | None = None) -> None:
        """Begin the file of a dataset or part; nothing is visible before the end."""
        self.target = _identity_file(dataset, folder)
        private_folder(folder)
        private_folder(self.target.parent)
        self._begin()

    def _begin(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f".{self.target.stem}-", dir=self.target.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # tells it from what a killed run left
        self.partial = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._out = pq.ParquetWriter(self._file, _IDENTITIES, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        """Add rows of kind, pseudonym and original."""
        self._out.write_table(rows.cast(_IDENTITIES))

    def discard(self) -> None:
        """Forget what was written so far."""
        self._close()
        self.partial.unlink()
        self._begin()

    def _close(self) -> None:
        self._out.close()
        self._file.close()

    def __enter__(self) -> IdentityWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._close()
            if kind is None:
                self.partial.replace(self.target)
        finally:
            self.partial.unlink(missing_ok=True)


def _identity_file(dataset: str, folder: Path | None, suffix: str = "parquet") -> Path:
    return (folder or vault_folder()) / "identities" / f"{dataset}.{suffix}"


def has_identities(dataset: str, folder: Path | None = None) -> bool:
    """Tell whether the identities of a dataset or part are kept."""
    return _identity_file(dataset, folder).exists()


def keep_members(dataset: str, parts: Sequence[str], folder: Path | None = None) -> Path:
    """Keep of which parts a dataset's identities are the union."""
    target = _identity_file(dataset, folder, "json")
    private_folder(folder)
    private_folder(target.parent)
    replace_text(target, json.dumps(sorted(set(parts))) + "\n", mode=0o600)
    return target


def identities(dataset: str, folder: Path | None = None) -> pa.Table:
    """Return the kept identities of a dataset; raises VaultError where there are none."""
    members = _identity_file(dataset, folder, "json")
    names = json.loads(private_bytes(members)) if members.exists() else [dataset]
    files = [_identity_file(name, folder) for name in names]
    if not all(file.exists() for file in files):
        raise VaultError(
            f"The vault has no identities of dataset {dataset}; load it on this machine."
        )
    for file in files:
        private_bytes(file)
    found = pa.concat_tables([_IDENTITIES.empty_table(), *map(pq.read_table, files)])
    return found if len(files) == 1 else found.group_by(_IDENTITIES.names).aggregate([])
