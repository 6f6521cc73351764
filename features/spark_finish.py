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
from features.profiles import Register, compared, finish, finish_profile

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


def profile_columns(features: Sequence[Feature], table: str) -> str:
    """Return the columns of finished profiles, as Spark writes a schema."""
    ordered = [f.name for f in in_order(features)]
    key = queries.PROFILE_KEYS[table]
    return f"as_of_day BIGINT, {key} STRING" + "".join(f", `{name}` DOUBLE" for name in ordered)


def in_order(features: Sequence[Feature]) -> list[Feature]:
    """Return the features of a profile in the order of its columns: comparisons come last."""
    return sorted(features, key=compared)


def profiles_by(
    features: Sequence[Feature], table: str, register: Register
) -> tuple[Callable[[Batches], Batches], Callable[[pa.Table], pa.Table]]:
    """Return what finishes batches of a profile's atoms, and what finishes whole days of them.

    Where features compare institutions of a day with each other, the day must come whole.
    """
    whole_days = partial(_whole_days, tuple(features), table, register)
    return partial(_batches, whole_days), whole_days


def _whole_days(
    features: Sequence[Feature], table: str, register: Register, atoms: pa.Table
) -> pa.Table:
    return finish_profile(atoms, features, table, register)


def _batches(whole_days: Callable[[pa.Table], pa.Table], batches: Batches) -> Batches:
    for batch in batches:
        yield from whole_days(pa.Table.from_batches([batch])).to_batches()
