"""Ratio, regression and mean with known totals: the published examples and the textbook's line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sampling.estimation.auxiliary import Auxiliary, auxiliary_totals
from sampling.estimation.ratio_estimate import combined_ratio_total, ratio, separate_ratio_total
from sampling.estimation.regression_estimate import greg_total, separate_regression_total
from sampling.estimation.stratified import Linearised, StratifiedSample, stratified_sample

# The data set `trees` of R (Ryan, Joiner and Ryan, The Minitab Student Handbook, 1976): girth and
# volume of 31 felled black cherry trees. Taken as a simple random sample of 1,000 trees with total
# girth 14,000, R's survey package gives the ratio total 31882.64 and its standard error 1811.89:
# T. Johnson, Ratio, Domain, and Regression Estimation and Calibration,
# rpubs.com/trjohns/survey-ratioreg.
GIRTH = [
    8.3, 8.6, 8.8, 10.5, 10.7, 10.8, 11.0, 11.0, 11.1, 11.2, 11.3, 11.4, 11.4, 11.7, 12.0, 12.9,
    12.9, 13.3, 13.7, 13.8, 14.0, 14.2, 14.5, 16.0, 16.3, 17.3, 17.5, 17.9, 18.0, 18.0, 20.6,
]  # fmt: skip
VOLUME = [
    10.3, 10.3, 10.2, 16.4, 18.8, 19.7, 15.6, 18.2, 22.6, 19.9, 24.2, 21.0, 21.4, 21.3, 19.1, 22.2,
    33.8, 27.4, 25.7, 24.9, 34.5, 31.7, 36.3, 38.3, 42.6, 55.4, 55.7, 58.3, 51.5, 51.0, 77.0,
]  # fmt: skip


def _trees() -> tuple[StratifiedSample, Auxiliary]:
    ids = [f"t{i:02d}" for i in range(31)]
    sample = stratified_sample({"a": 1000}, ids, ["a"] * 31, VOLUME)
    girth = dict(zip(ids, GIRTH, strict=True))
    return sample, auxiliary_totals(sample, girth, {"a": 14_000})


@pytest.mark.parametrize("estimator", [combined_ratio_total, separate_ratio_total])
def test_published_ratio_total(estimator: Callable[..., Linearised]) -> None:
    got = estimator(*_trees())
    assert round(got.estimate, 2) == 31_882.64
    assert round(got.quantity.standard_error, 2) == 1_811.89


def test_regression_total_is_the_textbooks_line() -> None:
    """Cochran (1977), 7.3 to 7.4: N(ybar + b(Xbar - xbar)) and the residual variance over n - 2.

    With g-weights the residuals are raised by 1 + (Xbar - xbar)(x - xbar)n / Sxx.
    """
    sample, aux = _trees()
    slope, intercept = np.polyfit(GIRTH, VOLUME, 1)
    got = greg_total(sample, aux)
    assert got.estimate == pytest.approx(1000 * (intercept + slope * 14), rel=1e-12)
    x, y = np.array(GIRTH), np.array(VOLUME)
    g = 1 + (14 - x.mean()) * (x - x.mean()) * 31 / ((x - x.mean()) ** 2).sum()
    e = g * (y - intercept - slope * x)
    variance = 1000**2 * (1 - 0.031) / 31 * ((e - e.mean()) ** 2).sum() / 29
    assert got.variance == pytest.approx(variance, rel=1e-12)
    assert got.quantity.df == pytest.approx(29)
    for other in (greg_total(sample, aux, slope="optimal"), separate_regression_total(sample, aux)):
        assert other.estimate == pytest.approx(got.estimate, rel=1e-12)
        assert other.variance == pytest.approx(variance, rel=1e-12)
        assert other.quantity.df == pytest.approx(29)


def test_published_mean_with_finite_population_correction() -> None:
    """Stata's fpc.dta (Survey Data Reference Manual, svyset), also data(fpc) of R's survey.

    Eight of 27 units in two strata, mean 5.448148, standard error 0.6160407.
    """
    x = [2.8, 4.1, 6.8, 6.8, 9.2, 3.7, 6.6, 4.2]
    sample = stratified_sample({"1": 15, "2": 12}, list("abcdefgh"), ["1"] * 5 + ["2"] * 3, x)
    got = ratio(sample, np.ones(8))
    assert round(got.estimate, 6) == 5.448148
    assert round(got.quantity.standard_error, 7) == 0.6160407
