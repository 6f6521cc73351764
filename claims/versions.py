"""Which version of the store was in force when, and of which parts it is made.

``store/versions.jsonl`` gets a line for every load that changed something: version, time (UTC),
parts in force by table and file, and what changed. ``store/CURRENT`` names the version in force
now; it is replaced first, so that a run that stops between the two is put right by the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from claims.files import append_line, replace_text

CURRENT, HISTORY = "CURRENT", "versions.jsonl"
#: Table -> file name -> part id.
InForce = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    version: str
    loaded_at: datetime
    about: Mapping[str, Any]

    @property
    def parts(self) -> InForce:
        """The parts in force from then on."""
        found: InForce = self.about.get("parts", {})
        return found


def history(root: Path) -> list[Entry]:
    """Return the lines of the history, oldest first; a line that was cut off is passed over."""
    try:
        lines = (root / HISTORY).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    entries = []
    for line in lines:
        try:
            about = json.loads(line)
            entries.append(
                Entry(about["version"], datetime.fromisoformat(about["loaded_at"]), about)
            )
        except (ValueError, KeyError, TypeError):
            continue
    return entries


def current(root: Path) -> str:
    """Return the name of the version in force, empty where there is none."""
    try:
        return (root / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def in_force(root: Path) -> Entry | None:
    """Return the line of history of the version in force; the last one where CURRENT is spoilt."""
    entries = history(root)
    named = current(root)
    return next(
        (e for e in reversed(entries) if e.version == named), entries[-1] if entries else None
    )


def switch(root: Path, version: str, about: Mapping[str, Any]) -> None:
    """Put a version in force and write the line of history that says so."""
    replace_text(root / CURRENT, version)
    told = {"version": version, "loaded_at": datetime.now(UTC).isoformat(), **about}
    append_line(root / HISTORY, json.dumps(told, sort_keys=True, ensure_ascii=False))


def in_force_on(entries: Sequence[Entry], day: date, zone: str) -> str:
    """Return the version in force at the end of a local day, empty where there was none yet."""
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return next((e.version for e in reversed(entries) if e.loaded_at < end), "")
