"""The order in which units are inspected.

In: scores, unit ids and a stored tie seed. Out: ranks 1..n, the highest score first. Equal scores
are ordered by SHA-256 of ``tie_seed|unit_id`` (UTF-8), so neither row order, nor machine, nor the
spelling of an id favours anybody, and anyone can recompute the order.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


class RankingError(ValueError):
    """The scores cannot be ranked."""


def rank(
    score: npt.NDArray[np.generic], unit_ids: npt.NDArray[np.str_], tie_seed: int
) -> npt.NDArray[np.int64]:
    """Return the rank of each row, shape (n,); 1 is the highest score.

    Raises RankingError for a NaN score or for a unit that occurs twice.
    """
    numbers = np.asarray(score)
    if np.isnan(numbers.astype(np.float64)).any():
        raise RankingError("A score is missing; score every unit before ranking.")
    if len(np.unique(unit_ids)) != len(unit_ids):
        raise RankingError("A unit occurs twice; rank every unit once.")
    _, level, count = np.unique(numbers, return_inverse=True, return_counts=True)
    tied = count[level] > 1
    keys = np.zeros(len(numbers), dtype=np.uint64)
    keys[tied] = [tie_key(tie_seed, str(unit_id)) for unit_id in unit_ids[tied]]
    order = np.lexsort((unit_ids, keys, -level))
    ranks = np.empty(len(numbers), dtype=np.int64)
    ranks[order] = np.arange(1, len(numbers) + 1)
    return ranks


def tie_key(tie_seed: int, unit_id: str) -> int:
    """Return the first 8 bytes, big-endian, of SHA-256 of ``tie_seed|unit_id``."""
    digest = hashlib.sha256(f"{tie_seed}|{unit_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
