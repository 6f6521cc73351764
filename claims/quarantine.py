"""Validation of one table: typed rows that may pass, and every fault of every row.

In: the raw text rows of a table (relation ``raw`` in DuckDB). Out: relation ``accepted_<table>``
and rows of ``faults``. A row with an error stays out, a repeated row is kept once, a row with a
warning passes. The counts always add up: records = accepted + quarantined + duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass

from claims.contracts import table
from claims.engine import Connection, count, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.parsing import expressions, name, quote


@dataclass(frozen=True)
class Check:
    """A fault that is seen in the typed row: ``condition`` is SQL over the contract's columns."""

    table: str
    code: str
    column: str
    severity: str
    condition: str


#: Amounts below zero are the mark of a reversal and of nothing else.
_REVERSAL = {
    "claims": "reverses_claim_id IS NOT NULL",
    "claim_lines": "claim_id IN "
    "(SELECT claim_id FROM accepted_claims WHERE reverses_claim_id IS NOT NULL)",
}

CHECKS = (
    Check("claims", "end_before_start", "service_end_at", "error", "service_end_at < service_at"),
    Check("claims", "known_before_service", "known_at", "error", "known_at < service_at"),
    Check(
        "claims", "amounts_do_not_add_up", "total_amount", "warning",
        "total_amount <> fund_amount + account_amount + self_amount",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class TableCounts:
    """What became of the records of one table: records = accepted + quarantined + duplicates."""

    table: str
    records: int
    accepted: int
    quarantined: int
    duplicates: int


def parse(con: Connection, mapping: TableMapping, source: SourceMapping) -> None:
    """Make relation ``parsed`` from ``raw``: typed columns, their fault codes and texts.

    Every source column that the mapping names must exist in ``raw``.
    """
    columns = [c for c, *_ in run(con, "DESCRIBE raw")]
    content = sorted(set(columns) - {"row_number", "source_file"})
    whole = ", ".join(f"coalesce({name(c)}, chr(30))" for c in content)
    parts = ["row_number", "source_file", f"md5(concat_ws(chr(31), {whole})) AS digest"]
    for target, column in mapping.columns.items():
        value, fault = expressions(column, source.nulls, source.time_zone)
        shown = " || '+' || ".join(f"coalesce({name(s)}, '')" for s in column.sources)
        if column.target.identity or column.target.private:
            shown = "CAST(NULL AS TEXT)"
        parts += [
            f"{value} AS {name(target)}",
            f"{fault} AS {name('fault:' + target)}",
            f"{shown} AS {name('raw:' + target)}",
        ]
    run(con, f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT {', '.join(parts)} FROM raw")


def _faults_sql(mapping: TableMapping) -> list[str]:
    """Return one SELECT per possible fault: row, severity, code, column, value."""
    head = "SELECT source_file, row_number"
    selects = []
    for target, column in mapping.columns.items():
        shown = " + ".join(column.sources)
        raw, fault = name(f"raw:{target}"), name(f"fault:{target}")
        selects.append(
            f"{head}, 'error' AS severity, {fault} AS code, {quote(shown)} AS column_name, "
            f"{raw} AS value FROM parsed WHERE {fault} IS NOT NULL"
        )
        if column.target.type == "money" or column.target.minimum == 0:
            allowed = (
                _REVERSAL.get(mapping.table, "false") if column.target.type == "money" else "false"
            )
            if mapping.table == "claims" and "reverses_claim_id" not in mapping.columns:
                allowed = "false"
            selects.append(
                f"{head}, 'error', 'negative_amount', {quote(shown)}, {raw} "
                f"FROM parsed WHERE {name(target)} < 0 AND NOT ({allowed})"
            )
    for check in CHECKS:
        if check.table == mapping.table and _uses(check, mapping):
            selects.append(
                f"{head}, {quote(check.severity)}, {quote(check.code)}, "
                f"{quote(' + '.join(mapping.columns[check.column].sources))}, "
                f"{name('raw:' + check.column)} FROM parsed WHERE {check.condition}"
            )
    return selects


def _uses(check: Check, mapping: TableMapping) -> bool:
    used = [c for c in table(mapping.table).columns if c in check.condition.split()]
    return all(c in mapping.columns for c in used)


def judge(con: Connection, mapping: TableMapping, records: int) -> TableCounts:
    """Split ``parsed`` into ``accepted_<table>`` and rows added to ``faults``; return the counts.

    Rows that share a key: the same contents count once, different contents are all refused,
    because choosing one would be a guess.
    """
    run(con, f"CREATE OR REPLACE TEMP TABLE found AS {' UNION ALL '.join(_faults_sql(mapping))}")
    key = [c for c in table(mapping.table).key if c in mapping.columns]
    keys = ", ".join(name(c) for c in key)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE sound AS
        SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY source_file, row_number) AS place,
            min(digest) OVER (PARTITION BY {keys}) <> max(digest) OVER (PARTITION BY {keys})
                AS conflicting
        FROM parsed WHERE (source_file, row_number) NOT IN
            (SELECT (source_file, row_number) FROM found WHERE severity = 'error')""",
    )
    shown = quote(" + ".join(s for c in key for s in mapping.columns[c].sources))
    run(
        con,
        f"""INSERT INTO found
        SELECT source_file, row_number, CASE WHEN conflicting THEN 'error' ELSE 'duplicate' END,
            CASE WHEN conflicting THEN 'conflicting_id' ELSE 'duplicate_row' END, {shown}, NULL
        FROM sound WHERE conflicting OR place > 1""",
    )
    columns = ", ".join(name(c) for c in mapping.columns)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE accepted_{mapping.table} AS
        SELECT row_number, source_file, {columns} FROM sound WHERE NOT conflicting AND place = 1""",
    )
    _keep_faults(con, mapping.table)
    accepted = count(con, f"accepted_{mapping.table}")
    duplicates = count(con, "found WHERE severity = 'duplicate'")
    return TableCounts(
        mapping.table, records, accepted, records - accepted - duplicates, duplicates
    )


def check_references(con: Connection, mapping: TableMapping, have: set[str]) -> None:
    """Warn of rows that name something which no register knows; they are kept."""
    selects = []
    for target, column in mapping.columns.items():
        other = column.target.refers_to
        if other in have and column.source:
            key = table(other).key[0]
            selects.append(
                f"""SELECT source_file, row_number, 'warning' AS severity,
                'unknown_reference' AS code, {quote(column.source)} AS column_name,
                CAST(NULL AS TEXT) AS value
                FROM accepted_{mapping.table} WHERE {name(target)} IS NOT NULL
                AND {name(target)} NOT IN (SELECT {key} FROM accepted_{other})"""
            )
    if selects:
        run(con, f"CREATE OR REPLACE TEMP TABLE found AS {' UNION ALL '.join(selects)}")
        _keep_faults(con, mapping.table)


def start_faults(con: Connection) -> None:
    """Make the empty relation ``faults``."""
    run(
        con,
        """CREATE OR REPLACE TEMP TABLE faults (source_file TEXT, table_name TEXT,
        row_number BIGINT, severity TEXT, code TEXT, column_name TEXT, value TEXT,
        reason_en TEXT, reason_zh TEXT)""",
    )


def _keep_faults(con: Connection, table_name: str) -> None:
    run(
        con,
        "INSERT INTO faults SELECT source_file, ?, row_number, severity, code, column_name, value, "
        "'', '' FROM found",
        [table_name],
    )
    for code, column in run(con, "SELECT DISTINCT code, column_name FROM found"):
        run(
            con,
            "UPDATE faults SET reason_en = ?, reason_zh = ? "
            "WHERE code = ? AND column_name = ? AND reason_en = ''",
            [
                sentence(code, "en", column=column),
                sentence(code, "zh", column=column),
                code,
                column,
            ],
        )
