"""Simulated claims: the interface's layout, amounts that add up, keys, times and seasons."""

from __future__ import annotations

import pandas as pd

from tests.claims.simulated_county import DAY, MONEY, County


def test_layout_is_the_national_interface(simulated: County) -> None:
    headers = {
        "setl_list.csv": "setl_id,mdtrt_id,psn_no,fixmedins_code,med_type,insutype,begntime,"
        "endtime,setl_time,medfee_sumamt,fund_pay_sumamt,hifp_pay,hifob_pay,cvlserv_pay,acct_pay,"
        "psn_cash_pay,dscg_maindiag_code,atddr_no,dscg_dept_codg,drg_code,refd_setl_flag,"
        "refd_setl_id,dscg_way,mdtrt_cert_type",
        "fee_detail.csv": "feedetl_sn,setl_id,fee_ocur_time,med_list_codg,medins_list_name,"
        "med_chrgitm_type,cnt,pric,det_item_fee_sumamt,bilg_dr_codg,prd_days,chrgitm_lv,rxno,"
        "init_feedetl_sn,dscg_tkdrug_flag",
        "psn_info.csv": "psn_no,psn_name,certno,tel,gend,brdy,insutype,emp_no,vlg_code,"
        "chronic_flag,psn_type,insuplc_admdvs,med_asst_flag",
        "fixmedins_info.csv": "fixmedins_code,fixmedins_name,fixmedins_type,hosp_lv,medins_type,"
        "ownership,admdvs,bed_cnt",
        "dr_info.csv": "dr_codg,dr_name,fixmedins_code,caty,psn_no,begndate,enddate",
        "death_info.csv": "psn_no,die_date,rpt_time",
        "ref_price_cap.csv": "med_list_codg,hosp_lv,max_pric,begndate,enddate",
        "ref_sex_limit.csv": "med_list_codg,gend,begndate,enddate",
        "ref_daily_max.csv": "med_list_codg,max_cnt,begndate,enddate",
        "ref_mild_diag.csv": "diag_code,begndate,enddate",
        "ref_drug_class.csv": "med_list_codg,drug_class,chronic_flag,begndate,enddate",
        "truth/claims.csv": "setl_id,scheme,overpaid_yuan",
        "truth/lines.csv": "feedetl_sn,scheme,overpaid_yuan",
        "truth/insured.csv": "psn_no,scheme",
        "truth/institutions.csv": "fixmedins_code,scheme,claims,overpaid_yuan",
        "truth/faults.csv": "file,row_number,column,kind",
    }
    for name, header in headers.items():
        with (simulated.folder / name).open(encoding="utf-8") as file:
            assert file.readline().rstrip("\n") == header, name


def test_amounts_add_up(simulated: County) -> None:
    claims, lines = simulated.claims, simulated.lines
    assert (lines["cnt"] * lines["pric"] == lines["amount"]).all()
    sums = lines.groupby("setl_id")["amount"].sum()
    assert (sums.reindex(claims.index) == claims["medfee_sumamt"]).all()
    funds = claims["hifp_pay"] + claims["hifob_pay"] + claims["cvlserv_pay"]
    assert (funds == claims["fund_pay_sumamt"]).all()
    paid = claims["fund_pay_sumamt"] + claims["acct_pay"] + claims["psn_cash_pay"]
    assert (paid == claims["medfee_sumamt"]).all()
    ordinary = claims[claims["refd_setl_flag"] == "0"]
    assert (ordinary[MONEY] >= 0).all().all()
    assert (claims["acct_pay"] != 0).any()
    assert (claims["cvlserv_pay"] != 0).any()
    assert (claims["hifob_pay"] != 0).any()


def test_rows_are_in_time_order_and_keys_hold(simulated: County) -> None:
    claims, lines = simulated.claims, simulated.lines
    assert claims["setl_time"].is_monotonic_increasing
    assert claims.index.is_unique
    assert lines["feedetl_sn"].is_unique
    assert (claims["setl_time"] >= claims["endtime"]).all()
    assert (claims["endtime"] > claims["begntime"]).all()
    assert set(lines["setl_id"]) == set(claims.index)
    people = simulated.table("psn_info.csv")
    assert people["certno"].is_unique
    assert (people["certno"].str.len() == 18).all()
    assert set(claims["psn_no"]) <= set(people["psn_no"])
    places = simulated.table("fixmedins_info.csv")
    assert set(claims["fixmedins_code"]) <= set(places["fixmedins_code"])
    doctors = simulated.table("dr_info.csv").set_index("dr_codg")["fixmedins_code"]
    seen = claims[claims["atddr_no"] != ""]
    assert (seen["atddr_no"].map(doctors) == seen["fixmedins_code"]).all()


def test_cancellations_take_back_what_they_cancel(simulated: County) -> None:
    back = simulated.claims[simulated.claims["refd_setl_flag"] == "1"]
    first = simulated.claims.loc[back["refd_setl_id"]]
    assert 0.002 < len(back) / len(simulated.claims) < 0.004
    assert (back[MONEY].to_numpy() == -first[MONEY].to_numpy()).all()
    assert (back["setl_time"].to_numpy() > first["setl_time"].to_numpy()).all()
    assert (back["mdtrt_id"].to_numpy() == first["mdtrt_id"].to_numpy()).all()
    assert not set(back["refd_setl_id"]) & set(simulated.true_claims["setl_id"])


def test_a_visit_is_of_one_person_at_one_place(simulated: County) -> None:
    claims = simulated.claims
    per_visit = claims.groupby("mdtrt_id")[["psn_no", "fixmedins_code"]].nunique()
    assert (per_visit == 1).all().all()
    # Only cancellations, renewed settlements and interim bills share a number.
    assert 0.99 < len(per_visit) / len(claims) < 1.0
    assert (claims.groupby("mdtrt_id").size() <= 3).all()


def test_hardly_anybody_innocent_is_in_two_places(simulated: County) -> None:
    """Relatives who collect drugs are 8 % of the visits that would fall into a stay."""
    claims = simulated.innocent().reset_index()
    pairs = claims[claims["med_type"] != "21"].merge(
        claims[claims["med_type"] == "21"], on="psn_no", suffixes=("", "_stay")
    )
    within = (pairs["begntime"] > pairs["begntime_stay"]) & (
        pairs["begntime"] < pairs["endtime_stay"]
    )
    assert 0 < within.sum() < 0.002 * len(claims)


def test_settlement_lags(simulated: County) -> None:
    claims = simulated.innocent()
    lag = claims["setl_time"] - claims["endtime"]
    visits = claims["med_type"] != "21"
    assert (lag[visits] < pd.Timedelta(minutes=30)).mean() > 0.5
    assert 0.9 < (lag[~visits] <= 5 * DAY).mean() < 1.0
    assert 0.001 < (lag > 5 * DAY).mean() < 0.02
    assert lag.max() <= 40 * DAY


def test_season_and_weekdays(simulated: County) -> None:
    claims = simulated.innocent()
    visits = claims[claims["med_type"] == "11"]["begntime"]
    by_day = (
        visits.groupby(visits.dt.month).size()
        / visits.dt.days_in_month.groupby(visits.dt.month).first()
    )
    assert by_day[3] > by_day[2]
    assert by_day[12] > by_day[8]
    weekday = visits.dt.day_of_week.value_counts()
    assert weekday[0] > 1.5 * weekday[6]
