"""Identities of the accepted rows replaced by pseudonyms, and the way back for the vault.

In: relation ``accepted_<table>``. Out: relation ``final_<table>`` with the whole contract, and rows
of ``known_identities`` (kind, pseudonym, original). Each identity is hashed once, however many rows
name it.
"""

from __future__ import annotations

from claims.complete import select
from claims.contracts import Column, Table, table
from claims.engine import Connection, run
from claims.mapping import SourceMapping, TableMapping
from claims.parsing import name, quote
from claims.pseudonyms import pads, pseudonym_sql

#: Kinds of identity that the vault leads back from a pseudonym.
_REMEMBERED = frozenset({"claim", "insured", "institution", "doctor", "employer", "inspector"})


def start_known(con: Connection) -> None:
    """Make the empty relation ``known_identities``."""
    run(con, "CREATE TEMP TABLE known_identities (kind TEXT, pseudonym TEXT, original TEXT)")


def conceal(con: Connection, mapping: TableMapping, source: SourceMapping, key: bytes) -> None:
    """Make relation ``final_<table>``: the whole contract, identities replaced, in key order."""
    contract = table(mapping.table)
    run(con, f"CREATE OR REPLACE TEMP TABLE whole AS {select(mapping, source)}")
    shown, joins = [], []
    for column in contract.columns.values():
        value = f"whole.{name(column.name)}"
        if column.identity:
            known = _known(con, contract, column, key)
            joins.append(f"LEFT JOIN {known} ON {known}.original = {value}")
            value = f"{known}.pseudonym"
        shown.append(f"{value} AS {name(column.name)}")
    run(
        con,
        f"CREATE OR REPLACE TEMP TABLE final_{contract.name} AS "
        f"SELECT {', '.join(shown)} FROM whole {' '.join(joins)} "
        f"ORDER BY {', '.join(contract.key)}",
    )


def _known(con: Connection, contract: Table, column: Column, key: bytes) -> str:
    """Make the relation of a column's originals and pseudonyms; return its name.

    The vault gets the kinds to which a list may have to be led back, each from where it is kept:
    claims from their own table, not from every line.
    """
    inner, outer = pads(key)
    known = name(f"known {column.name}")
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE {known} AS
        SELECT original, {pseudonym_sql(column.identity, "original")} AS pseudonym FROM
        (SELECT DISTINCT {name(column.name)} AS original FROM whole)
        WHERE original IS NOT NULL""",
        {"inner": inner, "outer": outer},
    )
    own = contract.name == "claims" or column.identity != "claim"
    if column.identity in _REMEMBERED and own:
        run(
            con,
            f"INSERT INTO known_identities SELECT {quote(column.identity)}, pseudonym, original "
            f"FROM {known}",
        )
    return known
