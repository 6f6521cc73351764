"""Weights of the verdicts, and the cells within which missing ones are made up for.

In: per stratum, N_h, n_h and how many final verdicts were received. Out: response cells and the
final weight of the verdicts of each stratum.

Assumption, stated wherever a result is shown: within a cell, whether a verdict was received has
nothing to do with what it would have been (missing at random; Saerndal, Swensson and Wretman,
Model Assisted Survey Sampling, 1992, section 15.6, response homogeneity groups). A stratum with at
least two verdicts, or with all of its units, is its own cell, and its final weight is base weight
x n_h / responded_h. Other strata join the cell that shares most of the path of their name
(class/level/band); among equals one that is too weak itself, then the one with fewer units, then by
name; the weakest stratum joins first. In a cell of several strata the base weights are raised by
one factor, so that they sum to the cell's units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True)
class Response:
    """One stratum: N_h units, n_h draws, r_h final verdicts."""

    name: str
    units: int
    draws: int
    responded: int

    @property
    def base_weight(self) -> Fraction:
        """1 / inclusion probability."""
        return Fraction(self.units, self.draws)


@dataclass(frozen=True)
class ResponseCell:
    """Strata whose verdicts stand for each other."""

    strata: tuple[Response, ...]

    @property
    def units(self) -> int:
        """N of the cell."""
        return sum(s.units for s in self.strata)

    @property
    def responded(self) -> int:
        """Final verdicts in the cell."""
        return sum(s.responded for s in self.strata)

    @property
    def complete(self) -> bool:
        """Whether every unit of the cell has a verdict, so that nothing is estimated."""
        return self.responded == self.units

    @property
    def weak(self) -> bool:
        """Whether the cell has too few verdicts to estimate a variance from."""
        return self.responded < 2 and not self.complete

    @property
    def name(self) -> str:
        """The names of its strata."""
        return " & ".join(s.name for s in self.strata)

    @cached_property
    def starts(self) -> frozenset[tuple[str, ...]]:
        """Every start of the paths in its strata's names."""
        paths = [s.name.split("/") for s in self.strata]
        return frozenset(tuple(p[:i]) for p in paths for i in range(1, len(p) + 1))

    @property
    def factor(self) -> Fraction:
        """What raises base weights to final weights in this cell."""
        weighed = sum((s.base_weight * s.responded for s in self.strata), Fraction(0))
        return Fraction(self.units) / weighed if weighed else Fraction(0)


def response_cells(strata: Sequence[Response]) -> list[ResponseCell]:
    """Return the cells, sorted by name; the last one may still be too small to estimate from."""
    cells = [ResponseCell((s,)) for s in strata]
    while len(cells) > 1:
        weak = [c for c in cells if c.weak]
        if not weak:
            break
        one = min(weak, key=lambda c: (c.responded, c.units, c.name))
        others = [c for c in cells if c is not one]
        partner = min(others, key=lambda c: (-_shared(one, c), not c.weak, c.units, c.name))
        joined = ResponseCell(tuple(sorted(
            one.strata + partner.strata, key=lambda s: s.name.encode()
        )))  # fmt: skip
        cells = [c for c in others if c is not partner] + [joined]
    return sorted(cells, key=lambda c: c.name)


def final_weights(strata: Sequence[Response]) -> dict[str, Fraction]:
    """Return the final weight of a verdict by stratum; their sum over verdicts is N."""
    return {
        s.name: s.base_weight * cell.factor for cell in response_cells(strata) for s in cell.strata
    }


def _shared(a: ResponseCell, b: ResponseCell) -> int:
    """Return the longest common start of the two cells' paths, over all pairs of strata."""
    return max((len(start) for start in a.starts & b.starts), default=0)
