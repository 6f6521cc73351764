"""Texts that look at nothing but one person's claims, run over a range of persons at a time.

In: an engine with ``facts``, and texts over ``target`` and ``history`` that join them on the person
alone. Out: what each text gives over all persons at once. The claims are copied with only the
columns that the texts name, in the order of persons, ids as numbers (equal ids get equal numbers,
whichever column they stand in where two are compared); so memory holds one range, and joins and
distinct counts run over numbers instead of text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlglot
from sqlglot import exp

from claims.engine import Connection, count, run

#: Claims in a range of persons: what a self-join of them holds stays below about a gigabyte.
RANGE_CLAIMS = 250_000
#: Relation of numbers -> the columns that share it.
_NUMBERED = {
    "person_numbers": ("insured_id",),
    "visit_numbers": ("claim_id", "stay_id"),
    "institution_numbers": ("institution_id",),
    "doctor_numbers": ("doctor_id",),
}


def make_narrow(con: Connection, texts: Sequence[str]) -> None:
    """Make ``narrow``, the claims with the columns that any of the texts names, by person."""
    named = {c.name for text in texts for c in _columns(text)}
    chosen, joins = ["f.claim_id AS claim_text"], []
    for numbers, columns in _NUMBERED.items():
        used = [c for c in columns if c in named or c in ("claim_id", "insured_id")]
        if not used:
            continue
        ids = " UNION ".join(
            f"SELECT DISTINCT {c} AS id FROM facts WHERE {c} IS NOT NULL" for c in used
        )
        run(
            con,
            f"CREATE OR REPLACE TEMP TABLE {numbers} AS SELECT id, row_number() OVER "
            f"({'ORDER BY id' if numbers == 'person_numbers' else ''}) AS number FROM ({ids})",
        )
        for column in used:
            chosen.append(f"n_{column}.number AS {column}")
            joins.append(f"LEFT JOIN {numbers} n_{column} ON n_{column}.id = f.{column}")
    have = [name for name, *_ in run(con, "DESCRIBE facts")]
    ids_ = {column for columns in _NUMBERED.values() for column in columns}
    chosen += [f"f.{name}" for name in have if name in named and name not in ids_]
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE narrow AS SELECT {", ".join(chosen)}
        FROM facts f {" ".join(joins)} ORDER BY n_insured_id.number""",
    )
    for numbers in _NUMBERED:
        if numbers != "person_numbers":
            run(con, f"DROP TABLE IF EXISTS {numbers}")


def _columns(text: str) -> Iterator[exp.Column]:
    return sqlglot.parse_one(text, read="duckdb").find_all(exp.Column)


def make_by_person(con: Connection, made: str, text: str, key: str) -> None:
    """Make the table ``made`` from a text, range by range.

    Args:
        key: the column of the text that names a row: ``claim_id`` or ``insured_id``, which is put
            back as the text that it was.
    """
    named = {
        "claim_id": "(SELECT claim_id AS number, claim_text AS id FROM target)",
        "insured_id": "person_numbers",
    }[key]
    begin = f"CREATE OR REPLACE TEMP TABLE {made} AS"
    for low, high in _ranges(con):
        with _only(con, low, high):
            run(
                con,
                f"""{begin} SELECT n.id AS {key}, a.* EXCLUDE ({key})
                FROM ({text}) a JOIN {named} n ON n.number = a.{key}""",
            )
        begin = f"INSERT INTO {made}"


def _ranges(con: Connection) -> list[tuple[int, int]]:
    """Return half-open ranges of persons with about as many claims each; one where none are."""
    claims, persons = count(con, "narrow"), count(con, "person_numbers")
    parts = max(1, -(-claims // RANGE_CLAIMS))
    edges = [1 + persons * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


@contextmanager
def _only(con: Connection, low: int, high: int) -> Iterator[None]:
    """Let ``target`` and ``history`` be the claims of a range of persons."""
    for name in ("target", "history"):
        run(
            con,
            f"""CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM narrow
            WHERE insured_id >= {low} AND insured_id < {high}""",
        )
    try:
        yield
    finally:
        for name in ("target", "history"):
            run(con, f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM facts")
