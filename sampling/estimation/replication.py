"""Standard errors and intervals by resampling, for verdicts of which most are zero.

In: a stratified sample, an estimate of it, a seed. Out: a `Bootstrap` with percentile and
studentised intervals and the one-sided 90 % lower bound of each.

Rescaling bootstrap with finite population correction: Rao and Wu, Resampling inference with
complex survey data, Journal of the American Statistical Association 83 (1988), 231-241.
In each stratum m_h = max(2, n_h - 1) values are drawn with replacement from the n_h values of the
linearised variable, and their mean is pulled towards that of the sample by
sqrt(m_h (1 - f_h) / (n_h - 1)), so that the variance over resamples is N_h^2 (1 - f_h) s_h^2 / n_h
exactly. The studentised interval divides each resample's error by its own standard error; where
amounts are few and skewed it reaches further up than the normal one, as it should. Resamples in
which nothing was found have no standard error: their error counts as infinitely low, and where they
are too many the upper end is not stated.

No resampling knows amounts that were not drawn: with very few findings coverage stays below what
is claimed. The same seed gives the same numbers, whatever the order of rows: every stratum has its
own stream of the PCG64 generator, whose raw output numpy keeps stable, and takes rows by unit id.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sampling.estimation.intervals import Estimated
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import Floats, Ints, Linearised, StratifiedSample
from sampling.faults import Fault, checked

REPLICATES = 1999
_FEWEST = 39
BLOCK = 2**21
"""Places drawn at a time, which bounds memory; it does not change what is drawn."""

_FLAT = 1e-18
"""A resample's variance below this part of the sample's is the rounding of equal values."""


@dataclass(frozen=True)
class Bootstrap:
    """Intervals by resampling; None where an end cannot be stated.

    ``empty`` counts the resamples without any spread, such as those in which nothing was found.
    """

    replicates: int
    empty: int
    standard_error: float | None
    percentile_95: tuple[float, float] | None
    percentile_lower_90: float | None
    studentised_95: tuple[float | None, float | None] | None
    studentised_lower_90: float | None
    notes: tuple[Fault, ...]


def bootstrap(
    sample: StratifiedSample, result: Linearised, seed: bytes, *, replicates: int = REPLICATES
) -> Bootstrap:
    """Return intervals for an estimate by resampling its linearised variable.

    Args:
        sample: the sample that ``result`` was estimated from.
        result: any estimate of it: expansion, ratio, regression, domain.
        seed: decides the resamples; not the seed of a draw.
        replicates: number of resamples, at least 39; (replicates + 1) / 40 should be whole.

    Raises:
        SampleError: if there are too few resamples.
    """
    settled = without_resampling(result, replicates)
    if settled is not None:
        return settled
    return intervals_of(
        result, *_errors(sample, result.u * math.sqrt(result.inflation), seed, replicates)
    )


def without_resampling(result: Estimated, replicates: int) -> Bootstrap | None:
    """Return the answer where there is nothing to resample: all verdicts equal, or a census.

    Raises:
        SampleError: if there are too few resamples.
    """
    checked(_replicate_faults(replicates), SampleError)
    T = result.estimate
    if result.quantity.standard_error is None:
        return Bootstrap(replicates, replicates, None, None, None, None, None, (_nothing(),))
    if result.quantity.standard_error == 0:
        return Bootstrap(replicates, 0, 0.0, (T, T), T, (T, T), T, ())
    return None


def intervals_of(result: Linearised, error: Floats, own: Floats) -> Bootstrap:
    """Return the intervals from each resample's error and its own estimated variance of it."""
    return intervals_above(result, error, own, result.least)


def intervals_above(result: Estimated, error: Floats, own: Floats, least: float) -> Bootstrap:
    """Return the intervals of an estimate that cannot be less than ``least``."""
    spread = own > _FLAT * result.variance
    pivot = np.zeros(len(error))
    pivot[spread] = error[spread] / np.sqrt(own[spread])
    # A resample without spread and without error is neither high nor low.
    pivot[~spread] = np.where(error[~spread] == 0, 0.0, np.copysign(math.inf, error[~spread]))
    return _bootstrap(result, np.sort(error), np.sort(pivot), int((~spread).sum()), least)


def replicate_weights(
    sample: StratifiedSample, seed: bytes, *, replicates: int = REPLICATES
) -> Floats:
    """Return one row of weights per resample, for estimators that have no linearised variable.

    Rao, Wu and Yue, Some recent work on resampling methods for complex surveys, Survey Methodology
    18 (1992), 209-217, with m_h = n_h - 1 and finite population correction: w (1 - l + l n/(n-1)
    times drawn), l = sqrt(1 - f). No weight is negative; every row adds up to N_h in each stratum.
    """
    checked(_replicate_faults(replicates), SampleError)
    weights = np.tile(sample.weights, (replicates, 1))
    for h in np.flatnonzero(sample.uncertain).tolist():
        n = int(sample.n[h])
        columns = slice(int(sample.starts[h]), int(sample.starts[h]) + n)
        drawn = np.zeros((replicates, n))
        row = 0
        for picks in picked(seed, sample.strata[h], n, n - 1, replicates):
            at = np.arange(row, row + len(picks))[:, None]
            np.add.at(drawn, (np.broadcast_to(at, picks.shape), picks), 1)
            row += len(picks)
        pull = math.sqrt(1 - n / int(sample.N[h]))
        weights[:, columns] *= 1 - pull + pull * n / (n - 1) * drawn
    return weights


