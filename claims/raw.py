"""From a block of text rows to relation ``raw``: the columns that a mapping reads, so spelt.

In: rows of a file as text. Out: relation ``raw``, in which every column that the mapping reads
exists, after the mapping's ``prepare`` text. How many rows that text needs to see at once is its
``scope``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
import sqlglot
from sqlglot import exp

from claims.complete import DERIVED
from claims.contracts import table
from claims.engine import Connection, run
from claims.mapping import SourceMapping, TableMapping
from claims.origins import Origins, origins
from claims.reading import ADDED, RawFile
from claims.repeated import interpret_repeated
from claims.templates import expand_counts

#: Which of the rows that ``prepare`` made of one row of the file it is; 0 where it made one.
PLACE = "row_place"
#: What tells the rows of a table apart before their keys are judged.
ROW = f"source_file, row_number, {PLACE}"
Scope = Literal["block", "file", "files"]


class PrepareError(ValueError):
    """A mapping's ``prepare`` text cannot be run on the rows that arrived."""


def scope(mapping: TableMapping) -> Scope:
    """Return what ``prepare`` must see at once: any block of rows, a whole file, or all files.

    A text that groups, numbers or joins rows needs a whole file where every group is of one file,
    else all files of the table.
    """
    if not mapping.prepare:
        return "block"
    tree = sqlglot.parse_one(mapping.prepare.replace("{count:", "'").replace("*}", "'"), "duckdb")
    if list(tree.find_all(exp.Join, exp.Distinct, exp.SetOperation, exp.Limit)):
        return "files"
    groups = list(tree.find_all(exp.Group))
    windows = list(tree.find_all(exp.Window))
    if not groups and list(tree.find_all(exp.AggFunc)) and not windows:
        return "files"
    keys = [g.expressions for g in groups] + [w.args.get("partition_by") or [] for w in windows]
    by_file = [any(_names_file(part) for part in parts) for parts in keys]
    return "block" if not keys else "file" if all(by_file) else "files"


def _names_file(part: exp.Expression) -> bool:
    return isinstance(part, exp.Column) and part.name.casefold() == "source_file"


def named(block: pa.Table, file: RawFile) -> pa.Table:
    """Return rows with the name of their file."""
    source = pa.array([file.name]).take(pa.array(np.zeros(block.num_rows, np.int32)))
    return block.append_column("source_file", source)


def whole(file: RawFile) -> pa.Table:
    """Return all rows of a file."""
    schema = pa.schema([*((c, pa.string()) for c in file.columns), ("row_number", pa.int64())])
    return named(pa.concat_tables([schema.empty_table(), *file.blocks()]), file)


def first_rows(file: RawFile, rows: int) -> tuple[pa.Table, bool]:
    """Return the first rows of a file (at least ``rows``, in whole blocks), and if that is all."""
    schema = pa.schema([*((c, pa.string()) for c in file.columns), ("row_number", pa.int64())])
    blocks, read = [named(schema.empty_table(), file)], 0
    for block in file.blocks():
        blocks.append(named(block, file))
        read += block.num_rows
        if read > rows:
            break
    return pa.concat_tables(blocks), read <= rows


def spelt(columns: Sequence[str], origin: Origins) -> list[str]:
    """Spell column names as the mapping does; the engine takes 'ID' and 'id' for the same name."""
    known = {name.casefold(): name for name in origin.read}
    taken = {name.casefold() for name in origin.made} - set(known) - set(ADDED)
    return [f"{c} (file)" if c.casefold() in taken else known.get(c.casefold(), c) for c in columns]


def absent(columns: Sequence[str], mapping: TableMapping) -> list[str]:
    """Return the columns that a mapping reads and a file with these ``columns`` lacks."""
    origin = origins(mapping)
    return sorted(origin.read - set(spelt(columns, origin)))


def told_column(column: str, columns: Sequence[str], mapping: TableMapping) -> str:
    """Return how a fault names a file's column: by name where the mapping reads it, else by place.

    The first line of a file without a header is data, so that what looks like the name of a column
    may be the name of a person.
    """
    if not column or column.casefold() in {c.casefold() for c in origins(mapping).read}:
        return column
    return f"({columns.index(column) + 1})" if column in columns else "(?)"


def lost_targets(columns: Sequence[str], mapping: TableMapping) -> set[str]:
    """Return the contract columns that cannot be made from a file with these columns.

    A sum is lost with any of its parts: without one it would be another, smaller amount.
    """
    missing, origin = set(absent(columns, mapping)), origins(mapping)
    lost = set()
    for target, column in mapping.columns.items():
        gone = [set(origin.roots(source)) <= missing for source in column.sources]
        if gone and not column.default and (any(gone) if column.sum else all(gone)):
            lost.add(target)
    return lost


def without_lost(mapping: TableMapping, files: Sequence[Sequence[str]]) -> TableMapping:
    """Return the mapping without what the loader makes itself, and without sums that lack a part.

    Args:
        mapping: how the table is read.
        files: the columns of each file that is read at once.
    """
    lost = lost_targets([c for columns in files for c in columns], mapping) & DERIVED
    for columns in files:
        lost |= {t for t in lost_targets(columns, mapping) if mapping.columns[t].sum}
    return replace(mapping, columns={t: c for t, c in mapping.columns.items() if t not in lost})


def blocking(columns: Sequence[str], mapping: TableMapping) -> list[str]:
    """Return the contract columns without which no row of a file can be used."""
    lost = lost_targets(columns, mapping) - DERIVED
    contract = table(mapping.table)
    return [t for t in mapping.columns if t in lost and contract.columns[t].required]


def register_raw(
    con: Connection, rows: pa.Table, mapping: TableMapping, source: SourceMapping
) -> tuple[list[str], dict[str, list[str]]]:
    """Make relation ``raw``.

    Returns:
        Its columns other than row number and file name, and by contract column whose texts were
        interpreted here the SQL of its value, fault and warning.
    """
    origin = origins(mapping)
    rows = rows.rename_columns(spelt(rows.column_names, origin))
    arrived = [c for c in rows.column_names if c not in ADDED]
    done: dict[str, list[str]] = {}
    if not mapping.prepare:
        rows, done = interpret_repeated(con, rows, mapping, source)
    for column in sorted(origin.read - set(arrived)):
        rows = rows.append_column(column, pa.nulls(rows.num_rows, pa.string()))
    con.register("arrived", rows)
    once = f"CAST(0 AS INTEGER) AS {PLACE}"
    run(con, f"CREATE OR REPLACE TEMP VIEW raw AS SELECT *, {once} FROM arrived")
    if not mapping.prepare:
        return arrived, done
    prepared = expand_counts(mapping.prepare, rows.column_names, source.nulls)
    several = (
        f"CAST(row_number() OVER (PARTITION BY source_file, row_number) - 1 AS INTEGER) AS {PLACE}"
    )
    place = several if "unnest" in prepared.casefold() else once
    run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM arrived")
    import duckdb  # the service reads this module's names, and must stay free of the engine

    try:
        run(con, f"CREATE OR REPLACE TEMP TABLE prepared AS SELECT *, {place} FROM ({prepared})")
    except duckdb.Error as error:
        # The engine's message quotes a cell, and a cell may be a name: only its kind is told.
        raise PrepareError(
            f"'prepare' of table {mapping.table} fails on these files ({type(error).__name__}); "
            "use try_strptime and TRY_CAST, which give no value where a text has none."
        ) from None
    run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM prepared")
    return [c for c, *_ in run(con, "DESCRIBE raw") if c not in (*ADDED, PLACE)], done
