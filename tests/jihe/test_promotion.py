"""The first gate: a challenger that does not beat a baseline needs a recorded reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jihe import promotion
from jihe.home import Home
from jihe.promotion import NotBetterError, promote_challenger
from sampling.ledger import Ledger
from training.tracking import Registered

CHALLENGER = Registered("jihe-claim", "2", "abc", ("challenger",), "run")


class Registry:
    """A registry with one challenger whose figures the test chooses."""

    figures: dict[str, Any]

    def __init__(self, _home: Path) -> None:
        self.promoted = False

    def challenger(self, _name: str) -> Registered:
        return CHALLENGER

    def metrics(self, _entry: Registered) -> dict[str, Any]:
        return self.figures

    def promote(self, _name: str) -> Registered:
        return CHALLENGER


def _figures(ours: float, amount: float, rules: float) -> dict[str, Any]:
    return {
        "average_precision": ours,
        "baseline_sort_by_amount": {"average_precision": amount},
        "baseline_rules": {"average_precision": rules},
    }


@pytest.mark.parametrize(
    ("figures", "reason", "passes"),
    [
        (_figures(0.6, 0.5, 0.5), "", True),
        (_figures(0.5, 0.5, 0.4), "", False),  # a tie is not better
        (_figures(0.5, 0.4, 0.7), "", False),
        (_figures(0.5, 0.4, 0.7), "a new scheme that no rule sees", True),
        ({}, "", False),  # nothing was measured
    ],
)
def test_the_gate(
    figures: dict[str, Any], reason: str, passes: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Registry, "figures", figures, raising=False)
    monkeypatch.setattr(promotion, "Tracker", Registry)
    home = Home(tmp_path)
    if not passes:
        with pytest.raises(NotBetterError, match="--reason"):
            promote_challenger(home, "claim", reason, "en")
        return
    promote_challenger(home, "claim", reason, "en")
    ledger = Ledger(home.ledger_url)
    assert ledger.head().count == 1
    ledger.close()
