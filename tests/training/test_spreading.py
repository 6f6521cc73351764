"""Spreading a list over kinds of finding."""

from __future__ import annotations

import numpy as np
import pytest

from training.spreading import spread

IDS = np.array(["a", "b", "c", "d"])
KINDS = np.array(["x", "x", "x", "y"])
SCORE = np.array([3.0, 2.0, 1.0, 0.5])


def test_by_hand():
    # Places 1, 2, 3 in x and 1 in y: 3, 2 - log 2, 1 - log 3, .5.
    found = spread(SCORE, KINDS, IDS, 1, 1.0)
    assert found == pytest.approx([3.0, 2.0 - np.log(2), 1.0 - np.log(3), 0.5])
    assert np.argsort(-found).tolist() == [0, 1, 3, 2]


def test_weight_0_changes_nothing_and_rows_may_come_in_any_order():
    assert spread(SCORE, KINDS, IDS, 1, 0.0).tolist() == SCORE.tolist()
    order = np.array([2, 0, 3, 1])
    again = spread(SCORE[order], KINDS[order], IDS[order], 1)
    assert again.tolist() == spread(SCORE, KINDS, IDS, 1)[order].tolist()
    with pytest.raises(ValueError, match="at least 0"):
        spread(SCORE, KINDS, IDS, 1, -1.0)
