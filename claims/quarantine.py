"""Validation of one table: typed rows that may pass, and every fault of every row.

In: the raw text rows of a table (relation ``raw`` in DuckDB). Out: relation ``accepted_<table>``
and rows of ``faults``. A row with an error stays out, a repeated row is kept once, a row with a
warning passes. The counts always add up: records = accepted + quarantined + duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass

from claims.contracts import LANGS, table
from claims.engine import Connection, count, run
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.origins import Origins, origins
from claims.parsing import name, parsed_sql, presentable, quote


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
    # One typed year would move the as-of date, and with it every window, into the future.
    Check("claims", "in_future", "known_at", "error", "known_at > now()"),
    Check("claims", "in_future", "service_at", "error", "service_at > now()"),
    Check(
        "claims", "amounts_do_not_add_up", "total_amount", "warning",
        "total_amount <> fund_amount + account_amount + self_amount",
    ),
    Check(
        "claim_lines", "negative_amount", "quantity_milli", "error",
        f"quantity_milli < 0 AND NOT coalesce( {_REVERSAL['claim_lines']} , false)",
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
    """Make relation ``parsed`` from ``raw``: typed columns and their fault codes.

    Every source column that the mapping names must exist in ``raw``.
    """
    select = parsed_sql(mapping.columns, source.nulls, source.time_zone, source.currency)
    run(con, f"CREATE OR REPLACE TEMP TABLE parsed AS {select}")


def _faults_sql(mapping: TableMapping, origin: Origins) -> list[str]:
    """Return one SELECT per possible fault: row, severity, code, column, contract column."""
    selects = []

    def add(target: str, severity: str, code: str, condition: str) -> None:
        shown = quote(origin.shown(mapping.columns[target]))
        selects.append(
            f"SELECT source_file, row_number, {quote(severity)} AS severity, {code} AS code, "
            f"{shown} AS column_name, {quote(target)} AS target FROM parsed WHERE {condition}"
        )

    for target, column in mapping.columns.items():
        fault = name(f"fault:{target}")
        add(target, "error", fault, f"{fault} IS NOT NULL")
        mended = name(f"warning:{target}")
        add(target, "warning", mended, f"{mended} IS NOT NULL AND {fault} IS NULL")
        if column.target.type == "money" or column.target.minimum == 0:
            allowed = _below_zero(mapping) if column.target.type == "money" else "false"
            condition = f"{name(target)} < 0 AND NOT coalesce({allowed}, false)"
            add(target, "error", "'negative_amount'", condition)
    for check in CHECKS:
        if check.table == mapping.table and _uses(check, mapping):
            add(check.column, check.severity, quote(check.code), check.condition)
    return selects


def _below_zero(mapping: TableMapping) -> str:
    """Return the SQL condition under which a row's amounts may be negative."""
    if mapping.table == "claims" and "reverses_claim_id" not in mapping.columns:
        return "false"
    return _REVERSAL.get(mapping.table, "false")


def _uses(check: Check, mapping: TableMapping) -> bool:
    used = [c for c in table(mapping.table).columns if c in check.condition.split()]
    return all(c in mapping.columns for c in used)


