"""All estimates of a plan: hand arithmetic, the rule that says which counts, what is missing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from sampling.design import Design, Stratum
from sampling.estimation.estimate import EstimateError, estimate
from sampling.estimation.plan_limits import FrameKnown
from sampling.estimation.plan_totals import PlanTotals, bootstrap_seed, plan_totals
from sampling.estimation.regression_estimate import greg_total
from sampling.estimation.replication import bootstrap
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.verdict_sample import verdict_sample
from sampling.faults import Fault

# N_h, n_h and the amounts found; None is a case without a final verdict.
Row = tuple[str, int, Sequence[int | None]]
SMALL: tuple[Row, ...] = (
    ("clinic/1/b1", 10, [0, 200, 400]),
    ("pharmacy/none/b3", 6, [0, 30, 60, 90]),
    ("pharmacy/none/top", 2, [500, 700]),
)


def _design(rows: Sequence[Row]) -> Design:
    strata = tuple(Stratum(name, N, len(y), 1, name.endswith("top")) for name, N, y in rows)
    return Design("claim", sum(s.draws for s in strata), Decimal("0.3"), Decimal(0), strata)


def _ids(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Every unit of the frame with its stratum; the first n_h of each were drawn."""
    return [(f"{name}:{i:04d}", name) for name, N, _ in rows for i in range(N)]


def _tables(rows: Sequence[Row]) -> tuple[pa.Table, pa.Table]:
    drawn, found = [], []
    for name, _, values in rows:
        for i, y in enumerate(values):
            unit = f"{name}:{i:04d}"
            drawn.append({"unit_id": unit, "stratum": name, "tag": "random" if not i else "risk",
                          "size_minor": 1000})  # fmt: skip
            kind = "documents_not_received" if y is None else "recovery" if y else "dismissed"
            found.append({"unit_id": unit, "disposition": kind, "overpaid_amount": y or None})
    schema = pa.schema([
        ("unit_id", pa.string()), ("disposition", pa.string()), ("overpaid_amount", pa.int64()),
    ])  # fmt: skip
    return pa.Table.from_pylist(drawn), pa.Table.from_pylist(found, schema=schema)


def _known(rows: Sequence[Row], score: Callable[[str, int], float] | None = None) -> FrameKnown:
    units = [(f"{name}:{i:04d}", name, i) for name, N, _ in rows for i in range(N)]
    values = None if score is None else np.array([score(name, i) for _, name, i in units])
    return FrameKnown(
        tuple(u for u, *_ in units), tuple(s for _, s, _ in units),
        np.full(len(units), 1000, dtype=np.int64), values, "expected_amount" if score else "",
    )  # fmt: skip


def _totals(rows: Sequence[Row], known: FrameKnown | None = None) -> PlanTotals:
    return plan_totals("P0001", _design(rows), *_tables(rows), known)


def _many(positives: int = 12) -> tuple[Row, ...]:
    """Enough verdicts for the regression: 40 of 400, of which some found something."""
    values = [100 * (i + 1) if i < positives else 0 for i in range(40)]
    return (("clinic/1/b1", 400, values), ("clinic/1/top", 2, [900, 0]))


def _score(name: str, i: int) -> float:
    return 80.0 * (i % 40 < 12) * (i % 40 + 1) + 5 * (i % 7)


def test_expansion_by_hand() -> None:
    """Stratum one: 10/3 of 600; two: 6/4 of 180; three whole, 1,200. Variances N^2 (1-f) s^2/n."""
    got = _totals(SMALL)
    assert got.total.estimate == pytest.approx(10 / 3 * 600 + 6 / 4 * 180 + 1200)
    first = 100 * (1 - 0.3) * 40_000 / 3
    second = 36 * (1 - 4 / 6) * 1500 / 4
    assert got.total.variance == pytest.approx(first + second)
    assert got.primary == "expansion"
    assert got.verdicts.found == 600 + 180 + 1200


def test_the_expansion_is_that_of_the_estimate_of_cells() -> None:
    rows = _many()
    got = _totals(rows)
    assert got.total.estimate == pytest.approx(got.basis.total.estimate, rel=1e-12)
    assert got.total.quantity.standard_error == pytest.approx(got.basis.total.standard_error)


def test_the_regression_counts_with_a_sealed_score_and_enough_verdicts() -> None:
    got = _totals(_many(), _known(_many(), _score))
    assert got.primary == "greg"
    assert got.stated.kind == "student"
    # The page's formula: expansion + B (X - Xhat).
    assert got.score_totals is not None
    assert got.slope is not None
    X, Xhat = got.score_totals
    plain = got.methods["expansion"].estimate
    assert got.total.estimate == pytest.approx(plain + got.slope * (X - Xhat), rel=1e-12)
    low, high = got.total.quantity.interval_95_t or (0, 0)
    assert (got.stated.low, got.stated.high) == (low, high)
    assert got.stated.lower_90 == got.total.quantity.lower_90
    assert got.total.quantity.standard_error < got.methods["expansion"].quantity.standard_error


