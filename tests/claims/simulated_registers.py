"""Two simulated years with all registers, settlements and lines typed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

INSURED, MONTHS = 12_000, 24
YEARS = 2.0


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


def ordinary(folder: Folder) -> pd.DataFrame:
    claims = folder.claims
    cancelled = set(claims["refd_setl_id"]) - {""}
    return claims[(claims["refd_setl_flag"] == "0") & ~claims.index.isin(cancelled)]
