"""What a run says of itself: tags, parameters, numbers and the files beside the model.

In: a trained model, its config and its metrics record. Out: plain texts and numbers that
training.tracking logs. A run can be repeated from them: config with its hash, data by digest, as-of
and cut date, catalogue and rules version, and the digest of the program that ran.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from claims.contracts import LANGS
from training.canonical import canonical_json
from training.config import ExperimentConfig
from training.model_card import render
from training.registered import Registered

_PACKAGES = ("claims", "features", "training", "sampling", "serving", "jihe")
_SOURCES = (".py", ".toml", ".sql")
#: Parts of the record that are tables, not figures: logged as files alone.
_TABLES = frozenset({"subgroups", "leakage", "reliability", "venn_abers", "difference"})
_FACTS = (
    "kind",
    "unit",
    "catalogue_version",
    "rules_version",
    "data_fingerprint",
    "as_of_date",
    "training_cut_date",
)


@cache
def code_version() -> str:
    """Return the program's version and the first 16 hex digits of SHA-256 over its sources.

    It needs no repository, so an installed copy says the same as the tree it was built from.
    """
    root = Path(__file__).parent.parent
    files = [
        path
        for package in _PACKAGES
        for path in (root / package).rglob("*")
        if path.suffix in _SOURCES
    ]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()}\t{content}\n".encode())
    return f"{version('jihe')}+{digest.hexdigest()[:16]}"


def tags_of(
    about: Mapping[str, Any], model_version: str, config: ExperimentConfig
) -> dict[str, str]:
    """Return the tags by which a run is found and repeated."""
    facts = {key: str(about[key]) for key in _FACTS}
    if about["kind"] == "supervised":
        facts["label_fingerprint"] = str(about["labels"]["fingerprint"])
    return facts | {
        "model_version": model_version,
        "config_hash": config.hash,
        "code_version": code_version(),
    }


def evaluation_tags(
    about: Mapping[str, Any],
    judged: Registered,
    config: ExperimentConfig,
    record: Mapping[str, Any],
) -> dict[str, str]:
    """Return the tags of a run that judges a registered model: the model's, and on what."""
    told = ("verdicts_from", "verdicts_before", "store_version", "as_of_date")
    tags = {f"evaluation.{key}": str(record[key]) for key in told if key in record}
    tags |= {"run_kind": "evaluation", "evaluates_run": judged.run_id}
    return tags_of(about, judged.model_version, config) | tags


def version_tags(
    about: Mapping[str, Any], model_version: str, config: ExperimentConfig, folder: PurePosixPath
) -> dict[str, str]:
    """Return the tags of a registered version; ``folder`` is its model folder below the home."""
    return {
        "model_version": model_version,
        "kind": str(about["kind"]),
        "config_hash": config.hash,
        "artifact_path": str(folder),
    }


def files_of(
    about: Mapping[str, Any], metrics: Mapping[str, Any], config: ExperimentConfig
) -> dict[str, bytes]:
    """Return the files beside the model: config, metrics, signature, card in both languages."""
    files = {
        "config.json": canonical_json(asdict(config)),
        "metrics.json": metrics_bytes(metrics),
        "signature.json": json.dumps(signature(about), indent=1).encode(),
    }
    cards = {f"model_card.{lang}.md": render(about, metrics, lang).encode() for lang in LANGS}
    return files | cards


def signature(about: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what goes into a model and comes out, in the columns form of MLflow's signatures."""
    made = ["anomaly_score"] if about["kind"] == "cold_start" else ["anomaly_score", "risk_score"]
    return {
        "inputs": [{"name": n, "type": "double", "required": False} for n in about["names"]],
        "outputs": [{"name": n, "type": "double", "required": True} for n in made],
    }


def metrics_bytes(metrics: Mapping[str, Any]) -> bytes:
    """Return the bytes of metrics.json."""
    return json.dumps(metrics, indent=1, sort_keys=True, ensure_ascii=False).encode()


def flat_numbers(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the finite numbers of a nested record under keys joined by slashes.

    A share sign is spelt out, since MLflow allows none in a key; tables of a record are left out.
    """
    flat: dict[str, float] = {}
    for key, value in record.items():
        if key in _TABLES:
            continue
        if isinstance(value, Mapping):
            flat |= flat_numbers(value, f"{prefix}{key}/")
        elif isinstance(value, (list, tuple)):
            flat |= flat_numbers({str(i): v for i, v in enumerate(value)}, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) and math.isfinite(value):
            flat[f"{prefix}{key}".replace("%", "percent")] = float(value)
    return flat


def flat_params(record: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a nested config as texts under keys joined by dots."""
    flat: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat |= flat_params(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(list(value) if isinstance(value, tuple) else value)
    return flat
