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
# One plan was drawn and inspected, its verdicts came back, and `jihe train` makes a model of them.
# What did it learn from? Is it better than sorting by amount? Can its probabilities be believed?
# What carries its scores, and what does it say of one claim? The functions are those that the
# command calls. The county is small and simulated; `make demo` shows the loop at a larger size.

# %%
import hashlib
import os
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from IPython.display import Image

from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.simulator.inspectors import inspect, truth_of
from claims.store import open_store
from claims.vault import KEY_FILE, VAULT_VARIABLE, identities, private_bytes
from features.build import build
from features.clock import cut
from jihe.experiments import experiment
from jihe.gate import fresh_verdicts, judge
from jihe.home import Home
from jihe.identified import dataset_name
from jihe.judgement_words import basis_sentence, verdict_sentence
from jihe.labelled import verdict_labels
from jihe.planning import PlanChoices, design_for, seal_plan
from jihe.promotion import NotBetterError, promote_challenger
from jihe.scores import score_unit
from jihe.training import train_on_verdicts
from jihe.units import unit_facts
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from serving.chart import leading
from serving.distributions import measure, peer_group
from serving.material import material
from serving.records import explain
from serving.sentences import one_line, record_text
from serving.wording import topics, words
from training import apply, plots
from training.bar_plot import bar_plot
from training.canvas import AMOUNT, MODEL, PALE, RULES, both, canvas
from training.evaluate import evaluate
from training.metrics import precision_at, put_in_order
from training.tracking import Tracker
from training.train import train_cold_start

folder = Path(tempfile.mkdtemp())
files, home = folder / "county", Home(folder / "home")
# A vault with a key that everybody knows: the people are simulated, and everybody gets one result.
os.environ[VAULT_VARIABLE] = str(folder / "vault")
private_bytes(folder / "vault" / KEY_FILE, hashlib.sha256(b"notebook: simulated people").digest())
simulate(files, insured=4_000, months=24, institutions=14, pharmacies=8, seed=4, faults=0.0)
report = load(source_mapping("nhsa"), files, home.root)
store = open_store(home.root)

# %% [markdown]
# ## A plan, and its verdicts
# After eighteen months 400 claims of the last twelve are drawn: a random floor of 30 % over all of
# them, the rest where the cold start points. A claim's features are those of the day on which it
# became known, so one build serves the plan, the training and the claims that come later.

# %%
frame_from, plan_day, cut_day = date(2024, 7, 1), date(2025, 7, 1), date(2025, 8, 15)
made = build(store, date(2026, 1, 15))
matrix, facts = made.matrix("claim"), unit_facts(made, "claim")
first, planned, trained_on = (
    np.datetime64(cut(day, made.zone), "us") for day in (frame_from, plan_day, cut_day)
)
tracker = Tracker(home.registry)
cold_config = experiment("cold_start", "claim")
earlier = replace(matrix.take(matrix.known_at < planned), as_of_date=plan_day)
cold = train_cold_start(earlier, cold_config, home.models)
tracker.record(cold, cold_config)
inside = (matrix.known_at >= first) & (matrix.known_at < planned)
framed = replace(matrix.take(inside), as_of_date=plan_day)
designed = design_for(
    score_unit(made, framed, cold.folder),
    facts.filter(pa.array(inside)),
    np.ones(len(framed), dtype=bool),
    PlanChoices(capacity="400", seed=hashlib.sha256(b"notebook").digest()),
)
sealed = seal_plan(home, designed, datetime(2025, 7, 1, tzinfo=UTC), lambda plan, place: None)
plan, drawn = sealed.plan, sealed.plan.draws.to_pandas()
drawn.groupby("tag")["inclusion_prob"].describe()[["count", "min", "50%", "max"]]

# %% [markdown]
# The simulated inspectors miss 8 % of the violations and object wrongly to 1 % of the other claims;
# of 2 % no documents arrive, and such a case has no label. An appeal would replace its verdict.

# %%
known = identities(dataset_name(store)).to_pandas()
original = known.set_index("pseudonym")["original"]
verdicts = inspect(
    files / "truth", original[drawn["unit_id"]].tolist(), on=date(2025, 7, 31), seed=4
)
ledger = Ledger(home.ledger_url)
ledger.append_outcomes(
    [
        Outcome(case, "claim", unit_id, plan.plan_id, tag, v.disposition, v.overpaid_amount,
                v.reason, v.inspected_on, v.inspectors)
        for case, unit_id, tag, v in zip(
            plan.cases, drawn["unit_id"], drawn["tag"], verdicts, strict=True)
    ],
    actor="planner", known_at=datetime(2025, 8, 5, 9, tzinfo=UTC),
)  # fmt: skip
ledger.close()
labels = verdict_labels(home, cut_day, store)
told = labels.table.to_pandas()
told["designed"] = np.where(told["final_weight"] > 0, "by the plan", "without a design")
told.groupby(["designed", "channel"])["label"].agg(["size", "sum", "mean"]).round(3).rename(
    columns={"size": "verdicts", "sum": "confirmed", "mean": "share confirmed"}
)

