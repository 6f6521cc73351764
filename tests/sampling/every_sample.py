"""Every sample of one small population, and a known size of each of its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from sampling.estimation.auxiliary import Auxiliary, auxiliary
from sampling.estimation.stratified import StratifiedSample, stratified_sample

# A population so small that every sample can be drawn. Amounts are mostly zero, as verdicts are.
SIZES = {"a": 5, "b": 4, "top": 2}
DRAWS = {"a": 3, "b": 2, "top": 2}
Y = {"a": [0, 0, 7, 0, 12], "b": [3, 0, 0, 40], "top": [90, 55]}
X = {"a": [1, 2, 6, 1, 9], "b": [5, 2, 1, 30], "top": [70, 60]}
TRUTH = 207.0


def unit_name(stratum: str, i: int) -> str:
    return f"{stratum}{i}"


def every_sample() -> Iterator[StratifiedSample]:
    names = list(SIZES)
    for chosen in product(*(combinations(range(SIZES[s]), DRAWS[s]) for s in names)):
        rows = [
            (unit_name(s, i), s, Y[s][i])
            for s, picks in zip(names, chosen, strict=True)
            for i in picks
        ]
        ids, strata, y = zip(*rows, strict=True)
        yield stratified_sample(SIZES, ids, strata, y)


def known_sizes(sample: StratifiedSample, x: Mapping[str, Sequence[float]] = X) -> Auxiliary:
    frame = [(unit_name(s, i), s, v) for s, values in x.items() for i, v in enumerate(values)]
    ids, strata, values = zip(*frame, strict=True)
    return auxiliary(sample, ids, strata, values)
