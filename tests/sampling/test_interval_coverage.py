"""How often the intervals of every estimator hold the truth, over many stratified draws.

Size: JIHE_PROOF_COVERAGE draws, 200 by default. Each claim is held to four standard errors of the
simulation. Measured with 2,000 draws of 180 out of 1,800 units and a take-all stratum of 15; the
mean draw holds 57, 16 and 4 findings outside it (plenty, few, hardly). 95 % intervals in per cent:

    expansion                   plenty   few   hardly
    Student's t                   93.7  88.9     78.6
    bootstrap, percentile         93.6  90.1     80.9
    bootstrap, studentised        95.2  95.5     98.0   (no upper end in 35 % of the last)
    90 % lower bound, t           92.5  95.1     96.9
    90 % lower bound, studentised 89.7  90.8     91.4
    regression on the score
    Student's t                   93.9  88.3     79.4
    bootstrap, studentised        94.3  95.7     97.9   (no upper end in 35 % of the last)
    90 % lower bound, studentised 89.8  90.6     91.9
    regression on noise
    bootstrap, studentised        95.1  95.4     97.9   (no upper end in 35 % of the last)

So Student's interval holds what it says with nearly sixty findings outside take-all strata, and not
with sixteen; the studentised one does. The percentile interval is no remedy.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.ratio_estimate import combined_ratio_total
from sampling.estimation.regression_estimate import difference_total, expansion_total, greg_total
from sampling.estimation.regression_replication import greg_bootstrap
from sampling.estimation.replication import bootstrap
from sampling.estimation.stratified import Linearised, stratified_sample

REPEATS = int(os.environ.get("JIHE_PROOF_COVERAGE", "200"))
SIZES = {"h1": 300, "h2": 600, "p1": 900, "top": 15}
DRAWS = {"h1": 60, "h2": 60, "p1": 60, "top": 15}
RATES = {
    "plenty": {"h1": 0.5, "h2": 0.3, "p1": 0.3, "top": 0.9},
    "few": {"h1": 0.10, "h2": 0.08, "p1": 0.06, "top": 0.9},
    "hardly": {"h1": 0.04, "h2": 0.02, "p1": 0.02, "top": 0.9},
}


@dataclass(frozen=True, eq=False)
class Population:
    """Amounts of every unit by stratum, with a good score, a useless one, and a size."""

    y: dict[str, np.ndarray]
    score: dict[str, np.ndarray]
    noise: dict[str, np.ndarray]
    size: dict[str, np.ndarray]

    @property
    def truth(self) -> float:
        return float(sum(v.sum() for v in self.y.values()))


def _population(name: str) -> Population:
    rng = np.random.default_rng(20261122)
    y, score, noise, size = {}, {}, {}, {}
    for stratum, N in SIZES.items():
        size[stratum] = rng.gamma(2, 5_000, N).round() + 1
        chance = np.clip(RATES[name][stratum] * rng.gamma(0.7, 1 / 0.7, N), 0, 0.95)
        found = rng.random(N) < chance
        y[stratum] = np.where(found, (size[stratum] * rng.uniform(0.2, 1, N)).round(), 0)
        score[stratum] = chance * size[stratum]
        noise[stratum] = rng.gamma(1, 3_000, N)
    return Population(y, score, noise, size)


def _draws(population: Population):
    """Yield samples with the auxiliaries of their units, drawn afresh by a fixed generator."""
    rng = np.random.default_rng(7)
    for _ in range(REPEATS):
        picks = {s: np.sort(rng.choice(N, DRAWS[s], replace=False)) for s, N in SIZES.items()}
        ids = [f"{s}-{k:04d}" for s in SIZES for k in picks[s]]
        strata = [s for s in SIZES for _ in picks[s]]
        y = np.concatenate([population.y[s][picks[s]] for s in SIZES])
        sample = stratified_sample(SIZES, ids, strata, y)
        yield sample, {
            name: Auxiliary(
                np.concatenate([values[s][picks[s]] for s in SIZES])[:, None],
                np.array([[values[s].sum()] for s in SIZES]),
            )
            for name, values in (
                ("score", population.score), ("noise", population.noise), ("size", population.size),
            )
        }  # fmt: skip


METHODS = {
    "expansion": lambda s, x: expansion_total(s),
    "greg score": lambda s, x: greg_total(s, x["score"]),
    "greg optimal": lambda s, x: greg_total(s, x["score"], slope="optimal"),
    "greg noise": lambda s, x: greg_total(s, x["noise"]),
    "ratio size": lambda s, x: combined_ratio_total(s, x["size"]),
    "difference noise": lambda s, x: difference_total(s, x["noise"]),
}


@cache
def _covered(name: str) -> dict[str, dict[str, float]]:
    """Return per method: coverage, coverage of the lower bound, mean width, relative bias."""
    population = _population(name)
    truth = population.truth
    sums = {method: Counter() for method in METHODS}
    for sample, x in _draws(population):
        for method, estimator in METHODS.items():
            got = estimator(sample, x)
            _count(sums[method], got, truth)
    return {m: {k: v / REPEATS for k, v in c.items()} for m, c in sums.items()}


def _count(counter: Counter, got: Linearised, truth: float) -> None:
    low, high = _ends(got.quantity.interval_95_t)
    counter["inside"] += low <= truth <= high
    counter["above"] += got.quantity.lower_90 is not None and got.quantity.lower_90 <= truth
    counter["width"] += 2 * 1.96 * math.sqrt(got.variance) / truth
    counter["bias"] += got.estimate / truth - 1


def _ends(interval: tuple[float | None, float | None] | None) -> tuple[float, float]:
    """An end that is not stated excludes nothing; an interval that is not stated claims nothing."""
    if interval is None:
        return math.inf, -math.inf
    low, high = interval
    return (-math.inf if low is None else low), (math.inf if high is None else high)


@cache
def _resampled(name: str, method: str = "expansion") -> dict[str, float]:
    """Return coverage of Student's, the percentile and the studentised interval and bounds.

    The regression's slope is fitted anew in every resample.
    """
    population = _population(name)
    truth = population.truth
    sums: Counter = Counter()
    for sample, x in _draws(population):
        got = METHODS[method](sample, x)
        if method == "expansion":
            boot = bootstrap(sample, got, b"coverage", replicates=399)
        else:
            aux = x[method.removeprefix("greg ")]
            boot = greg_bootstrap(sample, aux, b"coverage", replicates=399)
        for name_, interval in (
            ("student", got.quantity.interval_95_t), ("percentile", boot.percentile_95),
            ("studentised", boot.studentised_95),
        ):  # fmt: skip
            low, high = _ends(interval)
            sums[name_] += low <= truth <= high
        sums["open"] += None in (boot.studentised_95 or (None,))
        for name_, bound in (
            ("student bound", got.quantity.lower_90),
            ("studentised bound", boot.studentised_lower_90),
        ):
            sums[name_] += bound is not None and bound <= truth
    return {k: v / REPEATS for k, v in sums.items()}


def _holds(share: float, claimed: float, tolerance: float) -> bool:
    """Whether a coverage is what is claimed, give or take what REPEATS draws allow."""
    return abs(share - claimed) <= tolerance + _slack(claimed)


def _slack(share: float) -> float:
    return 4 * math.sqrt(share * (1 - share) / REPEATS)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "difference noise"])
def test_students_interval_holds_with_plenty_of_findings(method: str) -> None:
    got = _covered("plenty")[method]
    assert _holds(got["inside"], 0.95, 0.02)
    assert got["above"] >= 0.89 - _slack(0.90)


@pytest.mark.parametrize("name", list(RATES))
def test_estimates_are_centred(name: str) -> None:
    for got in _covered(name).values():
        assert abs(got["bias"]) <= 4 * got["width"] / 3.92 / math.sqrt(REPEATS) + 0.02


@pytest.mark.parametrize("name", list(RATES))
def test_the_studentised_interval_holds_where_students_does_not(name: str) -> None:
    got = _resampled(name)
    assert got["studentised"] >= 0.94 - _slack(0.95)
    assert got["studentised"] >= got["student"]
    assert _holds(got["studentised bound"], 0.90, 0.02)
    if name != "hardly":
        assert _holds(got["studentised"], 0.95, 0.01)
        assert got["open"] <= 0.01


def test_students_interval_is_known_to_fail_with_hardly_any_findings() -> None:
    """What `estimation.estimate` warns of; should this pass 90 %, revise the table."""
    assert _resampled("hardly")["student"] < 0.90
    assert not _holds(_resampled("hardly")["student"], 0.95, 0.02)


@pytest.mark.parametrize("score", ["greg score", "greg noise"])
@pytest.mark.parametrize("name", list(RATES))
def test_the_studentised_interval_of_the_regression_holds(name: str, score: str) -> None:
    got = _resampled(name, score)
    assert got["studentised"] >= 0.935 - _slack(0.95)
    assert got["studentised bound"] >= 0.88 - _slack(0.90)
    if name != "hardly":
        assert _holds(got["studentised"], 0.95, 0.015)


@pytest.mark.parametrize("name", list(RATES))
def test_a_useless_score_costs_next_to_nothing_in_the_regression(name: str) -> None:
    got = _covered(name)
    assert got["greg noise"]["width"] <= 1.05 * got["expansion"]["width"]
    assert got["greg noise"]["inside"] >= got["expansion"]["inside"] - 0.03
    assert got["difference noise"]["width"] >= 1.15 * got["expansion"]["width"]


def test_a_good_score_narrows_the_interval() -> None:
    got = _covered("plenty")
    assert got["greg score"]["width"] <= 0.85 * got["expansion"]["width"]
    assert got["greg optimal"]["width"] <= 0.85 * got["expansion"]["width"]


def test_the_checks_catch_wrong_intervals() -> None:
    """The riskiest stratum spread over all; standard errors halved: neither may be let through."""
    population = _population("plenty")
    truth, units = population.truth, sum(SIZES.values())
    spread = halved = 0
    for sample, _ in _draws(population):
        right = expansion_total(sample)
        error = right.quantity.standard_error
        risky = units * float(sample.means(sample.y)[sample.strata.index("h1")])
        spread += abs(risky - truth) <= 1.97 * error
        halved += abs(right.estimate - truth) <= 1.97 * error / 2
    assert not _holds(spread / REPEATS, 0.95, 0.02)
    assert not _holds(halved / REPEATS, 0.95, 0.02)
