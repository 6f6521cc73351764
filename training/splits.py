"""Which verdicts train and which test: never one entity on both sides, never the future first.

In: the groups (entities that carry labels), labels and label dates. Out: (train, test) row numbers.

Groups are dealt to folds largest number of confirmed cases first, each to the fold that has fewest
so far (fewest rows, for groups without any); equal groups go in the order of SHA-256 of
``seed|group``. So the folds depend on the groups and the seed alone, not on row order. Where the
dates of drawn cases span long enough, the test rows of each fold are the latest verdicts of its
groups and training uses only other groups' verdicts known a gap earlier (rolling origin crossed
with groups; cf. Roberts et al. 2017, Ecography 40, 913-929).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.config import LabelSettings, SplitSettings

#: Confirmed and unconfirmed verdicts without which a period is too short to test on.
_FORWARD_LEAST = 20

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Splits:
    """Pairs of (train, test) rows and how they were made.

    ``kind`` is ``grouped`` or ``forward_grouped``; ``cutoff`` is the first test day of the latter.
    """

    kind: str
    pairs: tuple[tuple[Rows, Rows], ...]
    cutoff: np.datetime64 | None = None


def grouped_folds(
    groups: npt.NDArray[np.str_], labels: npt.NDArray[np.generic], k: int, seed: int
) -> npt.NDArray[np.int64]:
    """Return the fold 0..k-1 of each row; a group is never split.

    Raises ValueError when there are fewer groups than folds.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < k:
        raise ValueError(f"{len(names)} groups cannot fill {k} folds; use fewer folds.")
    positives = np.bincount(member, np.asarray(labels) > 0).astype(np.int64)
    sizes = np.bincount(member)
    keys = [hashlib.sha256(f"{seed}|{name}".encode()).digest() for name in names]
    order = sorted(range(len(names)), key=lambda g: (-positives[g], -sizes[g], keys[g]))
    held, filled = [0] * k, [0] * k
    fold_of = np.zeros(len(names), dtype=np.int64)
    for g in order:
        # Groups without a confirmed case even out the sizes; the others are even already.
        by = held if positives[g] else filled
        fold = min(range(k), key=lambda f: (by[f], filled[f], f))
        fold_of[g] = fold
        held[fold] += int(positives[g])
        filled[fold] += int(sizes[g])
    return np.asarray(fold_of[member])


def make_splits(
    groups: npt.NDArray[np.str_],
    labels: npt.NDArray[np.generic],
    dates: npt.NDArray[np.datetime64],
    judging: npt.NDArray[np.bool_],
    settings: SplitSettings,
    needed: LabelSettings,
) -> Splits:
    """Return forward grouped splits where the dates allow it, else grouped ones.

    Forward is allowed when the dates of the ``judging`` verdicts (those that a design chose) span
    ``forward_days`` and both the latest ``forward_share`` of them and those known ``gap_days``
    before hold the fewest labels that training needs, and never fewer than 20 of each kind. Others
    do not count: a model of tip-offs alone, judged by the first plan's verdicts, says nothing of
    the model that has learnt from that plan.
    """
    fold = grouped_folds(groups, labels, settings.folds, settings.seed)
    days = dates.astype("datetime64[D]")
    cutoff = _cutoff(days[judging], settings)
    if cutoff is not None:
        early = days < cutoff - np.timedelta64(settings.gap_days, "D")
        late = days >= cutoff
        pairs = _pairs(fold, settings.folds, early, late)
        parts = [np.flatnonzero(early), np.flatnonzero(late), *(train for train, _ in pairs)]
        if all(_enough(labels[part[judging[part]]], needed) for part in parts):
            return Splits("forward_grouped", pairs, cutoff)
    everything = np.ones(len(fold), dtype=bool)
    return Splits("grouped", _pairs(fold, settings.folds, everything, everything))


def _pairs(
    fold: npt.NDArray[np.int64], k: int, early: npt.NDArray[np.bool_], late: npt.NDArray[np.bool_]
) -> tuple[tuple[Rows, Rows], ...]:
    pairs = (
        (np.flatnonzero((fold != f) & early), np.flatnonzero((fold == f) & late)) for f in range(k)
    )
    return tuple((train, test) for train, test in pairs if len(test))


def _cutoff(days: npt.NDArray[np.datetime64], settings: SplitSettings) -> np.datetime64 | None:
    ordered = np.sort(days)
    if not len(ordered) or (ordered[-1] - ordered[0]) < np.timedelta64(settings.forward_days, "D"):
        return None
    return np.datetime64(ordered[int(len(ordered) * (1.0 - settings.forward_share))], "D")


def _enough(labels: npt.NDArray[np.generic], needed: LabelSettings) -> bool:
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    return positives >= max(needed.min_positives, _FORWARD_LEAST) and negatives >= max(
        needed.min_negatives, _FORWARD_LEAST
    )
