"""A mapping tried on the first rows of its files: what each column gives, and what is wrong.

In: a mapping and a folder. Out: for each table the share of every column that is filled and read,
what it shows as a whole, the faults, and the counts. The rows pass the same parsing and the same
checks as when they are loaded; nothing is written, and no identity is kept or shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from claims.building import blocking, lost_targets
from claims.complete import DERIVED
from claims.contracts import Lang, table
from claims.draft_words import say, shown_names
from claims.engine import Connection, count, open_engine, run
from claims.faults import sentence
from claims.mapping_model import SourceMapping, TableMapping
from claims.origins import origins
from claims.parsing import name, quote
from claims.quarantine import CONTENT, find_faults, parse
from claims.raw import ROW, named, register_raw
from claims.reading import RawFile, RowFault, find_files, open_file
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
    con = open_engine()
    try:
        run(
            con,
            """CREATE TEMP TABLE tried (table_name TEXT, severity TEXT, code TEXT,
            column_name TEXT, source_file TEXT, row_number BIGINT)""",
        )
        trials = [_try_table(con, source, t, folder, rows) for t in source.tables.values()]
        _try_references(con, source, trials)
        for trial in trials:
            trial.faults = _faults(con, trial.table)
    finally:
        con.close()
    return trials


def _try_references(con: Connection, source: SourceMapping, trials: Sequence[TableTrial]) -> None:
    """Look names up in the registers, where all rows were tried: half a register misleads."""
    done = {trial.table for trial in trials if trial.counts}
    if not all(trial.whole for trial in trials):
        return
    for table_name in done:
        mapping = source.tables[table_name]
        origin = origins(mapping)
        for target, column in mapping.columns.items():
            if column.sources and (other := column.target.refers_to) in done:
                key = table(other).key[0]
                run(
                    con,
                    f"""INSERT INTO tried SELECT ?, 'warning', 'unknown_reference', ?, source_file,
                    row_number FROM {name("sound " + table_name)} WHERE {name(target)} IS NOT NULL
                    AND {name(target)} NOT IN (SELECT {key} FROM {name("sound " + other)})""",
                    [table_name, origin.shown(column)],
                )


def _try_table(
    con: Connection, source: SourceMapping, mapping: TableMapping, folder: Path, rows: int
) -> TableTrial:
    files = [open_file(path) for path in find_files(folder, mapping.files)]
    samples = [_first(file, rows) for file in files if file.columns]
    unread = [f for file in files for f in file.faults if not f.row_number]
    trial = TableTrial(mapping.table, unread=unread)
    if not samples:
        trial.unread = trial.unread or [RowFault(mapping.files[0], 0, "absent_file")]
        return trial
    arrived = pa.concat_tables([rows for rows, _ in samples], promote_options="default")
    trial.whole = arrived.num_rows <= rows and all(whole for _, whole in samples)
    arrived = arrived.slice(0, rows)
    lost = lost_targets(arrived.column_names, mapping)
    origin = origins(mapping)
    trial.lacking = tuple(
        origin.shown(mapping.columns[target]) for target in blocking(arrived.column_names, mapping)
    )
    if trial.lacking or not arrived.num_rows:
        return trial
    kept = {t: c for t, c in mapping.columns.items() if t not in lost & DERIVED}
    used = replace(mapping, columns=kept)
    columns, done = register_raw(con, arrived, used, source)
    parse(con, used, source, columns, done, secret="")
    trial.rows = count(con, "parsed")
    trial.counts = _judge(con, used)
    trial.columns = _columns(con, used, source.time_zone)
    trial.columns += [ColumnTrial(t, "–", 0, 0, 0) for t in mapping.columns if t not in kept]
    return trial


def _first(file: RawFile, rows: int) -> tuple[pa.Table, bool]:
    """Return the first rows of a file, and whether that is all of it."""
    schema = pa.schema([*((c, pa.string()) for c in file.columns), ("row_number", pa.int64())])
    blocks, read = [named(schema.empty_table(), file)], 0
    for block in file.blocks():
        blocks.append(named(block, file))
        read += block.num_rows
        if read > rows:
            break
    return pa.concat_tables(blocks), read <= rows


def _judge(con: Connection, mapping: TableMapping) -> TableCounts:
    """Count what would be accepted, and keep the faults and the sound rows of a table."""
    records = count(con, "parsed")
    faulty = find_faults(con, mapping)
    sound = f"parsed ANTI JOIN refused USING ({ROW})" if faulty else "parsed"
    if faulty:
        run(
            con,
            "INSERT INTO tried SELECT ?, severity, code, column_name, source_file, row_number "
            "FROM found WHERE holds = ''",
            [mapping.table],
        )
    keys = ", ".join(name(c) for c in table(mapping.table).key if c in mapping.columns)
    same = f"PARTITION BY {keys}"
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE {name("sound " + mapping.table)} AS SELECT *,
        min({CONTENT}) OVER ({same}) <> max({CONTENT}) OVER ({same}) AS conflicting,
        row_number() OVER ({same} ORDER BY {ROW}) > 1 AS repeated FROM {sound}""",
    )
    origin = origins(mapping)
    shown = " + ".join(
        origin.shown(mapping.columns[c]) for c in table(mapping.table).key if c in mapping.columns
    )
    for condition, severity, code in (
        ("conflicting", "error", "conflicting_id"),
        ("repeated AND NOT conflicting", "duplicate", "duplicate_row"),
    ):
        run(
            con,
            f"INSERT INTO tried SELECT ?, ?, ?, ?, source_file, row_number "
            f"FROM {name('sound ' + mapping.table)} WHERE {condition}",
            [mapping.table, severity, code, shown],
        )
    of = name("sound " + mapping.table)
    duplicates = count(con, f"{of} WHERE repeated AND NOT conflicting")
    run(con, f"DELETE FROM {of} WHERE repeated OR conflicting")
    accepted = count(con, of)
    return TableCounts(
        mapping.table, records, accepted, records - accepted - duplicates, duplicates
    )


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
            f"{'NULL, NULL' if private else spread}, {mean} FROM parsed",
        )[0]
        missing = run(con, f"SELECT count(*) FROM parsed WHERE {fault} = 'missing_value'")[0][0]
        shown = origin.shown(column) if column.sources else "="
        trials.append(ColumnTrial(target, shown, read + faults - missing, read, faults,
                                  low, high, average, distinct))  # fmt: skip
    return trials


def _faults(con: Connection, table_name: str) -> list[FaultTrial]:
    """Return the kinds of faults, errors first, most frequent first."""
    found = run(
        con,
        """SELECT severity, code, column_name, count(*),
            min_by(source_file, (source_file, row_number)),
            min_by(row_number, (source_file, row_number))
        FROM tried WHERE table_name = ? GROUP BY ALL ORDER BY severity, 4 DESC, 2, 3""",
        [table_name],
    )
    return [
        FaultTrial(
            severity, (sentence(code, "en", column=column), sentence(code, "zh", column=column)),
            int(number), file, int(row),
        )
        for severity, code, column, number, file, row in found
    ]  # fmt: skip
