"""Bands of units by a value: amounts, or what a model expects an amount to spread by.

In: ids and a value from 0 per unit. Out: a band name per unit, ``v1`` with the largest values.

Equal aggregates: units in the order of their values (equal values by the bytes of their ids) are
cut so that every band holds as equal a share of the sum of values as whole units allow. Where a
unit's standard deviation is proportional to the value, such strata with equal n_h are close to the
best there are: Godfrey, Roshwalb and Wright (1984); Saerndal, Swensson and Wretman, Model Assisted
Survey Sampling (1992), section 12.4. No band is left empty: a unit larger than a band's share is
one by itself, and the cuts that are left are made in what remains.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sampling.design import DesignError
from sampling.faults import Fault

#: Bands are sorted by their names, so one digit must do.
_MOST = 9


def equal_aggregate_bands(unit_ids: Any, values: npt.ArrayLike, bands: int) -> npt.NDArray[np.str_]:
    """Return the band of each unit, in the order given: ``v1`` (largest values) to ``v<bands>``.

    Raises:
        DesignError: if there are fewer units than bands, or a value is negative or no number.
    """
    ids = pa.array(unit_ids)
    x = np.asarray(values, dtype=np.float64)
    if len(ids) != len(x) or not bool(np.all((x >= 0) & np.isfinite(x))):
        raise DesignError([_values(len(ids), len(x))])
    if not 1 <= bands <= min(_MOST, len(ids)):
        raise DesignError([_bands(bands, min(_MOST, len(ids)))])
    by_id = pc.sort_indices(ids).to_numpy()
    order = by_id[np.argsort(-x[by_id], kind="stable")]
    names = np.array([f"v{i + 1}" for i in range(bands)])
    band = np.empty(len(x), dtype=np.int64)
    band[order] = np.repeat(np.arange(bands), np.diff(_ends(x[order], bands), prepend=0))
    return names[band]


def _ends(ordered: npt.NDArray[np.float64], bands: int) -> list[int]:
    """Return where each band ends; each takes its share of what is left, one unit at least."""
    ends: list[int] = []
    start = 0
    for left in range(bands, 1, -1):
        rest = ordered[start : len(ordered) - (left - 1)]
        sums = np.cumsum(rest)
        share = math.fsum(ordered[start:].tolist()) / left
        # The unit that crosses the share belongs to the side that it is nearer to.
        taken = int(np.searchsorted(sums, share, side="left"))
        if 0 < taken < len(sums) and share - sums[taken - 1] < sums[taken] - share:
            taken -= 1
        start += min(taken + 1, len(rest))
        ends.append(start)
    return [*ends, len(ordered)]


def _values(ids: int, values: int) -> Fault:
    return Fault(
        "BAND_VALUES", f"There are {ids} units and {values} values; each unit needs one number of "
        "0 or more.", f"有{ids}个对象、{values}个数值；每个对象需要一个不小于0的数。",
    )  # fmt: skip


def _bands(bands: int, most: int) -> Fault:
    return Fault(
        "BAND_COUNT", f"{bands} bands were asked for; choose 1 to {most}.",
        f"要求分为{bands}档；应在1到{most}之间。",
    )  # fmt: skip
