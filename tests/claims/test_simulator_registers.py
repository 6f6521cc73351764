"""The simulated county's figures, its rules of the game, and the registers beside the claims."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims.simulator.county import Parameters, simulate
from claims.simulator.limits import AGE_LIMITS, EXCLUSIVE_PAIRS

INSURED, MONTHS = 12_000, 24
YEARS = 2.0
DAY = pd.Timedelta(days=1)
HEADERS = {
    "diag_list.csv": "setl_id,diag_srt_no,diag_code,diag_name,diag_type,maindiag_flag",
    "oprn_list.csv": "setl_id,oprn_oprt_sn,oprn_oprt_code,oprn_oprt_name,main_oprn_flag,"
    "oprn_lv_code,oprn_oprt_begntime,oprn_oprt_endtime,oper_dr_code",
    "drug_trac.csv": "drug_trac_codg,fixmedins_code,med_list_codg,sel_retn_type,sel_retn_time,"
    "setl_id,feedetl_sn",
    "emp_info.csv": "emp_no,emp_type,inds_codg,insu_admdvs,fixmedins_code,insu_date",
    "psn_insu.csv": "psn_no,insutype,emp_no,psn_type,psn_insu_stas,insuplc_admdvs,psn_insu_date,"
    "paus_insu_date",
    "emp_contr.csv": "emp_no,psn_no,insutype,clct_ym,psn_clctstd,wag,emp_clct_amt,psn_clct_amt,"
    "clct_date",
    "fund_ledger.csv": "fund_pay_type,setl_ym,inc_amt,expd_amt,bgt_amt,balc,crte_time",
    "dr_prac.csv": "dr_codg,fixmedins_code,caty,main_prac_flag,begndate,enddate",
    "dr_absn.csv": "dr_codg,absn_type,begndate,enddate",
    "lic_list.csv": "lic_no,fixmedins_code,lic_type,biz_scp,lic_stas,begndate,enddate",
    "bed_list.csv": "fixmedins_code,dept_codg,aprv_bed_cnt,opn_bed_cnt,begndate,enddate",
    "eqp_list.csv": "fixmedins_code,eqp_type,eqp_cnt,day_capc,begndate,enddate",
    "medins_hour.csv": "fixmedins_code,wkdy,begn_hhmm,end_hhmm,er_flag,begndate,enddate",
    "invt_list.csv": "medins_prod_invchg_no,fixmedins_code,med_list_codg,inv_chg_type,cnt,pric,"
    "inv_chg_time",
    "inspector_info.csv": "insp_no,insp_dept,insp_prfs,admdvs,lead_flag,psn_no,begndate,enddate",
    "insp_conf.csv": "conf_id,insp_no,conf_type,fixmedins_code,dr_codg,begndate,enddate",
    "dist_list.csv": "fixmedins_code,oth_fixmedins_code,dist_mtr,trvl_min",
    "wht_list.csv": "wht_id,wht_type,psn_no,fixmedins_code,begndate,enddate",
    "insp_hist.csv": "case_no,fixmedins_code,setl_id,insp_chnl,insp_date,insp_rslt,ovpd_amt,"
    "insp_rea,crte_time",
    "appl_list.csv": "appl_no,case_no,appl_date,dcsn_date,dcsn_rslt,ovpd_amt",
    "ref_item.csv": "med_list_codg,hilist_name,med_chrgitm_type,list_type,chrgitm_lv,"
    "selfpay_prop,rsal_flag,psyc_flag,begndate,enddate",
    "ref_age_limit.csv": "code_type,lmt_codg,age_unit,min_age,max_age,begndate,enddate",
    "ref_sex_code.csv": "code_type,lmt_codg,gend,begndate,enddate",
    "ref_excl_pair.csv": "med_list_codg,excl_list_codg,excl_scp,excp_flag,begndate,enddate",
    "ref_freq_limit.csv": "med_list_codg,cyc_type,max_cnt,begndate,enddate",
    "ref_indication.csv": "med_list_codg,diag_code,begndate,enddate",
    "ref_pay_limit.csv": "med_list_codg,lmt_type,lmt_val,begndate,enddate",
    "ref_oprn_disc.csv": "med_list_codg,oprn_oprt_sn,disc_prop,begndate,enddate",
    "ref_srv_min.csv": "med_list_codg,srv_min,begndate,enddate",
    "ref_drg.csv": "drg_code,hosp_lv,drg_wt,pay_std,avg_ipt_days,begndate,enddate",
    "ref_policy.csv": "insutype,plc_type,hosp_lv,plc_amt,begndate,enddate",
    "ref_holiday.csv": "hday_type,begndate,enddate",
}
KEYS = {
    "diag_list.csv": ["setl_id", "diag_srt_no"],
    "oprn_list.csv": ["setl_id", "oprn_oprt_sn"],
    "drug_trac.csv": ["drug_trac_codg", "fixmedins_code", "sel_retn_type", "sel_retn_time"],
    "emp_info.csv": ["emp_no"],
    "psn_insu.csv": ["psn_no", "insutype", "psn_insu_date"],
    "emp_contr.csv": ["emp_no", "psn_no", "insutype", "clct_ym"],
    "fund_ledger.csv": ["fund_pay_type", "setl_ym"],
    "dr_prac.csv": ["dr_codg", "fixmedins_code", "begndate"],
    "dr_absn.csv": ["dr_codg", "begndate"],
    "lic_list.csv": ["lic_no", "begndate"],
    "bed_list.csv": ["fixmedins_code", "dept_codg", "begndate"],
    "eqp_list.csv": ["fixmedins_code", "eqp_type", "begndate"],
    "medins_hour.csv": ["fixmedins_code", "wkdy", "begndate"],
    "invt_list.csv": ["medins_prod_invchg_no"],
    "dist_list.csv": ["fixmedins_code", "oth_fixmedins_code"],
    "wht_list.csv": ["wht_id"],
    "insp_hist.csv": ["case_no"],
    "appl_list.csv": ["appl_no"],
    "ref_item.csv": ["med_list_codg", "begndate"],
    "ref_age_limit.csv": ["code_type", "lmt_codg", "begndate"],
    "ref_excl_pair.csv": ["med_list_codg", "excl_list_codg", "begndate"],
    "ref_indication.csv": ["med_list_codg", "diag_code", "begndate"],
    "ref_drg.csv": ["drg_code", "hosp_lv", "begndate"],
    "ref_policy.csv": ["insutype", "plc_type", "hosp_lv", "begndate"],
}


class Folder:
    """A county's files, with settlements and lines typed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.claims = self.read("setl_list.csv").set_index("setl_id")
        for column in ("medfee_sumamt", "hifp_pay", "acct_pay"):
            text = self.claims[column].str.replace(".", "", regex=False)
            self.claims[column] = text.astype("int64")
        for column in ("begntime", "endtime", "setl_time"):
            self.claims[column] = pd.to_datetime(self.claims[column])
        self.lines = self.read("fee_detail.csv")
        self.lines["cnt"] = self.lines["cnt"].astype(int)
        self.lines["day"] = self.lines["fee_ocur_time"].str.slice(0, 10)
        self.places = self.read("fixmedins_info.csv").set_index("fixmedins_code")
        self.people = self.read("psn_info.csv").set_index("psn_no")
        items = self.read("ref_item.csv")
        self.item = dict(zip(items["hilist_name"], items["med_list_codg"], strict=True))

    def read(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.path / name, dtype=str, keep_default_na=False)

    def detailed(self) -> pd.DataFrame:
        return self.lines.merge(self.claims, left_on="setl_id", right_index=True)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Two years of a county in which nobody violates anything."""
    folder = tmp_path_factory.mktemp("honest") / "county"
    simulate(
        folder, insured=INSURED, months=MONTHS, seed=3, faults=0.0,
        parameters=Parameters.load(None).only(),
    )  # fmt: skip
    return Folder(folder)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The same county with all schemes."""
    folder = tmp_path_factory.mktemp("whole") / "county"
    simulate(folder, insured=INSURED, months=MONTHS, seed=3, faults=0.0)
    return Folder(folder)


