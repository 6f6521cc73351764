"""Each resample of the regression against the estimator itself, applied to what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.estimation import regression_replication
from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.regression_estimate import expansion_total, greg_total
from sampling.estimation.regression_replication import greg_bootstrap
from sampling.estimation.replication import bootstrap, picked
from sampling.estimation.sample_faults import SampleError
from sampling.estimation.stratified import StratifiedSample, stratified_sample

SEED = b"resampling, not drawing"


def _sample(rng: np.random.Generator, N: int, p: int) -> tuple[StratifiedSample, Auxiliary]:
    ids = [f"{s}{i:02d}" for s in "ab" for i in range(12)] + ["t1", "t2"]
    strata = ["a"] * 12 + ["b"] * 12 + ["t"] * 2
    y = np.where(rng.random(26) < 0.7, rng.gamma(1, 90, 26), 0)
    sample = stratified_sample({"a": N, "b": 3 * N, "t": 2}, ids, strata, y)
    x = rng.gamma(2, 10, (26, p)) + 0.1 * y[:, None]
    known = np.array([[21.0 * N] * p, [63.0 * N] * p, x[-2:].sum(axis=0)])
    return sample, Auxiliary(x, known)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 2))
def test_a_resample_is_the_estimator_applied_to_what_was_drawn(seed: int, p: int) -> None:
    """In an endless population nothing is pulled: 11 of 12 drawn with replacement, then GREG."""
    N = 10**9
    sample, aux = _sample(np.random.default_rng(seed), N, p)
    errors, owns = [], []

    def keep(_: object, error: np.ndarray, own: np.ndarray) -> None:
        errors.extend(error)
        owns.extend(own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression_replication, "intervals_of", keep)
        greg_bootstrap(sample, aux, SEED, replicates=40)
    got = greg_total(sample, aux)
    picks = [np.concatenate(list(picked(SEED, s, 12, 11, 40))) for s in "ab"]
    for b in range(40):
        rows = np.concatenate([picks[0][b], 12 + picks[1][b], [24, 25]])
        ids = [f"{i:02d}" for i in range(24)]
        drawn = stratified_sample(
            {"a": N, "b": 3 * N, "t": 2}, ids, ["a"] * 11 + ["b"] * 11 + ["t"] * 2, sample.y[rows]
        )
        again = greg_total(drawn, Auxiliary(aux.x[rows], aux.X))
        assert errors[b] == pytest.approx(again.estimate - got.estimate, rel=1e-6, abs=N * 1e-6)
        own = again.variance / again.inflation * got.inflation
        assert owns[b] == pytest.approx(own, rel=1e-6)


def test_a_useless_constant_is_the_bootstrap_of_the_expansion() -> None:
    sample, aux = _sample(np.random.default_rng(3), 60, 1)
    flat = Auxiliary(np.full_like(aux.x, 4.0), 4.0 * sample.N[:, None])
    got = greg_bootstrap(sample, flat, SEED, replicates=199)
    plain = bootstrap(sample, expansion_total(sample), SEED, replicates=199)
    assert got.studentised_95 == pytest.approx(plain.studentised_95)
    assert got.percentile_95 == pytest.approx(plain.percentile_95)


def test_units_of_measurement_and_order_of_rows_are_irrelevant() -> None:
    sample, aux = _sample(np.random.default_rng(4), 60, 2)
    one = greg_bootstrap(sample, aux, SEED, replicates=199)
    units = np.array([1e-6, 1e7])
    other = greg_bootstrap(sample, Auxiliary(aux.x * units, aux.X * units), SEED, replicates=199)
    assert other.studentised_95 == pytest.approx(one.studentised_95, rel=1e-9)
    turned = stratified_sample(
        dict(zip(sample.strata, sample.N.tolist(), strict=True)), sample.unit_ids[::-1],
        [sample.strata[h] for h in sample.codes[::-1]], sample.y[::-1],
    )  # fmt: skip
    assert greg_bootstrap(turned, aux, SEED, replicates=199) == one
    assert greg_bootstrap(sample, aux, b"other", replicates=199) != one


def test_blocks_do_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, aux = _sample(np.random.default_rng(5), 60, 1)
    one = greg_bootstrap(sample, aux, SEED, replicates=99)
    monkeypatch.setattr(regression_replication, "BLOCK", 200)
    assert greg_bootstrap(sample, aux, SEED, replicates=99) == one


def test_standard_errors_of_formula_and_resampling_agree() -> None:
    sample, aux = _sample(np.random.default_rng(6), 60, 1)
    got = greg_total(sample, aux)
    boot = greg_bootstrap(sample, aux, SEED, replicates=3_999)
    assert boot.standard_error == pytest.approx(got.quantity.standard_error, rel=0.1)
    assert boot.studentised_95[0] < got.estimate < boot.studentised_95[1]
    assert boot.studentised_lower_90 < got.estimate


def test_amounts_along_a_line_leave_only_what_is_off_it() -> None:
    """In a small frame the means of y and x are pulled alike, so the line itself cancels."""
    sample, aux = _sample(np.random.default_rng(8), 20, 1)
    off = np.random.default_rng(9).normal(0, 1e-3, 26)
    line = sample.with_values(3 * aux.x[:, 0] + off)
    got = greg_total(line, aux)
    boot = greg_bootstrap(line, aux, SEED, replicates=999)
    assert boot.standard_error == pytest.approx(got.quantity.standard_error, rel=0.2)


def test_nothing_to_resample() -> None:
    sample, aux = _sample(np.random.default_rng(7), 60, 1)
    zero = sample.with_values(np.zeros(26))
    assert greg_bootstrap(zero, aux, SEED).standard_error is None
    with pytest.raises(SampleError, match="10 resamples"):
        greg_bootstrap(sample, aux, SEED, replicates=10)
