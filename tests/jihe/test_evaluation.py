"""``jihe evaluate``: verdicts after the cut alone, groups from the registers, both languages."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from claims.simulator.inspectors import inspect
from claims.store import open_store
from claims.vault import identities
from features.build import Build, build_rules
from jihe import evaluation_tables
from jihe.cli import app
from jihe.demo import fill_list, import_verdicts
from jihe.evaluation import Evaluated, NothingToEvaluateError, chosen_model, evaluate_model
from jihe.evaluation import EvaluationChoices as Choices
from jihe.home import Home
from jihe.identified import dataset_name
from jihe.pipeline import RunChoices, run
from jihe.planning import PlanChoices
from jihe.subgroup_facts import BANDS, age_band, attributes
from sampling.ledger import Ledger
from training.config import EvaluationSettings
from training.evaluate import Judged, evaluate
from training.subgroups import subgroups
from training.tracking import Registered, RegistryError, Tracker


@pytest.fixture(scope="module")
def home(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run once on the shared county, and let simulated inspectors return their verdicts."""
    out = tmp_path_factory.mktemp("evaluated") / "home"
    plan = PlanChoices(capacity="150", seed=bytes(range(32)))
    sealed = run(RunChoices(source="nhsa", folder=county, out=out, plan=plan)).sealed.plan
    known = identities(dataset_name(open_store(out)))
    pairs = zip(known["pseudonym"].to_pylist(), known["original"].to_pylist(), strict=True)
    originals = dict(pairs)
    day = sealed.drawn_on + timedelta(days=30)
    ids = [originals[i] for i in sealed.draws["unit_id"].to_pylist()]
    verdicts = dict(zip(sealed.cases, inspect(county / "truth", ids, on=day, seed=2), strict=True))
    returned = Home(out).plan(sealed.plan_id) / "returned.xlsx"
    fill_list(out / "inspectors.xlsx", returned, verdicts, "en")
    ledger = Ledger(Home(out).ledger_url)
    later = sealed.sealed_at + timedelta(days=35)
    import_verdicts(ledger, returned, sealed.plan_id, actor="planner", now=later)
    ledger.close()
    return out


def _until(home: Path) -> Any:
    ledger = Ledger(Home(home).ledger_url)
    last = max(ledger.outcomes()["known_at"].to_pylist()).date()
    ledger.close()
    return last + timedelta(days=2)


@pytest.fixture(scope="module")
def evaluated(home: Path) -> Evaluated:
    return evaluate_model(Home(home), open_store(home), Choices("claim", _until(home)))


def test_a_model_is_judged_on_what_came_after_its_cut(home: Path, evaluated: Evaluated) -> None:
    record = evaluated.record
    assert record["kind"] == "cold_start"
    assert record["n"] > 100
    assert {"baseline_sort_by_amount", "baseline_rules", "difference", "subgroups"} <= set(record)
    assert "calibration" not in record  # an anomaly score is no probability
    assert set(record["subgroups"]) == {
        "institution_class", "level", "district", "claim_type", "sex", "age_band"
    }  # fmt: skip
    for told in record["subgroups"].values():
        assert sum(group["n"] for group in told["groups"]) == record["n"]
    files = {path.name for path in evaluated.folder.iterdir()}
    plots = {f"{name}.{form}" for name in ("precision_recall", "gain", "burden")
             for form in ("png", "svg")}  # fmt: skip
    assert files == {"metrics.json", *plots}
    written = json.loads((evaluated.folder / "metrics.json").read_text("utf-8"))
    assert written["average_precision"] == record["average_precision"]


def test_the_registry_holds_the_evaluation_and_is_otherwise_as_it_was(
    home: Path, evaluated: Evaluated
) -> None:
    tracker = Tracker(Home(home).registry)
    experiment = tracker.client.get_run(evaluated.entry.run_id).info.experiment_id
    runs = tracker.client.search_runs([experiment], "tags.run_kind = 'evaluation'")
    assert [r.data.tags["model_version"] for r in runs] == [evaluated.entry.model_version]
    assert runs[0].data.metrics["average_precision"] == evaluated.record["average_precision"]
    assert tracker.champion(evaluated.entry.name).number == evaluated.entry.number


def test_before_the_verdicts_there_is_nothing_to_evaluate(home: Path) -> None:
    ledger = Ledger(Home(home).ledger_url)
    first = min(ledger.outcomes()["known_at"].to_pylist()).date()
    ledger.close()
    with pytest.raises(NothingToEvaluateError, match=r"No verdict became known from .*outcomes"):
        evaluate_model(Home(home), open_store(home), Choices("claim", first))


@pytest.fixture(scope="module")
def made(home: Path) -> Build:
    store = open_store(home)
    from features.as_of import default_as_of

    return build_rules(store, default_as_of(store).day)


