"""A mapping tried on the first rows of its files: what each column gives, and what is wrong.

In: a mapping and a folder. Out: for each table the share of every column that is filled and read,
what it shows as a whole, the faults, and the counts. The rows pass the same parsing and the same
checks as when they are loaded; nothing is written, and no identity is kept or shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from claims.contracts import Lang
from claims.draft_words import say, shown_names
from claims.engine import Connection, open_engine, run
from claims.faults import sentence
from claims.first_rows import judge_first_rows
from claims.mapping_model import SourceMapping, TableMapping
from claims.origins import origins
from claims.parsing import name, quote
from claims.raw import blocking, first_rows, without_lost
from claims.reading import RowFault, find_files, open_file
from claims.report import TableCounts

#: Rows of each table that are tried.
ROWS = 10_000


@dataclass(frozen=True)
class ColumnTrial:
    """What became of one column: texts that arrived, values that were read, faults, and a view."""

    column: str
    origin: str
    filled: int
    read: int
    faults: int
    lowest: str | None = None
    highest: str | None = None
    mean: float | None = None
    distinct: int = 0


@dataclass(frozen=True)
class FaultTrial:
    """One kind of fault: how often, why in both languages, and the first place."""

    severity: str
    reasons: tuple[str, str]
    count: int
    file: str
    row: int

    def text(self, lang: Lang) -> str:
        """Return the fault for a person."""
        place = say("row_of", lang, file=self.file, row=self.row) if self.row else self.file
        reason = self.reasons[1 if lang == "zh" else 0]
        return say("fault_line", lang, count=f"{self.count:,}", reason=reason, place=place)


@dataclass
class TableTrial:
    """What became of the first rows of one table; without rows, why there are none."""

    table: str
    rows: int = 0
    whole: bool = True
    counts: TableCounts | None = None
    columns: list[ColumnTrial] = field(default_factory=list)
    faults: list[FaultTrial] = field(default_factory=list)
    unread: list[RowFault] = field(default_factory=list)
    lacking: tuple[str, ...] = ()

    def why_absent(self, lang: Lang) -> str:
        """Return why no row could be tried."""
        told = [f"{f.source_file}: {sentence(f.code, lang, detail=f.detail)}" for f in self.unread]
        if self.lacking:
            told.append(say("lacking", lang, names=shown_names(self.lacking)))
        return " ".join(told)


def try_mapping(source: SourceMapping, folder: Path, rows: int = ROWS) -> list[TableTrial]:
    """Return what a mapping makes of the first ``rows`` rows of each table in ``folder``."""
    trials = {name: TableTrial(name) for name in source.tables}
    arrived = {
        name: first
        for name, mapping in source.tables.items()
        if (first := _arrived(mapping, folder, rows, trials[name])) is not None
    }
    used = {
        name: without_lost(source.tables[name], [first.column_names])
        for name, first in arrived.items()
    }
    con = open_engine()
    try:
        counts = judge_first_rows(con, replace(source, tables=used), arrived)
        for table_name, mapping in used.items():
            trial = trials[table_name]
            trial.counts = counts[table_name]
            trial.rows = trial.counts.records
            trial.columns = _columns(con, mapping, source.time_zone)
            trial.columns += [
                ColumnTrial(target, "–", 0, 0, 0)
                for target in source.tables[table_name].columns
                if target not in mapping.columns
            ]
            # Half a register misleads: names are looked up where all rows were tried.
            trial.faults = _faults(con, table_name, names=all(t.whole for t in trials.values()))
    finally:
        con.close()
    return list(trials.values())


def _arrived(mapping: TableMapping, folder: Path, rows: int, trial: TableTrial) -> pa.Table | None:
    """Return the first rows of a table's files; None where there is nothing that can be tried."""
    files = [open_file(path) for path in find_files(folder, mapping.files)]
    samples = [first_rows(file, rows) for file in files if file.columns and not file.refused]
    trial.unread = [f for file in files for f in file.faults if not f.row_number]
    if not samples:
        trial.unread = trial.unread or [RowFault(mapping.files[0], 0, "absent_file")]
        return None
    arrived = pa.concat_tables([first for first, _ in samples], promote_options="default")
    trial.whole = arrived.num_rows <= rows and all(whole for _, whole in samples)
    arrived = arrived.slice(0, rows)
    columns, origin = arrived.column_names, origins(mapping)
    trial.lacking = tuple(origin.shown(mapping.columns[t]) for t in blocking(columns, mapping))
    return None if trial.lacking or not arrived.num_rows else arrived


def _columns(con: Connection, mapping: TableMapping, zone: str) -> list[ColumnTrial]:
    """Return what every mapped column gave; identities and birth dates are counted, not shown."""
    origin = origins(mapping)
    trials = []
    for target, column in mapping.columns.items():
        value, fault = name(target), name(f"fault:{target}")
        kind, private = column.target.type, column.target.private or column.target.identity
        local = f"timezone({quote(zone)}, {value})" if kind == "timestamp" else value
        spread = ", ".join(f"CAST(CAST({f}({local}) AS DATE) AS TEXT)" for f in ("min", "max"))
        spread = spread if kind in ("date", "timestamp") else "NULL, NULL"
        mean = f"avg({value})" if kind in ("money", "integer") else "NULL"
        read, faults, distinct, low, high, average = run(
            con,
            f"SELECT count({value}), count({fault}), count(DISTINCT {value}), "
            f"{'NULL, NULL' if private else spread}, {mean} FROM parsed_{mapping.table}",
        )[0]
        missing = run(
            con, f"SELECT count(*) FROM parsed_{mapping.table} WHERE {fault} = 'missing_value'"
        )[0][0]
        shown = origin.shown(column) if column.sources else "="
        trials.append(ColumnTrial(target, shown, read + faults - missing, read, faults,
                                  low, high, average, distinct))  # fmt: skip
    return trials


def _faults(con: Connection, table_name: str, *, names: bool) -> list[FaultTrial]:
    """Return the kinds of faults, errors first, most frequent first; ``names``: looked up too."""
    found = run(
        con,
        """SELECT severity, reason_en, reason_zh, count(*),
            min_by(source_file, (source_file, row_number)),
            min_by(row_number, (source_file, row_number))
        FROM final_quarantine WHERE table_name = ?
            AND (? OR code NOT IN ('unknown_reference', 'claim_quarantined'))
        GROUP BY ALL ORDER BY severity, 4 DESC, 2""",
        [table_name, names],
    )
    return [FaultTrial(s, (en, zh), int(n), file, int(row)) for s, en, zh, n, file, row in found]
