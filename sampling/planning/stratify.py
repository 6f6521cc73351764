"""Which stratum each unit belongs to: class x level (x district) (x rotation) x band.

In: unit ids, risk ranks and the class, level and, if wanted, district and time since the last
inspection (`planning.rotation`) of each unit. Out: a stratum name per unit such as
``public_hospital/3/b1``, the risk band of each stratum and the strata that are inspected whole.

Bands are cut over the whole frame by place in the ranking (equal ranks in the order of the unit
ids' bytes). With capacity n, the first ``take_all_share`` x n places are ``top``; then ``b1`` ends
at place 2n, ``b2`` at 10n, ``b3`` holds the rest (`CUTS`). Other bands, such as those of amounts
(`planning.value_bands`), may take the place of b1 to b3 below the head.

Each stratum costs at least two draws, so a small capacity carries few strata. While the fewest
draws do not fit, strata merge, in this order and never further than needed: (1) bands within
class x level (x district) (x rotation), from the group with the fewest units, each time its two
least risky bands; (2) rotation classes; (3) districts within class x level; (4) levels within
class; (5) classes; in (2) to (5) from the group with the fewest units, each time its smallest
stratum with the smallest of the same band, or of any band if there is none. Ties go by name. A
stratum of one unit merges by the same steps even where everything fits (with the next less risky
band, or the next riskier one if it is the last): alone, its unit would be drawn in every plan.
Take-all strata never merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sampling.design import (
    Design,
    DesignError,
    allocate,
    floor_draws,
    minimum_draws,
    parse_share,
    take_all_head,
)
from sampling.faults import Fault, checked
from sampling.frame import Frame, make_frame
from sampling.planning.stratify_faults import (
    capacity_range,
    infeasible,
    lengths,
    shares_faults,
    unusable_column,
    unusable_rank,
)

CUTS: tuple[int, int] = (2, 10)
"""Last places of the bands b1 and b2, in multiples of the capacity."""

BANDS = ("top", "b1", "b2", "b3")
_TEXT = pa.large_string()


@dataclass(frozen=True, eq=False)
class Stratification:
    """A stratum per unit, in the order given, with the band of each stratum."""

    strata: pa.Array
    bands: Mapping[str, str]
    take_all: frozenset[str]


@dataclass(frozen=True)
class _Cell:
    path: tuple[str, ...]
    units: int
    members: tuple[int, ...]


def stratify(
    unit_ids: Any, risk_rank: Any, institution_class: Any, level: Any, *, capacity: int,
    random_share: str | float | Decimal, take_all_share: str | float | Decimal = "0.3",
    district: Any = None, rotation: Any = None, band: Any = None,
) -> Stratification:  # fmt: skip
    """Return the strata of these units; the order of the rows is irrelevant.

    Args:
        unit_ids: text, no two alike.
        risk_rank: whole numbers, 1 is the riskiest; only their order counts.
        institution_class: text per unit.
        level: text per unit.
        capacity: units that can be inspected.
        random_share: part of the capacity that is the random floor.
        take_all_share: part of the capacity for the take-all head.
        district: text per unit, or None to leave districts out of the strata.
        rotation: text per unit, or None to leave the last inspection out of the strata.
        band: text per unit in place of the risk bands b1 to b3, in the order of its names.

    Raises:
        DesignError: for unusable columns, or a capacity that one stratum could not hold.
    """
    random_part = parse_share(random_share, "random_share", zero=False)
    head_part = parse_share(take_all_share, "take_all_share", zero=True)
    checked(shares_faults(random_part, head_part), DesignError)
    kinds = {
        "class": institution_class, "level": level, "district": district, "rotation": rotation,
        "band": band,
    }  # fmt: skip
    faults: list[Fault] = []
    dims = [_dimension(v, n, faults) for n, v in kinds.items() if v is not None]
    ids = _flat(unit_ids)
    ranks = _ranks(risk_rank, faults)
    if not faults and len({len(ids), len(ranks), *map(len, dims)}) != 1:
        faults.append(lengths())
    checked(faults, DesignError)
    if not 1 <= capacity <= len(ids):
        raise DesignError([capacity_range(capacity, len(ids))])
    head = take_all_head(capacity, head_part, len(ids))
    risk = pa.array(_bands(ids, ranks, head, capacity), _TEXT)
    if band is not None:
        risk = pc.if_else(pc.equal(risk, "top"), risk, dims.pop())
    cells, cell_of = _cells([*dims, risk])
    loose = [c for c in cells if c.path[-1] != "top"]
    merged = _merge(loose, capacity - head, _Floor(capacity, random_part, len(ids)))
    if merged is None:
        smallest = _smallest(capacity, random_part, head_part, len(ids))
        raise DesignError([infeasible(capacity, smallest)])
    return _named([c for c in cells if c.path[-1] == "top"], merged, len(cells), cell_of)


def design_plan(
    unit: str, unit_ids: Any, risk_rank: Any, institution_class: Any, level: Any, size_minor: Any,
    *, capacity: int, random_share: str | float | Decimal = "0.3",
    take_all_share: str | float | Decimal = "0.3", district: Any = None,
) -> tuple[Frame, Design]:  # fmt: skip
    """Stratify, frame and allocate in one step; arguments as in `stratify` and `make_frame`."""
    made = stratify(
        unit_ids, risk_rank, institution_class, level, capacity=capacity,
        random_share=random_share, take_all_share=take_all_share, district=district,
    )  # fmt: skip
    frame = make_frame(unit, unit_ids, made.strata, size_minor)
    design = allocate(
        frame, capacity, random_share, take_all_share, bands=made.bands, take_all=made.take_all
    )
    return frame, design


@dataclass(frozen=True)
class _Floor:
    capacity: int
    random_share: Decimal
    frame_size: int

    def least(self, units: int) -> int:
        floor = floor_draws(units, self.capacity, self.random_share, self.frame_size)
        return minimum_draws(units, floor)


def _bands(
    ids: pa.Array, ranks: npt.NDArray[np.int64], head: int, capacity: int
) -> npt.NDArray[np.str_]:
    by_id = pc.sort_indices(ids).to_numpy()
    order = by_id[np.argsort(ranks[by_id], kind="stable")]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(1, len(order) + 1)
    ends = np.array([head, *(cut * capacity for cut in CUTS)])
    return np.array(BANDS)[np.searchsorted(ends, place, side="left")]


def _cells(dims: Sequence[pa.Array]) -> tuple[list[_Cell], npt.NDArray[np.int64]]:
    """Number the distinct combinations and say which one each unit has."""
    code = np.zeros(len(dims[0]), dtype=np.int64)
    levels: list[list[str]] = []
    for dim in dims:
        encoded = dim.dictionary_encode()
        levels.append(encoded.dictionary.to_pylist())
        code = code * len(levels[-1]) + encoded.indices.to_numpy(zero_copy_only=False)
    seen, cell_of, counts = np.unique(code, return_inverse=True, return_counts=True)
    cells = []
    for i, (rest, count) in enumerate(zip(seen.tolist(), counts.tolist(), strict=True)):
        path: list[str] = []
        for values in reversed(levels):
            rest, at = divmod(rest, len(values))
            path.append(values[at])
        cells.append(_Cell(tuple(reversed(path)), count, (i,)))
    return cells, cell_of


def _merge(cells: list[_Cell], room: int, floor: _Floor) -> list[_Cell] | None:
    """Merge until the fewest draws fit into ``room``; None if one stratum is too much."""
    excess = sum(floor.least(c.units) for c in cells) - room
    for depth in reversed(range(len(cells[0].path) if cells else 0)):
        groups: dict[tuple[str, ...], list[_Cell]] = {}
        for cell in sorted(cells, key=lambda c: c.path):
            groups.setdefault(cell.path[:depth], []).append(cell)
        for _, group in sorted(groups.items(), key=lambda g: (sum(c.units for c in g[1]), g[0])):
            while len(group) > 1 and (excess > 0 or any(c.units == 1 for c in group)):
                pair = _pair(group, depth, squeeze=excess > 0)
                joined = _joined(pair, depth)
                excess += floor.least(joined.units) - sum(floor.least(c.units) for c in pair)
                group[:] = [*(c for c in group if c not in pair), joined]
        cells = [c for group in groups.values() for c in group]
    return cells if excess <= 0 else None


def _pair(group: list[_Cell], depth: int, *, squeeze: bool) -> list[_Cell]:
    """Choose the two that merge: ``squeeze`` to save draws, else to end a stratum of one unit."""
    if depth == len(group[0].path) - 1:
        by_risk = sorted(group, key=lambda c: c.path[-1])
        if squeeze:
            return by_risk[-2:]
        lone = next(i for i, c in enumerate(by_risk) if c.units == 1)
        start = min(lone, len(by_risk) - 2)
        return by_risk[start : start + 2]
    first, *others = sorted(group, key=lambda c: (c.units, c.path))
    deeper = first.path[depth + 1 :]
    other = min(others, key=lambda c: (c.path[depth + 1 :] != deeper, c.units, c.path))
    return sorted([first, other], key=lambda c: c.path)


def _joined(pair: list[_Cell], depth: int) -> _Cell:
    a, b = (c.path for c in pair)
    if depth == len(a) - 1:
        name = f"{a[-1].split('-')[0]}-{b[-1].split('-')[-1]}"
    else:
        name = "+".join(sorted({*a[depth].split("+"), *b[depth].split("+")}))
    deeper = [x if x == y else "all" for x, y in zip(a[depth + 1 :], b[depth + 1 :], strict=True)]
    members = pair[0].members + pair[1].members
    return _Cell((*a[:depth], name, *deeper), pair[0].units + pair[1].units, members)


def _named(
    tops: list[_Cell], merged: list[_Cell], count: int, cell_of: npt.NDArray[np.int64]
) -> Stratification:
    label = [""] * count
    bands = {}
    for cell in [*tops, *merged]:
        name = "/".join(cell.path)
        for member in cell.members:
            label[member] = name
        riskiest = cell.path[-1].split("-")[0]
        bands[name] = riskiest if riskiest in BANDS[1:] else "b1"
    strata = pa.array(label, _TEXT).take(pa.array(cell_of))
    return Stratification(strata, bands, frozenset("/".join(c.path) for c in tops))


def _flat(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = pa.array(values)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _dimension(values: Any, name: str, faults: list[Fault]) -> pa.Array:
    array = _flat(values)
    text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if text and not array.null_count:
        kinds = pc.unique(array).to_pylist()
        bad = [k for k in kinds if not k or any(c in "/+" or not c.isprintable() for c in k)]
        if not bad:
            return array.cast(_TEXT)
    faults.append(unusable_column(name))
    return pa.array([], _TEXT)


def _ranks(values: Any, faults: list[Fault]) -> npt.NDArray[np.int64]:
    array = _flat(values)
    if pa.types.is_integer(array.type) and not array.null_count:
        ranks: npt.NDArray[np.int64] = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return ranks
    faults.append(unusable_rank())
    return np.zeros(0, dtype=np.int64)


def _smallest(capacity: int, random_share: Decimal, head_share: Decimal, units: int) -> int:
    """Return the smallest capacity above ``capacity`` that holds the head and one stratum."""
    smallest = capacity
    needed = capacity + 1
    while needed > smallest:
        smallest += 1
        head = take_all_head(smallest, head_share, units)
        needed = head + _Floor(smallest, random_share, units).least(units - head)
    return smallest
