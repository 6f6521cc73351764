"""Batch: from a store version to profiles and matrices as of a date.

In: a store version and a date. Out: ``Build``, whose tables live in an in-process engine and from
which the matrix of each unit is drawn. What cannot run for want of a column is listed with the
column's name; it is left out of the matrix, never filled with zeros.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.engine import Connection, open_engine, run
from claims.store import StoreVersion
from features import queries, stages
from features.catalogue import Feature, catalogue_version, of
from features.claim_peers import make_peers
from features.claim_slices import make_by_slice
from features.clock import cut, day_number, local, month_starts
from features.exemptions import exempt_sql
from features.matrix import Matrix
from features.network.tables import make_network
from features.parameters import ParameterBook
from features.person_ranges import make_by_person, make_narrow
from features.profiles import finish, floats, insured_text, make_profile
from features.relations import make_relations
from features.rules import PROFILE_OF, Rule, finding_kind
from features.runnable import NotRun, runnable

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Progress = Callable[[str, float], None]


class BuildError(ValueError):
    """Nothing can be computed as of the date."""


@dataclass
class Build:
    """Everything that was computed about a store version as of a date."""

    store: StoreVersion
    as_of: date
    con: Connection
    features: tuple[Feature, ...]
    rules: tuple[Rule, ...]
    not_run: list[NotRun]
    book: ParameterBook = field(default_factory=ParameterBook)
    profile_dates: list[date] = field(default_factory=list)

    @property
    def zone(self) -> str:
        """IANA name of the source's time zone."""
        return str(self.store.meta["time_zone"])

    def rules_of(self, grain: str) -> tuple[Rule, ...]:
        """Return the rules that run and judge claims, or profiles."""
        return tuple(rule for rule in self.rules if rule.grain == grain)

    def matrix(self, unit: str) -> Matrix:
        """Return the matrix of a unit: claim, insured, institution or doctor."""
        if unit == "claim":
            return _claim_matrix(self, _live_claims(self))
        return _profile_matrix(self, unit)

    def matrix_chunks(self, unit: str, rows: int = 250_000) -> Iterator[Matrix]:
        """Yield the matrix in chunks of so many rows, in the order of ``unit_id``.

        Put one below the other they are ``matrix(unit)``; only claims are many enough to be cut.
        """
        if unit != "claim":
            yield _profile_matrix(self, unit)
            return
        ids = _live_claims(self)
        if ids.num_rows > rows:
            _put_in_order(self)
        for start in range(0, max(ids.num_rows, 1), rows):
            yield _claim_matrix(self, ids.slice(start, rows))


def build(
    store: StoreVersion,
    as_of: date,
    progress: Progress | None = None,
    book: ParameterBook | None = None,
    memory_limit: str | None = None,
) -> Build:
    """Compute facts, rule hits, history, peers and profiles as of a date.

    Args:
        book: the rules' parameters in force; without one the rules' own defaults hold.
        memory_limit: what the engine may hold in memory, such as ``4GB``; what does not fit lies in
            a folder that goes with the build. Without it JIHE_MEMORY_LIMIT holds, else 6 GB. The
            limit changes no value.

    Raises:
        BuildError: no claim was known before the date.
    """
    return _made(store, as_of, _STEPS, progress, book, memory_limit)


def build_rules(store: StoreVersion, as_of: date) -> Build:
    """Compute facts and rule hits of claims and profiles only; the build has no matrix.

    Raises:
        BuildError: no claim was known before the date.
    """
    return _made(store, as_of, _STEPS[:5])


def build_facts(store: StoreVersion, as_of: date) -> Build:
    """Compute what rules run over: facts and cut dates; no rule is run."""
    return _made(store, as_of, [_FACTS, _DATES])


def _made(
    store: StoreVersion,
    as_of: date,
    steps: Sequence[tuple[str, Callable[[Build], None]]],
    progress: Progress | None = None,
    book: ParameterBook | None = None,
    memory_limit: str | None = None,
) -> Build:
    features, kept, not_run = runnable(store, as_of)
    limit = memory_limit or os.environ.get("JIHE_MEMORY_LIMIT", "6GB")
    spill = Path(tempfile.mkdtemp(prefix="jihe-features-"))
    engine = open_engine(limit, spill)
    made = Build(store, as_of, engine, features, kept, not_run, book or ParameterBook())
    weakref.finalize(made, shutil.rmtree, spill, ignore_errors=True)
    for place, (name, step) in enumerate(steps):
        if progress:
            progress(name, place / len(steps))
        step(made)
    if progress:
        progress("features", 1.0)
    return made


