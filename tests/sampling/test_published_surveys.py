"""Estimates that R's survey package publishes, repeated on the same data.

Data: `apistrat` of R's survey package (Lumley; public records of the California Department of
Education, 2000): 200 schools, stratified by type (4,421 elementary, 1,018 middle, 755 high
schools), of which tests/golden/apistrat.csv keeps stype, api00, awards, enroll and api.stu in the
order of the package.

Reference numbers, all of the design svydesign(id=~1, strata=~stype, weights=~pw, fpc=~fpc):

- with all digits of a double, those that R's survey gave to the test suite of the Julia package
  Survey.jl (test/r_reference/est_basic.csv and domain.csv, design strat_fpc, `svytotal`, `svymean`,
  `svyratio`, `svyby` over awards);
- as printed, those of R's survey itself (tests/caleg.Rout.save): svytotal(~api.stu), and the ratio
  estimate predict(svyratio(~api.stu, ~enroll), total = 3811472), where 3,811,472 is the enrolment
  of all schools (svytotal(~enroll) after calibration in the same file).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.ratio_estimate import (
    combined_ratio_total,
    domain_mean,
    domain_total,
    ratio,
    totals_by_class,
)
from sampling.estimation.regression_estimate import expansion_total, greg_total
from sampling.estimation.stratified import Floats, Linearised, StratifiedSample, stratified_sample

SIZES = {"E": 4421, "M": 1018, "H": 755}
SCHOOLS = 6194
ENROLMENT = 3_811_472
_FILE = Path(__file__).parent.parent / "golden" / "apistrat.csv"
_HEAD, *_ROWS = [line.split() for line in _FILE.read_text(encoding="utf-8").splitlines()]


def _column(name: str) -> list[str]:
    return [row[_HEAD.index(name)] for row in _ROWS]


def _sample(name: str) -> StratifiedSample:
    values = [float(v) for v in _column(name)]
    return stratified_sample(SIZES, _ids(), _column("stype"), values)


def _ids() -> list[str]:
    return [f"{k:03d}" for k in range(len(_ROWS))]


def _per_row(sample: StratifiedSample, name: str) -> Floats:
    """Return a column in the order of the sample's rows."""
    column = _column(name)
    return np.array([float(column[int(u)]) for u in sample.unit_ids])


def _awarded(answer: str) -> list[str]:
    return [u for u, a in zip(_ids(), _column("awards"), strict=True) if a == answer]


def _told(got: Linearised) -> tuple[float, float | None]:
    """Return the estimate and its standard error."""
    return got.estimate, got.quantity.standard_error


def _published(estimate: float, error: float) -> object:
    return pytest.approx((estimate, error), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "total", "error"),
    [("api00", 4102207.93, 58278.9798072143), ("enroll", 3687177.52, 114641.715190394)],
)
def test_totals_with_finite_population_correction(name: str, total: float, error: float) -> None:
    assert _told(expansion_total(_sample(name))) == _published(total, error)


def test_means_and_ratio() -> None:
    scores = _sample("api00")
    assert _told(ratio(scores, np.ones(200))) == _published(662.287363577655, 9.408940879434)
    assert _told(ratio(scores, _per_row(scores, "enroll"))) == _published(
        1.11256046332155, 0.0413595064404803
    )


@pytest.mark.parametrize(
    ("answer", "total", "total_error", "mean", "mean_error"),
    [
        ("N", 1417303.77, 142752.682431189, 633.734912337968, 15.3347711842501),
        ("Y", 2684904.16, 152042.166199407, 678.422405668124, 11.8566310509714),
    ],
)
def test_domains(
    answer: str, total: float, total_error: float, mean: float, mean_error: float
) -> None:
    scores, members = _sample("api00"), _awarded(answer)
    assert _told(domain_total(scores, members)) == _published(total, total_error)
    assert _told(domain_mean(scores, members)) == _published(mean, mean_error)


def test_classes_add_up_to_the_whole() -> None:
    scores = _sample("api00")
    by_class = totals_by_class(scores, dict(zip(_ids(), _column("awards"), strict=True)))
    assert sum(c.estimate for c in by_class.values()) == pytest.approx(4102207.93, rel=1e-12)


def test_published_ratio_estimate_of_a_total() -> None:
    tested = _sample("api.stu")
    plain = expansion_total(tested)
    assert (round(plain.estimate), round(plain.quantity.standard_error)) == (3_086_009, 99_477)
    x = _per_row(tested, "enroll")
    # Only the whole total is known: where it lies between the strata plays no part in the estimate.
    share = tested.N * tested.means(x)
    known = Auxiliary(x[:, None], (share * ENROLMENT / share.sum())[:, None])
    got = combined_ratio_total(tested, known)
    assert round(got.estimate) == 3_190_038
    # R's svyratio multiplies by the known total, its calibrate by the g-weights: the same here.
    assert got.quantity.standard_error == pytest.approx(29_565.98, abs=0.005)


def test_the_regression_of_a_variable_on_itself_is_the_known_total() -> None:
    """As svytotal(~enroll) after calibrate(~enroll): 3811472 with no error but rounding."""
    enrolment = _sample("enroll")
    share = enrolment.N * enrolment.means(enrolment.y)
    known = Auxiliary(enrolment.y[:, None], (share * ENROLMENT / share.sum())[:, None])
    got = greg_total(enrolment, known)
    assert got.estimate == pytest.approx(ENROLMENT, rel=1e-12)
    assert got.variance < 1e-12 * expansion_total(enrolment).variance


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: s.variances(s.y).sum() / (1 - 200 / SCHOOLS),
        lambda s: (s.N**2 * s.sums(s.centred(s.y) ** 2) / (s.n * (s.n - 1))).sum(),
        lambda s: (s.variances(s.y) * (s.n - 1) / s.n).sum(),
    ],
    ids=["one correction for all", "no correction", "divided by n"],
)
def test_wrong_variances_are_told_apart(wrong: Callable[[StratifiedSample], float]) -> None:
    error = float(np.sqrt(wrong(_sample("enroll"))))
    assert error != pytest.approx(114641.715190394, rel=1e-4)
