"""Expansion, ratio, regression and difference totals: published examples, all samples, mutants."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.auxiliary import Auxiliary, auxiliary, auxiliary_totals
from sampling.intervals import quantity, satterthwaite
from sampling.ratio_estimate import (
    combined_ratio_total,
    domain_mean,
    domain_total,
    ratio,
    separate_ratio_total,
    totals_by_class,
)
from sampling.regression_estimate import (
    difference_total,
    expansion_total,
    greg_slopes,
    greg_total,
    greg_weights,
    separate_regression_total,
)
from sampling.sample_faults import SampleError
from sampling.stratified import Linearised, StratifiedSample, stratified_sample

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


# A population so small that every sample can be drawn. Amounts are mostly zero, as verdicts are.
SIZES = {"a": 5, "b": 4, "top": 2}
DRAWS = {"a": 3, "b": 2, "top": 2}
Y = {"a": [0, 0, 7, 0, 12], "b": [3, 0, 0, 40], "top": [90, 55]}
X = {"a": [1, 2, 6, 1, 9], "b": [5, 2, 1, 30], "top": [70, 60]}
TRUTH = 207.0


def _id(stratum: str, i: int) -> str:
    return f"{stratum}{i}"


def _samples() -> Iterator[StratifiedSample]:
    names = list(SIZES)
    for chosen in product(*(combinations(range(SIZES[s]), DRAWS[s]) for s in names)):
        rows = [
            (_id(s, i), s, Y[s][i]) for s, picks in zip(names, chosen, strict=True) for i in picks
        ]
        ids, strata, y = zip(*rows, strict=True)
        yield stratified_sample(SIZES, ids, strata, y)


def _auxiliary(sample: StratifiedSample, x: Mapping[str, Sequence[float]] = X) -> Auxiliary:
    frame = [(_id(s, i), s, v) for s, values in x.items() for i, v in enumerate(values)]
    ids, strata, values = zip(*frame, strict=True)
    return auxiliary(sample, ids, strata, values)


def _moments(estimator: Callable[[StratifiedSample], Linearised]) -> tuple[float, float, float]:
    """Return mean and variance of the estimates over all samples, and the mean of theirs."""
    got = [estimator(sample) for sample in _samples()]
    values = np.array([g.estimate for g in got])
    return values.mean(), values.var(), float(np.mean([g.variance for g in got]))


def _exact(estimator: Callable[[StratifiedSample], Linearised], truth: float = TRUTH) -> bool:
    mean, true_variance, mean_variance = _moments(estimator)
    return math.isclose(mean, truth, rel_tol=1e-12) and math.isclose(
        mean_variance, true_variance, rel_tol=1e-12
    )


def test_all_samples_expansion_and_difference_are_exactly_unbiased() -> None:
    assert _exact(expansion_total)
    assert _exact(lambda s: difference_total(s, _auxiliary(s)))
    assert _exact(lambda s: difference_total(s, _auxiliary(s), slope=0.3))


def test_all_samples_domain_totals_are_exactly_unbiased() -> None:
    """The domain cuts through the strata; how many of its units are drawn is left to chance."""
    domain = {"a0", "a2", "a4", "b3", "top0"}
    truth = 7 + 12 + 40 + 90
    assert _exact(lambda s: domain_total(s, domain & set(s.unit_ids)), truth)
    for sample in _samples():
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
        got = difference_total(s, _auxiliary(s))
        return Linearised("", got.estimate + 0.01, got.variance, got.quantity, (), got.u, 1, 0)

    for wrong in (unweighted, without_fpc, divided_by_n, score_added):
        assert not _exact(wrong)


def test_all_samples_ratio_is_unbiased_when_drawn_with_chance_proportional_to_its_size() -> None:
    """Lahiri and Midzuno: with samples weighed by their Xhat the ratio total is exactly unbiased.

    (Cochran 1977, section 6.15.) So sum over samples of Xhat x (Y_R) / sum of Xhat is the truth;
    the take-all stratum is no part of the ratio.
    """
    weight, total = 0.0, 0.0
    for sample in _samples():
        aux = _auxiliary(sample)
        open_ = sample.uncertain
        x_hat = float((sample.N * sample.means(aux.x[:, 0]))[open_].sum())
        weight += x_hat
        total += x_hat * combined_ratio_total(sample, aux).estimate
    assert total / weight == pytest.approx(TRUTH, rel=1e-12)


def test_amounts_in_proportion_to_size_leave_no_uncertainty() -> None:
    for sample in _samples():
        x = _auxiliary(sample)
        like = sample.with_values(2.5 * x.x[:, 0])
        for got in (
            combined_ratio_total(like, x), separate_ratio_total(like, x),
            greg_total(like, x), greg_total(like, x, slope="optimal"),
        ):  # fmt: skip
            assert got.estimate == pytest.approx(2.5 * 187)
            assert got.variance == pytest.approx(0, abs=1e-9)


def test_combined_ratio_by_hand() -> None:
    """N 10 and 4; a: y 0 2 4, x 1 2 3, X 25; b: y 10 30, x 10 14, X 50. R = (20 + 80) / (20 + 48).

    Total 75 R = 110.294. Residuals y - R x, raised by 75/68, in the stratified formula.
    """
    sample = stratified_sample({"a": 10, "b": 4}, list("vwxyz"), list("aaabb"), [0, 2, 4, 10, 30])
    sizes = dict(zip("vwxyz", [1, 2, 3, 10, 14], strict=True))
    aux = auxiliary_totals(sample, sizes, {"a": 25, "b": 50})
    got = combined_ratio_total(sample, aux)
    R = 100 / 68
    assert got.estimate == pytest.approx(75 * R)
    # s^2 of (0, 2, 4) - R (1, 2, 3) is (2 - R)^2; of (10, 30) - R (10, 14) is (20 - 4 R)^2 / 2.
    by_hand = (75 / 68) ** 2 * (10 * 7 * (2 - R) ** 2 / 3 + 4 * 2 * (20 - 4 * R) ** 2 / 4)
    assert got.variance == pytest.approx(by_hand)
    separate = separate_ratio_total(sample, aux)
    assert separate.estimate == pytest.approx(25 * 1 + 50 * 20 / 12)


def test_domain_mean_by_hand() -> None:
    """One stratum of 10, verdicts 4 6 and 9; the first two are members: mean 5, N_D 20/3.

    u = (4-5, 6-5, 0) / (20/3); s^2 of (-1, 1, 0) is 1; variance 10 x 7 / 3 / (20/3)^2.
    """
    sample = stratified_sample({"a": 10}, ["p", "q", "r"], ["a"] * 3, [4, 6, 9])
    got = domain_mean(sample, {"p", "q"})
    assert got.estimate == pytest.approx(5)
    assert got.variance == pytest.approx(70 / 3 / (20 / 3) ** 2)
    with pytest.raises(SampleError, match="No unit of the domain"):
        domain_mean(sample, set())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_regression_weights_reproduce_what_is_known(seed: int, p: int) -> None:
    """Calibration: w g adds up to N_h in every stratum and to X; the total is sum w g y."""
    rng = np.random.default_rng(seed)
    sizes = {"a": 30, "b": 20, "top": 3}
    draws = {"a": 6, "b": 5, "top": 3}
    frame = [(f"{s}{i}", s) for s, n in sizes.items() for i in range(n)]
    x = rng.gamma(1, 10, (len(frame), p))
    picked = [f"{s}{i}" for s in sizes for i in rng.choice(sizes[s], draws[s], replace=False)]
    strata = [u.rstrip("0123456789") for u in picked]
    sample = stratified_sample(sizes, picked, strata, rng.gamma(1, 100, len(picked)))
    aux = auxiliary(sample, [u for u, _ in frame], [s for _, s in frame], x)
    for slope in ("weighted", "optimal"):
        weights = greg_weights(sample, aux, slope=slope)
        assert sample.sums(weights) == pytest.approx(sample.N)
        assert weights @ aux.x == pytest.approx(x.sum(axis=0))
        got = greg_total(sample, aux, slope=slope)
        assert got.estimate == pytest.approx(weights @ sample.y)
        # A shifted or rescaled score is the same score.
        moved = Auxiliary(3 * aux.x + 7, 3 * aux.X + 7 * sample.N[:, None])
        again = greg_total(sample, moved, slope=slope)
        assert (again.estimate, again.variance) == pytest.approx((got.estimate, got.variance))
        assert greg_slopes(sample, moved, slope=slope) == pytest.approx(
            greg_slopes(sample, aux, slope=slope) / 3
        )


@settings(max_examples=20, deadline=None)
@given(st.permutations(list(range(9))))
def test_order_of_rows_is_irrelevant(order: list[int]) -> None:
    ids = [f"u{i}" for i in range(9)]
    strata, y = list("aaaabbbbb"), [0.1, 7.3, 0.2, 9.9, 0, 0.7, 0, 5.31, 1e9]
    frame_x = dict(zip(ids, [0.1, 0.2, 0.3, 0.7, 1.1, 1.3, 1.7, 1.9, 2.3], strict=True))

    def all_of(rows: Sequence[int]) -> list[float]:
        sample = stratified_sample(
            {"a": 9, "b": 11},
            [ids[i] for i in rows],
            [strata[i] for i in rows],
            [y[i] for i in rows],
        )
        rest = [f"a-{i}" for i in range(5)] + [f"b-{i}" for i in range(6)]
        frame = [ids[i] for i in rows] + rest
        names = [strata[i] for i in rows] + [r[0] for r in rest]
        x = [frame_x[ids[i]] for i in rows] + [0.37 * (i + 1) for i in range(11)]
        if rows[0] % 2:
            frame, names, x = frame[::-1], names[::-1], x[::-1]
        aux = auxiliary(sample, frame, names, x)
        results = [
            expansion_total(sample), greg_total(sample, aux), combined_ratio_total(sample, aux),
            separate_ratio_total(sample, aux), difference_total(sample, aux),
        ]  # fmt: skip
        return [v for r in results for v in (r.estimate, r.variance)]

    assert all_of(order) == all_of(range(9))


def test_a_constant_score_is_left_out() -> None:
    sample = next(_samples())
    aux = _auxiliary(sample, {s: [4.0] * n for s, n in SIZES.items()})
    got, plain = greg_total(sample, aux), expansion_total(sample)
    assert (got.estimate, got.variance) == (plain.estimate, plain.variance)
    assert [n.code for n in got.notes] == ["AUXILIARY_CONSTANT"]


def test_the_difference_estimator_always_warns_and_says_when_it_is_wider() -> None:
    sample = list(_samples())[-1]
    useful = difference_total(sample, _auxiliary(sample))
    useless = difference_total(sample, _auxiliary(sample), slope=-5)
    assert [n.code for n in useful.notes + useless.notes] == ["DIFFERENCE_SLOPE"] * 2
    assert "wider than the estimate without" not in useful.notes[0].en
    assert "wider than the estimate without" in useless.notes[0].en
    assert "更宽" in useless.notes[0].zh


def test_a_census_is_exact() -> None:
    rows = [(_id(s, i), s, v) for s, values in Y.items() for i, v in enumerate(values)]
    ids, strata, y = zip(*rows, strict=True)
    sample = stratified_sample(SIZES, ids, strata, y)
    aux = _auxiliary(sample)
    for got in (
        expansion_total(sample), greg_total(sample, aux), combined_ratio_total(sample, aux),
        separate_ratio_total(sample, aux), separate_regression_total(sample, aux),
    ):  # fmt: skip
        assert got.estimate == TRUTH
        assert got.quantity.interval_95_t == (TRUTH, TRUTH)
        assert got.quantity.standard_error == 0


def test_intervals_by_hand() -> None:
    """Student's t, 10 degrees of freedom: 1.372184 at 90 %, 2.228139 at 97.5 %; normal 1.959964."""
    got = quantity(100, 400, 10)
    assert got.standard_error == 20
    assert got.interval_95 == pytest.approx((60.80072, 139.19928), abs=1e-5)
    assert got.interval_95_t == pytest.approx((55.43722, 144.56278), abs=1e-5)
    assert got.lower_90 == pytest.approx(72.55633, abs=1e-5)
    assert quantity(100, 400, 10, least=90, most=120).interval_95_t == (90, 120)