def _ordinary(folder: Folder) -> pd.DataFrame:
    claims = folder.claims
    cancelled = set(claims["refd_setl_id"]) - {""}
    return claims[(claims["refd_setl_flag"] == "0") & ~claims.index.isin(cancelled)]


def test_figures_are_those_of_the_county_of_2015(honest: Folder) -> None:
    """By hand from the published ten months: 3,391 stays of 89,807 insured are 0.0453 a year.

    12.5 m yuan of stays, 0.9 m of visits and 1.5 m of swipes give 3,689, 44 and 148 yuan each.
    Dialysis, which that county did not bill as visits, is left out of the visits.
    """
    claims = _ordinary(honest)
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
    number = {name: len(_ordinary(Folder(tmp_path / name))) / 3000 for name in ("two", "three")}
    assert number["three"] == pytest.approx(3.05, rel=0.07)
    assert number["two"] == pytest.approx(2.05, rel=0.07)


def test_a_readmission_has_half_the_deductible(honest: Folder) -> None:
    """Level 2, resident, before the rate rises: 76 % above 500 yuan, then above 250 yuan."""
    claims = _ordinary(honest).copy()
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
    claims = _ordinary(honest)
    stays = claims[claims["med_type"] == "21"]
    poor = stays["psn_no"].map(honest.people["med_asst_flag"]) == "1"
    share = stays["hifp_pay"] / stays["medfee_sumamt"]
    assert poor.sum() > 3
    assert share[poor].min() >= 0.9
    assert share[~poor].mean() < 0.8


