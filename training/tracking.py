"""Runs and registry, kept in MLflow. The only module that imports mlflow.

In: a trained model folder, its config, metrics and plots. Out: a run that says everything needed to
repeat it, and a registered version whose source is the plain folder: no MLmodel file, no flavour,
nothing pickled; what is loaded later is verified by training.apply, not by MLflow. Files lie beside
the store that is open (training.run_files), so a registry can be copied, moved and restored.

Registry. One registered model per unit. A cold start becomes ``champion`` where there is none; a
trained model becomes ``challenger`` until it is promoted, the first one too. Promotion keeps the
previous champion in a tag, so that it can be rolled back. Only MlflowClient is used: the fluent API
would record the user's name and the path of the script.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Else MLflow's own experiment would keep the folder of whoever made the store first.
os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from training import run_records
from training.config import ExperimentConfig
from training.model_files import read_model
from training.plot import Plot, plot_files
from training.registered import CHALLENGER, CHAMPION, Registered, RegistryError, registered_name
from training.run_files import MODEL, address, model_folder, read_metrics, run_path, write_run
from training.train import Trained

__all__ = ["CHALLENGER", "CHAMPION", "Registered", "RegistryError", "Tracker", "registered_name"]

_PREVIOUS = "previous_champion"
Record = Mapping[str, Any]
# Creating the store reports every schema migration as news.
for _logger in ("mlflow", "alembic"):
    logging.getLogger(_logger).setLevel(logging.WARNING)


class Tracker:
    """Runs and registry under one folder, or at a database URI.

    Args:
        home: folder that holds ``mlflow.db`` (unless ``uri`` is given) and ``artifacts``.
        uri: SQLAlchemy URI of the tracking store, for example of a PostgreSQL database.
    """

    def __init__(self, home: Path, uri: str | None = None) -> None:
        """Open the store, creating it where it is new."""
        self.home = home.resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        if uri is None and not (self.home / "mlflow.db").exists():
            _make_store(self.home)
        self.uri = uri or f"sqlite:///{self.home / 'mlflow.db'}"
        with warnings.catch_warnings():
            # What MLflow uses of SQLAlchemy that SQLAlchemy means to remove is MLflow's affair.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def record(
        self,
        trained: Trained,
        config: ExperimentConfig,
        plots: Mapping[str, Plot] | None = None,
        data_version: str = "",
    ) -> Registered:
        """Log a run and register its model; a model already registered is returned as it is.

        ``data_version`` is that of the claim store that the features were built from.
        """
        name = registered_name(config.unit)
        known = self._by_digest(name, trained.model_version)
        if known is not None:
            return known
        self._ensure_model(name)
        tags = run_records.tags_of(trained.about, trained.model_version, config)
        tags |= {"data_version": data_version} if data_version else {}
        with self._run(f"{config.name}-{trained.model_version}", config) as run_id:
            self._log(run_id, tags, trained.metrics, config)
            files = run_records.files_of(trained.about, trained.metrics, config)
            self._write(run_id, config, files, plots, trained.folder)
            registered = self._register(name, run_id, trained, config)
        # A cold start never challenges: it learnt nothing that a champion could lose to. What has
        # learnt never comes into use unjudged, not even where nothing is in use.
        if trained.about["kind"] != "cold_start":
            self.client.set_registered_model_alias(name, CHALLENGER, registered.version)
        elif self._alias(name, CHAMPION) is None:
            self.client.set_registered_model_alias(name, CHAMPION, registered.version)
        return self._describe(self.client.get_model_version(name, registered.version))

    def record_search(
        self,
        config: ExperimentConfig,
        facts: Mapping[str, str],
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
    ) -> str:
        """Log a search for better settings, files by name; return its id. Nothing registers."""
        with self._run(f"{config.name}-search", config) as run_id:
            self.client.log_batch(
                run_id,
                metrics=[Metric(key, value, 0, 0) for key, value in metrics.items()],
                tags=[RunTag(key, value) for key, value in {**facts, "kind": "search"}.items()],
            )
            self._write(run_id, config, files)
        return run_id

    def record_evaluation(
        self,
        entry: Registered,
        config: ExperimentConfig,
        metrics: Mapping[str, Any],
        plots: Mapping[str, Plot],
    ) -> str:
        """Log how a registered model did on later verdicts, as a run beside its own; return its id.

        The registry is left as it is: an evaluation promotes nothing.
        """
        about = json.loads((self.folder(entry) / "model.json").read_bytes())
        tags = run_records.evaluation_tags(about, entry, config, metrics)
        with self._run(f"evaluation-{entry.model_version}", config) as run_id:
            self._log(run_id, tags, metrics, config)
            files = {"metrics.json": run_records.metrics_bytes(metrics)}
            self._write(run_id, config, files, plots)
        return run_id

    def promote(self, name: str) -> Registered:
        """Make the challenger champion; the previous champion stays known for a rollback.

        Raises RegistryError when there is no challenger.
        """
        challenger = self._alias(name, CHALLENGER)
        if challenger is None:
            raise RegistryError(f"{name} has no challenger to promote; train a model first.")
        champion = self._alias(name, CHAMPION)
        if champion is not None:
            self.client.set_registered_model_tag(name, _PREVIOUS, champion.number)
        self.client.set_registered_model_alias(name, CHAMPION, challenger.number)
        self.client.delete_registered_model_alias(name, CHALLENGER)
        return self.champion(name)

    def rollback(self, name: str) -> Registered:
        """Make the previous champion champion again; the one rolled back becomes challenger.

        Raises RegistryError when no previous champion is known.
        """
        champion, previous = self.champion(name), self.previous(name)
        self.client.set_registered_model_alias(name, CHAMPION, previous.number)
        self.client.set_registered_model_alias(name, CHALLENGER, champion.number)
        self.client.delete_registered_model_tag(name, _PREVIOUS)
        return self.champion(name)

    def champion(self, name: str) -> Registered:
        """Return the champion; raises RegistryError when there is none."""
        champion = self._alias(name, CHAMPION)
        if champion is None:
            raise RegistryError(f"{name} has no champion; train a model of that unit first.")
        return champion

    def challenger(self, name: str) -> Registered | None:
        """Return the challenger, if there is one."""
        return self._alias(name, CHALLENGER)

    def previous(self, name: str) -> Registered:
        """Return the champion that the present one replaced; RegistryError when none is known."""
        number = self.client.get_registered_model(name).tags.get(_PREVIOUS)
        if number is None:
            raise RegistryError(f"{name} has no previous champion; nothing was promoted over one.")
        return self._describe(self.client.get_model_version(name, number))

    def versions(self, name: str) -> list[Registered]:
        """Return every registered version, the oldest first."""
        found = self.client.search_model_versions(f"name='{name}'")
        numbers = sorted(int(version.version) for version in found)
        return [self._describe(self.client.get_model_version(name, str(n))) for n in numbers]

    def champion_folder(self, name: str) -> Path:
        """Return the champion's verified model folder."""
        return self.folder(self.champion(name))

    def folder(self, registered: Registered) -> Path:
        """Return the model folder of a version beside the store, verified against its digest."""
        folder = model_folder(self.home, *self._place(registered))
        read_model(folder, registered.model_version)
        return folder

    def metrics(self, registered: Registered) -> dict[str, Any]:
        """Return the metrics record that was logged with a version; empty at cold start."""
        return read_metrics(self.home, *self._place(registered))

    def _place(self, registered: Registered) -> tuple[str, str]:
        """Return where a version's model folder is below the home, and what to call it."""
        version = self.client.get_model_version(registered.name, registered.number)
        return version.tags.get("artifact_path", ""), f"{version.name} version {version.version}"

    def _write(
        self,
        run_id: str,
        config: ExperimentConfig,
        files: Mapping[str, bytes],
        plots: Mapping[str, Plot] | None = None,
        model: Path | None = None,
    ) -> None:
        folder = self.home / run_path(config.name, run_id)
        write_run(folder, {**files, **plot_files(plots or {}, "plots/")}, model)

    @contextmanager
    def _run(self, name: str, config: ExperimentConfig) -> Iterator[str]:
        run = self.client.create_run(self._experiment(config), run_name=name)
        run_id: str = run.info.run_id
        try:
            yield run_id
        except BaseException:
            self.client.set_terminated(run_id, "FAILED")
            raise
        self.client.set_terminated(run_id, "FINISHED")

    def _experiment(self, config: ExperimentConfig) -> str:
        found = self.client.get_experiment_by_name(config.name)
        if found is not None and found.artifact_location == address(config.name):
            return str(found.experiment_id)
        if found is not None:  # made where addresses were still those of one folder of one machine
            aside = f"{config.name}-{found.experiment_id}"
            self.client.rename_experiment(found.experiment_id, aside)
        return str(self.client.create_experiment(config.name, address(config.name)))

    def _log(
        self, run_id: str, tags: Mapping[str, str], metrics: Record, config: ExperimentConfig
    ) -> None:
        self.client.log_batch(
            run_id,
            metrics=[Metric(k, v, 0, 0) for k, v in run_records.flat_numbers(metrics).items()],
            params=[Param(k, v) for k, v in run_records.flat_params(asdict(config)).items()],
            tags=[RunTag(k, v) for k, v in tags.items()],
        )

    def _register(
        self, name: str, run_id: str, trained: Trained, config: ExperimentConfig
    ) -> ModelVersion:
        source = f"{self.client.get_run(run_id).info.artifact_uri}/{MODEL}"
        folder = run_path(config.name, run_id) / MODEL
        tags = run_records.version_tags(trained.about, trained.model_version, config, folder)
        return self.client.create_model_version(name, source, run_id, tags=tags)

    def _ensure_model(self, name: str) -> None:
        """Create the registered model where it is new."""
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _by_digest(self, name: str, digest: str) -> Registered | None:
        return next((e for e in self.versions(name) if e.model_version == digest), None)

    def _alias(self, name: str, alias: str) -> Registered | None:
        try:
            return self._describe(self.client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise

    @staticmethod
    def _describe(version: ModelVersion) -> Registered:
        return Registered(
            version.name,
            str(version.version),
            version.tags.get("model_version", ""),
            tuple(sorted(version.aliases)),
            version.run_id or "",
        )


def _make_store(home: Path) -> None:
    """Make ``mlflow.db`` under another name first: its schema takes seconds and many steps.

    A run that stops in between leaves no half-made database behind, which MLflow could not open.
    """
    draft = home / f".mlflow-{os.getpid()}.db"
    draft.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments()
    draft.replace(home / "mlflow.db")
