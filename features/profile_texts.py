"""The portable texts of every profile: one per definition file.

In: features. Out: for each definition file of an entity the text that gives, per as-of day and
unit, the atoms of its features. The entity's own file runs over its claims (``features.queries``);
the others over a relation that is made from them first (``features.concentration``,
``features.sequences``, ``features.people_queries``). They run on DuckDB and, written in its
dialect, on Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from features.catalogue import TABLES, Feature, of
from features.concentration import person_groups, place_groups
from features.people_queries import contributions, working_days
from features.queries import PROFILE_KEYS, atoms_list, profile_sql
from features.sequences import admissions, case_mix, meetings, wards

#: Definition file -> the name of its relation in atoms, and the relation's text.
RELATIONS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "concentration": ("g", place_groups),
    "admission": ("a", admissions),
    "ward": ("w", wards),
    "case_mix": ("c", case_mix),
    "habit": ("g", person_groups),
    "meeting": ("m", meetings),
    "doctor_day": ("w", working_days),
    "contribution": ("c", contributions),
    "network_insured": ("n", lambda: "SELECT * FROM network_insured"),
    "network_institution": ("n", lambda: "SELECT * FROM network_institution"),
    "network_doctor": ("n", lambda: "SELECT * FROM network_doctor"),
}
#: The day by which windows are cut, where it is not that of the service.
_DAYS = {"contribution": "month_day"}


def profile_texts(features: Sequence[Feature], entity: str) -> dict[str, str]:
    """Return the text of each definition file of an entity that has features, its own first."""
    tables = [t for t in TABLES if t != entity and TABLES[t] == entity and of(t, features)]
    texts = {entity: profile_sql(of(entity, features), entity)}
    return texts | {table: _over(table, of(table, features), entity) for table in tables}


def _over(table: str, features: Sequence[Feature], entity: str) -> str:
    alias, relation = RELATIONS[table]
    key = PROFILE_KEYS[entity]
    day = _DAYS.get(table, "service_day")
    inside = f"{alias}.{day} >= {alias}.as_of_day - {{days}}"
    return f"""
    SELECT {alias}.as_of_day, {alias}.{key}, {atoms_list(features, inside)}
    FROM ({relation()}) {alias}
    GROUP BY {alias}.as_of_day, {alias}.{key}
    """


def all_texts(features: Sequence[Feature]) -> list[str]:
    """Return every profile text: what the version of the features covers."""
    plain = [f for f in features if not f.finish.startswith("peer")]
    return [text for e in PROFILE_KEYS for text in profile_texts(plain, e).values()]
