"""How many units each stratum draws, by a rule that the planner chooses.

In: a frame, the capacity, the random floor and, by rule, what is known of the strata beforehand.
Out: a `Design`, as `sampling.design.allocate` returns it; the certificate holds its integers, so
that whatever rule made them, the draw replays.

`bands` is the rule of `sampling.design`. The others share the capacity so that sum w_h / n_h is as
small as it can be in whole numbers, with lower_h <= n_h <= N_h and sum n_h = capacity:

* `proportional`: w_h = N_h^2. Equal spreads and costs make the best allocation the proportional
  one (Cochran, Sampling Techniques, 3rd ed., 1977, section 5.5); in whole numbers it is Huntington
  and Hill's method of equal proportions.
* `neyman`: w_h = N_h^2 S_h^2 with a guess of S_h^2, the variance within the stratum (Neyman 1934;
  Cochran, section 5.5). The variance of the expanded total is the sum less a constant.
* `cost`: w_h = N_h^2 S_h^2 / c_h with c_h hours per unit, hence n_h in proportion to
  N_h S_h / sqrt(c_h) (Cochran, eq. 5.24).

The smallest sum in whole numbers is reached by giving each next unit to the stratum with the
largest w_h / (n_h (n_h + 1)): Wright, The American Statistician 66 (2012) 217-224, and with lower
and upper bounds Wright, Statistics & Probability Letters 129 (2017) 50-57. Most of these steps are
taken at once, at the level of priority that bisection finds. All comparisons are of exact
fractions; equal priorities go to the stratum whose name comes first by bytes.

The lower bound is the contract's max(2, ceil(f N_h)), or what quotas or the planner ask above it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal, get_args

from sampling.design import (
    Design,
    DesignError,
    Stratum,
    allocate,
    design_faults,
    floor_draws,
    minimum_draws,
)
from sampling.faults import Fault, checked
from sampling.frame import Frame

Rule = Literal["bands", "proportional", "neyman", "cost"]
RULES: tuple[Rule, ...] = get_args(Rule)

_BISECTIONS = 400


@dataclass(frozen=True)
class Knowledge:
    """What a rule may use of the strata, by stratum name.

    ``spreads`` are guesses of S_h^2 (minor units squared), ``hours`` the hours of one unit,
    ``least`` draws that a stratum must have beyond the contract's minimum.
    """

    spreads: Mapping[str, float] = field(default_factory=dict)
    hours: Mapping[str, Fraction] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)


def allocate_by(
    rule: str, frame: Frame, capacity: int, random_share: str | float | Decimal,
    take_all_share: str | float | Decimal = "0", *, take_all: Collection[str] = (),
    known: Knowledge | None = None,
) -> Design:  # fmt: skip
    """Return the design that draws exactly ``capacity`` units by ``rule``.

    Args:
        rule: bands, proportional, neyman or cost.
        frame: the units with their strata.
        capacity: units that can be inspected.
        random_share: part of the capacity that is the random floor, above 0, at most 1.
        take_all_share: part that was set aside for the take-all head; kept for the record.
        take_all: strata that are drawn whole.
        known: spreads and hours of the strata, and draws that they must have.

    Raises:
        DesignError: if the rule is unknown or lacks what it needs of a stratum, or if the capacity
            exceeds the frame or cannot hold the fewest draws.
    """
    if rule not in RULES:
        raise DesignError([_unknown_rule(rule)])
    known = known or Knowledge()
    sizes = frame.stratum_sizes()
    checked(_least_faults(known.least, sizes), DesignError)
    # The rule that has always been; it also says what is wrong with capacity, shares or strata.
    plain = allocate(
        frame, capacity, random_share, take_all_share, bands=known.bands, take_all=take_all
    )
    if rule == "bands" and not known.least:
        return plain
    lower = fewest_draws(sizes, capacity, plain.random_share, take_all, known.least)
    if sum(lower.values()) > capacity:
        raise DesignError([_least_too_much(capacity, sum(lower.values()))])
    if rule == "bands":
        draws = _raised(plain, lower, capacity)
    else:
        draws = best_draws(rule_weights(rule, sizes, known), lower, sizes, capacity)
    return _design(frame, plain, draws, take_all)


def fewest_draws(
    sizes: Mapping[str, int], capacity: int, random_share: Decimal,
    take_all: Collection[str] = (), least: Mapping[str, int] | None = None,
) -> dict[str, int]:  # fmt: skip
    """Return the fewest draws of every stratum: the contract's, or what ``least`` asks above it."""
    frame_size = sum(sizes.values())
    wanted = least or {}
    return {
        name: n if name in take_all
        else max(
            minimum_draws(n, floor_draws(n, capacity, random_share, frame_size)),
            wanted.get(name, 0),
        )
        for name, n in sizes.items()
    }  # fmt: skip