def test_policy_raises_community_visits_and_lowers_tendered_prices(honest: Folder) -> None:
    """54 % more visits at village and community places; later, prices 30 % lower."""
    claims = _ordinary(honest)
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


def test_nobody_innocent_is_served_when_the_house_is_shut(honest: Folder) -> None:
    hours = honest.read("medins_hour.csv")
    hours = hours[hours["wkdy"] == "1"].set_index("fixmedins_code")
    clock = honest.claims["begntime"].dt.strftime("%H:%M")
    opens = honest.claims["fixmedins_code"].map(hours["begn_hhmm"])
    closes = honest.claims["fixmedins_code"].map(hours["end_hhmm"])
    assert ((clock >= opens) & (clock < closes)).all()
    assert (hours["end_hhmm"] < "23:00").sum() > 10


def test_nobody_innocent_signs_after_leaving_or_on_leave(honest: Folder) -> None:
    terms = honest.read("dr_info.csv").set_index("dr_codg")
    claims = honest.claims[honest.claims["atddr_no"] != ""]
    day = claims["begntime"].dt.strftime("%Y-%m-%d")
    first = claims["atddr_no"].map(terms["begndate"])
    last = claims["atddr_no"].map(terms["enddate"]).replace("", "9999-12-31")
    assert ((day >= first) & (day <= last)).all()
    assert (terms["enddate"] != "").sum() >= 10
    away = honest.read("dr_absn.csv")
    away = away[away["absn_type"] == "1"].drop_duplicates("dr_codg").set_index("dr_codg")
    begin = claims["atddr_no"].map(away["begndate"]).fillna("9999-12-31")
    end = claims["atddr_no"].map(away["enddate"]).fillna("")
    assert len(away) >= 3
    assert not ((day >= begin) & (day <= end)).any()


def test_innocent_claims_keep_the_further_lists(honest: Folder) -> None:
    detail = honest.detailed()
    key = detail["setl_id"] + detail["day"]
    for whole, part in EXCLUSIVE_PAIRS:
        covering = set(key[detail["med_list_codg"] == honest.item[whole]])
        assert not set(key[detail["med_list_codg"] == honest.item[part]]) & covering, (whole, part)
    diagnoses = honest.read("diag_list.csv").groupby("setl_id")["diag_code"].agg(set)
    listed = honest.read("ref_indication.csv").groupby("med_list_codg")["diag_code"].agg(set)
    limited = detail[detail["med_list_codg"].isin(listed.index) & (detail["med_type"] != "41")]
    assert len(limited) > 100
    for claim, item in zip(limited["setl_id"], limited["med_list_codg"], strict=True):
        assert diagnoses[claim] & listed[item], (claim, item)
    born = pd.to_datetime(detail["psn_no"].map(honest.people["brdy"]))
    age = (detail["begntime"] - born).dt.days / 365.25
    for name, (low, high) in AGE_LIMITS.items():
        mine = age[detail["med_list_codg"] == honest.item[name]]
        assert mine.min() >= (low or 0) or mine.empty, name
        assert mine.max() < (high or 200) + 1 or mine.empty, name


def test_lookalikes_of_the_new_schemes_exist_among_the_innocent(honest: Folder) -> None:
    """Village mornings, discounted second operations, drugs taken home, insulin in other stays."""
    claims, detail = honest.claims, honest.detailed()
    village = claims["psn_no"].map(honest.people["vlg_code"])
    chronic = claims["med_type"] == "14"
    day = claims["begntime"].dt.date
    together = claims[chronic].groupby([village, day, claims["fixmedins_code"]]).size()
    assert (together >= 8).sum() > 10
    second = detail[detail["med_list_codg"] == honest.item["子宫肌瘤切除术"]]
    price = second["pric"].astype(float)
    # 1,960 yuan at level 2 and 2,509 at level 3; half of it for a second operation.
    assert (price < 1300).any()
    assert (detail["dscg_tkdrug_flag"] == "1").sum() > 20
    diagnoses = honest.read("diag_list.csv")
    more = diagnoses[diagnoses["maindiag_flag"] == "0"]["diag_code"]
    assert {"J96.0", "E11.9", "I10"} <= set(more)


