"""What every detector keeps: one test body over all of them, and all of them in one ensemble."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from training.detectors import (
    AnyDetector,
    DetectorError,
    HistogramDetector,
    IsolationForestDetector,
    NeighbourDistanceDetector,
    PeerResidualDetector,
    RankEnsemble,
    RobustDistanceDetector,
    TailDetector,
    read_detector,
)
from training.detectors.base import BOUND

Make = Callable[[], AnyDetector]

#: Small settings, so that subsampling and limits are met by small tables.
MAKERS: dict[str, Make] = {
    "tail": TailDetector,
    "isolation forest": lambda: IsolationForestDetector(trees=20, sample=32, seed=3),
    "dynamic histogram": HistogramDetector,
    "static histogram": lambda: HistogramDetector(bins="static"),
    "robust distance": lambda: RobustDistanceDetector(most_rows=25, seed=3),
    "neighbour distance": lambda: NeighbourDistanceDetector(neighbours=3, reference=25, seed=3),
    "peer residual": lambda: PeerResidualDetector(rounds=5, leaf_size=5, most_rows=35, seed=3),
    "peer residual, robust": lambda: PeerResidualDetector(
        target=-1, unit="robust", rounds=5, leaf_size=5
    ),
}
ENSEMBLES: dict[str, Make] = {
    f"ensemble, {combine}": lambda combine=combine: RankEnsemble(
        [(name, MAKERS[name]()) for name in MAKERS if "static" not in name],
        weights=[1, 2, 1, 1, 1, 1, 0.5],
        combine=combine,
        knots=12,
        most_rows=30,
        seed=3,
    )
    for combine in ("mean", "max", "tail")
}
ALL = {**MAKERS, **ENSEMBLES}
#: Those without a target column: any column may be odd.
SYMMETRIC = [name for name in MAKERS if "peer" not in name]

every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)
single = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
symmetric = pytest.mark.parametrize("make", [MAKERS[name] for name in SYMMETRIC], ids=SYMMETRIC)

odd = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1.0, 2.0])
cells = st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), odd)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Return a table to fit and rows to score, with every kind of odd value and shape."""
    width = draw(st.integers(0, 4))
    fitted_on = draw(arrays(np.float64, (draw(st.integers(1, 40)), width), elements=cells))
    rows = draw(arrays(np.float64, (draw(st.integers(0, 5)), width), elements=cells))
    return fitted_on, np.concatenate([rows, fitted_on[:3]])


