"""How the county was inspected without this program, biased as such histories are.

In: a written county (its settlements and its truth) and `HistoryParameters`. Out: insp_hist and
appl_list in the same folder: a past of inspected institutions that ends before the first claim, and
month by month cases about claims, each known some weeks after the inspection. Most cases come from
tip-offs, which know more than chance does, and from high amounts; few are drawn at random. Some
violations are missed, some innocent claims objected to, some findings overturned on appeal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from claims.simulator.arrays import Bools, Floats, Ints
from claims.simulator.parameters import HistoryParameters

RANDOM, TIP_OFF, CAMPAIGN, FLIGHT, LOOK_BACK = 1, 4, 5, 6, 8
DISMISSED, NOT_RECEIVED, DEDUCTION, TALK, RECTIFICATION, RECOVERY, PENALTY = 1, 2, 3, 4, 5, 6, 7
COLUMNS = ["setl_id", "fixmedins_code", "setl_time", "medfee_sumamt", "refd_setl_flag"]
OPEN, UPHELD, REDUCED, OVERTURNED = 0, 1, 2, 3
PENALTY_FROM, RECOVERY_FROM = 3000_00, 500_00
# Whoever tips off knows: a real violation is told of so many times as often as an innocent claim.
TOLD_OFTENER = 25.0
REASONS = {
    DISMISSED: "Nothing to object to.",
    NOT_RECEIVED: "The documents were not received in time.",
    DEDUCTION: "The record does not support all of the charges.",
    TALK: "The management was talked to.",
    RECTIFICATION: "Rectification was ordered.",
    RECOVERY: "Charges without a service on record.",
    PENALTY: "Charges without a service on record, of a large amount.",
}


@dataclass(frozen=True)
class Cases:
    """One row per case; days count from the start, `overpaid` in fen is -1 where unknown.

    `just` says whether the finding is true, which only the outcome of an appeal shows.
    """

    target: list[str]
    channel: Ints
    day: Ints
    known: Ints
    result: Ints
    overpaid: Ints
    just: Bools


def write_history(
    folder: Path, wanted: HistoryParameters, *, start: date, days: int, seed: np.random.SeedSequence
) -> dict[str, int]:
    """Write both files from what lies in the folder; returns their numbers of rows."""
    rng = np.random.default_rng(seed)
    claims, places = _read(folder, start)
    past = _past(rng, wanted, claims, places)
    during = _during(rng, wanted, claims, days)
    rows = _rows([("fixmedins_code", past), ("setl_id", during)], claims, start)
    appeals = _appeals(rng, wanted, [past, during], rows["case_no"].tolist(), start, days)
    rows.to_csv(folder / "insp_hist.csv", index=False, lineterminator="\n")
    appeals.to_csv(folder / "appl_list.csv", index=False, lineterminator="\n")
    return {"insp_hist.csv": len(rows), "appl_list.csv": len(appeals)}


def _read(folder: Path, start: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Claims with amount, day and truth; places with their share of violations."""
    claims = _columns(folder / "setl_list.csv", COLUMNS)
    claims = claims[claims["refd_setl_flag"] == "0"].reset_index(drop=True)
    claims["amount"] = _fen(claims["medfee_sumamt"])
    first = np.datetime64(start, "D")
    settled = claims["setl_time"].str.slice(0, 10).to_numpy(dtype="datetime64[D]")
    claims["day"] = (settled - first).astype(np.int64)
    truth = _columns(folder / "truth" / "claims.csv", ["setl_id", "overpaid_yuan"])
    overpaid = _fen(truth["overpaid_yuan"]).groupby(truth["setl_id"]).sum()
    claims["overpaid"] = claims["setl_id"].map(overpaid).fillna(0).astype("int64")
    claims["bad"] = claims["overpaid"] > 0
    grouped = claims.groupby("fixmedins_code", sort=True)
    places = grouped.agg(
        amount=("amount", "sum"), overpaid=("overpaid", "sum"), share=("bad", "mean")
    )
    return claims, places.reset_index()


def _columns(path: Path, names: list[str]) -> pd.DataFrame:
    """Some columns of a file as text."""
    options = pacsv.ConvertOptions(
        include_columns=names, column_types=dict.fromkeys(names, pa.string())
    )
    table: pd.DataFrame = pacsv.read_csv(path, convert_options=options).to_pandas()
    return table


def _fen(yuan: pd.Series) -> pd.Series:
    return yuan.str.replace(".", "", regex=False).astype("int64")