# %% [markdown]
# Verdicts **by the plan** have a known chance π: weighted by 1/π they speak for all claims. Those
# **without a design** (what the county had inspected before) teach with half a weight and a level
# of their own for each channel; calibration and evaluation never use them.

# %% [markdown]
# ## Training
# The detector goes first: its score before any verdict gets a slope, kept near 0.8 by a prior and
# never below 0.2. The trees learn what the detector leaves unexplained, and count for m / (m + 30)
# where m confirmed cases (as many as the weights are worth) speak for them.

# %%
learnt = train_on_verdicts(made, "claim", home, tracker, cut_day)
trained = learnt.trained
about = trained.about["labels"]
pd.Series(
    {
        "verdicts": about["n"],
        "confirmed": about["positives"],
        "of them without a design": about["without_design"],
        "slope of the detector, log-odds a spread": round(about["detector_weight"], 3),
        "share of the trees that is believed": round(about["trees_weight"], 3),
        "verdicts tested out of fold": about["calibrated_on"],
        "kind of folds": about["splits"],
        "tested from": about["forward_cutoff"],
    },
    name="what it learnt from",
).to_frame()

# %% [markdown]
# ## Out of fold: is it better than sorting by amount?
# Each verdict is scored by prior, trees and calibration that saw neither it nor any claim of its
# institution. With several plans the test would also go forward in time; here all verdicts of the
# plan came on one day, so the folds are those of institutions alone. The cold start knows no
# verdict at all. The capacity is the gate's: 2 % of the frame.

# %%
judged, log_odds = trained.judged, trained.log_odds
config = experiment("claim_risk", "claim")
capacity = round(config.gate.capacity_share * judged.weights.sum())
settings = replace(config.evaluation, capacity=capacity)
rows_judged = np.searchsorted(matrix.unit_ids, judged.unit_ids)
before = apply.load(cold.folder).score(matrix.values[rows_judged]).margin
ours = evaluate(judged, log_odds, settings)
records = {
    "model": ours,
    "cold start": evaluate(judged, before, settings),
    "sort by amount": ours["baseline_sort_by_amount"],
    "rules only": ours["baseline_rules"],
}
table = pd.DataFrame(
    {
        name: {
            "precision": record["capacity"]["precision"],
            "low": record["intervals"]["capacity"]["precision"][0],
            "high": record["intervals"]["capacity"]["precision"][1],
            "average precision": record["average_precision"],
            "AP low": record["intervals"]["average_precision"][0],
            "AP high": record["intervals"]["average_precision"][1],
        }
        for name, record in records.items()
    }
).T
table.round(3)

# %%
chinese = {"model": "本模型", "cold start": "冷启动", "sort by amount": "按金额排序",
           "rules only": "仅按规则", "model, by amount": "本模型（按预期金额）"}  # fmt: skip
colour = {"model": MODEL, "cold start": "#56B4E9", "sort by amount": AMOUNT, "rules only": RULES,
          "model, by amount": MODEL}  # fmt: skip
drawn_bars = bar_plot(
    [both(name, chinese[name]) for name in table.index], table["precision"],
    [colour[name] for name in table.index],
    both("Precision: share of the inspected cases confirmed", "查准率：检查后查实的比例"),
    both(f"What {capacity} inspections would confirm", f"检查{capacity}件能查实多少", " · "),
    ends=table[["low", "high"]],
)  # fmt: skip
Image(drawn_bars.png)

# %% [markdown]
# The lines are 95 % intervals over resampled institutions. Where they overlap, as with one plan of
# a small county, the order of the bars is not settled; whether the model may be used is for the
# gate to say, below. How much of all confirmed money each ranking finds, out of fold: a high step
# is one verdict that stands for many claims, so read the slope, not the step.

# %%
drawings = plots.draw_all(judged, log_odds, config.evaluation.tie_seed)
Image(drawings["gain"].png)

# %% [markdown]
# ## Can its probabilities be believed?
# Each point is a tenth of the frame: what was said out of fold, and what inspectors confirmed. A
# point above the line says that the model promised too little. A slope below 1 says that high
# probabilities are too high and low ones too low; an intercept above 0 that all are too low.

# %%
Image(drawings["calibration"].png)

# %%
line = trained.metrics["calibration"]
pd.Series({key: line[key] for key in ("slope", "intercept", "brier") if key in line}).round(3)

# %% [markdown]
# ## What carries the scores
# First the trees alone, by the shap library: one dot for each claim and feature, as it is logged
# with every training. It shows what verdicts taught beyond the detector, before it is shrunk by the
# share that is believed. It is only drawn if the library agrees with LightGBM's own values.

