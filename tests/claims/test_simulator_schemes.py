"""Every scheme plants what it says, after its onset, and leaves everybody else alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from claims.simulator.arrays import DAY
from claims.simulator.county import Parameters
from claims.simulator.inspectors import REASONS
from claims.simulator.ledger import Ledger
from claims.simulator.schemes import NAMES, plant
from claims.simulator.truth_files import true_claims, true_lines
from claims.simulator.world import World
from tests.claims.planted_schemes import Planted


def test_there_are_at_least_24_schemes_and_each_has_parameters_and_a_reason() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 24
    assert set(NAMES) == set(Parameters.load(None).schemes) == set(REASONS)


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_plants_after_its_onset_within_the_amounts(
    scheme: str, planted: Callable[[str], Planted]
) -> None:
    case = planted(scheme)
    ledger, claims = case.ledger, case.ledger.claims
    assert len(case.claim) >= 3
    assert set(ledger.truth.scheme.tolist()) == {case.number}
    onset = case.world.calendar.onset(case.spec.onset_month)
    assert claims.begin[case.claim].min() >= onset * DAY
    assert claims.end[case.claim].max() < case.world.calendar.days * DAY
    assert (ledger.lines.count[case.line] >= 1).all()
    assert (ledger.lines.price[case.line] >= 1).all()
    assert case.claim.max() < len(claims)
    lines = true_lines(ledger)
    position = lines["line"].to_numpy()
    amount = ledger.lines.count[position] * ledger.lines.price[position]
    assert (lines["overpaid"].to_numpy() <= amount).all()
    assert (ledger.lines.claim[position] == lines["claim"].to_numpy()).all()
    wrong = true_claims(ledger, lines)
    assert set(wrong["claim"]) == set(case.claim.tolist())
    assert (wrong["overpaid"] > 0).all()
    assert (wrong["overpaid"].to_numpy() <= ledger.totals()[wrong["claim"].to_numpy()]).all()


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_leaves_everybody_else_alone(
    scheme: str, planted: Callable[[str], Planted]
) -> None:
    case = planted(scheme)
    before, after = case.innocent, case.ledger
    n, m = len(before.claims), len(before.lines)
    clean = ~after.tainted()[:n]
    for name, column in vars(before.claims).items():
        assert (getattr(after.claims, name)[:n][clean] == column[clean]).all(), name
    untouched = clean[before.lines.claim]
    for name, column in vars(before.lines).items():
        assert (getattr(after.lines, name)[:m][untouched] == column[untouched]).all(), name
    # Whatever was added is written down, but for the purchases that are need (hoarding).
    added = np.arange(m, len(after.lines))
    told = np.isin(added, after.truth.line)
    assert told.all() or scheme == "excess_supply"


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_that_is_off_plants_nothing(scheme: str, innocents: tuple[World, Ledger]) -> None:
    world, innocent = innocents
    ledger = copy.deepcopy(innocent)
    # Every other scheme is off, this one has nothing to do; then this one is off as well.
    for enabled in (True, False):
        idle = replace(world.parameters.schemes[scheme], enabled=enabled, share=0.0, scattered=0.0)
        off = world.parameters.only()
        quiet = replace(off, schemes={**off.schemes, scheme: idle})
        seeds = np.random.SeedSequence(1).spawn(len(NAMES))
        plant(replace(world, parameters=quiet), ledger, seeds)
    assert len(ledger.truth.claim) == 0
    assert len(ledger.claims) == len(innocent.claims)
    assert len(ledger.lines) == len(innocent.lines)
