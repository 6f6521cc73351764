"""How fast a store becomes features: the batch build, the same in pandas, and one claim online.

In: the home of a store (docs/benchmarks/feature_data.py writes one as large as asked). Out: JSON
with seconds, CPU seconds and peak memory; one measurement to a process. The steps of a build stand
on standard error as soon as each is done.

    python docs/benchmarks/feature_speed.py build --home HOME     every step
    python docs/benchmarks/feature_speed.py pandas --home HOME    ten features, values compared
    python docs/benchmarks/feature_speed.py online --home HOME    one claim's row, published file
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from claims.engine import open_engine
from claims.store import StoreVersion, open_store
from features import build as batch
from features import queries
from features.as_of import default_as_of
from features.catalogue import of
from features.finishing import log, log_ratio
from features.online import OnlineFeatures
from features.peers import MINIMUM, compare, grouped
from features.profiles import finish
from features.published import write_features
from features.runnable import runnable

TEN = (
    "history_claims_30", "history_claims_365", "history_institutions_90", "history_amount_30",
    "history_amount_365", "history_days_since_discharge", "history_overlapping_stays",
    "place_equal_amounts_30min", "org_visit_cost_90", "org_visit_cost_90_peer",
)  # fmt: skip
DAY_US = 86_400_000_000


def used() -> dict[str, float]:
    """Return what this process has used so far."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter(),
        "cpu_seconds": spent.ru_utime + spent.ru_stime,
        "peak_gb": spent.ru_maxrss * 1024 / 1e9,
    }


def since(before: dict[str, float]) -> dict[str, float]:
    """Return seconds and CPU seconds since ``before``, and the peak of memory so far."""
    now = used()
    found = {name: now[name] - before[name] for name in ("seconds", "cpu_seconds")}
    return {name: round(body, 2) for name, body in {**found, "peak_gb": now["peak_gb"]}.items()}


def measure_build(store: StoreVersion, limit: str | None) -> dict[str, Any]:
    """Return what each step of a build took."""
    steps: dict[str, dict[str, float]] = {}
    state: list[Any] = ["", used()]

    def progress(name: str, share: float) -> None:
        if state[0]:
            steps[state[0]] = since(state[1])
            sys.stderr.write(f"{state[0]}: {steps[state[0]]}\n")
        state[:] = [name, used()]

    began = used()
    made = batch.build(store, default_as_of(store).day, progress, memory_limit=limit)
    whole = since(began)
    began = used()
    rows = sum(len(chunk) for chunk in made.matrix_chunks("claim"))
    steps["matrix in chunks"] = since(began)
    rules = len(made.rules_of("claim")), len(made.rules_of("profile"))
    return {
        "rows": {name: store.meta["tables"][name]["rows"] for name in ("claims", "claim_lines")},
        "matrix_rows": rows, "features": len(made.features), "claim_rules": rules[0],
        "profile_rules": rules[1], "dates": len(made.profile_dates), "build": whole, "steps": steps,
    }  # fmt: skip


def measure_pandas(store: StoreVersion, limit: str | None) -> dict[str, Any]:
    """Compute ten features by the builders and in pandas, both from claims in memory."""
    features, _, not_run = runnable(store, default_as_of(store).day)
    chosen = tuple(f for f in features if f.name in TEN)
    con = open_engine(limit or "8GB", Path(tempfile.mkdtemp(prefix="jihe-benchmark-")))
    made = batch.Build(store, default_as_of(store).day, con, chosen, (), not_run)
    for _, step in batch._STEPS[:3]:
        step(made)
    claims = con.sql(
        """SELECT claim_id, stay_id, insured_id, institution_id, inpatient, service_us, service_day,
        service_end_day, service_hour, known_us, reversed_us, total_amount FROM facts"""
    ).df()
    dates = con.sql("SELECT as_of_day, as_of_us FROM cut_dates ORDER BY 1").fetchall()
    register = con.sql("SELECT institution_id, institution_class, level FROM institution_rows").df()
    began = used()
    batch._make_claim_tables(made)
    batch._make_profiles(made)
    ours = since(began)
    began = used()
    theirs = {**history_in_pandas(claims), **place_in_pandas(claims)}
    profile = institutions_in_pandas(claims, dates, register)
    other = since(began)
    return {
        "claims": len(claims), "jihe": ours, "pandas": other,
        "ratio_seconds": round(other["seconds"] / ours["seconds"], 1),
        "ratio_cpu": round(other["cpu_seconds"] / ours["cpu_seconds"], 1),
        "different_values": different(made, claims, theirs, profile),
    }  # fmt: skip


