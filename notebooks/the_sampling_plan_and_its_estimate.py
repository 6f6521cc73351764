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
# # The sampling plan and its estimate
# A plan inspects a few hundred claims and says something about all of them. Here the county is
# simulated, so what it says can be held against the truth; and the same plan can be drawn two
# hundred times, which nobody does in life: that shows what the interval promises and what it keeps.

# %%
import hashlib
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa

from claims.simulator.county import simulate
from sampling.design import allocate
from sampling.drawing.draw import draw
from sampling.estimation.estimate import estimate
from sampling.frame import make_frame

folder = Path(tempfile.mkdtemp()) / "county"
simulate(folder, insured=5_000, months=12, seed=4, faults=0.0)
claims = pd.read_csv(folder / "setl_list.csv", dtype={"setl_id": str}, low_memory=False)
truth = pd.read_csv(folder / "truth" / "claims.csv", dtype={"setl_id": str})

# %% [markdown]
# ## The frame: every claim, its stratum, its size
# Strata by kind of claim and by amount. Dear claims can hide more: they are band b1, which gets
# 70 % of what the random floor leaves over; b2 gets 25 %, b3 the rest.

# %%
kind = claims["med_type"].map({11: "visit", 14: "visit", 21: "stay", 41: "purchase"})
fen = (claims["medfee_sumamt"].clip(lower=0) * 100).round().astype("int64")
tenth = fen.groupby(kind).rank(pct=True, method="first")
band = pd.Series(np.select([tenth > 0.95, tenth > 0.7], ["b1", "b2"], "b3"), index=claims.index)
stratum = kind + "|" + band
frame = make_frame("claim", claims["setl_id"].tolist(), stratum.tolist(), fen.to_numpy())
design = allocate(frame, 400, "0.3", bands={name: name.split("|")[1] for name in stratum.unique()})
shape = pd.DataFrame([vars(s) for s in design.strata]).set_index("name")
shape["inclusion_prob"] = shape["draws"] / shape["units"]
shape[["units", "floor", "draws", "inclusion_prob"]].round(4)

# %% [markdown]
# The floor is drawn everywhere at the same rate, whatever the risk: it is a small random sample of
# the whole by itself. What is left of the capacity goes where more is expected.

# %%
fig, ax = plt.subplots(figsize=(8, 3.2))
ax.barh(shape.index, shape["floor"], color="#2b6cb0", label="random floor")
ax.barh(shape.index, shape["draws"] - shape["floor"], left=shape["floor"], color="#dd6b20",
        label="moved by risk")  # fmt: skip
ax.set_xlabel("claims to inspect")
ax.legend()
plt.tight_layout()

# %% [markdown]
# ## One draw, its verdicts, its estimate
# Inspectors here find what there is: the question is what sampling alone does.

# %%
overpaid = truth.groupby("setl_id")["overpaid_yuan"].sum().mul(100).round().astype("int64")
true_total, true_rate = overpaid.sum() / 100, len(overpaid) / len(claims)
drawn = draw(frame, design, hashlib.sha256(b"the first draw").digest(), "P0001")
seen = pd.Series(drawn["unit_id"].to_pylist()).map(overpaid).fillna(0).astype("int64")
verdicts = pa.table(
    {
        "unit_id": drawn["unit_id"],
        "disposition": np.where(seen > 0, "recovery", "dismissed").tolist(),
        "overpaid_amount": seen.to_numpy(),
    }
)
found = estimate(design, drawn, verdicts)
alone = estimate(design, drawn, verdicts, "random")
pd.DataFrame(
    {
        "true": [true_total, true_rate],
        "estimate": [found.total.estimate / 100, found.rate.estimate],
        "interval": [np.array(found.total.interval_95).round() / 100, found.rate.interval_95],
        "random part alone": [alone.total.estimate / 100, alone.rate.estimate],
        "confirmed among the inspected": [found.found / 100, found.confirmed / found.drawn],
    },
    index=["overpaid yuan", "rate of violations"],
)

# %% [markdown]
# The last column is what a report says that counts findings per case inspected: it speaks of the
# inspected cases only. What the estimate itself warns of:

# %%
[note.text("en") for note in found.notes]

# %% [markdown]
# ## The same plan, drawn two hundred times

# %%
amount_of = overpaid.to_dict()
rows = []
for n in range(200):
    other = draw(frame, design, hashlib.sha256(f"draw {n}".encode()).digest(), "P0001")
    amounts = [amount_of.get(i, 0) for i in other["unit_id"].to_pylist()]
    table = pa.table(
        {
            "unit_id": other["unit_id"],
            "disposition": ["recovery" if a else "dismissed" for a in amounts],
            "overpaid_amount": amounts,
        }
    )
    again = estimate(design, other, table)
    rows.append((again.total.estimate / 100, *(x / 100 for x in again.total.interval_95),
                 again.rate.estimate, *again.rate.interval_95))  # fmt: skip
names = ["total", "low", "high", "rate", "rate_low", "rate_high"]
draws = pd.DataFrame(rows, columns=names)
draws["holds"] = draws["low"].le(true_total) & draws["high"].ge(true_total)
rate_holds = draws["rate_low"].le(true_rate) & draws["rate_high"].ge(true_rate)
summary = {
    "true total": true_total,
    "mean of 200 estimates": draws["total"].mean(),
    "share of total intervals that hold the truth": draws["holds"].mean(),
    "share of rate intervals that hold the truth": rate_holds.mean(),
}
pd.Series(summary).round(3)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.hist(draws["total"], bins=30, color="#2b6cb0")
left.axvline(true_total, color="#c05621", label="true total")
left.axvline(draws["total"].mean(), color="black", linestyle=":", label="mean of the estimates")
left.set_xlabel("estimated overpaid yuan")
left.set_ylabel("draws")
left.legend()
shown = draws.head(60).sort_values("total").reset_index(drop=True)
colours = shown["holds"].map({True: "#2b6cb0", False: "#c53030"})
right.hlines(shown.index, shown["low"], shown["high"], color=colours)
right.scatter(shown["total"], shown.index, color=colours, s=8)
right.axvline(true_total, color="#c05621")
right.set_xlabel("overpaid yuan, 95 % interval of sixty draws")
right.set_yticks([])
plt.tight_layout()

# %% [markdown]
# The estimates scatter around the truth: no bias. Intervals of a total miss more often than they
# promise, and mostly on the low side: few claims carry most of the money, and a draw without one of
# them sees neither the money nor that it varies. That is why the estimate warns, and why a recovery
# is claimed at the lower bound only.
