"""How many units of the frame can have findings, exactly, however few were found, even none.

In: by stratum, units N_h, verdicts n_h, findings. Out: the fewest and the most findings that the
frame can have at a stated risk. The number found in a simple random sample is hypergeometric; the
limits are those that make it not too rare (Cochran, Sampling Techniques, 3rd ed., 1977, section
3.6; exact in the sense of Clopper and Pearson 1934, so the truth is missed at most as often as
stated, for every truth). Over strata the risk is shared equally (Bonferroni) and the limits add up:
safe, and wider than need be with many strata. Units not inspected can be overpaid by no more than
their own amount, which turns the most findings into the most that can be overpaid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from scipy import stats

from sampling.estimation.sample_faults import SampleError
from sampling.faults import Fault, checked


def most_findings(N: int, n: int, found: int, risk: float) -> int:
    """Return the largest number of findings in N under which so few are found with this chance.

    The largest D with P(X <= found | D) > risk.
    """
    return _last(found, N - n + found, lambda D: float(stats.hypergeom.cdf(found, N, D, n)) > risk)


def least_findings(N: int, n: int, found: int, risk: float) -> int:
    """Return the smallest number of findings in N under which so many are found with this chance.

    The smallest D with P(X >= found | D) > risk.
    """
    spare = N - n
    # By symmetry: as many without findings as `most_findings` allows of those.
    return N - _last(
        n - found, n - found + spare,
        lambda D: float(stats.hypergeom.cdf(n - found, N, D, n)) > risk,
    )  # fmt: skip


def findings_between(
    sizes: Mapping[str, int], verdicts: Mapping[str, int], found: Mapping[str, int],
    risk: float = 0.05,
) -> tuple[int, int]:  # fmt: skip
    """Return the fewest and the most findings of the frame, each missed with half the risk.

    Raises:
        SampleError: naming strata whose numbers cannot be, and a risk not between 0 and 1.
    """
    checked(_faults(sizes, verdicts, found, risk), SampleError)
    share = risk / 2 / max(1, sum(verdicts[h] < sizes[h] for h in sizes))
    least = sum(least_findings(sizes[h], verdicts[h], found[h], share) for h in sizes)
    most = sum(most_findings(sizes[h], verdicts[h], found[h], share) for h in sizes)
    return least, most


def most_overpaid(
    sizes: Mapping[str, int], verdicts: Mapping[str, int], found: Mapping[str, int],
    overpaid: int, unseen: Mapping[str, Sequence[int]], risk: float = 0.10,
) -> int:  # fmt: skip
    """Return what the total overpaid does not exceed, at this risk, in minor units.

    Args:
        sizes: N_h of every stratum; ``verdicts`` and ``found`` are counts by stratum.
        overpaid: sum found in the units inspected.
        unseen: the amounts of the units not inspected, by stratum; none can be overpaid by more.
        risk: of the total being above the bound.

    Raises:
        SampleError: as `findings_between`, and naming strata with other than N_h - n_h amounts.
    """
    checked(_faults(sizes, verdicts, found, risk), SampleError)
    checked([
        _unseen(h, len(unseen.get(h, ())), sizes[h] - verdicts[h])
        for h in sorted(sizes)
        if len(unseen.get(h, ())) != sizes[h] - verdicts[h] or any(a < 0 for a in unseen.get(h, ()))
    ], SampleError)  # fmt: skip
    share = risk / max(1, sum(verdicts[h] < sizes[h] for h in sizes))
    total = overpaid
    for h in sizes:
        more = most_findings(sizes[h], verdicts[h], found[h], share) - found[h]
        total += sum(sorted(unseen.get(h, ()), reverse=True)[:more])
    return total


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number up to ``high`` that holds; ``low`` does, and it only ever stops."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _faults(
    sizes: Mapping[str, int], verdicts: Mapping[str, int], found: Mapping[str, int], risk: float
) -> list[Fault]:
    faults = [
        Fault(
            "EXACT_STRATUM", f"Stratum '{h}' has {sizes[h]} units, {verdicts.get(h)} verdicts and "
            f"{found.get(h)} findings; these numbers cannot be.",
            f"层“{h}”有{sizes[h]}个对象、{verdicts.get(h)}个结论、{found.get(h)}个查实，"
            "数字不可能成立。",
        )
        for h in sorted(sizes)
        if not 0 <= found.get(h, -1) <= verdicts.get(h, -1) <= sizes[h] or sizes[h] < 1
    ]  # fmt: skip
    if not 0 < risk < 1:
        faults.append(Fault(
            "EXACT_RISK", f"The risk is {risk}; it must lie between 0 and 1.",
            f"风险为{risk}，应在0和1之间。",
        ))  # fmt: skip
    return faults


def _unseen(name: str, have: int, want: int) -> Fault:
    return Fault(
        "EXACT_UNSEEN", f"Stratum '{name}' has {want} units not inspected; it needs as many "
        f"amounts of zero or more, not {have}.",
        f"层“{name}”有{want}个未检查对象，需要同样多的非负金额，现有{have}个。",
    )  # fmt: skip
