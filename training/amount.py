"""Expected recoverable amount in two parts: probability x share x amount paid.

In: confirmed cases with what was paid and what was found overpaid. Out: E[overpaid / paid |
confirmed] of any unit, and the parts that it adds up from.

    share(x) = limited to [0.001, 1]:  share of the kind of finding + trees(x)

The kind's share is shrunk to the mean of all: (sum w s + k m) / (sum w + k), with k the strength in
confirmed cases: the credibility mean of Buehlmann & Straub (1970) with a fixed k, chosen because an
inspector can redo it by hand. Where enough amounts were confirmed, a few small regression trees
(LightGBM, least squares) correct it by the unit's features; their SHAP values and the limit's
effect are the rest of the explanation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from training.boosters import Boosters
from training.config import AmountSettings

Floats = npt.NDArray[np.float64]
Money = npt.NDArray[np.int64]
Groups = npt.NDArray[np.str_]

METHOD = "share-by-kind-and-trees-1"
_LEAST = 0.001


class AmountError(ValueError):
    """The amounts do not allow a share to be estimated or applied."""


@dataclass(frozen=True)
class ShareParts:
    """What shares are made of: base + contributions.sum(1) + limit, row by row.

    ``base`` (n,) is the share of the kind of finding and the trees' mean, ``contributions`` (n, p)
    what each feature adds, ``limit`` (n,) what keeping the sum within bounds takes away or adds.
    """

    base: Floats
    contributions: Floats
    limit: Floats


@dataclass(frozen=True)
class RecoveredShare:
    """E[overpaid / paid | confirmed]: overall, by kind of finding, and what trees correct."""

    overall: float
    strength: float
    groups: Mapping[str, float]
    trees: Boosters | None = None

    def by_kind(self, groups: Groups) -> Floats:
        """Return the share of each unit's kind; one never confirmed gets the overall share."""
        return np.array([self.groups.get(str(g), self.overall) for g in groups], dtype=np.float64)

    def share(self, groups: Groups, values: Floats | None = None) -> Floats:
        """Return the share of each unit; ``values`` (n, p) are needed where there are trees."""
        found = self.by_kind(groups)
        if self.trees is None:
            return found
        return _limited(found + self.trees.margin(self._needed(values)))

    def parts(self, groups: Groups, values: Floats) -> ShareParts:
        """Return what the share of each unit is made of."""
        base = self.by_kind(groups)
        if self.trees is None:
            return ShareParts(base, np.zeros(values.shape), np.zeros(len(base)))
        contributions = self.trees.contributions(values)
        base = base + self.trees.base_value
        total = base.copy()
        for column in contributions.T:
            total += column
        return ShareParts(base, contributions, self.share(groups, values) - total)

    def expected(
        self, risk: Floats, amounts: Money, groups: Groups, values: Floats | None = None
    ) -> Money:
        """Return probability x share x amount in minor units, rounded half to even."""
        if not np.isfinite(risk).all() or (risk < 0).any() or (risk > 1).any():
            raise AmountError("A risk must be a probability between 0 and 1.")
        paid = np.maximum(amounts, 0).astype(np.float64)
        return np.asarray(np.rint(risk * self.share(groups, values) * paid).astype(np.int64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values (the trees have a file of their own)."""
        return {
            "method": METHOD,
            "overall": self.overall,
            "strength": self.strength,
            "groups": dict(self.groups),
            "trees": self.trees is not None,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], text: str | None = None) -> RecoveredShare:
        """Return what ``to_dict`` wrote; ``text`` is the trees' LightGBM text."""
        if record.get("method") != METHOD:
            raise AmountError(f"Unknown amount method {record.get('method')!r}.")
        if bool(record["trees"]) != (text is not None):
            raise AmountError("The amount model and its trees do not belong together.")
        groups = {str(k): float(v) for k, v in record["groups"].items()}
        trees = None if text is None else Boosters.from_texts([text])
        return cls(float(record["overall"]), float(record["strength"]), groups, trees)

    def _needed(self, values: Floats | None) -> Floats:
        if values is None:
            raise AmountError("This model's share depends on the features; pass their values.")
        return values


def fit_share(
    overpaid: Floats,
    paid: Money,
    groups: Groups,
    weights: Floats,
    values: Floats | None = None,
    settings: AmountSettings | None = None,
) -> RecoveredShare | None:
    """Estimate the share from confirmed cases; None where no case names an amount.

    Args:
        overpaid: shape (n,), minor units, NaN where the source names no amount.
        paid: shape (n,), minor units.
        groups: shape (n,), kinds of finding.
        weights: shape (n,), at least 0.
        values: shape (n, p); without them there are no trees.
        settings: strength of the shrinkage, and of the trees.
    """
    settings = settings or AmountSettings()
    usable = np.isfinite(overpaid) & (paid > 0) & (weights > 0)
    if not usable.any():
        return None
    if (overpaid[usable] < 0).any():
        raise AmountError("An overpaid amount below 0 was found; correct the outcomes first.")
    if not settings.strength > 0:
        raise AmountError(
            f"The strength of the shrinkage must be above 0, got {settings.strength}."
        )
    share = np.minimum(1.0, overpaid[usable] / paid[usable])
    # Weights enter relative to their mean, so that k counts cases whatever their scale.
    w = weights[usable] * (usable.sum() / math.fsum(weights[usable]))
    plain = _by_kind(share, groups[usable], w, settings.strength)
    if values is None or len(share) < settings.least:
        return plain
    base = plain.by_kind(groups[usable])
    text = _fit_trees(values[usable], share, base, w, settings)
    trees = Boosters.from_texts([text])
    return RecoveredShare(plain.overall, plain.strength, plain.groups, trees)


def _by_kind(share: Floats, groups: Groups, w: Floats, strength: float) -> RecoveredShare:
    # Exact sums, and sorted ones by kind: no bit depends on the order of the cases.
    overall = math.fsum(w * share) / math.fsum(w)
    names, member = np.unique(groups, return_inverse=True)
    order = np.lexsort((w, share, member))
    total = np.bincount(member[order], (w * share)[order])
    mass = np.bincount(member[order], w[order])
    shrunk = (total + strength * overall) / (mass + strength)
    by_group = {str(name): float(value) for name, value in zip(names, shrunk, strict=True)}
    return RecoveredShare(overall, float(strength), by_group)


def _fit_trees(
    values: Floats, share: Floats, base: Floats, weights: Floats, settings: AmountSettings
) -> str:
    """Return the text of regression trees on what the kinds' shares leave unexplained."""
    data = lgb.Dataset(
        np.ascontiguousarray(values),
        label=share - base,
        weight=weights,
        feature_name=[f"f{j}" for j in range(values.shape[1])],
        params={"verbosity": -1, "feature_pre_filter": False, "max_bin": 255},
    )
    parameters = {
        "objective": "regression",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.leaf_size,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": settings.lambda_l2,
        "seed": 1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "max_bin": 255,
        "verbosity": -1,
    }
    text: str = lgb.train(parameters, data, num_boost_round=settings.rounds).model_to_string()
    return text


def _limited(share: Floats) -> Floats:
    return np.minimum(1.0, np.maximum(_LEAST, share))
