"""Profiles of institutions and persons: atoms by the engine, finished and compared with peers.

In: an engine with ``history``, ``cut_dates`` and ``institution_rows``. Out: one Arrow table per
entity, a row per as-of day and id, a float64 column per feature; NaN where it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.engine import Connection, run
from features import queries
from features.catalogue import Feature
from features.finishing import FINISHING, peer_z

Array = npt.NDArray[np.float64]


def floats(table: pa.Table, name: str) -> Array:
    """Return a column as float64, NaN where it is null."""
    column = table.column(name).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def finish(feature: Feature, atoms: pa.Table) -> Array:
    """Return the finished values of one feature from its atoms."""
    arrays = [floats(atoms, f"{feature.name}:{place}") for place in range(len(feature.atoms))]
    with np.errstate(all="ignore"):
        return np.asarray(FINISHING[feature.finish](*arrays))


def make_profile(con: Connection, features: Sequence[Feature], table: str, last: int) -> pa.Table:
    """Return the profiles of one definition file as of every day that ``profile_text`` names."""
    key = queries.PROFILE_KEYS[table]
    text = profile_text(features, table, last)
    atoms = con.sql(f"SELECT * FROM ({text}) ORDER BY as_of_day, {key}").to_arrow_table()
    return finish_profile(atoms, features, table, register_of(run(con, REGISTER)))


def profile_text(features: Sequence[Feature], table: str, last: int) -> str:
    """Return the text of the profiles' atoms.

    Those that claims look up are made at every cut date, the others only at the last one, the day
    number ``last``.
    """
    text = queries.profile_sql([f for f in features if not compared(f)], table)
    if table in queries.LOOKED_UP:
        return text
    return text.replace(
        "FROM cut_dates d", f"FROM (SELECT * FROM cut_dates WHERE as_of_day = {last}) d"
    )


#: Institutions with what makes them comparable: class and level.
REGISTER = "SELECT institution_id, institution_class, level FROM institution_rows"
Register = Mapping[str, tuple[str, str]]


def register_of(rows: Iterable[tuple[str, str, str]]) -> Register:
    """Return class and level of each institution from the rows of ``REGISTER``."""
    return {place: (kind, level) for place, kind, level in rows}


def finish_profile(
    atoms: pa.Table, features: Sequence[Feature], table: str, register: Register
) -> pa.Table:
    """Return finished profiles from their atoms, which hold whole days in any order."""
    key = queries.PROFILE_KEYS[table]
    columns = {f.name: finish(f, atoms) for f in features if not compared(f)}
    days, ids = atoms.column("as_of_day"), atoms.column(key)
    peers = [feature for feature in features if compared(feature)]
    columns |= _peer_columns(register, peers, columns, ids.to_pylist(), days.to_numpy())
    return pa.table({"as_of_day": days, key: ids, **columns})


def compared(feature: Feature) -> bool:
    """Tell whether a feature compares institutions of a kind with each other."""
    return feature.finish.startswith("peer:")


def _peer_columns(
    register: Register,
    features: Sequence[Feature],
    columns: Mapping[str, Array],
    ids: Sequence[str],
    days: npt.NDArray[np.int64],
) -> dict[str, Array]:
    """Return the robust z of each base feature among institutions of a kind, day by day."""
    kinds = [register.get(place, ("unknown", "none")) for place in ids]
    classes = np.array([kind for kind, _ in kinds], dtype=np.str_)
    groups = np.array([f"{kind}|{level}" for kind, level in kinds], dtype=np.str_)
    found = {}
    for feature in features:
        base = columns[feature.name.removesuffix("_peer")]
        result = np.full(len(base), np.nan)
        for day in np.unique(days):
            inside = days == day
            result[inside] = peer_z(base[inside], groups[inside], classes[inside])
        found[feature.name] = result
    return found