def history_in_pandas(claims: pd.DataFrame, parts: int = 16) -> dict[str, np.ndarray]:
    """Return the seven history features by a self-merge on the person, some persons at a time."""
    person = claims["insured_id"].astype("category").cat.codes.to_numpy()
    found: dict[str, np.ndarray] = {n: np.full(len(claims), np.nan) for n in TEN[:7]}
    for part in range(parts):
        rows = np.flatnonzero(person % parts == part)
        t = claims.iloc[rows].assign(row=rows)
        pairs = t.merge(t, on="insured_id", suffixes=("", "_h"))
        day, earlier = pairs["service_day"], pairs["service_day_h"]
        live = pairs["reversed_us_h"].isna() | (pairs["reversed_us_h"] >= pairs["known_us"])
        pairs = pairs[(pairs["known_us_h"] < pairs["known_us"]) & (earlier >= day - 365) & live]
        for name, body in one_part(pairs).items():
            found[name][rows] = body.reindex(rows).to_numpy(dtype=np.float64)
    for name in ("history_claims_30", "history_claims_365", "history_institutions_90",
                 "history_overlapping_stays"):  # fmt: skip
        found[name] = np.nan_to_num(found[name])
    for name in (
        "history_claims_30",
        "history_claims_365",
        "history_amount_30",
        "history_amount_365",
    ):
        found[name] = log(found[name])
    return found


