"""A model that a run trains on the labels of a dataset: what becomes of it, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest

from claims.contracts import Lang
from jihe import promotion
from jihe.home import Home
from jihe.promotion import Use, use_of_dataset_model
from jihe.summary import show_use
from jihe.texts import say
from jihe.training import DATASET, LABELS_FROM, Learnt
from tests.jihe.gate_models import Registry, World, compared_before, trail_of
from training.train import Trained


@pytest.fixture
def settle(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what becomes of the challenger of a registry, as if a run had just trained it."""

    def run(registry: Registry, new: bool = True, lang: Lang = "en") -> str:
        monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
        entry = registry.challenger("jihe-claim")
        assert entry is not None
        trained = Trained(registry.folder(entry), {"unit": "claim"}, registry.logged)
        learnt = Learnt(trained, entry, new)
        return use_of_dataset_model(home, learnt, lang, lambda _day: [])

    return run


def _dataset(**verdicts: str) -> dict[str, Any]:
    names = {"sort_by_amount": "win", "rules_only": "win", "cold_start": "win"}
    return {**compared_before(**{**names, **verdicts}), LABELS_FROM: DATASET}


def test_a_datasets_model_that_wins_out_of_fold_comes_into_use_without_an_override(
    world: World, home: Home, settle: Callable[..., str]
) -> None:
    registry = Registry(world, {"champion": "cold", "challenger": "good"}, _dataset())
    assert settle(registry) == "dataset_won"
    assert registry.entries == {"champion": "good"}
    (kept,) = trail_of(home)
    assert (kept["actor"], kept["override"], kept["reason"]) == ("run", False, "")
    assert set(kept["gate"]["contests"]) == {"sort_by_amount", "rules_only", "cold_start"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_where_the_gate_does_not_decide_the_run_states_its_reason(
    world: World, home: Home, settle: Callable[..., str], lang: Lang
) -> None:
    logged = _dataset(rules_only="insufficient", cold_start="non_inferior")
    registry = Registry(world, {"champion": "cold", "challenger": "good"}, logged)
    assert settle(registry, lang=lang) == "dataset_override"
    (kept,) = trail_of(home)
    assert (kept["override"], kept["reason"]) == (True, say("dataset_reason", lang))


@pytest.mark.parametrize("champion", ["cold", "poor"])
def test_one_that_loses_to_what_needs_no_label_stays_challenger(
    world: World, home: Home, settle: Callable[..., str], champion: str
) -> None:
    # Undecided beside one opponent hides nothing: worse than another is worse.
    logged = _dataset(sort_by_amount="worse", rules_only="insufficient")
    registry = Registry(world, {"champion": champion, "challenger": "good"}, logged)
    assert settle(registry) == "dataset_worse"
    assert registry.entries == {"champion": champion, "challenger": "good"}
    assert trail_of(home) == []


def test_one_that_people_left_as_challenger_is_left(
    world: World, home: Home, settle: Callable[..., str]
) -> None:
    registry = Registry(world, {"champion": "cold", "challenger": "good"}, _dataset())
    assert settle(registry, new=False) == "kept"
    assert registry.entries["champion"] == "cold"


def test_it_replaces_an_earlier_datasets_model_but_none_of_inspections(
    world: World, home: Home, settle: Callable[..., str]
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"}, _dataset())
    assert settle(registry) == "dataset_override"  # no verdict is new to both
    inspected = Registry(world, {"champion": "poor", "challenger": "good"}, _dataset())
    del inspected.logged[LABELS_FROM]
    assert settle(inspected) == "dataset_waits"
    assert inspected.entries["champion"] == "poor"


def test_where_people_sign_a_run_promotes_nothing(
    world: World, home: Home, settle: Callable[..., str]
) -> None:
    home.approvers.parent.mkdir()
    home.approvers.write_text("".join(
        f'[[approver]]\nname = "{n}"\nrole = "lead"\npublic_key = "{n * 64}"\n' for n in "ab"
    ))  # fmt: skip
    registry = Registry(world, {"champion": "cold", "challenger": "good"}, _dataset())
    assert settle(registry) == "dataset_unapproved"
    assert registry.entries["champion"] == "cold"
    assert trail_of(home) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_run_says_what_became_of_it(lang: Lang, capsys: pytest.CaptureFixture[str]) -> None:
    said = set()
    for use in get_args(Use):
        show_use(cast(Any, SimpleNamespace(use=use)), Path("home/x"), lang)
        said.add(" ".join(capsys.readouterr().out.split()))
    assert len(said) == len(get_args(Use))
    assert "" in said  # nothing is said where nothing was trained
    assert all("{" not in text for text in said)
    assert sum("--home home/x" in text for text in said) == 3
