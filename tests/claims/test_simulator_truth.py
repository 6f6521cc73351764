"""The simulator's truth: rules broken exactly where planted, and schemes that do what they say."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from claims.simulator.items import NATIONAL_CLASS
from claims.simulator.schemes.fabrication import _beyond_need
from tests.claims.simulated_county import DAY, County, typed

IDLE = [NATIONAL_CLASS["bed"], NATIONAL_CLASS["nursing"]]


def test_innocent_claims_keep_the_hard_rules(simulated: County) -> None:
    """What a lone row can prove is broken by planted rows only, so the truth is complete for it."""
    detail = simulated.detailed(simulated.innocent())
    sex = simulated.table("psn_info.csv").set_index("psn_no")["gend"]
    limit = simulated.table("ref_sex_limit.csv").set_index("med_list_codg")["gend"]
    limited = detail["med_list_codg"].map(limit)
    assert (limited.isna() | (limited == detail["psn_no"].map(sex))).all()
    inside = detail["fee_ocur_time"].between(detail["begntime"], detail["endtime"])
    assert inside.all()
    died = pd.to_datetime(simulated.table("death_info.csv").set_index("psn_no")["die_date"])
    dead = detail["psn_no"].map(died)
    assert not (detail["begntime"] >= dead + DAY).any()
    most = simulated.table("ref_daily_max.csv").set_index("med_list_codg")["max_cnt"].astype(int)
    assert not (detail["cnt"] > detail["med_list_codg"].map(most)).any()
    assert _over_cap(simulated, detail).empty


def _over_cap(county: County, detail: pd.DataFrame) -> pd.DataFrame:
    """Lines dearer than the cap of their level and day; every line must have just one cap."""
    caps = typed(county.table("ref_price_cap.csv"), ["max_pric"], ["begndate"])
    caps["enddate"] = pd.to_datetime(caps["enddate"].replace("", "2099-12-31"))
    level = county.table("fixmedins_info.csv").set_index("fixmedins_code")["hosp_lv"]
    both = detail.assign(level=detail["fixmedins_code"].map(level)).merge(caps, on="med_list_codg")
    day = both["fee_ocur_time"].dt.normalize()
    valid = (both["hosp_lv"] == "") | (both["hosp_lv"] == both["level"])
    both = both.loc[valid & (day >= both["begndate"]) & (day <= both["enddate"])]
    assert len(both) == len(detail)
    dear: pd.DataFrame = both.loc[both["pric"] > both["max_pric"]]
    return dear


def test_hard_rules_are_broken_exactly_where_planted(simulated: County) -> None:
    detail = simulated.detailed(simulated.claims[simulated.claims["refd_setl_flag"] == "0"])
    true = simulated.true_lines

    def planted(scheme: str) -> set[str]:
        return set(true.loc[true["scheme"] == scheme, "feedetl_sn"])

    over = _over_cap(simulated, detail)
    assert set(over["feedetl_sn"]) == planted("overpriced")
    excess = ((over["pric"] - over["max_pric"]) * over["cnt"]).set_axis(over["feedetl_sn"])
    stated = true.set_index("feedetl_sn")["overpaid_yuan"]
    assert (excess == stated.reindex(excess.index)).all()
    sex = simulated.table("psn_info.csv").set_index("psn_no")["gend"]
    limit = simulated.table("ref_sex_limit.csv").set_index("med_list_codg")["gend"]
    limited = detail["med_list_codg"].map(limit)
    conflict = limited.notna() & (limited != detail["psn_no"].map(sex))
    assert set(detail.loc[conflict, "feedetl_sn"]) == planted("sex_conflict")
    most = simulated.table("ref_daily_max.csv").set_index("med_list_codg")["max_cnt"].astype(int)
    many = detail["cnt"] > detail["med_list_codg"].map(most)
    assert set(detail.loc[many, "feedetl_sn"]) == planted("quantity_over_maximum")
    units = detail["cnt"] - detail["med_list_codg"].map(most)
    surplus = (units * detail["pric"]).set_axis(detail["feedetl_sn"])[many.to_numpy()]
    assert (surplus == stated.reindex(surplus.index)).all()


def test_lookalikes_exist_among_the_innocent(simulated: County) -> None:
    claims = simulated.innocent()
    dialysis = claims[claims["dscg_maindiag_code"] == "N18.5"]
    per_person = dialysis[dialysis["med_type"] == "14"].groupby("psn_no").size()
    assert per_person.max() > 120
    chemotherapy = claims[claims["dscg_maindiag_code"] == "Z51.1"].sort_values(
        ["psn_no", "begntime"]
    )
    gap = chemotherapy["begntime"] - chemotherapy.groupby("psn_no")["endtime"].shift()
    assert (gap < 15 * DAY).sum() >= 3
    stays = claims[claims["med_type"] == "21"].sort_values(["psn_no", "begntime"])
    since = stays["begntime"] - stays.groupby("psn_no")["endtime"].shift()
    moved = stays["fixmedins_code"] != stays.groupby("psn_no")["fixmedins_code"].shift()
    assert (moved & (since < pd.Timedelta(hours=6)) & (since >= pd.Timedelta(0))).sum() >= 3
    home = claims[(claims["med_type"] == "14") & (claims["begntime"].dt.day_of_week == 2)]
    busiest = home.groupby(["fixmedins_code", home["begntime"].dt.date]).size().max()
    assert busiest >= 10


def test_truth_is_bounded_and_agrees_with_itself(simulated: County) -> None:
    per_claim = simulated.true_claims.groupby("setl_id")["overpaid_yuan"].sum()
    assert (per_claim <= simulated.claims["medfee_sumamt"].reindex(per_claim.index)).all()
    assert (simulated.true_claims["overpaid_yuan"] > 0).all()
    amount = simulated.lines.set_index("feedetl_sn")["amount"]
    per_line = simulated.true_lines.groupby("feedetl_sn")["overpaid_yuan"].sum()
    assert (per_line <= amount.reindex(per_line.index)).all()
    owner = simulated.lines.set_index("feedetl_sn")["setl_id"]
    lines = simulated.true_lines.assign(setl_id=simulated.true_lines["feedetl_sn"].map(owner))
    summed = lines.groupby(["setl_id", "scheme"])["overpaid_yuan"].sum()
    stated = simulated.true_claims.set_index(["setl_id", "scheme"])["overpaid_yuan"]
    # Of a group too heavy no line is wrong, the claim is.
    as_a_whole = stated.index.get_level_values("scheme") == "drg_upcoding"
    assert as_a_whole.any()
    stated = stated[~as_a_whole]
    assert summed.sort_index().to_dict() == stated.sort_index().to_dict()
    places = simulated.table("truth/institutions.csv")
    assert places["claims"].astype(int).sum() == len(simulated.true_claims)
    facts = json.loads((simulated.folder / "truth" / "county.json").read_text(encoding="utf-8"))
    assert facts["claims_per_scheme"] == simulated.summary.claims_per_scheme
    assert facts["seed"] == 11


def test_violations_are_rare_and_concentrated(simulated: County) -> None:
    violating = simulated.true_claims["setl_id"].nunique() / len(simulated.claims)
    assert 0.02 <= violating <= 0.04
    by_place = simulated.claims.loc[
        simulated.true_claims["setl_id"], "fixmedins_code"
    ].value_counts()
    assert by_place.head(8).sum() > 0.5 * by_place.sum()
    assert len(by_place) > 25


def test_schemes_do_what_their_names_say(simulated: County) -> None:
    after = simulated.detailed(simulated.planted("charge_after_discharge"))
    late = after[after["fee_ocur_time"] > after["endtime"]].groupby("setl_id").size()
    assert len(late) == len(simulated.planted("charge_after_discharge"))
    died = pd.to_datetime(simulated.table("death_info.csv").set_index("psn_no")["die_date"])
    dead = simulated.planted("service_after_death")
    assert (dead["begntime"] > dead["psn_no"].map(died) + DAY).all()
    split = simulated.planted("split_hospitalisation")
    assert _same_stay_before(simulated, split, 21).all()
    hanging = simulated.detailed(simulated.planted("bed_hanging"))
    hanging = hanging.assign(idle=hanging["med_chrgitm_type"].isin(IDLE))
    assert hanging.groupby("setl_id")["idle"].mean().min() > 0.6
    assert (hanging["endtime"] - hanging["begntime"] > 5 * DAY).all()
    mild = set(simulated.table("ref_mild_diag.csv")["diag_code"])
    assert set(simulated.planted("low_standard_admission")["dscg_maindiag_code"]) <= mild


def _same_stay_before(county: County, stays: pd.DataFrame, days: int) -> pd.Series:
    """Whether each stay follows another of the person, place and diagnosis within so many days."""
    key = ["psn_no", "fixmedins_code", "dscg_maindiag_code"]
    others = county.claims[county.claims["med_type"] == "21"].reset_index()
    pairs = stays.reset_index().merge(others, on=key, suffixes=("", "_before"))
    gap = pairs["begntime"] - pairs["endtime_before"]
    found = set(pairs.loc[(gap > pd.Timedelta(0)) & (gap <= days * DAY), "setl_id"])
    return pd.Series(stays.index.isin(found), index=stays.index)


def test_conflicts_between_claims_are_real(simulated: County) -> None:
    stays = simulated.claims[simulated.claims["med_type"] == "21"].reset_index()
    double = simulated.planted("overlapping_stays").reset_index()
    pairs = double.merge(stays, on="psn_no", suffixes=("", "_other"))
    pairs = pairs[pairs["setl_id"] != pairs["setl_id_other"]]
    clash = (pairs["begntime"] < pairs["endtime_other"] - DAY / 2) & (
        pairs["begntime_other"] < pairs["endtime"]
    )
    assert set(pairs.loc[clash, "setl_id"]) == set(double["setl_id"])
    away = simulated.planted("outpatient_during_stay").reset_index()
    pairs = away.merge(stays, on="psn_no", suffixes=("", "_stay"))
    within = (pairs["begntime"] > pairs["begntime_stay"]) & (
        pairs["endtime"] < pairs["endtime_stay"]
    )
    assert set(pairs.loc[within, "setl_id"]) == set(away["setl_id"])
    swipes = simulated.planted("batch_swiping").sort_values(["fixmedins_code", "begntime"])
    gap = swipes.groupby("fixmedins_code")["begntime"].diff().dt.total_seconds()
    assert (gap <= 100).mean() > 0.7


def test_duplicates_repeat_a_service(simulated: County) -> None:
    second = simulated.planted("duplicate_settlement").reset_index()
    assert len(second) > 0
    others = simulated.claims.reset_index()
    pairs = second.merge(
        others, on=["psn_no", "medfee_sumamt", "med_type"], suffixes=("", "_first")
    )
    pairs = pairs[pairs["setl_id"] != pairs["setl_id_first"]]
    near = (pairs["begntime"] - pairs["begntime_first"]).abs() <= DAY
    assert set(pairs.loc[near, "setl_id"]) == set(second["setl_id"])


def test_need_is_not_called_hoarding() -> None:
    """By hand: 28 days a purchase, stock above 14 days is excess.

    Day 0 covers to 28. Day 7 leaves 21 (excess), day 14 leaves 14 (not above: covers to 56), day 21
    leaves 35 (excess), day 60 leaves nothing.
    """
    assert _beyond_need(np.asarray([0, 7, 14, 21, 60]), 28).tolist() == [1, 3]
