"""The registers beside the simulated claims: layouts, boxes and stocks, groups, ledgers, money."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from tests.claims.register_layouts import HEADERS, KEYS
from tests.claims.simulated_registers import Folder


@pytest.mark.parametrize("name", HEADERS)
def test_layout_of_the_further_files(name: str, dishonest: Folder) -> None:
    with (dishonest.path / name).open(encoding="utf-8") as file:
        assert file.readline().rstrip("\n") == HEADERS[name]
        assert all(len(row) == HEADERS[name].count(",") + 1 for row in csv.reader(file))
    table = dishonest.read(name)
    assert len(table) > 0
    if name in KEYS:
        assert not table.duplicated(KEYS[name]).any()
    if "setl_id" in table.columns:
        assert set(table["setl_id"]) - {""} <= set(dishonest.claims.index)
    if "fixmedins_code" in table.columns:
        assert set(table["fixmedins_code"]) - {""} <= set(dishonest.places.index)
    if "psn_no" in table.columns:
        assert set(table["psn_no"]) - {""} <= set(dishonest.people.index)
    if {"begndate", "enddate"} <= set(table.columns):
        ends = table[table["enddate"] != ""]
        assert (ends["begndate"] <= ends["enddate"]).all()


def test_a_box_is_sold_twice_only_where_planted_or_after_its_return(dishonest: Folder) -> None:
    boxes = dishonest.read("drug_trac.csv").sort_values(["drug_trac_codg", "sel_retn_time"])
    again = boxes["drug_trac_codg"].duplicated() & (boxes["sel_retn_type"] == "1")
    before = boxes["sel_retn_type"].shift()
    without_return = again & (before == "1")
    truth = dishonest.read("truth/lines.csv")
    planted = set(truth.loc[truth["scheme"] == "trace_code_reuse", "feedetl_sn"])
    late = set(boxes.loc[without_return, "feedetl_sn"])
    assert late
    # Where the second sale reached the fund first, the line that is seen twice is the honest one.
    assert len(late - planted) <= 0.1 * len(late)
    assert (again & (before == "2")).sum() > 0


def _left_on_the_shelf(folder: Folder) -> pd.Series:
    """Opening stock and purchases less what claims bill, by place and item."""
    moves = folder.read("invt_list.csv")
    moves["cnt"] = moves["cnt"].astype(int)
    had = moves[moves["inv_chg_type"].isin(["108", "3503"])]
    detail = folder.detailed()
    key = ["fixmedins_code", "med_list_codg"]
    stock = had.groupby(key)["cnt"].sum()
    sold = detail.groupby(key)["cnt"].sum().reindex(stock.index).fillna(0)
    return stock - sold


def test_sales_exceed_purchases_only_where_planted(honest: Folder, dishonest: Folder) -> None:
    assert (_left_on_the_shelf(honest) >= 0).all()
    short = _left_on_the_shelf(dishonest)
    short = short[short < 0]
    truth = dishonest.read("truth/institutions.csv")
    actors = truth[
        truth["scheme"].isin(["inventory_mismatch", "account_drain", "item_substitution"])
    ]
    places = set(short.index.get_level_values(0))
    assert len(short) > 0
    others = {"trace_code_reuse"}
    every = set(truth.loc[truth["scheme"].isin(others), "fixmedins_code"])
    assert places <= set(actors["fixmedins_code"]) | every


def test_what_is_sold_was_bought_by_the_end_of_the_quarter(honest: Folder) -> None:
    moves = honest.read("invt_list.csv")
    bought = moves[moves["inv_chg_type"].isin(["108", "3503"])]
    detail = honest.detailed()
    for last in ("2024-03-31", "2024-12-28", "2025-06-28"):
        key = ["fixmedins_code", "med_list_codg"]
        had = bought[bought["inv_chg_time"] <= f"{last} 23:59:59"]
        stock = had.astype({"cnt": int}).groupby(key)["cnt"].sum()
        sold = detail[detail["day"] <= last].groupby(key)["cnt"].sum()
        assert (stock - sold.reindex(stock.index).fillna(0) >= 0).all(), last


def test_groups_are_paid_by_weight_and_every_stay_has_one(dishonest: Folder) -> None:
    groups = dishonest.read("ref_drg.csv")
    stays = dishonest.claims[dishonest.claims["med_type"] == "21"]
    assert set(stays["drg_code"]) <= set(groups["drg_code"])
    level2 = groups[groups["hosp_lv"] == "2"].set_index("drg_code")
    paid = level2["pay_std"].astype(float) / level2["drg_wt"].astype(float)
    # One unit of weight is worth what a mean stay costs at level 2.
    assert paid.to_numpy() == pytest.approx(3689, rel=0.001)
    assert set(stays["drg_code"].str[-1]) == {"1", "3", "5"}


def test_hospitals_are_cleared_by_group_within_their_quota(dishonest: Folder) -> None:
    rows = dishonest.read("medins_clr.csv")
    for column in ("fund_appl_amt", "drg_pay_amt", "quota_amt", "clr_amt"):
        rows[column] = rows[column].astype(float)
    by_item = rows["setl_ym"] < "202407"
    assert (rows["fund_appl_amt"] == rows["drg_pay_amt"])[by_item].all()
    assert (rows["fund_appl_amt"] != rows["drg_pay_amt"])[~by_item].mean() > 0.9
    assert (rows["clr_amt"] <= rows["drg_pay_amt"]).all()
    year = rows["setl_ym"].str.slice(0, 4)
    yearly = rows.groupby(["fixmedins_code", year])[["clr_amt", "quota_amt"]].sum()
    most = 12 * rows.groupby(["fixmedins_code", year])["quota_amt"].first()
    assert (yearly["clr_amt"] <= most + 0.01).all()
    short = rows["clr_amt"] < rows["drg_pay_amt"]
    assert short[rows["setl_ym"].str.slice(4) == "12"].mean() > short[~by_item].mean()


def test_the_funds_ledger_agrees_with_the_settlements(dishonest: Folder) -> None:
    ledger = dishonest.read("fund_ledger.csv")
    spent = ledger[ledger["fund_pay_type"] == "310200"]["expd_amt"].str.replace(
        ".", "", regex=False
    )
    assert spent.astype("int64").sum() == dishonest.claims["acct_pay"].sum()
    resident = ledger[ledger["fund_pay_type"] == "390100"].set_index("setl_ym")["inc_amt"]
    income = resident.astype(float)
    assert income["202412"] > 5 * income["202411"] > 0
    assert income["202405"] == 0


def test_contributions_are_reset_in_march(dishonest: Folder) -> None:
    rows = dishonest.read("emp_contr.csv")
    base = rows["psn_clctstd"].astype(float).groupby(rows["clct_ym"]).mean()
    assert base["202403"] / base["202402"] == pytest.approx(1.05, abs=0.02)
    assert base["202503"] / base["202502"] == pytest.approx(1.05, abs=0.02)
    assert base["202405"] / base["202404"] == pytest.approx(1.0, abs=0.01)
    assert set(rows["psn_no"]) <= set(dishonest.people[dishonest.people["insutype"] == "310"].index)


def test_identities_cannot_be_anybodys(dishonest: Folder) -> None:
    assert dishonest.people["certno"].str.slice(0, 4).eq("9901").all()
    assert dishonest.people["tel"].str.slice(0, 4).eq("1000").all()
    for name in HEADERS:
        assert not {"psn_name", "certno", "tel", "emp_name"} & set(dishonest.read(name).columns)
