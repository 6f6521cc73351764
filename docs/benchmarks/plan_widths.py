"""Widths of the interval of the total on a simulated county, for four ways to plan the same hours.

In: a home whose claims were scored after verdicts, the county's truth folder, and the vault that
holds the pseudonyms (JIHE_VAULT). Out: a Markdown table. All designs draw the same number of the
same claims, and the truth stands in for the verdicts:

* a: simple random sample;
* b: strata by amount, n_h by Neyman's rule on the spread of the amounts;
* c: strata by amount and by score, n_h by Neyman's rule on what the score predicts;
* d: the draws of c, with the regression on the sealed score's expected amount.

Then c and d again with the scores of the units shuffled: a score that is pure noise. Widths are
2 x 1.96 x estimated standard error, before they are cut at what was found; coverage is that of the
interval that jihe shows (Student's t). Only claims that became known after training are in the
frame, so that the score has seen none of them.

    JIHE_VAULT=demo/vault python docs/benchmarks/plan_widths.py demo/home demo/county/truth \
        --frame-from 2025-08-15 --capacity 600 --redraws 2000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.simulator.inspectors import truth_of
from claims.store import open_store
from claims.vault import identities
from jihe.identified import dataset_name
from jihe.plan_units import plannable
from sampling.estimation.auxiliary import Auxiliary
from sampling.estimation.intervals import Quantity
from sampling.estimation.regression_estimate import expansion_total, greg_total
from sampling.estimation.stratified import Linearised, StratifiedSample
from sampling.frame import make_frame
from sampling.planning.allocation import Knowledge, allocate_by
from sampling.planning.plan_design import PlanUnits, stratum_spreads
from sampling.planning.predicted import Predicted, by_stratum, variances_within
from sampling.planning.stratify import stratify
from sampling.planning.value_bands import equal_aggregate_bands

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Z = 1.959963984540054


@dataclass(frozen=True)
class Choices:
    """What every design has in common."""

    capacity: int
    random_share: Decimal
    bands: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Strata of all units in the order of their ids, with N_h and n_h."""

    names: tuple[str, ...]
    codes: Ints
    sizes: Ints
    draws: Ints


@dataclass
class Widths:
    """What redraws of one design gave."""

    estimates: list[float]
    widths: list[float]
    covered: int = 0

    def add(self, got: Linearised, truth: float) -> None:
        """Count one estimate."""
        self.estimates.append(got.estimate)
        self.widths.append(2 * Z * float(np.sqrt(got.variance)))
        self.covered += _holds(got.quantity, truth)


def simple_plan(units: PlanUnits, choices: Choices) -> Plan:
    """One stratum."""
    return _plan(units, ["all"] * len(units), {"all": 1.0}, choices)


def amount_plan(units: PlanUnits, choices: Choices) -> Plan:
    """Strata by amount; nothing is known of the units but their amounts."""
    sizes = units.size_minor.astype(np.float64)
    bands = equal_aggregate_bands(units.unit_ids, sizes, choices.bands)
    names, codes = np.unique(bands, return_inverse=True)
    spreads = variances_within(codes, len(names), sizes)
    return _plan(units, bands.tolist(), dict(zip(names, spreads.tolist(), strict=True)), choices)


def score_plan(units: PlanUnits, choices: Choices) -> Plan:
    """Strata by amount and by what the score expects the amount to spread by."""
    assert units.model is not None  # noqa: S101 - the benchmark is of scored units
    amount = equal_aggregate_bands(units.unit_ids, units.size_minor, choices.bands)
    risk = equal_aggregate_bands(units.unit_ids, np.sqrt(units.model.variance), choices.bands)
    made = stratify(
        units.unit_ids, pa.array(units.risk_rank), pa.array(["all"] * len(units)),
        pa.array([str(name) for name in amount]), capacity=choices.capacity,
        random_share=choices.random_share, take_all_share="0",
        band=pa.array([str(name) for name in risk]),
    )  # fmt: skip
    strata = made.strata.to_pylist()
    names, codes = np.unique(strata, return_inverse=True)
    return _plan(units, strata, stratum_spreads(units, names.tolist(), codes), choices)


def _plan(
    units: PlanUnits, strata: Sequence[str], spreads: dict[str, float], choices: Choices
) -> Plan:
    frame = make_frame(units.unit, units.unit_ids, pa.array(strata), units.size_minor)
    design = allocate_by(
        "neyman", frame, choices.capacity, choices.random_share, known=Knowledge(spreads)
    )
    names, codes = frame.stratum_codes()
    sizes = np.array([s.units for s in design.strata], dtype=np.int64)
    draws = np.array([s.draws for s in design.strata], dtype=np.int64)
    return Plan(tuple(names), codes, sizes, draws)