def replicated_variance(
    weights: Floats, estimator: Callable[[Floats], float], estimate: float
) -> float:
    """Return the mean squared distance of the resamples' estimates from the sample's."""
    return float(np.mean([(estimator(row) - estimate) ** 2 for row in weights]))


def _errors(
    sample: StratifiedSample, u: Floats, seed: bytes, replicates: int
) -> tuple[Floats, Floats]:
    """Return each resample's error of the total and its own estimated variance of it."""
    error, own = np.zeros(replicates), np.zeros(replicates)
    for h in np.flatnonzero(sample.uncertain).tolist():
        n, N = int(sample.n[h]), int(sample.N[h])
        values = u[int(sample.starts[h]) : int(sample.starts[h]) + n]
        m = max(2, n - 1)
        row = 0
        for picks in picked(seed, sample.strata[h], n, m, replicates):
            rows = slice(row, row + len(picks))
            one, two = rescaled(values, picks, N)
            error[rows] += one
            own[rows] += two
            row += len(picks)
    return error, own


def rescaled(values: Floats, picks: Ints, N: int) -> tuple[Floats, Floats]:
    """Return error and estimated variance of one stratum's total in every resample.

    Args:
        values: the n_h values.
        picks: which of them each resample drew, one row of m_h places per resample.
        N: units of the stratum.
    """
    n, m = len(values), picks.shape[1]
    scale = N**2 * m * (1 - n / N) / (n - 1)
    drawn = values[picks]
    mean = drawn.mean(axis=1)
    squares = ((drawn - mean[:, None]) ** 2).sum(axis=1)
    return math.sqrt(scale) * (mean - values.mean()), scale * squares / ((m - 1) * m)


def picked(
    seed: bytes, stratum: str, n: int, m: int, replicates: int, rows: int | None = None
) -> Iterator[Ints]:
    """Return blocks of ``rows`` resamples of m places from 0 to n - 1, by the stratum's stream."""
    digest = hashlib.sha256(hashlib.sha256(seed).digest() + stratum.encode()).digest()
    stream = np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big")))
    rows = rows or max(1, BLOCK // m)
    for start in range(0, replicates, rows):
        count = min(rows, replicates - start)
        raw = np.asarray(stream.random_raw(count * m), dtype=np.uint64) >> np.uint64(32)
        yield ((raw * np.uint64(n)) >> np.uint64(32)).astype(np.int64).reshape(count, m)


def _bootstrap(
    result: Estimated, error: Floats, pivot: Floats, empty: int, least: float
) -> Bootstrap:
    B, T, se = len(error), result.estimate, math.sqrt(result.variance)

    def low(ordered: Floats, share: float) -> float:
        return float(ordered[max(math.floor((B + 1) * share + 1e-9), 1) - 1])

    def high(ordered: Floats, share: float) -> float:
        return float(ordered[min(math.ceil((B + 1) * (1 - share) - 1e-9), B) - 1])

    def bounded(value: float) -> float:
        return max(least, value)

    def stated(value: float) -> float | None:
        return bounded(value) if math.isfinite(bounded(value)) else None

    ends = stated(T - high(pivot, 0.025) * se), stated(T - low(pivot, 0.025) * se)
    notes = [_open_ended(empty, B)] if None in ends else []
    return Bootstrap(
        B, empty, float(np.sqrt(np.mean(error**2))),
        (bounded(T + low(error, 0.025)), bounded(T + high(error, 0.025))),
        bounded(T + low(error, 0.10)), ends, stated(T - high(pivot, 0.10) * se), tuple(notes),
    )  # fmt: skip


def _replicate_faults(replicates: int) -> Sequence[Fault]:
    """Return what is wrong with a number of resamples."""
    if replicates >= _FEWEST:
        return []
    return [Fault(
        "BOOTSTRAP_FEW", f"{replicates} resamples cannot show a 95 % interval; take {_FEWEST} or "
        f"more, such as {REPLICATES}.",
        f"{replicates}次重抽样不足以给出95%区间；请取{_FEWEST}次以上，如{REPLICATES}次。",
    )]  # fmt: skip


def _nothing() -> Fault:
    return Fault(
        "BOOTSTRAP_EQUAL", "All verdicts are equal; resampling them shows nothing of the others.",
        "所有结论相同，重抽样无法反映未检查的对象。",
    )  # fmt: skip


def _open_ended(empty: int, replicates: int) -> Fault:
    return Fault(
        "BOOTSTRAP_OPEN",
        f"{empty} of {replicates} resamples drew equal values only, such as nothing found, so an "
        "end of the interval cannot be stated: too few verdicts carry amounts.",
        f"{replicates}次重抽样中有{empty}次数值全部相同（如没有任何查实）；查实过少，区间一端无法给出。",
    )  # fmt: skip
