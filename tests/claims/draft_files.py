"""Small files of claims and the draft made for them, for the tests of drafts and of their trial."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from claims.contracts import Lang
from claims.draft import draft
from claims.suggest import suggest_file


def answered(text: str) -> str:
    """Answer the questions that every draft asks; the rest of it must stand as it is."""
    text = re.sub('^currency = ".*?"', 'currency = "USD"', text, flags=re.M)
    return re.sub('^time_zone = ".*?"', 'time_zone = "UTC"', text, flags=re.M)


def drafted(paths: Sequence[Path], lang: Lang = "en") -> str:
    return draft([suggest_file(path) for path in paths], "mine", lang).text


def written_file(path: Path, *columns: tuple[str, Sequence[str]]) -> Path:
    rows = zip(*(cells for _, cells in columns), strict=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[name for name, _ in columns], *rows])
    return path


def claims_file(path: Path, *more: tuple[str, Sequence[str]], rows: int = 40) -> Path:
    number = [str(i) for i in range(rows)]
    given = {name for name, _ in more}
    usual = [
        ("claim id", [f"C{n}" for n in number]),
        ("patient id", ["P1", "P2"] * (rows // 2)),
        ("hospital id", ["H1", "H2"] * (rows // 2)),
        ("admission date", ["2024-03-05"] * rows),
        ("total amount", ["10.50", "20.00"] * (rows // 2)),
        ("insurance paid", ["9.50"] * rows),
    ]
    return written_file(path, *(c for c in usual if c[0] not in given), *more)
