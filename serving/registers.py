"""What the published registers say of an institution and of a person.

In: the features file of a verified bundle and a pseudonym. Out: facts for a record, equal to those
of the batch; what the register does not know is "unknown" there as here.
"""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

from features.clock import day_number

_DAYS_OF_YEAR = 365.25


def age_on(day: int, birth_day: int | None) -> int | None:
    """Return whole years between two day numbers; None where the birth date is not known."""
    return None if birth_day is None else int((day - birth_day) // _DAYS_OF_YEAR)


class Registers:
    """Read-only look-ups in the published registers."""

    def __init__(self, path: Path) -> None:
        """Open the features file of a verified bundle."""
        uri = f"file:{path}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)

    def place(self, institution_id: str) -> dict[str, Any]:
        """Return class, level and district of an institution."""
        row = self._db.execute(
            "SELECT institution_class, level, district FROM institution_rows "
            "WHERE institution_id = ?",
            [institution_id],
        ).fetchone()
        kind, level, district = row or (None, None, None)
        return {
            "institution_class": kind or "unknown",
            "level": level or "none",
            "district": district or "unknown",
        }

    def person(self, insured_id: str, day: date) -> dict[str, Any]:
        """Return sex and age of a person on a day; null where the register knows neither."""
        row = self._db.execute(
            "SELECT sex, birth_day FROM insured_rows WHERE insured_id = ?", [insured_id]
        ).fetchone()
        sex, birth_day = row or (None, None)
        return {"sex": sex, "age": age_on(day_number(day), birth_day)}

    def close(self) -> None:
        """Close the file."""
        self._db.close()
