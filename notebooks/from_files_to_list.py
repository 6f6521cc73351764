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
# # From files to a sealed list
# A small simulated county goes the whole way; every table on the way is looked at. Point `files`
# at a fund's own folder to look at that instead (and leave out the part about the truth).

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from claims.simulator.county import simulate
from claims.simulator.inspectors import truth_of
from claims.store import open_store
from claims.vault import identities
from jihe.identified import dataset_name
from jihe.pipeline import RunChoices, run
from jihe.planning import PlanChoices
from serving.sentences import record_text

folder = Path(tempfile.mkdtemp())
files, home = folder / "county", folder / "home"

# %% [markdown]
# ## What came in

# %%
simulate(files, insured=1_500, months=12, institutions=10, pharmacies=5, seed=4)
result = run(RunChoices(source="nhsa", folder=files, out=home, plan=PlanChoices(capacity="80")))
pd.DataFrame([vars(counts) for counts in result.report.counts])

# %%
quarantine = pd.read_parquet(home / "quarantine.parquet")
quarantine.groupby(["severity", "code", "reason_en"]).size().rename("rows").reset_index()

# %% [markdown]
# ## What was computed: the matrix of claims, and one institution's profile

# %%
matrix = result.scored["claim"].matrix
features = pd.DataFrame(matrix.values, columns=matrix.names, index=matrix.unit_ids)
features.describe().T[["count", "mean", "50%", "max"]]

# %%
institutions = result.scored["institution"].matrix
pd.Series(institutions.values[0], index=institutions.names, name=institutions.unit_ids[0])

# %% [markdown]
# ## The list: who was drawn, with which probability

# %%
drawn = pd.read_csv(home / "list.csv", encoding="utf-8-sig")
drawn.groupby("stratum")[["stratum_size", "stratum_draws", "inclusion_prob"]].first()

# %%
drawn.sort_values("risk_rank")[["risk_rank", "tag", "inclusion_prob", "reasons_en"]].head(10)

# %% [markdown]
# ## One explanation, in words and drawn from its record

# %%
record = min((r for r in result.records if r["unit"] == "claim"), key=lambda r: r["risk_rank"])
print(record_text(record, "en"))

# %%
reasons = pd.Series({r["reason_code"]: r["contribution"] for r in record["reasons"]})
ax = reasons.sort_values().plot.barh(figsize=(7, 3), color="#2b6cb0")
ax.set_xlabel("Contribution to the anomaly score")
plt.tight_layout()

# %% [markdown]
# ## Against the simulated truth
# Only possible because this county is simulated: how many of the first k are violations.

# %%
known = identities(dataset_name(open_store(home))).to_pandas()
pseudonyms = known[known["kind"] == "claim"].set_index("original")["pseudonym"]
violating = set(pseudonyms.reindex(truth_of(files / "truth")["claim_id"]).dropna())
judged = pd.DataFrame(
    {
        "violation": [unit_id in violating for unit_id in matrix.unit_ids],
        "jihe": result.scored["claim"].table["anomaly_score"].to_numpy(),
        "sort by amount": matrix.amounts,
        "rules only": matrix.rule_hits,
    }
)
gain = pd.DataFrame(
    {
        name: judged.sort_values(name, ascending=False, kind="stable")["violation"]
        .head(300).cumsum().to_numpy()
        for name in ("jihe", "sort by amount", "rules only")
    }
)  # fmt: skip
ax = gain.plot(figsize=(7, 3.5))
ax.set_xlabel("Cases inspected")
ax.set_ylabel("Violations found")
plt.tight_layout()
