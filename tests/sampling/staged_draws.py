"""Many draws by size and in two stages at once, and populations of institutions to draw from.

The draws are those of the library, for all repeats together: by size unit after unit is taken with
the thresholds of `sampling.drawing.pps.select`, from strata and within institutions the smallest
numbers. `test_staged_coverage` holds them to `draw_by`, number for number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sampling.drawing.pps import inclusion_probabilities, joint_inclusion_probabilities
from sampling.drawing.pps_draw import frame_weights
from sampling.estimation.intervals import Estimated
from sampling.estimation.pps_estimate import pps_total
from sampling.estimation.staged_replication import (
    FirstStage,
    first_stage_by_size,
    first_stage_of_strata,
)
from sampling.estimation.stratified import StratifiedSample
from sampling.estimation.two_stage import Institution, two_stage_pps_total, two_stage_total
from sampling.frame import Frame, make_frame

CLINICS, HOSPITALS = 160, 80
DRAWN, EACH = 48, 8
STRATUM_DRAWS = {"clinic": 20, "hospital/big": 12, "hospital/small": 16}
SHARES = {
    "plenty": {"clinic": 0.4, "hospital": 0.9}, "few": {"clinic": 0.04, "hospital": 0.3},
    "hardly": {"clinic": 0.02, "hospital": 0.15}, "uneven": {"clinic": 0.35, "hospital": 0.35},
}  # fmt: skip
"""Institutions that cheat: a clinic with every tenth claim, a hospital with every third; where they
are uneven, some with hardly any claim and some with nearly all (a beta distribution)."""


@dataclass(frozen=True, eq=False)
class Population:
    """Institutions in the order of their ids, and what is wrong with each of their claims."""

    frame: Frame
    strata: np.ndarray
    wrong: list[np.ndarray]
    weights: list[int]

    @cached_property
    def totals(self) -> np.ndarray:
        return np.array([w.sum() for w in self.wrong])

    @property
    def truth(self) -> float:
        return float(self.totals.sum())

    @cached_property
    def pi(self) -> np.ndarray:
        return inclusion_probabilities(self.weights, DRAWN)

    @cached_property
    def joint(self) -> np.ndarray:
        return joint_inclusion_probabilities(self.weights, DRAWN)


def population(name: str) -> Population:
    """Village clinics, mostly honest, and hospitals, skewed in size, some of which cheat."""
    rng = np.random.default_rng(20261122)
    wrong, paid, strata = [], [], []
    for i in range(CLINICS + HOSPITALS):
        kind = "clinic" if i < CLINICS else "hospital"
        claims = int(rng.lognormal(2.5 if i < CLINICS else 4.0, 0.8)) + 2
        amounts = rng.lognormal(7 if i < CLINICS else 9, 0.8, claims).round() + 1
        cheats = rng.random() < SHARES[name][kind]
        rate = rng.beta(0.3, 1.0) if name == "uneven" else 0.1 if i < CLINICS else 0.33
        found = rng.random(claims) < rate * cheats
        wrong.append(np.where(found, (amounts * rng.uniform(0.2, 1, claims)).round(), 0))
        paid.append(int(amounts.sum()))
        band = "/big" if claims > 70 else "/small"
        strata.append(kind + (band if kind == "hospital" else ""))
    ids = [f"i{i:03d}" for i in range(len(wrong))]
    frame = make_frame("institution", ids, ["all"] * len(ids), paid)
    return Population(frame, np.array(strata), wrong, frame_weights(frame, DRAWN))


def by_size(weights: list[int], n: int, numbers: np.ndarray) -> np.ndarray:
    """Return which units every row of ``numbers`` (from 0 to 1) draws, as `select` does."""
    thresholds = taking(weights, n)
    left = np.full(len(numbers), n - weights.count(0))
    taken = np.zeros(numbers.shape, dtype=bool)
    for k, w in enumerate(weights):
        taken[:, k] = (numbers[:, k] < thresholds[k, left]) if w else True
        left -= taken[:, k] * (w > 0)
    return taken


def taking(weights: list[int], n: int) -> np.ndarray:
    """Return w_k R(r - 1, later) / R(r, k and later) for every unit and r, from whole sums."""
    sums = [1] + [0] * n
    found = np.zeros((len(weights), n + 1))
    for k in range(len(weights) - 1, -1, -1):
        w = weights[k]
        if w:
            more = [1] + [sums[r] + w * sums[r - 1] for r in range(1, n + 1)]
            found[k, 1:] = [w * sums[r - 1] / more[r] if more[r] else 1 for r in range(1, n + 1)]
            sums = more
    return found


def smallest(numbers: np.ndarray, strata: np.ndarray, draws: dict[str, int]) -> np.ndarray:
    """Return which units every row of ``numbers`` draws from strata: the smallest ones."""
    taken = np.zeros(numbers.shape, dtype=bool)
    for name, n in draws.items():
        columns = np.flatnonzero(strata == name)
        order = np.argsort(numbers[:, columns], axis=1, kind="stable")[:, :n]
        np.put_along_axis(taken, columns[order], True, axis=1)
    return taken


def draws(
    people: Population, design: str, repeats: int
) -> Iterator[tuple[Estimated, list[FirstStage]]]:
    """Yield the estimate of every draw of a design, with what a bootstrap of it needs."""
    rng = np.random.default_rng(7)
    numbers = rng.random((repeats, len(people.frame)))
    sizes = {str(s): int((people.strata == s).sum()) for s in np.unique(people.strata)}
    if design == "strata":
        taken = smallest(numbers, people.strata, STRATUM_DRAWS)
    else:
        taken = by_size(people.weights, DRAWN, numbers)
    for row in taken:
        places = np.flatnonzero(row)
        found = [_institution(people, int(k), rng, whole=design == "pps") for k in places]
        if design == "strata":
            yield two_stage_total(sizes, found), first_stage_of_strata(sizes, found)
            continue
        pi, joint = people.pi[places], people.joint[np.ix_(places, places)]
        if design == "pps":
            ids = [i.unit_id for i in found]
            made = pps_total(ids, [i.total for i in found], pi, joint)
        else:
            made = two_stage_pps_total(found, pi, joint)
        yield made, first_stage_by_size(found, pi, joint)


def claims_taken(numbers: np.ndarray) -> np.ndarray:
    """Return the places of the claims of smallest number in an institution, in order."""
    return np.sort(np.argsort(numbers, kind="stable")[:EACH])


def _institution(
    people: Population, k: int, rng: np.random.Generator, *, whole: bool
) -> Institution:
    """Return an institution with claims drawn from it, or seen whole as one unit."""
    name = f"i{k:03d}"
    y = people.wrong[k]
    N = len(y)
    chosen = claims_taken(rng.random(N))
    if whole:
        N, y, chosen = 1, y.sum(keepdims=True), np.zeros(1, dtype=np.int64)
    sample = StratifiedSample(
        (name,), np.array([N]), np.array([len(chosen)]), np.zeros(len(chosen), dtype=np.int64),
        tuple(f"{name}-{j}" for j in chosen.tolist()), y[chosen],
    )  # fmt: skip
    return Institution(name, str(people.strata[k]), sample)