def heavy(count: int = 400, seed: int = 1) -> np.ndarray:
    """Return amounts, small shares, rare hits, counts and a column with gaps, correlated."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=count)
    amount = np.exp(8 + 1.5 * size + rng.normal(size=count))
    share = 1e-6 * rng.random(count)
    hit = (rng.random(count) < 0.02).astype(float)
    days = rng.poisson(np.exp(1 + 0.5 * size)).astype(float)
    gaps = np.where(rng.random(count) < 0.2, np.nan, days * 3 + rng.normal(size=count))
    return np.column_stack([amount, share, hit, days, gaps])


def text(detector: AnyDetector) -> str:
    return json.dumps(detector.to_dict(), allow_nan=False)


def alone(detector: AnyDetector, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([detector.anomaly_score(rows[i : i + 1]) for i in range(len(rows))])


@every
@settings(max_examples=15, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_batch_row_order_and_json_leave_every_bit(make, pair, random):
    fitted_on, rows = pair
    detector = make().fit(fitted_on)
    score = detector.anomaly_score(rows)
    assert score.shape == (len(rows),)
    assert np.isfinite(score).all()
    assert alone(detector, rows).tobytes() == score.tobytes()
    shuffled = list(range(len(fitted_on)))
    random.shuffle(shuffled)
    stored = text(detector)
    assert text(make().fit(fitted_on[shuffled])) == stored
    read = read_detector(json.loads(stored))
    assert text(read) == stored
    assert read.anomaly_score(rows).tobytes() == score.tobytes()


@single
def test_zero_has_one_sign(make):
    table = np.array([[-0.0, 1.0], [-0.0, 2.0], [-0.0, -0.0]])
    assert text(make().fit(table)) == text(make().fit(table + 0.0))
    assert "-0.0" not in text(make().fit(table))


@every
def test_long_batches_and_memory_layout_leave_every_bit(make):
    detector = make().fit(heavy())
    rows = np.tile(heavy(77, seed=2), (60, 1))
    score = detector.anomaly_score(rows)
    assert score.tobytes() == np.tile(detector.anomaly_score(rows[:77]), 60).tobytes()
    assert score[:77].tobytes() == alone(detector, rows[:77]).tobytes()
    assert score.tobytes() == detector.anomaly_score(np.asfortranarray(rows)).tobytes()
    assert score[::-1].tobytes() == detector.anomaly_score(rows[::-1]).tobytes()


@every
def test_threads_and_global_random_state_leave_every_bit(make):
    table = heavy(300)
    with threadpool_limits(limits=1):
        one = text(make().fit(table))
    np.random.seed(7)
    with threadpool_limits(limits=4):
        assert text(make().fit(table)) == one


@pytest.mark.parametrize("name", ["isolation forest", "robust distance", "neighbour distance"])
def test_another_seed_draws_another_sample(name):
    table = heavy()
    again = MAKERS[name]().set_params(seed=4).fit(table)
    assert text(again) != text(MAKERS[name]().fit(table))
    assert not np.array_equal(
        again.anomaly_score(table), MAKERS[name]().fit(table).anomaly_score(table)
    )


@every
def test_neither_the_table_nor_the_detector_is_changed_by_scoring(make):
    table = heavy(100)
    before = table.copy()
    detector = make().fit(table)
    stored = text(detector)
    detector.anomaly_score(table)
    assert table.tobytes() == before.tobytes()
    assert text(detector) == stored


@pytest.mark.parametrize(
    "detector",
    [
        TailDetector(),
        IsolationForestDetector(),
        HistogramDetector(),
        HistogramDetector(bins="static"),
        RobustDistanceDetector(),
        NeighbourDistanceDetector(),
        RankEnsemble(),
        RankEnsemble(combine="max"),
        RankEnsemble(combine="mean"),
    ],
    ids=str,
)
def test_planted_outliers_come_first_in_heavy_tails_and_mixed_scales(detector):
    table = heavy(600)
    table[:12, 0] *= 3000.0
    table[:12, 1] *= 40.0
    score = detector.fit(table).anomaly_score(table)
    assert len(set(np.argsort(-score)[:24]) & set(range(12))) >= 10


@symmetric
def test_further_out_is_not_less_unusual(make):
    rng = np.random.default_rng(2)
    detector = make().fit(rng.normal(size=(500, 3)))
    assert detector.anomaly_score(np.zeros((1, 3))) < detector.anomaly_score(np.ones((1, 3)) * 3)
    for sign in (1.0, -1.0):
        out = sign * np.array([0.0, 2.0, 4.0, 8.0, 1e3, 1e9, np.inf])[:, None] * np.ones(3)
        score = detector.anomaly_score(out)
        assert (np.diff(score) >= 0).all()
        assert score[2] > score[0]


@single
def test_units_of_the_columns_change_nothing(make):
    # Powers of two, so that the scaled values are exact.
    table, units = heavy(), np.array([2.0**-7, 2.0**20, 4.0, 2.0, 0.25])
    if make().get_params().get("unit") == "target":
        units[0] = 1.0
    score = make().fit(table).anomaly_score(table)
    assert make().fit(table * units).anomaly_score(table * units) == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize(
    "make", [ALL[n] for n in ALL if n == "peer residual" or n in SYMMETRIC[1:]]
)
def test_an_infinity_is_the_largest_number_of_its_sign(make):
    table = heavy(200)
    table[5, 0], table[6, 3] = np.inf, -np.inf
    large = np.clip(table, -BOUND, BOUND)
    one, other = make().fit(table), make().fit(large)
    assert one.anomaly_score(table).tobytes() == other.anomaly_score(large).tobytes()


@every
def test_constant_and_unknown_columns_are_ignored(make):
    table = heavy(200)[:, :2]
    rows = np.column_stack([table[:, :1], np.full((200, 2), [3.0, np.nan]), table[:, 1:]])
    detector = make().fit(rows)
    other = rows.copy()
    other[:, 1:3] = [77.0, -5.0]
    assert detector.anomaly_score(other).tobytes() == detector.anomaly_score(rows).tobytes()


@every
def test_a_row_of_gaps_is_ordinary(make):
    table = heavy()
    detector = make().fit(table)
    gap = detector.anomaly_score(np.full((1, 5), np.nan))[0]
    assert gap <= np.quantile(detector.anomaly_score(table), 0.7)


@every
@pytest.mark.parametrize(
    "table", [np.zeros((5, 0)), np.full((5, 2), 3.0), np.full((5, 2), np.nan), [[1.0, np.inf]]]
)
def test_a_table_that_says_nothing_gives_every_row_the_same_score(make, table):
    detector = make().fit(table)
    rows = np.arange(2.0 * np.shape(table)[1]).reshape(2, -1)
    score = detector.anomaly_score(rows)
    assert score[0] == score[1]
    assert detector.anomaly_score(rows[:0]).shape == (0,)


@every
def test_scikit_learn_can_clone_it(make):
    detector = make().fit(heavy(50))
    copy = clone(detector)
    assert not hasattr(copy, "n_features_in_")
    assert text(copy.fit(heavy(50))) == text(detector)


@every
def test_what_cannot_be_worked_with_is_named(make):
    with pytest.raises(DetectorError, match="no rows"):
        make().fit(np.empty((0, 3)))
    with pytest.raises(DetectorError, match="matrix"):
        make().fit([1.0, 2.0])
    with pytest.raises(DetectorError, match="fitted on 5 columns and got 2"):
        make().fit(heavy(50)).anomaly_score([[1.0, 2.0]])
    with pytest.raises(DetectorError, match=r"[Uu]nknown detector method|[Ee]xpected a detector"):
        type(make()).from_dict({"method": "oracle"})


@pytest.mark.parametrize("name", [name for name in ALL if name != "tail"])
def test_a_damaged_record_is_refused(name):
    detector = ALL[name]().fit(heavy(60))
    with pytest.raises(DetectorError, match="not fitted"):
        ALL[name]().anomaly_score(heavy(5))
    with pytest.raises(DetectorError, match="table of numbers"):
        detector.anomaly_score([["a"] * 5])
    for part in ("parameters", "state", "columns"):
        record = detector.to_dict()
        del record[part]
        with pytest.raises(DetectorError, match="damaged"):
            read_detector(record)
    for key in detector.to_dict()["state"]:
        if key in ("models", "rows"):
            continue
        for wrong in (None, [[1.0]], [float("nan")]):
            record = detector.to_dict()
            record["state"][key] = wrong
            with pytest.raises(DetectorError, match="damaged"):
                read_detector(record)
    with pytest.raises(DetectorError, match=r"Unknown detector method 'oracle'; known are"):
        read_detector({"method": "oracle"})


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (IsolationForestDetector(trees=0, sample=1), r"trees must .* got 0; sample must .* got 1"),
        (HistogramDetector(bins="wide", most_bins=1), "most_bins.*bins must be 'dynamic'"),
        (RobustDistanceDetector(core=0.4, share=2.0), "core must .*; share must"),
        (NeighbourDistanceDetector(neighbours=0, reference=0), "neighbours must .*; reference"),
        (PeerResidualDetector(quantile=0.2, unit="yuan"), "quantile must .*; unit must"),
        (PeerResidualDetector(target=3, case_mix=[7]), "2 columns and no column 3, 7"),
        (PeerResidualDetector(target=1, case_mix=[0, -1]), "its own case mix"),
        (RankEnsemble([], combine="sum"), "no members; combine must"),
        (RankEnsemble(weights=[1.0]), "1 weights for 4 members"),
        (RankEnsemble(weights=[0, 0, 0, 0]), "not all 0"),
        (RankEnsemble([("a", TailDetector()), ("a", TailDetector())]), "same name"),
    ],
)
def test_every_wrong_parameter_is_named_at_once(detector, message):
    with pytest.raises(DetectorError, match=message):
        detector.fit([[1.0, 2.0], [3.0, 4.0]])
