"""What Spark does not run, by name and with the reason: it is reported as not run, never as zero.

In: the features and rules that a store's columns allow. Out: those that Spark runs too.
"""

from __future__ import annotations

from collections.abc import Mapping

from features.catalogue import Feature
from features.rules import Rule
from features.runnable import NotRun

#: The network's tables have no text: NumPy makes them from all claims in one process.
NETWORK = "network (made in one process; run --engine duckdb)"
#: Names of single features and rules -> why Spark does not run them.
NOT_ON_SPARK: Mapping[str, str] = {}


def reason(one: Feature | Rule) -> str:
    """Return why Spark does not run a feature or rule; empty where it does."""
    if isinstance(one, Rule):
        return NETWORK if "network_" in one.sql else NOT_ON_SPARK.get(one.id, "")
    return NETWORK if one.table.startswith("network_") else NOT_ON_SPARK.get(one.name, "")


def on_spark(
    features: tuple[Feature, ...], rules: tuple[Rule, ...], not_run: list[NotRun]
) -> tuple[tuple[Feature, ...], tuple[Rule, ...], list[NotRun]]:
    """Return what Spark runs, and what is not run with what it lacks."""
    left = [NotRun(f.name, "feature", (reason(f),)) for f in features if reason(f)]
    left += [NotRun(r.id, "rule", (reason(r),)) for r in rules if reason(r)]
    return (
        tuple(f for f in features if not reason(f)),
        tuple(r for r in rules if not reason(r)),
        [*not_run, *left],
    )
