"""Texts that come again and again are interpreted once: codes, prices, dates, names.

In: a block of text rows. Out: the same rows with typed values beside the texts of those columns in
which texts repeat. What a text becomes is the same SQL as everywhere (claims.parsing); it only runs
over the different texts instead of all rows, which is several times faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from claims.engine import Connection, run
from claims.mapping import ColumnMapping, SourceMapping, TableMapping
from claims.parsing import name, parsed_sql

#: Rows of a block below which it is not worth it.
LEAST = 20_000
#: Rows that tell whether a column's texts repeat.
_SAMPLE = 8_192


def interpret_repeated(
    con: Connection, rows: pa.Table, mapping: TableMapping, source: SourceMapping
) -> tuple[pa.Table, dict[str, list[str]]]:
    """Return the rows with values beside texts, and how they are taken up.

    The second is, by contract column that is done, the SQL of its value, fault and warning.
    """
    if rows.num_rows < LEAST:
        return rows, {}
    wanted = {
        target: column
        for target, column in mapping.columns.items()
        if len(column.sources) == 1 and column.sources[0] in rows.column_names
    }
    names = list(dict.fromkeys(c.sources[0] for c in wanted.values()))
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(names, pool.map(lambda n: _encoded(rows[n]), names), strict=True))
        done: dict[str, list[str]] = {}
        made: list[tuple[str, pa.Array, pa.Array]] = []
        for target, column in wanted.items():
            if (encoded := found[column.sources[0]]) is None:
                continue
            parts = _interpreted(con, encoded.dictionary, target, column, source)
            done[target] = [f"{name(_beside(p))} AS {name(p)}" for p in parts]
            made += [(_beside(p), array, encoded.indices) for p, array in parts.items()]
        taken = pool.map(lambda part: _taken(part[1], part[2]), made)
        for (beside, _, _), array in zip(made, taken, strict=True):
            rows = rows.append_column(beside, array)
    return rows, done


def _beside(column: str) -> str:
    return f"made:{column}"


def _encoded(texts: pa.ChunkedArray) -> pa.DictionaryArray | None:
    """Return a column as its different texts and places among them, None where few repeat."""
    if not pa.types.is_string(texts.type):
        return None
    sample = texts.slice(0, _SAMPLE)
    if len(sample.unique()) * 2 > len(sample):
        return None
    return texts.combine_chunks().dictionary_encode(null_encoding="encode")


def _interpreted(
    con: Connection, texts: pa.Array, target: str, column: ColumnMapping, source: SourceMapping
) -> Mapping[str, pa.Array]:
    """Return value, fault and warning of each text."""
    places = pa.array(np.arange(len(texts)))
    con.register("different", pa.table({column.sources[0]: texts, "row_number": places}))
    run(con, "CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM different")
    sql = parsed_sql(
        {target: column}, source.nulls, source.time_zone, source.currency, ["row_number"]
    )
    made = con.sql(f"SELECT * FROM ({sql}) ORDER BY row_number").to_arrow_table()
    names: Sequence[str] = [c for c in made.column_names if c != "row_number"]
    return {c: made[c].combine_chunks() for c in names}


def _taken(values: pa.Array, places: pa.Array) -> pa.Array:
    if values.null_count == len(values):
        return pa.nulls(len(places), values.type)
    return values.take(places)
