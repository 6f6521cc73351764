"""Texts that lead from one stage of a build to the next, the same on every engine of a batch.

In: relations of features.relations and what earlier stages made. Out: texts for
``queries.dialect``: facts with rule hits, the day whose profiles a claim looks up, medians of
comparable claims, and the rows of a matrix with all that stands beside its columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from features import queries
from features.rules import Rule

#: Insurance money in a claim: what the funds paid and what came from the personal account.
STAKE = "(f.fund_amount + COALESCE(f.account_amount, 0))"
#: Columns of a rule's hits by grain, and their types.
HIT_COLUMNS = {
    "claim": {"claim_id": "TEXT"},
    "profile": {"as_of_day": "BIGINT", "unit_id": "TEXT"},
}


def hits_sql(rule: Rule, text: str) -> str:
    """Return the text of one rule's hits, with the rule's name; ``text`` is one of its runs."""
    keys = ", ".join(f"r.{name}" for name in HIT_COLUMNS[rule.grain])
    return f"""SELECT '{rule.id}' AS rule_id, {keys}, CAST(r.hits AS BIGINT) AS hits,
    CAST(r.amount AS BIGINT) AS amount FROM ({text}) r"""


def facts_with_hits_sql() -> str:
    """Return the text of ``facts``: every claim with the number and amount of its rule hits."""
    return """
    SELECT f.*, COALESCE(r.hits, 0) AS rule_hits, COALESCE(r.amount, 0) AS rule_amount
    FROM plain_facts f LEFT JOIN (SELECT claim_id, COUNT(*) AS hits,
        CAST(SUM(amount) AS BIGINT) AS amount FROM rule_hits GROUP BY claim_id) r
    ON r.claim_id = f.claim_id
    """


def profile_days_sql() -> str:
    """Return the text that names the latest cut date not after each claim became known."""
    return """
    SELECT t.claim_id, d.as_of_day
    FROM facts t JOIN (
      SELECT a.as_of_day, a.as_of_us, MIN(b.as_of_us) AS until_us
      FROM cut_dates a LEFT JOIN cut_dates b ON b.as_of_us > a.as_of_us
      GROUP BY a.as_of_day, a.as_of_us
    ) d ON t.known_us >= d.as_of_us AND (d.until_us IS NULL OR t.known_us < d.until_us)
    """


def keyed_sql() -> str:
    """Return the text of ``keyed``: what is measured of each claim, by date, rung and key."""
    measures = ", ".join(f"{sql} AS {name}" for name, sql in queries.PEER_MEASURES.items())
    return " UNION ALL ".join(
        f"""SELECT d.as_of_day, '{rung}|' || {key} AS peer_key, {measures}
        FROM cut_dates d JOIN facts t ON t.known_us < d.as_of_us
          AND t.service_day >= d.as_of_day - {queries.HISTORY_DAYS}
          AND (t.reversed_us IS NULL OR t.reversed_us >= d.as_of_us)
        WHERE t.total_amount IS NOT NULL"""
        for rung, key in enumerate(queries.PEER_RUNGS)
    )


def peers_sql() -> str:
    """Return the text of ``peer_rows``: size, lower median and MAD by rung, key and date."""
    names = list(queries.PEER_MEASURES)
    ranks = [(f"{measure}_{name}", measure, share) for measure in queries.RANKED_MEASURES
             for name, share in queries.PEER_QUANTILES.items()]  # fmt: skip
    medians = ", ".join(
        f"COUNT({n}) AS {n}_n, quantile_disc({n}, 0.5) AS {n}_median" for n in names
    )
    medians += "".join(f", quantile_disc({n}, {share}) AS {rank}" for rank, n, share in ranks)
    spreads = ", ".join(f"quantile_disc(ABS(k.{n} - m.{n}_median), 0.5) AS {n}_mad" for n in names)
    picked = ", ".join(f"m.{n}_n, m.{n}_median, s.{n}_mad" for n in names)
    picked += "".join(f", m.{rank}" for rank, _, _ in ranks)
    return f"""
    WITH m AS (SELECT as_of_day, peer_key, {medians} FROM keyed GROUP BY as_of_day, peer_key),
    s AS (SELECT k.as_of_day, k.peer_key, {spreads} FROM keyed k
          JOIN m ON m.as_of_day = k.as_of_day AND m.peer_key = k.peer_key
          GROUP BY k.as_of_day, k.peer_key)
    SELECT m.as_of_day, m.peer_key, {picked} FROM m
    JOIN s ON s.as_of_day = m.as_of_day AND s.peer_key = m.peer_key
    """


def live_claims_sql(known: int) -> str:
    """Return the text of the claims that the matrix of claims describes."""
    return f"""SELECT f.claim_id, f.institution_id, f.known_us, {STAKE} AS stake, f.rule_hits,
    f.claim_type FROM facts f WHERE f.reversed_us IS NULL OR f.reversed_us >= {known}"""


def units_sql(unit: str, day: int, known: int) -> str:
    """Return the text of the units that a matrix of profiles describes."""
    key = queries.PROFILE_KEYS[unit]
    return f"""SELECT p.{key}, p.{key} AS grouped, {known} - 1 AS known_us,
    CAST(SUM({STAKE}) AS BIGINT) AS stake, CAST(SUM(f.rule_hits) AS BIGINT) AS rule_hits
    FROM profile_{unit} p JOIN facts f ON f.{key} = p.{key}
    WHERE p.as_of_day = {day} AND (f.reversed_us IS NULL OR f.reversed_us >= {known})
    GROUP BY p.{key}"""


def looked_up_sql(table: str, columns: Sequence[str]) -> str:
    """Return the text of a profile's columns as each claim of ``live_claims`` looks them up."""
    key = queries.PROFILE_KEYS[table]
    chosen = "".join(f', p."{name}"' for name in columns)
    return f"""SELECT l.claim_id{chosen} FROM live_claims l
    JOIN facts f ON f.claim_id = l.claim_id
    LEFT JOIN profile_days d ON d.claim_id = l.claim_id
    LEFT JOIN profile_{table} p ON p.as_of_day = d.as_of_day AND p.{key} = f.{key}"""
