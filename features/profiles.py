"""Profiles: atoms by the engine, finished and compared with peers.

In: an engine with ``history``, what claims held, ``cut_dates`` and the registers. Out: one Arrow
table per entity, a row per as-of day and id, a float64 column per feature; NaN where not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.engine import Connection, count, run
from features import profile_texts, queries
from features.catalogue import Feature, of
from features.cells import make_atoms
from features.finishing import FINISHING
from features.peers import MINIMUM, Register, compare, grouped, ladder, read_register
from features.person_ranges import make_by_person
from features.unit_ranges import atoms_by_unit

Array = npt.NDArray[np.float64]


def floats(table: pa.Table, name: str) -> Array:
    """Return a column as float64, NaN where it is null."""
    column = table.column(name).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def finish(feature: Feature, atoms: pa.Table) -> Array:
    """Return the finished values of one feature from the table of its atoms."""
    return finished(feature, atoms_of(feature, atoms))


def atoms_of(feature: Feature, atoms: pa.Table) -> list[Array]:
    """Return the columns of a feature's atoms."""
    return [floats(atoms, f"{feature.name}:{place}") for place in range(len(feature.atoms))]


def finished(feature: Feature, arrays: Sequence[Array]) -> Array:
    """Return the finished values of one feature from its atoms."""
    with np.errstate(all="ignore"):
        return np.asarray(FINISHING[feature.finish](*arrays))


def make_profile(con: Connection, features: Sequence[Feature], entity: str, last: int) -> pa.Table:
    """Return the profiles of one entity, from the features of all its definition files.

    Those that claims look up are made at every cut date, the others only at the last one, the day
    number ``last``. Whoever has a claim has a row; a definition file that finds nothing of a unit
    leaves its values unknown, or zero where the feature counts.
    """
    own = [feature for feature in features if not compared(feature)]
    key = queries.PROFILE_KEYS[entity]
    texts = part_texts(own, entity, last)
    del texts[entity]
    parts = {entity: _own_atoms(con, own, entity, last)} | {
        table: atoms_by_unit(con, text, key) if table in _BY_UNIT else _atoms(con, f"({text})", key)
        for table, text in texts.items()
    }
    base = parts[entity]
    found: dict[str, list[Array]] = {}
    for table, part in parts.items():
        rows = None if table == entity else _places(base, part, key)
        for feature in of(table, own):
            found[feature.name] = [_taken(atom, rows) for atom in atoms_of(feature, part)]
    return finish_profile(base, found, features, entity, read_register(con, entity))


def part_texts(features: Sequence[Feature], entity: str, last: int) -> dict[str, str]:
    """Return the text of each definition file as of the dates at which the profile is made."""
    own = [feature for feature in features if not compared(feature)]
    texts = profile_texts.profile_texts(own, entity)
    if entity in queries.LOOKED_UP:
        return texts
    return {table: _as_of(text, last) for table, text in texts.items()}


def _as_of(text: str, last: int) -> str:
    """Return the text as of the last day only."""
    return text.replace(
        "FROM cut_dates d", f"FROM (SELECT * FROM cut_dates WHERE as_of_day = {last}) d"
    )


def finish_profile(
    rows: pa.Table,
    atoms: Mapping[str, Sequence[Array]],
    features: Sequence[Feature],
    entity: str,
    register: Register,
) -> pa.Table:
    """Return finished profiles: whole days, because units of a day are compared with each other.

    Args:
        rows: the day and id of each row.
        atoms: of every feature that is no comparison, its atoms in the order of the rows.
    """
    key = queries.PROFILE_KEYS[entity]
    days, ids = rows.column("as_of_day"), rows.column(key)
    columns = {f.name: finished(f, atoms[f.name]) for f in features if not compared(f)}
    peers = [feature for feature in features if compared(feature)]
    columns |= _peer_columns(register, peers, columns, atoms, ids.to_pylist(), days.to_numpy())
    return pa.table({"as_of_day": days, key: ids, **{f.name: columns[f.name] for f in features}})


#: Profiles whose own file can be made from cells: what the register adds does not change with the
#: date. Below so many claims the plain text is faster, because planning a text for every date costs
#: more than reading the claims again.
_BY_CELLS = ("institution", "doctor")
#: Definition files that look at claims of the unit alone, and lay many groups out over the dates.
_BY_UNIT = ("concentration", "doctor_day")
CELL_CLAIMS = 300_000


def _own_atoms(con: Connection, own: Sequence[Feature], entity: str, last: int) -> pa.Table:
    """Return the atoms of the entity's own definition file."""
    key, relation = queries.PROFILE_KEYS[entity], f"profile_atoms_{entity}"
    features = of(entity, own)
    if entity in _BY_CELLS and count(con, "facts") > CELL_CLAIMS:
        make_atoms(con, features, entity)
    elif entity == "insured":
        make_by_person(con, relation, insured_text(own, last), key)
    else:
        return _atoms(con, f"({queries.profile_sql(features, entity)})", key)
    found = _atoms(con, relation, key)
    run(con, f"DROP TABLE {relation}")
    return found


def _atoms(con: Connection, relation: str, key: str) -> pa.Table:
    return con.sql(f"SELECT * FROM {relation} ORDER BY as_of_day, {key}").to_arrow_table()


def _places(base: pa.Table, part: pa.Table, key: str) -> npt.NDArray[np.int64]:
    """Return the row of ``part`` that each row of ``base`` stands for, -1 where it has none."""
    where = {unit: place for place, unit in enumerate(_units(part, key))}
    return np.array([where.get(unit, -1) for unit in _units(base, key)], dtype=np.int64)


def _units(table: pa.Table, key: str) -> list[tuple[int, str]]:
    days, ids = table.column("as_of_day").to_pylist(), table.column(key).to_pylist()
    return list(zip(days, ids, strict=True))


def _taken(atom: Array, rows: npt.NDArray[np.int64] | None) -> Array:
    """Return the atom's values in other rows, NaN where there is none."""
    if rows is None:
        return atom
    return np.append(atom, np.nan)[rows]


def insured_text(features: Sequence[Feature], last: int) -> str:
    """Return the text of the persons' profiles, which nothing looks up: as of the last day only."""
    own = [feature for feature in of("insured", features) if not compared(feature)]
    return _as_of(queries.profile_sql(own, "insured"), last)


def compared(feature: Feature) -> bool:
    """Tell whether a feature compares a unit with its peers."""
    return feature.finish.startswith("peer")


def _base_name(feature: Feature) -> str:
    return feature.name[: feature.name.rindex("_peer")]


def _peer_columns(
    register: Register,
    features: Sequence[Feature],
    columns: Mapping[str, Array],
    atoms: Mapping[str, Sequence[Array]],
    ids: Sequence[str],
    days: npt.NDArray[np.int64],
) -> dict[str, Array]:
    """Return the comparison of each base feature with the unit's peers, day by day."""
    found = {feature.name: np.full(len(ids), np.nan) for feature in features}
    for day in np.unique(days) if features else ():
        rows = np.flatnonzero(days == day)
        entity = features[0].entity
        names = ladder(register, entity, [ids[int(row)] for row in rows], int(day))
        rungs = [grouped(rung) for rung in names]
        for feature in features:
            base = _base_name(feature)
            found[feature.name][rows] = compare(
                feature.finish.partition(":")[0].removeprefix("peer").removeprefix("_") or "z",
                columns[base][rows],
                rungs,
                MINIMUM[entity],
                [atom[rows] for atom in atoms[base]],
            )
    return found
