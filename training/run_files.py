"""The files of a run: where they lie beside the store, written and read as plain files.

In: the registry's folder, the name of an experiment and the id of a run. Out: a folder below
``artifacts``. MLflow keeps the address of a run's files for good; an absolute one would lead from a
copied or moved registry back to the original. So the address says ``mlflow-artifacts:/…``, which a
server resolves below its own ``--artifacts-destination``, and nothing here follows an address:
files are written to, and read from, the folder beside the store that is open.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from training.registered import RegistryError

ARTIFACTS = "artifacts"
MODEL = "model"
_METRICS = "metrics.json"


def address(experiment: str) -> str:
    """Return the address of an experiment's files, the same wherever the registry lies."""
    return f"mlflow-artifacts:/{experiment}"


def run_path(experiment: str, run_id: str) -> PurePosixPath:
    """Return the folder of a run's files, relative to the registry."""
    return PurePosixPath(ARTIFACTS, experiment, run_id, ARTIFACTS)


def write_run(folder: Path, files: Mapping[str, bytes], model: Path | None = None) -> None:
    """Write a run's files by their paths below ``folder``, and a copy of its model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if model is not None:
        shutil.copytree(model, folder / MODEL, dirs_exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def model_folder(home: Path, path: str, what: str) -> Path:
    """Return the model folder at ``path`` below ``home``; ``what`` names it where it is gone."""
    folder = home / path
    if not path or not folder.resolve().is_relative_to(home) or not folder.is_dir():
        raise _gone(what)
    return folder


def read_metrics(home: Path, path: str, what: str) -> dict[str, Any]:
    """Return the metrics record beside the model folder at ``path``."""
    try:
        text = (model_folder(home, path, what).parent / _METRICS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _gone(what) from None
    record: dict[str, Any] = json.loads(text)
    return record


def _gone(what: str) -> RegistryError:
    return RegistryError(
        f"The files of {what} are gone; restore the registry's artifacts folder from a backup."
    )
