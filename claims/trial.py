"""A mapping tried on the first rows of its files: what each column gives, and what is wrong.

In: a mapping and a folder. Out: for each table the share of every column that is filled and read,
what it shows as a whole, the faults, and the counts. The rows pass the same parsing and the same
checks as when they are loaded; nothing is written, and no identity is kept or shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from claims import quarantine
from claims.contracts import Lang, table
from claims.draft_words import say, shown_names
from claims.engine import Connection, count, open_engine, run
from claims.faults import sentence
from claims.mapping_model import ASSUMED, ColumnMapping, SourceMapping, TableMapping
from claims.origins import origins
from claims.parsing import expand_counts, name, quote
from claims.reading import ADDED, RowFault, find_files, read_files

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
    counts: quarantine.TableCounts | None = None
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
    con = open_engine()
    try:
        quarantine.start_faults(con)
        trials = [_try_table(con, source, t, folder, rows) for t in source.tables.values()]
        _try_references(con, source, trials)
        for trial in trials:
            trial.faults = _faults(con, trial.table)
    finally:
        con.close()
    return trials


def _try_references(con: Connection, source: SourceMapping, trials: Sequence[TableTrial]) -> None:
    """Look names up in the registers, where all rows were tried: half a register misleads."""
    tried = {trial.table for trial in trials if trial.counts}
    if all(trial.whole for trial in trials):
        for trial in trials:
            if trial.table in tried:
                quarantine.check_references(con, source.tables[trial.table], tried)


def _try_table(
    con: Connection, source: SourceMapping, mapping: TableMapping, folder: Path, rows: int
) -> TableTrial:
    found = read_files(find_files(folder, mapping.files))
    trial = TableTrial(mapping.table, unread=[f for f in found.faults if not f.row_number])
    if found.rows is None:
        trial.unread = trial.unread or [RowFault(mapping.files[0], 0, "absent_file")]
        return trial
    trial.whole = found.rows.num_rows <= rows
    raw, absent = _arranged(found.rows.slice(0, rows), mapping)
    lost = [t for t, c in mapping.columns.items() if _is_lost(mapping, c, absent)]
    contract = table(mapping.table)
    assumed = ASSUMED.get(mapping.table, frozenset())
    origin = origins(mapping)
    trial.lacking = tuple(origin.shown(mapping.columns[t]) for t in lost
                          if contract.columns[t].required and t not in assumed)  # fmt: skip
    if trial.lacking or not raw.num_rows:
        return trial
    con.register("arrived", raw)
    prepared = expand_counts(mapping.prepare, raw.column_names, source.nulls)
    run(con, f"CREATE OR REPLACE TEMP TABLE raw AS {prepared or 'SELECT * FROM arrived'}")
    quarantine.parse(con, mapping, source)
    trial.rows = count(con, "parsed")
    trial.counts = quarantine.judge(con, mapping, trial.rows)
    trial.columns = _columns(con, mapping, lost, source.time_zone)
    return trial


def _is_lost(mapping: TableMapping, column: ColumnMapping, absent: set[str]) -> bool:
    """Tell whether every column of the file that a column needs is absent."""
    sources = set(origins(mapping).of(column))
    return bool(sources) and sources <= absent and not column.default


def _arranged(raw: pa.Table, mapping: TableMapping) -> tuple[pa.Table, set[str]]:
    """Return the rows with every column that the mapping reads, and which of these were absent."""
    origin = origins(mapping)
    spelt = {n.casefold(): n for n in origin.read}
    taken = {n.casefold() for n in origin.made} - set(spelt) - set(ADDED)
    raw = raw.rename_columns([
        f"{c} (file)" if c.casefold() in taken else spelt.get(c.casefold(), c)
        for c in raw.column_names
    ])  # fmt: skip
    absent = set(origin.read) - set(raw.column_names)
    for column in sorted(absent):
        raw = raw.append_column(column, pa.nulls(raw.num_rows, pa.string()))
    return raw, absent


def _columns(
    con: Connection, mapping: TableMapping, lost: Sequence[str], zone: str
) -> list[ColumnTrial]:
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
            f"{'NULL, NULL' if private else spread}, {mean} FROM parsed",
        )[0]
        missing = run(con, f"SELECT count(*) FROM parsed WHERE {fault} = 'missing_value'")[0][0]
        shown = "–" if target in lost else origin.shown(column) if column.sources else "="
        trials.append(ColumnTrial(target, shown, read + faults - missing, read, faults,
                                  low, high, average, distinct))  # fmt: skip
    return trials


def _faults(con: Connection, table_name: str) -> list[FaultTrial]:
    """Return the kinds of faults, errors first, most frequent first."""
    found = run(
        con,
        """SELECT severity, reason_en, reason_zh, count(*),
            min_by(source_file, (source_file, row_number)),
            min_by(row_number, (source_file, row_number))
        FROM faults WHERE table_name = ? GROUP BY ALL ORDER BY severity, 4 DESC, 2""",
        [table_name],
    )
    return [FaultTrial(s, (en, zh), int(n), file, int(row)) for s, en, zh, n, file, row in found]
