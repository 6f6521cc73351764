# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # The simulated county
# Are its figures those of a county? The published ones are of a county in 2015 (ten months, 89,807
# insured): 3,391 stays of ¥3,689, visits of ¥44, purchases on the card of ¥148. What the simulator
# departs from is said in `docs/simulator.md`.

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from claims.simulator.county import simulate

folder = Path(tempfile.mkdtemp()) / "county"
insured, months = 6_000, 24
summary = simulate(folder, insured=insured, months=months, seed=4, faults=0.0)
pd.Series(summary.files, name="rows").to_frame().transpose()

# %%
claims = pd.read_csv(
    folder / "setl_list.csv",
    dtype={"setl_id": str, "refd_setl_id": str},
    parse_dates=["begntime", "endtime", "setl_time"],
    low_memory=False,
).set_index("setl_id")
places = pd.read_csv(folder / "fixmedins_info.csv").set_index("fixmedins_code")
truth = pd.read_csv(folder / "truth" / "claims.csv")
claims["planted"] = claims.index.isin(truth["setl_id"])
innocent = claims[~claims["planted"] & (claims["refd_setl_flag"] == 0)]
kind = innocent["med_type"].map({11: "visit", 14: "visit", 21: "stay", 41: "purchase"})
dialysis = (innocent["med_type"] == 14) & (innocent["dscg_maindiag_code"] == "N18.5")

# %% [markdown]
# ## Rates and amounts beside the published ones
# Dialysis is left out of the visits, as that county did not bill it there.

# %%
amounts = innocent[~dialysis].groupby(kind)["medfee_sumamt"]
figures = pd.DataFrame(
    {
        "per insured and year": innocent.groupby(kind).size() / insured / (months / 12),
        "published rate": pd.Series({"stay": 0.0453, "visit": 0.275, "purchase": 0.138}),
        "mean yuan": amounts.mean(),
        "published yuan": pd.Series({"stay": 3689, "visit": 44, "purchase": 148}),
        "median yuan": amounts.median(),
    }
)
figures.round(3)

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 3))
for ax, (name, fee) in zip(axes, amounts, strict=True):
    ax.hist(fee.clip(upper=fee.quantile(0.99)), bins=40, color="#2b6cb0")
    ax.axvline(figures.loc[name, "published yuan"], color="#c05621", label="published mean")
    ax.set_title(f"Yuan a {name}")
axes[0].legend()
plt.tight_layout()

# %% [markdown]
# ## Stays by level, season, and the policy that favours village and community places

# %%
stays = innocent[innocent["med_type"] == 21]
level = stays["fixmedins_code"].map(places["hosp_lv"])
stays.groupby(level)["medfee_sumamt"].describe().round(0)

# %%
month = innocent["begntime"].dt.to_period("M").astype(str)
house = innocent["fixmedins_code"].map(places["medins_type"])
ax = innocent.groupby([month, house]).size().unstack().plot(figsize=(10, 3.2))
ax.set_ylabel("claims a month")
plt.tight_layout()

# %% [markdown]
# ## When a claim reaches the fund

# %%
lag = (innocent["setl_time"] - innocent["endtime"]).dt.total_seconds() / 86_400
lag.groupby(kind).describe(percentiles=[0.5, 0.95, 0.99]).round(3)

# %% [markdown]
# ## What was planted: claims and yuan of each scheme

# %%
facts = json.loads((folder / "truth" / "county.json").read_text(encoding="utf-8"))
planted = pd.DataFrame(
    {
        "claims": pd.Series(facts["claims_per_scheme"]),
        "overpaid yuan": pd.Series(facts["overpaid_yuan_per_scheme"]).astype(float),
    }
).sort_values("claims")
ax = planted["claims"].plot.barh(figsize=(8, 8), color="#2b6cb0")
ax.set_title(f"{100 * claims['planted'].mean():.1f} % of the claims violate a rule")
plt.tight_layout()

# %% [markdown]
# ## The inspections before this program
# Tip-offs find far more than chance would: whoever learns from them alone learns what people tell.

# %%
history = pd.read_csv(folder / "insp_hist.csv", dtype={"setl_id": str})
seen = history[history["setl_id"].notna()].copy()
seen["violation"] = seen["setl_id"].isin(truth["setl_id"])
seen["channel"] = seen["insp_chnl"].map({1: "random", 4: "tip-off", 5: "high amount"})
seen.groupby("channel")["violation"].agg(["size", "mean"]).round(3)
