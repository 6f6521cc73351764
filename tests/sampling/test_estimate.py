"""The estimator: hand arithmetic, a published example, missing verdicts, and its coverage."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from sampling.design import Design, Stratum, allocate
from sampling.drawing.draw import draw
from sampling.estimation.estimate import Estimate, EstimateError, estimate
from sampling.frame import make_frame

REPEATS = int(os.environ.get("JIHE_PROOF_DRAWS", "400"))


def _design(*strata: tuple[str, int, int, int]) -> Design:
    rows = tuple(Stratum(name, units, draws, floor, False) for name, units, draws, floor in strata)
    return Design("claim", sum(s.draws for s in rows), Decimal("0.5"), Decimal(0), rows)


def _tables(
    design: Design, values: Mapping[str, Sequence[int | None]], zero_is_finding: bool = False
) -> tuple[pa.Table, pa.Table]:
    """Drawn lists and outcomes; None is a case without a final verdict."""
    drawn, found = [], []
    for s in design.strata:
        for i, value in enumerate(values[s.name]):
            unit = f"{s.name}:{i}"
            drawn.append((unit, s.name, "random" if i < s.floor else "risk"))
            if value is None:
                found.append((unit, "documents_not_received", None))
            elif value or zero_is_finding:
                found.append((unit, "recovery", value))
            else:
                found.append((unit, "dismissed", None))
    columns = list(zip(*drawn, strict=True)), list(zip(*found, strict=True))
    return (
        pa.table(list(map(list, columns[0])), names=["unit_id", "stratum", "tag"]),
        pa.table({
            "unit_id": list(columns[1][0]), "disposition": list(columns[1][1]),
            "overpaid_amount": pa.array(list(columns[1][2]), pa.int64()),
        }),
    )  # fmt: skip


def _estimate(design: Design, values: Mapping[str, Sequence[int | None]], **options) -> Estimate:
    zero = options.pop("zero_is_finding", False)
    return estimate(design, *_tables(design, values, zero), **options)


def test_total_by_hand() -> None:
    """Stratum a: N 10, values 0 2 4; stratum b: N 4, values 10 30.

    Means 2 and 20, total 10 x 2 + 4 x 20 = 100. Variances s^2: 4 and 200.
    10^2 (1 - 3/10) 4/3 = 93.333; 4^2 (1 - 2/4) 200/2 = 800; sum 893.333, root 29.8887.
    Satterthwaite: 893.333^2 / (93.333^2/2 + 800^2/1) = 1.238556.
    """
    design = _design(("a", 10, 3, 1), ("b", 4, 2, 1))
    got = _estimate(design, {"a": [0, 2, 4], "b": [10, 30]})
    assert got.total.estimate == 100
    assert got.total.standard_error == pytest.approx(math.sqrt(2680 / 3), rel=1e-12)
    df = (2680 / 3) ** 2 / ((280 / 3) ** 2 / 2 + 800**2)
    assert got.total.df == pytest.approx(df, rel=1e-12)
    error = math.sqrt(2680 / 3)
    assert got.total.interval_95 == pytest.approx((46.0, 100 + 1.959963984540054 * error))
    # 100 - 1.96 x 29.9 = 41.4, but 46 were found already; the bound never goes below that.
    assert got.found == 46
    assert got.total.interval_95_t[0] == 46
    assert got.total.lower_90 == pytest.approx(max(46, 100 - stats.t.ppf(0.9, df) * error))
    assert got.confirmed == 4
    # Rates 2/3 and 1: (10 x 2/3 + 4) / 14.
    assert got.rate.estimate == pytest.approx((20 / 3 + 4) / 14)
    assert [(r.strata, r.units, r.drawn, r.responded, r.total) for r in got.rows] == [
        ("a", 10, 3, 3, 20.0), ("b", 4, 2, 2, 80.0),
    ]  # fmt: skip


# Lohr, Sampling: Design and Analysis, 2nd ed. (2010), example 3.2, stratified sample of counties
# of the US Census of Agriculture: N_h, n_h, mean and variance of acres by region; its results
# (total 909,736,035 and standard error 50,417,248) are those of R's survey package too.
LOHR = {
    "NC": (1054, 103, 300_504.16, 29_618_183_543),
    "NE": (220, 21, 97_629.81, 7_647_472_708),
    "S": (1382, 135, 211_315.04, 53_587_487_856),
    "W": (422, 41, 662_295.51, 396_185_950_266),
}


def _with_moments(n: int, mean: float, variance: float) -> list[int]:
    """Return n whole numbers that have this mean and variance, up to rounding."""
    step = math.sqrt(variance * (n - 1) / (n - n % 2))
    values = [round(mean + step), round(mean - step)] * (n // 2) + [round(mean)] * (n % 2)
    return values


def test_published_example() -> None:
    design = _design(*((name, units, n, 1) for name, (units, n, _, _) in LOHR.items()))
    values = {name: _with_moments(n, m, v) for name, (_, n, m, v) in LOHR.items()}
    got = _estimate(design, values, zero_is_finding=True)
    assert got.total.estimate == pytest.approx(909_736_035, rel=2e-6)
    assert got.total.standard_error == pytest.approx(50_417_248, rel=2e-6)
    assert got.notes == ()


def test_order_of_rows_is_irrelevant() -> None:
    design = _design(("a", 10, 3, 1), ("b", 4, 2, 1))
    draws, outcomes = _tables(design, {"a": [0, 2, 4], "b": [10, 30]})
    backwards = pa.array(range(4, -1, -1))
    assert estimate(design, draws, outcomes) == estimate(
        design, draws.take(backwards), outcomes.take(backwards)
    )


def test_missing_verdicts_are_made_up_for_within_the_stratum() -> None:
    """One of three verdicts in a is missing: mean of 2 and 4 is 3, r = 2, s^2 = 2."""
    design = _design(("a", 10, 3, 1), ("b", 4, 2, 1))
    got = _estimate(design, {"a": [None, 2, 4], "b": [10, 30]})
    assert got.total.estimate == 110
    assert got.total.standard_error == pytest.approx(math.sqrt(100 * 0.8 * 2 / 2 + 800))
    assert (got.drawn, got.responded) == (5, 4)
    assert [n.code for n in got.notes] == ["ESTIMATE_MISSING", "ESTIMATE_NORMAL_UNSAFE"]


def test_a_stratum_with_one_verdict_joins_another() -> None:
    """a keeps one of three verdicts. Cell a & b: base weights 10/3 and 2, verdicts 4 | 10, 30.

    Weighted mean (10/3 x 4 + 2 x 40) / (10/3 + 4) = 93.333 / 7.3333 = 12.72727, times 14 units.
    Factor 14 / 7.3333 = 1.909091; s^2 of 4, 10, 30 is 185.3333;
    variance (1 - 3/14) x 185.3333 x 1.909091^2 x (11.1111 + 8) = 10,144.15.
    """
    design = _design(("k/a", 10, 3, 1), ("k/b", 4, 2, 1))
    got = _estimate(design, {"k/a": [None, None, 4], "k/b": [10, 30]})
    assert got.total.estimate == pytest.approx(14 * 12.727272727272727)
    variance = (11 / 14) * (556 / 3) * (21 / 11) ** 2 * (100 / 9 + 8)
    assert got.total.standard_error == pytest.approx(math.sqrt(variance))
    assert got.total.df == pytest.approx(2)
    assert got.rows[0].strata == "k/a & k/b"
    assert "ESTIMATE_JOINED" in {n.code for n in got.notes}


def test_a_complete_census_is_exact() -> None:
    design = _design(("a", 3, 3, 1), ("b", 1, 1, 1))
    got = _estimate(design, {"a": [0, 2, 4], "b": [7]})
    assert (got.total.estimate, got.total.standard_error) == (13, 0)
    assert got.total.interval_95 == got.total.interval_95_t == (13, 13)
    assert got.notes == ()


def test_no_finding_gives_no_false_certainty() -> None:
    design = _design(("a", 100, 10, 5))
    got = _estimate(design, {"a": [0] * 10})
    assert got.total.estimate == got.rate.estimate == 0
    assert got.total.standard_error is None
    assert got.total.interval_95 is None
    assert got.rate.lower_90 is None
    assert "ESTIMATE_NORMAL_UNSAFE" in {n.code for n in got.notes}


@pytest.mark.parametrize(("positives", "unsafe"), [(9, True), (10, False)])
def test_few_positives_are_said(positives: int, unsafe: bool) -> None:
    design = _design(("a", 400, 40, 5))
    got = _estimate(design, {"a": [5] * positives + [0] * (40 - positives)})
    assert ("ESTIMATE_NORMAL_UNSAFE" in {n.code for n in got.notes}) == unsafe
    assert all(n.text("zh") for n in got.notes)


def test_findings_in_well_inspected_strata_do_not_make_the_interval_safe() -> None:
    """The 30 findings are among the 60 of 100 units seen; 9,000 others rest on 45 zeros."""
    design = _design(("a", 100, 60, 5), ("b", 9_000, 45, 5))
    got = _estimate(design, {"a": [5] * 30 + [0] * 30, "b": [0] * 45})
    assert "ESTIMATE_NORMAL_UNSAFE" in {n.code for n in got.notes}


def test_the_random_part_alone_uses_its_own_numbers() -> None:
    """Only the first two of a (floor 2) and of b (floor 2): 10 x 1 + 4 x 20."""
    design = _design(("a", 10, 3, 2), ("b", 4, 2, 2))
    got = _estimate(design, {"a": [0, 2, 4], "b": [10, 30]}, part="random")
    assert (got.total.estimate, got.drawn, got.responded) == (90, 4, 4)
    assert got.total.standard_error == pytest.approx(math.sqrt(100 * 0.8 * 2 / 2 + 800))


def test_too_few_verdicts_are_refused() -> None:
    design = _design(("a", 10, 3, 1), ("b", 4, 2, 1))
    with pytest.raises(EstimateError, match="There are 1 final verdicts"):
        _estimate(design, {"a": [None, None, 3], "b": [None, None]})
    with pytest.raises(EstimateError, match="There are 0 final verdicts"):
        _estimate(design, {"a": [None] * 3, "b": [None] * 2})


def test_the_record_is_plain() -> None:
    design = _design(("a", 10, 3, 1), ("b", 4, 2, 1))
    record = _estimate(design, {"a": [0, 2, 4], "b": [10, 30]}).to_dict()
    assert json.loads(json.dumps(record))["total"]["estimate"] == 100
    assert record["rows"][0]["responded"] == 3


def _simulate(part: str, lost: float) -> tuple[float, float, float]:
    """Return coverage of the t interval, coverage of the lower bound, and relative bias."""
    rng = np.random.default_rng(20260301)
    sizes = {"a/1/b1": 60, "a/1/b2": 120, "b/1/b1": 40, "b/1/b3": 300, "b/1/top": 6}
    rate = {"a/1/b1": 0.6, "a/1/b2": 0.3, "b/1/b1": 0.5, "b/1/b3": 0.2, "b/1/top": 0.9}
    strata = [name for name, n in sizes.items() for _ in range(n)]
    ids = [f"U{i:04d}" for i in range(len(strata))]
    amount = [int(rng.gamma(2, 5000)) if rng.random() < rate[s] else 0 for s in strata]
    truth = sum(amount)
    value = dict(zip(ids, amount, strict=True))
    frame = make_frame("claim", ids, strata, [1] * len(ids))
    bands = {name: name[-2:] for name in sizes if not name.endswith("top")}
    design = allocate(frame, 120, "0.5", "0.05", bands=bands, take_all=["b/1/top"])
    inside, above, totals = 0, 0, []
    for i in range(REPEATS):
        seed = hashlib.sha256(f"coverage {i}".encode()).digest()
        drawn = draw(frame, design, seed, "P0001")
        seen = [u for u in drawn["unit_id"].to_pylist() if rng.random() >= lost]
        outcomes = pa.table({
            "unit_id": seen,
            "disposition": ["recovery" if value[u] else "dismissed" for u in seen],
            "overpaid_amount": pa.array([value[u] for u in seen], pa.int64()),
        })  # fmt: skip
        total = estimate(design, drawn, outcomes, part).total
        low, high = total.interval_95_t
        inside += low <= truth <= high
        above += total.lower_90 <= truth
        totals.append(total.estimate)
    return inside / REPEATS, above / REPEATS, float(np.mean(totals)) / truth - 1


@pytest.mark.parametrize(("part", "lost"), [("all", 0.0), ("random", 0.0), ("all", 0.2)])
def test_intervals_cover_what_they_promise(part: str, lost: float) -> None:
    """95 % and 90 %, give or take what REPEATS draws and skewed amounts allow."""
    inside, above, bias = _simulate(part, lost)
    slack = 4 * math.sqrt(0.05 * 0.95 / REPEATS)
    assert 0.93 - slack <= inside
    assert 0.88 - 4 * math.sqrt(0.1 * 0.9 / REPEATS) <= above
    assert above < 1
    assert abs(bias) < 0.4 / math.sqrt(REPEATS) + 0.01