def one_part(pairs: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the features of some persons' claims from the pairs (claim, earlier claim)."""
    day, earlier = pairs["service_day"], pairs["service_day_h"]
    month, quarter = pairs[earlier >= day - 30], pairs[earlier >= day - 90]
    same = pairs["stay_id"].notna() & (pairs["stay_id"] == pairs["stay_id_h"])
    stays = pairs[(pairs["inpatient_h"] == 1) & ~same]
    day, end = stays["service_day"], stays["service_end_day_h"]
    inside = (stays["service_day_h"] < stays["service_end_day"]) & (end > day)
    before = stays[(end <= day) & (stays["inpatient"] == 1)]
    gap = before["service_day"] - before["service_end_day_h"]
    return {
        "history_claims_30": month.groupby("row").size(),
        "history_claims_365": pairs.groupby("row").size(),
        "history_institutions_90": quarter.groupby("row")["institution_id_h"].nunique(),
        "history_amount_30": month.groupby("row")["total_amount_h"].sum(min_count=1),
        "history_amount_365": pairs.groupby("row")["total_amount_h"].sum(min_count=1),
        "history_days_since_discharge": gap.groupby(before["row"]).min(),
        "history_overlapping_stays": stays[inside].groupby("row").size(),
    }


def place_in_pandas(claims: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the count of equal amounts in the half hour before, by a merge on the half hour."""
    timed = claims[claims["service_hour"].notna()]
    timed = timed.assign(row=timed.index, half=timed["service_us"] // queries.PLACE_MICROSECONDS)
    total = np.where(claims["service_hour"].notna(), 0.0, np.nan)
    for back in (0, 1):
        own = timed.assign(half=timed["half"] - back)
        pairs = own.merge(timed, on=["institution_id", "half", "total_amount"], suffixes=("", "_n"))
        ago = pairs["service_us"] - pairs["service_us_n"]
        live = pairs["reversed_us_n"].isna() | (pairs["reversed_us_n"] >= pairs["known_us"])
        near = (ago >= 0) & (ago <= queries.PLACE_MICROSECONDS)
        pairs = pairs[near & live & (pairs["known_us_n"] < pairs["known_us"])]
        counted = pairs.groupby("row").size()
        total[counted.index] += counted.to_numpy()
    return {"place_equal_amounts_30min": total}


def institutions_in_pandas(
    claims: pd.DataFrame, dates: list[tuple[int, int]], register: pd.DataFrame
) -> pd.DataFrame:
    """Return the cost of a visit and its robust z among institutions of a kind, date by date."""
    found = []
    for day, known in dates:
        live = claims["reversed_us"].isna() | (claims["reversed_us"] >= known)
        seen = claims[(claims["known_us"] < known) & (claims["service_day"] < day) & live
                      & (claims["service_day"] >= day - queries.PROFILE_DAYS)]  # fmt: skip
        recent = seen[(seen["service_day"] >= day - 90) & (seen["inpatient"] == 0)]
        sums = recent.groupby("institution_id")["total_amount"].agg(["sum", "count"])
        sums = sums.reindex(np.sort(seen["institution_id"].unique()))
        cost = log_ratio(sums["sum"].to_numpy(float), sums["count"].to_numpy(float))
        kinds = register.set_index("institution_id").reindex(sums.index)
        classes = kinds["institution_class"].fillna("unknown").to_numpy(dtype=str)
        levels = kinds["level"].fillna("none").to_numpy(dtype=str)
        groups = np.array([f"{a}|{b}" for a, b in zip(classes, levels, strict=True)])
        rungs = [grouped(names) for names in (groups, classes, np.full(len(cost), ""))]
        peer = compare("z", cost, rungs, MINIMUM["institution"])
        body = {"as_of_day": day, "institution_id": sums.index, TEN[8]: cost, TEN[9]: peer}
        found.append(pd.DataFrame(body))
    return pd.concat(found, ignore_index=True)


def different(
    made: batch.Build, claims: pd.DataFrame, theirs: dict[str, np.ndarray], profile: pd.DataFrame
) -> dict[str, int]:
    """Return how many values of each feature differ between the two sides."""
    found: dict[str, int] = {}
    order = np.argsort(claims["claim_id"].to_numpy(dtype=str), kind="stable")
    for table in ("history", "place"):
        atoms = made.con.sql(f"SELECT * FROM atoms_{table} ORDER BY claim_id").to_arrow_table()
        for feature in of(table, made.features):
            a, b = finish(feature, atoms), theirs[feature.name][order]
            found[feature.name] = int((~((a == b) | (np.isnan(a) & np.isnan(b)))).sum())
    ours = made.con.sql("SELECT * FROM profile_institution ORDER BY as_of_day, institution_id").df()
    both = profile.sort_values(["as_of_day", "institution_id"], ignore_index=True)
    for name in TEN[8:]:
        equal = np.isclose(ours[name], both[name], rtol=1e-12, atol=0, equal_nan=True)
        found[name] = int((~equal).sum())
    return found


def measure_online(store: StoreVersion, limit: str | None, claims: int = 2000) -> dict[str, Any]:
    """Publish the store's features and return what one claim's full row takes, in milliseconds."""
    made = batch.build(store, default_as_of(store).day, memory_limit=limit)
    ids = made.con.sql("SELECT claim_id FROM facts ORDER BY hash(claim_id) LIMIT $n",
                       params={"n": claims}).to_arrow_table()  # fmt: skip
    made.con.register("chosen", ids)
    with tempfile.TemporaryDirectory(prefix="jihe-benchmark-") as folder:
        path = Path(folder) / "features.sqlite"
        began = used()
        write_features(made, path, next(made.matrix_chunks("claim", 1000)).names)
        published = since(began)
        online = OnlineFeatures(path)
        wanted = made.con.sql("SELECT r.* FROM claim_rows r JOIN chosen USING (claim_id)")
        rows = wanted.to_arrow_table().to_pylist()
        own: dict[str, dict[str, list[Any]]] = {row["claim_id"]: {} for row in rows}
        for name in queries.OWN_ROWS:
            held = made.con.sql(f"SELECT r.* FROM {name} r JOIN chosen USING (claim_id)")
            for line in held.to_arrow_table().to_pylist():
                own[line["claim_id"]].setdefault(name, []).append(line)
        times = []
        for row in rows:
            start = time.perf_counter()
            online.row(row, **own[row["claim_id"]])
            times.append(1000 * (time.perf_counter() - start))
        online.close()
        size = path.stat().st_size
    at = {f"p{q}": round(float(np.percentile(times, q)), 2) for q in (50, 90, 99)}
    return {"claims": len(rows), "milliseconds": at, "published": published, "file_bytes": size}


MEASURES: dict[str, Callable[[StoreVersion, str | None], dict[str, Any]]] = {
    "build": measure_build, "pandas": measure_pandas, "online": measure_online,
}  # fmt: skip


def main() -> None:
    """Measure one thing and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory-limit", help="of the engine, such as 2GB")
    choices = parser.parse_args()
    found = MEASURES[choices.what](open_store(choices.home), choices.memory_limit)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
