"""How often the intervals of plans by size and in two stages hold the truth, over many draws.

Size: JIHE_PROOF_COVERAGE draws, 200 by default. Each claim is held to four standard errors of the
simulation. 48 of 240 institutions are drawn, village clinics and hospitals, skewed in size; 20 of
them are certain by size. Eight claims of each are seen, under one stage the whole institution.
`tests.sampling.staged_draws` draws them as the library does, for all repeats at once; the last
tests here hold it to `draw_by`, number for number. Measured with 2,000 draws: 95 % intervals and
one-sided 90 % lower bounds in per cent, and the mean number of institutions left to chance in which
something was found ("with findings").

                            plenty            few              hardly           uneven
                       pps  size  str    pps  size  str    pps  size  str    pps  size  str
    with findings       25    23   31      6   5.7    7    2.7   2.6    3    5.1   3.1  6.9
    Student's t       94.5  94.2 89.5   89.3  89.5 82.0   88.5  86.6 72.1   66.8  88.0 77.0
    percentile        94.2  94.2 89.7   89.9  90.4 83.6   88.1  86.5 74.2   69.5  87.9 78.2
    studentised       93.8  95.9 94.5   98.5  96.4 96.7   98.0  97.2 97.7   98.0  94.7 95.1
      no upper end       0     0    0      0     0  4.5    0.9   1.1 65.1      0     0  5.8
    bound, t          89.8  95.2 94.8   94.2  94.0 97.9   94.5  95.9 96.9   98.0  96.7 98.1
    bound, studentised 90.1 91.6 89.8   89.9  90.0 92.5   90.0  90.1 91.1   91.7  92.5 89.8

(pps: by size, seen whole; size: by size, then claims; str: from strata, then claims; percentile and
studentised: the bootstrap.) Other populations of the kind, 600 to 1,000 draws, show where Student's
interval begins to hold. By size: 94.8 and 94.6 with thirteen and twelve institutions with findings,
but where these are uneven 91.6 with ten, 92.1 to 93.3 with seventeen to twenty-eight, 94.8 and 94.2
with thirty-nine and forty-three.
From strata it fails even with plenty, because a simple random sample of institutions of all sizes
is skewed whatever is found: with 96 of 960 drawn 89.5 (56 with findings), with 192 of them 93.7
(112). Hence the two thresholds of `estimation.staged_intervals`. The studentised interval held in
92 to 97 of 100 there, in one population in 91.2 (nine with findings). Its price is width: with
three institutions with findings it is nine times as wide as the truth is large, or has no upper
end. Its lower bound holds what it says and is higher than Student's: 0.54 of the truth instead of
0.38 (few, str), 0.75 instead of 0.70 (hardly, pps).
"""

from __future__ import annotations

import math
import os
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from sampling.design import Design, Stratum
from sampling.drawing.beside import NOTHING
from sampling.drawing.draw import random_numbers
from sampling.drawing.pps import inclusion_probabilities
from sampling.drawing.staged_draw import draw_by
from sampling.estimation.intervals import Estimated
from sampling.estimation.staged_intervals import FEW_BY_SIZE, FEW_FROM_STRATA
from sampling.estimation.staged_replication import FirstStage, staged_bootstrap
from sampling.frame import Frame, make_frame
from sampling.planning.staged_plan import plan_by_size, plan_two_stages
from tests.sampling import staged_draws as many

REPEATS = int(os.environ.get("JIHE_PROOF_COVERAGE", "200"))
DESIGNS = ("pps", "size", "strata")
NAMES = tuple(many.SHARES)
EVERY = [(name, design) for name in NAMES for design in DESIGNS]


class Measured:
    """What the draws of one design from one population gave, one value per draw."""

    def __init__(self, name: str, design: str) -> None:
        people = many.population(name)
        self.truth = people.truth
        rows = [
            _outcome(got, stages, self.truth)
            for got, stages in many.draws(people, design, REPEATS)
        ]  # fmt: skip
        self.by = {key: np.array([row[key] for row in rows], dtype=float) for key in rows[0]}

    def share(self, key: str) -> float:
        return float(self.by[key].mean())

    def centred(self, values: np.ndarray) -> bool:
        """Whether the mean of the values is not to be told from 0."""
        return abs(values.mean()) <= 4 * values.std() / math.sqrt(REPEATS)


@cache
def _measured(name: str, design: str) -> Measured:
    return Measured(name, design)


def _outcome(got: Estimated, stages: list[FirstStage], truth: float) -> dict[str, float]:
    boot = staged_bootstrap(stages, got, b"coverage", replicates=399)
    chance = [i for s in stages if s.deviations is not None for i in s.institutions]
    q = got.quantity
    return {
        "error": got.estimate - truth, "variance": got.variance,
        "within": sum(
            float(np.dot(s.weights, [i.variance for i in s.institutions])) for s in stages
        ),
        "found": sum(bool((i.claims.y > 0).any()) for i in chance),
        "student": _holds(q.interval_95_t, truth),
        "halved": q.standard_error is not None
        and abs(got.estimate - truth) <= 0.98 * q.standard_error,
        "percentile": _holds(boot.percentile_95, truth),
        "studentised": _holds(boot.studentised_95, truth),
        "open": boot.studentised_95 is not None and None in boot.studentised_95,
        "unstated": q.standard_error is None,
        "student bound": q.lower_90 is not None and q.lower_90 <= truth,
        "studentised bound": boot.studentised_lower_90 is not None
        and boot.studentised_lower_90 <= truth,
    }  # fmt: skip


def _holds(interval: tuple[float | None, float | None] | None, truth: float) -> bool:
    """An end that is not stated excludes nothing; an interval that is not stated claims nothing."""
    if interval is None:
        return False
    low, high = interval
    return (low is None or low <= truth) and (high is None or truth <= high)


