"""Which contract table a file is, and which of its columns is which, by names and content.

In: profiles of the columns of files. Out: for each file a table and an assignment of columns, each
with its score and the next best. One column of the file goes to one of the contract; of all such
assignments the one with the largest sum of scores is taken (Kuhn 1955, The Hungarian method for the
assignment problem).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from claims.contracts import table, tables
from claims.draft_words import SuggestError, say
from claims.faults import sentence
from claims.fitting import fit
from claims.mapping_model import core, mappable
from claims.names import name_likeness, table_likeness
from claims.profiling import Profile, profile
from claims.raw import first_rows
from claims.reading import ADDED, open_file

#: Rows of a file that are looked at.
SAMPLE = 1_000
#: Below this score a column stays unmapped; above the other one it needs no question mark.
POSSIBLE, SURE = 0.5, 0.8
#: A second column this close behind makes the first a question.
_CLOSE = 0.08
_IDLE = 0.45
_NAME, _CONTENT = 0.75, 0.25
#: Content alone proposes nothing: the names must share at least this much.
_ALIKE = 0.45


@dataclass(frozen=True)
class Match:
    """One column of the contract and the column of the file that it may be made from."""

    column: str
    seen: Profile
    score: float
    others: tuple[tuple[str, float], ...] = ()

    @property
    def sure(self) -> bool:
        """Whether name and content leave no second possibility worth a question."""
        rival = max((score for _, score in self.others), default=0.0)
        return self.score >= SURE and self.score - rival >= _CLOSE


@dataclass(frozen=True)
class FileSuggestion:
    """What one file seems to be: its table, its matches, and what is left on either side."""

    file: str
    table: str
    table_sure: bool
    rows: int
    matches: tuple[Match, ...]
    unused: tuple[Profile, ...]

    @property
    def missing(self) -> list[str]:
        """Required columns for which the file shows nothing."""
        found = {match.column for match in self.matches}
        return [c for c in core(self.table) if c not in found]


def read_profiles(path: Path, rows: int = SAMPLE) -> tuple[list[Profile], int]:
    """Return the profiles of a file's columns and how many rows were looked at.

    Raises SuggestError where the file cannot be read, is empty or begins with data.
    """
    file = open_file(path)
    found, _ = first_rows(file, rows)
    if file.refused:
        fault = file.faults[0]
        raise SuggestError(
            lambda lang: say("unreadable", lang, file=path.name,
                             reason=sentence(fault.code, lang, detail=fault.detail))
        )  # fmt: skip
    if not found.num_rows:
        raise SuggestError(lambda lang: say("no_rows", lang, file=path.name))
    head = found.slice(0, rows)
    profiles = [
        profile(name, head.column(name).to_pylist())
        for name in head.column_names if name not in ADDED
    ]  # fmt: skip
    named = [profile("", [name]) for name in head.column_names]
    if any(p.is_date or (p.numbers and (p.digits > 4 or p.places)) for p in named):
        raise SuggestError(lambda lang: say("no_header", lang, file=path.name))
    return profiles, head.num_rows


def suggest_file(path: Path, wanted: str | None = None, rows: int = SAMPLE) -> FileSuggestion:
    """Return what a file seems to be; ``wanted`` names the table where the user knows it."""
    profiles, read = read_profiles(path, rows)
    return suggest(path.name, profiles, read, wanted)


def suggest(
    file: str, profiles: Sequence[Profile], rows: int, wanted: str | None = None
) -> FileSuggestion:
    """Return the best table for a file and its assignment; see the module's docstring."""
    known = [t.name for t in tables().values() if t.stage != "produced"]
    names = [wanted] if wanted else known
    ranked = sorted(
        ((_table_score(file, name, m := assign(name, profiles)), name, m) for name in names),
        key=lambda found: (-found[0], found[1]),
    )
    best, name, matches = ranked[0]
    sure = bool(wanted) or (len(ranked) > 1 and best - ranked[1][0] > 0.1 and best > 0.6)
    used = {match.seen.name for match in matches}
    unused = tuple(p for p in profiles if p.name not in used)
    return FileSuggestion(file, name, sure, rows, tuple(matches), unused)


def _table_score(file: str, name: str, matches: Sequence[Match]) -> float:
    """Return how much a file looks like a table: its required columns, then all, then its name."""
    score = {match.column: match.score for match in matches}
    needed = core(name)
    covered = sum(score.get(c, 0.0) for c in needed) / len(needed)
    explained = sum(score.values()) / max(1, len(mappable(name)))
    mass = min(1.0, sum(score.values()) / 6)
    key = table(name).key[0]
    stem = Path(file).name.split(".")[0]
    return (
        0.3 * covered + 0.15 * explained + 0.3 * mass
        + 0.1 * (key in score) + 0.15 * table_likeness(stem, name)
    )  # fmt: skip


def scores(table_name: str, profiles: Sequence[Profile]) -> Mapping[str, list[float]]:
    """Return the score of every column of the file for every column of a table."""
    contract = table(table_name)
    found: dict[str, list[float]] = {}
    for column, target in mappable(table_name).items():
        line = []
        for seen in profiles:
            content = fit(seen, target, contract)
            named = name_likeness(seen.name, table_name, column)
            whole = 0.0 if content is None else _NAME * named + _CONTENT * content
            line.append(whole if named >= _ALIKE else 0.0)
        found[column] = line
    return found


def assign(table_name: str, profiles: Sequence[Profile]) -> list[Match]:
    """Return the one-to-one assignment with the largest sum of scores, in the contract's order."""
    every, needed = scores(table_name, profiles), set(core(table_name))
    columns = list(every)
    matrix = np.array([every[c] for c in columns]).reshape(len(columns), len(profiles))
    matrix[matrix < POSSIBLE] = 0.0
    # Two weak matches shall not outweigh one good one.
    gain = np.maximum(matrix - _IDLE, 0.0)
    # Of two equal assignments, the one that fills a required column.
    gain[[c in needed for c in columns]] *= 1.05
    matches = []
    for row, place in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if matrix[row, place] > 0:
            matches.append(_match(columns, profiles, matrix, int(row), int(place)))
    return matches


def _match(
    columns: Sequence[str],
    profiles: Sequence[Profile],
    matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    row: int,
    place: int,
) -> Match:
    """Return a match with the file's other columns that might be meant, the best first."""
    rivals = [
        (profiles[p].name, float(matrix[row, p])) for p in range(len(profiles))
        # A column that suits another one better, where it went, is no rival here.
        if p != place and matrix[row, p] > 0 and matrix[row, p] >= matrix[:, p].max() - _CLOSE
    ]  # fmt: skip
    rivals.sort(key=lambda found: (-found[1], found[0]))
    return Match(columns[row], profiles[place], float(matrix[row, place]), tuple(rivals[:3]))