# %%
later = matrix.take(matrix.known_at >= trained_on)
model = apply.load(learnt.folder)
names = [both(words(name).en, words(name).zh) for name in model.names]
Image(plots.shap_summary(model.risk_model.boosters, later.values[::5], names, shown=10).png)

# %% [markdown]
# Then the whole score, by families of features, since a family is what a person is told. What lifts
# the first 2 % of the later claims above an average claim? The bars add up to the distance.

# %%
scored = score_unit(made, later, learnt.folder)
rank = scored.table["risk_rank"].to_numpy()
head = rank <= np.ceil(0.02 * len(later))
risk, mix = model.risk_model, model.risk_model.hybrid
whole = model.explain(later.values).contributions
by_detector = (risk.calibration.slope * mix.detector_weight / mix.spread
               * risk.detector.contributions(later.values))  # fmt: skip
family = [words(name).reason for name in model.names]
lift = pd.DataFrame(
    {
        "detector": by_detector[head].mean(axis=0) - by_detector.mean(axis=0),
        "all": whole[head].mean(axis=0) - whole.mean(axis=0),
    },
    index=family,
)
lift["trees"] = lift.pop("all") - lift["detector"]
lift = lift.groupby(level=0).sum()
top = lift.loc[lift.sum(axis=1).abs().nlargest(10).index].iloc[::-1]
print(f"distance {lift.to_numpy().sum():.2f}, of it by the detector {lift['detector'].sum():.2f}")

# %%
x = both("Log-odds above an average claim", "比平均结算高出的对数几率")
title = both("Why the first 2 % are first", "前2%为何排在前面", " · ")
with canvas(x, "", title, (8.4, 6.0)) as (axes, sheet):
    named = [both(topics()[code].topic_en, topics()[code].topic_zh) for code in top.index]
    left = np.where(np.sign(top["detector"]) == np.sign(top["trees"]), top["detector"], 0.0)
    label = both("known before any verdict (detector)", "检查之前已知（检测器）", " · ")
    axes.barh(named, top["detector"], color="#56B4E9", label=label)
    label = both("learnt from verdicts (trees)", "由检查结论学得（提升树）", " · ")
    axes.barh(named, top["trees"], left=left, color=MODEL, label=label)
    axes.axvline(0, color=PALE, lw=1)
    axes.legend(loc="lower right")
    axes.grid(axis="y", visible=False)
Image(sheet.plot().png)

# %% [markdown]
# ## What it says of the first case, read aloud
# The line of the list, then the score, its four strongest reasons, the number of weaker ones, the
# rules that hit, and what a score is not. The record behind them adds up: base value, contributions
# and calibration make the log-odds of the probability, to nine digits, or it is not handed out.

# %%
place = int(np.flatnonzero(rank == 1)[0])
later_facts = facts.filter(pa.array(matrix.known_at >= trained_on))
rows = later_facts.select(["institution_class", "claim_type"]).to_pylist()
typical = measure(later, [peer_group("claim", row) for row in rows], report.currency)
hits, material_facts = material(made, "claim", [str(later.unit_ids[place])])
[record] = explain(
    model,
    later.take(np.array([place])),
    scored.table.slice(place, 1),
    hits,
    material_facts,
    typical,
)
for lang in ("en", "zh"):
    lines = record_text(record, lang).splitlines()
    reasons = len(lines) - len(record["rule_hits"]) - 2
    print(one_line(record, lang), "", *lines[: 1 + min(4, reasons)], f"… ({max(0, reasons - 4)})",
          *lines[1 + reasons :], "", sep="\n")  # fmt: skip

# %%
told, others = leading(record["reasons"])
shown = [
    (both("where every claim begins", "所有结算的起点"), record["base_value"]),
    *((both(topics()[r["reason_code"]].topic_en, topics()[r["reason_code"]].topic_zh),
       r["contribution"]) for r in told),
    *([(both(f"{len(others)} smaller reasons", f"其余{len(others)}项较小原因"),
        sum(r["contribution"] for r in others))] if others else []),
    (both("calibration", "校准"), record["calibration"]),
]  # fmt: skip
values = np.array([value for _, value in shown])
ends = np.cumsum(values)
x = both("Log-odds of a confirmed finding (dotted: the score)", "查实的对数几率（虚线：评分）")
title = both(f"From the start to {record['risk_score']:.0%}",
             f"从起点到{record['risk_score']:.0%}", " · ")  # fmt: skip
with canvas(x, "", title, (8.4, 1.8 + 0.5 * len(shown))) as (axes, sheet):
    axes.barh(range(len(shown)), values, left=ends - values, height=0.6,
              color=np.where(values > 0, AMOUNT, MODEL))  # fmt: skip
    for n, value in enumerate(values):
        axes.text(max(ends[n], ends[n] - value) + 0.05, n, f"{value:+.2f}", va="center", size=9)
    axes.axvline(record["score"], color=PALE, ls=":")
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    reach = np.append(ends, [0.0])
    axes.set_xlim(reach.min() - 0.4, reach.max() + 0.8)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
