"""The exact chance of a drawn unit, from its row in a drawn list.

In: a row of the ``draws`` table, or of the ledger's tables. Out: fractions. Where the row has no
chance of its own, units of a stratum are drawn with equal chances: n_h / N_h.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any


def first_chance(row: Mapping[str, Any]) -> Fraction:
    """Return the chance of the unit, or under two stages of its institution."""
    if row.get("chance_numerator") is None:
        return Fraction(row["stratum_draws"], row["stratum_size"])
    return Fraction(int(row["chance_numerator"]), int(row["chance_denominator"]))


def second_chance(row: Mapping[str, Any]) -> Fraction:
    """Return the chance of a claim within its drawn institution; one under a single stage."""
    if row.get("psu_id") is None:
        return Fraction(1)
    return Fraction(row["psu_draws"], row["psu_size"])


def inclusion(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Return ``inclusion_prob`` and, under two stages, its two factors, as a drawn list has them.

    The product is rounded once, from the fraction.
    """
    first, second = first_chance(row), second_chance(row)
    staged = row.get("psu_id") is not None
    return {
        "inclusion_prob": float(first * second),
        "inclusion_prob_1": float(first) if staged else None,
        "inclusion_prob_2": float(second) if staged else None,
    }
