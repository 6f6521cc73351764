"""One test body, three engines: DuckDB in batch, SQLite online, Spark for a province.

Every feature and every rule of the catalogue, whoever wrote it, on every engine that runs it; every
cell is compared for equality. Two sources: a village with random rows in every raw table of the
contracts, so that each text meets nulls, ties and dates that touch; and a simulated county, on
which Spark runs the texts of claims only. What Spark leaves out must say why.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from claims.contracts import tables
from features import queries
from features.build import build
from features.catalogue import TABLES, catalogue
from features.online import OnlineFeatures, claim_row
from features.parameters import ParameterBook, ParameterSet
from features.profiles import compared, part_texts
from features.published import write_features
from features.relations import BATCH_REFERENCES, REFERENCES
from features.rules import rules
from features.spark import _STEPS, build_on_spark
from features.spark_limits import reason
from features.written import UNITS, read_matrix

# Java's gateway leaves a local socket to the garbage collector at every collected result.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SOURCES = ("county", "village")
#: Spark takes two minutes for the county's claims; the proof at full size has both sources.
SPARK_SOURCES = int(os.environ.get("JIHE_PROOF_SPARK_SOURCES", "1"))
AS_OF = {"county": date(2024, 12, 1), "village": date(2024, 6, 1)}
RELATIONS = (
    "claim_rows", "line_rows", "diagnosis_rows", "procedure_rows", "trace_rows", *REFERENCES,
    *BATCH_REFERENCES, "facts", *queries.history_parts(), "exempt", "cut_dates", "profile_days",
    "peer_rows",
)  # fmt: skip
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
FEATURES = {feature.name: feature for feature in catalogue()}
RULES = {rule.id: rule for rule in rules()}
#: Columns of what Spark does not run, and why: features.spark_limits.
LEFT_OUT = {f.name: reason(f) for f in catalogue() if reason(f)}
LEFT_OUT |= {rule.column: reason(rule) for rule in rules() if reason(rule)}
#: Parameters in force in the village: rules of both grains run twice, each for its own districts.
BOOK = ParameterBook((
    ParameterSet("city", "a", None, None, {"EXCESS_DAYS_SUPPLY": {"allowance_days": 0},
                 "COST_OUTLIER": {"growth_percent": 1}}, {}),
))  # fmt: skip
#: Steps of the build on Spark that make what claims have: up to ``claim features``.
CLAIM_STEPS = 5
BEGAN = datetime(2024, 1, 31, 16, tzinfo=UTC)


POOLS = {
    "insured": [f"p{n}" for n in range(5)], "institutions": [f"o{n}" for n in range(3)],
    "doctors": ["d1", "d2"], "employers": ["e1", "e2"], "items": ["X1", "X2", "X3"],
}  # fmt: skip
CODES = {
    "diagnosis": ["J06.9", "J06", "I10", "N18.0", "Z51.1", "i10"], "item_code": POOLS["items"],
    "procedure": ["38.95", "38", "54.98"], "insured_id": POOLS["insured"],
    "institution_id": POOLS["institutions"], "doctor_id": POOLS["doctors"],
    "employer_id": POOLS["employers"], "anaesthetist_id": POOLS["doctors"],
    "level": ["2", "all"], "rule_id": list(RULES), "code": ["X1", "J06.9", "38.95", "I10"],
}  # fmt: skip


# --- a village with rows in every table -------------------------------------------------------


class Rows:
    """Random rows of any contract, whose ids, codes and days meet each other."""

    def __init__(self, seed: int, claims: list[str]) -> None:
        self.rng = np.random.default_rng(seed)
        self.claims = claims
        self.number = count(1)

    def pick(self, values):
        return values[int(self.rng.integers(0, len(values)))]

    def moment(self) -> datetime:
        minutes = int(self.rng.integers(0, 110 * 24)) * 60 + self.pick([0, 0, 480, 481])
        return BEGAN + timedelta(minutes=minutes)

    def value(self, table, column):
        if column.name == "valid_to":
            return self.pick([None, None, date(2024, 4, 1), date(2024, 9, 1)])
        if not column.required and self.rng.random() < 0.25:
            return None
        if column.values:
            return self.pick(list(column.values))
        return self.typed(table, column)

    def typed(self, table, column):
        if column.type == "timestamp":
            return self.moment()
        if column.type == "date":
            early = column.name.startswith(("valid", "joined", "birth"))
            day = self.moment().date()
            return day - timedelta(days=400) if early and self.rng.random() < 0.8 else day
        if column.type == "boolean":
            return bool(self.rng.integers(0, 2))
        if column.type in ("integer", "money", "number"):
            low = max(column.minimum or 0, 0)
            return low + int(self.pick([0, 1, 2, 5, 30, 480, 900, 1_000, 2_000]))
        return self.text(table, column)

    def text(self, table, column):
        if column.name == "claim_id":
            return self.pick(self.claims)
        if column.refers_to in POOLS:
            return self.pick(POOLS[column.refers_to])
        for part, values in CODES.items():
            if part in column.name:
                return self.pick(values)
        if table.key == (column.name,) or column.name in ("line_id", "trace_code"):
            return f"{column.name[0]}{next(self.number)}"
        return self.pick(["a", "b"])


def make_village(new_town, random_town, seed=1, claims=120):
    """Return a town whose every raw table has rows, and whose claims lack no column."""
    town = random_town(new_town, seed, claims)
    made = Rows(seed, [row["claim_id"] for row in town.rows["claims"]])
    for name, contract in tables().items():
        if contract.stage == "produced":
            continue
        rows = town.rows.setdefault(name, [])
        if name in ("claims", "claim_lines"):
            for row in rows:
                row.update({c.name: made.value(contract, c) for c in contract.columns.values()
                            if c.name not in row and not c.name.startswith("revers")})  # fmt: skip
            continue
        for _ in range(60 if name in ("trace_codes", "claim_diagnoses", "inventory") else 25):
            row = {c.name: made.value(contract, c) for c in contract.columns.values()}
            rows.append(row)
        keys = {tuple(row.get(k) for k in contract.key): row for row in reversed(rows)}
        town.rows[name] = list(keys.values())
    return town


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


def by_key(rows: pa.Table, keys: int, *columns: str):
    """Return the named columns' cells by the first ``keys`` columns; decimals become integers."""
    names = [*rows.column_names[:keys], *(columns or rows.column_names[keys:])]
    found = defaultdict(list)
    for cells in zip(*(whole(rows.column(name)).to_pylist() for name in names), strict=True):
        found[cells[:keys]].append(cells[keys:])
    return {key: sorted(cells, key=repr) for key, cells in found.items()}


