"""Texts that look at nothing but one unit's claims, run over a range of units at a time.

In: an engine with ``facts``, and a text over ``history`` that joins claims on the unit alone. Out:
what the text gives over all units at once. Memory holds the groups of one range: laid out over the
dates they are ten times as many rows as there are claims.
"""

from __future__ import annotations

import pyarrow as pa

from claims.engine import Connection, run

#: Claims in a range of units; a unit is never divided.
RANGE_CLAIMS = 500_000


def atoms_by_unit(con: Connection, text: str, key: str) -> pa.Table:
    """Return the rows of a text, made range by range; their order means nothing.

    Args:
        key: the column of the claims, and of the text's rows, that names the unit.
    """
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE unit_parts AS
        SELECT {key}, (sum(claims) OVER (ORDER BY {key}) - claims) // {RANGE_CLAIMS} AS part
        FROM (SELECT {key}, count(*) AS claims FROM facts
          WHERE {key} IS NOT NULL GROUP BY {key})""",
    )
    parts = [part for (part,) in run(con, "SELECT DISTINCT part FROM unit_parts ORDER BY part")]
    made = [_one(con, text, key, part) for part in parts or [0]]
    run(con, "CREATE OR REPLACE TEMP VIEW history AS SELECT * FROM facts")
    run(con, "DROP TABLE unit_parts")
    return pa.concat_tables(made)


def _one(con: Connection, text: str, key: str, part: int) -> pa.Table:
    """Return the rows of the text over the claims of one range."""
    run(
        con,
        f"""CREATE OR REPLACE TEMP VIEW history AS SELECT * FROM facts
        WHERE {key} IN (SELECT {key} FROM unit_parts WHERE part = {part})""",
    )
    return con.sql(f"SELECT * FROM ({text})").to_arrow_table()