def redraw(
    plan: Plan, amounts: Floats, expected: Floats | None, times: int, seed: int
) -> tuple[Widths, Widths]:
    """Draw again and again; return what the expansion and the regression estimator gave."""
    rng = np.random.default_rng(seed)
    order = np.argsort(plan.codes, kind="stable")
    members = np.split(order, np.cumsum(plan.sizes)[:-1])
    drawn = np.repeat(np.arange(len(plan.names)), plan.draws)
    truth, plain, sharp = float(amounts.sum()), Widths([], []), Widths([], [])
    known = None if expected is None else by_stratum(plan.codes, len(plan.names), expected)
    for _ in range(times):
        rows = np.concatenate([
            np.sort(rng.choice(units, n, replace=False))
            for units, n in zip(members, plan.draws.tolist(), strict=True)
        ])  # fmt: skip
        ids = tuple(f"{row:09d}" for row in rows)
        sample = StratifiedSample(plan.names, plan.sizes, plan.draws, drawn, ids, amounts[rows])
        plain.add(expansion_total(sample), truth)
        if expected is not None and known is not None:
            aux = Auxiliary(expected[rows][:, None], known[:, None])
            sharp.add(greg_total(sample, aux), truth)
    return plain, sharp


def shuffled(units: PlanUnits, seed: int) -> PlanUnits:
    """Return the units with each other's scores: as a score, pure noise."""
    assert units.model is not None  # noqa: S101 - the benchmark is of scored units
    order = np.random.default_rng(seed).permutation(len(units))
    model = units.model
    noise = Predicted(model.chance[order], model.mean[order], model.variance[order])
    return PlanUnits(
        units.unit, units.unit_ids, units.risk_rank[order], units.size_minor, units.facts, noise
    )


def truth(home: Path, folder: Path, units: PlanUnits) -> Floats:
    """Return the truly overpaid amount of each unit, in minor units."""
    known = identities(dataset_name(open_store(home)))
    original = dict(zip(known["pseudonym"].to_pylist(), known["original"].to_pylist(), strict=True))
    rows = truth_of(folder)
    amounts = dict(zip(rows["claim_id"].tolist(), rows["overpaid_amount"].tolist(), strict=True))
    ids = units.unit_ids.to_pylist()
    return np.array([amounts.get(original.get(i, ""), 0) for i in ids], dtype=np.float64)


def _holds(found: Quantity, truth: float) -> bool:
    if found.interval_95_t is None:
        return False
    low, high = found.interval_95_t
    return low <= truth <= high


def _row(name: str, got: Widths, truth: float, yardsticks: Sequence[float]) -> str:
    width = float(np.mean(got.widths))
    bias = (float(np.mean(got.estimates)) - truth) / truth
    error = float(np.std(got.estimates)) / truth
    against = " | ".join(f"{width / other:.3f}" for other in yardsticks)
    times = len(got.estimates)
    return (
        f"| {name} | {width / 100:,.0f} | {width / truth:.3f} | {bias:+.2%} | {error:.3f} | "
        f"{got.covered / times:.1%} | {against} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--frame-from", type=date.fromisoformat)
    parser.add_argument("--capacity", type=int, default=600)
    parser.add_argument("--random-share", type=Decimal, default=Decimal("0.3"))
    parser.add_argument("--bands", type=int, default=4)
    parser.add_argument("--redraws", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    units = plannable(asked.home, "claim", asked.frame_from).units
    y = truth(asked.home, asked.truth, units)
    choices = Choices(asked.capacity, asked.random_share, asked.bands)
    noisy = shuffled(units, asked.seed)
    assert units.model is not None and noisy.model is not None  # noqa: S101, PT018
    times, seed = asked.redraws, asked.seed
    a, _ = redraw(simple_plan(units, choices), y, None, times, seed)
    b, _ = redraw(amount_plan(units, choices), y, None, times, seed)
    c, d = redraw(score_plan(units, choices), y, units.model.mean, times, seed)
    c0, d0 = redraw(score_plan(noisy, choices), y, noisy.model.mean, times, seed)
    total = float(y.sum())
    wide = [float(np.mean(x.widths)) for x in (a, b, c, c0)]
    lines = [
        f"{len(units):,} claims, {int((y > 0).sum()):,} with a finding, {total / 100:,.0f} "
        f"overpaid; {asked.capacity} drawn, random share {asked.random_share}, {times} redraws\n",
        "| design | mean width | of total | bias | sd | coverage | to a | to b | to c |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(n, x, total, wide[:3]) for n, x in (("a", a), ("b", b), ("c", c), ("d", d))]
    noise = [wide[0], wide[1], wide[3]]
    lines += [_row(n, x, total, noise) for n, x in (("c, noise", c0), ("d, noise", d0))]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
