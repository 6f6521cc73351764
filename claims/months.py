"""Partitions of the large tables: which month a row belongs to, and how its folder is called.

Claims lie by the local month in which the fund knew them, lines by the month they were charged in;
every other table is one file. Months are numbered from year 0, so that they sort and fit a file's
statistics.
"""

from __future__ import annotations

from claims.contracts import table
from claims.parsing import quote

#: Table -> name of the partition in its folders, and the column whose month it is.
PARTITIONS = {"claims": ("known_month", "known_at"), "claim_lines": ("line_month", "line_date")}
#: The column beside the contract's own that holds a row's month.
MONTH = "month_number"


def dated_by(table_name: str) -> str:
    """Return the column whose month places a row, empty where the table is not partitioned."""
    return PARTITIONS.get(table_name, ("", ""))[1]


def month_sql(table_name: str, zone: str, column: str = "") -> str:
    """Return the SQL of a row's month number, 0 where the table is not partitioned.

    Args:
        table_name: the table.
        zone: IANA name of the time zone in which a moment's month is counted.
        column: SQL of the value whose month it is, if not the column itself.
    """
    by = dated_by(table_name)
    if not by:
        return "CAST(0 AS INTEGER)"
    value = column or by
    if table(table_name).columns[by].type == "timestamp":
        value = f"timezone({quote(zone)}, {value})"
    return f"CAST(coalesce(year({value}) * 12 + month({value}) - 1, 0) AS INTEGER)"


def month_path(table_name: str, month: int) -> str:
    """Return a partition's file below the version's folder, in the layout other engines read."""
    if table_name not in PARTITIONS:
        return f"{table_name}.parquet"
    name, _ = PARTITIONS[table_name]
    return f"{table_name}/{name}={month // 12:04d}-{month % 12 + 1:02d}/part-0.parquet"
