"""The inspections before this program: biased as such histories are, wrong at times, late."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims.simulator.county import Parameters, simulate
from claims.simulator.history import write_history

FOUND = {"3", "6", "7"}


class History:
    """The cases with the truth beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cases = self.read("insp_hist.csv")
        truth = self.read("truth/claims.csv")
        amount = truth["overpaid_yuan"].astype(float).groupby(truth["setl_id"]).sum()
        self.overpaid = amount
        self.claims = self.read("setl_list.csv").set_index("setl_id")
        of_claims = self.cases["setl_id"] != ""
        self.past, self.during = self.cases[~of_claims], self.cases[of_claims].copy()
        self.during["bad"] = self.during["setl_id"].isin(amount.index)
        self.during["found"] = self.during["insp_rslt"].isin(FOUND)
        fee = self.during["setl_id"].map(self.claims["medfee_sumamt"].astype(float))
        self.during["fee"] = fee

    def read(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / name, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history") / "county"
    shipped = Parameters.load(None)
    more = replace(shipped.history, looked_at_share=0.03, past_cases_per_year=3.0)
    simulate(
        folder,
        insured=15_000,
        months=18,
        seed=6,
        faults=0.0,
        parameters=replace(shipped, history=more),
    )
    return History(folder)


def test_tip_offs_and_high_amounts_choose_most_cases(history: History) -> None:
    """Shares 55, 35 and 10 %; among some 2,000 cases three standard errors are 3.5 %."""
    share = history.during["insp_chnl"].value_counts(normalize=True)
    assert len(history.during) > 1200
    assert share["4"] == pytest.approx(0.55, abs=0.05)
    assert share["5"] == pytest.approx(0.35, abs=0.05)
    assert share["1"] == pytest.approx(0.10, abs=0.03)


def test_the_selection_is_biased_and_chance_is_not(history: History) -> None:
    rate = history.during.groupby("insp_chnl")["bad"].mean()
    base = len(history.overpaid) / len(history.claims)
    assert rate["4"] > 5 * base
    assert rate["1"] < 3 * base
    fee = history.during.groupby("insp_chnl")["fee"].median()
    assert fee["5"] > 3 * fee["1"]


def test_inspectors_miss_and_mistake(history: History) -> None:
    """25 % missed of those whose documents arrived, 3 % of the innocent objected to."""
    seen = history.during[history.during["insp_rslt"] != "2"]
    missed = 1 - seen.loc[seen["bad"], "found"].mean()
    wrong = seen.loc[~seen["bad"], "found"].mean()
    assert missed == pytest.approx(0.25, abs=0.06)
    assert wrong == pytest.approx(0.03, abs=0.015)
    found = history.during[history.during["found"] & history.during["bad"]]
    most = found["setl_id"].map(history.overpaid)
    assert (found["ovpd_amt"].astype(float) <= most + 0.01).all()
    unseen = history.during[history.during["insp_rslt"] == "2"]
    assert len(unseen) > 0
    assert (unseen["ovpd_amt"] == "").all()


def test_nothing_is_known_before_it_happened(history: History) -> None:
    during = history.during
    settled = during["setl_id"].map(history.claims["setl_time"]).str.slice(0, 10)
    known = during["crte_time"].str.slice(0, 10)
    assert (during["insp_date"] >= settled).all()
    wait = pd.to_datetime(known) - pd.to_datetime(during["insp_date"])
    assert wait.min() >= pd.Timedelta(days=7)
    assert wait.max() <= pd.Timedelta(days=60)
    assert during["setl_id"].is_unique
    assert (history.past["crte_time"] < "2024-01-01").all()
    assert (during["insp_date"] >= "2024-03-01").all()


def test_the_past_found_more_where_more_is_wrong(history: History) -> None:
    truth = history.read("truth/institutions.csv")
    claims = truth["claims"].astype(int).groupby(truth["fixmedins_code"]).sum()
    size = history.claims["fixmedins_code"].value_counts()
    rate = (claims.reindex(size.index).fillna(0) / size).rename("rate")
    past = history.past.merge(rate, left_on="fixmedins_code", right_index=True)
    found = ~past["insp_rslt"].isin(["1", "2"])
    assert past.loc[found, "rate"].mean() > 1.5 * past.loc[~found, "rate"].mean()


def test_appeals_overturn_mostly_what_was_wrong(history: History) -> None:
    appeals = history.read("appl_list.csv").merge(history.during, on="case_no")
    assert appeals["found"].all()
    closed = appeals[appeals["dcsn_rslt"] != "0"]
    overturned = closed["dcsn_rslt"] == "3"
    assert overturned[~closed["bad"]].mean() > 0.4
    assert overturned[closed["bad"]].mean() < 0.25
    assert (closed.loc[overturned, "ovpd_amt_x"].astype(float) == 0).all()
    upheld = closed["dcsn_rslt"] == "1"
    same = closed["ovpd_amt_x"][upheld] == closed["ovpd_amt_y"][upheld]
    assert same.all()
    open_ = appeals["dcsn_rslt"] == "0"
    assert (appeals.loc[open_, "dcsn_date"] == "").all()
    assert (closed["dcsn_date"] < "2025-07-01").all()
    assert (appeals["appl_date"] > appeals["crte_time"].str.slice(0, 10)).all()


def test_the_history_reads_only_claims_and_truth(history: History, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    for name in ("setl_list.csv", "truth/claims.csv"):
        (tmp_path / name).write_bytes((history.folder / name).read_bytes())
    wanted = Parameters.load(None).history
    counts = [
        write_history(
            tmp_path, wanted, start=dt.date(2024, 1, 1), days=547, seed=np.random.SeedSequence(seed)
        )
        for seed in (1, 1, 2)
    ]
    assert counts[0] == counts[1] != counts[2]
