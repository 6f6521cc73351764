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
# elsewhere, and a model that learns from it learns what people tell. In a simulated county both can
# be measured: the rate of violations that different lists suggest, and what models learnt from
# them find in the months that follow.

# %%
import hashlib
import tempfile
from dataclasses import replace
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
from jihe.experiments import experiment
from jihe.identified import dataset_name
from sampling.design import allocate
from sampling.draw import draw
from sampling.estimate import estimate
from sampling.frame import make_frame
from training import apply
from training.detectors.tail import TailDetector
from training.labels import training_weights
from training.train import train_supervised

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
later = facts[facts["known_at"] >= cut]
print(f"{len(past)} claims to inspect, {past['bad'].mean():.2%} violate a rule; "
      f"{len(later)} claims to judge by")  # fmt: skip

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
# ## What a model learns from each
# The same trees, the same number of verdicts: from tip-offs as if they were a sample of everything,
# from the plan as if every case weighed the same, and from the plan by its design.

# %%
config = experiment("claim_risk", "claim")
config = replace(
    config,
    trees=replace(config.trees, rounds=100, seeds=(1,)),
    splits=replace(config.splits, folds=3),
    evaluation=replace(config.evaluation, bootstrap=0),
)
final = 1 / drawn["inclusion_prob"].to_numpy()
lists = {
    "tip-offs": (tip_offs, np.ones(500), np.ones(500)),
    "the plan, unweighted": (drawn["unit_id"], np.ones(len(drawn)), np.ones(len(drawn))),
    "the plan, by its design": (drawn["unit_id"], final, training_weights(final, 0.95)),
}
models = {}
learnable = matrix.take(np.isin(matrix.unit_ids, past.index))
for name, (ids, final_weight, training_weight) in lists.items():
    labels = pa.table(
        {
            "unit": ["claim"] * len(ids),
            "unit_id": list(ids),
            "label": past.loc[ids, "bad"].astype("int64").tolist(),
            "overpaid_amount": past.loc[ids, "overpaid"].tolist(),
            "label_date": [date(2025, 7, 1)] * len(ids),
            "channel": ["tip_off" if name == "tip-offs" else "random"] * len(ids),
            "inclusion_prob": (1 / final_weight).tolist(),
            "final_weight": final_weight.tolist(),
            "training_weight": training_weight.tolist(),
        }
    )
    trained = train_supervised(learnable, labels, config, folder / "models", date(2025, 7, 2))
    models[name] = apply.load(trained.folder)

# %% [markdown]
# ## Judged on the claims of the following half-year
# Average precision, share of the overpaid money in the first 2 %, violations that nobody tells of
# among the first 2 %, and the rate that the model's probabilities add up to.

# %%
unseen = matrix.take(np.isin(matrix.unit_ids, later.index))
facts_later = later.loc[unseen.unit_ids]
bad = facts_later["bad"].to_numpy()
silent = bad & ~facts_later.index.isin(visible)
few = int(np.ceil(0.02 * len(unseen)))
figures, orders, chances = {}, {}, {}
for name, model in models.items():
    scores = model.score(unseen.values)
    order = np.argsort(-scores.margin, kind="stable")
    hits = bad[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    money = facts_later["overpaid"].to_numpy()[order]
    orders[name], chances[name] = order, scores.risk_score
    figures[name] = {
        "average precision": precision[hits].mean(),
        "money in the first 2 %": money[:few].sum() / money.sum(),
        "untold violations in the first 2 %": silent[order][:few].sum() / silent.sum(),
        "mean probability": scores.risk_score.mean(),
        "true rate": bad.mean(),
    }
pd.DataFrame(figures).T.round(3)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
share = np.arange(1, len(unseen) + 1) / len(unseen)
for (name, order), colour in zip(orders.items(), ("#c53030", "#dd6b20", "#2b6cb0"), strict=True):
    left.plot(share, np.cumsum(bad[order]) / bad.sum(), color=colour, label=name)
    tenth = pd.qcut(pd.Series(chances[name]).rank(method="first"), 10, labels=False)
    groups = pd.DataFrame({"said": chances[name], "true": bad}).groupby(tenth).mean()
    right.plot(groups["said"], groups["true"], marker="o", color=colour, label=name)
left.set_xlim(0, 0.2)
left.set_xlabel("share of the claims inspected")
left.set_ylabel("share of the violations found")
left.legend()
right.plot([0.001, 1], [0.001, 1], color="grey", linestyle=":")
right.set_xscale("symlog", linthresh=0.01)
right.set_yscale("symlog", linthresh=0.01)
right.set_xlabel("probability that the model states (tenths of the claims)")
right.set_ylabel("true rate")
plt.tight_layout()

# %% [markdown]
# Whoever reads the tip-off model's probabilities as a forecast plans for many times the findings
# that come. The design costs nothing but noise: some of its cases are drawn where little is
# expected, and these are what the rates and the probabilities stand on.
