"""How many units each stratum draws.

In: a frame, the capacity, and how much of it is drawn at random over the whole frame. Out: a
`Design` with the integers N_h, n_h and the random floor of every stratum.

The random floor is f = random_share x capacity / N. Every stratum draws n_h >= max(2, ceil(f N_h))
units, or all of them where it has fewer, so that its variance can be estimated (Cochran, Sampling
Techniques, 3rd ed., 1977, section 5.4) and no unit has a zero chance. A take-all stratum draws
all of its units. What is left of the capacity goes to the bands in the proportion
`BAND_SHARES`, within a band in proportion to N_h, by largest remainders. All arithmetic is on
integers and fractions: no rounding of floats decides who is inspected.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from sampling.faults import Fault, SamplingError, checked
from sampling.frame import Frame

BAND_SHARES: Mapping[str, int] = {"b1": 70, "b2": 25, "b3": 5}
"""Parts of the capacity above the floor that each risk band receives."""

_CAPACITY = re.compile(r"(?P<count>[1-9][0-9]{0,14})|(?P<percent>[0-9]{1,3}(\.[0-9]{1,6})?)%")


class DesignError(SamplingError):
    """No design fits the frame and the capacity."""


@dataclass(frozen=True)
class Stratum:
    """One stratum: N_h units, n_h draws, of which the first ``floor`` are the random part."""

    name: str
    units: int
    draws: int
    floor: int
    take_all: bool


@dataclass(frozen=True)
class Design:
    """The numbers of a draw, fixed before it; strata are sorted by the bytes of their names."""

    unit: str
    capacity: int
    random_share: Decimal
    take_all_share: Decimal
    strata: tuple[Stratum, ...]

    @property
    def units(self) -> int:
        """N, the units of the whole frame."""
        return sum(stratum.units for stratum in self.strata)


def parse_capacity(text: str, frame_size: int) -> int:
    """Return the capacity as a number of units: ``"200"`` or ``"2%"`` of the frame, rounded up.

    Raises:
        DesignError: if it is not such a text, is zero, or is more than the frame has.
    """
    match = _CAPACITY.fullmatch(text.strip())
    if match is None:
        raise DesignError([Fault(
            "CAPACITY_TEXT", f"The capacity is {text!r}; write a whole number from 1 such as 200, "
            "or a share of the frame such as 2%.",
            f"检查容量为{text!r}；应为不小于1的整数（如200）或占抽样框的百分比（如2%）。",
        )])  # fmt: skip
    if match["count"]:
        capacity = int(match["count"])
    else:
        capacity = -int(-Fraction(match["percent"]) * frame_size // 100)
    checked(_capacity_faults(capacity, frame_size), DesignError)
    return capacity


def parse_share(share: str | float | Decimal, name: str, *, zero: bool) -> Decimal:
    """Return a share of the capacity as an exact decimal between 0 and 1.

    Raises:
        DesignError: if it is no such number, or 0 where ``zero`` is not allowed.
    """
    try:
        value = Decimal(str(share))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= 1 or (value == 0 and not zero):
        raise DesignError([Fault(
            "SHARE", f"The {name} is {share!r}; it must lie between 0 and 1"
            + ("." if zero else ", and above 0: without it units would have no chance."),
            f"{name}为{share!r}，应在0和1之间"
            + ("。" if zero else "且大于0，否则有对象没有机会入样。"),
        )])  # fmt: skip
    return value.normalize() + 0


def floor_draws(units: int, capacity: int, random_share: Decimal, frame_size: int) -> int:
    """Return ceil(f N_h) with f = random_share x capacity / N, exactly."""
    return -int(-Fraction(random_share) * capacity * units // frame_size)


def minimum_draws(units: int, floor: int) -> int:
    """Return the fewest draws a stratum may have: max(2, floor), or all of its units."""
    return min(units, max(2, floor))


def take_all_head(capacity: int, take_all_share: Decimal, frame_size: int) -> int:
    """Return how many units at the head of the ranking are all inspected."""
    return min(frame_size, int(Fraction(take_all_share) * capacity))


def allocate(
    frame: Frame, capacity: int, random_share: str | float | Decimal,
    take_all_share: str | float | Decimal = "0", *, bands: Mapping[str, str] | None = None,
    take_all: Collection[str] = (),
) -> Design:  # fmt: skip
    """Return the design that draws exactly ``capacity`` units from the strata of ``frame``.

    Args:
        frame: the units with their strata.
        capacity: units that can be inspected.
        random_share: part of the capacity that is the random floor, above 0, at most 1.
        take_all_share: part that was set aside for the take-all head; kept for the record.
        bands: risk band (b1, b2, b3) by stratum; a stratum without one counts as b1.
        take_all: strata that are drawn whole.

    Raises:
        DesignError: if the capacity exceeds the frame or cannot hold the fewest draws; the
            sentence names the smallest capacity that can.
    """
    random_part = parse_share(random_share, "random_share", zero=False)
    head_part = parse_share(take_all_share, "take_all_share", zero=True)
    sizes = frame.stratum_sizes()
    checked(_capacity_faults(capacity, len(frame)), DesignError)
    unknown = sorted(set(take_all) - set(sizes))
    if unknown:
        raise DesignError([_unknown_strata(unknown)])
    floors = {name: floor_draws(n, capacity, random_part, len(frame)) for name, n in sizes.items()}
    draws = {
        name: units if name in take_all else minimum_draws(units, floors[name])
        for name, units in sizes.items()
    }
    spare = capacity - sum(draws.values())
    if spare < 0:
        raise DesignError([_too_small(
            capacity, smallest_capacity(sizes, take_all, random_part)
        )])  # fmt: skip
    for name, more in _spread(spare, sizes, draws, bands or {}).items():
        draws[name] += more
    strata = tuple(
        Stratum(name, units, draws[name], floors[name], name in take_all)
        for name, units in sizes.items()
    )
    design = Design(frame.unit, capacity, random_part, head_part, strata)
    checked(design_faults(design), DesignError)
    return design


def smallest_capacity(
    sizes: Mapping[str, int], take_all: Collection[str], random_share: Decimal
) -> int:
    """Return the smallest capacity that holds the fewest draws of these strata.

    The fewest draws never fall as the capacity grows, so a capacity that is too small may be
    raised at once to the draws that it would need.
    """
    frame_size = sum(sizes.values())
    capacity = 1
    while True:
        needed = sum(
            n if name in take_all
            else minimum_draws(n, floor_draws(n, capacity, random_share, frame_size))
            for name, n in sizes.items()
        )  # fmt: skip
        if needed <= capacity:
            return capacity
        capacity = needed


def design_faults(design: Design) -> list[Fault]:
    """Return what breaks the rules of a design; a certificate is held to them too."""
    faults = []
    frame_size = design.units
    for s in design.strata:
        floor = floor_draws(s.units, design.capacity, design.random_share, frame_size)
        least = minimum_draws(s.units, floor)
        if s.units < 1 or s.floor != floor or not least <= s.draws <= s.units:
            faults.append(_bad_stratum(s, floor, least))
        elif s.take_all and s.draws != s.units:
            faults.append(_bad_stratum(s, floor, s.units))
    drawn = sum(s.draws for s in design.strata)
    if drawn != design.capacity:
        faults.append(Fault(
            "DESIGN_SUM", f"The strata draw {drawn} units, the capacity is {design.capacity}.",
            f"各层共抽取{drawn}个对象，与容量{design.capacity}不符。",
        ))  # fmt: skip
    return faults


def _spread(
    spare: int, sizes: Mapping[str, int], draws: Mapping[str, int], bands: Mapping[str, str]
) -> dict[str, int]:
    """Share the spare capacity out over bands, then over the strata of each band."""
    members = {band: [n for n in sizes if bands.get(n, "b1") == band] for band in BAND_SHARES}
    unknown = sorted(n for n in sizes if bands.get(n, "b1") not in BAND_SHARES)
    if unknown:
        raise DesignError([_unknown_strata(unknown)])
    rooms = {band: [sizes[n] - draws[n] for n in names] for band, names in members.items()}
    parts = share_out(spare, list(BAND_SHARES.values()), [sum(r) for r in rooms.values()])
    more: dict[str, int] = {}
    for (band, names), part in zip(members.items(), parts, strict=True):
        each = share_out(part, [sizes[n] for n in names], rooms[band])
        more |= dict(zip(names, each, strict=True))
    return more


def share_out(total: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """Split ``total`` by ``weights`` into whole numbers, none above its room.

    Largest remainders; equal remainders go to the earlier place. What a full place cannot take
    is split again among the others. Needs ``total <= sum(rooms)`` and positive weights.
    """
    given = [0] * len(weights)
    while total > 0:
        open_ = [i for i, room in enumerate(rooms) if given[i] < room]
        whole = sum(weights[i] for i in open_)
        quota = {i: divmod(total * weights[i], whole) for i in open_}
        left = total - sum(q for q, _ in quota.values())
        lucky = set(sorted(open_, key=lambda i: (-quota[i][1], i))[:left])
        for i in open_:
            step = min(quota[i][0] + (i in lucky), rooms[i] - given[i])
            given[i] += step
            total -= step
    return given


def _capacity_faults(capacity: int, frame_size: int) -> list[Fault]:
    if 1 <= capacity <= frame_size:
        return []
    return [Fault(
        "CAPACITY_RANGE", f"The capacity is {capacity} but the frame has {frame_size} units; "
        f"choose a capacity from 1 to {frame_size}.",
        f"检查容量为{capacity}，而抽样框有{frame_size}个对象；容量应在1到{frame_size}之间。",
    )]  # fmt: skip


def _too_small(capacity: int, smallest: int) -> Fault:
    return Fault(
        "CAPACITY_SMALL", f"A capacity of {capacity} cannot hold the fewest draws that the strata "
        f"need; the smallest feasible capacity is {smallest}.",
        f"检查容量{capacity}低于各层所需的最少抽取数；可行的最小容量为{smallest}。",
    )  # fmt: skip


def _unknown_strata(names: Sequence[str]) -> Fault:
    return Fault(
        "STRATUM_UNKNOWN", f"These strata are not in the frame or have no known band: "
        f"{', '.join(names)}.", f"以下层不在抽样框中或风险档未知：{'、'.join(names)}。",
    )  # fmt: skip


def _bad_stratum(s: Stratum, floor: int, least: int) -> Fault:
    return Fault(
        "DESIGN_STRATUM", f"Stratum '{s.name}' with {s.units} units draws {s.draws} with a floor "
        f"of {s.floor}; it must draw {least} to {s.units} with a floor of {floor}.",
        f"层“{s.name}”有{s.units}个对象，抽取{s.draws}个，随机下限{s.floor}；应抽取{least}至"
        f"{s.units}个，随机下限{floor}。",
    )  # fmt: skip
