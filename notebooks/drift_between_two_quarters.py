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
# # Drift between two quarters
# A model learnt on last year's claims meets this year's. What has changed, is it the care or the
# fund's own rules, and how many more claims would last year's threshold put on the list? The county
# is simulated, so what was done to it is known: `docs/simulator.md`.

# %%
import tempfile
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.store import open_store
from features.build import build
from features.catalogue import catalogue
from jihe.experiments import experiment
from training.detectors.published import make_published
from training.drift import SHIFTED, STABLE, compare, largest_gap, population_stability

folder = Path(tempfile.mkdtemp())
files, home = folder / "county", folder / "home"
simulate(files, insured=3_000, months=24, institutions=14, pharmacies=8, seed=4, faults=0.0)
load(source_mapping("nhsa"), files, home)
matrix = build(open_store(home), date(2026, 1, 15)).matrix("claim")

# %% [markdown]
# ## What came in
# Month by month, by where. From the thirteenth month the county pays better for care in villages
# and communities.

# %%
claims = pd.read_csv(files / "setl_list.csv", parse_dates=["begntime"], low_memory=False)
places = pd.read_csv(files / "fixmedins_info.csv").set_index("fixmedins_code")
month = claims["begntime"].dt.to_period("M").dt.to_timestamp()
house = claims["fixmedins_code"].map(places["medins_type"]).rename("kind of institution")
ax = claims.groupby([month, house]).size().unstack().plot(figsize=(10, 3.2))
ax.axvline(pd.Timestamp("2024-10-01"), color="grey", linestyle=":")
ax.axvline(pd.Timestamp("2025-01-01"), color="grey", linestyle=":")
ax.set_ylabel("claims a month")
ax.set_xlabel("dotted: drug tender, better pay for village care")
plt.tight_layout()

# %% [markdown]
# ## Two quarters of the same season
# The last quarter of either year: neither has a season of its own, and both lie after the tender.

# %%
edges = np.array(["2024-10-01", "2025-01-01", "2025-10-01", "2026-01-01"], dtype="datetime64[us]")
before = matrix.take((matrix.known_at >= edges[0]) & (matrix.known_at < edges[1]))
after = matrix.take((matrix.known_at >= edges[2]) & (matrix.known_at < edges[3]))
drift = pd.DataFrame([vars(found) for found in compare(before, after)]).set_index("feature")
meaning = {feature.name: feature.en for feature in catalogue()}
drift["meaning"] = drift.index.map(meaning)
chance = 9 * (1 / len(before) + 1 / len(after))
print(f"{len(before)} and {len(after)} claims; PSI by chance alone about {chance:.3f}")
counts = {
    "stable": (drift["psi"] < STABLE).sum(),
    "moved": drift["psi"].between(STABLE, SHIFTED).sum(),
    "shifted": (drift["psi"] > SHIFTED).sum(),
}
pd.Series(counts, name="features").to_frame().transpose()

# %% [markdown]
# Many features of a claim are those of its institution. Two thousand claims of fourteen houses are
# fourteen values, not two thousand: the index is large whenever a few houses move. So they are
# shown apart.

# %%
of_house = drift.index.str.startswith(("org_", "doc_", "place_", "emp_"))
drift["whose"] = np.where(of_house, "institution, doctor or employer", "claim or person")
shown = ["psi", "ks", "median_before", "median_after", "unknown_before", "meaning"]
drift.loc[~of_house, shown].head(12).round(3)

# %%
fig, axes = plt.subplots(1, 2, figsize=(13, 4.2))
for ax, (whose, group) in zip(axes, drift.groupby("whose"), strict=True):
    top = group.head(12).iloc[::-1]
    colours = np.where(top["psi"] > SHIFTED, "#c53030", "#dd6b20")
    ax.barh(top.index, top["psi"], color=colours)
    for limit in (STABLE, SHIFTED):
        ax.axvline(limit, color="grey", linestyle=":")
    ax.set_title(f"Features of the {whose}")
    ax.set_xlabel("population stability index, dotted at 0.1 and 0.25")
plt.tight_layout()

# %% [markdown]
# ## Why
# Three kinds of change look alike in such a table. **The window filled**: a person's history in
# these files begins in January 2024, so a window of a year or more was still filling in the first
# quarter. **The rules changed**: what the fund pays, and where. **People changed**: the only one
# that a list of suspicions should follow. The length of the window tells the first from the others.

# %%
window = drift.index.str.extract(r"_(\d+)$")[0].astype(float).to_numpy()
reach = pd.cut(
    pd.Series(window, index=drift.index).fillna(0),
    [-1, 0, 31, 185, 1_000],
    labels=["the claim itself", "up to a month", "up to half a year", "a year and more"],
)
drift["psi"].groupby([drift["whose"], reach], observed=True).agg(["size", "median"]).round(3)

# %% [markdown]
# And the change that the county made on purpose: where people go.

# %%
mix = pd.DataFrame(
    {
        name: house[claims["begntime"].between(first, last)].value_counts(normalize=True)
        for name, first, last in (
            ("last quarter of 2024", "2024-10-01", "2024-12-31 23:59:59"),
            ("last quarter of 2025", "2025-10-01", "2025-12-31 23:59:59"),
        )
    }
)
mix.round(3)

# %% [markdown]
# ## What it does to the scores
# The detector that ranks before any verdict, fitted on the first quarter, judges both. Its
# threshold for the highest 2 % then says how many claims of the second quarter would be put on the
# list. It looks at the claim and the person's history, not at the profile of the house: what moved
# among the houses alone leaves its scores as they are.

# %%
settings = experiment("cold_start", "claim").detector
detector = make_published(settings, matrix).fit(before.values)
scores = {
    "2024": detector.anomaly_score(before.values),
    "2025": detector.anomaly_score(after.values),
}
threshold = np.quantile(scores["2024"], 0.98)
print(f"PSI of the scores {population_stability(scores['2024'], scores['2025']):.3f}, "
      f"KS {largest_gap(scores['2024'], scores['2025']):.3f}")  # fmt: skip
pd.Series({f"above the threshold, {year}": f"{(score > threshold).mean():.2%}"
           for year, score in scores.items()})  # fmt: skip

# %%
fig, ax = plt.subplots(figsize=(9, 3.4))
bins = np.linspace(0, np.quantile(np.concatenate(list(scores.values())), 0.998), 60)
for (year, score), colour in zip(scores.items(), ("#2b6cb0", "#dd6b20"), strict=True):
    ax.hist(score, bins=bins, density=True, histtype="step", color=colour, label=year, linewidth=2)
ax.axvline(threshold, color="grey", linestyle=":", label="highest 2 % of 2024")
ax.set_xlabel("anomaly score by the detector of 2024")
ax.set_yscale("log")
ax.legend()
plt.tight_layout()

# %% [markdown]
# ## What to do
# Ranks within a plan are not hurt: a plan takes its highest few whatever the threshold. What is
# hurt is everything that compares scores over time: thresholds, the calibrated probability, a
# control chart. Fit again on the newer quarter, and let the random part of the next plan say
# whether the probabilities still hold.

# %%
newer = make_published(settings, matrix).fit(after.values).anomaly_score(after.values)
few = max(1, len(newer) // 50)
kept = set(np.argsort(-newer)[:few]) & set(np.argsort(-scores["2025"])[:few])
print(f"{len(kept) / few:.0%} of the highest 2 % stay there when the detector is fitted again")