def _past(
    rng: np.random.Generator, wanted: HistoryParameters, claims: pd.DataFrame, places: pd.DataFrame
) -> Cases:
    """Inspections of institutions before the first claim.

    A house is what it will be: who violates later violated before, and was told of.
    """
    number = rng.poisson(wanted.past_cases_per_year * wanted.past_months / 12 * len(places))
    share = places["share"].to_numpy()
    size = places["amount"].to_numpy(dtype=np.float64) ** 0.5
    lift = share / max(float(share.mean()), 1e-9)
    channel = _channels(rng, wanted, number)
    weight = {TIP_OFF: size * (0.2 + lift), CAMPAIGN: size**2, RANDOM: np.ones(len(size))}
    row = np.zeros(number, dtype=np.int64)
    for one, chances in weight.items():
        mine = np.flatnonzero(channel == one)
        row[mine] = rng.choice(len(size), size=len(mine), p=chances / chances.sum())
    found = rng.random(number) < (1 - wanted.missed_share) * (1 - np.exp(-lift[row]))
    wrong = ~found & (rng.random(number) < wanted.wrong_share)
    yearly = places["overpaid"].to_numpy(dtype=np.float64)[row] * rng.uniform(0.05, 0.5, number)
    amount = np.where(wrong, rng.uniform(100_00, 2000_00, number), yearly)
    amount = np.where(found | wrong, np.maximum(amount, 100_00), 0).astype(np.int64)
    result = np.where(amount > 0, _result(amount), DISMISSED)
    mild = (amount > 0) & (rng.random(number) < 0.3)
    result = np.where(mild, rng.choice([TALK, RECTIFICATION], number), result)
    day = -rng.integers(70, max(71, 30 * wanted.past_months), number)
    codes = places["fixmedins_code"].to_numpy()[row].tolist()
    known = day + rng.integers(7, 61, number)
    order = np.lexsort((row, day))
    cases = Cases(codes, channel, day, known, result, amount, found)
    return _ordered(cases, order)


def _channels(rng: np.random.Generator, wanted: HistoryParameters, number: int) -> Ints:
    part = rng.random(number)
    high = wanted.tip_off_share + wanted.high_amount_share
    told = part < wanted.tip_off_share
    return np.where(told, TIP_OFF, np.where(part < high, CAMPAIGN, RANDOM)).astype(np.int64)


def _result(amount: Ints) -> Ints:
    severe = np.where(amount >= PENALTY_FROM, PENALTY, RECOVERY)
    return np.where(amount >= RECOVERY_FROM, severe, DEDUCTION)


def _during(
    rng: np.random.Generator, wanted: HistoryParameters, claims: pd.DataFrame, days: int
) -> Cases:
    """Each month some of the claims settled in the two months before are looked at, once."""
    day, amount = claims["day"].to_numpy(), claims["amount"].to_numpy(dtype=np.float64)
    overpaid, bad = claims["overpaid"].to_numpy(), claims["bad"].to_numpy()
    free = np.ones(len(claims), dtype=bool)
    rows, channels, on = [], [], []
    for first in range(60, days, 30):
        pool = np.flatnonzero(free & (day >= first - 60) & (day < first))
        number = min(len(pool), round(wanted.looked_at_share * len(pool) / 2))
        if number == 0:
            continue
        channel = _channels(rng, wanted, number)
        chosen = _choose(rng, channel, amount[pool], bad[pool])
        free[pool[chosen]] = False
        rows.append(pool[chosen])
        channels.append(channel)
        on.append(np.minimum(first + rng.integers(0, 28, number), days - 1))
    row, channel, when = (
        np.concatenate([np.zeros(0, dtype=np.int64), *parts]) for parts in (rows, channels, on)
    )
    n = len(row)
    absent = rng.random(n) < wanted.absent_share
    found = bad[row] & (rng.random(n) >= wanted.missed_share) & ~absent
    wrong = ~bad[row] & (rng.random(n) < wanted.wrong_share) & ~absent
    part = np.where(rng.random(n) < 0.7, 1.0, rng.uniform(0.3, 1.0, n))
    true_amount = np.maximum(overpaid[row] * part, 1)
    sum_ = np.where(found, true_amount, np.where(wrong, amount[row] * rng.uniform(0.1, 0.6, n), 0))
    sum_ = np.where(wrong, np.maximum(sum_, 1), sum_).astype(np.int64)
    result = np.where(absent, NOT_RECEIVED, np.where(sum_ > 0, _result(sum_), DISMISSED))
    codes = claims["setl_id"].to_numpy()[row].tolist()
    known = when + rng.integers(7, 61, n)
    cases = Cases(codes, channel, when, known, result, np.where(absent, -1, sum_), found)
    return _ordered(cases, np.lexsort((row, when)))


