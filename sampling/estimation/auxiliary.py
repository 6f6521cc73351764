"""What was known of every unit of the frame before the draw, beside the sample.

In: auxiliary values (such as the score version sealed before the draw) of every unit of the frame
with its stratum. Out: their totals by stratum and the values of the units inspected. Totals are
exactly rounded sums, so they don't depend on the order of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sampling.estimation.sample_faults import (
    SampleError,
    auxiliary_missing,
    auxiliary_place,
    auxiliary_stratum,
)
from sampling.estimation.stratified import Floats, StratifiedSample
from sampling.faults import Fault, checked


@dataclass(frozen=True, eq=False)
class Auxiliary:
    """x per row of the sample (n, p), X per stratum of the frame (H, p)."""

    x: Floats
    X: Floats


def auxiliary(
    sample: StratifiedSample, unit_ids: Sequence[str], strata: Sequence[str], values: npt.ArrayLike
) -> Auxiliary:
    """Return the auxiliary information of the whole frame.

    Args:
        sample: the verdicts.
        unit_ids: every unit of the frame; ``strata`` and ``values`` (N or N x p) are theirs.
        values: one or several numbers per unit.

    Raises:
        SampleError: naming units without a value or in another stratum than in the sample, and
            strata whose number of values is not N_h.
    """
    z = np.asarray(values, dtype=np.float64).reshape(len(unit_ids), -1)
    codes = _codes(sample.strata, strata)
    checked(_frame_faults(sample, unit_ids, codes, z), SampleError)
    wanted = set(sample.unit_ids)
    row = {unit: i for i, unit in enumerate(unit_ids) if unit in wanted}
    faults = [
        auxiliary_missing(u) if u not in row
        else auxiliary_place(u, sample.strata[h], strata[row[u]])
        for u, h in zip(sample.unit_ids, sample.codes.tolist(), strict=True)
        if u not in row or codes[row[u]] != h
    ]  # fmt: skip
    checked(faults, SampleError)
    return Auxiliary(z[[row[u] for u in sample.unit_ids]], _totals(z, codes, len(sample.strata)))


def auxiliary_totals(
    sample: StratifiedSample, values: Mapping[str, float], totals: Mapping[str, float]
) -> Auxiliary:
    """Return one auxiliary of which only the totals by stratum are known beside the sample.

    Raises:
        SampleError: naming units and strata without a finite number.
    """
    faults = [auxiliary_missing(u) for u in sample.unit_ids if not _finite(values.get(u))]
    faults += [
        auxiliary_stratum(name, 0, int(size))
        for name, size in zip(sample.strata, sample.N.tolist(), strict=True)
        if not _finite(totals.get(name))
    ]
    checked(faults, SampleError)
    x = np.array([[values[u]] for u in sample.unit_ids], dtype=np.float64)
    return Auxiliary(x, np.array([[totals[name]] for name in sample.strata], dtype=np.float64))


def _codes(names: Sequence[str], strata: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the place of each stratum's name; -1 where the sample's frame has no such stratum."""
    place = {name: h for h, name in enumerate(names)}
    return np.fromiter((place.get(s, -1) for s in strata), dtype=np.int64, count=len(strata))


def _frame_faults(
    sample: StratifiedSample, unit_ids: Sequence[str], codes: npt.NDArray[np.int64], z: Floats
) -> list[Fault]:
    bad = np.flatnonzero(~np.isfinite(z).all(axis=1))
    faults = [auxiliary_missing(u) for u in sorted(unit_ids[i] for i in bad.tolist())]
    counts = np.bincount(codes[codes >= 0], minlength=len(sample.strata))
    faults += [
        auxiliary_stratum(name, int(have), int(want))
        for name, have, want in zip(sample.strata, counts, sample.N, strict=True)
        if have != want
    ]
    return faults


def _totals(z: Floats, codes: npt.NDArray[np.int64], strata: int) -> Floats:
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes[codes >= 0], minlength=strata)) + int((codes < 0).sum())
    starts = np.concatenate([[int((codes < 0).sum())], ends[:-1]])
    return np.array([
        [math.fsum(z[order[a:b], j].tolist()) for j in range(z.shape[1])]
        for a, b in zip(starts, ends, strict=True)
    ])  # fmt: skip


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