def whole(column):
    return column.cast(pa.int64()) if pa.types.is_decimal(column.type) else column


def finished(names, ids, values, name):
    """Return one column of floats by id, as bytes: NaN equals NaN and 0.0 is not -0.0."""
    column = values[:, names.index(name)]
    return {one: cell.tobytes() for one, cell in zip(ids, column, strict=True)}


def keys_of(table: str) -> int:
    return 1 if table in queries.CLAIM_TABLES else 2


class Tables:
    """Results of a batch engine: whoever can read its tables can compare them."""

    def cells(self, kind, name):
        if kind == "relation":
            return self.relation(name)
        if kind == "matrix":
            return self.whole_matrix(name)
        if kind == "rule":
            hits = {"claim": "rule_hits", "profile": "profile_hits"}[RULES[name].grain]
            rows = self.read(hits)
            columns = ["rule_id", *(c for c in rows.column_names if c != "rule_id")]
            found = by_key(rows.select(columns), 1)
            return found.get((name,), [])
        feature = FEATURES[name]
        if kind == "atoms":
            columns = [f"{name}:{place}" for place in range(len(feature.atoms))]
            return by_key(self.read(f"atoms_{feature.table}"), keys_of(feature.table), *columns)
        if feature.entity == "claim":
            m = self.matrix("claim")
            return finished(m.names, m.unit_ids, m.values, name)
        rows = by_key(self.read(f"profile_{feature.entity}"), 2, name)
        return {key: np.float64(cells[0][0]).tobytes() for key, cells in rows.items()}

    def whole_matrix(self, unit):
        """Return all of a matrix but the columns that Spark leaves out on purpose."""
        m = self.matrix(unit)
        kept = [place for place, name in enumerate(m.names) if name not in LEFT_OUT]
        return {
            "names": [m.names[place] for place in kept], "ids": m.unit_ids.tolist(),
            "values": m.values[:, kept].tobytes(),
            "directions": [m.directions[place] for place in kept], "groups": m.groups.tolist(),
            "finding_kinds": m.finding_kinds.tolist(), "known_at": m.known_at.tolist(),
            "amounts": m.amounts.tolist(), "rule_hits": m.rule_hits.tolist(), "zone": m.zone,
            "versions": (m.catalogue_version, m.rules_version, m.as_of_date),
        }  # fmt: skip


