"""Promotion: who judges a challenger, what lets it pass, and what the trail keeps of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from claims.contracts import Lang
from features.matrix import Matrix
from jihe import gate, promotion
from jihe.approvals import ApprovalError
from jihe.gate import Judgement, fresh_verdicts, judge
from jihe.home import Home
from jihe.judged_units import JudgedUnits
from jihe.judgement_words import basis_sentence, capacity_rows, table_rows, verdict_sentence
from jihe.promotion import NotBetterError, promote_challenger, roll_back
from jihe.training import FIRST_GATE
from jihe.verdict_designs import VerdictDesign
from sampling import store, trail
from training.config import ExperimentConfig, parse_config
from training.evaluate import Judged
from training.tracking import Registered, RegistryError, Tracker
from training.train import train_cold_start, train_supervised

CUT, LATER_CUT = date(2026, 4, 1), date(2026, 4, 20)
UNITS = 1_200


def _matrix() -> Matrix:
    rng = np.random.default_rng(3)
    return Matrix(
        "claim", date(2026, 3, 1), np.array([f"C{n:05d}" for n in range(UNITS)]),
        ("drive", "noise"), rng.normal(size=(UNITS, 2)), (0, 0),
        np.array([f"O{n % 60:02d}" for n in range(UNITS)]), np.full(UNITS, "x"),
        np.full(UNITS, np.datetime64("2026-01-05T00:00", "us")),
        rng.integers(1_000, 90_000, UNITS), rng.integers(0, 2, UNITS), "c1", "r1",
    )  # fmt: skip


def _outcome(matrix: Matrix) -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.random(UNITS) < 1 / (1 + np.exp(1.5 - 2.5 * matrix.values[:, 0]))


def _labels(matrix: Matrix, outcome: np.ndarray, rows: np.ndarray) -> pa.Table:
    n = len(rows)
    return pa.table({
        "unit": ["claim"] * n, "unit_id": matrix.unit_ids[rows].tolist(),
        "label": pa.array(outcome[rows].astype(int), pa.int64()),
        "overpaid_amount": pa.array(np.where(outcome[rows], 500, 0), pa.int64()),
        "label_date": [date(2026, 3, 2) + timedelta(days=int(i) % 20) for i in rows],
        "channel": ["random"] * n, "inclusion_prob": [0.5] * n, "final_weight": [2.0] * n,
        "training_weight": [1.0] * n,
    })  # fmt: skip


@dataclass
class World:
    """Folders of a cold start, a model that learnt nothing and one that learnt, and the truth."""

    matrix: Matrix
    outcome: np.ndarray
    folders: dict[str, Path]

    def fresh(self, rows: int = 600) -> JudgedUnits:
        """Return verdicts on units that no model was trained on."""
        chosen = np.arange(UNITS - rows, UNITS)
        part = self.matrix.take(chosen)
        judged = Judged(
            "claim", part.unit_ids, self.outcome[chosen].astype(np.float64), np.full(rows, 2.0),
            part.groups, part.amounts, part.rule_hits,
            np.where(self.outcome[chosen], 500.0, 0.0),
        )  # fmt: skip
        channels = np.where(chosen % 3 == 0, "random", "risk")
        return JudgedUnits(
            part, judged, np.full(rows, np.datetime64("2026-04-25")), channels,
            np.full(rows, "P0001"), np.where(chosen % 2 == 0, "a", "b"),
        )  # fmt: skip


def _config(**tables: Any) -> ExperimentConfig:
    return parse_config({
        "name": "small", "unit": "claim", "trees": {"rounds": 15, "seeds": [1]},
        "splits": {"folds": 3},
        "evaluation": {"bootstrap": 0}, **tables,
    })  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    models = tmp_path_factory.mktemp("models")
    matrix = _matrix()
    outcome = _outcome(matrix)
    rows = np.arange(500)
    lost = np.random.default_rng(5).permutation(outcome)
    other = replace(matrix, rules_version="r0")
    folders = {
        "cold": train_cold_start(matrix, _config(), models),
        "good": train_supervised(matrix, _labels(matrix, outcome, rows), _config(), models, CUT),
        "poor": train_supervised(matrix, _labels(matrix, lost, rows), _config(), models, LATER_CUT),
        "old": train_supervised(other, _labels(matrix, outcome, rows), _config(), models, CUT),
    }
    return World(matrix, outcome, {name: made.folder for name, made in folders.items()})


@dataclass
class Registry:
    """A registry in memory."""

    world: World
    entries: dict[str, str]
    logged: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    broken: bool = False

    def _entry(self, alias: str) -> Registered:
        name = self.entries[alias]
        return Registered("jihe-claim", name, self.world.folders[name].name, (alias,), name)

    def challenger(self, _name: str) -> Registered | None:
        return self._entry("challenger") if "challenger" in self.entries else None

    def champion(self, _name: str) -> Registered:
        if "champion" not in self.entries:
            raise RegistryError("no champion")
        return self._entry("champion")

    def previous(self, _name: str) -> Registered:
        if not self.before:
            raise RegistryError("no previous champion")
        return replace(self.champion(_name), number=self.before, model_version="v0")

    def folder(self, entry: Registered) -> Path:
        return self.world.folders[entry.number]

    def metrics(self, _entry: Registered) -> dict[str, Any]:
        return self.logged

    def promote(self, _name: str) -> Registered:
        if self.broken:
            raise RegistryError("the registry is full")
        self.entries["champion"] = self.entries.pop("challenger")
        return self._entry("champion")

    rollback = previous


def _judge(registry: Registry, *parts: JudgedUnits) -> Judgement:
    return judge("claim", cast(Tracker, registry), lambda _day: list(parts))


def _stored(**verdicts: str) -> dict[str, Any]:
    """Return a metrics record in which each baseline was compared with this result."""
    figures = {
        "metric": "average_precision", "n": 80, "positives": 60, "effective_positives": 55.0,
        "champion": 0.3, "challenger": 0.4, "difference": 0.1, "standard_error": 0.04,
        "interval": [0.02, 0.18], "margin": 0.015, "more_positives": None,
        "precision_at_capacity": [0.3, 0.4], "amount_at_capacity": None,
    }  # fmt: skip
    return {
        FIRST_GATE: {
            name: {**figures, "verdict": verdict, "why": "", "random_part": {**figures}}
            for name, verdict in verdicts.items()
        }
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def promote(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def run(registry: Registry, *parts: JudgedUnits, reason: str = "", lang: Lang = "en") -> Any:
        monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
        return promote_challenger(home, "claim", reason, lang, lambda _day: list(parts))

    return run


def _trail(home: Home) -> list[dict[str, Any]]:
    engine = store.open_store(home.ledger_url)
    with engine.connect() as connection:
        assert trail.verify(connection) == []
        rows = connection.execute(sa.select(trail.trail_table)).mappings().all()
    engine.dispose()
    return [{"action": r["action"], **json.loads(r["details"])} for r in rows]


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
    turned = _judge(Registry(world, {"champion": "good", "challenger": "poor"}), world.fresh())
    assert turned.verdict == "worse"
    assert turned.contests["champion"]["difference"] == pytest.approx(-record["difference"])


def test_too_few_new_verdicts_decide_nothing_about_a_later_model(world: World) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"},
                        _stored(sort_by_amount="win", rules_only="win"))  # fmt: skip
    for parts in ((), (world.fresh(60),)):
        told = _judge(registry, *parts)
        assert (told.verdict, told.basis) == ("insufficient", "new_verdicts")
        assert told.contests["champion"]["more_positives"] > 0


def test_parts_are_pooled(world: World) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    whole = world.fresh()
    parts = [whole.take(np.arange(250)), whole.take(np.arange(250, 600))]
    assert _judge(registry, *parts).contests == _judge(registry, whole).contests


@pytest.mark.parametrize("entries", [
    {"challenger": "good"}, {"champion": "cold", "challenger": "good"},
])  # fmt: skip
def test_a_first_model_meets_the_baselines_out_of_fold_unless_new_verdicts_are_enough(
    world: World, entries: dict[str, str]
) -> None:
    stored = _stored(sort_by_amount="win", rules_only="non_inferior")
    told = _judge(Registry(world, dict(entries), stored))
    assert (told.first, told.basis, told.known_from) == ("first_no_champion", "out_of_fold", CUT)
    assert told.contests == stored[FIRST_GATE]
    assert told.verdict == "non_inferior"  # a win is one over both
    few = _judge(Registry(world, dict(entries), stored), world.fresh(60))
    assert few.basis == "out_of_fold"
    many = _judge(Registry(world, dict(entries), stored), world.fresh())
    assert (many.basis, many.verdict) == ("new_verdicts", "win")
    assert list(many.contests) == ["sort_by_amount", "rules_only"]
    nothing = _judge(Registry(world, dict(entries)))
    assert (nothing.basis, nothing.verdict) == ("new_verdicts", "insufficient")


def test_a_champion_of_other_rules_cannot_be_applied_so_the_challenger_is_a_first_model(
    world: World,
) -> None:
    told = _judge(Registry(world, {"champion": "old", "challenger": "good"}), world.fresh())
    assert told.first == "first_champion_unfit"
    assert list(told.contests) == ["sort_by_amount", "rules_only"]


def test_a_challenger_that_does_not_fit_the_features_of_today_is_refused(world: World) -> None:
    part = world.fresh()
    other = replace(part, matrix=replace(part.matrix, catalogue_version="c2"))
    with pytest.raises(RegistryError, match="train again"):
        _judge(Registry(world, {"champion": "poor", "challenger": "good"}), other)
    with pytest.raises(RegistryError, match="no challenger"):
        _judge(Registry(world, {"champion": "poor"}))


def test_the_settings_are_those_the_model_was_trained_with(world: World, tmp_path: Path) -> None:
    config = _config(gate={"metric": "precision_at_capacity", "min_effective_positives": 70.0})
    labels = _labels(world.matrix, world.outcome, np.arange(500))
    made = train_supervised(world.matrix, labels, config, tmp_path, CUT)
    own = World(world.matrix, world.outcome, {**world.folders, "own": made.folder})
    told = _judge(Registry(own, {"champion": "poor", "challenger": "own"}), world.fresh())
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
        "C3": VerdictDesign(date(2026, 4, 2), "random", "P0002", "a", clustered=True),
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


# --- what lets it pass, and what is kept -------------------------------------------------------


def test_a_win_promotes_and_the_record_says_what_it_won(
    world: World, home: Home, promote: Callable[..., Any]
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    done = promote(registry, world.fresh())
    assert (done.override, done.approvals, registry.entries) == (False, None, {"champion": "good"})
    (kept,) = _trail(home)
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
    assert _trail(home) == []
    done = promote(registry, world.fresh(), reason="a new scheme that no rule sees", lang=lang)
    assert done.override
    (kept,) = _trail(home)
    assert (kept["override"], kept["reason"]) == (True, "a new scheme that no rule sees")
    assert kept["gate"]["verdict"] == "worse"


def test_nothing_is_recorded_that_did_not_happen(
    world: World, home: Home, promote: Callable[..., Any]
) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"}, broken=True)
    with pytest.raises(RegistryError, match="full"):
        promote(registry, world.fresh())
    assert _trail(home) == []


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
    assert _trail(home) == []


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
    assert _trail(home) == []


def test_a_rollback_is_recorded(world: World, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(world, {"champion": "good"}, before="0")
    monkeypatch.setattr(promotion, "Tracker", lambda _home: registry)
    back, before = roll_back(home, "claim", "too many false leads")
    assert (back.model_version, before.model_version) == ("v0", world.folders["good"].name)
    (kept,) = _trail(home)
    assert kept == {
        "action": "model_rolled_back", "model_version": "v0",
        "instead_of": world.folders["good"].name, "reason": "too many false leads",
    }  # fmt: skip
    registry.before = ""
    with pytest.raises(RegistryError, match="previous"):
        roll_back(home, "claim")
    assert len(_trail(home)) == 1


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_verdict_is_told_in_both_languages(world: World, lang: Lang) -> None:
    registry = Registry(world, {"champion": "poor", "challenger": "good"})
    told = [
        _judge(registry, world.fresh()),
        _judge(Registry(world, {"champion": "good", "challenger": "poor"}), world.fresh()),
        _judge(registry, world.fresh(60)),
        _judge(Registry(world, {"challenger": "good"},
                        _stored(sort_by_amount="win", rules_only="non_inferior"))),
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
