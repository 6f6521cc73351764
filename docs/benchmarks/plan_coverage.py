"""How often the interval that ``jihe plan estimate`` states holds the truth, on a simulated county.

In: a home with a drawn plan of claims, the county's truth folder, and the vault that holds the
pseudonyms (JIHE_VAULT). Out: a Markdown table. The plan's own design is drawn afresh so many times
from its own frame; the truth is what the simulated inspectors would confirm had they seen all of
it. Student's t and the studentised bootstrap, for the expansion and for the regression on the score
that was sealed with the plan.

    JIHE_VAULT=demo/vault python docs/benchmarks/plan_coverage.py demo/home demo/county/truth \
        --plan P0001 --inspected 2025-07-31 --redraws 400
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from claims.simulator.inspectors import inspect
from claims.store import open_store
from claims.vault import identities
from jihe.home import Home
from jihe.identified import dataset_name
from jihe.sealed_scores import frame_known
from sampling.design import Design
from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.regression_estimate import expansion_total, greg_total
from sampling.estimation.regression_replication import greg_bootstrap
from sampling.estimation.replication import Bootstrap, bootstrap
from sampling.estimation.stratified import Floats, StratifiedSample, stratified_sample
from sampling.ledger import Ledger, Plan

SEED = b"plan_coverage"


@dataclass(frozen=True)
class Population:
    """The frame of a plan: what would be confirmed, and the sealed score, by row."""

    y: Floats
    score: Floats
    rows: Mapping[str, npt.NDArray[np.intp]]
    draws: Mapping[str, int]

    def sample(self, rng: np.random.Generator) -> tuple[StratifiedSample, Auxiliary]:
        """Draw the design afresh."""
        strata = sorted(self.rows, key=str.encode)
        drawn = {h: np.sort(rng.choice(self.rows[h], self.draws[h], replace=False)) for h in strata}
        picked = np.concatenate(list(drawn.values()))
        named = [h for h in strata for _ in drawn[h]]
        sizes = {h: len(self.rows[h]) for h in strata}
        sample = stratified_sample(sizes, [f"{i:09d}" for i in picked], named, self.y[picked])
        x = self.score[[int(unit_id) for unit_id in sample.unit_ids]]
        totals = [self.score[self.rows[h]].sum() for h in sample.strata]
        return sample, Auxiliary(x[:, None], np.array(totals)[:, None])


@dataclass(frozen=True)
class Told:
    """One interval: what it estimates, its ends and its lower bound; infinite where unstated."""

    estimate: float
    low: float
    high: float
    lower_90: float


def population(home: Path, truth: Path, plan: Plan, day: date, seed: int) -> Population:
    """Return the frame of ``plan`` with what the inspectors of the simulator would confirm."""
    design = plan.design
    known = frame_known(Home(home).plan(plan.plan_id), plan.certificate)
    if known is None or known.score is None or not isinstance(design, Design):
        raise SystemExit("The plan is not of strata, or its frame or its scores are missing.")
    pairs = identities(dataset_name(open_store(home)))
    originals = dict(
        zip(pairs["pseudonym"].to_pylist(), pairs["original"].to_pylist(), strict=True)
    )
    verdicts = inspect(truth, [originals[i] for i in known.unit_ids], on=day, seed=seed)
    y = np.array([verdict.overpaid_amount or 0 for verdict in verdicts], dtype=np.float64)
    strata = np.array(known.strata)
    return Population(
        y, known.score,
        {s.name: np.flatnonzero(strata == s.name) for s in design.strata},
        {s.name: s.draws for s in design.strata},
    )  # fmt: skip


def tell(sample: StratifiedSample, score: Auxiliary, replicates: int) -> dict[str, Told]:
    """Return each interval that one draw gives."""
    plain, regression = expansion_total(sample), greg_total(sample, score)
    told = {}
    for name, found, resampled in (
        ("expansion", plain, bootstrap(sample, plain, SEED, replicates=replicates)),
        ("GREG", regression, greg_bootstrap(sample, score, SEED, replicates=replicates)),
    ):
        low, high = found.quantity.interval_95_t or (None, None)
        told[f"{name}, Student"] = _told(found.estimate, low, high, found.quantity.lower_90)
        told[f"{name}, studentised bootstrap"] = _resampled(found.estimate, resampled)
    return told


def _resampled(estimate: float, found: Bootstrap) -> Told:
    low, high = found.studentised_95 or (None, None)
    return _told(estimate, low, high, found.studentised_lower_90)


def _told(estimate: float, low: float | None, high: float | None, lower: float | None) -> Told:
    return Told(
        estimate,
        -np.inf if low is None else low,
        np.inf if high is None else high,
        -np.inf if lower is None else lower,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--plan", default="P0001")
    parser.add_argument("--inspected", type=date.fromisoformat, required=True)
    parser.add_argument("--redraws", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=399)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    ledger = Ledger(Home(asked.home).ledger_url)
    plan = ledger.plan(asked.plan)
    ledger.close()
    frame = population(asked.home, asked.truth, plan, asked.inspected, asked.seed)
    rng = np.random.default_rng(asked.seed)
    told = defaultdict(list)
    for _ in range(asked.redraws):
        for name, one in tell(*frame.sample(rng), asked.replicates).items():
            told[name].append(one)
    truth = float(frame.y.sum())
    lines = [
        f"{plan.plan_id}: {len(frame.y):,} claims, {int((frame.y > 0).sum()):,} would be "
        f"confirmed, {truth / 100:,.0f}; {asked.redraws} draws\n",
        "| interval | bias | RMSE | 95 % interval holds | 90 % lower bound holds |",
        "|---|---|---|---|---|",
    ]
    for name, found in told.items():
        errors = np.array([one.estimate for one in found]) / truth - 1
        held = np.mean([one.low <= truth <= one.high for one in found])
        below = np.mean([one.lower_90 <= truth for one in found])
        lines.append(
            f"| {name} | {errors.mean():+.1%} | {np.sqrt(np.mean(errors**2)):.0%} | {held:.1%} | "
            f"{below:.1%} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
