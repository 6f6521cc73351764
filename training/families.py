"""Which columns of a matrix say one thing, and what a rule's hit weighs before any verdict.

In: the names of a matrix's columns and its unit. Out: of each column its family and its hit weight.

A feature about the unit itself belongs to the family of its reason (features.catalogue): the reason
is what a person is told, so one family gives one reason. Profiles of others that a claim looks up,
such as its institution's, have no family: they are the same for every claim of the institution, say
little about which of them is odd, and are many. Rules weigh by their level. A column that neither
catalogue nor rules know is a family of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.catalogue import catalogue
from features.rules import PROFILE_OF, Rule, rules


def families(names: Sequence[str], unit: str) -> list[str]:
    """Return the family of each column; "" for what describes something other than the unit."""
    entity = {f.name: f.entity for f in catalogue()}
    reason = {f.name: f.reason for f in catalogue()}
    judged = {rule.column for rule in rules()}
    found = []
    for name in names:
        if name in judged:
            found.append("")
        elif name in entity:
            found.append(reason[name] if entity[name] == unit else "")
        else:
            found.append(name)
    return found


def hit_weights(names: Sequence[str], unit: str, of_level: Mapping[str, float]) -> list[float]:
    """Return the weight of a hit in each column; 0 where it is no rule that judges the unit."""
    known = {rule.column: rule for rule in rules() if _judged(rule) == unit}
    return [float(of_level[known[name].level]) if name in known else 0.0 for name in names]


def _judged(rule: Rule) -> str:
    return "claim" if rule.grain == "claim" else PROFILE_OF[rule.entity]
