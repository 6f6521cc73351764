"""A simulated county, read back with money as whole fen and times as timestamps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from claims.simulator.county import Parameters, Summary, simulate

MONEY = [
    "medfee_sumamt",
    "fund_pay_sumamt",
    "hifp_pay",
    "hifob_pay",
    "cvlserv_pay",
    "acct_pay",
    "psn_cash_pay",
]


TIMES = ["begntime", "endtime", "setl_time"]
DAY = pd.Timedelta(days=1)


def tiny(
    out: Path,
    *,
    seed: int,
    parameters: Parameters | None = None,
    faults: float = 0.001,
    progress: Callable[[str, float], None] | None = None,
) -> Summary:
    """The smallest county in which everything happens."""
    return simulate(
        out,
        insured=300,
        months=6,
        institutions=6,
        pharmacies=3,
        seed=seed,
        parameters=parameters,
        faults=faults,
        progress=progress,
    )


class County:
    """A county on disk, read with money as whole fen and times as timestamps."""

    def __init__(self, folder: Path, summary: Summary) -> None:
        self.folder = folder
        self.summary = summary
        self.claims = typed(self.table("setl_list.csv"), MONEY, TIMES).set_index("setl_id")
        self.lines = typed(
            self.table("fee_detail.csv"), ["pric", "det_item_fee_sumamt"], ["fee_ocur_time"]
        )
        self.lines["cnt"] = self.lines["cnt"].astype(int)
        self.lines = self.lines.rename(columns={"det_item_fee_sumamt": "amount"})
        self.true_claims = typed(self.table("truth/claims.csv"), ["overpaid_yuan"], [])
        self.true_lines = typed(self.table("truth/lines.csv"), ["overpaid_yuan"], [])

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / name, dtype=str, keep_default_na=False)

    def planted(self, scheme: str) -> pd.DataFrame:
        """The claims that carry the scheme."""
        ids = self.true_claims.loc[self.true_claims["scheme"] == scheme, "setl_id"]
        return self.claims.loc[ids]

    def innocent(self) -> pd.DataFrame:
        """Claims without a scheme that are neither cancelled nor cancelling."""
        claims = self.claims
        cancelled = set(claims["refd_setl_id"]) - {""}
        keep = ~claims.index.isin(self.true_claims["setl_id"]) & ~claims.index.isin(cancelled)
        return claims[keep & (claims["refd_setl_flag"] == "0")]

    def detailed(self, claims: pd.DataFrame) -> pd.DataFrame:
        """The lines of some claims with the columns of the claim."""
        return self.lines.merge(claims, left_on="setl_id", right_index=True)


def typed(table: pd.DataFrame, money: list[str], times: list[str]) -> pd.DataFrame:
    for column in money:
        table[column] = table[column].str.replace(".", "", regex=False).astype("int64")
    for column in times:
        table[column] = pd.to_datetime(table[column])
    return table
