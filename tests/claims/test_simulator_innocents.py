"""The innocent keep every list, look guilty at times, and are billed the same beside the guilty."""

from __future__ import annotations

import pandas as pd

from claims.simulator.limits import AGE_LIMITS, EXCLUSIVE_PAIRS
from tests.claims.simulated_registers import Folder


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


def test_planting_does_not_change_what_the_innocent_were_billed(
    honest: Folder, dishonest: Folder
) -> None:
    """Same people, times, amounts, funds and settlement times; only the numbers move up."""
    guilty = set(dishonest.claims.loc[dishonest.read("truth/claims.csv")["setl_id"], "psn_no"])
    own = [one for one in honest.claims.columns if one not in ("mdtrt_id", "refd_setl_id")]
    both = []
    for folder in (honest, dishonest):
        claims = folder.claims[~folder.claims["psn_no"].isin(guilty)][own]
        both.append(claims.sort_values(own).reset_index(drop=True))
    assert len(both[0]) > 0.5 * len(honest.claims)
    without, planted = both
    pd.testing.assert_frame_equal(without, planted)