def judge(con: Connection, mapping: TableMapping, records: int) -> TableCounts:
    """Split ``parsed`` into ``accepted_<table>`` and rows added to ``faults``; return the counts.

    Rows that share a key: the same contents count once, different contents are all refused,
    because choosing one would be a guess. ``records`` counts the rows of the files, also those
    that reading refused.
    """
    origin = origins(mapping)
    faults = " UNION ALL ".join(_faults_sql(mapping, origin))
    run(con, f"CREATE OR REPLACE TEMP TABLE found AS {faults}")
    _find_copies(con, mapping, origin)
    columns = ", ".join(name(c) for c in mapping.columns)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE accepted_{mapping.table} AS
        SELECT row_number, source_file, {columns} FROM parsed ANTI JOIN
            (SELECT source_file, row_number FROM found WHERE severity <> 'warning')
        USING (source_file, row_number)""",
    )
    _keep_faults(con, mapping)
    accepted = count(con, f"accepted_{mapping.table}")
    duplicates = count(con, "found WHERE severity = 'duplicate'")
    return TableCounts(
        mapping.table, records, accepted, records - accepted - duplicates, duplicates
    )


def _find_copies(con: Connection, mapping: TableMapping, origin: Origins) -> None:
    """Add to ``found`` the rows without an error that share their key with another such row."""
    key = [c for c in table(mapping.table).key if c in mapping.columns]
    keys = ", ".join(name(c) for c in key)
    same = " AND ".join(f"sound.{name(c)} IS NOT DISTINCT FROM many.{name(c)}" for c in key)
    columns = [c for c, *_ in run(con, "DESCRIBE raw")]
    content = ", ".join(
        f"coalesce({name(c)}, chr(30))"
        for c in sorted(set(columns) - {"row_number", "source_file"})
    )
    shown = quote(" + ".join(origin.shown(mapping.columns[c]) for c in key))
    # Contents are compared where a key is shared only: that is dear, and rare.
    run(
        con,
        f"""INSERT INTO found
        WITH sound AS (SELECT row_number, source_file, {keys} FROM parsed ANTI JOIN
                (SELECT source_file, row_number FROM found WHERE severity = 'error')
                USING (source_file, row_number)),
            many AS (SELECT {keys} FROM sound GROUP BY ALL HAVING count(*) > 1),
            shared AS (SELECT sound.* FROM sound SEMI JOIN many ON {same}),
            compared AS (SELECT shared.*, md5(concat_ws(chr(31), {content})) AS digest
                FROM shared JOIN raw USING (source_file, row_number)),
            judged AS (SELECT source_file, row_number,
                row_number() OVER (PARTITION BY {keys} ORDER BY source_file, row_number) AS place,
                min(digest) OVER (PARTITION BY {keys}) <> max(digest) OVER (PARTITION BY {keys})
                    AS conflicting
                FROM compared)
        SELECT source_file, row_number, CASE WHEN conflicting THEN 'error' ELSE 'duplicate' END,
            CASE WHEN conflicting THEN 'conflicting_id' ELSE 'duplicate_row' END, {shown}, ''
        FROM judged WHERE conflicting OR place > 1""",
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
                'unknown_reference' AS code, {quote(column.source)} AS column_name, '' AS target
                FROM accepted_{mapping.table} WHERE {name(target)} IS NOT NULL
                AND {name(target)} NOT IN (SELECT {key} FROM accepted_{other})"""
            )
    if selects:
        run(con, f"CREATE OR REPLACE TEMP TABLE found AS {' UNION ALL '.join(selects)}")
        _keep_faults(con, mapping, values=False)


def start_faults(con: Connection) -> None:
    """Make the empty relation ``faults``."""
    run(
        con,
        """CREATE OR REPLACE TEMP TABLE faults (source_file TEXT, table_name TEXT,
        row_number BIGINT, severity TEXT, code TEXT, column_name TEXT, value TEXT,
        reason_en TEXT, reason_zh TEXT)""",
    )


def _keep_faults(con: Connection, mapping: TableMapping, *, values: bool = True) -> None:
    """Add ``found`` to ``faults``, with values that may be shown and reasons in both languages."""
    shown, joined = "NULL", ""
    if values:
        cases = " ".join(
            f"WHEN {quote(target)} THEN {presentable(column)}"
            for target, column in mapping.columns.items()
        )
        shown = f"CASE found.target {cases} END"
        joined = "JOIN raw USING (source_file, row_number)"
    run(
        con,
        f"""INSERT INTO faults SELECT source_file, ?, row_number, severity, code, column_name,
        {shown}, '', '' FROM found {joined}""",
        [mapping.table],
    )
    for code, column in run(con, "SELECT DISTINCT code, column_name FROM found"):
        run(
            con,
            "UPDATE faults SET reason_en = ?, reason_zh = ? "
            "WHERE code = ? AND column_name = ? AND reason_en = ''",
            [*(sentence(code, lang, column=column) for lang in LANGS), code, column],
        )
