"""Expected recoverable amount in two parts: probability x share x amount paid.

In: confirmed cases with what was paid and what was found overpaid. Out: for each kind of finding
the share of the amount that a confirmed finding recovers, shrunk to the mean of
all: (sum w s + k m) / (sum w + k), with k the strength in confirmed cases. It is the credibility
mean of Buehlmann & Straub (1970) with a fixed k, chosen because an inspector can redo it by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Money = npt.NDArray[np.int64]


class AmountError(ValueError):
    """The amounts do not allow a share to be estimated or applied."""


@dataclass(frozen=True)
class RecoveredShare:
    """E[overpaid / paid | confirmed]: overall and by group."""

    overall: float
    strength: float
    groups: Mapping[str, float]

    def share(self, groups: npt.NDArray[np.str_]) -> Floats:
        """Return the share of each unit's group; a group never confirmed gets the overall one."""
        return np.array([self.groups.get(str(g), self.overall) for g in groups], dtype=np.float64)

    def expected(self, risk: Floats, amounts: Money, groups: npt.NDArray[np.str_]) -> Money:
        """Return probability x share x amount in minor units, rounded half to even."""
        if not np.isfinite(risk).all() or (risk < 0).any() or (risk > 1).any():
            raise AmountError("A risk must be a probability between 0 and 1.")
        paid = np.maximum(amounts, 0).astype(np.float64)
        return np.asarray(np.rint(risk * self.share(groups) * paid).astype(np.int64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "method": "shrunken-share-1",
            "overall": self.overall,
            "strength": self.strength,
            "groups": dict(self.groups),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RecoveredShare:
        """Return what ``to_dict`` wrote."""
        if record.get("method") != "shrunken-share-1":
            raise AmountError(f"Unknown amount method {record.get('method')!r}.")
        groups = {str(k): float(v) for k, v in record["groups"].items()}
        return cls(float(record["overall"]), float(record["strength"]), groups)


def fit_share(
    overpaid: Floats,
    paid: Money,
    groups: npt.NDArray[np.str_],
    weights: Floats,
    strength: float = 20.0,
) -> RecoveredShare | None:
    """Estimate the share from confirmed cases; None where no case names an amount.

    Args:
        overpaid: shape (n,), minor units, NaN where the source names no amount.
        paid: shape (n,), minor units.
        groups: shape (n,).
        weights: shape (n,), at least 0.
        strength: confirmed cases that the overall mean counts for.
    """
    usable = np.isfinite(overpaid) & (paid > 0) & (weights > 0)
    if not usable.any():
        return None
    if (overpaid[usable] < 0).any():
        raise AmountError("An overpaid amount below 0 was found; correct the outcomes first.")
    if not strength > 0:
        raise AmountError(f"The strength of the shrinkage must be above 0, got {strength}.")
    share = np.minimum(1.0, overpaid[usable] / paid[usable])
    # Weights enter relative to their mean, so that k counts cases whatever their scale.
    w = weights[usable] / weights[usable].mean()
    overall = float(w @ share / w.sum())
    names, member = np.unique(groups[usable], return_inverse=True)
    order = np.lexsort((w, share, member))
    total = np.bincount(member[order], (w * share)[order])
    mass = np.bincount(member[order], w[order])
    shrunk = (total + strength * overall) / (mass + strength)
    by_group = {str(name): float(value) for name, value in zip(names, shrunk, strict=True)}
    return RecoveredShare(overall, float(strength), by_group)
