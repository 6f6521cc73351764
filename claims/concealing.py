"""Identities replaced by pseudonyms, block by block, and the way back for the vault.

In: relation ``sound`` (typed rows without an error). Out: Arrow rows of the whole contract, and the
pairs of pseudonym and original. Within a block each identity is hashed once, however many rows name
it; a table's own key is hashed row by row, because no two rows share it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.complete import select
from claims.contracts import Column, Table, table
from claims.engine import Connection, run
from claims.mapping import SourceMapping, TableMapping
from claims.months import MONTH, dated_by, month_sql
from claims.parsing import name, quote
from claims.pseudonyms import pads, pseudonym_sql
from claims.quarantine import CONTENT
from claims.raw import PLACE

#: Kinds of identity that the vault leads back from a pseudonym.
_REMEMBERED = frozenset({"claim", "insured", "institution", "doctor", "employer", "inspector"})

#: Columns of a part's rows beside the contract's own.
ORIGINAL, DIGEST = "key_original", "content_digest"


def start_known(con: Connection) -> None:
    """Make the empty relation ``known_identities``."""
    run(
        con,
        "CREATE OR REPLACE TEMP TABLE known_identities (kind TEXT, pseudonym TEXT, original TEXT)",
    )


def conceal(con: Connection, mapping: TableMapping, source: SourceMapping, key: bytes) -> pa.Table:
    """Return the rows of ``sound``: the contract, row number, file, digest, month, key's original.

    The original of the table's own key is for the vault and must not reach the store.
    """
    contract = table(mapping.table)
    inner, outer = pads(key)
    values = select(mapping, source)
    shown, joins, hashed = [], [], False
    for column in contract.columns.values():
        value = values[column.name]
        if column.identity and column.name in mapping.columns:
            if contract.key == (column.name,):
                value, hashed = pseudonym_sql(column.identity, name(column.name)), True
            else:
                known = _known(con, contract, column, key)
                joins.append(f"LEFT JOIN {known} ON {known}.original = sound.{name(column.name)}")
                value = f"{known}.pseudonym"
        shown.append(f"{value} AS {name(column.name)}")
    month = month_sql(contract.name, source.time_zone, values.get(dated_by(contract.name), ""))
    original = name(contract.key[0]) if hashed and remembers(contract) else "CAST(NULL AS TEXT)"
    shown += [
        "sound.row_number", f"sound.{PLACE}", "sound.source_file", f"sound.{CONTENT} AS {DIGEST}",
        f"{month} AS {MONTH}", f"{original} AS {ORIGINAL}",
    ]  # fmt: skip
    found = con.sql(
        f"SELECT {', '.join(shown)} FROM sound {' '.join(joins)}",
        params={"inner": inner, "outer": outer} if hashed else None,
    )
    return found.to_arrow_table()


def remembers(contract: Table) -> str:
    """Return the kind of identity of a table's own key if the vault keeps it, else nothing."""
    if len(contract.key) > 1:
        return ""
    kind = contract.columns[contract.key[0]].identity
    return kind if kind in _REMEMBERED else ""


def key_pairs(made: pa.Table, kind: str, key: str) -> pa.Table:
    """Return kind, pseudonym and original of the rows' own keys."""
    kinds = pa.array([kind]).take(pa.array(np.zeros(made.num_rows, np.int32)))
    return pa.table({"kind": kinds, "pseudonym": made[key], "original": made[ORIGINAL]})


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
        (SELECT DISTINCT {name(column.name)} AS original FROM sound)
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
