"""Promotion: what lets a challenger pass, and what the trail keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from claims.contracts import Lang
from jihe import promotion
from jihe.approvals import ApprovalError
from jihe.home import Home
from jihe.judged_units import JudgedUnits
from jihe.promotion import NotBetterError, promote_challenger, roll_back
from tests.jihe.gate_models import Registry, World, trail_of
from training.tracking import RegistryError


@pytest.fixture
def promote(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def run(registry: Registry, *parts: JudgedUnits, reason: str = "", lang: Lang = "en") -> Any:
        monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
        return promote_challenger(home, "claim", reason, lang, lambda _day: list(parts))

    return run


def test_a_win_promotes_and_the_record_says_what_it_won(
    world: World, home: Home, promote: Callable[..., Any]
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    done = promote(registry, world.fresh())
    assert (done.override, done.approvals, registry.entries) == (False, None, {"champion": "good"})
    (kept,) = trail_of(home)
    assert kept["action"] == "model_promoted"
    assert (kept["override"], kept["reason"], kept["approvers"]) == (False, "", "none configured")
    assert kept["gate"]["verdict"] == "win"
    assert kept["gate"]["contests"]["champion"]["interval"][0] > 0
    assert kept["model_version"] == world.folders["good"].name


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_without_a_win_a_reason_is_needed_and_recorded_as_an_override(
    world: World, home: Home, promote: Callable[..., Any], lang: Lang
) -> None:
    registry = Registry(world, {"champion": "good", "challenger": "poor"})
    with pytest.raises(NotBetterError, match="--reason"):
        promote(registry, world.fresh(), reason="  ", lang=lang)
    assert registry.entries["champion"] == "good"
    assert trail_of(home) == []
    done = promote(registry, world.fresh(), reason="a new scheme that no rule sees", lang=lang)
    assert done.override
    (kept,) = trail_of(home)
    assert (kept["override"], kept["reason"]) == (True, "a new scheme that no rule sees")
    assert kept["gate"]["verdict"] == "worse"


def test_nothing_is_recorded_that_did_not_happen(
    world: World, home: Home, promote: Callable[..., Any]
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"}, broken=True)
    with pytest.raises(RegistryError, match="full"):
        promote(registry, world.fresh())
    assert trail_of(home) == []


def test_a_challenger_that_changed_while_it_was_judged_is_not_promoted(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})

    def fresh(_day: date) -> list[JudgedUnits]:
        registry.entries["challenger"] = "cold"
        return [world.fresh()]

    monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
    with pytest.raises(RegistryError, match="no longer the challenger"):
        promote_challenger(home, "claim", "", "en", fresh)
    assert trail_of(home) == []


def test_with_approvers_a_win_is_not_enough(
    world: World, home: Home, promote: Callable[..., Any]
) -> None:
    home.approvers.parent.mkdir()
    home.approvers.write_text("".join(
        f'[[approver]]\nname = "{n}"\nrole = "lead"\npublic_key = "{n * 64}"\n' for n in "ab"
    ))  # fmt: skip
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    with pytest.raises(ApprovalError, match="needs 2 approvals and has 0"):
        promote(registry, world.fresh(), reason="in a hurry")
    assert registry.entries["champion"] == "poor"
    assert trail_of(home) == []


def test_a_rollback_is_recorded(world: World, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(world, {"champion": "good"}, before="0")
    monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
    back, before = roll_back(home, "claim", "too many false leads")
    assert (back.model_version, before.model_version) == ("v0", world.folders["good"].name)
    (kept,) = trail_of(home)
    assert kept == {
        "actor": "data_scientist", "action": "model_rolled_back", "model_version": "v0",
        "instead_of": world.folders["good"].name, "reason": "too many false leads",
    }  # fmt: skip
    registry.before = ""
    with pytest.raises(RegistryError, match="previous"):
        roll_back(home, "claim")
    assert len(trail_of(home)) == 1
