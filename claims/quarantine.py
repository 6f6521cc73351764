"""Faults that show in a single row: typed rows that may pass, and every fault of every other row.

In: a block of text rows (relation ``raw`` in DuckDB). Out: relation ``parsed`` with typed rows and
the digest of their contents, relation ``found`` with their faults, and relation ``refused``. A row
with an error stays out, a row with a warning passes. What takes other rows to see, a repeated key
or a reference, is judged in claims.judging.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from claims.contracts import table
from claims.engine import Connection, count, run
from claims.mapping import SourceMapping, TableMapping
from claims.origins import origins
from claims.parsing import name, parsed_sql, presentable, quote
from claims.raw import PLACE, ROW

#: A fault that holds unless the claim of its line turns out to be a reversal.
UNLESS_REVERSAL = "unless_reversal"
#: Code of an amount of a reversal that is above zero: it would add what it says to take back.
POSITIVE = "positive_reversal"
#: Columns of ``parsed`` beside the contract's own; no contract can have such a name.
CONTENT, SUSPECT = '"content:digest"', '"fault:any"'
#: What is below zero in a reversal, and only there, beside its amounts: table and column.
_REVERSED = {("claim_lines", "quantity_milli")}


@dataclass(frozen=True)
class Check:
    """A fault that is seen in the typed row: ``condition`` is SQL over the contract's columns."""

    table: str
    code: str
    column: str
    severity: str
    condition: str


@dataclass(frozen=True)
class _Fault:
    """A possible fault of one contract column; ``code`` and ``condition`` are SQL."""

    target: str
    severity: str
    code: str
    condition: str
    holds: str = ""


CHECKS = (
    Check("claims", "end_before_start", "service_end_at", "error", "service_end_at < service_at"),
    Check("claims", "known_before_service", "known_at", "error", "known_at < service_at"),
    # One typed year would move the as-of date, and with it every window, into the future.
    Check("claims", "in_future", "known_at", "error", "known_at > now()"),
    Check("claims", "in_future", "service_at", "error", "service_at > now()"),
    Check("claims", "in_future", "service_end_at", "error", "service_end_at > now()"),
    Check(
        "claims", "reverses_itself", "reverses_claim_id", "error", "reverses_claim_id = claim_id",
    ),
    Check(
        "claims", "amounts_do_not_add_up", "total_amount", "warning",
        "total_amount <> fund_amount + account_amount + self_amount",
    ),
)  # fmt: skip


def parse(
    con: Connection,
    mapping: TableMapping,
    source: SourceMapping,
    columns: Sequence[str],
    done: Mapping[str, Sequence[str]],
    secret: str,
) -> None:
    """Make relation ``parsed`` from ``raw``: typed columns, fault codes and the contents' digest.

    Every source column that the mapping names must exist in ``raw``; ``columns`` are those that
    hold the row's contents, ``done`` is the SQL of what was interpreted already, by contract
    column, and ``secret`` is the key of the digest.
    """
    kept = ["row_number", "source_file", PLACE, f"{content_sql(mapping, columns)} AS {CONTENT}"]
    kept += [sql for parts in done.values() for sql in parts]
    rest = {target: column for target, column in mapping.columns.items() if target not in done}
    typed = parsed_sql(rest, source.nulls, source.time_zone, source.currency, kept)
    suspect = " OR ".join(f"coalesce({fault.condition}, false)" for fault in _possible(mapping))
    run(
        con,
        f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT *, {suspect} AS {SUSPECT} FROM ({typed})",
        {"secret": secret},
    )


def _possible(mapping: TableMapping) -> list[_Fault]:
    """Return every fault that a row of the table can have by itself."""
    faults = []
    for target, column in mapping.columns.items():
        code = name(f"fault:{target}")
        faults.append(_Fault(target, "error", code, f"{code} IS NOT NULL"))
        mended = name(f"warning:{target}")
        faults.append(_Fault(target, "warning", mended, f"{mended} IS NOT NULL AND {code} IS NULL"))
        amount = column.target.type == "money" and not column.target.signed
        if amount or column.target.minimum == 0 or (mapping.table, target) in _REVERSED:
            faults.append(_below_zero(mapping, target))
        if amount and mapping.table == "claims" and "reverses_claim_id" in mapping.columns:
            above = f"{name(target)} > 0 AND reverses_claim_id IS NOT NULL"
            faults.append(_Fault(target, "error", quote(POSITIVE), above))
    faults += [
        _Fault(check.column, check.severity, quote(check.code), check.condition)
        for check in CHECKS
        if check.table == mapping.table and _uses(check, mapping)
    ]
    return faults


