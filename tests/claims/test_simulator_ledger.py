"""What the simulator counts with: a ledger that finds its lines, noise that belongs to the row."""

from __future__ import annotations

import copy

import numpy as np

from claims.simulator.arrays import Noise
from claims.simulator.ledger import Ledger, take
from claims.simulator.world import World


def test_lines_are_found_wherever_they_were_added(innocents: tuple[World, Ledger]) -> None:
    """Against the plain way: all lines sorted by claim, in order of addition."""
    ledger = copy.deepcopy(innocents[1])
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, len(ledger.claims), 400)
    for _ in range(3):
        block = take(ledger.lines, rng.integers(0, len(ledger.lines), 300))
        block.claim = wanted[rng.integers(0, len(wanted), 300)]
        ledger.add_lines(block)
        owner, line = ledger.lines_of(wanted)
        order = np.argsort(ledger.lines.claim, kind="stable")
        first = np.searchsorted(ledger.lines.claim[order], wanted)
        last = np.searchsorted(ledger.lines.claim[order], wanted, side="right")
        plain = np.concatenate([order[f:to] for f, to in zip(first, last, strict=True)])
        assert (line == plain).all()
        assert (wanted[owner] == ledger.lines.claim[line]).all()


def test_noise_belongs_to_the_row_and_is_uniform() -> None:
    """40,000 numbers: the mean within four standard errors of a half (0.0058)."""
    noise = Noise(np.random.SeedSequence(3))
    rows = np.arange(40_000, dtype=np.int64)
    drawn = noise.uniform(rows, 1)
    assert (drawn[7_000:] == noise.uniform(rows[7_000:], 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.0058
    assert (np.bincount((drawn * 10).astype(int)) > 3_700).all()
    assert abs(np.corrcoef(drawn, noise.uniform(rows, 2))[0, 1]) < 0.02
    assert abs(noise.normal(rows, 5).std() - 1) < 0.02
