"""Batch for a province: the same build as features.build, by Spark, from a store to Parquet.

In: a store that the cluster reads, a date and a place for the result. Out: the folders that
features.written describes, ``atoms/<table>`` (the integers they are finished from) and ``stages``
(what later texts read). Every text is the one that DuckDB runs, in Spark's words; what is finished,
is finished by the same NumPy code on Arrow batches, wherever the rows lie. Each stage is written
before the next reads it, so that a lost worker costs one stage and no text is computed twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from claims.store import StoreVersion
from features import queries, spark_matrix, stages
from features.build import BuildError, Progress
from features.catalogue import Feature, of
from features.clock import cut, day_number, local, month_starts
from features.exemptions import exempt_sql
from features.parameters import ParameterBook
from features.profiles import compared, part_texts
from features.relations import clock_text, relation_texts
from features.rules import Rule
from features.runnable import NotRun, split
from features.spark_finish import claim_columns, finished_by, profile_columns, profiles_by
from features.spark_limits import on_spark
from features.spark_session import Session, own_session
from features.spark_steps import steps
from features.spark_store import SparkStore, address, open_spark_store
from features.written import UNITS, WrittenError, manifest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class SparkBuildError(RuntimeError):
    """One text of the build did not run."""


@dataclass
class SparkBuild:
    """What is computed on a cluster, and where it lies."""

    session: Session
    store: SparkStore
    as_of: date
    out: str
    features: tuple[Feature, ...]
    rules: tuple[Rule, ...]
    not_run: list[NotRun]
    book: ParameterBook = field(default_factory=ParameterBook)
    profile_dates: list[date] = field(default_factory=list)

    @property
    def known(self) -> int:
        """First microsecond that is not known as of the date."""
        return cut(self.as_of, self.store.zone)

    def rules_of(self, grain: str) -> tuple[Rule, ...]:
        """Return the rules that run and judge claims, or profiles."""
        return tuple(rule for rule in self.rules if rule.grain == grain)

    def view(self, name: str, text: str) -> None:
        """Name the result of a text; nothing is computed yet."""
        self.frame(name, text).createOrReplaceTempView(name)

    def frame(self, name: str, text: str, parameters: Mapping[str, int] | None = None) -> DataFrame:
        """Return the result of a text, its integers all of 64 bits; ``name`` is for errors."""
        stem = re.sub(r"\W+", "_", name)
        first, rest = steps(text, stem)
        for part, body in first:
            found = self._frame(name, body, parameters)
            self.save(name, f"stages/{stem}/{part.removeprefix(stem + '_')}", found, part)
        return self._frame(name, rest, parameters)

    def _frame(self, name: str, text: str, parameters: Mapping[str, int] | None) -> DataFrame:
        from pyspark.errors import PySparkException

        try:
            found = self.session.sql(queries.dialect(text, "spark"), args=dict(parameters or {}))
        except PySparkException as error:
            raise SparkBuildError(f"Spark cannot run {name}: {_first_line(error)}") from error
        return _widened(found)

    def save(self, name: str, place: str, frame: DataFrame, view: str = "") -> None:
        """Write a result under the output and name what was written: ``view``, else ``name``."""
        from pyspark.errors import PySparkException

        where = f"{self.out}/{place}"
        try:
            frame.write.parquet(where)
        except PySparkException as error:
            raise SparkBuildError(f"Spark could not make {name}: {_first_line(error)}") from error
        self.session.read.schema(frame.schema).parquet(where).createOrReplaceTempView(view or name)


def build_on_spark(
    store: str | Path | StoreVersion,
    as_of: date,
    out: str | Path,
    session: Session,
    progress: Progress | None = None,
    book: ParameterBook | None = None,
) -> SparkBuild:
    """Compute everything about a store as of a date and write it to ``out``, a new place.

    Args:
        book: the rules' parameters in force; without one the rules' own defaults hold.

    Raises:
        BuildError: no claim was known before the date.
        SparkBuildError: a text did not run; the message names it.
        WrittenError: there is something at ``out``.
    """
    own = own_session(session)
    opened = open_spark_store(own, store)
    place = address(out)
    _check_new(own, place)
    clock = clock_text(opened.zone, cut(as_of, opened.zone))
    has_clock = bool(own.sql(queries.dialect(clock, "spark")).limit(1).collect())
    ran = on_spark(*split(opened.version, has_clock))
    made = SparkBuild(own, opened, as_of, place, *ran, book or ParameterBook())
    for number, (name, step) in enumerate(_STEPS):
        if progress:
            progress(name, number / len(_STEPS))
        step(made)
    if progress:
        progress("features", 1.0)
    return made


def _check_new(session: Session, place: str) -> None:
    from pyspark.errors import PySparkException

    try:
        session.read.format("binaryFile").option("recursiveFileLookup", "true").load(place)
    except PySparkException:
        return
    raise WrittenError(f"{place.rsplit('/', 1)[-1]} exists already; name a new folder with --out.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:500]


def _widened(frame: DataFrame) -> DataFrame:
    """Return the frame with integers of 64 bits, as all relations have them."""
    from pyspark.sql import types

    narrow = (types.ByteType, types.ShortType, types.IntegerType, types.DecimalType)
    small = [f.name for f in frame.schema.fields if isinstance(f.dataType, narrow)]
    return frame.withColumns({name: frame[f"`{name}`"].cast("bigint") for name in small})


def _make_facts(made: SparkBuild) -> None:
    for name, text in relation_texts(made.store.zone, made.known).items():
        if name not in _HEAVY:
            made.view(name, text)
        else:
            made.save(name, f"stages/{name}", made.frame(name, text))
    made.save("plain_facts", "stages/plain_facts", made.frame("facts", queries.facts_sql()))
    for name, text in queries.history_parts().items():
        made.save(name, f"stages/{name}", made.frame(name, text))
    for name in ("target", "history"):
        made.view(name, "SELECT * FROM plain_facts")
    made.save("exempt", "stages/exempt", made.frame("exempt", exempt_sql()))


#: Relations that many texts read and that are no lists: they are written, the others only named.
_HEAVY = ("claim_rows", "diagnosis_rows", "procedure_rows", "trace_rows")


def _run_rules(made: SparkBuild) -> None:
    _run_hits(made, "claim", "rule_hits")
    made.save("facts", "stages/facts", made.frame("facts", stages.facts_with_hits_sql()))
    for name in ("target", "history"):
        made.view(name, "SELECT * FROM facts")


def _run_hits(made: SparkBuild, grain: str, name: str) -> None:
    """Run every rule of a grain; each writes a partition of its own."""
    from pyspark.sql import DataFrame

    kinds = {"rule_id": "TEXT", **stages.HIT_COLUMNS[grain], "hits": "BIGINT", "amount": "BIGINT"}
    schema = ", ".join(f"{key} {kind.replace('TEXT', 'STRING')}" for key, kind in kinds.items())
    for rule in made.rules_of(grain):
        hits = reduce(DataFrame.unionAll, (
            made.frame(f"rule {rule.id} {run}", stages.hits_sql(rule, one.text), one.used(one.text))
            for run, one in enumerate(made.book.runs(rule))
        ))  # fmt: skip
        made.save("one_rule", f"{name}/rule_id={rule.id}", hits.drop("rule_id"))
    if made.rules_of(grain):
        found = made.session.read.schema(schema).parquet(f"{made.out}/{name}")
    else:
        found = made.session.createDataFrame([], schema)
    found.createOrReplaceTempView(name)


def _make_dates(made: SparkBuild) -> None:
    first = made.session.sql("SELECT min(known_us) FROM facts").collect()[0][0]
    if first is None:
        raise BuildError(
            f"No claim was known before {made.as_of}: nothing can be computed as of that day. "
            "Choose a later --as-of."
        )
    zone = made.store.zone
    made.profile_dates = month_starts(local(first, zone).date(), made.as_of)
    rows = " UNION ALL ".join(
        f"SELECT {day_number(day)} AS as_of_day, {cut(day, zone)} AS as_of_us"
        for day in made.profile_dates
    )
    made.view("cut_dates", rows)
    made.save("profile_days", "stages/profile_days",
              made.frame("profile_days", stages.profile_days_sql()))  # fmt: skip


def _make_peers(made: SparkBuild) -> None:
    made.view("keyed", stages.keyed_sql())
    made.save("peer_rows", "stages/peer_rows", made.frame("peer_rows", stages.peers_sql()))


def _make_claim_tables(made: SparkBuild) -> None:
    for table, text in queries.claim_texts(made.features).items():
        made.save(f"atoms_{table}", f"atoms/{table}", made.frame(f"features of {table}", text))
        features = of(table, made.features)
        atoms = made.session.table(f"atoms_{table}")
        finished = atoms.mapInArrow(finished_by(features), claim_columns(features))
        made.save(f"finished_{table}", f"stages/finished_{table}", finished)


def _make_profiles(made: SparkBuild) -> None:
    _run_hits(made, "profile", "profile_hits")
    for entity in queries.PROFILE_KEYS:
        features = tuple(f for f in made.features if f.entity == entity)
        _finish_profile(made, entity, features, _make_atoms(made, entity, features))
        text = spark_matrix.profile_sql(entity, features, made.rules_of("profile"))
        made.save(f"profile_{entity}", f"profiles/{entity}", made.frame(f"profile {entity}", text))


def _make_atoms(made: SparkBuild, entity: str, features: Sequence[Feature]) -> DataFrame:
    """Run the text of each definition file of an entity and return their atoms side by side."""
    texts = part_texts(features, entity, day_number(made.as_of))
    for table, text in texts.items():
        made.save(f"atoms_{table}", f"atoms/{table}", made.frame(f"profiles of {table}", text))
    plain = [feature for feature in features if not compared(feature)]
    text = spark_matrix.joined_sql(entity, {table: of(table, plain) for table in texts})
    return made.frame(f"atoms of {entity}", text)


def _finish_profile(
    made: SparkBuild, entity: str, features: Sequence[Feature], atoms: DataFrame
) -> None:
    columns = profile_columns(features, entity)
    finish, whole_days = profiles_by(features, entity)
    if any(compared(feature) for feature in features):
        finished = atoms.groupBy("as_of_day").applyInArrow(whole_days, columns)
    else:
        finished = atoms.mapInArrow(finish, columns)
    finished.createOrReplaceTempView(f"plain_{entity}")


def _make_matrices(made: SparkBuild) -> None:
    made.view("live_claims", stages.live_claims_sql(made.known))
    made.view("graveness", spark_matrix.graveness_sql())
    profiles = {
        table: made.session.table(f"profile_{table}").columns[2:] for table in queries.PROFILE_KEYS
    }
    for unit in UNITS:
        if unit == "claim":
            text = spark_matrix.claims_sql(made.features, made.rules_of("claim"), profiles)
        else:
            text = spark_matrix.units_sql(unit, day_number(made.as_of), made.known, profiles[unit])
        made.save(f"matrix_{unit}", f"matrix/{unit}", made.frame(f"matrix of {unit}", text))
    text = manifest("spark", made.store.version.version, made.as_of, made.store.zone,
                    made.not_run, made.book)  # fmt: skip
    body = made.session.sql("SELECT :body AS value", args={"body": text})
    body.coalesce(1).write.text(f"{made.out}/manifest")


_STEPS: Sequence[tuple[str, Callable[[SparkBuild], None]]] = (
    ("claims", _make_facts),
    ("rules", _run_rules),
    ("dates", _make_dates),
    ("peers", _make_peers),
    ("claim features", _make_claim_tables),
    ("profiles", _make_profiles),
    ("matrices", _make_matrices),
)
