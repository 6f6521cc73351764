"""The forecast of plans by size and in two stages: by hand, and against all samples written down.

What is expected is worked out by listing every sample of institutions with its chance and every
sample of claims within each, or by arithmetic shown here; never by the code under test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sampling.design import Design, Stratum, allocate
from sampling.drawing.beside import NOTHING
from sampling.drawing.pps import (
    inclusion_probabilities,
    joint_inclusion_probabilities,
    sum_variance,
)
from sampling.frame import make_frame
from sampling.planning.clusters import Clusters, clusters
from sampling.planning.frontier import expected_visits, forecast
from sampling.planning.plan_design import DesignOptions, PlanUnits, plan_design
from sampling.planning.predicted import Predicted
from sampling.planning.staged_forecast import (
    FirstStage,
    best_take,
    first_stage,
    half_width,
    hedged_variance,
    model_variance,
    staged_forecast,
)
from sampling.planning.staged_plan import plan_by_size

UNITS = ("A", "B", "C", "D", "E")
CLAIMS = (3, 2, 1, 4, 3)
TAKES = np.array([2, 2, 1, 2, 3])
PSU = np.repeat(np.arange(5), CLAIMS)
Y = np.array([0, 3, 6, 1, 2, 5, 0, 0, 9, 1, 4, 0, 8], dtype=float)
MONEY = np.array([70, 10, 20, 5, 30, 11, 9, 9, 40, 12, 25, 3, 30])
NO_NOISE = Predicted(np.ones(13), Y, np.zeros(13))
Sample = tuple[int, ...]


@dataclass(frozen=True)
class Staged:
    """A first stage, with the chance of each of its samples."""

    first: FirstStage
    samples: dict[Sample, Fraction]


def _by_size(sizes: tuple[int, ...], n: int) -> Staged:
    """A sample has a chance in proportion to the product of its weights; a weight 0 is certain."""
    frame = make_frame("institution", list(UNITS), ["all"] * 5, list(sizes))
    design, beside = plan_by_size(frame, n)
    weights = beside.weights or ()
    certain = tuple(k for k, w in enumerate(weights) if w == 0)
    open_ = [k for k, w in enumerate(weights) if w]
    raw = {
        tuple(sorted(certain + s)): Fraction(math.prod(weights[k] for k in s))
        for s in itertools.combinations(open_, n - len(certain))
    }
    whole = sum(raw.values())
    return Staged(first_stage(frame, design, beside), {s: c / whole for s, c in raw.items()})


def _by_strata() -> Staged:
    """Two of A, C, E and both of B, D: three samples alike."""
    frame = make_frame("institution", list(UNITS), list("xyxyx"), [1] * 5)
    design = Design("institution", 4, *(allocate(frame, 4, "0.5").random_share,) * 2, strata=(
        Stratum("x", 3, 2, 2, False), Stratum("y", 2, 2, 1, False),
    ))  # fmt: skip
    samples = {
        tuple(sorted((*pair, 1, 3))): Fraction(1, 3)
        for pair in itertools.combinations((0, 2, 4), 2)
    }
    return Staged(first_stage(frame, design, NOTHING), samples)


PLANS: dict[str, Callable[[], Staged]] = {
    "size": lambda: _by_size((100, 40, 11, 70, 58), 3),
    "size_with_certain": lambda: _by_size((1000, 40, 11, 70, 58), 3),
    "strata": _by_strata,
}


def _variance_by_counting(plan: Staged, takes: np.ndarray, y: np.ndarray) -> float:
    """The variance of the estimated total over all samples of both stages."""
    pi = [sum(c for s, c in plan.samples.items() if i in s) for i in range(5)]
    first = second = Fraction(0)
    for sample, chance in plan.samples.items():
        places = [np.flatnonzero(i == PSU).tolist() for i in sample]
        inner = [
            list(itertools.combinations(p, int(takes[i])))
            for p, i in zip(places, sample, strict=True)
        ]
        count = math.prod(len(x) for x in inner)
        for drawn in itertools.product(*inner):
            total = sum(
                Fraction(len(places[j]), len(d)) * sum(Fraction(y[k]) for k in d) / pi[i]
                for j, (i, d) in enumerate(zip(sample, drawn, strict=True))
            )
            first += chance / count * total
            second += chance / count * total * total
    assert first == sum(Fraction(v) for v in y)  # unbiased
    return float(second - first * first)


def _known(model: Predicted | None, **more: float) -> Clusters:
    return clusters(PSU, MONEY, ["p", "q", "p", "q", "q"], model, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", PLANS)
@pytest.mark.parametrize("takes", [TAKES, np.array(CLAIMS)])
def test_the_forecast_is_the_variance_over_all_samples(kind: str, takes: np.ndarray) -> None:
    plan, known = PLANS[kind](), _known(NO_NOISE)
    assert known.scored is not None
    parts = model_variance(plan.first, known, takes, known.scored)
    assert parts.variance == pytest.approx(_variance_by_counting(plan, takes, Y), rel=1e-6)


@pytest.mark.parametrize("kind", PLANS)
@pytest.mark.parametrize("alike", [0.0, 0.3])
def test_the_forecast_is_the_expectation_over_random_amounts(kind: str, alike: float) -> None:
    """V is a quadratic form y'Ay, so E V = mu'A mu + sum A_kl cov(y_k, y_l); A by counting."""
    plan = PLANS[kind]()
    noise = np.array([4, 1, 0, 9, 2, 1, 0, 3, 5, 1, 2, 7, 4], dtype=float)
    unit = np.eye(13)
    single = [_variance_by_counting(plan, TAKES, unit[k]) for k in range(13)]
    expected = _variance_by_counting(plan, TAKES, Y) + float(np.dot(single, noise))
    for k, m in itertools.combinations(range(13), 2):
        if PSU[k] == PSU[m]:
            both = _variance_by_counting(plan, TAKES, unit[k] + unit[m])
            cov = alike * math.sqrt(noise[k] * noise[m])
            expected += (both - single[k] - single[m]) * cov
    known = _known(Predicted(np.ones(13), Y, noise))
    assert known.scored is not None
    model = known.scored.alike(alike, known.counts)
    got = model_variance(plan.first, known, TAKES, model).variance
    assert got == pytest.approx(expected, rel=1e-6)


def test_a_tiny_plan_by_hand() -> None:
    """Two of three institutions; of A 0, 3, 6 two claims, of B 1, 2 both, of C its 5.

    Totals 9, 3, 5: S^2 = 28/3, V_1 = 9 (1/3) (28/3) / 2 = 14. Within A: S^2 = 9, V_A = 9 (1/3) 9/2
    = 13.5, over pi = 2/3: 20.25. Interval: parts 14 + 0.5 x 13.5 = 20.75 and 13.5 with one degree
    of freedom each: df = 34.25^2 / (20.75^2 + 13.5^2).
    """
    frame = make_frame("institution", list("ABC"), ["all"] * 3, [1, 1, 1])
    design = Design("institution", 2, *(allocate(frame, 2, "1").random_share,) * 2, strata=(
        Stratum("all", 3, 2, 2, False),
    ))  # fmt: skip
    y = np.array([0.0, 3, 6, 1, 2, 5])
    model = Predicted(np.full(6, 0.5), y, np.zeros(6))
    known = clusters(
        np.array([0, 0, 0, 1, 1, 2]), np.array([10, 20, 30, 5, 5, 30]), ["p", "p", "q"], model,
        np.array([1.0] * 6), 2.0,
    )  # fmt: skip
    first, takes = first_stage(frame, design, NOTHING), np.array([2, 2, 1])
    assert known.scored is not None
    parts = model_variance(first, known, takes, known.scored)
    assert (float(parts.between.sum()), parts.raised) == pytest.approx((20.75, 20.25))
    assert parts.variance == pytest.approx(34.25)
    df = 34.25**2 / (20.75**2 + 13.5**2)
    told = staged_forecast(first, known, takes)
    assert half_width([20.75, 13.5], [1, 1]) == pytest.approx(
        stats.t.ppf(0.975, df) * math.sqrt(34.25)
    )
    assert told.recovery == pytest.approx(28 / 3)  # 2/3 (2/3 9 + 3 + 5)
    assert told.findings == pytest.approx(2 / 3 * (2 / 3 * 1.5 + 1 + 0.5))
    assert told.listed == pytest.approx(10 / 3)
    assert told.hours == pytest.approx(22 / 3)  # 2/3 ((2 + 2) + (2 + 2) + (2 + 1))
    assert (told.institutions, told.certain) == (2, 0)
    assert (told.take_least, told.take_most) == (1, 2)
    rows = [(c.value, c.institutions, c.drawn, c.money_share) for c in told.classes]
    # Money of A 60 of which 2/3, B 10 whole; C 30 whole; each with chance 2/3.
    assert rows == [
        ("p", 2, pytest.approx(4 / 3), pytest.approx(2 / 3 * 50 / 70)),
        ("q", 1, pytest.approx(2 / 3), pytest.approx(2 / 3)),
        ("", 3, pytest.approx(2), pytest.approx(2 / 3 * 80 / 100)),
    ]


def test_the_interval_s_freedom_is_that_of_the_estimate() -> None:
    """Hand: of both models alike (mean in proportion to size, chance 1, cv 0.5)."""
    size = np.array([4, 4, 4, 4, 4, 4, 2, 2])
    mean = size.astype(float)
    model = Predicted(np.ones(8), mean, 0.25 * mean**2)
    known = clusters(np.array([0, 0, 0, 0, 0, 1, 1, 2]), size, ["p"] * 3, model)
    frame = make_frame("institution", list("ABC"), ["all"] * 3, [1, 1, 1])
    design = Design("institution", 2, *(allocate(frame, 2, "1").random_share,) * 2, strata=(
        Stratum("all", 3, 2, 2, False),
    ))  # fmt: skip
    # Totals 20, 6, 2; of A four of five claims, E S^2 = 4; the others are taken whole.
    v_a = 25 * (1 - 4 / 5) * 4 / 4
    totals = 9 / 6 * np.var([20, 6, 2], ddof=1)
    between = totals + 0.5 * (0.25 * (mean**2).sum() + v_a)
    # Within A 3 degrees of freedom, and A is drawn in two of three plans.
    df = (between + v_a) ** 2 / (between**2 + v_a**2 / 2)
    told = staged_forecast(first_stage(frame, design, NOTHING), known, np.array([4, 2, 1]))
    assert told.variance == pytest.approx(between + v_a)
    assert told.half_width == pytest.approx(stats.t.ppf(0.975, df) * math.sqrt(between + v_a))
    assert told.within_share == pytest.approx(v_a / (2 / 3) / (between + v_a))
    assert (told.half_width_alike or 0) > told.half_width


@pytest.mark.parametrize("kind", PLANS)
def test_all_claims_of_each_are_the_plan_of_one_stage(kind: str) -> None:
    noise = np.arange(13) / 3.0
    plan, counts = PLANS[kind](), np.array(CLAIMS)
    two = _known(Predicted(np.ones(13), Y, noise))
    sums = [np.array([v[i == PSU].sum() for i in range(5)]) for v in (Y, noise)]
    money = np.array([MONEY[i == PSU].sum() for i in range(5)])
    one = clusters(np.arange(5), money, ["p", "q", "p", "q", "q"], Predicted(np.ones(5), *sums))
    assert two.scored is not None
    assert one.scored is not None
    whole = model_variance(plan.first, two, counts, two.scored)
    single = model_variance(plan.first, one, np.ones(5, dtype=np.int64), one.scored)
    assert whole.raised == 0
    assert whole.variance == pytest.approx(single.variance, rel=1e-12)
    a = staged_forecast(plan.first, two, counts)
    b = staged_forecast(plan.first, one, np.ones(5, dtype=np.int64))
    assert a.recovery == pytest.approx(b.recovery)
    assert a.classes == b.classes


def test_both_models_count_half_and_no_verdict_says_nothing() -> None:
    plan = PLANS["size"]()
    known = _known(Predicted(np.full(13, 0.5), Y, Y))
    assert known.scored is not None
    assert known.unscored is not None
    both = hedged_variance(plan.first, known, TAKES)
    assert both is not None
    halves = [
        model_variance(plan.first, known, TAKES, m).variance for m in (known.scored, known.unscored)
    ]
    assert halves[0] != pytest.approx(halves[1])
    assert both.variance == pytest.approx(sum(halves) / 2)
    told = staged_forecast(plan.first, _known(None), TAKES)
    assert (told.recovery, told.half_width, told.within_share, told.hours) == (None,) * 4
    assert told.listed == pytest.approx(float((plan.first.pi * TAKES).sum()))


def test_the_best_take_is_cochran_s() -> None:
    """S_2 / sqrt(S_1^2 - S_2^2 / M) sqrt(c_1 / c_2): M = 4, means 1, 3, 8, S_2^2 = 4, 4/3, 4/3."""
    y = np.array([0, 4, 0, 0, 2, 4, 2, 4, 9, 7, 9, 7], dtype=float)
    s_2 = np.mean([y[:4].var(ddof=1), y[4:8].var(ddof=1), y[8:].var(ddof=1)])
    s_1 = np.var([1, 3, 8], ddof=1)
    frame = make_frame("institution", list("ABC"), ["all"] * 3, [1, 1, 1])
    design = Design("institution", 2, *(allocate(frame, 2, "1").random_share,) * 2, strata=(
        Stratum("all", 3, 2, 2, False),
    ))  # fmt: skip
    psu, one = np.repeat(np.arange(3), 4), np.ones(12, dtype=np.int64)
    model = Predicted(np.ones(12), y, np.zeros(12))
    first = first_stage(frame, design, NOTHING)

    def best(visit: float) -> int | None:
        return best_take(first, clusters(psu, one, ["p"] * 3, model, np.full(12, 0.5), visit))

    for visit in (10.0, 25.0):
        exact = math.sqrt(s_2 / (s_1 - s_2 / 4) * visit / 0.5)
        assert best(visit) == min(max(round(exact), 2), 4)
    assert (best(10.0), best(25.0), best(0.1), best(0.0)) == (2, 3, 2, None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(-50, 900)), min_size=4, max_size=30),
    st.data(),
)
def test_the_sum_s_variance_is_that_of_sen_yates_and_grundy(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    weights = [w for w, _ in rows]
    for place in range(data.draw(st.integers(0, 2))):
        weights[place] = 0
    certain = weights.count(0)
    n = certain + data.draw(st.integers(1, len(rows) - certain))
    z = np.array([v for _, v in rows], dtype=float)
    pi, joint = inclusion_probabilities(weights, n), joint_inclusion_probabilities(weights, n)
    apart = np.outer(pi, pi) - joint
    np.fill_diagonal(apart, 0)
    wanted = 0.5 * float((apart * (z[:, None] - z[None, :]) ** 2).sum())
    scale = float((z**2).sum()) + 1
    assert sum_variance(weights, n, z) == pytest.approx(wanted, rel=1e-9, abs=1e-11 * scale)


def test_a_plan_of_strata_alone_forecasts_the_same_either_way() -> None:
    """Units that are their own institutions, taken whole: `frontier` and this forecast agree."""
    rng = np.random.default_rng(7)
    ids = [f"i{k:02}" for k in range(40)]
    mean = rng.integers(0, 900, 40).astype(float)
    model = Predicted(np.full(40, 0.5), mean, mean**2)
    facts = {
        "institution_id": ids, "institution_class": ["p", "q"] * 20, "level": ["1"] * 40,
        "district": ["d"] * 40,
    }  # fmt: skip
    arrays = {name: make_frame("claim", ids, values, [0] * 40).strata
              for name, values in facts.items()}  # fmt: skip
    sizes = rng.integers(1, 999, 40)
    units = PlanUnits(
        "institution", make_frame("claim", ids, ids, [0] * 40).unit_ids, np.arange(1, 41), sizes,
        arrays, model,
    )  # fmt: skip
    planned = plan_design(units, DesignOptions(16))
    known = clusters(np.arange(40), sizes, facts["institution_class"], model)
    first = first_stage(planned.frame, planned.design, NOTHING)
    told = staged_forecast(first, known, np.ones(40, dtype=np.int64))
    usual = forecast(planned)
    assert told.recovery == pytest.approx(usual.recovery)
    assert usual.half_width == pytest.approx(1.959963984540054 * math.sqrt(told.variance or 0))
    assert expected_visits(planned) == pytest.approx(16)


def test_expected_visits_by_counting() -> None:
    """Three of five units of one stratum; X has two of them: 1 - C(3,3)/C(5,3); Y three: 1."""
    ids, owners = list("abcde"), list("XXYYY")
    column = make_frame("claim", ids, owners, [0] * 5)
    same = make_frame("claim", ids, ["p"] * 5, [0] * 5).strata
    facts = {"institution_class": same, "level": same, "district": same}
    facts["institution_id"] = column.strata
    units = PlanUnits("claim", column.unit_ids, np.arange(1, 6), np.ones(5, np.int64), facts)
    planned = plan_design(units, DesignOptions(3))
    assert [(s.units, s.draws) for s in planned.design.strata] == [(5, 3)]
    assert expected_visits(planned) == pytest.approx((1 - 1 / 10) + 1)
