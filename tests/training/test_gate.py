"""The gate: figures by hand, derivatives, and what each verdict needs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tests.training.gate_evidence import evidence_of
from training.config import ConfigError, GateSettings, parse_config
from training.gate import (
    Evidence,
    GateError,
    compare,
    compare_parts,
    decide,
    effective_number,
    random_part,
    standard_error,
)
from training.gate_metrics import at_capacity, average_precision

USUAL = GateSettings()
SMALL = replace(USUAL, min_effective_positives=2.0)


def _judged(n: int, seed: int, strength: float = 1.0) -> tuple[Evidence, np.ndarray]:
    """Return evidence of a frame in three strata of other weights, and what drives the label."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=n)
    labels = rng.random(n) < 1 / (1 + np.exp(2.0 - strength * drive))
    stratum = rng.integers(0, 3, n)
    weights = np.array([1.0, 4.0, 15.0])[stratum]
    names = np.array(["a/top", "b/middle", "c/low"])[stratum]
    return evidence_of(labels, weights, names, random=rng.random(n) < 0.3), drive


# --- figures and derivatives -------------------------------------------------------------------


def test_average_precision_by_hand_with_weights_and_a_tie() -> None:
    """Scores 3, 2, 2, 1; weights 2, 1, 3, 4; confirmed are the first, the third and the last.

    Thresholds: at 3 found 2 of 2; at 2 found 5 of 6; at 1 found 9 of 10. Recall gained is 2/9, 3/9
    and 4/9, so AP = (2 x 1 + 3 x 5/6 + 4 x 9/10) / 9 = 8.1 / 9 = 0.9.
    """
    score = np.array([3.0, 2.0, 2.0, 1.0])
    found = average_precision(score, np.array([1.0, 0, 1, 1]), np.array([2.0, 1, 3, 4]))
    assert found.value == pytest.approx(0.9)


def test_capacity_by_hand_ends_within_a_tie() -> None:
    """Weight 10 in all, half of it is capacity 5: 2 of the first, then 3 of the tie's 4.

    The tie yields (1 x 0 + 3 x 8) / 4 = 6 a unit, the first 10: (2 x 10 + 3 x 6) / 5 = 7.6.
    """
    score, gains = np.array([3.0, 2.0, 2.0, 1.0]), np.array([10.0, 0, 8, 5])
    found = at_capacity(score, gains, np.array([2.0, 1, 3, 4]), 0.5)
    assert found.value == pytest.approx(7.6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_average_precision_agrees_with_scikit_learn_and_its_derivative(
    seed: int, tied: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    labels = (rng.random(n) < 0.4).astype(np.float64)
    labels[0] = 1.0
    score = rng.normal(size=n).round(0 if tied else 9)
    weights = rng.uniform(0.5, 20, n)
    found = average_precision(score, labels, weights)
    theirs = average_precision_score(labels, score, sample_weight=weights)
    assert found.value == pytest.approx(theirs, rel=1e-9)
    for k in (0, 7, n - 1):
        step = np.zeros(n)
        step[k] = 1e-5
        up = average_precision(score, labels, weights + step).value
        down = average_precision(score, labels, weights - step).value
        assert found.influence[k] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-8)
    # A figure that no common factor of the weights changes: weight x influence sums to 0 (Euler).
    assert weights @ found.influence == pytest.approx(0.0, abs=1e-9)


def test_the_derivative_at_capacity_where_yields_at_its_end_are_alike() -> None:
    rng = np.random.default_rng(3)
    n = 200
    score, weights = rng.normal(size=n), rng.uniform(1, 5, n)
    gains = np.where(np.argsort(np.argsort(-score)) < 20, rng.uniform(5, 9, n), 2.0)
    found = at_capacity(score, gains, weights, 0.3)
    for k in range(0, n, 17):
        step = np.zeros(n)
        step[k] = 1e-5
        up = at_capacity(score, gains, weights + step, 0.3).value
        down = at_capacity(score, gains, weights - step, 0.3).value
        assert found.influence[k] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-8)


