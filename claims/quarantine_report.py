"""What the quarantine says as figures: per table, per kind of fault, per file.

In: a store version (its ``quarantine.parquet`` and the counts of its manifest). Out: the records of
``claims.quarantine_figures``. The engine counts; what reaches Python is as large as the number of
kinds and files, never as the number of faulty rows. A row is told by its table, file and number;
row 0 stands for a file as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from claims.engine import Connection, open_engine, run
from claims.parsing import quote
from claims.quarantine_figures import (
    Example,
    FaultFigures,
    FileFault,
    FileFigures,
    FileRows,
    QuarantineFigures,
    TableChange,
    TableFigures,
)
from claims.store import StoreVersion

#: Example rows of each kind of fault, and the files that are named with it.
EXAMPLES = 5
NAMED_FILES = 3
#: Lines of the store's history, one for each load that changed something.
HISTORY = "versions.jsonl"
#: What a file can be to the store, in the order in which a report tells it.
FILE_KINDS = ("added", "replaced", "read_again", "unchanged", "kept", "forgotten")


def quarantine_figures(version: StoreVersion, examples: int = EXAMPLES) -> QuarantineFigures:
    """Return the figures of a store version's quarantine, at most ``examples`` rows a kind."""
    told = _last_load(version)
    con = open_engine()
    try:
        path = quote(str(version.folder / "quarantine.parquet"))
        run(con, f"CREATE TEMP VIEW entries AS SELECT * FROM read_parquet({path})")
        _judge_rows(con)
        return QuarantineFigures(
            version=version.version,
            source=str(version.meta["source"]),
            currency=str(version.meta["currency"]),
            entries=int(run(con, "SELECT count(*) FROM entries")[0][0]),
            tables=_tables(con, version.meta),
            faults=_faults(con, examples),
            files=_files(con),
            changes=_changes(told),
            file_changes=_file_changes(told),
        )
    finally:
        con.close()


def _judge_rows(con: Connection) -> None:
    """Make relations ``judged`` (rows by file and what became of them) and ``kinds``."""
    run(
        con,
        """CREATE TEMP TABLE judged AS
        SELECT table_name, source_file, count(*) FILTER (bad) AS refused,
            count(*) FILTER (copy AND NOT bad) AS duplicates,
            count(*) FILTER (NOT copy AND NOT bad) AS warned
        FROM (SELECT table_name, source_file, row_number, bool_or(severity = 'error') AS bad,
                bool_or(severity = 'duplicate') AS copy
            FROM entries WHERE row_number > 0 GROUP BY ALL)
        GROUP BY ALL""",
    )
    # Faults of whole files differ by their detail; those of rows are one kind whatever it is.
    run(
        con,
        """CREATE TEMP VIEW kinds AS SELECT *, row_number = 0 AS whole,
            CASE WHEN row_number = 0 THEN reason_en ELSE '' END AS told FROM entries""",
    )


def _tables(con: Connection, meta: Mapping[str, Any]) -> tuple[TableFigures, ...]:
    """Return the manifest's counts beside the quarantine's own, in the manifest's order."""
    sums = "SELECT table_name, sum(refused), sum(warned) FROM judged GROUP BY ALL"
    found = {name: (int(refused), int(warned)) for name, refused, warned in run(con, sums)}
    made = []
    for counts in meta["counts"]:
        traced, warned = found.get(counts["table"], (0, 0))
        made.append(
            TableFigures(
                table=counts["table"], records=counts["records"], accepted=counts["accepted"],
                quarantined=counts["quarantined"], duplicates=counts["duplicates"],
                warned=warned, traced=traced, amount_arrived=counts.get("amount_arrived"),
                amount_quarantined=counts.get("amount_quarantined"),
                amount_unreadable=counts.get("amount_unreadable"),
            )
        )  # fmt: skip
    for name in sorted(meta.get("absent_tables", ())):
        traced, _ = found.get(name, (0, 0))
        made.append(TableFigures(name, 0, 0, 0, 0, 0, traced, loaded=False))
    return tuple(made)


def _last_load(version: StoreVersion) -> Mapping[str, Any]:
    """Return what the store's history tells of the load that made a version; maybe nothing.

    A store of an earlier program has no history; a line that was cut off is passed over.
    """
    try:
        lines = (version.folder.parent / HISTORY).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("version") == version.version:
            return told
    return {}


