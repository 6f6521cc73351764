"""Standard errors and intervals by resampling, for institutions drawn by size or in two stages.

In: the institutions drawn with the verdicts on their claims, how they were drawn, an estimate, a
seed. Out: a `Bootstrap` of the same form as that of a stratified sample.

Rescaling bootstrap in two stages: Rao and Wu, Resampling inference with complex survey data,
Journal of the American Statistical Association 83 (1988), 231-241, section 4. Of the n drawn
institutions of a stratum m = max(2, n - 1) are taken with replacement; each time one is taken, its
claims are resampled anew, in the way of `estimation.replication`. What an institution adds to the
error of a resample is

    c d_i + sqrt(n / m) sqrt(1 / pi_i) e_i,

d_i its distance from the mean, e_i the error of its own total in the resample of its claims, and c
such that the variance over resamples is the estimated one, part by part: between institutions and
within them. From strata d_i = t_i - tbar and c is Rao and Wu's. By size they have no factor. Here
d_i = sqrt(1 - pi_i) (t_i / pi_i - A), minus its mean, with A the mean of t_i / pi_i weighted by
1 - pi_i: the squares of these residuals add up to Hajek's form of the variance under conditional
Poisson sampling (Annals of Mathematical Statistics 35, 1964, 1491-1523), and c makes it that of
Sen, Yates and Grundy. That is our extension, held to its coverage in
tests/sampling/test_staged_coverage.py.

Institutions that were certain are strata of their own, whose claims alone are resampled. Streams
of random numbers as in `estimation.replication`: one per stratum and one per institution, so that
no number depends on the order of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sampling.estimation.intervals import Estimated
from sampling.estimation.pps_estimate import sen_yates_grundy
from sampling.estimation.replication import (
    REPLICATES,
    Bootstrap,
    intervals_above,
    picked,
    rescaled,
    without_resampling,
)
from sampling.estimation.stratified import Floats, stratified_sample
from sampling.estimation.two_stage import Institution, found_in


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Institutions that were drawn against each other.

    ``deviations`` are the d_i, ``between`` is the estimated variance between institutions, and
    ``weights`` are 1 / pi_i. Without deviations the institutions were all certain.
    """

    name: str
    institutions: tuple[Institution, ...]
    weights: Floats
    deviations: Floats | None
    between: float


def first_stage_of_strata(
    sizes: Mapping[str, int], institutions: Sequence[Institution]
) -> list[FirstStage]:
    """Return the strata of a first stage; arguments as those of `two_stage_total`."""
    first = stratified_sample(
        sizes, [i.unit_id for i in institutions], [i.stratum for i in institutions],
        [i.total for i in institutions],
    )  # fmt: skip
    by_id = {i.unit_id: i for i in institutions}
    away, variances = first.centred(first.y), first.variances(first.y)
    return [
        FirstStage(
            name, tuple(by_id[unit] for unit in first.unit_ids[rows]), first.weights[rows],
            away[rows] if first.uncertain[h] else None, float(variances[h]),
        )
        for h, name in enumerate(first.strata)
        for rows in [first.stratum(h)[1]]
    ]  # fmt: skip


def first_stage_by_size(
    institutions: Sequence[Institution], pi: npt.ArrayLike, joint: npt.ArrayLike
) -> list[FirstStage]:
    """Return the institutions left to chance, and the certain ones.

    Arguments as those of `two_stage_pps_total`, which has checked them.
    """
    order = sorted(range(len(institutions)), key=lambda k: institutions[k].unit_id.encode())
    chances = np.asarray(pi, dtype=np.float64)[order]
    pairs = np.asarray(joint, dtype=np.float64)[np.ix_(order, order)]
    expanded = np.array([institutions[k].total for k in order]) / chances
    left = np.flatnonzero(chances < 1)
    sure = tuple(institutions[order[k]] for k in np.flatnonzero(chances == 1).tolist())
    found = [FirstStage("certain", sure, np.ones(len(sure)), None, 0.0)] if sure else []
    if not len(left):
        return found
    rest = 1 - chances[left]
    away = np.sqrt(rest) * (expanded[left] - float(rest @ expanded[left]) / float(rest.sum()))
    between = sen_yates_grundy(expanded, chances, pairs)
    drawn = tuple(institutions[order[k]] for k in left.tolist())
    return [
        FirstStage("drawn", drawn, 1 / chances[left], away - away.mean(), between), *found,
    ]  # fmt: skip