def test_the_rule_looks_at_the_number_of_verdicts_and_never_at_what_they_say() -> None:
    for positives in (0, 1, 5, 40):
        rows = _many(positives)
        assert _totals(rows, _known(rows, _score)).primary == "greg"
    few = (("clinic/1/b1", 400, [100, 0] * 14 + [0]), ("clinic/1/top", 30, [0] * 30))
    got = _totals(few, _known(few, _score))
    assert got.primary == "expansion"  # 29 verdicts; the 30 of the whole stratum don't count
    assert "TOTAL_FEW_FOR_GREG" in {n.code for n in got.notes}
    enough = (("clinic/1/b1", 400, [100, 0] * 15), few[1])
    assert _totals(enough, _known(enough, _score)).primary == "greg"


def test_without_a_sealed_score_the_expansion_counts_and_says_why() -> None:
    rows = _many()
    why = Fault("SCORE_VERSION", "Another version.", "版本不符。")
    got = _totals(rows, replace(_known(rows), why_not=why))
    assert got.primary == "expansion"
    assert why in got.notes
    assert set(got.methods) == {"expansion", "ratio"}
    assert "TOTAL_NO_FRAME" in {n.code for n in _totals(rows).notes}


def test_ratio_and_difference_by_hand() -> None:
    rows: tuple[Row, ...] = (("a/b1", 10, [10, 20, 30]),)
    got = _totals(rows, _known(rows, lambda _, i: float(i)))
    # Every unit is paid 1,000: the ratio is that of means, so 10 x 20; X is 45, x of the sample 3.
    assert got.methods["ratio"].estimate == pytest.approx(200)
    assert got.methods["difference"].estimate == pytest.approx(200 + 45 - 10 * 1)
    assert got.methods["difference"].notes[0].code == "DIFFERENCE_SLOPE"


def test_few_findings_bring_the_bootstrap_with_a_seed_nobody_chose() -> None:
    rows = _many(4)
    got = _totals(rows, _known(rows, _score))
    assert got.unsafe
    assert got.stated.kind == "studentised"
    seed = hashlib.sha256(b"P0001|bootstrap").digest()
    assert bootstrap_seed("P0001") == seed
    again = bootstrap(got.verdicts.sample, got.methods["expansion"], seed)
    assert got.resampled["expansion"] == again
    ends = got.resampled["greg"].studentised_95
    assert ends is not None
    assert (got.stated.low, got.stated.high) == ends
    assert got.stated.lower_90 == got.resampled["greg"].studentised_lower_90
    other = plan_totals("P0002", _design(rows), *_tables(rows), _known(rows, _score))
    assert other.stated != got.stated
    assert other.total.estimate == got.total.estimate


def test_nothing_found_gives_no_interval_but_exact_limits() -> None:
    rows: tuple[Row, ...] = (("clinic/1/b1", 400, [0] * 40),)
    got = _totals(rows, _known(rows, _score))
    assert got.total.estimate == 0
    assert got.stated.kind == "none"
    assert got.stated.lower_90 is None
    assert got.exact is not None
    assert got.exact.least_findings == 0
    # The largest D with P(nothing in 40 of 400 | D) above 10 %, each at most 1,000.
    chance, D = 1.0, 0
    while chance * (360 - D) / (400 - D) > 0.10:
        chance *= (360 - D) / (400 - D)
        D += 1
    assert got.exact.most_total == 1000 * D


def test_no_exact_limit_of_the_total_where_a_finding_is_above_its_amount() -> None:
    rows: tuple[Row, ...] = (("clinic/1/b1", 400, [1001] + [0] * 39),)
    got = _totals(rows, _known(rows, _score))
    assert got.exact is not None
    assert got.exact.most_total is None


def test_a_census_is_exact() -> None:
    rows: tuple[Row, ...] = (("clinic/1/b1", 3, [5, 0, 7]),)
    got = _totals(rows, _known(rows, _score))
    assert got.stated.kind == "exact"
    assert got.stated.low == got.stated.high == got.stated.lower_90 == 12


def test_missing_verdicts_raise_weights_and_bring_extreme_bounds() -> None:
    """Stratum of 400: three of 40 missing, so 400/37; at worst each of them was paid 1,000."""
    rows: tuple[Row, ...] = (("clinic/1/b1", 400, [None] * 3 + [100] * 12 + [0] * 25),)
    got = _totals(rows, _known(rows, _score))
    assert got.methods["expansion"].estimate == pytest.approx(400 / 37 * 1200)
    assert got.extremes is not None
    assert got.extremes.lowest.estimate == pytest.approx(400 / 40 * 1200)
    assert got.extremes.highest.estimate == pytest.approx(400 / 40 * (1200 + 3000))
    assert _totals(_many()).extremes is None


