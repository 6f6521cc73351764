"""Totals of plans by size and in two stages: unbiased over every sample there is, and weighted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import combinations, product
from math import comb, prod
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.design import Design, Stratum
from sampling.drawing.beside import NOTHING
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.drawing.pps_draw import exact_inclusion
from sampling.estimation.estimate import EstimateError
from sampling.estimation.staged_sample import Sized
from sampling.estimation.staged_totals import StagedTotals, staged_totals
from sampling.frame import make_frame
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from sampling.planning.staged_plan import plan_by_size, plan_two_stages
from tests.sampling import staged_plans as small

UNITS = ["a", "b", "c", "d", "e"]
FOUND = dict(zip(UNITS, [30, 0, 7, 120, 4], strict=True))
CLAIMS = {"a": [5, 0, 9], "b": [40, 3], "c": [0, 0, 12, 1], "d": [7]}
TRUTH_CLAIMS = sum(map(sum, CLAIMS.values()))
N_FIRST = 3
FRAME = make_frame("institution", UNITS, ["all"] * 5, [10, 25, 15, 40, 20])
FOUR = make_frame("institution", list(CLAIMS), ["all"] * 4, [10, 25, 15, 18])
SECOND = make_frame(
    "claim", [f"{u}{i}" for u, y in CLAIMS.items() for i in range(len(y))],
    [u for u, y in CLAIMS.items() for _ in y], [1] * 10,
)  # fmt: skip


def _verdicts(amounts: dict[str, int], missing: tuple[str, ...] = ()) -> pa.Table:
    rows = [
        {"unit_id": u, "disposition": "recovery" if y else "dismissed", "overpaid_amount": y}
        for u, y in amounts.items()
        if u not in missing
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([
        ("unit_id", pa.string()), ("disposition", pa.string()), ("overpaid_amount", pa.int64()),
    ]))  # fmt: skip


def _row(unit: str, unit_id: str, **more: Any) -> dict[str, Any]:
    return {
        "plan_id": "P0001", "unit": unit, "unit_id": unit_id, "stratum": "all", "tag": "random",
        "random_number": "0" * 16, "size_minor": 1, "inclusion_prob": 0.5, **more,
    }  # fmt: skip


def _chance(p: Fraction, sizes: tuple[int, int]) -> dict[str, Any]:
    return {"chance_numerator": str(p.numerator), "chance_denominator": str(p.denominator),
            "stratum_size": sizes[0], "stratum_draws": sizes[1]}  # fmt: skip


def _first_samples(weights: tuple[int, ...], n: int) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Every sample of institutions with its probability, by the definition of the design."""
    open_ = [k for k, w in enumerate(weights) if w]
    sure = tuple(k for k, w in enumerate(weights) if not w)
    samples = list(combinations(open_, n - len(sure)))
    whole = sum(prod(weights[k] for k in s) for s in samples)
    for s in samples:
        yield tuple(sorted(s + sure)), Fraction(prod(weights[k] for k in s), whole)


def _mean_and_variances(
    samples: Iterator[tuple[Fraction, StagedTotals]],
) -> tuple[float, float, float]:
    """Return the mean estimate, its true variance, and the mean of the estimated one."""
    pairs = [(float(p), made.total) for p, made in samples]
    assert sum(p for p, _ in pairs) == pytest.approx(1)
    mean = sum(p * e.estimate for p, e in pairs)
    spread = sum(p * (e.estimate - mean) ** 2 for p, e in pairs)
    return mean, spread, sum(p * e.variance for p, e in pairs)


def _by_size_samples() -> Iterator[tuple[Fraction, StagedTotals]]:
    design, beside = plan_by_size(FRAME, N_FIRST)
    chances = exact_inclusion(beside.weights or (), N_FIRST)
    sized = Sized(UNITS, beside.weights or (), N_FIRST)
    for places, p in _first_samples(beside.weights or (), N_FIRST):
        draws = small.draws_table([
            _row("institution", UNITS[k], **_chance(chances[k], (5, N_FIRST))) for k in places
        ])  # fmt: skip
        found = _verdicts({UNITS[k]: FOUND[UNITS[k]] for k in places})
        yield p, staged_totals("P0001", design, 5, draws, found, sized)


def test_by_size_total_and_variance_are_unbiased_over_every_sample() -> None:
    mean, spread, estimated = _mean_and_variances(_by_size_samples())
    assert mean == pytest.approx(sum(FOUND.values()))
    assert spread > 0
    assert estimated == pytest.approx(spread)


def _two_stage(*, by_size: bool) -> tuple[TwoStageDesign, tuple[int, ...] | None, tuple[int, ...]]:
    first: Any = Design(
        "institution", 3, small.stratified(FOUR, 3).random_share,
        small.stratified(FOUR, 3).take_all_share, (Stratum("all", 4, 3, 2, False),),
    ), NOTHING  # fmt: skip
    if by_size:
        first = plan_by_size(FOUR, 3)
    design, beside = plan_two_stages(FOUR, *first, SECOND, "2")
    return design, beside.weights, beside.takes or ()


