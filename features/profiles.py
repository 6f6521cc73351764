"""Profiles of institutions and persons: atoms by the engine, finished and compared with peers.

In: an engine with ``history``, ``cut_dates`` and ``institution_rows``. Out: one Arrow table per
entity, a row per as-of day and id, a float64 column per feature; NaN where it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.engine import Connection, run
from features import queries
from features.catalogue import Feature, of
from features.cells import make_atoms
from features.finishing import FINISHING, peer_z
from features.person_ranges import make_by_person

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
    """Return the profiles of one definition file.

    Those that claims look up are made at every cut date, the others only at the last one, the day
    number ``last``.
    """
    own = [feature for feature in features if not _is_peer(feature)]
    relation = f"profile_atoms_{table}"
    if table in queries.LOOKED_UP:
        make_atoms(con, own, table)
    else:
        make_by_person(con, relation, insured_text(own, last), queries.PROFILE_KEYS[table])
    key = queries.PROFILE_KEYS[table]
    atoms = con.sql(f"SELECT * FROM {relation} ORDER BY as_of_day, {key}").to_arrow_table()
    run(con, f"DROP TABLE {relation}")
    columns = {feature.name: finish(feature, atoms) for feature in own}
    days, ids = atoms.column("as_of_day"), atoms.column(key)
    compared = [feature for feature in features if _is_peer(feature)]
    columns |= _peer_columns(con, compared, columns, ids.to_pylist(), days.to_numpy())
    return pa.table({"as_of_day": days, key: ids, **columns})


def insured_text(features: Sequence[Feature], last: int) -> str:
    """Return the text of the persons' profiles, which nothing looks up: as of the last day only."""
    own = [feature for feature in of("insured", features) if not _is_peer(feature)]
    text = queries.profile_sql(own, "insured")
    return text.replace(
        "FROM cut_dates d", f"FROM (SELECT * FROM cut_dates WHERE as_of_day = {last}) d"
    )


def _is_peer(feature: Feature) -> bool:
    return feature.finish.startswith("peer:")


def _peer_columns(
    con: Connection,
    features: Sequence[Feature],
    columns: Mapping[str, Array],
    ids: Sequence[str],
    days: npt.NDArray[np.int64],
) -> dict[str, Array]:
    """Return the robust z of each base feature among institutions of a kind, day by day."""
    named = "SELECT institution_id, institution_class, level FROM institution_rows"
    register = {place: (kind, level) for place, kind, level in run(con, named)}
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