def test_degrees_of_freedom_by_hand() -> None:
    """Variances 1, 2 and 0 on 4, 5 and 9: 9 / (1/4 + 4/5); one without variance has no say."""
    assert satterthwaite([1, 2, 0], [4, 5, 9]) == pytest.approx(9 / 1.05)
    assert satterthwaite([0, 0], [4, 5]) == 0


def test_expansion_is_the_estimate_of_the_plan() -> None:
    """The hand arithmetic of tests/sampling/test_estimate.py: one estimator, written twice."""
    sample = stratified_sample({"a": 10, "b": 4}, list("vwxyz"), list("aaabb"), [0, 2, 4, 10, 30])
    got = expansion_total(sample).quantity
    assert got.estimate == 100
    assert got.standard_error == pytest.approx(math.sqrt(2680 / 3), rel=1e-12)
    assert got.df == pytest.approx((2680 / 3) ** 2 / ((280 / 3) ** 2 / 2 + 800**2))
    assert got.interval_95 == pytest.approx((46, 100 + 1.959963984540054 * math.sqrt(2680 / 3)))


def test_a_take_all_stratum_does_not_bend_the_slope() -> None:
    """Verdicts follow 2 x outside the take-all stratum and -50 x in it: the slope is 2."""
    ids, strata = list("pqrstu"), list("aaattt")
    x = dict(zip(ids, [1.0, 2, 4, 1, 2, 3], strict=True))
    sample = stratified_sample({"a": 9, "t": 3}, ids, strata, [2, 4, 8, -50, -100, -150])
    aux = auxiliary_totals(sample, x, {"a": 30.0, "t": 6.0})
    for slope in ("weighted", "optimal"):
        assert greg_slopes(sample, aux, slope=slope) == pytest.approx([2])
        got = greg_total(sample, aux, slope=slope)
        assert got.estimate == pytest.approx(60 - 300)
        assert got.variance == pytest.approx(0, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_optimal_slope_has_the_least_estimated_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, strata = [f"u{i}" for i in range(12)], ["a"] * 5 + ["b"] * 7
    sample = stratified_sample({"a": 11, "b": 90}, ids, strata, rng.gamma(1, 9, 12))
    aux = auxiliary_totals(
        sample, dict(zip(ids, rng.gamma(1, 9, 12), strict=True)), {"a": 99.0, "b": 800.0}
    )
    best = greg_slopes(sample, aux, slope="optimal")
    least = difference_total(sample, aux, slope=best).variance
    for other in (best - 0.05, best + 0.05, greg_slopes(sample, aux)):
        assert least <= difference_total(sample, aux, slope=other).variance * (1 + 1e-12)


def test_the_record_is_plain() -> None:
    sample = next(_samples())
    record = difference_total(sample, _auxiliary(sample)).to_dict()
    assert json.loads(json.dumps(record))["method"] == "difference"
    assert record["notes"][0]["code"] == "DIFFERENCE_SLOPE"
    assert record["lower_90"] <= record["estimate"]


def test_bounds_never_fall_below_what_was_found() -> None:
    sample = stratified_sample({"a": 400}, ["p", "q", "r"], ["a"] * 3, [0, 0, 9])
    assert expansion_total(sample).quantity.interval_95_t[0] == 9
    assert expansion_total(sample).quantity.lower_90 == 9
    below = expansion_total(sample.with_values(np.array([0, -1, 9])))
    assert below.quantity.interval_95_t[0] < 0


def test_equal_verdicts_give_no_interval() -> None:
    sample = stratified_sample({"a": 400}, ["p", "q", "r"], ["a"] * 3, [0, 0, 0])
    assert expansion_total(sample).quantity.interval_95 is None


GOOD = ({"a": 9, "b": 5}, list("pqrs"), list("aabb"), [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({0: {"a": -9, "b": 5}}, "Stratum 'a' has size -9"),
        ({0: {"a": 9.5, "b": 5}}, "Stratum 'a' has size 9.5"),
        ({0: {"a": 9, "b": 5, "c": 3}}, "Stratum 'c' has 3 units and no verdict"),
        ({0: {"a": 9, "b": 1}}, "Stratum 'b' has 2 verdicts but only 1 units"),
        ({2: list("abbb")}, "Stratum 'a' has one verdict for 9 units"),
        ({2: list("aazb")}, "Unit 'r' is in stratum 'z'"),
        ({1: list("pqpq")}, "Unit 'p' appears more than once"),
        ({3: [1.0, math.nan, 3.0, 4.0]}, "Unit 'q' has no finite value"),
        ({3: [1.0, None, 3.0, 4.0]}, "Unit 'q' has no finite value"),
        ({3: [1.0, 2.0]}, "differ in length"),
        ({0: {}, 1: [], 2: [], 3: []}, "no stratum"),
    ],
)
def test_bad_samples_are_refused_with_their_place(change: dict[int, object], says: str) -> None:
    with pytest.raises(SampleError, match=says) as caught:
        stratified_sample(*(change.get(i, part) for i, part in enumerate(GOOD)))
    assert caught.value.text("zh") != caught.value.text("en")


def test_weights_that_do_not_fit_are_refused() -> None:
    assert stratified_sample(*GOOD, weights=[4.5, 4.5, 2.5, 2.5]).weights.tolist() == [
        4.5, 4.5, 2.5, 2.5,
    ]  # fmt: skip
    with pytest.raises(SampleError, match=r"Unit 'r' of stratum 'b' has weight 3\.0"):
        stratified_sample(*GOOD, weights=[4.5, 4.5, 3.0, 2.5])


def test_bad_auxiliaries_are_refused_with_their_place() -> None:
    sample = stratified_sample({"a": 3, "b": 2}, list("pqrs"), list("aabb"), [1, 2, 3, 4])
    frame, strata = list("pqxrs"), list("aaabb")
    with pytest.raises(SampleError, match="Unit 'x' has no finite auxiliary value"):
        auxiliary(sample, frame, strata, [1, 2, math.nan, 3, 4])
    with pytest.raises(SampleError, match="Stratum 'a' has 3 units but 2 auxiliary values"):
        auxiliary(sample, list("pqrs"), list("aabb"), [1, 2, 3, 4])
    with pytest.raises(SampleError, match="Unit 'q' has no finite auxiliary value"):
        auxiliary(sample, list("pyxrs"), strata, [1, 2, 3, 4, 5])
    with pytest.raises(SampleError, match="Unit 'q' is in stratum 'a' of the sample and in 'b'"):
        auxiliary(sample, list("pxrqs"), strata, [1, 2, 3, 4, 5])
    with pytest.raises(SampleError, match="Stratum 'b'"):
        auxiliary_totals(sample, dict.fromkeys("pqrs", 1), {"a": 3})
    good = auxiliary(sample, frame, strata, [1, -2, 5, 3, 4])
    with pytest.raises(SampleError, match="Unit 'q' has a negative auxiliary"):
        combined_ratio_total(sample, good)
    with pytest.raises(SampleError, match="sum to zero"):
        combined_ratio_total(sample, auxiliary(sample, frame, strata, [0, 0, 5, 0, 0]))
    two = auxiliary(sample, frame, strata, [[1, 2]] * 5)
    with pytest.raises(SampleError, match="one auxiliary, not 2"):
        separate_ratio_total(sample, two)
    with pytest.raises(SampleError, match="In 'a' 1 degrees of freedom"):
        separate_regression_total(sample, good)
    with pytest.raises(SampleError, match="1 degrees of freedom are too few to fit 1"):
        greg_total(sample, good)
    with pytest.raises(SampleError, match="Unit 'zz' is not in the sample"):
        domain_total(sample, {"zz"})
    with pytest.raises(SampleError, match="Unit 's' has no class"):
        totals_by_class(sample, {"p": "1", "q": "1", "r": "2"})