def _two_stage_samples(*, by_size: bool) -> Iterator[tuple[Fraction, StagedTotals]]:
    design, weights, takes = _two_stage(by_size=by_size)
    names = list(CLAIMS)
    chances = exact_inclusion(weights, 3) if weights else [Fraction(3, 4)] * 4
    sized = Sized(names, weights, 3) if weights else None
    equal = [(s, Fraction(1, 4)) for s in combinations(range(4), 3)]
    for places, p in _first_samples(weights, 3) if weights else equal:
        inner = [list(combinations(range(len(CLAIMS[names[k]])), takes[k])) for k in places]
        for picks in product(*inner):
            rows = [
                _row("claim", f"{names[k]}{i}", psu_id=names[k], psu_size=len(CLAIMS[names[k]]),
                     psu_draws=takes[k], **_chance(chances[k], (4, 3)))
                for k, chosen in zip(places, picks, strict=True)
                for i in chosen
            ]  # fmt: skip
            found = {r["unit_id"]: CLAIMS[r["psu_id"]][int(r["unit_id"][1:])] for r in rows}
            each = prod(comb(len(CLAIMS[names[k]]), takes[k]) for k in places)
            made = staged_totals(
                "P0001", design, 4, small.draws_table(rows), _verdicts(found), sized
            )
            yield p / each, made


@pytest.mark.parametrize("by_size", [False, True])
def test_two_stage_total_and_variance_are_unbiased_over_every_sample(by_size: bool) -> None:
    mean, spread, estimated = _mean_and_variances(_two_stage_samples(by_size=by_size))
    assert mean == pytest.approx(TRUTH_CLAIMS)
    assert spread > 0
    assert estimated == pytest.approx(spread)


def test_the_random_part_alone_is_unbiased() -> None:
    """The floor is 2 of 4; a third institution drawn is tagged risk. Every order counts alike."""
    design, _, takes = _two_stage(by_size=False)
    names, total, count = list(CLAIMS), 0.0, 0
    for first in combinations(range(4), 2):
        rest = [k for k in range(4) if k not in first]
        for third in rest:
            rows = [
                _row("claim", f"{names[k]}{i}", psu_id=names[k], psu_size=len(CLAIMS[names[k]]),
                     psu_draws=len(CLAIMS[names[k]]), tag="random" if k in first else "risk",
                     **_chance(Fraction(3, 4), (4, 3)))
                for k in (*first, third) for i in range(len(CLAIMS[names[k]]))
            ]  # fmt: skip
            found = {r["unit_id"]: CLAIMS[r["psu_id"]][int(r["unit_id"][1:])] for r in rows}
            made = staged_totals("P0001", design, 4, small.draws_table(rows), _verdicts(found))
            assert made.random is not None
            twice = 4 / 2 * sum(sum(CLAIMS[names[k]]) for k in first)
            assert made.random.estimate == pytest.approx(twice)
            total, count = total + made.random.estimate, count + 1
    assert len(takes) == 4
    assert total / count == pytest.approx(TRUTH_CLAIMS)


def test_when_everything_is_drawn_the_total_is_exact() -> None:
    whole = make_frame("institution", list(CLAIMS), ["all"] * 4, [10, 25, 15, 18])
    design, _ = plan_two_stages(whole, *plan_by_size(whole, 4), SECOND, "100%")
    sized = Sized(list(CLAIMS), (0,) * 4, 4)
    rows = [
        _row("claim", f"{u}{i}", psu_id=u, psu_size=len(y), psu_draws=len(y),
             **_chance(Fraction(1), (4, 4)))
        for u, y in CLAIMS.items() for i in range(len(y))
    ]  # fmt: skip
    found = {f"{u}{i}": v for u, y in CLAIMS.items() for i, v in enumerate(y)}
    made = staged_totals("P0001", design, 4, small.draws_table(rows), _verdicts(found), sized)
    exact = made.total.quantity
    assert (exact.estimate, exact.standard_error, exact.lower_90) == (TRUTH_CLAIMS, 0, TRUTH_CLAIMS)
    assert made.rate.estimate == pytest.approx(7 / 10)
    assert not made.unsafe


def test_three_of_eleven_by_hand() -> None:
    """Weights 1, 2, 3 and n = 2: pi is 5/11, 8/11, 9/11 and pi_AB 2/11 (docs/sampling-spec.md).

    With 10 found at A and 24 at B: 10 x 11/5 + 24 x 11/8 = 22 + 33 = 55, and the variance is
    (40/121 - 2/11) / (2/11) x (22 - 33)^2 = (18/121) x (11/2) x 121 = 99.
    """
    chances = [Fraction(5, 11), Fraction(8, 11)]
    draws = small.draws_table([
        _row("institution", u, **_chance(p, (3, 2))) for u, p in zip("AB", chances, strict=True)
    ])  # fmt: skip
    design = PpsDesign("institution", 2, "0" * 64)
    sized = Sized(["A", "B", "C"], (1, 2, 3), 2)
    made = staged_totals("P0001", design, 3, draws, _verdicts({"A": 10, "B": 24}), sized)
    assert made.total.estimate == pytest.approx(55)
    assert made.total.variance == pytest.approx(99)
    assert made.to_dict()["returned"]["found"] == 34


