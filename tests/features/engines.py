"""What each engine gives for a text: DuckDB in batch, SQLite online, Spark for a province."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from features import queries
from features.catalogue import TABLES, catalogue
from features.online import OnlineFeatures, claim_row
from features.profiles import part_texts
from features.published import write_features
from features.relations import BATCH_REFERENCES, REFERENCES
from features.rules import rules
from features.spark import _STEPS, build_on_spark
from features.spark_limits import reason
from features.written import read_matrix

RELATIONS = (
    "claim_rows", "line_rows", "diagnosis_rows", "procedure_rows", "trace_rows", *REFERENCES,
    *BATCH_REFERENCES, "facts", *queries.history_parts(), "exempt", "cut_dates", "profile_days",
    "peer_rows",
)  # fmt: skip
FEATURES = {feature.name: feature for feature in catalogue()}
RULES = {rule.id: rule for rule in rules()}
#: Columns of what Spark does not run, and why: features.spark_limits.
LEFT_OUT = {f.name: reason(f) for f in catalogue() if reason(f)}
LEFT_OUT |= {rule.column: reason(rule) for rule in rules() if reason(rule)}
#: Steps of the build on Spark that make what claims have: up to ``claim features``.
CLAIM_STEPS = 5


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
