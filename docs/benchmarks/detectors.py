"""All detectors and their ensemble on public tables: AUC and average precision.

In: the tables that come with scikit-learn, turned into outlier tasks by keeping few rows of one
class, and synthetic tables with the four kinds of outliers of ADBench (Han, Hu, Huang, Jiang & Zhao
2022, NeurIPS Datasets and Benchmarks): global, local, clustered and dependency. Out: a Markdown
table per measure, one row per set and one column per detector, mean over the seeds.

Every detector has its default parameters and sees neither labels nor which rows are odd: it is
fitted on all rows of a task and scores the same rows. The peer residual needs a choice of columns
and takes part in the table of amounts only. scikit-learn's own forest stands beside as a reference.

    OMP_NUM_THREADS=1 python docs/benchmarks/detectors.py --seeds 3
    OMP_NUM_THREADS=1 python docs/benchmarks/detectors.py --seeds 3 --held-out

The defaults were settled on the first set of tasks; the second had no part in that.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from training.detectors import (
    AnyDetector,
    HistogramDetector,
    IsolationForestDetector,
    NeighbourDistanceDetector,
    PeerResidualDetector,
    RankEnsemble,
    RobustDistanceDetector,
    TailDetector,
)

Floats = npt.NDArray[np.float64]
Task = tuple[Floats, Floats]
Random = np.random.Generator

SINGLES: dict[str, Callable[[], AnyDetector]] = {
    "forest": IsolationForestDetector,
    "hist dyn": HistogramDetector,
    "hist stat": lambda: HistogramDetector(bins="static"),
    "robust": RobustDistanceDetector,
    "neighbour": NeighbourDistanceDetector,
    "tail": TailDetector,
}
ENSEMBLES: dict[str, Callable[[], AnyDetector]] = {
    "ensemble": RankEnsemble,
    "of means": lambda: RankEnsemble(combine="mean"),
    "of maxima": lambda: RankEnsemble(combine="max"),
}
#: The amount is the first column; its peers are told by the others.
AMOUNT = "amounts by case mix"


def few_of_one_class(table: Floats, label: Floats, odd: int, count: int, rng: Random) -> Task:
    """Keep ``count`` rows of class ``odd`` and all rows of the others."""
    kept = rng.permutation(np.flatnonzero(label == odd))[:count]
    rows = np.concatenate([np.flatnonzero(label != odd), kept])
    return table[rows], (label[rows] == odd).astype(np.float64)


def few_others(table: Floats, label: Floats, usual: int, count: int, rng: Random) -> Task:
    """Keep all rows of class ``usual`` and ``count`` rows of the others."""
    kept = rng.permutation(np.flatnonzero(label != usual))[:count]
    rows = np.concatenate([np.flatnonzero(label == usual), kept])
    return table[rows], (label[rows] != usual).astype(np.float64)


def clusters(rng: Random, count: int, width: int = 8) -> tuple[Floats, Floats, Floats]:
    """Return rows of three Gaussian clusters of different shape, their cluster, the centres."""
    centres = rng.normal(scale=4.0, size=(3, width))
    member = rng.integers(0, 3, count)
    shapes = rng.normal(size=(3, width, width)) / np.sqrt(width)
    noise = np.einsum("nij,nj->ni", shapes[member], rng.normal(size=(count, width)))
    return centres[member] + noise, member.astype(np.float64), centres


def synthetic(kind: str, rng: Random, count: int = 1_000, odd: int = 50) -> Task:
    """Return clusters with ``odd`` outliers of one of ADBench's four kinds appended."""
    usual, _, centres = clusters(rng, count)
    if kind == "global":
        low, high = usual.min(axis=0), usual.max(axis=0)
        out = rng.uniform(1.1 * low, 1.1 * high, size=(odd, usual.shape[1]))
    elif kind == "local":
        # Rows of the clusters, two and a half times as far from the nearest centre.
        start = usual[rng.integers(0, count, odd)]
        nearest = np.argmin(((start[:, None] - centres) ** 2).sum(axis=2), axis=1)
        out = centres[nearest] + 2.5 * (start - centres[nearest])
    elif kind == "clustered":
        out = rng.normal(scale=6.0, size=usual.shape[1]) + rng.normal(
            scale=0.3, size=(odd, usual.shape[1])
        )
    else:
        # Each column as it is among the usual rows, without what ties them together.
        out = np.column_stack([rng.choice(column, odd) for column in usual.T])
    return np.concatenate([usual, out]), np.r_[np.zeros(count), np.ones(odd)]