JOINED: tuple[Row, ...] = (
    ("clinic/1/b1", 10, [100, None, None]),
    ("clinic/1/b2", 40, [0, 30, 60, 90]),
    ("pharmacy/none/b3", 300, [20] * 14 + [0] * 26),
)


def test_joined_strata_keep_their_weights() -> None:
    """b1 has one verdict and joins b2: weights 10/3 and 10, raised by 50 / (10/3 + 40)."""
    got = _totals(JOINED, _known(JOINED, _score))
    factor = 50 / (10 / 3 + 40)
    first = factor * (10 / 3 * 100 + 10 * 180)
    assert got.methods["expansion"].estimate == pytest.approx(first + 300 / 40 * 280)
    assert got.methods["expansion"].estimate == pytest.approx(got.basis.total.estimate)
    assert got.verdicts.joined
    assert got.primary == "greg"
    # The score's total is estimated with the same weights.
    b1, b2 = ([_score(name, i) for i in rows] for name, rows in (("", [0]), ("", range(4))))
    b3 = [_score("", i) for i in range(40)]
    assert got.score_totals is not None
    assert got.score_totals[1] == pytest.approx(
        factor * (10 / 3 * sum(b1) + 10 * sum(b2)) + 300 / 40 * sum(b3)
    )


def test_intervals_of_joined_strata_never_fall_below_what_was_found() -> None:
    rows: tuple[Row, ...] = (("c/b1", 3, [9000, None]), ("c/b2", 7, [0, 10, 0, 0, 0, 0]))
    got = _totals(rows)
    assert got.verdicts.joined
    assert got.total.quantity.interval_95_t is not None
    assert got.total.quantity.interval_95_t[0] == got.verdicts.found == 9010


@pytest.mark.parametrize("scored", [True, False])
def test_classes_add_up_to_the_total_that_counts(scored: bool) -> None:
    rows = (*_many(), ("pharmacy/none/b3", 90, [10, 0, 0, 20]), ("pharmacy/none/top", 1, [7]))
    got = _totals(rows, _known(rows, _score if scored else None))
    assert got.primary == ("greg" if scored else "expansion")
    assert {d.name for d in got.domains} == {"clinic", "pharmacy"}
    assert math.fsum(d.total.estimate for d in got.domains) == pytest.approx(got.total.estimate)
    assert sum(d.found for d in got.domains) == got.verdicts.found
    assert [d.few for d in got.domains] == [False, True]


def test_a_class_seen_whole_is_exact() -> None:
    rows = (*_many(), ("pharmacy/none/top", 2, [7, 0]))
    whole = _totals(rows, _known(rows, _score)).domains[1]
    assert (whole.name, whole.total.estimate, whole.total.standard_error) == ("pharmacy", 7, 0.0)
    assert not whole.few


def test_every_answer_of_a_tiny_frame_is_unbiased_through_the_whole_path() -> None:
    """All draws of 2 of 4 and 3 of 5 units: the mean of the expansion is the truth, exactly."""
    from itertools import combinations

    truth = {"a/b1": [0, 0, 70, 10], "b/b1": [30, 0, 0, 0, 5]}
    draws = [
        (("a/b1", 4, [truth["a/b1"][i] for i in p]), ("b/b1", 5, [truth["b/b1"][i] for i in q]))
        for p, q in product(combinations(range(4), 2), combinations(range(5), 3))
    ]
    totals = [_totals(rows).total.estimate for rows in draws]
    assert math.fsum(totals) / len(totals) == pytest.approx(115, rel=1e-12)


def test_too_few_verdicts_and_foreign_frames_are_refused() -> None:
    with pytest.raises(EstimateError, match="at least two"):
        _totals((("a/b1", 9, [None, 5]),))
    rows = _many()
    with pytest.raises(SampleError, match="clinic/1/b1"):
        _totals(rows, _known((("clinic/1/b1", 399, rows[0][2]), rows[1]), _score))


def test_the_record_is_plain_and_names_no_unit() -> None:
    rows = _many(4)
    text = json.dumps(_totals(rows, _known(rows, _score)).to_dict())
    assert "clinic/1/b1:" not in text
    assert json.loads(text)["primary"] == "greg"


def test_the_regression_is_the_library_s_own() -> None:
    rows = _many()
    known = _known(rows, _score)
    verdicts = verdict_sample(_design(rows), *_tables(rows))
    assert known.score is not None
    aux = verdicts.auxiliary(known.unit_ids, known.strata, known.score)
    assert greg_total(verdicts.sample, aux).estimate == _totals(rows, known).total.estimate
    assert estimate(_design(rows), *_tables(rows)).found == verdicts.found