def test_standard_error_by_hand_and_a_single_verdict_joins_its_neighbour() -> None:
    """Strata {1, 3} and {2, 6}: 2/1 x (1 + 1) + 2/1 x (4 + 4) = 20; alone in c, 10 joins b.

    Then b is {2, 6, 10} with mean 6: 3/2 x (16 + 0 + 16) = 48; with a's 4 in all 52.
    """
    parts = np.array([1.0, 3.0, 2.0, 6.0])
    two = evidence_of(np.ones(4), strata=np.array(["a", "a", "b", "b"]))
    assert standard_error(two, parts) == (pytest.approx(20**0.5), 2)
    three = evidence_of(np.ones(5), strata=np.array(["a", "a", "b", "b", "c"]))
    assert standard_error(three, np.append(parts, 10.0)) == (pytest.approx(52**0.5), 3)
    first = evidence_of(np.ones(5), strata=np.array(["b", "b", "c", "c", "a"]))
    assert standard_error(first, np.append(parts, 10.0))[1] == 3


def test_strata_of_one_name_in_two_plans_are_two() -> None:
    both = replace(evidence_of(np.ones(4)), plans=np.array(["P0001", "P0001", "P0002", "P0002"]))
    assert standard_error(both, np.array([1.0, 1.0, 9.0, 9.0])) == (0.0, 2)


def test_a_single_verdict_joins_no_other_plan() -> None:
    lone = replace(evidence_of(np.ones(3)), plans=np.array(["P0001", "P0001", "P0002"]))
    assert standard_error(lone, np.array([1.0, 3.0, 50.0])) == (pytest.approx(2.0), 1)


@pytest.mark.parametrize(("difference", "interval", "effective", "told"), [
    (0.05, (0.01, 0.09), 60, ("win", "", None)),
    (0.05, (0.0, 0.10), 60, ("non_inferior", "", None)),  # zero is not above zero
    (0.0, (-0.02, 0.02), 60, ("non_inferior", "", None)),  # the margin itself is allowed
    (-0.05, (-0.09, -0.01), 60, ("worse", "", None)),
    # Half-width 0.06, room 0.03 + 0.02: 60 x (1.2^2 - 1) = 26.4 more.
    (0.03, (-0.03, 0.09), 60, ("insufficient", "interval", 27)),
    # Worse than the margin, but not surely worse: room 0.04, 60 x (1.5^2 - 1) = 75 more.
    (-0.04, (-0.10, 0.02), 60, ("insufficient", "interval", 75)),
    (0.05, None, 60, ("insufficient", "interval", None)),
    (0.05, (0.01, 0.09), 49.5, ("insufficient", "positives", 1)),
])  # fmt: skip
def test_what_an_interval_means(
    difference: float, interval: tuple[float, float] | None, effective: float, told: object
) -> None:
    assert decide(effective, difference, interval, 0.02, USUAL) == told


