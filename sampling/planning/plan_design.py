"""A design made from scored units and a planner's choices, with all that a forecast needs.

In: `PlanUnits`, one row per unit of the frame, and `DesignOptions`. Out: a `PlannedDesign`: frame,
design and, per unit in the order given, the place of its stratum. Nothing is drawn or sealed.

Strata are those of `planning.stratify`, with risk bands or bands of amounts; the rule shares out
the capacity (`planning.allocation`). The take-all head gives way to the random part: it is never
more than what the random floor leaves of the capacity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sampling.design import Design, DesignError
from sampling.faults import Fault
from sampling.frame import Frame, make_frame
from sampling.planning.allocation import Knowledge, Rule, allocate_by
from sampling.planning.predicted import (
    Estimator,
    Floats,
    Ints,
    Predicted,
    by_stratum,
    hedged_spreads,
    variances_within,
)
from sampling.planning.stratify import stratify
from sampling.planning.value_bands import equal_aggregate_bands

Band = Literal["risk", "amount"]
DIMENSIONS = ("district", "rotation")
AMOUNT_BANDS = 4


@dataclass(frozen=True, eq=False)
class PlanUnits:
    """The units of a frame with what is known of them before the draw; all of one length.

    ``facts`` holds text columns: institution_id, institution_class, level, district, and where
    known rotation and claim_type. ``model`` is None before any verdict.
    """

    unit: str
    unit_ids: pa.Array
    risk_rank: Ints
    size_minor: Ints
    facts: Mapping[str, pa.Array]
    model: Predicted | None = None

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.unit_ids)

    def coded(self, column: str) -> tuple[list[str], Ints]:
        """Return the values of a column, sorted by bytes, and each unit's place among them."""
        encoded = self.facts[column].dictionary_encode()
        values = encoded.dictionary.to_pylist()
        order = sorted(range(len(values)), key=lambda i: values[i].encode())
        place = np.empty(len(values), dtype=np.int64)
        place[order] = np.arange(len(values))
        return [values[i] for i in order], place[encoded.indices.to_numpy(zero_copy_only=False)]


@dataclass(frozen=True)
class DesignOptions:
    """What the planner decides about a design.

    ``dimensions`` are those of `DIMENSIONS` that the strata have beside class, level and band.
    ``estimator`` says which total the allocation serves: plain or by regression on the score.
    """

    capacity: int
    random_share: Decimal = Decimal("0.3")
    take_all_share: Decimal = Decimal("0.3")
    allocation: Rule = "bands"
    dimensions: tuple[str, ...] = ()
    band: Band = "risk"
    amount_bands: int = AMOUNT_BANDS
    estimator: Estimator = "expansion"


@dataclass(frozen=True, eq=False)
class PlannedDesign:
    """A design, its frame, and per unit (in the order given) the place of its stratum."""

    units: PlanUnits
    frame: Frame
    design: Design
    codes: Ints
    hours: Mapping[str, Fraction] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)

    @property
    def draws(self) -> Ints:
        """n_h by stratum."""
        return np.array([s.draws for s in self.design.strata], dtype=np.int64)

    @property
    def sizes(self) -> Ints:
        """N_h by stratum."""
        return np.array([s.units for s in self.design.strata], dtype=np.int64)

    @property
    def inclusion_prob(self) -> Floats:
        """Pi = n_h / N_h of each unit."""
        return (self.draws / self.sizes)[self.codes]

    def with_design(self, design: Design) -> PlannedDesign:
        """Return the same strata with other draws."""
        return replace(self, design=design)


