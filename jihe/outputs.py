"""How a run's files become visible: all at once, and only together with the plan they belong to.

A plan's files are written into a hidden folder, which takes its name ``plans/<plan>`` before the
plan is committed to the ledger: a sealed plan has its files. ``latest`` is a link to the folder of
the newest plan, and the names in the home folder (``list.csv``, ``scores.parquet``, …) lead through
it, so that one rename switches all of them. A run that stops leaves what was there before.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jihe.home import Home

LATEST = "latest"
_PLAN = re.compile(r"P[0-9]{4,}")
_ASIDE = ".replaced-"


@contextmanager
def plan_folder(home: Home, plan_id: str) -> Iterator[Path]:
    """Yield a hidden folder that becomes the plan's when the block ends without an error.

    Where the same plan is run again its folder is replaced as a whole; files that others put there,
    such as returned lists, are kept.
    """
    target = home.plan(plan_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)
        _flush(partial)
        if target.exists():
            _keep_foreign(target, partial)
            aside = target.with_name(f"{_ASIDE}{plan_id}")
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
            partial.rename(target)
            shutil.rmtree(aside)
        else:
            partial.rename(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def show_newest(home: Home, sealed: Callable[[], Sequence[str]]) -> None:
    """Make the newest plan's files those that the names in the home folder lead to.

    Runs that end at once come here one after the other, and each asks for the ledger's plans
    (``sealed``, oldest first) only then: so the last one shows the newest plan, whose ever it is.
    """
    with _alone(home.root / "plans"):
        whole = [plan_id for plan_id in sealed() if home.plan(plan_id).is_dir()]
        if whole:
            _show(home, whole[-1])


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other run holds the folder's lock; it ends with the run, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _show(home: Home, plan_id: str) -> None:
    """Turn the names in the home folder to a plan, by one rename."""
    _link(Path("plans") / plan_id, home.root / LATEST)
    for path in home.plan(plan_id).iterdir():
        named = home.root / path.name
        if path.is_file() and not named.is_symlink():
            _link(Path(LATEST) / path.name, named)
    for named in home.root.iterdir():
        if named.is_symlink() and not named.exists() and named.readlink().parts[0] == LATEST:
            named.unlink()  # the newest plan has no file of this name


def recover(home: Home, sealed: Sequence[str], drawn: Sequence[str]) -> None:
    """Finish what a run that was stopped had left open.

    Args:
        home: the folder.
        sealed: the ledger's plans, also those that a committee has not drawn.
        drawn: those that are drawn, oldest first; the home shows the last of them.
    """
    for partial in home.root.glob("plans/.partial-*"):
        shutil.rmtree(partial)
    for aside in home.root.glob(f"plans/{_ASIDE}*"):
        target = home.plan(aside.name.removeprefix(_ASIDE))
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)
    for folder in home.root.glob("plans/P*"):
        if folder.name not in sealed and _PLAN.fullmatch(folder.name):
            # Written, but stopped before the ledger held the plan; kept, in case the ledger is old.
            folder.rename(folder.with_name(f".orphan-{folder.name}-{secrets.token_hex(4)}"))
    show_newest(home, lambda: drawn)


def _keep_foreign(old: Path, new: Path) -> None:
    for path in old.iterdir():
        if not (new / path.name).exists():
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, new / path.name)


def _link(target: Path, name: Path) -> None:
    """Make ``name`` a link to ``target`` by one rename, whatever it was before."""
    draft = name.with_name(f".{name.name}.link")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    os.replace(draft, name)


def _flush(folder: Path) -> None:
    """Force the folder and its files to the disk."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file() or path.is_dir():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
