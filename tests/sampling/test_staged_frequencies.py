"""Over many seeds institutions and claims are drawn as often as their chances, in both stages.

Size: JIHE_PROOF_DRAWS, 400 by default. Each count is binomial under the design; exact two-sided
tests are held to 0.001 over all units together (Bonferroni). The same check must catch chances that
are not those of the draw.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from functools import cache

import pytest
from scipy import stats

from sampling.chances import first_chance, second_chance
from sampling.drawing.staged_draw import draw_by
from tests.sampling import staged_plans as small

DRAWS = int(os.environ.get("JIHE_PROOF_DRAWS", "400"))
LEVEL = 0.001


@cache
def _counts(kind: str) -> tuple[Counter[str], Counter[str], dict[str, float], dict[str, float]]:
    """Return how often each institution and claim was drawn, and the chances of both."""
    what = small.subject(kind)
    psus, claims = Counter[str](), Counter[str]()
    first: dict[str, float] = {}
    both: dict[str, float] = {}
    for i in range(DRAWS):
        seed = hashlib.sha256(f"stages {i}".encode()).digest()
        rows = draw_by(what.frame, what.design, what.beside, seed, "P0001").to_pylist()
        psus.update({r["psu_id"] for r in rows})
        claims.update(r["unit_id"] for r in rows)
        for r in rows:
            first[r["psu_id"]] = float(first_chance(r))
            both[r["unit_id"]] = float(first_chance(r) * second_chance(r))
    return psus, claims, first, both


def _deviating(counts: Counter[str], chances: dict[str, float]) -> list[str]:
    return [
        unit for unit, p in chances.items()
        if (counts[unit] != DRAWS if p == 1
            else stats.binomtest(counts[unit], DRAWS, p).pvalue < LEVEL / len(chances))
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["strata_then_claims", "pps_then_claims"])
def test_units_of_both_stages_are_drawn_with_their_chances(kind: str) -> None:
    psus, claims, first, both = _counts(kind)
    assert set(first) == set(small.SIZES)
    assert len(both) == sum(small.CLAIMS.values())
    assert _deviating(psus, first) == []
    assert _deviating(claims, both) == []


@pytest.mark.parametrize("kind", ["strata_then_claims", "pps_then_claims"])
def test_within_a_drawn_institution_claims_come_alike(kind: str) -> None:
    """Given that its institution is drawn, a claim's count is binomial with n_2i / M_i."""
    psus, claims, _, both = _counts(kind)
    for claim in both:
        psu = claim.split("-")[1]
        p = min(3, small.CLAIMS[psu]) / small.CLAIMS[psu]
        if p == 1:
            assert claims[claim] == psus[psu]
        else:
            test = stats.binomtest(claims[claim], psus[psu], p)
            assert test.pvalue >= LEVEL / len(both)


def test_the_stages_have_nothing_to_do_with_each_other() -> None:
    """H9's claim comes as often when H2 is drawn beside H9 as when it is not."""
    what = small.subject("strata_then_claims")
    table = [[0, 0], [0, 0]]
    for i in range(DRAWS):
        seed = hashlib.sha256(f"apart {i}".encode()).digest()
        rows = draw_by(what.frame, what.design, what.beside, seed, "P0001").to_pylist()
        psus, claims = {r["psu_id"] for r in rows}, {r["unit_id"] for r in rows}
        if "H9" in psus:
            table["H2" in psus]["c-H9-0" in claims] += 1
    assert stats.fisher_exact(table).pvalue >= LEVEL


def test_the_check_catches_other_chances() -> None:
    """Equal chances told of a draw by size, or first-stage chances told as the claims'."""
    psus, claims, first, _ = _counts("pps_then_claims")
    assert len(_deviating(psus, dict.fromkeys(first, 0.5))) > 6
    told = {claim: first[claim.split("-")[1]] for claim in claims}
    assert len(_deviating(claims, told)) > 10
