"""A private folder for what does not fit in memory: still original identities, so inside the vault.

A run that was killed cannot remove its folder. Each folder is locked by the run that uses it; the
next run removes those whose lock is free. The same goes for identities that were being written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".spill-"
#: A run makes its folder and locks it one after the other; meanwhile it is left alone.
_NEW_SECONDS = 60


@contextlib.contextmanager
def spill_folder(vault: Path) -> Iterator[Path]:
    """Yield a private folder inside the vault that is gone afterwards."""
    _sweep(vault)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=vault) as name, locked(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a folder or file, or yield False where another run holds it.

    The lock ends with the run, however that ends.
    """
    descriptor = os.open(path, os.O_RDONLY)
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
    """Remove what runs left that were killed: their folders, and identities kept by half."""
    for left in [*vault.glob(f"{_PREFIX}*"), *(vault / "identities").glob(".*")]:
        with contextlib.suppress(FileNotFoundError), locked(left) as free:
            if free and time.time() - left.stat().st_mtime > _NEW_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
