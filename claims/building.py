"""From arrived files to a part: read in blocks, typed, judged row by row, made pseudonymous.

In: opened files of one table. Out: a part of the store, and its identities in the vault. At no
time does more than a block of a file lie in memory, unless the mapping's ``prepare`` text must see
more rows at once.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.ahead import ahead
from claims.concealing import DIGEST, ORIGINAL, conceal, key_pairs, remembers, start_known
from claims.contracts import table
from claims.engine import Connection, run
from claims.mapping import SourceMapping, TableMapping
from claims.months import MONTH
from claims.parsing import name
from claims.parts import (
    FAULT_SCHEMA,
    FAULTS,
    ROWS,
    Part,
    content_secret,
    partial_folder,
    rows_schema,
    seal_part,
)  # fmt: skip
from claims.pseudonyms import pads, pseudonym_sql
from claims.quarantine import find_faults, parse
from claims.raw import (
    ROW,
    absent,
    blocking,
    lost_targets,
    named,
    register_raw,
    scope,
    told_column,
    whole,
    without_lost,
)  # fmt: skip
from claims.reading import RawFile
from claims.report import main_amount
from claims.vault import IdentityWriter

#: Blocks are written once and read a few times: speed counts more than the last byte.
_LAYOUT: dict[str, Any] = {"compression": "lz4", "write_statistics": [MONTH]}


@dataclass
class _Tally:
    """What the rows of a part add up to."""

    records: int = 0
    rows: int = 0
    months: Counter[int] = field(default_factory=Counter)
    arrived: int = 0
    quarantined: int = 0
    readable: int = 0
    ahead_until: datetime | None = None


@dataclass(frozen=True)
class Recipe:
    """How the files of one table are read."""

    mapping: TableMapping
    source: SourceMapping
    key: bytes


def build_part(
    con: Connection,
    recipe: Recipe,
    files: Sequence[tuple[RawFile, str]],
    parts: Path,
    named: str,
    after_reading: Callable[[], None],
) -> Part:
    """Make the part of some opened files, each with the hash of its bytes; return it complete.

    ``after_reading`` is called when all is read and nothing is kept yet; what it raises leaves
    neither a part nor identities.
    """
    return _Builder(con, recipe, [file for file, _ in files]).build(
        parts, named, {file.name: sha for file, sha in files}, after_reading
    )


class _Builder:
    def __init__(self, con: Connection, recipe: Recipe, files: Sequence[RawFile]) -> None:
        self.con, self.recipe, self.files = con, recipe, files
        self.tally = _Tally()
        self.faults: list[pa.Table] = []
        contract = table(recipe.mapping.table)
        self.schema = rows_schema(contract)
        self.repeating = [c for c in self.schema.names if c not in (*contract.key, DIGEST)]

    def build(
        self, parts: Path, named: str, files: dict[str, str], after_reading: Callable[[], None]
    ) -> Part:
        """Write the part into a hidden folder and name it when it is complete."""
        partial = partial_folder(parts)
        try:
            with IdentityWriter(named) as identities:
                self._rows(partial / ROWS, identities)
                if not self.tally.rows:
                    identities.discard()
                after_reading()
            self._file_faults()
            told = [t.cast(FAULT_SCHEMA) for t in self.faults]
            pq.write_table(
                pa.concat_tables([FAULT_SCHEMA.empty_table(), *told]), partial / FAULTS,
                compression="zstd",
            )  # fmt: skip
            return seal_part(partial, named, self._about(files))
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _rows(self, path: Path, identities: IdentityWriter) -> None:
        """Write all rows; of a file that turns out damaged, none."""
        start_known(self.con)
        usable = [f for f in self.files if not (f.refused or self._blocked(f))]
        repeating = self.repeating
        with (
            pq.ParquetWriter(path, self.schema, **_LAYOUT, use_dictionary=repeating) as out,
            ThreadPoolExecutor(1) as beside,
        ):
            written: list[Future[None]] = []
            for rows, mapping in self._pieces(usable):
                made = self._piece(rows, mapping)
                # One piece is written while the next is read; the one before must be done.
                while written:
                    written.pop().result()
                written.append(beside.submit(self._write, made, out, identities))
            while written:
                written.pop().result()
        if usable and all(f.refused for f in usable):
            self.tally, self.faults = _Tally(), []
            pq.write_table(self.schema.empty_table(), path, **_LAYOUT)
            start_known(self.con)
            identities.discard()
        for file in self.files:
            if self._blocked(file):
                _ = [None for _ in file.blocks()]  # its records count although none is used
            self.tally.records += file.records
        known = "SELECT DISTINCT * FROM known_identities ORDER BY ALL"
        identities.write(self.con.sql(known).to_arrow_table())

    def _blocked(self, file: RawFile) -> bool:
        return not file.refused and bool(blocking(file.columns, self.recipe.mapping))

    def _pieces(self, usable: Sequence[RawFile]) -> Iterator[tuple[pa.Table, TableMapping]]:
        """Give the rows in the pieces that ``prepare`` must see, each with its own mapping."""
        mapping = self.recipe.mapping
        reach = scope(mapping)
        if reach == "files":
            wholes = [(whole(file), file) for file in usable]
            read = [(rows, file) for rows, file in wholes if not file.refused]
            if read:
                rows = pa.concat_tables([r for r, _ in read], promote_options="default")
                yield rows, without_lost(mapping, [file.columns for _, file in read])
            return
        for file in usable:
            own = without_lost(mapping, [file.columns])
            blocks = [whole(file)] if reach == "file" else (named(b, file) for b in file.blocks())
            for rows in ahead(blocks):
                yield rows, own

    def _piece(self, rows: pa.Table, mapping: TableMapping) -> pa.Table:
        """Type, judge and conceal some rows; return those that have no error."""
        con, recipe = self.con, self.recipe
        columns, done = register_raw(con, rows, mapping, recipe.source)
        parse(con, mapping, recipe.source, columns, done, content_secret(recipe.key))
        faulty = find_faults(con, mapping, rows.column_names)
        sound = f"parsed ANTI JOIN refused USING ({ROW})" if faulty else "parsed"
        run(con, f"CREATE OR REPLACE TEMP VIEW sound AS SELECT * FROM {sound}")
        self._count(rows.num_rows, mapping, faulty)
        if faulty:
            self.faults.append(self._found())
        return conceal(con, mapping, recipe.source, recipe.key)

    def _count(self, arrived: int, mapping: TableMapping, faulty: bool) -> None:
        amount = main_amount(mapping.table)
        amount = name(amount) if amount in mapping.columns else "CAST(NULL AS BIGINT)"
        ((rows, readable, total),) = run(
            self.con, f"SELECT count(*), count({amount}), sum({amount}) FROM parsed"
        )
        # Rows that ``prepare`` put together count once.
        self.tally.records += rows - arrived
        self.tally.readable += readable
        self.tally.arrived += int(total or 0)
        if not faulty:
            return
        ((kept,),) = run(
            self.con,
            f"SELECT sum({amount}) FROM parsed SEMI JOIN refused USING ({ROW})",
        )
        self.tally.quarantined += int(kept or 0)
        self._note_future(mapping)

    def _note_future(self, mapping: TableMapping) -> None:
        """Keep until when a time that lies ahead is a fault: then the part is made anew."""
        for target, column in mapping.columns.items():
            if column.target.type != "timestamp":
                continue
            ((first,),) = run(
                self.con,
                f"""SELECT min(epoch_us({name(target)})) FROM suspects SEMI JOIN
                (SELECT * FROM found WHERE code = 'in_future' AND target = '{target}')
                USING ({ROW})""",
            )
            if first is not None:
                until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first)
                earlier = self.tally.ahead_until
                self.tally.ahead_until = min(until, earlier) if earlier else until

    def _found(self) -> pa.Table:
        """Return the faults of the piece, its claims by pseudonym."""
        inner, outer = pads(self.recipe.key)
        return self.con.sql(
            f"""SELECT {ROW}, severity, code, column_name, '' AS detail, value,
            holds, {pseudonym_sql("claim", "claim")} AS claim
            FROM found ORDER BY {ROW}, column_name, code""",
            params={"inner": inner, "outer": outer},
        ).to_arrow_table()

    def _write(self, made: pa.Table, out: pq.ParquetWriter, identities: IdentityWriter) -> None:
        """Write rows in groups of one month each, so that a month is read without the others."""
        contract = table(self.recipe.mapping.table)
        if kind := remembers(contract):
            identities.write(key_pairs(made, kind, contract.key[0]))
        rows = made.drop_columns([ORIGINAL]).cast(self.schema)
        months = sorted(pc.unique(rows[MONTH]).to_pylist())
        for month in months:
            own = rows if len(months) == 1 else rows.filter(pc.equal(rows[MONTH], month))
            self.tally.months[month] += own.num_rows
            self.tally.rows += own.num_rows
            out.write_table(own)

    def _file_faults(self) -> None:
        """Keep what reading said of the files and of rows that cannot be told apart."""
        mapping = self.recipe.mapping
        told = [
            (
                f.source_file,
                f.row_number,
                0,
                f.severity,
                f.code,
                told_column(f.column_name, file.columns, mapping),
                f.detail,
            )
            for file in self.files
            for f in file.faults
        ]
        told += [
            (file.name, 0, 0, "error", "missing_column", column, "")
            for file in self.files
            if self._blocked(file)
            for column in absent(file.columns, mapping)
        ]  # fmt: skip
        names = FAULT_SCHEMA.names
        rows = [{**dict(zip(names[:7], row, strict=True)), "holds": ""} for row in told]
        if rows:
            self.faults.append(pa.Table.from_pylist(rows, schema=FAULT_SCHEMA))

    def _about(self, files: dict[str, str]) -> dict[str, Any]:
        tally, mapping = self.tally, self.recipe.mapping
        read = [f for f in self.files if not f.refused and not self._blocked(f)]
        used = {f.name for f in read}
        return {
            "table": mapping.table,
            "files": files,
            "records": tally.records,
            "rows": tally.rows,
            "months": {str(month): rows for month, rows in sorted(tally.months.items())},
            "refused": sorted({f.name for f in self.files} - used),
            "absent": {f.name: absent(f.columns, mapping) for f in read},
            "lost": {f.name: sorted(lost_targets(f.columns, mapping)) for f in read},
            "blocked": {f.name: sorted(lost_targets(f.columns, mapping))
                        for f in self.files if self._blocked(f)},
            "columns": {c.name: c.type for c in table(mapping.table).columns.values()},
            "amounts": {"arrived": tally.arrived, "quarantined": tally.quarantined,
                        "readable": tally.readable},
            "ahead_until": tally.ahead_until.isoformat() if tally.ahead_until else None,
        }  # fmt: skip