def plan_design(
    units: PlanUnits, options: DesignOptions, unit_hours: Sequence[Fraction] | None = None
) -> PlannedDesign:
    """Return the design of these choices.

    Args:
        units: the frame; the order of the rows is irrelevant.
        options: what the planner decides.
        unit_hours: hours of inspecting each unit, in the order of ``units``.

    Raises:
        FrameError, DesignError: naming units, columns or strata, or the smallest capacity.
    """
    strata, bands, take_all = _strata(units, options)
    frame = make_frame(units.unit, units.unit_ids, strata, pa.array(units.size_minor))
    names, codes = _codes(strata)
    hours = stratum_hours(names, codes, unit_hours)
    known = Knowledge(stratum_spreads(units, names, codes, options.estimator), hours, {}, bands)
    head = _head(options)
    design = allocate_by(
        options.allocation, frame, options.capacity, options.random_share, head,
        take_all=take_all, known=known,
    )  # fmt: skip
    return PlannedDesign(units, frame, design, codes, hours, bands)


def stratum_spreads(
    units: PlanUnits, names: Sequence[str], codes: Ints, estimator: Estimator = "expansion"
) -> dict[str, float]:
    """Return the guess of S_h^2 by stratum: from the score, or from sizes before any verdict."""
    if units.model is None:
        values = variances_within(codes, len(names), units.size_minor.astype(np.float64))
    else:
        values = hedged_spreads(codes, len(names), units.model, units.size_minor, estimator)
    return dict(zip(names, values.tolist(), strict=True))


def stratum_hours(
    names: Sequence[str], codes: Ints, unit_hours: Sequence[Fraction] | None
) -> dict[str, Fraction]:
    """Return the mean hours of a unit of each stratum, exactly; nothing where none are given."""
    if unit_hours is None:
        return {}
    kinds = sorted(set(unit_hours))
    kind = np.searchsorted(np.array(kinds, dtype=object), np.array(unit_hours, dtype=object))
    counts = np.zeros((len(names), len(kinds)), dtype=np.int64)
    np.add.at(counts, (codes, kind.astype(np.int64)), 1)
    return {
        name: sum((int(n) * k for n, k in zip(row, kinds, strict=True)), Fraction(0))
        / int(row.sum())
        for name, row in zip(names, counts, strict=True)
    }  # fmt: skip


def stratum_totals(planned: PlannedDesign, values: npt.ArrayLike) -> Floats:
    """Return the exactly rounded sum of a value per unit, by stratum."""
    z = np.asarray(values, dtype=np.float64)
    return by_stratum(planned.codes, len(planned.design.strata), z)


def _strata(
    units: PlanUnits, options: DesignOptions
) -> tuple[pa.Array, Mapping[str, str], frozenset[str]]:
    unknown = [d for d in options.dimensions if d not in DIMENSIONS or d not in units.facts]
    if unknown:
        raise DesignError([_no_dimension(d) for d in unknown])
    wanted: dict[str, Any] = {d: units.facts[d] for d in options.dimensions}
    if options.band == "amount":
        bands = min(options.amount_bands, len(units))
        sizes = units.size_minor.astype(np.float64)
        wanted["band"] = pa.array(equal_aggregate_bands(units.unit_ids, sizes, bands).tolist())
    made = stratify(
        units.unit_ids, pa.array(units.risk_rank), units.facts["institution_class"],
        units.facts["level"], capacity=options.capacity, random_share=options.random_share,
        take_all_share=_head(options), **wanted,
    )  # fmt: skip
    return made.strata, made.bands, made.take_all


def _head(options: DesignOptions) -> Decimal:
    return min(options.take_all_share, 1 - options.random_share)


def _codes(strata: pa.Array) -> tuple[list[str], Ints]:
    encoded = strata.dictionary_encode()
    found = encoded.dictionary.to_pylist()
    names = sorted(found, key=str.encode)
    place = np.array([names.index(name) for name in found], dtype=np.int64)
    return names, place[encoded.indices.to_numpy(zero_copy_only=False)]


def _no_dimension(name: str) -> Fault:
    return Fault(
        "DIMENSION", f"The strata cannot be made by '{name}': choose of {', '.join(DIMENSIONS)}, "
        "and only what is known of the units.",
        f"不能按“{name}”分层：可选{'、'.join(DIMENSIONS)}，且须是对象已知的信息。",
    )  # fmt: skip