class Batch(Tables):
    """DuckDB's build, in memory."""

    def __init__(self, made) -> None:
        self.made = made
        self.tables = {}
        self.matrices = {}

    def matrix(self, unit):
        if unit not in self.matrices:
            self.matrices[unit] = self.made.matrix(unit)
        return self.matrices[unit]

    def read(self, name):
        if name not in self.tables:
            self.tables[name] = self._read(name)
        return self.tables[name]

    def _read(self, name):
        table = name.removeprefix("atoms_")
        if name.startswith("atoms_") and TABLES[table] != "claim":
            made = [f for f in self.made.features if f.entity == TABLES[table]]
            last = int((self.made.as_of - date(1970, 1, 1)).days)
            text = part_texts(made, TABLES[table], last)[table]
            return self.made.con.sql(text).to_arrow_table()
        return self.made.con.sql(f"SELECT * FROM {name}").to_arrow_table()

    def relation(self, name):
        rows = self.read(name).to_pylist()
        plain = [{k: int(v) if hasattr(v, "as_tuple") else v for k, v in row.items()
                  if v is not None} for row in rows]  # fmt: skip
        return sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in plain)


class OnSpark(Tables):
    """The build on Spark, read back from what it has written."""

    def __init__(self, made, folder, session) -> None:
        self.folder = folder / "out"
        with pytest.MonkeyPatch.context() as patched:
            if len(made.store.read("claims")) > 1_000:
                patched.setattr("features.spark._STEPS", _STEPS[:CLAIM_STEPS])
            self.made = build_on_spark(made.store, made.as_of, self.folder, session, book=made.book)
        self.tables = {}
        one_job = " UNION ALL ".join(
            f"SELECT '{name}' AS name, to_json(struct(*)) AS body FROM {name}" for name in RELATIONS
        )
        self.relations = defaultdict(list)
        for name, body in self.made.session.sql(one_job).collect():
            self.relations[name].append(
                json.dumps(json.loads(body), sort_keys=True, ensure_ascii=False)
            )

    def relation(self, name):
        return sorted(self.relations[name])

    def matrix(self, unit):
        return read_matrix(self.folder, unit)

    def read(self, name):
        if name not in self.tables:
            kind, _, table = name.partition("_")
            place = {"atoms": f"atoms/{table}", "profile": f"profiles/{table}"}.get(kind, name)
            self.tables[name] = self._dataset(name if name.endswith("_hits") else place)
        return self.tables[name]

    def _dataset(self, place):
        return ds.dataset(self.folder / place, format="parquet", partitioning="hive").to_table()


class Online:
    """SQLite, one claim after the other, on the published file."""

    def __init__(self, made, folder) -> None:
        path = folder / "f.sqlite"
        names = made.matrix("claim").names
        write_features(made, path, names)
        online = OnlineFeatures(path)
        own = defaultdict(lambda: defaultdict(list))
        for name, columns in queries.OWN_ROWS.items():
            rows = made.con.sql(f"SELECT {', '.join(columns)} FROM {name} WHERE claim_id NOT NULL")
            for row in rows.to_arrow_table().to_pylist():
                own[row["claim_id"]][name].append(row)
        wanted = set(made.matrix("claim").unit_ids)
        claims = [c for c in made.store.read("claims").to_pylist() if c["claim_id"] in wanted]
        rows = {c["claim_id"]: online.row(claim_row(c, made.zone), **own[c["claim_id"]])
                for c in sorted(claims, key=lambda c: c["claim_id"])}  # fmt: skip
        online.close()
        self.names, self.ids = names, list(rows)
        self.values = np.array([row.values for row in rows.values()])
        self.hits = defaultdict(list)
        for claim_id, row in rows.items():
            for hit in row.hits:
                self.hits[hit.rule_id].append((claim_id, hit.hits, hit.amount))

    def cells(self, kind, name):
        if kind == "rule":
            return sorted(self.hits[name], key=repr)
        return finished(self.names, self.ids, self.values, name)


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
