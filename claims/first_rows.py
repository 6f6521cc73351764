"""Some rows judged as a load would judge them: in the engine alone, nothing written, no pseudonym.

In: text rows by table. Out: relation ``parsed_<table>`` with each column's value and fault,
``final_quarantine`` with every fault and its sentences, and the counts. The relations hold original
identities and must not leave the engine.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from claims.complete import select
from claims.concealing import DIGEST
from claims.engine import Connection, count, run
from claims.judging import judge_gathered, make_quarantine
from claims.mapping import SourceMapping, TableMapping
from claims.months import MONTH
from claims.parsing import name
from claims.quarantine import CONTENT, find_faults, parse
from claims.raw import ROW, register_raw
from claims.report import TableCounts


def judge_first_rows(
    con: Connection, source: SourceMapping, rows: Mapping[str, pa.Table]
) -> dict[str, TableCounts]:
    """Judge text rows (with row number and file name) of some tables; return the counts."""
    for table_name, texts in rows.items():
        _gather(con, source.tables[table_name], source, texts)
    judge_gathered(con, source, list(rows))
    make_quarantine(con, [], {})
    return {table_name: _counts(con, table_name) for table_name in rows}


def _gather(con: Connection, mapping: TableMapping, source: SourceMapping, texts: pa.Table) -> None:
    """Make relations ``parsed_``, ``rows_`` and ``faults_<table>`` of the rows of one table."""
    columns, done = register_raw(con, texts, mapping, source)
    parse(con, mapping, source, columns, done, secret="")
    faulty = find_faults(con, mapping, texts.column_names)
    run(con, f"CREATE OR REPLACE TEMP TABLE parsed_{mapping.table} AS FROM parsed")
    refused = f"ANTI JOIN refused USING ({ROW})" if faulty else ""
    whole = ", ".join(f"{sql} AS {name(c)}" for c, sql in select(mapping, source).items())
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE rows_{mapping.table} AS
        SELECT {whole}, {ROW}, {CONTENT} AS {DIGEST}, 0 AS {MONTH} FROM parsed {refused}""",
    )
    faults = f"SELECT *, '' AS detail FROM {'found' if faulty else _NO_FAULTS}"
    run(con, f"CREATE OR REPLACE TEMP TABLE faults_{mapping.table} AS {faults}")


#: An empty relation with the columns of ``found`` that matter.
_NO_FAULTS = f"""(SELECT {ROW}, '' AS severity, '' AS code, '' AS column_name, '' AS holds,
    CAST(NULL AS TEXT) AS value, CAST(NULL AS TEXT) AS claim FROM parsed WHERE false)"""


def _counts(con: Connection, table_name: str) -> TableCounts:
    records = count(con, f"parsed_{table_name}")
    copies = count(con, f"excluded_{table_name} WHERE severity = 'duplicate'")
    accepted = count(con, f"final_{table_name}")
    return TableCounts(table_name, records, accepted, records - accepted - copies, copies)
