"""Which interval counts for a total of a plan by size or in two stages.

In: a `StagedSample`, amounts and findings of its cases. Out: a `Judged`: the total, whether
Student's interval is unsafe, the bootstrap where it is, and the interval that counts.

Student's interval is unsafe with fewer than `FEW_VERDICTS` verdicts, or with findings in fewer than
`FEW_BY_SIZE` institutions left to chance, or in fewer than `FEW_FROM_STRATA` where these are simple
random within strata: totals of institutions of all sizes are so skewed that it missed the truth
twice as often as it says with seventy of them, while by size no institution can add much more than
another (tests/sampling/test_staged_coverage.py). Claims of one institution are no witnesses of
another: many findings in few institutions are few. Where all drawn institutions were certain,
`FEW_POSITIVES` claims are asked for, as in a plan that draws claims from strata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sampling.estimation.estimate import FEW_POSITIVES, FEW_VERDICTS
from sampling.estimation.intervals import Estimated, quantity
from sampling.estimation.plan_totals import Stated, bootstrap_seed, stated_interval
from sampling.estimation.replication import Bootstrap
from sampling.estimation.staged_replication import FirstStage, staged_bootstrap
from sampling.estimation.staged_sample import StagedSample, Values

FEW_BY_SIZE = 30
FEW_FROM_STRATA = 100


@dataclass(frozen=True)
class Support:
    """What an interval rests on: verdicts, and what has to be many.

    ``findings`` counts institutions left to chance with a finding, or claims with one where all
    drawn institutions were certain (``certain``); ``needed`` is how many make Student's safe.
    """

    verdicts: int
    findings: int
    needed: int
    certain: bool

    @property
    def thin(self) -> bool:
        """Whether Student's interval cannot be relied upon."""
        return self.findings < self.needed or self.verdicts < FEW_VERDICTS


@dataclass(frozen=True, eq=False)
class Judged:
    """A total with the interval that counts; ``bootstrap`` only where Student's is unsafe."""

    total: Estimated
    support: Support
    unsafe: bool
    bootstrap: Bootstrap | None
    stated: Stated


def judged(
    sample: StagedSample, amounts: Values, finds: Values, plan_id: str, *, found: int,
    verdicts: int, settled: bool = False,
) -> Judged:  # fmt: skip
    """Return the total of the amounts and its interval.

    Args:
        sample: who answered.
        amounts: minor units by case; ``finds`` has a 1 for each case with a finding.
        plan_id: decides the resamples, nothing else.
        found: the sum found, which no bound falls below.
        verdicts: final verdicts the total rests on.
        settled: nothing is estimated: all institutions concerned were seen whole.
    """
    total = at_least(sample.total(amounts), found, settled=settled)
    stages = sample.first_stage(finds)
    support = _support(stages, verdicts, by_size=sample.chances is not None)
    unsafe = total.quantity.standard_error != 0 and support.thin
    boot = None
    if unsafe:
        seed = bootstrap_seed(plan_id)
        boot = staged_bootstrap(sample.first_stage(amounts), total, seed, least=found)
    return Judged(total, support, unsafe, boot, stated_interval(total.quantity, boot))


def at_least(made: Estimated, found: int, *, settled: bool = False) -> Estimated:
    """Return the estimate with intervals that never fall below what was found."""
    complete = settled or made.quantity.standard_error == 0
    got = quantity(
        made.estimate, made.variance, made.quantity.df or 0.0, complete=complete, least=found
    )
    return replace(made, quantity=got)


def _support(stages: list[FirstStage], verdicts: int, *, by_size: bool) -> Support:
    chance = [i for s in stages if s.deviations is not None for i in s.institutions]
    if chance:
        count = sum(bool((i.claims.y > 0).any()) for i in chance)
        return Support(verdicts, count, FEW_BY_SIZE if by_size else FEW_FROM_STRATA, False)
    sure = [i.claims for s in stages for i in s.institutions if i.claims.uncertain.any()]
    return Support(verdicts, sum(int((c.y > 0).sum()) for c in sure), FEW_POSITIVES, True)
