"""What tuning may vary, and what it is judged by: one TOML file, settled before the first trial.

In: a TOML file with ``objective``, ``trials``, ``seed`` and a table ``[space.trees]`` or
``[space.detector]`` whose keys are those of the experiment config. A key is varied between ``low``
and ``high`` (by ``step``, or on a logarithmic scale with ``log = true``) or among ``choices``.
Out: a frozen SearchPlan. Folds, labels and evaluation decide what is measured, so they stay.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from training.canonical import canonical_json
from training.config import ConfigError, DetectorSettings, TreeSettings

Number = int | float
Objective = Literal["log_loss", "average_precision"]

_TABLES = {"trees": TreeSettings, "detector": DetectorSettings}
#: Settings that say how, not what: they change no result, or only its noise.
_FIXED = ("seeds", "threads", "monotone")


@dataclass(frozen=True)
class Range:
    """One setting that is varied: between two numbers, or among choices."""

    table: str
    key: str
    low: Number = 0
    high: Number = 0
    step: Number | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """Return the setting as ``table.key``."""
        return f"{self.table}.{self.key}"


@dataclass(frozen=True)
class SearchPlan:
    """A search: its objective, its length, its seed and what it varies."""

    objective: Objective
    trials: int
    seed: int
    ranges: tuple[Range, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of what decides which trials there are; more of them continue the same search."""
        content = asdict(self)
        del content["trials"]
        return hashlib.sha256(canonical_json(content)).hexdigest()


def load_plan(path: Path) -> SearchPlan:
    """Read a search plan; raises ConfigError with every fault at once."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The search space {path.name} cannot be read: {error}.") from error
    return parse_plan(raw, path.name)


def parse_plan(raw: Mapping[str, Any], source: str = "space") -> SearchPlan:
    """Turn a parsed TOML document into a SearchPlan."""
    faults = [
        f"unknown key '{key}'; allowed are objective, trials, seed, space"
        for key in raw
        if key not in ("objective", "trials", "seed", "space")
    ]
    if raw.get("objective") not in get_args(Objective):
        faults.append(f"'objective' must be one of {', '.join(get_args(Objective))}")
    for key, least in (("trials", 1), ("seed", 0)):
        if type(raw.get(key)) is not int or raw[key] < least:
            faults.append(f"'{key}' must be a whole number of at least {least}")
    ranges = _ranges(raw.get("space"), faults)
    if not ranges and not faults:
        faults.append("nothing is varied; write [space.trees]")
    if faults:
        raise ConfigError(f"The search space {source} is not valid: " + "; ".join(faults) + ".")
    return SearchPlan(raw["objective"], raw["trials"], raw["seed"], tuple(ranges))


def _ranges(space: object, faults: list[str]) -> list[Range]:
    if not isinstance(space, Mapping):
        faults.append("'space' must be a table of tables")
        return []
    found = []
    for table, keys in space.items():
        if table not in _TABLES or not isinstance(keys, Mapping):
            faults.append(f"[space.{table}] cannot be varied; allowed are {', '.join(_TABLES)}")
            continue
        allowed = [f.name for f in fields(_TABLES[table]) if f.name not in _FIXED]
        for key, given in keys.items():
            if key not in allowed:
                faults.append(f"'{table}.{key}' cannot be varied; allowed are {', '.join(allowed)}")
            else:
                found += _range(table, key, given, faults)
    return sorted(found, key=lambda r: r.name)


def _range(table: str, key: str, given: object, faults: list[str]) -> list[Range]:
    """Return the range that ``given`` says; where it says none, a fault instead."""
    place = f"'space.{table}.{key}'"
    if not isinstance(given, Mapping) or set(given) - {"low", "high", "step", "log", "choices"}:
        faults.append(f"{place} must be {{low, high, step or log}} or {{choices}}")
        return []
    if "choices" in given:
        if set(given) != {"choices"} or not isinstance(given["choices"], list):
            faults.append(f"{place}: choices are a list and stand alone")
            return []
        return [Range(table, key, choices=tuple(given["choices"]))]
    low, high, log = given.get("low"), given.get("high"), given.get("log", False)
    numbers = [x for x in (low, high) if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < 2 or not numbers[0] < numbers[1]:
        faults.append(f"{place} needs numbers low < high")
    elif not isinstance(log, bool) or (log and (numbers[0] <= 0 or "step" in given)):
        faults.append(f"{place}: a logarithmic range starts above 0 and has no step")
    else:
        return [Range(table, key, numbers[0], numbers[1], given.get("step"), log)]
    return []
