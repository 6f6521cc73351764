"""What takes all rows of all parts to see: repeated keys, references, reversals.

In: the parts in force, by table. Out: relation ``final_<table>`` of each (the contract and the
month), relation ``final_quarantine``, and the counts. Of rows that share a key, the same contents
count once and different contents are all refused, because choosing one would be a guess. The counts
always add up: records = accepted + quarantined + duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from claims.concealing import DIGEST
from claims.contracts import LANGS, table
from claims.engine import Connection, count, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.months import MONTH
from claims.origins import origins
from claims.parsing import name, quote
from claims.parts import FAULTS, ROWS, Part
from claims.quarantine import POSITIVE, UNLESS_REVERSAL
from claims.raw import ROW
from claims.report import TableCounts, main_amount

#: The claims that cancel another one.
_REVERSALS = "SELECT claim_id FROM accepted_claims WHERE reverses_claim_id IS NOT NULL"
#: A fault of one row; the sentences are joined at the end.
_FAULT_COLUMNS = "source_file, row_number, severity, code, column_name, detail, value"


def judge(
    con: Connection, source: SourceMapping, parts: Mapping[str, Sequence[Part]]
) -> list[TableCounts]:
    """Judge the rows of all parts together; return the counts of each table that has parts."""
    for table_name in parts:
        _gather(con, table_name, parts[table_name])
    judge_gathered(con, source, list(parts))
    return [_counts(con, name, parts[name]) for name in source.tables if name in parts]


def judge_gathered(con: Connection, source: SourceMapping, tables: Sequence[str]) -> None:
    """Judge the rows of relations ``rows_<table>``, with the faults of ``faults_<table>``."""
    run(
        con,
        """CREATE OR REPLACE TEMP TABLE all_faults (table_name TEXT, source_file TEXT,
        row_number BIGINT, severity TEXT, code TEXT, column_name TEXT, detail TEXT, value TEXT)""",
    )
    # Whether a line may be negative depends on its claim, so claims come first.
    order = sorted(tables, key=lambda name: (name != "claims", list(source.tables).index(name)))
    for table_name in order:
        _resolve(con, table_name, reversals="claims" in tables)
        if table_name == "claim_lines" and "claims" in tables:
            _refuse_positive(con, source.tables[table_name])
        _find_copies(con, source.tables[table_name])
        _accept(con, table_name)
    for table_name in order:
        _check_references(con, source.tables[table_name], set(tables))


def _gather(con: Connection, table_name: str, parts: Sequence[Part]) -> None:
    """Make relations ``rows_<table>`` and ``faults_<table>`` of all parts."""
    for kind, file in (("rows", ROWS), ("faults", FAULTS)):
        files = ", ".join(quote(str(part.folder / file)) for part in parts)
        run(
            con,
            f"CREATE OR REPLACE TEMP VIEW {kind}_{table_name} AS "
            f"SELECT * FROM read_parquet([{files}], hive_partitioning = false)",
        )


def _resolve(con: Connection, table_name: str, *, reversals: bool) -> None:
    """Keep the faults that hold, and make ``excluded_<table>`` of the rows they keep out now."""
    holds = "true"
    if reversals and table_name != "claims":
        holds = (
            f"(holds <> {quote(UNLESS_REVERSAL)} OR claim IS NULL OR claim NOT IN ({_REVERSALS}))"
        )
    run(
        con,
        f"INSERT INTO all_faults SELECT {quote(table_name)}, {_FAULT_COLUMNS} "
        f"FROM faults_{table_name} WHERE {holds}",
    )
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE excluded_{table_name} AS
        SELECT DISTINCT {ROW}, 'error' AS severity FROM faults_{table_name}
        WHERE holds <> '' AND {holds}""",
    )