@pytest.fixture(params=small.KINDS)
def inspected(
    request: pytest.FixtureRequest, ledger: Ledger, key: Ed25519PrivateKey
) -> tuple[Ledger, Any, Any]:
    what = small.subject(request.param, n=8)
    return ledger, what, small.drawn_plan(ledger, what, key)


def _amount(unit: str) -> int:
    return int.from_bytes(hashlib.sha256(unit.encode()).digest()[:2], "big") % 900


def _append(ledger: Ledger, plan: Any, missing: set[str]) -> dict[str, int]:
    rows = [
        Outcome(case, r["unit"], r["unit_id"], plan.plan_id, r["tag"], "recovery",
                _amount(r["unit_id"]), "x", date(2026, 3, 4), "i1;i2")
        for case, r in zip(plan.cases, plan.draws.to_pylist(), strict=True)
        if r["unit_id"] not in missing
    ]  # fmt: skip
    ledger.append_outcomes(rows, actor="a", known_at=datetime(2026, 3, 5, tzinfo=UTC))
    return {row.unit_id: row.overpaid_amount or 0 for row in rows}


def _totals(ledger: Ledger, what: Any, plan: Any) -> StagedTotals:
    weights = what.beside.weights
    ids = what.frame.unit_ids.to_pylist()
    sized = Sized(ids, weights, what.design.capacity) if weights else None
    outcomes = ledger.outcomes(plan_id=plan.plan_id)
    return staged_totals(plan.plan_id, what.design, 12, plan.draws, outcomes, sized)


@pytest.mark.parametrize("silent", ["none", "one", "institution", "all but one", "stratum"])
def test_the_ledger_s_weights_give_the_same_total(
    inspected: tuple[Ledger, Any, Any], silent: str
) -> None:
    """Sum of final weight x amount over the outcomes table is the total that is estimated."""
    ledger, what, plan = inspected
    rows = plan.draws.to_pylist()
    psus = {r["psu_id"] or r["unit_id"] for r in rows}
    big = max(psus, key=lambda u: (small.CLAIMS[u], u))
    mine = [r["unit_id"] for r in rows if (r["psu_id"] or r["unit_id"]) == big]
    small_one = [r["unit_id"] for r in rows if small.STRATA[r["psu_id"] or r["unit_id"]] == "b"]
    kept = next(r["psu_id"] for r in rows if r["unit_id"] in small_one)
    missing = {
        "none": [], "one": mine[:1], "institution": mine, "all but one": mine[1:],
        "stratum": [r["unit_id"] for r in rows if r["unit_id"] in small_one
                    and r["psu_id"] != kept],
    }[silent]  # fmt: skip
    amounts = _append(ledger, plan, set(missing))
    made = _totals(ledger, what, plan)
    outcomes = ledger.outcomes(plan_id=plan.plan_id).to_pylist()
    weighted = sum((r["final_weight"] or 0) * amounts[r["unit_id"]] for r in outcomes)
    assert made.total.estimate == pytest.approx(weighted)
    drawn = {r["unit_id"]: r for r in rows}
    for r in outcomes:
        assert r["inclusion_prob"] == drawn[r["unit_id"]]["inclusion_prob"]
        assert r["base_weight"] == pytest.approx(1 / r["inclusion_prob"])
    codes = {n.code for n in made.notes}
    assert ("ESTIMATE_MISSING" in codes) == bool(missing)
    assert all(n.en and n.zh for n in made.notes)
    if silent == "none" and made.by_size and made.kind == "pps":
        assert all(r["final_weight"] == pytest.approx(r["base_weight"]) for r in outcomes)
    if silent == "stratum" and not made.by_size:
        assert "ESTIMATE_JOINED" in codes
        psus = {r["stratum"]: r for r in rows}
        bases = {n: r["stratum_size"] / r["stratum_draws"] for n, r in psus.items()}
        assert len(set(bases.values())) == 2
    if silent == "all but one" and made.kind == "two_stage":
        assert "ESTIMATE_SILENT" in codes
        (lone,) = (r for r in outcomes if r["unit_id"] == mine[0])
        assert lone["final_weight"] is None


def test_too_few_answers_are_told(inspected: tuple[Ledger, Any, Any]) -> None:
    ledger, what, plan = inspected
    rows = plan.draws.to_pylist()
    one = rows[0]["psu_id"] or rows[0]["unit_id"]
    _append(ledger, plan, {r["unit_id"] for r in rows if (r["psu_id"] or r["unit_id"]) != one})
    with pytest.raises(EstimateError, match="institutions have answered"):
        _totals(ledger, what, plan)
