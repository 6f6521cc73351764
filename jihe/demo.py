"""The whole loop on a simulated county, from raw files to a second list by a trained model.

Time is the simulation's: plans are sealed and verdicts become known on days of the simulated
calendar. The ground truth is read by the simulated inspectors and, at the end, to measure; no
stage in between sees it.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from claims.contracts import Lang
from claims.mapping import source_mapping
from claims.simulator.county import Summary, simulate
from claims.simulator.inspectors import inspect, truth_of
from claims.store import StoreVersion, open_store
from claims.vault import KEY_FILE, VAULT_VARIABLE, identities, private_bytes
from features.build import build
from features.clock import cut
from jihe.console import Tell
from jihe.estimates import PlanEstimates, plan_estimates
from jihe.gate import fresh_verdicts
from jihe.home import Home
from jihe.identified import dataset_name
from jihe.pipeline import RunChoices, RunResult, run, score_and_plan
from jihe.planning import PlanChoices
from jihe.promotion import promote_challenger
from jihe.returned_list import fill_list
from jihe.scores import tie_seed
from jihe.training import Learnt, train_on_verdicts
from sampling.ledger import Ledger
from sampling.verdicts import Imported, import_verdicts
from training import apply
from training.tracking import Tracker

ZONE = ZoneInfo("Asia/Shanghai")
#: The demo's own vault, below its folder.
VAULT = "vault"
#: One plan's verdicts leave wide intervals: where they do not show a win this reason is recorded.
DEMO_REASON = "demo: one plan's verdicts are too few to decide, the loop is to be shown whole"
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
    estimated: PlanEstimates
    confirmable: int
    learnt: Learnt
    second: RunResult
    measured: Measured


def run_demo(choices: DemoChoices, tell: Tell, title: Callable[[str], None]) -> DemoResult:
    """Run the whole loop; ``title`` is told the key of each stage's name."""
    if choices.out.exists():
        shutil.rmtree(choices.out)
    choices.out.mkdir(parents=True)
    with _own_vault(choices.out / VAULT):
        return _loop(choices, tell, title)


@contextmanager
def _own_vault(folder: Path) -> Iterator[None]:
    """Give the demo a vault of its own, with a key that everybody knows.

    Pseudonyms decide which units the random numbers pick: with the installation's secret key every
    installation would print other figures. The people are simulated, so nothing is given away.
    """
    private_bytes(folder / KEY_FILE, hashlib.sha256(b"jihe demo: simulated people only").digest())
    before = os.environ.get(VAULT_VARIABLE)
    os.environ[VAULT_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[VAULT_VARIABLE]
        if before is not None:
            os.environ[VAULT_VARIABLE] = before


def _loop(choices: DemoChoices, tell: Tell, title: Callable[[str], None]) -> DemoResult:
    files = choices.out / "county"
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
    estimated = plan_estimates(home.root, first.sealed.plan.plan_id)
    title("demo_train")
    tracker = Tracker(home.registry)
    cold = first.scored["claim"].folder
    first.release()
    last = open_store(home.root)
    second_choices = _choices(choices, home, files, days, "second")
    learnt = _learn(home, tracker, days["trained"], last, tell)
    fresh = fresh_verdicts(home, "claim", lambda: last)
    promote_challenger(home, "claim", DEMO_REASON, choices.lang, fresh)
    title("demo_second")
    second = score_and_plan(second_choices, source_mapping("nhsa"), first.report, last, tell)
    truth = _truth(files, originals)
    measured = _measure(second, truth, cold, days["trained"], choices.second_capacity)
    return DemoResult(
        county,
        first,
        imported,
        estimated,
        _confirmable(choices, files, first, originals, days["inspected"]),
        learnt,
        second,
        measured,
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
    ids = [originals[i] for i in plan.draws["unit_id"].to_pylist()]
    verdicts = inspect(files / "truth", ids, on=day, seed=choices.seed)
    by_case = dict(zip(plan.cases, verdicts, strict=True))
    fill_list(home.root / "inspectors.xlsx", returned, by_case, choices.lang)
    ledger = Ledger(home.ledger_url)
    try:
        known = _moment(day + timedelta(days=5))
        return import_verdicts(ledger, returned, plan.plan_id, actor="planner", now=known)
    finally:
        ledger.close()


def _learn(home: Home, tracker: Tracker, day: date, store: StoreVersion, tell: Tell) -> Learnt:
    return train_on_verdicts(build(store, day, tell), "claim", home, tracker, day)


def _truth(files: Path, originals: Mapping[str, str]) -> dict[str, int]:
    """Return the truly overpaid amount by pseudonym of the claim."""
    pseudonyms = {original: p for p, original in originals.items() if p.startswith("clm_")}
    rows = truth_of(files / "truth")
    pairs = zip(rows["claim_id"], rows["overpaid_amount"], strict=True)
    return {pseudonyms[c]: int(amount) for c, amount in pairs if c in pseudonyms}


def _confirmable(
    choices: DemoChoices, files: Path, first: RunResult, originals: Mapping[str, str], day: date
) -> int:
    """Return what the same inspectors would have confirmed had they seen the whole frame.

    That, not the truth that nobody sees, is what verdicts on a sample can estimate.
    """
    ids = [originals[i] for i in first.sealed.frame.unit_ids.to_pylist()]
    verdicts = inspect(files / "truth", ids, on=day, seed=choices.seed)
    return sum(verdict.overpaid_amount or 0 for verdict in verdicts)


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
    ours = scored.model.score(matrix.values)
    expected = scored.model.expected_amount(
        ours.risk_score, matrix.amounts, matrix.finding_kinds, matrix.values
    )
    by_amount = {} if expected is None else {"model_by_amount": expected.astype(np.float64)}
    scores = {
        "model": ours.margin,
        **by_amount,
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
