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
# # What selection bias does
# Inspectors go where somebody told them to. What they find says little about what they would find
# elsewhere. In a simulated county that can be measured: the rate of violations that different lists
# suggest, beside the truth.

# %%
import hashlib
import tempfile
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa

from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.store import open_store
from claims.vault import identities
from features.build import build
from jihe.identified import dataset_name
from sampling.design import allocate
from sampling.drawing.draw import draw
from sampling.estimation.estimate import estimate
from sampling.frame import make_frame
from training.detectors.tail import TailDetector

folder = Path(tempfile.mkdtemp())
files, home = folder / "county", folder / "home"
simulate(files, insured=4_000, months=24, institutions=14, pharmacies=8, seed=4, faults=0.0)
load(source_mapping("nhsa"), files, home)
store = open_store(home)
matrix = build(store, date(2026, 1, 15)).matrix("claim")

# %%
known = identities(dataset_name(store)).to_pandas()
pseudonym = known[known["kind"] == "claim"].set_index("original")["pseudonym"]
truth = pd.read_csv(files / "truth" / "claims.csv", dtype={"setl_id": str})
truth["unit_id"] = truth["setl_id"].map(pseudonym)
overpaid = truth.groupby("unit_id")["overpaid_yuan"].sum().mul(100).round()
facts = pd.DataFrame({"amount": matrix.amounts, "known_at": matrix.known_at},
                     index=matrix.unit_ids)  # fmt: skip
facts["overpaid"] = overpaid.reindex(facts.index).fillna(0).astype("int64")
facts["bad"] = facts["overpaid"] > 0
cut = pd.Timestamp("2025-07-01")
past = facts[facts["known_at"] < cut]
print(f"{len(past)} claims to inspect, {past['bad'].mean():.2%} violate a rule")

# %% [markdown]
# ## Three lists of 500 claims
# **Tip-offs**: neighbours and colleagues tell of what they can see, a card that is used without its
# owner, a stay without treatment; of such violations twenty-five times as often as of an innocent
# claim, of other violations no more often. **High amounts**: the dearest. **A plan**: a random
# floor of 30 % over everything, the rest where the cold-start detector points, with known
# probabilities.

# %%
told = {
    "batch_swiping", "bed_hanging", "low_standard_admission", "fabricated_visits",
    "service_after_death", "account_drain", "employer_roster", "care_home_rotation",
}  # fmt: skip
visible = set(truth.loc[truth["scheme"].isin(told), "unit_id"])
rng = np.random.default_rng(1)
weight = np.where(past.index.isin(visible), 25.0, 1.0)
tip_offs = past.index[rng.choice(len(past), 500, replace=False, p=weight / weight.sum())]
dearest = past["amount"].nlargest(500).index
values = matrix.values[np.isin(matrix.unit_ids, past.index)]
score = pd.Series(
    TailDetector(list(matrix.directions)).fit(values).anomaly_score(values),
    index=matrix.unit_ids[np.isin(matrix.unit_ids, past.index)],
).reindex(past.index)
place = score.rank(pct=True, method="first")
band = np.select([place > 0.97, place > 0.8], ["b1", "b2"], "b3")
frame = make_frame("claim", past.index.tolist(), band.tolist(), past["amount"].clip(lower=0))
design = allocate(frame, 500, "0.3", bands={"b1": "b1", "b2": "b2", "b3": "b3"})
drawn = draw(frame, design, hashlib.sha256(b"a plan").digest(), "P0001").to_pandas()
pd.DataFrame([vars(s) for s in design.strata])[["name", "units", "floor", "draws"]]

# %% [markdown]
# ## The rate that each list suggests

# %%
verdicts = pa.table(
    {
        "unit_id": drawn["unit_id"].tolist(),
        "disposition": np.where(
            past.loc[drawn["unit_id"], "bad"], "recovery", "dismissed"
        ).tolist(),
        "overpaid_amount": past.loc[drawn["unit_id"], "overpaid"].tolist(),
    }
)
as_drawn = pa.Table.from_pandas(drawn, preserve_index=False)
weighted = estimate(design, as_drawn, verdicts).rate
alone = estimate(design, as_drawn, verdicts, "random").rate
rates = pd.DataFrame(
    {
        "tip-offs, as found": [past.loc[tip_offs, "bad"].mean(), np.nan, np.nan],
        "high amounts, as found": [past.loc[dearest, "bad"].mean(), np.nan, np.nan],
        "the plan, as found": [past.loc[drawn["unit_id"], "bad"].mean(), np.nan, np.nan],
        "the plan, weighted by 1/π": [weighted.estimate, *weighted.interval_95],
        "its random part alone": [alone.estimate, *alone.interval_95],
    },
    index=["rate", "low", "high"],
).T
rates.round(4)

# %%
fig, ax = plt.subplots(figsize=(9, 3.2))
colours = ["#c53030", "#c53030", "#c53030", "#2b6cb0", "#2b6cb0"]
ax.barh(rates.index, rates["rate"], color=colours)
spread = rates.dropna()
ax.errorbar(spread["rate"], spread.index, fmt="none", color="black", capsize=4,
            xerr=[spread["rate"] - spread["low"], spread["high"] - spread["rate"]])  # fmt: skip
ax.axvline(past["bad"].mean(), color="black", linestyle=":", label="the truth")
ax.set_xlabel("rate of violations")
ax.invert_yaxis()
ax.legend()
plt.tight_layout()

# %% [markdown]
# A list that was chosen tells how well it was chosen. Only where every claim had a known chance can
# the verdicts be weighted back to the whole, and only then does the interval hold the truth.