def rule_weights(rule: str, sizes: Mapping[str, int], known: Knowledge) -> dict[str, Fraction]:
    """Return w_h of each stratum for the rule; raises DesignError naming strata that lack a part.

    A stratum where nothing is expected to vary has weight 0: it gets its fewest draws, and more
    only when all others are full.
    """
    spreads = known.spreads if rule in ("neyman", "cost") else dict.fromkeys(sizes, 1.0)
    hours = known.hours if rule == "cost" else dict.fromkeys(sizes, Fraction(1))
    faults = [_no_spread(n) for n in sizes if not (n in spreads and 0 <= spreads[n] < math.inf)] + [
        _no_hours(n) for n in sizes if not hours.get(n, Fraction(0)) > 0
    ]
    checked(faults, DesignError)
    return {name: n * n * Fraction(spreads[name]) / hours[name] for name, n in sizes.items()}


def best_draws(
    weights: Mapping[str, Fraction], lower: Mapping[str, int], upper: Mapping[str, int], total: int
) -> dict[str, int]:
    """Return the whole numbers n_h, of sum ``total``, that minimise sum w_h / n_h in the bounds.

    Strata of weight 0 receive what the others have no room for, in proportion to their size.
    Needs lower >= 1 and sum lower <= total <= sum upper.
    """
    names = sorted(weights, key=str.encode)
    some = [name for name in names if weights[name] > 0]
    none = [name for name in names if weights[name] <= 0]
    draws = {name: lower[name] for name in names}
    spare = total - sum(draws.values())
    room = sum(upper[name] - lower[name] for name in some)
    for group, extra, by in (
        (some, min(spare, room), weights),
        (none, max(0, spare - room), {n: Fraction(upper[n] ** 2) for n in none}),
    ):
        if extra:
            draws |= _filled(group, by, draws, upper, extra)
    return draws


def _filled(
    names: list[str], weights: Mapping[str, Fraction], lower: Mapping[str, int],
    upper: Mapping[str, int], extra: int,
) -> dict[str, int]:  # fmt: skip
    """Take ``extra`` steps from ``lower``, each of the largest w_h / (n (n + 1)) there is."""
    draws = _at_level(names, weights, lower, upper, sum(lower[n] for n in names) + extra)
    left = extra - sum(draws[n] - lower[n] for n in names)
    heap = [
        (-weights[name] / (draws[name] * (draws[name] + 1)), place)
        for place, name in enumerate(names)
        if draws[name] < upper[name]
    ]
    heapq.heapify(heap)
    for _ in range(left):
        _, place = heapq.heappop(heap)
        name = names[place]
        draws[name] += 1
        if draws[name] < upper[name]:
            step = -weights[name] / (draws[name] * (draws[name] + 1))
            heapq.heappush(heap, (step, place))
    return draws


def _at_level(
    names: list[str], weights: Mapping[str, Fraction], lower: Mapping[str, int],
    upper: Mapping[str, int], total: int,
) -> dict[str, int]:  # fmt: skip
    """Return the steps of the lowest level of priority found that takes no more than ``total``."""
    high = max(weights[name] / (lower[name] * (lower[name] + 1)) for name in names)
    low = Fraction(0)
    best = {name: lower[name] for name in names}
    for _ in range(_BISECTIONS):
        if total - sum(best.values()) <= len(names):
            break
        level = (low + high) / 2
        draws = {n: _above(weights[n], level, lower[n], upper[n]) for n in names}
        if sum(draws.values()) <= total:
            high, best = level, draws
        else:
            low = level
    return best


