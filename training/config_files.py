"""Experiment configs as TOML files that people read.

In: an ExperimentConfig. Out: its TOML text, with every setting spelt out; read back by
training.config.load_config it has the same hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.config import ExperimentConfig


def config_text(config: ExperimentConfig, remark: str) -> str:
    """Return the TOML of ``config`` under a remark."""
    record = asdict(config)
    lines = [f"# {line}" for line in remark.splitlines()]
    lines += [f"{key} = {_toml(value)}" for key, value in record.items() if _is_plain(value)]
    for name, table in record.items():
        if not _is_plain(table):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def write_config(config: ExperimentConfig, remark: str, folder: Path) -> Path:
    """Write ``config`` under its name and hash into ``folder``; a file is never written over."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{config.name}-{config.hash[:8]}.toml"
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.write_text(config_text(config, remark), encoding="utf-8")
        draft.replace(path)
    return path


def _is_plain(value: object) -> bool:
    return not isinstance(value, Mapping)


def _toml(value: Any) -> str:
    # Booleans, finite numbers and texts are written alike in JSON and TOML.
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
