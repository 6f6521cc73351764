"""Finishing functions against hand arithmetic, and a row alone against a row in a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.finishing import BENFORD_MINIMUM, FINISHING, PEER_MINIMUM

NAN = math.nan
ARITY = {
    "value": 1,
    "log": 1,
    "ratio": 2,
    "share": 2,
    "log_ratio": 2,
    "difference": 2,
    "years": 1,
    "growth": 2,
    "money_growth": 2,
    "over_mean": 3,
    "robust_z": 4,
    "change": 4,
    "share_change": 4,
    "permille": 1,
    "hhi": 2,
    "count": 1,
    "share_or_none": 2,
    "entropy": 7,
    "benford": 9,
    "shrunken": 3,
    "expected": 3,
    "percentile": 8,
}
#: What counts an unknown atom as nothing.
COUNTS = {"growth", "money_growth", "count", "share_or_none", "entropy", "benford"}  # fmt: skip


def finished(name: str, *atoms: float) -> float:
    with np.errstate(all="ignore"):
        return float(FINISHING[name](*(np.array([atom], dtype=float) for atom in atoms))[0])


@pytest.mark.parametrize(
    ("name", "atoms", "expected"),
    [
        ("value", (3,), 3.0),
        ("log", (99,), math.log(100)),
        ("log", (0,), 0.0),
        ("log", (-5,), 0.0),
        ("ratio", (7, 2), 3.5),
        ("ratio", (7, 0), NAN),
        ("ratio", (7, -2), NAN),
        ("share", (1, 4), 0.25),
        ("share", (5, 4), 1.0),
        ("share", (-1, 4), 0.0),
        ("share", (0, 0), NAN),
        ("log_ratio", (198, 2), math.log(100)),
        ("log_ratio", (1, 0), NAN),
        ("difference", (10, 12), -2.0),
        ("years", (36525,), 100.0),
        ("growth", (99, 9), math.log(10)),
        # 1,000.00 is added to both: 3,000.00 after 1,000.00 doubles, 4,000.00 from none fivefold.
        ("money_growth", (300_000, 100_000), math.log(2)),
        ("money_growth", (400_000, 0), math.log(5)),
        ("money_growth", (NAN, 100_000), -math.log(2)),
        # 99 over the mean of 4 that add up to 36: log(100 / 10).
        ("over_mean", (36, 4, 99), math.log(10)),
        ("over_mean", (36, 0, 99), NAN),
        ("growth", (NAN, 9), -math.log(10)),
        ("growth", (99, NAN), math.log(100)),
        # (160 - 100) / (1.4826 x 20)
        ("robust_z", (160, 30, 100, 20), 60 / 29.652),
        # The spread is at least 5 % of the median, and at least 1.
        ("robust_z", (160, 30, 100, 0), 12.0),
        ("robust_z", (13, 30, 10, 0), 3.0),
        ("robust_z", (13, 30, 0, 0), 13.0),
        ("robust_z", (10_000, 30, 100, 0), 50.0),
        ("robust_z", (-10_000, 30, 100, 0), -50.0),
        ("robust_z", (160, PEER_MINIMUM - 1, 100, 20), NAN),
        ("robust_z", (160, NAN, NAN, NAN), NAN),
        ("change", (198, 2, 9, 1), math.log(10)),
        ("change", (198, 2, 0, 0), NAN),
        ("share_change", (1, 2, 1, 4), 0.25),
        ("share_change", (0, 0, 1, 4), NAN),
        ("permille", (1_250,), 1.25),
        ("count", (3,), 3.0),
        ("count", (NAN,), 0.0),
        ("share_or_none", (NAN, 4), 0.0),
        ("share_or_none", (1, 4), 0.25),
        ("share_or_none", (NAN, NAN), NAN),
        # Two units of 3 and 1: (9 + 1) / 16.
        ("hhi", (10, 4), 0.625),
        ("hhi", (16, 4), 1.0),
        ("hhi", (1, 1), NAN),
        # Halves on two of seven: ln 2 / ln 7.
        ("entropy", (20, 20, 0, 0, NAN, 0, 0), math.log(2) / math.log(7)),
        ("entropy", (9,) * 7, 1.0),
        ("entropy", (40, 0, 0, 0, 0, 0, 0), 0.0),
        ("entropy", (29, 0, 0, 0, 0, 0, 0), NAN),
        ("entropy", (30, 0, 0, 0, 0, 0, 0), 0.0),
        # All of 300 begin with 1: (1 - log10 2 + 1 - log10 2) / 9 less the mean of
        # sqrt(2 p (1 - p) / (300 pi)) over the nine digits, 0.0135589 (in 30 decimal digits).
        ("benford", (300, 0, 0, 0, 0, 0, 0, 0, NAN), 2 * (1 - math.log10(2)) / 9 - 0.0135589054817),
        ("benford", (BENFORD_MINIMUM - 1, 0, 0, 0, 0, 0, 0, 0, 0), NAN),
        # 30 comparable ones weigh half: (3 + 1) / 2; none says nothing.
        ("shrunken", (300, 30, 100), 2.0),
        ("shrunken", (300, 90, 100), 2.5),
        ("shrunken", (300, 0, 100), NAN),
        ("shrunken", (300, 30, 0), NAN),
        ("expected", (300, 100, 30), 2.0),
        ("percentile", (5, 30, 10, 20, 30, 40, 50, 60), 0.05),
        ("percentile", (10, 30, 10, 20, 30, 40, 50, 60), 0.05),
        ("percentile", (15, 30, 10, 20, 30, 40, 50, 60), 0.15),
        ("percentile", (35, 30, 10, 20, 30, 40, 50, 60), 0.625),
        ("percentile", (60, 30, 10, 20, 30, 40, 50, 60), 0.99),
        ("percentile", (99, 30, 10, 20, 30, 40, 50, 60), 0.99),
        ("percentile", (10, 30, 10, 10, 10, 10, 10, 10), 0.52),
        ("percentile", (10, 30, 5, 10, 10, 10, 20, 30), 0.5),
        ("percentile", (11, 30, 10, 10, 10, 10, 10, 10), 0.99),
        ("percentile", (9, 30, 10, 10, 10, 10, 10, 10), 0.05),
        ("percentile", (15, 29, 10, 20, 30, 40, 50, 60), NAN),
        ("percentile", (NAN, 30, 10, 20, 30, 40, 50, 60), NAN),
    ],
)  # fmt: skip
def test_hand_numbers(name, atoms, expected):
    exact = 1e-14 if name != "benford" else 1e-6
    assert finished(name, *atoms) == pytest.approx(expected, rel=exact, nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(ARITY) - COUNTS))
def test_an_unknown_atom_makes_the_value_unknown(name):
    known = [50.0] * ARITY[name]
    assert not math.isnan(finished(name, *known))
    for place in range(ARITY[name]):
        atoms = [NAN if n == place else 50.0 for n in range(ARITY[name])]
        assert math.isnan(finished(name, *atoms))


def test_every_function_is_tested_here():
    assert set(ARITY) == set(FINISHING)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ARITY)), st.integers(1, 130), st.integers(0, 2**32 - 1))
def test_a_row_alone_equals_a_row_in_a_batch(name, length, seed):
    rng = np.random.default_rng(seed)
    atoms = [np.round(rng.lognormal(6, 4, length)) * rng.choice([1, 1, 1, -1, 0], length)
             for _ in range(ARITY[name])]  # fmt: skip
    for atom in atoms:
        atom[rng.random(length) < 0.1] = np.nan
    with np.errstate(all="ignore"):
        batch = FINISHING[name](*atoms)
        alone = np.array([FINISHING[name](*(a[n : n + 1].copy() for a in atoms))[0]
                          for n in range(length)])  # fmt: skip
    assert batch.tobytes() == alone.tobytes()


def test_inputs_are_left_as_they_were():
    given_ = np.array([1.0, np.nan])
    FINISHING["value"](given_)[0] = 9.0
    assert given_[0] == 1.0


def test_first_digits_that_follow_the_law_do_not_deviate():
    """Digits in the very shares of the law lie below what chance would leave."""
    counts = [round(10_000 * math.log10(1 + 1 / digit)) for digit in range(1, 10)]
    assert -0.003 < finished("benford", *counts) < 0
    even = finished("benford", *([1_000] * 9))
    assert even > 0.05


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(5, 1_000), min_size=7, max_size=7), st.integers(2, 50))
def test_evenness_and_concentration_do_not_depend_on_the_scale(counts, factor):
    scaled = [factor * count for count in counts]
    assert finished("entropy", *counts) == pytest.approx(finished("entropy", *scaled))
    assert finished("hhi", sum(c * c for c in counts), sum(counts)) == pytest.approx(
        finished("hhi", sum(c * c for c in scaled), sum(scaled))
    )
    assert 0 <= finished("entropy", *counts) <= 1 + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=6, max_size=6), st.integers(0, 10_000),
       st.integers(0, 10_000))  # fmt: skip
def test_a_percentile_grows_with_the_value(knots, one, other):
    small, large = sorted((one, other))
    quantiles = sorted(knots)
    low, high = (finished("percentile", a, 30, *quantiles) for a in (small, large))
    assert 0.05 <= low <= high <= 0.99
