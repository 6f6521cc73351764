"""The whole loop on a simulated county, from raw files to a second list by a trained model.

Time is the simulation's: plans are sealed and verdicts become known on days of the simulated
calendar. The ground truth is read by the simulated inspectors and, at the end, to measure; no
stage in between sees it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import openpyxl

from claims.contracts import Lang, table
from claims.mapping import source_mapping
from claims.simulator.county import Summary, simulate
from claims.simulator.inspectors import inspect, truth_of
from claims.store import open_store
from claims.vault import identities
from features.clock import cut
from jihe.console import Tell
from jihe.home import Home
from jihe.identified import dataset_name
from jihe.pipeline import RunChoices, RunResult, run, score_and_plan
from jihe.planning import PlanChoices
from jihe.scores import tie_seed
from jihe.training import Learnt, train_on_verdicts
from sampling.estimate import Estimate, estimate
from sampling.ledger import Ledger
from sampling.verdicts import Imported, import_verdicts
from training import apply
from training.tracking import Tracker, registered_name

ZONE = ZoneInfo("Asia/Shanghai")
#: The simulated calendar: claims of two years; a plan after 18 months, verdicts two months on.
FIRST_DAY = date(2024, 1, 1)


@dataclass(frozen=True)
class DemoChoices:
    """Size of the county and of the inspection, language and seed."""

    out: Path
    insured: int = 30_000
    institutions: int = 30
    pharmacies: int = 20
    months: int = 24
    capacity: int = 600
    second_capacity: int = 200
    seed: int = 1
    lang: Lang = "en"


@dataclass(frozen=True)
class Ranking:
    """How one way of ranking does on the test period against the truth."""

    name: str
    average_precision: float
    precision: float
    amount: int
    amount_share: float


@dataclass(frozen=True)
class Measured:
    """Rankings of the claims known from ``start`` on, judged by the simulated truth."""

    start: date
    claims: int
    positives: int
    capacity: int
    rankings: tuple[Ranking, ...]


@dataclass
class DemoResult:
    """All that the demo's summary shows."""

    county: Summary
    first: RunResult
    imported: Imported
    estimated: Estimate
    true_total: int
    learnt: Learnt
    second: RunResult
    measured: Measured


def run_demo(choices: DemoChoices, tell: Tell, title: Any) -> DemoResult:
    """Run the whole loop; ``title`` is told the key of each stage's name."""
    if choices.out.exists():
        shutil.rmtree(choices.out)
    files = choices.out / "county"
    choices.out.mkdir(parents=True)
    title("demo_simulate")
    county = simulate(
        files, insured=choices.insured, months=choices.months, seed=choices.seed,
        institutions=choices.institutions, pharmacies=choices.pharmacies, progress=tell,
    )  # fmt: skip
    days = _calendar(choices.months)
    home = Home(choices.out / "home")
    title("demo_first")
    first = run(_choices(choices, home, files, days, "first"), tell)
    title("demo_inspect")
    originals = _originals(home)
    imported = _inspect(choices, home, files, first, originals, days["inspected"])
    estimated = _estimate(home, first)
    title("demo_train")
    tracker = Tracker(home.registry)
    cold = first.scored["claim"].folder
    last = open_store(home.root)
    second_choices = _choices(choices, home, files, days, "second")
    learnt = _learn(first, home, tracker, days["trained"], last, tell)
    tracker.promote(registered_name("claim"))
    title("demo_second")
    second = score_and_plan(second_choices, source_mapping("nhsa"), first.report, last, tell)
    truth = _truth(files, originals)
    measured = _measure(second, truth, cold, days["trained"], choices.second_capacity)
    return DemoResult(
        county, first, imported, estimated, _true_total(first, truth), learnt, second, measured
    )


def _calendar(months: int) -> dict[str, date]:
    """Return the days of the loop for a simulation of so many months."""
    first = _month(math.floor(months * 0.75))
    return {
        "frame": _month(max(0, math.floor(months * 0.75) - 12)),
        "first": first,
        "inspected": first + timedelta(days=30),
        "trained": first + timedelta(days=45),
    }


