"""The institutions of a frame, with what is known and predicted of their units.

In: units with their institutions, in any order. Out: `Clusters`, one row per institution in the
order of the frame; the hours and the coverage of a design over them, as expected values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sampling.planning.predicted import (
    Floats,
    Ints,
    Predicted,
    by_stratum,
    spread_guesses,
    without_score,
)


@dataclass(frozen=True, eq=False)
class Moments:
    """Of each institution under a model of independent units, with y_k of variance v_k.

    ``mean`` and ``variance`` are those of the total t_i, ``spread`` is the expected S_i^2, and
    ``pairs`` the sum of sqrt(v_k v_l) over k != l: what a correlation adds to the variance of t_i.
    """

    mean: Floats
    variance: Floats
    spread: Floats
    pairs: Floats

    def alike(self, correlation: float, counts: Ints) -> Moments:
        """Return the moments where units of one institution are correlated."""
        more = correlation * self.pairs
        mean_pair = more / np.maximum(counts * (counts - 1), 1)
        return replace(self, variance=self.variance + more, spread=self.spread - mean_pair)


@dataclass(frozen=True, eq=False)
class Clusters:
    """The institutions of a frame in its order, with what is known of their units.

    ``counts`` is M_i, ``money`` the size of all units, ``hours`` the mean hours of one, ``visit``
    the hours of an institution however many of its units are listed. ``chance`` is the expected
    number of findings; ``scored`` and ``unscored`` are the two models. None: not known.
    """

    counts: Ints
    money: Floats
    classes: Sequence[str]
    chance: Floats | None = None
    scored: Moments | None = None
    unscored: Moments | None = None
    hours: Floats | None = None
    visit: float = 0.0


@dataclass(frozen=True)
class ClassSeen:
    """Of a class: its institutions, how many are drawn, and which part of its money is listed."""

    value: str
    institutions: int
    drawn: float
    money_share: float


def clusters(
    psu: Ints, size_minor: Ints, classes: Sequence[str], model: Predicted | None = None,
    hours: Floats | None = None, visit: float = 0.0,
) -> Clusters:  # fmt: skip
    """Return the institutions of units that are given in any order.

    Args:
        psu: per unit the place of its institution in the frame; each has one unit at least.
        size_minor: per unit its money.
        classes: per institution its class, in the order of the frame.
        model: what is predicted of the units.
        hours: per unit the hours of its inspection.
        visit: hours of an institution that is drawn.
    """
    count = len(classes)
    counts = np.bincount(psu, minlength=count).astype(np.int64)

    def moments(known: Predicted) -> Moments:
        noise = by_stratum(psu, count, known.variance)
        roots = by_stratum(psu, count, np.sqrt(known.variance))
        return Moments(
            by_stratum(psu, count, known.mean), noise, spread_guesses(psu, count, known),
            np.maximum(roots**2 - noise, 0.0),
        )  # fmt: skip

    return Clusters(
        counts, by_stratum(psu, count, size_minor.astype(np.float64)), classes,
        None if model is None else by_stratum(psu, count, model.chance),
        None if model is None else moments(model),
        None if model is None else moments(without_score(model, size_minor)),
        None if hours is None else by_stratum(psu, count, hours) / counts, visit,
    )  # fmt: skip


def expected_hours(pi: Floats, known: Clusters, takes: Ints) -> float | None:
    """Return sum pi_i (visit + n_i x mean hours of the institution's units)."""
    if known.hours is None:
        return None
    return expected(pi, known.visit + takes * known.hours)


def expected(rate: Floats | Ints, values: Floats) -> float:
    """Return the exactly rounded sum of products."""
    return math.fsum((rate * values).tolist())


def classes_seen(pi: Floats, rate: Floats, known: Clusters) -> list[ClassSeen]:
    """Return what is seen of each class, then of all under an empty name."""
    kinds = np.array(known.classes)
    found = []
    for value in [*sorted(set(known.classes), key=str.encode), ""]:
        mine = kinds == value if value else np.ones(len(kinds), dtype=np.bool_)
        whole = math.fsum(known.money[mine].tolist())
        seen = expected(rate[mine], known.money[mine])
        found.append(ClassSeen(
            value, int(mine.sum()), math.fsum(pi[mine].tolist()), seen / whole if whole else 0.0
        ))  # fmt: skip
    return found