@pytest.mark.parametrize("name", HEADERS)
def test_layout_of_the_further_files(name: str, county: Folder) -> None:
    with (county.path / name).open(encoding="utf-8") as file:
        assert file.readline().rstrip("\n") == HEADERS[name]
        assert all(len(row) == HEADERS[name].count(",") + 1 for row in csv.reader(file))
    table = county.read(name)
    assert len(table) > 0
    if name in KEYS:
        assert not table.duplicated(KEYS[name]).any()
    if "setl_id" in table.columns:
        assert set(table["setl_id"]) - {""} <= set(county.claims.index)
    if "fixmedins_code" in table.columns:
        assert set(table["fixmedins_code"]) - {""} <= set(county.places.index)
    if "psn_no" in table.columns:
        assert set(table["psn_no"]) - {""} <= set(county.people.index)
    if {"begndate", "enddate"} <= set(table.columns):
        ends = table[table["enddate"] != ""]
        assert (ends["begndate"] <= ends["enddate"]).all()


def test_a_box_is_sold_twice_only_where_planted_or_after_its_return(county: Folder) -> None:
    boxes = county.read("drug_trac.csv").sort_values(["drug_trac_codg", "sel_retn_time"])
    again = boxes["drug_trac_codg"].duplicated() & (boxes["sel_retn_type"] == "1")
    before = boxes["sel_retn_type"].shift()
    without_return = again & (before == "1")
    truth = county.read("truth/lines.csv")
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


def test_sales_exceed_purchases_only_where_planted(honest: Folder, county: Folder) -> None:
    assert (_left_on_the_shelf(honest) >= 0).all()
    short = _left_on_the_shelf(county)
    short = short[short < 0]
    truth = county.read("truth/institutions.csv")
    actors = truth[
        truth["scheme"].isin(["inventory_mismatch", "account_drain", "item_substitution"])
    ]
    places = set(short.index.get_level_values(0))
    assert len(short) > 0
    others = {"trace_code_reuse"}
    every = set(truth.loc[truth["scheme"].isin(others), "fixmedins_code"])
    assert places <= set(actors["fixmedins_code"]) | every


def test_ways_of_leaving(honest: Folder) -> None:
    """Dead on the day the stay ends, moved if another hospital admits within six hours."""
    stays = honest.claims[honest.claims["med_type"] == "21"].sort_values(["psn_no", "begntime"])
    assert (honest.claims.loc[honest.claims["med_type"] != "21", "dscg_way"] == "").all()
    died = stays["psn_no"].map(honest.read("death_info.csv").set_index("psn_no")["die_date"])
    last = stays["endtime"].dt.strftime("%Y-%m-%d")
    dead = died.fillna("9999") <= last
    assert dead.any()
    assert ((stays["dscg_way"] == "5") == dead).all()
    following = stays.groupby("psn_no")[["begntime", "fixmedins_code"]].shift(-1)
    wait = following["begntime"] - stays["endtime"]
    moved = (wait >= pd.Timedelta(0)) & (wait <= pd.Timedelta(hours=6))
    moved &= (following["fixmedins_code"] != stays["fixmedins_code"]) & ~dead
    assert moved.sum() > 3
    assert ((stays["dscg_way"] == "2") == moved).all()


def test_some_patients_are_sent_on_to_a_higher_hospital(honest: Folder) -> None:
    """3 % of the visits below level 2 lead to one above, of the same disease, within five days."""
    visits = _ordinary(honest)
    visits = visits[visits["med_type"] == "11"]
    level = visits["fixmedins_code"].map(honest.places["hosp_lv"])
    low, high = visits[level.isin(["1", "9"])], visits[level.isin(["2", "3"])]
    pairs = low.merge(high, on=["psn_no", "dscg_maindiag_code"], suffixes=("", "_then"))
    wait = pairs["begntime_then"].dt.normalize() - pairs["begntime"].dt.normalize()
    sent = ((wait >= DAY) & (wait <= 5 * DAY)).sum()
    assert sent / len(low) == pytest.approx(0.03, rel=0.25)


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


