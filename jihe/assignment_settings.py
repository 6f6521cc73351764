"""Settings of an assignment: the shipped ``assignment.toml`` and a file of the planner's over it.

In: a TOML file. Out: `Settings`, or one error with every fault.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import rfc8785

from claims.contracts import table
from sampling.faults import Fault, checked
from sampling.inspectors.assignment_problem import AssignmentError

SEALED_FILE = "team-rules.json"
SHIPPED = Path(__file__).with_name("assignment.toml")
DISTRICTS = ("any", "own", "other")
_RANGES = {
    "team_size": (2, 9), "visit_minutes": (0, 10**6), "case_minutes": (0, 10**6),
    "capacity_minutes": (1, 10**7), "period_days": (1, 1000), "rotation_days": (0, 10_000),
    "balance_minutes": (0, 10**7), "most_jobs": (1, 10**6), "most_travel_minutes": (0, 10**6),
    "level_minutes": (0, 10**7),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What ``assignment.toml`` states; None where a limit is not stated."""

    team_size: int
    leader: bool
    visit_minutes: int
    case_minutes: int
    capacity_minutes: int
    period_days: int
    rotation_days: int
    districts: str
    without_conflicts: bool
    needs: Mapping[str, tuple[tuple[str, ...], ...]]
    capacity: Mapping[str, int]
    balance_minutes: int | None = None
    most_jobs: int | None = None
    most_travel_minutes: int | None = None
    level_minutes: int | None = None


def read_settings(path: Path | None = None) -> Settings:
    """Return the shipped settings with those of ``path`` over them.

    Raises:
        AssignmentError: with every fault of the file.
    """
    stated = dict(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))
    own = _read(path) if path else {}
    checked(_faults(own), AssignmentError)
    stated |= {**own, "needs": {**stated["needs"], **own.get("needs", {})}}
    needs = {
        kind: tuple(tuple(entry.split("|")) for entry in entries)
        for kind, entries in stated["needs"].items()
    }
    return Settings(**{**stated, "needs": needs})


def settings_bytes(settings: Settings) -> bytes:
    """Return what the settings say in RFC 8785 form, however their file is written."""
    return rfc8785.dumps(asdict(settings))


def sealed_settings(content: bytes) -> Settings:
    """Return the settings of `settings_bytes`; raises AssignmentError if it is none."""
    try:
        stated = json.loads(content)
        needs = {kind: tuple(map(tuple, entries)) for kind, entries in stated["needs"].items()}
        settings = Settings(**{**stated, "needs": needs})
        whole = settings_bytes(settings) == content
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise AssignmentError([_no_sealed_settings()])
    return settings


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AssignmentError([Fault(
            "ASSIGN_SETTINGS", f"The settings {path.name} cannot be read: {error}.",
            f"设置文件{path.name}无法读取：{error}。",
        )]) from None  # fmt: skip


def _no_sealed_settings() -> Fault:
    return Fault(
        "ASSIGN_SEALED_SETTINGS", f"{SEALED_FILE} in the plan's folder is not as it was written at "
        "the sealing. Put the file back, or give the settings that were sealed with --settings.",
        f"计划文件夹中的{SEALED_FILE}与封存时写入的不一致；"
        "请放回原文件，或以 --settings 给出封存的设置。",
    )  # fmt: skip


def _faults(own: Mapping[str, Any]) -> list[Fault]:
    allowed = {one.name for one in fields(Settings)}
    faults = [
        _fault(key, f"it is not a setting; allowed are {', '.join(sorted(allowed))}", "不是设置项")
        for key in own
        if key not in allowed
    ]
    for key, value in own.items():
        if key in _RANGES:
            low, high = _RANGES[key]
            if type(value) is not int or not low <= value <= high:
                faults.append(_fault(
                    key, f"it must be a whole number from {low} to {high}",
                    f"应为{low}至{high}的整数",
                ))  # fmt: skip
        elif key in ("leader", "without_conflicts") and type(value) is not bool:
            faults.append(_fault(key, "it must be true or false", "应为 true 或 false"))
        elif key == "districts" and value not in DISTRICTS:
            choices = ", ".join(DISTRICTS)
            faults.append(_fault(key, f"it must be one of {choices}", f"应为{choices}之一"))
    return faults + _needs_faults(own.get("needs", {})) + _capacity_faults(own.get("capacity", {}))


def _needs_faults(needs: Any) -> list[Fault]:
    if not isinstance(needs, dict):
        return [_fault("needs", "it must be a table", "应为表")]
    kinds = table("institutions").columns["institution_class"].values
    known = table("inspectors").columns["profession"].values
    faults = []
    for kind, entries in needs.items():
        if kind not in kinds:
            faults.append(_fault(
                f"needs.{kind}", f"it is no class of institution; write one of {', '.join(kinds)}",
                f"不是机构类别；应为{'、'.join(kinds)}之一",
            ))  # fmt: skip
        texts = entries if isinstance(entries, list) else [entries]
        for entry in texts:
            if not isinstance(entry, str) or set(entry.split("|")) - set(known):
                faults.append(_fault(
                    f"needs.{kind}", "it must be a list of professions, alternatives with '|': "
                    f"{', '.join(known)}", f"应为专业列表，备选以“|”分隔：{'、'.join(known)}",
                ))  # fmt: skip
        if not isinstance(entries, list):
            faults.append(_fault(f"needs.{kind}", "it must be a list", "应为列表"))
    return faults


def _capacity_faults(capacity: Any) -> list[Fault]:
    if not isinstance(capacity, dict):
        return [_fault("capacity", "it must be a table", "应为表")]
    return [
        _fault(
            f"capacity.{name}",
            "it must be a whole number of minutes from 0",
            "应为不小于0的整数分钟",
        )
        for name, minutes in capacity.items()
        if type(minutes) is not int or not 0 <= minutes <= 10**7
    ]


def _fault(key: str, en: str, zh: str) -> Fault:
    return Fault(
        "ASSIGN_SETTINGS", f"The setting '{key}' cannot be used: {en}.",
        f"设置“{key}”不可用：{zh}。", column=key,
    )  # fmt: skip