def _below_zero(mapping: TableMapping, target: str) -> _Fault:
    """Return the fault of a negative number: the mark of a reversal and of nothing else."""
    below = f"{name(target)} < 0"
    if mapping.table == "claims" and "reverses_claim_id" in mapping.columns:
        below += " AND reverses_claim_id IS NULL"
    may = mapping.table == "claim_lines" and mapping.columns[target].target.minimum != 0
    return _Fault(target, "error", "'negative_amount'", below, UNLESS_REVERSAL if may else "")


def _uses(check: Check, mapping: TableMapping) -> bool:
    used = [c for c in table(mapping.table).columns if c in check.condition.split()]
    return all(c in mapping.columns for c in used)


def find_faults(con: Connection, mapping: TableMapping, there: Collection[str] = ()) -> bool:
    """Make relations ``found`` and ``refused`` from ``parsed``; tell whether there is a fault.

    ``there`` are the columns of the file, where they are known: faults name no others.

    ``found`` has a row for each fault: source_file, row_number, severity, code, column_name, value
    (only what may be shown), holds (empty, or under which condition), claim (its claim's id).
    """
    if not count(con, f"parsed WHERE {SUSPECT}"):
        return False
    origin = origins(mapping)
    run(con, f"CREATE OR REPLACE TEMP TABLE suspects AS FROM parsed WHERE {SUSPECT}")
    shown = {t: origin.shown(c, there) for t, c in mapping.columns.items()}
    selects = [_select(fault, mapping, shown[fault.target]) for fault in _possible(mapping)]
    run(con, f"CREATE OR REPLACE TEMP TABLE bare AS {' UNION ALL '.join(selects)}")
    cases = " ".join(f"WHEN {quote(t)} THEN {name('shown:' + t)}" for t in mapping.columns)
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE found AS
        SELECT bare.*, CASE bare.target {cases} END AS value FROM bare JOIN
        (SELECT {ROW}, {_shown(mapping)} FROM raw SEMI JOIN bare USING ({ROW})) USING ({ROW})""",
    )
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE refused AS SELECT DISTINCT {ROW}
        FROM found WHERE severity = 'error' AND holds = ''""",
    )
    return True


def _select(fault: _Fault, mapping: TableMapping, shown: str) -> str:
    claim = "claim_id" if "claim_id" in mapping.columns else "CAST(NULL AS TEXT)"
    return (
        f"SELECT {ROW}, {quote(fault.severity)} AS severity, "
        f"{fault.code} AS code, {quote(shown)} AS column_name, {quote(fault.target)} AS target, "
        f"{quote(fault.holds)} AS holds, {claim} AS claim FROM suspects WHERE {fault.condition}"
    )


def _shown(mapping: TableMapping) -> str:
    """Return the SQL of what a fault may show of each column's text."""
    shown = (f"{presentable(c)} AS {name('shown:' + t)}" for t, c in mapping.columns.items())
    return ", ".join(shown)


def content_sql(mapping: TableMapping, columns: Sequence[str]) -> str:
    """Return the SQL of a row's content digest: 64 bits of a keyed hash over all its text.

    It tells a row that arrived twice from two rows that claim one key, whichever file they came
    in. Columns that the mapping reads have fixed places; others count where they hold something,
    so that a file with one empty column more, or with capitals in its header, says the same. The
    key keeps names and numbers, which are hashed with the rest, from being guessed from the store.
    """
    fixed = sorted({s for c in mapping.columns.values() for s in c.sources})
    parts = [f"coalesce({name(c)}, '')" for c in fixed]
    parts += [
        f"CASE WHEN {name(c)} <> '' THEN {quote(c.casefold() + '=')} || {name(c)} END"
        for c in sorted(set(columns) - set(fixed), key=str.casefold)
    ]
    return f"md5_number_lower(concat_ws(chr(31), $secret, {', '.join(parts)}))"