def _choose(rng: np.random.Generator, channel: Ints, amount: Floats, bad: Bools) -> Ints:
    """A different claim for each case: keyed draws without replacement, one channel after another.

    Weighted draws without replacement after Efraimidis and Spirakis (2006).
    """
    chosen = np.zeros(len(channel), dtype=np.int64)
    taken = np.zeros(len(amount), dtype=bool)
    told = np.where(bad, TOLD_OFTENER, 1.0) * np.sqrt(np.maximum(amount, 1.0))
    for one, weight in ((TIP_OFF, told), (CAMPAIGN, amount**2), (RANDOM, np.ones(len(amount)))):
        mine = np.flatnonzero(channel == one)
        key = np.log(rng.random(len(amount))) / np.maximum(weight, 1e-9)
        key[taken] = -np.inf
        best = np.argsort(-key, kind="stable")[: len(mine)]
        chosen[mine], taken[best] = best, True
    return chosen


def _ordered(cases: Cases, order: Ints) -> Cases:
    return Cases(
        [cases.target[i] for i in order.tolist()],
        cases.channel[order],
        cases.day[order],
        cases.known[order],
        cases.result[order],
        cases.overpaid[order],
        cases.just[order],
    )


def _rows(parts: list[tuple[str, Cases]], claims: pd.DataFrame, start: date) -> pd.DataFrame:
    """The cases in the layout of the interface, numbered by the day of the inspection."""
    home = claims.set_index("setl_id")["fixmedins_code"]
    frames = []
    for column, cases in parts:
        target = pd.Series(cases.target, dtype=str)
        of_claim = column == "setl_id"
        frames.append(
            pd.DataFrame(
                {
                    "fixmedins_code": target.map(home).to_numpy() if of_claim else target,
                    "setl_id": target if of_claim else "",
                    "insp_chnl": cases.channel,
                    "insp_date": _dates(start, cases.day),
                    "insp_rslt": cases.result,
                    "ovpd_amt": [_yuan(one) for one in cases.overpaid.tolist()],
                    "insp_rea": [REASONS[one] for one in cases.result.tolist()],
                    "crte_time": [f"{one} 09:00:00" for one in _dates(start, cases.known)],
                }
            )
        )
    rows = pd.concat(frames, ignore_index=True)
    rows.insert(0, "case_no", [f"A{number:07d}" for number in range(1, len(rows) + 1)])
    return rows


def _dates(start: date, day: Ints) -> list[str]:
    found: list[str] = np.datetime_as_string(np.datetime64(start, "D") + day).tolist()
    return found


def _yuan(fen: int) -> str:
    return "" if fen < 0 else f"{fen // 100}.{fen % 100:02d}"


def _appeals(
    rng: np.random.Generator,
    wanted: HistoryParameters,
    parts: list[Cases],
    case_no: list[str],
    start: date,
    days: int,
) -> pd.DataFrame:
    """Objections to findings: the wrong ones are mostly overturned, the true ones mostly upheld."""
    known, overpaid = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("known", "overpaid")
    )
    just = np.concatenate([part.just for part in parts])
    # Whoever is wrongly accused objects three times as often.
    chance = wanted.appeal_share * np.where(just, 1.0, 3.0)
    row = np.flatnonzero((overpaid > 0) & (rng.random(len(overpaid)) < chance))
    part, n = rng.random(len(row)), len(row)
    true = np.where(part < 0.78, UPHELD, np.where(part < 0.93, REDUCED, OVERTURNED))
    decision = np.where(just[row], true, np.where(part < 0.75, OVERTURNED, UPHELD))
    filed = known[row] + rng.integers(3, 31, n)
    decided = filed + rng.integers(30, 150, n)
    decision = np.where(decided >= days, OPEN, decision)
    left = np.where(decision == OVERTURNED, 0, overpaid[row])
    left = np.where(decision == REDUCED, (left * rng.uniform(0.3, 0.9, n)).astype(np.int64), left)
    dates = _dates(start, decided)
    open_ = decision == OPEN
    return pd.DataFrame(
        {
            "appl_no": [f"B{number:06d}" for number in range(1, n + 1)],
            "case_no": [case_no[i] for i in row.tolist()],
            "appl_date": _dates(start, filed),
            "dcsn_date": np.where(open_, "", dates),
            "dcsn_rslt": decision,
            "ovpd_amt": np.where(open_, "", [_yuan(one) for one in left.tolist()]),
        }
    )
