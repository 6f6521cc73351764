"""Whether frame, design and the files beside the frame belong together, and obey the rules.

In: all three. Out: every fault, each naming its unit or file. What is refused here is refused when
a plan is sealed, before it is drawn, and when it is replayed.

Under a design by size the chances must follow the sizes: whoever makes the weights could otherwise
favour a unit under that name. The check is exact, on fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sampling.design import Design
from sampling.drawing import beside_faults as say
from sampling.drawing.beside import CLAIMS_FILE, TAKES_FILE, Beside, takes_hash
from sampling.drawing.designs import (
    FIRST_UNIT,
    SECOND_UNIT,
    AnyDesign,
    PpsDesign,
    TwoStageDesign,
    own_faults,
)
from sampling.drawing.draw import match_faults
from sampling.drawing.pps import memory_faults
from sampling.drawing.pps_draw import WEIGHTS_FILE, exact_inclusion, sample_sum, weights_hash
from sampling.drawing.pps_faults import size_faults, weight_faults
from sampling.faults import Fault
from sampling.frame import Frame, frame_hash

LONGEST_CHANCE = 4_000
"""Digits of the longest chance; programs may refuse to read decimal numbers of more than that."""

TOLERANCE = Fraction(1, 10**6)
"""How far a chance may be from that of the size: weights are whole numbers, found in floats."""


def fit_faults(frame: Frame, design: AnyDesign, beside: Beside) -> list[Fault]:
    """Return everything that does not fit; the design's own rules are `own_faults`."""
    if isinstance(design, Design):
        return match_faults(frame, design)
    if isinstance(design, PpsDesign):
        return _pps_faults(frame, design, beside)
    return fit_faults(frame, design.first, beside) + _second_faults(frame, design, beside)


def all_faults(frame: Frame, design: AnyDesign, beside: Beside) -> list[Fault]:
    """Return what does not fit, and what breaks the design's own rules."""
    return own_faults(design) + fit_faults(frame, design, beside)


def exact_targets(sizes: Sequence[int], n: int) -> list[Fraction]:
    """Return the chances that sizes give: n x_k / X, certain units taken out and the rest shared.

    As `drawing.pps.target_probabilities`, in fractions.
    """
    certain: set[int] = set()
    while True:
        rest = sum(x for k, x in enumerate(sizes) if k not in certain)
        left = n - len(certain)
        more = {k for k, x in enumerate(sizes) if k not in certain and left * x >= rest}
        if not more:
            break
        certain |= more
    return [Fraction(1) if k in certain else Fraction(left * x, rest) for k, x in enumerate(sizes)]


def _pps_faults(frame: Frame, design: PpsDesign, beside: Beside) -> list[Fault]:
    faults = _unit_faults(frame.unit, FIRST_UNIT)
    strata = len(frame.stratum_sizes())
    faults += [say.several_strata(strata)] if strata > 1 else []
    ids = frame.unit_ids.to_pylist()
    sizes = [int(size) for size in frame.size_minor.tolist()]
    faults += size_faults(sizes, design.capacity, ids)
    if beside.weights is None:
        return [*faults, say.absent(WEIGHTS_FILE)]
    found = weights_hash(frame, beside.weights)
    if found != design.weights_sha256:
        faults.append(say.other_file(WEIGHTS_FILE, found, design.weights_sha256))
    faults += weight_faults(beside.weights, design.capacity)
    if faults:
        return faults
    certain = sum(1 for w in beside.weights if w == 0)
    if design.capacity - certain == 1:
        faults.append(say.one_left(design.capacity, certain))
    open_ = [w for w in beside.weights if w]
    faults += memory_faults(open_, design.capacity - certain)
    if not faults and sample_sum(beside.weights, design.capacity) >= 10**LONGEST_CHANCE:
        faults.append(say.too_long(design.capacity, len(frame)))
    return faults or _size_rule_faults(ids, sizes, beside.weights, design.capacity)


def _size_rule_faults(
    ids: Sequence[str], sizes: Sequence[int], weights: Sequence[int], n: int
) -> list[Fault]:
    """Return the units whose chance is not that of their size, or certain where it is not."""
    chances, wanted = exact_inclusion(weights, n), exact_targets(sizes, n)
    return [
        say.not_by_size(unit, float(have), float(want))
        for unit, have, want in zip(ids, chances, wanted, strict=True)
        if abs(have - want) > TOLERANCE or (have == 1) != (want == 1)
    ]


def _second_faults(frame: Frame, design: TwoStageDesign, beside: Beside) -> list[Fault]:
    claims, takes = beside.claims, beside.takes
    if claims is None or takes is None:
        return [say.absent(CLAIMS_FILE if claims is None else TAKES_FILE)]
    faults = _unit_faults(frame.unit, FIRST_UNIT) + _unit_faults(claims.unit, SECOND_UNIT)
    if len(claims) != design.claims:
        faults.append(say.other_count(len(claims), design.claims))
    for name, found, sealed in (
        (CLAIMS_FILE, frame_hash(claims), design.claims_sha256),
        (TAKES_FILE, takes_hash(frame, claims, takes), design.takes_sha256),
    ):
        if found != sealed:
            faults.append(say.other_file(name, found, sealed))
    return faults + _take_faults(frame, claims, takes)


def _take_faults(frame: Frame, claims: Frame, takes: Sequence[int]) -> list[Fault]:
    sizes = claims.stratum_sizes()
    ids = frame.unit_ids.to_pylist()
    faults = [say.stranger(name) for name in sorted(sizes.keys() - set(ids), key=str.encode)]
    for unit_id, take in zip(ids, takes, strict=True):
        claimed = sizes.get(unit_id, 0)
        if claimed == 0:
            faults.append(say.no_claims(unit_id))
        elif not min(claimed, 2) <= take <= claimed:
            faults.append(say.bad_take(unit_id, take, claimed))
    return faults


def _unit_faults(found: str, wanted: str) -> list[Fault]:
    return [] if found == wanted else [say.unit_kind(found, wanted)]
