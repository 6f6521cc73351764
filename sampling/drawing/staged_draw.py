"""Draw by any of the designs a plan can have: strata, chances by size, or two stages.

In: frame, design, the files beside the frame, the 32 bytes of the seed. Out: the drawn list as the
``draws`` contract wants it. Under two stages the list holds claims, each with its institution
(``psu_id``), that institution's chance, and how many of its claims were drawn.

The second stage draws in every drawn institution the n_2i claims of smallest number, equal numbers
in the order of the ids' bytes. How many, takes.tsv says of every institution of the frame, drawn or
not: nothing is left to choose once the first stage is known. A claim's number is the HMAC of its
own message, so it has nothing to do with the number that drew its institution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.contracts import table
from sampling.chances import inclusion
from sampling.design import Design
from sampling.drawing.beside import Beside
from sampling.drawing.beside_faults import BesideError
from sampling.drawing.designs import AnyDesign, PpsDesign, TwoStageDesign
from sampling.drawing.draw import draw, random_numbers, rank_in_stratum
from sampling.drawing.fit import fit_faults
from sampling.drawing.pps import select
from sampling.drawing.pps_draw import exact_inclusion
from sampling.faults import checked
from sampling.frame import Frame

_TEXT = pa.large_string()


def draw_by(frame: Frame, design: AnyDesign, beside: Beside, seed: bytes, plan_id: str) -> pa.Table:
    """Return the drawn list, sorted by the bytes of the ids.

    Raises:
        DrawError: if the seed is not 32 bytes, or a stratified design is not the frame's.
        BesideError: if frame, design and the files beside the frame don't belong together.
    """
    if isinstance(design, Design):
        return draw(frame, design, seed, plan_id)
    checked(fit_faults(frame, design, beside), BesideError)
    if isinstance(design, PpsDesign):
        return _by_size(frame, design, beside, seed, plan_id)
    return _second_stage(frame, design, beside, seed, plan_id)


def _by_size(
    frame: Frame, design: PpsDesign, beside: Beside, seed: bytes, plan_id: str
) -> pa.Table:
    weights = beside.weights or ()
    numbers = random_numbers(seed, frame.unit, frame.unit_ids).tolist()
    places = select(weights, design.capacity, numbers)
    chances = exact_inclusion(weights, design.capacity)
    drawn = [chances[k] for k in places]
    at = pa.array(places, pa.int64())
    columns = {
        "plan_id": [plan_id] * len(places),
        "unit": [frame.unit] * len(places),
        "unit_id": frame.unit_ids.take(at),
        "stratum": frame.strata.take(at),
        "tag": ["random" if weights[k] else "take_all" for k in places],
        "stratum_size": pa.array([len(frame)] * len(places), pa.int64()),
        "stratum_draws": pa.array([design.capacity] * len(places), pa.int64()),
        "inclusion_prob": pa.array([float(p) for p in drawn], pa.float64()),
        "random_number": [f"{numbers[k]:016x}" for k in places],
        "size_minor": frame.size_minor[places],
        "chance_numerator": [str(p.numerator) for p in drawn],
        "chance_denominator": [str(p.denominator) for p in drawn],
    }
    return table("draws").conform(pa.table(columns))


def _second_stage(
    frame: Frame, design: TwoStageDesign, beside: Beside, seed: bytes, plan_id: str
) -> pa.Table:
    assert beside.claims is not None and beside.takes is not None  # noqa: S101, PT018 - checked
    first = draw_by(frame, design.first, beside, seed, plan_id).to_pylist()
    drawn = {row["unit_id"]: row for row in first}
    take_of = dict(zip(frame.unit_ids.to_pylist(), beside.takes, strict=True))
    inside = pc.is_in(beside.claims.strata, pa.array(list(drawn), _TEXT))
    kept = np.flatnonzero(inside.to_numpy(zero_copy_only=False))
    rows = pa.array(kept)
    part = Frame(
        beside.claims.unit, beside.claims.unit_ids.take(rows), beside.claims.strata.take(rows),
        beside.claims.size_minor[kept],
    )  # fmt: skip
    names, codes = part.stratum_codes()
    numbers = random_numbers(seed, part.unit, part.unit_ids)
    rank = rank_in_stratum(numbers, codes, len(names))
    limit = np.array([take_of[name] for name in names], dtype=np.int64)
    chosen = np.flatnonzero(rank < limit[codes])
    counts = np.bincount(codes, minlength=len(names))
    psus = [
        {**drawn[name], "psu_id": name, "psu_draws": int(limit[i]), "psu_size": int(counts[i])}
        for i, name in enumerate(names)
    ]
    return _claims_table(part, [psus[c] for c in codes[chosen].tolist()], numbers, chosen)


def _claims_table(
    part: Frame, psus: list[dict[str, Any]], numbers: npt.NDArray[np.uint64],
    chosen: npt.NDArray[np.int64],
) -> pa.Table:  # fmt: skip
    chances = [inclusion(psu) for psu in psus]
    at = pa.array(chosen)
    columns = {
        **{name: [psu[name] for psu in psus] for name in (
            "plan_id", "stratum", "tag", "stratum_size", "stratum_draws", "psu_size", "psu_draws",
        )},
        "unit": [part.unit] * len(psus),
        "unit_id": part.unit_ids.take(at),
        "random_number": [f"{number:016x}" for number in numbers[chosen].tolist()],
        "size_minor": part.size_minor[chosen],
        "psu_id": [psu["psu_id"] for psu in psus],
        "chance_numerator": [psu["chance_numerator"] or str(psu["stratum_draws"]) for psu in psus],
        "chance_denominator": [
            psu["chance_denominator"] or str(psu["stratum_size"]) for psu in psus
        ],
        **{name: [p[name] for p in chances] for name in (
            "inclusion_prob", "inclusion_prob_1", "inclusion_prob_2",
        )},
    }  # fmt: skip
    return table("draws").conform(pa.table(columns))
