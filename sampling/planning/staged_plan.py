"""Make a design by size, or in two stages, and the files it rests on.

In: a frame of institutions, how many to draw; for two stages the frame of claims and how many of
each institution. Out: a design and its `Beside`, checked. Nothing is drawn.

How many claims each institution would give is fixed here for all of them, drawn or not: n_2i =
min(M_i, max(2, k)), or with a share s min(M_i, max(2, ceil(s M_i))).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from sampling.design import Design
from sampling.drawing import beside_faults as say
from sampling.drawing.beside import Beside, takes_hash
from sampling.drawing.beside_faults import BesideError
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.drawing.fit import all_faults
from sampling.drawing.pps_draw import frame_weights, weights_hash
from sampling.faults import checked
from sampling.frame import Frame, frame_hash

_EACH = re.compile(r"(?P<count>[1-9][0-9]{0,8})|(?P<percent>[0-9]{1,3}(\.[0-9]{1,6})?)%")


def plan_by_size(frame: Frame, n: int) -> tuple[PpsDesign, Beside]:
    """Return the design that draws n institutions with chances by ``size_minor``.

    Raises:
        PpsError: naming institutions of size 0, or if n is not between 1 and the institutions.
        BesideError: if the frame has strata, or one institution alone is left to chance.
    """
    beside = Beside(weights=tuple(frame_weights(frame, n)))
    design = PpsDesign(frame.unit, n, weights_hash(frame, beside.weights or ()))
    checked(all_faults(frame, design, beside), BesideError)
    return design, beside


def plan_two_stages(
    frame: Frame, first: Design | PpsDesign, beside: Beside, claims: Frame, each: str
) -> tuple[TwoStageDesign, Beside]:
    """Return the design that draws institutions by ``first``, then claims within each.

    Args:
        frame: the institutions.
        first: how they are drawn.
        beside: what ``first`` rests on.
        claims: the claims; their strata are the institutions.
        each: ``"10"`` or ``"5%"`` of the claims of each institution, never fewer than two.

    Raises:
        BesideError: naming institutions without claims, and claims without institution.
    """
    rule = parse_each(each)
    sizes = claims.stratum_sizes()
    takes = tuple(rule(sizes.get(unit, 0)) for unit in frame.unit_ids.to_pylist())
    design = TwoStageDesign(
        first, len(claims), frame_hash(claims), takes_hash(frame, claims, takes)
    )
    both = Beside(beside.weights, claims, takes)
    checked(all_faults(frame, design, both), BesideError)
    return design, both


def parse_each(text: str) -> Callable[[int], int]:
    """Return n_2i as a function of M_i; raises BesideError for what is no number or share."""
    match = _EACH.fullmatch(text.strip())
    if match is None or match["count"] == "1":
        raise BesideError([say.bad_each(text)])
    if match["count"]:
        count = int(match["count"])
        return lambda claims: min(claims, count)
    share = Fraction(match["percent"]) / 100
    if not 0 < share <= 1:
        raise BesideError([say.bad_each(text)])
    return lambda claims: min(claims, max(2, -int(-share * claims // 1)))