def _changes(told: Mapping[str, Any]) -> tuple[TableChange, ...]:
    """Return the tables in which a load differs from the one before."""
    made = (
        TableChange(c["table"], c["new"], c["changed"], c["removed"])
        for c in told.get("changed_rows") or ()
    )
    return tuple(c for c in made if c.new or c.changed or c.removed)


def _file_changes(told: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the files that took part in a load, by what they are to the store."""
    files = told.get("changed_files") or {}
    return {kind: tuple(files[kind]) for kind in FILE_KINDS if files.get(kind)}


_KIND = "table_name, severity, code, column_name, whole, told"


def _faults(con: Connection, examples: int) -> tuple[FaultFigures, ...]:
    """Return every kind of fault: whole files, then rows kept out, then warnings; most first."""
    totals = run(
        con,
        f"""SELECT {_KIND}, count(DISTINCT (source_file, row_number)) FILTER (NOT whole) AS hit,
            count(DISTINCT source_file), count(DISTINCT reason_en)
        FROM kinds GROUP BY {_KIND}
        ORDER BY severity = 'warning', NOT whole, hit DESC, {_KIND}""",
    )
    shown, named = _examples(con, examples), _named_files(con)
    made = []
    for *kind, rows, file_count, wordings in totals:
        table, severity, code, column, *_ = kind
        first = shown[tuple(kind)]
        made.append(
            FaultFigures(
                table, severity, code, column, {"en": first[0][3], "zh": first[0][4]}, wordings,
                rows, file_count, tuple(FileRows(*f) for f in named[tuple(kind)]),
                tuple(Example(*e[:3]) for e in first),
            )
        )  # fmt: skip
    return tuple(made)


def _grouped(rows: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Group rows by the kind in front of them."""
    width = len(_KIND.split(","))
    made: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in rows:
        made.setdefault(row[:width], []).append(row[width:])
    return made


def _examples(con: Connection, most: int) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Return the first rows of each kind, by file and number: file, row, value, reasons."""
    order = "source_file, row_number, value, reason_en, reason_zh"
    return _grouped(
        run(
            con,
            f"""SELECT {_KIND}, source_file, row_number, value, reason_en, reason_zh FROM kinds
            QUALIFY row_number() OVER (PARTITION BY {_KIND} ORDER BY {order}) <= ?
            ORDER BY {_KIND}, {order}""",
            [max(1, most)],
        )
    )


def _named_files(con: Connection) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Return the files of each kind that have most of it."""
    return _grouped(
        run(
            con,
            f"""SELECT {_KIND}, source_file,
                count(DISTINCT row_number) FILTER (NOT whole) AS hit
            FROM kinds GROUP BY {_KIND}, source_file
            QUALIFY row_number() OVER (PARTITION BY {_KIND} ORDER BY hit DESC, source_file) <= ?
            ORDER BY {_KIND}, hit DESC, source_file""",
            [NAMED_FILES],
        )
    )


def _files(con: Connection) -> tuple[FileFigures, ...]:
    """Return every file with a fault, those with most refused rows first."""
    faults: dict[tuple[str, str], list[FileFault]] = {}
    for name, file, *fault in run(
        con,
        """SELECT table_name, source_file, severity, code, column_name,
            count(DISTINCT row_number) FILTER (NOT whole) AS hit
        FROM kinds GROUP BY table_name, source_file, severity, code, column_name
        ORDER BY severity = 'warning', hit DESC, code, column_name, table_name, source_file,
            severity""",
    ):
        faults.setdefault((name, file), []).append(FileFault(*fault))
    judged = run(
        con,
        """SELECT table_name, source_file, coalesce(refused, 0), coalesce(duplicates, 0),
            coalesce(warned, 0)
        FROM (SELECT DISTINCT table_name, source_file FROM entries)
            LEFT JOIN judged USING (table_name, source_file)
        ORDER BY 3 DESC, 4 DESC, 5 DESC, source_file, table_name""",
    )
    made = []
    for name, file, refused, duplicates, warned in judged:
        own = faults[name, file]
        missing = tuple(sorted(f.column for f in own if f.code == "missing_column"))
        kept = tuple(f for f in own if f.code != "missing_column")
        made.append(FileFigures(file, name, refused, duplicates, warned, missing, kept))
    return tuple(made)
