"""The quarantine report as records: per table, per kind of fault, per file.

``claims.quarantine_report`` fills them from a store version; page, terminal and JSON show them.
Amounts are minor units. A row is refused if any of its faults is an error, else a duplicate if one
says so, else it was let in with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from claims.contracts import Lang


@dataclass(frozen=True)
class TableFigures:
    """What became of one table; amounts in minor units, None where they were not kept.

    ``traced`` counts the refused rows that the quarantine names; where it differs from
    ``quarantined`` the two records of the load disagree, which a reader must be told.
    """

    table: str
    records: int
    accepted: int
    quarantined: int
    duplicates: int
    warned: int
    traced: int
    loaded: bool = True
    amount_arrived: int | None = None
    amount_quarantined: int | None = None
    amount_unreadable: int | None = None

    @property
    def adds_up(self) -> bool:
        """Tell whether every record is accounted for and every refused one has its reason."""
        parts = self.accepted + self.quarantined + self.duplicates
        return self.records == parts and self.traced == self.quarantined

    @property
    def refused_share(self) -> float | None:
        """Share of the arrived rows that were refused."""
        return self.quarantined / self.records if self.records else None

    @property
    def money_share(self) -> float | None:
        """Share of the arrived money that was refused.

        None where it is not known, or where negative amounts leave no share that means anything.
        """
        arrived, refused = self.amount_arrived, self.amount_quarantined
        if arrived is None or refused is None or arrived <= 0 or not 0 <= refused <= arrived:
            return None
        return refused / arrived


@dataclass(frozen=True)
class Example:
    """One faulty row and, where the quarantine may hold it, the value found."""

    source_file: str
    row_number: int
    value: str | None


@dataclass(frozen=True)
class FileRows:
    """How many rows of one file."""

    source_file: str
    rows: int


@dataclass(frozen=True)
class FaultFigures:
    """One kind of fault: a code in a column of a table, over all files.

    ``rows`` is 0 for a fault of whole files. ``wordings`` counts the different reasons that the
    kind has (a detail may differ by row); ``reason`` is that of the first example.
    """

    table: str
    severity: str
    code: str
    column: str
    reason: Mapping[Lang, str]
    wordings: int
    rows: int
    file_count: int
    files: tuple[FileRows, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class FileFault:
    """A kind of fault within one file; ``rows`` is 0 where it is the file as a whole."""

    severity: str
    code: str
    column: str
    rows: int


@dataclass(frozen=True)
class FileFigures:
    """What was wrong with one file of one table."""

    source_file: str
    table: str
    refused: int
    duplicates: int
    warned: int
    missing_columns: tuple[str, ...]
    faults: tuple[FileFault, ...]


@dataclass(frozen=True)
class TableChange:
    """How a table differs from the load before, by key."""

    table: str
    new: int
    changed: int
    removed: int


@dataclass(frozen=True)
class QuarantineFigures:
    """The whole report; ``entries`` is the number of rows of the quarantine itself.

    ``changes`` and ``file_changes`` (names by what the files are to the store) are empty where the
    load did not compare itself with the one before.
    """

    version: str
    source: str
    currency: str
    entries: int
    tables: tuple[TableFigures, ...]
    faults: tuple[FaultFigures, ...]
    files: tuple[FileFigures, ...]
    changes: tuple[TableChange, ...] = ()
    file_changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def whole(self) -> tuple[FaultFigures, ...]:
        """Faults because of which a whole file or table could not be taken."""
        return tuple(f for f in self.faults if not f.rows and f.severity != "warning")

    @property
    def refusing(self) -> tuple[FaultFigures, ...]:
        """Faults that kept rows out, most rows first."""
        return tuple(f for f in self.faults if f.rows and f.severity != "warning")

    @property
    def warnings(self) -> tuple[FaultFigures, ...]:
        """Faults of rows that were let in, most rows first."""
        return tuple(f for f in self.faults if f.rows and f.severity == "warning")

    @property
    def absent(self) -> tuple[FaultFigures, ...]:
        """Columns and files that did not come, without which the load went on."""
        return tuple(f for f in self.faults if not f.rows and f.severity == "warning")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, with the shares, for ``--format json``."""
        body = asdict(self)
        for row, figures in zip(body["tables"], self.tables, strict=True):
            row["refused_share"] = figures.refused_share
            row["money_share"] = figures.money_share
            row["adds_up"] = figures.adds_up
        return body