def heavy_tails(rng: Random, count: int = 1_000, odd: int = 30) -> Task:
    """Return amounts, counts, shares and rare hits of mixed scale; odd rows are off in two."""
    size = rng.normal(size=count)
    table = np.column_stack(
        [
            np.exp(9 + size + rng.normal(size=(2, count))).T,
            rng.poisson(np.exp(1 + 0.5 * size)),
            rng.beta(2, 5, size=(count, 3)),
            rng.random((count, 2)) < 0.02,
        ]
    ).astype(np.float64)
    for row in range(odd):
        first, second = rng.choice(6, 2, replace=False)
        table[row, first] *= 8.0
        table[row, second] /= 8.0
    return table, (np.arange(count) < odd).astype(np.float64)


def amounts(rng: Random, count: int = 3_000, odd: int = 60) -> Task:
    """Return amounts that depend on five case-mix columns; odd rows cost three times as much."""
    mix = np.column_stack([rng.integers(0, 8, (count, 2)), rng.normal(size=(count, 3))])
    expected = np.exp(7 + 0.35 * mix[:, 0] + 0.5 * np.abs(mix[:, 2]) + 0.2 * mix[:, 1])
    amount = expected * rng.lognormal(sigma=0.35, size=count)
    amount[:odd] *= 3.0
    return np.column_stack([amount, mix]), (np.arange(count) < odd).astype(np.float64)


#: Name of the task, its table, the class that becomes rare, and how many of it are kept.
_Rare = tuple[str, Callable[..., tuple[Floats, Floats]], int, int]
_SETTLED: tuple[_Rare, ...] = (
    ("breast cancer, malignant", datasets.load_breast_cancer, 0, 20),
    ("wine, first grower", datasets.load_wine, 0, 8),
    ("wine, third grower", datasets.load_wine, 2, 8),
    ("iris, setosa", datasets.load_iris, 0, 8),
    ("iris, virginica", datasets.load_iris, 2, 8),
    ("digits, few 0", datasets.load_digits, 0, 30),
    ("digits, few 4", datasets.load_digits, 4, 30),
    ("digits, few 8", datasets.load_digits, 8, 30),
)
_HELD_OUT: tuple[_Rare, ...] = (
    ("breast cancer, benign", datasets.load_breast_cancer, 1, 12),
    ("wine, second grower", datasets.load_wine, 1, 8),
    ("iris, versicolor", datasets.load_iris, 1, 8),
    *((f"digits, few {digit}", datasets.load_digits, digit, 30) for digit in (1, 3, 6, 9)),
)


def bundled(
    rare: Sequence[_Rare], digits: Sequence[int], rng: Random
) -> Iterator[tuple[str, Task]]:
    """Return tasks from bundled tables: one rare class, or one digit and a few of the others."""
    for name, load, odd, count in rare:
        table, label = load(return_X_y=True)
        yield name, few_of_one_class(table, label, odd, count, rng)
    table, label = datasets.load_digits(return_X_y=True)
    for digit in digits:
        yield f"digits, all {digit}", few_others(table, label, digit, 10, rng)


def tasks(seed: int) -> Iterator[tuple[str, Task]]:
    """Return every task by name, drawn by the seed."""
    rng = np.random.default_rng(seed)
    yield from bundled(_SETTLED, (1, 3, 6), rng)
    for kind in ("global", "local", "clustered", "dependency"):
        yield f"clusters, {kind}", synthetic(kind, rng)
    yield "heavy tails, mixed scales", heavy_tails(rng)
    yield AMOUNT, amounts(rng)


