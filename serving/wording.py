"""What features and reasons are called, and how a feature's value reads.

In: a column name of a matrix and its value. Out: labels, units and value texts in English and
Chinese, on the reader's scale: logarithms are undone, shares are percentages, money has its
currency. Rule columns (``rule_<id>``) take their words from the rule; a column that no catalogue
entry describes keeps its name and counts among the rules.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from claims.contracts import Lang
from features.catalogue import catalogue
from features.rules import Rule, rules
from serving.money import money_text

_UNDO: Mapping[str, Callable[[float], float]] = {"expm1": math.expm1, "exp": math.exp}
_FLAGS: Mapping[Lang, tuple[str, str]] = {"en": ("no", "yes"), "zh": ("否", "是")}
_UNKNOWN: Mapping[Lang, str] = {"en": "not known", "zh": "未知"}


@dataclass(frozen=True)
class FeatureWords:
    """What a person reads about one column of a matrix."""

    name: str
    en: str
    zh: str
    unit: str
    reason: str
    direction: int

    def label(self, lang: Lang) -> str:
        """Return the short name in ``lang``."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Topic:
    """A reason's short form and what it is about."""

    short_en: str
    short_zh: str
    topic_en: str
    topic_zh: str

    def short(self, lang: Lang) -> str:
        """Return the short form in ``lang``."""
        return self.short_zh if lang == "zh" else self.short_en

    def topic(self, lang: Lang) -> str:
        """Return the subject in ``lang``."""
        return self.topic_zh if lang == "zh" else self.topic_en


@cache
def _known() -> Mapping[str, FeatureWords]:
    described = {
        f.name: FeatureWords(f.name, f.en, f.zh, f.unit, f.reason, f.direction) for f in catalogue()
    }
    for rule in rules():
        name = f"rule_{rule.id.lower()}"
        described[name] = FeatureWords(name, rule.en, rule.zh, "hit", "rules", 1)
    return described


def words(name: str) -> FeatureWords:
    """Return the words of a column."""
    return _known().get(name) or FeatureWords(name, name, name, "", "rules", 0)


@cache
def rule_by_id() -> Mapping[str, Rule]:
    """Return every rule by id."""
    return {rule.id: rule for rule in rules()}


@cache
def topics() -> Mapping[str, Topic]:
    """Return short form and subject of every reason code."""
    return {code: Topic(**body) for code, body in _toml("topics.toml").items()}


@cache
def units() -> Mapping[str, Mapping[str, Any]]:
    """Return how each unit of the catalogue is shown."""
    return _toml("units.toml")


@cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def value_text(name: str, value: float | None, currency: str, lang: Lang) -> str:
    """Return a feature's value as a person reads it; a value that is not known says so."""
    bare = bare_text(name, value, currency, lang)
    unit = units().get(words(name).unit, {})
    if value is None or lang not in unit:
        return bare
    template = unit["one"] if lang == "en" and bare == "1" and "one" in unit else unit[lang]
    return str(template).format(n=bare)


def bare_text(name: str, value: float | None, currency: str, lang: Lang) -> str:
    """Return the value without the name of what is counted."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN[lang]
    unit = units().get(words(name).unit, {"kind": "count"})
    shown = _UNDO[unit["undo"]](value) if "undo" in unit else value
    shown /= unit.get("divide", 1)
    kind = unit["kind"]
    if kind == "money":
        return money_text(round(shown), currency, lang)
    if kind == "share":
        return _percent(shown)
    if kind == "flag":
        return _FLAGS[lang][int(shown > 0)]
    return _fixed(shown, unit["digits"]) if kind == "number" else _count(shown)


def _percent(share: float) -> str:
    percent = 100.0 * share
    digits = 2 if 0 < abs(percent) < 1 else 1
    return _trimmed(f"{percent:.{digits}f}") + "%"


def _fixed(number: float, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _count(number: float) -> str:
    return _trimmed(_fixed(number, 1))


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
