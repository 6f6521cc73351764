"""How much of the list stays when the model is made again.

In: rankings of the same units by two or more models: retrained with other seeds, on resampled
verdicts, or successive versions. Out: how many of the first k stay, Jaccard's index of the two
heads, and rank-biased overlap, which also asks whether the order at the very top stays.

Rank-biased overlap (Webber, Moffat & Zobel 2010, ACM TOIS 28, 20; eq. 23 for two lists seen to the
same depth k), with A_d the share of the first d that two lists have in common:

    RBO = A_k p^k + (1 - p) / p * sum over d = 1..k of A_d p^d

The persistence p is 1 - 1/k: a reader who goes on from each rank with that probability reads k
ranks in the mean, and the first k carry about 86 % of the weight (ibid., section 5.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from training.ranking import rank

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]


class StabilityError(ValueError):
    """The rankings cannot be compared."""


def jaccard(first: Texts, second: Texts) -> float:
    """Return the units in both lists as a share of those in either; 1 for two empty lists."""
    either = np.union1d(first, second)
    return len(np.intersect1d(first, second)) / len(either) if len(either) else 1.0


def rank_biased_overlap(first: Texts, second: Texts, persistence: float | None = None) -> float:
    """Return the extrapolated overlap of two lists of one length; 1 for equal, 0 for disjoint.

    Raises StabilityError for lists of different length, an empty list, a unit listed twice, or a
    persistence outside (0, 1).
    """
    k = len(first)
    if k != len(second) or not k:
        raise StabilityError(f"Two lists of one length are compared; got {k} and {len(second)}.")
    if len(np.unique(first)) != k or len(np.unique(second)) != k:
        raise StabilityError("A unit stands twice in a list; rank every unit once.")
    p = persistence if persistence is not None else 1.0 - 1.0 / max(k, 2)
    if not 0 < p < 1:
        raise StabilityError(f"The persistence must be between 0 and 1, got {p}.")
    agreement = _common(first, second) / np.arange(1, k + 1)
    powers = p ** np.arange(1, k + 1)
    return float(agreement[-1] * powers[-1] + (1 - p) / p * (agreement @ powers))


def _common(first: Texts, second: Texts) -> Floats:
    """Return how many units the first d of both lists have in common, for d = 1..k."""
    place = {unit: d for d, unit in enumerate(second.tolist())}
    meet = [max(d, place[unit]) for d, unit in enumerate(first.tolist()) if unit in place]
    return np.cumsum(np.bincount(meet, minlength=len(first))[: len(first)]).astype(np.float64)


def compare_heads(
    first: Floats, second: Floats, unit_ids: Texts, k: int, tie_seed: int
) -> dict[str, Any]:
    """Return how the first k by two scores of the same units overlap."""
    k = min(k, len(unit_ids))
    one, other = (
        unit_ids[np.argsort(rank(score, unit_ids, tie_seed))[:k]] for score in (first, second)
    )
    stayed = len(np.intersect1d(one, other))
    return {
        "k": k,
        "stayed": stayed,
        "stayed_share": stayed / k,
        "jaccard": jaccard(one, other),
        "rank_biased_overlap": rank_biased_overlap(one, other),
    }


def stability(scores: Sequence[Floats], unit_ids: Texts, k: int, tie_seed: int) -> dict[str, Any]:
    """Return mean and worst overlap over every pair of rankings of the same units.

    Raises StabilityError for fewer than two rankings.
    """
    if len(scores) < 2:
        raise StabilityError("Stability needs at least two rankings.")
    pairs = [
        compare_heads(first, second, unit_ids, k, tie_seed)
        for first, second in combinations(scores, 2)
    ]
    figures = ("stayed_share", "jaccard", "rank_biased_overlap")
    return {
        "k": pairs[0]["k"],
        "rankings": len(scores),
        "mean": {key: float(np.mean([pair[key] for pair in pairs])) for key in figures},
        "worst": {key: float(min(pair[key] for pair in pairs)) for key in figures},
    }