def staged_bootstrap(
    stages: Sequence[FirstStage], result: Estimated, seed: bytes, *,
    least: float | None = None, replicates: int = REPLICATES,
) -> Bootstrap:  # fmt: skip
    """Return intervals for a total by resampling institutions and their claims.

    Args:
        stages: from `first_stage_of_strata` or `first_stage_by_size`.
        result: the total estimated from these institutions.
        seed: decides the resamples; not the seed of a draw.
        least: what the total cannot be less than; by default the sum found.
        replicates: number of resamples, at least 39; (replicates + 1) / 40 should be whole.

    Raises:
        SampleError: if there are too few resamples.
    """
    settled = without_resampling(result, replicates)
    if settled is not None:
        return settled
    error, own = np.zeros(replicates), np.zeros(replicates)
    for stage in filter(_varies, stages):
        parts = _certain(stage, seed, replicates) if stage.deviations is None else [
            _drawn(stage, stage.deviations, seed, replicates)
        ]  # fmt: skip
        for one, two in parts:
            error += one
            own += two
    if least is None:
        least = found_in([i for stage in stages for i in stage.institutions])
    return intervals_above(result, error, own, least)


def resampled_once(
    stage: FirstStage, deviations: Floats, picks: npt.NDArray[np.int64], inner: Floats
) -> tuple[Floats, Floats]:
    """Return error and estimated variance of the institutions' total in every resample.

    Args:
        stage: the institutions; ``deviations`` are theirs.
        picks: which of them each resample took, one row of m places per resample.
        inner: the error of the taken institution's own total, for each of these places.
    """
    n, m = len(deviations), picks.shape[1]
    squares = float((deviations**2).sum())
    c = math.sqrt(stage.between * n / (m * squares)) if squares > 0 else 0.0
    added = c * deviations[picks] + np.sqrt(stage.weights[picks] * n / m) * inner
    away = added - added.mean(axis=1, keepdims=True)
    return added.sum(axis=1), (away**2).sum(axis=1) * m / (m - 1)


def _varies(stage: FirstStage) -> bool:
    """Whether resamples differ at all; strata outside a domain, for one, add nothing."""
    return stage.between > 0 or any(i.variance > 0 for i in stage.institutions)


def _drawn(
    stage: FirstStage, deviations: Floats, seed: bytes, replicates: int
) -> tuple[Floats, Floats]:
    n = len(deviations)
    blocks = picked(seed, f"institutions\t{stage.name}", n, max(2, n - 1), replicates)
    picks = np.concatenate(list(blocks))
    inner = np.zeros(picks.shape)
    for i, institution in enumerate(stage.institutions):
        taken = picks == i
        count = int(taken.sum())
        if count:
            inner[taken] = sum(one for one, _ in _claims(institution, seed, count))
    return resampled_once(stage, deviations, picks, inner)


def _certain(stage: FirstStage, seed: bytes, replicates: int) -> list[tuple[Floats, Floats]]:
    """Return errors and own variances by stratum of claims of institutions that were certain."""
    return [part for i in stage.institutions for part in _claims(i, seed, replicates)]


def _claims(institution: Institution, seed: bytes, replicates: int) -> list[tuple[Floats, Floats]]:
    """Return errors of an institution's own total and their estimated variances, by stratum."""
    claims, found = institution.claims, []
    for h in np.flatnonzero(claims.uncertain).tolist():
        part, _ = claims.stratum(h)
        n, N = int(part.n[0]), int(part.N[0])
        key = f"claims\t{institution.unit_id}\t{part.strata[0]}"
        blocks = picked(seed, key, n, max(2, n - 1), replicates)
        pairs = [rescaled(part.y, picks, N) for picks in blocks]
        found.append((np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])))
    return found
