"""Joining detectors: places among the frozen scores, tails, weights, and who has a say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.detectors import PeerResidualDetector, RankEnsemble
from training.detectors.ensemble import freeze_places


def test_places_by_hand():
    # 1 2 2 5: below 1 none, and half of one equal: 1/8; 2: 1 below, half of two equal: 4/8; 5: 7/8.
    # Half-way in between; beyond the ends 1/8 of room, half of it used up one range (4) further.
    places = freeze_places(np.array([5.0, 2.0, 1.0, 2.0]), 10, tail=False)
    got = places.of(np.array([1.0, 2.0, 3.5, 5.0, 9.0, 1e300, -3.0]))
    assert got == pytest.approx([1 / 8, 1 / 2, 11 / 16, 7 / 8, 15 / 16, 1, 1 / 16])


def test_the_tail_goes_straight_on_from_the_last_decile():
    # 1 to 20: the median is 10, nine tenths are 18 or less; places of 10 and 18: 9.5 and 17.5 / 20.
    # From 18 on 8 / log 5 is worth 1, up to the knee of 3; 6 units count as 6 too, 12 as 9.
    places = freeze_places(np.arange(1.0, 21.0), 20, tail=True)
    unit, edge = 8 / math.log(5), math.log(8)
    got = places.of(np.array([10.0, 14.5, 18.0, 20.0, 18 + 3 * unit, 18 + 12 * unit, -1e300]))
    assert got == pytest.approx(
        [
            -math.log(10.5 / 20),
            -(math.log(6.5 / 20) + math.log(5.5 / 20)) / 2,
            edge,
            edge + 2 / unit,
            edge + 3,
            edge + 9,
            0.0,
        ]
    )


def test_scores_that_are_mostly_one_value_have_a_tail_too():
    # 19 zeros and a 4: all places up to the edge are that of 0, 9.5 / 20; the mean excess is 4.
    places = freeze_places(np.r_[np.zeros(19), 4.0], 20, tail=True)
    usual = -math.log(1 - 9.5 / 20)
    assert places.of(np.array([0.0, 4.0, 8.0])) == pytest.approx([usual, usual + 1, usual + 2])
    assert freeze_places(np.zeros(5), 20, tail=True).of(np.zeros(1)) == pytest.approx(math.log(2))


def test_few_knots_stay_close_to_all_and_keep_the_top():
    scores = np.random.default_rng(17).lognormal(size=5000)
    exact = freeze_places(scores, 5000, tail=False)
    table = freeze_places(scores, 128, tail=False)
    assert len(table.at) <= 128
    assert np.abs(exact.of(scores) - table.of(scores)).max() < 0.01
    top = np.sort(scores)[-10:]
    assert table.of(top).tolist() == exact.of(top).tolist()


@pytest.mark.parametrize(
    ("combine", "expected"),
    [("mean", (3 * 0.7 + 1 * 0.9) / 4), ("max", 2.1), ("tail", None)],
)
def test_members_are_weighted_and_joined(combine, expected):
    # Ten rows 1 to 10 for both members; each scores one column by its upper tail, without ties.
    table = np.column_stack([np.arange(1.0, 11.0), np.arange(1.0, 11.0)[::-1]])
    members = [
        ("first", PeerResidualDetector(target=0, case_mix=[])),
        ("second", PeerResidualDetector(target=1, case_mix=[])),
    ]
    ensemble = RankEnsemble(members, weights=[3, 1], combine=combine).fit(table)
    # 7.5 lies half-way between places 6.5 / 10 and 7.5 / 10, 9.5 between 8.5 / 10 and 9.5 / 10.
    if expected is None:
        # The median is 5 and the last decile 9, place 8.5 / 10; (9 - 5) / log 5 is worth 1 beyond.
        first = -(math.log(0.35) + math.log(0.25)) / 2
        second = -math.log(0.15) + 0.5 * math.log(5) / 4
        expected = (3 * first + second) / 4
    assert ensemble.anomaly_score([[7.5, 9.5]]) == pytest.approx([expected])


def test_usual_members_all_have_a_say():
    rng = np.random.default_rng(18)
    table = rng.normal(size=(200, 3))
    ensemble = RankEnsemble().fit(table)
    values = ensemble.member_values(table)
    assert list(values) == [
        "isolation_forest", "histogram", "robust_distance", "neighbour_distance",
    ]  # fmt: skip
    assert all(value.std() > 0.5 and value.max() > 3 for value in values.values())
    mean = sum(values.values()) / 4
    assert ensemble.anomaly_score(table) == pytest.approx(mean)