def test_the_effective_number_is_kishs() -> None:
    assert effective_number(np.full(30, 7.0)) == pytest.approx(30)
    assert effective_number(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    assert effective_number(np.array([])) == 0


# --- verdicts ----------------------------------------------------------------------------------


def test_a_better_ranking_wins_a_worse_one_is_told_so_and_an_equal_one_is_no_worse() -> None:
    evidence, drive = _judged(4_000, 1, strength=2.0)
    noise = np.random.default_rng(2).normal(size=len(drive))
    won = compare(evidence, noise, drive, USUAL)
    assert won.verdict == "win"
    assert won.interval is not None
    assert won.interval[0] > 0
    lost = compare(evidence, drive, noise, USUAL)
    assert lost.verdict == "worse"
    assert lost.difference == pytest.approx(-(won.difference or 0))
    same = compare(evidence, drive, drive * 3 + 1, USUAL)
    assert (same.difference, same.verdict) == (0.0, "non_inferior")
    assert same.amount_at_capacity is not None
    assert same.amount_at_capacity[0] == same.amount_at_capacity[1]


def test_non_inferior_holds_within_the_margin_only() -> None:
    evidence, drive = _judged(6_000, 3, strength=2.0)
    shaken = drive + 0.05 * np.random.default_rng(4).normal(size=len(drive))
    close = compare(evidence, drive, shaken, USUAL)
    assert close.interval is not None
    assert close.margin == pytest.approx(0.05 * (close.champion or 0))
    assert close.verdict == "non_inferior"
    strict = compare(evidence, drive, shaken, replace(USUAL, margin=0.0001))
    assert strict.verdict != "non_inferior"


def test_too_few_effective_positives_are_told_with_how_many_are_wanting() -> None:
    labels = np.zeros(400)
    labels[:40] = 1
    score = np.linspace(1, 0, 400)
    few = compare(evidence_of(labels), -score, score, USUAL)
    assert (few.verdict, few.why, few.more_positives) == ("insufficient", "positives", 10)
    assert few.difference is not None  # it is shown, not decided upon
    assert few.difference > 0.5
    labels[:50] = 1
    assert compare(evidence_of(labels), -score, score, USUAL).verdict == "win"
    # 60 confirmed, of which one stands for a thousand: hardly more than one effective.
    labels[:60] = 1
    weights = np.where(np.arange(400) == 5, 1_000.0, 1.0)
    heavy = compare(evidence_of(labels, weights), -score, score, USUAL)
    assert (heavy.verdict, heavy.positives) == ("insufficient", 60)
    assert heavy.effective_positives < 2
    for n in (400, 0):
        none = compare(evidence_of(np.zeros(n)), -score[:n], score[:n], USUAL)
        assert (none.verdict, none.difference, none.more_positives) == ("insufficient", None, 50)


def test_an_interval_too_wide_is_insufficient_and_says_how_much_more() -> None:
    evidence, drive = _judged(700, 5)
    rng = np.random.default_rng(6)
    a, b = (drive + 2 * rng.normal(size=len(drive)) for _ in range(2))
    wide = compare(evidence, a, b, SMALL)
    assert wide.interval is not None
    assert wide.interval[0] < -(wide.margin or 0) < 0 < wide.interval[1]
    assert (wide.verdict, wide.why) == ("insufficient", "interval")
    assert (wide.more_positives or 0) >= 1


def test_verdicts_without_weight_and_the_order_of_rows_change_nothing() -> None:
    evidence, drive = _judged(900, 7)
    # Weights whose sums are rounded, so that another order of adding would show.
    evidence = replace(evidence, weights=evidence.weights * 1.1)
    other = (np.random.default_rng(8).normal(size=900) + drive).round(1)  # with ties
    told = compare(evidence, drive, other, SMALL)
    turned = np.random.default_rng(9).permutation(900)
    assert compare(evidence.take(turned), drive[turned], other[turned], SMALL) == told
    tips = replace(evidence_of(np.ones(50)), weights=np.zeros(50))
    tips = replace(tips, unit_ids=np.array([f"t{i}" for i in range(50)]))
    joined = Evidence(
        *(np.concatenate([getattr(evidence, k), getattr(tips, k)])
          for k in Evidence.__dataclass_fields__)
    )  # fmt: skip
    more = compare(joined, np.append(drive, np.full(50, -9.0)), np.append(other, np.full(50, 99.0)),
                   SMALL)  # fmt: skip
    assert more == told


def test_scores_must_fit() -> None:
    evidence = evidence_of(np.array([1.0, 0.0, 1.0]))
    with pytest.raises(GateError, match="3 verdicts"):
        compare(evidence, np.zeros(2), np.zeros(3), SMALL)
    with pytest.raises(GateError, match="missing"):
        compare(evidence, np.zeros(3), np.array([0.0, np.nan, 1.0]), SMALL)
    unknown = replace(evidence, overpaid=np.array([5.0, 0.0, np.nan]))
    score = np.arange(3.0)
    assert compare(unknown, score, score, SMALL).amount_at_capacity is None
    with pytest.raises(GateError, match="amount"):
        compare(unknown, score, score, replace(SMALL, metric="amount_at_capacity"))


def test_claims_of_a_drawn_institution_are_one_draw() -> None:
    """By hand: sums 3, 5 and 1 of three institutions, mean 3: 3/2 (0 + 4 + 4) = 12."""
    clusters = np.array(["i1", "i1", "i2", "i3", "i3"])
    evidence = evidence_of(np.array([1.0, 1, 0, 1, 0]), clusters=clusters)
    influence = np.array([1.0, 2.0, 5.0, 4.0, -3.0])
    assert standard_error(evidence, influence) == (pytest.approx(math.sqrt(12)), 2)
    # Findings in two institutions, two and one of them: (2 + 1)^2 / (4 + 1).
    score = np.arange(5.0)
    assert compare(evidence, score, -score, SMALL).effective_positives == pytest.approx(9 / 5)
    alone = replace(evidence, clusters=np.full(5, ""))
    assert standard_error(alone, influence)[1] == 4
    assert compare(alone, score, -score, SMALL).effective_positives == pytest.approx(3)


def test_a_verdict_split_into_claims_of_one_institution_says_no_more() -> None:
    evidence, drive = _judged(400, 12)
    other = np.random.default_rng(13).normal(size=400) + drive
    whole = compare(evidence, drive, other, SMALL)
    rows = np.repeat(np.arange(400), 3)
    parts = replace(
        evidence.take(rows), weights=evidence.weights[rows] / 3,
        clusters=np.array([f"i{i:03d}" for i in rows]),
        unit_ids=np.array([f"u{i:05d}" for i in range(1200)]),
    )  # fmt: skip
    split = compare(parts, drive[rows], other[rows], SMALL)
    assert split.effective_positives == pytest.approx(whole.effective_positives)
    assert split.standard_error == pytest.approx(whole.standard_error)
    assert split.interval == pytest.approx(whole.interval)


def test_a_stratum_of_one_institution_joins_its_neighbour() -> None:
    strata = np.array(["a", "a", "a", "b", "b", "b"])
    clusters = np.array(["i1", "i1", "i1", "i2", "i3", "i3"])
    evidence = evidence_of(np.array([1.0, 0, 1, 0, 1, 0]), strata=strata, clusters=clusters)
    error, freedom = standard_error(evidence, np.arange(6.0))
    assert freedom == 2  # three institutions in one stratum
    # Sums 3, 3 and 9, mean 5: 3/2 (4 + 4 + 16).
    assert error == pytest.approx(6)


def test_the_random_part_stands_for_the_whole_frame() -> None:
    """Weights 4 and 15 of three and two verdicts: what is random takes over 12 and 30."""
    strata = np.array(["a", "a", "a", "b", "b"])
    evidence = evidence_of(
        np.array([1.0, 0, 1, 0, 1]), np.array([4.0, 4, 4, 15, 15]), strata,
        random=np.array([True, False, True, False, True]),
    )  # fmt: skip
    part = random_part(evidence)
    assert part.weights.tolist() == [6.0, 0.0, 6.0, 0.0, 30.0]
    score = np.arange(5.0)
    record = compare_parts(evidence, score, -score, SMALL)
    assert record["random_part"] == compare(part, score, -score, SMALL).to_dict()
    assert (record["n"], record["random_part"]["n"]) == (5, 3)


def test_records_are_plain_json() -> None:
    evidence, drive = _judged(300, 11)
    record = json.loads(json.dumps(compare(evidence, drive, -drive, SMALL).to_dict()))
    assert record["interval"] == sorted(record["interval"])
    assert record["metric"] == "average_precision"


def test_gate_settings_are_in_the_config_and_unknown_keys_are_refused() -> None:
    head = {"name": "x", "unit": "claim"}
    assert parse_config(head).gate == USUAL
    ours = parse_config({**head, "gate": {"metric": "amount_at_capacity", "margin": 0.1}})
    assert (ours.gate.metric, ours.gate.margin) == ("amount_at_capacity", 0.1)
    with pytest.raises(ConfigError, match=r"'marge' in \[gate\]"):
        parse_config({**head, "gate": {"marge": 0.1}})
    with pytest.raises(ConfigError, match=r"gate.metric.*gate.margin"):
        parse_config({**head, "gate": {"metric": "auc", "margin": 1.5}})