def _refuse_positive(con: Connection, mapping: TableMapping) -> None:
    """Refuse lines of reversals that are above zero: which claims are reversals is known now."""
    if not count(con, f"({_REVERSALS})"):
        return
    amount = main_amount(mapping.table)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE positive AS SELECT {ROW} FROM rows_{mapping.table}
        WHERE {name(amount)} > 0 AND claim_id IN ({_REVERSALS})""",
    )
    shown = origins(mapping).shown(mapping.columns[amount])
    run(con, f"INSERT INTO excluded_{mapping.table} SELECT {ROW}, 'error' FROM positive "
        f"ANTI JOIN excluded_{mapping.table} USING ({ROW})")  # fmt: skip
    run(con, f"INSERT INTO all_faults SELECT {quote(mapping.table)}, source_file, row_number, "
        f"'error', {quote(POSITIVE)}, {quote(shown)}, '', NULL FROM positive")  # fmt: skip


def _find_copies(con: Connection, mapping: TableMapping) -> None:
    """Find the rows that share their key with another row that has no error."""
    key = list(table(mapping.table).key)
    keys = ", ".join(name(c) for c in key)
    sound = f"rows_{mapping.table} ANTI JOIN excluded_{mapping.table} USING ({ROW})"
    # Hashes are small: whole keys are compared where hashes meet only, and that is rare.
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE met AS SELECT hash({keys}) AS hashed
        FROM {sound if count(con, f"excluded_{mapping.table}") else f"rows_{mapping.table}"}
        GROUP BY ALL HAVING count(*) > 1""",
    )
    if not count(con, "met"):
        return
    shown = _shown_key(mapping)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE copies AS
        WITH shared AS (SELECT {ROW}, {DIGEST}, {keys} FROM {sound}
                WHERE hash({keys}) IN (SELECT hashed FROM met)),
            judged AS (SELECT {ROW},
                row_number() OVER (PARTITION BY {keys} ORDER BY {ROW}) AS place,
                min({DIGEST}) OVER (PARTITION BY {keys}) <> max({DIGEST}) OVER (PARTITION BY {keys})
                    AS conflicting
                FROM shared)
        SELECT {ROW},
            CASE WHEN conflicting THEN 'error' ELSE 'duplicate' END AS severity,
            CASE WHEN conflicting THEN 'conflicting_id' ELSE 'duplicate_row' END AS code
        FROM judged WHERE conflicting OR place > 1""",
    )
    run(
        con,
        f"INSERT INTO excluded_{mapping.table} SELECT {ROW}, severity FROM copies",
    )
    run(
        con,
        f"""INSERT INTO all_faults SELECT {quote(mapping.table)}, source_file, row_number, severity,
        code, {quote(shown)}, '', NULL FROM copies""",
    )


def _shown_key(mapping: TableMapping) -> str:
    origin = origins(mapping)
    key = [c for c in table(mapping.table).key if c in mapping.columns]
    return " + ".join(origin.shown(mapping.columns[c]) for c in key)


def _accept(con: Connection, table_name: str) -> None:
    """Make relations ``accepted_<table>`` and ``final_<table>``."""
    kept = f"rows_{table_name}"
    if count(con, f"excluded_{table_name}"):
        kept += f" ANTI JOIN excluded_{table_name} USING ({ROW})"
    run(con, f"CREATE OR REPLACE TEMP VIEW accepted_{table_name} AS SELECT * FROM {kept}")
    columns = ", ".join(f"a.{name(c)}" for c in table(table_name).columns)
    joined = ""
    if table_name == "claims":
        run(
            con,
            """CREATE OR REPLACE TEMP TABLE reversals AS
            SELECT reverses_claim_id AS reversed, min(known_at) AS moment FROM accepted_claims
            WHERE reverses_claim_id IS NOT NULL GROUP BY ALL""",
        )
        columns = columns.replace('a."reversed_at"', "reversals.moment AS reversed_at")
        joined = "LEFT JOIN reversals ON reversals.reversed = a.claim_id"
    run(
        con,
        f"CREATE OR REPLACE TEMP VIEW final_{table_name} AS "
        f"SELECT {columns}, a.{MONTH} FROM accepted_{table_name} a {joined}",
    )


def _check_references(con: Connection, mapping: TableMapping, have: set[str]) -> None:
    """Warn of rows that name something which no register knows; they are kept."""
    for target, column in mapping.columns.items():
        other = column.target.refers_to
        if other not in have or not column.source:
            continue
        code = "'unknown_reference'"
        if other == "claims":
            code = f"CASE WHEN named IN ({_QUARANTINED}) THEN 'claim_quarantined' ELSE {code} END"
        key = table(other).key[0]
        run(
            con,
            f"""INSERT INTO all_faults SELECT {quote(mapping.table)}, source_file, row_number,
            'warning', {code}, {quote(column.source)}, '', NULL
            FROM (SELECT source_file, row_number, {name(target)} AS named
                FROM accepted_{mapping.table} WHERE {name(target)} IS NOT NULL)
            ANTI JOIN accepted_{other} ON accepted_{other}.{key} = named""",
        )


#: The claims that arrived and were refused, by themselves or for another of the same id.
_QUARANTINED = f"""SELECT claim FROM faults_claims WHERE severity = 'error' AND claim IS NOT NULL
    UNION ALL SELECT claim_id FROM rows_claims SEMI JOIN excluded_claims
    USING ({ROW})"""


def _counts(con: Connection, table_name: str, parts: Sequence[Part]) -> TableCounts:
    """Return what became of the records of a table."""
    excluded = f"excluded_{table_name}"
    amount = main_amount(table_name)
    shown = name(amount) if amount else "CAST(NULL AS BIGINT)"
    by_severity = {
        severity: (number, int(total or 0))
        for severity, number, total in run(
            con,
            f"""SELECT severity, count(*), sum({shown}) FROM {excluded}
            JOIN rows_{table_name} USING ({ROW}) GROUP BY ALL""",
        )
    }
    errors, error_amount = by_severity.get("error", (0, 0))
    copies, copied_amount = by_severity.get("duplicate", (0, 0))
    records = sum(part.about["records"] for part in parts)
    accepted = sum(part.about["rows"] for part in parts) - errors - copies
    found = TableCounts(table_name, records, accepted, records - accepted - copies, copies)
    if not amount:
        return found
    money = [part.about["amounts"] for part in parts]
    return TableCounts(
        **{k: v for k, v in vars(found).items() if not k.startswith("amount")},
        amount_arrived=sum(m["arrived"] for m in money),
        amount_quarantined=sum(m["quarantined"] for m in money) + error_amount,
        amount_duplicates=copied_amount,
        amount_unreadable=records - sum(m["readable"] for m in money),
    )


def make_quarantine(
    con: Connection,
    told: Sequence[tuple[str, str, str, str, str]],
    refused: Mapping[str, Sequence[Part]],
) -> None:
    """Make ``final_quarantine``: every fault with its sentences.

    Args:
        con: the engine, after ``judge``.
        told: faults of whole files: table, file, severity, code, column.
        refused: parts of tables that were not judged, because none of their files can be used.
    """
    for table_name, parts in refused.items():
        _gather(con, table_name, parts)
        run(con, f"INSERT INTO all_faults SELECT {quote(table_name)}, {_FAULT_COLUMNS} "
            f"FROM faults_{table_name}")  # fmt: skip
    for table_name, file, severity, code, column in told:
        run(con, "INSERT INTO all_faults VALUES (?, ?, 0, ?, ?, ?, '', NULL)",
            [table_name, file, severity, code, column])  # fmt: skip
    kinds = run(con, "SELECT DISTINCT code, column_name, coalesce(detail, '') FROM all_faults")
    sentences = [
        {"code": code, "column_name": column, "detail": detail,
         **{f"reason_{lang}": sentence(code, lang, column=column, detail=detail) for lang in LANGS}}
        for code, column, detail in kinds
    ]  # fmt: skip
    names = ["code", "column_name", "detail", *(f"reason_{lang}" for lang in LANGS)]
    schema = pa.schema([(n, pa.string()) for n in names])
    con.register("sentences", pa.Table.from_pylist(sentences, schema=schema))
    columns = ", ".join(table("quarantine").columns)
    run(
        con,
        f"""CREATE OR REPLACE TEMP VIEW final_quarantine AS SELECT DISTINCT {columns}
        FROM all_faults JOIN sentences USING (code, column_name, detail)""",
    )
