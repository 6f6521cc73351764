"""The gate's intervals hold the difference in the population as often as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.gate_evidence import evidence_of
from training.config import GateSettings
from training.gate import compare
from training.gate_metrics import average_precision

USUAL = GateSettings()


def _frame(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Return labels, two rankings and strata of a frame; the plan follows the first ranking."""
    drive = rng.normal(size=n)
    labels = (rng.random(n) < 1 / (1 + np.exp(3.2 - 2.0 * drive))).astype(np.float64)
    a, b = drive + rng.normal(size=n), drive + 0.6 * rng.normal(size=n)
    place = np.argsort(np.argsort(-a)) / n
    return labels, a, b, np.digitize(place, [0.05, 0.2])


def _institutions(rng: np.random.Generator, n: int, each: int) -> tuple[np.ndarray, ...]:
    """Return labels and two rankings of claims; some institutions offend, and one ranking knows."""
    drive, effect = rng.normal(size=n * each), np.repeat(1.2 * rng.normal(size=n), each)
    labels = (rng.random(n * each) < 1 / (1 + np.exp(2.5 - drive - effect))).astype(np.float64)
    return labels, drive + 0.8 * rng.normal(size=n * each), drive + 0.5 * effect


def test_the_interval_covers_where_institutions_are_drawn_first() -> None:
    """60 of 300 institutions, 12 of 40 claims of each; the target is that of 8,000 institutions.

    Of 200 intervals at 95 % between 179 and 199 should cover, as a binomial has it with a chance of
    one in a thousand on either side; taken for drawn one by one, the same claims cover far less.
    """
    rng = np.random.default_rng(21)
    labels, a, b = _institutions(rng, 8_000, 40)
    one = np.ones(len(labels))
    target = average_precision(b, labels, one).value - average_precision(a, labels, one).value
    settings = replace(USUAL, min_effective_positives=10.0)
    covered, naive = 0, 0
    for _ in range(200):
        labels, a, b = _institutions(rng, 60, 40)
        drawn = (np.arange(60)[:, None] * 40 + rng.permuted(
            np.tile(np.arange(40), (60, 1)), axis=1)[:, :12]).ravel()  # fmt: skip
        names = np.array([f"i{k:02d}" for k in drawn // 40])
        evidence = evidence_of(labels[drawn], np.full(720, 300 / 60 * 40 / 12), clusters=names)
        alone = replace(evidence, clusters=np.full(720, ""))
        told, less = (compare(e, a[drawn], b[drawn], settings) for e in (evidence, alone))
        assert told.interval is not None
        assert less.interval is not None
        covered += told.interval[0] <= target <= told.interval[1]
        naive += less.interval[0] <= target <= less.interval[1]
    assert 179 <= covered <= 199
    assert naive < 179


def test_the_interval_covers_the_difference_in_the_population() -> None:
    """Plans that take 60, 20 and 8 of 100 of the strata of new frames of one population.

    The target is the difference in a frame of 400,000. Of 300 intervals at 95 % between 271 and 297
    should cover: outside, a binomial of 0.95 has a chance below one in a thousand on either side.
    """
    rng = np.random.default_rng(20)
    labels, a, b, _ = _frame(rng, 400_000)
    one = np.ones(len(labels))
    target = average_precision(b, labels, one).value - average_precision(a, labels, one).value
    covered, decided, errors, seen = 0, 0, [], []
    for _ in range(300):
        labels, a, b, stratum = _frame(rng, 3_000)
        rate = np.array([0.6, 0.2, 0.08])[stratum]
        drawn = np.concatenate([
            rng.choice(np.flatnonzero(stratum == h), int((stratum == h).sum() * r), replace=False)
            for h, r in enumerate((0.6, 0.2, 0.08))
        ])  # fmt: skip
        evidence = evidence_of(labels[drawn], 1 / rate[drawn], stratum[drawn].astype(np.str_))
        told = compare(evidence, a[drawn], b[drawn], replace(USUAL, min_effective_positives=30.0))
        assert told.interval is not None
        covered += told.interval[0] <= target <= told.interval[1]
        decided += told.verdict != "insufficient"
        errors.append(told.standard_error)
        seen.append(told.difference)
    assert 271 <= covered <= 297
    assert decided > 100
    assert np.mean(errors) == pytest.approx(np.std(seen), rel=0.15)
    assert np.mean(seen) == pytest.approx(target, abs=0.02)