def test_groups_are_paid_by_weight_and_every_stay_has_one(county: Folder) -> None:
    groups = county.read("ref_drg.csv")
    stays = county.claims[county.claims["med_type"] == "21"]
    assert set(stays["drg_code"]) <= set(groups["drg_code"])
    level2 = groups[groups["hosp_lv"] == "2"].set_index("drg_code")
    paid = level2["pay_std"].astype(float) / level2["drg_wt"].astype(float)
    # One unit of weight is worth what a mean stay costs at level 2.
    assert paid.to_numpy() == pytest.approx(3689, rel=0.001)
    assert set(stays["drg_code"].str[-1]) == {"1", "3", "5"}


def test_hospitals_are_cleared_by_group_within_their_quota(county: Folder) -> None:
    rows = county.read("medins_clr.csv")
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


def test_the_funds_ledger_agrees_with_the_settlements(county: Folder) -> None:
    ledger = county.read("fund_ledger.csv")
    spent = ledger[ledger["fund_pay_type"] == "310200"]["expd_amt"].str.replace(
        ".", "", regex=False
    )
    assert spent.astype("int64").sum() == county.claims["acct_pay"].sum()
    resident = ledger[ledger["fund_pay_type"] == "390100"].set_index("setl_ym")["inc_amt"]
    income = resident.astype(float)
    assert income["202412"] > 5 * income["202411"] > 0
    assert income["202405"] == 0


def test_contributions_are_reset_in_march(county: Folder) -> None:
    rows = county.read("emp_contr.csv")
    base = rows["psn_clctstd"].astype(float).groupby(rows["clct_ym"]).mean()
    assert base["202403"] / base["202402"] == pytest.approx(1.05, abs=0.02)
    assert base["202503"] / base["202502"] == pytest.approx(1.05, abs=0.02)
    assert base["202405"] / base["202404"] == pytest.approx(1.0, abs=0.01)
    assert set(rows["psn_no"]) <= set(county.people[county.people["insutype"] == "310"].index)


def test_planting_does_not_change_what_the_innocent_were_billed(
    honest: Folder, county: Folder
) -> None:
    """Same people, times, amounts, funds and settlement times; only the numbers move up."""
    guilty = set(county.claims.loc[county.read("truth/claims.csv")["setl_id"], "psn_no"])
    own = [one for one in honest.claims.columns if one not in ("mdtrt_id", "refd_setl_id")]
    both = []
    for folder in (honest, county):
        claims = folder.claims[~folder.claims["psn_no"].isin(guilty)][own]
        both.append(claims.sort_values(own).reset_index(drop=True))
    assert len(both[0]) > 0.5 * len(honest.claims)
    without, planted = both
    pd.testing.assert_frame_equal(without, planted)


def test_identities_cannot_be_anybodys(county: Folder) -> None:
    assert county.people["certno"].str.slice(0, 4).eq("9901").all()
    assert county.people["tel"].str.slice(0, 4).eq("1000").all()
    for name in HEADERS:
        assert not {"psn_name", "certno", "tel", "emp_name"} & set(county.read(name).columns)


def _changed(**tables: dict[str, float]) -> Parameters:
    """The shipped parameters with some values of some tables replaced."""
    shipped = Parameters.load(None)
    return replace(
        shipped, **{name: replace(getattr(shipped, name), **new) for name, new in tables.items()}
    )


EXTREMES = {
    "nobody_comes": _changed(
        care={"visits_per_year": 0.0, "chronic_visits_per_year": 0.0, "swipes_per_year": 0.0}
    ),
    "nobody_is_admitted": _changed(
        care={"stays_per_year": 0.0}, people={"births_per_year": 0.0, "chemotherapy_share": 0.0}
    ),
    "nobody_is_ill": _changed(
        people={"chronic_share": 0.0, "dialysis_share": 0.0, "care_home_share": 0.0}
    ),
    "only_men_at_home": _changed(people={"female_share": 0.0, "employee_share": 0.0}),
    "only_women_at_work": _changed(people={"female_share": 1.0, "employee_share": 1.0}),
    "everybody_leaves": _changed(care={"doctor_turnover": 1.0, "leave_share": 1.0}),
    "no_policy_ever": _changed(
        policy={"community_month": 400, "tender_month": 400, "drg_month": 400, "trace_month": 400}
    ),
    "no_history": _changed(history={"past_cases_per_year": 0.0, "looked_at_share": 0.0}),
    "everything_told": _changed(history={"looked_at_share": 1.0, "tip_off_share": 1.0}),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_counties_are_simulated(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "county"
    summary = simulate(
        folder, insured=300, months=6, institutions=6, pharmacies=3, seed=2,
        parameters=EXTREMES[name],
    )  # fmt: skip
    assert summary.files["setl_list.csv"] > 0
    assert (folder / "truth" / "county.json").exists()
