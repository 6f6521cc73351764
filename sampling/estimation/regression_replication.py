"""The bootstrap of the regression total, with the slope fitted anew in every resample.

In: a stratified sample, auxiliary values, a seed. Out: a `Bootstrap`. Resamples are those of
`estimation.replication` (Rao and Wu 1988): in each the strata's means of y and x are pulled towards
the sample's, the slope is fitted to what was drawn, and the resample's own variance comes from its
own g-weighted residuals. Holding the slope fixed makes the studentised interval too short where
score and amounts are both skewed; this one holds what it says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.regression_estimate import Slope, greg_total, regression_terms
from sampling.estimation.replication import (
    BLOCK,
    REPLICATES,
    Bootstrap,
    intervals_of,
    picked,
    without_resampling,
)
from sampling.estimation.stratified import Floats, Ints, StratifiedSample

_RELATIVE_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class _Stratum:
    """Values of one stratum; ``c`` and ``weight`` as in `estimation.regression_estimate`."""

    name: str
    y: Floats
    x: Floats
    N: int
    c: float

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def m(self) -> int:
        return max(2, self.n - 1)

    @property
    def pull(self) -> float:
        """What brings the variance over resamples to that of the formula."""
        return math.sqrt(self.m * (1 - self.n / self.N) / (self.n - 1))


def greg_bootstrap(
    sample: StratifiedSample, aux: Auxiliary, seed: bytes, *, slope: Slope = "weighted",
    replicates: int = REPLICATES,
) -> Bootstrap:  # fmt: skip
    """Return intervals for `greg_total` by resampling verdicts and fitting the slope each time.

    Raises:
        SampleError: as `greg_total`, and if there are too few resamples.
    """
    result = greg_total(sample, aux, slope=slope)
    settled = without_resampling(result, replicates)
    if settled is not None:
        return settled
    c, gap = regression_terms(sample, aux, slope)
    # Scaled, so that which of several auxiliaries counts does not depend on units of measurement.
    spread = np.sqrt((sample.centred(aux.x) ** 2).sum(axis=0))
    scale = np.where(spread > 0, spread, 1.0)
    strata = [_stratum(sample, aux.x / scale, h, float(c[h])) for h in _open(sample)]
    rows = max(1, BLOCK // sum(s.m for s in strata))
    streams = [picked(seed, s.name, s.n, s.m, replicates, rows) for s in strata]
    plain = result.estimate - sample.total(sample.y)
    blocks = [
        _block(strata, list(picks), gap / scale, plain) for picks in zip(*streams, strict=True)
    ]
    error, own = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return intervals_of(result, error, own * result.inflation)


def _open(sample: StratifiedSample) -> list[int]:
    return [int(h) for h in np.flatnonzero(sample.uncertain)]


def _stratum(sample: StratifiedSample, x: Floats, h: int, c: float) -> _Stratum:
    rows = slice(int(sample.starts[h]), int(sample.starts[h] + sample.n[h]))
    return _Stratum(sample.strata[h], sample.y[rows], x[rows], int(sample.N[h]), c)


def _block(
    strata: list[_Stratum], picks: list[Ints], gap: Floats, plain: float
) -> tuple[Floats, Floats]:
    """Return errors and own variances of some resamples.

    ``gap`` is X - Xhat of the sample, ``plain`` what the regression added to the expansion.
    """
    count, p = len(picks[0]), gap.shape[0]
    M, moment = np.zeros((count, p, p)), np.zeros((count, p))
    gaps, error = np.tile(gap, (count, 1)), np.full(count, -plain)
    centred = []
    for s, places in zip(strata, picks, strict=True):
        y, x = s.y[places], s.x[places]
        dy, dx = y - y.mean(axis=1, keepdims=True), x - x.mean(axis=1, keepdims=True)
        share = s.c * s.n / s.m
        M += share * np.einsum("bmp,bmq->bpq", dx, dx)
        moment += share * np.einsum("bmp,bm->bp", dx, dy)
        error += s.N * s.pull * (y.mean(axis=1) - s.y.mean())
        gaps -= s.N * s.pull * (x.mean(axis=1) - s.x.mean(axis=0))
        centred.append((dy, dx))
    inverse = np.linalg.pinv(M, rcond=_RELATIVE_RANK, hermitian=True)
    B = np.einsum("bpq,bq->bp", inverse, moment)
    lean = np.einsum("bpq,bq->bp", inverse, gaps)
    own = np.zeros(count)
    for s, (dy, dx) in zip(strata, centred, strict=True):
        e = dy - np.einsum("bmp,bp->bm", dx, B)
        e *= 1 + s.c * s.n / s.N * np.einsum("bmp,bp->bm", dx, lean)
        e -= e.mean(axis=1, keepdims=True)
        own += (s.N * s.pull) ** 2 * (e**2).sum(axis=1) / (s.m * (s.m - 1))
    return error + np.einsum("bp,bp->b", gaps, B), own
