"""The peer residual: quantiles of the group, gaps, unknown amounts and curves that cross."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.detectors import PeerResidualDetector


def by_group(seed: int, count: int = 1500) -> np.ndarray:
    """Return amounts of three peer groups, exponential with mean 100, 1,000 and 10,000."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, count)
    return np.column_stack([rng.exponential(size=count) * 10.0 ** (group + 2), group])


def test_quantiles_are_those_of_the_peer_group():
    # Exponential with mean m: median m ln 2, 0.9 quantile m ln 10.
    detector = PeerResidualDetector().fit(by_group(12, 6000))
    means = np.array([100.0, 1000.0, 10000.0])
    expected = detector.expected(np.column_stack([np.zeros(3), np.arange(3)]))
    assert expected[:, 0] == pytest.approx(means * math.log(2), rel=0.1)
    assert expected[:, 1] == pytest.approx(means * math.log(10), rel=0.1)
    rows = np.column_stack([3 * means, np.arange(3)])
    assert detector.anomaly_score(rows) == pytest.approx(3 * means - expected[:, 1], rel=1e-12)


def test_dear_for_its_peers_comes_before_dear():
    table = by_group(13)
    table[:10] = [1500.0, 0.0]  # 15 times the mean of its own group, ordinary in the next
    for unit in ("target", "robust"):
        detector = PeerResidualDetector(unit=unit).fit(table)
        odd, usual = detector.anomaly_score([[1500.0, 0.0], [1500.0, 2.0]])
        assert odd > 0 > usual


def test_columns_are_chosen_and_gaps_are_peers_of_their_own():
    table = by_group(14)
    noise = np.random.default_rng(15).normal(size=len(table))
    moved = np.column_stack([noise, table[:, 1], table[:, 0]])
    one = PeerResidualDetector(case_mix=[1]).fit(table)
    other = PeerResidualDetector(target=-1, case_mix=[1]).fit(moved)
    assert other.anomaly_score(moved) == pytest.approx(one.anomaly_score(table), rel=1e-9)
    table[table[:, 1] == 2, 1] = np.nan
    gap = PeerResidualDetector().fit(table).expected([[0.0, np.nan]])
    assert gap[0, 0] == pytest.approx(10_000 * math.log(2), rel=0.25)


def test_an_unknown_amount_is_the_median_of_its_peers():
    detector = PeerResidualDetector().fit(by_group(16))
    rows = np.column_stack([np.full(3, np.nan), np.arange(3)])
    expected = detector.expected(rows)
    assert detector.anomaly_score(rows).tolist() == (expected[:, 0] - expected[:, 1]).tolist()


def test_quantiles_that_cross_are_set_right():
    detector = PeerResidualDetector().fit(by_group(21))
    record = detector.to_dict()
    record["state"]["models"].reverse()
    rows = np.column_stack([np.zeros(3), np.arange(3)])
    crossed = PeerResidualDetector.from_dict(record).expected(rows)
    assert (
        crossed[:, 0].tolist() == crossed[:, 1].tolist() == detector.expected(rows)[:, 1].tolist()
    )
