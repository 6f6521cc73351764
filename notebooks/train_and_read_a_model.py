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
# # Train a model and read it
# One plan was inspected, its verdicts came back, a model was trained on them. Is it better than
# sorting by amount? Can its probabilities be believed? What does it look at, and what does it say
# of one claim? The county is small and simulated; `make demo` shows the same at a larger size.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, Markdown

from features.catalogue import catalogue
from jihe.demo import DemoChoices, run_demo
from serving.sentences import record_text
from training import apply, plots
from training.model_card import render

choices = DemoChoices(
    out=Path(tempfile.mkdtemp()) / "demo", insured=4_000, institutions=14, pharmacies=8,
    months=24, capacity=250, second_capacity=60, seed=3,
)  # fmt: skip
result = run_demo(choices, lambda step, share, /: None, lambda key: None)
trained = result.learnt.trained
pd.Series(trained.about["labels"], name="verdicts that it learnt from").to_frame()

# %% [markdown]
# ## Out of fold: beside sorting by amount and the rules
# Every verdict is judged by models that saw neither it nor another claim of its institution, and
# weighs 1/π. The intervals are wide: one plan of 250 cases decides little, and says so.

# %%
rankings = {
    "the model": trained.metrics,
    "sort by amount": trained.metrics["baseline_sort_by_amount"],
    "rules only": trained.metrics["baseline_rules"],
}
table = pd.DataFrame(
    {
        name: {
            "average precision": record["average_precision"],
            "low": record["intervals"]["average_precision"][0],
            "high": record["intervals"]["average_precision"][1],
            "precision at 50": record["precision_at"]["50"],
            "ROC area": record["roc_auc"],
        }
        for name, record in rankings.items()
    }
).T
table.round(3)

# %%
fig, ax = plt.subplots(figsize=(8, 2.4))
ax.barh(table.index, table["average precision"], color=["#2b6cb0", "#a0aec0", "#a0aec0"])
middle = table["average precision"]
ax.errorbar(middle, table.index, xerr=[middle - table["low"], table["high"] - middle],
            fmt="none", color="black", capsize=4)  # fmt: skip
ax.set_xlabel("average precision out of fold, with 95 % interval")
ax.invert_yaxis()
plt.tight_layout()

# %%
drawn = plots.draw_all(trained.judged, trained.log_odds, tie_seed=1)
Image(drawn["gain"])

# %% [markdown]
# ## Can its probabilities be believed?

# %%
Image(drawn["calibration"])

# %% [markdown]
# ## What it looks at
# Mean size of each feature's share in the log-odds, over the claims of the last half-year. The
# shares of one claim add up to its score exactly.

# %%
scored = result.second.scored["claim"]
model, matrix = scored.model, scored.matrix
recent = matrix.values[np.argsort(matrix.known_at)[-1_000:]]
parts = model.explain(recent)
label = {feature.name: feature.en for feature in catalogue()}
weight = pd.Series(np.abs(parts.contributions).mean(axis=0), index=model.names)
top = weight.nlargest(12).iloc[::-1]
fig, ax = plt.subplots(figsize=(9, 4))
ax.barh([label.get(name, name) for name in top.index], top, color="#2b6cb0")
ax.set_xlabel("mean share in the log-odds")
plt.tight_layout()

# %%
at = [model.names.index(name) for name in top.index[::-1][:4]]
fig, axes = plt.subplots(1, 4, figsize=(12, 3), sharey=True)
for ax, place in zip(axes, at, strict=True):
    ax.scatter(recent[:, place], parts.contributions[:, place], s=6, color="#2b6cb0", alpha=0.5)
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.set_title(label.get(model.names[place], model.names[place])[:34], fontsize=8)
axes[0].set_ylabel("share in the log-odds")
plt.tight_layout()

# %% [markdown]
# ## What it says of one claim

# %%
record = min((r for r in result.second.records if r["unit"] == "claim"),
             key=lambda r: r["risk_rank"])  # fmt: skip
print(record_text(record, "en"))

# %%
score = model.score(recent)
log_odds = np.log(score.risk_score / (1 - score.risk_score))
print(f"largest difference between a score and the sum of its parts: "
      f"{np.abs(parts.total() - log_odds).max():.1e}")  # fmt: skip

# %% [markdown]
# ## Against the simulated truth, on claims known after training
# Only possible because the county is simulated.

# %%
pd.DataFrame([vars(r) for r in result.measured.rankings]).set_index("name").round(3)

# %% [markdown]
# ## The card that goes with the model

# %%
card = render(apply.load(trained.folder).about, trained.metrics, "en")
Markdown(card[: card.index("## ", card.index("## ") + 3)])
