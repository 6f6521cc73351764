"""Texts that put a matrix together by joins, where no process holds all of its rows.

In: the features and rules that ran, and what features.spark has made of them: ``finished_<table>``,
``plain_<table>``, ``rule_hits``, ``profile_hits``, ``live_claims``. Out: texts whose rows are those
of ``Build.matrix``, in the order of their ids, with the columns of features.written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features import queries, stages
from features.catalogue import Feature, of
from features.peers import REGISTERS, parts_of
from features.rules import LEVELS, PROFILE_OF, Rule, rules
from features.written import BESIDE

_NAN = "CAST('NaN' AS DOUBLE)"


def joined_sql(entity: str, own: Mapping[str, Sequence[Feature]]) -> str:
    """Return the text of all atoms of an entity's profile, with what its register says.

    Args:
        own: definition file -> its features; whoever has a row in the entity's own file has one.
    """
    key = queries.PROFILE_KEYS[entity]
    chosen, joins = ["b.*"], []
    for table, features in own.items():
        if table != entity:
            chosen += [f'{table}."{f.name}:{n}"' for f in features for n in range(len(f.atoms))]
            joins.append(
                f"LEFT JOIN atoms_{table} {table} ON {table}.as_of_day = b.as_of_day "
                f"AND {table}.{key} = b.{key}"
            )
    chosen += [f"g.{part}" for part in parts_of(entity)]
    joins.append(f"LEFT JOIN ({REGISTERS[entity]}) g ON g.{key} = b.{key}")
    return f"SELECT {', '.join(chosen)} FROM atoms_{entity} b {' '.join(joins)}"


def profile_sql(table: str, features: Sequence[Feature], ran: Sequence[Rule]) -> str:
    """Return the text of finished profiles with the hits of the rules that judge their entity."""
    key = queries.PROFILE_KEYS[table]
    own = [rule for rule in ran if PROFILE_OF[rule.entity] == table]
    names = [f'p."{feature.name}"' for feature in features]
    hits = [f'{_hit("r", rule)} AS "{rule.column}"' for rule in own]
    columns = ", ".join([f"p.as_of_day, p.{key}", *names, *hits])
    if not own:
        return f"SELECT {columns} FROM plain_{table} p"
    return f"""SELECT {columns} FROM plain_{table} p
    LEFT JOIN (SELECT h.as_of_day, h.unit_id, {_pivot(own)} FROM profile_hits h
      GROUP BY h.as_of_day, h.unit_id) r
    ON r.as_of_day = p.as_of_day AND r.unit_id = p.{key}"""


def claims_sql(
    features: Sequence[Feature], ran: Sequence[Rule], profiles: Mapping[str, Sequence[str]]
) -> str:
    """Return the text of the matrix of claims; ``profiles`` names the columns of each profile."""
    columns = [
        "l.claim_id", "l.institution_id", "COALESCE(k.rule_kind, l.claim_type)", "l.known_us",
        "l.stake", "l.rule_hits",
    ]  # fmt: skip
    chosen = [f"{sql} AS {name}" for sql, name in zip(columns, BESIDE, strict=True)]
    joins = [f"LEFT JOIN ({_KINDS}) k ON k.claim_id = l.claim_id"]
    for table in queries.CLAIM_TABLES:
        if own := of(table, features):
            chosen += [f"{_known(f'f_{table}', feature.name)}" for feature in own]
            joins.append(f"JOIN finished_{table} f_{table} ON f_{table}.claim_id = l.claim_id")
    if ran:
        chosen += [f'{_hit("r", rule)} AS "{rule.column}"' for rule in ran]
        pivot = f"SELECT h.claim_id, {_pivot(ran)} FROM rule_hits h GROUP BY h.claim_id"
        joins.append(f"LEFT JOIN ({pivot}) r ON r.claim_id = l.claim_id")
    for table in queries.LOOKED_UP:
        if names := profiles[table]:
            chosen += [_known(f"p_{table}", name) for name in names]
            text = stages.looked_up_sql(table, names)
            joins.append(f"JOIN ({text}) p_{table} ON p_{table}.claim_id = l.claim_id")
    return f"SELECT {', '.join(chosen)} FROM live_claims l {' '.join(joins)} ORDER BY unit_id"


def units_sql(unit: str, day: int, known: int, names: Sequence[str]) -> str:
    """Return the text of a matrix of profiles as of the day number ``day``."""
    key = queries.PROFILE_KEYS[unit]
    beside = [f"u.{key}", "u.grouped", f"'{unit}'", "u.known_us", "u.stake", "u.rule_hits"]
    chosen = [f"{sql} AS {name}" for sql, name in zip(beside, BESIDE, strict=True)]
    chosen += [_known("p", name) for name in names]
    return f"""SELECT {", ".join(chosen)} FROM ({stages.units_sql(unit, day, known)}) u
    JOIN profile_{unit} p ON p.{key} = u.{key} AND p.as_of_day = {day} ORDER BY unit_id"""


def graveness_sql() -> str:
    """Return the text of ``graveness``: every rule and its place from grave to slight."""
    levels = list(LEVELS)
    ordered = sorted(rules(), key=lambda rule: (levels.index(rule.level), rule.id))
    return " UNION ALL ".join(
        f"SELECT '{rule.id}' AS rule_id, {place} AS place" for place, rule in enumerate(ordered)
    )


#: The gravest rule of each claim, as ``features.rules.finding_kind`` names it.
_KINDS = """
SELECT m.claim_id, g.rule_id AS rule_kind
FROM (SELECT h.claim_id, MIN(g.place) AS place FROM rule_hits h
  JOIN graveness g ON g.rule_id = h.rule_id GROUP BY h.claim_id) m
JOIN graveness g ON g.place = m.place
"""


def _pivot(ran: Sequence[Rule]) -> str:
    return ", ".join(
        f"SUM(h.hits) FILTER (WHERE h.rule_id = '{rule.id}') AS \"{rule.column}\"" for rule in ran
    )


def _hit(alias: str, rule: Rule) -> str:
    return f'CAST(COALESCE({alias}."{rule.column}", 0) AS DOUBLE)'


def _known(alias: str, name: str) -> str:
    """Return a column of features with NaN where nothing is known."""
    return f'COALESCE({alias}."{name}", {_NAN}) AS "{name}"'
