"""A private folder for what does not fit in memory: still original identities, so inside the vault.

A run that was killed cannot remove its folder. Each folder is locked by the run that uses it; the
next run removes those whose lock is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".spill-"
_LOCK = "lock"


@contextlib.contextmanager
def spill_folder(vault: Path) -> Iterator[Path]:
    """Yield a private folder inside the vault that is gone afterwards."""
    _sweep(vault)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=vault) as name:
        folder = Path(name)
        with locked(folder / _LOCK):
            yield folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a file's lock, or yield False where another program holds it; it ends with the run."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _sweep(vault: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in vault.glob(f"{_PREFIX}*"):
        # A run makes its folder and its lock one after the other; a folder without one is new.
        if (folder / _LOCK).exists():
            with locked(folder / _LOCK) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)
