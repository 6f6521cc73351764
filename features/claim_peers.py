"""Comparable claims as of each date: how many, and the median and spread of what they cost.

In: an engine with ``facts`` and ``cut_dates``. Out: ``peer_rows``, a row per date and key of the
peer ladder (``queries.PEER_RUNGS``) with size, median and median absolute deviation (MAD) of each
measure, and the quantiles of those that are ranked. All are exact: lower quantiles of integers, day
by day, so that memory holds the claims of one date at a time. Keys are numbered first, because
grouping by numbers is several times faster
than by text.
"""

from __future__ import annotations

from claims.engine import Connection, run
from features import queries


def make_peers(con: Connection) -> None:
    """Make ``peer_rows`` from the claims known, live and recent at each cut date."""
    _number_keys(con)
    names = list(queries.PEER_MEASURES)
    columns = ", ".join(f"{n}_n BIGINT, {n}_median BIGINT, {n}_mad BIGINT" for n in names)
    columns += "".join(f", {name} BIGINT" for name, _, _ in _quantiles())
    run(con, f"CREATE OR REPLACE TEMP TABLE peer_rows (as_of_day BIGINT, peer_key TEXT, {columns})")
    for day, known in run(con, "SELECT as_of_day, as_of_us FROM cut_dates ORDER BY as_of_day"):
        run(
            con,
            f"""CREATE OR REPLACE TEMP TABLE comparable AS SELECT * FROM peer_facts
            WHERE known_us < {known} AND service_day >= {day - queries.HISTORY_DAYS}
              AND (reversed_us IS NULL OR reversed_us >= {known})""",
        )
        for rung in range(len(queries.PEER_RUNGS)):
            run(con, f"INSERT INTO peer_rows {_compared_sql(day, rung)}")
    for table in ("comparable", "peer_facts", *map(_keys, range(len(queries.PEER_RUNGS)))):
        run(con, f"DROP TABLE {table}")


def _keys(rung: int) -> str:
    return f"peer_keys_{rung}"


def _number_keys(con: Connection) -> None:
    """Make ``peer_facts``: the measures of each claim, and the number of its key on each rung."""
    numbers, joins = [], []
    for rung, key in enumerate(queries.PEER_RUNGS):
        run(
            con,
            f"""CREATE OR REPLACE TEMP TABLE {_keys(rung)} AS
            SELECT peer_key, CAST(row_number() OVER (ORDER BY peer_key) AS INTEGER) AS number
            FROM (SELECT DISTINCT {key} AS peer_key FROM facts t) WHERE peer_key IS NOT NULL""",
        )
        numbers.append(f"k{rung}.number AS key_{rung}")
        joins.append(f"LEFT JOIN {_keys(rung)} k{rung} ON k{rung}.peer_key = {key}")
    measures = ", ".join(f"{sql} AS {name}" for name, sql in queries.PEER_MEASURES.items())
    run(
        con,
        f"""CREATE OR REPLACE TEMP TABLE peer_facts AS
        SELECT t.known_us, t.service_day, t.reversed_us, {", ".join(numbers)}, {measures}
        FROM facts t {" ".join(joins)} WHERE t.total_amount IS NOT NULL""",
    )


def _quantiles() -> list[tuple[str, str, str]]:
    """Return column, measure and share of the quantiles beside the median."""
    return [
        (f"{measure}_{name}", measure, share)
        for measure in queries.RANKED_MEASURES
        for name, share in queries.PEER_QUANTILES.items()
    ]


def _compared_sql(day: int, rung: int) -> str:
    """Return the text of one date's sizes, medians and spreads on one rung of the ladder."""
    names = list(queries.PEER_MEASURES)
    medians = ", ".join(
        f"count({n}) AS {n}_n, quantile_disc({n}, 0.5) AS {n}_median" for n in names
    )
    medians += "".join(f", quantile_disc({m}, {share}) AS {n}" for n, m, share in _quantiles())
    spreads = ", ".join(f"quantile_disc(abs(k.{n} - m.{n}_median), 0.5) AS {n}_mad" for n in names)
    picked = ", ".join(f"m.{n}_n, m.{n}_median, s.{n}_mad" for n in names)
    picked += "".join(f", m.{name}" for name, _, _ in _quantiles())
    key = f"key_{rung}"
    return f"""
    WITH m AS (SELECT {key}, {medians} FROM comparable WHERE {key} IS NOT NULL GROUP BY {key}),
    s AS (SELECT m.{key}, {spreads} FROM comparable k JOIN m ON m.{key} = k.{key} GROUP BY m.{key})
    SELECT {day}, '{rung}|' || n.peer_key, {picked}
    FROM m JOIN s ON s.{key} = m.{key} JOIN {_keys(rung)} n ON n.number = m.{key}
    """
