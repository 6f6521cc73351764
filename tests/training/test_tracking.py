"""MLflow: first champion, later challenger, promotion, rollback, nothing pickled."""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import KINDS, empty_database
from training import apply
from training.model_files import ModelFilesError
from training.plot import Plot
from training.run_records import code_version, flat_numbers, signature
from training.tracking import RegistryError, Tracker

NAME = "jihe-claim"
DRAWN = Plot(b"\x89PNG", b"<svg/>")


@pytest.fixture(scope="module")
def recorded(world, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with a cold-start model and then a supervised one."""
    home = tmp_path_factory.mktemp("tracking") / "store"
    tracker = Tracker(home)
    tracker.record(world.cold, world.config)
    tracker.record(world.supervised, world.config, {"curve": DRAWN}, "store-7")
    return home


@pytest.fixture
def tracker(recorded: Path, tmp_path: Path) -> Tracker:
    """Return that store, restored under another path."""
    return Tracker(Path(shutil.copytree(recorded, tmp_path / "restored")))


def test_the_first_is_champion_and_a_later_one_challenger(tracker: Tracker, world):
    champion, challenger = tracker.champion(NAME), tracker.challenger(NAME)
    assert champion.model_version == world.cold.model_version
    assert challenger is not None
    assert challenger.model_version == world.supervised.model_version
    assert [version.aliases for version in tracker.versions(NAME)] == [
        ("champion",),
        ("challenger",),
    ]


def test_promotion_moves_the_alias_and_rollback_moves_it_back(tracker: Tracker, world):
    assert tracker.promote(NAME).model_version == world.supervised.model_version
    assert tracker.challenger(NAME) is None
    assert tracker.rollback(NAME).model_version == world.cold.model_version
    challenger = tracker.challenger(NAME)
    assert challenger is not None
    assert challenger.model_version == world.supervised.model_version
    with pytest.raises(RegistryError, match="no previous champion"):
        tracker.rollback(NAME)
    assert tracker.promote(NAME).model_version == world.supervised.model_version


def test_nothing_to_promote_is_said(tracker: Tracker, tmp_path: Path):
    tracker.promote(NAME)
    with pytest.raises(RegistryError, match="no challenger"):
        tracker.promote(NAME)
    with pytest.raises(RegistryError, match="jihe-institution has no champion"):
        Tracker(tmp_path / "empty").champion("jihe-institution")


def test_the_same_model_is_not_registered_twice(tracker: Tracker, world):
    again = tracker.record(world.cold, world.config)
    assert (again.number, again.aliases) == ("1", ("champion",))
    assert len(tracker.versions(NAME)) == 2


def test_the_champions_folder_is_verified_wherever_the_store_lies(tracker: Tracker, world):
    folder = tracker.champion_folder(NAME)
    assert folder.is_relative_to(tracker.home)
    names = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert names == {path.name: path.read_bytes() for path in world.cold.folder.iterdir()}
    (folder / "detector.json").write_bytes(b"{}")
    with pytest.raises(ModelFilesError, match="altered"):
        tracker.champion_folder(NAME)


def test_artifacts_are_plain_and_name_no_person(recorded: Path):
    files = [path for path in (recorded / "artifacts").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".txt", ".png", ".svg", ".md"}
    assert not [path for path in files if path.name == "MLmodel"]
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]
    store = (recorded / "mlflow.db").read_bytes()
    assert b"mlflow.user" not in store
    assert b"mlflow.source.name" not in store
    assert len(getpass.getuser()) < 5 or getpass.getuser().encode() not in store


def test_a_run_holds_what_is_needed_to_repeat_it(tracker: Tracker, world):
    run = tracker.client.get_run(tracker.versions(NAME)[1].run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["trees.rounds"] == "30"
    assert run.data.tags["config_hash"] == world.config.hash
    assert run.data.tags["data_fingerprint"] == world.supervised.about["data_fingerprint"]
    assert run.data.tags["catalogue_version"] == "catalogue-1"
    got = run.data.metrics["baseline_rules/precision_at/50"]
    assert got == world.supervised.metrics["baseline_rules"]["precision_at"]["50"]

    assert run.data.tags["data_version"] == "store-7"
    assert run.data.tags["code_version"] == code_version()
    assert run.data.tags["label_fingerprint"] == world.supervised.about["labels"]["fingerprint"]
    low = run.data.metrics["intervals/average_precision/0"]
    assert low == world.supervised.metrics["intervals"]["average_precision"][0]
    assert "money_share_at/1percent" in run.data.metrics
    assert "calibration/slope" in run.data.metrics
    assert not [key for key in run.data.metrics if "venn_abers" in key or "leakage" in key]


def test_the_files_beside_a_model_say_what_goes_in_and_what_it_is_worth(recorded: Path, world):
    folder = next(p.parent for p in (recorded / "artifacts").rglob("metrics.json")
                  if (p.parent / "model" / "calibration.json").exists())  # fmt: skip
    names = {path.name for path in folder.iterdir() if path.is_file()}
    assert names == {
        "config.json", "metrics.json", "signature.json", "model_card.en.md", "model_card.zh.md"
    }  # fmt: skip
    inputs = json.loads((folder / "signature.json").read_bytes())["inputs"]
    assert [column["name"] for column in inputs] == list(world.matrix.names)
    digest = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    assert digest == world.config.hash


def test_a_cold_start_puts_out_no_probability(world):
    assert [c["name"] for c in signature(world.cold.about)["outputs"]] == ["anomaly_score"]


def test_the_code_version_is_that_of_the_sources():
    assert re.fullmatch(r"[0-9.]+[a-z0-9.]*\+[0-9a-f]{16}", code_version())


def test_an_evaluation_is_a_run_that_leaves_the_registry_alone(tracker: Tracker, world):
    entry = tracker.challenger(NAME)
    assert entry is not None
    before = tracker.versions(NAME)
    record = {"average_precision": 0.5, "verdicts_from": "2024-06-01"}
    run = tracker.client.get_run(
        tracker.record_evaluation(entry, world.config, record, {"gain": DRAWN})
    )
    assert run.info.status == "FINISHED"
    assert run.data.tags["run_kind"] == "evaluation"
    assert run.data.tags["evaluates_run"] == entry.run_id
    assert run.data.tags["evaluation.verdicts_from"] == "2024-06-01"
    assert run.data.metrics == {"average_precision": 0.5}
    assert tracker.versions(NAME) == before
    assert tracker.metrics(entry) == world.supervised.metrics


def test_only_finite_numbers_become_metrics():
    record = {
        "a": 1,
        "b": {"c": [0.5, float("nan")], "d": None},
        "e": "text",
        "leakage": [{"x": 1}],
    }
    assert flat_numbers(record) == {"a": 1.0, "b/c/0": 0.5}


def test_a_registry_that_was_stopped_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    """Whatever a killed run leaves has another name than the database that is opened."""
    (tmp_path / ".mlflow-1.db").write_bytes(b"half a schema")
    assert Tracker(tmp_path).versions("jihe-claim") == []
    assert (tmp_path / "mlflow.db").is_file()


# --- a registry that was copied, moved or restored ---------------------------------------------


def _bytes(folder: Path) -> dict[str, str]:
    """Return the digest of every file of a folder by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _runs(home: Path) -> set[str]:
    return {path.name for path in home.glob("artifacts/*/*")}


def _in_use(tracker: Tracker, world) -> None:
    """Read, evaluate, promote and roll back; every file has to come from beside the store."""
    entry = tracker.versions(NAME)[1]
    assert tracker.folder(entry).is_relative_to(tracker.home)
    assert apply.load(tracker.folder(entry)).model_version == world.supervised.model_version
    assert tracker.metrics(entry) == world.supervised.metrics
    run = tracker.record_evaluation(entry, world.config, {"average_precision": 0.5}, {"p": DRAWN})
    folder = tracker.home / "artifacts" / world.config.name / run / "artifacts"
    assert (folder / "plots" / "p.png").read_bytes() == DRAWN.png
    assert (folder / "plots" / "p.svg").read_bytes() == DRAWN.svg
    assert tracker.promote(NAME).number == entry.number
    assert tracker.rollback(NAME).model_version == world.cold.model_version


def test_a_copy_writes_and_reads_beside_itself_and_leaves_the_original_alone(
    recorded: Path, tmp_path: Path, world
):
    first = Path(shutil.copytree(recorded, tmp_path / "first"))
    Tracker(first).record_search(world.config, {"search": "a"}, {"value": 1.0}, {"t.json": b"{}"})
    copy = Path(shutil.copytree(first, tmp_path / "copy"))
    before, known = _bytes(first), _runs(copy)
    tracker = Tracker(copy)
    searched = tracker.record_search(world.config, {"search": "b"}, {"v": 2.0}, {"t.json": b"[]"})
    _in_use(tracker, world)
    assert _bytes(first) == before
    new = _runs(copy) - known
    assert searched in new
    assert len(new) == 2
    shutil.rmtree(first)
    _in_use(tracker, world)


def test_a_registry_of_absolute_addresses_goes_on_beside_itself(
    recorded: Path, tmp_path: Path, world
):
    """Homes of earlier versions named the folder of one machine; nothing follows that any more."""
    home = Path(shutil.copytree(recorded, tmp_path / "old"))
    elsewhere = tmp_path / "elsewhere"
    tracker = Tracker(home)
    (found,) = [e for e in tracker.client.search_experiments() if e.name == world.config.name]
    tracker.client.rename_experiment(found.experiment_id, "renamed")
    old = tracker.client.create_experiment(world.config.name, elsewhere.as_uri())
    run = tracker.record_search(world.config, {}, {}, {"t.json": b"{}"})
    info = tracker.client.get_run(run).info
    assert info.artifact_uri == f"mlflow-artifacts:/{world.config.name}/{run}/artifacts"
    assert (home / "artifacts" / world.config.name / run / "artifacts" / "t.json").is_file()
    assert not elsewhere.exists()
    assert tracker.client.get_experiment(old).name == f"{world.config.name}-{old}"
    again = tracker.client.get_run(tracker.record_search(world.config, {}, {}, {}))
    assert again.info.experiment_id == info.experiment_id


def test_no_address_in_the_store_is_that_of_a_machine(recorded: Path):
    tracker = Tracker(recorded)
    experiments = tracker.client.search_experiments()
    runs = tracker.client.search_runs([e.experiment_id for e in experiments])
    sources = [v.source for v in tracker.client.search_model_versions("")]
    places = [e.artifact_location for e in experiments] + [r.info.artifact_uri for r in runs]
    assert len(runs) >= 2
    assert len(sources) == 2
    assert {place.split("/")[0] for place in places + sources} == {"mlflow-artifacts:"}
    store = (recorded / "mlflow.db").read_bytes()
    assert str(recorded).encode() not in store
    assert str(Path.cwd()).encode() not in store


@pytest.mark.parametrize("path", ["", "artifacts/gone/model", "../outside"])
def test_files_that_are_not_beside_the_store_are_said_to_be_gone(
    tracker: Tracker, tmp_path: Path, path: str
):
    shutil.copytree(tracker.champion_folder(NAME), tmp_path / "outside")
    tracker.client.set_model_version_tag(NAME, "1", "artifact_path", path)
    for ask in (tracker.folder, tracker.metrics):
        with pytest.raises(RegistryError, match=r"jihe-claim version 1 are gone.*backup"):
            ask(tracker.champion(NAME))


def test_a_first_trained_model_waits_as_challenger(tmp_path: Path, world):
    tracker = Tracker(tmp_path)
    assert tracker.record(world.supervised, world.config).aliases == ("challenger",)
    with pytest.raises(RegistryError, match="no champion"):
        tracker.champion(NAME)
    assert tracker.record(world.cold, world.config).aliases == ("champion",)
    assert tracker.promote(NAME).model_version == world.supervised.model_version


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URI of an empty database apart from the home."""
    with empty_database(request.param, tmp_path / "elsewhere.db") as uri:
        yield uri


def test_a_database_elsewhere_keeps_the_records_and_the_home_the_files(
    database: str, tmp_path: Path, world
):
    home = tmp_path / "office"
    tracker = Tracker(home, database)
    tracker.record(world.cold, world.config)
    tracker.record(world.supervised, world.config)
    _in_use(tracker, world)
    assert not (home / "mlflow.db").exists()
    home.rename(tmp_path / "moved")
    _in_use(Tracker(tmp_path / "moved", tracker.uri), world)
    assert not home.exists()
