"""Weights of verdicts on units drawn by size or in two stages.

In: the drawn cases of a plan with their exact chances, and which of them have a final verdict. Out:
a final weight per verdict.

Within an institution the claims with a verdict stand for the others: M_i / r_i. An institution
counts as answered from two verdicts on, or where all its claims have one, because from fewer no
variance within it can be estimated; answered institutions stand for the others of their response
cell, as in `sampling.weights`: 1 / pi_i times the cell's factor. Under one stage each unit is its
own institution with one claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sampling.chances import first_chance
from sampling.weights import Response, ResponseCell, response_cells


@dataclass(frozen=True)
class StagedCase:
    """A drawn case: its institution's chance and claims; ``psu`` is the unit under one stage."""

    case: str
    stratum: str
    psu: str
    chance: Fraction
    size: int
    answered: bool

    @classmethod
    def of(cls, case: str, row: Mapping[str, Any], *, answered: bool) -> StagedCase:
        """Return the case of a row of the drawn list or of the ledger's tables."""
        psu = row["psu_id"]
        return cls(case, row["stratum"], case if psu is None else psu, first_chance(row),
                   1 if psu is None else row["psu_size"], answered)  # fmt: skip


def answered_psus(cases: Sequence[StagedCase]) -> dict[str, int]:
    """Return r_i of every institution that counts as answered."""
    verdicts = Counter(c.psu for c in cases if c.answered)
    sizes = {c.psu: c.size for c in cases}
    return {psu: r for psu, r in verdicts.items() if r >= min(2, sizes[psu])}


def first_stage_cells(
    cases: Sequence[StagedCase], strata: Mapping[str, tuple[int, int]]
) -> list[ResponseCell]:
    """Return the response cells of the institutions.

    Args:
        cases: the drawn cases.
        strata: N_h and n_h of every stratum of institutions.
    """
    answered = answered_psus(cases)
    stratum_of = {c.psu: c.stratum for c in cases}
    counts = Counter(stratum_of[psu] for psu in answered)
    return response_cells([Response(h, n[0], n[1], counts[h]) for h, n in strata.items()])


def staged_final_weights(
    cases: Sequence[StagedCase], strata: Mapping[str, tuple[int, int]]
) -> dict[str, Fraction]:
    """Return the final weight of each case with a verdict in an institution that answered."""
    answered = answered_psus(cases)
    factors = {
        s.name: cell.factor for cell in first_stage_cells(cases, strata) for s in cell.strata
    }
    return {
        c.case: factors[c.stratum] / c.chance * Fraction(c.size, answered[c.psu])
        for c in cases
        if c.answered and c.psu in answered
    }