def held_out(seed: int) -> Iterator[tuple[str, Task]]:
    """Return tasks that nobody looked at while the defaults were chosen."""
    rng = np.random.default_rng(1_000 + seed)
    yield from bundled(_HELD_OUT, (0, 4, 8), rng)
    yield "two moons", _scattered(datasets.make_moons(800, noise=0.08, random_state=seed)[0], rng)
    rings = datasets.make_circles(800, noise=0.05, factor=0.4, random_state=seed)[0]
    yield "two rings", _scattered(rings, rng)
    roll = datasets.make_swiss_roll(800, noise=0.3, random_state=seed)[0]
    yield "swiss roll", _scattered(roll, rng)
    table, odd = synthetic("global", rng)
    yield "clusters, 40 empty columns", (np.c_[table, rng.normal(size=(len(table), 40))], odd)
    usual = rng.standard_t(2, size=(1_000, 10)) @ rng.normal(size=(10, 10))
    out = np.column_stack([rng.choice(column, 40) for column in usual.T])
    yield (
        "heavy and correlated, dependency",
        (np.r_[usual, out], np.r_[np.zeros(1_000), np.ones(40)]),
    )
    counts = rng.poisson(rng.gamma(2.0, 2.0, size=(1_000, 1)) * rng.random((1, 12)))
    counts[:30, :3] += rng.poisson(6, size=(30, 3))
    yield (
        "counts, three too high",
        (counts.astype(np.float64), (np.arange(1_000) < 30).astype(np.float64)),
    )


def _scattered(usual: Floats, rng: Random, odd: int = 40) -> Task:
    """Add rows spread evenly over the range of the table."""
    out = rng.uniform(usual.min(axis=0), usual.max(axis=0), size=(odd, usual.shape[1]))
    return np.concatenate([usual, out]), np.r_[np.zeros(len(usual)), np.ones(odd)]


def scores(name: str, table: Floats) -> dict[str, Floats]:
    """Return the scores of every detector that suits the task, fitted on the table itself."""
    chosen = {**SINGLES, **ENSEMBLES}
    if name == AMOUNT:
        chosen["peer"] = PeerResidualDetector
        chosen["peer robust"] = lambda: PeerResidualDetector(unit="robust")
    found = {key: make().fit(table).anomaly_score(table) for key, make in chosen.items()}
    reference = IsolationForest(n_estimators=200, random_state=0).fit(table)
    return {**found, "sklearn IF": -reference.score_samples(table)}


def measure(
    seeds: int, of_seed: Callable[[int], Iterator[tuple[str, Task]]]
) -> dict[str, dict[str, Floats]]:
    """Return task -> detector -> (AUC, AP), mean over the seeds."""
    sums: dict[str, dict[str, Floats]] = {}
    for seed in range(seeds):
        for name, (table, odd) in of_seed(seed):
            of = sums.setdefault(name, {})
            for key, score in scores(name, table).items():
                pair = np.array([roc_auc_score(odd, score), average_precision_score(odd, score)])
                of[key] = of.get(key, np.zeros(2)) + pair / seeds
    return sums


def table_of(found: dict[str, dict[str, Floats]], which: int) -> str:
    """Return the Markdown table of one measure with the means over the sets of all detectors."""
    keys = [*SINGLES, *ENSEMBLES, "sklearn IF"]
    lines = [
        f"| {['AUC', 'AP'][which]} | " + " | ".join(keys) + " |",
        "|---" * (len(keys) + 1) + "|",
    ]
    for name, of in found.items():
        cells = [f"{of[key][which]:.3f}" for key in keys]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    means = {key: np.mean([of[key][which] for of in found.values()]) for key in keys}
    lines.append("| **mean** | " + " | ".join(f"{means[key]:.3f}" for key in keys) + " |")
    best = [max(of[key][which] for key in SINGLES) for of in found.values()]
    regret = [
        np.mean([top - of[key][which] for top, of in zip(best, found.values(), strict=True)])
        for key in keys
    ]
    lines.append(
        "| behind the best single of each set | " + " | ".join(f"{r:.3f}" for r in regret) + " |"
    )
    return "\n".join(lines)


def main() -> None:
    """Print both tables and what the peer residual reaches on the amounts."""
    parser = argparse.ArgumentParser(description="Compare the detectors on public tables.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held-out", action="store_true", help="the tasks not looked at before")
    wanted = parser.parse_args()
    found = measure(wanted.seeds, held_out if wanted.held_out else tasks)
    page = [table_of(found, 0), table_of(found, 1)]
    for key in ("peer", "peer robust") if AMOUNT in found else ():
        auc, precision = found[AMOUNT][key]
        page.append(f"{AMOUNT}, {key}: AUC {auc:.3f}, AP {precision:.3f}")
    sys.stdout.write("\n\n".join(page) + "\n")


if __name__ == "__main__":
    main()
