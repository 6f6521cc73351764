"""What other parameters would change, before they are in force.

In: a build of facts and dates, and two parameter books. Out: per rule the claims (or units) that
are hit before and after among those that became known in the last days, with the amount at stake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from claims.engine import run
from claims.store import StoreVersion
from features.build import Build, build_facts
from features.clock import cut
from features.parameters import ParameterBook
from features.rules import Rule
from features.runnable import runnable

#: The last quarter, by which a change is judged.
QUARTER_DAYS = 92


@dataclass(frozen=True)
class Effect:
    """The hits of one rule before and after a change; amounts in minor units.

    Attributes:
        before, after: claims or units hit.
        gone, new: hit only before, only after.
        amount_before, amount_after: at stake.
    """

    rule_id: str
    entity: str
    before: int
    after: int
    gone: int
    new: int
    amount_before: int
    amount_after: int


def effects(
    store: StoreVersion, as_of: date, before: ParameterBook, after: ParameterBook,
    days: int = QUARTER_DAYS,
) -> list[Effect]:  # fmt: skip
    """Return the effect of a change on every rule that it touches, in the order of rules.

    Claims count that became known in the ``days`` before ``as_of``; units of profile rules as of
    that day.

    Raises:
        BuildError: no claim was known before the date.
    """
    made = build_facts(store, as_of)
    since = cut(as_of - timedelta(days=days), made.zone)
    touched = [rule for rule in made.rules if before.runs(rule) != after.runs(rule)]
    return [_effect(made, rule, before, after, since) for rule in touched]


def not_run_of(
    store: StoreVersion, as_of: date, rule_ids: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the rules among ``rule_ids`` that cannot run, with the columns that they lack."""
    wanted = set(rule_ids)
    return {n.name: n.missing for n in runnable(store, as_of)[2] if n.name in wanted}


def _effect(
    made: Build, rule: Rule, before: ParameterBook, after: ParameterBook, since: int
) -> Effect:
    for name, book in (("hits_before", before), ("hits_after", after)):
        run(made.con, f"CREATE OR REPLACE TEMP TABLE {name} (unit_id TEXT, amount BIGINT)")
        for one in book.runs(rule):
            text = _counted(rule, one.text, since)
            run(made.con, f"INSERT INTO {name} {text}", one.used(text))
    ((*found,),) = run(
        made.con,
        """SELECT count(b.unit_id), count(a.unit_id),
          count(*) FILTER (WHERE a.unit_id IS NULL), count(*) FILTER (WHERE b.unit_id IS NULL),
          CAST(COALESCE(sum(b.amount), 0) AS BIGINT), CAST(COALESCE(sum(a.amount), 0) AS BIGINT)
        FROM hits_before b FULL JOIN hits_after a ON a.unit_id = b.unit_id""",
    )
    return Effect(rule.id, rule.entity, *found)


def _counted(rule: Rule, text: str, since: int) -> str:
    """Return the text of the hits that count: recent claims, or profiles as of the date."""
    if rule.grain == "claim":
        return f"""SELECT x.claim_id, x.amount FROM ({text}) x
        JOIN target c ON c.claim_id = x.claim_id WHERE c.known_us >= {since}"""
    return f"""SELECT x.unit_id, x.amount FROM ({text}) x
    WHERE x.as_of_day = (SELECT max(as_of_day) FROM cut_dates)"""
