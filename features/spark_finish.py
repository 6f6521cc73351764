"""Finishing on a cluster: the NumPy code of the other engines on Arrow batches of atoms.

In: the features that a table's atoms belong to. Out: functions that Spark calls with the rows of a
worker, and the columns of what they return. The worker needs this package installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

import pyarrow as pa

from features import queries
from features.catalogue import Feature
from features.peers import parts_of
from features.profiles import atoms_of, compared, finish, finish_profile

Batches: TypeAlias = Iterable[pa.RecordBatch]


def claim_columns(features: Sequence[Feature]) -> str:
    """Return the columns of finished claim features, as Spark writes a schema."""
    return "claim_id STRING" + "".join(f", `{f.name}` DOUBLE" for f in features)


def finished_by(features: Sequence[Feature]) -> Callable[[Batches], Batches]:
    """Return what turns batches of a claim table's atoms into finished features."""
    return partial(_claims, tuple(features))


def _claims(features: Sequence[Feature], batches: Batches) -> Batches:
    for batch in batches:
        atoms = pa.Table.from_batches([batch])
        columns = {f.name: finish(f, atoms) for f in features}
        yield from pa.table({"claim_id": atoms.column("claim_id"), **columns}).to_batches()


def profile_columns(features: Sequence[Feature], entity: str) -> str:
    """Return the columns of finished profiles, as Spark writes a schema."""
    names = "".join(f", `{feature.name}` DOUBLE" for feature in features)
    return f"as_of_day BIGINT, {queries.PROFILE_KEYS[entity]} STRING{names}"


def profiles_by(
    features: Sequence[Feature], entity: str
) -> tuple[Callable[[Batches], Batches], Callable[[pa.Table], pa.Table]]:
    """Return what finishes batches of a profile's atoms, and what finishes whole days of them.

    Where features compare units of a day with each other, the day must come whole. A row carries
    what the register says of its unit in the columns of ``features.peers.parts_of``.
    """
    whole_days = partial(_whole_days, tuple(features), entity)
    return partial(_batches, whole_days), whole_days


def _whole_days(features: Sequence[Feature], entity: str, atoms: pa.Table) -> pa.Table:
    found = {f.name: atoms_of(f, atoms) for f in features if not compared(f)}
    ids = atoms.column(queries.PROFILE_KEYS[entity]).to_pylist()
    said = zip(*(atoms.column(part).to_pylist() for part in parts_of(entity)), strict=True)
    register = dict(zip(ids, said, strict=True))
    return finish_profile(atoms, found, features, entity, register)


def _batches(whole_days: Callable[[pa.Table], pa.Table], batches: Batches) -> Batches:
    for batch in batches:
        yield from whole_days(pa.Table.from_batches([batch])).to_batches()
