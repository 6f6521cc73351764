"""What a load tells: counts and money by table, what changed, which files took part."""

from __future__ import annotations

from dataclasses import dataclass, field

from claims.contracts import table


@dataclass(frozen=True)
class TableCounts:
    """What became of the records of one table: records = accepted + quarantined + duplicates.

    Amounts are sums of the table's main amount in minor units over the rows in which it could be
    read (reversals are negative); ``amount_unreadable`` counts the other rows. They are None where
    the table has no such column.
    """

    table: str
    records: int
    accepted: int
    quarantined: int
    duplicates: int
    amount_arrived: int | None = None
    amount_quarantined: int | None = None
    amount_duplicates: int | None = None
    amount_unreadable: int | None = None


@dataclass(frozen=True)
class TableChange:
    """How one table differs from the version that was in force before, by key."""

    table: str
    new: int
    changed: int
    removed: int


@dataclass
class FileChanges:
    """Names of the files of a load by what they are to the store."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    read_again: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


@dataclass
class LoadReport:
    """What came in: counts per table, columns that are not there, faults, and the store version.

    ``changes`` compares with the version in force before this load; ``files`` tells which files
    were added, which replaced an earlier one of their name, and which are kept from earlier loads.
    """

    source: str
    currency: str
    unit: str
    counts: list[TableCounts] = field(default_factory=list)
    absent_tables: list[str] = field(default_factory=list)
    absent_columns: dict[str, list[str]] = field(default_factory=dict)
    version: str = ""
    fingerprint: str = ""
    changes: list[TableChange] = field(default_factory=list)
    files: FileChanges = field(default_factory=FileChanges)


def main_amount(table_name: str) -> str:
    """Return the column whose sum stands for a table's money; empty where there is none."""
    columns = table(table_name).columns
    named = (c for c in ("total_amount", "amount") if c in columns and columns[c].type == "money")
    return next(named, "")
