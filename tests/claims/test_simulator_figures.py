"""The simulated county's figures: rates, amounts and rules of payment, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims.simulator.county import Parameters, simulate
from tests.claims.simulated_registers import INSURED, YEARS, Folder, ordinary

DAY = pd.Timedelta(days=1)


def test_figures_are_those_of_the_county_of_2015(honest: Folder) -> None:
    """By hand from the published ten months: 3,391 stays of 89,807 insured are 0.0453 a year.

    12.5 m yuan of stays, 0.9 m of visits and 1.5 m of swipes give 3,689, 44 and 148 yuan each.
    Dialysis, which that county did not bill as visits, is left out of the visits.
    """
    claims = ordinary(honest)
    yuan = claims.groupby("med_type")["medfee_sumamt"].mean() / 100
    stays = claims.drop_duplicates("mdtrt_id")["med_type"] == "21"
    assert stays.sum() / INSURED / YEARS == pytest.approx(0.0453, rel=0.1)
    assert yuan["21"] == pytest.approx(3689, rel=0.1)
    assert yuan["41"] == pytest.approx(148, rel=0.1)
    visits = claims[claims["med_type"].isin(["11", "14"])]
    visits = visits[~((visits["med_type"] == "14") & (visits["dscg_maindiag_code"] == "N18.5"))]
    assert visits["medfee_sumamt"].mean() / 100 == pytest.approx(44, rel=0.2)
    contacts = (claims["med_type"] != "21").sum() / INSURED / YEARS
    assert contacts == pytest.approx(3.0, rel=0.05)
    level = claims["fixmedins_code"].map(honest.places["hosp_lv"])
    by_level = claims[claims["med_type"] == "21"].groupby(level)["medfee_sumamt"].mean()
    assert by_level["1"] < by_level["2"] < by_level["3"] < 8_755_00


def test_the_visit_rate_is_a_parameter(tmp_path: Path) -> None:
    shipped = Parameters.load(None)
    fewer = replace(shipped, care=replace(shipped.care, visits_per_year=2.0))
    for name, parameters in (("three", shipped), ("two", fewer)):
        simulate(
            tmp_path / name, insured=3000, months=12, seed=8, faults=0.0,
            parameters=parameters.only(),
        )  # fmt: skip
    number = {name: len(ordinary(Folder(tmp_path / name))) / 3000 for name in ("two", "three")}
    assert number["three"] == pytest.approx(3.05, rel=0.07)
    assert number["two"] == pytest.approx(2.05, rel=0.07)


def test_a_readmission_has_half_the_deductible(honest: Folder) -> None:
    """Level 2, resident, before the rate rises: 76 % above 500 yuan, then above 250 yuan."""
    claims = ordinary(honest).copy()
    claims = claims[(claims["med_type"] == "21") & (claims["insutype"] == "390")]
    poor = claims["psn_no"].map(honest.people["med_asst_flag"]) == "1"
    claims = claims[~poor & (claims["begntime"] < "2025-01-01")]
    claims["turn"] = claims.sort_values("begntime").groupby("psn_no").cumcount()
    level = claims["fixmedins_code"].map(honest.places["hosp_lv"])
    bills = claims.groupby("mdtrt_id")["psn_no"].transform("size")
    second = claims[(level == "2") & (bills == 1)]
    for turn, first in ((0, 500_00), (1, 250_00)):
        mine = second[second["turn"] == turn]
        mine = mine[mine["medfee_sumamt"] > 500_00]
        expected = np.floor((mine["medfee_sumamt"] - first) * 0.76 + 1e-6)
        assert len(mine) > 5
        assert ((mine["hifp_pay"] - expected).abs() <= 1).all(), turn


def test_the_designated_poor_are_paid_at_least_nine_tenths(honest: Folder) -> None:
    claims = ordinary(honest)
    stays = claims[claims["med_type"] == "21"]
    poor = stays["psn_no"].map(honest.people["med_asst_flag"]) == "1"
    share = stays["hifp_pay"] / stays["medfee_sumamt"]
    assert poor.sum() > 3
    assert share[poor].min() >= 0.9
    assert share[~poor].mean() < 0.8


def test_policy_raises_community_visits_and_lowers_tendered_prices(honest: Folder) -> None:
    """54 % more visits at village and community places; later, prices 30 % lower."""
    claims = ordinary(honest)
    visits = claims[claims["med_type"] == "11"]
    kind = visits["fixmedins_code"].map(honest.places["medins_type"])
    late = visits["begntime"] >= "2025-01-01"
    growth = (kind[late].value_counts() / kind[~late].value_counts()).to_dict()
    assert growth["primary_care"] / growth["hospital"] == pytest.approx(1.54, rel=0.12)
    caps = honest.read("ref_price_cap.csv")
    caps = caps[caps["med_list_codg"] == honest.item["阿托伐他汀钙片"]].sort_values("begndate")
    before, after = caps["max_pric"].astype(float)
    assert list(caps["enddate"]) == ["2024-09-30", ""]
    assert after == pytest.approx(0.7 * before, abs=0.01)


def test_some_patients_are_sent_on_to_a_higher_hospital(honest: Folder) -> None:
    """3 % of the visits below level 2 lead to one above, of the same disease, within five days."""
    visits = ordinary(honest)
    visits = visits[visits["med_type"] == "11"]
    level = visits["fixmedins_code"].map(honest.places["hosp_lv"])
    low, high = visits[level.isin(["1", "9"])], visits[level.isin(["2", "3"])]
    pairs = low.merge(high, on=["psn_no", "dscg_maindiag_code"], suffixes=("", "_then"))
    wait = pairs["begntime_then"].dt.normalize() - pairs["begntime"].dt.normalize()
    sent = ((wait >= DAY) & (wait <= 5 * DAY)).sum()
    assert sent / len(low) == pytest.approx(0.03, rel=0.25)