def _make_facts(made: Build) -> None:
    make_relations(made.con, made.store, made.as_of)
    run(made.con, f"CREATE OR REPLACE TEMP TABLE plain_facts AS {queries.facts_sql()}")
    for name, text in queries.history_parts().items():
        run(made.con, f"CREATE OR REPLACE TEMP TABLE {name} AS {text}")
    for name in ("target", "history"):
        run(made.con, f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM plain_facts")
    run(made.con, f"CREATE OR REPLACE TEMP TABLE exempt AS {exempt_sql()}")


def _run_rules(made: Build) -> None:
    con = made.con
    run(
        con, "CREATE TEMP TABLE rule_hits (rule_id TEXT, claim_id TEXT, hits BIGINT, amount BIGINT)"
    )
    _insert_hits(made, "claim", "rule_hits")
    run(con, f"CREATE OR REPLACE TEMP TABLE facts AS {stages.facts_with_hits_sql()}")
    for name in ("target", "history"):
        run(con, f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM facts")
    run(con, "DROP TABLE plain_facts")


def _make_dates(made: Build) -> None:
    first = run(made.con, "SELECT min(known_us) FROM target")[0][0]
    if first is None:
        raise BuildError(
            f"No claim was known before {made.as_of}: nothing can be computed as of that day. "
            "Choose a later --as-of."
        )
    made.profile_dates = month_starts(local(first, made.zone).date(), made.as_of)
    rows = [(day_number(d), cut(d, made.zone)) for d in made.profile_dates]
    made.con.register(
        "cut_dates", pa.table({"as_of_day": [r[0] for r in rows], "as_of_us": [r[1] for r in rows]})
    )
    run(
        made.con,
        """CREATE OR REPLACE TEMP TABLE profile_days AS
        SELECT t.claim_id, d.as_of_day
        FROM target t ASOF JOIN cut_dates d ON d.as_of_us <= t.known_us""",
    )


def _make_peers(made: Build) -> None:
    make_peers(made.con)


def _make_claim_tables(made: Build) -> None:
    texts = queries.claim_texts(made.features)
    by_person = {**texts, "insured": insured_text(made.features, day_number(made.as_of))}
    make_narrow(made.con, [by_person[name] for name in ("history", "insured") if name in by_person])
    for table, text in texts.items():
        if table == "history":
            make_by_person(made.con, "atoms_history", text, "claim_id")
        else:
            make_by_slice(made.con, f"atoms_{table}", text)


def _make_network(made: Build) -> None:
    make_network(made.con, insured_from=day_number(made.as_of))


def _make_profiles(made: Build) -> None:
    last = day_number(made.as_of)
    for table in queries.PROFILE_KEYS:
        described = tuple(f for f in made.features if f.entity == table)
        profile = make_profile(made.con, described, table, last)
        made.con.register(f"profile_{table}", _with_rules(made, profile, table))


def _run_profile_rules(made: Build) -> None:
    run(
        made.con,
        "CREATE OR REPLACE TEMP TABLE profile_hits "
        "(rule_id TEXT, as_of_day BIGINT, unit_id TEXT, hits BIGINT, amount BIGINT)",
    )
    _insert_hits(made, "profile", "profile_hits")


def _insert_hits(made: Build, grain: str, table: str) -> None:
    for rule in made.rules_of(grain):
        for one in made.book.runs(rule):
            text = f"INSERT INTO {table} {stages.hits_sql(rule, one.text)}"
            run(made.con, text, one.used(text))


def _with_rules(made: Build, profile: pa.Table, table: str) -> pa.Table:
    """Return the profile with a column of hits for each rule that judges its entity."""
    key = queries.PROFILE_KEYS[table]
    made.con.register("plain_profile", profile)
    for rule in made.rules_of("profile"):
        if PROFILE_OF[rule.entity] != table:
            continue
        hits = made.con.sql(
            f"""SELECT COALESCE(r.hits, 0) AS hits FROM plain_profile p
            LEFT JOIN profile_hits r ON r.as_of_day = p.as_of_day AND r.unit_id = p.{key}
              AND r.rule_id = '{rule.id}' ORDER BY p.as_of_day, p.{key}"""
        ).to_arrow_table()
        profile = profile.append_column(rule.column, pa.array(floats(hits, "hits")))
    return profile


_FACTS, _DATES = ("claims", _make_facts), ("dates", _make_dates)
_STEPS: Sequence[tuple[str, Callable[[Build], None]]] = (
    _FACTS,
    ("rules", _run_rules),
    _DATES,
    ("network", _make_network),
    ("profile rules", _run_profile_rules),
    ("peers", _make_peers),
    ("claim features", _make_claim_tables),
    ("profiles", _make_profiles),
)


def _live_claims(made: Build) -> pa.Table:
    """Return the claims to score, in the byte order of their ids."""
    live = stages.live_claims_sql(cut(made.as_of, made.zone))
    return made.con.sql(f"{live} ORDER BY claim_id").to_arrow_table()


def _put_in_order(made: Build) -> None:
    """Lay out what describes claims in the order of their ids, so that a chunk reads its part."""
    for table in queries.CLAIM_TABLES:
        if of(table, made.features):
            text = f"SELECT * FROM atoms_{table} ORDER BY claim_id"
            run(made.con, f"CREATE OR REPLACE TEMP TABLE atoms_{table} AS {text}")


def _claim_matrix(made: Build, ids: pa.Table) -> Matrix:
    """Return the matrix of some of the live claims."""
    made.con.register("live_claims", ids.select(["claim_id"]))
    held = {
        table: made.con.sql(f"SELECT * FROM profile_{table}").columns[2:]
        for table in queries.LOOKED_UP
    }
    names = [f.name for table in queries.CLAIM_TABLES for f in of(table, made.features)]
    names += [rule.column for rule in made.rules_of("claim")]
    names += [name for table in queries.LOOKED_UP for name in held[table]]
    hits = _hits_of(made, ids)
    # Filled column by column: all columns and a matrix of them would be twice the memory.
    values = np.empty((ids.num_rows, len(names)))
    for place, column in enumerate(_claim_columns(made, ids, held, hits)):
        values[:, place] = column
    return _assembled(made, "claim", ids, names, values, _finding_kinds(ids, hits))


def _hits_of(made: Build, ids: pa.Table) -> Mapping[str, tuple[Places, Floats]]:
    """Return by rule which of the claims it hits, as their places, and how often."""
    found = made.con.sql(
        "SELECT r.rule_id, r.claim_id, r.hits FROM rule_hits r JOIN live_claims USING (claim_id)"
    ).to_arrow_table()
    places = pc.index_in(found["claim_id"], ids["claim_id"].combine_chunks()).to_numpy()
    rules = found["rule_id"].to_numpy(zero_copy_only=False)
    hits = floats(found, "hits")
    return {rule: (places[rules == rule], hits[rules == rule]) for rule in np.unique(rules)}


def _claim_columns(
    made: Build,
    ids: pa.Table,
    held: Mapping[str, Sequence[str]],
    hits: Mapping[str, tuple[Places, Floats]],
) -> Iterator[Floats]:
    """Yield the columns of the claim matrix: features, rules, profiles that claims look up."""
    ends = pc.min_max(ids["claim_id"]).as_py()
    for table in queries.CLAIM_TABLES:
        if not (described := of(table, made.features)):
            continue
        atoms = made.con.sql(
            f"SELECT a.* FROM atoms_{table} a JOIN live_claims USING (claim_id) "
            "WHERE claim_id BETWEEN $min AND $max ORDER BY claim_id", params=ends,
        ).to_arrow_table()  # fmt: skip
        for feature in described:
            yield finish(feature, atoms)
    for rule in made.rules_of("claim"):
        column = np.zeros(ids.num_rows)
        if rule.id in hits:
            places, often = hits[rule.id]
            column[places] = often
        yield column
    for table in queries.LOOKED_UP:
        text = stages.looked_up_sql(table, held[table])
        profile = made.con.sql(f"{text} ORDER BY l.claim_id").to_arrow_table()
        for name in held[table]:
            yield floats(profile, name)


def _finding_kinds(
    ids: pa.Table, hits: Mapping[str, tuple[Places, Floats]]
) -> npt.NDArray[np.str_]:
    by_place: dict[int, list[str]] = {}
    for rule, (places, _) in hits.items():
        for place in places.tolist():
            by_place.setdefault(place, []).append(rule)
    kinds = ids["claim_type"].to_pylist()
    return np.array([finding_kind(k, by_place.get(place, ())) for place, k in enumerate(kinds)])


def _profile_matrix(made: Build, unit: str) -> Matrix:
    key = f"{unit}_id"
    day, known = day_number(made.as_of), cut(made.as_of, made.zone)
    profile = made.con.sql(
        f"SELECT * FROM profile_{unit} WHERE as_of_day = {day} ORDER BY {key}"
    ).to_arrow_table()
    text = stages.units_sql(unit, day, known)
    ids = made.con.sql(f"{text} ORDER BY p.{key}").to_arrow_table()
    names = [n for n in profile.column_names if n not in ("as_of_day", key)]
    values = np.empty((ids.num_rows, len(names)))
    for place, name in enumerate(names):
        values[:, place] = floats(profile, name)
    return _assembled(made, unit, ids, names, values, np.full(ids.num_rows, unit))


def _assembled(
    made: Build,
    unit: str,
    ids: pa.Table,
    names: list[str],
    values: npt.NDArray[np.float64],
    finding_kinds: npt.NDArray[np.str_],
) -> Matrix:
    directions = {f.name: f.direction for f in made.features}
    return Matrix(
        unit=unit,
        as_of_date=made.as_of,
        unit_ids=np.array(ids.column(0).to_pylist(), dtype=np.str_),
        names=tuple(names),
        values=values,
        directions=tuple(directions.get(name, 1) for name in names),
        groups=np.array(ids.column(1).to_pylist(), dtype=np.str_),
        finding_kinds=finding_kinds,
        known_at=ids.column("known_us").to_numpy().astype("datetime64[us]"),
        amounts=ids.column("stake").to_numpy(),
        rule_hits=ids.column("rule_hits").to_numpy(),
        catalogue_version=catalogue_version(),
        rules_version=made.book.version,
        zone=made.zone,
    )
