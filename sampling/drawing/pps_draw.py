"""Draw institutions with chances that grow with their size, from the seed of a sealed plan.

In: a frame, the number to draw, the seed. Out: the working weights as whole numbers with their
canonical bytes (``weights.tsv``), the ids drawn, and chances as exact fractions.

The design is the conditional Poisson one of `drawing.pps`. How the weights are found needs
floating-point numbers; therefore they are published, not the way to them: draw and chances follow
from the whole numbers alone, on any machine and in any language (docs/sampling-spec.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from sampling.drawing.draw import random_numbers
from sampling.drawing.pps import select, target_probabilities, working_weights
from sampling.drawing.pps_faults import PpsError, weight_faults
from sampling.faults import checked
from sampling.frame import Frame

WEIGHTS_FILE = "weights.tsv"


def frame_weights(frame: Frame, n: int) -> list[int]:
    """Return a weight per unit of the frame, in its order; 0 is a unit that is certain.

    Raises:
        PpsError: naming units of size 0, or if n is not between 1 and the units of the frame.
    """
    ids = frame.unit_ids.to_pylist()
    sizes = [int(size) for size in frame.size_minor.tolist()]
    return working_weights(target_probabilities(sizes, n, ids), ids)


def weights_bytes(frame: Frame, weights: Sequence[int]) -> bytes:
    """Return the canonical bytes of the weights: ``unit TAB unit_id TAB weight LF``, sorted."""
    lines = (
        f"{frame.unit}\t{unit_id}\t{weight}\n"
        for unit_id, weight in zip(frame.unit_ids.to_pylist(), weights, strict=True)
    )
    return "".join(lines).encode()


def weights_hash(frame: Frame, weights: Sequence[int]) -> str:
    """Return the SHA-256 of the canonical bytes as 64 hex digits."""
    return hashlib.sha256(weights_bytes(frame, weights)).hexdigest()


def write_weights(frame: Frame, weights: Sequence[int], path: Path) -> None:
    """Write ``weights.tsv``: the canonical bytes and nothing else."""
    path.write_bytes(weights_bytes(frame, weights))


def draw_pps(frame: Frame, weights: Sequence[int], n: int, seed: bytes) -> list[str]:
    """Return the ids of the n units drawn, sorted by their bytes.

    Raises:
        PpsError: if the weights are not those of n units of this frame.
        DrawError: if the seed is not 32 bytes.
    """
    numbers = random_numbers(seed, frame.unit, frame.unit_ids).tolist()
    ids = frame.unit_ids.to_pylist()
    return [ids[place] for place in select(weights, n, numbers)]


def exact_inclusion(weights: Sequence[int], n: int) -> list[Fraction]:
    """Return the chance of every unit as a fraction; the fractions add up to n."""
    checked(weight_faults(weights, n), PpsError)
    left = n - sum(1 for w in weights if w == 0)
    open_ = [w for w in weights if w]
    whole = _samples(open_, left)
    return [
        Fraction(w * _without(whole, [w], left - 1), whole[left]) if w else Fraction(1)
        for w in weights
    ]


def sample_sum(weights: Sequence[int], n: int) -> int:
    """Return R(n - m, all), the denominator of every chance before it is reduced."""
    left = n - sum(1 for w in weights if w == 0)
    return _samples([w for w in weights if w], left)[left]


def exact_joint(weights: Sequence[int], n: int, first: int, second: int) -> Fraction:
    """Return the chance that the units at two different places are drawn together."""
    chances = exact_inclusion(weights, n)
    pair = [weights[first], weights[second]]
    if first == second or not all(pair):
        return chances[first] if first == second else chances[first] * chances[second]
    left = n - sum(1 for w in weights if w == 0)
    if left < 2:
        return Fraction(0)
    whole = _samples([w for w in weights if w], left)
    return Fraction(pair[0] * pair[1] * _without(whole, pair, left - 2), whole[left])


def _samples(weights: Sequence[int], n: int) -> list[int]:
    """Return R(r, all) for r = 0..n: the sums of products over all samples of r units."""
    sums = [1] + [0] * n
    for w in weights:
        for r in range(n, 0, -1):
            sums[r] += w * sums[r - 1]
    return sums


def _without(whole: Sequence[int], left_out: Sequence[int], r: int) -> int:
    """Return R(r, all but those left out): the recursion of R, undone."""
    sums = list(whole)
    for w in left_out:
        for place in range(1, len(sums)):
            sums[place] -= w * sums[place - 1]
    return sums[r] if r >= 0 else 0