Image(sheet.plot().png)

# %% [markdown]
# ## What its MLflow run holds
# Everything needed to make the model again: what it was made of, by which program and config; the
# figures; the files, with the card in both languages. No identity, and nothing that is pickled.

# %%
run = tracker.client.get_run(learnt.registered.run_id)
print(f"{len(run.data.params)} parameters, {len(run.data.metrics)} figures; "
      f"registered as {learnt.registered.name} version {learnt.registered.number}, "
      f"{', '.join(learnt.registered.aliases)}")  # fmt: skip
place = tracker.folder(learnt.registered).parent  # the run's files, beside the registry
print("\n".join(sorted(str(f.relative_to(place)) for f in place.rglob("*") if f.is_file())))
pd.Series({k: v[:24] for k, v in run.data.tags.items() if "." not in k}, name="tag").to_frame()

# %% [markdown]
# ## May it be used? `jihe compare`
# A first trained model must win over sorting by amount, over the rules and over the cold start, all
# three, by an interval that leaves zero out. Since no verdict is newer than the training, the ones
# out of fold decide, as in the first table.
# Below 50 confirmed cases (as many as the weights are worth) nothing is decided, whatever the
# figures.

# %%
fresh = fresh_verdicts(home, "claim", lambda: store)
judgement = judge("claim", tracker, fresh)
for lang in ("en", "zh"):
    print(basis_sentence(judgement, lang), verdict_sentence(judgement, lang))
columns = ["n", "positives", "effective_positives", "champion", "challenger", "difference",
           "interval", "verdict"]  # fmt: skip
pd.DataFrame(judgement.contests).T[columns].rename(
    columns={"champion": "AP of the other", "challenger": "AP of the model"}
)

# %% [markdown]
# `jihe promote` lets a win pass. Anything else takes a reason; it stands in the trail with every
# figure above, as an override. Where approvers are configured, two of them sign as well.

# %%
try:
    promoted = promote_challenger(home, "claim", "", "en", fresh)
    print(f"promoted: {promoted.registered.model_version}")
except NotBetterError as refused:
    print(f"refused: {refused}")

# %% [markdown]
# ## Against the truth, on claims that became known after the training
# Only possible because the county is simulated. No verdict of these claims was seen by anything.

# %%
truth = truth_of(files / "truth").set_index("claim_id")["overpaid_amount"]
overpaid = truth.reindex(original[later.unit_ids]).fillna(0).to_numpy()
score = model.score(later.values)
rankings = {
    "model": score.margin,
    "model, by amount": model.expected_amount(
        score.risk_score, later.amounts, later.finding_kinds, later.values),
    "cold start": apply.load(cold.folder).score(later.values).margin,
    "sort by amount": later.amounts,
    "rules only": later.rule_hits,
}  # fmt: skip
few = int(np.ceil(0.02 * len(later)))
order = {
    name: put_in_order(overpaid > 0, ranking, later.unit_ids, 1, amounts=overpaid.astype(float))
    for name, ranking in rankings.items()
    if ranking is not None
}
result = pd.DataFrame(
    {
        "precision": {name: precision_at(ordered, few) for name, ordered in order.items()},
        "money": {name: ordered.amounts[:few].sum() / overpaid.sum()
                  for name, ordered in order.items()},
    }
)  # fmt: skip
print(f"{len(later)} claims, {(overpaid > 0).sum()} with a violation")
print(f"the model expects {score.risk_score.sum():.0f}")
result.round(3)

# %%
named = [both(name, chinese[name]) for name in result.index]
colours = [colour[name] for name in result.index]
drawn_bars = bar_plot(
    named, result["precision"], colours,
    both("Share with a violation, by the simulated truth (dotted: random order)",
         "违规比例（按模拟真相；虚线：随机排序）"),
    both(f"Of {few} later claims inspected, so many violate a rule",
         f"后续检查{few}件，其中违规的比例"),
    line=(overpaid > 0).mean(),
)  # fmt: skip
Image(drawn_bars.png)

# %%
drawn_bars = bar_plot(
    named, result["money"], colours,
    both("Share of all overpaid money, by the simulated truth",
         "占全部违规金额的比例（按模拟真相）"),
    both(f"Of the overpaid money, {few} inspections find so much",
         f"检查{few}件能查回的金额比例"),
)  # fmt: skip
Image(drawn_bars.png)

# %% [markdown]
# Which list is the better one depends on what is wanted: by probability it is made for findings,
# sure and small ones among them, by expected amount for money. The planner says which by
# `--objective`.