def _month(after: int) -> date:
    return date(FIRST_DAY.year + after // 12, after % 12 + 1, 1)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(9), ZONE).astimezone(UTC)


def _choices(
    choices: DemoChoices, home: Home, files: Path, days: Mapping[str, date], which: str
) -> RunChoices:
    capacity = choices.capacity if which == "first" else choices.second_capacity
    # The demo is repeatable, so its seeds come from the county's; a real draw never does that.
    seed = b"demo" + which.encode().ljust(20, b"\0") + choices.seed.to_bytes(8, "big")
    return RunChoices(
        source="nhsa", folder=files, out=home.root, unit="claim", lang=choices.lang,
        as_of=days["first"] if which == "first" else None,
        frame_from=days["frame"] if which == "first" else days["trained"],
        plan=PlanChoices(capacity=str(capacity), seed=seed),
        now=_moment(days["first"]) if which == "first" else None,
    )  # fmt: skip


def _originals(home: Home) -> dict[str, str]:
    known = identities(dataset_name(open_store(home.root)))
    return dict(zip(known["pseudonym"].to_pylist(), known["original"].to_pylist(), strict=True))


def _inspect(
    choices: DemoChoices,
    home: Home,
    files: Path,
    first: RunResult,
    originals: Mapping[str, str],
    day: date,
) -> Imported:
    """Let simulated inspectors fill in the blinded list, and import what they return."""
    plan = first.sealed.plan
    returned = home.plan(plan.plan_id) / "inspectors_returned.xlsx"
    book = openpyxl.load_workbook(home.root / "inspectors.xlsx")
    page = book.worksheets[0]
    columns = {cell.value: cell.column for row in page.iter_rows(max_row=10) for cell in row}
    labels = {n: c.label(choices.lang) for n, c in table("outcomes").columns.items()}
    place = {name: columns[label] for name, label in labels.items() if label in columns}
    rows = {
        page.cell(r, place["case"]).value: r
        for r in range(1, page.max_row + 1)
        if page.cell(r, place["case"]).value in set(plan.cases)
    }
    ids = plan.draws["unit_id"].to_pylist()
    verdicts = inspect(files / "truth", [originals[i] for i in ids], on=day, seed=choices.seed)
    dispositions = table("outcomes").columns["disposition"].values
    for case, verdict in zip(plan.cases, verdicts, strict=True):
        row = rows[case]
        page.cell(row, place["disposition"], dispositions[verdict.disposition].text(choices.lang))
        amount = verdict.overpaid_amount
        page.cell(row, place["overpaid_amount"], None if amount is None else amount / 100)
        page.cell(row, place["reason"], verdict.reason)
        page.cell(row, place["inspected_on"], verdict.inspected_on)
        page.cell(row, place["inspectors"], verdict.inspectors)
    book.save(returned)
    ledger = Ledger(home.ledger_url)
    try:
        known = _moment(day + timedelta(days=5))
        return import_verdicts(ledger, returned, plan.plan_id, actor="planner", now=known)
    finally:
        ledger.close()


def _estimate(home: Home, first: RunResult) -> Estimate:
    plan = first.sealed.plan
    ledger = Ledger(home.ledger_url)
    try:
        outcomes = ledger.outcomes(plan_id=plan.plan_id)
    finally:
        ledger.close()
    return estimate(plan.design, plan.draws, outcomes)


def _learn(
    first: RunResult, home: Home, tracker: Tracker, day: date, store: Any, tell: Tell
) -> Learnt:
    from features.build import build

    return train_on_verdicts(build(store, day, tell), "claim", home, tracker, day)


def _truth(files: Path, originals: Mapping[str, str]) -> dict[str, int]:
    """Return the truly overpaid amount by pseudonym of the claim."""
    pseudonyms = {original: p for p, original in originals.items() if p.startswith("clm_")}
    rows = truth_of(files / "truth")
    pairs = zip(rows["claim_id"], rows["overpaid_amount"], strict=True)
    return {pseudonyms[c]: int(amount) for c, amount in pairs if c in pseudonyms}


def _true_total(result: RunResult, truth: Mapping[str, int]) -> int:
    return sum(truth.get(unit_id, 0) for unit_id in result.sealed.frame.unit_ids.to_pylist())


def _measure(
    second: RunResult, truth: Mapping[str, int], cold: Path, start: date, capacity: int
) -> Measured:
    """Judge each ranking on the claims that became known after training."""
    scored = second.scored["claim"]
    matrix = scored.matrix
    after = matrix.known_at >= np.datetime64(cut(start, second.made.zone), "us")
    matrix = matrix.take(after)
    amounts = np.array([truth.get(str(i), 0) for i in matrix.unit_ids], dtype=np.int64)
    confirmed = np.array([str(i) in truth for i in matrix.unit_ids])
    scores = {
        "model": scored.model.score(matrix.values).margin,
        "cold_start": apply.load(cold).score(matrix.values).margin,
        "sort_by_amount": matrix.amounts.astype(np.float64),
        "rules_only": matrix.rule_hits.astype(np.float64),
    }
    seed = tie_seed(second.made.store.fingerprint)
    rankings = tuple(
        _judge(name, apply.rank(score, matrix.unit_ids, seed), confirmed, amounts, capacity)
        for name, score in scores.items()
    )
    return Measured(start, len(matrix), int(confirmed.sum()), capacity, rankings)


def _judge(
    name: str,
    ranks: npt.NDArray[np.int64],
    confirmed: npt.NDArray[np.bool_],
    amounts: npt.NDArray[np.int64],
    capacity: int,
) -> Ranking:
    order = np.argsort(ranks)
    hits = confirmed[order]
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    found = int(amounts[order][:capacity].sum())
    return Ranking(
        name=name,
        average_precision=float(precisions[hits].mean()) if hits.any() else 0.0,
        precision=float(hits[:capacity].mean()),
        amount=found,
        amount_share=found / max(1, int(amounts.sum())),
    )
