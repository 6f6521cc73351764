"""What is typical: the middle and the edges of each feature among comparable units.

In: a matrix and the peer group of every row. Out: 5 %, 50 % and 95 % points per feature and group,
as plain JSON. Made once in batch and published, so that a claim scored alone is compared with the
same figures. The points are observed values (inverse of the empirical distribution function), so
they do not depend on the order of the rows. A group with fewer than ``GROUP_MINIMUM`` known values
has no figures of its own and the whole is used, so that no single person can be read off. Groups of
institutions, which are few, need ``FEWEST``, as does the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.matrix import Matrix

#: Known values that a group needs for figures of its own.
GROUP_MINIMUM = 30
#: The same for groups of institutions and for the whole (as in features.finishing.peer_z).
FEWEST = 5
POINTS = ("p05", "p50", "p95")
_SHARES = (0.05, 0.5, 0.95)
_ALL = "all"

Typical = Mapping[str, float]


class DistributionError(ValueError):
    """The distributions cannot be made or read."""


@dataclass(frozen=True)
class Distributions:
    """Typical values of one unit: feature -> group -> the three points."""

    unit: str
    currency: str
    features: Mapping[str, Mapping[str, Typical]]

    def typical(self, feature: str, group: str) -> Typical | None:
        """Return the points of the group, else of the whole; None where too little is known."""
        groups = self.features.get(feature, {})
        return groups.get(group) or groups.get(_ALL)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        features = {
            name: {group: dict(points) for group, points in groups.items()}
            for name, groups in self.features.items()
        }
        return {"unit": self.unit, "currency": self.currency, "features": features}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Distributions:
        """Return what ``to_dict`` wrote."""
        try:
            return cls(str(raw["unit"]), str(raw["currency"]), dict(raw["features"]))
        except (KeyError, TypeError) as error:
            raise DistributionError(f"Not the distributions of a unit: {error}.") from None


def measure(matrix: Matrix, groups: Sequence[str], currency: str) -> Distributions:
    """Return the distributions of ``matrix``; ``groups`` names the peer group of each row."""
    if len(groups) != len(matrix):
        raise DistributionError(
            f"There are {len(matrix)} rows and {len(groups)} peer groups; name one for each row."
        )
    named = np.asarray(groups, dtype=np.str_)
    rows = {_ALL: np.arange(len(matrix))}
    rows |= {str(g): np.flatnonzero(named == g) for g in np.unique(named) if g != _ALL}
    least = FEWEST if matrix.unit == "institution" else GROUP_MINIMUM
    measured = {
        name: _by_group(matrix.values[:, place], rows, least)
        for place, name in enumerate(matrix.names)
    }
    return Distributions(matrix.unit, currency, measured)


def peer_group(unit: str, facts: Mapping[str, object]) -> str:
    """Return the peer group of a unit: class and kind of a claim, class of an institution."""
    kind = str(facts.get("institution_class") or "unknown")
    if unit == "claim":
        return f"{kind}|{facts.get('claim_type') or 'unknown'}"
    return kind if unit == "institution" else _ALL


def _by_group(
    column: npt.NDArray[np.float64], rows: Mapping[str, npt.NDArray[np.intp]], least: int
) -> dict[str, Typical]:
    points = {
        group: _points(column[members], FEWEST if group == _ALL else least)
        for group, members in rows.items()
    }
    return {group: found for group, found in points.items() if found is not None}


def _points(values: npt.NDArray[np.float64], least: int) -> Typical | None:
    known = values[np.isfinite(values)]
    if len(known) < least:
        return None
    found = np.quantile(known, _SHARES, method="inverted_cdf")
    return {name: float(value) for name, value in zip(POINTS, found, strict=True)}