def _slack(share: float) -> float:
    return 4 * math.sqrt(share * (1 - share) / REPEATS)


def _about(share: float, claimed: float, tolerance: float) -> bool:
    return abs(share - claimed) <= tolerance + _slack(claimed)


@pytest.mark.parametrize(("name", "design"), EVERY)
def test_totals_and_their_variances_are_centred(name: str, design: str) -> None:
    got = _measured(name, design)
    assert got.centred(got.by["error"])
    assert got.centred(got.by["variance"] - got.by["error"] ** 2)


def test_the_check_of_variances_catches_one_without_a_stage() -> None:
    """Between institutions alone is too little by size, within them alone from strata."""
    got = _measured("plenty", "size")
    between = got.by["variance"] - got.by["within"]
    assert not got.centred(between - got.by["error"] ** 2)
    got = _measured("plenty", "strata")
    assert not got.centred(got.by["within"] - got.by["error"] ** 2)


@pytest.mark.parametrize("design", ["pps", "size"])
def test_students_interval_holds_by_size_with_plenty_of_findings(design: str) -> None:
    got = _measured("plenty", design)
    assert got.share("found") >= 20
    assert _about(got.share("student"), 0.95, 0.02)
    assert got.share("student bound") >= 0.89 - _slack(0.9)


def test_students_interval_is_known_to_fail_from_strata_even_with_plenty() -> None:
    """What `FEW_FROM_STRATA` rests on; should this pass 92 %, revise table and threshold."""
    got = _measured("plenty", "strata")
    assert 20 <= got.share("found") < FEW_FROM_STRATA
    assert got.share("student") < 0.92 + _slack(0.9)
    assert got.share("studentised") >= got.share("student")


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", ["few", "hardly", "uneven"])
def test_the_studentised_interval_holds_where_students_does_not(name: str, design: str) -> None:
    got = _measured(name, design)
    assert got.share("found") < FEW_BY_SIZE
    assert got.share("student") < 0.94
    assert got.share("studentised") > max(got.share("student"), got.share("percentile"))


@pytest.mark.parametrize(("name", "design"), EVERY)
def test_the_studentised_interval_and_its_bound_hold_what_they_say(name: str, design: str) -> None:
    got = _measured(name, design)
    assert got.share("studentised") >= 0.93 - _slack(0.95)
    assert _about(got.share("studentised bound"), 0.90, 0.025)
    if name == "plenty":
        assert _about(got.share("studentised"), 0.95, 0.02)
        assert got.share("open") == 0


def test_the_percentile_interval_is_no_remedy() -> None:
    for design in DESIGNS:
        got = _measured("few", design)
        assert abs(got.share("percentile") - got.share("student")) <= 0.05


@pytest.mark.parametrize(("name", "design"), EVERY)
def test_the_checks_catch_halved_standard_errors(name: str, design: str) -> None:
    assert not _about(_measured(name, design).share("halved"), 0.95, 0.02)


def test_these_draws_by_size_are_those_of_the_plan() -> None:
    """The same numbers take the same institutions, and as often as their chances."""
    people = many.population("few")
    design, beside = plan_by_size(people.frame, many.DRAWN)
    ids = np.array(people.frame.unit_ids.to_pylist())
    for seed in (bytes([k]) * 32 for k in range(5)):
        numbers = random_numbers(seed, "institution", people.frame.unit_ids) / 2.0**64
        (taken,) = many.by_size(people.weights, many.DRAWN, numbers[None, :])
        listed = draw_by(people.frame, design, beside, seed, "P0001")["unit_id"].to_pylist()
        assert ids[taken].tolist() == listed
    weights = [3 * 2**24, 2**24, 0, 2 * 2**24, 2**24]
    drawn = many.by_size(weights, 3, np.random.default_rng(3).random((20_000, 5)))
    chances = inclusion_probabilities(weights, 3)
    assert np.abs(drawn.mean(axis=0) - chances).max() <= 4 * math.sqrt(0.25 / 20_000)


def test_these_draws_from_strata_and_within_institutions_are_those_of_the_plan() -> None:
    people = many.population("few")
    names = people.frame.unit_ids.to_pylist()
    frame = make_frame("institution", names, people.strata.tolist(), people.frame.size_minor)
    strata = tuple(
        Stratum(s, int((people.strata == s).sum()), n, 1, False)
        for s, n in many.STRATUM_DRAWS.items()
    )  # fmt: skip
    first = Design("institution", many.DRAWN, Decimal("0.01"), Decimal(0), strata)
    claims = _claims(people)
    design, beside = plan_two_stages(frame, first, NOTHING, claims, str(many.EACH))
    seed = bytes(range(32))
    numbers = random_numbers(seed, "institution", frame.unit_ids) / 2.0**64
    (taken,) = many.smallest(numbers[None, :], people.strata, many.STRATUM_DRAWS)
    inner = random_numbers(seed, "claim", claims.unit_ids) / 2.0**64
    owners = np.array(claims.strata.to_pylist())
    expected = []
    for name in np.array(names)[taken].tolist():
        places = np.flatnonzero(owners == name)
        expected += [f"{name}-{j:03d}" for j in many.claims_taken(inner[places]).tolist()]
    drawn = draw_by(frame, design, beside, seed, "P0001")
    assert drawn["unit_id"].to_pylist() == sorted(expected)


def _claims(people: many.Population) -> Frame:
    owners = [f"i{k:03d}" for k, wrong in enumerate(people.wrong) for _ in wrong]
    ids = [f"i{k:03d}-{j:03d}" for k, wrong in enumerate(people.wrong) for j in range(len(wrong))]
    return make_frame("claim", ids, owners, [1] * len(ids))