def _above(weight: Fraction, level: Fraction, lower: int, upper: int) -> int:
    """Return the largest n whose step w / (n (n - 1)) lies above the level, within the bounds."""
    product = math.ceil(weight / level) - 1
    return max(lower, min(upper, (1 + math.isqrt(1 + 4 * product)) // 2))


def _raised(plain: Design, lower: Mapping[str, int], capacity: int) -> dict[str, int]:
    """Raise the strata of the plain design to what they must have, at the cost of the others.

    The others give up draws in proportion to what they have beyond their own fewest draws.
    """
    have = {s.name: s.draws for s in plain.strata}
    missing = sum(max(0, lower[name] - n) for name, n in have.items())
    beyond = {name: max(0, n - lower[name]) for name, n in have.items()}
    whole = sum(beyond.values())
    cut = {name: missing * n // whole if whole else 0 for name, n in beyond.items()}
    rest = sorted(beyond, key=lambda n: (cut[n] - Fraction(missing * beyond[n], max(1, whole)), n))
    for name in rest[: missing - sum(cut.values())]:
        cut[name] += 1
    return {name: max(n, lower[name]) - cut[name] for name, n in have.items()}


def _design(
    frame: Frame, plain: Design, draws: Mapping[str, int], take_all: Collection[str]
) -> Design:
    strata = tuple(
        Stratum(s.name, s.units, draws[s.name], s.floor, s.name in take_all) for s in plain.strata
    )
    design = Design(frame.unit, plain.capacity, plain.random_share, plain.take_all_share, strata)
    checked(design_faults(design), DesignError)
    return design


def _least_faults(least: Mapping[str, int], sizes: Mapping[str, int]) -> list[Fault]:
    return [
        Fault(
            "LEAST_DRAWS", f"Stratum '{name}' is to have at least {n} draws, but it has "
            f"{sizes.get(name, 0)} units; ask for 0 to {sizes.get(name, 0)}.",
            f"层“{name}”至少抽取{n}个，但该层有{sizes.get(name, 0)}个对象；"
            f"应在0到{sizes.get(name, 0)}之间。",
        )
        for name, n in sorted(least.items())
        if not 0 <= n <= sizes.get(name, 0)
    ]  # fmt: skip


def _least_too_much(capacity: int, needed: int) -> Fault:
    return Fault(
        "CAPACITY_LEAST", f"The draws that the strata must have come to {needed}, the capacity is "
        f"{capacity}; raise it, or lower a minimum or a quota.",
        f"各层至少须抽取共{needed}个，容量为{capacity}；请提高容量，或降低最少抽取数或配额。",
    )  # fmt: skip


def _unknown_rule(rule: str) -> Fault:
    return Fault(
        "ALLOCATION_RULE", f"There is no allocation rule {rule!r}; choose one of "
        f"{', '.join(RULES)}.", f"没有名为{rule!r}的分配规则，请选用{'、'.join(RULES)}之一。",
    )  # fmt: skip


def _no_spread(name: str) -> Fault:
    return Fault(
        "ALLOCATION_SPREAD", f"Stratum '{name}' has no guess of its variance, a number from 0; "
        "score the units, or allocate proportionally.",
        f"层“{name}”没有方差的预估（应为不小于0的数）；请先评分，或改用按比例分配。",
    )  # fmt: skip


def _no_hours(name: str) -> Fault:
    return Fault(
        "ALLOCATION_HOURS", f"Stratum '{name}' has no hours per unit above 0; give them for its "
        "class or for every unit.",
        f"层“{name}”没有每个对象的工时（应大于0）；请按类别或统一给出。",
    )  # fmt: skip
