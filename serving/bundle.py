"""Bundles: everything that serving reads, as one folder that is verified before it is used.

``home/bundle/<digest16>/`` holds ``model/<unit>/``, ``features.sqlite``, ``cases.sqlite``,
``distributions.json``, ``rules.json`` and ``manifest.json`` with the SHA-256 of every file;
``home/bundle/CURRENT`` names the folder in use. The folder's name is the digest of the manifest, so
the name vouches for every byte. Nothing is parsed, loaded or opened before all digests agree; a
missing, extra or altered file, or anything that is not a plain file, refuses the bundle as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.cases import Cases
from serving.distributions import Distributions
from training.apply import FittedModel, load

MANIFEST = "manifest.json"
FORMAT = "jihe-bundle-1"
_VERSION = re.compile(r"[0-9a-f]{16}")


class BundleError(RuntimeError):
    """A bundle is missing, altered, or cannot be published."""


@dataclass(frozen=True)
class BundleVersion:
    """A published bundle whose every digest was compared."""

    folder: Path
    version: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: models, cases and what is typical, all read-only."""

    version: str
    about: Mapping[str, Any]
    models: Mapping[str, FittedModel]
    distributions: Mapping[str, Distributions]
    cases: Cases
    features_path: Path

    @property
    def currency(self) -> str:
        """ISO 4217 code of every amount in the bundle."""
        return str(self.about["currency"])

    @property
    def zone(self) -> str:
        """IANA name of the source's time zone."""
        return str(self.about["time_zone"])

    def close(self) -> None:
        """Close its files."""
        self.cases.close()


def current_version(home: Path) -> str:
    """Return the version that ``CURRENT`` names; raises BundleError where there is none."""
    try:
        version = (home / "bundle" / "CURRENT").read_bytes().decode("ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        version = ""
    if not _VERSION.fullmatch(version):
        raise BundleError("No bundle was published; run 'jihe run' first.")
    return version


def verify(home: Path, version: str) -> BundleVersion:
    """Compare every digest of a bundle; raises BundleError naming all files at fault."""
    folder = home / "bundle" / version
    if not folder.is_dir() or folder.is_symlink():
        raise BundleError(f"Bundle {version} is named but not there; publish again.")
    found = _plain_files(folder)
    manifest = found[MANIFEST].read_bytes() if _is_plain(found.get(MANIFEST)) else b""
    if digest_of(manifest) != version:
        raise BundleError(f"Bundle {version}: its manifest is missing or altered; publish again.")
    stated = json.loads(manifest)
    if stated.get("format") != FORMAT:
        raise BundleError(f"Bundle {version} has the format {stated.get('format')}, not {FORMAT}.")
    faults = _faults(found, stated["files"])
    if faults:
        raise BundleError(f"Bundle {version} is refused: {'; '.join(faults)}. Publish again.")
    return BundleVersion(folder, version, stated)


def open_bundle(home: Path, version: str | None = None) -> Bundle:
    """Verify the current (or a named) bundle, then open it read-only.

    Raises BundleError before anything is deserialised or opened where the bundle is not exactly
    what was published.
    """
    verified = verify(home, version or current_version(home))
    folder, about = verified.folder, verified.manifest
    typical = json.loads((folder / "distributions.json").read_bytes())
    return Bundle(
        version=verified.version,
        about=about,
        models={
            unit: load(folder / "model" / unit, model)
            for unit, model in about["versions"]["models"].items()
        },
        distributions={unit: Distributions.from_dict(raw) for unit, raw in typical.items()},
        cases=Cases(folder / "cases.sqlite"),
        features_path=folder / "features.sqlite",
    )


def digest_of(manifest: bytes) -> str:
    """Return the version of a bundle with this manifest."""
    return hashlib.sha256(manifest).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain_files(folder: Path) -> dict[str, Path]:
    """Return every entry by its path below ``folder``; folders that hold something are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
            continue
        found[path.relative_to(folder).as_posix()] = path
    return found


def _is_plain(path: Path | None) -> bool:
    return path is not None and path.is_file() and not path.is_symlink()


def _faults(found: Mapping[str, Path], stated: Mapping[str, str]) -> list[str]:
    faults = [f"'{name}' is missing" for name in sorted(stated.keys() - found.keys())]
    extra = found.keys() - stated.keys() - {MANIFEST}
    faults += [f"'{name}' is extra" for name in sorted(extra)]
    for name in sorted(stated.keys() & found.keys()):
        path = found[name]
        if not _is_plain(path):
            faults.append(f"'{name}' is not a plain file")
        elif file_digest(path) != stated[name]:
            faults.append(f"'{name}' was altered")
    return faults
