"""Simulated inspectors: honest, independent of order, wrong as often as they are said to be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.simulator.inspectors import inspect, truth_of
from tests.claims.simulated_county import County

ON = dt.date(2026, 3, 2)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_inspectors_do_not_care_for_order_or_company(
    simulated: County, data: st.DataObject
) -> None:
    truth_dir = simulated.folder / "truth"
    pool = [*simulated.true_claims["setl_id"].iloc[:40], *simulated.claims.index[:40]]
    chosen = data.draw(st.lists(st.sampled_from(pool), unique=True, min_size=1, max_size=12))
    whole = {v.claim_id: v for v in inspect(truth_dir, pool, on=ON, seed=7)}
    assert inspect(truth_dir, chosen, on=ON, seed=7) == [whole[one] for one in chosen]


def test_verdicts_keep_their_promises(simulated: County) -> None:
    truth_dir = simulated.folder / "truth"
    truth = truth_of(truth_dir).set_index("claim_id")
    ids = [*truth.index, *simulated.innocent().index[:4000]]
    verdicts = inspect(truth_dir, ids, on=ON, seed=1)
    assert [v.claim_id for v in verdicts] == ids
    charged = simulated.claims["medfee_sumamt"]
    for verdict in verdicts:
        assert verdict.inspected_on == ON
        first, second = verdict.inspectors.split(";")
        assert first[0] != second[0]
        if verdict.disposition == "documents_not_received":
            assert verdict.overpaid_amount is None
        elif verdict.disposition == "dismissed":
            assert verdict.overpaid_amount == 0
        else:
            most = truth["overpaid_amount"].get(verdict.claim_id, charged[verdict.claim_id])
            assert verdict.overpaid_amount is not None
            assert 0 < verdict.overpaid_amount <= most <= charged[verdict.claim_id]
    confirmed = {v.claim_id for v in verdicts if v.disposition in ("recovery", "deduction")}
    received = {v.claim_id for v in verdicts if v.disposition != "documents_not_received"}
    guilty, innocent = received & set(truth.index), received - set(truth.index)
    # Binomial: 8 % of about 450 missed (sd 1.3 %), 1 % of 3,900 mistaken (sd 0.16 %),
    # 2 % of 4,400 absent (sd 0.2 %).
    assert abs(1 - len(confirmed & guilty) / len(guilty) - 0.08) < 0.05
    assert abs(len(confirmed & innocent) / len(innocent) - 0.01) < 0.007
    assert abs(1 - len(received) / len(ids) - 0.02) < 0.009


def test_perfect_inspectors_find_the_truth_and_nothing_else(simulated: County) -> None:
    truth_dir = simulated.folder / "truth"
    truth = truth_of(truth_dir).set_index("claim_id")
    ids = [*truth.index[:200], *simulated.innocent().index[:200], "S-not-there"]
    verdicts = inspect(
        truth_dir, ids, on=ON, seed=1, miss_rate=0.0, wrong_rate=0.0, absent_rate=0.0
    )
    confirmed = [v.claim_id for v in verdicts if v.overpaid_amount]
    assert confirmed == list(truth.index[:200])
    assert inspect(truth_dir, ids, on=ON, seed=2) != inspect(truth_dir, ids, on=ON, seed=1)
    with pytest.raises(ValueError, match="'wrong_rate'"):
        inspect(truth_dir, ids, on=ON, seed=1, wrong_rate=1.2)


def test_truth_of_sums_schemes(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(
        "setl_id,scheme,overpaid_yuan\n"
        "S2,overpriced,1.50\nS1,bed_hanging,20.00\nS2,sex_conflict,0.05\n",
        encoding="utf-8",
    )
    frame = truth_of(tmp_path)
    assert list(frame.columns) == ["claim_id", "overpaid_amount", "schemes"]
    assert frame["overpaid_amount"].dtype == "int64"
    assert frame.to_numpy().tolist() == [
        ["S1", 2000, "bed_hanging"],
        ["S2", 155, "overpriced;sex_conflict"],
    ]
