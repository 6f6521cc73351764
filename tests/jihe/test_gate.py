"""The gate: who judges a challenger, on which verdicts, and how it is told in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from claims.contracts import Lang
from jihe import gate
from jihe.gate import fresh_verdicts, judge
from jihe.home import Home
from jihe.judged_units import JudgedUnits
from jihe.judgement_words import basis_sentence, capacity_rows, table_rows, verdict_sentence
from jihe.training import FIRST_GATE
from jihe.verdict_designs import VerdictDesign
from tests.jihe.gate_models import (
    CUT,
    LATER_CUT,
    Registry,
    World,
    compared_before,
    judgement_of,
    labels_of,
    small_config,
)
from training import apply
from training.gate_metrics import average_precision
from training.tracking import RegistryError, Tracker
from training.train import train_cold_start, train_supervised

# --- who judges --------------------------------------------------------------------------------


def test_a_later_model_meets_the_champion_on_verdicts_new_to_both(world: World) -> None:
    asked: list[date] = []

    def fresh(day: date) -> list[JudgedUnits]:
        asked.append(day)
        return [world.fresh()]

    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    told = judge("claim", cast(Tracker, registry), fresh)
    assert asked == [LATER_CUT]  # the later of both cuts
    assert (told.first, told.basis, list(told.contests)) == ("", "new_verdicts", ["champion"])
    record = told.contests["champion"]
    assert told.verdict == record["verdict"] == "win"
    assert record["n"] == 600
    assert record["random_part"]["n"] == 200
    turned = judgement_of(
        Registry(world, {"champion": "good", "challenger": "poor"}), world.fresh()
    )
    assert turned.verdict == "worse"
    assert turned.contests["champion"]["difference"] == pytest.approx(-record["difference"])


def test_too_few_new_verdicts_decide_nothing_about_a_later_model(world: World) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"},
                        compared_before(sort_by_amount="win", rules_only="win"))  # fmt: skip
    for parts in ((), (world.fresh(60),)):
        told = judgement_of(registry, *parts)
        assert (told.verdict, told.basis) == ("insufficient", "new_verdicts")
        assert told.contests["champion"]["more_positives"] > 0


def test_parts_are_pooled(world: World) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    whole = world.fresh()
    parts = [whole.take(np.arange(250)), whole.take(np.arange(250, 600))]
    assert judgement_of(registry, *parts).contests == judgement_of(registry, whole).contests


@pytest.mark.parametrize("entries", [
    {"challenger": "good"}, {"champion": "cold", "challenger": "good"},
])  # fmt: skip
def test_a_first_model_meets_the_baselines_out_of_fold_unless_new_verdicts_are_enough(
    world: World, entries: dict[str, str]
) -> None:
    stored = compared_before(sort_by_amount="win", rules_only="non_inferior")
    told = judgement_of(Registry(world, dict(entries), stored))
    assert (told.first, told.basis, told.known_from) == ("first_no_champion", "out_of_fold", CUT)
    assert told.contests == stored[FIRST_GATE]
    assert told.verdict == "non_inferior"  # a win is one over both
    few = judgement_of(Registry(world, dict(entries), stored), world.fresh(60))
    assert few.basis == "out_of_fold"
    many = judgement_of(Registry(world, dict(entries), stored), world.fresh())
    assert (many.basis, many.verdict) == ("new_verdicts", "win")
    assert list(many.contests) == ["sort_by_amount", "rules_only", "cold_start"]
    nothing = judgement_of(Registry(world, dict(entries)))
    assert (nothing.basis, nothing.verdict) == ("new_verdicts", "insufficient")


def test_a_champion_of_other_rules_cannot_be_applied_so_the_challenger_is_a_first_model(
    world: World,
) -> None:
    told = judgement_of(Registry(world, {"champion": "old", "challenger": "good"}), world.fresh())
    assert told.first == "first_champion_unfit"
    assert list(told.contests) == ["sort_by_amount", "rules_only", "cold_start"]


@pytest.mark.parametrize(("champion", "by"), [
    ("cold", "cold"), ("old_cold", "good"), ("old", "good"), ("", "good"),
])  # fmt: skip
def test_a_first_model_meets_the_ranking_before_any_verdict(
    world: World, tmp_path: Path, champion: str, by: str
) -> None:
    """That is the cold start in use; where it does not fit, what one of today would be."""
    matrix = world.matrix
    # Another county's features: a cold start that ranks otherwise.
    other = replace(matrix, values=np.random.default_rng(8).lognormal(size=matrix.values.shape))
    old = replace(other, rules_version="r0")
    folders = {
        **world.folders,
        "cold": train_cold_start(other, small_config(), tmp_path).folder,
        "old_cold": train_cold_start(old, small_config(), tmp_path).folder,
    }
    known = World(matrix, world.outcome, folders)
    entries = {"challenger": "good"} | ({"champion": champion} if champion else {})
    told = judgement_of(Registry(known, entries), world.fresh())
    part = world.fresh()
    score = apply.load(folders[by]).score(part.matrix.values).anomaly_score
    wanted = average_precision(score, part.judged.labels, part.judged.weights).value
    assert told.contests["cold_start"]["champion"] == pytest.approx(wanted, abs=1e-12)
    others = {
        average_precision(
            apply.load(folders[name]).score(part.matrix.values).anomaly_score,
            part.judged.labels, part.judged.weights,
        ).value
        for name in ("cold", "good")
    }  # fmt: skip
    assert len(others) == 2


def test_losing_to_the_cold_start_alone_is_no_win(world: World) -> None:
    stored = compared_before(sort_by_amount="win", rules_only="win", cold_start="worse")
    told = judgement_of(Registry(world, {"champion": "cold", "challenger": "good"}, stored))
    assert (told.basis, told.verdict) == ("out_of_fold", "worse")


def test_a_challenger_that_does_not_fit_the_features_of_today_is_refused(world: World) -> None:
    part = world.fresh()
    other = replace(part, matrix=replace(part.matrix, catalogue_version="c2"))
    with pytest.raises(RegistryError, match="train again"):
        judgement_of(Registry(world, {"champion": "poor", "challenger": "good"}), other)
    with pytest.raises(RegistryError, match="no challenger"):
        judgement_of(Registry(world, {"champion": "poor"}))


def test_the_settings_are_those_the_model_was_trained_with(world: World, tmp_path: Path) -> None:
    config = small_config(gate={"metric": "precision_at_capacity", "min_effective_positives": 70.0})
    labels = labels_of(world.matrix, world.outcome, np.arange(500))
    made = train_supervised(world.matrix, labels, config, tmp_path, CUT)
    own = World(world.matrix, world.outcome, {**world.folders, "own": made.folder})
    told = judgement_of(Registry(own, {"champion": "poor", "challenger": "own"}), world.fresh())
    assert told.settings == config.gate
    assert told.contests["champion"]["metric"] == "precision_at_capacity"


# --- which verdicts are new --------------------------------------------------------------------


def _designed(monkeypatch: pytest.MonkeyPatch, designs: dict[str, VerdictDesign]) -> None:
    monkeypatch.setattr(gate, "verdict_designs", lambda *_given: designs)


def test_no_store_is_opened_where_there_is_no_new_verdict(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Any:
        raise AssertionError("opened")

    _designed(monkeypatch, {
        "C1": VerdictDesign(date(2026, 3, 31), "random", "P0001", "a"),
        "C2": VerdictDesign(date(2026, 4, 2), "tip_off", "", ""),
    })  # fmt: skip
    fresh = fresh_verdicts(home, "claim", refuse, datetime(2026, 5, 1, tzinfo=UTC))
    assert fresh(CUT) == []
    with pytest.raises(AssertionError, match="opened"):
        fresh(date(2026, 3, 31))


def test_profiles_are_built_as_of_the_day_their_plan_scored_them(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = {"P0001": "2026-02-01", "P0002": "2026-03-01", "P0003": "2026-03-01"}
    built: list[date] = []

    @dataclass
    class Books:
        _url: str

        def plan(self, plan_id: str) -> Any:
            day = {"scores": {"as_of_date": scored[plan_id]}}
            return type("Plan", (), {"certificate": day})

        def close(self) -> None:
            pass

    class Made:
        con = type("Connection", (), {"close": lambda: None})

    def build(_store: object, day: date, *_rest: object) -> type[Made]:
        built.append(day)
        return Made

    part = replace(world.fresh(6), plan_ids=np.array(["P0001", "P0002", "P0003"] * 2))
    _designed(monkeypatch, {
        p: VerdictDesign(date(2026, 4, 2), "random", p, "a") for p in scored
    })  # fmt: skip
    monkeypatch.setattr(gate, "Ledger", Books)
    monkeypatch.setattr(gate, "build", build)
    monkeypatch.setattr(gate, "judged_units", lambda *_given, **_named: part)
    found = fresh_verdicts(home, "institution", lambda: cast(Any, None))(CUT)
    assert built == [date(2026, 2, 1), date(2026, 3, 1)]
    assert [set(f.plan_ids) for f in found] == [{"P0001"}, {"P0002", "P0003"}]


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_verdict_is_told_in_both_languages(world: World, lang: Lang) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    told = [
        judgement_of(registry, world.fresh()),
        judgement_of(Registry(world, {"champion": "good", "challenger": "poor"}), world.fresh()),
        judgement_of(registry, world.fresh(60)),
        judgement_of(Registry(world, {"challenger": "good"},
                        compared_before(sort_by_amount="win", rules_only="non_inferior"))),
    ]  # fmt: skip
    sentences = [verdict_sentence(judgement, lang) for judgement in told]
    assert len(set(sentences)) == 4
    wanting = told[2].contests["champion"]["more_positives"]
    assert str(wanting) in sentences[2]
    assert "5%" in sentences[3]
    assert len({basis_sentence(judgement, lang) for judgement in told}) == 2
    rows = table_rows(told[0], lang)
    assert [len(row) for row in rows] == [7, 7]
    assert rows[0][1] == "600"
    assert rows[1][1] == "200"
    assert [len(row) for row in capacity_rows(told[3], lang)] == [5, 5]
    if lang == "zh":
        assert all(any("一" <= letter <= "鿿" for letter in text) for text in sentences)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("effective", "n", "more", "shown", "verdicts"), [
    (49.97, 400, 1, "49.9", "9"), (12.0, 600, 38, "12.0", "1,900"), (0.0, 80, 50, "0.0", ""),
])  # fmt: skip
def test_what_is_wanting_is_told_in_confirmed_cases_and_in_verdicts(
    world: World, lang: Lang, effective: float, n: int, more: int, shown: str, verdicts: str
) -> None:
    """1 more x 400 verdicts / 49.97 = 8.005, so 9; 38 x 600 / 12 = 1,900."""
    stored = compared_before(sort_by_amount="insufficient")
    stored[FIRST_GATE]["sort_by_amount"] |= {
        "why": "positives", "effective_positives": effective, "n": n, "more_positives": more,
    }  # fmt: skip
    said = verdict_sentence(judgement_of(Registry(world, {"challenger": "good"}, stored)), lang)
    assert re.findall(r"[\d.,]*\d", said) == [
        str(n), shown, "50", str(more), *([verdicts] if verdicts else [])
    ]  # fmt: skip
