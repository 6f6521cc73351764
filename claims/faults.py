"""Fault codes and their sentences in English and Chinese (``faults.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from claims.contracts import Lang


@cache
def sentences() -> Mapping[str, Mapping[str, str]]:
    """Return the sentence templates by fault code and language."""
    path = Path(__file__).with_name("faults.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def sentence(code: str, lang: Lang, *, column: str = "", detail: str = "") -> str:
    """Return what is wrong and what to do, for a person; KeyError for a code that has none."""
    return sentences()[code][lang].format(column=column, detail=detail)