def test_sex_and_age_are_those_of_the_register(made: Build) -> None:
    rows = made.con.sql(
        """SELECT f.claim_id, f.claim_type, i.sex, f.service_day - i.birth_day
        FROM facts f LEFT JOIN insured_rows i USING (insured_id)
        WHERE f.reversed_us IS NULL ORDER BY hash(f.claim_id) LIMIT 60"""
    ).fetchall()
    ids = np.array([row[0] for row in rows])
    told = attributes(made, "claim", ids)
    assert told["claim_type"].tolist() == [row[1] for row in rows]
    assert told["sex"].tolist() == [row[2] or "" for row in rows]
    assert told["age_band"].tolist() == [
        "" if days is None else age_band(days / 365.25) for *_, days in rows
    ]
    assert len(set(told["sex"].tolist())) >= 2


def test_age_bands_by_hand() -> None:
    ages = (0.0, 17.9, 18.0, 44.9, 45.0, 59.9, 60.0, 74.9, 75.0, 103.0)
    assert [age_band(age) for age in ages] == [band for band in BANDS for _ in (0, 1)]


class Versions:
    """A registry with three versions of a claim model."""

    def __init__(self, champion: bool = True) -> None:
        self.known = [Registered("jihe-claim", str(n), f"{d}{n}", (), "r")
                      for n, d in enumerate(("aa", "ab", "b"))]  # fmt: skip
        self.has_champion = champion

    def versions(self, _name: str) -> list[Registered]:
        return self.known

    def champion(self, _name: str) -> Registered:
        if not self.has_champion:
            raise RegistryError("no champion")
        return self.known[0]

    def challenger(self, _name: str) -> Registered:
        return self.known[2]


def test_the_model_is_named_else_champion_else_challenger() -> None:
    def chosen(digest: str | None, champion: bool = True) -> str:
        return chosen_model(Versions(champion), "claim", digest).number  # type: ignore[arg-type]

    assert (chosen(None), chosen(None, champion=False), chosen("ab"), chosen("b")) == (
        "0", "2", "1", "2"
    )  # fmt: skip
    for digest, found in (("a", 2), ("f", 0)):
        with pytest.raises(RegistryError, match=f"{found} models .* aa0, ab1, b2"):
            chosen(digest)


def _record() -> dict[str, Any]:
    """Return the record of an invented supervised model, with everything in it."""
    rng = np.random.default_rng(1)
    n = 300
    labels = (rng.random(n) < 0.3).astype(float)
    judged = Judged(
        "claim", np.array([f"u{i:03d}" for i in range(n)]), labels, np.full(n, 20.0),
        np.array([f"g{i % 60}" for i in range(n)]), rng.integers(1, 9_000, n),
        rng.integers(0, 3, n), np.where(labels > 0, 5_000.0, np.nan),
    )  # fmt: skip
    score = labels + rng.normal(-1.0, 1.0, n)
    settings = EvaluationSettings(capacity=60, bootstrap=10)
    sexes = np.where(np.arange(n) < 3, "", np.where(np.arange(n) % 2, "F", "M"))
    record = evaluate(judged, score, settings, calibrated=True)
    overlap = {"k": 60, "stayed": 45, "jaccard": 0.6, "rank_biased_overlap": 0.7}
    spread = {"stayed_share": 0.8, "jaccard": 0.6, "rank_biased_overlap": 0.7}
    return record | {
        "subgroups": subgroups(judged, score, {"sex": sexes}, 60, settings),
        "stability": {
            "since": {"model_version": "abc", **overlap},
            "retrained": {"k": 60, "rankings": 3, "mean": spread, "worst": spread},
        },
        "model_version": "0123", "verdicts_from": "2025-01-01", "verdicts_before": "2025-06-01",
        "not_new": 4,
    }  # fmt: skip


def test_the_tables_say_everything_in_either_language(capsys: pytest.CaptureFixture[str]) -> None:
    record = _record()
    shown = Evaluated(Registered("n", "1", "0123", (), "r"), record, {}, Path("home/x"))
    evaluation_tables.show_evaluation(shown, "CNY", "en")
    english = " ".join(capsys.readouterr().out.split())
    evaluation_tables.show_evaluation(shown, "CNY", "zh")
    chinese = " ".join(capsys.readouterr().out.split())
    for text in (english, chinese):
        assert "0123" in text
        assert f"{record['average_precision']:.3f}" in text
        assert f"{record['calibration']['slope']:.3f}" in text
        assert "home/x" in text
        assert "45" in text
        assert "{" not in text
    assert "4 verdicts were left out" in english
    assert "female" in english
    assert "1 groups with fewer than 10 judged units were merged: unknown." in english
    assert "女" in chinese
    assert not re.search("[\u4e00-\u9fff]", english)


def test_the_command_prints_json(
    home: Path, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jihe import evaluation

    asked: list[Any] = []

    def answer(_home: Home, _store: Any, choices: Any, _tell: Any) -> Evaluated:
        asked.append(choices)
        return evaluated

    monkeypatch.setattr(evaluation, "evaluate_model", answer)
    words = ["evaluate", "--home", str(home), "--format", "json", "--as-of", "2027-01-01",
             "--capacity", "30", "--model", "ab"]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n"] == evaluated.record["n"]
    assert (asked[0].capacity, asked[0].model, asked[0].until.year) == ("30", "ab", 2027)
