"""One test body, three engines: DuckDB in batch, SQLite online, Spark for a province.

Every feature and every rule of the catalogue, whoever wrote it, on every engine that runs it; every
cell is compared for equality. Two sources: a village with random rows in every raw table of the
contracts, so that each text meets nulls, ties and dates that touch; and a simulated county, on
which Spark runs the texts of claims only. What Spark leaves out must say why.
"""

from __future__ import annotations

import os
from datetime import date

import pytest

from features.build import build
from features.catalogue import TABLES, catalogue
from features.parameters import ParameterBook, ParameterSet
from features.profiles import compared
from features.rules import rules
from features.spark_limits import reason
from features.written import UNITS
from tests.features.engines import FEATURES, RELATIONS, RULES, Batch, Online, OnSpark
from tests.features.villages import make_village

# Java's gateway leaves a local socket to the garbage collector at every collected result.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
SOURCES = ("county", "village")
#: Spark takes two minutes for the county's claims; the proof at full size has both sources.
SPARK_SOURCES = int(os.environ.get("JIHE_PROOF_SPARK_SOURCES", "1"))
AS_OF = {"county": date(2024, 12, 1), "village": date(2024, 6, 1)}
CLAIM_RULES = [rule.id for rule in rules() if rule.grain == "claim"]
TEXTS = [
    *((kind, name) for kind, names in (
        ("relation", RELATIONS),
        ("atoms", [f.name for f in catalogue() if not compared(f)]),
        ("feature", [f.name for f in catalogue()]),
        ("rule", [rule.id for rule in rules()]),
        ("matrix", UNITS),
    ) for name in names),
]  # fmt: skip
#: Parameters in force in the village: rules of both grains run twice, each for its own districts.
BOOK = ParameterBook((
    ParameterSet("city", "a", None, None, {"EXCESS_DAYS_SUPPLY": {"allowance_days": 0},
                 "COST_OUTLIER": {"growth_percent": 1}}, {}),
))  # fmt: skip


# --- the engines ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def village_build(new_town, random_town):
    village = make_village(new_town, random_town)
    return build(village.store(*village.rows), AS_OF["village"], book=BOOK)


@pytest.fixture(scope="session")
def batches(simulated_build, village_build):
    return {"county": Batch(simulated_build), "village": Batch(village_build)}


@pytest.fixture(scope="session")
def others(batches, tmp_path_factory, request):
    """Return what gives another engine's results; each is made once, when first asked for."""
    made = {}

    def of(engine: str, source: str):
        if (engine, source) not in made:
            folder = tmp_path_factory.mktemp(f"{engine}-{source}")
            if engine == "spark":
                session = request.getfixturevalue("spark")
                made[engine, source] = OnSpark(batches[source].made, folder, session)
            else:
                made[engine, source] = Online(batches[source].made, folder)
        return made[engine, source]

    return of


# --- the test body ----------------------------------------------------------------------------


def runs_online(kind: str, name: str) -> bool:
    if kind == "rule":
        return RULES[name].grain == "claim"
    return kind == "feature" and TABLES[FEATURES[name].table] == "claim"


CASES = [("spark", *text) for text in TEXTS] + [
    ("sqlite", *text) for text in TEXTS if runs_online(*text)
]


def differing(expected, found):
    """Return a few cells that differ, with what each engine says."""
    if isinstance(expected, dict):
        keys = [k for k in {**expected, **found} if expected.get(k) != found.get(k)]
        return {key: (expected.get(key), found.get(key)) for key in sorted(keys, key=repr)[:3]}
    ours, theirs = set(map(repr, expected)), set(map(repr, found))
    return {"only DuckDB": sorted(ours - theirs)[:3], "only other": sorted(theirs - ours)[:3]}


def of_claims(kind: str, name: str) -> bool:
    """Tell whether a text is run on the county by Spark: relations, claims' atoms and rules."""
    if kind == "atoms":
        return FEATURES[name].entity == "claim"
    return kind == "relation" or (kind == "rule" and RULES[name].grain == "claim")


CASES = [
    (*case, source) for case in CASES for source in SOURCES
    if source == "village" or case[0] == "sqlite" or (SPARK_SOURCES > 1 and of_claims(*case[1:]))
]  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "kind", "name", "source"), CASES, ids=[" ".join(c) for c in CASES]
)
def test_every_cell(engine, kind, name, source, batches, others):
    batch, other = batches[source], others(engine, source)
    ran = {*(f.name for f in batch.made.features), *(r.id for r in batch.made.rules)}
    if kind in ("atoms", "feature", "rule") and name not in ran:
        missing = {n.name: n.missing for n in batch.made.not_run}
        assert missing[name]
        assert source == "county"  # the village has every table and column
        return
    left_out = kind in ("atoms", "feature", "rule") and reason({**FEATURES, **RULES}[name])
    if engine == "spark" and left_out:
        assert (name, (left_out,)) in {(one.name, one.missing) for one in other.made.not_run}
        return
    expected, found = batch.cells(kind, name), other.cells(kind, name)
    if engine == "sqlite" and kind == "rule":  # a cancelled claim is not scored again
        expected = [row for row in expected if row[0] in set(other.ids)]
    assert expected == found, (
        f"{kind} {name}: DuckDB and {engine} differ on the {source}: {differing(expected, found)}"
    )
