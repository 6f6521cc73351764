"""Over all samples of a small population the estimates are unbiased, or known not to be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sampling.estimation.ratio_estimate import (
    combined_ratio_total,
    domain_total,
    separate_ratio_total,
    totals_by_class,
)
from sampling.estimation.regression_estimate import difference_total, expansion_total, greg_total
from sampling.estimation.stratified import Linearised, StratifiedSample
from tests.sampling.every_sample import TRUTH, every_sample, known_sizes


def _moments(estimator: Callable[[StratifiedSample], Linearised]) -> tuple[float, float, float]:
    """Return mean and variance of the estimates over all samples, and the mean of theirs."""
    got = [estimator(sample) for sample in every_sample()]
    values = np.array([g.estimate for g in got])
    return values.mean(), values.var(), float(np.mean([g.variance for g in got]))


def _exact(estimator: Callable[[StratifiedSample], Linearised], truth: float = TRUTH) -> bool:
    mean, true_variance, mean_variance = _moments(estimator)
    return math.isclose(mean, truth, rel_tol=1e-12) and math.isclose(
        mean_variance, true_variance, rel_tol=1e-12
    )


def test_all_samples_expansion_and_difference_are_exactly_unbiased() -> None:
    assert _exact(expansion_total)
    assert _exact(lambda s: difference_total(s, known_sizes(s)))
    assert _exact(lambda s: difference_total(s, known_sizes(s), slope=0.3))


def test_all_samples_domain_totals_are_exactly_unbiased() -> None:
    """The domain cuts through the strata; how many of its units are drawn is left to chance."""
    domain = {"a0", "a2", "a4", "b3", "top0"}
    truth = 7 + 12 + 40 + 90
    assert _exact(lambda s: domain_total(s, domain & set(s.unit_ids)), truth)
    for sample in every_sample():
        classes = {u: "in" if u in domain else "out" for u in sample.unit_ids}
        parts = totals_by_class(sample, classes)
        assert sum(p.estimate for p in parts.values()) == pytest.approx(
            expansion_total(sample).estimate
        )


def test_all_samples_catch_wrong_estimators() -> None:
    """What a hurried programmer would write; the same check must refuse each of them."""

    def unweighted(s: StratifiedSample) -> Linearised:
        return expansion_total(s.with_values(s.y * (11 / 7) / s.weights))

    def without_fpc(s: StratifiedSample) -> Linearised:
        got = expansion_total(s)
        variance = float((s.variances(s.y) / np.maximum(1 - s.n / s.N, 1e-9)).sum())
        return Linearised("", got.estimate, variance, got.quantity, (), got.u, 1, 0)

    def divided_by_n(s: StratifiedSample) -> Linearised:
        got = expansion_total(s)
        variance = float((s.variances(s.y) * (s.n - 1) / s.n).sum())
        return Linearised("", got.estimate, variance, got.quantity, (), got.u, 1, 0)

    def score_added(s: StratifiedSample) -> Linearised:
        got = difference_total(s, known_sizes(s))
        return Linearised("", got.estimate + 0.01, got.variance, got.quantity, (), got.u, 1, 0)

    for wrong in (unweighted, without_fpc, divided_by_n, score_added):
        assert not _exact(wrong)


def test_all_samples_ratio_is_unbiased_when_drawn_with_chance_proportional_to_its_size() -> None:
    """Lahiri and Midzuno: with samples weighed by their Xhat the ratio total is exactly unbiased.

    (Cochran 1977, section 6.15.) So sum over samples of Xhat x (Y_R) / sum of Xhat is the truth;
    the take-all stratum is no part of the ratio.
    """
    weight, total = 0.0, 0.0
    for sample in every_sample():
        aux = known_sizes(sample)
        open_ = sample.uncertain
        x_hat = float((sample.N * sample.means(aux.x[:, 0]))[open_].sum())
        weight += x_hat
        total += x_hat * combined_ratio_total(sample, aux).estimate
    assert total / weight == pytest.approx(TRUTH, rel=1e-12)


def test_amounts_in_proportion_to_size_leave_no_uncertainty() -> None:
    for sample in every_sample():
        x = known_sizes(sample)
        like = sample.with_values(2.5 * x.x[:, 0])
        for got in (
            combined_ratio_total(like, x), separate_ratio_total(like, x),
            greg_total(like, x), greg_total(like, x, slope="optimal"),
        ):  # fmt: skip
            assert got.estimate == pytest.approx(2.5 * 187)
            assert got.variance == pytest.approx(0, abs=1e-9)
