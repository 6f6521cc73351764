"""The matrix: one row of finished feature values per scored unit.

It is what features hand to training. Rows are in the byte order of ``unit_id``, so that nothing
downstream depends on the order in which claims arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Matrix:
    """Feature values of ``n`` units by ``p`` features, and what evaluation needs beside them.

    Attributes:
        unit: what a row is: claim, insured or institution.
        as_of_date: nothing known on or after this day was used.
        unit_ids: shape (n,), pseudonyms, ascending by UTF-8 bytes, unique.
        names: the p feature names, in the order of the columns.
        values: shape (n, p), float64; NaN means that the value is not known.
        directions: for each feature +1 where high is suspicious, -1 where low is, 0 for either.
        groups: shape (n,), the institution (or the person) that carries the label.
        finding_kinds: shape (n,), what kind of finding it would be (features.rules.finding_kind);
            the share of the amount that is recovered differs between kinds.
        known_at: shape (n,), datetime64[us] in UTC, when the unit could first be scored.
        amounts: shape (n,), int64 minor units of insurance money, personal accounts included:
            the size of the unit and the sort-by-amount baseline.
        rule_hits: shape (n,), int64, rules that hit: the rules-only baseline.
        catalogue_version: digest of the feature catalogue.
        rules_version: digest of the rule set.
        zone: IANA zone of the source's local days.
    """

    unit: str
    as_of_date: date
    unit_ids: npt.NDArray[np.str_]
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    directions: tuple[int, ...]
    groups: npt.NDArray[np.str_]
    finding_kinds: npt.NDArray[np.str_]
    known_at: npt.NDArray[np.datetime64]
    amounts: npt.NDArray[np.int64]
    rule_hits: npt.NDArray[np.int64]
    catalogue_version: str
    rules_version: str
    zone: str = "Asia/Shanghai"

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.unit_ids)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Matrix:
        """Return the matrix of the given rows, which must keep their order."""
        return replace(
            self,
            unit_ids=self.unit_ids[rows],
            values=self.values[rows],
            groups=self.groups[rows],
            finding_kinds=self.finding_kinds[rows],
            known_at=self.known_at[rows],
            amounts=self.amounts[rows],
            rule_hits=self.rule_hits[rows],
        )
